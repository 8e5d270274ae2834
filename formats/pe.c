/*
 * PE/COFF headers (pe.h).
 *
 *   file offset | size | what
 *   0           | 2    | "MZ"
 *   0x3c        | 4    | offset P of the PE header
 *   P           | 4    | "PE\0\0"
 *   P+4         | 20   | COFF header: machine, number of sections, time, offset and number of
 *               |      | symbols (18 bytes each, strings behind them), optional header size, ...
 *   P+24        | -    | optional header: magic 0x10b (PE32) or 0x20b (PE32+), ...
 *   -           | 40n  | section headers
 * and in the optional header
 *   +44  MajorImageVersion, +56  SizeOfImage, +60 SizeOfHeaders, +64 CheckSum, +68 Subsystem
 *   +92 (PE32) or +108 (PE32+) number of data directories, then 8 bytes for each; the
 *   certificates are number 4
 */
#include "formats/pe.h"

#include <inttypes.h>
#include <string.h>

#include "lib/rd.h"

#define LFANEW_OFFSET	  0x3c
#define COFF_SIZE	  24 /* signature and COFF header */
#define MAGIC_PE32	  0x10b
#define MAGIC_PE32_PLUS	  0x20b
#define COUNT_PE32	  92 /* of NumberOfRvaAndSizes in the optional header */
#define COUNT_PE32_PLUS	  108
#define DIRECTORY_SIZE	  8
#define DIRECTORIES_MAX	  16
#define DIR_SECURITY	  4
#define SECTION_SIZE	  40
#define SYMBOL_SIZE	  18
/* edk2 reads a whole PE32+ header with 16 directories, present or not. */
#define HEADER_UNION_SIZE (COFF_SIZE + COUNT_PE32_PLUS + 4 + DIRECTORIES_MAX * DIRECTORY_SIZE)

static bool pe_offset(const struct rd *image, size_t *ret)
{
	struct rd rd = *image;
	const unsigned char *magic = rd_bytes(&rd, 2);
	uint32_t at;

	rd_seek(&rd, LFANEW_OFFSET);
	at = rd_le32(&rd);
	if (rd.bad || memcmp(magic, "MZ", 2) != 0)
		return false;
	rd = rd_at(image, at, 4);
	magic = rd_bytes(&rd, 4);
	if (magic == NULL || memcmp(magic, "PE\0\0", 4) != 0)
		return false;
	*ret = at;
	return true;
}

bool pe_probe(const void *image, size_t len)
{
	struct rd rd = rd_init(image, len);
	size_t at;

	return pe_offset(&rd, &at);
}

/* The fields of the optional header; @ret_count is the number of data directories. */
static int read_optional(
	const struct rd *image, size_t base, struct pe *pe, uint32_t *ret_count, struct err *err)
{
	struct rd rd = rd_at(image, base, image->len - base);
	uint16_t magic = rd_le16(&rd);
	size_t count_offset;

	if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
		return err_fail(err, -EBADMSG, "PE image: optional header magic 0x%x at byte %zu",
			magic, base);
	pe->pe32_plus = magic == MAGIC_PE32_PLUS;
	count_offset = pe->pe32_plus ? COUNT_PE32_PLUS : COUNT_PE32;
	rd_seek(&rd, 44);
	pe->image_version = rd_le16(&rd);
	rd_seek(&rd, 56);
	pe->image_size = rd_le32(&rd);
	pe->headers_size = rd_le32(&rd);
	pe->checksum_offset = base + rd.pos;
	rd_skip(&rd, 4);
	pe->subsystem = rd_le16(&rd);
	rd_seek(&rd, count_offset);
	*ret_count = rd_le32(&rd);
	if (rd.bad || *ret_count > DIRECTORIES_MAX)
		return err_fail(err, -EBADMSG, "PE image: %" PRIu32 " data directories, at most %d",
			*ret_count, DIRECTORIES_MAX);
	if (*ret_count <= DIR_SECURITY)
		return 0;
	rd_skip(&rd, DIR_SECURITY * DIRECTORY_SIZE);
	pe->security_offset = base + rd.pos;
	pe->security_address = rd_le32(&rd);
	pe->security_size = rd_le32(&rd);
	return rd.bad ? err_fail(err, -EBADMSG, "PE image: headers cut short") : 0;
}

static int read_section(
	struct rd *rd, size_t len, const struct pe *pe, struct pe_section *ret, struct err *err)
{
	rd_copy(rd, ret->name, PE_NAME_SIZE);
	ret->name[PE_NAME_SIZE] = '\0';
	ret->virtual_size = rd_le32(rd);
	ret->virtual_address = rd_le32(rd);
	ret->raw_size = rd_le32(rd);
	ret->raw_offset = rd_le32(rd);
	rd_skip(rd, 16);
	if (rd->bad)
		return err_fail(err, -EBADMSG, "PE image: section headers cut short");
	if (ret->raw_size == 0)
		return 0;
	if (ret->virtual_address < pe->headers_size || ret->raw_offset < pe->headers_size)
		return err_fail(
			err, -EBADMSG, "PE image: section %s starts inside the headers", ret->name);
	if (ret->raw_offset > len || ret->raw_size > len - ret->raw_offset)
		return err_fail(err, -EBADMSG,
			"PE image: section %s, 0x%" PRIx32 "+0x%" PRIx32
			", ends beyond the file's %zu bytes",
			ret->name, ret->raw_offset, ret->raw_size, len);
	return 0;
}

/* The relations between sizes that edk2 insists on. @table is the offset of the section headers. */
static int check_sizes(
	const struct pe *pe, size_t len, uint64_t table, uint32_t count, struct err *err)
{
	if (pe->image_size <= table || (pe->image_size - table) / SECTION_SIZE <= count)
		return err_fail(err, -EBADMSG, "PE image: SizeOfImage 0x%" PRIx32 " is too small",
			pe->image_size);
	if (pe->headers_size <= table || (pe->headers_size - table) / SECTION_SIZE < count ||
		pe->headers_size >= pe->image_size || pe->headers_size > len)
		return err_fail(err, -EBADMSG,
			"PE image: SizeOfHeaders 0x%" PRIx32
			" does not hold the headers or leaves the file",
			pe->headers_size);
	if (pe->security_size != 0 &&
		(pe->security_address > len || pe->security_size > len - pe->security_address))
		return err_fail(err, -EBADMSG,
			"PE image: certificates at 0x%" PRIx32 "+0x%" PRIx32 " leave the file",
			pe->security_address, pe->security_size);
	return 0;
}

int pe_parse(const void *image, size_t len, struct pe *ret, struct err *err)
{
	struct rd whole = rd_init(image, len);
	struct pe pe = {.count = 0};
	struct rd rd;
	uint32_t directories = 0, count, optional_size, fixed, symbols, symbol_count;
	uint64_t table;
	size_t at;
	int rc;

	if (!pe_offset(&whole, &at))
		return err_fail(err, -EBADMSG, "not a PE image");
	rd = rd_at(&whole, at, HEADER_UNION_SIZE);
	rd_skip(&rd, 4);
	pe.machine = rd_le16(&rd);
	count = rd_le16(&rd);
	rd_skip(&rd, 4);
	symbols = rd_le32(&rd);
	symbol_count = rd_le32(&rd);
	optional_size = rd_le16(&rd);
	if (rd.bad)
		return err_fail(err, -EBADMSG, "PE image: headers cut short");
	if (symbols != 0)
		pe.strings_offset = symbols + (uint64_t)symbol_count * SYMBOL_SIZE;
	if (count > PE_SECTIONS_MAX)
		return err_fail(err, -EBADMSG, "PE image: %" PRIu32 " sections, at most %d", count,
			PE_SECTIONS_MAX);
	rc = read_optional(&whole, at + COFF_SIZE, &pe, &directories, err);
	if (rc != 0)
		return rc;
	fixed = (pe.pe32_plus ? COUNT_PE32_PLUS : COUNT_PE32) + 4;
	if (optional_size != fixed + directories * DIRECTORY_SIZE)
		return err_fail(err, -EBADMSG,
			"PE image: optional header of %" PRIu32 " bytes with %" PRIu32
			" data directories",
			optional_size, directories);
	table = (uint64_t)at + COFF_SIZE + optional_size;
	rc = check_sizes(&pe, len, table, count, err);
	if (rc != 0)
		return rc;
	rd = rd_at(&whole, table, (uint64_t)count * SECTION_SIZE);
	for (; pe.count < count; pe.count++) {
		rc = read_section(&rd, len, &pe, &pe.sections[pe.count], err);
		if (rc != 0)
			return rc;
	}
	*ret = pe;
	return 0;
}

const struct pe_section *pe_section(const struct pe *pe, const char *name)
{
	for (size_t i = 0; i < pe->count; i++)
		if (strcmp(pe->sections[i].name, name) == 0)
			return &pe->sections[i];
	return NULL;
}

void pe_section_memory(const void *image, const struct pe_section *section, struct buf *ret)
{
	uint32_t n = section->raw_size < section->virtual_size ? section->raw_size
							       : section->virtual_size;
	unsigned char *to = buf_grow(ret, section->virtual_size);

	if (to == NULL)
		return;
	memset(to, 0, section->virtual_size);
	if (n > 0)
		memcpy(to, (const unsigned char *)image + section->raw_offset, n);
}

/* A name of "/123": where it stands in the table; 0 for others. */
static uint32_t long_name_offset(const char *name)
{
	uint32_t offset = 0;

	if (name[0] != '/')
		return 0;
	for (const char *c = name + 1; *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			return 0;
		offset = offset * 10 + (uint32_t)(*c - '0');
	}
	return offset;
}

const struct pe_section *pe_section_long(
	const void *image, size_t len, const struct pe *pe, const char *name)
{
	struct rd whole = rd_init(image, len);
	size_t n = strlen(name) + 1;

	for (size_t i = 0; i < pe->count && pe->strings_offset != 0; i++) {
		uint32_t offset = long_name_offset(pe->sections[i].name);
		struct rd text = rd_at(&whole, pe->strings_offset + offset, n);

		if (offset != 0 && !text.bad && memcmp(text.base, name, n) == 0)
			return &pe->sections[i];
	}
	return NULL;
}
