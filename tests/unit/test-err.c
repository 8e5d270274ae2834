/* lib/err: one escaped, bounded line and a code that is never 0. */
#include <stdlib.h>

#include "lib/err.h"
#include "tests/tap.h"

/* A message with @n letters a. */
static int fail_long(struct err *err, int n)
{
	char text[2048];

	memset(text, 'a', (size_t)n);
	text[n] = '\0';
	return err_fail(err, -EBADMSG, "%s", text);
}

static void test_codes(void)
{
	struct err err = {0};

	is_int(err_fail(&err, -EBADMSG, "x"), -EBADMSG, "err_fail returns the code");
	is_int(err.code, -EBADMSG, "err_fail records the code");
	is_int(err_fail(&err, 0, "x"), -EINVAL, "a code of 0 becomes -EINVAL");
	is_int(err_fail(&err, 5, "x"), -EINVAL, "a positive code becomes -EINVAL");
	errno = ENOENT;
	is_int(err_sys(&err, "%s", "file"), -ENOENT, "err_sys returns -errno");
	is_str(err.msg, "file: No such file or directory", "err_sys adds the text of errno");
	errno = 0;
	is_int(err_sys(&err, "file"), -EIO, "err_sys without an errno is -EIO");
	is_str(err.msg, "file", "err_sys without an errno adds nothing");
}

static void test_wrap(void)
{
	struct err err = {0};
	int rc = err_fail(&err, -EKEYREJECTED, "inner %d", 7);

	is_int(rc, -EKEYREJECTED, "the inner code");
	is_int(err_wrap(&err, "outer %s", "x"), -EKEYREJECTED, "err_wrap keeps the code");
	is_str(err.msg, "outer x: inner 7", "err_wrap puts its text before");
	err = (struct err){0};
	is_int(err_wrap(&err, "alone"), -EINVAL, "err_wrap of nothing still is a failure");
	is_str(err.msg, "alone", "err_wrap of nothing has no tail");
}

static void test_status(void)
{
	static const struct {
		int code, status;
	} cases[] = {
		{0, ERR_EXIT_OK},
		{-EKEYREJECTED, ERR_EXIT_NO},
		{-EBADMSG, ERR_EXIT_INPUT},
		{-EINVAL, ERR_EXIT_INPUT},
		{-ENOTSUP, ERR_EXIT_INPUT},
		{-ENOENT, ERR_EXIT_ENV},
		{-ENOSPC, ERR_EXIT_ENV},
		{-ENOMEM, ERR_EXIT_ENV},
		{-EEXIST, ERR_EXIT_ENV},
		{-ENODATA, ERR_EXIT_ENV},
		{1, ERR_EXIT_ENV},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(err_status(cases[i].code) == cases[i].status, "exit status of code %d",
			cases[i].code);
}

static void test_escapes(void)
{
	static const struct {
		const char *raw, *want, *what;
	} cases[] = {
		{"a\nb\tc\x1b[31m\x7f",
			"a\\x0a"
			"b\\x09"
			"c\\x1b[31m\\x7f",
			"control characters"},
		{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7",
			"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7", "UTF-8 stays"},
		{"\x80", "\\x80", "a lone continuation byte"},
		{"\xc2\x9b", "\\xc2\\x9b", "a C1 control character"},
		{"\xc0\xaf", "\\xc0\\xaf", "an overlong form of two bytes"},
		{"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf", "an overlong form of three bytes"},
		{"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf", "an overlong form of four bytes"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", "a surrogate"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "beyond U+10FFFF"},
		{"\xff", "\\xff", "a byte that UTF-8 never has"},
		{"\xe2\x82", "\\xe2\\x82", "a sequence cut by the end"},
		{"\xe2\x82x", "\\xe2\\x82x", "a sequence cut by a letter"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};

		ok(err_fail(&err, -EINVAL, "%s", cases[i].raw) < 0, "%s: recorded", cases[i].what);
		is_str(err.msg, cases[i].want, cases[i].what);
	}
}

/* Everything around the limit, in a heap block of its own so that the sanitizer sees one byte too many. */
static void test_bound(void)
{
	struct err *err = malloc(sizeof(*err));
	bool bounded = true, dotted = true, whole = true;

	if (err == NULL)
		exit(1);
	for (int n = ERR_MSG_MAX - 12; n < ERR_MSG_MAX + 600; n++) {
		size_t len;

		*err = (struct err){0};
		bounded = bounded && fail_long(err, n) == -EBADMSG;
		len = strlen(err->msg);
		bounded = bounded && len < ERR_MSG_MAX;
		if (n <= ERR_MSG_MAX - 4)
			whole = whole && len == (size_t)n;
		else
			dotted = dotted && strcmp(err->msg + len - 3, "...") == 0;
		bounded = bounded && err_wrap(err, "outer") == -EBADMSG &&
			  strlen(err->msg) < ERR_MSG_MAX;
		bounded = bounded && strncmp(err->msg, "outer: aaa", 10) == 0;
		errno = ENOSPC;
		bounded = bounded && fail_long(err, n) < 0 && err_wrap(err, "%s", err->msg) < 0 &&
			  strlen(err->msg) < ERR_MSG_MAX;
	}
	ok(bounded, "lines around the limit stay within it, wrapped too");
	ok(whole, "a line that fits is whole");
	ok(dotted, "a line that is cut ends in dots");
	errno = ENOSPC;
	ok(err_sys(err, "%0*d", ERR_MSG_MAX - 1, 0) == -ENOSPC, "err_sys with an overlong text");
	ok(strlen(err->msg) < ERR_MSG_MAX, "err_sys stays within the limit");
	ok(err_fail(err, -EINVAL, "%0*d%s", ERR_MSG_MAX - 6, 0, "\xe2\x82\xac\xe2\x82\xac") < 0,
		"a cut in the middle of a character");
	is_str(err->msg + ERR_MSG_MAX - 6, ".....", "no half character is left");
	free(err);
}

int main(void)
{
	test_codes();
	test_wrap();
	test_status();
	test_escapes();
	test_bound();
	return tap_done();
}
