/* Strict JSON in, canonical JSON out (json.h). */
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"

void json_doc_free(json_t **slot)
{
	json_decref(*slot);
	*slot = NULL;
}

int json_doc_parse(const void *text, size_t len, const char *what, json_t **ret, struct err *err)
{
	json_error_t where;
	json_t *doc;

	if (len > JSON_DOC_MAX)
		return err_fail(err, -EFBIG, "%s: more than %u bytes of JSON", what, JSON_DOC_MAX);
	doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (doc == NULL)
		return err_fail(
			err, -EBADMSG, "%s:%d:%d: %s", what, where.line, where.column, where.text);
	*ret = doc;
	return 0;
}

int json_doc_write(const json_t *doc, struct buf *ret, struct err *err)
{
	char *text = json_dumps(doc, JSON_SORT_KEYS | JSON_INDENT(2) | JSON_ENCODE_ANY);

	if (text == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	buf_str(ret, text);
	buf_str(ret, "\n");
	free(text);
	return buf_check(ret, err);
}

static int wrong_type(const char *at, const char *key, const char *wanted, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s.%s: missing, or not %s", at, key, wanted);
}

int json_doc_str(
	const json_t *obj, const char *at, const char *key, const char **ret, struct err *err)
{
	const json_t *value = json_object_get(obj, key);

	if (!json_is_string(value))
		return wrong_type(at, key, "a string", err);
	*ret = json_string_value(value);
	return 0;
}

int json_doc_u64(const json_t *obj, const char *at, const char *key, uint64_t *ret, struct err *err)
{
	const json_t *value = json_object_get(obj, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return wrong_type(at, key, "a whole number", err);
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

int json_doc_array(
	const json_t *obj, const char *at, const char *key, json_t **ret, struct err *err)
{
	json_t *value = json_object_get(obj, key);

	if (!json_is_array(value))
		return wrong_type(at, key, "a list", err);
	*ret = value;
	return 0;
}

int json_doc_object(
	const json_t *obj, const char *at, const char *key, json_t **ret, struct err *err)
{
	json_t *value = json_object_get(obj, key);

	if (!json_is_object(value))
		return wrong_type(at, key, "an object", err);
	*ret = value;
	return 0;
}

int json_doc_hex(
	const json_t *obj, const char *at, const char *key, void *ret, size_t n, struct err *err)
{
	const char *text;
	int rc = json_doc_str(obj, at, key, &text, err);

	if (rc != 0)
		return rc;
	if (!hex_decode(text, ret, n))
		return err_fail(
			err, -EBADMSG, "%s.%s: not %zu lowercase hex digits", at, key, 2 * n);
	return 0;
}

int json_doc_only(const json_t *obj, const char *at, const char *const *keys, struct err *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(obj))
		return err_fail(err, -EBADMSG, "%s: not an object", at);
	json_object_foreach((json_t *)obj, key, value)
	{
		size_t i = 0;

		while (keys[i] != NULL && strcmp(keys[i], key) != 0)
			i++;
		if (keys[i] == NULL)
			return err_fail(err, -EBADMSG, "%s.%s: unknown field", at, key);
	}
	return 0;
}

json_t *json_doc_hex_new(const void *src, size_t n)
{
	char *text = malloc(2 * n + 1);
	json_t *value;

	if (text == NULL)
		return NULL;
	hex_encode(src, n, text);
	value = json_string(text);
	free(text);
	return value;
}
