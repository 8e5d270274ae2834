/* What a file system's reader gives to fs.c; for fs.c and the readers alone. */
#ifndef MKIMAGE_FS_FS_OPS_H
#define MKIMAGE_FS_FS_OPS_H

#include "mkimage/fs/fs.h"

struct fs_entry {
	const char *name; /* borrowed from the image, not ended by NUL */
	size_t name_len;
	uint64_t id;
	uint16_t mode; /* the type alone */
};

typedef int fs_entry_fn(void *arg, const struct fs_entry *entry, struct err *err);

struct fs_ops {
	const char *type; /* as libblkid names it */
	int (*open)(struct fs *fs, const void *bytes, size_t len, struct err *err);
	uint64_t (*root)(const struct fs *fs);
	int (*node)(struct fs *fs, uint64_t id, struct fs_node *ret, struct err *err);
	/* Every entry of a directory, "." and ".." included, in any order. */
	int (*entries)(struct fs *fs, const struct fs_node *dir, fs_entry_fn *fn, void *arg,
		struct err *err);
	int (*read)(struct fs *fs, const struct fs_node *node, fs_sink *sink, void *arg,
		struct err *err);
	int (*xattrs)(struct fs *fs, const struct fs_node *node, fs_xattr_fn *fn, void *arg,
		struct err *err);
	bool (*owns)(struct fs *fs, const struct fs_node *node, uint64_t at, uint64_t *ret_off);
	uint64_t (*node_off)(const struct fs *fs, const struct fs_node *node);
};

extern const struct fs_ops fs_erofs_ops, fs_ext4_ops;

#endif
