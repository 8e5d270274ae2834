/* The recipe's own steps (steps.h). */
#define _GNU_SOURCE
#include "mkimage/recipe/steps.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "mkimage/check/check-rootfs.h"
#include "mkimage/recipe/accounts.h"
#include "mkimage/recipe/steps-tree.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/sources.h"

#define PASSWD_MASTER "usr/share/base-passwd/passwd.master"
#define GROUP_MASTER  "usr/share/base-passwd/group.master"
#define SHADOW_GROUP  42 /* of Debian's base-passwd */

static void steps_done(struct steps *steps)
{
	steps_result_done(&steps->result);
}

#define STEPS_AUTO __attribute__((cleanup(steps_done))) struct steps

typedef int step_fn(struct steps *steps, struct err *err);

/* What a removal collects: patterns that have matched, paths to remove. */
struct removal {
	bool *matched; /* owned; by pattern */
	char **paths;  /* owned */
	size_t count;
};

static void removal_done(struct removal *removal)
{
	for (size_t i = 0; i < removal->count; i++)
		free(removal->paths[i]);
	free(removal->paths);
	free(removal->matched);
}

static int collect_removals(struct steps *steps, struct removal *removal, struct err *err)
{
	const struct recipe_strings *patterns = &steps->recipe->rootfs.remove;
	char path[TREE_PATH_MAX + 1];

	tree_for_each (steps->tree, node) {
		bool any = false;

		if (node->parent == NULL)
			continue;
		tree_path(node, path);
		for (size_t i = 0; i < patterns->count; i++) {
			if (fnmatch(patterns->items[i], path, FNM_PATHNAME) != 0)
				continue;
			any = true;
			removal->matched[i] = true;
		}
		int rc = any ? steps_note(&removal->paths, &removal->count, path, err) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int remove_patterns(struct steps *steps, struct err *err)
{
	const struct recipe_strings *patterns = &steps->recipe->rootfs.remove;
	__attribute__((cleanup(removal_done))) struct removal removal = {0};
	size_t before = steps->tree->node_count;

	removal.matched = calloc(patterns->count + 1, sizeof(*removal.matched));
	if (removal.matched == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	int rc = collect_removals(steps, &removal, err);

	for (size_t i = 0; rc == 0 && i < patterns->count; i++) {
		if (!removal.matched[i])
			return err_fail(err, -EBADMSG, "rootfs.remove: \"%s\" matches nothing",
				patterns->items[i]);
	}
	for (size_t i = 0; rc == 0 && i < removal.count; i++) {
		/* It may have gone with its directory. */
		if (tree_find(steps->tree, removal.paths[i]) != NULL)
			rc = tree_remove(steps->tree, removal.paths[i], err);
	}
	steps->result.removed = before - steps->tree->node_count;
	return rc;
}

static int clear_setid(struct steps *steps, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_for_each (steps->tree, node) {
		if (node->inode->type == TREE_DIR || (node->inode->mode & 06000) == 0)
			continue;
		if (sources_allow(steps->recipe, node->inode->origin, SOURCE_ALLOW_SETID))
			continue;
		node->inode->mode &= 01777;
		tree_path(node, path);
		int rc = steps_note(
			&steps->result.cleared, &steps->result.cleared_count, path, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int add_dirs(struct steps *steps, struct err *err)
{
	for (size_t i = 0; i < steps->recipe->dir_count; i++) {
		const struct recipe_dir *dir = &steps->recipe->dirs[i];
		int rc = steps_put_dir(steps, dir->path, dir->mode, dir->uid, dir->gid, err);

		if (rc != 0)
			return err_wrap(err, "directory");
	}
	return 0;
}

/* The text of the first of @paths that is there; @fallback when none is. */
static int read_text(struct steps *steps, const char *const paths[2], const char *fallback,
	const char **ret_what, struct buf *ret, struct err *err)
{
	for (size_t i = 0; i < 2; i++) {
		const struct tree_node *node = tree_resolve(steps->tree, paths[i]);

		if (node == NULL || node->inode->type != TREE_FILE)
			continue;
		const struct tree_content *content = &node->inode->content;

		*ret_what = paths[i];
		if (content->size_bytes > ACCOUNTS_BYTES_MAX)
			return err_fail(err, -EFBIG, "/%s: larger than %u bytes", paths[i],
				ACCOUNTS_BYTES_MAX);
		void *dst = buf_grow(ret, (size_t)content->size_bytes);
		int rc = buf_check(ret, err);

		if (rc == 0)
			rc = tree_read(content, paths[i], dst, (size_t)content->size_bytes, 0, err);
		if (rc == 0 && memchr(buf_cstr(ret), '\0', ret->len) != NULL)
			rc = err_fail(err, -EBADMSG, "/%s: has a NUL", paths[i]);
		return rc;
	}
	*ret_what = "the minimal accounts";
	buf_str(ret, fallback);
	return buf_check(ret, err);
}

/* Under an origin of their own: a file of the recipe may still replace one of them. */
static int put_accounts(struct steps *steps, struct accounts *accounts, struct err *err)
{
	const struct {
		const char *path;
		struct buf *bytes;
		struct steps_owner owner;
	} files[] = {
		{"etc/passwd", &accounts->passwd, {.mode = 0644}},
		{"etc/group", &accounts->group, {.mode = 0644}},
		{"etc/shadow", &accounts->shadow, {.mode = 0640, .gid = SHADOW_GROUP}},
		{"etc/gshadow", &accounts->gshadow, {.mode = 0640, .gid = SHADOW_GROUP}},
	};
	const char *recipe_origin = steps->origin;
	int rc = tree_origin(steps->tree, "accounts", &steps->origin, err);

	for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(*files); i++)
		rc = steps_put_file(steps, files[i].path, files[i].bytes, &files[i].owner, err);
	steps->origin = recipe_origin;
	return rc;
}

static int add_accounts(struct steps *steps, struct err *err)
{
	static const char *const passwd_paths[2] = {"etc/passwd", PASSWD_MASTER};
	static const char *const group_paths[2] = {"etc/group", GROUP_MASTER};
	const char *passwd_what, *group_what;
	ACCOUNTS_AUTO accounts = {0};
	BUF_AUTO passwd = {0};
	BUF_AUTO group = {0};

	if (steps->recipe->extension.name != NULL)
		return 0;

	int rc = read_text(
		steps, passwd_paths, "root:*:0:0:root:/root:/bin/sh\n", &passwd_what, &passwd, err);

	if (rc == 0)
		rc = read_text(
			steps, group_paths, "root:*:0:\nshadow:*:42:\n", &group_what, &group, err);
	if (rc == 0)
		rc = accounts_make(buf_cstr(&passwd), passwd_what, buf_cstr(&group), group_what,
			steps->recipe, &accounts, err);
	return rc != 0 ? rc : put_accounts(steps, &accounts, err);
}

/* Gives @inode the attributes of the recipe, in place of those of the same names. */
static int set_xattrs(struct tree_inode *inode, const struct recipe_xattrs *xattrs, struct err *err)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		const struct recipe_xattr *from = &xattrs->items[i];
		struct tree_xattr to = {.name = strdup(from->name),
			.value = malloc(from->size_bytes + 1),
			.size_bytes = from->size_bytes};

		if (to.value != NULL)
			memcpy(to.value, from->value, from->size_bytes);
		int rc = to.name != NULL && to.value != NULL
				 ? tree_set_xattr(inode, &to, err)
				 : err_fail(err, -ENOMEM, "out of memory");

		free(to.name);
		free(to.value);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int add_files(struct steps *steps, struct err *err)
{
	for (size_t i = 0; i < steps->recipe->file_count; i++) {
		const struct recipe_file *file = &steps->recipe->files[i];
		const struct steps_owner owner = {file->mode, file->uid, file->gid};
		int rc = steps_put_source(steps, file->path, &file->source, &owner, err);

		if (rc == 0)
			rc = set_xattrs(
				tree_resolve(steps->tree, file->path)->inode, &file->xattrs, err);
		if (rc != 0)
			return err_wrap(err, "file");
	}
	return 0;
}

/* Appends the bytes of every file that matches @pattern, in the order of their paths. */
static int join_pattern(
	const struct steps *steps, const char *pattern, struct buf *ret, struct err *err)
{
	char path[TREE_PATH_MAX + 1];
	size_t count = 0;

	tree_for_each (steps->tree, node) {
		const struct tree_content *content = &node->inode->content;

		tree_path(node, path);
		if (node->inode->type != TREE_FILE || fnmatch(pattern, path, FNM_PATHNAME) != 0)
			continue;
		if (content->size_bytes > STEPS_SOURCE_BYTES_MAX - ret->len)
			return err_fail(err, -EFBIG, "more than %u bytes", STEPS_SOURCE_BYTES_MAX);
		void *dst = buf_grow(ret, (size_t)content->size_bytes);
		int rc = buf_check(ret, err);

		if (rc == 0)
			rc = tree_read(content, path, dst, (size_t)content->size_bytes, 0, err);
		if (rc != 0)
			return rc;
		count++;
	}
	return count > 0 ? 0 : err_fail(err, -EBADMSG, "\"/%s\" matches no file", pattern);
}

static int add_join(struct steps *steps, const struct recipe_join *join, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < join->of.count; i++)
		rc = join_pattern(steps, join->of.items[i], &bytes, err);
	return rc != 0 ? rc
		       : steps_put_file(steps, join->path, &bytes,
				 &(struct steps_owner){.mode = 0644}, err);
}

static int add_joins(struct steps *steps, struct err *err)
{
	for (size_t i = 0; i < steps->recipe->join_count; i++) {
		const struct recipe_join *join = &steps->recipe->joins[i];

		if (add_join(steps, join, err) != 0)
			return err_wrap(err, "join /%s", join->path);
	}
	return 0;
}

static int add_links(struct steps *steps, struct err *err)
{
	for (size_t i = 0; i < steps->recipe->link_count; i++) {
		const struct recipe_link *link = &steps->recipe->links[i];
		int rc = steps_put_link(steps, link->path, link->target, err);

		if (rc != 0)
			return err_wrap(err, "link");
	}
	return 0;
}

/* Fills in what the result says of the file that @path leads to. */
static int describe(struct steps *steps, const char *path, struct steps_file *ret, struct err *err)
{
	const struct tree_node *node = tree_resolve(steps->tree, path);
	char real[TREE_PATH_MAX + 1];

	if (node == NULL || node->inode->type != TREE_FILE)
		return err_fail(err, -EBADMSG, "/%s: another step took its place", path);
	int rc = tree_digest(&node->inode->content, path, ret->sha256, err);

	if (rc != 0)
		return rc;
	tree_path(node, real);
	ret->size_bytes = node->inode->content.size_bytes;
	ret->path = strdup(real);
	if (ret->path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	ret->present = true;
	return 0;
}

/* Adds an empty file where nothing is. */
static int put_empty(struct steps *steps, const char *path, uint16_t mode, struct err *err)
{
	BUF_AUTO none = {0};

	if (tree_find(steps->tree, path) != NULL)
		return 0;
	return steps_put_file(steps, path, &none, &(struct steps_owner){.mode = mode}, err);
}

/* /var/tmp as a link: packages bring it as an empty directory. */
static int link_var_tmp(struct steps *steps, struct err *err)
{
	const struct tree_node *node = tree_find(steps->tree, "var/tmp");
	int rc = 0;

	if (node != NULL && node->inode->type == TREE_DIR) {
		if (node->child_count > 0)
			return err_fail(err, -EBADMSG, "/var/tmp is not empty");
		rc = tree_remove(steps->tree, "var/tmp", err);
	}
	return rc != 0 ? rc : steps_put_link(steps, "var/tmp", "../tmp", err);
}

static int add_fixed(struct steps *steps, struct err *err)
{
	if (steps->recipe->extension.name != NULL)
		return 0;

	int rc = put_empty(steps, "etc/machine-id", 0444, err);

	if (rc == 0)
		rc = put_empty(steps, "etc/resolv.conf", 0644, err);
	return rc != 0 ? rc : link_var_tmp(steps, err);
}

static int set_permission(
	struct steps *steps, const struct recipe_permission *permission, struct err *err)
{
	const struct tree_node *node = tree_resolve(steps->tree, permission->path);

	if (node == NULL)
		return err_fail(err, -EBADMSG, "/%s: is not there", permission->path);
	if (permission->has_mode)
		node->inode->mode = permission->mode;
	if (permission->has_uid)
		node->inode->uid = permission->uid;
	if (permission->has_gid)
		node->inode->gid = permission->gid;
	return set_xattrs(node->inode, &permission->xattrs, err);
}

static int set_permissions(struct steps *steps, struct err *err)
{
	for (size_t i = 0; i < steps->recipe->permission_count; i++) {
		if (set_permission(steps, &steps->recipe->permissions[i], err) != 0)
			return err_wrap(err, "permission");
	}
	return 0;
}

/* Last, so that what is described is what is sealed. */
static int finish(struct steps *steps, struct err *err)
{
	const struct recipe *recipe = steps->recipe;
	char path[TREE_PATH_MAX + 1];
	int rc = 0;

	tree_set_mtimes(steps->tree, recipe->timestamp);
	if (recipe->agent.present)
		rc = describe(steps, recipe->agent.install, &steps->result.agent, err);
	if (rc != 0 || !recipe->policy.present)
		return rc;
	snprintf(path, sizeof(path), STEPS_POLICY_DIR "/%s", recipe->policy.name);
	return describe(steps, path, &steps->result.policy, err);
}

static int check(struct steps *steps, struct err *err)
{
	return check_rootfs(steps->tree, steps->recipe, err);
}

static step_fn *const all_steps[] = {
	remove_patterns,
	clear_setid,
	add_dirs,
	add_accounts,
	add_files,
	add_joins,
	add_links,
	steps_units,
	steps_agent,
	steps_policy,
	steps_allow_list,
	add_fixed,
	set_permissions,
	finish,
	check,
};

int steps_apply(struct tree *tree, const struct recipe *recipe, struct spool *spool,
	struct steps_result *ret, struct err *err)
{
	STEPS_AUTO steps = {.tree = tree, .recipe = recipe, .spool = spool};
	int rc = tree_origin(tree, "recipe", &steps.origin, err);

	for (size_t i = 0; rc == 0 && i < sizeof(all_steps) / sizeof(*all_steps); i++)
		rc = all_steps[i](&steps, err);
	if (rc != 0)
		return err_wrap(err, "%s", recipe->path);
	*ret = steps.result;
	steps.result = (struct steps_result){0};
	return 0;
}

static void lines_free(char **lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(lines[i]);
	free(lines);
}

void steps_result_done(struct steps_result *result)
{
	free(result->agent.path);
	free(result->policy.path);
	lines_free(result->cleared, result->cleared_count);
	lines_free(result->warnings, result->warning_count);
	*result = (struct steps_result){0};
}
