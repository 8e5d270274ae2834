/*
 * SHA-384 of several messages at once, one in each lane of a vector register (FIPS 180-4, sections 6.4 and 6.5). Where
 * the processor has no such registers, libcrypto does the same work message by message.
 */
#ifndef LIB_SHA512MB_H
#define LIB_SHA512MB_H

#include <stddef.h>

#include "lib/digest.h"
#include "lib/err.h"

#define SHA384MB_TAIL 64

/* How the work is done; the best that the processor has unless a test asks for another. */
enum sha384mb_way {
	SHA384MB_BEST,
	SHA384MB_LIBCRYPTO,
	SHA384MB_AVX2,	 /* 4 lanes */
	SHA384MB_AVX512, /* 8 lanes */
};

/* Whether the processor can do it @way; LIBCRYPTO and BEST always. */
int sha384mb_has(enum sha384mb_way way);

/* Writes the digests of @n messages of @size_bytes each, which stand one after the other at @messages, to @ret. */
int sha384mb(enum sha384mb_way way, const void *messages, size_t size_bytes, size_t n,
	unsigned char (*ret)[SHA384_SIZE], struct err *err) MUST_CHECK;

/* A value that is hashed over and over: value = SHA-384(value || tail), @steps times. */
struct sha384mb_chain {
	unsigned char value[SHA384_SIZE]; /* in and out */
	const unsigned char *tail;	  /* SHA384MB_TAIL bytes, borrowed */
	size_t steps;			  /* 0 leaves the value alone */
};

/* Runs @n independent chains. */
int sha384mb_chains(
	enum sha384mb_way way, struct sha384mb_chain *chains, size_t n, struct err *err) MUST_CHECK;

#endif
