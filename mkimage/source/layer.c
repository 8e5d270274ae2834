/* Archives over each other (layer.h). */
#define _GNU_SOURCE
#include "mkimage/source/layer.h"

#include <stdio.h>
#include <string.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Finds what is at @parent/@name: parents followed, itself not; its own path goes to @ret_path. */
static struct tree_node *find_entry(const struct tree *tree, const char *parent, const char *name,
	char ret_path[TREE_PATH_MAX + 1])
{
	const struct tree_node *dir = tree_resolve(tree, parent);
	char path[TREE_PATH_MAX + 1 + TREE_NAME_MAX + 1];
	char real[TREE_PATH_MAX + 1];

	if (dir == NULL)
		return NULL;
	tree_path(dir, real);
	snprintf(path, sizeof(path), "%s%s%s", real, real[0] != '\0' ? "/" : "", name);
	if (strlen(path) > TREE_PATH_MAX)
		return NULL;
	memcpy(ret_path, path, strlen(path) + 1);
	return tree_find(tree, path);
}

/* The directory part of @path; "" when there is none. */
static void parent_of(const char *path, char ret[TREE_PATH_MAX + 1])
{
	size_t n = (size_t)(name_of(path) - path);

	memcpy(ret, path, n);
	ret[n > 0 ? n - 1 : 0] = '\0';
}

static int hide(struct tree *tree, const char *parent, const char *name, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	if (find_entry(tree, parent, name, path) == NULL)
		return 0;
	return tree_remove(tree, path, err);
}

static int hide_children(struct tree *tree, const char *parent, struct err *err)
{
	struct tree_node *dir = tree_resolve(tree, parent);
	char path[TREE_PATH_MAX + 1];
	int rc = 0;

	while (rc == 0 && dir != NULL && dir->child_count > 0) {
		tree_path(dir->children[dir->child_count - 1], path);
		rc = tree_remove(tree, path, err);
	}
	return rc;
}

static bool is_whiteout(const struct source_entry *entry)
{
	return strncmp(name_of(entry->path), WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0;
}

static int bad_whiteout(const struct source_entry *entry, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "entry at byte %llu, /%s: %s",
		(unsigned long long)entry->offset, entry->path, why);
}

static int check_whiteout(const struct source_entry *entry, struct err *err)
{
	const char *hidden = name_of(entry->path) + strlen(WHITEOUT_PREFIX);

	if (entry->hard_link != NULL || entry->inode.type != TREE_FILE ||
		entry->inode.content.size_bytes != 0)
		return bad_whiteout(entry, "a whiteout is an empty file", err);
	if (strcmp(name_of(entry->path), WHITEOUT_OPAQUE) == 0)
		return 0;
	if (hidden[0] == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return bad_whiteout(entry, "a whiteout of nothing", err);
	if (strncmp(hidden, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		return bad_whiteout(entry, "a reserved whiteout name", err);
	return 0;
}

/* A directory that is a whiteout's name would be hidden with all in it. */
static int check_whiteout_parents(const struct source_entry *entry, struct err *err)
{
	for (const char *at = entry->path; (at = strstr(at, WHITEOUT_PREFIX)) != NULL; at++) {
		if ((at == entry->path || at[-1] == '/') && strchr(at, '/') != NULL)
			return bad_whiteout(entry, "below the name of a whiteout", err);
	}
	return 0;
}

/* All of a layer's whiteouts, before anything that it brings. */
static int apply_whiteouts(const struct source_archive *archive, struct tree *tree, struct err *err)
{
	char parent[TREE_PATH_MAX + 1];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < archive->count; i++) {
		const struct source_entry *entry = &archive->entries[i];
		const char *name = name_of(entry->path);

		rc = check_whiteout_parents(entry, err);
		if (rc != 0 || !is_whiteout(entry))
			continue;
		rc = check_whiteout(entry, err);
		parent_of(entry->path, parent);
		if (rc == 0 && strcmp(name, WHITEOUT_OPAQUE) == 0)
			rc = hide_children(tree, parent, err);
		else if (rc == 0)
			rc = hide(tree, parent, name + strlen(WHITEOUT_PREFIX), err);
	}
	return rc;
}

/* Takes a directory away that something else replaces. */
static int make_room(const struct source_entry *entry, struct tree *tree, struct err *err)
{
	char parent[TREE_PATH_MAX + 1], path[TREE_PATH_MAX + 1];
	const struct tree_node *node;
	bool is_dir = entry->hard_link == NULL && entry->inode.type == TREE_DIR;

	if (is_dir)
		return 0;
	parent_of(entry->path, parent);
	node = find_entry(tree, parent, name_of(entry->path), path);
	return node != NULL && node->inode->type == TREE_DIR ? tree_remove(tree, path, err) : 0;
}

static int apply_entry(
	struct source_entry *entry, const char *origin, struct tree *tree, struct err *err)
{
	int rc = make_room(entry, tree, err);

	if (rc == 0)
		rc = tree_parents(tree, entry->path, LAYER_IMPLIED, err);
	if (rc != 0)
		return rc;
	if (entry->hard_link != NULL)
		return tree_link(tree, entry->path, entry->hard_link, TREE_REPLACE, err);
	entry->inode.origin = origin;
	return tree_add(tree, entry->path, &entry->inode, TREE_REPLACE, NULL, err);
}

int layer_apply(struct source_archive *archive, const char *what, bool whiteouts,
	const char *origin, struct tree *tree, struct err *err)
{
	int rc = whiteouts ? apply_whiteouts(archive, tree, err) : 0;

	for (size_t i = 0; rc == 0 && i < archive->count; i++) {
		if (whiteouts && is_whiteout(&archive->entries[i]))
			continue;
		rc = apply_entry(&archive->entries[i], origin, tree, err);
	}
	return rc != 0 ? err_wrap(err, "%s", what) : 0;
}
