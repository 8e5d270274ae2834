/*
 * GUID partition tables (gpt.h). Little-endian.
 *
 *   header   0  8  "EFI PART"           entry   0 16  type, zero when unused
 *            8  4  revision 1.0                16 16  the partition's own GUID
 *           12  4  header size, 92             32  8  first sector
 *           16  4  CRC-32 of the header        40  8  last sector
 *           20  4  zero                        48  8  attributes
 *           24  8  this header's sector        56 72  name, UTF-16
 *           32  8  the other header's
 *           40  8  first and 48  8 last usable sector
 *           56 16  GUID of the disk
 *           72  8  first sector of the entries
 *           80  4  entries, 84  4  bytes of each, 88  4  their CRC-32
 */
#include "formats/gpt.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "formats/mbr.h"
#include "lib/buf.h"
#include "lib/rd.h"
#include "lib/wr.h"

#define HEADER_SIZE   92u
#define REVISION      0x00010000u
#define ENTRY_SIZE    128u
#define ENTRIES_SIZE  (GPT_PARTITIONS_MAX * ENTRY_SIZE)
#define ENTRY_SECTORS (ENTRIES_SIZE / GPT_SECTOR_SIZE)
#define OFF_CRC	      16u
#define SECTORS_MIN   (GPT_HEAD_SECTORS + GPT_TAIL_SECTORS)

_Static_assert(2 + ENTRY_SECTORS == GPT_HEAD_SECTORS, "MBR, header, entries");
_Static_assert(1 + ENTRY_SECTORS == GPT_TAIL_SECTORS, "entries, header");
_Static_assert(GPT_SECTOR_SIZE == MBR_SECTOR_SIZE, "one sector size");

static const char signature[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};

/* The GUID whose text form has these bytes from left to right. */
static struct guid guid_of_text(const unsigned char *bytes)
{
	static const unsigned char order[GUID_SIZE] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	struct guid guid;

	for (size_t i = 0; i < GUID_SIZE; i++)
		guid.bytes[i] = bytes[order[i]];
	return guid;
}

void gpt_root_ids(
	const unsigned char root_hash[SHA256_SIZE], struct guid *ret_root, struct guid *ret_verity)
{
	*ret_root = guid_of_text(root_hash);
	*ret_verity = guid_of_text(root_hash + SHA256_SIZE - GUID_SIZE);
}

/* CRC-32 of IEEE 802.3, the one of UEFI section 5.3.2, going on from @crc (0 at first). */
static uint32_t crc32(uint32_t crc, const unsigned char *at, size_t n)
{
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

/* A header's checksum: over @size bytes, its own field taken as zero. */
static uint32_t header_crc(const unsigned char *header, size_t size)
{
	static const unsigned char zero[4];
	uint32_t crc = crc32(0, header, OFF_CRC);

	crc = crc32(crc, zero, sizeof(zero));
	return crc32(crc, header + OFF_CRC + 4, size - OFF_CRC - 4);
}

/* What the two headers of a disk differ in. */
struct place {
	uint64_t own, other, entries;
};

static void header_format(const struct gpt *gpt, const struct place *place, uint64_t disk_sectors,
	uint32_t entries_crc, unsigned char *ret)
{
	struct wr wr = wr_init(ret, GPT_SECTOR_SIZE);

	wr_bytes(&wr, signature, sizeof(signature));
	wr_le32(&wr, REVISION);
	wr_le32(&wr, HEADER_SIZE);
	wr_le32(&wr, 0);
	wr_le32(&wr, 0);
	wr_le64(&wr, place->own);
	wr_le64(&wr, place->other);
	wr_le64(&wr, GPT_HEAD_SECTORS);
	wr_le64(&wr, disk_sectors - GPT_TAIL_SECTORS - 1);
	wr_bytes(&wr, gpt->disk_id.bytes, GUID_SIZE);
	wr_le64(&wr, place->entries);
	wr_le32(&wr, GPT_PARTITIONS_MAX);
	wr_le32(&wr, ENTRY_SIZE);
	wr_le32(&wr, entries_crc);
	wr_seek(&wr, OFF_CRC);
	wr_le32(&wr, header_crc(ret, HEADER_SIZE));
}

static void entries_format(const struct gpt *gpt, unsigned char *ret)
{
	struct wr wr = wr_init(ret, ENTRIES_SIZE);

	for (size_t i = 0; i < gpt->count; i++) {
		const struct gpt_partition *part = &gpt->partitions[i];

		wr_seek(&wr, i * ENTRY_SIZE);
		wr_bytes(&wr, part->type.bytes, GUID_SIZE);
		wr_bytes(&wr, part->id.bytes, GUID_SIZE);
		wr_le64(&wr, part->start_sector);
		wr_le64(&wr, part->start_sector + part->sector_count - 1);
		wr_le64(&wr, part->attributes);
		for (size_t k = 0; part->name[k] != '\0'; k++)
			wr_le16(&wr, (unsigned char)part->name[k]);
	}
}

void gpt_format(const struct gpt *gpt, uint64_t disk_sectors, unsigned char head[GPT_HEAD_SIZE],
	unsigned char tail[GPT_TAIL_SIZE])
{
	uint64_t last = disk_sectors - 1;
	const struct mbr mbr = {
		.partitions = {{.type = MBR_TYPE_PROTECTIVE,
			.start_sector = 1,
			.sector_count = last < UINT32_MAX ? (uint32_t)last : UINT32_MAX}},
	};
	const struct place first = {1, last, 2};
	const struct place second = {last, 1, last - ENTRY_SECTORS};
	uint32_t crc;

	mbr_format(&mbr, head);
	entries_format(gpt, head + 2 * GPT_SECTOR_SIZE);
	memcpy(tail, head + 2 * GPT_SECTOR_SIZE, ENTRIES_SIZE);
	crc = crc32(0, tail, ENTRIES_SIZE);
	header_format(gpt, &first, disk_sectors, crc, head + GPT_SECTOR_SIZE);
	header_format(gpt, &second, disk_sectors, crc, tail + ENTRIES_SIZE);
}

struct header {
	struct guid disk_id;
	uint64_t first_usable, last_usable;
	uint32_t entries_crc;
};

/* Where a table is, for its errors. */
struct table {
	const char *what;
	const char *which; /* "first" or "second" */
	struct place place;
	uint64_t disk_sectors;
};

static int bad_table(const struct table *table, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: byte %" PRIu64 ": the %s GPT header %s", table->what,
		table->place.own * GPT_SECTOR_SIZE, table->which, why);
}

static int header_parse(const struct table *table, const unsigned char *bytes,
	const unsigned char *entries, struct header *ret, struct err *err)
{
	struct rd rd = rd_init(bytes, GPT_SECTOR_SIZE);
	const unsigned char *sign = rd_bytes(&rd, sizeof(signature));
	struct header header = {0};
	uint32_t revision = rd_le32(&rd);
	uint32_t size = rd_le32(&rd);
	uint32_t crc = rd_le32(&rd);
	struct place place;
	uint32_t count, entry_size;

	rd_skip(&rd, 4);
	if (memcmp(sign, signature, sizeof(signature)) != 0)
		return bad_table(table, "has no signature", err);
	if (revision != REVISION || size != HEADER_SIZE)
		return err_fail(err, -ENOTSUP,
			"%s: GPT of revision 0x%" PRIx32 " with a header of %" PRIu32
			" bytes, but only 1.0 with 92 is known",
			table->what, revision, size);
	if (crc != header_crc(bytes, size))
		return bad_table(table, "has a wrong checksum", err);
	place.own = rd_le64(&rd);
	place.other = rd_le64(&rd);
	header.first_usable = rd_le64(&rd);
	header.last_usable = rd_le64(&rd);
	rd_copy(&rd, header.disk_id.bytes, GUID_SIZE);
	place.entries = rd_le64(&rd);
	count = rd_le32(&rd);
	entry_size = rd_le32(&rd);
	header.entries_crc = rd_le32(&rd);
	if (count != GPT_PARTITIONS_MAX || entry_size != ENTRY_SIZE)
		return err_fail(err, -ENOTSUP,
			"%s: GPT with %" PRIu32 " entries of %" PRIu32
			" bytes, but only 128 of 128 are known",
			table->what, count, entry_size);
	if (place.own != table->place.own || place.other != table->place.other)
		return bad_table(table, "is not where it says, or the other one is not", err);
	if (place.entries != table->place.entries)
		return bad_table(table, "has its entries in an unusual place", err);
	if (header.first_usable < GPT_HEAD_SECTORS || header.last_usable < header.first_usable ||
		header.last_usable >= table->disk_sectors - GPT_TAIL_SECTORS)
		return bad_table(table, "allows partitions where the tables are", err);
	if (header.entries_crc != crc32(0, entries, ENTRIES_SIZE))
		return bad_table(table, "has a wrong checksum of the entries", err);
	*ret = header;
	return 0;
}

static int bad_entry(const char *what, size_t i, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: byte %zu: partition %zu of the GPT %s", what,
		2 * GPT_SECTOR_SIZE + i * ENTRY_SIZE, i + 1, why);
}

static void read_name(struct rd *rd, char ret[GPT_NAME_MAX + 1])
{
	for (size_t i = 0; i < GPT_NAME_MAX; i++) {
		uint16_t unit = rd_le16(rd);

		ret[i] = unit >= ' ' && unit < 0x7f ? (char)unit : '?';
		if (unit == 0) {
			ret[i] = '\0';
			return;
		}
	}
	ret[GPT_NAME_MAX] = '\0';
}

static int entry_parse(struct rd rd, const struct header *header, const char *what, size_t i,
	struct gpt *gpt, struct err *err)
{
	static const struct guid unused;
	struct gpt_partition part = {0};
	uint64_t last;

	rd_copy(&rd, part.type.bytes, GUID_SIZE);
	rd_copy(&rd, part.id.bytes, GUID_SIZE);
	part.start_sector = rd_le64(&rd);
	last = rd_le64(&rd);
	part.attributes = rd_le64(&rd);
	if (memcmp(&part.type, &unused, sizeof(unused)) == 0)
		return 0;
	if (part.start_sector < header->first_usable || last > header->last_usable)
		return bad_entry(what, i, "is not where partitions may be", err);
	if (last < part.start_sector)
		return bad_entry(what, i, "ends before it begins", err);
	part.sector_count = last - part.start_sector + 1;
	read_name(&rd, part.name);
	for (size_t k = 0; k < gpt->count; k++) {
		const struct gpt_partition *other = &gpt->partitions[k];

		if (part.start_sector < other->start_sector + other->sector_count &&
			other->start_sector <= last)
			return bad_entry(what, i, "overlaps an earlier one", err);
		if (memcmp(&part.id, &other->id, sizeof(part.id)) == 0)
			return bad_entry(what, i, "has the GUID of an earlier one", err);
	}
	gpt->partitions[gpt->count++] = part;
	return 0;
}

static int check_protective(const unsigned char *head, const struct table *table, struct err *err)
{
	uint64_t last = table->disk_sectors - 1;
	uint32_t covered = last < UINT32_MAX ? (uint32_t)last : UINT32_MAX;
	bool good = true;
	struct mbr mbr;
	int rc = mbr_parse(head, MBR_SIZE, table->disk_sectors, table->what, &mbr, err);

	if (rc != 0)
		return rc;
	good = mbr.partitions[0].type == MBR_TYPE_PROTECTIVE &&
	       mbr.partitions[0].start_sector == 1 && mbr.partitions[0].sector_count == covered;
	for (size_t i = 1; i < MBR_PARTITIONS_MAX; i++)
		good = good && mbr.partitions[i].type == 0;
	if (!good)
		return err_fail(err, -EBADMSG,
			"%s: byte 446: the MBR does not protect the whole disk, and nothing else",
			table->what);
	return 0;
}

int gpt_parse(const unsigned char head[GPT_HEAD_SIZE], const unsigned char tail[GPT_TAIL_SIZE],
	uint64_t disk_sectors, const char *what, struct gpt *ret, struct err *err)
{
	uint64_t last = disk_sectors - 1;
	const struct table first = {what, "first", {1, last, 2}, disk_sectors};
	const struct table second = {what, "second", {last, 1, last - ENTRY_SECTORS}, disk_sectors};
	const unsigned char *entries = head + 2 * GPT_SECTOR_SIZE;
	AUTO_FREE struct gpt *gpt = NULL;
	struct header header, other;
	struct rd rd;
	int rc;

	if (disk_sectors <= SECTORS_MIN)
		return err_fail(err, -EBADMSG, "%s: too small for a GPT", what);
	rc = check_protective(head, &first, err);
	if (rc == 0)
		rc = header_parse(&first, head + GPT_SECTOR_SIZE, entries, &header, err);
	if (rc == 0)
		rc = header_parse(&second, tail + ENTRIES_SIZE, tail, &other, err);
	if (rc != 0)
		return rc;
	if (memcmp(entries, tail, ENTRIES_SIZE) != 0 ||
		memcmp(&header.disk_id, &other.disk_id, sizeof(header.disk_id)) != 0 ||
		header.first_usable != other.first_usable ||
		header.last_usable != other.last_usable)
		return bad_table(&second, "does not agree with the first", err);
	gpt = calloc(1, sizeof(*gpt));
	if (gpt == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	gpt->disk_id = header.disk_id;
	rd = rd_init(entries, ENTRIES_SIZE);
	for (size_t i = 0; rc == 0 && i < GPT_PARTITIONS_MAX; i++)
		rc = entry_parse(
			rd_at(&rd, i * ENTRY_SIZE, ENTRY_SIZE), &header, what, i, gpt, err);
	if (rc == 0)
		*ret = *gpt;
	return rc;
}

static bool entry_used(const unsigned char *entry)
{
	static const unsigned char unused[GUID_SIZE];

	return memcmp(entry, unused, GUID_SIZE) != 0;
}

void gpt_event(const unsigned char head[GPT_HEAD_SIZE], struct buf *ret)
{
	const unsigned char *entries = head + 2 * GPT_SECTOR_SIZE;
	unsigned char count[8];
	struct wr wr = wr_init(count, sizeof(count));
	uint64_t used = 0;

	for (size_t i = 0; i < GPT_PARTITIONS_MAX; i++)
		used += entry_used(entries + i * ENTRY_SIZE);
	wr_le64(&wr, used);
	buf_add(ret, head + GPT_SECTOR_SIZE, HEADER_SIZE);
	buf_add(ret, count, sizeof(count));
	for (size_t i = 0; i < GPT_PARTITIONS_MAX; i++)
		if (entry_used(entries + i * ENTRY_SIZE))
			buf_add(ret, entries + i * ENTRY_SIZE, ENTRY_SIZE);
}

unsigned gpt_number(const unsigned char head[GPT_HEAD_SIZE], size_t i)
{
	const unsigned char *entries = head + 2 * GPT_SECTOR_SIZE;

	for (unsigned slot = 0; slot < GPT_PARTITIONS_MAX; slot++)
		if (entry_used(entries + slot * ENTRY_SIZE) && i-- == 0)
			return slot + 1;
	return 0;
}
