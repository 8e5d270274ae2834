/*
 * The Authenticode digest of a PE image in the way that edk2 measures it: TdTcg2Dxe and Tcg2Dxe,
 * MeasureBootPeCoff.c. It differs from signing tools in two points: an unaligned end is not padded
 * to 8 bytes, and bytes after the last section are hashed even when the image is not signed.
 */
#ifndef MEASURE_TDX_AUTHENTICODE_H
#define MEASURE_TDX_AUTHENTICODE_H

#include <stddef.h>

#include "lib/digest.h"
#include "lib/err.h"

/* Digests the @len bytes of @image with @alg into @ret, digest_size(alg) bytes. -EBADMSG when edk2
 * would not measure it. */
int authenticode_digest(enum digest_alg alg, const void *image, size_t len, unsigned char *ret,
	struct err *err) MUST_CHECK;

#endif
