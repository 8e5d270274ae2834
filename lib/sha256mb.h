/*
 * SHA-256 of many messages of one size at once: what dm-verity asks for, where every block is hashed
 * behind the same prefix (the salt). FIPS 180-4, section 6.2.
 */
#ifndef LIB_SHA256MB_H
#define LIB_SHA256MB_H

#include <stddef.h>

#include "lib/err.h"

#define SHA256MB_PREFIX_MAX 256

/*
 * Writes the @n digests SHA-256(@prefix || message i), 32 bytes each, to @ret. The messages are @size_bytes long and
 * stand one after the other at @messages. @prefix_bytes is at most SHA256MB_PREFIX_MAX. Only libcrypto's running out of
 * memory fails.
 */
int sha256mb(const void *prefix, size_t prefix_bytes, const void *messages, size_t size_bytes,
	size_t n, unsigned char *ret, struct err *err) MUST_CHECK;

#endif
