/*
 * GUID partition tables: UEFI Specification 2.10, section 5.3. Sectors are 512 bytes.
 *
 *   sector 0              protective MBR
 *   sector 1              header
 *   sectors 2..33         128 entries of 128 bytes
 *   ...                   partitions
 *   last 33 sectors       the entries again, then the header again
 *
 * Partition types of the Discoverable Partitions Specification (UAPI.2): a root file system for
 * x86-64, its dm-verity tree with super block, and the signature of its root hash. Root and tree
 * find each other by their own GUIDs: the first and the last half of the root hash.
 */
#ifndef FORMATS_GPT_H
#define FORMATS_GPT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "lib/guid.h"

#define GPT_SECTOR_SIZE	   512u
#define GPT_PARTITIONS_MAX 128
#define GPT_HEAD_SECTORS   34u
#define GPT_TAIL_SECTORS   33u
#define GPT_HEAD_SIZE	   (GPT_HEAD_SECTORS * GPT_SECTOR_SIZE)
#define GPT_TAIL_SIZE	   (GPT_TAIL_SECTORS * GPT_SECTOR_SIZE)
#define GPT_NAME_MAX	   36

#define GPT_TYPE_ROOT_X86_64		"4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define GPT_TYPE_ROOT_X86_64_VERITY	"2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
#define GPT_TYPE_ROOT_X86_64_VERITY_SIG "41092b05-9fc8-4523-994f-2def0408b176"
#define GPT_TYPE_LINUX			"0fc63daf-8483-4772-8e79-3d69d8477de4"
#define GPT_TYPE_ESP			"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

#define GPT_ATTRIBUTE_READ_ONLY (UINT64_C(1) << 60)

/* An entry in use; unused ones are not listed. */
struct gpt_partition {
	struct guid type;
	struct guid id;
	uint64_t start_sector;
	uint64_t sector_count;
	uint64_t attributes;
	char name[GPT_NAME_MAX + 1]; /* what is not printable ASCII reads as '?' */
};

struct gpt {
	struct guid disk_id;
	size_t count;
	struct gpt_partition partitions[GPT_PARTITIONS_MAX];
};

/* The GUIDs by which a root partition and its dm-verity partition are found for a root hash. */
void gpt_root_ids(
	const unsigned char root_hash[SHA256_SIZE], struct guid *ret_root, struct guid *ret_verity);

/* Writes both tables of a disk of @disk_sectors sectors: its first and its last bytes. Partitions
 * are not checked: gpt_parse is the judge. */
void gpt_format(const struct gpt *gpt, uint64_t disk_sectors, unsigned char head[GPT_HEAD_SIZE],
	unsigned char tail[GPT_TAIL_SIZE]);

/*
 * Reads both tables: @head and @tail are the first GPT_HEAD_SIZE and the last GPT_TAIL_SIZE bytes
 * of a disk of @disk_sectors sectors. Strict: -EBADMSG unless checksums are right, both tables
 * agree, and every partition is where partitions may be and overlaps no other; -ENOTSUP for another
 * revision or size of entries or table. @what names the file in errors.
 */
int gpt_parse(const unsigned char head[GPT_HEAD_SIZE], const unsigned char tail[GPT_TAIL_SIZE],
	uint64_t disk_sectors, const char *what, struct gpt *ret, struct err *err) MUST_CHECK;

/* Appends what firmware measures of a table that gpt_parse has accepted, UEFI_GPT_DATA: the
 * header, a u64 count, the entries in use. */
void gpt_event(const unsigned char head[GPT_HEAD_SIZE], struct buf *ret);

/* The place in the table, from 1, of the @i-th entry in use, from 0; 0 when there is none. */
unsigned gpt_number(const unsigned char head[GPT_HEAD_SIZE], size_t i);

#endif
