/*
 * RTMR1 and RTMR2 of a direct boot: the VMM hands a kernel, an initrd and a command line to OVMF
 * through fw_cfg, and OVMF starts the kernel's EFI stub. edk2 OvmfPkg/Library/X86QemuLoadImageLib,
 * OvmfPkg/Tcg/TdTcg2Dxe; Linux drivers/firmware/efi/libstub.
 */
#ifndef MEASURE_TDX_DIRECT_H
#define MEASURE_TDX_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/profile-tdx.h"
#include "measure/tdx/rtmr.h"

struct direct_boot {
	const struct tdx_vmm *vmm;
	const struct generation *generation;
	const unsigned char *kernel; /* the bzImage file, borrowed */
	size_t kernel_bytes;
	uint64_t initrd_bytes;			  /* 0: no initrd */
	unsigned char initrd_sha384[SHA384_SIZE]; /* of the initrd */
	const char *cmdline;			  /* printable ASCII */
	uint64_t memory_bytes;			  /* of the guest; 0: not known */
	bool secure_boot;			  /* the firmware enforces Secure Boot */
};

/*
 * Checks what both registers need: a firmware that measures and boots directly, a VMM whose ways
 * are known, a kernel with an EFI stub and a command line that it takes. -ENOTSUP where a
 * prediction would be a guess, -EBADMSG for a bad kernel.
 */
int direct_check(const struct direct_boot *boot, struct err *err) MUST_CHECK;

/* Whether the firmware gets a kernel whose setup header the VMM rewrote. */
bool direct_kernel_patched(const struct direct_boot *boot);

/* The kernel's Authenticode digest as the firmware measures it into RTMR1. -ENOTSUP when it
 * depends on what is not known. */
int direct_kernel_digest(
	const struct direct_boot *boot, unsigned char ret[SHA384_SIZE], struct err *err) MUST_CHECK;

/* Extends @rtmr by all events of RTMR1. */
int direct_rtmr1(const struct direct_boot *boot, struct rtmr *rtmr, struct err *err) MUST_CHECK;

/* Extends @rtmr by all events of RTMR2; -ENOTSUP for a kernel that would not measure. */
int direct_rtmr2(const struct direct_boot *boot, struct rtmr *rtmr, struct err *err) MUST_CHECK;

/* Appends the load options as the EFI stub measures them: UTF-16LE with a NUL, or nothing when
 * they are empty. */
int direct_load_options(
	const struct direct_boot *boot, struct buf *ret, struct err *err) MUST_CHECK;

#endif
