/*
 * The file systems of guest images, read without mounting them: EROFS, compressed or not, and ext4.
 * The images may be hostile: a walk cannot be led in circles, for every directory must say who its
 * parent is and be found there alone, and every count is bounded. The readers are our own
 * (formats/erofs-read.h, erofs-map.h, ext4-read.h): libext2fs is made for file systems that one trusts.
 */
#ifndef MKIMAGE_FS_FS_H
#define MKIMAGE_FS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/erofs-read.h"
#include "formats/ext4-read.h"
#include "lib/err.h"
#include "mkimage/fs/erofs-data.h"

#define FS_NODES_MAX (1u << 20)
#define FS_DEPTH_MAX 2048

struct fs_ops;

/* A zeroed one may be passed to fs_close. */
struct fs {
	const struct fs_ops *ops;
	const char *what; /* borrowed */
	uint64_t bytes;	  /* of the file system */
	bool compressed;  /* files of it may be */
	struct erofs_image erofs;
	struct erofs_reader erofs_reader;
	struct ext4_image ext4;
};

/* An inode; its number is @id. */
struct fs_node {
	uint64_t id;
	uint16_t mode; /* type and permission bits */
	uint32_t uid, gid;
	uint32_t nlink;
	uint64_t size_bytes;
	uint64_t mtime;
	uint32_t rdev_major, rdev_minor;
	union {
		struct erofs_node erofs;
		struct ext4_node ext4;
	} of;
};

/* Whether there is a reader for what libblkid calls @type. */
bool fs_known(const char *type);

/* Opens the file system of that type in @bytes; @what names the file in errors; both outlive @ret.
 * -EBADMSG, -ENOTSUP. */
int fs_open(const char *type, const void *bytes, size_t len, const char *what, struct fs *ret,
	struct err *err) MUST_CHECK;

/* The same by the magic numbers. */
int fs_open_any(const void *bytes, size_t len, const char *what, struct fs *ret,
	struct err *err) MUST_CHECK;
void fs_close(struct fs *fs);
#define FS_AUTO __attribute__((cleanup(fs_close))) struct fs

/* Sees one name: its absolute path ("/" for the root) and its inode. A negative return ends the
 * walk and is its result; so is a positive one, without an error. */
typedef int fs_walk_fn(void *arg, const char *path, const struct fs_node *node, struct err *err);

/* Calls @fn for every name: a directory, then what is in it, sorted by the bytes of the names.
 * -EBADMSG for a malformed tree. */
int fs_walk(struct fs *fs, fs_walk_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* Takes the next bytes of a file or symbolic link. A return other than 0 ends the reading and is its
 * result. */
typedef int fs_sink(void *arg, const unsigned char *bytes, size_t n, struct err *err);

/* Hands the data of @node to @sink from front to back: as many bytes as its size says. */
int fs_read(struct fs *fs, const struct fs_node *node, fs_sink *sink, void *arg,
	struct err *err) MUST_CHECK;

struct fs_xattr {
	const char *prefix; /* static: "user." */
	const char *rest;   /* borrowed, not ended by NUL */
	size_t rest_len;
	const unsigned char *value;
	size_t value_len;
};

/* Sees one extended attribute. */
typedef int fs_xattr_fn(void *arg, const struct fs_xattr *xattr, struct err *err);

int fs_xattrs(struct fs *fs, const struct fs_node *node, fs_xattr_fn *fn, void *arg,
	struct err *err) MUST_CHECK;

/* Whether byte @at of the file system is in the data of @node that have blocks of their own;
 * *@ret_off is then the place in the file: of that byte, or where its compressed cluster starts. */
bool fs_owns(struct fs *fs, const struct fs_node *node, uint64_t at, uint64_t *ret_off);

/* Byte of the file system that the inode begins at. */
uint64_t fs_node_off(const struct fs *fs, const struct fs_node *node);

#endif
