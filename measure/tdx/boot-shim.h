/*
 * What shim measures before it starts the second stage: its key lists. rhboot/shim mok.c, tpm.c,
 * shim.c of 15.7 to 16.1.
 */
#ifndef MEASURE_TDX_BOOT_SHIM_H
#define MEASURE_TDX_BOOT_SHIM_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/tdx/boot-log.h"
#include "measure/tdx/secureboot.h"

/* What a shim does for the programs that it starts. */
struct boot_shim {
	bool loads; /* it offers to load images for them (SHIM_IMAGE_LOADER, 16.0) */
	const unsigned char
		*cert; /* built in, DER, borrowed from the image; NULL: none, or lists */
	size_t cert_size;
};

/*
 * Adds shim's events of RTMR2: MokList, MokListX and MokListTrusted of a machine without Mok
 * variables. -EBADMSG for a malformed image, -ENOTSUP for a shim that is not known or does not
 * measure.
 */
int boot_shim(const void *image, size_t len, struct boot_log *log, struct boot_shim *ret,
	struct err *err) MUST_CHECK;

/* Checks that shim lets an image start under Secure Boot: by a certificate of the firmware's @state
 * or its own. -ENOTSUP when it does not. */
int boot_shim_verify(const struct boot_shim *shim, const struct secureboot *state,
	const void *image, size_t len, struct err *err) MUST_CHECK;

#endif
