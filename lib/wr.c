/* A sticky bounded writer (wr.h). */
#include "lib/wr.h"

#include <string.h>

struct wr wr_init(void *base, size_t cap)
{
	static unsigned char nothing;

	if (base == NULL)
		return (struct wr){.base = &nothing, .bad = cap > 0};
	memset(base, 0, cap);
	return (struct wr){.base = base, .cap = cap};
}

/* Room for @n bytes at the position, or NULL and bad. */
static unsigned char *claim(struct wr *wr, size_t n)
{
	unsigned char *at;

	if (wr->bad || n > wr->cap - wr->pos) {
		wr->bad = true;
		return NULL;
	}
	at = wr->base + wr->pos;
	wr->pos += n;
	return at;
}

void wr_bytes(struct wr *wr, const void *src, size_t n)
{
	unsigned char *at = claim(wr, n);

	if (at != NULL && n > 0)
		memcpy(at, src, n);
}

void wr_fill(struct wr *wr, unsigned char value, size_t n)
{
	unsigned char *at = claim(wr, n);

	if (at != NULL && n > 0)
		memset(at, value, n);
}

void wr_seek(struct wr *wr, size_t pos)
{
	if (wr->bad || pos > wr->cap)
		wr->bad = true;
	else
		wr->pos = pos;
}

void wr_align(struct wr *wr, size_t align)
{
	wr_fill(wr, 0, (align - wr->pos % align) % align);
}

static void integer(struct wr *wr, uint64_t value, size_t n, bool big_endian)
{
	unsigned char *at = claim(wr, n);

	if (at == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		at[big_endian ? n - 1 - i : i] = (unsigned char)(value >> (8 * i));
}

void wr_u8(struct wr *wr, uint8_t v)
{
	integer(wr, v, 1, false);
}

void wr_le16(struct wr *wr, uint16_t v)
{
	integer(wr, v, 2, false);
}

void wr_le32(struct wr *wr, uint32_t v)
{
	integer(wr, v, 4, false);
}

void wr_le64(struct wr *wr, uint64_t v)
{
	integer(wr, v, 8, false);
}

void wr_be16(struct wr *wr, uint16_t v)
{
	integer(wr, v, 2, true);
}

void wr_be32(struct wr *wr, uint32_t v)
{
	integer(wr, v, 4, true);
}

void wr_be64(struct wr *wr, uint64_t v)
{
	integer(wr, v, 8, true);
}
