/*
 * Reading ext4 file systems that may be hostile: super block, inodes, extents, directories and
 * extended attributes, by borrowed pointers into the image. Linux Documentation/filesystems/ext4/.
 *
 * What mke2fs makes by default is known: 32 or 64 bit, blocks of 1024 to 4096 bytes, extents, flexible
 * groups, hashed directories. Refused with -ENOTSUP: a journal that must be played back, files without
 * extents, inline data, encryption, case folding, attributes in inodes of their own, meta block
 * groups. Checksums are not looked at. Nothing here follows the tree: a walk must bound its
 * own depth and number of nodes.
 */
#ifndef FORMATS_EXT4_READ_H
#define FORMATS_EXT4_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/rd.h"

#define EXT4_ROOT_INO	 2u
#define EXT4_NAME_MAX	 255u
#define EXT4_BLOCK_MAX	 4096u
#define EXT4_EXTENTS_MAX (1u << 20) /* of one file */
#define EXT4_SYMLINK_MAX 4095u
#define EXT4_ACL_MAX	 (2 * EXT4_BLOCK_MAX)

struct ext4_image {
	struct rd rd; /* the file system's blocks, borrowed */
	const char *what;
	uint32_t block_bytes;
	uint64_t blocks;
	uint32_t inodes;
	uint32_t inodes_per_group;
	uint32_t inode_bytes;
	uint32_t desc_bytes;
	uint64_t desc_off;
};

/* @what names the file in errors; both outlive @ret. -EBADMSG, -ENOTSUP. */
int ext4_open(const void *bytes, size_t len, const char *what, struct ext4_image *ret,
	struct err *err) MUST_CHECK;

struct ext4_node {
	uint32_t ino;
	uint16_t mode; /* type and permission bits */
	uint32_t uid, gid;
	uint32_t nlink;
	uint64_t size_bytes;
	uint64_t mtime; /* seconds; 0 for what is before 1970 */
	uint32_t rdev_major, rdev_minor;
	uint32_t flags;
	uint64_t off;	      /* of the inode */
	uint64_t xattr_block; /* 0: none */
};

int ext4_node_read(const struct ext4_image *image, uint64_t ino, struct ext4_node *ret,
	struct err *err) MUST_CHECK;

/* Bytes of a file that stand together. */
struct ext4_extent {
	uint64_t start; /* in the file */
	uint64_t bytes;
	uint64_t from; /* byte of the image; 0: these are zeros */
};

/* A zeroed one may be passed to ext4_map_done. */
struct ext4_map {
	struct ext4_extent *extents; /* owned; all of the file, without gaps */
	size_t count;
};

/* Reads where the data of a file, directory or symbolic link are, all inside the image. */
int ext4_map_read(const struct ext4_image *image, const struct ext4_node *node,
	struct ext4_map *ret, struct err *err) MUST_CHECK;
void ext4_map_done(struct ext4_map *map);
#define EXT4_MAP_AUTO __attribute__((cleanup(ext4_map_done))) struct ext4_map

struct ext4_dirent {
	const char
		*name; /* borrowed, not ended by NUL; without '/' and NUL, 1..EXT4_NAME_MAX bytes */
	size_t name_len;
	uint32_t ino;
	uint16_t mode; /* the type alone */
};

/* A walk over the entries of a directory; zeroed but for the first three. */
struct ext4_dir {
	const struct ext4_image *image;
	const struct ext4_node *node;
	const struct ext4_map *map;
	size_t extent;
	uint64_t pos; /* in the extent */
};

/* The next entry, "." and ".." included, in no order. Sets *@ret_end instead at the end. */
int ext4_dir_next(
	struct ext4_dir *dir, struct ext4_dirent *ret, bool *ret_end, struct err *err) MUST_CHECK;

struct ext4_xattr {
	const char *prefix; /* static: "user.", or a whole name that ends in no dot */
	const char *rest;   /* borrowed, not ended by NUL */
	size_t rest_len;
	const unsigned char *value;
	size_t value_len;
};

/* A walk over the attributes of a node; zeroed but for these two. */
struct ext4_xattrs {
	const struct ext4_image *image;
	const struct ext4_node *node;
	unsigned place;	  /* 0: not begun, 1: in the inode, 2: in the block */
	struct rd values; /* what their offsets are counted in */
	struct rd entries;
	unsigned char acl[EXT4_ACL_MAX]; /* the last POSIX ACL as the system calls have it */
};

/* The next attribute, its value borrowed from the image or, until the next call, from @xattrs. Sets
 * *@ret_end instead at the end. */
int ext4_xattr_next(struct ext4_xattrs *xattrs, struct ext4_xattr *ret, bool *ret_end,
	struct err *err) MUST_CHECK;

#endif
