/*
 * ACPI tables from a stock QEMU (acpi-qemu.h).
 *
 * Without firmware, the registers as OVMF's PlatformPei sets them on q35 before AcpiPlatformDxe
 * reads the tables:
 *   00:00.0 0x60/0x64 PCIEXBAR: 256 MiB at 0xe0000000, enabled (the MCFG table)
 *   00:1f.0 0x40 PMBASE 0x600, 0x44 ACPI enabled (the FADT)
 * With firmware, QEMU's own trace of fw_cfg selections tells when it has come to its tables: that
 * is the moment at which QEMU freezes them.
 *
 * fw_cfg: QEMU docs/specs/fw_cfg.rst; qtest: QEMU system/qtest.c, one line for each command and
 * answer; QMP: docs/interop/qmp-spec.rst.
 */
#define _GNU_SOURCE
#include "measure/tdx/acpi-qemu.h"

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
#include "lib/run.h"
#include "lib/wr.h"

#define ANSWER_SECONDS	 60
#define SILENCES_MAX	 5	 /* times of that, before firmware is given up */
#define LOG_LINES_MAX	 100000u /* OVMF selects some hundred times */
#define LINE_MAX_BYTES	 (8u << 20)
#define VERSION_MAX	 65536
#define BLOB_MAX	 (2u << 20)
#define FILES_MAX	 256
#define FILE_ENTRY	 64
#define SELECT_BOOT_MENU 0x0e
#define SELECT_DIR	 0x19
#define DMA_SELECT_READ	 0x0a
#define DMA_AT		 0x10000u /* guest memory of no concern: nothing runs, or will again */
#define DATA_AT		 0x20000u
#define PCI_ADDRESS	 0x80000000u
#define MCH		 0x0000u     /* 00:00.0 */
#define LPC		 (31u << 11) /* 00:1f.0 */

/* Descriptors of the child. */
#define CHILD_ERR   2
#define CHILD_QTEST 3
#define CHILD_QMP   4

#define QMP_EVENT "{\"timestamp\"" /* how a line begins that answers nothing */

/* A stream of lines. */
struct lines {
	int fd;
	char in[4096];
	size_t at, have;
	struct buf line; /* the last one */
};

struct file {
	const char *name;
	uint16_t key;
	uint32_t bytes;
};

/* Firmware asks for the first three, at which moment they are frozen; the others need not be
 * there. */
enum { LOADER, RSDP, TABLES, FROZEN, SMBIOS = FROZEN, ITEM, FILES = ITEM + RTMR0_ITEMS };

struct guest {
	pid_t pid;
	struct lines qtest, qmp, log; /* log: what it writes on stderr */
	struct file files[FILES];
	char complaint[240]; /* the last line of the log that is not a trace */
};

static void lines_done(struct lines *lines)
{
	if (lines->fd >= 0)
		close(lines->fd);
	buf_done(&lines->line);
}

static void guest_done(struct guest *guest)
{
	if (guest->pid > 0) {
		kill(guest->pid, SIGKILL);
		waitpid(guest->pid, NULL, 0);
	}
	lines_done(&guest->qtest);
	lines_done(&guest->qmp);
	lines_done(&guest->log);
}

/* Reads a line: 1; 0 at the end of the stream, -1 when none comes in time. */
static int next_line(struct lines *lines)
{
	lines->line.len = 0;
	for (;;) {
		const char *from = lines->in + lines->at;
		size_t left = lines->have - lines->at;
		const char *end = memchr(from, '\n', left);
		ssize_t n;

		buf_add(&lines->line, from, end != NULL ? (size_t)(end - from) : left);
		lines->at = end != NULL ? (size_t)(end - lines->in) + 1 : lines->have;
		if (end != NULL)
			return 1;
		if (lines->line.len > LINE_MAX_BYTES)
			return -1;
		n = read(lines->fd, lines->in, sizeof(lines->in));
		if (n < 0 && errno == EINTR)
			continue;
		lines->at = 0;
		lines->have = n > 0 ? (size_t)n : 0;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? 0 : -1;
	}
}

/* In the child: quiet, with its end of each stream at the number that its arguments say. */
static void run_child(const int ends[3], char *const *argv)
{
	static const int numbers[3] = {CHILD_QTEST, CHILD_QMP, CHILD_ERR};
	int null = open("/dev/null", O_RDWR), high[3];

	for (int i = 0; i < 3; i++) /* first out of the way of those numbers */
		high[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 16);
	if (null < 0 || dup2(null, 0) != 0 || dup2(null, 1) != 1)
		_exit(126);
	for (int i = 0; i < 3; i++)
		if (high[i] < 0 || dup2(high[i], numbers[i]) != numbers[i])
			_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

static int make_streams(struct guest *guest, int ends[3], struct err *err)
{
	struct lines *const lines[3] = {&guest->qtest, &guest->qmp, &guest->log};
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};

	for (int i = 0; i < 3; i++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
			return err_sys(err, "socketpair");
		lines[i]->fd = fds[0];
		ends[i] = fds[1];
		setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	}
	return 0;
}

static int guest_start(struct guest *guest, char *const *argv, struct err *err)
{
	int ends[3] = {-1, -1, -1};
	int rc = make_streams(guest, ends, err);

	if (rc == 0) {
		guest->pid = fork();
		if (guest->pid == 0)
			run_child(ends, argv);
		if (guest->pid < 0)
			rc = err_sys(err, "fork");
	}
	for (int i = 0; i < 3; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	return rc;
}

/* Keeps a line of the log unless it is a trace: then returns the key that was selected, else -1. */
static long read_log_line(struct guest *guest)
{
	const char *line = buf_cstr(&guest->log.line);
	const char *key = strstr(line, " key 0x");
	char *end;

	if (strstr(line, "fw_cfg_select") == NULL || key == NULL) {
		if (line[0] != '\0')
			snprintf(guest->complaint, sizeof(guest->complaint), ": %s", line);
		return -1;
	}
	return strtol(key + 7, &end, 16);
}

/* What to say when QEMU has ended, with its own words when it had some. */
static int gone(struct guest *guest, struct err *err)
{
	while (next_line(&guest->log) > 0)
		read_log_line(guest);
	return err_fail(
		err, -EINVAL, "QEMU refuses its arguments or cannot be run%s", guest->complaint);
}

static int send_text(struct guest *guest, struct lines *to, const char *text, struct err *err)
{
	size_t n = strlen(text), sent = 0;

	while (sent < n) {
		ssize_t got = send(to->fd, text + sent, n - sent, MSG_NOSIGNAL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return gone(guest, err);
		sent += (size_t)got;
	}
	return 0;
}

/* Waits for a line of @lines that does not begin with @passed_over. */
static int answer(
	struct guest *guest, struct lines *lines, const char *passed_over, struct err *err)
{
	do {
		int n = next_line(lines);

		if (n == 0)
			return gone(guest, err);
		if (n < 0)
			return err_fail(err, -EIO, "QEMU does not answer");
	} while (strncmp(buf_cstr(&lines->line), passed_over, strlen(passed_over)) == 0);
	return buf_check(&lines->line, err);
}

/* Sends a qtest command and waits for its answer, passing over interrupt messages. */
static int command(struct guest *guest, struct err *err, const char *text)
{
	const struct buf *line = &guest->qtest.line;
	int rc = send_text(guest, &guest->qtest, text, err);

	if (rc == 0)
		rc = answer(guest, &guest->qtest, "IRQ", err);
	if (rc == 0 && strncmp(buf_cstr(line), "OK", 2) != 0)
		return err_fail(err, -EIO, "QEMU answers \"%.60s\"", buf_cstr(line));
	return rc;
}

/* The same for a QMP command without arguments, passing over events. */
static int execute(struct guest *guest, const char *name, struct err *err)
{
	const struct buf *line = &guest->qmp.line;
	char text[64];
	int rc;

	snprintf(text, sizeof(text), "{\"execute\": \"%s\"}\n", name);
	rc = send_text(guest, &guest->qmp, text, err);
	if (rc == 0)
		rc = answer(guest, &guest->qmp, QMP_EVENT, err);
	if (rc == 0 && strncmp(buf_cstr(line), "{\"return\"", 9) != 0)
		return err_fail(err, -EIO, "QEMU answers \"%.60s\"", buf_cstr(line));
	return rc;
}

static int out(struct guest *guest, char width, unsigned port, uint32_t value, struct err *err)
{
	char text[64];

	snprintf(text, sizeof(text), "out%c 0x%x 0x%" PRIx32 "\n", width, port, value);
	return command(guest, err, text);
}

static int set_register(struct guest *guest, uint32_t device, unsigned offset, char width,
	uint32_t value, struct err *err)
{
	int rc = out(guest, 'l', 0xcf8, PCI_ADDRESS | device | offset, err);

	return rc != 0 ? rc : out(guest, width, 0xcfc, value, err);
}

static int set_chipset(struct guest *guest, struct err *err)
{
	int rc = set_register(guest, MCH, 0x64, 'l', 0, err);

	if (rc == 0)
		rc = set_register(guest, MCH, 0x60, 'l', 0xe0000001, err);
	if (rc == 0)
		rc = set_register(guest, LPC, 0x40, 'l', 0x600, err);
	if (rc == 0)
		rc = set_register(guest, LPC, 0x44, 'b', 0x80, err);
	return rc;
}

/* Reads @n bytes of a fw_cfg item by its DMA interface. */
static int read_item(
	struct guest *guest, unsigned key, uint32_t n, struct buf *ret, struct err *err)
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
	rc = command(guest, err, text);
	if (rc == 0)
		rc = out(guest, 'l', 0x514, 0, err);
	if (rc == 0) /* the low half of the address, big-endian, starts the transfer */
		rc = out(guest, 'l', 0x518, __builtin_bswap32(DMA_AT), err);
	snprintf(text, sizeof(text), "read 0x%x 0x%" PRIx32 "\n", DATA_AT, n);
	if (rc == 0)
		rc = command(guest, err, text);
	if (rc != 0)
		return rc;
	at = buf_grow(ret, n);
	if (at == NULL)
		return buf_check(ret, err);
	if (guest->qtest.line.len < 5 || !hex_decode(buf_cstr(&guest->qtest.line) + 5, at, n))
		return err_fail(err, -EIO, "QEMU answers a read with other bytes than asked for");
	return 0;
}

/* Finds the three files in the fw_cfg directory @dir. */
static int find_files(struct guest *guest, const struct buf *dir, struct err *err)
{
	struct rd rd = rd_init(dir->data, dir->len);

	while (rd_left(&rd) >= FILE_ENTRY) {
		uint32_t size = rd_be32(&rd);
		uint16_t key = rd_be16(&rd);
		const char *found;

		rd_skip(&rd, 2);
		found = (const char *)rd_bytes(&rd, 56);
		for (size_t i = 0; i < FILES; i++)
			if (guest->files[i].name != NULL &&
				strncmp(found, guest->files[i].name, 56) == 0) {
				guest->files[i].key = key;
				guest->files[i].bytes = size;
			}
	}
	for (size_t i = 0; i < FILES; i++)
		if ((guest->files[i].bytes == 0 && i < FROZEN) || guest->files[i].bytes > BLOB_MAX)
			return err_fail(err, -EIO, "QEMU has no fw_cfg file %s, or a huge one",
				guest->files[i].name);
	return 0;
}

static int read_directory(struct guest *guest, struct err *err)
{
	BUF_AUTO head = {0};
	BUF_AUTO all = {0};
	struct rd rd;
	uint32_t count;
	int rc = read_item(guest, SELECT_DIR, 4, &head, err);

	if (rc != 0)
		return rc;
	rd = rd_init(head.data, head.len);
	count = rd_be32(&rd);
	if (count == 0 || count > FILES_MAX)
		return err_fail(err, -EIO, "QEMU has %" PRIu32 " fw_cfg files", count);
	rc = read_item(guest, SELECT_DIR, 4 + count * FILE_ENTRY, &all, err);
	if (rc != 0)
		return rc;
	memmove(all.data, all.data + 4, all.len - 4);
	all.len -= 4;
	return find_files(guest, &all, err);
}

/* Reads the log until one of the three files is selected. */
static int await_tables(struct guest *guest, struct err *err)
{
	unsigned silences = 0;

	for (unsigned lines = 0; lines < LOG_LINES_MAX && silences < SILENCES_MAX; lines++) {
		int n = next_line(&guest->log);
		long key = n > 0 ? read_log_line(guest) : -1;

		if (n == 0)
			return gone(guest, err);
		silences += n < 0;
		for (size_t i = 0; i < FROZEN && n > 0; i++)
			if (key == guest->files[i].key)
				return 0;
	}
	return err_fail(err, -EIO,
		"the firmware does not come to its ACPI tables, or QEMU does not trace it");
}

/* Lets the firmware run until QEMU has frozen the tables. */
static int run_firmware(struct guest *guest, struct err *err)
{
	int rc = answer(guest, &guest->qmp, QMP_EVENT, err); /* the greeting */

	if (rc == 0)
		rc = execute(guest, "qmp_capabilities", err);
	if (rc == 0)
		rc = execute(guest, "cont", err);
	if (rc == 0)
		rc = await_tables(guest, err);
	if (rc == 0)
		rc = execute(guest, "stop", err);
	return rc;
}

static int read_blobs(struct guest *guest, bool firmware, struct acpi_blobs *blobs, struct err *err)
{
	struct buf *to[FILES] = {[LOADER] = &blobs->loader,
		[RSDP] = &blobs->rsdp,
		[TABLES] = &blobs->tables,
		[SMBIOS] = &blobs->smbios};
	int rc = read_directory(guest, err);

	if (rc == 0)
		rc = firmware ? run_firmware(guest, err) : set_chipset(guest, err);
	for (size_t i = 0; i < RTMR0_ITEMS; i++)
		to[ITEM + i] = &blobs->item[i];
	for (size_t i = 0; i < FILES && rc == 0; i++)
		if (guest->files[i].bytes > 0)
			rc = read_item(
				guest, guest->files[i].key, guest->files[i].bytes, to[i], err);
	return rc;
}

#define ARGS_MAX 40

struct command_line {
	const char *argv[ARGS_MAX + ACPI_QEMU_ARGS_MAX + 1];
	char memory[32], vcpus[32], backend[80];
};

static void add_args(struct command_line *line, size_t *count, const char *const *args, size_t n)
{
	memcpy(line->argv + *count, args, n * sizeof(*args));
	*count += n;
}

/*
 * The arguments after the program's name. Memory that is never touched need not be there: guests
 * may be larger than this host. The CPU is Intel's: with one of AMD's, which is TCG's own, QEMU
 * moves memory above 4 GiB to 1 TiB when the PCI hole reaches as far.
 */
static void make_args(const struct acpi_machine *machine, struct command_line *line)
{
	const char *const all[] = {machine->qemu, "-machine",
		"q35,smm=off,pic=off,memory-backend=ram", "-object", line->backend, "-accel", "tcg",
		"-nodefaults", "-display", "none", "-S", "-chardev", "socket,id=qtest,fd=3",
		"-qtest", "chardev:qtest", "-qtest-log", "/dev/null", "-m", line->memory, "-smp",
		line->vcpus, "-cpu", "max,vendor=GenuineIntel,phys-bits=" ACPI_QEMU_PHYS_BITS};
	const char *const firmware[] = {"-bios", machine->firmware, "-trace", "fw_cfg_select",
		"-chardev", "socket,id=qmp,fd=4", "-mon", "chardev=qmp,mode=control"};
	size_t count = 0;

	snprintf(line->memory, sizeof(line->memory), "%" PRIu64 "K", machine->memory_bytes / 1024);
	snprintf(line->backend, sizeof(line->backend),
		"memory-backend-ram,id=ram,reserve=off,size=%" PRIu64 "K",
		machine->memory_bytes / 1024);
	snprintf(line->vcpus, sizeof(line->vcpus), "%" PRIu32 "%s", machine->vcpus,
		machine->sockets ? ",cores=1,threads=1" : "");
	_Static_assert(
		sizeof(all) / sizeof(all[0]) + sizeof(firmware) / sizeof(firmware[0]) <= ARGS_MAX,
		"room for all of them");
	add_args(line, &count, all, sizeof(all) / sizeof(all[0]));
	if (machine->firmware != NULL)
		add_args(line, &count, firmware, sizeof(firmware) / sizeof(firmware[0]));
	add_args(line, &count, machine->args, machine->arg_count);
	line->argv[count] = NULL;
}

int acpi_qemu_read(const struct acpi_machine *machine, struct acpi_blobs *ret, struct err *err)
{
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	struct guest guest = {.pid = -1,
		.qtest = {.fd = -1},
		.qmp = {.fd = -1},
		.log = {.fd = -1},
		.files = {[LOADER] = {.name = "etc/table-loader"},
			[RSDP] = {.name = "etc/acpi/rsdp"},
			[TABLES] = {.name = "etc/acpi/tables"},
			[SMBIOS] = {.name = "etc/smbios/smbios-tables"},
			[ITEM + RTMR0_BOOT_MENU] = {.key = SELECT_BOOT_MENU, .bytes = 2}}};
	struct command_line line;
	int rc;

	if (machine->arg_count > ACPI_QEMU_ARGS_MAX)
		return err_fail(
			err, -EINVAL, "more than %d arguments for QEMU", ACPI_QEMU_ARGS_MAX);
	for (int i = 0; i < RTMR0_ITEMS; i++)
		guest.files[ITEM + i].name = rtmr0_item_file((enum rtmr0_item)i);
	make_args(machine, &line);
	rc = guest_start(&guest, (char *const *)line.argv, err);
	if (rc == 0)
		rc = read_blobs(&guest, machine->firmware != NULL, &blobs, err);
	guest_done(&guest);
	if (rc != 0)
		return err_wrap(err, "%s", machine->qemu);
	*ret = blobs;
	blobs = (struct acpi_blobs){.loader = {.data = NULL}};
	return 0;
}

int acpi_qemu_version(const char *qemu, char ret[ACPI_QEMU_VERSION_MAX], struct err *err)
{
	const char *const argv[] = {qemu, "--version", NULL};
	const char *const env[] = {NULL};
	char version[ACPI_QEMU_VERSION_MAX];
	RUN_AUTO run = {.status = 0};

	if (run_program(argv, env, VERSION_MAX, &run, err) != 0 ||
		sscanf(buf_cstr(&run.out), "QEMU emulator version %31[0-9.]", version) != 1)
		return err_fail(
			err, -ENOENT, "%s cannot be run, or does not tell its version", qemu);
	memcpy(ret, version, sizeof(version));
	return 0;
}
