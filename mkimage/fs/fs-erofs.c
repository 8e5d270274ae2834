/* EROFS for fs.h. */
#include "mkimage/fs/fs-ops.h"

static int open_erofs(struct fs *fs, const void *bytes, size_t len, struct err *err)
{
	int rc = erofs_open(bytes, len, fs->what, &fs->erofs, err);

	fs->bytes = fs->erofs.rd.len;
	fs->compressed = fs->erofs.zero_padding;
	return rc;
}

static uint64_t root(const struct fs *fs)
{
	return fs->erofs.super.root_nid;
}

static int read_node(struct fs *fs, uint64_t id, struct fs_node *ret, struct err *err)
{
	struct fs_node node = {.id = id};
	const struct erofs_inode *inode = &node.of.erofs.inode;
	int rc = erofs_node_read(&fs->erofs, id, &node.of.erofs, err);

	if (rc != 0)
		return rc;
	node.mode = inode->mode;
	node.uid = inode->uid;
	node.gid = inode->gid;
	node.nlink = inode->nlink;
	node.size_bytes = inode->size_bytes;
	node.mtime = inode->mtime;
	node.rdev_major = inode->rdev_major;
	node.rdev_minor = inode->rdev_minor;
	*ret = node;
	return 0;
}

static int read_entries(
	struct fs *fs, const struct fs_node *dir, fs_entry_fn *fn, void *arg, struct err *err)
{
	struct erofs_dir walk = {.image = &fs->erofs, .node = &dir->of.erofs};
	struct erofs_dirent entry;
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		rc = erofs_dir_next(&walk, &entry, &end, err);
		if (rc == 0 && !end)
			rc = fn(arg,
				&(struct fs_entry){
					entry.name, entry.name_len, entry.nid, entry.mode},
				err);
	}
	return rc;
}

static int read_data(
	struct fs *fs, const struct fs_node *node, fs_sink *sink, void *arg, struct err *err)
{
	fs->erofs_reader.image = &fs->erofs;
	return erofs_data_read(&fs->erofs_reader, &node->of.erofs, sink, arg, err);
}

static int read_xattrs(
	struct fs *fs, const struct fs_node *node, fs_xattr_fn *fn, void *arg, struct err *err)
{
	struct erofs_xattrs walk = {.image = &fs->erofs, .node = &node->of.erofs};
	struct erofs_xattr xattr;
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		rc = erofs_xattr_next(&walk, &xattr, &end, err);
		if (rc == 0 && !end)
			rc = fn(arg,
				&(struct fs_xattr){xattr.prefix, xattr.rest, xattr.rest_len,
					xattr.value, xattr.value_len},
				err);
	}
	return rc;
}

static bool owns_cluster(struct fs *fs, const struct fs_node *node, uint64_t at, uint64_t *ret_off)
{
	EROFS_MAP_AUTO map = {0};
	struct err ignored = {0};

	if (erofs_map_read(&fs->erofs, &node->of.erofs, &map, &ignored) != 0)
		return false;
	for (size_t i = 0; i < map.count; i++) {
		const struct erofs_extent *extent = &map.extents[i];

		*ret_off = extent->start;
		if (extent->kind != EROFS_EXTENT_FRAGMENT && at >= extent->from &&
			at - extent->from < extent->stored_bytes)
			return true;
	}
	return false;
}

static bool owns(struct fs *fs, const struct fs_node *node, uint64_t at, uint64_t *ret_off)
{
	const struct erofs_inode *inode = &node->of.erofs.inode;
	uint64_t start = (uint64_t)inode->start_block * EROFS_BLOCK_SIZE, own;
	size_t n;

	if (erofs_is_compressed(&node->of.erofs))
		return owns_cluster(fs, node, at, ret_off);
	/* An inline tail is inside the metadata. */
	own = inode->layout == EROFS_FLAT_INLINE
		      ? inode->size_bytes / EROFS_BLOCK_SIZE * EROFS_BLOCK_SIZE
		      : (inode->size_bytes + EROFS_BLOCK_SIZE - 1) / EROFS_BLOCK_SIZE *
				EROFS_BLOCK_SIZE;
	if (erofs_data(&fs->erofs, &node->of.erofs, 0, &n) == NULL || at < start ||
		at - start >= own)
		return false;
	*ret_off = at - start;
	return true;
}

static uint64_t node_off(const struct fs *fs, const struct fs_node *node)
{
	return fs->erofs.meta_off + node->id * EROFS_SLOT_SIZE;
}

const struct fs_ops fs_erofs_ops = {
	.type = "erofs",
	.open = open_erofs,
	.root = root,
	.node = read_node,
	.entries = read_entries,
	.read = read_data,
	.xattrs = read_xattrs,
	.owns = owns,
	.node_off = node_off,
};
