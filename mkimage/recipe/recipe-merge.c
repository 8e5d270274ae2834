/* Includes and variants (recipe-merge.h). */
#define _GNU_SOURCE
#include "mkimage/recipe/recipe-merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "mkimage/recipe/recipe-read.h"

#define NAME_MAX_BYTES 256 /* of the keys that lead to a value */

/* What only a whole recipe says. */
static const char *const fixed_keys[] = {
	"schema", "name", "architecture", "timestamp", "include", "variant"};

/* --- tables --- */

static size_t index_of(const struct toml *list, const struct toml *item)
{
	size_t i = 0;

	while (i < list->u.list.count && list->u.list.items[i] != item)
		i++;
	return i;
}

/* Takes the value of @key out of @table; NULL when there is none. */
static struct toml *take(struct toml *table, const char *key)
{
	const struct toml *item = toml_get(table, key);
	size_t i = item != NULL ? index_of(table, item) : 0;
	struct toml *taken = item != NULL ? table->u.list.items[i] : NULL;

	if (taken != NULL)
		toml_remove(table, i);
	return taken;
}

/* The path or name of a list's table, or a list's string; NULL for what has none. */
static const char *id_of(const struct toml *item)
{
	const struct toml *id = item;

	if (item->type == TOML_TABLE) {
		id = toml_get(item, "path");
		if (id == NULL)
			id = toml_get(item, "name");
	}
	return id != NULL && id->type == TOML_STRING ? id->u.string.data : NULL;
}

static bool same_value(const struct toml *a, const struct toml *b);

static bool same_items(const struct toml *a, const struct toml *b)
{
	for (size_t i = 0; i < a->u.list.count && i < b->u.list.count; i++) {
		if (!same_value(a->u.list.items[i], b->u.list.items[i]))
			return false;
	}
	return a->u.list.count == b->u.list.count;
}

/* Of what a recipe holds: strings, integers, booleans and lists of them. */
static bool same_value(const struct toml *a, const struct toml *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case TOML_ARRAY:
		return same_items(a, b);
	case TOML_STRING:
		return a->u.string.len == b->u.string.len &&
		       memcmp(a->u.string.data, b->u.string.data, a->u.string.len) == 0;
	case TOML_INTEGER:
		return a->u.integer == b->u.integer;
	case TOML_BOOL:
		return a->u.boolean == b->u.boolean;
	default:
		return false;
	}
}

/* --- deltas --- */

/* A delta under way. */
struct delta {
	struct toml_doc *doc;	  /* whose memory is used */
	bool strict;		  /* what changes nothing is refused */
	struct recipe_delta *ret; /* NULL: nobody asks */
};

static int note(struct recipe_strings *list, const char *name, const char *id, struct err *err)
{
	char **grown = reallocarray(list->items, list->count + 1, sizeof(*grown));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	list->items = grown;
	if (asprintf(&grown[list->count], "%s%s%s", name, id != NULL ? "=" : "",
		    id != NULL ? id : "") < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	list->count++;
	return 0;
}

static int note_added(const struct delta *delta, const char *name, const char *id, struct err *err)
{
	return delta->ret != NULL ? note(&delta->ret->added, name, id, err) : 0;
}

static int note_changed(
	const struct delta *delta, const char *name, const char *id, struct err *err)
{
	return delta->ret != NULL ? note(&delta->ret->changed, name, id, err) : 0;
}

static void join_name(char *dst, const char *prefix, const char *key)
{
	snprintf(dst, NAME_MAX_BYTES, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
}

/* The place of what an entry of a list would replace; the count when it replaces nothing. */
static size_t find_replaced(const struct toml *list, const struct toml *item)
{
	const char *id = id_of(item);
	size_t i = 0;

	if (id == NULL || strcmp(list->key, "source") == 0)
		return list->u.list.count;
	for (; i < list->u.list.count; i++) {
		const char *there = id_of(list->u.list.items[i]);

		if (there != NULL && strcmp(there, id) == 0)
			break;
	}
	return i;
}

static int merge_entry(const struct delta *delta, struct toml *base, struct toml *item,
	const char *name, struct err *err)
{
	size_t at = find_replaced(base, item);
	int rc;

	if (at < base->u.list.count && item->type == TOML_STRING)
		return toml_fail(item, err, -EBADMSG, "%.100s: \"%.100s\" is there already", name,
			id_of(item));
	if (at < base->u.list.count) {
		base->u.list.items[at] = item;
		return note_changed(delta, name, id_of(item), err);
	}
	rc = toml_append(delta->doc, base, item, err);
	return rc != 0 ? rc : note_added(delta, name, id_of(item), err);
}

/* Strings and tables are entries; a list of anything else is one value. */
static bool is_list(const struct toml *value)
{
	if (value->type != TOML_ARRAY)
		return false;
	for (size_t i = 0; i < value->u.list.count; i++) {
		enum toml_type type = value->u.list.items[i]->type;

		if (type != TOML_STRING && type != TOML_TABLE)
			return false;
	}
	return true;
}

static int merge_list(const struct delta *delta, struct toml *base, const struct toml *list,
	const char *name, struct err *err)
{
	int rc = 0;

	if (delta->strict && list->u.list.count == 0)
		return toml_fail(list, err, -EBADMSG, "%.100s: changes nothing", name);
	for (size_t i = 0; rc == 0 && i < list->u.list.count; i++)
		rc = merge_entry(delta, base, list->u.list.items[i], name, err);
	return rc;
}

static int merge_table(const struct delta *delta, struct toml *base, const struct toml *table,
	const char *prefix, struct err *err);

/* Lays @item over @there, the value of its key. */
static int merge_value(const struct delta *delta, struct toml *base, struct toml *there,
	struct toml *item, const char *name, struct err *err)
{
	int rc;

	if (there->type != item->type)
		return toml_fail(item, err, -EBADMSG, "%.100s: %s, and %s at %.200s:%u", name,
			toml_type_name(item->type), toml_type_name(there->type), there->doc->what,
			there->line);
	if (item->type == TOML_TABLE)
		return merge_table(delta, there, item, name, err);
	if (is_list(item) && is_list(there))
		return merge_list(delta, there, item, name, err);
	if (delta->strict && same_value(item, there))
		return toml_fail(item, err, -EBADMSG, "%.100s: changes nothing", name);
	rc = toml_put(delta->doc, base, item, err);
	return rc != 0 ? rc : note_changed(delta, name, NULL, err);
}

/* A key that the base does not have. */
static int add_value(const struct delta *delta, struct toml *base, struct toml *item,
	const char *name, struct err *err)
{
	bool entries = is_list(item) && item->u.list.count > 0;
	int rc = toml_put(delta->doc, base, item, err);

	for (size_t i = 0; rc == 0 && entries && i < item->u.list.count; i++)
		rc = note_added(delta, name, id_of(item->u.list.items[i]), err);
	return rc != 0 || entries ? rc : note_added(delta, name, NULL, err);
}

static int merge_table(const struct delta *delta, struct toml *base, const struct toml *table,
	const char *prefix, struct err *err)
{
	char name[NAME_MAX_BYTES];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < table->u.list.count; i++) {
		struct toml *item = table->u.list.items[i];
		const struct toml *there = toml_get(base, item->key);

		if (strlen(item->key) != item->key_len)
			return toml_fail(item, err, -EBADMSG, "a key with a NUL character");
		join_name(name, prefix, item->key);
		rc = there == NULL
			     ? add_value(delta, base, item, name, err)
			     : merge_value(delta, base, base->u.list.items[index_of(base, there)],
				       item, name, err);
	}
	return rc;
}

/* --- drops --- */

static bool drop_entry(struct toml *list, const char *id)
{
	bool found = false;

	for (size_t i = list->u.list.count; i-- > 0;) {
		const char *there = id_of(list->u.list.items[i]);

		if (there == NULL || strcmp(there, id) != 0)
			continue;
		toml_remove(list, i);
		found = true;
	}
	return found;
}

/* Takes what the first @n characters of @key and @id (NULL: the value itself) name out of @table; false when it is not there. */
static bool drop_from(struct toml *table, const char *key, size_t n, const char *id)
{
	for (size_t i = 0; i < table->u.list.count; i++) {
		struct toml *item = table->u.list.items[i];
		size_t len = item->key_len;

		if (len > n || memcmp(item->key, key, len) != 0)
			continue;
		if (len == n && id == NULL) {
			toml_remove(table, i);
			return true;
		}
		if (len == n)
			return item->type == TOML_ARRAY && drop_entry(item, id);
		if (key[len] == '.' && item->type == TOML_TABLE &&
			drop_from(item, key + len + 1, n - len - 1, id))
			return true;
	}
	return false;
}

static int drop_one(
	const struct delta *delta, struct toml *base, const struct toml *value, struct err *err)
{
	AUTO_FREE char *what = NULL;
	int rc = toml_read_string(value, &what, err);
	const char *id;

	if (rc != 0)
		return rc;
	id = strchr(what, '=');
	if (!drop_from(base, what, strcspn(what, "="), id != NULL ? id + 1 : NULL))
		return toml_fail(value, err, -EBADMSG, "drop: there is no \"%.200s\"", what);
	return delta->ret != NULL ? note(&delta->ret->dropped, what, NULL, err) : 0;
}

static int drop_all(
	const struct delta *delta, struct toml *base, const struct toml *drop, struct err *err)
{
	int rc = drop != NULL ? recipe_check_array(drop, err) : 0;

	for (size_t i = 0; rc == 0 && drop != NULL && i < drop->u.list.count; i++)
		rc = drop_one(delta, base, drop->u.list.items[i], err);
	return rc;
}

/* Lays the table @over, which loses its "drop", over @base. */
static int apply(const struct delta *delta, struct toml *base, struct toml *over, struct err *err)
{
	int rc = drop_all(delta, base, take(over, "drop"), err);

	return rc != 0 ? rc : merge_table(delta, base, over, "", err);
}

/* --- includes --- */

/* Where the documents come from. */
struct loading {
	struct recipe_merge *merge;
	char *fence; /* owned: the directory that the recipe's own directory stands in, without links */
	char *real[RECIPE_DOCUMENTS_MAX]; /* owned: paths of the documents without links */
	bool open[RECIPE_DOCUMENTS_MAX];  /* what it includes is being read */
};

static void loading_done(struct loading *loading)
{
	free(loading->fence);
	for (size_t i = 0; i < RECIPE_DOCUMENTS_MAX; i++)
		free(loading->real[i]);
}

/* "a/x/../b" as "a/b"; leading "..", which nothing comes before, stay. */
static void collapse(char *path)
{
	char *dst = path, *floor = path;

	for (const char *at = path; *at != '\0';) {
		size_t n = strcspn(at, "/");
		const char *next = at + n + (at[n] == '/');
		bool up = n == 2 && memcmp(at, "..", 2) == 0;

		if (up && dst > floor) {
			while (dst > floor && *--dst != '/')
				;
		} else if (n > 0 && !(n == 1 && *at == '.')) {
			if (dst > path)
				*dst++ = '/';
			memmove(dst, at, n);
			dst += n;
			floor = up ? dst : floor;
		}
		at = next;
	}
	*dst = '\0';
}

/* The directory of @path, malloc'ed: "" when it names none. */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? strdup("") : strndup(path, (size_t)(slash - path));
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || (n == 1 && dir[0] == '/'));
}

static int set_fence(struct loading *loading, const char *path, struct err *err)
{
	AUTO_FREE char *dir = dir_of(path);
	AUTO_FREE char *above = NULL;

	if (dir == NULL || asprintf(&above, "%s/..",
				   dir[0] != '\0'   ? dir
				   : path[0] == '/' ? "/"
						    : ".") < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	loading->fence = realpath(above, NULL);
	loading->real[0] = realpath(path, NULL);
	return loading->fence != NULL && loading->real[0] != NULL ? 0 : err_sys(err, "%s", path);
}

static int check_place(
	struct loading *loading, const struct toml *value, const char *path, struct err *err)
{
	size_t i = loading->merge->count;

	if (i == RECIPE_DOCUMENTS_MAX)
		return toml_fail(value, err, -EBADMSG, "include: more than %d documents",
			RECIPE_DOCUMENTS_MAX - 1);
	loading->real[i] = realpath(path, NULL);
	if (loading->real[i] == NULL)
		return toml_fail(value, err, -errno, "include: %.200s: %s", path, strerror(errno));
	if (!is_below(loading->real[i], loading->fence))
		return toml_fail(value, err, -EBADMSG,
			"include: %.200s is outside the directory that holds the recipe's own",
			path);
	for (size_t k = 0; k < i; k++) {
		if (strcmp(loading->real[k], loading->real[i]) == 0)
			return toml_fail(value, err, -EBADMSG, "include: %.200s %s", path,
				loading->open[k] ? "includes itself" : "is included twice");
	}
	return 0;
}

static int check_own_name(const struct toml *root, struct err *err)
{
	if (toml_get(root, "name") == NULL)
		return toml_fail(root, err, -EBADMSG,
			"name is missing: a recipe that includes others has one of its own");
	return 0;
}

static int add_document(struct loading *loading, const void *text, size_t len, const char *path,
	const char *dir, struct err *err)
{
	struct recipe_merge *merge = loading->merge;
	size_t i = merge->count++;
	int rc = toml_parse(text, len, path, &merge->docs[i], err);

	if (rc != 0)
		return rc;
	merge->dirs[i] = strdup(dir);
	if (merge->dirs[i] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	toml_set_dir(&merge->docs[i], merge->dirs[i]);
	return 0;
}

static int add_part(struct recipe_document *part, const char *dir, const char *path,
	const struct buf *text, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash != NULL ? slash + 1 : path;

	part->size_bytes = text->len;
	if (asprintf(&part->path, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", file) < 0) {
		part->path = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	return digest_bytes(DIGEST_SHA256, buf_cstr(text), text->len, part->sha256, err);
}

static int load_includes(struct loading *loading, size_t i, size_t depth, struct err *err);

/* Reads the document that @value, in the @parent-th, names, and what it includes. */
static int load_one(struct loading *loading, size_t parent, const struct toml *value, size_t depth,
	struct err *err)
{
	struct recipe_merge *merge = loading->merge;
	size_t i = merge->count;
	AUTO_FREE char *own = dir_of(merge->docs[parent].what);
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *dir = NULL;
	BUF_AUTO text = {0};
	int rc = toml_read_string(value, &name, err);

	if (rc == 0 && (name[0] == '/' || name[0] == '\0'))
		return toml_fail(value, err, -EBADMSG,
			"include: \"%.200s\" is not relative to the document", name);
	if (rc == 0 && depth == RECIPE_INCLUDE_DEPTH_MAX)
		return toml_fail(value, err, -EBADMSG, "include: more than %d documents deep",
			RECIPE_INCLUDE_DEPTH_MAX);
	if (rc != 0)
		return rc;
	if (own == NULL ||
		asprintf(&path, "%s%s%s", own,
			own[0] != '\0' || merge->docs[parent].what[0] == '/' ? "/" : "", name) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = check_place(loading, value, path, err);
	if (rc == 0)
		rc = io_read_file(path, RECIPE_MAX_BYTES, &text, err);
	if (rc != 0)
		return rc;
	if (asprintf(&dir, "%s/%s", merge->dirs[parent], name) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	*strrchr(dir, '/') = '\0';
	memmove(dir, dir + (dir[0] == '/'), strlen(dir) + (dir[0] != '/'));
	collapse(dir);
	rc = add_document(loading, buf_cstr(&text), text.len, path, dir, err);
	if (rc == 0)
		rc = add_part(&merge->parts[i], dir, path, &text, err);
	return rc != 0 ? rc : load_includes(loading, i, depth + 1, err);
}

static int check_schema(const struct toml *root, struct err *err)
{
	const struct toml *schema = toml_get(root, "schema");

	if (schema == NULL)
		return toml_fail(root, err, -EBADMSG, "schema is missing");
	return recipe_expect_schema(schema, RECIPE_SCHEMA, err);
}

/*
 * Reads what the @i-th document includes and lays it over that: its root becomes the whole. Several are laid over one another in
 * their order.
 */
static int load_includes(struct loading *loading, size_t i, size_t depth, struct err *err)
{
	struct toml_doc *doc = &loading->merge->docs[i];
	const struct toml *list = take(doc->root, "include");
	const struct delta delta = {.doc = doc};
	struct toml *base = NULL;
	int rc = 0;

	if (list == NULL)
		return 0;
	rc = check_schema(doc->root, err);
	if (rc == 0)
		rc = recipe_check_array(list, err);
	if (rc == 0 && list->u.list.count == 0)
		return toml_fail(list, err, -EBADMSG, "include is empty");
	loading->open[i] = true;
	for (size_t k = 0; rc == 0 && k < list->u.list.count; k++) {
		size_t next = loading->merge->count;

		rc = load_one(loading, i, list->u.list.items[k], depth, err);
		if (rc == 0)
			rc = check_schema(loading->merge->docs[next].root, err);
		if (rc == 0 && base == NULL)
			base = loading->merge->docs[next].root;
		else if (rc == 0)
			rc = apply(&delta, base, loading->merge->docs[next].root, err);
	}
	loading->open[i] = false;
	if (rc == 0)
		rc = check_own_name(doc->root, err);
	if (rc == 0)
		rc = apply(&delta, base, doc->root, err);
	if (rc == 0)
		doc->root = base;
	return rc;
}

/* --- variants --- */

static int no_variant(
	const struct toml *root, const struct toml *variants, const char *name, struct err *err)
{
	char names[200] = "";

	for (size_t i = 0; variants != NULL && i < variants->u.list.count; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			i > 0 ? ", " : "; there are: ", variants->u.list.items[i]->key);
	return toml_fail(variants != NULL ? variants : root, err, -EBADMSG,
		"there is no [variant.%.64s]%s", name, names);
}

/* What is wrong with a variant whoever asks for it. */
static int check_variant(const struct toml *variant, struct err *err)
{
	int rc = toml_expect(variant, TOML_TABLE, err);

	if (rc == 0 && strlen(variant->key) != variant->key_len)
		return toml_fail(variant, err, -EBADMSG, "a name with a NUL character");
	if (rc == 0)
		rc = recipe_check_word(variant, variant->key, &recipe_name_word, err);
	if (rc == 0 && variant->u.list.count == 0)
		return toml_fail(
			variant, err, -EBADMSG, "variant %.64s changes nothing", variant->key);
	for (size_t i = 0; rc == 0 && i < sizeof(fixed_keys) / sizeof(*fixed_keys); i++) {
		const struct toml *fixed = toml_get(variant, fixed_keys[i]);

		if (fixed != NULL)
			return toml_fail(
				fixed, err, -EBADMSG, "a variant cannot change %s", fixed_keys[i]);
	}
	return rc;
}

static int apply_variant(struct recipe_merge *merge, const char *name, struct err *err)
{
	const struct delta delta = {.doc = &merge->docs[0], .strict = true, .ret = &merge->delta};
	const struct toml *variants = take(merge->root, "variant");
	struct toml *variant = NULL;
	int rc = variants != NULL ? toml_expect(variants, TOML_TABLE, err) : 0;

	for (size_t i = 0; rc == 0 && variants != NULL && i < variants->u.list.count; i++) {
		struct toml *item = variants->u.list.items[i];

		rc = check_variant(item, err);
		if (rc == 0 && name != NULL && strcmp(item->key, name) == 0)
			variant = item;
	}
	if (rc != 0 || name == NULL)
		return rc;
	if (variant == NULL)
		return no_variant(merge->root, variants, name, err);
	return apply(&delta, merge->root, variant, err);
}

/* --- all of it --- */

static int load(struct loading *loading, const void *text, size_t len, const char *path,
	bool path_is_file, struct err *err)
{
	int rc = add_document(loading, text, len, path, "", err);
	const struct toml *include = rc == 0 ? toml_get(loading->merge->docs[0].root, "include")
					     : NULL;

	if (include == NULL)
		return rc;
	if (!path_is_file)
		return toml_fail(include, err, -ENOTSUP, "include: this is not a file");
	rc = set_fence(loading, path, err);
	return rc != 0 ? rc : load_includes(loading, 0, 0, err);
}

int recipe_merge(const void *text, size_t len, const char *path, bool path_is_file,
	const char *variant, struct recipe_merge *ret, struct err *err)
{
	__attribute__((cleanup(loading_done))) struct loading loading = {.merge = ret};
	int rc;

	*ret = (struct recipe_merge){0};
	rc = load(&loading, text, len, path, path_is_file, err);
	ret->root = ret->docs[0].root;
	if (rc == 0 && toml_get(ret->root, "drop") != NULL)
		rc = toml_fail(toml_get(ret->root, "drop"), err, -EBADMSG,
			"drop: nothing is included that it could be dropped from");
	if (rc == 0)
		rc = apply_variant(ret, variant, err);
	if (rc != 0)
		recipe_merge_done(ret);
	return rc;
}

void recipe_merge_done(struct recipe_merge *merge)
{
	for (size_t i = 0; i < merge->count; i++) {
		toml_done(&merge->docs[i]);
		free(merge->dirs[i]);
		free(merge->parts[i].path);
	}
	recipe_strings_done(&merge->delta.added);
	recipe_strings_done(&merge->delta.changed);
	recipe_strings_done(&merge->delta.dropped);
	*merge = (struct recipe_merge){0};
}
