/*
 * SHA-256 of many messages of one size at once: what dm-verity asks for, where every block is
 * hashed behind the same prefix (the salt). FIPS 180-4, section 6.2.
 *
 * One message after the other leaves a processor waiting for itself half of the time; several in
 * lockstep do not. Which engine computes is decided when the program runs and never shows in the
 * result.
 */
#ifndef LIB_SHA256MB_H
#define LIB_SHA256MB_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define SHA256MB_PREFIX_MAX 256

/* From the slowest to the fastest. */
enum sha256mb_engine {
	SHA256MB_LIBCRYPTO, /* everywhere; one message at a time */
	SHA256MB_SHA_NI,    /* x86-64 with the SHA extensions; 3 messages in lockstep */
	SHA256MB_AVX512,    /* x86-64 with AVX-512 F and BW; 16 messages in lockstep */
	SHA256MB_ENGINES,
};

/* Whether this machine can do it. */
bool sha256mb_has(enum sha256mb_engine engine);

/*
 * Writes the @n digests SHA-256(@prefix || message i), 32 bytes each, to @ret. The messages are
 * @size_bytes long and stand one after the other at @messages. @prefix_bytes is at most
 * SHA256MB_PREFIX_MAX. Only libcrypto's running out of memory fails.
 */
int sha256mb(const void *prefix, size_t prefix_bytes, const void *messages, size_t size_bytes,
	size_t n, unsigned char *ret, struct err *err) MUST_CHECK;

/* The same by one engine that this machine has: for tests, where libcrypto judges the others. */
int sha256mb_by(enum sha256mb_engine engine, const void *prefix, size_t prefix_bytes,
	const void *messages, size_t size_bytes, size_t n, unsigned char *ret,
	struct err *err) MUST_CHECK;

#endif
