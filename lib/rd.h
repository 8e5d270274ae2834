/*
 * A bounded reader over bytes that may be hostile.
 *
 * The reader is sticky: once a read would leave the bounds it is `bad`, yields zeros and NULL from
 * then on, and the caller checks once at the end. Following an offset found in the input goes
 * through rd_at() only. Two reads never stand in one initializer list: their order is undefined.
 */
#ifndef LIB_RD_H
#define LIB_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd {
	const unsigned char *base; /* borrowed */
	size_t len;
	size_t pos;
	bool bad;
};

/* A reader over @len bytes at @base, which must outlive it. */
struct rd rd_init(const void *base, size_t len);

/* A reader over [off, off+len) of @rd's whole range; a bad one when that leaves the range or @rd is bad.
 * @rd itself is left alone. */
struct rd rd_at(const struct rd *rd, uint64_t off, uint64_t len);

/* Bytes left; 0 when bad. */
size_t rd_left(const struct rd *rd);

/* The next @n bytes, borrowed from the base; NULL (and bad) when fewer are left. */
const unsigned char *rd_bytes(struct rd *rd, size_t n);

/* Copies the next @n bytes to @dst; zeros on failure. */
void rd_copy(struct rd *rd, void *dst, size_t n);

/* Passes over @n bytes. */
void rd_skip(struct rd *rd, uint64_t n);

/* Moves to the absolute offset @pos (at most the length). */
void rd_seek(struct rd *rd, uint64_t pos);

uint8_t rd_u8(struct rd *rd);
uint16_t rd_le16(struct rd *rd);
uint32_t rd_le32(struct rd *rd);
uint64_t rd_le64(struct rd *rd);
uint16_t rd_be16(struct rd *rd);
uint32_t rd_be32(struct rd *rd);
uint64_t rd_be64(struct rd *rd);

#endif
