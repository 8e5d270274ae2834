/*
 * What an OVMF image does when it boots a TD, read from the modules in it and the strings in them
 * rather than from a version number that distributions patch underneath.
 */
#ifndef MEASURE_TDX_GENERATION_H
#define MEASURE_TDX_GENERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/ffs.h"
#include "lib/err.h"
#include "lib/guid.h"

/* Where the command line gets the reference to the initrd. */
enum generation_initrd {
	GENERATION_INITRD_UNKNOWN,
	GENERATION_INITRD_LAST,	 /* "<cmdline> initrd=initrd" */
	GENERATION_INITRD_FIRST, /* "initrd=initrd <cmdline>", edk2-stable202508 */
};

/* Where the separator goes that is measured when an operating system is about to be started. */
enum generation_separators {
	GENERATION_SEPARATORS_UNKNOWN,
	GENERATION_SEPARATORS_BOTH,  /* to RTMR1: one in each of them, edk2-stable202411 */
	GENERATION_SEPARATORS_RTMR0, /* to RTMR0, which has one already; none in RTMR1 */
};

/* When the SMBIOS tables go to RTMR0. */
enum generation_smbios {
	GENERATION_SMBIOS_NONE,
	GENERATION_SMBIOS_BEFORE,  /* the boot variables */
	GENERATION_SMBIOS_AFTER,   /* them */
	GENERATION_SMBIOS_UNKNOWN, /* one of the two */
};

/* An application in the firmware for which BDS makes a boot option. */
struct generation_app {
	bool present;
	struct guid volume, file;
	char name[FFS_NAME_MAX];
};

#define GENERATION_BIOS_STRING_MAX 64
#define GENERATION_BIOS_SIZE	   26

/* The SMBIOS structure that the firmware adds for itself (type 0), and its strings. */
struct generation_bios {
	bool known;
	unsigned char fixed[GENERATION_BIOS_SIZE]; /* with its header */
	char vendor[GENERATION_BIOS_STRING_MAX];
	char version[GENERATION_BIOS_STRING_MAX];
	char date[GENERATION_BIOS_STRING_MAX];
};

struct generation {
	bool cc_measurement; /* TdTcg2Dxe is there: RTMRs are extended at all */
	bool direct_boot;    /* QemuKernelLoaderFsDxe is there */
	bool named_blobs;    /* prefers fw_cfg etc/boot/kernel, edk2-stable202502 */
	bool acpi;	     /* ACPI tables go to RTMR0, edk2-stable202302 */
	bool fw_cfg;	     /* fw_cfg items go to RTMR0, edk2-stable202505 */
	bool no_legacy;	     /* refuses kernels it does not trust in a TD, edk2-stable202511 */
	bool image_vars;     /* boot options stored in the image count without Secure Boot too */
	bool outside_vars;   /* variables are kept by the VMM, edk2-stable202505 */
	bool secure_boot;    /* built with Secure Boot, keys enrolled or not */
	enum generation_separators separators;
	enum generation_smbios smbios;
	enum generation_initrd initrd;
	bool menu_known;	     /* which application is the boot manager's menu */
	struct generation_app menu;  /* that, when it is in the firmware */
	struct generation_app setup; /* "EFI Firmware Setup", edk2-stable202505 */
	struct generation_bios bios;
	const char *name; /* static: "edk2-stable202502", the oldest with these traits */
};

/* Derives the generation from a firmware image; -EBADMSG when its volumes are damaged, -ENOTSUP
 * when parts of it cannot be read. */
int generation_detect(
	const void *image, size_t len, struct generation *ret, struct err *err) MUST_CHECK;

/*
 * Takes what a firmware does not tell from an edk2 release, "202408". -EINVAL for a release that is
 * not known, or when the firmware tells that itself.
 */
int generation_declare(
	const char *release, struct generation *generation, struct err *err) MUST_CHECK;

#endif
