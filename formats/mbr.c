/*
 * The msdos partition table (mbr.h).
 *
 *   offset size
 *      0   440  boot code, zero
 *    440     4  disk signature
 *    444     2  zero
 *    446    64  four entries of 16:  0 1 boot indicator (0x80 or 0)
 *                                    1 3 first sector as CHS, 4 1 type, 5 3 last sector as CHS
 *                                    8 4 first sector, 12 4 number of sectors
 *    510     2  0xaa55
 */
#include "formats/mbr.h"

#include <inttypes.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define OFF_DISK_SIGNATURE 440
#define OFF_ENTRIES	   446
#define OFF_SIGNATURE	   510
#define ENTRY_SIZE	   16
#define SIGNATURE	   0xaa55
#define BOOT_INDICATOR	   0x80

_Static_assert(OFF_ENTRIES + MBR_PARTITIONS_MAX * ENTRY_SIZE == OFF_SIGNATURE, "four entries");
_Static_assert(OFF_SIGNATURE + 2 == MBR_SIZE, "the signature ends the sector");

/* Head 254, sector 63, cylinder 1023: beyond what CHS can say, look at the sector numbers. */
static const unsigned char chs_use_lba[3] = {0xfe, 0xff, 0xff};

static const uint8_t extended_types[] = {0x05, 0x0f, 0x85};

void mbr_format(const struct mbr *mbr, unsigned char ret[MBR_SIZE])
{
	struct wr wr = wr_init(ret, MBR_SIZE);

	wr_seek(&wr, OFF_DISK_SIGNATURE);
	wr_le32(&wr, mbr->disk_signature);
	for (size_t i = 0; i < MBR_PARTITIONS_MAX; i++) {
		const struct mbr_partition *part = &mbr->partitions[i];

		wr_seek(&wr, OFF_ENTRIES + i * ENTRY_SIZE);
		if (part->type == 0)
			continue;
		wr_u8(&wr, part->boot ? BOOT_INDICATOR : 0);
		wr_bytes(&wr, chs_use_lba, sizeof(chs_use_lba));
		wr_u8(&wr, part->type);
		wr_bytes(&wr, chs_use_lba, sizeof(chs_use_lba));
		wr_le32(&wr, part->start_sector);
		wr_le32(&wr, part->sector_count);
	}
	wr_seek(&wr, OFF_SIGNATURE);
	wr_le16(&wr, SIGNATURE);
}

static int bad_entry(const char *what, size_t i, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: byte %zu: partition %zu of the MBR %s", what,
		OFF_ENTRIES + i * ENTRY_SIZE, i + 1, why);
}

static int parse_entry(struct rd rd, const char *what, size_t i, uint64_t disk_sectors,
	struct mbr_partition *ret, struct err *err)
{
	struct mbr_partition part = {0};
	uint8_t boot = rd_u8(&rd);

	rd_skip(&rd, sizeof(chs_use_lba));
	part.type = rd_u8(&rd);
	rd_skip(&rd, sizeof(chs_use_lba));
	part.start_sector = rd_le32(&rd);
	part.sector_count = rd_le32(&rd);
	part.boot = boot == BOOT_INDICATOR;
	if (boot != 0 && boot != BOOT_INDICATOR)
		return bad_entry(what, i, "has an invalid boot indicator", err);
	for (size_t k = 0; k < sizeof(extended_types); k++)
		if (part.type == extended_types[k])
			return err_fail(err, -ENOTSUP,
				"%s: byte %zu: partition %zu of the MBR is an extended one, which "
				"is not supported",
				what, OFF_ENTRIES + i * ENTRY_SIZE, i + 1);
	if (part.type == 0) {
		if (part.boot || part.start_sector != 0 || part.sector_count != 0)
			return bad_entry(what, i, "has no type but is not empty", err);
		*ret = part;
		return 0;
	}
	if (part.start_sector == 0 || part.sector_count == 0)
		return bad_entry(what, i, "is empty or covers the MBR itself", err);
	if ((uint64_t)part.start_sector + part.sector_count > disk_sectors)
		return bad_entry(what, i, "ends behind the end of the disk", err);
	*ret = part;
	return 0;
}

static bool overlap(const struct mbr_partition *a, const struct mbr_partition *b)
{
	return a->type != 0 && b->type != 0 &&
	       a->start_sector < (uint64_t)b->start_sector + b->sector_count &&
	       b->start_sector < (uint64_t)a->start_sector + a->sector_count;
}

int mbr_parse(const void *sector, size_t len, uint64_t disk_sectors, const char *what,
	struct mbr *ret, struct err *err)
{
	struct rd rd = rd_init(sector, len);
	struct rd end = rd_at(&rd, OFF_SIGNATURE, MBR_SIZE - OFF_SIGNATURE);
	struct rd signature = rd_at(&rd, OFF_DISK_SIGNATURE, 4);
	struct mbr mbr = {0};

	if (rd_le16(&end) != SIGNATURE)
		return err_fail(
			err, -EBADMSG, "%s: byte %d: no MBR signature", what, OFF_SIGNATURE);
	mbr.disk_signature = rd_le32(&signature);
	for (size_t i = 0; i < MBR_PARTITIONS_MAX; i++) {
		int rc = parse_entry(rd_at(&rd, OFF_ENTRIES + i * ENTRY_SIZE, ENTRY_SIZE), what, i,
			disk_sectors, &mbr.partitions[i], err);

		if (rc != 0)
			return rc;
		for (size_t k = 0; k < i; k++)
			if (overlap(&mbr.partitions[k], &mbr.partitions[i]))
				return bad_entry(what, i, "overlaps an earlier one", err);
	}
	*ret = mbr;
	return 0;
}
