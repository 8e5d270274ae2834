/* Reading EROFS images (erofs-read.h); the layouts are in erofs.c. */
#include "formats/erofs-read.h"

#include <inttypes.h>
#include <string.h>

/* Incompatible features that change nothing where they are not used: they announce how compressed
 * files look, or name prefixes that are refused where they are used. */
#define HARMLESS_FEATURES (0x1u | 0x2u | 0x8u | 0x10u | 0x20u | 0x40u)
#define CHUNKED_FILES	  0x4u

#define FORMAT_EXTENDED	    0x1u
#define FORMAT_LAYOUT_SHIFT 1
#define FORMAT_LAYOUT_MASK  0x7u
#define FORMAT_KNOWN	    0xfu
#define XATTR_LONG_PREFIX   0x80u
#define ALIGN4(n)	    (((n) + 3) & ~(size_t)3)

static int read_super(struct rd rd, const char *what, struct erofs_image *ret, struct err *err)
{
	uint32_t magic = rd_le32(&rd);
	uint32_t checksum = rd_le32(&rd);
	uint32_t compatible = rd_le32(&rd);
	uint8_t block_size_log2 = rd_u8(&rd);
	uint32_t incompatible;
	uint16_t devices;

	rd_skip(&rd, 1);
	ret->super.root_nid = rd_le16(&rd);
	ret->super.inode_count = rd_le64(&rd);
	ret->super.build_time = rd_le64(&rd);
	rd_skip(&rd, 4);
	ret->super.blocks = rd_le32(&rd);
	ret->meta_off = (uint64_t)rd_le32(&rd) * EROFS_BLOCK_SIZE;
	ret->xattr_off = (uint64_t)rd_le32(&rd) * EROFS_BLOCK_SIZE;
	rd_copy(&rd, ret->super.uuid, sizeof(ret->super.uuid));
	rd_skip(&rd, 16);
	incompatible = rd_le32(&rd);
	rd_skip(&rd, 2);
	devices = rd_le16(&rd);
	rd_skip(&rd, 8);
	ret->packed_nid = rd_le64(&rd);
	ret->zero_padding = (incompatible & EROFS_INCOMPAT_ZERO_PADDING) != 0;
	if (rd.bad || magic != EROFS_SUPER_MAGIC)
		return err_fail(err, -EBADMSG, "%s: byte %u: no EROFS super block", what,
			EROFS_SUPER_OFFSET);
	if (block_size_log2 != EROFS_BLOCK_SIZE_LOG2)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS with blocks of 2^%u bytes, only 4096 is supported", what,
			block_size_log2);
	if ((incompatible & ~(HARMLESS_FEATURES | CHUNKED_FILES)) != 0 || devices != 0)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS with features 0x%x and %u extra devices, which are not "
			"supported",
			what, incompatible, devices);
	if ((compatible & EROFS_COMPAT_SB_CHECKSUM) != 0 &&
		checksum != erofs_super_checksum(ret->rd.base))
		return err_fail(
			err, -EBADMSG, "%s: the checksum of the EROFS super block is wrong", what);
	return 0;
}

int erofs_open(
	const void *bytes, size_t len, const char *what, struct erofs_image *ret, struct err *err)
{
	struct erofs_image image = {.rd = rd_init(bytes, len), .what = what};
	int rc;

	if (len < EROFS_BLOCK_SIZE)
		return err_fail(err, -EBADMSG, "%s: too short for EROFS", what);
	rc = read_super(rd_at(&image.rd, EROFS_SUPER_OFFSET, EROFS_SUPER_SIZE), what, &image, err);
	if (rc != 0)
		return rc;
	if ((uint64_t)image.super.blocks * EROFS_BLOCK_SIZE > len || image.super.blocks == 0)
		return err_fail(err, -EBADMSG,
			"%s: the EROFS image has %" PRIu32 " blocks, but the file %zu bytes", what,
			image.super.blocks, len);
	image.rd = rd_at(&image.rd, 0, (uint64_t)image.super.blocks * EROFS_BLOCK_SIZE);
	*ret = image;
	return 0;
}

static int bad_node(const struct erofs_image *image, uint64_t nid, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: EROFS inode %" PRIu64 " %s", image->what, nid, why);
}

static void split_device(uint32_t device, struct erofs_inode *inode)
{
	inode->rdev_major = device >> 8 & EROFS_DEV_MAJOR_MAX;
	inode->rdev_minor = (device & 0xff) | (device >> 12 & ~0xffu);
}

/* From offset 6 on. */
static uint32_t read_compact(struct rd *rd, uint64_t build_time, struct erofs_inode *inode)
{
	uint32_t place;

	inode->nlink = rd_le16(rd);
	inode->size_bytes = rd_le32(rd);
	rd_skip(rd, 4);
	place = rd_le32(rd);
	inode->ino = rd_le32(rd);
	inode->uid = rd_le16(rd);
	inode->gid = rd_le16(rd);
	inode->mtime = build_time;
	return place;
}

static uint32_t read_extended(struct rd *rd, struct erofs_inode *inode)
{
	uint32_t place;

	rd_skip(rd, 2);
	inode->size_bytes = rd_le64(rd);
	place = rd_le32(rd);
	inode->ino = rd_le32(rd);
	inode->uid = rd_le32(rd);
	inode->gid = rd_le32(rd);
	inode->mtime = rd_le64(rd);
	rd_skip(rd, 4);
	inode->nlink = rd_le32(rd);
	return place;
}

static int read_layout(const struct erofs_image *image, uint64_t nid, uint16_t format,
	enum erofs_layout *ret, struct err *err)
{
	unsigned layout = format >> FORMAT_LAYOUT_SHIFT & FORMAT_LAYOUT_MASK;

	if ((format & ~FORMAT_KNOWN) != 0 || layout > 4)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS inode %" PRIu64 " has the unknown format 0x%x", image->what, nid,
			format);
	if (layout == 4)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS inode %" PRIu64 " is chunk-based, which is not supported",
			image->what, nid);
	*ret = (enum erofs_layout)layout;
	return 0;
}

static bool has_data(const struct erofs_inode *inode)
{
	switch (inode->mode & EROFS_MODE_TYPE) {
	case EROFS_MODE_REG:
	case EROFS_MODE_DIR:
	case EROFS_MODE_LNK:
		return true;
	default:
		return false;
	}
}

bool erofs_is_compressed(const struct erofs_node *node)
{
	return node->inode.layout == EROFS_COMPRESSED_FULL ||
	       node->inode.layout == EROFS_COMPRESSED_COMPACT;
}

/* Bytes of data that are in blocks of their own. */
static uint64_t plain_bytes(const struct erofs_inode *inode)
{
	if (!has_data(inode))
		return 0;
	if (inode->layout == EROFS_FLAT_INLINE)
		return inode->size_bytes / EROFS_BLOCK_SIZE * EROFS_BLOCK_SIZE;
	return inode->size_bytes;
}

static int check_place(
	const struct erofs_image *image, const struct erofs_node *node, struct err *err)
{
	const struct erofs_inode *inode = &node->inode;
	uint64_t plain = plain_bytes(inode);
	uint64_t tail = has_data(inode) ? inode->size_bytes - plain : 0;
	struct rd area = rd_at(&image->rd, node->xattrs_off, inode->xattr_bytes);
	struct rd tail_area = rd_at(&image->rd, node->tail_off, tail);
	struct rd data = rd_at(&image->rd, (uint64_t)inode->start_block * EROFS_BLOCK_SIZE, plain);

	if (area.bad)
		return bad_node(image, node->nid, "has attributes outside of the image", err);
	if (erofs_is_compressed(node))
		return (inode->mode & EROFS_MODE_TYPE) == EROFS_MODE_REG
			       ? 0
			       : bad_node(image, node->nid, "is compressed, but no file", err);
	if (tail > 0 &&
		(tail_area.bad || node->tail_off % EROFS_BLOCK_SIZE + tail > EROFS_BLOCK_SIZE))
		return bad_node(image, node->nid, "has an inline tail that crosses a block", err);
	if (plain > 0 && data.bad)
		return bad_node(image, node->nid, "has data outside of the image", err);
	if ((inode->mode & EROFS_MODE_TYPE) == EROFS_MODE_LNK &&
		(inode->size_bytes == 0 || inode->size_bytes > EROFS_SYMLINK_MAX))
		return bad_node(
			image, node->nid, "is a symbolic link of an impossible length", err);
	return 0;
}

int erofs_node_read(
	const struct erofs_image *image, uint64_t nid, struct erofs_node *ret, struct err *err)
{
	struct erofs_node node = {.nid = nid};
	struct rd rd = image->rd;
	uint16_t format, xattr_units;
	uint64_t off;
	uint32_t place;
	int rc;

	if (nid > image->rd.len / EROFS_SLOT_SIZE)
		return bad_node(image, nid, "is outside of the image", err);
	off = image->meta_off + nid * EROFS_SLOT_SIZE;
	rd_seek(&rd, off);
	format = rd_le16(&rd);
	xattr_units = rd_le16(&rd);
	node.inode.mode = rd_le16(&rd);
	node.inode.extended = (format & FORMAT_EXTENDED) != 0;
	place = node.inode.extended ? read_extended(&rd, &node.inode)
				    : read_compact(&rd, image->super.build_time, &node.inode);
	node.xattrs_off = off + (node.inode.extended ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE);
	if (xattr_units > 0)
		node.inode.xattr_bytes = EROFS_XATTR_HEADER_SIZE + 4u * (xattr_units - 1u);
	node.tail_off = node.xattrs_off + node.inode.xattr_bytes;
	if (rd.bad || node.xattrs_off > image->rd.len)
		return bad_node(image, nid, "is outside of the image", err);
	if (!erofs_mode_known(node.inode.mode))
		return bad_node(image, nid, "has no known type", err);
	rc = read_layout(image, nid, format, &node.inode.layout, err);
	if (rc != 0)
		return rc;
	if (has_data(&node.inode))
		node.inode.start_block = place;
	else
		split_device(place, &node.inode);
	rc = check_place(image, &node, err);
	if (rc == 0)
		*ret = node;
	return rc;
}

const unsigned char *erofs_data(
	const struct erofs_image *image, const struct erofs_node *node, uint64_t off, size_t *ret_n)
{
	uint64_t plain = plain_bytes(&node->inode);
	bool here = has_data(&node->inode) && !erofs_is_compressed(node);
	uint64_t size = here ? node->inode.size_bytes : 0;
	uint64_t start = (uint64_t)node->inode.start_block * EROFS_BLOCK_SIZE;

	*ret_n = 0;
	if (off >= size)
		return NULL;
	*ret_n = (size_t)((off < plain ? plain : size) - off);
	return image->rd.base + (off < plain ? start + off : node->tail_off + (off - plain));
}

static int bad_dir(const struct erofs_dir *dir, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: EROFS directory %" PRIu64 ", byte %" PRIu64 ": %s",
		dir->image->what, dir->node->nid, dir->next_block - EROFS_BLOCK_SIZE, why);
}

/* Opens the next block; its count stays 0 at the end of the directory. */
static int next_dirblock(struct erofs_dir *dir, struct err *err)
{
	size_t n;
	const unsigned char *at = erofs_data(dir->image, dir->node, dir->next_block, &n);
	struct rd first;
	uint16_t name_off;

	dir->index = 0;
	dir->count = 0;
	if (n == 0)
		return 0;
	dir->block = rd_init(at, n < EROFS_BLOCK_SIZE ? n : EROFS_BLOCK_SIZE);
	dir->next_block += EROFS_BLOCK_SIZE;
	first = rd_at(&dir->block, 8, 2);
	name_off = rd_le16(&first);
	if (first.bad || name_off < EROFS_DIRENT_SIZE || name_off % EROFS_DIRENT_SIZE != 0 ||
		name_off >= dir->block.len)
		return bad_dir(dir, "malformed block", err);
	dir->count = name_off / EROFS_DIRENT_SIZE;
	return 0;
}

/* The name between @off and the next entry's name, or the end of the block, where zeros may
 * follow. */
static bool entry_name(const struct erofs_dir *dir, uint16_t off, struct erofs_dirent *ret)
{
	struct rd next = rd_at(&dir->block, (dir->index + 1) * EROFS_DIRENT_SIZE + 8, 2);
	bool last = dir->index + 1 == dir->count;
	size_t end = last ? dir->block.len : rd_le16(&next);
	const char *name;
	const char *nul;

	if (off < dir->count * EROFS_DIRENT_SIZE || end <= off || end > dir->block.len)
		return false;
	name = (const char *)dir->block.base + off;
	nul = memchr(name, '\0', end - off);
	ret->name = name;
	ret->name_len = nul != NULL ? (size_t)(nul - name) : end - off;
	return (nul == NULL || last) && ret->name_len >= 1 && ret->name_len <= EROFS_NAME_MAX &&
	       memchr(name, '/', ret->name_len) == NULL;
}

static bool sorted(const struct erofs_dir *dir, const struct erofs_dirent *entry)
{
	size_t shorter = dir->last_len < entry->name_len ? dir->last_len : entry->name_len;
	int order = shorter > 0 ? memcmp(dir->last, entry->name, shorter) : 0;

	return order < 0 || (order == 0 && dir->last_len < entry->name_len);
}

int erofs_dir_next(struct erofs_dir *dir, struct erofs_dirent *ret, bool *ret_end, struct err *err)
{
	struct erofs_dirent entry = {0};
	struct rd rd;
	uint16_t name_off;
	int rc = 0;

	if (dir->index == dir->count)
		rc = next_dirblock(dir, err);
	if (rc != 0)
		return rc;
	*ret_end = dir->count == 0;
	if (*ret_end)
		return 0;
	rd = rd_at(&dir->block, dir->index * EROFS_DIRENT_SIZE, EROFS_DIRENT_SIZE);
	entry.nid = rd_le64(&rd);
	name_off = rd_le16(&rd);
	if (!erofs_dirent_mode(rd_u8(&rd), &entry.mode))
		return bad_dir(dir, "entry of unknown type", err);
	if (!entry_name(dir, name_off, &entry))
		return bad_dir(dir, "malformed name", err);
	if (!sorted(dir, &entry))
		return bad_dir(dir, "names out of order", err);
	dir->last = entry.name;
	dir->last_len = entry.name_len;
	dir->index++;
	*ret = entry;
	return 0;
}

static int bad_xattr(const struct erofs_xattrs *xattrs, struct err *err)
{
	return bad_node(xattrs->image, xattrs->node->nid, "has malformed attributes", err);
}

static int begin_xattrs(struct erofs_xattrs *xattrs, struct err *err)
{
	const struct erofs_node *node = xattrs->node;

	xattrs->begun = true;
	xattrs->area = rd_at(&xattrs->image->rd, node->xattrs_off, node->inode.xattr_bytes);
	if (node->inode.xattr_bytes == 0)
		return 0;
	rd_skip(&xattrs->area, 4);
	xattrs->shared_left = rd_u8(&xattrs->area);
	rd_skip(&xattrs->area, 7);
	return xattrs->area.bad ? bad_xattr(xattrs, err) : 0;
}

static int read_xattr(
	const struct erofs_xattrs *xattrs, struct rd *rd, struct erofs_xattr *ret, struct err *err)
{
	struct erofs_xattr xattr = {0};
	uint8_t index;

	xattr.rest_len = rd_u8(rd);
	index = rd_u8(rd);
	xattr.value_len = rd_le16(rd);
	xattr.rest = (const char *)rd_bytes(rd, xattr.rest_len);
	xattr.value = rd_bytes(rd, xattr.value_len);
	if (rd->bad)
		return bad_xattr(xattrs, err);
	xattr.prefix = erofs_xattr_prefix(index);
	if (xattr.prefix == NULL)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS inode %" PRIu64 " has an attribute of the unknown kind %u%s",
			xattrs->image->what, xattrs->node->nid, index,
			(index & XATTR_LONG_PREFIX) != 0 ? " (a long prefix)" : "");
	if ((xattr.prefix[strlen(xattr.prefix) - 1] == '.') != (xattr.rest_len > 0) ||
		(xattr.rest_len > 0 && memchr(xattr.rest, '\0', xattr.rest_len) != NULL))
		return bad_xattr(xattrs, err);
	*ret = xattr;
	return 0;
}

int erofs_xattr_next(
	struct erofs_xattrs *xattrs, struct erofs_xattr *ret, bool *ret_end, struct err *err)
{
	int rc = xattrs->begun ? 0 : begin_xattrs(xattrs, err);
	struct rd shared = xattrs->image->rd;
	size_t end;

	if (rc != 0)
		return rc;
	*ret_end = rd_left(&xattrs->area) == 0;
	if (*ret_end)
		return xattrs->shared_left == 0 ? 0 : bad_xattr(xattrs, err);
	if (xattrs->shared_left > 0) {
		xattrs->shared_left--;
		rd_seek(&shared, xattrs->image->xattr_off + (uint64_t)rd_le32(&xattrs->area) * 4);
		return read_xattr(xattrs, &shared, ret, err);
	}
	rc = read_xattr(xattrs, &xattrs->area, ret, err);
	if (rc != 0)
		return rc;
	end = ALIGN4(xattrs->area.pos);
	rd_seek(&xattrs->area, end);
	return xattrs->area.bad ? bad_xattr(xattrs, err) : 0;
}
