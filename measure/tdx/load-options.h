/*
 * UEFI boot options: BootOrder and Boot#### as the boot device selection phase of OVMF has them
 * when it starts an operating system. UEFI Specification 2.10, section 3.1; edk2
 * MdeModulePkg/Library/UefiBootManagerLib, OvmfPkg/Library/PlatformBootManagerLib.
 */
#ifndef MEASURE_TDX_LOAD_OPTIONS_H
#define MEASURE_TDX_LOAD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "formats/varstore.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/rtmr.h"

#define LOAD_OPTIONS_MAX 64

#define LOAD_OPTION_ACTIVE   0x00000001u
#define LOAD_OPTION_HIDDEN   0x00000008u
#define LOAD_OPTION_CATEGORY 0x00000100u /* of applications */

struct load_option {
	uint16_t number;
	bool stored;	 /* there is a Boot#### of this number */
	struct buf data; /* EFI_LOAD_OPTION: that variable's bytes */
};

/* In the order of BootOrder. */
struct load_options {
	struct load_option option[LOAD_OPTIONS_MAX];
	size_t count;
	bool boot_next; /* BootNext is stored: its number is not free */
	uint16_t boot_next_number;
};

/* Accepts a zeroed set. */
void load_options_done(struct load_options *options);
#define LOAD_OPTIONS_AUTO __attribute__((cleanup(load_options_done))) struct load_options

/* Reads the options stored in @store into @ret, zeroed. -EBADMSG for variables of a wrong form. */
int load_options_read(
	const struct varstore *store, struct load_options *ret, struct err *err) MUST_CHECK;

/* Appends an option under the lowest number that is free, as the firmware does; @path is a device
 * path without its end, @description is ASCII. */
int load_options_add(struct load_options *options, uint32_t attributes, const char *description,
	const void *path, size_t path_bytes, struct err *err) MUST_CHECK;

/*
 * Adds the applications in the firmware that BDS makes options of and that are not among them yet:
 * the boot manager's menu and, where there is one, the setup. This is all before a kernel that QEMU
 * hands over is started. -ENOTSUP when the firmware does not tell which they are.
 */
int load_options_add_builtin(const struct generation *generation, struct load_options *options,
	struct err *err) MUST_CHECK;

/* Extends @rtmr by BootOrder and each Boot####; by nothing when there are no options. */
int load_options_measure(
	const struct load_options *options, struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
