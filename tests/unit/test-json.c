/* lib/json: strict in, canonical out. */
#include <stdlib.h>

#include "lib/json.h"
#include "tests/tap.h"

static json_t *parse(const char *text)
{
	struct err err = {0};
	json_t *doc = NULL;

	if (json_doc_parse(text, strlen(text), "doc", &doc, &err) == 0)
		return doc;
	printf("Bail out! %s\n", err.msg);
	exit(1);
}

static void test_canonical(void)
{
	static const char want[] =
		"{\n"
		"  \"a\": [\n    1,\n    -2,\n    \"gr\xc3\xbc\xc3\x9f\\n\"\n  ],\n"
		"  \"b\": {},\n"
		"  \"z\": {\n    \"x\": null,\n    \"y\": true\n  }\n"
		"}\n";
	JSON_AUTO *doc = parse("{\"z\":{\"y\":true,\"x\":null},\"b\":{},"
			       "\"a\":[1,-2,\"gr\\u00fc\xc3\x9f\\n\"]}");
	JSON_AUTO *again = NULL;
	BUF_AUTO text = {0};
	BUF_AUTO second = {0};
	struct err err = {0};

	is_int(json_doc_write(doc, &text, &err), 0, "writes");
	is_str(buf_cstr(&text), want, "sorted, indented, UTF-8, one newline");
	again = parse(buf_cstr(&text));
	ok(json_doc_write(again, &second, &err) == 0 &&
			strcmp(buf_cstr(&second), buf_cstr(&text)) == 0,
		"a fixed point");
	is_int(json_doc_write(NULL, &text, &err), -ENOMEM, "a failed constructor is no document");
}

static void test_rejected(void)
{
	static const struct {
		const char *what, *text, *where;
	} cases[] = {
		{"nothing", "", "doc:1:0: "},
		{"a bare value", "1", "doc:1:1: "},
		{"duplicate keys", "{\"a\":1,\n \"a\":2}", "doc:2:"},
		{"duplicate keys, one escaped", "{\"a\":1,\"\\u0061\":2}", "doc:1:"},
		{"duplicate keys deep inside", "[{\"b\":[{\"a\":1,\"a\":1}]}]", "doc:1:"},
		{"data after the document", "{} {}", "doc:1:"},
		{"a stray letter after it", "{}\nx", "doc:2:1: "},
		{"NUL in a string", "[\"a\\u0000b\"]", "doc:1:"},
		{"NUL in a key", "{\"a\\u0000b\":1}", "doc:1:"},
		{"a truncated document", "{\"a\":[1,2", "doc:1:"},
		{"a trailing comma", "[1,]", "doc:1:"},
		{"single quotes", "{'a':1}", "doc:1:"},
		{"a comment", "[1 /* x */]", "doc:1:"},
		{"invalid UTF-8", "[\"\xff\"]", "doc:1:"},
		{"an overlong form", "[\"\xc0\xaf\"]", "doc:1:"},
		{"a lone surrogate", "[\"\\ud800\"]", "doc:1:"},
		{"a raw control character", "[\"a\nb\"]", "doc:"},
		{"a leading zero", "[01]", "doc:1:"},
		{"a number too large", "[9223372036854775808]", "doc:1:"},
		{"infinity", "[1e999]", "doc:1:"},
		{"NaN", "[NaN]", "doc:1:"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		json_t *doc = NULL;
		int rc = json_doc_parse(cases[i].text, strlen(cases[i].text), "doc", &doc, &err);

		ok(rc == -EBADMSG && doc == NULL, "%s is refused", cases[i].what);
		ok(strncmp(err.msg, cases[i].where, strlen(cases[i].where)) == 0,
			"%s: the place (%s)", cases[i].what, err.msg);
	}
}

static void test_limits(void)
{
	struct err err = {0};
	json_t *doc = NULL;
	BUF_AUTO deep = {0};

	is_int(json_doc_parse("", (size_t)JSON_DOC_MAX + 1, "doc", &doc, &err), -EFBIG,
		"a document over the limit is not even looked at");
	for (int i = 0; i < 100000; i++)
		buf_str(&deep, "[");
	is_int(json_doc_parse(deep.data, deep.len, "doc", &doc, &err), -EBADMSG,
		"nesting is bounded");
	is_int(json_doc_parse("{}\0", 3, "doc", &doc, &err), -EBADMSG,
		"a NUL after the document is data");
	ok(doc == NULL, "nothing is returned");
}

static void test_getters(void)
{
	JSON_AUTO *doc = parse(
		"{\"s\":\"text\",\"n\":9223372036854775807,\"zero\":0,\"minus\":-1,"
		"\"real\":1.0,\"list\":[1],\"obj\":{},\"hex\":\"00ff\",\"nil\":null}");
	struct err err = {0};
	const char *text = NULL;
	uint64_t number = 7;
	json_t *value = NULL;
	unsigned char raw[2] = {0x5a, 0x5a};

	ok(json_doc_str(doc, "$", "s", &text, &err) == 0 && strcmp(text, "text") == 0, "string");
	ok(json_doc_u64(doc, "$", "n", &number, &err) == 0 && number == INT64_MAX, "number");
	ok(json_doc_u64(doc, "$", "zero", &number, &err) == 0 && number == 0, "zero");
	ok(json_doc_array(doc, "$", "list", &value, &err) == 0 && json_array_size(value) == 1,
		"list");
	ok(json_doc_object(doc, "$", "obj", &value, &err) == 0 && json_object_size(value) == 0,
		"object");
	ok(json_doc_hex(doc, "$", "hex", raw, 2, &err) == 0 && raw[0] == 0 && raw[1] == 0xff,
		"hex");
	text = NULL;
	number = 7;
	value = NULL;
	raw[0] = 0x5a;
	is_int(json_doc_str(doc, "$.x", "n", &text, &err), -EBADMSG, "a number is no string");
	is_str(err.msg, "$.x.n: missing, or not a string", "and where");
	is_int(json_doc_str(doc, "$", "none", &text, &err), -EBADMSG, "a missing string");
	is_int(json_doc_str(doc, "$", "nil", &text, &err), -EBADMSG, "null is no string");
	is_int(json_doc_u64(doc, "$", "minus", &number, &err), -EBADMSG, "a negative number");
	is_int(json_doc_u64(doc, "$", "real", &number, &err), -EBADMSG, "a real number");
	is_int(json_doc_u64(doc, "$", "none", &number, &err), -EBADMSG, "a missing number");
	is_int(json_doc_array(doc, "$", "obj", &value, &err), -EBADMSG, "an object is no list");
	is_int(json_doc_object(doc, "$", "list", &value, &err), -EBADMSG, "a list is no object");
	is_int(json_doc_hex(doc, "$", "hex", raw, 1, &err), -EBADMSG, "hex of another length");
	is_int(json_doc_hex(doc, "$", "s", raw, 2, &err), -EBADMSG, "text that is no hex");
	is_int(json_doc_hex(doc, "$", "n", raw, 2, &err), -EBADMSG, "a number is no hex");
	ok(text == NULL && number == 7 && value == NULL && raw[0] == 0x5a,
		"a failed getter returns nothing");
	is_int(json_doc_str(json_object_get(doc, "list"), "$", "s", &text, &err), -EBADMSG,
		"a field of a list");
	is_int(json_doc_str(NULL, "$", "s", &text, &err), -EBADMSG, "a field of nothing");
}

static void test_only(void)
{
	static const char *const all[] = {"a", "b", NULL};
	static const char *const some[] = {"a", NULL};
	static const char *const none[] = {NULL};
	JSON_AUTO *doc = parse("{\"a\":1,\"b\\u001b\":2}");
	JSON_AUTO *good = parse("{\"b\":1,\"a\":2}");
	JSON_AUTO *list = parse("[]");
	struct err err = {0};

	is_int(json_doc_only(good, "$", all, &err), 0, "all known");
	is_int(json_doc_only(doc, "$.t[3]", some, &err), -EBADMSG, "an unknown field");
	is_str(err.msg, "$.t[3].b\\x1b: unknown field", "is named, escaped");
	is_int(json_doc_only(good, "$", none, &err), -EBADMSG, "no field is known");
	is_int(json_doc_only(list, "$", all, &err), -EBADMSG, "a list has no fields");
	is_int(json_doc_only(NULL, "$", all, &err), -EBADMSG, "nor has nothing");
}

static void test_hex_new(void)
{
	JSON_AUTO *value = json_doc_hex_new("\x00\xff", 2);
	JSON_AUTO *empty = json_doc_hex_new("", 0);

	is_str(json_string_value(value), "00ff", "hex string");
	is_str(json_string_value(empty), "", "of nothing");
}

int main(void)
{
	test_canonical();
	test_rejected();
	test_limits();
	test_getters();
	test_only();
	test_hex_new();
	return tap_done();
}
