/*
 * The TD HOB list: what QEMU tells TDVF about memory, and what TDVF measures first into RTMR0.
 * UEFI Platform Initialization Specification 1.8, volume 3, section 5; QEMU hw/i386/tdvf-hob.c.
 */
#ifndef MEASURE_TDX_HOB_H
#define MEASURE_TDX_HOB_H

#include <stdint.h>

#include "formats/tdvf.h"
#include "lib/buf.h"
#include "lib/err.h"

/*
 * Appends the list without its end marker, as it is measured, for a guest with @memory_bytes of
 * which @low_bytes lie below 4 GiB. -EINVAL when the sections that firmware needs lie outside that
 * memory.
 */
int hob_build(const struct tdvf *tdvf, uint64_t memory_bytes, uint64_t low_bytes, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
