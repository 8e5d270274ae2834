/*
 * Synthetic firmware volumes for tests: modules with a name and contents, in an inner volume that
 * is LZMA-compressed in a file of the outer one, as OVMF has it.
 */
#ifndef TESTS_UNIT_FFS_IMAGE_H
#define TESTS_UNIT_FFS_IMAGE_H

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/guid.h"

#define FFS_IMAGE_FFS2 "8c8ce578-8a3d-4f1c-9935-896185c32dd3"
#define FFS_IMAGE_LZMA "ee4e5898-3914-4259-9d6e-dc7bd79403cf"

struct ffs_image_module {
	const char *guid, *name, *contents; /* the contents' NUL is kept */
};

static inline void ffs_image_le(struct buf *buf, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add(buf, (unsigned char[1]){i < 8 ? (unsigned char)(value >> (8 * i)) : 0}, 1);
}

static inline void ffs_image_guid(struct buf *buf, const char *text)
{
	struct guid guid = {{0}};

	if (!guid_parse(text, &guid))
		abort();
	buf_add(buf, guid.bytes, GUID_SIZE);
}

/* A section; what precedes the data in a GUIDed one is part of @body. */
static inline void ffs_image_section(struct buf *buf, unsigned type, const void *body, size_t n)
{
	buf_align(buf, 4);
	ffs_image_le(buf, n + 4, 3);
	ffs_image_le(buf, type, 1);
	buf_add(buf, body, n);
}

/* A file of @type around @sections. */
static inline void ffs_image_file(
	struct buf *buf, const char *guid, unsigned type, const struct buf *sections)
{
	buf_align(buf, 8);
	ffs_image_guid(buf, guid);
	ffs_image_le(buf, 0, 2);
	ffs_image_le(buf, type, 1);
	ffs_image_le(buf, 0, 1);
	ffs_image_le(buf, 24 + sections->len, 3);
	ffs_image_le(buf, 0xf8, 1);
	buf_add(buf, sections->data, sections->len);
}

/* A volume of the file system @guid around @files, its size a multiple of 4096. */
static inline void ffs_image_volume(struct buf *buf, const char *guid, const struct buf *files)
{
	size_t start = buf->len, size = (72 + files->len + 4095) / 4096 * 4096;
	unsigned sum = 0;

	ffs_image_le(buf, 0, 16);
	ffs_image_guid(buf, guid);
	ffs_image_le(buf, size, 8);
	buf_str(buf, "_FVH");
	ffs_image_le(buf, 0x0004feff, 4);
	ffs_image_le(buf, 72, 2);
	ffs_image_le(buf, 0, 2); /* checksum, below */
	ffs_image_le(buf, 0, 2);
	ffs_image_le(buf, 0x0200, 2);
	ffs_image_le(buf, 1, 4);
	ffs_image_le(buf, size, 4);
	ffs_image_le(buf, 0, 8);
	for (size_t i = 0; i < 72; i += 2)
		sum += buf->data[start + i] | (unsigned)buf->data[start + i + 1] << 8;
	sum = 0x10000 - (sum & 0xffff);
	buf->data[start + 50] = (unsigned char)sum;
	buf->data[start + 51] = (unsigned char)(sum >> 8);
	buf_add(buf, files->data, files->len);
	while (buf->len - start < size)
		buf_add(buf, "\xff", 1);
}

/* The body of a GUIDed section that holds @raw compressed. */
static inline void ffs_image_compress(struct buf *buf, const char *guid, const struct buf *raw)
{
	lzma_options_lzma options;
	lzma_stream stream = LZMA_STREAM_INIT;
	static unsigned char packed[1 << 20];

	ffs_image_guid(buf, guid);
	ffs_image_le(buf, 24, 2);
	ffs_image_le(buf, 1, 2);
	if (lzma_lzma_preset(&options, 1))
		abort();
	options.dict_size = 16u << 20; /* as edk2 has it */
	if (lzma_alone_encoder(&stream, &options) != LZMA_OK)
		abort();
	stream.next_in = raw->data;
	stream.avail_in = raw->len;
	stream.next_out = packed;
	stream.avail_out = sizeof(packed);
	if (lzma_code(&stream, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	/* Firmware states the size where the encoder leaves it open. */
	for (size_t i = 0; i < 8; i++)
		packed[5 + i] = (unsigned char)((uint64_t)raw->len >> (8 * i));
	buf_add(buf, packed, sizeof(packed) - stream.avail_out);
	lzma_end(&stream);
}

static inline void ffs_image_module_add(struct buf *files, const struct ffs_image_module *module)
{
	BUF_AUTO sections = {0};
	BUF_AUTO name = {0};

	ffs_image_section(&sections, 0x10, module->contents, strlen(module->contents) + 1);
	for (size_t i = 0; i <= strlen(module->name); i++)
		ffs_image_le(&name, (unsigned char)module->name[i], 2);
	ffs_image_section(&sections, 0x15, name.data, name.len);
	ffs_image_file(files, module->guid, 0x07, &sections);
}

/* Appends an outer volume with the modules in a compressed inner one; @encoding is FFS_IMAGE_LZMA
 * but for tests. */
static inline void ffs_image_make(
	struct buf *buf, const struct ffs_image_module *modules, size_t count, const char *encoding)
{
	BUF_AUTO files = {0};
	BUF_AUTO volume = {0};
	BUF_AUTO section = {0};
	BUF_AUTO body = {0};
	BUF_AUTO wrapper = {0};
	BUF_AUTO outer = {0};

	for (size_t i = 0; i < count; i++)
		ffs_image_module_add(&files, &modules[i]);
	ffs_image_volume(&volume, FFS_IMAGE_FFS2, &files);
	ffs_image_section(&section, 0x17, volume.data, volume.len);
	ffs_image_compress(&body, encoding, &section);
	ffs_image_section(&wrapper, 0x02, body.data, body.len);
	ffs_image_file(&outer, "9e21fd93-9c72-4c15-8c4b-e77f1db2d792", 0x0b, &wrapper);
	ffs_image_volume(buf, FFS_IMAGE_FFS2, &outer);
}

#endif
