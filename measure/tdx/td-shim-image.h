/*
 * What a td-shim image holds besides its own code: a payload of its own, and with a signed payload
 * the key that td-shim trusts. td-shim doc/secure_boot.md and td-shim/src/secure_boot.rs, 0.8.0.
 */
#ifndef MEASURE_TDX_TD_SHIM_IMAGE_H
#define MEASURE_TDX_TD_SHIM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct td_shim_bytes {
	const unsigned char *data; /* borrowed from the image */
	size_t len;
};

struct td_shim_payload {
	struct td_shim_bytes program; /* ELF or PE, without a signature around it */
	bool is_signed;
	uint64_t svn;			   /* of a signed one */
	struct td_shim_bytes trust_anchor; /* the file in the configuration volume */
};

/* Whether the image boots through BdsDxe, as OVMF does: no td-shim then. -EBADMSG for damaged
 * volumes. */
int td_shim_is_uefi(const void *image, size_t len, bool *ret, struct err *err) MUST_CHECK;

/*
 * Finds the payload. -ENOTSUP when the image has none; -EKEYREJECTED for a signed one whose key is
 * not the trusted one. The signature itself is not verified: td-shim boots no payload without.
 */
int td_shim_payload_find(
	const void *image, size_t len, struct td_shim_payload *ret, struct err *err) MUST_CHECK;

#endif
