/*
 * The data of EROFS files, whichever way they are stored: uncompressed, LZ4 (which LZ4HC writes too),
 * Zstandard, and fragments of these. liblz4 and libzstd decompress, into buffers of known sizes.
 */
#ifndef MKIMAGE_FS_EROFS_DATA_H
#define MKIMAGE_FS_EROFS_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "formats/erofs-map.h"
#include "lib/err.h"

/* Files may share clusters: what decompressing them all may come to. */
#define EROFS_WORK_MAX (UINT64_C(64) << 30)

/* Takes the next bytes of a file, at most EROFS_EXTENT_MAX of what is compressed. A return other than
 * 0 ends the reading and is its result. */
typedef int erofs_data_sink(void *arg, const unsigned char *bytes, size_t n, struct err *err);

/* What is kept from file to file; for one thread. A zeroed one may be passed to erofs_data_done. */
struct erofs_reader {
	const struct erofs_image *image; /* borrowed */
	void *zstd;			 /* ZSTD_DCtx, owned; NULL until it is needed */
	unsigned char *buf;		 /* owned */
	size_t buf_bytes;
	struct erofs_packed *packed; /* owned; NULL until it is needed */
	uint64_t work;		     /* bytes that were decompressed, at most EROFS_WORK_MAX */
};

/* Hands the data of @node, a file or a symbolic link, to @sink from front to back. -EBADMSG for what is
 * malformed, -ENOTSUP for other algorithms, -EFBIG beyond EROFS_WORK_MAX. */
int erofs_data_read(struct erofs_reader *reader, const struct erofs_node *node,
	erofs_data_sink *sink, void *arg, struct err *err) MUST_CHECK;

void erofs_data_done(struct erofs_reader *reader);
#define EROFS_READER_AUTO __attribute__((cleanup(erofs_data_done))) struct erofs_reader

#endif
