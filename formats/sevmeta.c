/*
 * SEV metadata (sevmeta.h).
 *
 *   0  | 4 | "ASEV"
 *   4  | 4 | bytes of header and sections: 16 + 12 * count
 *   8  | 4 | version 1
 *   12 | 4 | count
 *   16 | 12 each | u32 GPA, u32 bytes, u32 type
 */
#include "formats/sevmeta.h"

#include <string.h>

#include "lib/rd.h"

#define HEADER_SIZE  16
#define SECTION_SIZE 12
#define PAGE_SIZE    4096

int sevmeta_parse(const void *image, size_t len, size_t at, struct sevmeta *ret, struct err *err)
{
	struct rd whole = rd_init(image, len);
	struct rd rd = rd_at(&whole, at, at > len ? 0 : len - at);
	const unsigned char *signature = rd_bytes(&rd, 4);
	uint32_t size = rd_le32(&rd);
	uint32_t version = rd_le32(&rd);
	uint32_t count = rd_le32(&rd);
	struct sevmeta meta = {.count = count};

	if (rd.bad || memcmp(signature, "ASEV", 4) != 0)
		return err_fail(err, -EBADMSG, "firmware: no SEV metadata at byte %zu", at);
	if (version != 1)
		return err_fail(err, -ENOTSUP, "firmware: SEV metadata version %u at byte %zu",
			version, at);
	if (count > SEVMETA_SECTIONS_MAX)
		return err_fail(err, -EBADMSG, "firmware: %u SEV metadata sections, limit %d",
			count, SEVMETA_SECTIONS_MAX);
	if (size != HEADER_SIZE + count * SECTION_SIZE)
		return err_fail(err, -EBADMSG,
			"firmware: SEV metadata at byte %zu has %u bytes for %u sections", at, size,
			count);
	for (size_t i = 0; i < count; i++) {
		meta.sections[i].gpa = rd_le32(&rd);
		meta.sections[i].size_bytes = rd_le32(&rd);
		meta.sections[i].type = rd_le32(&rd);
	}
	if (rd.bad)
		return err_fail(err, -EBADMSG,
			"firmware: SEV metadata at byte %zu ends beyond the image", at);
	*ret = meta;
	return 0;
}

static uint64_t end_of(const struct sevmeta_section *section)
{
	return (uint64_t)section->gpa + section->size_bytes;
}

static int bad_section(const struct sevmeta_section *section, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG,
		"firmware: SEV metadata section %s at GPA 0x%x, size 0x%x: %s",
		sevmeta_type_name(section->type), section->gpa, section->size_bytes, why);
}

static bool is_single(uint32_t type)
{
	return type == SEVMETA_SECRETS || type == SEVMETA_CPUID || type == SEVMETA_KERNEL_HASHES;
}

static int check_section(const struct sevmeta_section *section, uint64_t rom_gpa, struct err *err)
{
	if (section->gpa % PAGE_SIZE != 0 || section->size_bytes % PAGE_SIZE != 0)
		return bad_section(section, "not aligned to pages", err);
	if (end_of(section) > rom_gpa)
		return bad_section(section, "reaches into the firmware", err);
	if (is_single(section->type) && section->size_bytes > PAGE_SIZE)
		return bad_section(section, "more than one page", err);
	return 0;
}

static int check_pair(
	const struct sevmeta_section *one, const struct sevmeta_section *other, struct err *err)
{
	if (is_single(one->type) && one->type == other->type)
		return bad_section(other, "the second of its type", err);
	if (one->gpa < end_of(other) && other->gpa < end_of(one))
		return bad_section(other, "overlaps another section", err);
	return 0;
}

int sevmeta_check(const struct sevmeta *meta, uint64_t rom_gpa, struct err *err)
{
	for (size_t i = 0; i < meta->count; i++) {
		int rc = check_section(&meta->sections[i], rom_gpa, err);

		for (size_t j = 0; rc == 0 && j < i; j++)
			rc = check_pair(&meta->sections[j], &meta->sections[i], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

const struct sevmeta_section *sevmeta_find(const struct sevmeta *meta, uint32_t type)
{
	for (size_t i = 0; i < meta->count; i++)
		if (meta->sections[i].type == type)
			return &meta->sections[i];
	return NULL;
}

const char *sevmeta_type_name(uint32_t type)
{
	static const struct {
		uint32_t type;
		const char *name;
	} names[] = {
		{SEVMETA_SEC_MEM, "SEC_MEM"},
		{SEVMETA_SECRETS, "SECRETS"},
		{SEVMETA_CPUID, "CPUID"},
		{SEVMETA_SVSM_CAA, "SVSM_CAA"},
		{SEVMETA_KERNEL_HASHES, "KERNEL_HASHES"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "unknown";
}
