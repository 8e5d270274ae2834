/* Errors: one escaped line and a code (err.h). */
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer than ERR_MSG_MAX, so that a cut line can be told from a full one. */
#define RAW_MAX 1024

/* A line this long has been cut: its last three characters are dots, and nothing follows them. */
#define CUT_LEN (ERR_MSG_MAX - 1)

/* Bytes of the printable character at @c: 1 for ASCII, 2..4 for UTF-8 (RFC 3629), 0 for a control character (C0,
 * DEL, C1) and for bytes that are no UTF-8. */
static size_t printable(const unsigned char *c)
{
	size_t n = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	if (c[0] < 0x80)
		return c[0] >= 0x20 && c[0] != 0x7f;
	if (c[0] < 0xc2 || c[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	/* C1 controls, overlong forms, surrogates, beyond U+10FFFF. */
	if ((c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xe0 && c[1] < 0xa0) ||
		(c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
		(c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return n;
}

/* Appends @raw to @dst, what is not printable as \xNN, within ERR_MSG_MAX. */
static void append_escaped(char *dst, const char *raw)
{
	size_t at = strlen(dst);

	while (*raw != '\0' && at < CUT_LEN) {
		size_t taken = printable((const unsigned char *)raw);
		char piece[5];
		size_t n = taken > 0 ? taken : 4;

		if (at + n > CUT_LEN - 3) {
			memset(dst + at, '.', CUT_LEN - at);
			dst[CUT_LEN] = '\0';
			return;
		}
		if (taken == 0)
			snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)*raw);
		memcpy(dst + at, taken > 0 ? raw : piece, n);
		at += n;
		dst[at] = '\0';
		raw += taken > 0 ? taken : 1;
	}
}

static int record(struct err *err, int code, const char *raw, const char *tail)
{
	err->code = code < 0 ? code : -EINVAL;
	err->msg[0] = '\0';
	append_escaped(err->msg, raw);
	if (tail != NULL) {
		append_escaped(err->msg, ": ");
		append_escaped(err->msg, tail);
	}
	return err->code;
}

int err_record_fail(struct err *err, int code, const char *fmt, ...)
{
	char raw[RAW_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	return record(err, code, raw, NULL);
}

int err_record_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char raw[RAW_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	return record(err, saved > 0 ? -saved : -EIO, raw, saved > 0 ? strerror(saved) : NULL);
}

int err_record_wrap(struct err *err, const char *fmt, ...)
{
	char raw[RAW_MAX], inner[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	memcpy(inner, err->msg, sizeof(inner));
	inner[sizeof(inner) - 1] = '\0';
	return record(err, err->code, raw, inner[0] != '\0' ? inner : NULL);
}

int err_status(int code)
{
	switch (code) {
	case 0:
		return ERR_EXIT_OK;
	case -EKEYREJECTED:
		return ERR_EXIT_NO;
	case -EBADMSG:
	case -EINVAL:
	case -ENOTSUP:
		return ERR_EXIT_INPUT;
	default:
		return ERR_EXIT_ENV;
	}
}
