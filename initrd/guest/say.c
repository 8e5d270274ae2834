/* One line on the console, then power off (say.h). */
#define _GNU_SOURCE
#include "initrd/guest/say.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512
#define KMSG_LEVEL     2 /* critical: shown even with "quiet" */
#define KMSG_PREFIX    "<2>"

/* Open from the start: in the middle of switching roots neither /dev nor /proc can be reached. */
static int kmsg_fd = -1;
static int console_fd = STDERR_FILENO;

/* Whether the kernel's log shows messages of KMSG_LEVEL on the consoles. */
static bool kmsg_is_shown(void)
{
	char text[16] = "";
	int fd = open("/proc/sys/kernel/printk", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && strtol(text, NULL, 10) > KMSG_LEVEL;
}

void say_prepare(void)
{
	int fd = open("/dev/console", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		console_fd = fd;
	if (kmsg_is_shown())
		kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
}

/* The kernel's log reaches every console, /dev/console only the last one named. Never both: it is one line. */
static void say_line(const char *line)
{
	size_t len = strlen(line), prefix = strlen(KMSG_PREFIX);

	if (kmsg_fd >= 0 && write(kmsg_fd, line, len) == (ssize_t)len)
		return;
	if (write(console_fd, line + prefix, len - prefix) < 0)
		return;
	tcdrain(console_fd); /* the line must be out before the power goes */
}

noreturn void say_fatal(int error, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(line, sizeof(line), KMSG_PREFIX "assay-init: %s%s%s\n", text,
		error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	say_line(line);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause(); /* a PID 1 that returned would be a panic, and maybe a reboot */
}
