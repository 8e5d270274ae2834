/*
 * Event logs (tcglog.h).
 *
 *   first event, SHA-1 form                       other events
 *   0  | 4  | index                               0 | 4 | index
 *   4  | 4  | type EV_NO_ACTION                   4 | 4 | type
 *   8  | 20 | zeros                               8 | 4 | number of digests
 *   28 | 4  | bytes of data                       - | - | u16 algorithm, digest; for each
 *   32 | -  | TCG_EfiSpecIDEvent                  - | 4 | bytes of data
 *                                                 - | - | data
 *   TCG_EfiSpecIDEvent: "Spec ID Event03" and NUL, 4 platform class, 4 versions, 4 number of
 *   algorithms, u16 id and u16 size of each, 1 and that many bytes of vendor information
 */
#include "formats/tcglog.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define SPEC_ID	   "Spec ID Event03"
#define SHA1_SIZE  20
#define FILL_INDEX 0xffffffffu
#define ALG_SHA1   0x0004
#define ALG_SHA256 0x000b
#define ALG_SHA384 0x000c
#define ALG_SHA512 0x000d

static const struct {
	uint32_t type;
	const char *name;
} types[] = {
	{0x00000000, "EV_PREBOOT_CERT"},
	{TCGLOG_EV_POST_CODE, "EV_POST_CODE"},
	{TCGLOG_EV_NO_ACTION, "EV_NO_ACTION"},
	{TCGLOG_EV_SEPARATOR, "EV_SEPARATOR"},
	{0x00000005, "EV_ACTION"},
	{TCGLOG_EV_EVENT_TAG, "EV_EVENT_TAG"},
	{0x00000007, "EV_S_CRTM_CONTENTS"},
	{0x00000008, "EV_S_CRTM_VERSION"},
	{0x00000009, "EV_CPU_MICROCODE"},
	{TCGLOG_EV_PLATFORM_CONFIG, "EV_PLATFORM_CONFIG_FLAGS"},
	{0x0000000b, "EV_TABLE_OF_DEVICES"},
	{0x0000000c, "EV_COMPACT_HASH"},
	{TCGLOG_EV_IPL, "EV_IPL"},
	{0x0000000e, "EV_IPL_PARTITION_DATA"},
	{0x0000000f, "EV_NONHOST_CODE"},
	{0x00000010, "EV_NONHOST_CONFIG"},
	{0x00000011, "EV_NONHOST_INFO"},
	{0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS"},
	{TCGLOG_EV_VARIABLE_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
	{TCGLOG_EV_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT"},
	{TCGLOG_EV_BOOT_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION"},
	{TCGLOG_EV_BOOT_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER"},
	{TCGLOG_EV_RUNTIME_DRIVER, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
	{TCGLOG_EV_GPT, "EV_EFI_GPT_EVENT"},
	{TCGLOG_EV_ACTION, "EV_EFI_ACTION"},
	{TCGLOG_EV_FIRMWARE_BLOB, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
	{0x80000009, "EV_EFI_HANDOFF_TABLES"},
	{TCGLOG_EV_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
	{TCGLOG_EV_HANDOFF_TABLES2, "EV_EFI_HANDOFF_TABLES2"},
	{TCGLOG_EV_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2"},
	{0x80000010, "EV_EFI_HCRTM_EVENT"},
	{TCGLOG_EV_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY"},
};

static const struct {
	uint16_t id;
	enum digest_alg alg;
} algs[] = {
	{ALG_SHA1, DIGEST_SHA1},
	{ALG_SHA256, DIGEST_SHA256},
	{ALG_SHA384, DIGEST_SHA384},
	{ALG_SHA512, DIGEST_SHA512},
};

const char *tcglog_type_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

/* A bank's digest must have the size of its algorithm, where that is known. */
static bool size_fits(const struct tcglog_bank *bank)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].id == bank->id)
			return bank->size_bytes == digest_size(algs[i].alg);
	return bank->size_bytes > 0 && bank->size_bytes <= DIGEST_MAX;
}

static int read_banks(struct tcglog *log, struct rd *rd, struct err *err)
{
	const unsigned char *signature = rd_bytes(rd, sizeof(SPEC_ID));
	uint32_t count;

	rd_skip(rd, 8);
	count = rd_le32(rd);
	if (rd->bad || memcmp(signature, SPEC_ID, sizeof(SPEC_ID)) != 0)
		return err_fail(err, -EBADMSG, "event log: the first event is no \"%s\"", SPEC_ID);
	if (count == 0 || count > TCGLOG_BANKS_MAX)
		return err_fail(err, -EBADMSG,
			"event log: %" PRIu32 " digest algorithms, want 1 to %d", count,
			TCGLOG_BANKS_MAX);
	for (; log->bank_count < count; log->bank_count++) {
		struct tcglog_bank *bank = &log->banks[log->bank_count];

		bank->id = rd_le16(rd);
		bank->size_bytes = rd_le16(rd);
		if (rd->bad || !size_fits(bank))
			return err_fail(err, -EBADMSG,
				"event log: algorithm 0x%04x with digests of %u bytes", bank->id,
				bank->size_bytes);
	}
	return 0;
}

int tcglog_open(const void *log, size_t len, struct tcglog *ret, struct err *err)
{
	struct tcglog whole = {.rd = rd_init(log, len)};
	struct rd header;
	uint32_t type, size;
	int rc;

	rd_skip(&whole.rd, 4);
	type = rd_le32(&whole.rd);
	rd_skip(&whole.rd, SHA1_SIZE);
	size = rd_le32(&whole.rd);
	header = rd_at(&whole.rd, whole.rd.pos, size);
	if (header.bad || type != TCGLOG_EV_NO_ACTION)
		return err_fail(
			err, -EBADMSG, "event log: it does not start with a specification event");
	rc = read_banks(&whole, &header, err);
	if (rc != 0)
		return rc;
	rd_skip(&whole.rd, size);
	*ret = whole;
	return 0;
}

int tcglog_bank(const struct tcglog *log, enum digest_alg alg)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		if (algs[i].alg != alg)
			continue;
		for (size_t k = 0; k < log->bank_count; k++)
			if (log->banks[k].id == algs[i].id)
				return (int)k;
	}
	return -1;
}

/* Whether only the fill of an unused log area is left: no bytes, zeros, or 0xff. */
static bool at_end(const struct tcglog *log)
{
	const unsigned char *at = log->rd.base + log->rd.pos;
	size_t left = rd_left(&log->rd);

	if (left == 0)
		return true;
	if (at[0] != 0x00 && at[0] != 0xff)
		return false;
	for (size_t i = 1; i < left; i++)
		if (at[i] != at[0])
			return false;
	return true;
}

static int read_digests(
	struct tcglog *log, struct tcglog_event *event, uint32_t count, struct err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		uint16_t id = rd_le16(&log->rd);
		size_t bank = 0;

		while (bank < log->bank_count && log->banks[bank].id != id)
			bank++;
		if (log->rd.bad || bank == log->bank_count)
			return err_fail(err, -EBADMSG,
				"event log: event at byte %zu has a digest of unannounced "
				"algorithm 0x%04x",
				event->offset, id);
		if (event->digests[bank] != NULL)
			return err_fail(err, -EBADMSG,
				"event log: event at byte %zu has two digests of algorithm 0x%04x",
				event->offset, id);
		event->digests[bank] = rd_bytes(&log->rd, log->banks[bank].size_bytes);
	}
	return 0;
}

int tcglog_next(struct tcglog *log, struct tcglog_event *ret, struct err *err)
{
	struct tcglog_event event = {.offset = log->rd.pos};
	uint32_t count;
	int rc;

	if (at_end(log))
		return 0;
	event.index = rd_le32(&log->rd);
	event.type = rd_le32(&log->rd);
	count = rd_le32(&log->rd);
	if (event.index == FILL_INDEX || count > TCGLOG_BANKS_MAX)
		return err_fail(err, -EBADMSG,
			"event log: byte %zu starts no event, and other bytes follow",
			event.offset);
	rc = read_digests(log, &event, count, err);
	if (rc != 0)
		return rc;
	event.size_bytes = rd_le32(&log->rd);
	if (event.size_bytes > TCGLOG_DATA_MAX)
		return err_fail(err, -EBADMSG,
			"event log: event at byte %zu claims %" PRIu32 " bytes of data",
			event.offset, event.size_bytes);
	event.data = rd_bytes(&log->rd, event.size_bytes);
	if (log->rd.bad)
		return err_fail(
			err, -EBADMSG, "event log: event at byte %zu is cut short", event.offset);
	*ret = event;
	return 1;
}
