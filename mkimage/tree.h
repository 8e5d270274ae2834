/*
 * The file tree that becomes a guest image: held in memory, with file contents by reference.
 *
 * Nothing is ever extracted to a file system, so ownership, modes and device nodes are virtual: the same as root or
 * not. The order in which nodes are added never shows: children are kept sorted by name (memcmp), and every writer walks
 * in that order.
 *
 * Paths are relative to the root, without a leading slash, "." or ".." or empty components ("usr/bin/env"); "" is the
 * root itself. Names are bytes; 1..255 of them, no '/' and no NUL. Whole paths are at most TREE_PATH_MAX bytes.
 */
#ifndef MKIMAGE_TREE_H
#define MKIMAGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"

#define TREE_NAME_MAX	  255
#define TREE_PATH_MAX	  4095
/* Default limits; hostile archives meet them before memory runs out. */
#define TREE_NODES_MAX	  (1u << 20)
#define TREE_CHILDREN_MAX (1u << 17) /* names in one directory: sorted insertion stays affordable */

enum tree_type {
	TREE_FILE,
	TREE_DIR,
	TREE_SYMLINK,
	TREE_CHR,
	TREE_BLK,
	TREE_FIFO,
	TREE_SOCK,
};

/* Bytes of a regular file: in memory (@mem, owned by the tree) or in an open file that the tree's user keeps open until
 * the tree is freed (@mem NULL: @fd, @off). */
struct tree_content {
	unsigned char *mem;
	int fd;
	uint64_t off;
	uint64_t size_bytes;
};

struct tree_xattr {
	char *name; /* owned; with its prefix: "security.capability", "user.x" */
	unsigned char *value;
	size_t size_bytes;
};

/* What hard links share. Several nodes may point at one inode; directories are never shared. */
struct tree_inode {
	enum tree_type type;
	uint16_t mode; /* permission bits, 07777 */
	uint32_t uid, gid;
	uint64_t mtime; /* seconds since the epoch */
	uint32_t rdev_major, rdev_minor;
	struct tree_content content; /* TREE_FILE */
	char *target;		     /* TREE_SYMLINK, owned */
	struct tree_xattr *xattrs;   /* owned, sorted by name */
	size_t xattr_count;
	const char *
		origin; /* where it came from, for errors and the manifest ("deb:systemd=257.13-1"); owned by the tree */
	uint32_t links; /* nodes that point here */
	uint64_t mark;	/* for walkers: an inode number, say; zero between walks */
};

struct tree_node {
	char *name; /* owned; "" for the root */
	struct tree_node *parent;
	struct tree_inode *inode;
	struct tree_node **children; /* sorted by name; directories only */
	size_t child_count;
	size_t child_cap;
};

struct tree {
	struct tree_node *root;
	size_t node_count;
	char **origins; /* interned */
	size_t origin_count;
};

/* A tree with a root directory of mode 0755, uid and gid 0. */
int tree_init(struct tree *tree, struct err *err) MUST_CHECK;
void tree_done(struct tree *tree);
#define TREE_AUTO __attribute__((cleanup(tree_done))) struct tree

/* Checks the path rules above; @what says where the path was found. */
int tree_check_path(const char *path, const char *what, struct err *err) MUST_CHECK;

/* Interns @origin. */
int tree_origin(
	struct tree *tree, const char *origin, const char **ret, struct err *err) MUST_CHECK;

/* The node at @path, symlinks not followed; NULL when there is none. */
struct tree_node *tree_find(const struct tree *tree, const char *path);

/* The node that @path leads to inside the guest, following symlinks (absolute ones from the root, at most 40);
 * NULL when it leads nowhere. */
struct tree_node *tree_resolve(const struct tree *tree, const char *path);

enum tree_conflict {
	TREE_REFUSE, /* an existing node is an error (a directory over a directory is not: its metadata is replaced) */
	TREE_REPLACE, /* an existing node that is not a directory is replaced */
};

/*
 * Adds a node at @path with what @proto says (its target, content.mem and xattrs are taken over, also on failure;
 * links, mark are ignored). Parents must exist and be directories, and a parent that is a symlink is followed as the guest
 * would (merged /usr). -EBADMSG with @path in the message for every rule broken.
 */
int tree_add(struct tree *tree, const char *path, struct tree_inode *proto,
	enum tree_conflict conflict, struct tree_node **ret, struct err *err) MUST_CHECK;

/* Gives @inode the attribute @xattr, in place of one of that name; what @xattr owns is taken over and its pointers cleared, also on
 * failure. */
int tree_set_xattr(struct tree_inode *inode, struct tree_xattr *xattr, struct err *err) MUST_CHECK;

/* Makes @path a hard link to @existing, which must be there and not a directory. */
int tree_link(struct tree *tree, const char *path, const char *existing,
	enum tree_conflict conflict, struct err *err) MUST_CHECK;

/* Adds the missing parents of @path, root-owned directories of mode 0755. */
int tree_parents(
	struct tree *tree, const char *path, const char *origin, struct err *err) MUST_CHECK;

/* Removes the node at @path with everything below it; -ENOENT as -EBADMSG when it is not there. */
int tree_remove(struct tree *tree, const char *path, struct err *err) MUST_CHECK;

/* Writes the node's path to @ret (TREE_PATH_MAX + 1 bytes). */
void tree_path(const struct tree_node *node, char *ret);

/* Walks in canonical order: a directory before its children, children by name. Starts at NULL (returns the root). */
struct tree_node *tree_next(const struct tree *tree, const struct tree_node *node);
#define tree_for_each(tree, node)                                                                  \
	for (struct tree_node *node = tree_next(tree, NULL); node != NULL;                         \
		node = tree_next(tree, node))

/* Reads content bytes [off, off+n) into @dst. @what for errors. */
int tree_read(const struct tree_content *content, const char *what, void *dst, size_t n,
	uint64_t off, struct err *err) MUST_CHECK;

/* The SHA-256 of a content. */
int tree_digest(const struct tree_content *content, const char *what,
	unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Sets every mtime to @seconds. */
void tree_set_mtimes(struct tree *tree, uint64_t seconds);

#endif
