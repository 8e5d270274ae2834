/* The Secure Boot state that a firmware image carries in its configuration volume, as its driver
 * will report it. */
#ifndef MEASURE_SECUREBOOT_H
#define MEASURE_SECUREBOOT_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/tdvf.h"
#include "formats/varstore.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/generation.h"
#include "measure/rtmr.h"

struct secureboot {
	bool built; /* the firmware has Secure Boot; without it the variables below do not exist */
	bool enabled; /* a platform key is enrolled, and nothing switches it off */
	struct varstore store;
	size_t volume_bytes; /* of the configuration volume */
	unsigned char volume_sha384[SHA384_SIZE];
};

/*
 * Reads the state from the CFV section of @image. -ENOTSUP for what the prediction does not cover:
 * no single CFV section, boot variables in it, or variables at all in a firmware without Secure
 * Boot.
 */
int secureboot_read(const struct generation *generation, const void *image, size_t len,
	const struct tdvf *tdvf, struct secureboot *ret, struct err *err) MUST_CHECK;

/* Extends @rtmr by the five variables SecureBoot, PK, KEK, db and dbx. */
int secureboot_measure(
	const struct secureboot *state, struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
