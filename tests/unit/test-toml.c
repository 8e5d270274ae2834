/* The TOML reader: what it yields, everything it refuses with its line, its limits, and the schema helpers. */
#include <math.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/toml.h"
#include "tests/tap.h"

static int parse(const char *text, struct toml_doc *doc, struct err *err)
{
	return toml_parse(text, strlen(text), "t", doc, err);
}

static const struct {
	const char *text, *message;
} bad[] = {
	/* characters */
	{"a = \"\x80\"", "t:1: not UTF-8"},
	{"\n# \xc0\x80", "t:2: not UTF-8"},
	{"# \xed\xa0\x80", "t:1: not UTF-8"},
	{"# \xf4\x90\x80\x80", "t:1: not UTF-8"},
	{"# \xe2\x82", "t:1: not UTF-8"},
	{"# \xf0\x80\x80\x80", "t:1: not UTF-8"},
	{"# \xe1\x80\x41", "t:1: not UTF-8"},
	{"a = 1\rb = 2", "t:1: a carriage return without a line feed"},
	{"a = 1\n# \x01", "t:2: control character 0x01"},
	{"a = '\x7f'", "t:1: control character 0x7f"},
	/* strings */
	{"a = \"\\u12g4\"", "t:1: a \\u escape needs 4 hexadecimal digits"},
	{"a = \"\\U0000004\"", "t:1: a \\U escape needs 8 hexadecimal digits"},
	{"a = \"\\ud800\"", "t:1: U+D800 is not a Unicode scalar value"},
	{"a = \"\\U00110000\"", "t:1: U+110000 is not a Unicode scalar value"},
	{"a = \"\\e\"", "t:1: unknown escape in a string"},
	{"a = \"\\", "t:1: unknown escape in a string"},
	{"a = \"x\\\n\"", "t:1: unknown escape in a string"},
	{"a = \"\"\"x\\ y\"\"\"", "t:1: unknown escape in a string"},
	{"a = \"x\nb = 1", "t:1: a string does not end on its line"},
	{"a = 'x", "t:1: a string does not end on its line"},
	{"\na = \"\"\"x\n\n\"\"", "t:2: a multi-line string does not end"},
	{"a = '''x\n", "t:1: a multi-line string does not end"},
	{"a = \"\"\"x\"\"\"\"\"\"", "t:1: more than two quotes at the end of a multi-line string"},
	/* keys */
	{"= 1", "t:1: expected a key"},
	{"a. = 1", "t:1: expected a key"},
	{"a\xc3\xa4 = 1", "t:1: expected \"=\" after a key"},
	{"a 1", "t:1: expected \"=\" after a key"},
	{"\"\"\"a\"\"\" = 1", "t:1: expected \"=\" after a key"},
	{"a = 1\na = 2", "t:2: a is already defined"},
	{"a = 1\na.b = 2", "t:2: a is already defined and cannot be extended by a dotted key"},
	{"a.b = 1\na.b.c = 2", "t:2: b is already defined and cannot be extended by a dotted key"},
	{"[a.b]\n[a]\nb.c = 1", "t:3: b is already defined and cannot be extended by a dotted key"},
	{"[[a.b]]\n[a]\nb.c = 1",
		"t:3: b is already defined and cannot be extended by a dotted key"},
	/* values */
	{"a =", "t:1: expected a value"},
	{"a = \n1", "t:1: expected a value"},
	{"a = ,", "t:1: expected a value"},
	{"a = True", "t:1: True is not a value"},
	{"a = 01", "t:1: 01 is not a value"},
	{"a = +0x1", "t:1: +0x1 is not a value"},
	{"a = 0x", "t:1: 0x is not a value"},
	{"a = 0o8", "t:1: 0o8 is not a value"},
	{"a = 0b2", "t:1: 0b2 is not a value"},
	{"a = 1__0", "t:1: 1__0 is not a value"},
	{"a = _1", "t:1: _1 is not a value"},
	{"a = 1_", "t:1: 1_ is not a value"},
	{"a = 0x_1", "t:1: 0x_1 is not a value"},
	{"a = +", "t:1: + is not a value"},
	{"a = 9223372036854775808", "t:1: 9223372036854775808 is not a value"},
	{"a = -9223372036854775809", "t:1: -9223372036854775809 is not a value"},
	{"a = 0x8000000000000000", "t:1: 0x8000000000000000 is not a value"},
	{"a = 1.", "t:1: 1. is not a value"},
	{"a = .1", "t:1: .1 is not a value"},
	{"a = 1.e1", "t:1: 1.e1 is not a value"},
	{"a = 1e", "t:1: 1e is not a value"},
	{"a = 00.1", "t:1: 00.1 is not a value"},
	{"a = 1_.5", "t:1: 1_.5 is not a value"},
	{"a = 1e999", "t:1: 1e999 is not a value"},
	{"a = INF", "t:1: INF is not a value"},
	{"a = 1.5x", "t:1: 1.5x is not a value"},
	/* dates */
	{"a = 2023-02-29", "t:1: 2023-02-29 is not a value"},
	{"a = 2100-02-29", "t:1: 2100-02-29 is not a value"},
	{"a = 2023-13-01", "t:1: 2023-13-01 is not a value"},
	{"a = 2023-00-01", "t:1: 2023-00-01 is not a value"},
	{"a = 2023-01-00", "t:1: 2023-01-00 is not a value"},
	{"a = 2023-1-1", "t:1: 2023-1-1 is not a value"},
	{"a = 24:00:00", "t:1: 24:00:00 is not a value"},
	{"a = 23:60:00", "t:1: 23:60:00 is not a value"},
	{"a = 23:59:61", "t:1: 23:59:61 is not a value"},
	{"a = 23:59", "t:1: 23:59 is not a value"},
	{"a = 23:59:59.", "t:1: 23:59:59. is not a value"},
	{"a = 2023-01-01T", "t:1: 2023-01-01T is not a value"},
	{"a = 2023-01-01x00:00:00", "t:1: 2023-01-01x00:00:00 is not a value"},
	{"a = 2023-01-01T00:00:00x", "t:1: 2023-01-01T00:00:00x is not a value"},
	{"a = 2023-01-01T00:00:00+24:00", "t:1: 2023-01-01T00:00:00+24:00 is not a value"},
	{"a = 2023-01-01T00:00:00+01:60", "t:1: 2023-01-01T00:00:00+01:60 is not a value"},
	{"a = 2023-01-01T00:00:00+0100", "t:1: 2023-01-01T00:00:00+0100 is not a value"},
	/* arrays and inline tables */
	{"a = [1\n2]", "t:2: expected \",\" or \"]\" in an array"},
	{"a = [1", "t:1: expected \",\" or \"]\" in an array"},
	{"a = [,]", "t:1: expected a value"},
	{"a = {b = 1,}", "t:1: expected a key"},
	{"a = {b = 1\n}", "t:1: expected \",\" or \"}\" in an inline table"},
	{"a = {b = 1 c = 2}", "t:1: expected \",\" or \"}\" in an inline table"},
	{"a = {b = 1, b = 2}", "t:1: b is already defined"},
	{"a = {b = {}, b.c = 2}",
		"t:1: b is already defined and cannot be extended by a dotted key"},
	{"a = {}\na.b = 1", "t:2: a is already defined and cannot be extended by a dotted key"},
	/* headers */
	{"[a", "t:1: expected \"]\" after a header's name"},
	{"[[a]", "t:1: expected \"]]\" after a header's name"},
	{"[[a] ]", "t:1: expected \"]]\" after a header's name"},
	{"[]", "t:1: expected a key"},
	{"[a]\n[a]", "t:2: a is already defined"},
	{"[a]\nb = 1\n[a.b]", "t:3: b is already defined"},
	{"a.b = 1\n[a]", "t:2: a is already defined"},
	{"a = {}\n[a.b]", "t:2: a is already defined and cannot be extended by a header"},
	{"a = [{}]\n[a.b]", "t:2: a is already defined and cannot be extended by a header"},
	{"a = []\n[[a]]", "t:2: a is already defined and is not an array of tables"},
	{"[a]\n[[a]]", "t:2: a is already defined and is not an array of tables"},
	{"[[a]]\n[a]", "t:2: a is already defined"},
	{"[a] b = 1", "t:1: expected the end of the line"},
	{"a = 1 b = 2", "t:1: expected the end of the line"},
	{"a = \"\"\"x\ny\"\"\" z", "t:2: expected the end of the line"},
};

static void check_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		TOML_AUTO doc = {0};
		struct err err = {0};
		int rc = parse(bad[i].text, &doc, &err);

		ok(rc == -EBADMSG && doc.root == NULL, "refused: %s", bad[i].message);
		is_str(err.msg, bad[i].message, "and said so");
	}
}

/* PREFIX, PIECE @count times, SUFFIX. */
static int parse_repeated(const char *prefix, const char *piece, size_t count, const char *suffix,
	struct toml_doc *doc, struct err *err)
{
	BUF_AUTO text = {0};

	buf_str(&text, prefix);
	for (size_t i = 0; i < count; i++)
		buf_str(&text, piece);
	buf_str(&text, suffix);
	return toml_parse(text.data, text.len, "t", doc, err);
}

static void check_limit(
	const char *prefix, const char *piece, size_t most, const char *suffix, const char *message)
{
	TOML_AUTO good = {0};
	TOML_AUTO over = {0};
	struct err err = {0};

	is_int(parse_repeated(prefix, piece, most, suffix, &good, &err), 0, "at the limit");
	ok(parse_repeated(prefix, piece, most + 1, suffix, &over, &err) != 0, "over the limit");
	is_str(err.msg, message, "and said so");
}

/* @open and @close inside each other around a value: it stands at level 1 + their number. */
static void check_depth(const char *open, const char *close)
{
	for (int depth = 62; depth < 65; depth++) {
		TOML_AUTO doc = {0};
		BUF_AUTO text = {0};
		struct err err = {0};
		int rc;

		buf_str(&text, "a=");
		for (int i = 0; i < depth; i++)
			buf_str(&text, open);
		buf_str(&text, "1");
		for (int i = 0; i < depth; i++)
			buf_str(&text, close);
		rc = toml_parse(text.data, text.len, "t", &doc, &err);
		is_int(rc, depth < 64 ? 0 : -EBADMSG, "nested values");
		if (rc != 0)
			is_str(err.msg, "t:1: nested deeper than 64", "deeper than the limit");
	}
}

static void check_keys_limit(void)
{
	TOML_AUTO doc = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	for (int i = 0; i < TOML_KEYS_MAX; i++)
		buf_fmt(&text, "k%d=0\n", i);
	is_int(toml_parse(text.data, text.len, "t", &doc, &err), 0, "a table of 65536 keys");
	is_int((long long)doc.root->u.list.count, TOML_KEYS_MAX, "has them all");
	toml_done(&doc);
	buf_str(&text, "one-more=0\n");
	ok(toml_parse(text.data, text.len, "t", &doc, &err) == -EBADMSG, "one key more");
	is_str(err.msg, "t:65537: more than 65536 keys in one table", "is refused");
}

static void check_limits(void)
{
	TOML_AUTO doc = {0};
	struct err err = {0};
	BUF_AUTO text = {0};
	void *at;

	check_depth("[", "]");
	check_depth("{a=", "}");
	check_limit("a", ".a", 63, "=1", "t:1: a key of more than 64 parts");
	check_limit("[a", ".a", 63, "]", "t:1: a key of more than 64 parts");
	check_limit("a=0.", "1", 318, "", "t:1: a value of more than 320 characters");
	/* The root, the key's value and the items. */
	check_limit("a=[", "1,", TOML_VALUES_MAX - 2, "]", "t:1: more than 1048576 values");
	check_keys_limit();

	at = buf_grow(&text, TOML_BYTES_MAX);
	memset(at, '\n', TOML_BYTES_MAX);
	is_int(toml_parse(text.data, text.len, "t", &doc, &err), 0, "16 MiB of nothing");
	toml_done(&doc);
	buf_str(&text, "\n");
	is_int(toml_parse(text.data, text.len, "t", &doc, &err), -EFBIG, "one byte more");
}

static const char document[] =
	"\xef\xbb\xbf# every kind of value\r\n"
	"\"quoted key\" = \"b\\b t\\t n\\n f\\f r\\r q\\\" s\\\\ \\u00e4 \\U0001F600 \\u0000\"\n"
	"'literal' = 'C:\\x'\n"
	"multi = \"\"\"\n"
	"one\\\n"
	"   \n"
	"  two \"\" three\"\"\"\"\"\n"
	"multi-literal = '''\n\\x'\n'''''\n"
	"integers = [0, -0, +7, 9223372036854775807, -9223372036854775808, 0xDEAD_beef, 0o17, "
	"0b101, 1_000]\n"
	"floats = [1.5, -0.0, 6.02e23, 1E-2, 1_0.0_1, inf, -inf, nan]\n"
	"bools = [ true, false ] # trailing comment\n"
	"zulu = 1979-05-27T07:32:00.999999999999Z\n"
	"offset = 1979-05-27 00:32:00-07:30\n"
	"local = 1979-05-27t07:32:60\n"
	"date = 2024-02-29\n"
	"time = 07:32:00.5\n"
	"inline = { x.y = 1, x.z = [ {} ], 'q' = {} }\n"
	"site.\"google.com\" = true\n"
	"[ table . sub ]\n"
	"a = [\n  1, # one\n\n  2,\n]\n"
	"[table]\n"
	"b = ''\n"
	"[[list]]\n"
	"n = 1\n"
	"[list.sub]\n"
	"m = 1\n"
	"[[list]]\n"
	"[[list.deep]]\n";

static const struct toml *get(const struct toml *table, const char *first, const char *second)
{
	const struct toml *value = toml_get(table, first);

	return value != NULL && second != NULL ? toml_get(value, second) : value;
}

static bool is_text(const struct toml *value, const char *want, size_t len)
{
	return value != NULL && value->type == TOML_STRING && value->u.string.len == len &&
	       memcmp(value->u.string.data, want, len) == 0;
}

static void check_strings(const struct toml *root)
{
	static const char quoted[] = "b\b t\t n\n f\f r\r q\" s\\ \xc3\xa4 \xf0\x9f\x98\x80 \0";

	ok(is_text(toml_get(root, "quoted key"), quoted, sizeof(quoted) - 1), "escapes");
	ok(is_text(toml_get(root, "literal"), "C:\\x", 4), "a literal string");
	ok(is_text(toml_get(root, "multi"), "onetwo \"\" three\"\"", 17), "a multi-line string");
	ok(is_text(toml_get(root, "multi-literal"), "\\x'\n''", 6), "a multi-line literal");
	is_int(toml_get(root, "multi")->line, 4, "has its line");
	is_int(toml_get(root, "integers")->line, 11, "what follows has its line");
}

static void check_numbers(const struct toml *root)
{
	static const long long integers[] = {
		0, 0, 7, INT64_MAX, INT64_MIN, 0xdeadbeef, 15, 5, 1000};
	static const double floats[] = {
		1.5, -0.0, 6.02e23, 0.01, 10.01, (double)INFINITY, (double)-INFINITY};
	const struct toml *list = toml_get(root, "integers");

	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
		ok(list->u.list.items[i]->type == TOML_INTEGER &&
				list->u.list.items[i]->u.integer == integers[i],
			"integer %lld", integers[i]);
	list = toml_get(root, "floats");
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++)
		ok(list->u.list.items[i]->type == TOML_FLOAT &&
				memcmp(&list->u.list.items[i]->u.real, &floats[i],
					sizeof(double)) == 0,
			"float %g", floats[i]);
	ok(isnan(list->u.list.items[7]->u.real), "nan");
	list = toml_get(root, "bools");
	ok(list->u.list.items[0]->u.boolean && !list->u.list.items[1]->u.boolean, "bools");
}

static void check_times(const struct toml *root)
{
	const struct toml *zulu = toml_get(root, "zulu"), *offset = toml_get(root, "offset"),
			  *local = toml_get(root, "local"), *date = toml_get(root, "date"),
			  *time = toml_get(root, "time");

	ok(zulu->type == TOML_DATETIME && zulu->u.time.year == 1979 && zulu->u.time.month == 5 &&
			zulu->u.time.day == 27 && zulu->u.time.hour == 7 &&
			zulu->u.time.minute == 32 && zulu->u.time.second == 0 &&
			zulu->u.time.nanosecond == 999999999 && zulu->u.time.offset_minutes == 0,
		"a date-time in UTC, cut to nanoseconds");
	ok(offset->type == TOML_DATETIME && offset->u.time.offset_minutes == -450, "an offset");
	ok(local->type == TOML_LOCAL_DATETIME && local->u.time.second == 60, "a leap second");
	ok(date->type == TOML_LOCAL_DATE && date->u.time.day == 29, "a leap day");
	ok(time->type == TOML_LOCAL_TIME && time->u.time.nanosecond == 500000000, "a time");
}

static void check_tables(const struct toml *root)
{
	const struct toml *list = toml_get(root, "list");

	is_int(get(get(root, "inline", "x"), "y", NULL)->u.integer, 1, "an inline table");
	is_int((long long)get(get(root, "inline", "x"), "z", NULL)->u.list.count, 1, "its array");
	ok(get(root, "site", "google.com")->u.boolean, "a dotted key with a quoted part");
	is_int((long long)get(get(root, "table", "sub"), "a", NULL)->u.list.count, 2,
		"an array over several lines");
	ok(is_text(get(root, "table", "b"), "", 0), "a table defined after its child");
	ok(list->type == TOML_ARRAY && list->u.list.count == 2, "an array of tables");
	is_int(get(list->u.list.items[0], "sub", "m")->u.integer, 1, "a table in its first");
	is_int(toml_get(list->u.list.items[1], "deep")->type, TOML_ARRAY, "an array in its second");
	ok(toml_get(root, "absent") == NULL && toml_get(list, "x") == NULL, "no such key");
}

static void check_good(void)
{
	TOML_AUTO doc = {0};
	struct err err = {0};

	is_int(toml_parse(document, sizeof(document) - 1, "t", &doc, &err), 0, "a document");
	if (doc.root == NULL) {
		printf("# %s\n", err.msg);
		return;
	}
	check_strings(doc.root);
	check_numbers(doc.root);
	check_times(doc.root);
	check_tables(doc.root);
	toml_done(&doc);
	is_int(parse("", &doc, &err), 0, "an empty document");
	is_int((long long)doc.root->u.list.count, 0, "has no keys");
}

struct thing {
	char *name;
	bool flag;
	uint64_t wide;
	uint32_t narrow;
};

static const struct toml_field fields[] = {
	{"name", offsetof(struct thing, name), toml_read_string, true},
	{"flag", offsetof(struct thing, flag), toml_read_bool, false},
	{"wide", offsetof(struct thing, wide), toml_read_u64, false},
	{"narrow", offsetof(struct thing, narrow), toml_read_u32, false},
	TOML_FIELDS_END,
};

static const struct {
	const char *text, *message;
} bad_fields[] = {
	{"flag = true", "t:1: name is missing"},
	{"name = 'x'\nnames = 1", "t:2: unknown key names"},
	{"\nname = 1", "t:2: name must be a string, not an integer"},
	{"name = \"x\\u0000y\"", "t:1: name holds a NUL character"},
	{"name = 'x'\nflag = 1.5", "t:2: flag must be true or false, not a float"},
	{"name = 'x'\nwide = -1", "t:2: wide must be 0 to 9223372036854775807"},
	{"name = 'x'\nwide = true", "t:2: wide must be an integer, not true or false"},
	{"name = 'x'\nnarrow = 4294967296", "t:2: narrow must be 0 to 4294967295"},
	{"name = 'x'\nnarrow = []", "t:2: narrow must be an integer, not an array"},
};

static int read_thing(const char *text, struct thing *thing, struct err *err)
{
	TOML_AUTO doc = {0};
	int rc = parse(text, &doc, err);

	return rc != 0 ? rc : toml_fields(doc.root, fields, thing, err);
}

static void check_fields(void)
{
	struct thing thing = {0};
	struct err err = {0};
	TOML_AUTO doc = {0};

	is_int(read_thing("narrow = 4294967295\nname = 'x'\nflag = true\nwide = 0x7fffffffffffffff",
		       &thing, &err),
		0, "a table that is a struct");
	ok(strcmp(thing.name, "x") == 0 && thing.flag && thing.wide == INT64_MAX &&
			thing.narrow == UINT32_MAX,
		"with its values");
	free(thing.name);
	for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
		thing = (struct thing){0};
		ok(read_thing(bad_fields[i].text, &thing, &err) == -EBADMSG, "refused: %s",
			bad_fields[i].message);
		is_str(err.msg, bad_fields[i].message, "and said so");
		free(thing.name);
	}
	ok(parse("a = [1]", &doc, &err) == 0 &&
			toml_fields(toml_get(doc.root, "a"), fields, &thing, &err) == -EBADMSG,
		"what is no table");
	is_str(err.msg, "t:1: a must be a table, not an array", "is refused");
	ok(toml_expect(toml_get(doc.root, "a")->u.list.items[0], TOML_STRING, &err) == -EBADMSG,
		"an item of a list has no name");
	is_str(err.msg, "t:1: item must be a string, not an integer", "and is called an item");
}

int main(void)
{
	check_good();
	check_bad();
	check_limits();
	check_fields();
	return tap_done();
}
