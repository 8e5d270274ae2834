/*
 * Dynamic ELF files (elf.h). Offsets:
 *
 *   header           0 magic, 4 class, 5 data, 16 type (2), 18 machine (2), 32 program headers (8), 54 their size (2), 56 number (2)
 *   program header   0 type (4), 8 offset (8), 16 address (8), 32 bytes in the file (8); 56 bytes
 *   dynamic entry    0 tag (8), 8 value (8)
 *   version need     0 version (2), 2 entries (2), 4 file name (4), 8 first entry (4), 12 next (4)
 *   its entry        0 hash (4), 4 flags (2), 6 number (2), 8 name (4), 12 next (4)
 *   version def      0 version (2), 2 flags (2), 4 index (2), 6 names (2), 8 hash (4), 12 first name (4), 16 next (4)
 *   its name         0 name (4), 4 next (4)
 */
#include "formats/elf.h"

#include <string.h>

#define HEADER_BYTES 64
#define PHDR_BYTES   56
#define DYN_BYTES    16
#define TYPE_EXEC    2
#define TYPE_DYN     3
#define X86_64	     62
#define PT_LOAD	     1
#define PT_DYNAMIC   2
#define PT_INTERP    3
#define DT_STRTAB    5
#define DT_STRSZ     10
#define DT_VERDEF    0x6ffffffc
#define DT_VERDEFNUM 0x6ffffffd
#define DT_VERNEED   0x6ffffffe
#define DT_VERNEEDNO 0x6fffffff
#define FLAG_WEAK    2
#define FLAG_BASE    1 /* the file itself, not a version */

struct phdr {
	uint32_t type;
	uint64_t off, address, file_bytes;
};

bool elf_is_program(const void *bytes, size_t len)
{
	struct rd rd = rd_init(bytes, len);
	uint16_t type;

	if (len < HEADER_BYTES || memcmp(bytes, "\177ELF\2\1", 6) != 0)
		return false;
	rd_seek(&rd, 16);
	type = rd_le16(&rd);
	return (type == TYPE_EXEC || type == TYPE_DYN) && rd_le16(&rd) == X86_64;
}

static uint16_t phdr_count(const struct elf *elf)
{
	struct rd rd = elf->rd;

	rd_seek(&rd, 56);
	return rd_le16(&rd);
}

static struct phdr phdr_at(const struct elf *elf, size_t i)
{
	struct phdr phdr;
	struct rd rd = elf->rd;
	uint64_t off;

	rd_seek(&rd, 32);
	off = rd_le64(&rd);
	rd = rd_at(&elf->rd, off, (uint64_t)phdr_count(elf) * PHDR_BYTES);
	rd_seek(&rd, i * PHDR_BYTES);
	phdr.type = rd_le32(&rd);
	rd_skip(&rd, 4);
	phdr.off = rd_le64(&rd);
	phdr.address = rd_le64(&rd);
	rd_skip(&rd, 8);
	phdr.file_bytes = rd_le64(&rd);
	if (rd.bad)
		phdr = (struct phdr){0};
	return phdr;
}

static int check_phdrs(const struct elf *elf, struct err *err)
{
	struct rd rd = elf->rd;
	uint16_t size, count;
	uint64_t off;

	rd_seek(&rd, 32);
	off = rd_le64(&rd);
	rd_seek(&rd, 54);
	size = rd_le16(&rd);
	count = rd_le16(&rd);
	if (count > ELF_PHDRS_MAX || (count > 0 && size != PHDR_BYTES) ||
		rd_at(&elf->rd, off, (uint64_t)count * PHDR_BYTES).bad)
		return err_fail(err, -EBADMSG, "bad ELF program headers");
	return 0;
}

/* The file offset of an address; false when no segment has it. */
static bool to_offset(const struct elf *elf, uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < phdr_count(elf); i++) {
		struct phdr phdr = phdr_at(elf, i);

		if (phdr.type == PT_LOAD && address >= phdr.address &&
			address - phdr.address < phdr.file_bytes) {
			*ret = phdr.off + (address - phdr.address);
			return true;
		}
	}
	return false;
}

/* The NUL-terminated string at @off of @table; NULL when it leaves it. */
static const char *string_at(const struct rd *table, uint64_t off)
{
	if (off >= table->len || table->bad ||
		memchr(table->base + off, '\0', table->len - (size_t)off) == NULL)
		return NULL;
	return (const char *)table->base + off;
}

/* The value of the @i-th entry with @tag; false when there are no more. */
static bool dynamic_value(const struct elf *elf, uint64_t tag, size_t i, uint64_t *ret)
{
	struct rd rd = elf->dynamic;

	while (rd_left(&rd) >= DYN_BYTES) {
		uint64_t found = rd_le64(&rd);
		uint64_t value = rd_le64(&rd);

		if (found == 0)
			return false;
		if (found == tag && i-- == 0) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* An address and a count among the dynamic entries: both, or neither. */
static int read_versions(const struct elf *elf, uint64_t address_tag, uint64_t count_tag,
	uint64_t *ret_off, uint64_t *ret_count, struct err *err)
{
	uint64_t address;

	if (!dynamic_value(elf, address_tag, 0, &address))
		return 0;
	if (!dynamic_value(elf, count_tag, 0, ret_count) || *ret_count > ELF_VERSIONS_MAX ||
		!to_offset(elf, address, ret_off))
		return err_fail(err, -EBADMSG, "bad ELF version table");
	return 0;
}

/* Every name must be inside the string table. */
static int check_strings(const struct elf *elf, struct err *err)
{
	static const uint64_t tags[] = {ELF_DT_NEEDED, ELF_DT_SONAME, ELF_DT_RPATH, ELF_DT_RUNPATH};

	for (size_t t = 0; t < sizeof(tags) / sizeof(*tags); t++) {
		uint64_t value;

		for (size_t i = 0; dynamic_value(elf, tags[t], i, &value); i++) {
			if (string_at(&elf->strings, value) == NULL)
				return err_fail(
					err, -EBADMSG, "bad ELF string in the dynamic section");
		}
	}
	return 0;
}

static int read_dynamic(struct elf *elf, const struct phdr *phdr, struct err *err)
{
	uint64_t address, size, off;
	int rc;

	elf->dynamic = rd_at(&elf->rd, phdr->off, phdr->file_bytes);
	if (elf->dynamic.bad || phdr->file_bytes > ELF_DYNAMIC_MAX * DYN_BYTES)
		return err_fail(err, -EBADMSG, "bad ELF dynamic section");
	elf->is_dynamic = true;
	if (!dynamic_value(elf, DT_STRTAB, 0, &address))
		return 0;
	if (!dynamic_value(elf, DT_STRSZ, 0, &size) || !to_offset(elf, address, &off))
		return err_fail(err, -EBADMSG, "bad ELF string table");
	elf->strings = rd_at(&elf->rd, off, size);
	if (elf->strings.bad)
		return err_fail(err, -EBADMSG, "bad ELF string table");
	rc = read_versions(elf, DT_VERNEED, DT_VERNEEDNO, &elf->need_off, &elf->need_count, err);
	if (rc == 0)
		rc = read_versions(
			elf, DT_VERDEF, DT_VERDEFNUM, &elf->def_off, &elf->def_count, err);
	return rc != 0 ? rc : check_strings(elf, err);
}

static int read_segment(struct elf *elf, const struct phdr *phdr, struct err *err)
{
	if (phdr->type == PT_DYNAMIC)
		return read_dynamic(elf, phdr, err);
	if (phdr->type == PT_INTERP) {
		struct rd rd = rd_at(&elf->rd, phdr->off, phdr->file_bytes);

		elf->interp = string_at(&rd, 0);
		if (elf->interp == NULL)
			return err_fail(err, -EBADMSG, "bad ELF interpreter");
	}
	return 0;
}

int elf_open(const void *bytes, size_t len, struct elf *ret, struct err *err)
{
	struct elf elf = {.rd = rd_init(bytes, len), .dynamic = rd_init("", 0)};
	int rc;

	elf.strings = elf.dynamic;
	if (!elf_is_program(bytes, len))
		return err_fail(err, -EBADMSG, "no ELF64 program for x86-64");
	rc = check_phdrs(&elf, err);
	for (size_t i = 0; rc == 0 && i < phdr_count(&elf); i++) {
		struct phdr phdr = phdr_at(&elf, i);

		rc = read_segment(&elf, &phdr, err);
	}
	if (rc == 0)
		*ret = elf;
	return rc;
}

const char *elf_string(const struct elf *elf, uint64_t tag, size_t i)
{
	uint64_t value;

	return dynamic_value(elf, tag, i, &value) ? string_at(&elf->strings, value) : NULL;
}

static int bad_versions(struct err *err)
{
	return err_fail(err, -EBADMSG, "bad ELF version table");
}

/* The entries of one need. */
static int walk_need(const struct elf *elf, const char *file, uint64_t off, uint16_t count,
	elf_version_fn *fn, void *arg, struct err *err)
{
	for (uint16_t i = 0; i < count; i++) {
		struct rd rd = rd_at(&elf->rd, off, 16);
		uint16_t flags;
		uint32_t name, next;
		const char *version;
		int rc;

		rd_skip(&rd, 4);
		flags = rd_le16(&rd);
		rd_skip(&rd, 2);
		name = rd_le32(&rd);
		next = rd_le32(&rd);
		version = string_at(&elf->strings, name);
		if (rd.bad || version == NULL || (next == 0 && i + 1 < count))
			return bad_versions(err);
		rc = fn(arg, file, version, (flags & FLAG_WEAK) != 0, err);
		if (rc != 0)
			return rc;
		off += next;
	}
	return 0;
}

int elf_needs(const struct elf *elf, elf_version_fn *fn, void *arg, struct err *err)
{
	uint64_t off = elf->need_off;

	for (uint64_t i = 0; i < elf->need_count; i++) {
		struct rd rd = rd_at(&elf->rd, off, 16);
		uint16_t count;
		uint32_t file, first, next;
		const char *name;
		int rc;

		rd_skip(&rd, 2);
		count = rd_le16(&rd);
		file = rd_le32(&rd);
		first = rd_le32(&rd);
		next = rd_le32(&rd);
		name = string_at(&elf->strings, file);
		if (rd.bad || name == NULL || (next == 0 && i + 1 < elf->need_count))
			return bad_versions(err);
		rc = walk_need(elf, name, off + first, count, fn, arg, err);
		if (rc != 0)
			return rc;
		off += next;
	}
	return 0;
}

int elf_definitions(const struct elf *elf, elf_version_fn *fn, void *arg, struct err *err)
{
	uint64_t off = elf->def_off;

	for (uint64_t i = 0; i < elf->def_count; i++) {
		struct rd rd = rd_at(&elf->rd, off, 20);
		uint16_t flags;
		uint32_t first, next;
		const char *version;
		struct rd name;
		int rc = 0;

		rd_skip(&rd, 2);
		flags = rd_le16(&rd);
		rd_skip(&rd, 8);
		first = rd_le32(&rd);
		next = rd_le32(&rd);
		name = rd_at(&elf->rd, off + first, 8);
		version = string_at(&elf->strings, rd_le32(&name));
		if (rd.bad || name.bad || version == NULL || (next == 0 && i + 1 < elf->def_count))
			return bad_versions(err);
		if ((flags & FLAG_BASE) == 0)
			rc = fn(arg, NULL, version, false, err);
		if (rc != 0)
			return rc;
		off += next;
	}
	return 0;
}
