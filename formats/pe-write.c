/*
 * PE images (pe-write.h). Offsets:
 *
 *   COFF header             | optional header, PE32+       | section header, 40 bytes
 *    2 2  NumberOfSections  |   8 4  SizeOfInitializedData |  0 8  Name
 *    8 4  PointerToSymbols  |  32 4  SectionAlignment      |  8 4  VirtualSize
 *   12 4  NumberOfSymbols   |  36 4  FileAlignment         | 12 4  VirtualAddress
 *   16 2  SizeOfOptional... |  56 4  SizeOfImage           | 16 4  SizeOfRawData
 *                           |  60 4  SizeOfHeaders         | 20 4  PointerToRawData
 *                           |  64 4  CheckSum              | 36 4  Characteristics
 *                           |  70 2  DllCharacteristics    |
 */
#include "formats/pe-write.h"

#include <string.h>

#include "formats/pe.h"
#include "lib/rd.h"
#include "lib/wr.h"

#define COFF_SIZE	   20
#define SECTION_SIZE	   40
#define OFF_CHECKSUM	   64
#define CERT_HEADER	   8
#define CERT_REVISION	   0x0200
#define CERT_PKCS7	   0x0002
#define CERT_ALIGN	   8
#define SECTION_CODE	   0x00000020u
#define SECTION_DATA	   0x00000040u
#define SECTION_READ	   0x40000000u
#define NX_COMPAT	   0x0100u
#define FILE_ALIGNMENT_MAX 65536u

/* An image under work: where its headers are, and what they say. */
struct image {
	struct buf *bytes;
	struct pe *pe;
	size_t coff, optional, table; /* offsets */
	uint32_t file_alignment, section_alignment;
};

static uint32_t get_le32(const struct buf *bytes, size_t at)
{
	struct rd rd = rd_init(bytes->data, bytes->len);
	struct rd field = rd_at(&rd, at, 4);

	return rd_le32(&field);
}

static uint16_t get_le16(const struct buf *bytes, size_t at)
{
	struct rd rd = rd_init(bytes->data, bytes->len);
	struct rd field = rd_at(&rd, at, 2);

	return rd_le16(&field);
}

static struct wr writer(struct buf *bytes, size_t at)
{
	return (struct wr){.base = bytes->data, .cap = bytes->len, .pos = at};
}

static void put_le32(struct buf *bytes, size_t at, uint32_t value)
{
	struct wr wr = writer(bytes, at);

	wr_le32(&wr, value);
}

static void put_le16(struct buf *bytes, size_t at, uint16_t value)
{
	struct wr wr = writer(bytes, at);

	wr_le16(&wr, value);
}

static uint64_t round_up(uint64_t n, uint32_t align)
{
	return (n + align - 1) & ~(uint64_t)(align - 1);
}

static bool is_power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static int open_image(struct buf *bytes, struct pe *pe, struct image *ret, struct err *err)
{
	int rc = pe_parse(bytes->data, bytes->len, pe, err);
	struct image image = {.bytes = bytes, .pe = pe};

	if (rc != 0)
		return rc;
	if (!pe->pe32_plus || pe->count == 0 || pe->security_offset == 0)
		return err_fail(err, -ENOTSUP,
			"not a PE32+ image with sections and a place for a signature");
	image.optional = pe->checksum_offset - OFF_CHECKSUM;
	image.coff = image.optional - COFF_SIZE;
	image.table = image.optional + get_le16(bytes, image.coff + 16);
	image.section_alignment = get_le32(bytes, image.optional + 32);
	image.file_alignment = get_le32(bytes, image.optional + 36);
	if (!is_power_of_two(image.section_alignment) || !is_power_of_two(image.file_alignment) ||
		image.file_alignment > FILE_ALIGNMENT_MAX)
		return err_fail(err, -EBADMSG, "PE alignments 0x%x and 0x%x",
			image.section_alignment, image.file_alignment);
	*ret = image;
	return 0;
}

/* What would be lost or wrong behind new sections. */
static int check_base(const struct image *image, struct err *err)
{
	uint64_t end = image->pe->headers_size;

	if (image->pe->security_size > 0)
		return err_fail(err, -ENOTSUP, "the PE image is signed already");
	if (get_le32(image->bytes, image->coff + 8) != 0)
		return err_fail(err, -ENOTSUP, "the PE image has a symbol table");
	if (image->pe->headers_size % image->file_alignment != 0)
		return err_fail(err, -ENOTSUP, "the PE image's headers are not aligned");
	for (size_t i = 0; i < image->pe->count; i++) {
		const struct pe_section *section = &image->pe->sections[i];

		if (section->raw_size > 0 && section->raw_offset != end)
			return err_fail(err, -ENOTSUP,
				"the PE image's section %s does not follow the one before",
				section->name);
		end += section->raw_size;
		if (end % image->file_alignment != 0)
			return err_fail(err, -ENOTSUP, "the PE image's section %s is not aligned",
				section->name);
	}
	if (end != image->bytes->len)
		return err_fail(err, -ENOTSUP, "the PE image has bytes behind its sections");
	return 0;
}

static int replace_section(
	struct image *image, size_t i, const struct pe_write_section *section, struct err *err)
{
	struct pe_section *there = &image->pe->sections[i];
	struct wr wr = writer(image->bytes, there->raw_offset);

	if (section->len > there->raw_size)
		return err_fail(err, -EFBIG, "section %s: %zu bytes, and there is room for %u",
			section->name, section->len, there->raw_size);
	wr_bytes(&wr, section->data, section->len);
	wr_fill(&wr, 0, there->raw_size - section->len);
	there->virtual_size = (uint32_t)section->len;
	put_le32(image->bytes, image->table + i * SECTION_SIZE + 8, (uint32_t)section->len);
	return 0;
}

static void put_header(struct image *image, const struct pe_section *section, bool code)
{
	struct wr wr = writer(image->bytes, image->table + image->pe->count * SECTION_SIZE);
	size_t start = wr.pos;

	wr_fill(&wr, 0, SECTION_SIZE);
	wr_seek(&wr, start);
	wr_bytes(&wr, section->name, strlen(section->name));
	wr_seek(&wr, start + 8);
	wr_le32(&wr, section->virtual_size);
	wr_le32(&wr, section->virtual_address);
	wr_le32(&wr, section->raw_size);
	wr_le32(&wr, section->raw_offset);
	wr_seek(&wr, start + 36);
	wr_le32(&wr, SECTION_READ | (code ? SECTION_CODE : SECTION_DATA));
}

static int append_section(
	struct image *image, const struct pe_write_section *section, struct err *err)
{
	struct pe *pe = image->pe;
	const struct pe_section *last = &pe->sections[pe->count - 1];
	uint64_t address = round_up(
		(uint64_t)last->virtual_address + last->virtual_size, image->section_alignment);
	uint64_t raw = round_up(section->len, image->file_alignment);
	size_t header = image->table + pe->count * SECTION_SIZE;
	struct pe_section new = {.virtual_size = (uint32_t)section->len,
		.virtual_address = (uint32_t)address,
		.raw_offset = (uint32_t)image->bytes->len,
		.raw_size = (uint32_t)raw};

	if (header + SECTION_SIZE > pe->headers_size || pe->count == PE_SECTIONS_MAX)
		return err_fail(err, -EFBIG, "section %s: the headers are full", section->name);
	if (section->len > PE_WRITE_IMAGE_MAX || image->bytes->len + raw > PE_WRITE_IMAGE_MAX ||
		address + section->len > PE_WRITE_IMAGE_MAX)
		return err_fail(err, -EFBIG, "section %s: an image over %u bytes", section->name,
			PE_WRITE_IMAGE_MAX);
	memcpy(new.name, section->name, strlen(section->name) + 1);
	put_header(image, &new, section->code);
	buf_add(image->bytes, section->data, section->len);
	buf_align(image->bytes, image->file_alignment);
	put_le16(image->bytes, image->coff + 2, (uint16_t)(pe->count + 1));
	put_le32(image->bytes, image->optional + 8,
		get_le32(image->bytes, image->optional + 8) + (uint32_t)section->len);
	pe->sections[pe->count++] = new;
	return buf_check(image->bytes, err);
}

static int add_section(
	struct image *image, const struct pe_write_section *section, size_t own, struct err *err)
{
	if (section->len == 0 || strlen(section->name) > PE_NAME_SIZE)
		return err_fail(
			err, -EINVAL, "section %s: empty, or its name is too long", section->name);
	for (size_t i = 0; i < own; i++) {
		if (strcmp(image->pe->sections[i].name, section->name) == 0)
			return replace_section(image, i, section, err);
	}
	return append_section(image, section, err);
}

static int write_sections(
	struct image *image, const struct pe_write_section *sections, size_t count, struct err *err)
{
	size_t own = image->pe->count;
	const struct pe_section *last;
	int rc = check_base(image, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_section(image, &sections[i], own, err);
	if (rc != 0)
		return rc;
	last = &image->pe->sections[image->pe->count - 1];
	put_le32(image->bytes, image->optional + 56,
		(uint32_t)round_up((uint64_t)last->virtual_address + last->virtual_size,
			image->section_alignment));
	put_le32(image->bytes, image->pe->checksum_offset, 0);
	return 0;
}

int pe_write_sections(const void *image, size_t len, const struct pe_write_section *sections,
	size_t count, struct buf *ret, struct err *err)
{
	BUF_AUTO bytes = {0};
	struct image work;
	struct pe pe;
	int rc;

	buf_add(&bytes, image, len);
	rc = buf_check(&bytes, err);
	if (rc == 0)
		rc = open_image(&bytes, &pe, &work, err);
	if (rc == 0)
		rc = write_sections(&work, sections, count, err);
	/* What was written must read as what was meant. */
	if (rc == 0)
		rc = pe_parse(bytes.data, bytes.len, &pe, err);
	if (rc != 0)
		return rc;
	buf_add(ret, bytes.data, bytes.len);
	return buf_check(ret, err);
}

int pe_write_match_nx(struct buf *image, const void *inner, size_t len, struct err *err)
{
	struct buf view = {.data = (unsigned char *)(uintptr_t)inner, .len = len};
	struct image outside, inside;
	struct pe pe;
	uint16_t flags;
	int rc = open_image(&view, &pe, &inside, err);

	if (rc != 0)
		return rc;
	flags = get_le16(&view, inside.optional + 70);
	rc = open_image(image, &pe, &outside, err);
	if (rc == 0 && (flags & NX_COMPAT) == 0)
		put_le16(image, outside.optional + 70,
			get_le16(image, outside.optional + 70) & (uint16_t)~NX_COMPAT);
	return rc;
}

/* An image to be signed: complete, without a signature. */
static int open_unsigned(struct buf *bytes, struct pe *pe, struct image *ret, struct err *err)
{
	int rc = open_image(bytes, pe, ret, err);

	if (rc == 0)
		rc = check_base(ret, err);
	if (rc == 0 && bytes->len % CERT_ALIGN != 0)
		rc = err_fail(err, -ENOTSUP, "the PE image does not end on %d bytes", CERT_ALIGN);
	return rc;
}

int pe_write_digest(const struct buf *image, unsigned char ret[SHA256_SIZE], struct err *err)
{
	struct buf view = {.data = image->data, .len = image->len};
	DIGEST_AUTO digest = {0};
	struct image work;
	struct pe pe;
	int rc = open_unsigned(&view, &pe, &work, err);
	size_t after;

	if (rc == 0)
		rc = digest_init(&digest, DIGEST_SHA256, err);
	if (rc == 0)
		rc = digest_begin(&digest, err);
	/* All but the checksum and the directory's entry; its sections follow each other to the end. */
	if (rc == 0)
		rc = digest_update(&digest, image->data, pe.checksum_offset, err);
	after = rc == 0 ? pe.checksum_offset + 4 : 0;
	if (rc == 0)
		rc = digest_update(&digest, image->data + after, pe.security_offset - after, err);
	after = rc == 0 ? pe.security_offset + 8 : 0;
	if (rc == 0)
		rc = digest_update(&digest, image->data + after, image->len - after, err);
	return rc != 0 ? rc : digest_end(&digest, ret, err);
}

int pe_write_signature(struct buf *image, const void *der, size_t len, struct err *err)
{
	unsigned char header[CERT_HEADER];
	struct wr wr = wr_init(header, sizeof(header));
	size_t size = (size_t)round_up(CERT_HEADER + len, CERT_ALIGN);
	size_t at = image->len;
	struct image work;
	struct pe pe;
	int rc = open_unsigned(image, &pe, &work, err);

	if (rc != 0)
		return rc;
	if (len > PE_WRITE_IMAGE_MAX || at + size > PE_WRITE_IMAGE_MAX)
		return err_fail(err, -EFBIG, "a signature of %zu bytes", len);
	wr_le32(&wr, (uint32_t)size);
	wr_le16(&wr, CERT_REVISION);
	wr_le16(&wr, CERT_PKCS7);
	buf_add(image, header, sizeof(header));
	buf_add(image, der, len);
	buf_align(image, CERT_ALIGN);
	rc = buf_check(image, err);
	if (rc != 0)
		return rc;
	put_le32(image, pe.security_offset, (uint32_t)at);
	put_le32(image, pe.security_offset + 4, (uint32_t)size);
	return 0;
}
