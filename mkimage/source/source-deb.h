/*
 * Debian binary packages (deb(5), format 2.0) into a tree, straight from open files. No maintainer script is run: what
 * one would have done that matters is a step of the recipe.
 *
 * Packages are applied in the order of their names, whatever order they come in. The same path in two packages is refused,
 * directories and identical symbolic links excepted.
 */
#ifndef MKIMAGE_SOURCE_SOURCE_DEB_H
#define MKIMAGE_SOURCE_SOURCE_DEB_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

struct source_deb {
	char *package, *version, *architecture; /* owned; from its control file */
	struct source_archive data;
};

/* Reads the package in @fd, whose contents go to @spool; @fd may be closed afterwards. @options: what, allow and limits of
 * its data. -EBADMSG for anything that is not exactly debian-binary 2.0, control.tar and data.tar. */
int source_deb_read(int fd, const struct source_options *options, struct spool *spool,
	struct source_deb *ret, struct err *err) MUST_CHECK;
/* Accepts a zeroed one. */
void source_deb_done(struct source_deb *deb);
#define SOURCE_DEB_AUTO __attribute__((cleanup(source_deb_done))) struct source_deb

/* Opens a locked package whose size and SHA-256 it has checked (fetch_open does). Called from several threads. */
typedef int source_open_fn(
	void *arg, const struct lock_package *package, int *ret_fd, struct err *err);

struct source_deb_options {
	const char *set; /* of the lock: "rootfs" */
	source_open_fn *open;
	void *open_arg;
	size_t threads; /* as pool_run() */
	bool usr_merge; /* bin, sbin, lib and lib64 are links into usr before any package comes */
	const struct progress *progress;
};

/* Adds every package of @lock's set to @tree; their contents go to @spool. Each file's origin is "deb:NAME=VERSION". Setuid and setgid
 * bits come through, for the recipe's steps to clear; devices, attributes and capabilities are refused. A
 * package that is not the one the lock names is -EKEYREJECTED. */
int source_deb_tree(const struct lock *lock, const struct source_deb_options *options,
	struct spool *spool, struct tree *tree, struct err *err) MUST_CHECK;

#endif
