/* Guest images (source-image.h): a file system's reader over a mapping of the file. */
#define _GNU_SOURCE
#include "mkimage/source/source-image.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "mkimage/fs/fs.h"
#include "mkimage/fs/image.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/source-file.h"
#include "mkimage/source/source-inode.h"

/* Where a file of several names was put first. */
struct placed {
	uint64_t id;
	char *path; /* owned */
};

struct reading {
	const struct source_image_options *options;
	const char *origin;
	struct fs *fs;
	struct spool *spool;
	struct tree *tree;
	void *placed; /* tsearch(3) of struct placed */
	uint64_t bytes;
};

static void placed_free(void *item)
{
	struct placed *placed = item;

	free(placed->path);
	free(placed);
}

static void reading_done(struct reading *reading)
{
	tdestroy(reading->placed, placed_free);
}

static int compare_placed(const void *a, const void *b)
{
	const struct placed *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

/* A content on its way into the spool. */
struct copy {
	struct spool *spool;
	uint64_t off, left;
};

static int copy_bytes(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	struct copy *copy = arg;
	uint64_t off = copy->off;

	if (n > copy->left)
		return err_fail(err, -EBADMSG, "more data than its size says");
	copy->off += n;
	copy->left -= n;
	return spool_write(copy->spool, bytes, n, off, err);
}

static int take_content(struct reading *reading, const struct fs_node *node,
	struct tree_inode *inode, struct err *err)
{
	struct copy copy = {.spool = reading->spool, .left = node->size_bytes};
	/* Files of an image may share their blocks, so their sum has no other bound. */
	int rc = source_inode_content(
		inode, node->size_bytes, reading->spool, &reading->bytes, err);

	copy.off = inode->content.off;
	if (rc == 0)
		rc = fs_read(reading->fs, node, copy_bytes, &copy, err);
	if (rc == 0 && copy.left > 0)
		rc = err_fail(err, -EBADMSG, "less data than its size says");
	return rc;
}

static int add_bytes(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	buf_add(arg, bytes, n);
	return buf_check(arg, err);
}

static int take_target(struct reading *reading, const struct fs_node *node,
	struct tree_inode *inode, struct err *err)
{
	BUF_AUTO target = {0};
	int rc = fs_read(reading->fs, node, add_bytes, &target, err);

	if (rc != 0)
		return rc;
	if (memchr(buf_cstr(&target), '\0', target.len) != NULL)
		return err_fail(err, -EBADMSG, "a NUL in a symbolic link's target");
	inode->target = strdup(buf_cstr(&target));
	return inode->target != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

struct attributes {
	const struct reading *reading;
	struct tree_inode *inode;
};

static int take_xattr(void *arg, const struct fs_xattr *xattr, struct err *err)
{
	const struct attributes *to = arg;
	BUF_AUTO name = {0};
	int rc;

	buf_str(&name, xattr->prefix);
	buf_add(&name, xattr->rest, xattr->rest_len);
	rc = buf_check(&name, err);
	return rc != 0 ? rc
		       : source_inode_xattr(to->inode, buf_cstr(&name), name.len, xattr->value,
				 xattr->value_len, to->reading->options->allow, err);
}

static int read_inode(struct reading *reading, const struct fs_node *node, struct tree_inode *inode,
	struct err *err)
{
	struct attributes attributes = {reading, inode};
	int rc = source_inode_mode(inode, node->mode, reading->options->allow, err);

	inode->uid = node->uid;
	inode->gid = node->gid;
	inode->rdev_major = node->rdev_major;
	inode->rdev_minor = node->rdev_minor;
	if (rc == 0 && inode->type == TREE_FILE)
		rc = take_content(reading, node, inode, err);
	if (rc == 0 && inode->type == TREE_SYMLINK)
		rc = take_target(reading, node, inode, err);
	return rc != 0 ? rc : fs_xattrs(reading->fs, node, take_xattr, &attributes, err);
}

/* Remembers a file of several names; *@ret_first is where it was put first, NULL when that is now. */
static int note_placed(struct reading *reading, const struct fs_node *node, const char *path,
	const char **ret_first, struct err *err)
{
	struct placed *item = calloc(1, sizeof(*item));
	struct placed **found;

	if (item == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	item->id = node->id;
	found = tsearch(item, &reading->placed, compare_placed);
	if (found != NULL && *found != item) {
		free(item);
		*ret_first = (*found)->path;
		return 0;
	}
	if (found == NULL) {
		free(item);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	item->path = strdup(path);
	*ret_first = NULL;
	return item->path != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static int add_node(
	struct reading *reading, const struct fs_node *node, const char *path, struct err *err)
{
	struct tree_inode inode = {.content.fd = -1, .origin = reading->origin};
	const char *first = NULL;
	int rc = source_inode_mode(&inode, node->mode, reading->options->allow, err);

	if (rc == 0 && inode.type != TREE_DIR && node->nlink > 1)
		rc = note_placed(reading, node, path, &first, err);
	if (rc == 0 && first != NULL)
		return tree_link(reading->tree, path, first, TREE_REFUSE, err);
	if (rc == 0)
		rc = read_inode(reading, node, &inode, err);
	if (rc == 0)
		return tree_add(reading->tree, path, &inode, TREE_REFUSE, NULL, err);
	source_inode_done(&inode);
	return rc;
}

/* fs_walk_fn: one name of the image. */
static int take_node(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct reading *reading = arg;

	if (add_node(reading, node, path + 1, err) != 0)
		return err_wrap(err, "%s: %s", reading->fs->what, path);
	return 0;
}

static int read_image(const struct image *image, struct reading *reading, struct err *err)
{
	IMAGE_BYTES_AUTO bytes = {0};
	FS_AUTO fs = {0};
	int rc = image_map(image, &bytes, err);

	if (rc == 0)
		rc = fs_open(image->fs_type, bytes.root, bytes.root_bytes, image->path, &fs, err);
	if (rc != 0)
		return rc;
	reading->fs = &fs;
	return fs_walk(&fs, take_node, reading, err);
}

int source_image_read(const char *path, const struct source_image_options *options,
	struct spool *spool, const char *origin, struct tree *tree, struct err *err)
{
	__attribute__((cleanup(reading_done))) struct reading reading = {
		.options = options, .origin = origin, .spool = spool, .tree = tree};
	SOURCE_FILE_AUTO file = {.fd = -1};
	struct image image;
	int rc = source_file_open(path, options->sha256, &file, err);

	if (rc == 0)
		rc = image_open_fd(file.fd, path, file.size_bytes, 0, &image, err);
	if (rc == 0)
		rc = read_image(&image, &reading, err);
	return rc != 0 ? rc : source_file_unchanged(&file, err);
}
