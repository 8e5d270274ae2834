/*
 * Unified kernel images: a PE image of systemd-stub with the kernel, its command line and initrds
 * as sections. systemd src/boot (stub.c, linux.c, measure.c, cpio.c), src/fundamental/uki.c.
 */
#ifndef MEASURE_TDX_BOOT_UKI_H
#define MEASURE_TDX_BOOT_UKI_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/pe.h"
#include "measure/tdx/boot-log.h"

/* Whether the image has a .linux section. */
bool boot_uki_probe(const struct pe *pe);

/*
 * Adds what is measured from the moment at which the UKI in @image has been loaded: the sections,
 * the kernel inside, its command line and initrd. The boot hands over no load options, and no files
 * lie beside the UKI. @secure_boot: firmware enforces it, and lets the UKI start. -EBADMSG for a
 * malformed image, -ENOTSUP for a stub of unknown version or sections whose use is not known.
 */
int boot_uki(const void *image, size_t len, bool secure_boot, struct boot_log *log,
	struct err *err) MUST_CHECK;

#endif
