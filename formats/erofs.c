/*
 * EROFS structures, written (erofs.h). All integers are little-endian.
 *
 * Super block, at byte 1024:
 *     0  4  magic                   40  4  metadata area's first block
 *     4  4  checksum                44  4  shared attributes' first block
 *     8  4  compatible features     48 16  UUID
 *    12  1  block size, log2        64 16  volume name
 *    13  1  extension slots         80  4  incompatible features
 *    14  2  nid of the root         84  2  compression
 *    16  8  number of inodes        86  2  extra devices
 *    24  8  build time, s           88  2  device table slot
 *    32  4  build time, ns          90  1  directory block size, log2 over the block size
 *    36  4  blocks                  91 37  later features, zero
 *
 * Inode:  compact (32 bytes)         extended (64 bytes)
 *    0 2  format: bit 0 extended, bits 1..3 layout
 *    2 2  attribute area: 0, or 1 + (its bytes - 12) / 4
 *    4 2  mode
 *    6 2  links                      6 2  zero
 *    8 4  size                       8 8  size
 *   12 4  zero
 *   16 4  first block, or device number
 *   20 4  inode number for 32-bit stat
 *   24 2  uid                       24 4  uid
 *   26 2  gid                       28 4  gid
 *   28 4  zero                      32 8  mtime, s
 *                                   40 4  mtime, ns
 *                                   44 4  links
 *                                   48 16 zero
 *
 * Directory block: entries (8 nid, 2 offset of the name in the block, 1 type, 1 zero), then the
 * names without separators. The first entry's name offset tells the number of entries.
 *
 * Attribute area: 4 name filter (unused: 0), 1 number of shared attributes (0), 7 zero; then
 * entries: 1 length of the name's rest, 1 prefix number, 2 length of the value, the rest, the
 * value, zeros up to a multiple of 4.
 */
#include "formats/erofs.h"

#include <string.h>

#define SUPER_OFF_CHECKSUM 4
#define CRC32C_POLYNOMIAL  0x82f63b78u /* Castagnoli, reflected; RFC 3720 appendix B.4 */

_Static_assert(EROFS_BLOCK_SIZE == 1u << EROFS_BLOCK_SIZE_LOG2, "block size");
_Static_assert((EROFS_SUPER_OFFSET + EROFS_SUPER_SIZE) % EROFS_SLOT_SIZE == 0, "first slot");

/* CRC-32C without the final inversion, as the kernel's crc32c() gives it. */
static uint32_t crc32c(uint32_t crc, const unsigned char *src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= src[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
	}
	return crc;
}

uint32_t erofs_super_checksum(const unsigned char block0[EROFS_BLOCK_SIZE])
{
	static const unsigned char zero[4];
	const unsigned char *super = block0 + EROFS_SUPER_OFFSET;
	uint32_t crc = crc32c(UINT32_MAX, super, SUPER_OFF_CHECKSUM);

	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, super + SUPER_OFF_CHECKSUM + sizeof(zero),
		EROFS_BLOCK_SIZE - EROFS_SUPER_OFFSET - SUPER_OFF_CHECKSUM - sizeof(zero));
}

/* From offset 80 on; the parameters, with their length before them, follow the super block:
 * LZ4: 2 longest distance, 2 blocks of a cluster, 10 zero; Zstandard: 1 zero, 1 window, log2 over 1024,
 * 4 zero. */
static void write_algorithm(struct wr *wr, const struct erofs_super *super)
{
	wr_seek(wr, 80);
	wr_le32(wr, EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_BIG_PCLUSTER);
	wr_le16(wr, (uint16_t)(1u << super->algorithm));
	wr_seek(wr, EROFS_SUPER_SIZE);
	if (super->algorithm == EROFS_LZ4) {
		wr_le16(wr, 14);
		wr_le16(wr, EROFS_LZ4_DISTANCE);
		wr_le16(wr, super->cluster_blocks);
	} else {
		wr_le16(wr, 6);
		wr_u8(wr, 0);
		wr_u8(wr, (uint8_t)(super->window_log2 - 10));
	}
}

void erofs_super_format(const struct erofs_super *super, unsigned char block0[EROFS_BLOCK_SIZE])
{
	struct wr wr = wr_init(block0 + EROFS_SUPER_OFFSET,
		EROFS_SUPER_SIZE + (super->compressed ? EROFS_CONFIG_SIZE : 0));
	struct wr checksum;

	wr_le32(&wr, EROFS_SUPER_MAGIC);
	wr_le32(&wr, 0);
	wr_le32(&wr, EROFS_COMPAT_SB_CHECKSUM | EROFS_COMPAT_MTIME);
	wr_u8(&wr, EROFS_BLOCK_SIZE_LOG2);
	wr_u8(&wr, 0);
	wr_le16(&wr, super->root_nid);
	wr_le64(&wr, super->inode_count);
	wr_le64(&wr, super->build_time);
	wr_le32(&wr, 0);
	wr_le32(&wr, super->blocks);
	wr_le32(&wr, 0);
	wr_le32(&wr, 0);
	wr_bytes(&wr, super->uuid, sizeof(super->uuid));
	if (super->compressed)
		write_algorithm(&wr, super);

	checksum = wr_init(block0 + EROFS_SUPER_OFFSET + SUPER_OFF_CHECKSUM, 4);
	wr_le32(&checksum, erofs_super_checksum(block0));
}

bool erofs_fits_compact(const struct erofs_inode *inode, uint64_t build_time)
{
	return inode->uid <= UINT16_MAX && inode->gid <= UINT16_MAX && inode->nlink <= UINT16_MAX &&
	       inode->size_bytes <= UINT32_MAX && inode->mtime == build_time;
}

/* The kernel's 32-bit device number: minor bits 0..7, major, minor bits 8..19. */
static uint32_t device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* What stands at offset 16. */
static uint32_t inode_place(const struct erofs_inode *inode)
{
	switch (inode->mode & EROFS_MODE_TYPE) {
	case EROFS_MODE_CHR:
	case EROFS_MODE_BLK:
		return device_number(inode->rdev_major, inode->rdev_minor);
	default:
		return inode->start_block;
	}
}

static uint16_t xattr_units(uint32_t xattr_bytes)
{
	if (xattr_bytes == 0)
		return 0;
	return (uint16_t)(1 + (xattr_bytes - EROFS_XATTR_HEADER_SIZE) / 4);
}

static void compact_write(struct wr *wr, const struct erofs_inode *inode)
{
	wr_le16(wr, (uint16_t)inode->nlink);
	wr_le32(wr, (uint32_t)inode->size_bytes);
	wr_le32(wr, 0);
	wr_le32(wr, inode_place(inode));
	wr_le32(wr, inode->ino);
	wr_le16(wr, (uint16_t)inode->uid);
	wr_le16(wr, (uint16_t)inode->gid);
	wr_le32(wr, 0);
}

static void extended_write(struct wr *wr, const struct erofs_inode *inode)
{
	wr_le16(wr, 0);
	wr_le64(wr, inode->size_bytes);
	wr_le32(wr, inode_place(inode));
	wr_le32(wr, inode->ino);
	wr_le32(wr, inode->uid);
	wr_le32(wr, inode->gid);
	wr_le64(wr, inode->mtime);
	wr_le32(wr, 0);
	wr_le32(wr, inode->nlink);
	wr_fill(wr, 0, 16);
}

void erofs_inode_write(struct wr *wr, const struct erofs_inode *inode)
{
	wr_le16(wr, (uint16_t)(inode->extended | (unsigned)inode->layout << 1));
	wr_le16(wr, xattr_units(inode->xattr_bytes));
	wr_le16(wr, inode->mode);
	if (inode->extended)
		extended_write(wr, inode);
	else
		compact_write(wr, inode);
}

#define MAP_START (EROFS_MAP_HEADER_SIZE + 8u) /* an index of full entries begins 8 bytes later */

static uint64_t clusters_of(uint64_t size_bytes)
{
	return size_bytes / EROFS_BLOCK_SIZE + (size_bytes % EROFS_BLOCK_SIZE != 0);
}

uint64_t erofs_map_size(uint64_t size_bytes)
{
	return MAP_START + clusters_of(size_bytes) * EROFS_INDEX_SIZE;
}

void erofs_map_header_write(struct wr *wr, enum erofs_algorithm algorithm)
{
	wr_le32(wr, 0);
	wr_le16(wr, EROFS_ADVISE_BIG_1);
	wr_u8(wr, (uint8_t)algorithm);
	wr_fill(wr, 0, MAP_START - 7);
}

void erofs_index_write(struct wr *wr, uint32_t clusters, uint32_t blocks, uint32_t block)
{
	wr_le16(wr, clusters > 1 ? EROFS_INDEX_HEAD_1 : EROFS_INDEX_PLAIN);
	wr_le16(wr, 0);
	wr_le32(wr, block);
	for (uint32_t i = 1; i < clusters; i++) {
		wr_le16(wr, EROFS_INDEX_NO_HEAD);
		wr_le16(wr, 0);
		wr_le16(wr, (uint16_t)(i > 1 ? i : EROFS_INDEX_BLOCKS | blocks));
		wr_le16(wr, (uint16_t)(clusters - i));
	}
}

static const struct {
	uint16_t mode;
	uint8_t type;
} dirent_types[] = {
	{EROFS_MODE_REG, 1},
	{EROFS_MODE_DIR, 2},
	{EROFS_MODE_CHR, 3},
	{EROFS_MODE_BLK, 4},
	{EROFS_MODE_FIFO, 5},
	{EROFS_MODE_SOCK, 6},
	{EROFS_MODE_LNK, 7},
};

static uint8_t dirent_type(uint16_t mode)
{
	for (size_t i = 0; i < sizeof(dirent_types) / sizeof(dirent_types[0]); i++)
		if (dirent_types[i].mode == (mode & EROFS_MODE_TYPE))
			return dirent_types[i].type;
	return 0;
}

bool erofs_mode_known(uint16_t mode)
{
	return dirent_type(mode) != 0;
}

bool erofs_dirent_mode(uint8_t type, uint16_t *ret)
{
	for (size_t i = 0; i < sizeof(dirent_types) / sizeof(dirent_types[0]); i++)
		if (dirent_types[i].type == type) {
			*ret = dirent_types[i].mode;
			return true;
		}
	return false;
}

size_t erofs_dirent_size(size_t name_len)
{
	return EROFS_DIRENT_SIZE + name_len;
}

size_t erofs_dirblock_format(
	const struct erofs_dirent *entries, size_t n, unsigned char block[EROFS_BLOCK_SIZE])
{
	struct wr wr = wr_init(block, EROFS_BLOCK_SIZE);
	size_t name_at = n * EROFS_DIRENT_SIZE;

	for (size_t i = 0; i < n; i++) {
		wr_le64(&wr, entries[i].nid);
		wr_le16(&wr, (uint16_t)name_at);
		wr_u8(&wr, dirent_type(entries[i].mode));
		wr_u8(&wr, 0);
		name_at += entries[i].name_len;
	}
	for (size_t i = 0; i < n; i++)
		wr_bytes(&wr, entries[i].name, entries[i].name_len);
	return wr.pos;
}

/* Prefixes that stand for a whole name have no dot at their end. */
static const struct {
	const char *prefix;
	uint8_t index;
} xattr_prefixes[] = {
	{"user.", 1},
	{"system.posix_acl_access", 2},
	{"system.posix_acl_default", 3},
	{"trusted.", 4},
	{"security.", 6},
};

int erofs_xattr_split(const char *name, uint8_t *ret_index, const char **ret_rest, struct err *err)
{
	for (size_t i = 0; i < sizeof(xattr_prefixes) / sizeof(xattr_prefixes[0]); i++) {
		size_t len = strlen(xattr_prefixes[i].prefix);
		bool whole = xattr_prefixes[i].prefix[len - 1] != '.';

		if (strncmp(name, xattr_prefixes[i].prefix, len) != 0 ||
			whole != (name[len] == '\0'))
			continue;
		if (strlen(name) > EROFS_NAME_MAX)
			break;
		*ret_index = xattr_prefixes[i].index;
		*ret_rest = name + len;
		return 0;
	}
	return err_fail(err, -EBADMSG, "extended attribute \"%s\" cannot be stored in EROFS", name);
}

const char *erofs_xattr_prefix(uint8_t index)
{
	for (size_t i = 0; i < sizeof(xattr_prefixes) / sizeof(xattr_prefixes[0]); i++)
		if (xattr_prefixes[i].index == index)
			return xattr_prefixes[i].prefix;
	return NULL;
}

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

size_t erofs_xattr_size(size_t rest_len, size_t value_len)
{
	return align4(EROFS_XATTR_ENTRY_SIZE + rest_len + value_len);
}

void erofs_xattr_header_write(struct wr *wr)
{
	wr_fill(wr, 0, EROFS_XATTR_HEADER_SIZE);
}

void erofs_xattr_write(
	struct wr *wr, uint8_t index, const char *rest, const void *value, size_t value_len)
{
	size_t rest_len = strlen(rest);

	wr_u8(wr, (uint8_t)rest_len);
	wr_u8(wr, index);
	wr_le16(wr, (uint16_t)value_len);
	wr_bytes(wr, rest, rest_len);
	wr_bytes(wr, value, value_len);
	wr_align(wr, 4);
}
