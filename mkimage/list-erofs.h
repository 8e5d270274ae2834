/*
 * The files of an EROFS image, by a walk that hostile images cannot lead in circles: every
 * directory must say who its parent is, and be found there alone.
 */
#ifndef MKIMAGE_LIST_EROFS_H
#define MKIMAGE_LIST_EROFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/erofs-read.h"
#include "lib/buf.h"
#include "lib/err.h"

#define LIST_EROFS_NODES_MAX (1u << 20)
#define LIST_EROFS_DEPTH_MAX 2048
/* How often the bytes of an image may be listed, by names that share them. */
#define LIST_EROFS_SHARE_MAX 16u

/* Sees one name: its absolute path ("/" for the root) and its inode. A negative return ends the
 * walk and is its result; so is a positive one, without an error. */
typedef int list_erofs_fn(
	void *arg, const char *path, const struct erofs_node *node, struct err *err);

/* Calls @fn for every name in the image's order: a directory, then what is in it. -EBADMSG for a
 * malformed tree. */
int list_erofs_walk(
	const struct erofs_image *image, list_erofs_fn *fn, void *arg, struct err *err) MUST_CHECK;

/*
 * Appends a line for every name, with spaces between: type (one letter of fdlcbps), mode (4 octal
 * digits), uid, gid, size, SHA-256 of a regular file (else "-"), path. A path's control characters,
 * backslashes and bytes that are no ASCII are written as \xNN; a link's target follows " -> ".
 */
int list_erofs_print(const struct erofs_image *image, struct buf *ret, struct err *err) MUST_CHECK;

/* Finds what the block @block of the image belongs to: a path (malloc'ed), or "the file system's
 * metadata", or "no file". NULL without memory or when the tree cannot be read. */
char *list_erofs_owner(const struct erofs_image *image, uint64_t block, uint64_t *ret_file_off);

#endif
