/*
 * Firmware volumes and their files (ffs.h).
 *
 *   volume                                    file, aligned to 8 in the volume
 *   16 | 16 | file system GUID                0  | 16 | GUID
 *   32 | 8  | bytes of the volume             16 | 1  | sum of the header
 *   40 | 4  | "_FVH"                          18 | 1  | type
 *   48 | 2  | bytes of the header             19 | 1  | attributes, bit 0: large
 *   50 | 2  | sum of the header               20 | 3  | bytes of the file
 *   52 | 2  | offset of the extended header   24 | 8  | bytes of a large file
 *
 *   section, aligned to 4 in the file         GUIDed section
 *   0  | 3  | bytes; 0xffffff: see 4          4  | 16 | GUID of the encoding
 *   3  | 1  | type                            20 | 2  | offset of the data in the section
 *   4  | 4  | bytes of a large section        22 | 2  | attributes
 */
#define _GNU_SOURCE /* memmem */
#include "formats/ffs.h"

#include <inttypes.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define GUID_FFS2 "8c8ce578-8a3d-4f1c-9935-896185c32dd3"
#define GUID_FFS3 "5473c07a-3dcb-4dca-bd6f-1e9689e7349a"
#define GUID_LZMA "ee4e5898-3914-4259-9d6e-dc7bd79403cf"

#define VOLUME_ALIGN	4096
#define VOLUME_HEADER	56
#define FILE_HEADER	24
#define FILE_TYPE_PAD	0xf0
#define FILE_LARGE	0x01
#define SECTION_GUIDED	0x02
#define SECTION_UI	0x15
#define SECTION_VOLUME	0x17
#define LZMA_HEADER	13
#define LZMA_MEMORY_MAX (128u << 20)
#define CHUNK_SIZE	(16u << 10) /* of what is decoded at a time */
#define DICTIONARY_FIRST                                                                           \
	(8u << 20) /* tried before a larger one that is declared: most firmware needs no more */

static int parse_volume(struct ffs *ffs, const struct rd *volume, unsigned depth, struct err *err);

static bool all_ones(const unsigned char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != 0xff)
			return false;
	return true;
}

/* Whether a volume starts here; *@ret_size is its size. */
static bool volume_at(const struct rd *image, size_t offset, uint64_t *ret_size)
{
	struct rd rd = rd_at(image, offset, VOLUME_HEADER);
	struct rd header;
	const unsigned char *magic;
	uint16_t header_size, sum = 0;

	rd_skip(&rd, 32);
	*ret_size = rd_le64(&rd);
	magic = rd_bytes(&rd, 4);
	if (magic == NULL || memcmp(magic, "_FVH", 4) != 0)
		return false;
	rd_skip(&rd, 4);
	header_size = rd_le16(&rd);
	header = rd_at(image, offset, header_size);
	while (rd_left(&header) >= 2)
		sum = (uint16_t)(sum + rd_le16(&header));
	return !header.bad && header_size >= VOLUME_HEADER && sum == 0;
}

static bool understood(const unsigned char *guid)
{
	return guid_is(guid, GUID_FFS2) || guid_is(guid, GUID_FFS3);
}

/* Has @stream consume the header of @packed, but with another dictionary. */
static bool begin(lzma_stream *stream, const struct rd *packed, uint32_t dictionary)
{
	unsigned char header[LZMA_HEADER], none;
	struct wr wr = wr_init(header, sizeof(header));

	wr_bytes(&wr, packed->base, 1);
	wr_le32(&wr, dictionary);
	wr_bytes(&wr, packed->base + 5, 8);
	if (lzma_alone_decoder(stream, LZMA_MEMORY_MAX) != LZMA_OK)
		return false;
	stream->next_in = header;
	stream->avail_in = sizeof(header);
	stream->next_out = &none; /* the decoder takes no header without room for what follows */
	stream->avail_out = 1;
	if (lzma_code(stream, LZMA_RUN) != LZMA_OK || stream->avail_in != 0)
		return false;
	stream->next_in = packed->base + LZMA_HEADER;
	stream->avail_in = packed->len - LZMA_HEADER;
	return true;
}

/* Decodes @size bytes to @ret, all but a run of ones at their end, whose length becomes *@ret_ones. */
static bool decode(lzma_stream *stream, unsigned char *ret, size_t size, size_t *ret_ones)
{
	unsigned char chunk[CHUNK_SIZE];
	size_t done = 0, ones = 0;
	lzma_ret status = LZMA_OK;

	while (status == LZMA_OK && done + ones < size) {
		size_t want = size - done - ones < sizeof(chunk) ? size - done - ones
								 : sizeof(chunk);

		stream->next_out = chunk;
		stream->avail_out = want;
		status = lzma_code(stream, LZMA_FINISH);
		if (stream->avail_out != 0)
			return false;
		if (all_ones(chunk, want)) {
			ones += want;
			continue;
		}
		memset(ret + done, 0xff, ones);
		memcpy(ret + done + ones, chunk, want);
		done += ones + want;
		ones = 0;
	}
	*ret_ones = ones;
	return status == LZMA_OK || status == LZMA_STREAM_END;
}

/*
 * Decodes what is @packed with this dictionary; liblzma refuses a stream that refers to more than it holds. Most of what firmware
 * unpacks to is the free space of its last volume, all ones: it is written when the decoder's own copy is gone, so that
 * both are never in memory together.
 */
static bool decode_with(
	uint32_t dictionary, const struct rd *packed, unsigned char *ret, size_t size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t ones = 0;
	bool good = begin(&stream, packed, dictionary) && decode(&stream, ret, size, &ones);

	lzma_end(&stream);
	if (good)
		memset(ret + size - ones, 0xff, ones);
	return good;
}

/* Unpacks an LZMA "alone" stream into memory that @ffs owns. */
static int unpack(struct ffs *ffs, const struct rd *packed, struct rd *ret, struct err *err)
{
	struct rd rd = *packed;
	unsigned char *bytes;
	uint32_t dictionary;
	uint64_t size;
	bool good;

	rd_skip(&rd, 1);
	dictionary = rd_le32(&rd);
	size = rd_le64(&rd);
	if (rd.bad || size == 0 || size > FFS_UNPACKED_MAX - ffs->unpacked_bytes)
		return err_fail(err, -EBADMSG,
			"firmware volume: compressed section claims to unpack to %" PRIu64 " bytes",
			size);
	if (ffs->unpacked_count == FFS_COMPRESSED_MAX)
		return err_fail(err, -EBADMSG, "firmware volume: more than %d compressed sections",
			FFS_COMPRESSED_MAX);
	bytes = malloc((size_t)size);
	if (bytes == NULL)
		return err_fail(
			err, -ENOMEM, "out of memory for %" PRIu64 " bytes of firmware", size);
	ffs->unpacked[ffs->unpacked_count++] = bytes;
	ffs->unpacked_bytes += (size_t)size;
	good = (dictionary > DICTIONARY_FIRST &&
		       decode_with(DICTIONARY_FIRST, packed, bytes, (size_t)size)) ||
	       decode_with(dictionary, packed, bytes, (size_t)size);
	if (!good)
		return err_fail(err, -EBADMSG, "firmware volume: damaged LZMA section");
	*ret = rd_init(bytes, (size_t)size);
	return 0;
}

/* A user interface section: UTF-16 text. Characters outside ASCII become '?'. */
static void read_name(const struct rd *body, char name[FFS_NAME_MAX])
{
	struct rd rd = *body;
	size_t n = 0;

	while (n < FFS_NAME_MAX - 1 && rd_left(&rd) >= 2) {
		uint16_t c = rd_le16(&rd);

		if (c == 0)
			break;
		name[n++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	name[n] = '\0';
}

struct section {
	uint8_t type;
	struct rd whole, body;
};

static int read_section(const struct rd *from, size_t offset, struct section *ret, struct err *err)
{
	struct rd rd = rd_at(from, offset, from->len - offset);
	uint32_t size = rd_le16(&rd);
	uint32_t header = 4;

	size |= (uint32_t)rd_u8(&rd) << 16;
	ret->type = rd_u8(&rd);
	if (size == 0xffffff) {
		size = rd_le32(&rd);
		header = 8;
	}
	if (rd.bad || size < header || size > from->len - offset)
		return err_fail(err, -EBADMSG,
			"firmware volume: section of %" PRIu32 " bytes of %zu", size,
			from->len - offset);
	ret->whole = rd_at(from, offset, size);
	ret->body = rd_at(from, offset + header, size - header);
	return 0;
}

static int parse_sections(struct ffs *ffs, const struct rd *sections, unsigned depth,
	struct ffs_file *file, bool *ret_wrapper, struct err *err);

static int parse_guided(struct ffs *ffs, const struct section *section, unsigned depth,
	struct ffs_file *file, bool *ret_wrapper, struct err *err)
{
	struct rd rd = section->body;
	const unsigned char *guid = rd_bytes(&rd, GUID_SIZE);
	uint16_t offset = rd_le16(&rd);
	struct rd packed = rd_at(&section->whole, offset,
		offset <= section->whole.len ? section->whole.len - offset : UINT64_MAX);
	struct rd unpacked;
	int rc;

	if (rd.bad || packed.bad)
		return err_fail(err, -EBADMSG, "firmware volume: GUIDed section cut short");
	if (!guid_is(guid, GUID_LZMA)) {
		ffs->opaque = true;
		return 0;
	}
	rc = unpack(ffs, &packed, &unpacked, err);
	if (rc != 0)
		return rc;
	return parse_sections(ffs, &unpacked, depth + 1, file, ret_wrapper, err);
}

/* Parses the sections of one file; *@ret_wrapper becomes true when they hold a volume. */
static int parse_sections(struct ffs *ffs, const struct rd *sections, unsigned depth,
	struct ffs_file *file, bool *ret_wrapper, struct err *err)
{
	size_t offset = 0;

	if (depth > FFS_DEPTH_MAX)
		return err_fail(
			err, -EBADMSG, "firmware volume: nested more than %d deep", FFS_DEPTH_MAX);
	while (offset < sections->len && sections->len - offset >= 4) {
		struct section section;
		int rc = read_section(sections, offset, &section, err);

		if (rc == 0 && section.type == SECTION_GUIDED) {
			rc = parse_guided(ffs, &section, depth, file, ret_wrapper, err);
		} else if (rc == 0 && section.type == SECTION_VOLUME) {
			*ret_wrapper = true;
			rc = parse_volume(ffs, &section.body, depth + 1, err);
		} else if (rc == 0 && section.type == SECTION_UI) {
			read_name(&section.body, file->name);
		}
		if (rc != 0)
			return rc;
		offset += (section.whole.len + 3) & ~(size_t)3;
	}
	return 0;
}

/* Whether files of this type consist of sections (raw, pad and vendor types do not). */
static bool has_sections(uint8_t type)
{
	return type >= 0x02 && type <= 0x0f;
}

struct volume {
	struct rd rd;
	struct guid name;
	bool named;
};

static int parse_file(struct ffs *ffs, const struct volume *in, size_t offset, unsigned depth,
	uint64_t *ret_size, struct err *err)
{
	const struct rd *volume = &in->rd;
	struct rd rd = rd_at(volume, offset, volume->len - offset);
	struct ffs_file file = {.type = 0, .volume = in->name, .named_volume = in->named};
	bool wrapper = false;
	struct rd contents;
	uint8_t attributes;
	uint64_t size;
	int rc;

	rd_copy(&rd, file.guid.bytes, GUID_SIZE);
	rd_skip(&rd, 2);
	file.type = rd_u8(&rd);
	attributes = rd_u8(&rd);
	size = rd_le16(&rd);
	size |= (uint64_t)rd_u8(&rd) << 16;
	rd_skip(&rd, 1);
	if ((attributes & FILE_LARGE) != 0)
		size = rd_le64(&rd);
	if (rd.bad || size < rd.pos || size > volume->len - offset)
		return err_fail(err, -EBADMSG,
			"firmware volume: file at byte %zu claims %" PRIu64 " bytes of %zu", offset,
			size, volume->len - offset);
	contents = rd_at(volume, offset + rd.pos, size - rd.pos);
	file.data = contents.base;
	file.len = contents.len;
	*ret_size = size;
	if (file.type == FILE_TYPE_PAD)
		return 0;
	rc = has_sections(file.type) ? parse_sections(ffs, &contents, depth, &file, &wrapper, err)
				     : 0;
	if (rc != 0 || wrapper)
		return rc;
	if (ffs->count == FFS_FILES_MAX)
		return err_fail(
			err, -EBADMSG, "firmware volumes hold more than %d files", FFS_FILES_MAX);
	ffs->files[ffs->count++] = file;
	return 0;
}

/* Where the first file of a volume starts; an extended header before it has the volume's name. */
static uint64_t first_file(struct volume *volume)
{
	struct rd rd = volume->rd;
	uint16_t header, extended;
	uint64_t start;

	rd_seek(&rd, 48);
	header = rd_le16(&rd);
	rd_skip(&rd, 2);
	extended = rd_le16(&rd);
	if (extended == 0)
		return header;
	rd_seek(&rd, extended);
	rd_copy(&rd, volume->name.bytes, GUID_SIZE);
	volume->named = !rd.bad;
	start = (uint64_t)extended + rd_le32(&rd);
	return rd.bad ? UINT64_MAX : (start + 7) & ~7ull;
}

static int parse_volume(struct ffs *ffs, const struct rd *volume, unsigned depth, struct err *err)
{
	struct volume parsed = {.named = false};
	uint64_t size, offset;

	if (depth > FFS_DEPTH_MAX)
		return err_fail(
			err, -EBADMSG, "firmware volume: nested more than %d deep", FFS_DEPTH_MAX);
	if (!volume_at(volume, 0, &size) || size > volume->len)
		return err_fail(err, -EBADMSG, "firmware volume: damaged header");
	parsed.rd = rd_at(volume, 0, size);
	if (!understood(parsed.rd.base + 16))
		return 0; /* the variable store, say */
	offset = first_file(&parsed);
	while (offset <= size && size - offset >= FILE_HEADER &&
		!all_ones(parsed.rd.base + offset, FILE_HEADER)) {
		uint64_t file_size = 0;
		int rc = parse_file(ffs, &parsed, (size_t)offset, depth, &file_size, err);

		if (rc != 0)
			return rc;
		offset = (offset + file_size + 7) & ~7ull;
	}
	if (offset > ((size + 7) & ~7ull))
		return err_fail(err, -EBADMSG, "firmware volume: files start beyond its end");
	return 0;
}

static int parse_image(struct ffs *ffs, const struct rd *image, struct err *err)
{
	size_t offset = 0;

	while (offset < image->len) {
		uint64_t size;
		struct rd volume;
		int rc;

		if (!volume_at(image, offset, &size)) {
			offset += VOLUME_ALIGN;
			continue;
		}
		volume = rd_at(image, offset, size);
		if (volume.bad || size < VOLUME_HEADER)
			return err_fail(err, -EBADMSG,
				"firmware volume at byte %zu claims %" PRIu64 " bytes of %zu",
				offset, size, image->len - offset);
		rc = parse_volume(ffs, &volume, 0, err);
		if (rc != 0)
			return rc;
		offset += ((size_t)size + VOLUME_ALIGN - 1) & ~(size_t)(VOLUME_ALIGN - 1);
	}
	return 0;
}

int ffs_parse(const void *image, size_t len, struct ffs *ret, struct err *err)
{
	FFS_AUTO ffs = {.files = calloc(FFS_FILES_MAX, sizeof(struct ffs_file))};
	struct rd whole = rd_init(image, len);
	int rc;

	if (ffs.files == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = parse_image(&ffs, &whole, err);
	if (rc != 0)
		return rc;
	*ret = ffs;
	ffs = (struct ffs){.files = NULL};
	return 0;
}

void ffs_done(struct ffs *ffs)
{
	for (size_t i = 0; i < ffs->unpacked_count; i++)
		free(ffs->unpacked[i]);
	free(ffs->files);
	*ffs = (struct ffs){.files = NULL};
}

const struct ffs_file *ffs_find(const struct ffs *ffs, const char *guid)
{
	for (size_t i = 0; i < ffs->count; i++)
		if (guid_is(ffs->files[i].guid.bytes, guid))
			return &ffs->files[i];
	return NULL;
}

bool ffs_file_section(const struct ffs_file *file, uint8_t type, struct rd *ret)
{
	struct rd all = rd_init(file->data, file->len);
	struct section section;
	struct err err = {0};
	size_t offset = 0;

	while (has_sections(file->type) && offset < all.len && all.len - offset >= 4 &&
		read_section(&all, offset, &section, &err) == 0) {
		if (section.type == type) {
			*ret = section.body;
			return true;
		}
		offset += (section.whole.len + 3) & ~(size_t)3;
	}
	return false;
}

bool ffs_file_has(const struct ffs_file *file, const void *needle, size_t n)
{
	return n > 0 && memmem(file->data, file->len, needle, n) != NULL;
}
