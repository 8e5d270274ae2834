/*
 * Where the data of a compressed EROFS file are: its index (of any of the three densities that
 * mkfs.erofs writes) as a list of extents. Tails inside the metadata, fragments in the packed inode,
 * clusters that files share in part, and two algorithms at once are known; the images may be hostile.
 * Linux fs/erofs/erofs_fs.h and zmap.c.
 */
#ifndef FORMATS_EROFS_MAP_H
#define FORMATS_EROFS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/erofs-read.h"

/* Extents of one file. */
#define EROFS_EXTENTS_MAX (1u << 22)

enum erofs_extent_kind {
	EROFS_EXTENT_PLAIN,
	EROFS_EXTENT_INTERLACED, /* plain, but a byte stands where it is in its logical block */
	EROFS_EXTENT_COMPRESSED,
	EROFS_EXTENT_FRAGMENT, /* bytes of the packed inode */
};

struct erofs_extent {
	uint64_t start; /* in the file; it ends where the next one starts, or the file ends */
	uint64_t from;	/* byte of the image; of the packed inode's data when it is a fragment */
	uint32_t stored_bytes; /* of the cluster, all inside the image */
	enum erofs_extent_kind kind;
	uint8_t algorithm; /* enum erofs_algorithm when compressed, or one that nobody knows */
	bool partial;	   /* more may come out of the cluster than is wanted */
};

/* A zeroed one may be passed to erofs_map_done. */
struct erofs_map {
	struct erofs_extent *extents; /* owned; the first starts at 0 */
	size_t count;
	uint64_t size_bytes; /* of the file */
};

/* Reads the map of @node, a compressed file. -EBADMSG, -ENOTSUP, -EFBIG for more than
 * EROFS_EXTENTS_MAX extents. */
int erofs_map_read(const struct erofs_image *image, const struct erofs_node *node,
	struct erofs_map *ret, struct err *err) MUST_CHECK;
void erofs_map_done(struct erofs_map *map);
#define EROFS_MAP_AUTO __attribute__((cleanup(erofs_map_done))) struct erofs_map

/* Bytes of the file that extent @i holds: at most EROFS_EXTENT_MAX unless it is a fragment. */
uint64_t erofs_extent_bytes(const struct erofs_map *map, size_t i);

/* The extent that byte @off of the file is in; @off is less than its size. */
size_t erofs_map_find(const struct erofs_map *map, uint64_t off);

#endif
