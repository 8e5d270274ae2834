/* The data of EROFS files (erofs-data.h). */
#define ZSTD_STATIC_LINKING_ONLY
#include "mkimage/fs/erofs-data.h"

#include <inttypes.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "lib/buf.h"

#define BLOCK		EROFS_BLOCK_SIZE
/* Linux takes no larger window. */
#define ZSTD_WINDOW_LOG 20

/* The packed inode: fragments of it are read in any order, mostly one after the other. */
struct erofs_packed {
	struct erofs_node node;
	struct erofs_map map;
	unsigned char *bytes; /* owned: of the extent that was read last */
	size_t bytes_cap;
	size_t extent; /* SIZE_MAX: none */
};

/* A file in the works. */
struct file {
	struct erofs_reader *reader;
	const struct erofs_node *node;
	erofs_data_sink *sink;
	void *arg;
};

static int bad(const struct file *file, uint64_t at, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: EROFS inode %" PRIu64 ", byte %" PRIu64 ": %s",
		file->reader->image->what, file->node->nid, at, why);
}

static int grow(unsigned char **buf, size_t *cap, size_t want, struct err *err)
{
	unsigned char *grown;

	if (want <= *cap)
		return 0;
	grown = realloc(*buf, want);
	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	*buf = grown;
	*cap = want;
	return 0;
}

static bool unpack_lz4(
	const struct erofs_extent *extent, const unsigned char *from, unsigned char *to, size_t n)
{
	const char *src = (const char *)from;
	int size = (int)extent->stored_bytes;

	if (extent->partial)
		return LZ4_decompress_safe_partial(src, (char *)to, size, (int)n, (int)n) == (int)n;
	return LZ4_decompress_safe(src, (char *)to, size, (int)n) == (int)n;
}

static bool unpack_zstd(struct erofs_reader *reader, const struct erofs_extent *extent,
	const unsigned char *from, unsigned char *to, size_t n)
{
	ZSTD_inBuffer in = {from, extent->stored_bytes, 0};
	ZSTD_outBuffer out = {to, n, 0};
	size_t left = 1;

	if (reader->zstd == NULL)
		reader->zstd = ZSTD_createDCtx();
	if (reader->zstd == NULL ||
		ZSTD_isError(ZSTD_DCtx_reset(reader->zstd, ZSTD_reset_session_only)) ||
		ZSTD_isError(
			ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
		return false;
	while (left > 0 && out.pos < n) {
		size_t before_in = in.pos, before_out = out.pos;

		left = ZSTD_decompressStream(reader->zstd, &out, &in);
		if (ZSTD_isError(left) || (in.pos == before_in && out.pos == before_out))
			return false;
	}
	return out.pos == n;
}

/* Without the zeros in front of what is compressed: neither algorithm begins with one. */
static bool strip_zeros(const struct erofs_image *image, struct erofs_extent *extent)
{
	const unsigned char *from = image->rd.base + extent->from;
	size_t n = 0;

	while (n < extent->stored_bytes && n < BLOCK && from[n] == 0)
		n++;
	extent->from += n;
	extent->stored_bytes -= (uint32_t)n;
	return image->zero_padding && extent->stored_bytes > 0;
}

static int unpack(const struct file *file, const struct erofs_extent *of, unsigned char *to,
	size_t n, struct err *err)
{
	struct erofs_reader *reader = file->reader;
	struct erofs_extent extent = *of;
	const unsigned char *from;
	bool good;

	if (extent.algorithm != EROFS_LZ4 && extent.algorithm != EROFS_ZSTD)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS inode %" PRIu64
			" is compressed by algorithm %u; only LZ4 and Zstandard are supported",
			reader->image->what, file->node->nid, extent.algorithm);
	if (!strip_zeros(reader->image, &extent))
		return bad(file, extent.start, "an empty cluster, or one of the first format", err);
	from = reader->image->rd.base + extent.from;
	good = extent.algorithm == EROFS_LZ4 ? unpack_lz4(&extent, from, to, n)
					     : unpack_zstd(reader, &extent, from, to, n);
	return good ? 0 : bad(file, extent.start, "cannot be decompressed", err);
}

/* A plain cluster whose bytes stand where they are in a logical block: its end may come first. */
static bool turn(
	const struct erofs_extent *extent, const unsigned char *from, unsigned char *to, size_t n)
{
	size_t at = extent->start % BLOCK;
	size_t first = n < BLOCK - at ? n : BLOCK - at;

	if (n > BLOCK || (n > 0 && extent->stored_bytes < BLOCK))
		return false;
	memcpy(to, from + at, first);
	memcpy(to + first, from, n - first);
	return true;
}

/* The @n bytes of an extent that is no fragment: borrowed from the image, or in @buf, which has room
 * for them. */
static int load(const struct file *file, const struct erofs_extent *extent, size_t n,
	unsigned char *buf, const unsigned char **ret, struct err *err)
{
	const unsigned char *from = file->reader->image->rd.base + extent->from;

	file->reader->work += n;
	if (file->reader->work > EROFS_WORK_MAX)
		return err_fail(err, -EFBIG, "%s: more than 64 GiB of compressed files",
			file->reader->image->what);
	*ret = buf;
	switch (extent->kind) {
	case EROFS_EXTENT_PLAIN:
		*ret = from;
		return 0;
	case EROFS_EXTENT_INTERLACED:
		return turn(extent, from, buf, n)
			       ? 0
			       : bad(file, extent->start, "a plain cluster out of shape", err);
	default:
		return unpack(file, extent, buf, n, err);
	}
}

static int open_packed(const struct file *file, struct err *err)
{
	const struct erofs_image *image = file->reader->image;
	struct erofs_packed *packed = file->reader->packed;
	int rc;

	if (packed != NULL)
		return 0;
	packed = calloc(1, sizeof(*packed));
	if (packed == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = erofs_node_read(image, image->packed_nid, &packed->node, err);
	if (rc == 0 && erofs_is_compressed(&packed->node))
		rc = erofs_map_read(image, &packed->node, &packed->map, err);
	if (rc != 0) {
		free(packed);
		return rc;
	}
	packed->extent = SIZE_MAX;
	file->reader->packed = packed;
	return 0;
}

/* An extent of the packed inode, kept for the next fragment. */
static int load_packed(const struct file *file, size_t i, const unsigned char **ret, size_t *ret_n,
	struct err *err)
{
	struct erofs_packed *packed = file->reader->packed;
	const struct erofs_extent *extent = &packed->map.extents[i];
	const struct file whole = {.reader = file->reader, .node = &packed->node};
	size_t n = (size_t)erofs_extent_bytes(&packed->map, i);
	const unsigned char *at;
	int rc;

	*ret_n = n;
	*ret = packed->bytes;
	if (packed->extent == i)
		return 0;
	if (extent->kind == EROFS_EXTENT_FRAGMENT)
		return bad(&whole, extent->start, "a fragment of fragments", err);
	packed->extent = SIZE_MAX;
	rc = grow(&packed->bytes, &packed->bytes_cap, n > 0 ? n : 1, err);
	if (rc == 0)
		rc = load(&whole, extent, n, packed->bytes, &at, err);
	if (rc != 0)
		return rc;
	if (at != packed->bytes)
		memcpy(packed->bytes, at, n);
	packed->extent = i;
	*ret = packed->bytes;
	return 0;
}

/* Some bytes of the packed inode's data. */
static int packed_bytes(const struct file *file, uint64_t off, const unsigned char **ret,
	size_t *ret_n, struct err *err)
{
	const struct erofs_packed *packed = file->reader->packed;
	size_t i;
	int rc;

	if (!erofs_is_compressed(&packed->node)) {
		*ret = erofs_data(file->reader->image, &packed->node, off, ret_n);
		return 0;
	}
	i = erofs_map_find(&packed->map, off);
	rc = load_packed(file, i, ret, ret_n, err);
	if (rc != 0)
		return rc;
	*ret += off - packed->map.extents[i].start;
	*ret_n -= (size_t)(off - packed->map.extents[i].start);
	return 0;
}

static int read_fragment(
	const struct file *file, const struct erofs_extent *extent, uint64_t n, struct err *err)
{
	uint64_t off = extent->from, size;
	int rc = open_packed(file, err);

	if (rc != 0)
		return rc;
	size = file->reader->packed->node.inode.size_bytes;
	if (off > size || n > size - off)
		return bad(file, extent->start, "a fragment outside of the packed inode", err);
	while (rc == 0 && n > 0) {
		const unsigned char *at;
		size_t step;

		rc = packed_bytes(file, off, &at, &step, err);
		if (rc == 0 && step == 0)
			return bad(file, extent->start, "a fragment of nothing", err);
		if (step > n)
			step = (size_t)n;
		if (rc == 0)
			rc = file->sink(file->arg, at, step, err);
		off += step;
		n -= step;
	}
	return rc;
}

static int read_extent(
	const struct file *file, const struct erofs_map *map, size_t i, struct err *err)
{
	const struct erofs_extent *extent = &map->extents[i];
	struct erofs_reader *reader = file->reader;
	uint64_t n = erofs_extent_bytes(map, i);
	const unsigned char *at;
	int rc;

	if (n == 0)
		return 0;
	if (extent->kind == EROFS_EXTENT_FRAGMENT)
		return read_fragment(file, extent, n, err);
	rc = grow(&reader->buf, &reader->buf_bytes, (size_t)n, err);
	if (rc == 0)
		rc = load(file, extent, (size_t)n, reader->buf, &at, err);
	return rc != 0 ? rc : file->sink(file->arg, at, (size_t)n, err);
}

static int read_flat(const struct file *file, struct err *err)
{
	uint64_t off = 0;
	int rc = 0;
	size_t n;

	for (const unsigned char *at;
		rc == 0 && (at = erofs_data(file->reader->image, file->node, off, &n), n > 0);
		off += n)
		rc = file->sink(file->arg, at, n, err);
	return rc;
}

int erofs_data_read(struct erofs_reader *reader, const struct erofs_node *node,
	erofs_data_sink *sink, void *arg, struct err *err)
{
	const struct file file = {.reader = reader, .node = node, .sink = sink, .arg = arg};
	EROFS_MAP_AUTO map = {0};
	int rc;

	if (!erofs_is_compressed(node))
		return read_flat(&file, err);
	rc = erofs_map_read(reader->image, node, &map, err);
	/* Reading a map is work, too. */
	reader->work += 4 * sizeof(*map.extents) * map.count;
	for (size_t i = 0; rc == 0 && i < map.count; i++)
		rc = read_extent(&file, &map, i, err);
	return rc;
}

void erofs_data_done(struct erofs_reader *reader)
{
	ZSTD_freeDCtx(reader->zstd);
	free(reader->buf);
	if (reader->packed != NULL) {
		erofs_map_done(&reader->packed->map);
		free(reader->packed->bytes);
		free(reader->packed);
	}
	*reader = (struct erofs_reader){0};
}
