/*
 * The [[source]] list of a recipe: files that are no package's, taken out of archives, container images, directories and
 * guest images. Each is read into a tree of its own, and what the recipe wants of it is then put into the guest's.
 *
 * Rules: a directory that is there already, or a link to one, stays as it is, as does an identical symbolic link; any other
 * name that is there is refused, unless the source may replace (and never a directory). Parents are followed as the guest would
 * (merged /usr); those that nothing gives are made, root-owned, mode 0755.
 */
#ifndef MKIMAGE_SOURCE_SOURCES_H
#define MKIMAGE_SOURCE_SOURCES_H

#include <stdbool.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

/* Puts every source of @recipe into @tree, in the recipe's order; contents go to @spool. Each file's origin is "KIND:PATH". Wrong
 * digests are -EKEYREJECTED; every message names the source. */
int sources_apply(const struct recipe *recipe, const struct progress *progress, struct spool *spool,
	struct tree *tree, struct err *err) MUST_CHECK;

/* The digest that @import has now: of the file, or of a directory's list_tree(). @spool takes a directory's contents. An image
 * has the one it is asked for: -ENOTSUP. */
int sources_digest(const struct recipe *recipe, const struct recipe_import *import,
	struct spool *spool, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

/* True when files of @origin may have @allow (one of enum source_allow) because a source of @recipe says so. */
bool sources_allow(const struct recipe *recipe, const char *origin, unsigned allow);

#endif
