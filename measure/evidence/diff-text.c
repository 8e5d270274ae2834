/* A difference document as text (diff.h): the causes first, what they moved last. */
#include <string.h>

#include "measure/evidence/diff.h"

#define FILES_SHOWN	10 /* of one origin */
#define HEX_SHOWN	16
#define LIST_SIZE(list) (sizeof(list) / sizeof(*(list)))

static const char *text_of(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "";
}

static bool is_digest(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef");

	return text[n] == '\0' && n >= 64;
}

/* A leaf of a document; digests are cut. "-" for none. */
static void add_value(struct buf *to, const json_t *value)
{
	const char *text = json_string_value(value);

	if (text != NULL && is_digest(text))
		buf_fmt(to, "%.*s...", HEX_SHOWN, text);
	else if (text != NULL)
		buf_str(to, *text != '\0' ? text : "\"\"");
	else if (json_is_integer(value))
		buf_fmt(to, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		buf_str(to, json_is_true(value) ? "true" : "false");
	else
		buf_str(to, "-");
}

/* "BEFORE -> AFTER", or the one that there is. */
static void add_change(struct buf *to, const json_t *before, const json_t *after)
{
	bool both = before != NULL && after != NULL && !json_is_null(before) &&
		    !json_is_null(after);

	add_value(to, both || after == NULL || json_is_null(after) ? before : after);
	if (both) {
		buf_str(to, " -> ");
		add_value(to, after);
	}
	buf_str(to, "\n");
}

/* "+", "-" or "~": added, removed, changed. */
static const char *mark(const json_t *change)
{
	if (json_is_null(json_object_get(change, "before")))
		return "+";
	return json_is_null(json_object_get(change, "after")) ? "-" : "~";
}

static void add_named(struct buf *to, const json_t *change)
{
	buf_fmt(to, "  %s %s  ", mark(change), text_of(change, "name"));
	add_change(to, json_object_get(change, "before"), json_object_get(change, "after"));
}

/* An input by its version, or its digest where it has none. */
static const json_t *version_of(const json_t *input)
{
	const json_t *version = json_object_get(input, "version");

	return version != NULL ? version : json_object_get(input, "sha256");
}

static void add_input(struct buf *to, const json_t *change)
{
	static const char *const fields[] = {"kind", "set", "name", "path", "to"};
	const json_t *before = json_object_get(change, "before");
	const json_t *after = json_object_get(change, "after");
	const json_t *was = version_of(before), *is = version_of(after);

	buf_fmt(to, "  %s", mark(change));
	for (size_t i = 0; i < LIST_SIZE(fields); i++) {
		if (json_object_get(change, fields[i]) != NULL)
			buf_fmt(to, " %s", text_of(change, fields[i]));
	}
	if (was != NULL && is != NULL && json_equal(was, is)) {
		was = json_object_get(before, "sha256");
		is = json_object_get(after, "sha256");
	}
	buf_str(to, "  ");
	add_change(to, was, is);
}

/* --- files, by the origins that they come from --- */

static const char *origin_of(const json_t *file)
{
	const char *origin = json_string_value(json_object_get(file, "origin"));

	return origin != NULL ? origin : "-";
}

static bool same_origins(const json_t *a, const json_t *b)
{
	static const char *const sides[] = {"before", "after"};

	for (size_t i = 0; i < LIST_SIZE(sides); i++) {
		if (strcmp(origin_of(json_object_get(a, sides[i])),
			    origin_of(json_object_get(b, sides[i]))) != 0)
			return false;
	}
	return true;
}

static void add_file(struct buf *to, const json_t *change)
{
	const json_t *fields = json_object_get(change, "fields");

	buf_fmt(to, "    %s %s", mark(change), text_of(change, "path"));
	for (size_t i = 0; i < json_array_size(fields); i++)
		buf_fmt(to, "%s%s", i == 0 ? "  " : ", ",
			json_string_value(json_array_get(fields, i)));
	buf_str(to, "\n");
}

/* All files that have the origins of file @first, unless an earlier one had them. */
static void add_group(struct buf *to, const json_t *files, size_t first, bool all)
{
	const json_t *one = json_array_get(files, first);
	const char *was = origin_of(json_object_get(one, "before"));
	const char *is = origin_of(json_object_get(one, "after"));
	size_t n = 0;

	for (size_t i = 0; i < first; i++) {
		if (same_origins(json_array_get(files, i), one))
			return;
	}
	if (strcmp(was, "-") == 0 && strcmp(is, "-") == 0)
		buf_str(to, "  of no known origin\n");
	else if (strcmp(was, is) == 0 || strcmp(is, "-") == 0)
		buf_fmt(to, "  from %s\n", was);
	else if (strcmp(was, "-") == 0)
		buf_fmt(to, "  from %s\n", is);
	else
		buf_fmt(to, "  from %s -> %s\n", was, is);
	for (size_t i = first; i < json_array_size(files); i++) {
		if (same_origins(json_array_get(files, i), one) && (n++ < FILES_SHOWN || all))
			add_file(to, json_array_get(files, i));
	}
	if (n > FILES_SHOWN && !all)
		buf_fmt(to, "    and %zu more (--all)\n", n - FILES_SHOWN);
}

static void add_files(struct buf *to, const json_t *files, bool all)
{
	if (json_array_size(files) > 0)
		buf_fmt(to, "files (%zu)\n", json_array_size(files));
	for (size_t i = 0; i < json_array_size(files); i++)
		add_group(to, files, i, all);
}

/* --- registers --- */

static void add_names(struct buf *to, const char *what, const json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		buf_fmt(to, "%s%s", i == 0 ? what : ", ",
			json_string_value(json_array_get(names, i)));
	if (json_array_size(names) > 0)
		buf_str(to, "\n");
}

static void add_register(struct buf *to, const json_t *change)
{
	buf_fmt(to, "  %s %s %s  ", mark(change), text_of(change, "tuple"),
		text_of(change, "register"));
	add_change(to, json_object_get(change, "before"), json_object_get(change, "after"));
	add_names(to, "      inputs: ", json_object_get(change, "because"));
	add_names(to, "      steps: ", json_object_get(change, "steps"));
}

static void add_words(struct buf *to, const json_t *change)
{
	const char *was = json_string_value(json_object_get(change, "before"));
	const char *is = json_string_value(json_object_get(change, "after"));

	if (was != NULL)
		buf_fmt(to, "  - %s\n", was);
	if (is != NULL)
		buf_fmt(to, "  + %s\n", is);
}

typedef void add_fn(struct buf *to, const json_t *change);

static void add_section(struct buf *to, const char *name, const json_t *changes, add_fn *add)
{
	if (json_array_size(changes) > 0)
		buf_fmt(to, "%s\n", name);
	for (size_t i = 0; i < json_array_size(changes); i++)
		add(to, json_array_get(changes, i));
}

void diff_text(const json_t *doc, bool all, struct buf *ret)
{
	buf_fmt(ret, "--- %s\n+++ %s\n", text_of(doc, "before"), text_of(doc, "after"));
	add_section(ret, "settings", json_object_get(doc, "settings"), add_named);
	add_section(ret, "inputs", json_object_get(doc, "inputs"), add_input);
	add_files(ret, json_object_get(doc, "files"), all);
	add_section(ret, "command line", json_object_get(doc, "cmdline"), add_words);
	add_section(ret, "outputs", json_object_get(doc, "outputs"), add_named);
	add_section(ret, "registers", json_object_get(doc, "registers"), add_register);
	if (diff_is_empty(doc))
		buf_str(ret, "no difference\n");
}
