/* lib/json: what is accepted is written canonically, and that form is a fixed point. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "tests/fuzz/fuzz.h"

/* Parses @text and appends its canonical form; what we wrote ourselves must be readable. */
static void rewrite(const struct buf *text, struct buf *ret)
{
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	if (json_doc_parse(text->data, text->len, "fuzz", &doc, &err) != 0 ||
		json_doc_write(doc, ret, &err) != 0)
		abort();
}

/* The getters on every kind of value: it is of one kind at most, and hex is a string. */
static void get_all(const json_t *doc)
{
	static const char *const keys[] = {"a", "b", NULL};
	struct err err = {0};

	for (size_t i = 0; keys[i] != NULL; i++) {
		const char *text;
		unsigned char raw[2];
		json_t *value;
		uint64_t number;
		bool string = json_doc_str(doc, "$", keys[i], &text, &err) == 0;
		int kinds = string;

		kinds += json_doc_u64(doc, "$", keys[i], &number, &err) == 0;
		kinds += json_doc_array(doc, "$", keys[i], &value, &err) == 0;
		kinds += json_doc_object(doc, "$", keys[i], &value, &err) == 0;
		if (kinds > 1)
			abort();
		if (json_doc_hex(doc, "$", keys[i], raw, sizeof(raw), &err) == 0 && !string)
			abort();
	}
	if (json_doc_only(doc, "$", keys, &err) != 0 && err.msg[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JSON_AUTO *doc = NULL;
	BUF_AUTO once = {0};
	BUF_AUTO twice = {0};
	struct err err = {0};

	if (json_doc_parse(data, size, "fuzz", &doc, &err) != 0)
		return 0;
	get_all(doc);
	if (json_doc_write(doc, &once, &err) != 0)
		abort();
	rewrite(&once, &twice);
	if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
		abort();
	return 0;
}
