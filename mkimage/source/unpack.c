/*
 * Decompression as a stream (unpack.h).
 *
 *   gzip  RFC 1952: magic 1f 8b
 *   xz    The .xz File Format 1.1.0: stream header 12 bytes, then a block header: size/4-1 (1), flags (1: filters-1 in bits
 *         0-1, sizes present in bits 6 and 7), [compressed size][uncompressed size], filters (id, size of properties,
 *         properties), all numbers as 7-bit groups; LZMA2 is id 0x21 with one byte of dictionary size
 *   zstd  RFC 8878: magic, descriptor (1), then a window byte unless the frame is a single segment, whose window is its
 *         content size
 */
#include "mkimage/source/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/rd.h"

#define CHUNK_BYTES	(256u << 10)
#define CHUNK_BYTES_MIN (16u << 10) /* what is read behind a skip: mostly another header */
#define HEAD_BYTES	64
#define XZ_HEADER_BYTES 12
#define XZ_FILTERS_MAX	4
#define XZ_LZMA2	0x21
#define XZ_NUMBER_BYTES 9

static int enable_gzip(struct archive *archive)
{
	return archive_read_support_filter_gzip(archive);
}

static int enable_xz(struct archive *archive)
{
	return archive_read_support_filter_xz(archive);
}

static int enable_zstd(struct archive *archive)
{
	return archive_read_support_filter_zstd(archive);
}

/* A number of an xz header; the reader turns bad on an overlong one. */
static uint64_t xz_number(struct rd *rd)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < XZ_NUMBER_BYTES; i++) {
		uint8_t byte = rd_u8(rd);

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			return value;
	}
	rd->bad = true;
	return 0;
}

/* The dictionary size that the first block declares; 0 when the stream holds no block. */
static uint64_t xz_window(struct rd *rd)
{
	rd_seek(rd, XZ_HEADER_BYTES);
	if (rd_u8(rd) == 0)
		return 0;
	uint8_t flags = rd_u8(rd);

	for (unsigned bit = 6; bit <= 7; bit++) {
		if ((flags >> bit & 1) != 0)
			xz_number(rd);
	}
	for (unsigned i = 0; i <= (flags & (XZ_FILTERS_MAX - 1)); i++) {
		uint64_t id = xz_number(rd);
		uint64_t size = xz_number(rd);

		if (id == XZ_LZMA2) {
			uint8_t code = rd_u8(rd);

			if (code > 40)
				rd->bad = true;
			return code >= 40 ? UINT32_MAX : (2ull | (code & 1)) << (code / 2 + 11);
		}
		rd_skip(rd, size);
	}
	rd->bad = true;
	return 0;
}

static uint64_t zstd_window(struct rd *rd)
{
	static const unsigned char dictionary_bytes[] = {0, 1, 2, 4};

	rd_seek(rd, 4);
	uint8_t descriptor = rd_u8(rd);

	if ((descriptor & 0x20) == 0) {
		uint8_t window = rd_u8(rd);
		uint64_t base = 1ull << (10 + (window >> 3));

		return base + base / 8 * (window & 7);
	}
	rd_skip(rd, dictionary_bytes[descriptor & 3]);
	switch (descriptor >> 6) {
	case 0:
		return rd_u8(rd);
	case 1:
		return rd_le16(rd) + 256ull;
	case 2:
		return rd_le32(rd);
	default:
		return rd_le64(rd);
	}
}

static uint64_t gzip_window(struct rd *rd)
{
	rd_skip(rd, 10);
	return 32u << 10;
}

static const struct filter {
	const char *name;
	const char *magic;
	size_t magic_len;
	int (*enable)(struct archive *archive);
	uint64_t (*window)(struct rd *rd); /* bytes of history that the stream asks for */
} filters[] = {
	{"gzip", "\x1f\x8b", 2, enable_gzip, gzip_window},
	{"xz",
		"\xfd"
		"7zXZ\0",
		6, enable_xz, xz_window},
	{"zstd", "\x28\xb5\x2f\xfd", 4, enable_zstd, zstd_window},
};

static const struct filter *filter_of(const unsigned char *head, size_t n)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		if (n >= filters[i].magic_len &&
			memcmp(head, filters[i].magic, filters[i].magic_len) == 0)
			return &filters[i];
	}
	return NULL;
}

/* archive_read_callback: the next chunk of the range. */
static la_ssize_t read_chunk(struct archive *archive, void *arg, const void **ret)
{
	struct unpack *unpack = arg;
	uint64_t left = unpack->end - unpack->off;
	size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

	*ret = unpack->chunk;
	if (n == 0)
		return 0;
	if (io_pread(unpack->fd, "input", unpack->chunk, n, unpack->off, unpack->read_err) != 0) {
		archive_set_error(archive, EIO, "read failed");
		return -1;
	}
	unpack->off += n;
	return (la_ssize_t)n;
}

/* The failure of a call into libarchive: the read callback's own error when there is one. */
static int archive_failed(struct unpack *unpack, struct err *err)
{
	const char *text = archive_error_string(unpack->archive);
	int code = archive_errno(unpack->archive) == ENOMEM ? -ENOMEM : -EBADMSG;

	if (unpack->read_err != NULL && unpack->read_err->code != 0)
		return err_fail(err, unpack->read_err->code, "%s", unpack->read_err->msg);
	return err_fail(err, code, "decompression failed after %llu bytes: %s",
		(unsigned long long)unpack->out_bytes, text != NULL ? text : "no reason given");
}

static int archive_start(struct unpack *unpack, const struct filter *filter, struct err *err)
{
	struct err read_err = {0};
	struct archive_entry *entry;

	unpack->archive = archive_read_new();
	if (unpack->archive == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	unpack->read_err = &read_err;
	if (filter->enable(unpack->archive) != ARCHIVE_OK ||
		archive_read_support_format_raw(unpack->archive) != ARCHIVE_OK ||
		archive_read_set_read_callback(unpack->archive, read_chunk) != ARCHIVE_OK ||
		archive_read_set_callback_data(unpack->archive, unpack) != ARCHIVE_OK ||
		archive_read_open1(unpack->archive) != ARCHIVE_OK ||
		archive_read_next_header(unpack->archive, &entry) != ARCHIVE_OK) {
		int rc = archive_failed(unpack, err);

		unpack->read_err = NULL;
		return rc;
	}
	unpack->read_err = NULL;
	if (archive_filter_count(unpack->archive) != 2)
		return err_fail(err, -EBADMSG, "not one %s stream", filter->name);
	return 0;
}

int unpack_begin(struct unpack *unpack, int fd, uint64_t off, uint64_t len,
	const struct unpack_limits *limits, struct err *err)
{
	unsigned char head[HEAD_BYTES];
	size_t n = len < sizeof(head) ? (size_t)len : sizeof(head);

	*unpack = (struct unpack){
		.limits = *limits, .fd = fd, .off = off, .end = off + len, .in_bytes = len};
	if (unpack->end < off)
		return err_fail(err, -EBADMSG, "range ends beyond 2^64");
	unpack->plain_bytes = CHUNK_BYTES;
	unpack->chunk = malloc(CHUNK_BYTES);
	if (unpack->chunk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	int rc = io_pread(fd, "input", head, n, off, err);

	if (rc != 0)
		return rc;
	const struct filter *filter = filter_of(head, n);

	unpack->plain = filter == NULL;
	if (unpack->plain)
		return 0;
	struct rd rd = rd_init(head, n);
	uint64_t window = filter->window(&rd);

	if (rd.bad)
		return err_fail(err, -EBADMSG, "bad %s header", filter->name);
	if (window > UNPACK_WINDOW_MAX)
		return err_fail(err, -EFBIG, "%s wants a window of %llu bytes, more than %u",
			filter->name, (unsigned long long)window, UNPACK_WINDOW_MAX);
	return archive_start(unpack, filter, err);
}

static int plain_next(
	struct unpack *unpack, const unsigned char **ret, size_t *ret_n, struct err *err)
{
	uint64_t left = unpack->end - unpack->off;
	size_t n = left < unpack->plain_bytes ? (size_t)left : unpack->plain_bytes;
	int rc = n > 0 ? io_pread(unpack->fd, "input", unpack->chunk, n, unpack->off, err) : 0;

	if (rc != 0)
		return rc;
	unpack->off += n;
	if (unpack->plain_bytes < CHUNK_BYTES)
		unpack->plain_bytes *= 2;
	*ret = unpack->chunk;
	*ret_n = n;
	return 0;
}

static int archive_next(
	struct unpack *unpack, const unsigned char **ret, size_t *ret_n, struct err *err)
{
	struct err read_err = {0};
	const void *block = NULL;
	size_t n = 0;
	la_int64_t at;
	int status;

	unpack->read_err = &read_err;
	do
		status = archive_read_data_block(unpack->archive, &block, &n, &at);
	while (status == ARCHIVE_OK && n == 0);
	int rc = status == ARCHIVE_OK || status == ARCHIVE_EOF ? 0 : archive_failed(unpack, err);

	unpack->read_err = NULL;
	if (rc != 0)
		return rc;
	if (status == ARCHIVE_EOF) {
		uint64_t used = (uint64_t)archive_filter_bytes(unpack->archive, -1);

		if (used != unpack->in_bytes)
			return err_fail(err, -EBADMSG,
				"%llu bytes after the end of the compressed stream",
				(unsigned long long)(unpack->in_bytes - used));
		n = 0;
	}
	*ret = block;
	*ret_n = n;
	return 0;
}

/* Counts what comes out. */
static int take_bytes(struct unpack *unpack, uint64_t n, struct err *err)
{
	unpack->out_bytes += n;
	if (unpack->out_bytes > unpack->limits.bytes_max)
		return err_fail(err, -EFBIG, "more than %llu bytes come out",
			(unsigned long long)unpack->limits.bytes_max);
	if (unpack->out_bytes > UNPACK_RATIO_FROM_BYTES &&
		unpack->out_bytes / unpack->limits.ratio_max > unpack->in_bytes)
		return err_fail(err, -EFBIG, "more than %llu times its size comes out",
			(unsigned long long)unpack->limits.ratio_max);
	return 0;
}

int unpack_next(struct unpack *unpack, const unsigned char **ret, size_t *ret_n, struct err *err)
{
	const unsigned char *block;
	size_t n;
	int rc = unpack->plain ? plain_next(unpack, &block, &n, err)
			       : archive_next(unpack, &block, &n, err);

	if (rc == 0)
		rc = take_bytes(unpack, n, err);
	if (rc != 0)
		return rc;
	*ret = block;
	*ret_n = n;
	return 0;
}

int unpack_skip(struct unpack *unpack, uint64_t n, uint64_t *ret_n, struct err *err)
{
	uint64_t left = unpack->plain ? unpack->end - unpack->off : 0;
	int rc;

	if (n > left)
		n = left;
	rc = take_bytes(unpack, n, err);
	if (rc != 0)
		return rc;
	unpack->off += n;
	if (n > 0)
		unpack->plain_bytes = CHUNK_BYTES_MIN;
	*ret_n = n;
	return 0;
}

void unpack_done(struct unpack *unpack)
{
	if (unpack->archive != NULL)
		archive_read_free(unpack->archive);
	free(unpack->chunk);
	*unpack = (struct unpack){0};
}
