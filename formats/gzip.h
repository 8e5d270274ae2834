/*
 * gzip (RFC 1952) over DEFLATE (RFC 1951), in memory and small: for initdata, which travels compressed inside an
 * annotation. The writer's bytes depend on the input alone, which no library promises across versions and hosts; a
 * member has no name and no time. The reader is bounded and takes exactly one member.
 */
#ifndef FORMATS_GZIP_H
#define FORMATS_GZIP_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

/* The largest input that is compressed. */
#define GZIP_INPUT_MAX (64u << 20)

/* Appends the member that holds the @n bytes at @src; -EFBIG above GZIP_INPUT_MAX. */
int gzip_write(const void *src, size_t n, struct buf *ret, struct err *err) MUST_CHECK;

/* Appends what the member at @src holds. -EBADMSG when it is malformed, truncated or followed by anything, -EFBIG when it
 * holds more than @max_bytes. @what names it in errors. */
int gzip_read(const void *src, size_t n, size_t max_bytes, const char *what, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
