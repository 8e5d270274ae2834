/*
 * The kernels of recipes that do not take a package's: a file, a member of an archive, or one that is compiled from a pinned
 * source (kernel-build.h).
 */
#ifndef MKIMAGE_KERNEL_KERNEL_SOURCE_H
#define MKIMAGE_KERNEL_KERNEL_SOURCE_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/kernel/kernel.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/source/source-deb.h"
#include "mkimage/source/spool.h"

/* Everything is borrowed. */
struct kernel_source {
	const struct recipe *recipe;
	const struct lock *lock;
	source_open_fn *open; /* opens a package of the lock */
	void *open_arg;
	const char *cache_dir;
	const char *config_path; /* the resolved configuration; NULL: where the recipe says */
	size_t threads;
	const struct progress *progress;
	struct spool *spool; /* takes a package's or an archive's member */
};

/* Whether kernel_source_get() is for this recipe; else kernel_find() is. */
bool kernel_source_applies(const struct recipe *recipe);

/* Takes or builds the kernel and checks its configuration like kernel_find(). */
int kernel_source_get(
	const struct kernel_source *source, struct kernel *ret, struct err *err) MUST_CHECK;

/* Appends what the fragments of a recipe's [kernel.build] resolve to. */
int kernel_source_config(
	const struct kernel_source *source, struct buf *ret, struct err *err) MUST_CHECK;

/* Calls @fn for every file beside the recipe that the kernel is or is made of, with its role ("kernel", "kernel.config", the
 * name of a fragment); what it returns other than 0 ends the walk. @config_path as in struct kernel_source. */
typedef int kernel_source_file_fn(void *arg, const char *role, const char *path, struct err *err);
int kernel_source_files(const struct recipe *recipe, const char *config_path,
	kernel_source_file_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* The path of the resolved configuration beside the recipe, malloc'ed; NULL without memory. */
char *kernel_source_config_path(const struct recipe *recipe);

#endif
