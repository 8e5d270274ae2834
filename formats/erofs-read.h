/*
 * Reading EROFS images that may be hostile: super block, inodes, directories, extended attributes
 * and uncompressed data, by borrowed pointers into the image; erofs-map.h goes on with compressed
 * files. Chunk-based files, other block sizes and later features are refused with -ENOTSUP. Nothing here follows the tree: a
 * walk must bound its own depth and number of nodes, for directories may be linked in circles.
 */
#ifndef FORMATS_EROFS_READ_H
#define FORMATS_EROFS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/erofs.h"
#include "lib/err.h"
#include "lib/rd.h"

struct erofs_image {
	struct rd rd; /* the file system's blocks, borrowed */
	const char *what;
	struct erofs_super super;
	uint64_t meta_off;   /* where nid 0 is */
	uint64_t xattr_off;  /* where shared attribute 0 is */
	uint64_t packed_nid; /* of the inode that holds fragments of others */
	bool zero_padding;   /* compressed bytes stand at the end of their cluster */
};

/* Checks the super block and its checksum, if it has one. @what names the file in errors; both
 * outlive @ret. -EBADMSG, -ENOTSUP. */
int erofs_open(const void *bytes, size_t len, const char *what, struct erofs_image *ret,
	struct err *err) MUST_CHECK;

/* An inode whose attributes and, unless it is compressed, data are known to be inside the image. */
struct erofs_node {
	uint64_t nid;
	struct erofs_inode inode; /* mtime is always set */
	uint64_t xattrs_off;
	uint64_t tail_off; /* of the inline tail */
};

/* Whether the node's data are for erofs_map_read(); only those of regular files may be. */
bool erofs_is_compressed(const struct erofs_node *node);

int erofs_node_read(const struct erofs_image *image, uint64_t nid, struct erofs_node *ret,
	struct err *err) MUST_CHECK;

/* The data of a file, directory or symbolic link from @off on, as far as they are contiguous:
 * *@ret_n bytes, 0 at the end, for other types and what is compressed. */
const unsigned char *erofs_data(const struct erofs_image *image, const struct erofs_node *node,
	uint64_t off, size_t *ret_n);

/* A walk over the entries of a directory; zeroed but for these two. */
struct erofs_dir {
	const struct erofs_image *image;
	const struct erofs_node *node;
	uint64_t next_block;
	struct rd block;
	size_t index, count;
	const char *last; /* the name before */
	size_t last_len;
};

/* The next entry, "." and ".." included, sorted by name; its mode holds the type alone. Sets
 * *@ret_end instead at the end. -EBADMSG for names that no directory may hold or that are not
 * sorted. */
int erofs_dir_next(
	struct erofs_dir *dir, struct erofs_dirent *ret, bool *ret_end, struct err *err) MUST_CHECK;

struct erofs_xattr {
	const char *prefix; /* static: "user." */
	const char *rest;   /* borrowed, not ended by NUL */
	size_t rest_len;
	const unsigned char *value;
	size_t value_len;
};

/* A walk over the attributes of a node; zeroed but for these two. */
struct erofs_xattrs {
	const struct erofs_image *image;
	const struct erofs_node *node;
	bool begun;
	struct rd area;
	size_t shared_left;
};

/* The next attribute. Sets *@ret_end instead at the end. */
int erofs_xattr_next(struct erofs_xattrs *xattrs, struct erofs_xattr *ret, bool *ret_end,
	struct err *err) MUST_CHECK;

#endif
