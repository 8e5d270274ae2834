/* formats/kconfig: what a configuration says, and what is none. */
#include "formats/kconfig.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "tests/tap.h"

static int parse(const char *text, enum kconfig_kind kind, struct kconfig *ret, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return kconfig_parse(text, strlen(text), kind, "f", ret, err);
}

static void test_values(void)
{
	static const char text[] = "#\n# Automatically generated file\n#\nCONFIG_B=m\nCONFIG_A=y\n"
				   "\n# CONFIG_C is not set\nCONFIG_D=\"a \\\"quoted\\\" =word\"\n"
				   "CONFIG_E=0x1f\nCONFIG_F=-7\nCONFIG_G=n\nCONFIG_A_B=12\n"
				   "CONFIG_LAST=\"\"";
	KCONFIG_AUTO config = {0};
	struct err err;

	ok(parse(text, KCONFIG_WHOLE, &config, &err) == 0, "a configuration: %s", err.msg);
	is_int((long long)config.count, 9, "its options");
	is_int(kconfig_tristate(&config, "A"), 'y', "=y");
	is_int(kconfig_tristate(&config, "B"), 'm', "=m");
	is_int(kconfig_tristate(&config, "C"), 'n', "not set");
	is_int(kconfig_tristate(&config, "G"), 'n', "=n");
	is_int(kconfig_tristate(&config, "E"), 'n', "a number is no tristate");
	is_int(kconfig_tristate(&config, "A_"), 'n', "a name is matched whole");
	is_str(kconfig_value(&config, "D"), "\"a \\\"quoted\\\" =word\"", "a string as written");
	is_str(kconfig_value(&config, "E"), "0x1f", "a hexadecimal number");
	is_str(kconfig_value(&config, "F"), "-7", "a negative number");
	is_str(kconfig_value(&config, "LAST"), "\"\"", "the last line needs no newline");
	is_str(kconfig_value(&config, "NONE"), "n", "what is not named is not set");
}

static void test_fragments(void)
{
	static const char text[] = "CONFIG_A=y\nCONFIG_B=y\n# CONFIG_A is not set\nCONFIG_B=m\n";
	KCONFIG_AUTO config = {0};
	struct err err;

	ok(parse(text, KCONFIG_FRAGMENTS, &config, &err) == 0, "fragments");
	is_int((long long)config.count, 2, "each option once");
	is_int(kconfig_tristate(&config, "A"), 'n', "the last line counts: not set");
	is_int(kconfig_tristate(&config, "B"), 'm', "the last line counts: =m");
	is_int(config.options[1].line, 4, "and that line is named");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *needle, *what;
	} rows[] = {
		{"", "has no options", "nothing"},
		{"# a comment\n\n", "has no options", "comments alone"},
		{"CONFIG_A=y\nCONFIG_B\n", "f:2: neither a comment nor", "no value"},
		{"CONFIG_A=\n", "f:1: neither", "an empty value"},
		{"CONFIG_A=yes\n", "f:1: neither", "a word"},
		{"CONFIG_A=\"x\n", "f:1: neither", "a string without an end"},
		{"CONFIG_A=\"x\\\"\n", "f:1: neither", "a string whose end is quoted"},
		{"CONFIG_A=\"x\"y\n", "f:1: neither", "more behind a string"},
		{"CONFIG_A=0x\n", "f:1: neither", "a number without digits"},
		{"CONFIG_A=1f\n", "f:1: neither", "digits of another base"},
		{"CONFIG_A=y\r\n", "f:1: neither", "a carriage return"},
		{" CONFIG_A=y\n", "f:1: neither", "a space in front"},
		{"A=y\n", "f:1: neither", "no CONFIG_"},
		{"CONFIG_=y\n", "f:1: not the name", "no name"},
		{"CONFIG_A-B=y\n", "f:1: not the name", "a name with a dash"},
		{"# CONFIG_A B is not set\n", "f:1: not the name", "a name with a space"},
		{"CONFIG_A=y\nCONFIG_B=y\nCONFIG_A=y\n", "f:3: CONFIG_A is there twice",
			"an option twice"},
		{"CONFIG_A=y\n# CONFIG_A is not set\n", "f:2: CONFIG_A is there twice",
			"set and not set"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		KCONFIG_AUTO config = {0};
		struct err err;
		int rc = parse(rows[i].text, KCONFIG_WHOLE, &config, &err);

		ok(rc == -EBADMSG && strstr(err.msg, rows[i].needle) != NULL && config.text == NULL,
			"refused: %s (%s)", rows[i].what, err.msg);
	}
}

static void test_limits(void)
{
	AUTO_FREE char *large = calloc(1, KCONFIG_BYTES_MAX + 1);
	BUF_AUTO many = {0};
	BUF_AUTO name = {0};
	KCONFIG_AUTO config = {0};
	struct err err;

	ok(kconfig_parse(large, KCONFIG_BYTES_MAX + 1, KCONFIG_WHOLE, "f", &config, &err) == -EFBIG,
		"too many bytes");
	ok(kconfig_parse("CONFIG_A=y\0", 11, KCONFIG_WHOLE, "f", &config, &err) == -EBADMSG &&
			strstr(err.msg, "has a NUL") != NULL,
		"a NUL");
	for (unsigned i = 0; i <= KCONFIG_OPTIONS_MAX; i++)
		buf_fmt(&many, "CONFIG_%u=y\n", i);
	ok(parse(buf_cstr(&many), KCONFIG_WHOLE, &config, &err) == -EBADMSG &&
			strstr(err.msg, "more than 65536 options") != NULL,
		"too many options");
	buf_str(&name, "CONFIG_");
	for (unsigned i = 0; i <= KCONFIG_NAME_MAX; i++)
		buf_str(&name, "A");
	buf_str(&name, "=y\n");
	ok(parse(buf_cstr(&name), KCONFIG_WHOLE, &config, &err) == -EBADMSG, "too long a name");
	ok(kconfig_tristate(&config, "A") == 'n', "nothing was written");
}

int main(void)
{
	test_values();
	test_fragments();
	test_refused();
	test_limits();
	return tap_done();
}
