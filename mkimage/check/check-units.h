/* systemd units before sealing: what boots must be whole. */
#ifndef MKIMAGE_CHECK_CHECK_UNITS_H
#define MKIMAGE_CHECK_CHECK_UNITS_H

#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/tree.h"

/*
 * Checks every unit that can start: those of /etc/systemd/system, default.target, what @append (a command line) names with
 * systemd.unit=, and all that these want or require, drop-ins included. Programs of Exec lines are executable files (unless "-" or a
 * condition on that path excuses them, or they lie where something is mounted at run time), units that are required are there, and
 * enabling links lead to a unit. -EKEYREJECTED naming the unit's file and where it came from. A line is added to @warnings for each
 * unit that one of /etc/systemd/system wants or is ordered by, and that is not there.
 */
int check_units(const struct tree *tree, const char *append, struct buf *warnings,
	struct err *err) MUST_CHECK;

#endif
