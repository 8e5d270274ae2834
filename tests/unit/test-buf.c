/* lib/buf: grows, keeps a NUL after its last byte, and is sticky when memory runs out. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "tests/tap.h"

static void test_append(void)
{
	BUF_AUTO buf = {0};
	struct err err = {0};

	is_str(buf_cstr(&buf), "", "empty is a string");
	buf_add(&buf, NULL, 0);
	ok(buf.len == 0 && !buf.bad, "nothing from NULL");
	is_str(buf_cstr(&buf), "", "still empty");
	buf_str(&buf, "abc");
	buf_fmt(&buf, "-%d-%s", 42, "x");
	buf_add(&buf, "\0y", 2);
	ok(buf.len == 10 && memcmp(buf.data, "abc-42-x\0y", 11) == 0,
		"appended, NUL after the end");
	buf_align(&buf, 8);
	ok(buf.len == 16 && memcmp(buf.data + 10, "\0\0\0\0\0\0", 6) == 0, "aligned with zeros");
	buf_align(&buf, 8);
	ok(buf.len == 16, "already aligned");
	is_int(buf_check(&buf, &err), 0, "good");
}

/* Every length around the growth steps: the bytes stay, the NUL is inside the block (the sanitizer watches). */
static void test_growth(void)
{
	BUF_AUTO buf = {0};
	bool whole = true;

	for (size_t i = 0; i < 20000; i++) {
		unsigned char c = (unsigned char)(i * 7);

		buf_add(&buf, &c, 1);
		whole = whole && buf.len == i + 1 && buf.data[i + 1] == '\0' && buf.cap > buf.len;
	}
	for (size_t i = 0; i < buf.len; i++)
		whole = whole && buf.data[i] == (unsigned char)(i * 7);
	ok(whole, "20000 single bytes");
}

static void test_format(void)
{
	BUF_AUTO buf = {0};

	for (int n = 0; n < 300; n++)
		buf_fmt(&buf, "%0*d", n, 0);
	/* A width of 0 or 1 still prints one digit. */
	ok(buf.len == 1 + 299 * 300 / 2 && strlen(buf_cstr(&buf)) == buf.len,
		"formatted text of every length");
}

static void test_bad(void)
{
	struct buf buf = {0};
	struct err err = {0};

	buf_str(&buf, "kept");
	ok(buf_grow(&buf, SIZE_MAX) == NULL && buf.bad, "a length that would wrap around");
	ok(buf_grow(&buf, SIZE_MAX / 4 - 4) == NULL, "bad grows no more");
	buf_str(&buf, "x");
	buf_fmt(&buf, "%d", 1);
	buf_align(&buf, 64);
	is_str(buf_cstr(&buf), "kept", "bad keeps what it held and ignores appends");
	is_int(buf_check(&buf, &err), -ENOMEM, "buf_check tells");
	is_str(err.msg, "out of memory", "in words");
	buf_done(&buf);
	ok(buf.data == NULL && buf.len == 0 && !buf.bad, "done leaves an empty buffer");
	ok(buf_grow(&buf, SIZE_MAX / 4 + 1) == NULL && buf.bad, "just beyond the limit");
	buf_done(&buf);
	buf_done(&buf);
	buf_done(NULL);
	ok(true, "done twice, and of NULL");
}

static void test_free_ptr(void)
{
	char *text = strdup("x");

	buf_free_ptr(&text);
	ok(text == NULL, "freed and cleared");
	buf_free_ptr(&text);
	ok(text == NULL, "NULL is fine");
}

int main(void)
{
	test_append();
	test_growth();
	test_format();
	test_bad();
	test_free_ptr();
	return tap_done();
}
