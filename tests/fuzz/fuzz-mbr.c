/* The msdos label: what is accepted lies on the disk, does not overlap, and is the same when
 * written and read again. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/mbr.h"

#define DISK_SECTORS (UINT64_C(1) << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char sector[MBR_SIZE];
	struct mbr mbr, again;
	struct err err = {0};

	if (mbr_parse(data, size, DISK_SECTORS, "input", &mbr, &err) != 0) {
		if (err.code >= 0 || err.msg[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < MBR_PARTITIONS_MAX; i++) {
		const struct mbr_partition *part = &mbr.partitions[i];

		if ((uint64_t)part->start_sector + part->sector_count > DISK_SECTORS)
			abort();
	}
	mbr_format(&mbr, sector);
	if (mbr_parse(sector, sizeof(sector), DISK_SECTORS, "output", &again, &err) != 0 ||
		again.disk_signature != mbr.disk_signature)
		abort();
	for (size_t i = 0; i < MBR_PARTITIONS_MAX; i++)
		if (again.partitions[i].type != mbr.partitions[i].type ||
			again.partitions[i].boot != mbr.partitions[i].boot ||
			again.partitions[i].start_sector != mbr.partitions[i].start_sector ||
			again.partitions[i].sector_count != mbr.partitions[i].sector_count)
			abort();
	return 0;
}
