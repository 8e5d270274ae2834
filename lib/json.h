/*
 * JSON documents over jansson: strict reading, canonical writing.
 *
 * Canonical: sorted keys, two-space indentation, UTF-8 as it is, one trailing newline. Reading refuses duplicate
 * keys, data after the document and NUL in strings. The checked getters make a reader that refuses
 * unknown fields short: get every known field, then json_doc_only().
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Bytes of the largest document that is read; jansson itself bounds the nesting. */
#define JSON_DOC_MAX (64u << 20)

void json_doc_free(json_t **slot);
#define JSON_AUTO __attribute__((cleanup(json_doc_free))) json_t

/* Parses @len bytes; @what names the document in errors, which carry line and column. */
int json_doc_parse(
	const void *text, size_t len, const char *what, json_t **ret, struct err *err) MUST_CHECK;

/* Appends the canonical form. A NULL @doc (a failed constructor) is -ENOMEM. */
int json_doc_write(const json_t *doc, struct buf *ret, struct err *err) MUST_CHECK;

/* Getters of a field of the object at JSON path @at (for errors, "$.tuples[3]"): the field must be there and of
 * that type. Strings are borrowed. */
int json_doc_str(const json_t *obj, const char *at, const char *key, const char **ret,
	struct err *err) MUST_CHECK;
int json_doc_u64(const json_t *obj, const char *at, const char *key, uint64_t *ret,
	struct err *err) MUST_CHECK;
int json_doc_array(const json_t *obj, const char *at, const char *key, json_t **ret,
	struct err *err) MUST_CHECK;
int json_doc_object(const json_t *obj, const char *at, const char *key, json_t **ret,
	struct err *err) MUST_CHECK;
/* Lowercase hex of exactly @n bytes. */
int json_doc_hex(const json_t *obj, const char *at, const char *key, void *ret, size_t n,
	struct err *err) MUST_CHECK;

/* Refuses any key of @obj that is not in the NULL-terminated list. */
int json_doc_only(
	const json_t *obj, const char *at, const char *const *keys, struct err *err) MUST_CHECK;

/* A new JSON string of @n bytes in lowercase hex; NULL without memory. */
json_t *json_doc_hex_new(const void *src, size_t n);

#endif
