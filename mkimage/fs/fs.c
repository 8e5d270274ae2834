/* The file systems of guest images (fs.h): opening, and the walk that is the same for all. */
#define _GNU_SOURCE
#include "mkimage/fs/fs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "mkimage/fs/fs-ops.h"
#include "mkimage/tree.h"

#define MODE_TYPE 0170000
#define MODE_DIR  0040000

static const struct fs_ops *const kinds[] = {&fs_erofs_ops, &fs_ext4_ops};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const struct fs_ops *find_kind(const char *type)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i]->type, type) == 0)
			return kinds[i];
	return NULL;
}

bool fs_known(const char *type)
{
	return find_kind(type) != NULL;
}

static int open_kind(const struct fs_ops *ops, const void *bytes, size_t len, const char *what,
	struct fs *ret, struct err *err)
{
	struct fs fs = {.ops = ops, .what = what};
	int rc = ops->open(&fs, bytes, len, err);

	if (rc == 0)
		*ret = fs;
	return rc;
}

int fs_open(const char *type, const void *bytes, size_t len, const char *what, struct fs *ret,
	struct err *err)
{
	const struct fs_ops *ops = find_kind(type);

	if (ops == NULL)
		return err_fail(err, -ENOTSUP,
			"%s: only erofs and ext4 can be read, and this is %s", what,
			type[0] != '\0' ? type : "unknown");
	return open_kind(ops, bytes, len, what, ret, err);
}

int fs_open_any(const void *bytes, size_t len, const char *what, struct fs *ret, struct err *err)
{
	static const unsigned char ext4_magic[] = {0x53, 0xef};
	const unsigned char *at = bytes;

	if (len > 2048 && memcmp(at + 1024 + 0x38, ext4_magic, sizeof(ext4_magic)) == 0 &&
		open_kind(&fs_ext4_ops, bytes, len, what, ret, &(struct err){0}) == 0)
		return 0;
	return open_kind(&fs_erofs_ops, bytes, len, what, ret, err);
}

void fs_close(struct fs *fs)
{
	erofs_data_done(&fs->erofs_reader);
	*fs = (struct fs){0};
}

int fs_read(struct fs *fs, const struct fs_node *node, fs_sink *sink, void *arg, struct err *err)
{
	return fs->ops->read(fs, node, sink, arg, err);
}

int fs_xattrs(
	struct fs *fs, const struct fs_node *node, fs_xattr_fn *fn, void *arg, struct err *err)
{
	return fs->ops->xattrs(fs, node, fn, arg, err);
}

bool fs_owns(struct fs *fs, const struct fs_node *node, uint64_t at, uint64_t *ret_off)
{
	return fs->ops->owns(fs, node, at, ret_off);
}

uint64_t fs_node_off(const struct fs *fs, const struct fs_node *node)
{
	return fs->ops->node_off(fs, node);
}

/* The names of a directory on the way from the root to the place that the walk has reached. */
struct level {
	struct fs_entry *entries; /* owned */
	size_t count, cap, next;
	uint64_t id, parent_id;
	size_t path_len; /* of the directory itself; 0 for the root */
	bool dots[2];	 /* "." and ".." have been seen */
};

struct walk {
	struct fs *fs;
	fs_walk_fn *fn;
	void *arg;
	char path[TREE_PATH_MAX + 2];
	struct level *levels; /* owned */
	size_t depth, cap;
	size_t nodes;
};

static int bad_tree(const struct walk *walk, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: %s: %s", walk->fs->what,
		walk->path[0] != '\0' ? walk->path : "/", why);
}

static bool is_dir(uint16_t mode)
{
	return (mode & MODE_TYPE) == MODE_DIR;
}

/* "." and ".." must lead to the directory and its parent: no directory has two. */
static int check_dot(
	struct walk *walk, struct level *level, const struct fs_entry *entry, struct err *err)
{
	uint64_t want = entry->name_len == 1 ? level->id : level->parent_id;

	if (entry->id != want)
		return bad_tree(walk, "its \".\" or \"..\" leads elsewhere", err);
	level->dots[entry->name_len - 1] = true;
	return 0;
}

/* fs_entry_fn: one entry of the innermost directory. */
static int take_entry(void *arg, const struct fs_entry *entry, struct err *err)
{
	struct walk *walk = arg;
	struct level *level = &walk->levels[walk->depth - 1];

	if (entry->name_len <= 2 && memcmp(entry->name, "..", entry->name_len) == 0)
		return check_dot(walk, level, entry, err);
	if (walk->nodes++ == FS_NODES_MAX)
		return bad_tree(walk, "more than a million names", err);
	if (level->count == level->cap) {
		size_t cap = level->cap > 0 ? 2 * level->cap : 32;
		struct fs_entry *grown = reallocarray(level->entries, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		level->entries = grown;
		level->cap = cap;
	}
	level->entries[level->count++] = *entry;
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct fs_entry *left = a, *right = b;
	size_t shorter = left->name_len < right->name_len ? left->name_len : right->name_len;
	int order = memcmp(left->name, right->name, shorter);

	if (order != 0)
		return order;
	return (left->name_len > right->name_len) - (left->name_len < right->name_len);
}

static int read_level(struct walk *walk, const struct fs_node *dir, struct err *err)
{
	struct level *level = &walk->levels[walk->depth - 1];
	int rc = walk->fs->ops->entries(walk->fs, dir, take_entry, walk, err);

	if (rc != 0)
		return rc;
	if (!level->dots[0] || !level->dots[1])
		return bad_tree(walk, "a directory without \".\" or \"..\"", err);
	if (level->count > 0)
		qsort(level->entries, level->count, sizeof(*level->entries), compare_entries);
	for (size_t i = 1; i < level->count; i++)
		if (compare_entries(&level->entries[i - 1], &level->entries[i]) == 0)
			return bad_tree(walk, "a directory with the same name twice", err);
	return 0;
}

static int push(struct walk *walk, const struct fs_node *node, uint64_t parent, struct err *err)
{
	if (walk->depth == FS_DEPTH_MAX)
		return bad_tree(walk, "too many directories inside each other", err);
	if (walk->depth == walk->cap) {
		size_t cap = walk->cap > 0 ? 2 * walk->cap : 16;
		struct level *grown = reallocarray(walk->levels, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		walk->levels = grown;
		walk->cap = cap;
	}
	walk->levels[walk->depth++] = (struct level){
		.id = node->id, .parent_id = parent, .path_len = strlen(walk->path)};
	return read_level(walk, node, err);
}

static int visit(struct walk *walk, const struct fs_node *node, uint64_t parent, struct err *err)
{
	int rc = walk->fn(walk->arg, walk->path[0] != '\0' ? walk->path : "/", node, err);

	return rc != 0 || !is_dir(node->mode) ? rc : push(walk, node, parent, err);
}

static int enter(struct walk *walk, const struct fs_entry *entry, struct err *err)
{
	const struct level *level = &walk->levels[walk->depth - 1];
	struct fs_node node;
	int rc;

	if (level->path_len + 1 + entry->name_len >= sizeof(walk->path))
		return bad_tree(walk, "a path over 4095 bytes", err);
	walk->path[level->path_len] = '/';
	memcpy(walk->path + level->path_len + 1, entry->name, entry->name_len);
	walk->path[level->path_len + 1 + entry->name_len] = '\0';
	rc = walk->fs->ops->node(walk->fs, entry->id, &node, err);
	if (rc != 0)
		return rc;
	if ((node.mode & MODE_TYPE) != entry->mode)
		return bad_tree(walk, "its type is not that of its directory's entry", err);
	return visit(walk, &node, level->id, err);
}

/* Goes on in the innermost directory. */
static int step(struct walk *walk, struct err *err)
{
	struct level *level = &walk->levels[walk->depth - 1];

	walk->path[level->path_len] = '\0';
	if (level->next < level->count) {
		const struct fs_entry entry = level->entries[level->next++];

		return enter(walk, &entry, err);
	}
	free(level->entries);
	walk->depth--;
	return 0;
}

static int walk_all(struct walk *walk, struct err *err)
{
	struct fs_node root;
	int rc = walk->fs->ops->node(walk->fs, walk->fs->ops->root(walk->fs), &root, err);

	if (rc != 0)
		return rc;
	if (!is_dir(root.mode))
		return bad_tree(walk, "the root is no directory", err);
	rc = visit(walk, &root, root.id, err);
	while (rc == 0 && walk->depth > 0)
		rc = step(walk, err);
	return rc;
}

int fs_walk(struct fs *fs, fs_walk_fn *fn, void *arg, struct err *err)
{
	AUTO_FREE struct walk *walk = calloc(1, sizeof(*walk));
	int rc;

	if (walk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	walk->fs = fs;
	walk->fn = fn;
	walk->arg = arg;
	rc = walk_all(walk, err);
	while (walk->depth > 0)
		free(walk->levels[--walk->depth].entries);
	free(walk->levels);
	return rc;
}
