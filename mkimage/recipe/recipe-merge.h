/*
 * From the documents that a recipe consists of to the one that is read (docs/recipes.md): "include" puts other recipes below
 * it, [variant.NAME] is a delta on top that is taken when asked for by name.
 *
 * A delta, which the including document is to what it includes, is laid over a base in two steps. Each entry of its "drop" list
 * takes something out: "KEY", "TABLE.KEY", or "LIST=ITEM" with the path, the name or the string of a list's entry. Then tables are
 * merged key by key; lists of strings and of tables grow, where an entry with the path or name of one that is there takes its
 * place (never a [[source]]); every other value replaces. What changes nothing is refused in a variant, as is what drops
 * nothing anywhere.
 */
#ifndef MKIMAGE_RECIPE_RECIPE_MERGE_H
#define MKIMAGE_RECIPE_RECIPE_MERGE_H

#include "lib/err.h"
#include "lib/toml.h"
#include "mkimage/recipe/recipe.h"

#define RECIPE_INCLUDE_DEPTH_MAX 8
#define RECIPE_DOCUMENTS_MAX	 32

/* The documents of one recipe and what they amount to. */
struct recipe_merge {
	struct toml_doc docs[RECIPE_DOCUMENTS_MAX]; /* owned; the first is the recipe's own */
	char *dirs[RECIPE_DOCUMENTS_MAX]; /* owned: relative to the recipe's; "" for that itself */
	struct recipe_document parts[RECIPE_DOCUMENTS_MAX]; /* owned; of all but the first */
	size_t count;
	struct toml *root;	   /* borrowed: without include, variant and drop */
	struct recipe_delta delta; /* owned: what the variant did */
};

/*
 * Parses the @len bytes of the recipe at @path, reads what it includes and applies @variant, NULL for none. Includes are refused
 * with @path_is_file false: there is nothing that they could be relative to. -EBADMSG for a cycle, a document included twice
 * or outside the directory that the recipe's own stands in, for a variant that is not there or changes what it may not.
 */
int recipe_merge(const void *text, size_t len, const char *path, bool path_is_file,
	const char *variant, struct recipe_merge *ret, struct err *err) MUST_CHECK;

/* Accepts a zeroed one. */
void recipe_merge_done(struct recipe_merge *merge);
#define RECIPE_MERGE_AUTO __attribute__((cleanup(recipe_merge_done))) struct recipe_merge

#endif
