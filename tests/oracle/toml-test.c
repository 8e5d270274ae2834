/*
 * A decoder for the toml-test suite: TOML on stdin, its tagged JSON on stdout
 * (https://github.com/toml-lang/toml-test, "JSON encoding"); exit 1 for a document that is refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/toml.h"

#define CHUNK 65536

static const char *const tags[] = {
	[TOML_STRING] = "string",
	[TOML_INTEGER] = "integer",
	[TOML_FLOAT] = "float",
	[TOML_BOOL] = "bool",
	[TOML_DATETIME] = "datetime",
	[TOML_LOCAL_DATETIME] = "datetime-local",
	[TOML_LOCAL_DATE] = "date-local",
	[TOML_LOCAL_TIME] = "time-local",
};

static void print_time(const struct toml *value, struct buf *text)
{
	const struct toml_time *time = &value->u.time;
	unsigned offset = (unsigned)abs(time->offset_minutes);

	if (value->type != TOML_LOCAL_TIME)
		buf_fmt(text, "%04u-%02u-%02u", time->year, time->month, time->day);
	if (value->type == TOML_DATETIME || value->type == TOML_LOCAL_DATETIME)
		buf_str(text, "T");
	if (value->type != TOML_LOCAL_DATE)
		buf_fmt(text, "%02u:%02u:%02u.%09u", time->hour, time->minute, time->second,
			time->nanosecond);
	if (value->type == TOML_DATETIME)
		buf_fmt(text, "%c%02u:%02u", time->offset_minutes < 0 ? '-' : '+', offset / 60,
			offset % 60);
}

static json_t *scalar(const struct toml *value)
{
	BUF_AUTO text = {0};

	switch (value->type) {
	case TOML_STRING:
		buf_add(&text, value->u.string.data, value->u.string.len);
		break;
	case TOML_INTEGER:
		buf_fmt(&text, "%lld", (long long)value->u.integer);
		break;
	case TOML_FLOAT:
		buf_fmt(&text, isnan(value->u.real) ? "nan" : "%.17g", value->u.real);
		break;
	case TOML_BOOL:
		buf_str(&text, value->u.boolean ? "true" : "false");
		break;
	default:
		print_time(value, &text);
	}
	return json_pack("{s:s, s:s%}", "type", tags[value->type], "value", buf_cstr(&text),
		(size_t)text.len);
}

static json_t *encode(const struct toml *value)
{
	json_t *out;

	if (value->type != TOML_ARRAY && value->type != TOML_TABLE)
		return scalar(value);
	out = value->type == TOML_ARRAY ? json_array() : json_object();
	for (size_t i = 0; i < value->u.list.count; i++) {
		const struct toml *item = value->u.list.items[i];
		int rc = value->type == TOML_ARRAY ? json_array_append_new(out, encode(item))
						   : json_object_setn_new(out, item->key,
							     item->key_len, encode(item));

		if (rc != 0)
			abort();
	}
	return out;
}

int main(void)
{
	BUF_AUTO text = {0};
	BUF_AUTO out = {0};
	TOML_AUTO doc = {0};
	JSON_AUTO *json = NULL;
	struct err err = {0};
	size_t got;

	do {
		void *at = buf_grow(&text, CHUNK);

		got = at != NULL ? fread(at, 1, CHUNK, stdin) : 0;
		text.len -= CHUNK - got;
	} while (got > 0);
	if (toml_parse(text.data, text.len, "stdin", &doc, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	json = encode(doc.root);
	if (json_doc_write(json, &out, &err) != 0)
		return 3;
	fwrite(out.data, 1, out.len, stdout);
	return 0;
}
