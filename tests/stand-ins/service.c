/*
 * What stands in for the programs that a recipe takes from elsewhere: says on the console by what name and arguments it was
 * started, tells systemd that it is ready, and stays. "readiness-check" alone says so and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (path == NULL || strlen(path) >= sizeof(address.sun_path) || fd < 0)
		return;
	strcpy(address.sun_path, path);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	if (sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&address,
		    (socklen_t)(sizeof(sa_family_t) + strlen(path))) != 7)
		perror("notify");
	close(fd);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');

	printf("stand-in %s", slash != NULL ? slash + 1 : argv[0]);
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "readiness-check") == 0)
		return 0;
	notify();
	for (;;)
		pause();
}
