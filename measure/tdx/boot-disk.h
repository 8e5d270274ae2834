/*
 * RTMR1 and RTMR2 of a boot from a disk: the firmware's own events, the partition table, and what
 * the loader on the EFI system partition measures. edk2 MdeModulePkg/Library/UefiBootManagerLib,
 * SecurityPkg/Library/DxeTpm2MeasureBootLib; the loaders by boot-uki.h, boot-grub.h, boot-shim.h.
 */
#ifndef MEASURE_TDX_BOOT_DISK_H
#define MEASURE_TDX_BOOT_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/fat.h"
#include "formats/gpt.h"
#include "measure/tdx/boot-log.h"
#include "measure/tdx/secureboot.h"

/* A disk image with one EFI system partition, mapped. */
struct boot_disk {
	const char *path; /* borrowed */
	void *bytes;	  /* owned mapping */
	size_t size_bytes;
	struct gpt *gpt; /* owned */
	size_t esp;	 /* which of its partitions */
	struct fat fat;
};

/* Accepts a zeroed disk. */
void boot_disk_done(struct boot_disk *disk);
#define BOOT_DISK_AUTO __attribute__((cleanup(boot_disk_done))) struct boot_disk

/* Opens a disk image: -EBADMSG for a damaged table or system partition, -ENOTSUP when what is
 * started depends on more than the image. @path is borrowed. */
int boot_disk_open(const char *path, struct boot_disk *ret, struct err *err) MUST_CHECK;

/* Appends a file of the system partition, "EFI/BOOT/BOOTX64.EFI", to @ret; -EBADMSG when it is not
 * there. */
int boot_disk_read(const struct boot_disk *disk, const char *path, struct buf *ret,
	struct err *err) MUST_CHECK;

/* Whether there is a file or directory of this name on the system partition. */
int boot_disk_has(
	const struct boot_disk *disk, const char *path, bool *ret, struct err *err) MUST_CHECK;

enum boot_flow {
	BOOT_DIRECT, /* no disk: direct.h */
	BOOT_UKI,
	BOOT_GRUB,
	BOOT_SHIM_GRUB,
};

#define BOOT_FLOW_NAMES ", uki, grub, shim-grub" /* those that boot_flow_find takes, for errors */

/* The flow of this name; false when there is none. */
bool boot_flow_find(const char *name, enum boot_flow *ret);

/* Whether the firmware's FAT driver flushes volumes when boot services are to end
 * (edk2-stable202608): that changes the memory map, so that the first attempt to end them fails,
 * and is measured. -EBADMSG for damaged volumes. */
int boot_disk_flushes(const void *firmware, size_t len, bool *ret, struct err *err) MUST_CHECK;

struct boot_input {
	enum boot_flow flow;
	bool flushes;			     /* as boot_disk_flushes says */
	const char *disk;		     /* path of the image */
	const struct secureboot *secureboot; /* of the firmware; NULL: none */
	/* For GRUB, as boot-grub.h has them. */
	const char *grub_commands;
	const char *const *grub_files;
	size_t grub_file_count;
};

/* Adds all events of the boot to @log, zeroed but for its protocol. */
int boot_disk_log(const struct boot_input *in, struct boot_log *log, struct err *err) MUST_CHECK;

#endif
