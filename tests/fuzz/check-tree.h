/* What holds of every node of a tree, whatever the source it was read from. */
#ifndef TESTS_FUZZ_CHECK_TREE_H
#define TESTS_FUZZ_CHECK_TREE_H

#include <stdlib.h>

#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

/* Aborts unless @node's path is a good one that leads to it, and its content lies inside @spool. */
static inline void check_tree_node(
	const struct tree *tree, const struct tree_node *node, const struct spool *spool)
{
	char path[TREE_PATH_MAX + 1];
	const struct tree_content *content = &node->inode->content;
	struct err err = {0};

	tree_path(node, path);
	if (tree_check_path(path, "fuzz", &err) != 0 || tree_find(tree, path) != node)
		abort();
	if (node->inode->type == TREE_FILE && content->size_bytes > 0 &&
		(content->fd != spool->fd || content->off > spool->size_bytes ||
			content->size_bytes > spool->size_bytes - content->off))
		abort();
}

#endif
