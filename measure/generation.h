/*
 * What an OVMF image does when it boots a TD, read from the modules in it and the strings in them
 * rather than from a version number that distributions patch underneath.
 */
#ifndef MEASURE_GENERATION_H
#define MEASURE_GENERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* Where the command line gets the reference to the initrd. */
enum generation_initrd {
	GENERATION_INITRD_UNKNOWN,
	GENERATION_INITRD_LAST,	 /* "<cmdline> initrd=initrd" */
	GENERATION_INITRD_FIRST, /* "initrd=initrd <cmdline>", edk2-stable202508 */
};

struct generation {
	bool cc_measurement; /* TdTcg2Dxe is there: RTMRs are extended at all */
	bool direct_boot;    /* QemuKernelLoaderFsDxe is there */
	bool named_blobs;    /* prefers fw_cfg etc/boot/kernel, edk2-stable202502 */
	bool separators;  /* one to each of RTMR0 and RTMR1, edk2-stable202411; false: not known */
	bool late_events; /* fw_cfg items and SMBIOS go to RTMR0, edk2-stable202505 */
	bool ui_app;	  /* has the UiApp that BDS makes Boot0000 of */
	bool secure_boot; /* built with Secure Boot, keys enrolled or not */
	enum generation_initrd initrd;
	const char *name; /* static: "edk2-stable202502", the oldest with these traits */
};

/* Derives the generation from a firmware image; -EBADMSG when its volumes are damaged, -ENOTSUP
 * when parts of it cannot be read. */
int generation_detect(
	const void *image, size_t len, struct generation *ret, struct err *err) MUST_CHECK;

#endif
