/*
 * A growing byte buffer. Sticky like rd.h and wr.h: when memory runs out it becomes `bad`, keeps what it
 * holds, ignores further appends, and buf_check() turns that into an error once, at the end.
 * There is always a NUL after the last byte of a non-empty buffer, so text may be read as a string.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* A zeroed struct buf is a valid empty one. */
struct buf {
	unsigned char *data; /* owned */
	size_t len;
	size_t cap;
	bool bad;
};

/* Frees the bytes and leaves an empty buffer; for use with __attribute__((cleanup)). */
void buf_done(struct buf *buf);
#define BUF_AUTO __attribute__((cleanup(buf_done))) struct buf

/* Appends @n uninitialised bytes and returns where they start; NULL when bad. */
void *buf_grow(struct buf *buf, size_t n);
void buf_add(struct buf *buf, const void *src, size_t n);
void buf_str(struct buf *buf, const char *text);
void buf_fmt(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vfmt(struct buf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
/* Zero-fills to the next multiple of @align (a power of two). */
void buf_align(struct buf *buf, size_t align);
/* The bytes as a NUL-terminated string; "" when empty. */
const char *buf_cstr(const struct buf *buf);

/* 0, or -ENOMEM when an append failed. */
int buf_check(const struct buf *buf, struct err *err) MUST_CHECK;

/* Cleanup for plain malloc'ed pointers: `char *s AUTO_FREE = ...`. */
void buf_free_ptr(void *slot);
#define AUTO_FREE __attribute__((cleanup(buf_free_ptr)))

#endif
