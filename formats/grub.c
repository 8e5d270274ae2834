/*
 * GRUB images (grub.h). Little-endian.
 *
 *   section   0  4  "mimg"                  part  0  4  kind
 *             8  8  offset of the parts           4  4  bytes, this header included
 *            16  8  bytes, all of it              8  -  contents
 *
 * A part of kind 0 is an ELF64 object; the section .modname in it holds the module's name.
 */
#include "formats/grub.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC	     0x676d696du
#define PART_HEADER  8
#define KIND_ELF     0
#define KIND_MEMDISK 1
#define KIND_CONFIG  2
#define KIND_PREFIX  3
#define ELF_SHDR     64

bool grub_image_probe(const struct pe *pe)
{
	const struct pe_section *mods = pe_section(pe, "mods");

	return mods != NULL && mods->raw_size > 0;
}

/* The next part; false at the end. A part without sense is empty and of no kind. */
static bool next_part(struct rd *parts, uint32_t *ret_kind, struct rd *ret)
{
	uint32_t size;

	if (rd_left(parts) < PART_HEADER)
		return false;
	*ret_kind = rd_le32(parts);
	size = rd_le32(parts);
	if (size < PART_HEADER) {
		parts->bad = true;
		return false;
	}
	*ret = rd_at(parts, parts->pos, size - PART_HEADER);
	rd_skip(parts, size - PART_HEADER);
	return !parts->bad;
}

static bool take_prefix(const struct rd *part, char ret[GRUB_TEXT_MAX])
{
	const unsigned char *nul = part->len > 0 ? memchr(part->base, '\0', part->len) : NULL;
	size_t n = nul != NULL ? (size_t)(nul - part->base) : part->len;

	if (n >= GRUB_TEXT_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (part->base[i] < ' ' || part->base[i] > 0x7e)
			return false;
	if (n > 0)
		memcpy(ret, part->base, n);
	ret[n] = '\0';
	return true;
}

int grub_image_parse(
	const void *image, const struct pe *pe, struct grub_image *ret, struct err *err)
{
	const struct pe_section *mods = pe_section(pe, "mods");
	struct grub_image grub = {.has_config = false};
	struct rd rd = rd_init(
		mods != NULL ? (const unsigned char *)image + mods->raw_offset : NULL,
		mods != NULL ? mods->raw_size : 0);
	uint32_t magic = rd_le32(&rd);
	uint64_t offset, size;
	struct rd parts, part;
	uint32_t kind;
	size_t count = 0;

	rd_skip(&rd, 4);
	offset = rd_le64(&rd);
	size = rd_le64(&rd);
	if (rd.bad || magic != MAGIC || size < offset)
		return err_fail(err, -EBADMSG, "GRUB image: no modules in its mods section");
	grub.parts = rd_at(&rd, offset, size - offset);
	parts = grub.parts;
	while (count < GRUB_PARTS_MAX && next_part(&parts, &kind, &part)) {
		count++;
		grub.has_config = grub.has_config || kind == KIND_CONFIG;
		grub.has_memdisk = grub.has_memdisk || kind == KIND_MEMDISK;
		if (kind == KIND_PREFIX && !take_prefix(&part, grub.prefix))
			return err_fail(err, -EBADMSG, "GRUB image: a prefix that is no path");
	}
	if (parts.bad || rd_left(&parts) >= PART_HEADER)
		return err_fail(err, -EBADMSG, "GRUB image: damaged module %zu", count);
	*ret = grub;
	return 0;
}

/* The name's offset and the contents of section @i of an ELF64 object. */
static struct rd elf_section(
	const struct rd *elf, const struct rd *table, uint16_t i, uint32_t *ret_name)
{
	struct rd at = rd_at(table, (uint64_t)i * ELF_SHDR, ELF_SHDR);
	uint64_t offset, size;

	*ret_name = rd_le32(&at);
	rd_seek(&at, 24);
	offset = rd_le64(&at);
	size = rd_le64(&at);
	return at.bad ? at : rd_at(elf, offset, size);
}

/* The contents of .modname; bad when there is none. */
static struct rd module_name(const struct rd *elf)
{
	static const char wanted[] = ".modname";
	struct rd rd = *elf;
	struct rd table, names, section = {.bad = true};
	uint16_t entry_size, count, names_index;
	uint64_t offset;
	uint32_t name;

	rd_seek(&rd, 40);
	offset = rd_le64(&rd);
	rd_seek(&rd, 58);
	entry_size = rd_le16(&rd);
	count = rd_le16(&rd);
	names_index = rd_le16(&rd);
	if (rd.bad || entry_size != ELF_SHDR || names_index >= count)
		return section;
	table = rd_at(elf, offset, (uint64_t)count * ELF_SHDR);
	names = elf_section(elf, &table, names_index, &name);
	for (uint16_t i = 0; i < count; i++) {
		struct rd contents = elf_section(elf, &table, i, &name);
		struct rd text = rd_at(&names, name, sizeof(wanted));

		if (!text.bad && memcmp(text.base, wanted, sizeof(wanted)) == 0)
			return contents;
	}
	return section;
}

struct rd grub_image_module(const struct grub_image *image, const char *module)
{
	struct rd parts = image->parts;
	struct rd part;
	uint32_t kind;

	for (size_t i = 0; i < GRUB_PARTS_MAX && next_part(&parts, &kind, &part); i++) {
		struct rd name;

		if (kind != KIND_ELF)
			continue;
		name = module_name(&part);
		if (!name.bad && name.len > strlen(module) &&
			memcmp(name.base, module, strlen(module) + 1) == 0)
			return part;
	}
	return (struct rd){.bad = true};
}
