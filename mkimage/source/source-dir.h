/*
 * A directory of the host as a tree: names, modes, contents and links as they are, sorted. Symbolic links are kept and
 * never followed. Sockets and what has POSIX ACLs are refused; devices, FIFOs, setuid and setgid files, attributes and file
 * capabilities need permission (enum source_allow). Each name is a file of its own: hard links are not kept.
 */
#ifndef MKIMAGE_SOURCE_SOURCE_DIR_H
#define MKIMAGE_SOURCE_SOURCE_DIR_H

#include <stdbool.h>

#include "lib/err.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

struct source_dir_options {
	unsigned allow;	 /* enum source_allow */
	bool keep_owner; /* uid and gid as they are, else 0 */
};

/*
 * Reads the directory @path into @tree, an empty one, as coming from @origin (interned); contents go to @spool. What is
 * changed meanwhile is told (-EIO). -EBADMSG for what a tree or the permissions do not allow, -EFBIG for a limit, all with
 * the path.
 */
int source_dir_read(const char *path, const struct source_dir_options *options, struct spool *spool,
	const char *origin, struct tree *tree, struct err *err) MUST_CHECK;

#endif
