/*
 * The in-memory file tree (tree.h). Children are arrays sorted by name and searched by bisection; everything that
 * walks or frees goes by parent pointers, so a deep tree never costs stack.
 */
#define _GNU_SOURCE
#include "mkimage/tree.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/io.h"

#define TREE_LINKS_FOLLOWED_MAX 40 /* as the kernel (MAXSYMLINKS) */
#define TREE_XATTR_NAME_MAX	255
#define TREE_XATTR_VALUE_MAX	65536
#define TREE_READ_BYTES		65536

static void xattrs_free(struct tree_inode *inode)
{
	for (size_t i = 0; i < inode->xattr_count; i++) {
		free(inode->xattrs[i].name);
		free(inode->xattrs[i].value);
	}
	free(inode->xattrs);
	inode->xattrs = NULL;
	inode->xattr_count = 0;
}

/* Frees what @inode owns, not the inode. */
static void inode_clear(struct tree_inode *inode)
{
	free(inode->content.mem);
	free(inode->target);
	inode->content.mem = NULL;
	inode->target = NULL;
	xattrs_free(inode);
}

static void inode_put(struct tree_inode *inode)
{
	if (--inode->links > 0)
		return;
	inode_clear(inode);
	free(inode);
}

static void node_free(struct tree_node *node)
{
	inode_put(node->inode);
	free(node->children);
	free(node->name);
	free(node);
}

/* Frees @top and all below it; @top is already out of its parent's list. */
static void subtree_free(struct tree *tree, struct tree_node *top)
{
	struct tree_node *node = top;

	for (;;) {
		if (node->child_count > 0) {
			node = node->children[node->child_count - 1];
			continue;
		}
		struct tree_node *parent = node->parent;
		bool last = node == top;

		node_free(node);
		tree->node_count--;
		if (last)
			return;
		parent->child_count--;
		node = parent;
	}
}

/* A node with an inode of its own; NULL without memory. */
static struct tree_node *node_new(const char *name, size_t name_len)
{
	struct tree_node *node = calloc(1, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->name = strndup(name, name_len);
	if (node->name == NULL) {
		free(node);
		return NULL;
	}
	return node;
}

int tree_init(struct tree *tree, struct err *err)
{
	*tree = (struct tree){0};
	tree->root = node_new("", 0);
	if (tree->root == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	tree->root->inode = calloc(1, sizeof(*tree->root->inode));
	if (tree->root->inode == NULL) {
		free(tree->root->name);
		free(tree->root);
		tree->root = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	*tree->root->inode = (struct tree_inode){
		.type = TREE_DIR, .mode = 0755, .content.fd = -1, .origin = "", .links = 1};
	tree->node_count = 1;
	return 0;
}

void tree_done(struct tree *tree)
{
	if (tree->root != NULL)
		subtree_free(tree, tree->root);
	for (size_t i = 0; i < tree->origin_count; i++)
		free(tree->origins[i]);
	free(tree->origins);
	*tree = (struct tree){0};
}

static size_t component_len(const char *path)
{
	return strcspn(path, "/");
}

int tree_check_path(const char *path, const char *what, struct err *err)
{
	if (path[0] == '\0')
		return 0;
	if (strlen(path) > TREE_PATH_MAX)
		return err_fail(err, -EBADMSG, "%s: %.80s...: path longer than %d bytes", what,
			path, TREE_PATH_MAX);
	if (path[0] == '/')
		return err_fail(err, -EBADMSG, "%s: %s: absolute path", what, path);
	for (const char *at = path;; at++) {
		size_t n = component_len(at);

		if (n == 0)
			return err_fail(err, -EBADMSG, "%s: %s: empty component", what, path);
		if (n > TREE_NAME_MAX)
			return err_fail(err, -EBADMSG, "%s: %s: component longer than %d bytes",
				what, path, TREE_NAME_MAX);
		if ((n == 1 && at[0] == '.') || (n == 2 && memcmp(at, "..", 2) == 0))
			return err_fail(
				err, -EBADMSG, "%s: %s: \".\" or \"..\" in a path", what, path);
		at += n;
		if (*at == '\0')
			return 0;
	}
}

int tree_origin(struct tree *tree, const char *origin, const char **ret, struct err *err)
{
	for (size_t i = tree->origin_count; i-- > 0;) {
		if (strcmp(tree->origins[i], origin) == 0) {
			*ret = tree->origins[i];
			return 0;
		}
	}
	char **grown = reallocarray(tree->origins, tree->origin_count + 1, sizeof(*grown));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	tree->origins = grown;
	grown[tree->origin_count] = strdup(origin);
	if (grown[tree->origin_count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	*ret = grown[tree->origin_count++];
	return 0;
}

static int name_compare(const char *name, size_t n, const char *other)
{
	size_t m = strlen(other);
	int order = memcmp(name, other, n < m ? n : m);

	if (order != 0)
		return order;
	return n < m ? -1 : n > m;
}

/* Where @name is among @dir's children, or would have to be. */
static size_t child_slot(const struct tree_node *dir, const char *name, size_t n, bool *ret_found)
{
	size_t low = 0, high = dir->child_count;

	*ret_found = false;
	/* Archives are mostly sorted: the new name then goes last. */
	if (high > 0 && name_compare(name, n, dir->children[high - 1]->name) > 0)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = name_compare(name, n, dir->children[mid]->name);

		if (order == 0) {
			*ret_found = true;
			return mid;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static struct tree_node *child_find(const struct tree_node *dir, const char *name, size_t n)
{
	bool found;
	size_t slot = child_slot(dir, name, n, &found);

	return found ? dir->children[slot] : NULL;
}

struct tree_node *tree_find(const struct tree *tree, const char *path)
{
	struct tree_node *node = tree->root;

	while (node != NULL && *path != '\0') {
		size_t n = component_len(path);

		node = child_find(node, path, n);
		path += n;
		if (*path == '/')
			path++;
	}
	return node;
}

/* Puts @target and a slash before what is left of the walk; false when that is longer than any path may be. */
static bool splice(char *rest, size_t cap, const char **at, const char *target)
{
	size_t tail = strlen(*at), head = strlen(target);

	if (head + 1 + tail + 1 > cap)
		return false;
	memmove(rest + head + 1, *at, tail + 1);
	memcpy(rest, target, head);
	rest[head] = '/';
	*at = rest;
	return true;
}

/* Follows @n bytes of @path from the root as the guest's kernel would. */
static struct tree_node *resolve(const struct tree *tree, const char *path, size_t n)
{
	char rest[2 * (TREE_PATH_MAX + 1)];
	const char *at = rest;
	struct tree_node *node = tree->root;
	int followed = 0;

	if (n > TREE_PATH_MAX)
		return NULL;
	memcpy(rest, path, n);
	rest[n] = '\0';
	while (*at != '\0') {
		size_t len = component_len(at);
		const char *name = at;

		at += len + (at[len] == '/');
		if (len == 0 || (len == 1 && name[0] == '.'))
			continue;
		if (node->inode->type != TREE_DIR)
			return NULL;
		if (len == 2 && memcmp(name, "..", 2) == 0) {
			node = node->parent != NULL ? node->parent : node;
			continue;
		}
		struct tree_node *child = child_find(node, name, len);

		if (child == NULL)
			return NULL;
		if (child->inode->type != TREE_SYMLINK) {
			node = child;
			continue;
		}
		if (++followed > TREE_LINKS_FOLLOWED_MAX)
			return NULL;
		if (!splice(rest, sizeof(rest), &at, child->inode->target))
			return NULL;
		if (child->inode->target[0] == '/')
			node = tree->root;
	}
	return node;
}

struct tree_node *tree_resolve(const struct tree *tree, const char *path)
{
	return resolve(tree, path, strlen(path));
}

static size_t path_len(const struct tree_node *node)
{
	size_t n = 0;

	for (; node->parent != NULL; node = node->parent)
		n += strlen(node->name) + 1;
	return n > 0 ? n - 1 : 0;
}

/* Finds the directory that a new @path goes into, and its name there. */
static int place(const struct tree *tree, const char *path, struct tree_node **ret_dir,
	const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t parent_len = slash != NULL ? (size_t)(slash - path) : 0;
	struct tree_node *dir = resolve(tree, path, parent_len);

	if (dir == NULL)
		return err_fail(err, -EBADMSG, "%s: its parent directory is not there", path);
	if (dir->inode->type != TREE_DIR)
		return err_fail(err, -EBADMSG, "%s: its parent is not a directory", path);
	if (path_len(dir) + 1 + strlen(name) > TREE_PATH_MAX)
		return err_fail(
			err, -EBADMSG, "%s: leads to a path longer than %d", path, TREE_PATH_MAX);
	*ret_dir = dir;
	*ret_name = name;
	return 0;
}

/* Makes room at @slot of @dir's children. */
static int children_open(
	struct tree *tree, struct tree_node *dir, size_t slot, const char *path, struct err *err)
{
	if (tree->node_count >= TREE_NODES_MAX)
		return err_fail(err, -EFBIG, "%s: more than %u nodes", path, TREE_NODES_MAX);
	if (dir->child_count >= TREE_CHILDREN_MAX)
		return err_fail(err, -EFBIG, "%s: more than %u names in a directory", path,
			TREE_CHILDREN_MAX);
	if (dir->child_count == dir->child_cap) {
		size_t cap = dir->child_cap > 0 ? 2 * dir->child_cap : 8;
		struct tree_node **grown = reallocarray(dir->children, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		dir->children = grown;
		dir->child_cap = cap;
	}
	memmove(&dir->children[slot + 1], &dir->children[slot],
		(dir->child_count - slot) * sizeof(*dir->children));
	return 0;
}

/* Adds a node named @name for @inode (one more link) to @dir. */
static int attach(struct tree *tree, struct tree_node *dir, const char *name,
	struct tree_inode *inode, const char *path, struct tree_node **ret, struct err *err)
{
	size_t n = strlen(name);
	bool found;
	size_t slot = child_slot(dir, name, n, &found);
	struct tree_node *node = node_new(name, n);

	if (node == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	int rc = children_open(tree, dir, slot, path, err);

	if (rc != 0) {
		free(node->name);
		free(node);
		return rc;
	}
	node->parent = dir;
	node->inode = inode;
	inode->links++;
	dir->children[slot] = node;
	dir->child_count++;
	tree->node_count++;
	if (ret != NULL)
		*ret = node;
	return 0;
}

static int xattr_compare(const void *a, const void *b)
{
	const struct tree_xattr *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int check_xattrs(struct tree_inode *inode, const char *path, struct err *err)
{
	for (size_t i = 0; i < inode->xattr_count; i++) {
		const struct tree_xattr *xattr = &inode->xattrs[i];
		size_t n = strlen(xattr->name);

		if (n == 0 || n > TREE_XATTR_NAME_MAX)
			return err_fail(
				err, -EBADMSG, "%s: bad length of an attribute's name", path);
		if (xattr->size_bytes > TREE_XATTR_VALUE_MAX)
			return err_fail(err, -EBADMSG, "%s: attribute %s is larger than %d bytes",
				path, xattr->name, TREE_XATTR_VALUE_MAX);
	}
	if (inode->xattr_count < 2)
		return 0;
	qsort(inode->xattrs, inode->xattr_count, sizeof(*inode->xattrs), xattr_compare);
	for (size_t i = 1; i < inode->xattr_count; i++) {
		if (strcmp(inode->xattrs[i - 1].name, inode->xattrs[i].name) == 0)
			return err_fail(err, -EBADMSG, "%s: attribute %s is there twice", path,
				inode->xattrs[i].name);
	}
	return 0;
}

static void drop_xattr(struct tree_inode *inode, const char *name)
{
	for (size_t i = 0; i < inode->xattr_count; i++) {
		struct tree_xattr *xattr = &inode->xattrs[i];

		if (strcmp(xattr->name, name) != 0)
			continue;
		free(xattr->name);
		free(xattr->value);
		memmove(xattr, xattr + 1, (--inode->xattr_count - i) * sizeof(*xattr));
		return;
	}
}

int tree_set_xattr(struct tree_inode *inode, struct tree_xattr *xattr, struct err *err)
{
	struct tree_xattr taken = *xattr, *grown;

	*xattr = (struct tree_xattr){0};
	drop_xattr(inode, taken.name);
	grown = reallocarray(inode->xattrs, inode->xattr_count + 1, sizeof(*grown));
	if (grown == NULL) {
		free(taken.name);
		free(taken.value);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	inode->xattrs = grown;
	grown[inode->xattr_count++] = taken;
	return check_xattrs(inode, taken.name, err);
}

static int check_inode(struct tree_inode *inode, const char *path, struct err *err)
{
	if ((inode->mode & ~07777) != 0)
		return err_fail(err, -EBADMSG, "%s: mode 0%o has bits beyond 07777", path,
			(unsigned)inode->mode);
	if (inode->type == TREE_SYMLINK) {
		size_t n = inode->target != NULL ? strlen(inode->target) : 0;

		if (n == 0 || n > TREE_PATH_MAX)
			return err_fail(
				err, -EBADMSG, "%s: bad length of a symbolic link's target", path);
	}
	return check_xattrs(inode, path, err);
}

/* Takes what @proto owns into an inode of its own; NULL without memory. */
static struct tree_inode *inode_take(struct tree_inode *proto)
{
	struct tree_inode *inode = malloc(sizeof(*inode));

	if (inode == NULL)
		return NULL;
	*inode = *proto;
	inode->links = 0;
	inode->mark = 0;
	if (inode->origin == NULL)
		inode->origin = "";
	proto->content.mem = NULL;
	proto->target = NULL;
	proto->xattrs = NULL;
	proto->xattr_count = 0;
	return inode;
}

static const char *described_origin(const struct tree_node *node)
{
	return node->inode->origin[0] != '\0' ? node->inode->origin : "no named source";
}

/* Says whether @node may make way for something of the given type. */
static int check_conflict(const struct tree_node *node, bool new_is_dir, const char *path,
	enum tree_conflict conflict, struct err *err)
{
	if (node->inode->type == TREE_DIR && !new_is_dir)
		return err_fail(err, -EBADMSG, "%s: a directory is already there, from %s", path,
			described_origin(node));
	if (node->inode->type != TREE_DIR && conflict == TREE_REFUSE)
		return err_fail(
			err, -EBADMSG, "%s: already there, from %s", path, described_origin(node));
	return 0;
}

/* Gives @node another inode; a directory keeps its children. */
static void node_swap_inode(struct tree_node *node, struct tree_inode *inode)
{
	inode->links++;
	inode_put(node->inode);
	node->inode = inode;
}

static int add_checked(struct tree *tree, const char *path, struct tree_inode *proto,
	enum tree_conflict conflict, struct tree_node **ret, struct err *err)
{
	struct tree_node *dir = NULL, *node = tree->root;
	const char *name = "";
	int rc = tree_check_path(path, "tree", err);

	if (rc == 0)
		rc = check_inode(proto, path, err);
	if (rc == 0 && path[0] != '\0')
		rc = place(tree, path, &dir, &name, err);
	if (rc != 0)
		return rc;
	if (dir != NULL)
		node = child_find(dir, name, strlen(name));
	if (node != NULL) {
		rc = check_conflict(node, proto->type == TREE_DIR, path, conflict, err);
		if (rc != 0)
			return rc;
	}
	struct tree_inode *inode = inode_take(proto);

	if (inode == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (node != NULL) {
		node_swap_inode(node, inode);
	} else {
		rc = attach(tree, dir, name, inode, path, &node, err);
		if (rc != 0) {
			inode_clear(inode);
			free(inode);
			return rc;
		}
	}
	if (ret != NULL)
		*ret = node;
	return 0;
}

int tree_add(struct tree *tree, const char *path, struct tree_inode *proto,
	enum tree_conflict conflict, struct tree_node **ret, struct err *err)
{
	int rc = add_checked(tree, path, proto, conflict, ret, err);

	inode_clear(proto);
	return rc;
}

int tree_link(struct tree *tree, const char *path, const char *existing,
	enum tree_conflict conflict, struct err *err)
{
	struct tree_node *dir, *target_dir;
	const char *name, *target_name;
	int rc = tree_check_path(path, "tree", err);

	if (rc == 0)
		rc = tree_check_path(existing, "tree: link target", err);
	if (rc != 0)
		return rc;
	if (path[0] == '\0' || existing[0] == '\0')
		return err_fail(err, -EBADMSG, "%s: hard link with the root", path);
	rc = place(tree, path, &dir, &name, err);
	if (rc == 0)
		rc = place(tree, existing, &target_dir, &target_name, err);
	if (rc != 0)
		return rc;
	struct tree_node *target = child_find(target_dir, target_name, strlen(target_name));

	if (target == NULL)
		return err_fail(
			err, -EBADMSG, "%s: hard link to %s, which is not there", path, existing);
	if (target->inode->type == TREE_DIR)
		return err_fail(err, -EBADMSG, "%s: hard link to the directory %s", path, existing);
	struct tree_node *node = child_find(dir, name, strlen(name));

	if (node == NULL)
		return attach(tree, dir, name, target->inode, path, NULL, err);
	rc = check_conflict(node, false, path, conflict, err);
	if (rc != 0)
		return rc;
	node_swap_inode(node, target->inode);
	return 0;
}

int tree_parents(struct tree *tree, const char *path, const char *origin, struct err *err)
{
	int rc = tree_check_path(path, "tree", err);

	if (rc != 0)
		return rc;
	char *prefix AUTO_FREE = strdup(path);

	if (prefix == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (char *at = strchr(prefix, '/'); at != NULL; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (tree_resolve(tree, prefix) == NULL) {
			struct tree_inode dir = {
				.type = TREE_DIR, .mode = 0755, .content.fd = -1, .origin = origin};

			rc = tree_add(tree, prefix, &dir, TREE_REFUSE, NULL, err);
			if (rc != 0)
				return rc;
		}
		*at = '/';
	}
	return 0;
}

int tree_remove(struct tree *tree, const char *path, struct err *err)
{
	struct tree_node *node = tree_find(tree, path);

	if (node == NULL)
		return err_fail(err, -EBADMSG, "%s: cannot be removed, it is not there", path);
	if (node->parent == NULL)
		return err_fail(err, -EBADMSG, "the root directory cannot be removed");
	struct tree_node *dir = node->parent;
	bool found;
	size_t slot = child_slot(dir, node->name, strlen(node->name), &found);

	memmove(&dir->children[slot], &dir->children[slot + 1],
		(dir->child_count - slot - 1) * sizeof(*dir->children));
	dir->child_count--;
	subtree_free(tree, node);
	return 0;
}

void tree_path(const struct tree_node *node, char *ret)
{
	size_t end = path_len(node);

	ret[end] = '\0';
	for (; node->parent != NULL; node = node->parent) {
		size_t n = strlen(node->name);

		end -= n;
		memcpy(ret + end, node->name, n);
		if (end > 0)
			ret[--end] = '/';
	}
}

struct tree_node *tree_next(const struct tree *tree, const struct tree_node *node)
{
	if (node == NULL)
		return tree->root;
	if (node->child_count > 0)
		return node->children[0];
	for (; node->parent != NULL; node = node->parent) {
		bool found;
		size_t slot = child_slot(node->parent, node->name, strlen(node->name), &found);

		if (slot + 1 < node->parent->child_count)
			return node->parent->children[slot + 1];
	}
	return NULL;
}

int tree_read(const struct tree_content *content, const char *what, void *dst, size_t n,
	uint64_t off, struct err *err)
{
	if (off > content->size_bytes || n > content->size_bytes - off)
		return err_fail(err, -EBADMSG,
			"%s: read of %zu bytes at %llu beyond its %llu bytes", what, n,
			(unsigned long long)off, (unsigned long long)content->size_bytes);
	if (n == 0)
		return 0;
	if (content->mem != NULL) {
		memcpy(dst, content->mem + off, n);
		return 0;
	}
	return io_pread(content->fd, what, dst, n, content->off + off, err);
}

int tree_digest(const struct tree_content *content, const char *what,
	unsigned char ret[SHA256_SIZE], struct err *err)
{
	DIGEST_AUTO digest = {0};
	unsigned char chunk[TREE_READ_BYTES];
	int rc = digest_init(&digest, DIGEST_SHA256, err);

	if (rc == 0)
		rc = digest_begin(&digest, err);
	for (uint64_t off = 0; rc == 0 && off < content->size_bytes;) {
		uint64_t left = content->size_bytes - off;
		size_t n = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);

		rc = tree_read(content, what, chunk, n, off, err);
		if (rc == 0)
			rc = digest_update(&digest, chunk, n, err);
		off += n;
	}
	if (rc != 0)
		return rc;
	return digest_end(&digest, ret, err);
}

void tree_set_mtimes(struct tree *tree, uint64_t seconds)
{
	tree_for_each (tree, node) {
		node->inode->mtime = seconds;
	}
}
