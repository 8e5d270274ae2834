/*
 * SMBIOS tables as firmware measures them (smbios.h). SmbiosPlatformDxe adds the VMM's structures
 * as they come, up to the end marker, then its own of type 0; SmbiosDxe ends the table;
 * SmbiosMeasurementDxe filters a copy.
 */
#include "measure/tdx/smbios.h"

#include <string.h>

#include "lib/hex.h"
#include "lib/rd.h"

#define TYPE_BIOS      0
#define TYPE_PROCESSOR 4
#define TYPE_END       127
#define TYPE_OEM       128 /* from here on */
#define HEADER	       4
#define HANDLE_END     0xfeff
#define PROCESSOR_ID   8
#define TABLES_MAX     (1u << 20)

/* Fields that are zeroed before measuring; of a string, the text becomes blanks too. A type with
 * @bytes 0 is zeroed whole but for its header. */
static const struct filter {
	uint8_t type, offset, bytes;
	bool string;
} filters[] = {
	{1, 0x07, 1, true},   /* serial number */
	{1, 0x08, 16, false}, /* UUID */
	{1, 0x18, 1, false},  /* wake-up type */
	{2, 0x07, 1, true},   /* serial number */
	{2, 0x0a, 1, true},   /* location in the chassis */
	{3, 0x07, 1, true},   /* serial number */
	{3, 0x08, 1, true},   /* asset tag */
	{4, 0x20, 1, true},   /* serial number */
	{4, 0x21, 1, true},   /* asset tag */
	{4, 0x22, 1, true},   /* part number */
	{4, 0x23, 1, false},  /* cores */
	{4, 0x24, 1, false},  /* cores enabled */
	{4, 0x25, 1, false},  /* threads */
	{4, 0x2a, 2, false},  /* cores, wide */
	{4, 0x2c, 2, false},  /* cores enabled, wide */
	{4, 0x2e, 2, false},  /* threads, wide */
	{4, 0x11, 1, false},  /* voltage */
	{4, 0x16, 2, false},  /* speed */
	{11, 0, 0, false},    /* OEM strings */
	{15, 0, 0, false},    /* event log */
	{17, 0x18, 1, true},  /* serial number */
	{17, 0x19, 1, true},  /* asset tag */
	{17, 0x1a, 1, true},  /* part number */
	{18, 0, 0, false},    /* 32-bit memory errors */
	{22, 0x07, 1, true},  /* serial number */
	{22, 0x10, 2, false}, /* SBDS serial number */
	{22, 0x12, 2, false}, /* SBDS date */
	{23, 0x05, 2, false}, /* resets */
	{27, 0x0c, 2, false}, /* speed */
	{31, 0, 0, false},    /* boot integrity */
	{33, 0, 0, false},    /* 64-bit memory errors */
	{39, 0x08, 1, true},  /* serial number */
	{39, 0x09, 1, true},  /* asset tag */
	{39, 0x0a, 1, true},  /* part number */
};

/* A structure in a buffer. */
struct structure {
	uint8_t type, length; /* of the fixed part */
	uint16_t handle;
	size_t start, bytes; /* with its strings and their end */
};

/* Reads the structure at @start; false when it leaves the table. */
static bool read_structure(
	const unsigned char *tables, size_t n, size_t start, struct structure *ret)
{
	struct rd whole = rd_init(tables, n);
	struct rd rd = rd_at(&whole, start, n - start);
	size_t end;

	ret->start = start;
	ret->type = rd_u8(&rd);
	ret->length = rd_u8(&rd);
	ret->handle = rd_le16(&rd);
	if (rd.bad || ret->length < HEADER || ret->length > n - start)
		return false;
	for (end = start + ret->length; end + 1 < n; end++)
		if (tables[end] == 0 && tables[end + 1] == 0) {
			ret->bytes = end + 2 - start;
			return true;
		}
	return false;
}

static int damaged(size_t at, struct err *err)
{
	return err_fail(err, -EBADMSG, "SMBIOS tables: damaged structure at byte %zu", at);
}

/* Blanks the string of this number; false when there is none. */
static bool blank_string(unsigned char *tables, const struct structure *structure, uint8_t number)
{
	unsigned char *at = tables + structure->start + structure->length;
	unsigned char *end = tables + structure->start + structure->bytes - 1;

	for (; number > 1 && at < end && *at != 0; number--)
		at += strlen((char *)at) + 1;
	if (at >= end || *at == 0)
		return false;
	memset(at, ' ', strlen((char *)at));
	return true;
}

static bool filter_structure(unsigned char *tables, const struct structure *structure)
{
	unsigned char *at = tables + structure->start;

	if (structure->type >= TYPE_OEM)
		memset(at + HEADER, 0, structure->bytes - HEADER);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		const struct filter *filter = &filters[i];

		if (filter->type != structure->type)
			continue;
		if (filter->bytes == 0) {
			memset(at + HEADER, 0, structure->bytes - HEADER);
		} else if (structure->length >= filter->offset + filter->bytes) {
			uint8_t number = at[filter->offset];

			if (filter->string && number != 0 &&
				!blank_string(tables, structure, number))
				return false;
			memset(at + filter->offset, 0, filter->bytes);
		}
	}
	return true;
}

bool smbios_processor_parse(const char *text, unsigned char ret[SMBIOS_PROCESSOR_ID_SIZE])
{
	char hex[2 * SMBIOS_PROCESSOR_ID_SIZE + 1] = "";
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ')
			continue;
		if (n == sizeof(hex) - 1)
			return false;
		hex[n++] = *text >= 'A' && *text <= 'F' ? (char)(*text - 'A' + 'a') : *text;
	}
	return n == sizeof(hex) - 1 && hex_decode(hex, ret, SMBIOS_PROCESSOR_ID_SIZE);
}

int smbios_set_processor(struct buf *tables,
	const unsigned char processor_id[SMBIOS_PROCESSOR_ID_SIZE], struct err *err)
{
	struct structure structure = {.bytes = 0};
	bool found = false;

	for (size_t at = 0; at < tables->len; at += structure.bytes) {
		if (!read_structure(tables->data, tables->len, at, &structure))
			return damaged(at, err);
		if (structure.type != TYPE_PROCESSOR ||
			structure.length < PROCESSOR_ID + SMBIOS_PROCESSOR_ID_SIZE)
			continue;
		memcpy(tables->data + at + PROCESSOR_ID, processor_id, SMBIOS_PROCESSOR_ID_SIZE);
		found = true;
	}
	return found ? 0 : err_fail(err, -EBADMSG, "SMBIOS tables: no processor");
}

static void add_handle(struct buf *to, size_t at, uint16_t handle)
{
	if (to->bad)
		return;
	to->data[at] = (unsigned char)handle;
	to->data[at + 1] = (unsigned char)(handle >> 8);
}

/* The firmware's own structure under the first free handle. */
static int add_bios(
	const struct generation_bios *bios, const bool *taken, struct buf *to, struct err *err)
{
	const char *const strings[] = {bios->vendor, bios->version, bios->date};
	size_t start = to->len;
	uint16_t handle = 0;

	if (!bios->known)
		return err_fail(err, -ENOTSUP,
			"the firmware does not tell which BIOS information it adds to the SMBIOS "
			"tables");
	while (taken[handle])
		handle++;
	buf_add(to, bios->fixed, sizeof(bios->fixed));
	add_handle(to, start + 2, handle);
	for (size_t i = 0; i < 3; i++)
		buf_add(to, strings[i], strlen(strings[i]) + 1);
	buf_add(to, "", 1);
	return buf_check(to, err);
}

/* Copies the VMM's structures up to its end marker, filtered. */
static int copy_structures(
	const struct rd *tables, struct buf *to, bool *taken, bool *ret_bios, struct err *err)
{
	struct structure structure = {.bytes = 0};
	size_t count = 0;

	for (size_t at = 0;; at += structure.bytes) {
		struct structure copy;

		if (at >= tables->len || count++ == SMBIOS_STRUCTURES_MAX ||
			!read_structure(tables->base, tables->len, at, &structure))
			return damaged(at, err);
		if (structure.type == TYPE_END)
			return 0;
		if (taken[structure.handle])
			return err_fail(err, -EBADMSG,
				"SMBIOS tables: handle 0x%04x at byte %zu is taken",
				structure.handle, at);
		taken[structure.handle] = true;
		*ret_bios |= structure.type == TYPE_BIOS;
		copy = structure;
		copy.start = to->len;
		buf_add(to, tables->base + at, structure.bytes);
		if (to->bad)
			return buf_check(to, err);
		if (!filter_structure(to->data, &copy))
			return damaged(at, err);
	}
}

int smbios_measured(const struct generation_bios *bios, const void *tables, size_t n,
	struct buf *ret, struct err *err)
{
	static const unsigned char end[] = {
		TYPE_END, HEADER, HANDLE_END & 0xff, HANDLE_END >> 8, 0, 0};
	bool taken[UINT16_MAX + 1] = {false};
	struct rd rd = rd_init(tables, n);
	bool has_bios = false;
	int rc;

	if (n > TABLES_MAX)
		return err_fail(err, -EBADMSG, "SMBIOS tables: %zu bytes", n);
	rc = copy_structures(&rd, ret, taken, &has_bios, err);
	if (rc == 0 && !has_bios)
		rc = add_bios(bios, taken, ret, err);
	buf_add(ret, end, sizeof(end));
	return rc != 0 ? rc : buf_check(ret, err);
}
