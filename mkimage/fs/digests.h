/* The SHA-256 of every file of a tree, which several threads can take at once. */
#ifndef MKIMAGE_FS_DIGESTS_H
#define MKIMAGE_FS_DIGESTS_H

#include <stddef.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/tree.h"

struct digests_item {
	const struct tree_node *node; /* borrowed: a name of the file */
	unsigned char sha256[SHA256_SIZE];
};

/* A zeroed one is empty. */
struct digests {
	struct digests_item *items; /* owned; by the addresses of their inodes */
	size_t count;
};

/* Lists the files of @tree, which must outlive @ret. */
int digests_begin(const struct tree *tree, struct digests *ret, struct err *err) MUST_CHECK;

/* Takes the digest of file @i, less than the count: any thread may. */
int digests_take(struct digests *digests, size_t i, struct err *err) MUST_CHECK;

/* Of a file of the tree that has been taken. */
const unsigned char *digests_find(const struct digests *digests, const struct tree_inode *inode);

void digests_done(struct digests *digests);
#define DIGESTS_AUTO __attribute__((cleanup(digests_done))) struct digests

#endif
