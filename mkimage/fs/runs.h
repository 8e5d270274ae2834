/*
 * Where the contents of a tree ended up in a file system: for each inode runs of consecutive
 * blocks, in the order of its data. This is what leads from a block that dm-verity names to a file.
 */
#ifndef MKIMAGE_FS_RUNS_H
#define MKIMAGE_FS_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "mkimage/tree.h"

struct run {
	const struct tree_inode *inode; /* borrowed */
	uint64_t first, count;		/* blocks of the file system */
};

/* A zeroed one is empty. */
struct runs {
	struct run *items; /* owned */
	size_t count, cap;
};

/* Notes the next @count blocks of @inode; 0 is none. */
int runs_add(struct runs *runs, const struct tree_inode *inode, uint64_t first, uint64_t count,
	struct err *err) MUST_CHECK;

/* To be called once after the last run: runs_find() needs it. */
int runs_end(struct runs *runs, struct err *err) MUST_CHECK;

/* The runs of @inode, *@ret_n of them; 0 when it has no blocks of its own. */
const struct run *runs_find(const struct runs *runs, const struct tree_inode *inode, size_t *ret_n);

void runs_done(struct runs *runs);
#define RUNS_AUTO __attribute__((cleanup(runs_done))) struct runs

#endif
