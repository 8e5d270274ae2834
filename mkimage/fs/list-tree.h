/*
 * A tree as text: what is in it, one line for each name. The SHA-256 of this text is the digest that pins a directory.
 */
#ifndef MKIMAGE_FS_LIST_TREE_H
#define MKIMAGE_FS_LIST_TREE_H

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/tree.h"

/*
 * Appends a line for every name but the root's in canonical order, with spaces between: type (one letter of fdlcbps), mode (4
 * octal digits), uid, gid, size (of a device "MAJOR:MINOR", of what has none "0"), SHA-256 of a regular file (else
 * "-"), absolute path. A link's target follows " -> ". Below it a line for each extended attribute: a space, its name, "=", its
 * value in hexadecimal. Control characters, backslashes and bytes that are no ASCII are written as \xNN. Times and hard links do not
 * show.
 */
int list_tree(const struct tree *tree, struct buf *ret, struct err *err) MUST_CHECK;

/* The SHA-256 of list_tree()'s text. */
int list_tree_digest(
	const struct tree *tree, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

#endif
