/*
 * EFI system partitions with one image to start: a FAT32 with EFI/BOOT/BOOTX64.EFI, which firmware takes when nothing else tells it
 * (UEFI Specification 2.10, section 3.5.1.1).
 */
#ifndef MKIMAGE_FS_ESP_H
#define MKIMAGE_FS_ESP_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

struct esp {
	uint32_t volume_id;
	uint64_t timestamp;    /* seconds since the epoch */
	uint64_t size_bytes;   /* esp_size() at least */
	uint64_t first_sector; /* of its disk */
};

/* The least size for an image of @len bytes, a whole MiB. -EFBIG. */
int esp_size(size_t len, uint64_t *ret, struct err *err) MUST_CHECK;

/* Appends the partition that holds @image. */
int esp_write(const struct esp *esp, const struct buf *image, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
