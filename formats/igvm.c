/*
 * IGVM headers (igvm.h).
 *
 * Fixed header:
 *   0  | 4 | "IGVM"
 *   4  | 4 | format version: 1, or 2 with two more fields
 *   8  | 4 | offset of the variable headers
 *   12 | 4 | their size
 *   16 | 4 | size of the file
 *   20 | 4 | CRC-32 of fixed header (this field zero) and variable headers
 *   24 | 4 | version 2: architecture, 0 is x86-64
 *   28 | 4 | version 2: page size
 * Variable header: u32 type, u32 length, the structure, zeros up to a multiple of 8. Platforms come first, then
 * initialization (0x101...), then directives (0x301...). Bit 31 of the type: a reader may ignore it.
 */
#include "formats/igvm.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rd.h"

#define FIXED_V1	 24
#define FIXED_V2	 32
#define PAGE_SIZE	 4096
#define OPTIONAL	 0x80000000u
#define ARCHITECTURE_X64 0
#define AT_CHECKSUM	 20
#define ID_BLOCK_DIGEST	 8

/* How a structure is read into the item; NULL when nothing in it is of interest. */
typedef void item_reader(struct rd *rd, struct igvm_item *item);

static void read_platform(struct rd *rd, struct igvm_item *item)
{
	item->mask = rd_le32(rd);
	rd_skip(rd, 1); /* highest VTL */
	item->platform = rd_u8(rd);
}

static void read_policy(struct rd *rd, struct igvm_item *item)
{
	item->policy = rd_le64(rd);
	item->mask = rd_le32(rd);
}

static void read_mask(struct rd *rd, struct igvm_item *item)
{
	item->mask = rd_le32(rd);
}

static void read_area(struct rd *rd, struct igvm_item *item)
{
	item->size_bytes = rd_le64(rd);
	item->index = rd_le32(rd);
	item->file_offset = rd_le32(rd);
}

static void read_page(struct rd *rd, struct igvm_item *item)
{
	item->gpa = rd_le64(rd);
	item->mask = rd_le32(rd);
	item->file_offset = rd_le32(rd);
	item->flags = rd_le32(rd);
	item->data_type = rd_le16(rd);
}

static void read_insert(struct rd *rd, struct igvm_item *item)
{
	item->gpa = rd_le64(rd);
	item->mask = rd_le32(rd);
	item->index = rd_le32(rd);
}

static void read_context(struct rd *rd, struct igvm_item *item)
{
	item->gpa = rd_le64(rd);
	item->mask = rd_le32(rd);
	item->file_offset = rd_le32(rd);
	item->index = rd_le16(rd);
}

static void read_memory(struct rd *rd, struct igvm_item *item)
{
	item->gpa = rd_le64(rd);
	item->mask = rd_le32(rd);
	item->size_bytes = rd_le32(rd);
}

static void read_parameter(struct rd *rd, struct igvm_item *item)
{
	item->index = rd_le32(rd);
}

/* Every structure: its exact length, and the bytes in it that must be zero. */
static const struct layout {
	uint32_t type;
	uint32_t length;
	uint32_t zero_at, zero_size;
	item_reader *read;
	const char *name;
} layouts[] = {
	{IGVM_SUPPORTED_PLATFORM, 16, 0, 0, read_platform, "SUPPORTED_PLATFORM"},
	{IGVM_GUEST_POLICY, 16, 12, 4, read_policy, "GUEST_POLICY"},
	{IGVM_RELOCATABLE_REGION, 48, 0, 0, read_mask, "RELOCATABLE_REGION"},
	{IGVM_PAGE_TABLE_RELOCATION, 32, 7, 1, read_mask, "PAGE_TABLE_RELOCATION_REGION"},
	{IGVM_CORIM_DOCUMENT, 16, 12, 4, read_mask, "CORIM_DOCUMENT"},
	{IGVM_CORIM_SIGNATURE, 16, 12, 4, read_mask, "CORIM_SIGNATURE"},
	{IGVM_CCA_POLICY, 32, 4, 4, read_mask, "CCA_POLICY"},
	{IGVM_PARAMETER_AREA, 16, 0, 0, read_area, "PARAMETER_AREA"},
	{IGVM_PAGE_DATA, 24, 22, 2, read_page, "PAGE_DATA"},
	{IGVM_PARAMETER_INSERT, 16, 0, 0, read_insert, "PARAMETER_INSERT"},
	{IGVM_VP_CONTEXT, 20, 18, 2, read_context, "VP_CONTEXT"},
	{IGVM_REQUIRED_MEMORY, 24, 20, 4, read_memory, "REQUIRED_MEMORY"},
	{IGVM_VP_COUNT, 8, 0, 0, read_parameter, "VP_COUNT_PARAMETER"},
	{IGVM_SRAT, 8, 0, 0, read_parameter, "SRAT"},
	{IGVM_MADT, 8, 0, 0, read_parameter, "MADT"},
	{IGVM_MMIO_RANGES, 8, 0, 0, read_parameter, "MMIO_RANGES"},
	{IGVM_SNP_ID_BLOCK, 696, 5, 3, read_mask, "SNP_ID_BLOCK"},
	{IGVM_MEMORY_MAP, 8, 0, 0, read_parameter, "MEMORY_MAP"},
	{IGVM_ERROR_RANGE, 16, 0, 0, read_memory, "ERROR_RANGE"},
	{IGVM_COMMAND_LINE, 8, 0, 0, read_parameter, "COMMAND_LINE"},
	{IGVM_SLIT, 8, 0, 0, read_parameter, "SLIT"},
	{IGVM_PPTT, 8, 0, 0, read_parameter, "PPTT"},
	{IGVM_VBS_MEASUREMENT, 864, 0, 0, read_mask, "VBS_MEASUREMENT"},
	{IGVM_DEVICE_TREE, 8, 0, 0, read_parameter, "DEVICE_TREE"},
	{IGVM_ENVIRONMENT_INFO, 8, 0, 0, read_parameter, "ENVIRONMENT_INFO_PARAMETER"},
};

static const struct layout *find_layout(uint32_t type)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return NULL;
}

const char *igvm_type_name(uint32_t type)
{
	const struct layout *layout = find_layout(type);

	return layout != NULL ? layout->name : "unknown";
}

const unsigned char *igvm_id_block_digest(const struct igvm_item *item)
{
	return item->body + ID_BLOCK_DIGEST;
}

void igvm_done(struct igvm *igvm)
{
	free(igvm->items);
	igvm->items = NULL;
	igvm->count = 0;
}

/* CRC-32 of ISO 3309, carried on from @crc (begin with all ones; the complement at the end is the caller's). */
static uint32_t crc32(uint32_t crc, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
	}
	return crc;
}

struct fixed {
	uint32_t version, at, size, checksum;
	size_t fixed_size;
};

static int check_version_2(struct rd *rd, struct err *err)
{
	uint32_t architecture = rd_le32(rd);
	uint32_t page_size = rd_le32(rd);

	if (rd->bad)
		return err_fail(err, -EBADMSG, "IGVM: ends within its fixed header");
	if (architecture != ARCHITECTURE_X64 || page_size != PAGE_SIZE)
		return err_fail(err, -ENOTSUP, "IGVM: architecture %u with pages of %u bytes",
			architecture, page_size);
	return 0;
}

static int read_fixed(
	const void *bytes, size_t len, uint64_t file_size, struct fixed *ret, struct err *err)
{
	struct rd rd = rd_init(bytes, len);
	const unsigned char *magic = rd_bytes(&rd, 4);
	struct fixed fixed;
	uint32_t total;
	int rc = 0;

	fixed.version = rd_le32(&rd);
	fixed.at = rd_le32(&rd);
	fixed.size = rd_le32(&rd);
	total = rd_le32(&rd);
	fixed.checksum = rd_le32(&rd);
	if (rd.bad || memcmp(magic, "IGVM", 4) != 0)
		return err_fail(err, -EBADMSG, "not an IGVM file");
	if (fixed.version != 1 && fixed.version != 2)
		return err_fail(err, -ENOTSUP, "IGVM: format version %u", fixed.version);
	if (fixed.version == 2)
		rc = check_version_2(&rd, err);
	if (rc != 0)
		return rc;
	fixed.fixed_size = fixed.version == 1 ? FIXED_V1 : FIXED_V2;
	if (total != file_size)
		return err_fail(err, -EBADMSG, "IGVM: says %u bytes, has %llu", total,
			(unsigned long long)file_size);
	if (fixed.at < fixed.fixed_size || fixed.at % 8 != 0 || fixed.size % 8 != 0 ||
		fixed.at > total || fixed.size > total - fixed.at)
		return err_fail(err, -EBADMSG,
			"IGVM: variable headers at byte %u, %u bytes, do not fit the file",
			fixed.at, fixed.size);
	if (fixed.size > IGVM_HEADERS_MAX)
		return err_fail(
			err, -EBADMSG, "IGVM: more than %u bytes of headers", IGVM_HEADERS_MAX);
	*ret = fixed;
	return 0;
}

int igvm_headers_end(
	const void *bytes, size_t len, uint64_t file_size, size_t *ret, struct err *err)
{
	struct fixed fixed;
	int rc = read_fixed(bytes, len, file_size, &fixed, err);

	if (rc == 0)
		*ret = (size_t)fixed.at + fixed.size;
	return rc;
}

static int check_sum(
	const unsigned char *bytes, size_t len, const struct fixed *fixed, struct err *err)
{
	unsigned char head[FIXED_V2];
	uint32_t crc;

	if (len < (size_t)fixed->at + fixed->size)
		return err_fail(err, -EBADMSG, "IGVM: ends within its headers");
	memcpy(head, bytes, fixed->fixed_size);
	memset(head + AT_CHECKSUM, 0, 4);
	crc = crc32(UINT32_MAX, head, fixed->fixed_size);
	crc = ~crc32(crc, bytes + fixed->at, fixed->size);
	if (crc != fixed->checksum)
		return err_fail(err, -EBADMSG, "IGVM: checksum 0x%08x of the headers, not 0x%08x",
			fixed->checksum, crc);
	return 0;
}

static int bad_item(const struct igvm_item *item, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "IGVM: %s at byte %zu: %s", igvm_type_name(item->type),
		item->offset, why);
}

static bool all_zero(const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* How many bytes of data an item points to. */
static uint64_t data_size(const struct igvm_item *item)
{
	if (item->type == IGVM_PARAMETER_AREA)
		return item->size_bytes;
	return item->type == IGVM_PAGE_DATA || item->type == IGVM_VP_CONTEXT ? PAGE_SIZE : 0;
}

static int check_item(
	const struct igvm_item *item, size_t headers_end, uint64_t file_size, struct err *err)
{
	uint64_t n = data_size(item);

	if (item->gpa % PAGE_SIZE != 0)
		return bad_item(item, "its address is not that of a page", err);
	if ((item->type == IGVM_PARAMETER_AREA || item->type == IGVM_REQUIRED_MEMORY) &&
		item->size_bytes % PAGE_SIZE != 0)
		return bad_item(item, "not a whole number of pages", err);
	if (item->type == IGVM_PAGE_DATA &&
		(item->data_type > IGVM_DATA_CPUID_XF || item->flags > 7))
		return bad_item(item, "an unknown type or flag of a page", err);
	if (item->type == IGVM_VP_CONTEXT && item->file_offset == 0)
		return bad_item(item, "a context without data", err);
	if (item->file_offset != 0 && (item->file_offset < headers_end || n > file_size ||
					      item->file_offset > file_size - n))
		return bad_item(item, "its data is not in the file", err);
	return 0;
}

/* 0: platform, 1: initialization, 2: directive; -1: none of them. */
static int section_of(uint32_t type)
{
	type &= ~OPTIONAL;
	if (type >= 0x1 && type <= 0x100)
		return 0;
	if (type >= 0x101 && type <= 0x200)
		return 1;
	return type >= 0x301 && type <= 0x400 ? 2 : -1;
}

struct parsing {
	struct igvm igvm;
	size_t cap;
	int section;
	size_t headers_end;
	uint64_t file_size;
};

static int add_item(struct parsing *parsing, const struct igvm_item *item, struct err *err)
{
	struct igvm *igvm = &parsing->igvm;

	if (igvm->count == parsing->cap) {
		size_t cap = parsing->cap == 0 ? 256 : 2 * parsing->cap;
		struct igvm_item *items = realloc(igvm->items, cap * sizeof(*items));

		if (items == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		igvm->items = items;
		parsing->cap = cap;
	}
	if (igvm->count == IGVM_ITEMS_MAX)
		return err_fail(err, -EBADMSG, "IGVM: more than %d headers", IGVM_ITEMS_MAX);
	igvm->items[igvm->count++] = *item;
	return 0;
}

/* The next structure of @rd, whose first byte is at @item->offset. */
static int parse_item(
	struct parsing *parsing, struct rd *rd, struct igvm_item *item, struct err *err)
{
	uint32_t length, padded;
	const struct layout *layout;
	int section, rc;
	struct rd body;

	item->type = rd_le32(rd);
	length = rd_le32(rd);
	padded = (length + 7) & ~7u;
	item->body = length > IGVM_HEADERS_MAX ? NULL : rd_bytes(rd, padded);
	section = section_of(item->type);
	if (item->body == NULL)
		return bad_item(item, "reaches beyond the headers", err);
	if (section < parsing->section)
		return bad_item(item, section < 0 ? "in no section" : "after its section", err);
	parsing->section = section;
	if (!all_zero(item->body + length, padded - length))
		return bad_item(item, "its padding is not zero", err);
	layout = find_layout(item->type & ~OPTIONAL);
	if (layout == NULL && (item->type & OPTIONAL))
		return 0;
	if (layout == NULL)
		return err_fail(err, -ENOTSUP, "IGVM: unknown type 0x%x at byte %zu", item->type,
			item->offset);
	item->type = layout->type;
	if (length != layout->length)
		return bad_item(item, "has a wrong length", err);
	if (!all_zero(item->body + layout->zero_at, layout->zero_size))
		return bad_item(item, "its reserved bytes are not zero", err);
	body = rd_init(item->body, length);
	layout->read(&body, item);
	rc = check_item(item, parsing->headers_end, parsing->file_size, err);
	return rc != 0 ? rc : add_item(parsing, item, err);
}

int igvm_parse(const void *bytes, size_t len, uint64_t file_size, struct igvm *ret, struct err *err)
{
	struct parsing parsing = {.cap = 0, .file_size = file_size};
	struct rd whole = rd_init(bytes, len);
	struct fixed fixed;
	struct rd rd;
	int rc = read_fixed(bytes, len, file_size, &fixed, err);

	if (rc == 0)
		rc = check_sum(bytes, len, &fixed, err);
	if (rc != 0)
		return rc;
	parsing.igvm.version = fixed.version;
	parsing.headers_end = (size_t)fixed.at + fixed.size;
	rd = rd_at(&whole, fixed.at, fixed.size);
	while (rc == 0 && rd_left(&rd) > 0) {
		struct igvm_item item = {.mask = UINT32_MAX, .offset = fixed.at + rd.pos};

		rc = parse_item(&parsing, &rd, &item, err);
	}
	if (rc != 0) {
		igvm_done(&parsing.igvm);
		return rc;
	}
	*ret = parsing.igvm;
	return 0;
}
