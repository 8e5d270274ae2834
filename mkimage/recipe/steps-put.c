/* How the steps put nodes into the tree (steps-tree.h). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/steps-tree.h"

#define SPOOL_FROM_BYTES (1u << 20) /* larger sources don't stay in memory */

/* Appends a line to a list of the result. */
int steps_note(char ***lines, size_t *count, const char *text, struct err *err)
{
	char **grown = reallocarray(*lines, *count + 1, sizeof(*grown));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	*lines = grown;
	grown[*count] = strdup(text);
	if (grown[*count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	++*count;
	return 0;
}

struct tree_inode steps_new_inode(const struct steps *steps, enum tree_type type, uint16_t mode)
{
	return (struct tree_inode){
		.type = type, .mode = mode, .content.fd = -1, .origin = steps->origin};
}

/* The node that a new one at @path would replace: parents followed, itself not. */
static const struct tree_node *find_replaced(const struct tree *tree, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char parent[TREE_PATH_MAX + 1], real[2 * TREE_PATH_MAX + 2];

	if (slash == NULL)
		return tree_find(tree, path);
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	const struct tree_node *dir = tree_resolve(tree, parent);

	if (dir == NULL)
		return NULL;
	tree_path(dir, parent);
	snprintf(real, sizeof(real), "%s%s%s", parent, parent[0] != '\0' ? "/" : "", name);
	return tree_find(tree, real);
}

static int add_node(
	struct steps *steps, const char *path, struct tree_inode *inode, struct err *err)
{
	int rc = tree_parents(steps->tree, path, steps->origin, err);

	if (rc != 0)
		return rc;
	const struct tree_node *there = find_replaced(steps->tree, path);

	if (there != NULL && there->inode->type != TREE_DIR &&
		there->inode->origin == steps->origin)
		return err_fail(err, -EBADMSG, "/%s: the recipe gives it twice", path);
	return tree_add(steps->tree, path, inode, TREE_REPLACE, NULL, err);
}

/* Adds a node with its missing parents, in place of a package's; what @inode owns is taken. */
int steps_put(struct steps *steps, const char *path, struct tree_inode *inode, struct err *err)
{
	int rc = add_node(steps, path, inode, err);

	free(inode->content.mem);
	free(inode->target);
	return rc;
}

int steps_put_dir(struct steps *steps, const char *path, uint16_t mode, uint32_t uid, uint32_t gid,
	struct err *err)
{
	struct tree_inode inode = steps_new_inode(steps, TREE_DIR, mode);

	inode.uid = uid;
	inode.gid = gid;
	return steps_put(steps, path, &inode, err);
}

int steps_put_link(struct steps *steps, const char *path, const char *target, struct err *err)
{
	struct tree_inode inode = steps_new_inode(steps, TREE_SYMLINK, 0777);

	inode.target = strdup(target);
	if (inode.target == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return steps_put(steps, path, &inode, err);
}

/* Adds a file with the bytes of @bytes, which it takes. */
int steps_put_file(struct steps *steps, const char *path, struct buf *bytes,
	const struct steps_owner *owner, struct err *err)
{
	struct tree_inode inode = steps_new_inode(steps, TREE_FILE, owner->mode);
	int rc = buf_check(bytes, err);

	if (rc != 0)
		return rc;
	inode.uid = owner->uid;
	inode.gid = owner->gid;
	inode.content.size_bytes = bytes->len;
	if (bytes->len < SPOOL_FROM_BYTES) {
		inode.content.mem = bytes->data;
		*bytes = (struct buf){0};
		return steps_put(steps, path, &inode, err);
	}
	inode.content.fd = steps->spool->fd;
	inode.content.off = spool_reserve(steps->spool, bytes->len);
	rc = spool_write(steps->spool, bytes->data, bytes->len, inode.content.off, err);
	return rc != 0 ? rc : steps_put(steps, path, &inode, err);
}

int steps_put_source(struct steps *steps, const char *path, const struct recipe_source *source,
	const struct steps_owner *owner, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc = recipe_source_read(steps->recipe, source, STEPS_SOURCE_BYTES_MAX, &bytes, err);

	return rc != 0 ? rc : steps_put_file(steps, path, &bytes, owner, err);
}
