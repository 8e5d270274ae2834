/* lib/opt: one table parses and explains itself. */
#include <stdlib.h>

#include "lib/opt.h"
#include "tests/tap.h"

#define ARGS_MAX 16

struct values {
	bool force;
	const char *output;
	struct opt_list mirrors;
	uint64_t size_bytes;
};

/* A parse of @line, words separated by single spaces ("_" is an empty word). */
struct parse {
	char text[256];
	char *argv[ARGS_MAX + 1];
	struct values values;
	char **args;
	size_t count;
	struct err err;
	int rc;
};

static void run(struct parse *parse, const char *line)
{
	struct values *values = &parse->values;
	const struct opt opts[] = {
		{"output", 'o', OPT_STR, &values->output, "DIR", "where it goes"},
		{"force", 'f', OPT_FLAG, &values->force, NULL, "replace it"},
		{"mirror", 0, OPT_LIST, &values->mirrors, "URL", "where it comes from"},
		{"size", 0, OPT_U64, &values->size_bytes, "BYTES", "how large it is"},
		OPT_END,
	};
	const struct opt_verb verb = {"build RECIPE -o DIR", "Builds.", opts, 1, 2, NULL};
	int argc = 0;

	memset(parse, 0, sizeof(*parse));
	snprintf(parse->text, sizeof(parse->text), "%s", line);
	for (char *word = strtok(parse->text, " "); word != NULL; word = strtok(NULL, " ")) {
		char *empty = strstr(word, "_");

		if (empty != NULL)
			*empty = '\0';
		parse->argv[argc++] = word;
	}
	parse->rc = opt_parse(&verb, argc, parse->argv, &parse->args, &parse->count, &parse->err);
}

static void test_accepted(void)
{
	struct parse p;

	run(&p, "build recipe");
	ok(p.rc == 0 && p.count == 1 && !p.values.force && p.values.output == NULL,
		"nothing given keeps the values");
	is_str(p.args[0], "recipe", "the argument");
	run(&p, "build --output=out recipe --force --size 4K more");
	ok(p.rc == 0 && p.values.force && p.values.size_bytes == 4096, "options between arguments");
	is_str(p.values.output, "out", "--name=value");
	ok(p.count == 2 && strcmp(p.args[0], "recipe") == 0 && strcmp(p.args[1], "more") == 0,
		"arguments in order");
	run(&p, "build -f -o a -ob recipe");
	ok(p.rc == 0 && p.values.force, "letters");
	is_str(p.values.output, "b", "the last value counts");
	run(&p, "build --mirror a --mirror=b recipe --mirror c");
	ok(p.rc == 0 && p.values.mirrors.count == 3 &&
			strcmp(p.values.mirrors.items[0], "a") == 0 &&
			strcmp(p.values.mirrors.items[2], "c") == 0,
		"a list keeps every value in order");
	opt_list_done(&p.values.mirrors);
	ok(p.values.mirrors.items == NULL && p.values.mirrors.count == 0, "a list is freed");
	run(&p, "build -- --force");
	ok(p.rc == 0 && !p.values.force && p.count == 1 && strcmp(p.args[0], "--force") == 0,
		"-- ends the options");
	run(&p, "build --output -x recipe");
	ok(p.rc == 0 && strcmp(p.values.output, "-x") == 0, "a value may look like an option");
	run(&p, "build --help");
	is_int(p.rc, OPT_HELP, "--help needs no arguments");
	run(&p, "build -h");
	is_int(p.rc, OPT_HELP, "-h too");
}

static void test_refused(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{"build", "usage: assay build RECIPE -o DIR"},
		{"build a b c", "usage: assay build RECIPE -o DIR"},
		{"build --nosuch a", "--nosuch: no such option of assay build (see --help)"},
		{"build --nosuch=1 a", "--nosuch=1: no such option of assay build (see --help)"},
		{"build --for a", "--for: --force is to be written in full"},
		{"build --out=x a", "--out=x: --output is to be written in full"},
		{"build --siz 4 a", "--siz: --size is to be written in full"},
		{"build --hel a", "--hel: --help is to be written in full"},
		{"build -x a", "-x: no such option of assay build (see --help)"},
		{"build -fx a", "-x: no such option of assay build (see --help)"},
		{"build a --output", "--output: needs a value (see assay build --help)"},
		{"build a -o", "-o: needs a value (see assay build --help)"},
		{"build a --output=_", "--output: needs a value, not nothing"},
		{"build a --mirror _", "--mirror: needs a value, not nothing"},
		{"build a --size _", "--size: needs a value, not nothing"},
		{"build a --force=yes", "--force=yes: takes no value"},
		{"build a --help=yes", "--help=yes: takes no value"},
		{"build a --size 1T", "--size: 1T is not a number"},
		{"build a --size -1", "--size: -1 is not a number"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parse p;

		run(&p, cases[i].line);
		is_int(p.rc, -EINVAL, cases[i].line);
		is_str(p.err.msg, cases[i].want, "with one line");
		ok(p.args == NULL && p.count == 0, "and no arguments");
	}
}

static void add_table(struct buf *ret)
{
	buf_str(ret, "\nTable:\n  a row\n");
}

static void test_help(void)
{
	static const char want[] = "usage: assay build RECIPE -o DIR\n\nBuilds.\n\n"
				   "  -o, --output DIR            where it goes\n"
				   "      --force                 replace it\n"
				   "      --a-very-long-name-of-an-option NUMBER  what it does\n"
				   "\nTable:\n  a row\n";
	const struct opt opts[] = {
		{"output", 'o', OPT_STR, NULL, "DIR", "where it goes"},
		{"force", 0, OPT_FLAG, NULL, NULL, "replace it"},
		{"a-very-long-name-of-an-option", 0, OPT_U64, NULL, "NUMBER", "what it does"},
		OPT_END,
	};
	const struct opt none[] = {OPT_END};
	const struct opt_verb verb = {"build RECIPE -o DIR", "Builds.", opts, 1, 1, add_table};
	const struct opt_verb bare = {"bare", "Nothing.", none, 0, 0, NULL};
	BUF_AUTO text = {0};
	BUF_AUTO bare_text = {0};

	opt_help(&verb, &text);
	is_str(buf_cstr(&text), want, "help in columns, and what the verb adds");
	opt_help(&bare, &bare_text);
	is_str(buf_cstr(&bare_text), "usage: assay bare\n\nNothing.\n", "help without options");
}

static void test_number(void)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"1", 1},
		{"010", 10},
		{"0x10", 16},
		{"0XfF", 255},
		{"4K", 4096},
		{"0x2M", 2u << 20},
		{"3G", 3ull << 30},
		{"18446744073709551615", UINT64_MAX},
		{"0xffffffffffffffff", UINT64_MAX},
		{"17179869183G", 17179869183ull << 30},
	};
	static const char *const bad[] = {"", " 1", "1 ", "-1", "+1", "x", "0x", "0xg", "0xK",
		"0x 1", "1k", "1T", "1KK", "1.5", "1e3", "K", "18446744073709551616",
		"0x10000000000000000", "17179869184G", "18014398509481984K", "0x-1"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t value = 7;

		ok(opt_number(good[i].text, &value) && value == good[i].value, "%s is a number",
			good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t value = 7;

		ok(!opt_number(bad[i], &value) && value == 7, "\"%s\" is none", bad[i]);
	}
}

static void test_ranges(void)
{
	static const char *const bad[] = {"", ",", "1,", ",1", "1,,2", "a", "1-", "-1", "8-4",
		"1-2-3", "1 ,2", "1;2", "0x1", "1-5,9,10,11,12", "1-9", "0-18446744073709551615",
		"18446744073709551616", "1-18446744073709551616", "+1"};
	static const uint64_t want[] = {1, 2, 4, 5, 6, 7, 8, 1};
	uint64_t *values = NULL;
	size_t count = 0;

	ok(opt_ranges("1,2,4-8,1", 8, &values, &count), "numbers and ranges, as many as allowed");
	ok(count == 8 && memcmp(values, want, sizeof(want)) == 0, "in the order given");
	free(values);
	ok(opt_ranges("3-3", 1, &values, &count) && count == 1 && values[0] == 3, "a range of one");
	free(values);
	ok(opt_ranges("18446744073709551614-18446744073709551615", 8, &values, &count) &&
			count == 2 && values[1] == UINT64_MAX,
		"up to the last number");
	free(values);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		values = NULL;
		count = 9;
		ok(!opt_ranges(bad[i], 8, &values, &count) && values == NULL && count == 9,
			"\"%s\" is refused", bad[i]);
	}
}

int main(void)
{
	test_accepted();
	test_refused();
	test_help();
	test_number();
	test_ranges();
	return tap_done();
}
