/* Base64 in the standard alphabet with padding (RFC 4648, section 4), the only form that formats here use. */
#ifndef LIB_BASE64_H
#define LIB_BASE64_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Appends the text of @n bytes, without line breaks. */
void base64_encode(const void *src, size_t n, struct buf *ret);

/* Appends the bytes of @len characters. -EBADMSG, with the offset, for another character, wrong padding or bits that are
 * not zero after the last byte, so that every value has one text. @what names the text in errors. */
int base64_decode(const char *text, size_t len, const char *what, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
