/* What the EFI stub of a Linux kernel measures when a boot loader starts it: Linux
 * drivers/firmware/efi/libstub. */
#ifndef MEASURE_TDX_BOOT_LINUX_H
#define MEASURE_TDX_BOOT_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/tdx/boot-log.h"

struct boot_linux {
	const unsigned char *kernel; /* the bzImage file, borrowed */
	size_t kernel_bytes;
	const char *cmdline;	     /* printable ASCII; NULL: no load options */
	bool without_nul;	     /* the loader does not count the NUL at its end */
	const unsigned char *initrd; /* as the loader hands it over by LoadFile2, borrowed */
	size_t initrd_bytes;	     /* 0: none */
	const char *initrd_unknown;  /* static: why its bytes are not known; NULL: they are */
};

/* Adds the stub's events, none for a kernel that does not measure. -EBADMSG for a kernel without
 * EFI stub, -EINVAL or -ENOTSUP for a command line that it would not take, or take initrds from. */
int boot_linux_stub(
	const struct boot_linux *boot, struct boot_log *log, struct err *err) MUST_CHECK;

#endif
