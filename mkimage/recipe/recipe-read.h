/*
 * What the readers of recipes and locks (recipe.h, lock.h) have in common: words of a given alphabet, paths in the guest and
 * beside the recipe, modes, digests, lists and repeated sections, over lib/toml.h. Each refuses with file and line.
 */
#ifndef MKIMAGE_RECIPE_RECIPE_READ_H
#define MKIMAGE_RECIPE_RECIPE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/toml.h"
#include "mkimage/recipe/recipe.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

/* What a short string may look like: @min to @max characters, the first of @first and the others of @rest; no "..", no slash at
 * the end. */
struct recipe_word {
	const char *what;
	const char *first, *rest;
	size_t min, max;
};

/* Names that a recipe gives to things: suites, firmware, itself. */
extern const struct recipe_word recipe_name_word;

int recipe_check_word(const struct toml *value, const char *text, const struct recipe_word *word,
	struct err *err) MUST_CHECK;

/* Strings, malloc'ed into the char * at @dst: a word; one of @choices, which NULL ends (else -ENOTSUP); a line of at most @max
 * bytes without control characters; exactly @want (else -ENOTSUP), which is not kept. */
int recipe_read_word(const struct toml *value, void *dst, const struct recipe_word *word,
	struct err *err) MUST_CHECK;
int recipe_read_choice(const struct toml *value, void *dst, const char *const *choices,
	struct err *err) MUST_CHECK;
int recipe_read_line(const struct toml *value, void *dst, size_t max, struct err *err) MUST_CHECK;
int recipe_expect_schema(const struct toml *value, const char *want, struct err *err) MUST_CHECK;

/* Readers for struct toml_field that give malloc'ed strings: recipe_name_word; "/usr/x" in the guest as "usr/x"; a pattern over such
 * paths; a file relative to the recipe (a document's own place, toml_doc.dir, is put before it); a path inside an archive. */
int recipe_read_name(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_guest_path(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_pattern(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_source_path(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_member(const struct toml *value, void *dst, struct err *err) MUST_CHECK;

/* Numbers and digests: 64 lowercase hexadecimal digits into 32 bytes; the sha256 of a struct recipe_source; "0755" into a uint16_t;
 * a uid or gid into a uint32_t. */
int recipe_read_sha256(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_source_sha256(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_mode(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_id(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_limited(const struct toml *value, uint64_t min, uint64_t max, uint64_t *ret,
	struct err *err) MUST_CHECK;

/* Sets *@slot to a copy of @text unless it has a value. */
int recipe_default(char **slot, const char *text, struct err *err) MUST_CHECK;

/* Lists of distinct strings, each read by @read; freed by recipe_strings_done also after a failure. */
typedef int recipe_string_reader(const struct toml *value, void *dst, struct err *err);
int recipe_check_array(const struct toml *value, struct err *err) MUST_CHECK;
int recipe_read_strings(const struct toml *value, struct recipe_strings *list,
	recipe_string_reader *read, struct err *err) MUST_CHECK;
void recipe_strings_done(struct recipe_strings *list);
int recipe_compare_strings(const void *a, const void *b); /* qsort(3) order of char * */

/* Exactly one of a path and a text; @key is what the path is called. */
int recipe_check_source(const struct toml *value, const struct recipe_source *source,
	const char *key, struct err *err) MUST_CHECK;
void recipe_source_done(struct recipe_source *source);

/* A repeated section: [[KEY]], or [KEY.NAME] when the struct has a name. */
struct recipe_kind {
	size_t items_at, count_at; /* in struct recipe */
	size_t size;
	bool named;    /* [KEY.NAME]; the struct starts with its name */
	bool distinct; /* [[KEY]] whose struct starts with a name that may not come twice */
	const struct toml_field *fields;
	/* Fills defaults in and checks what concerns several fields. */
	int (*finish)(const struct toml *value, void *item, struct err *err);
};

int recipe_read_items(const struct toml *value, const struct recipe_kind *kind,
	struct recipe *recipe, struct err *err) MUST_CHECK;

#define RECIPE_KIND(member, counter, ...)                                                          \
	{                                                                                          \
		.items_at = offsetof(struct recipe, member),                                       \
		.count_at = offsetof(struct recipe, counter),                                      \
		.size = sizeof(*((struct recipe *)NULL)->member), __VA_ARGS__                      \
	}

/* read_NAME of a word NAME_word, of a list of what read_ITEM reads, of one of some choices, of a line. */
#define WORD_READER(name)                                                                          \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return recipe_read_word(value, dst, &name##_word, err);                            \
	}
#define LIST_READER(name, read_item)                                                               \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return recipe_read_strings(value, dst, read_item, err);                            \
	}
#define CHOICE_READER(name, choices)                                                               \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return recipe_read_choice(value, dst, choices, err);                               \
	}
#define LINE_READER(name, max)                                                                     \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return recipe_read_line(value, dst, max, err);                                     \
	}
/* recipe_read_NAME of the repeated section NAME_kind. */
#define ITEMS_READER(name)                                                                         \
	int recipe_read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return recipe_read_items(value, &name##_kind, dst, err);                           \
	}

/* Readers into a struct recipe_xattrs (recipe-xattrs.c): a table of names to values, text or "0x" and hexadecimal digits; file
 * capabilities as setcap(8) takes them, "cap_net_admin,cap_net_raw=ep". */
int recipe_read_xattrs(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_capabilities(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
void recipe_xattrs_done(struct recipe_xattrs *xattrs);

/* [[source]] (recipe-source.c), into the struct recipe at @dst. */
int recipe_read_imports(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
void recipe_imports_done(struct recipe *recipe);

/* The sections about the guest's tree (recipe-tree.c), all into the struct recipe at @dst. */
int recipe_read_package_or_list(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_kernel(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
void recipe_kernel_done(struct recipe_kernel *kernel);
int recipe_read_uki(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
void recipe_uki_done(struct recipe_uki *uki);
/* A member of a package, or a file with its sha256, into a struct recipe_firmware. */
int recipe_read_part(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_dirs(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_files(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_joins(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_links(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_users(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_groups(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_units(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_permissions(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_allow_list(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_agent(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
int recipe_read_policy(const struct toml *value, void *dst, struct err *err) MUST_CHECK;
void recipe_tree_done(struct recipe *recipe);

#endif
