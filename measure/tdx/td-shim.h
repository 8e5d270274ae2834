/*
 * Intel TDX registers of a guest that boots td-shim: MRTD by its metadata, RTMR0 and RTMR1 by its own
 * scheme. td-shim specification, section "Measurement and Attestation"; td-shim/src/event_log.rs and
 * td-shim/src/bin/td-shim/main.rs of 0.8.0 and of 2026-08.
 */
#ifndef MEASURE_TDX_TD_SHIM_H
#define MEASURE_TDX_TD_SHIM_H

#include <stdint.h>

#include "lib/err.h"
#include "measure/tdx/tdx.h"

/* What is launched. Strings are borrowed; a zeroed field means "not given". */
struct td_shim_input {
	const char *firmware; /* path of the td-shim image */
	const char *vmm;      /* profile name, as for struct tdx_input */
	const char
		*payload; /* path of a kernel that the VMM loads; NULL: the image's own payload */
	const char *cmdline;   /* without NUL; needs a payload; NULL is the empty one */
	const char *td_hob;    /* path of the VMM's TD HOB list, where it is not computed here */
	const char *release;   /* of td-shim, where registers depend on it */
	uint64_t memory_bytes; /* for RTMR0, where the VMM is a QEMU */
	enum tdx_order order;
	unsigned want; /* as in struct tdx_input */
	struct derive *derive[TDX_REGISTERS];
};

/*
 * Computes MRTD, RTMR0 and RTMR1; td-shim leaves RTMR2 and RTMR3 to what it boots. -EBADMSG for a
 * malformed file, -EINVAL for inputs that contradict one another, -ENOTSUP for an unknown VMM or
 * release, other firmware, or a wanted register that cannot be predicted.
 */
int td_shim_measure(
	const struct td_shim_input *in, struct tdx_registers *ret, struct err *err) MUST_CHECK;

/* The releases whose behaviour differs: NULL-terminated. */
struct td_shim_release {
	const char *name;
	const char *source;
	bool logs_always; /* the payload goes to RTMR1 whatever its section's attributes */
};
const struct td_shim_release *td_shim_releases(void);

#endif
