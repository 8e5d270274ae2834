/* Errors: one escaped line and a code (err.h). */
#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer than ERR_MSG_MAX, so that a cut line can be told from a full one. */
#define RAW_MAX 1024

/* Appends @raw to @dst, control characters and DEL as \xNN, within ERR_MSG_MAX. */
static void append_escaped(char *dst, const char *raw)
{
	size_t at = strlen(dst);

	for (; *raw != '\0'; raw++) {
		unsigned char c = (unsigned char)*raw;
		char piece[5];
		int n;

		if (c < 0x20 || c == 0x7f)
			n = snprintf(piece, sizeof(piece), "\\x%02x", c);
		else
			n = snprintf(piece, sizeof(piece), "%c", c);
		if (at + (size_t)n + 4 > ERR_MSG_MAX) {
			memcpy(dst + at, "...", 4);
			return;
		}
		memcpy(dst + at, piece, (size_t)n + 1);
		at += (size_t)n;
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
