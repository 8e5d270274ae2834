/*
 * Compressing one cluster of an EROFS file. liblz4 and libzstd do it, each cluster by itself, so the
 * result hangs on its bytes, the level and the library's version alone, not on threads or order.
 */
#ifndef MKIMAGE_FS_EROFS_PACK_H
#define MKIMAGE_FS_EROFS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/erofs.h"
#include "lib/err.h"

enum erofs_pack {
	EROFS_PACK_NONE,
	EROFS_PACK_LZ4HC,
	EROFS_PACK_ZSTD,
};

/* "none", "lz4hc", "zstd". */
const char *erofs_pack_name(enum erofs_pack pack);
/* False when none has that name. */
bool erofs_pack_parse(const char *name, enum erofs_pack *ret);

/* The algorithm that readers need; not of EROFS_PACK_NONE. */
enum erofs_algorithm erofs_pack_algorithm(enum erofs_pack pack);

/* Levels: 1 to the highest; what is taken when nobody says. */
int erofs_pack_level_max(enum erofs_pack pack);
int erofs_pack_level_default(enum erofs_pack pack);

/* "liblz4" and its version, "libzstd" and its: another may write other bytes. NULL for none. */
const char *erofs_pack_library(enum erofs_pack pack);
const char *erofs_pack_version(enum erofs_pack pack);

/* Bytes of a file that can be compressed together: a power of 2. */
#define EROFS_PACK_CLUSTER_MIN	   8192u
#define EROFS_PACK_CLUSTER_MAX	   (1u << 20)
#define EROFS_PACK_CLUSTER_DEFAULT (128u << 10)

/* Compresses @n bytes, at most EROFS_PACK_CLUSTER_MAX, into at most @cap; *@ret_n of them, 0 when they do
 * not fit. */
int erofs_pack(enum erofs_pack pack, int level, const void *src, size_t n, void *dst, size_t cap,
	size_t *ret_n, struct err *err) MUST_CHECK;

#endif
