/* Base64, strict (base64.h). */
#include "lib/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *src, size_t n, struct buf *ret)
{
	const unsigned char *in = src;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16;
		char out[4] = {0};

		if (have > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (have > 2)
			bits |= in[i + 2];
		for (size_t k = 0; k < 4; k++)
			out[k] = k > have ? '=' : digits[(bits >> (18 - 6 * k)) & 63];
		buf_add(ret, out, sizeof(out));
	}
}

/* Takes back what was appended after @len bytes. */
static void cut(struct buf *buf, size_t len)
{
	if (buf->data != NULL)
		buf->data[len] = '\0';
	buf->len = len;
}

static int bad_at(const char *what, size_t at, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: not base64 at offset %zu", what, at);
}

int base64_decode(const char *text, size_t len, const char *what, struct buf *ret, struct err *err)
{
	size_t start = ret->len;
	size_t used = len;

	if (len % 4 != 0)
		return err_fail(err, -EBADMSG, "%s: base64 of %zu characters, not a multiple of 4",
			what, len);
	while (used > 0 && len - used < 2 && text[used - 1] == '=')
		used--;
	for (size_t i = 0; i < len; i += 4) {
		size_t have = used - i < 4 ? used - i : 4;
		unsigned char out[3];
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *digit = k < have && text[i + k] != '\0'
						    ? strchr(digits, text[i + k])
						    : NULL;

			if (k < have && digit == NULL) {
				cut(ret, start);
				return bad_at(what, i + k, err);
			}
			bits = bits << 6 | (digit != NULL ? (uint32_t)(digit - digits) : 0);
		}
		if ((have == 2 && (bits & 0xffff) != 0) || (have == 3 && (bits & 0xff) != 0)) {
			cut(ret, start);
			return bad_at(what, i + have - 1, err);
		}
		out[0] = (unsigned char)(bits >> 16);
		out[1] = (unsigned char)(bits >> 8);
		out[2] = (unsigned char)bits;
		buf_add(ret, out, have - 1);
	}
	return buf_check(ret, err);
}
