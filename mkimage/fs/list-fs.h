/* The files of a guest image's file system as text, and whose a block of it is. */
#ifndef MKIMAGE_FS_LIST_FS_H
#define MKIMAGE_FS_LIST_FS_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/fs/fs.h"

/* How often the bytes of an image may be listed, by names that share them, and when files of it are
 * compressed. */
#define LIST_FS_SHARE_MAX	 16u
#define LIST_FS_SHARE_PACKED_MAX 256u

/*
 * Appends a line for every name, with spaces between: type (one letter of fdlcbps), mode (4 octal
 * digits), uid, gid, size, SHA-256 of a regular file (else "-"), path. A path's control characters,
 * backslashes and bytes that are no ASCII are written as \xNN; a link's target follows " -> ".
 */
int list_fs_print(struct fs *fs, struct buf *ret, struct err *err) MUST_CHECK;

/* Finds what the block of 4096 bytes number @block of the file system belongs to: a path (malloc'ed),
 * or "the file system's metadata", or "no file". NULL without memory or when the tree cannot be read. */
char *list_fs_owner(struct fs *fs, uint64_t block, uint64_t *ret_file_off);

#endif
