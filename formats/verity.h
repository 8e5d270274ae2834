/*
 * dm-verity, on-disk format 1 without superblock: the geometry of the hash tree, the hash of a
 * block, and the line of parameters that Kata's runtimes read. Linux
 * Documentation/admin-guide/device-mapper/verity.rst; cryptsetup's DMVerity page ("hash type 1: the
 * salt is prepended, digests are padded to a power of two").
 *
 * SHA-256 and blocks of 4096 bytes only. A hash block holds 128 digests; the last one of a level is
 * filled with zeros. The tree's area starts with the top level (one block) and ends with level 0,
 * the digests of the data:
 *
 *   block 0                  level L-1  one block
 *   block 1                  level L-2  up to 128 blocks
 *   ...                      ...
 *   levels[0].start          level 0    data_blocks / 128 blocks, rounded up
 *
 * The root hash is the hash of the top block. One data block alone has no tree: its own hash is the
 * root hash.
 */
#ifndef FORMATS_VERITY_H
#define FORMATS_VERITY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

#define VERITY_BLOCK_SIZE      4096u
#define VERITY_FANOUT	       (VERITY_BLOCK_SIZE / SHA256_SIZE)
#define VERITY_DATA_BLOCKS_MAX (UINT64_C(1) << 32) /* 16 TiB */
#define VERITY_LEVELS_MAX      5		   /* 128^5 >= VERITY_DATA_BLOCKS_MAX */
#define VERITY_SALT_MAX	       256
/* The longest line verity_params_format writes, its NUL included. */
#define VERITY_PARAMS_TEXT_MAX 768

/* Where the levels of a tree stand; in blocks, from the start of the tree's area. */
struct verity_geometry {
	uint64_t data_blocks;
	uint64_t tree_blocks;
	size_t levels; /* 0 for one data block */
	struct {
		uint64_t start;
		uint64_t blocks;
	} level[VERITY_LEVELS_MAX]; /* [0] holds the digests of the data */
};

/* -EINVAL unless 1 <= @data_blocks <= VERITY_DATA_BLOCKS_MAX. */
int verity_geometry(uint64_t data_blocks, struct verity_geometry *ret, struct err *err) MUST_CHECK;

/* Writes H(@salt || block) of each of @n blocks of VERITY_BLOCK_SIZE bytes, 32 bytes each, to
 * @ret. Only memory fails. */
int verity_hash_blocks(const unsigned char *salt, size_t salt_bytes, const void *blocks, size_t n,
	unsigned char *ret, struct err *err) MUST_CHECK;

/* What the guest must know to set the device up. */
struct verity_params {
	unsigned char root_hash[SHA256_SIZE];
	unsigned char salt[VERITY_SALT_MAX];
	size_t salt_bytes; /* 1..VERITY_SALT_MAX */
	uint64_t data_blocks;
};

/* Writes the line
 * "root_hash=<hex>,salt=<hex>,data_blocks=N,data_block_size=4096,hash_block_size=4096" and a
 * NUL, no newline. */
void verity_params_format(const struct verity_params *params, char ret[VERITY_PARAMS_TEXT_MAX]);

/* Reads exactly that line, these keys in this order, with at most one newline at its end. @what
 * names the file in errors. -EBADMSG; -ENOTSUP for other block sizes. */
int verity_params_parse(const void *text, size_t len, const char *what, struct verity_params *ret,
	struct err *err) MUST_CHECK;

/* Appends the device-mapper table as the kernel's early syntax and Kata's runtimes write it,
 * with the names of the data and the hash device: `dm-mod.create="dm-verity,,,ro,0 SECTORS
 * verity 1 /dev/vda1 /dev/vda2 ..."` (Documentation/admin-guide/device-mapper/dm-init.rst). */
void verity_dm_create_write(const struct verity_params *params, const char *data_device,
	const char *hash_device, struct buf *ret);

#endif
