/*
 * A tree as an ext4 file system, in process and straight into a file, by libext2fs.
 *
 * The file system depends on the tree and the options alone: inodes are numbered in the tree's
 * canonical order behind the reserved ones, contents are allocated in that order, every time comes
 * from the tree or the options. It has extents, 64-bit block numbers, metadata checksums, inodes of
 * 256 bytes, no reserved blocks, and an empty journal of 4 MiB: Kata mounts ext4 with
 * data=ordered, which the kernel refuses without a journal. Directories have no hash index.
 *
 * A /lost+found is added, as e2fsck wants one, where the tree has none.
 */
#ifndef MKIMAGE_FS_WRITE_EXT4_H
#define MKIMAGE_FS_WRITE_EXT4_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "mkimage/fs/runs.h"
#include "mkimage/tree.h"

#define WRITE_EXT4_BLOCK_SIZE 4096u
#define WRITE_EXT4_UUID_SIZE  16

struct write_ext4_options {
	unsigned char uuid[WRITE_EXT4_UUID_SIZE]; /* of the file system, and its hash seed */
	uint64_t timestamp;			  /* when it was made: 1..2^34-1 */
	struct runs *runs; /* where contents ended up, borrowed and filled by emitting; or NULL */
};

/* A zeroed one may be passed to write_ext4_done. */
struct write_ext4 {
	/* Borrowed; must not change while planned, and outlives the plan. */
	const struct tree *tree;
	struct write_ext4_options options;
	uint32_t inode_count; /* reserved ones included */
	uint64_t tree_inodes;
	uint64_t blocks; /* of the whole file system, whole MiB */
};

/* Sizes the file system of @tree. Uses the inodes' `mark` until write_ext4_done(). -EBADMSG with
 * the path for what ext4 cannot hold, -EINVAL for such a timestamp, -EFBIG beyond 16 TiB. */
int write_ext4_plan(struct write_ext4 *plan, const struct tree *tree,
	const struct write_ext4_options *options, struct err *err) MUST_CHECK;

/* Writes the file system into @fd from byte @off on, where plan->blocks blocks of zeros must be.
 * @what names the file in errors. */
int write_ext4_emit(const struct write_ext4 *plan, int fd, const char *what, uint64_t off,
	struct err *err) MUST_CHECK;

/* The version of libext2fs that writes: where its code is, another may make other bytes. */
const char *write_ext4_version(void);

void write_ext4_done(struct write_ext4 *plan);
#define WRITE_EXT4_AUTO __attribute__((cleanup(write_ext4_done))) struct write_ext4

#endif
