/* ext4 for fs.h. */
#include "mkimage/fs/fs-ops.h"

static int open_ext4(struct fs *fs, const void *bytes, size_t len, struct err *err)
{
	int rc = ext4_open(bytes, len, fs->what, &fs->ext4, err);

	fs->bytes = fs->ext4.rd.len;
	return rc;
}

static uint64_t root(const struct fs *fs)
{
	(void)fs;
	return EXT4_ROOT_INO;
}

static int read_node(struct fs *fs, uint64_t id, struct fs_node *ret, struct err *err)
{
	struct fs_node node = {.id = id};
	const struct ext4_node *from = &node.of.ext4;
	int rc = ext4_node_read(&fs->ext4, id, &node.of.ext4, err);

	if (rc != 0)
		return rc;
	node.mode = from->mode;
	node.uid = from->uid;
	node.gid = from->gid;
	node.nlink = from->nlink;
	node.size_bytes = from->size_bytes;
	node.mtime = from->mtime;
	node.rdev_major = from->rdev_major;
	node.rdev_minor = from->rdev_minor;
	*ret = node;
	return 0;
}

static int read_entries(
	struct fs *fs, const struct fs_node *dir, fs_entry_fn *fn, void *arg, struct err *err)
{
	EXT4_MAP_AUTO map = {0};
	struct ext4_dir walk = {.image = &fs->ext4, .node = &dir->of.ext4, .map = &map};
	struct ext4_dirent entry;
	bool end = false;
	int rc = ext4_map_read(&fs->ext4, &dir->of.ext4, &map, err);

	while (rc == 0 && !end) {
		rc = ext4_dir_next(&walk, &entry, &end, err);
		if (rc == 0 && !end)
			rc = fn(arg,
				&(struct fs_entry){
					entry.name, entry.name_len, entry.ino, entry.mode},
				err);
	}
	return rc;
}

/* Zeros as long as a hole. */
static int send_zeros(fs_sink *sink, void *arg, uint64_t n, struct err *err)
{
	static const unsigned char zeros[1u << 16];
	int rc = 0;

	while (rc == 0 && n > 0) {
		size_t step = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

		rc = sink(arg, zeros, step, err);
		n -= step;
	}
	return rc;
}

static int read_data(
	struct fs *fs, const struct fs_node *node, fs_sink *sink, void *arg, struct err *err)
{
	EXT4_MAP_AUTO map = {0};
	int rc = ext4_map_read(&fs->ext4, &node->of.ext4, &map, err);

	for (size_t i = 0; rc == 0 && i < map.count; i++) {
		const struct ext4_extent *extent = &map.extents[i];

		if (extent->from == 0)
			rc = send_zeros(sink, arg, extent->bytes, err);
		else
			rc = sink(arg, fs->ext4.rd.base + extent->from, (size_t)extent->bytes, err);
	}
	return rc;
}

static int read_xattrs(
	struct fs *fs, const struct fs_node *node, fs_xattr_fn *fn, void *arg, struct err *err)
{
	struct ext4_xattrs walk = {.image = &fs->ext4, .node = &node->of.ext4};
	struct ext4_xattr xattr;
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		rc = ext4_xattr_next(&walk, &xattr, &end, err);
		if (rc == 0 && !end)
			rc = fn(arg,
				&(struct fs_xattr){xattr.prefix, xattr.rest, xattr.rest_len,
					xattr.value, xattr.value_len},
				err);
	}
	return rc;
}

static uint64_t node_off(const struct fs *fs, const struct fs_node *node)
{
	(void)fs;
	return node->of.ext4.off;
}

static bool owns(struct fs *fs, const struct fs_node *node, uint64_t at, uint64_t *ret_off)
{
	EXT4_MAP_AUTO map = {0};
	struct err ignored = {0};
	uint64_t block = fs->ext4.block_bytes;

	if (ext4_map_read(&fs->ext4, &node->of.ext4, &map, &ignored) != 0)
		return false;
	for (size_t i = 0; i < map.count; i++) {
		const struct ext4_extent *extent = &map.extents[i];

		/* A short link's target is inside its inode. */
		if (extent->from % block != 0 || extent->from == 0 || at < extent->from ||
			at - extent->from >= (extent->bytes + block - 1) / block * block)
			continue;
		*ret_off = extent->start + (at - extent->from);
		return true;
	}
	return false;
}

const struct fs_ops fs_ext4_ops = {
	.type = "ext4",
	.open = open_ext4,
	.root = root,
	.node = read_node,
	.entries = read_entries,
	.read = read_data,
	.xattrs = read_xattrs,
	.owns = owns,
	.node_off = node_off,
};
