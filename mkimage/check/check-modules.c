/* Kernel modules before sealing (check-modules.h). */
#include "mkimage/check/check-modules.h"

#include <string.h>

#include "initrd/modules.h"
#include "lib/buf.h"

static const char *origin_of(const struct tree_node *node)
{
	return node->inode->origin[0] != '\0' ? node->inode->origin : "no named source";
}

static bool is_module(const struct tree_node *node)
{
	const char *at = node->inode->type == TREE_FILE ? strstr(node->name, ".ko") : NULL;

	return at != NULL && (at[3] == '\0' || at[3] == '.');
}

/* modules_dir.read: @arg is the module's node. */
static int read_node(void *arg, size_t i, struct buf *ret, struct err *err)
{
	const struct tree_content *content = &((const struct tree_node *)arg)->inode->content;
	void *dst;
	int rc;

	(void)i;
	if (content->size_bytes > MODULES_BYTES_MAX)
		return err_fail(err, -EFBIG, "larger than %u bytes", MODULES_BYTES_MAX);
	dst = buf_grow(ret, (size_t)content->size_bytes);
	rc = buf_check(ret, err);
	return rc != 0 ? rc
		       : tree_read(content, "module", dst, (size_t)content->size_bytes, 0, err);
}

static int check_module(
	const char *version, const char *kernel, const struct tree_node *node, struct err *err)
{
	const char *path = node->name;
	const struct modules_dir dir = {.version = version,
		.paths = &path,
		.count = 1,
		.read = read_node,
		.arg = (void *)node};
	char whole[TREE_PATH_MAX + 1];
	struct err why = {0};
	int rc;

	tree_path(node, whole);
	if (kernel != NULL && strcmp(kernel, version) != 0)
		return err_fail(err, -EKEYREJECTED, "/%s: is for kernel %s, and %s boots (from %s)",
			whole, version, kernel, origin_of(node));
	rc = modules_check(&dir, &why);
	if (rc == -EBADMSG)
		return err_fail(
			err, -EKEYREJECTED, "/%s: %s (from %s)", whole, why.msg, origin_of(node));
	return rc != 0 ? err_fail(err, rc, "/%s: %s", whole, why.msg) : 0;
}

/* The modules in @dir and below it. */
static int check_dir(
	const char *version, const char *kernel, const struct tree_node *dir, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < dir->child_count; i++) {
		const struct tree_node *node = dir->children[i];

		if (node->inode->type == TREE_DIR)
			rc = check_dir(version, kernel, node, err);
		else if (is_module(node))
			rc = check_module(version, kernel, node, err);
	}
	return rc;
}

int check_modules(const struct tree *tree, const char *kernel, struct err *err)
{
	const struct tree_node *top = tree_resolve(tree, "usr/lib/modules");
	int rc = 0;

	if (top == NULL)
		top = tree_resolve(tree, "lib/modules");
	for (size_t i = 0; rc == 0 && top != NULL && i < top->child_count; i++)
		rc = check_dir(top->children[i]->name, kernel, top->children[i], err);
	return rc;
}
