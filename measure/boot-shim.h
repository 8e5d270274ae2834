/*
 * What shim measures before it starts the second stage: its key lists. rhboot/shim mok.c, tpm.c,
 * shim.c of 15.7 to 16.1.
 */
#ifndef MEASURE_BOOT_SHIM_H
#define MEASURE_BOOT_SHIM_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/boot-log.h"

/*
 * Adds shim's events of RTMR2: MokList, MokListX and MokListTrusted of a machine without Mok
 * variables. *@ret_loads: it offers to load images for what it starts. -EBADMSG for a malformed image, -ENOTSUP for a shim that is not known or does not
 * measure.
 */
int boot_shim(const void *image, size_t len, struct boot_log *log, bool *ret_loads,
	struct err *err) MUST_CHECK;

#endif
