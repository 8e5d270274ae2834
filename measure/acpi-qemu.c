/*
 * ACPI tables from a stock QEMU (acpi-qemu.h).
 *
 * The registers, as OVMF's PlatformPei sets them on q35 before AcpiPlatformDxe reads the tables:
 *   00:00.0 0x60/0x64 PCIEXBAR: 256 MiB at 0xe0000000, enabled (the MCFG table)
 *   00:1f.0 0x40 PMBASE 0x600, 0x44 ACPI enabled (the FADT)
 * fw_cfg: QEMU docs/specs/fw_cfg.rst; qtest: QEMU system/qtest.c, one line for each command and
 * answer.
 */
#define _GNU_SOURCE
#include "measure/acpi-qemu.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/rd.h"
#include "lib/wr.h"

#define ANSWER_SECONDS	60
#define LINE_MAX_BYTES	(8u << 20)
#define BLOB_MAX	(2u << 20)
#define FILES_MAX	256
#define FILE_ENTRY	64
#define SELECT_DIR	0x19
#define DMA_SELECT_READ 0x0a
#define DMA_AT		0x10000u /* guest memory of no concern: nothing runs */
#define DATA_AT		0x20000u
#define PCI_ADDRESS	0x80000000u
#define MCH		0x0000u	    /* 00:00.0 */
#define LPC		(31u << 11) /* 00:1f.0 */

struct qtest {
	pid_t pid;
	int fd;
	struct buf line; /* the last answer */
};

static void qtest_stop(struct qtest *qtest)
{
	if (qtest->fd >= 0)
		close(qtest->fd);
	if (qtest->pid > 0) {
		kill(qtest->pid, SIGKILL);
		waitpid(qtest->pid, NULL, 0);
	}
	buf_done(&qtest->line);
}

/* In the child: quiet, with the socket as descriptor 3. */
static void run_child(int fd, char *const *argv)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(fd, 3) != 3 || dup2(null, 0) != 0 || dup2(null, 1) != 1 ||
		dup2(null, 2) != 2)
		_exit(126);
	fcntl(3, F_SETFD, 0);
	execvp(argv[0], argv);
	_exit(127);
}

static int qtest_start(struct qtest *qtest, char *const *argv, struct err *err)
{
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return err_sys(err, "socketpair");
	qtest->fd = fds[0];
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	qtest->pid = fork();
	if (qtest->pid == 0)
		run_child(fds[1], argv);
	close(fds[1]);
	return qtest->pid < 0 ? err_sys(err, "fork") : 0;
}

static int read_line(struct qtest *qtest, struct err *err)
{
	qtest->line.len = 0;
	for (;;) {
		char c;
		ssize_t n = recv(qtest->fd, &c, 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return err_fail(
				err, -EINVAL, "QEMU refuses its arguments or cannot be run");
		if (n < 0 || qtest->line.len > LINE_MAX_BYTES)
			return err_fail(err, -EIO, "QEMU does not answer");
		if (c == '\n')
			return buf_check(&qtest->line, err);
		buf_add(&qtest->line, &c, 1);
	}
}

/* Sends a command and waits for its answer, passing over interrupt messages. */
static int command(struct qtest *qtest, struct err *err, const char *text)
{
	size_t n = strlen(text), sent = 0;
	int rc;

	while (sent < n) {
		ssize_t got = send(qtest->fd, text + sent, n - sent, MSG_NOSIGNAL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_fail(
				err, -EINVAL, "QEMU refuses its arguments or cannot be run");
		sent += (size_t)got;
	}
	do {
		rc = read_line(qtest, err);
		if (rc != 0)
			return rc;
	} while (strncmp(buf_cstr(&qtest->line), "IRQ", 3) == 0);
	if (strncmp(buf_cstr(&qtest->line), "OK", 2) != 0)
		return err_fail(err, -EIO, "QEMU answers \"%.60s\"", buf_cstr(&qtest->line));
	return 0;
}

static int out(struct qtest *qtest, char width, unsigned port, uint32_t value, struct err *err)
{
	char text[64];

	snprintf(text, sizeof(text), "out%c 0x%x 0x%" PRIx32 "\n", width, port, value);
	return command(qtest, err, text);
}

static int set_register(struct qtest *qtest, uint32_t device, unsigned offset, char width,
	uint32_t value, struct err *err)
{
	int rc = out(qtest, 'l', 0xcf8, PCI_ADDRESS | device | offset, err);

	return rc != 0 ? rc : out(qtest, width, 0xcfc, value, err);
}

static int set_chipset(struct qtest *qtest, struct err *err)
{
	int rc = set_register(qtest, MCH, 0x64, 'l', 0, err);

	if (rc == 0)
		rc = set_register(qtest, MCH, 0x60, 'l', 0xe0000001, err);
	if (rc == 0)
		rc = set_register(qtest, LPC, 0x40, 'l', 0x600, err);
	if (rc == 0)
		rc = set_register(qtest, LPC, 0x44, 'b', 0x80, err);
	return rc;
}

/* Reads @n bytes of a fw_cfg item by its DMA interface. */
static int read_item(
	struct qtest *qtest, unsigned key, uint32_t n, struct buf *ret, struct err *err)
{
	unsigned char control[16];
	char hex[2 * sizeof(control) + 1], text[128];
	struct wr wr = wr_init(control, sizeof(control));
	void *at;
	int rc;

	wr_be32(&wr, key << 16 | DMA_SELECT_READ);
	wr_be32(&wr, n);
	wr_be64(&wr, DATA_AT);
	hex_encode(control, sizeof(control), hex);
	snprintf(text, sizeof(text), "write 0x%x 0x10 0x%s\n", DMA_AT, hex);
	rc = command(qtest, err, text);
	if (rc == 0)
		rc = out(qtest, 'l', 0x514, 0, err);
	if (rc == 0) /* the low half of the address, big-endian, starts the transfer */
		rc = out(qtest, 'l', 0x518, __builtin_bswap32(DMA_AT), err);
	snprintf(text, sizeof(text), "read 0x%x 0x%" PRIx32 "\n", DATA_AT, n);
	if (rc == 0)
		rc = command(qtest, err, text);
	if (rc != 0)
		return rc;
	at = buf_grow(ret, n);
	if (at == NULL)
		return buf_check(ret, err);
	if (qtest->line.len < 5 || !hex_decode(buf_cstr(&qtest->line) + 5, at, n))
		return err_fail(err, -EIO, "QEMU answers a read with other bytes than asked for");
	return 0;
}

/* Finds a file in the fw_cfg directory @dir and reads it. */
static int read_file(struct qtest *qtest, const struct buf *dir, const char *name, struct buf *ret,
	struct err *err)
{
	struct rd rd = rd_init(dir->data, dir->len);

	while (rd_left(&rd) >= FILE_ENTRY) {
		uint32_t size = rd_be32(&rd);
		uint16_t key = rd_be16(&rd);
		const char *found;

		rd_skip(&rd, 2);
		found = (const char *)rd_bytes(&rd, 56);
		if (strncmp(found, name, 56) != 0)
			continue;
		if (size == 0 || size > BLOB_MAX)
			return err_fail(err, -EIO, "QEMU's %s has %" PRIu32 " bytes", name, size);
		return read_item(qtest, key, size, ret, err);
	}
	return err_fail(err, -EIO, "QEMU has no fw_cfg file %s", name);
}

static int read_directory(struct qtest *qtest, struct buf *ret, struct err *err)
{
	BUF_AUTO head = {0};
	BUF_AUTO all = {0};
	struct rd rd;
	uint32_t count;
	int rc = read_item(qtest, SELECT_DIR, 4, &head, err);

	if (rc != 0)
		return rc;
	rd = rd_init(head.data, head.len);
	count = rd_be32(&rd);
	if (count == 0 || count > FILES_MAX)
		return err_fail(err, -EIO, "QEMU has %" PRIu32 " fw_cfg files", count);
	rc = read_item(qtest, SELECT_DIR, 4 + count * FILE_ENTRY, &all, err);
	if (rc == 0)
		buf_add(ret, all.data + 4, all.len - 4);
	return rc != 0 ? rc : buf_check(ret, err);
}

static int read_blobs(struct qtest *qtest, struct acpi_blobs *blobs, struct err *err)
{
	BUF_AUTO dir = {0};
	int rc = set_chipset(qtest, err);

	if (rc == 0)
		rc = read_directory(qtest, &dir, err);
	if (rc == 0)
		rc = read_file(qtest, &dir, "etc/acpi/rsdp", &blobs->rsdp, err);
	if (rc == 0)
		rc = read_file(qtest, &dir, "etc/acpi/tables", &blobs->tables, err);
	if (rc == 0)
		rc = read_file(qtest, &dir, "etc/table-loader", &blobs->loader, err);
	return rc;
}

int acpi_qemu_read(const struct acpi_machine *machine, struct acpi_blobs *ret, struct err *err)
{
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	struct qtest qtest = {.pid = -1, .fd = -1};
	char memory[32], vcpus[32], backend[80];
	/* Memory that is never touched need not be there: guests may be larger than this host. */
	const char *const fixed[] = {machine->qemu, "-machine",
		"q35,smm=off,pic=off,memory-backend=ram", "-object", backend, "-accel", "tcg",
		"-nodefaults", "-display", "none", "-S", "-chardev", "socket,id=qtest,fd=3",
		"-qtest", "chardev:qtest", "-qtest-log", "/dev/null", "-cpu", "max", "-m", memory,
		"-smp", vcpus};
	const size_t count = sizeof(fixed) / sizeof(fixed[0]);
	const char *argv[sizeof(fixed) / sizeof(fixed[0]) + ACPI_QEMU_ARGS_MAX + 1];
	int rc;

	if (machine->arg_count > ACPI_QEMU_ARGS_MAX)
		return err_fail(
			err, -EINVAL, "more than %d arguments for QEMU", ACPI_QEMU_ARGS_MAX);
	snprintf(memory, sizeof(memory), "%" PRIu64 "K", machine->memory_bytes / 1024);
	snprintf(backend, sizeof(backend),
		"memory-backend-ram,id=ram,reserve=off,size=%" PRIu64 "K",
		machine->memory_bytes / 1024);
	snprintf(vcpus, sizeof(vcpus), "%" PRIu32, machine->vcpus);
	memcpy(argv, fixed, sizeof(fixed));
	for (size_t i = 0; i < machine->arg_count; i++)
		argv[count + i] = machine->args[i];
	argv[count + machine->arg_count] = NULL;
	rc = qtest_start(&qtest, (char *const *)argv, err);
	if (rc == 0)
		rc = read_blobs(&qtest, &blobs, err);
	qtest_stop(&qtest);
	if (rc != 0)
		return err_wrap(err, "%s", machine->qemu);
	*ret = blobs;
	blobs = (struct acpi_blobs){.loader = {.data = NULL}};
	return 0;
}

int acpi_qemu_version(const char *qemu, char ret[ACPI_QEMU_VERSION_MAX], struct err *err)
{
	char *const argv[] = {(char *)qemu, (char *)"--version", NULL};
	char text[256] = "";
	char version[ACPI_QEMU_VERSION_MAX];
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_sys(err, "pipe");
	pid = fork();
	if (pid == 0) {
		if (dup2(fds[1], 1) == 1)
			execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	n = pid > 0 ? read(fds[0], text, sizeof(text) - 1) : -1;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (n <= 0 || sscanf(text, "QEMU emulator version %31[0-9.]", version) != 1)
		return err_fail(
			err, -ENOENT, "%s cannot be run, or does not tell its version", qemu);
	memcpy(ret, version, sizeof(version));
	return 0;
}
