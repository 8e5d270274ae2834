/*
 * LZ4's legacy frame, which Linux compresses itself with: magic 0x184c2102, then blocks, each a 32-bit length and that
 * many bytes, which hold at most 8 MiB (lz4 doc/lz4_Frame_format.md, "Legacy frame"; doc/lz4_Block_format.md).
 */
#ifndef FORMATS_LZ4_LEGACY_H
#define FORMATS_LZ4_LEGACY_H

#include <stddef.h>

#include "lib/err.h"

#define LZ4_LEGACY_BLOCK_MAX (8u << 20)

/* Fills exactly @ret_len bytes at @ret from the frame at @src. -EBADMSG when it is malformed or holds more or less. */
int lz4_legacy_read(const void *src, size_t len, unsigned char *ret, size_t ret_len,
	struct err *err) MUST_CHECK;

#endif
