/*
 * Which of two DXE drivers starts first, read from the firmware: a driver starts in the round after
 * that in which what it depends on was installed, and within a round in the order of the volume.
 * UEFI Platform Initialization Specification 1.8, volume 2, section 10 (dependency expressions,
 * a priori file, dispatcher).
 *
 * Who is notified of an event depends on it: the handler that was registered last runs first.
 */
#ifndef MEASURE_TDX_DXE_ORDER_H
#define MEASURE_TDX_DXE_ORDER_H

#include <stdbool.h>

#include "formats/ffs.h"
#include "lib/err.h"

/*
 * Whether the driver @a starts before the driver @b, both of @ffs. -ENOTSUP when it cannot be told:
 * a dependency of one of them is on a protocol whose driver is not known.
 */
int dxe_order(const struct ffs *ffs, const struct ffs_file *a, const struct ffs_file *b,
	bool *ret_a_first, struct err *err) MUST_CHECK;

#endif
