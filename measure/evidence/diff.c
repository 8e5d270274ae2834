/* Differences between two builds (diff.h). */
#define _GNU_SOURCE
#include "measure/evidence/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/io.h"
#include "lib/json.h"
#include "measure/evidence/diff-words.h"
#include "measure/golden/golden.h"

/* One build's documents. */
struct side {
	const char *dir; /* where they are; no directory when it is a golden document alone */
	json_t *manifest, *golden, *files; /* owned; NULL when there is none */
};

static void side_done(struct side *side)
{
	json_decref(side->manifest);
	json_decref(side->golden);
	json_decref(side->files);
}
#define SIDE_AUTO __attribute__((cleanup(side_done))) struct side

static int no_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

/* Takes over @value, which may be NULL for lack of memory. */
static int append(json_t *list, json_t *value, struct err *err)
{
	return json_array_append_new(list, value) == 0 ? 0 : no_memory(err);
}

/* --- reading --- */

/* Reads a document of @schema; NULL in @ret when there is no such file. */
static int read_file(const char *path, const char *schema, json_t **ret, struct err *err)
{
	BUF_AUTO text = {0};
	JSON_AUTO *doc = NULL;
	const char *got;
	int rc = io_read_file(path, JSON_DOC_MAX, &text, err);

	if (rc == -ENOENT || rc == -ENOTDIR) {
		*ret = NULL;
		return 0;
	}
	if (rc == 0)
		rc = json_doc_parse(text.data, text.len, path, &doc, err);
	if (rc == 0)
		rc = json_doc_str(doc, path, "schema", &got, err);
	if (rc != 0)
		return rc;
	if (strcmp(got, schema) != 0)
		return err_fail(err, -EBADMSG, "%s: schema \"%s\", not %s", path, got, schema);
	*ret = json_incref(doc);
	return 0;
}

/* The same of DIR/NAME. */
static int read_document(
	const char *dir, const char *name, const char *schema, json_t **ret, struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return no_memory(err);
	}
	return read_file(path, schema, ret, err);
}

static int read_directory(const char *dir, struct side *ret, struct err *err)
{
	int rc = read_document(dir, "golden.json", GOLDEN_SCHEMA, &ret->golden, err);

	if (rc == 0)
		rc = read_document(dir, "manifest.json", "assay-build/1", &ret->manifest, err);
	if (rc == 0)
		rc = read_document(dir, "files.json", "assay-files/1", &ret->files, err);
	if (rc == 0 && ret->golden == NULL && ret->manifest == NULL)
		rc = err_fail(err, -EINVAL, "%s: neither a manifest.json nor a golden.json", dir);
	return rc;
}

/* Whether a file begins as a JSON object does. */
static int is_object(const char *path, bool *ret, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size;
	char first;
	int rc = io_open(path, &fd, &size, err);

	if (rc == 0)
		rc = io_pread(fd, path, &first, 1, 0, err);
	if (rc == 0)
		*ret = first == '{';
	return rc;
}

/* A directory of documents, one golden document, or what @read knows. */
static int read_side(const char *path, diff_read_fn *read, struct side *ret, struct err *err)
{
	bool object = true;
	struct stat st;
	int rc = 0;

	ret->dir = path;
	if (stat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return read_directory(path, ret, err);
	if (read != NULL)
		rc = is_object(path, &object, err);
	if (rc != 0)
		return rc;
	return object ? read_file(path, GOLDEN_SCHEMA, &ret->golden, err)
		      : read(path, &ret->manifest, &ret->files, err);
}

/* --- collections by key --- */

/* The key of an element, malloc'ed; NULL without memory. */
typedef char *key_fn(const json_t *element);

static char *field_key(const json_t *element, const char *field)
{
	const char *value = json_string_value(json_object_get(element, field));

	return strdup(value != NULL ? value : "");
}

static char *path_key(const json_t *element)
{
	return field_key(element, "path");
}

static char *name_key(const json_t *element)
{
	return field_key(element, "name");
}

/* What stays of an input when its content changes. */
static char *input_key(const json_t *element)
{
	static const char *const fields[] = {"kind", "set", "name", "architecture", "path", "to"};
	BUF_AUTO key = {0};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const char *value = json_string_value(json_object_get(element, fields[i]));

		buf_fmt(&key, "%s\n", value != NULL ? value : "");
	}
	return key.bad ? NULL : strdup(buf_cstr(&key));
}

/* An object from key to element (borrowed references counted); elements of one key: the last. */
static int index_list(const json_t *list, key_fn *key_of, json_t **ret, struct err *err)
{
	JSON_AUTO *index = json_object();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *element = json_array_get(list, i);
		AUTO_FREE char *key = key_of(element);

		if (key == NULL || json_object_set_nocheck(index, key, element) != 0)
			return no_memory(err);
	}
	if (index == NULL)
		return no_memory(err);
	*ret = json_incref(index);
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef int change_fn(
	const char *key, const json_t *before, const json_t *after, json_t *list, struct err *err);

/* Calls @change for every key of one of two objects, in their order, whose values are not equal; NULL stands for none. */
static int each_change(
	json_t *before, json_t *after, change_fn *change, json_t *list, struct err *err)
{
	size_t n = 0, max = json_object_size(before) + json_object_size(after);
	AUTO_FREE const char **keys = calloc(max + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	int rc = 0;

	if (keys == NULL)
		return no_memory(err);
	json_object_foreach(before, key, value) keys[n++] = key;
	json_object_foreach(after, key, value)
	{
		if (json_object_get(before, key) == NULL)
			keys[n++] = key;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const json_t *was = json_object_get(before, keys[i]);
		const json_t *is = json_object_get(after, keys[i]);

		if (was == NULL || is == NULL || !json_equal(was, is))
			rc = change(keys[i], was, is, list, err);
	}
	return rc;
}

static int compare_lists(const json_t *before, const json_t *after, key_fn *key_of,
	change_fn *change, json_t *list, struct err *err)
{
	JSON_AUTO *was = NULL;
	JSON_AUTO *is = NULL;
	int rc = index_list(before, key_of, &was, err);

	if (rc == 0)
		rc = index_list(after, key_of, &is, err);
	return rc == 0 ? each_change(was, is, change, list, err) : rc;
}

/* {"before": X, "after": Y} with null for what is not there. */
static json_t *pair(const json_t *before, const json_t *after)
{
	return json_pack("{s:O?, s:O?}", "before", before, "after", after);
}

/* The same under the name @key. */
static int add_named(
	const char *key, const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	json_t *change = pair(before, after);

	json_object_set_new(change, "name", json_string(key));
	return append(list, change, err);
}

/* --- settings: every leaf of the manifest that is not listed elsewhere --- */

static int flatten(const json_t *value, const char *at, json_t *ret, struct err *err)
{
	const char *key;
	json_t *child;
	size_t i;

	if (!json_is_object(value) && !json_is_array(value))
		return json_object_set(ret, at, (json_t *)value) == 0 ? 0 : no_memory(err);
	json_object_foreach((json_t *)value, key, child)
	{
		BUF_AUTO path = {0};
		int rc;

		buf_fmt(&path, "%s%s%s", at, *at != '\0' ? "." : "", key);
		rc = buf_check(&path, err);
		if (rc == 0)
			rc = flatten(child, buf_cstr(&path), ret, err);
		if (rc != 0)
			return rc;
	}
	json_array_foreach(value, i, child)
	{
		BUF_AUTO path = {0};
		int rc;

		buf_fmt(&path, "%s[%zu]", at, i);
		rc = buf_check(&path, err);
		if (rc == 0)
			rc = flatten(child, buf_cstr(&path), ret, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int flatten_settings(const json_t *manifest, json_t **ret, struct err *err)
{
	static const char *const elsewhere[] = {"inputs", "outputs", "cmdline"};
	JSON_AUTO *rest = manifest != NULL ? json_copy((json_t *)manifest) : json_object();
	JSON_AUTO *leaves = json_object();
	int rc;

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		json_object_del(rest, elsewhere[i]);
	rc = rest == NULL || leaves == NULL ? no_memory(err) : flatten(rest, "", leaves, err);
	if (rc == 0)
		*ret = json_incref(leaves);
	return rc;
}

static int compare_settings(
	const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	JSON_AUTO *was = NULL;
	JSON_AUTO *is = NULL;
	int rc = flatten_settings(before, &was, err);

	if (rc == 0)
		rc = flatten_settings(after, &is, err);
	return rc == 0 ? each_change(was, is, add_named, list, err) : rc;
}

/* --- inputs and outputs --- */

static int add_input(
	const char *key, const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	static const char *const identity[] = {"kind", "set", "name", "path", "to"};
	const json_t *any = after != NULL ? after : before;
	json_t *change = pair(before, after);

	(void)key;
	for (size_t i = 0; i < sizeof(identity) / sizeof(*identity); i++) {
		json_t *value = json_object_get(any, identity[i]);

		if (value != NULL)
			json_object_set(change, identity[i], value);
	}
	return append(list, change, err);
}

static int add_output(
	const char *key, const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	return add_named(key, json_object_get(before, "sha256"), json_object_get(after, "sha256"),
		list, err);
}

/* --- files --- */

/* What of a file reaches the root hash. Its blocks follow from the others' sizes, its origin is a remark. */
static const char *const file_fields[] = {
	"type", "mode", "uid", "gid", "sha256", "size_bytes", "target", "device", "xattrs"};
#define FILE_FIELDS (sizeof(file_fields) / sizeof(*file_fields))

static int add_file(
	const char *key, const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	JSON_AUTO *fields = json_array();

	for (size_t i = 0; before != NULL && after != NULL && i < FILE_FIELDS; i++) {
		const json_t *was = json_object_get(before, file_fields[i]);
		const json_t *is = json_object_get(after, file_fields[i]);

		if (was != is && (was == NULL || is == NULL || !json_equal(was, is)))
			json_array_append_new(fields, json_string(file_fields[i]));
	}
	if (before != NULL && after != NULL && json_array_size(fields) == 0)
		return 0;
	return append(list,
		json_pack("{s:s, s:O, s:O?, s:O?}", "path", key, "fields", fields, "before", before,
			"after", after),
		err);
}

static const char *cmdline_of(const struct side *side)
{
	const char *line = json_string_value(json_object_get(side->manifest, "cmdline"));

	return line != NULL ? line : "";
}

/* --- registers --- */

/* What a tuple was computed from, besides its values: leaf by leaf. */
static int flatten_causes(const json_t *tuple, json_t **ret, struct err *err)
{
	JSON_AUTO *rest = json_copy((json_t *)tuple);
	JSON_AUTO *leaves = json_object();
	int rc;

	json_object_del(rest, "values");
	json_object_del(rest, "events");
	json_object_del(rest, "name");
	rc = rest == NULL || leaves == NULL ? no_memory(err) : flatten(rest, "", leaves, err);
	if (rc == 0)
		*ret = json_incref(leaves);
	return rc;
}

static int add_cause(
	const char *key, const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	static const char prefix[] = "inputs.", suffix[] = ".sha256";
	size_t len = strlen(key);

	(void)before;
	(void)after;
	if (strncmp(key, prefix, sizeof(prefix) - 1) != 0)
		return append(list, json_string(key), err);
	if (len < sizeof(suffix) || strcmp(key + len - sizeof(suffix) + 1, suffix) != 0)
		return 0; /* a path: not hashed */
	return append(list,
		json_stringn(key + sizeof(prefix) - 1, len - sizeof(prefix) - sizeof(suffix) + 2),
		err);
}

static int add_causes(const json_t *before, const json_t *after, json_t *list, struct err *err)
{
	JSON_AUTO *was = NULL;
	JSON_AUTO *is = NULL;
	int rc = flatten_causes(before, &was, err);

	if (rc == 0)
		rc = flatten_causes(after, &is, err);
	return rc == 0 ? each_change(was, is, add_cause, list, err) : rc;
}

/* Whether a step adds the same bytes at the same place; the running value differs from the first difference on. */
static bool same_step(const json_t *a, const json_t *b)
{
	static const char *const fields[] = {"kind", "gpa", "content", "size_bytes"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const json_t *was = json_object_get(a, fields[i]);
		const json_t *is = json_object_get(b, fields[i]);

		if (was != is && (was == NULL || is == NULL || !json_equal(was, is)))
			return false;
	}
	return true;
}

static int add_once(json_t *list, const json_t *what, struct err *err)
{
	const json_t *element;
	size_t i;

	json_array_foreach(list, i, element)
	{
		if (json_equal(element, what))
			return 0;
	}
	return json_array_append(list, (json_t *)what) == 0 ? 0 : no_memory(err);
}

/* Names what differs in the steps of a register, where both builds kept them: each `what` once. */
static int add_steps(const struct side *before, const struct side *after, const char *name,
	json_t *list, struct err *err)
{
	JSON_AUTO *was = NULL;
	JSON_AUTO *is = NULL;
	const json_t *a, *b;
	int rc = read_document(before->dir, name, "assay-derivation/1", &was, err);

	if (rc == 0)
		rc = read_document(after->dir, name, "assay-derivation/1", &is, err);
	if (rc != 0 || was == NULL || is == NULL)
		return rc;
	a = json_object_get(was, "steps");
	b = json_object_get(is, "steps");
	for (size_t i = 0; rc == 0 && (i < json_array_size(a) || i < json_array_size(b)); i++) {
		const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
		const json_t *what = json_object_get(y != NULL ? y : x, "what");

		if ((x == NULL || y == NULL || !same_step(x, y)) && json_is_string(what))
			rc = add_once(list, what, err);
	}
	return rc;
}

struct compared {
	const struct side *before, *after;
	json_t *list;
};

static int add_register(const struct compared *sides, const char *tuple, const char *name,
	const json_t *was_tuple, const json_t *is_tuple, struct err *err)
{
	const json_t *was = json_object_get(json_object_get(was_tuple, "values"), name);
	const json_t *is = json_object_get(json_object_get(is_tuple, "values"), name);
	JSON_AUTO *because = json_array();
	JSON_AUTO *steps = json_array();
	AUTO_FREE char *file = NULL;
	int rc = 0;

	if (was != NULL && is != NULL && json_equal(was, is))
		return 0;
	if (asprintf(&file, "derivation/%s.%s.json", tuple, name) < 0) {
		file = NULL;
		return no_memory(err);
	}
	if (was_tuple != NULL && is_tuple != NULL)
		rc = add_causes(was_tuple, is_tuple, because, err);
	if (rc == 0 && was != NULL && is != NULL && strchr(tuple, '/') == NULL)
		rc = add_steps(sides->before, sides->after, file, steps, err);
	if (rc != 0)
		return rc;
	return append(sides->list,
		json_pack("{s:s, s:s, s:O?, s:O?, s:O, s:O}", "tuple", tuple, "register", name,
			"before", was, "after", is, "because", because, "steps", steps),
		err);
}

static int compare_tuple(const struct compared *sides, const char *name, const json_t *was,
	const json_t *is, struct err *err)
{
	json_t *values = json_object_get(was, "values");
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(values, key, value)
	{
		if (rc == 0)
			rc = add_register(sides, name, key, was, is, err);
	}
	json_object_foreach(json_object_get(is, "values"), key, value)
	{
		if (rc == 0 && json_object_get(values, key) == NULL)
			rc = add_register(sides, name, key, was, is, err);
	}
	return rc;
}

/* The tuples of both sides in the order of the first, then those that are new. */
static int compare_registers(
	const struct side *before, const struct side *after, json_t *list, struct err *err)
{
	const struct compared sides = {before, after, list};
	JSON_AUTO *was = NULL;
	JSON_AUTO *is = NULL;
	const char *name;
	json_t *tuple;
	int rc = index_list(json_object_get(before->golden, "tuples"), name_key, &was, err);

	if (rc == 0)
		rc = index_list(json_object_get(after->golden, "tuples"), name_key, &is, err);
	json_object_foreach(was, name, tuple)
	{
		if (rc == 0)
			rc = compare_tuple(&sides, name, tuple, json_object_get(is, name), err);
	}
	json_object_foreach(is, name, tuple)
	{
		if (rc == 0 && json_object_get(was, name) == NULL)
			rc = compare_tuple(&sides, name, NULL, tuple, err);
	}
	return rc;
}

/* --- all of it --- */

static json_t *part(const json_t *doc, const char *name)
{
	return json_object_get(doc, name);
}

static int compare(const struct side *a, const struct side *b, json_t *doc, struct err *err)
{
	int rc = compare_settings(a->manifest, b->manifest, part(doc, "settings"), err);

	if (rc == 0)
		rc = compare_lists(part(a->manifest, "inputs"), part(b->manifest, "inputs"),
			input_key, add_input, part(doc, "inputs"), err);
	if (rc == 0 && a->files != NULL && b->files != NULL)
		rc = compare_lists(part(a->files, "files"), part(b->files, "files"), path_key,
			add_file, part(doc, "files"), err);
	if (rc == 0)
		rc = each_change(part(a->manifest, "outputs"), part(b->manifest, "outputs"),
			add_output, part(doc, "outputs"), err);
	if (rc == 0)
		rc = diff_words(cmdline_of(a), cmdline_of(b), part(doc, "cmdline"), err);
	return rc == 0 ? compare_registers(a, b, part(doc, "registers"), err) : rc;
}

int diff_builds(
	const char *before, const char *after, diff_read_fn *read, json_t **ret, struct err *err)
{
	SIDE_AUTO a = {.dir = before};
	SIDE_AUTO b = {.dir = after};
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:s, s:[], s:[], s:[], s:[], s:[], s:[]}", "schema",
		DIFF_SCHEMA, "before", before, "after", after, "settings", "inputs", "files",
		"outputs", "cmdline", "registers");
	int rc = doc == NULL ? err_fail(err, -EINVAL, "a directory whose name is not UTF-8") : 0;

	if (rc == 0)
		rc = read_side(before, read, &a, err);
	if (rc == 0)
		rc = read_side(after, read, &b, err);
	if (rc == 0)
		rc = compare(&a, &b, doc, err);
	if (rc == 0)
		*ret = json_incref(doc);
	return rc;
}

bool diff_is_empty(const json_t *doc)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)doc, key, value)
	{
		if (json_array_size(value) > 0)
			return false;
	}
	return true;
}
