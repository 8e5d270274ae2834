/*
 * Reading ext4 (ext4-read.h). All integers are little-endian.
 *
 * Super block, at byte 1024:
 *   0x00 4 inodes          0x38 2 magic              0xfe  2 group descriptor size (64 bit)
 *   0x04 4 blocks          0x58 2 inode size         0x150 4 blocks, high
 *   0x14 4 first block     0x60 4 incompatible features
 *   0x18 4 block size, log2 over 1024
 *   0x20 4 blocks and 0x28 4 inodes in a group
 * Group descriptors follow in the next block: 0x08 4 inode table, 0x28 4 the same, high.
 * Inode:
 *   0x00 2 mode            0x1a 2 links              0x6c 4 size, high
 *   0x02 2 uid             0x20 4 flags              0x76 2 attribute block, high
 *   0x04 4 size            0x28 60 extents, target or device   0x78 2 uid, 0x7a 2 gid, high
 *   0x10 4 mtime           0x68 4 attribute block    0x80 2 bytes beyond 128 that are used
 *   0x18 2 gid                                       0x88 4 mtime: bits 0..1 are its bits 32..33
 * Extents: 2 magic, 2 entries, 2 room, 2 depth, 4; then 12 bytes each, of a leaf: 4 first block in the
 * file, 2 length (above 32768: unwritten), 2 high, 4 low; of an index: 4 first block, 4 low, 2 high, 2.
 * Directory entries: 4 inode, 2 length, 1 length of the name, 1 type, name.
 * Attributes: 1 length of the name, 1 prefix, 2 offset of the value, 4 inode of the value, 4 size,
 * 4 hash, name; up to four zeros. In an inode a magic number comes before them, in a block 32 bytes.
 * POSIX ACLs: 4 version (1); entries of 2 tag, 2 permissions, and 4 id of a named user or group. System
 * calls have version 2, and an id in every entry.
 */
#define _GNU_SOURCE
#include "formats/ext4-read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wr.h"

#define SUPER_OFF	   1024u
#define SUPER_SIZE	   1024u
#define SUPER_MAGIC	   0xef53u
#define FEATURE_FILETYPE   0x2u
#define FEATURE_RECOVER	   0x4u
#define FEATURE_64BIT	   0x80u
/* File types, extents, 64 bit, multiple mount protection, flexible groups, attributes in inodes (refused
 * where they are used), the checksums' seed, large directories. */
#define FEATURES_KNOWN	   (0x2u | 0x40u | 0x80u | 0x100u | 0x200u | 0x400u | 0x2000u | 0x4000u)
#define INODE_SIZE_MIN	   128u
#define FLAG_EXTENTS	   0x80000u
/* Compressed, encrypted, inline data, folded case. */
#define FLAGS_REFUSED	   (0x4u | 0x800u | 0x10000000u | 0x40000000u)
#define EXTENT_MAGIC	   0xf30au
#define EXTENT_HEAD	   12u
#define EXTENT_SIZE	   12u
#define EXTENT_DEPTH_MAX   5u
#define EXTENT_UNWRITTEN   32768u
#define EXTENT_NODES_MAX   (1u << 16)
#define FAST_SYMLINK	   60u
#define ACL_STORED_VERSION 1u
#define ACL_SHOWN_VERSION  2u
#define ACL_SHOWN_ENTRY	   8u
#define ACL_USER	   2u
#define ACL_GROUP	   8u
#define DIRENT_HEAD	   8u
#define XATTR_MAGIC	   0xea020000u
#define XATTR_HEAD	   16u
#define XATTR_BLOCK_HEAD   32u
#define MODE_TYPE	   0170000u
#define MODE_CHR	   0020000u
#define MODE_BLK	   0060000u
#define MODE_LNK	   0120000u
#define MODE_REG	   0100000u
#define MODE_DIR	   0040000u

static int read_super(struct rd all, struct ext4_image *image, struct err *err)
{
	struct rd rd = rd_at(&all, SUPER_OFF, SUPER_SIZE), magic = rd_at(&rd, 0x38, 2);
	uint32_t first_block, log_size, blocks_per_group, features;

	if (rd_le16(&magic) != SUPER_MAGIC || magic.bad)
		return err_fail(err, -EBADMSG, "%s: byte %u: no ext4 super block", image->what,
			SUPER_OFF + 0x38);
	image->inodes = rd_le32(&rd);
	image->blocks = rd_le32(&rd);
	rd_seek(&rd, 0x14);
	first_block = rd_le32(&rd);
	log_size = rd_le32(&rd);
	rd_seek(&rd, 0x20);
	blocks_per_group = rd_le32(&rd);
	rd_seek(&rd, 0x28);
	image->inodes_per_group = rd_le32(&rd);
	rd_seek(&rd, 0x58);
	image->inode_bytes = rd_le16(&rd);
	rd_seek(&rd, 0x60);
	features = rd_le32(&rd);
	rd_seek(&rd, 0xfe);
	image->desc_bytes = (features & FEATURE_64BIT) != 0 ? rd_le16(&rd) : 32;
	rd_seek(&rd, 0x150);
	if ((features & FEATURE_64BIT) != 0)
		image->blocks |= (uint64_t)rd_le32(&rd) << 32;
	if ((features & FEATURE_RECOVER) != 0)
		return err_fail(err, -ENOTSUP,
			"%s: its journal must be played back first, it was not unmounted",
			image->what);
	if ((features & ~FEATURES_KNOWN) != 0 || (features & FEATURE_FILETYPE) == 0)
		return err_fail(err, -ENOTSUP,
			"%s: ext4 with features 0x%x, which are not supported", image->what,
			features);
	if (log_size > 2)
		return err_fail(err, -ENOTSUP,
			"%s: ext4 with blocks of 2^%u bytes, only 1024 to 4096 are supported",
			image->what, log_size < 100 ? log_size + 10 : log_size);
	image->block_bytes = 1024u << log_size;
	image->desc_off = ((uint64_t)first_block + 1) * image->block_bytes;
	if (blocks_per_group == 0 || image->inodes_per_group == 0 ||
		image->inode_bytes < INODE_SIZE_MIN || image->inode_bytes > image->block_bytes ||
		image->desc_bytes < 32 || image->desc_bytes > image->block_bytes ||
		image->blocks == 0 || image->blocks > all.len / image->block_bytes)
		return err_fail(err, -EBADMSG, "%s: an ext4 super block out of range", image->what);
	return 0;
}

int ext4_open(
	const void *bytes, size_t len, const char *what, struct ext4_image *ret, struct err *err)
{
	struct rd all = rd_init(bytes, len);
	struct ext4_image image = {.what = what};
	int rc = read_super(all, &image, err);

	if (rc != 0)
		return rc;
	image.rd = rd_at(&all, 0, image.blocks * image.block_bytes);
	*ret = image;
	return 0;
}

static int bad(const struct ext4_image *image, uint64_t ino, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: ext4 inode %" PRIu64 ": %s", image->what, ino, why);
}

static int find_inode(const struct ext4_image *image, uint64_t ino, uint64_t *ret, struct err *err)
{
	uint64_t group = (ino - 1) / image->inodes_per_group, table;
	struct rd desc;

	if (ino == 0 || ino > image->inodes)
		return bad(image, ino, "no such inode", err);
	desc = rd_at(&image->rd, image->desc_off + group * image->desc_bytes, image->desc_bytes);
	rd_seek(&desc, 8);
	table = rd_le32(&desc);
	if (image->desc_bytes >= 64) {
		rd_seek(&desc, 0x28);
		table |= (uint64_t)rd_le32(&desc) << 32;
	}
	if (desc.bad || table >= image->blocks)
		return bad(image, ino, "outside of the image", err);
	*ret = table * image->block_bytes +
	       (ino - 1) % image->inodes_per_group * (uint64_t)image->inode_bytes;
	return 0;
}

/* From offset 0x28 on, in the first two words. */
static void read_device(struct rd rd, struct ext4_node *node)
{
	uint32_t old, wide;

	rd_seek(&rd, 0x28);
	old = rd_le32(&rd);
	wide = rd_le32(&rd);
	node->rdev_major = old != 0 ? old >> 8 & 0xff : wide >> 8 & 0xfff;
	node->rdev_minor = old != 0 ? old & 0xff : (wide & 0xff) | (wide >> 12 & ~0xffu);
}

static void read_times(const struct ext4_image *image, struct rd rd, struct ext4_node *node)
{
	uint16_t extra = 0;
	uint32_t low, high = 0;

	rd_seek(&rd, 0x10);
	low = rd_le32(&rd);
	if (image->inode_bytes > INODE_SIZE_MIN) {
		rd_seek(&rd, 0x80);
		extra = rd_le16(&rd);
	}
	if (extra >= 0x8c - 0x80) {
		rd_seek(&rd, 0x88);
		high = rd_le32(&rd) & 3;
	}
	/* The low half is signed. */
	if ((low & 0x80000000u) == 0)
		node->mtime = (uint64_t)high << 32 | low;
	else
		node->mtime = high > 0 ? ((uint64_t)high << 32) - (0x100000000u - low) : 0;
}

static bool is_type(const struct ext4_node *node, unsigned type)
{
	return (node->mode & MODE_TYPE) == type;
}

static bool has_data(const struct ext4_node *node)
{
	return is_type(node, MODE_REG) || is_type(node, MODE_DIR) || is_type(node, MODE_LNK);
}

static int check_node(const struct ext4_image *image, const struct ext4_node *node, struct err *err)
{
	if ((node->flags & FLAGS_REFUSED) != 0)
		return err_fail(err, -ENOTSUP,
			"%s: ext4 inode %" PRIu32 " has flags 0x%x, which are not supported",
			image->what, node->ino, node->flags);
	if (is_type(node, MODE_LNK) &&
		(node->size_bytes == 0 || node->size_bytes > EXT4_SYMLINK_MAX))
		return bad(image, node->ino, "a symbolic link of an impossible length", err);
	if (is_type(node, MODE_DIR) && node->size_bytes % image->block_bytes != 0)
		return bad(image, node->ino, "a directory of no whole blocks", err);
	return 0;
}

int ext4_node_read(
	const struct ext4_image *image, uint64_t ino, struct ext4_node *ret, struct err *err)
{
	struct ext4_node node = {.ino = (uint32_t)ino};
	int rc = find_inode(image, ino, &node.off, err);
	struct rd rd = rd_at(&image->rd, node.off, image->inode_bytes);
	struct rd whole = rd;

	if (rc != 0)
		return rc;
	node.mode = rd_le16(&rd);
	node.uid = rd_le16(&rd);
	node.size_bytes = rd_le32(&rd);
	rd_seek(&rd, 0x18);
	node.gid = rd_le16(&rd);
	node.nlink = rd_le16(&rd);
	rd_seek(&rd, 0x20);
	node.flags = rd_le32(&rd);
	rd_seek(&rd, 0x68);
	node.xattr_block = rd_le32(&rd);
	node.size_bytes |= (uint64_t)rd_le32(&rd) << 32;
	rd_seek(&rd, 0x76);
	node.xattr_block |= (uint64_t)rd_le16(&rd) << 32;
	node.uid |= (uint32_t)rd_le16(&rd) << 16;
	node.gid |= (uint32_t)rd_le16(&rd) << 16;
	if (rd.bad)
		return bad(image, ino, "outside of the image", err);
	if (is_type(&node, MODE_CHR) || is_type(&node, MODE_BLK))
		read_device(whole, &node);
	read_times(image, whole, &node);
	rc = check_node(image, &node, err);
	if (rc == 0)
		*ret = node;
	return rc;
}

/* A map in the making. */
struct mapping {
	const struct ext4_image *image;
	const struct ext4_node *node;
	struct ext4_map map;
	size_t cap;
	uint64_t end; /* of what is mapped */
	size_t nodes;
};

static int add_extent(struct mapping *mapping, uint64_t bytes, uint64_t from, struct err *err)
{
	struct ext4_map *map = &mapping->map;

	if (bytes == 0)
		return 0;
	if (map->count == EXT4_EXTENTS_MAX)
		return bad(mapping->image, mapping->node->ino, "more than a million extents", err);
	if (map->count == mapping->cap) {
		size_t cap = mapping->cap > 0 ? 2 * mapping->cap : 8;
		struct ext4_extent *grown = reallocarray(map->extents, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		map->extents = grown;
		mapping->cap = cap;
	}
	map->extents[map->count++] = (struct ext4_extent){
		.start = mapping->end, .bytes = bytes, .from = from};
	mapping->end += bytes;
	return 0;
}

/* A hole up to @start, but not beyond the file. */
static int add_hole(struct mapping *mapping, uint64_t start, struct err *err)
{
	if (start > mapping->node->size_bytes)
		start = mapping->node->size_bytes;
	return start > mapping->end ? add_extent(mapping, start - mapping->end, 0, err) : 0;
}

static int take_leaf(struct mapping *mapping, struct rd *rd, struct err *err)
{
	const struct ext4_image *image = mapping->image;
	uint64_t start = (uint64_t)rd_le32(rd) * image->block_bytes;
	uint32_t len = rd_le16(rd);
	uint64_t high = rd_le16(rd), block = high << 32 | rd_le32(rd);
	bool unwritten = len > EXTENT_UNWRITTEN;
	uint64_t left;
	int rc;

	if (unwritten)
		len -= EXTENT_UNWRITTEN;
	if (rd->bad || len == 0 || start < mapping->end || block == 0 || block >= image->blocks ||
		len > image->blocks - block)
		return bad(image, mapping->node->ino, "an extent out of range", err);
	rc = add_hole(mapping, start, err);
	/* Blocks behind the end of the file are nobody's business. */
	if (rc != 0 || start >= mapping->node->size_bytes)
		return rc;
	left = mapping->node->size_bytes - start;
	if (left > (uint64_t)len * image->block_bytes)
		left = (uint64_t)len * image->block_bytes;
	return add_extent(mapping, left, unwritten ? 0 : block * image->block_bytes, err);
}

struct extent_head {
	uint16_t entries, depth;
};

static int read_head(
	const struct mapping *mapping, struct rd *rd, struct extent_head *ret, struct err *err)
{
	uint16_t magic = rd_le16(rd);

	ret->entries = rd_le16(rd);
	rd_skip(rd, 2);
	ret->depth = rd_le16(rd);
	rd_skip(rd, 4);
	if (rd->bad || magic != EXTENT_MAGIC || ret->entries > rd_left(rd) / EXTENT_SIZE)
		return bad(mapping->image, mapping->node->ino, "a malformed extent tree", err);
	return 0;
}

/* The way from the root of a tree to the place that is reached. */
struct way {
	struct rd nodes[EXTENT_DEPTH_MAX + 1];
	unsigned left[EXTENT_DEPTH_MAX + 1]; /* entries */
	unsigned level, depth;
};

static int descend(struct mapping *mapping, struct way *way, struct err *err)
{
	const struct ext4_image *image = mapping->image;
	struct rd *node = &way->nodes[way->level];
	struct extent_head head;
	uint64_t block;
	int rc;

	rd_skip(node, 4);
	block = rd_le32(node);
	block |= (uint64_t)rd_le16(node) << 32;
	rd_skip(node, 2);
	way->level++;
	node = &way->nodes[way->level];
	*node = rd_at(&image->rd, block < image->blocks ? block * image->block_bytes : UINT64_MAX,
		image->block_bytes);
	rc = read_head(mapping, node, &head, err);
	if (rc == 0 &&
		(head.depth != way->depth - way->level || mapping->nodes++ == EXTENT_NODES_MAX))
		rc = bad(image, mapping->node->ino, "a malformed extent tree", err);
	way->left[way->level] = head.entries;
	return rc;
}

/* The tree from front to back. */
static int read_tree(struct mapping *mapping, struct rd root, struct err *err)
{
	struct way way = {.nodes = {root}};
	struct extent_head head = {0};
	int rc = read_head(mapping, &way.nodes[0], &head, err);

	if (rc == 0 && head.depth > EXTENT_DEPTH_MAX)
		rc = bad(mapping->image, mapping->node->ino, "a malformed extent tree", err);
	way.depth = head.depth;
	way.left[0] = head.entries;
	while (rc == 0 && (way.left[way.level] > 0 || way.level > 0)) {
		if (way.left[way.level] == 0) {
			way.level--;
			continue;
		}
		way.left[way.level]--;
		if (way.level == way.depth)
			rc = take_leaf(mapping, &way.nodes[way.level], err);
		else
			rc = descend(mapping, &way, err);
	}
	return rc;
}

static int read_map(struct mapping *mapping, struct err *err)
{
	const struct ext4_node *node = mapping->node;
	struct rd blocks = rd_at(&mapping->image->rd, node->off + 0x28, 60);
	int rc = 0;

	if (!has_data(node) || node->size_bytes == 0)
		return 0;
	if ((node->flags & FLAG_EXTENTS) == 0 && is_type(node, MODE_LNK) &&
		node->size_bytes < FAST_SYMLINK)
		return add_extent(mapping, node->size_bytes, node->off + 0x28, err);
	if ((node->flags & FLAG_EXTENTS) == 0)
		return err_fail(err, -ENOTSUP,
			"%s: ext4 inode %" PRIu32 " has no extents, which is not supported",
			mapping->image->what, node->ino);
	rc = read_tree(mapping, blocks, err);
	return rc != 0 ? rc : add_hole(mapping, node->size_bytes, err);
}

int ext4_map_read(const struct ext4_image *image, const struct ext4_node *node,
	struct ext4_map *ret, struct err *err)
{
	struct mapping mapping = {.image = image, .node = node};
	int rc = read_map(&mapping, err);

	if (rc == 0)
		*ret = mapping.map;
	else
		ext4_map_done(&mapping.map);
	return rc;
}

void ext4_map_done(struct ext4_map *map)
{
	free(map->extents);
	*map = (struct ext4_map){0};
}

static int bad_dir(const struct ext4_dir *dir, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: ext4 directory %" PRIu32 ", byte %" PRIu64 ": %s",
		dir->image->what, dir->node->ino, dir->map->extents[dir->extent].start + dir->pos,
		why);
}

static bool dirent_mode(uint8_t type, uint16_t *ret)
{
	static const uint16_t modes[] = {
		0, MODE_REG, MODE_DIR, MODE_CHR, MODE_BLK, 0010000, 0140000, MODE_LNK};

	if (type == 0 || type >= sizeof(modes) / sizeof(modes[0]))
		return false;
	*ret = modes[type];
	return true;
}

/* One entry, in use or not. */
static int read_dirent(struct ext4_dir *dir, struct ext4_dirent *ret, struct err *err)
{
	const struct ext4_extent *extent = &dir->map->extents[dir->extent];
	uint64_t room = dir->image->block_bytes - dir->pos % dir->image->block_bytes;
	struct rd rd = rd_at(&dir->image->rd, extent->from + dir->pos, room);
	struct ext4_dirent entry = {.ino = rd_le32(&rd)};
	uint16_t len = rd_le16(&rd);
	uint8_t type;

	entry.name_len = rd_u8(&rd);
	type = rd_u8(&rd);
	entry.name = (const char *)rd_bytes(&rd, entry.name_len);
	if (rd.bad || len % 4 != 0 || len > room || len < DIRENT_HEAD + entry.name_len)
		return bad_dir(dir, "malformed entry", err);
	if (entry.ino != 0 && !dirent_mode(type, &entry.mode))
		return bad_dir(dir, "entry of unknown type", err);
	if (entry.ino != 0 &&
		(entry.name_len == 0 || memchr(entry.name, '/', entry.name_len) != NULL ||
			memchr(entry.name, '\0', entry.name_len) != NULL))
		return bad_dir(dir, "malformed name", err);
	dir->pos += len;
	*ret = entry;
	return 0;
}

int ext4_dir_next(struct ext4_dir *dir, struct ext4_dirent *ret, bool *ret_end, struct err *err)
{
	struct ext4_dirent entry = {0};

	while (entry.ino == 0) {
		int rc;

		*ret_end = dir->extent == dir->map->count;
		if (*ret_end)
			return 0;
		if (dir->map->extents[dir->extent].from == 0)
			return bad_dir(dir, "a hole", err);
		rc = read_dirent(dir, &entry, err);
		if (rc != 0)
			return rc;
		if (dir->pos >= dir->map->extents[dir->extent].bytes) {
			dir->extent++;
			dir->pos = 0;
		}
	}
	*ret = entry;
	return 0;
}

static const struct {
	uint8_t index;
	const char *prefix;
} prefixes[] = {{1, "user."}, {2, "system.posix_acl_access"}, {3, "system.posix_acl_default"},
	{4, "trusted."}, {6, "security."}};

/* Opens the attributes inside the inode, which there may be none of. */
static void begin_inode(struct ext4_xattrs *xattrs)
{
	const struct ext4_image *image = xattrs->image;
	struct rd rd = rd_at(&image->rd, xattrs->node->off, image->inode_bytes);
	uint16_t extra;

	xattrs->place = 1;
	xattrs->entries = rd_init(NULL, 0);
	rd_seek(&rd, 0x80);
	extra = rd_le16(&rd);
	rd_seek(&rd, 0x80 + (uint64_t)extra);
	if (rd_le32(&rd) != XATTR_MAGIC || rd.bad)
		return;
	xattrs->values = rd_at(&rd, rd.pos, rd_left(&rd));
	xattrs->entries = xattrs->values;
}

static int begin_block(struct ext4_xattrs *xattrs, struct err *err)
{
	const struct ext4_image *image = xattrs->image;
	uint64_t block = xattrs->node->xattr_block;

	xattrs->place = 2;
	xattrs->entries = rd_init(NULL, 0);
	if (block == 0)
		return 0;
	xattrs->values = rd_at(&image->rd,
		block < image->blocks ? block * image->block_bytes : UINT64_MAX,
		image->block_bytes);
	xattrs->entries = xattrs->values;
	if (rd_le32(&xattrs->entries) != XATTR_MAGIC || xattrs->entries.bad)
		return bad(image, xattrs->node->ino, "malformed attributes", err);
	rd_seek(&xattrs->entries, XATTR_BLOCK_HEAD);
	return 0;
}

/* Whether nothing follows: four zeros, or no room for an entry. */
static bool at_end(const struct rd *entries)
{
	struct rd next = rd_at(entries, entries->pos, 4);

	return rd_left(entries) < XATTR_HEAD || rd_le32(&next) == 0;
}

/* Turns the value of an ACL into what the system calls show. */
static bool convert_acl(struct ext4_xattrs *xattrs, struct ext4_xattr *xattr)
{
	struct rd rd = rd_init(xattr->value, xattr->value_len);
	struct wr wr = wr_init(xattrs->acl, sizeof(xattrs->acl));

	if (rd_le32(&rd) != ACL_STORED_VERSION)
		return false;
	wr_le32(&wr, ACL_SHOWN_VERSION);
	while (rd_left(&rd) > 0 && wr.pos + ACL_SHOWN_ENTRY <= sizeof(xattrs->acl)) {
		uint16_t tag = rd_le16(&rd);

		wr_le16(&wr, tag);
		wr_le16(&wr, rd_le16(&rd));
		wr_le32(&wr, tag == ACL_USER || tag == ACL_GROUP ? rd_le32(&rd) : UINT32_MAX);
	}
	xattr->value = xattrs->acl;
	xattr->value_len = wr.pos;
	return !rd.bad && rd_left(&rd) == 0;
}

static int read_xattr(struct ext4_xattrs *xattrs, struct ext4_xattr *ret, struct err *err)
{
	struct rd *rd = &xattrs->entries;
	struct ext4_xattr xattr = {.rest_len = rd_u8(rd)};
	uint8_t index = rd_u8(rd);
	uint16_t off = rd_le16(rd);
	uint32_t inode = rd_le32(rd), size = rd_le32(rd);
	struct rd value = rd_at(&xattrs->values, off, size);
	bool whole;

	rd_skip(rd, 4);
	xattr.rest = (const char *)rd_bytes(rd, xattr.rest_len);
	rd_seek(rd, (rd->pos + 3) & ~(size_t)3);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (prefixes[i].index == index)
			xattr.prefix = prefixes[i].prefix;
	if (rd->bad || (size > 0 && value.bad))
		return bad(xattrs->image, xattrs->node->ino, "malformed attributes", err);
	if (xattr.prefix == NULL || inode != 0)
		return err_fail(err, -ENOTSUP,
			"%s: ext4 inode %" PRIu32
			" has an attribute of kind %u%s, which is not supported",
			xattrs->image->what, xattrs->node->ino, index,
			inode != 0 ? " in an inode of its own" : "");
	whole = xattr.prefix[strlen(xattr.prefix) - 1] != '.';
	if (whole != (xattr.rest_len == 0) ||
		(!whole && memchr(xattr.rest, '\0', xattr.rest_len) != NULL))
		return bad(xattrs->image, xattrs->node->ino, "a malformed attribute's name", err);
	xattr.value = size > 0 ? value.base : (const unsigned char *)"";
	xattr.value_len = size;
	if (whole && !convert_acl(xattrs, &xattr))
		return bad(xattrs->image, xattrs->node->ino, "a malformed ACL", err);
	*ret = xattr;
	return 0;
}

int ext4_xattr_next(
	struct ext4_xattrs *xattrs, struct ext4_xattr *ret, bool *ret_end, struct err *err)
{
	int rc = 0;

	if (xattrs->place == 0)
		begin_inode(xattrs);
	if (xattrs->place == 1 && at_end(&xattrs->entries))
		rc = begin_block(xattrs, err);
	if (rc != 0)
		return rc;
	*ret_end = at_end(&xattrs->entries);
	return *ret_end ? 0 : read_xattr(xattrs, ret, err);
}
