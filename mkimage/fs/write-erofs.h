/*
 * A tree as an EROFS image, written from front to back in one pass: the whole layout is planned
 * from sizes first, then blocks are emitted in order, so that they can be hashed on their way and
 * memory does not grow with the contents.
 *
 * The image depends on the tree and the options alone:
 *   block 0  super block, then the metadata: inodes in the tree's canonical order, each with its
 *            extended attributes and, where it fits in the same block, the tail of a directory or
 *            symbolic link
 *   then     the other blocks of directories and symbolic links, in the same order
 *   then     regular files, in the same order, each from a block boundary
 *
 * Regular files keep their tails out of the metadata unless asked otherwise: DAX maps whole blocks
 * only.
 *
 * Compression cuts files into clusters of one size, each compressed by itself (erofs-pack.h): in
 * parallel, while the layout is planned, into a spool. A cluster that does not become smaller by a
 * block stays as it is; so does a file without a cluster that does. Tails then go into the metadata.
 */
#ifndef MKIMAGE_FS_WRITE_EROFS_H
#define MKIMAGE_FS_WRITE_EROFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/erofs.h"
#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/fs/erofs-pack.h"
#include "mkimage/fs/runs.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

struct write_erofs_options {
	unsigned char uuid[EROFS_UUID_SIZE];
	uint64_t timestamp; /* build time; inodes with this mtime can be compact */
	bool inline_tails;  /* of regular files, where they fit: smaller, but not for DAX */
	enum erofs_pack pack;
	/* The rest is for what is compressed. */
	int level;		/* 1..erofs_pack_level_max() */
	uint32_t cluster_bytes; /* EROFS_PACK_CLUSTER_MIN..MAX, a power of 2 */
	size_t threads;		/* 0: one per processor; never shows */
	struct spool *spool; /* borrowed: holds the compressed bytes until the plan is done with */
	const struct progress *progress; /* or NULL */
};

/*
 * Takes the next @size_bytes of the image, a multiple of EROFS_BLOCK_SIZE. @data stays untouched
 * until the next call returns, so a sink may work on it in the background until then. After the
 * last piece, and after a failure, there is one more call without data (NULL, 0), when background
 * work must end.
 */
typedef int write_erofs_sink(void *arg, const void *data, size_t size_bytes, struct err *err);

struct write_erofs_inode;

/* A zeroed one may be passed to write_erofs_done. */
struct write_erofs {
	/* Borrowed; must not change while planned, and outlives the plan. */
	const struct tree *tree;
	struct write_erofs_options options;
	struct write_erofs_inode *inodes; /* owned, in canonical order */
	size_t inode_count;
	uint64_t meta_bytes; /* where the last inode ends */
	uint64_t blocks;     /* of the whole image: known before anything is written */
	uint16_t *clusters;  /* owned: blocks of every cluster of every file, 0 when it is plain */
};

/*
 * Plans the image of @tree. Uses the inodes' `mark` until write_erofs_done(), so a tree has one
 * plan at a time. -EBADMSG with the path for what EROFS cannot hold; -EFBIG when the image would
 * have more than EROFS_BLOCKS_MAX blocks. Compression fails when reading a content or the spool does.
 */
int write_erofs_plan(struct write_erofs *plan, const struct tree *tree,
	const struct write_erofs_options *options, struct err *err) MUST_CHECK;

/* Adds where the data of every inode are, tails inside the metadata left out. */
int write_erofs_runs(const struct write_erofs *plan, struct runs *ret, struct err *err) MUST_CHECK;

/* Hands the image to @sink from front to back, in pieces of a few megabytes. Fails when @sink or
 * reading a content does. */
int write_erofs_emit(const struct write_erofs *plan, write_erofs_sink *sink, void *arg,
	struct err *err) MUST_CHECK;

void write_erofs_done(struct write_erofs *plan);
#define WRITE_EROFS_AUTO __attribute__((cleanup(write_erofs_done))) struct write_erofs

#endif
