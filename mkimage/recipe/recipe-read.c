/* The readers that recipes and locks share (recipe-read.h). */
#define _GNU_SOURCE
#include "mkimage/recipe/recipe-read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "mkimage/tree.h"

#define ID_MAX	   (UINT32_MAX - 1) /* (uid_t)-1 means "unchanged" to chown(2) */
#define SOURCE_MAX 4095

const struct recipe_word recipe_name_word = {
	"a name of letters, digits and ._+-", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-", 1, 64};

/* Strings */

static bool is_word(const char *text, const struct recipe_word *word)
{
	size_t n = strlen(text);

	return n >= word->min && n <= word->max && strchr(word->first, text[0]) != NULL &&
	       strspn(text + 1, word->rest) == n - 1 && strstr(text, "..") == NULL &&
	       text[n - 1] != '/';
}

int recipe_check_word(
	const struct toml *value, const char *text, const struct recipe_word *word, struct err *err)
{
	if (is_word(text, word))
		return 0;
	return toml_fail(value, err, -EBADMSG, "\"%.100s\" is not %s", text, word->what);
}

int recipe_read_word(
	const struct toml *value, void *dst, const struct recipe_word *word, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	return rc != 0 ? rc : recipe_check_word(value, *(char **)dst, word, err);
}

int recipe_read_name(const struct toml *value, void *dst, struct err *err)
{
	return recipe_read_word(value, dst, &recipe_name_word, err);
}

int recipe_expect_schema(const struct toml *value, const char *want, struct err *err)
{
	AUTO_FREE char *schema = NULL;
	int rc = toml_read_string(value, &schema, err);

	if (rc == 0 && strcmp(schema, want) != 0)
		return toml_fail(
			value, err, -ENOTSUP, "schema \"%.100s\" is not \"%s\"", schema, want);
	return rc;
}

int recipe_read_choice(
	const struct toml *value, void *dst, const char *const *choices, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	for (size_t i = 0; rc == 0 && choices[i] != NULL; i++) {
		if (strcmp(*(char **)dst, choices[i]) == 0)
			return 0;
	}
	return rc != 0 ? rc
		       : toml_fail(value, err, -ENOTSUP, "\"%.100s\" is not a supported %s",
				 *(char **)dst, value->key != NULL ? value->key : "item");
}

/* A string without control characters, at most @max bytes. */
int recipe_read_line(const struct toml *value, void *dst, size_t max, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	if (rc != 0)
		return rc;
	if (strlen(*(char **)dst) > max)
		return toml_fail(
			value, err, -EBADMSG, "%s is longer than %zu bytes", value->key, max);
	for (const char *at = *(char **)dst; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return toml_fail(
				value, err, -EBADMSG, "%s holds a control character", value->key);
	}
	return 0;
}

int recipe_default(char **slot, const char *text, struct err *err)
{
	if (*slot == NULL)
		*slot = strdup(text);
	return *slot != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

int recipe_compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Refuses a string that is there twice; the order of @list stays. */
static int check_unique(
	const struct toml *value, const struct recipe_strings *list, struct err *err)
{
	AUTO_FREE char **sorted = calloc(list->count + 1, sizeof(char *));

	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (list->count > 0)
		memcpy(sorted, list->items, list->count * sizeof(char *));
	qsort(sorted, list->count, sizeof(char *), recipe_compare_strings);
	for (size_t i = 1; i < list->count; i++) {
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			return toml_fail(
				value, err, -EBADMSG, "\"%.100s\" is listed twice", sorted[i]);
	}
	return 0;
}

void recipe_strings_done(struct recipe_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct recipe_strings){0};
}

int recipe_check_array(const struct toml *value, struct err *err)
{
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc == 0 && value->u.list.count > RECIPE_ITEMS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d entries", RECIPE_ITEMS_MAX);
	return rc;
}

/* A list of distinct strings, each read by @read. */
int recipe_read_strings(const struct toml *value, struct recipe_strings *list,
	recipe_string_reader *read, struct err *err)
{
	int rc = recipe_check_array(value, err);

	if (rc != 0)
		return rc;
	list->items = calloc(value->u.list.count + 1, sizeof(char *));
	if (list->items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++)
		rc = read(value->u.list.items[i], &list->items[list->count++], err);
	return rc != 0 ? rc : check_unique(value, list, err);
}

/* "/usr/bin/x" in the file, "usr/bin/x" in the struct. */
static int strip_slash(const struct toml *value, char *path, struct err *err)
{
	if (path[0] != '/' || path[1] == '\0')
		return toml_fail(value, err, -EBADMSG,
			"\"%.100s\" is not an absolute path in the guest", path);
	memmove(path, path + 1, strlen(path));
	return 0;
}

int recipe_read_guest_path(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, TREE_PATH_MAX + 1, err);

	if (rc == 0)
		rc = strip_slash(value, *(char **)dst, err);
	if (rc == 0 && tree_check_path(*(char **)dst, "path", err) != 0)
		return err_wrap(err, "%s:%u", value->doc->what, value->line);
	return rc;
}

int recipe_read_pattern(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	return rc != 0 ? rc : strip_slash(value, *(char **)dst, err);
}

/* A path in an included document is relative to that. */
static int put_dir_before(const char *dir, char **path, struct err *err)
{
	char *joined = NULL;

	if (dir == NULL || *dir == '\0')
		return 0;
	if (asprintf(&joined, "%s/%s", dir, *path) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	free(*path);
	*path = joined;
	return 0;
}

/* A path relative to the recipe. It may lead out of its directory, but not name a place on one machine. */
int recipe_read_source_path(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, SOURCE_MAX, err);
	const char *path = *(char **)dst;

	if (rc == 0 && (path[0] == '\0' || path[0] == '/' || path[strlen(path) - 1] == '/'))
		return toml_fail(value, err, -EBADMSG,
			"%s must name a file relative to the recipe's directory", value->key);
	return rc != 0 ? rc : put_dir_before(value->doc->dir, dst, err);
}

/* A path inside an archive, without a leading slash. */
int recipe_read_member(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, TREE_PATH_MAX, err);

	if (rc == 0 && **(char **)dst == '\0')
		return toml_fail(value, err, -EBADMSG, "%s is empty", value->key);
	if (rc == 0 && tree_check_path(*(char **)dst, value->key, err) != 0)
		return err_wrap(err, "%s:%u", value->doc->what, value->line);
	return rc;
}

/* Numbers and digests */

int recipe_read_sha256(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc = toml_read_string(value, &text, err);

	if (rc == 0 && !hex_decode(text, dst, SHA256_SIZE))
		return toml_fail(value, err, -EBADMSG, "%s must be 64 lowercase hexadecimal digits",
			value->key);
	return rc;
}

int recipe_read_source_sha256(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_source *source = dst;
	int rc = recipe_read_sha256(value, source->sha256, err);

	source->has_sha256 = rc == 0;
	return rc;
}

/* Octal in a string, "0755" or "04755": TOML's own octal integers would let 755 pass for a mode. */
int recipe_read_mode(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc = toml_read_string(value, &text, err);
	size_t n;

	if (rc != 0)
		return rc;
	n = strlen(text);
	if (n < 4 || n > 5 || text[0] != '0' || strspn(text, "01234567") != n)
		return toml_fail(value, err, -EBADMSG, "%s must be octal digits such as \"0755\"",
			value->key);
	*(uint16_t *)dst = (uint16_t)strtoul(text, NULL, 8);
	return 0;
}

int recipe_read_limited(
	const struct toml *value, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
	int rc = toml_expect(value, TOML_INTEGER, err);

	if (rc != 0)
		return rc;
	if (value->u.integer < (int64_t)min || (uint64_t)value->u.integer > max)
		return toml_fail(value, err, -EBADMSG, "%s must be %llu to %llu",
			value->key != NULL ? value->key : "item", (unsigned long long)min,
			(unsigned long long)max);
	*ret = (uint64_t)value->u.integer;
	return 0;
}

int recipe_read_id(const struct toml *value, void *dst, struct err *err)
{
	uint64_t id = 0;
	int rc = recipe_read_limited(value, 0, ID_MAX, &id, err);

	if (rc == 0)
		*(uint32_t *)dst = (uint32_t)id;
	return rc;
}

static int read_item(const struct toml *value, const struct recipe_kind *kind, unsigned char *item,
	struct err *err)
{
	int rc = 0;

	if (kind->named) {
		char **name = (char **)(void *)item;

		*name = strdup(value->key);
		if (*name == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		if (strlen(*name) != value->key_len)
			return toml_fail(value, err, -EBADMSG, "a name with a NUL character");
		rc = recipe_check_word(value, *name, &recipe_name_word, err);
	}
	if (rc == 0)
		rc = toml_fields(value, kind->fields, item, err);
	return rc == 0 && kind->finish != NULL ? kind->finish(value, item, err) : rc;
}

static int check_distinct(const struct toml *value, const struct recipe_kind *kind,
	const unsigned char *items, size_t count, struct err *err)
{
	struct recipe_strings names = {.items = calloc(count + 1, sizeof(char *)), .count = count};
	int rc;

	if (names.items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		memcpy(&names.items[i], items + i * kind->size, sizeof(char *));
	rc = check_unique(value, &names, err);
	free(names.items);
	return rc;
}

int recipe_read_items(const struct toml *value, const struct recipe_kind *kind,
	struct recipe *recipe, struct err *err)
{
	unsigned char *base = (unsigned char *)recipe;
	int rc = kind->named ? toml_expect(value, TOML_TABLE, err) : recipe_check_array(value, err);
	unsigned char *items;
	size_t count;

	if (rc != 0)
		return rc;
	count = value->u.list.count;
	if (count > RECIPE_ITEMS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d entries", RECIPE_ITEMS_MAX);
	items = calloc(count + 1, kind->size);
	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	/* Handed over at once, so that recipe_done frees what a failure leaves. */
	memcpy(base + kind->items_at, &items, sizeof(items));
	memcpy(base + kind->count_at, &count, sizeof(count));
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = read_item(value->u.list.items[i], kind, items + i * kind->size, err);
	if (rc == 0 && kind->distinct)
		rc = check_distinct(value, kind, items, count, err);
	return rc;
}

/* Exactly one of a path and a text. */
int recipe_check_source(const struct toml *value, const struct recipe_source *source,
	const char *key, struct err *err)
{
	if ((source->path == NULL) != (source->text == NULL))
		return 0;
	return toml_fail(value, err, -EBADMSG, "exactly one of %s and text is needed", key);
}

void recipe_source_done(struct recipe_source *source)
{
	free(source->path);
	free(source->text);
}
