/*
 * The configuration that a kernel image carries in itself (CONFIG_IKCONFIG, Linux kernel/configs.c: "IKCFG_ST", a gzip
 * member, "IKCFG_ED"), whichever way the image is wrapped: a unified kernel image's .linux section, a bzImage's compressed
 * payload, a plain vmlinux.
 */
#ifndef MKIMAGE_KERNEL_IKCONFIG_H
#define MKIMAGE_KERNEL_IKCONFIG_H

#include <stddef.h>

#include "formats/kconfig.h"
#include "lib/buf.h"
#include "lib/err.h"

#define IKCONFIG_VMLINUX_MAX (512u << 20) /* bytes of a decompressed kernel */

/*
 * The configuration in @image: a kernel, or a .config itself. @what names it in errors. -EBADMSG for what is neither, for a
 * kernel without exactly one configuration; -ENOTSUP for a compression that is not read (bzip2, lzo).
 */
int ikconfig_read(const void *image, size_t len, const char *what, struct kconfig *ret,
	struct err *err) MUST_CHECK;

/* Appends the decompressed payload of a bzImage: an ELF file. */
int ikconfig_vmlinux(const void *bzimage, size_t len, struct buf *ret, struct err *err) MUST_CHECK;

#endif
