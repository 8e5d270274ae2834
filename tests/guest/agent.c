/*
 * A stand-in for the kata-agent: it prints on the console what it sees of the guest it runs in, then does nothing
 * more. It serves no requests and enforces no policy, and says so. One key=value a line, between two marker lines; as a
 * service of the demo guest and, in the quick boot tests, as /sbin/init itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include "initrd/guest/dm.h"
#include "initrd/guest/sha256.h"

#define POLICY	 "/etc/kata-opa/default-policy.rego"
#define TEXT_MAX 8192

static char report[2 * TEXT_MAX];
static size_t report_len;

__attribute__((format(printf, 1, 2))) static void add(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(report + report_len, sizeof(report) - report_len, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(report) - report_len)
		report_len += (size_t)n;
}

/* The first line of a file, without its end; "" when it cannot be read. */
static void first_line(const char *path, char *dst, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, cap - 1);

	if (fd >= 0)
		close(fd);
	dst[n > 0 ? n : 0] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
}

static void add_policy(void)
{
	unsigned char chunk[4096];
	struct sha256 sha;
	char hex[65];
	int fd = open(POLICY, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		sha256_begin(&sha);
		while ((n = read(fd, chunk, sizeof(chunk))) > 0)
			sha256_update(&sha, chunk, (size_t)n);
		close(fd);
	}
	if (n < 0) {
		add("policy_sha256=unreadable\n");
		return;
	}
	sha256_hex(&sha, hex);
	add("policy_sha256=%s\n", hex);
}

/* The device that / is mounted from, and what device-mapper says of it. */
static void add_root(void)
{
	char target[16], text[DM_PARAMS_MAX], path[64], link[256], name[128];
	struct stat st;
	ssize_t n;
	int fd;

	if (stat("/", &st) < 0)
		return;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	add("root_device=%s\n", strrchr(link, '/') != NULL ? strrchr(link, '/') + 1 : "unknown");
	snprintf(link, sizeof(link), "%s/ro", path);
	first_line(link, text, sizeof(text));
	add("root_read_only=%s\n", text);
	snprintf(link, sizeof(link), "%s/dm/name", path);
	first_line(link, name, sizeof(name));
	add("root_dm_name=%s\n", name);
	fd = dm_open();
	if (fd < 0)
		return;
	if (dm_query(fd, name, DM_QUERY_STATUS, target, text) == 0)
		add("root_dm_target=%s\nroot_dm_status=%s\n", target, text);
	if (dm_query(fd, name, DM_QUERY_TABLE, target, text) == 0)
		add("root_dm_table=%s\n", text);
	close(fd);
}

/* What this program was started with; of interest when it is /sbin/init. */
static void add_environment(char *const *environment)
{
	add("environment=");
	for (size_t i = 0; environment[i] != NULL; i++)
		add("%s%s", i > 0 ? " " : "", environment[i]);
	add("\n");
}

/* One write, so that other programs' lines do not get in between. */
static void print_report(void)
{
	static const char *const consoles[] = {"/dev/console", "/dev/hvc0", "/dev/ttyS0"};

	for (size_t i = 0; i < sizeof(consoles) / sizeof(consoles[0]); i++) {
		int fd = open(consoles[i], O_WRONLY | O_NOCTTY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : write(fd, report, report_len);

		if (fd >= 0) {
			tcdrain(fd);
			close(fd);
		}
		if (n == (ssize_t)report_len)
			return;
	}
	(void)!write(STDOUT_FILENO, report, report_len);
}

int main(void)
{
	char text[TEXT_MAX];
	struct utsname kernel;

	add("\nassay-agent-report begin\n");
	add("agent=stand-in (not the kata-agent: it serves no requests and enforces no policy)\n");
	if (uname(&kernel) == 0)
		add("kernel=%s\n", kernel.release);
	first_line("/proc/uptime", text, sizeof(text));
	text[strcspn(text, " ")] = '\0';
	add("uptime_seconds=%s\n", text);
	first_line("/proc/1/comm", text, sizeof(text));
	add("init=%s\n", text);
	first_line("/proc/self/cgroup", text, sizeof(text));
	add("cgroup=%s\n", text);
	add_root();
	add_policy();
	add_environment(environ);
	first_line("/proc/cmdline", text, sizeof(text));
	add("cmdline=%s\n", text);
	add("assay-agent-report end\n");
	print_report();
	for (;;)
		pause();
}
