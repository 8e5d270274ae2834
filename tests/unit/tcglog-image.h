/* Synthetic event logs for tests. */
#ifndef TESTS_UNIT_TCGLOG_IMAGE_H
#define TESTS_UNIT_TCGLOG_IMAGE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/digest.h"

#define TCGLOG_IMAGE_SHA256 0x0b
#define TCGLOG_IMAGE_SHA384 0x0c
/* Where the first event after the header starts in a log with one bank. */
#define TCGLOG_IMAGE_FIRST  (32 + 28 + 4 + 1)

static inline void tcglog_image_le(struct buf *log, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add(log, (unsigned char[1]){(unsigned char)(value >> (8 * i))}, 1);
}

/* The header of a log whose banks are SHA-384 and, with @two, SHA-256. */
static inline void tcglog_image_begin(struct buf *log, bool two)
{
	tcglog_image_le(log, 0, 4);
	tcglog_image_le(log, 3, 4);
	for (int i = 0; i < 5; i++)
		tcglog_image_le(log, 0, 4);
	tcglog_image_le(log, two ? 37 : 33, 4);
	buf_add(log, "Spec ID Event03", 16);
	tcglog_image_le(log, 0, 4);
	tcglog_image_le(log, 0x02000200, 4);
	tcglog_image_le(log, two ? 2 : 1, 4);
	tcglog_image_le(log, TCGLOG_IMAGE_SHA384, 2);
	tcglog_image_le(log, 48, 2);
	if (two) {
		tcglog_image_le(log, TCGLOG_IMAGE_SHA256, 2);
		tcglog_image_le(log, 32, 2);
	}
	tcglog_image_le(log, 0, 1);
}

/* An event whose digest is that of @hashed and whose data are @data. */
static inline void tcglog_image_event(struct buf *log, uint32_t index, uint32_t type,
	const void *hashed, size_t hashed_size, const void *data, size_t n)
{
	unsigned char digest[DIGEST_MAX];
	struct err err = {0};

	if (digest_bytes(DIGEST_SHA384, hashed, hashed_size, digest, &err) != 0)
		abort();
	tcglog_image_le(log, index, 4);
	tcglog_image_le(log, type, 4);
	tcglog_image_le(log, 1, 4);
	tcglog_image_le(log, TCGLOG_IMAGE_SHA384, 2);
	buf_add(log, digest, 48);
	tcglog_image_le(log, (uint32_t)n, 4);
	buf_add(log, data, n);
}

#endif
