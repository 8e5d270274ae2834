/* Checks before sealing (check-rootfs.h). */
#include "mkimage/check/check-rootfs.h"

#include <string.h>

#include "mkimage/source/source-archive.h"
#include "mkimage/source/sources.h"

#define INIT_PATH  "sbin/init"
#define CAPABILITY "security.capability"

static const char *origin_of(const struct tree_node *node)
{
	return node->inode->origin[0] != '\0' ? node->inode->origin : "no named source";
}

static bool is_program(const struct tree_node *node)
{
	return node != NULL && node->inode->type == TREE_FILE && (node->inode->mode & 0111) != 0;
}

static int check_init(const struct tree *tree, struct err *err)
{
	if (!is_program(tree_resolve(tree, INIT_PATH)))
		return err_fail(err, -EKEYREJECTED, "/%s: leads to no executable file", INIT_PATH);
	return 0;
}

/* Files that must not carry the build host's identity. Only a guest must have them. */
static int check_empty(const struct tree *tree, const struct recipe *recipe, struct err *err)
{
	static const char *const paths[] = {"etc/machine-id", "etc/resolv.conf"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct tree_node *node = tree_resolve(tree, paths[i]);

		if (recipe->extension.name != NULL && tree_find(tree, paths[i]) == NULL)
			continue;
		if (node == NULL || node != tree_find(tree, paths[i]) ||
			node->inode->type != TREE_FILE)
			return err_fail(err, -EKEYREJECTED, "/%s: is not a regular file", paths[i]);
		if (node->inode->content.size_bytes != 0)
			return err_fail(err, -EKEYREJECTED, "/%s: is not empty (from %s)", paths[i],
				origin_of(node));
	}
	return 0;
}

/* What every guest of the image would share. */
static int check_identity(const struct tree *tree, struct err *err)
{
	static const char *const paths[] = {"var/lib/dbus/machine-id",
		"var/lib/systemd/random-seed", "var/lib/systemd/credential.secret"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct tree_node *node = tree_find(tree, paths[i]);

		if (node != NULL && node->inode->type == TREE_FILE &&
			node->inode->content.size_bytes != 0)
			return err_fail(err, -EKEYREJECTED, "/%s: is not empty (from %s)", paths[i],
				origin_of(node));
	}
	return 0;
}

/* The permission that the recipe gives @node by one of its paths; NULL for none. */
static const struct recipe_permission *find_permission(
	const struct tree *tree, const struct recipe *recipe, const struct tree_node *node)
{
	for (size_t i = 0; i < recipe->permission_count; i++) {
		const struct tree_node *there = tree_resolve(tree, recipe->permissions[i].path);

		if (there != NULL && there->inode == node->inode)
			return &recipe->permissions[i];
	}
	return NULL;
}

/* True when the recipe itself gives @path this mode. */
static bool declared_setid(const struct recipe *recipe, const struct recipe_permission *permission,
	const char *path, uint16_t mode)
{
	if (permission != NULL && permission->has_mode)
		return permission->mode == mode;
	for (size_t i = 0; i < recipe->file_count; i++) {
		if (strcmp(recipe->files[i].path, path) == 0)
			return recipe->files[i].mode == mode;
	}
	return false;
}

static bool has_capability(const struct recipe_xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		if (strcmp(xattrs->items[i].name, CAPABILITY) == 0)
			return true;
	}
	return false;
}

static bool declared_capability(
	const struct recipe *recipe, const struct recipe_permission *permission, const char *path)
{
	if (permission != NULL && has_capability(&permission->xattrs))
		return true;
	for (size_t i = 0; i < recipe->file_count; i++) {
		if (strcmp(recipe->files[i].path, path) == 0)
			return has_capability(&recipe->files[i].xattrs);
	}
	return false;
}

static int check_privilege(const struct tree *tree, const struct tree_node *node, const char *path,
	const struct recipe *recipe, struct err *err)
{
	const struct tree_inode *inode = node->inode;
	bool setid = inode->type != TREE_DIR && (inode->mode & 06000) != 0;
	const struct recipe_permission *permission = NULL;

	if (setid || inode->xattr_count > 0)
		permission = find_permission(tree, recipe, node);

	if (setid && !declared_setid(recipe, permission, path, inode->mode) &&
		!sources_allow(recipe, inode->origin, SOURCE_ALLOW_SETID))
		return err_fail(err, -EKEYREJECTED, "/%s: setuid or setgid, mode 0%o (from %s)",
			path, (unsigned)inode->mode, origin_of(node));
	for (size_t i = 0; i < inode->xattr_count; i++) {
		if (strcmp(inode->xattrs[i].name, CAPABILITY) == 0 &&
			!declared_capability(recipe, permission, path) &&
			!sources_allow(recipe, inode->origin, SOURCE_ALLOW_CAPABILITIES))
			return err_fail(err, -EKEYREJECTED, "/%s: has file capabilities (from %s)",
				path, origin_of(node));
	}
	return 0;
}

static int check_files(const struct tree *tree, const struct recipe *recipe, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_for_each (tree, node) {
		tree_path(node, path);
		int rc = check_privilege(tree, node, path, recipe, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int check_rootfs(const struct tree *tree, const struct recipe *recipe, struct err *err)
{
	int rc = recipe->extension.name == NULL ? check_init(tree, err) : 0;

	if (rc == 0)
		rc = check_empty(tree, recipe, err);
	if (rc == 0)
		rc = check_identity(tree, err);
	if (rc == 0 && recipe->agent.present && !recipe->policy.present)
		rc = err_fail(
			err, -EKEYREJECTED, "an agent without a [policy] allows every request");
	if (rc == 0)
		rc = check_files(tree, recipe, err);
	return rc;
}
