/*
 * The setup header of an x86 Linux bzImage: Linux Documentation/arch/x86/boot.rst, boot protocol
 * 2.00 to 2.15.
 */
#ifndef FORMATS_BZIMAGE_H
#define FORMATS_BZIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define BZIMAGE_VERSION_MAX 256

struct bzimage {
	uint16_t protocol;     /* 0x020f is 2.15 */
	uint8_t setup_sectors; /* of 512 bytes, after the boot sector */
	uint8_t loadflags;
	uint16_t xloadflags;	  /* 0 before 2.12 */
	uint32_t initrd_addr_max; /* 0x37ffffff before 2.03 */
	uint32_t cmdline_size;	  /* 255 before 2.06 */
	bool efi_stub;		  /* the file is a PE image too */
	size_t payload_offset;	  /* in the file: the compressed vmlinux */
	size_t payload_size;	  /* inside the file; 0 before 2.08, or when none is there */
	char version
		[BZIMAGE_VERSION_MAX]; /* "6.12.1-cloud (builder) #1 ..."; "" when there is none */
};

#define BZIMAGE_XLF_ABOVE_4G                                                                       \
	0x0002u /* xloadflags: kernel, command line and initrd may lie above 4 GiB */

/* Whether the bytes carry the boot flag and "HdrS". */
bool bzimage_probe(const void *image, size_t len);

/* Parses the setup header; -EBADMSG when the image is no bzImage or its header leaves the file. */
int bzimage_parse(const void *image, size_t len, struct bzimage *ret, struct err *err) MUST_CHECK;

/* What QEMU's loader for -kernel writes into the setup header that firmware reads
 * (hw/i386/x86-common.c, x86_load_linux). */
struct bzimage_patch {
	uint64_t below_4g_bytes; /* guest RAM below 4 GiB */
	uint64_t acpi_bytes;	 /* that the machine type keeps free for ACPI data */
	uint64_t initrd_bytes;	 /* 0: none */
};

/*
 * Applies the patch to @image, which parsed as @bz, in place. -EBADMSG for a kernel that is too old
 * for the high load addresses, -EINVAL when the initrd does not fit below 4 GiB.
 */
int bzimage_patch(void *image, size_t len, const struct bzimage *bz,
	const struct bzimage_patch *patch, struct err *err) MUST_CHECK;

#endif
