/*
 * A bounded writer into a buffer of known size: the mirror of rd.h. Sticky: a write past the end makes
 * it `bad` and writes nothing; the caller checks `bad` (and, for fixed layouts, `pos`) at the end.
 */
#ifndef LIB_WR_H
#define LIB_WR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr {
	unsigned char *base; /* borrowed */
	size_t cap;
	size_t pos;
	bool bad;
};

/* A writer into @cap bytes at @base, which it zeroes first. */
struct wr wr_init(void *base, size_t cap);

void wr_bytes(struct wr *wr, const void *src, size_t n);
void wr_fill(struct wr *wr, unsigned char value, size_t n);
/* Moves to the absolute offset @pos (at most the capacity). */
void wr_seek(struct wr *wr, size_t pos);
/* Zero-fills up to the next multiple of @align (a power of two). */
void wr_align(struct wr *wr, size_t align);

void wr_u8(struct wr *wr, uint8_t v);
void wr_le16(struct wr *wr, uint16_t v);
void wr_le32(struct wr *wr, uint32_t v);
void wr_le64(struct wr *wr, uint64_t v);
void wr_be16(struct wr *wr, uint16_t v);
void wr_be32(struct wr *wr, uint32_t v);
void wr_be64(struct wr *wr, uint64_t v);

#endif
