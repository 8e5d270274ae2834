/* The golden-measurement document of the C8s CDS and verifier ("image policy", schema_version 1). */
#ifndef MEASURE_GOLDEN_EXPORT_C8S_H
#define MEASURE_GOLDEN_EXPORT_C8S_H

#include <jansson.h>

#include "lib/buf.h"
#include "lib/err.h"

/*
 * Writes the policy of the tuples of one TEE family, "sev-snp" or "tdx", of the golden document @golden. Tuples with
 * equal values appear once, under the first name, because the consumer refuses repetitions. -EINVAL when there is no tuple
 * of that family.
 */
int export_c8s(const json_t *golden, const char *tee, struct buf *ret, struct err *err) MUST_CHECK;

#define EXPORT_C8S_ANY "any"

/*
 * The same, with RTMR3 of tuples that do not pin it: NULL pins it to zeros, which holds while nothing in the guest extends
 * it; EXPORT_C8S_ANY leaves it unchecked; 96 hex digits pin it to them (-EINVAL for anything else).
 */
int export_c8s_rtmr3(const json_t *golden, const char *tee, const char *rtmr3, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
