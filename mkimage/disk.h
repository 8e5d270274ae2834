/*
 * The disk that Kata's runtimes boot, from a tree in one pass: an msdos label, the root file system
 * as EROFS, and its dm-verity tree without superblock.
 *
 *   0              MBR, zeros up to 1 MiB
 *   1 MiB          p1, type 0x83, boot flag: EROFS, zeros up to a whole MiB; dm-verity covers
 *                  all of p1
 *   1 MiB + |p1|   p2, type 0x83: the dm-verity tree, zeros up to a whole MiB
 *
 * The bytes depend on the tree and the options alone, not on the number of threads.
 */
#ifndef MKIMAGE_DISK_H
#define MKIMAGE_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "formats/mbr.h"
#include "formats/verity.h"
#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/tree.h"

#define DISK_SALT_SIZE 32

struct disk_options {
	unsigned char uuid[16];		    /* of the file system */
	unsigned char salt[DISK_SALT_SIZE]; /* of dm-verity */
	uint32_t disk_signature;	    /* in the MBR */
	uint64_t timestamp; /* of the file system; inodes with this mtime are smallest */
	size_t threads;	    /* 0: one per processor */
	const struct progress *progress; /* or NULL */
};

struct disk_result {
	struct verity_params verity;
	uint64_t hash_blocks;  /* of the tree in p2 */
	uint64_t erofs_blocks; /* of the file system, without the padding of p1 */
	uint64_t inode_count;
	struct mbr mbr;
	uint64_t size_bytes;
	unsigned char sha256[SHA256_SIZE]; /* of the whole disk */
};

/*
 * Writes the disk to @fd, a new regular file that @what names in errors; padding becomes holes.
 * Uses the marks of @tree meanwhile. Nothing is flushed to the device. -EBADMSG for a tree that
 * EROFS cannot hold, -EFBIG beyond 2 TiB, else what reading or writing gave (-ENOSPC, -EIO).
 */
int disk_write_kata(int fd, const char *what, const struct tree *tree,
	const struct disk_options *options, struct disk_result *ret, struct err *err) MUST_CHECK;

#endif
