/*
 * The dm-verity tree of data that passes by: blocks are hashed by several threads while they are
 * written, and the upper levels follow at the end. The tree is held in memory (1/127 of the data);
 * the result is the same for any number of threads.
 */
#ifndef MKIMAGE_FS_VERITY_STREAM_H
#define MKIMAGE_FS_VERITY_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "formats/verity.h"
#include "lib/err.h"

/* Blocks that one thread hashes at a time. */
#define VERITY_STREAM_CHUNK 96u

/* A zeroed one may be passed to verity_stream_done. */
struct verity_stream {
	struct verity_geometry geometry;
	unsigned char salt[VERITY_SALT_MAX];
	size_t salt_bytes;
	size_t threads;
	unsigned char *tree;		   /* owned; geometry.tree_blocks blocks */
	unsigned char single[SHA256_SIZE]; /* the digest of a lone data block */
	uint64_t blocks_added;
};

/* Prepares for @data_blocks blocks of VERITY_BLOCK_SIZE; @salt_bytes is at most VERITY_SALT_MAX,
 * @threads 0 means one per processor. */
int verity_stream_init(struct verity_stream *stream, uint64_t data_blocks,
	const unsigned char *salt, size_t salt_bytes, size_t threads, struct err *err) MUST_CHECK;
void verity_stream_done(struct verity_stream *stream);
#define VERITY_STREAM_AUTO __attribute__((cleanup(verity_stream_done))) struct verity_stream

/* Hashes the next @n blocks. -EINVAL when that is more than announced. */
int verity_stream_add(
	struct verity_stream *stream, const void *blocks, size_t n, struct err *err) MUST_CHECK;

/* The same for callers with threads of their own: claims the next @n blocks (@ret_first is the
 * index of the first), which are then hashed in any order and by any thread with
 * verity_stream_hash. */
int verity_stream_claim(
	struct verity_stream *stream, size_t n, uint64_t *ret_first, struct err *err) MUST_CHECK;
int verity_stream_hash(struct verity_stream *stream, uint64_t first, const void *blocks, size_t n,
	struct err *err) MUST_CHECK;

/* Hashes the upper levels, after which stream->tree is whole. -EINVAL when blocks are missing. */
int verity_stream_end(struct verity_stream *stream, unsigned char ret_root_hash[SHA256_SIZE],
	struct err *err) MUST_CHECK;

#endif
