/* The sources of a recipe (sources.h). */
#define _GNU_SOURCE
#include "mkimage/source/sources.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/json.h"
#include "mkimage/fs/list-tree.h"
#include "mkimage/source/layer.h"
#include "mkimage/source/oci-bundle.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/source-dir.h"
#include "mkimage/source/source-file.h"
#include "mkimage/source/source-image.h"
#include "mkimage/source/source-oci.h"

/* Where a source is read from and what it becomes. */
struct reading {
	const struct recipe *recipe;
	const struct recipe_import *import;
	const char *path;
	const char *origin;
	struct spool *spool;
	struct tree *tree;
	json_t **ret_config; /* of a bundle: the image's configuration */
};

/* "KIND:PATH", malloc'ed; NULL without memory. */
static char *origin_of(const struct recipe_import *import)
{
	char *origin = NULL;

	return asprintf(&origin, "%s:%s", recipe_import_kind_name(import->kind), import->path) < 0
		       ? NULL
		       : origin;
}

/* --- reading --- */

static int read_tar(const struct reading *reading, struct err *err)
{
	struct source_options options = {.what = reading->path,
		.allow = reading->import->allow,
		.by_reference = true,
		.limits = SOURCE_LIMITS_DEFAULT};
	SOURCE_FILE_AUTO file = {.fd = -1};
	SOURCE_ARCHIVE_AUTO archive = {0};
	int rc = source_file_open(reading->path, reading->import->sha256, &file, err);

	if (rc == 0)
		rc = source_archive_read(
			file.fd, 0, file.size_bytes, &options, reading->spool, &archive, err);
	if (rc == 0)
		rc = source_file_unchanged(&file, err);
	if (rc == 0)
		rc = layer_apply(
			&archive, reading->path, false, reading->origin, reading->tree, err);
	return rc == 0 ? spool_keep(reading->spool, &file, err) : rc;
}

static int read_oci(const struct reading *reading, struct err *err)
{
	struct source_oci_options options = {
		.architecture = reading->recipe->architecture,
		.allow = reading->import->allow,
		.limits = SOURCE_LIMITS_DEFAULT,
		.ret_config = reading->ret_config,
	};

	memcpy(options.sha256, reading->import->sha256, sizeof(options.sha256));
	return source_oci_read(
		reading->path, &options, reading->spool, reading->origin, reading->tree, err);
}

static int read_dir_tree(const struct reading *reading, struct err *err)
{
	struct source_dir_options options = {
		.allow = reading->import->allow, .keep_owner = reading->import->keep_owner};

	return source_dir_read(
		reading->path, &options, reading->spool, reading->origin, reading->tree, err);
}

static int read_dir(const struct reading *reading, struct err *err)
{
	unsigned char got[SHA256_SIZE];
	int rc = read_dir_tree(reading, err);

	if (rc == 0)
		rc = list_tree_digest(reading->tree, got, err);
	return rc != 0 ? rc : source_file_expect(reading->path, got, reading->import->sha256, err);
}

static int read_image(const struct reading *reading, struct err *err)
{
	struct source_image_options options = {
		.sha256 = reading->import->sha256, .allow = reading->import->allow};

	return source_image_read(
		reading->path, &options, reading->spool, reading->origin, reading->tree, err);
}

typedef int read_fn(const struct reading *reading, struct err *err);

static read_fn *const readers[] = {
	[RECIPE_IMPORT_TAR] = read_tar,
	[RECIPE_IMPORT_OCI] = read_oci,
	[RECIPE_IMPORT_DIR] = read_dir,
	[RECIPE_IMPORT_IMAGE] = read_image,
};

/* --- putting into the guest --- */

/* What of one source goes where. */
struct graft {
	const struct recipe_import *import;
	const char *origin; /* in the guest's tree */
	struct tree *tree;
	char **placed; /* owned: guest paths of inodes with several names, by mark - 1 */
	size_t placed_count;
};

static void graft_done(struct graft *graft)
{
	for (size_t i = 0; i < graft->placed_count; i++)
		free(graft->placed[i]);
	free(graft->placed);
}

/* True when @path is @parent or below it. */
static bool is_within(const char *path, const char *parent)
{
	size_t n = strlen(parent);

	return strncmp(path, parent, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* How many components @path has. */
static size_t depth_of(const char *path)
{
	size_t depth = *path != '\0';

	for (; *path != '\0'; path++)
		depth += *path == '/';
	return depth;
}

/* True when the first @depth components of @path match as many of @pattern. */
static bool matches_to(const char *pattern, const char *path, size_t depth)
{
	char from[TREE_PATH_MAX + 1], to[TREE_PATH_MAX + 1];
	const char *const texts[] = {pattern, path};
	char *const copies[] = {from, to};

	for (size_t i = 0; i < 2; i++) {
		size_t left = depth, n = 0;

		while (texts[i][n] != '\0' && !(texts[i][n] == '/' && --left == 0))
			n++;
		snprintf(copies[i], sizeof(from), "%.*s", (int)n, texts[i]);
	}
	return fnmatch(from, to, FNM_PATHNAME) == 0;
}

/* Whether @only, a path or a pattern, names @path or a directory above it. */
static bool names(const char *only, const char *path)
{
	size_t depth = depth_of(only);

	if (strpbrk(only, "*?[") == NULL)
		return is_within(path, only);
	return depth_of(path) >= depth && matches_to(only, path, depth);
}

/* Whether something that @only names may be below the directory @path. */
static bool leads_to(const char *only, const char *path)
{
	size_t depth = depth_of(path);

	if (strpbrk(only, "*?[") == NULL)
		return is_within(only, path);
	return depth < depth_of(only) && matches_to(only, path, depth);
}

static bool is_wanted(
	const struct recipe_import *import, const struct tree_node *node, const char *path)
{
	for (size_t i = 0; i < import->only.count; i++) {
		const char *only = import->only.items[i];

		if (names(only, path))
			return true;
		if (node->inode->type == TREE_DIR && leads_to(only, path))
			return true;
	}
	return import->only.count == 0;
}

/* @path without its first @strip components; NULL when there are no more than that. */
static const char *stripped(const char *path, uint32_t strip)
{
	for (; strip > 0 && path != NULL; strip--) {
		path = strchr(path, '/');
		path = path != NULL ? path + 1 : NULL;
	}
	return path;
}

static int guest_path(
	const struct graft *graft, const char *rest, char ret[TREE_PATH_MAX + 1], struct err *err)
{
	const char *to = graft->import->to;
	int n = snprintf(ret, TREE_PATH_MAX + 1, "%s%s%s%s", to, to[0] != '\0' ? "/" : "",
		graft->import->bundle ? "rootfs/" : "", rest);

	if (n < 0 || n > TREE_PATH_MAX)
		return err_fail(
			err, -EBADMSG, "/%.200s...: a path over %d bytes", ret, TREE_PATH_MAX);
	return 0;
}

static bool stays(const struct graft *graft, const struct tree_inode *inode, const char *path)
{
	const struct tree_node *there;

	if (inode->type == TREE_DIR) {
		there = tree_resolve(graft->tree, path);
		return there != NULL && there->inode->type == TREE_DIR;
	}
	there = inode->type == TREE_SYMLINK ? tree_find(graft->tree, path) : NULL;
	return there != NULL && there->inode->type == TREE_SYMLINK &&
	       strcmp(there->inode->target, inode->target) == 0;
}

/* Remembers where an inode of several names went. */
static int mark_placed(
	struct graft *graft, struct tree_inode *inode, const char *path, struct err *err)
{
	char **grown = reallocarray(graft->placed, graft->placed_count + 1, sizeof(*grown));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	graft->placed = grown;
	grown[graft->placed_count] = strdup(path);
	if (grown[graft->placed_count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	inode->mark = ++graft->placed_count;
	return 0;
}

/* Moves what @inode owns to a new node of the guest. */
static int move_inode(struct graft *graft, struct tree_inode *inode, const char *path,
	enum tree_conflict conflict, struct err *err)
{
	struct tree_inode taken = *inode;

	inode->content.mem = NULL;
	inode->target = NULL;
	inode->xattrs = NULL;
	inode->xattr_count = 0;
	taken.origin = graft->origin;
	return tree_add(graft->tree, path, &taken, conflict, NULL, err);
}

static int put_inode(
	struct graft *graft, struct tree_inode *inode, const char *path, struct err *err)
{
	enum tree_conflict conflict = graft->import->replace ? TREE_REPLACE : TREE_REFUSE;
	int rc;

	if (inode->mark != 0)
		return tree_link(graft->tree, path, graft->placed[inode->mark - 1], conflict, err);
	if (stays(graft, inode, path))
		return 0;
	if (inode->links > 1) {
		rc = mark_placed(graft, inode, path, err);
		if (rc != 0)
			return rc;
	}
	return move_inode(graft, inode, path, conflict, err);
}

static int put_node(struct graft *graft, const struct tree_node *node, struct err *err)
{
	char from[TREE_PATH_MAX + 1], to[TREE_PATH_MAX + 1];
	const char *rest;
	int rc;

	tree_path(node, from);
	rest = stripped(from, graft->import->strip);
	if (rest == NULL || !is_wanted(graft->import, node, from))
		return 0;
	rc = guest_path(graft, rest, to, err);
	if (rc == 0)
		rc = tree_parents(graft->tree, to, graft->origin, err);
	return rc != 0 ? rc : put_inode(graft, node->inode, to, err);
}

static bool is_named(const struct tree *from, const char *only)
{
	char path[TREE_PATH_MAX + 1];

	if (strpbrk(only, "*?[") == NULL)
		return tree_find(from, only) != NULL;
	tree_for_each (from, node) {
		tree_path(node, path);
		if (names(only, path))
			return true;
	}
	return false;
}

static int check_only(const struct graft *graft, const struct tree *from, struct err *err)
{
	for (size_t i = 0; i < graft->import->only.count; i++) {
		if (!is_named(from, graft->import->only.items[i]))
			return err_fail(err, -EBADMSG, "only: there is no /%s in it",
				graft->import->only.items[i]);
	}
	return 0;
}

/* Puts what is wanted of @from, which loses it, into the guest. */
static int put_tree(struct graft *graft, struct tree *from, struct err *err)
{
	size_t before = graft->tree->node_count;
	int rc = check_only(graft, from, err);

	tree_for_each (from, node) {
		if (rc == 0 && node->parent != NULL)
			rc = put_node(graft, node, err);
	}
	if (rc == 0 && !graft->import->replace && graft->tree->node_count == before)
		return err_fail(err, -EBADMSG, "adds nothing to the guest");
	return rc;
}

/* The config.json beside the root file system of a bundle. */
static int put_bundle_config(struct graft *graft, const json_t *image, struct err *err)
{
	const char *to = graft->import->to;
	struct tree_inode inode = {
		.type = TREE_FILE, .mode = 0644, .content.fd = -1, .origin = graft->origin};
	char path[TREE_PATH_MAX + 1];
	BUF_AUTO text = {0};
	int rc = oci_bundle_config(image, &text, err);
	int n = snprintf(path, sizeof(path), "%s%sconfig.json", to, to[0] != '\0' ? "/" : "");

	if (rc != 0)
		return rc;
	if (n < 0 || n > TREE_PATH_MAX)
		return err_fail(err, -EBADMSG, "a path over %d bytes", TREE_PATH_MAX);
	inode.content.mem = text.data;
	inode.content.size_bytes = text.len;
	text = (struct buf){0};
	return tree_add(graft->tree, path, &inode,
		graft->import->replace ? TREE_REPLACE : TREE_REFUSE, NULL, err);
}

static int apply_import(const struct recipe *recipe, const struct recipe_import *import,
	struct spool *spool, struct tree *tree, struct err *err)
{
	AUTO_FREE char *path = recipe_import_path(recipe, import);
	AUTO_FREE char *origin = origin_of(import);
	__attribute__((cleanup(graft_done))) struct graft graft = {.import = import, .tree = tree};
	TREE_AUTO from = {0};
	JSON_AUTO *image = NULL;
	struct reading reading = {.recipe = recipe,
		.import = import,
		.path = path,
		.spool = spool,
		.tree = &from,
		.ret_config = import->bundle ? &image : NULL};
	int rc;

	if (path == NULL || origin == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = tree_init(&from, err);
	if (rc == 0)
		rc = tree_origin(&from, origin, &reading.origin, err);
	if (rc == 0)
		rc = tree_origin(tree, origin, &graft.origin, err);
	if (rc == 0)
		rc = readers[import->kind](&reading, err);
	if (rc != 0)
		return rc;
	rc = put_tree(&graft, &from, err);
	if (rc == 0 && import->bundle)
		rc = put_bundle_config(&graft, image, err);
	return rc != 0 ? err_wrap(err, "%s", path) : 0;
}

int sources_apply(const struct recipe *recipe, const struct progress *progress, struct spool *spool,
	struct tree *tree, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < recipe->import_count; i++) {
		progress_report(progress, "sources", i, recipe->import_count);
		rc = apply_import(recipe, &recipe->imports[i], spool, tree, err);
	}
	return rc;
}

static int digest_dir(
	const struct reading *reading, unsigned char ret[SHA256_SIZE], struct err *err)
{
	int rc = read_dir_tree(reading, err);

	return rc != 0 ? rc : list_tree_digest(reading->tree, ret, err);
}

int sources_digest(const struct recipe *recipe, const struct recipe_import *import,
	struct spool *spool, unsigned char ret[SHA256_SIZE], struct err *err)
{
	AUTO_FREE char *path = recipe_import_path(recipe, import);
	TREE_AUTO tree = {0};
	struct reading reading = {.recipe = recipe,
		.import = import,
		.path = path,
		.origin = "",
		.spool = spool,
		.tree = &tree};
	int rc;

	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (import->kind == RECIPE_IMPORT_OCI)
		return err_fail(err, -ENOTSUP, "%s: an image is pinned by its manifest", path);
	if (import->kind != RECIPE_IMPORT_DIR)
		return io_digest_file(path, DIGEST_SHA256, ret, NULL, err);
	rc = tree_init(&tree, err);
	return rc != 0 ? rc : digest_dir(&reading, ret, err);
}

bool sources_allow(const struct recipe *recipe, const char *origin, unsigned allow)
{
	for (size_t i = 0; i < recipe->import_count; i++) {
		const struct recipe_import *import = &recipe->imports[i];
		const char *kind = recipe_import_kind_name(import->kind);
		size_t n = strlen(kind);

		if ((import->allow & allow) != 0 && strncmp(origin, kind, n) == 0 &&
			origin[n] == ':' && strcmp(origin + n + 1, import->path) == 0)
			return true;
	}
	return false;
}
