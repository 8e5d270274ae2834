/* A small CBOR writer (cbor.h): an initial byte of major type and length, RFC 8949 section 3. */
#include "formats/cbor.h"

#include <string.h>

enum major {
	MAJOR_UINT,
	MAJOR_NEGATIVE,
	MAJOR_BYTES,
	MAJOR_TEXT,
	MAJOR_ARRAY,
	MAJOR_MAP,
	MAJOR_TAG,
};

#define DIRECT_MAX 23 /* the largest value inside the initial byte */

static void put_head(struct buf *to, enum major major, uint64_t value)
{
	unsigned char head[9];
	size_t size = value <= DIRECT_MAX   ? 0
		      : value <= UINT8_MAX  ? 1
		      : value <= UINT16_MAX ? 2
		      : value <= UINT32_MAX ? 4
					    : 8;
	static const unsigned char sizes[9] = {[1] = 24, [2] = 25, [4] = 26, [8] = 27};

	head[0] = (unsigned char)((unsigned)major << 5 |
				  (size == 0 ? (unsigned)value : sizes[size]));
	for (size_t i = 0; i < size; i++)
		head[1 + i] = (unsigned char)(value >> (8 * (size - 1 - i)));
	buf_add(to, head, 1 + size);
}

void cbor_uint(struct buf *to, uint64_t value)
{
	put_head(to, MAJOR_UINT, value);
}

void cbor_int(struct buf *to, int64_t value)
{
	if (value >= 0)
		put_head(to, MAJOR_UINT, (uint64_t)value);
	else
		put_head(to, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
}

void cbor_bytes(struct buf *to, const void *src, size_t n)
{
	put_head(to, MAJOR_BYTES, n);
	buf_add(to, src, n);
}

void cbor_text(struct buf *to, const char *text)
{
	put_head(to, MAJOR_TEXT, strlen(text));
	buf_str(to, text);
}

void cbor_array(struct buf *to, uint64_t items)
{
	put_head(to, MAJOR_ARRAY, items);
}

void cbor_map(struct buf *to, uint64_t pairs)
{
	put_head(to, MAJOR_MAP, pairs);
}

void cbor_tag(struct buf *to, uint64_t tag)
{
	put_head(to, MAJOR_TAG, tag);
}
