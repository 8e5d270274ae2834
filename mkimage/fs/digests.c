/* The digests of files (digests.h). */
#include "mkimage/fs/digests.h"

#include <stdlib.h>

#include "lib/buf.h"

static int compare_items(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t)((const struct digests_item *)a)->node->inode;
	uintptr_t right = (uintptr_t)((const struct digests_item *)b)->node->inode;

	return (left > right) - (left < right);
}

int digests_begin(const struct tree *tree, struct digests *ret, struct err *err)
{
	struct digests_item *items = calloc(tree->node_count + 1, sizeof(*items));
	size_t count = 0, kept = 0;

	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	tree_for_each (tree, node)
		if (node->inode->type == TREE_FILE)
			items[count++].node = node;
	qsort(items, count, sizeof(*items), compare_items);
	/* Several names of one file are next to each other. */
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || items[kept - 1].node->inode != items[i].node->inode)
			items[kept++].node = items[i].node;
	*ret = (struct digests){.items = items, .count = kept};
	return 0;
}

int digests_take(struct digests *digests, size_t i, struct err *err)
{
	struct digests_item *item = &digests->items[i];
	char path[TREE_PATH_MAX + 2] = "/";

	tree_path(item->node, path + 1);
	return tree_digest(&item->node->inode->content, path, item->sha256, err);
}

const unsigned char *digests_find(const struct digests *digests, const struct tree_inode *inode)
{
	struct tree_node node = {.inode = (struct tree_inode *)(uintptr_t)inode};
	const struct digests_item key = {.node = &node};
	const struct digests_item *found = digests->count > 0
						   ? bsearch(&key, digests->items, digests->count,
							     sizeof(*digests->items), compare_items)
						   : NULL;

	return found != NULL ? found->sha256 : NULL;
}

void digests_done(struct digests *digests)
{
	free(digests->items);
	*digests = (struct digests){0};
}
