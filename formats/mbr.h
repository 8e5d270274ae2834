/*
 * The msdos partition table: one sector with four primary entries, as the "Master boot record" of
 * UEFI Specification 2.10, section 5.2.1 lays it out. Sectors are 512 bytes. Extended partitions
 * are refused.
 */
#ifndef FORMATS_MBR_H
#define FORMATS_MBR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define MBR_SIZE	   512u
#define MBR_SECTOR_SIZE	   512u
#define MBR_PARTITIONS_MAX 4

#define MBR_TYPE_LINUX	    0x83
#define MBR_TYPE_PROTECTIVE 0xee /* the disk has a GPT */

/* An entry; type 0 is an unused one. */
struct mbr_partition {
	uint8_t type;
	bool boot;
	uint32_t start_sector;
	uint32_t sector_count;
};

struct mbr {
	uint32_t disk_signature;
	struct mbr_partition partitions[MBR_PARTITIONS_MAX];
};

/* Writes the sector. Entries are not checked: mbr_parse is the judge. */
void mbr_format(const struct mbr *mbr, unsigned char ret[MBR_SIZE]);

/*
 * Reads the first sector of a disk of @disk_sectors sectors. CHS fields and boot code are ignored.
 * -EBADMSG when there is no signature, an entry is malformed, leaves the disk or overlaps another;
 * -ENOTSUP for an extended partition. @what names the file in errors.
 */
int mbr_parse(const void *sector, size_t len, uint64_t disk_sectors, const char *what,
	struct mbr *ret, struct err *err) MUST_CHECK;

#endif
