/*
 * Compares what a boot from a disk is predicted to measure with the TPM event log of a real one,
 * SHA-384, event by event:
 *   boot-disk uki|grub|shim-grub IMAGE LOG VARS|- CODE|- [COMMANDS [NAME=PATH...]]
 * CODE is the firmware, where its FAT driver is looked at; VARS is a variable store with the keys
 * of Secure Boot. Events of PCRs 0, 1 and 7 are left out, and so are separators but for one: RTMRs
 * have one. Prints the number of equal events and, for a predicted boot whose programs measure by
 * either protocol alike, the values of RTMR1 and RTMR2 that the log comes to. Exit status 1 when an
 * event differs.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "formats/tcglog.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "measure/tdx/boot-disk.h"

#define SEPARATOR_PCR 4

struct compared {
	const struct boot_log *log;
	size_t next, different;
	struct rtmr rtmr[3];
};

static void print_hex(const char *name, const unsigned char digest[SHA384_SIZE])
{
	char hex[2 * SHA384_SIZE + 1];

	hex_encode(digest, SHA384_SIZE, hex);
	printf("%s=%s\n", name, hex);
}

static bool left_out(const struct tcglog_event *event)
{
	return event->type == TCGLOG_EV_NO_ACTION || event->index < 2 || event->index == 7 ||
	       (event->type == TCGLOG_EV_SEPARATOR && event->index != SEPARATOR_PCR);
}

static int compare(struct compared *compared, const struct tcglog_event *event,
	const unsigned char *digest, struct err *err)
{
	const struct boot_log *log = compared->log;
	const struct boot_event *want = compared->next < log->count ? &log->events[compared->next]
								    : NULL;

	compared->next++;
	if (want == NULL || want->pcr != event->index || want->unknown != NULL ||
		memcmp(want->digest, digest, SHA384_SIZE) != 0) {
		compared->different++;
		printf("event %zu: PCR %u in the log, predicted: PCR %u, %s\n", compared->next,
			event->index, want != NULL ? want->pcr : 0,
			want != NULL ? want->what : "nothing");
	}
	return rtmr_digest(&compared->rtmr[event->index < 8 ? 1 : 2], "", "", digest, 0, err);
}

static int compare_log(const char *path, struct compared *compared, struct err *err)
{
	BUF_AUTO bytes = {0};
	struct tcglog_event event;
	struct tcglog tcglog;
	int bank, more;
	int rc = io_read_file(path, 1u << 20, &bytes, err);

	if (rc == 0)
		rc = tcglog_open(bytes.data, bytes.len, &tcglog, err);
	if (rc != 0)
		return rc;
	bank = tcglog_bank(&tcglog, DIGEST_SHA384);
	if (bank < 0)
		return err_fail(err, -EINVAL, "%s: no SHA-384", path);
	while ((more = tcglog_next(&tcglog, &event, err)) > 0) {
		if (left_out(&event) || event.digests[bank] == NULL)
			continue;
		rc = compare(compared, &event, event.digests[bank], err);
		if (rc != 0)
			return rc;
	}
	return more;
}

static int run(int argc, char **argv, struct err *err)
{
	BOOT_LOG_AUTO log = {.protocol = BOOT_TPM};
	struct boot_input in = {.disk = argv[2],
		.grub_commands = argc > 6 ? argv[6] : NULL,
		.grub_files = (const char *const *)argv + 7,
		.grub_file_count = argc > 7 ? (size_t)argc - 7 : 0};
	static struct secureboot state;
	BUF_AUTO vars = {0};
	BUF_AUTO code = {0};
	struct compared compared = {.log = &log};
	int rc = 0;

	if (!boot_flow_find(argv[1], &in.flow))
		return err_fail(err, -EINVAL, "no flow %s", argv[1]);
	if (strcmp(argv[4], "-") != 0) {
		rc = io_read_file(argv[4], 1u << 20, &vars, err);
		if (rc == 0)
			rc = varstore_parse(vars.data, vars.len, &state.store, err);
		state.built = true;
		state.enabled = varstore_find(&state.store, "db", SECUREBOOT_GUID_DB) != NULL;
		in.secureboot = &state;
	}
	if (rc == 0 && strcmp(argv[5], "-") != 0) {
		rc = io_read_file(argv[5], 64u << 20, &code, err);
		if (rc == 0)
			rc = boot_disk_flushes(code.data, code.len, &in.flushes, err);
	}
	if (rc == 0)
		rc = boot_disk_log(&in, &log, err);
	if (rc == 0)
		rc = compare_log(argv[3], &compared, err);
	if (rc != 0)
		return rc;
	if (compared.different > 0 || compared.next != log.count)
		return err_fail(err, -EKEYREJECTED, "%zu of %zu events differ, %zu predicted",
			compared.different, compared.next, log.count);
	printf("equal=%zu\n", compared.next);
	print_hex("rtmr1", compared.rtmr[1].value);
	print_hex("rtmr2", compared.rtmr[2].value);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = {0};

	if (argc < 6) {
		fprintf(stderr, "usage: boot-disk uki|grub|shim-grub IMAGE LOG VARS|- CODE|- "
				"[COMMANDS [NAME=PATH...]]\n");
		return 2;
	}
	if (run(argc, argv, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return err_status(err.code);
}
