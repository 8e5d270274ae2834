/*
 * MRTD: the digest of a TD's initial memory, as the TDX module accumulates it.
 * Intel TDX Module Base Architecture Specification 348549, "Measurement of TD build-time": one
 * SHA-384 over a record for each TDH.MEM.PAGE.ADD and each TDH.MR.EXTEND, in the order in which the
 * VMM made the calls.
 */
#ifndef MEASURE_MRTD_H
#define MEASURE_MRTD_H

#include <stddef.h>

#include "formats/tdvf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/derive.h"

enum mrtd_order {
	MRTD_SINGLE, /* each page is added, then extended */
	MRTD_TWO,    /* each section's pages are all added, then all extended */
};

/*
 * Computes the MRTD of the sections of @image (@len bytes, from which @tdvf was parsed). Memory
 * beyond a section's data is zeros; PAGE.AUG sections are not part of it. @derive may be NULL.
 */
int mrtd_compute(const void *image, size_t len, const struct tdvf *tdvf, enum mrtd_order order,
	struct derive *derive, unsigned char ret[SHA384_SIZE], struct err *err) MUST_CHECK;

#endif
