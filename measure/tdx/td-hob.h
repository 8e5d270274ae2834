/*
 * A TD HOB list that a VMM made, as a file: how far it goes, and whether it names a payload. UEFI
 * Platform Initialization Specification 1.8, volume 3, section 5; td-shim specification, section
 * "TD HOB".
 */
#ifndef MEASURE_TDX_TD_HOB_H
#define MEASURE_TDX_TD_HOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define TD_HOB_MAX (16u << 20) /* bytes of the file */

enum td_hob_payload {
	TD_HOB_EXECUTABLE = 0, /* the one in the image */
	TD_HOB_BZIMAGE = 1,
	TD_HOB_VMLINUX = 2,
};

struct td_hob {
	size_t size_bytes; /* of the list, its end marker included: what td-shim measures */
	bool has_payload;
	uint32_t payload; /* enum td_hob_payload */
};

/*
 * Reads the list at the start of @bytes, which a VMM put at @gpa; what follows its end is ignored.
 * -EBADMSG for a list that td-shim would not take.
 */
int td_hob_parse(const void *bytes, size_t len, uint64_t gpa, struct td_hob *ret,
	struct err *err) MUST_CHECK;

#endif
