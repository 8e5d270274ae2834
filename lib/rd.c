/* A sticky bounded reader (rd.h). */
#include "lib/rd.h"

#include <string.h>

struct rd rd_init(const void *base, size_t len)
{
	/* Arithmetic on NULL is undefined even for no bytes. */
	if (base == NULL)
		return (struct rd){.base = (const unsigned char *)"", .bad = len > 0};
	return (struct rd){.base = base, .len = len};
}

struct rd rd_at(const struct rd *rd, uint64_t off, uint64_t len)
{
	if (rd->bad || off > rd->len || len > rd->len - off)
		return (struct rd){.bad = true};
	return rd_init(rd->base + off, (size_t)len);
}

size_t rd_left(const struct rd *rd)
{
	return rd->bad ? 0 : rd->len - rd->pos;
}

const unsigned char *rd_bytes(struct rd *rd, size_t n)
{
	const unsigned char *at;

	if (rd->bad || n > rd->len - rd->pos) {
		rd->bad = true;
		return NULL;
	}
	at = rd->base + rd->pos;
	rd->pos += n;
	return at;
}

void rd_copy(struct rd *rd, void *dst, size_t n)
{
	const unsigned char *at = rd_bytes(rd, n);

	if (n == 0)
		return;
	if (at == NULL)
		memset(dst, 0, n);
	else
		memcpy(dst, at, n);
}

void rd_skip(struct rd *rd, uint64_t n)
{
	if (rd->bad || n > rd->len - rd->pos)
		rd->bad = true;
	else
		rd->pos += (size_t)n;
}

void rd_seek(struct rd *rd, uint64_t pos)
{
	if (rd->bad || pos > rd->len)
		rd->bad = true;
	else
		rd->pos = (size_t)pos;
}

/* The next @n <= 8 bytes as an integer. */
static uint64_t integer(struct rd *rd, size_t n, bool big_endian)
{
	const unsigned char *at = rd_bytes(rd, n);
	uint64_t value = 0;

	if (at == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | at[big_endian ? i : n - 1 - i];
	return value;
}

uint8_t rd_u8(struct rd *rd)
{
	return (uint8_t)integer(rd, 1, false);
}

uint16_t rd_le16(struct rd *rd)
{
	return (uint16_t)integer(rd, 2, false);
}

uint32_t rd_le32(struct rd *rd)
{
	return (uint32_t)integer(rd, 4, false);
}

uint64_t rd_le64(struct rd *rd)
{
	return integer(rd, 8, false);
}

uint16_t rd_be16(struct rd *rd)
{
	return (uint16_t)integer(rd, 2, true);
}

uint32_t rd_be32(struct rd *rd)
{
	return (uint32_t)integer(rd, 4, true);
}

uint64_t rd_be64(struct rd *rd)
{
	return integer(rd, 8, true);
}
