/*
 * Trees for tests, decided by a seed alone: every node type, names and sizes at the limits, owners
 * beyond 16 bits, hard links, extended attributes. Some seeds are special: RANDOM_TREE_*.
 */
#ifndef TESTS_RANDOM_TREE_H
#define TESTS_RANDOM_TREE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkimage/tree.h"

#define RANDOM_TREE_EMPTY  0 /* the root alone */
#define RANDOM_TREE_WIDE   1 /* 10000 entries in one directory */
#define RANDOM_TREE_XATTRS 2 /* as many attribute bytes as an inode can hold, nearly */
#define RANDOM_TREE_DEEP   3 /* directories in directories */
#define RANDOM_TREE_TIME   1700000000u

#define RANDOM_TREE_DIRS_MAX 32

struct random_tree {
	uint64_t state;
	struct tree *tree;
	char *dirs[RANDOM_TREE_DIRS_MAX];
	size_t dir_count;
	char *files[RANDOM_TREE_DIRS_MAX]; /* what hard links can point at */
	size_t file_count;
	size_t name_count;
};

/* splitmix64: the next number below @n. */
static inline uint64_t random_below(struct random_tree *r, uint64_t n)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % n;
}

static inline uint64_t random_of(struct random_tree *r, const uint64_t *list, size_t n)
{
	return list[random_below(r, n)];
}
#define RANDOM_OF(r, ...)                                                                          \
	random_of(r, (const uint64_t[]){__VA_ARGS__},                                              \
		sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static inline void *random_bytes(struct random_tree *r, size_t n)
{
	unsigned char *bytes = malloc(n + 1);

	for (size_t i = 0; bytes != NULL && i <= n; i++)
		bytes[i] = (unsigned char)random_below(r, 256);
	return bytes;
}

/* Contents of which parts can be compressed: of every few kilobytes noise, a pattern or zeros. */
static inline void *random_content(struct random_tree *r, size_t n)
{
	unsigned char *bytes = random_bytes(r, n);

	for (size_t at = 0; bytes != NULL && at < n; at += 5000) {
		size_t len = n - at < 5000 ? n - at : 5000, kind = bytes[at] % 4;

		for (size_t i = 60; kind > 0 && i < len; i++)
			bytes[at + i] = kind == 1 ? 0 : bytes[at + i % 60];
	}
	return bytes;
}

/* A name that no other node has; first bytes before and behind '.', and bytes that are no text. */
static inline void random_name(struct random_tree *r, char ret[TREE_NAME_MAX + 1])
{
	static const char first[] = "!#+-..0AZ_az~\x01\x7f\x80\xff \n\\%";
	size_t n = RANDOM_OF(r, 5, 6, 7, 8, 9, 12, 12, 20, 20, 40, 200, 254, 255);
	size_t used;

	ret[0] = first[random_below(r, sizeof(first) - 1)];
	ret[1] = first[random_below(r, sizeof(first) - 1)];
	used = 2 + (size_t)sprintf(ret + 2, "%zx", r->name_count++);
	for (; used < n; used++)
		ret[used] = (char)('a' + random_below(r, 26));
	ret[used] = '\0';
}

static inline void random_xattr(
	struct random_tree *r, const char *name, size_t size, struct tree_inode *inode)
{
	struct tree_xattr *list = realloc(
		inode->xattrs, (inode->xattr_count + 1) * sizeof(inode->xattrs[0]));

	list[inode->xattr_count] = (struct tree_xattr){
		.name = strdup(name), .value = random_bytes(r, size), .size_bytes = size};
	inode->xattrs = list;
	inode->xattr_count++;
}

/* Adds an attribute with a value that Linux looks into. */
static inline void random_fixed_xattr(
	const char *name, const unsigned char *value, size_t size, struct tree_inode *inode)
{
	struct random_tree none = {0};

	random_xattr(&none, name, size, inode);
	memcpy(inode->xattrs[inode->xattr_count - 1].value, value, size);
}

/* u::rwx, u:1000:r, g::rx, m::rwx, o::- */
static inline void random_acl(const char *name, struct tree_inode *inode)
{
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 4, 0,
		0xe8, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32,
		0, 0, 0, 255, 255, 255, 255};

	random_fixed_xattr(name, acl, sizeof(acl), inode);
}

/* cap_net_raw=ep */
static inline void random_capability(struct tree_inode *inode)
{
	static const unsigned char capability[] = {
		1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

	random_fixed_xattr("security.capability", capability, sizeof(capability), inode);
}

static inline void random_xattrs(struct random_tree *r, struct tree_inode *inode)
{
	static const char *const names[] = {
		"user.a", "user.longer name", "trusted.t", "security.selinux"};
	char name[32];
	size_t n = random_below(r, 4);

	/* Linux keeps user attributes to files and directories. */
	for (size_t i = 0; i < 4; i++)
		if (random_below(r, 2) &&
			(inode->type == TREE_FILE || inode->type == TREE_DIR || i >= 2))
			random_xattr(r, names[i], RANDOM_OF(r, 1, 2, 3, 4, 20, 100, 1000), inode);
	for (size_t i = 0; i < n; i++) {
		sprintf(name, "trusted.n%zu", i);
		random_xattr(r, name, RANDOM_OF(r, 0, 5, 3900, 4000, 5000), inode);
	}
	if (inode->type == TREE_FILE && random_below(r, 3) == 0)
		random_capability(inode);
	if (inode->type != TREE_SYMLINK && random_below(r, 3) == 0)
		random_acl("system.posix_acl_access", inode);
	if (inode->type == TREE_DIR && random_below(r, 3) == 0)
		random_acl("system.posix_acl_default", inode);
}

static inline char *random_target(struct random_tree *r)
{
	size_t n = RANDOM_OF(r, 1, 10, 20, 31, 32, 100, 4000, 4063, 4064, 4065, 4094, 4095);
	char *target = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		target[i] = i % 100 == 99 ? '/' : (char)('a' + random_below(r, 26));
	target[n] = '\0';
	return target;
}

static inline int random_node(struct random_tree *r, struct err *err)
{
	enum tree_type type = (enum tree_type)RANDOM_OF(r, TREE_FILE, TREE_FILE, TREE_FILE,
		TREE_FILE, TREE_FILE, TREE_DIR, TREE_DIR, TREE_SYMLINK, TREE_SYMLINK, TREE_CHR,
		TREE_BLK, TREE_FIFO, TREE_SOCK);
	struct tree_inode inode = {.type = type,
		.mode = (uint16_t)random_below(r, 010000),
		.uid = (uint32_t)RANDOM_OF(r, 0, 0, 0, 1000, 65535, 65536, 4000000000),
		.gid = (uint32_t)RANDOM_OF(r, 0, 0, 0, 1000, 65535, 65536, 4000000000),
		.mtime = RANDOM_OF(r, RANDOM_TREE_TIME, RANDOM_TREE_TIME, 0, 1, 4294967296)};
	char name[TREE_NAME_MAX + 1];
	char path[TREE_PATH_MAX + TREE_NAME_MAX];
	const char *dir = r->dirs[random_below(r, r->dir_count)];

	random_name(r, name);
	snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
	if (r->file_count > 0 && random_below(r, 8) == 0)
		return tree_link(
			r->tree, path, r->files[random_below(r, r->file_count)], TREE_REFUSE, err);
	if (type == TREE_FILE) {
		inode.content.size_bytes = RANDOM_OF(r, 0, 1, 31, 32, 100, 1000, 4000, 4064, 4095,
			4096, 4097, 8160, 8192, 8193, 70000, 300001);
		inode.content.mem = random_content(r, inode.content.size_bytes);
	}
	if (type == TREE_SYMLINK) {
		inode.mode = 0777;
		inode.target = random_target(r);
	}
	if (type == TREE_CHR || type == TREE_BLK) {
		inode.rdev_major = (uint32_t)RANDOM_OF(r, 0, 1, 8, 255, 256, 4095);
		inode.rdev_minor = (uint32_t)RANDOM_OF(r, 0, 3, 255, 256, 1048575);
	}
	if (random_below(r, 5) == 0)
		random_xattrs(r, &inode);
	if (type == TREE_DIR && r->dir_count < RANDOM_TREE_DIRS_MAX && strlen(path) < 2000)
		r->dirs[r->dir_count++] = strdup(path);
	if (type != TREE_DIR && r->file_count < RANDOM_TREE_DIRS_MAX)
		r->files[r->file_count++] = strdup(path);
	return tree_add(r->tree, path, &inode, TREE_REFUSE, NULL, err);
}

static inline int random_tree_plain_file(struct random_tree *r, const char *path, struct err *err)
{
	struct tree_inode inode = {.type = TREE_FILE, .mode = 0644, .mtime = RANDOM_TREE_TIME};

	return tree_add(r->tree, path, &inode, TREE_REFUSE, NULL, err);
}

/* A directory of 10000 entries, and one of 4084 bytes: too many for a block that is shared with
 * the inode. */
static inline int random_tree_wide(struct random_tree *r, struct err *err)
{
	struct tree_inode dir = {.type = TREE_DIR, .mode = 0755, .mtime = RANDOM_TREE_TIME};
	char name[300];
	int rc = tree_add(r->tree, "full", &dir, TREE_REFUSE, NULL, err);

	for (size_t i = 0; rc == 0 && i < 16; i++) {
		sprintf(name, "full/%0*zu", i == 0 ? 40 : 255, i);
		rc = random_tree_plain_file(r, name, err);
	}
	for (size_t i = 0; rc == 0 && i < 10000; i++) {
		sprintf(name, "%0*zu", 1 + (int)(i % 255), i);
		if (strlen(name) < 6)
			sprintf(name, "n%zu", i);
		rc = random_tree_plain_file(r, name, err);
	}
	return rc;
}

static inline int random_tree_xattrs(struct random_tree *r, struct err *err)
{
	static const enum tree_type types[] = {TREE_FILE, TREE_DIR, TREE_SYMLINK};
	char name[32];
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < 3; k++) {
		struct tree_inode inode = {
			.type = types[k], .mode = 0755, .mtime = RANDOM_TREE_TIME};

		if (types[k] == TREE_SYMLINK) {
			inode.target = strdup("elsewhere");
			inode.mode = 0777;
		}
		for (size_t i = 0; i < 40; i++) {
			sprintf(name, "trusted.x%zu", i);
			random_xattr(r, name, 6500 + i, &inode);
		}
		sprintf(name, "node%zu", k);
		rc = tree_add(r->tree, name, &inode, TREE_REFUSE, NULL, err);
	}
	return rc;
}

static inline int random_tree_deep(struct random_tree *r, struct err *err)
{
	char path[TREE_PATH_MAX + 2] = "";
	size_t len = 0;
	int rc = 0;

	while (rc == 0 && len + 4 < 400) {
		struct tree_inode inode = {.type = TREE_DIR, .mode = 0700, .mtime = 5};

		len += (size_t)sprintf(path + len, "%sd", len > 0 ? "/" : "");
		rc = tree_add(r->tree, path, &inode, TREE_REFUSE, NULL, err);
	}
	return rc;
}

/* Fills @tree, which was just initialised. */
static inline int random_tree_fill(struct tree *tree, uint64_t seed, struct err *err)
{
	struct random_tree r = {.state = seed, .tree = tree};
	size_t nodes = 1 + random_below(&r, 150);
	int rc = 0;

	tree->root->inode->mtime = RANDOM_TREE_TIME;
	r.dirs[r.dir_count++] = strdup("");
	if (seed == RANDOM_TREE_WIDE)
		rc = random_tree_wide(&r, err);
	else if (seed == RANDOM_TREE_XATTRS)
		rc = random_tree_xattrs(&r, err);
	else if (seed == RANDOM_TREE_DEEP)
		rc = random_tree_deep(&r, err);
	else if (seed != RANDOM_TREE_EMPTY)
		for (size_t i = 0; rc == 0 && i < nodes; i++)
			rc = random_node(&r, err);
	for (size_t i = 0; i < r.dir_count; i++)
		free(r.dirs[i]);
	for (size_t i = 0; i < r.file_count; i++)
		free(r.files[i]);
	return rc;
}

#endif
