/*
 * TOML 1.0.0 (https://toml.io/en/v1.0.0), read strictly into a tree of typed values that remember their lines.
 *
 * Nothing beyond the specification is accepted, and limits bound what a hostile document costs. Errors
 * read "WHAT:LINE: ...". Schema readers describe a table as a list of struct toml_field; toml_fields() then refuses
 * unknown keys, missing fields and wrong types by itself.
 */
#ifndef LIB_TOML_H
#define LIB_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define TOML_BYTES_MAX	(16u << 20) /* of a document */
#define TOML_DEPTH_MAX	64	    /* tables and arrays inside each other */
#define TOML_VALUES_MAX (1u << 20)  /* values in a document, tables and arrays among them */
#define TOML_KEYS_MAX	65536	    /* keys of one table */

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME, /* with an offset from UTC */
	TOML_LOCAL_DATETIME,
	TOML_LOCAL_DATE,
	TOML_LOCAL_TIME,
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_time {
	uint16_t year;
	uint8_t month, day, hour, minute, second;
	uint32_t nanosecond;
	int16_t offset_minutes; /* TOML_DATETIME: local time minus UTC */
};

/* How a table or an array came to be, which decides what may still be added to it. */
enum toml_origin {
	TOML_FROM_VALUE,  /* [..] or {..}: closed */
	TOML_FROM_PATH,	  /* an inner name of a [header]: may be defined once */
	TOML_FROM_HEADER, /* [header]; an array: [[header]] */
	TOML_FROM_DOTTED, /* an inner name of a dotted key */
};

struct toml_doc;

struct toml {
	enum toml_type type;
	uint8_t origin; /* enum toml_origin of tables and arrays */
	uint8_t depth;	/* 0 for the root table */
	uint32_t line;
	const struct toml_doc *doc;
	const char *
		key; /* NUL-terminated, key_len bytes without it; NULL in arrays and for the root */
	size_t key_len;
	union {
		struct {
			const char *data; /* UTF-8, NUL-terminated; may hold NUL bytes too */
			size_t len;
		} string;
		int64_t integer;
		double real;
		bool boolean;
		struct toml_time time;
		struct {
			struct toml **items; /* of a table: sorted by key (memcmp) */
			size_t count, cap;
		} list; /* arrays and tables */
	} u;
};

/* A parsed document; everything reachable from it is freed with it. */
struct toml_doc {
	struct toml *root;
	char *what;
	const char *dir; /* borrowed; for schema readers: what relative paths in it belong to */
	void *arena;
	size_t value_count;
};

/* Parses @len bytes at @text; @what names them in errors. -EBADMSG with the line for anything that is not TOML. A
 * zeroed @ret may be passed to toml_done. */
int toml_parse(const void *text, size_t len, const char *what, struct toml_doc *ret,
	struct err *err) MUST_CHECK;
void toml_done(struct toml_doc *doc);
#define TOML_AUTO __attribute__((cleanup(toml_done))) struct toml_doc

/* The value of @key in a table; NULL when it has none. */
const struct toml *toml_get(const struct toml *table, const char *key);

/*
 * Changing a parsed document @doc, whose memory is used: @item may belong to another document that lives as long. toml_put sets
 * the value of @item's key, in place of one that is there; toml_append adds to an array; toml_remove takes the @i-th item out.
 */
int toml_put(
	struct toml_doc *doc, struct toml *table, struct toml *item, struct err *err) MUST_CHECK;
int toml_append(
	struct toml_doc *doc, struct toml *array, struct toml *item, struct err *err) MUST_CHECK;
void toml_remove(struct toml *list, size_t i);
/* Sets toml_doc.dir as its values see it. */
void toml_set_dir(struct toml_doc *doc, const char *dir);

/* "a string", "a table", ... for messages. */
const char *toml_type_name(enum toml_type type);

/* Fails with @code and "WHAT:LINE: " before the message. */
#define toml_fail(value, err, code, ...) err_negative(toml_record(value, err, code, __VA_ARGS__))
int toml_record(const struct toml *value, struct err *err, int code, const char *fmt,
	...) MUST_CHECK PRINTF_LIKE(4, 5);

/* One field of a schema: @read converts the value and stores it at offset @at of the caller's struct. */
struct toml_field {
	const char *key;
	size_t at;
	int (*read)(const struct toml *value, void *dst, struct err *err);
	bool required;
};

/* Ends a list of fields. */
#define TOML_FIELDS_END                                                                            \
	{                                                                                          \
		.key = NULL                                                                        \
	}

/* Reads @value, which must be a table, into @base: unknown keys and missing required ones are refused, the
 * fields are read in the order of @fields. */
int toml_fields(const struct toml *value, const struct toml_field *fields, void *base,
	struct err *err) MUST_CHECK;

/* Refuses a value of another type. */
int toml_expect(const struct toml *value, enum toml_type type, struct err *err) MUST_CHECK;

/* Readers for struct toml_field. */
int toml_read_string(const struct toml *value, void *dst,
	struct err *err) MUST_CHECK; /* char *, malloc'ed; NUL inside is refused */
int toml_read_bool(const struct toml *value, void *dst, struct err *err) MUST_CHECK; /* bool */
int toml_read_u64(const struct toml *value, void *dst,
	struct err *err) MUST_CHECK; /* uint64_t, not negative */
int toml_read_u32(const struct toml *value, void *dst, struct err *err) MUST_CHECK; /* uint32_t */

#endif
