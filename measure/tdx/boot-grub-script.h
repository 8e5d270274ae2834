/*
 * Runs a simple grub.cfg: a straight line of set, export, insmod, search --file, echo and menu
 * entries with linux and initrd, everything on the EFI system partition. GNU GRUB 2.12 manual,
 * "Writing full configuration files directly"; grub-core/script, normal.
 */
#ifndef MEASURE_TDX_BOOT_GRUB_SCRIPT_H
#define MEASURE_TDX_BOOT_GRUB_SCRIPT_H

#include <stdbool.h>

#include "formats/grub.h"
#include "lib/buf.h"
#include "measure/tdx/boot-disk.h"

#define BOOT_GRUB_CONFIG_MAX (256u << 10)

/* Appends to @ret what GRUB does, as the list of boot-grub.h. -ENOTSUP, with the line, for
 * everything else that a script can hold. */
int boot_grub_run(const struct boot_disk *disk, const struct grub_image *image, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
