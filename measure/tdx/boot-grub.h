/*
 * What GRUB measures from its start to the kernel's: commands, the files it opens, the kernel's
 * command line. GNU GRUB 2.12 grub-core/commands/tpm.c, kern/verifiers.c, script/execute.c,
 * lib/cmdline.c, loader/efi/linux.c; the peimage module of Debian and Ubuntu.
 *
 * What GRUB does is given as a list, or found out by running a simple grub.cfg
 * (boot-grub-script.h):
 *   grub_cmd: TEXT         a command with its words, as the log has it; \n, \t and \\ are escapes
 *   kernel_cmdline: TEXT   the same for these two
 *   module_cmdline: TEXT
 *   file: NAME             a file that GRUB opens, "(hd0,gpt1)/vmlinuz" or "/vmlinuz"
 *   image: NAME            an image that GRUB has the firmware load
 * Empty lines, and lines that start with "#", say nothing.
 */
#ifndef MEASURE_TDX_BOOT_GRUB_H
#define MEASURE_TDX_BOOT_GRUB_H

#include <stddef.h>

#include "measure/tdx/boot-disk.h"
#include "measure/tdx/boot-log.h"
#include "measure/tdx/boot-shim.h"

#define BOOT_GRUB_LIST_MAX (1u << 20) /* bytes */

struct boot_grub_input {
	const struct boot_disk *disk;
	const void *image; /* the GRUB image that was started, borrowed */
	size_t len;
	const struct boot_shim *shim; /* that started it; NULL: the firmware did */
	/* Secure Boot is enforced, by shim for the kernel: these let it start. NULL: it is not. */
	const struct secureboot *secureboot;
	const char *commands; /* path of the list; NULL: grub.cfg on the system partition is run */
	/* "NAME=PATH": files of this machine that GRUB finds under a name. Other names are of the
	 * system partition. */
	const char *const *files;
	size_t file_count;
};

/* Adds the events of GRUB and of the kernel it starts. -ENOTSUP for a GRUB that does not
 * measure, and for what is not known to be predicted; -EBADMSG for a malformed list or a file
 * that is missing. */
int boot_grub(const struct boot_grub_input *in, struct boot_log *log, struct err *err) MUST_CHECK;

#endif
