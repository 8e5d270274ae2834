/*
 * Event logs of TDs that booted from disks: what the composer makes of the commands, partition
 * tables and actions that stand in them comes to the registers that they had. Digests of images and
 * files, which a log does not hold, are taken as they are.
 */
#define _GNU_SOURCE /* strnlen */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/gpt.h"
#include "formats/tcglog.h"
#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/rd.h"
#include "measure/tdx/boot-log.h"
#include "tests/tap.h"

struct made {
	struct boot_log log;
	size_t composed; /* events whose digest was made here */
};

/* PCRs that stand for the registers. */
static unsigned pcr_of(const struct tcglog_event *event)
{
	return event->index == 2 ? 4 : 8;
}

/* The text after "grub_cmd " and the like, or NULL. This GRUB, 2.02 with patches, measures the
 * NUL of commands too, as those that boot-grub.h knows do not. */
static const char *grub_text(const struct tcglog_event *event, size_t *ret_n)
{
	static const char *const starts[] = {"grub_cmd ", "grub_kernel_cmdline "};

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(starts[i]);

		if (event->size_bytes <= n || memcmp(event->data, starts[i], n) != 0)
			continue;
		*ret_n = strnlen((const char *)event->data + n, event->size_bytes - n - 1) +
			 (i == 0);
		return (const char *)event->data + n;
	}
	return NULL;
}

/* The event's data taken apart and composed again: a table with these entries. */
static int add_table(struct made *made, const struct tcglog_event *event, struct err *err)
{
	unsigned char *head AUTO_FREE = calloc(1, GPT_HEAD_SIZE);
	struct rd rd = rd_init(event->data, event->size_bytes);
	BUF_AUTO data = {0};
	uint64_t count;

	rd_copy(&rd, head + GPT_SECTOR_SIZE, 92);
	count = rd_le64(&rd);
	if (count > GPT_PARTITIONS_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < count; i++)
		rd_copy(&rd, head + 2 * GPT_SECTOR_SIZE + 128 * (2 * i % GPT_PARTITIONS_MAX), 128);
	gpt_event(head, &data);
	made->composed++;
	return boot_log_data(
		&made->log, pcr_of(event), "EV_EFI_GPT_EVENT", "", data.data, data.len, err);
}

static int add_event(struct made *made, const struct tcglog_event *event,
	const unsigned char *digest, struct err *err)
{
	unsigned pcr = pcr_of(event);
	size_t n = 0;
	const char *text = grub_text(event, &n);
	BUF_AUTO action = {0};

	if (event->type == TCGLOG_EV_GPT)
		return add_table(made, event, err);
	made->composed++;
	if (text != NULL)
		return boot_log_data(&made->log, pcr, "EV_IPL", "", text, n, err);
	if (event->type == TCGLOG_EV_SEPARATOR)
		return boot_log_data(&made->log, pcr, "EV_SEPARATOR", "", "\0\0\0\0", 4, err);
	if (event->type == TCGLOG_EV_ACTION) {
		buf_add(&action, event->data, event->size_bytes);
		return boot_log_action(&made->log, pcr, buf_cstr(&action), err);
	}
	if (event->type == TCGLOG_EV_IPL && event->size_bytes >= 14 &&
		memcmp(event->data, "MokListTrusted", 14) == 0)
		return boot_log_data(&made->log, pcr, "EV_IPL", "", "\1", 1, err);
	made->composed--;
	return boot_log_digest(&made->log, pcr, "", "", digest, 0, err);
}

static int compose(const char *path, struct made *made, struct err *err)
{
	BUF_AUTO bytes = {0};
	struct tcglog_event event;
	struct tcglog log;
	int more, bank;
	int rc = io_read_file(path, 1u << 20, &bytes, err);

	if (rc == 0)
		rc = tcglog_open(bytes.data, bytes.len, &log, err);
	if (rc != 0)
		return rc;
	bank = tcglog_bank(&log, DIGEST_SHA384);
	while (rc == 0 && (more = tcglog_next(&log, &event, err)) > 0)
		if (event.type != TCGLOG_EV_NO_ACTION && (event.index == 2 || event.index == 3))
			rc = add_event(made, &event, event.digests[bank], err);
	return rc;
}

static void check(const char *shared, json_t *vector, size_t composed)
{
	const char *local = json_string_value(json_array_get(json_object_get(vector, "local"), 0));
	json_t *values = json_object_get(vector, "replayed");
	struct made made = {.log = {.protocol = BOOT_CC}};
	struct err err = {0};
	char path[4096];

	snprintf(path, sizeof(path), "%s/vectors/tdx/%s", shared, local);
	is_int(compose(path, &made, &err), 0, local);
	is_int((long long)made.composed, (long long)composed, "events that are composed");
	for (unsigned index = 1; index <= 2; index++) {
		struct rtmr rtmr = {.derive = NULL};
		char name[8], hex[2 * SHA384_SIZE + 1];
		const char *want;

		snprintf(name, sizeof(name), "rtmr%u", index);
		want = json_string_value(json_object_get(values, name));
		is_int(boot_log_extend(&made.log, index, &rtmr, &err), 0, name);
		hex_encode(rtmr.value, SHA384_SIZE, hex);
		if (want != NULL)
			is_str(hex, want, local);
	}
	boot_log_done(&made.log);
}

int main(void)
{
	static const struct {
		const char *file;
		size_t composed;
	} logs[] = {
		{"trustee-eventlog/CCEL_data_grub", 6},
		{"trustee-eventlog/CCEL_data_gcp", 5},
		{"trustee-eventlog/CCEL_AAEL_alibabacloud", 59},
	};
	const char *shared = getenv("ASSAY_SHARED");
	char path[4096];
	json_t *doc, *vectors, *vector;
	size_t i, found = 0;

	snprintf(path, sizeof(path), "%s/vectors/tdx.json", shared != NULL ? shared : "../shared");
	doc = json_load_file(path, 0, NULL);
	if (doc == NULL) {
		tap_skip("event logs of TDs", "no reference data");
		return tap_done();
	}
	vectors = json_object_get(doc, "vectors");
	json_array_foreach(vectors, i, vector)
	{
		const char *local = json_string_value(
			json_array_get(json_object_get(vector, "local"), 0));

		for (size_t k = 0; local != NULL && k < sizeof(logs) / sizeof(logs[0]); k++)
			if (strcmp(local, logs[k].file) == 0) {
				found++;
				check(shared != NULL ? shared : "../shared", vector,
					logs[k].composed);
			}
	}
	is_int((long long)found, 3, "logs of boots from disks");
	json_decref(doc);
	return tap_done();
}
