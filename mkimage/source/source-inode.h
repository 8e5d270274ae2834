/* What a source's inode may be before it enters a tree: for sources that read inodes, not archives. */
#ifndef MKIMAGE_SOURCE_SOURCE_INODE_H
#define MKIMAGE_SOURCE_SOURCE_INODE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

/*
 * Sets @inode's type and mode from those of a POSIX @mode, as far as @allow (enum source_allow) lets it: -EBADMSG for a
 * socket, a special file or setuid and setgid where they are not allowed. Errors do not name the file: callers do.
 */
int source_inode_mode(
	struct tree_inode *inode, unsigned mode, unsigned allow, struct err *err) MUST_CHECK;

/* Adds an attribute; @name need not end in NUL. -EBADMSG for one that is not allowed. */
int source_inode_xattr(struct tree_inode *inode, const char *name, size_t name_len,
	const void *value, size_t value_len, unsigned allow, struct err *err) MUST_CHECK;

/* Gives @inode a content of @size_bytes that the caller will fill, in @spool; *@used counts all that a source has. -EFBIG. */
int source_inode_content(struct tree_inode *inode, uint64_t size_bytes, struct spool *spool,
	uint64_t *used, struct err *err) MUST_CHECK;

/* Frees what an inode holds that no tree took over. */
void source_inode_done(struct tree_inode *inode);

#endif
