/*
 * MRTD: the digest of a TD's initial memory, as the TDX module accumulates it.
 * Intel TDX Module Base Architecture Specification 348549, "Measurement of TD build-time": one
 * SHA-384 over a record for each TDH.MEM.PAGE.ADD and each TDH.MR.EXTEND, in the order in which the
 * VMM made the calls.
 */
#ifndef MEASURE_TDX_MRTD_H
#define MEASURE_TDX_MRTD_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/tdvf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/derive.h"

enum mrtd_order {
	MRTD_SINGLE, /* each page is added, then extended */
	MRTD_TWO,    /* each section's pages are all added, then all extended */
};

/* How a VMM builds the memory. */
struct mrtd_build {
	enum mrtd_order order;
	bool adds_aug; /* PAGE.AUG sections are added like the others, not left to be accepted */
	/*
	 * By section type: what the VMM puts there instead of the image's data, when @given. May be
	 * NULL of 0 bytes; borrowed.
	 */
	struct mrtd_content {
		bool given;
		const void *data;
		size_t len;
	} content[TDVF_TYPES];
};

/*
 * Computes the MRTD of the sections of @image (@len bytes, from which @tdvf was parsed). Memory
 * beyond a section's data is zeros. -EINVAL when given content does not fit its section. @derive
 * may be NULL.
 */
int mrtd_compute(const void *image, size_t len, const struct tdvf *tdvf,
	const struct mrtd_build *build, struct derive *derive, unsigned char ret[SHA384_SIZE],
	struct err *err) MUST_CHECK;

#endif
