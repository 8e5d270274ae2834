/*
 * systemd's unit and preset files as text (systemd.syntax(7), systemd.unit(5), systemd.preset(5)): far enough to enable a unit
 * and to see what it refers to.
 */
#ifndef MKIMAGE_RECIPE_UNIT_FILE_H
#define MKIMAGE_RECIPE_UNIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/tree.h"

#define UNIT_FILE_BYTES_MAX (1u << 20)

#define UNIT_DIR	 "etc/systemd/system"
#define UNIT_PACKAGE_DIR "usr/lib/systemd/system"

/* Sees "KEY=VALUE" of a section, without white space around either and with continued lines joined by a space. */
typedef int unit_file_fn(
	void *arg, const char *section, const char *key, const char *value, struct err *err);

/* Calls @fn for every assignment of the @len bytes at @text. -EBADMSG with the line for what is none. */
int unit_file_walk(
	const char *text, size_t len, unit_file_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* The next word of @*at, separated by white space and perhaps in quotes; its end is in @*at. NULL at the end. @*ret_len is its length. */
const char *unit_file_word(const char **at, size_t *ret_len);

/* The file of @name in @tree, its text appended to @ret (NULL: not wanted): "a@b.service" is an instance of "a@.service". @ret_path
 * (TREE_PATH_MAX + 1 bytes) is where it stands. -ENOENT when neither the recipe nor a package has it. */
int unit_file_find(const struct tree *tree, const char *name, char *ret_path, struct buf *ret,
	struct err *err) MUST_CHECK;

/* Whether the preset files of @tree enable @name; a unit that none of them names is enabled. */
int unit_file_preset(
	const struct tree *tree, const char *name, bool *ret, struct err *err) MUST_CHECK;

#endif
