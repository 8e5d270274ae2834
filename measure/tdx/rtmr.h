/* A run-time measurement register in the making: RTMR = SHA-384(RTMR || digest), event by event. */
#ifndef MEASURE_TDX_RTMR_H
#define MEASURE_TDX_RTMR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "measure/derive.h"

struct rtmr {
	unsigned char value[SHA384_SIZE]; /* zeros at the start */
	struct derive *derive;		  /* borrowed; may be NULL */
};

/* Extends by a digest of @size_bytes of data. @kind is static (the event type), @what says what
 * was measured. */
int rtmr_digest(struct rtmr *rtmr, const char *kind, const char *what,
	const unsigned char digest[SHA384_SIZE], uint64_t size_bytes, struct err *err) MUST_CHECK;

/* Extends by the digest of @n bytes of data. */
int rtmr_data(struct rtmr *rtmr, const char *kind, const char *what, const void *data, size_t n,
	struct err *err) MUST_CHECK;

/* EV_EFI_ACTION: the string without its NUL. */
int rtmr_action(struct rtmr *rtmr, const char *text, struct err *err) MUST_CHECK;

/* EV_SEPARATOR: four zero bytes. */
int rtmr_separator(struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
