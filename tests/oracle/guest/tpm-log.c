/*
 * PID 1 of a test guest: prints the firmware's TPM event log and the PCRs on the console as hex,
 * then powers off. The log is the kernel's binary_bios_measurements; lines are "log HEX", "pcr ALG
 * INDEX HEX" and "end".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"

static void print_log(void)
{
	unsigned char bytes[32];
	int fd = open(LOG_PATH, O_RDONLY);
	ssize_t n;

	if (fd < 0) {
		perror(LOG_PATH);
		return;
	}
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		printf("log ");
		for (ssize_t i = 0; i < n; i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	close(fd);
}

static void print_pcr(const char *alg, int index)
{
	char path[64], text[160];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/tpm/tpm0/pcr-%s/%d", alg, index);
	file = fopen(path, "r");
	if (file == NULL)
		return;
	if (fgets(text, sizeof(text), file) != NULL)
		printf("pcr %s %d %s", alg, index, text);
	fclose(file);
}

int main(void)
{
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) != 0 ||
		mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL) != 0)
		perror("mount");
	printf("\n");
	print_log();
	for (int i = 0; i < 16; i++) {
		print_pcr("sha256", i);
		print_pcr("sha384", i);
	}
	printf("end\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
