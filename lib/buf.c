/* A sticky growing buffer (buf.h). */
#include "lib/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *buf)
{
	if (buf == NULL)
		return;
	free(buf->data);
	*buf = (struct buf){0};
}

/* Makes room for @n more bytes and the NUL. */
static bool reserve(struct buf *buf, size_t n)
{
	size_t need, cap;
	unsigned char *data;

	if (buf->bad || n > SIZE_MAX / 4 - buf->len) {
		buf->bad = true;
		return false;
	}
	need = buf->len + n + 1;
	if (need <= buf->cap)
		return true;
	cap = buf->cap < 64 ? 64 : buf->cap;
	while (cap < need)
		cap += cap / 2;
	data = realloc(buf->data, cap);
	if (data == NULL) {
		buf->bad = true;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

void *buf_grow(struct buf *buf, size_t n)
{
	unsigned char *at;

	if (!reserve(buf, n))
		return NULL;
	at = buf->data + buf->len;
	buf->len += n;
	buf->data[buf->len] = '\0';
	return at;
}

void buf_add(struct buf *buf, const void *src, size_t n)
{
	void *at = buf_grow(buf, n);

	if (at != NULL && n > 0)
		memcpy(at, src, n);
}

void buf_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_vfmt(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || !reserve(buf, (size_t)n)) {
		buf->bad = true;
		return;
	}
	vsnprintf((char *)buf->data + buf->len, (size_t)n + 1, fmt, args);
	buf->len += (size_t)n;
}

void buf_fmt(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vfmt(buf, fmt, args);
	va_end(args);
}

void buf_align(struct buf *buf, size_t align)
{
	size_t n = (align - buf->len % align) % align;
	void *at = buf_grow(buf, n);

	if (at != NULL && n > 0)
		memset(at, 0, n);
}

const char *buf_cstr(const struct buf *buf)
{
	return buf->len > 0 ? (const char *)buf->data : "";
}

int buf_check(const struct buf *buf, struct err *err)
{
	return buf->bad ? err_fail(err, -ENOMEM, "out of memory") : 0;
}

void buf_free_ptr(void *slot)
{
	void *ptr;

	memcpy(&ptr, slot, sizeof(ptr)); /* the slot may be a pointer to any type */
	free(ptr);
	memset(slot, 0, sizeof(ptr));
}
