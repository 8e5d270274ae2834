/*
 * Unified kernel images: systemd-stub with a kernel, its command line, initrd and names as sections of one PE image, as firmware
 * starts it from an EFI system partition. UAPI Group Specifications, Unified Kernel Image; systemd-stub(7). The order of sections is
 * ukify's: .osrel .cmdline .uname .linux .initrd, and .sbat in the stub's own place.
 */
#ifndef MKIMAGE_KERNEL_UKI_H
#define MKIMAGE_KERNEL_UKI_H

#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/fs/sign-root.h"

#define UKI_STUB_MAX (16u << 20)

/* Everything is borrowed. */
struct uki {
	const struct buf *stub;	  /* linuxx64.efi.stub */
	const struct buf *kernel; /* bzImage with an EFI stub */
	const struct buf *initrd; /* empty: none */
	const struct buf *osrel;  /* os-release(5); empty: none */
	const char *cmdline;
	const char *uname;
	const char *sbat; /* lines of the image's own; NULL: what the specification says */
	const struct sign_root *sign; /* its key and certificate sign the image; NULL: not signed */
};

/* Appends the image. -EBADMSG or -ENOTSUP for a stub or kernel that cannot be used, -EFBIG when the stub has no room. */
int uki_write(const struct uki *uki, struct buf *ret, struct err *err) MUST_CHECK;

#endif
