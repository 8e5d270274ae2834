/* Guest images (source-image.h): formats/erofs-read over a mapping of the file. */
#define _GNU_SOURCE
#include "mkimage/source-image.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "formats/erofs-read.h"
#include "formats/mbr.h"
#include "lib/buf.h"
#include "mkimage/list-erofs.h"
#include "mkimage/source-archive.h"
#include "mkimage/source-file.h"

#define CAPABILITY_NAME "security.capability"
#define XATTR_NAME_MAX	255

/* Where a file of several names was put first. */
struct placed {
	uint64_t nid;
	char *path; /* owned */
};

struct reading {
	const struct source_image_options *options;
	const char *origin;
	const struct erofs_image *image;
	struct spool *spool;
	struct tree *tree;
	void *placed; /* tsearch(3) of struct placed */
	uint64_t bytes;
};

struct mapping {
	void *at;
	size_t len;
};

static void mapping_done(struct mapping *mapping)
{
	if (mapping->at != NULL)
		munmap(mapping->at, mapping->len);
}

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

	return (left->nid > right->nid) - (left->nid < right->nid);
}

static const struct {
	uint16_t mode;
	enum tree_type type;
	unsigned need; /* enum source_allow */
} types[] = {
	{EROFS_MODE_REG, TREE_FILE, 0},
	{EROFS_MODE_DIR, TREE_DIR, 0},
	{EROFS_MODE_LNK, TREE_SYMLINK, 0},
	{EROFS_MODE_FIFO, TREE_FIFO, SOURCE_ALLOW_DEVICES},
	{EROFS_MODE_CHR, TREE_CHR, SOURCE_ALLOW_DEVICES},
	{EROFS_MODE_BLK, TREE_BLK, SOURCE_ALLOW_DEVICES},
};

static int take_type(const struct reading *reading, const struct erofs_node *node,
	struct tree_inode *inode, struct err *err)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (types[i].mode != (node->inode.mode & EROFS_MODE_TYPE))
			continue;
		if ((reading->options->allow & types[i].need) != types[i].need)
			return err_fail(err, -EBADMSG, "special files are not allowed here");
		inode->type = types[i].type;
		return 0;
	}
	return err_fail(err, -EBADMSG, "a socket");
}

static int take_status(const struct reading *reading, const struct erofs_node *node,
	struct tree_inode *inode, struct err *err)
{
	int rc = take_type(reading, node, inode, err);

	if (rc != 0)
		return rc;
	inode->mode = inode->type == TREE_SYMLINK ? 0777 : node->inode.mode & 07777;
	inode->uid = node->inode.uid;
	inode->gid = node->inode.gid;
	inode->rdev_major = node->inode.rdev_major;
	inode->rdev_minor = node->inode.rdev_minor;
	if (inode->type != TREE_DIR && (inode->mode & 06000) != 0 &&
		(reading->options->allow & SOURCE_ALLOW_SETID) == 0)
		return err_fail(err, -EBADMSG, "setuid or setgid (mode 0%o) is not allowed here",
			(unsigned)inode->mode);
	return 0;
}

static int take_content(struct reading *reading, const struct erofs_node *node,
	struct tree_inode *inode, struct err *err)
{
	uint64_t size = node->inode.size_bytes, done = 0;
	int rc = 0;

	/* Files of an image may share their blocks, so their sum has no other bound. */
	if (size > SOURCE_BYTES_MAX - reading->bytes)
		return err_fail(err, -EFBIG, "more bytes than a source may have");
	reading->bytes += size;
	inode->content = (struct tree_content){.fd = reading->spool->fd,
		.off = spool_reserve(reading->spool, size),
		.size_bytes = size};
	while (rc == 0 && done < size) {
		size_t n;
		const unsigned char *at = erofs_data(reading->image, node, done, &n);

		rc = spool_write(reading->spool, at, n, inode->content.off + done, err);
		done += n;
	}
	return rc;
}

static int take_target(const struct reading *reading, const struct erofs_node *node,
	struct tree_inode *inode, struct err *err)
{
	BUF_AUTO target = {0};
	uint64_t size = node->inode.size_bytes;

	while (target.len < size && !target.bad) {
		size_t n;
		const unsigned char *at = erofs_data(reading->image, node, target.len, &n);

		buf_add(&target, at, n);
	}
	if (memchr(buf_cstr(&target), '\0', target.len) != NULL)
		return err_fail(err, -EBADMSG, "a NUL in a symbolic link's target");
	inode->target = target.bad ? NULL : strdup(buf_cstr(&target));
	return inode->target != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static int add_xattr(const struct reading *reading, const struct erofs_xattr *xattr,
	struct tree_inode *inode, struct err *err)
{
	BUF_AUTO name = {0};
	struct tree_xattr *grown = reallocarray(
		inode->xattrs, inode->xattr_count + 1, sizeof(*grown));
	unsigned need;

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	inode->xattrs = grown;
	buf_str(&name, xattr->prefix);
	buf_add(&name, xattr->rest, xattr->rest_len);
	if (name.bad)
		return err_fail(err, -ENOMEM, "out of memory");
	if (name.len > XATTR_NAME_MAX || memchr(buf_cstr(&name), '\0', name.len) != NULL)
		return err_fail(err, -EBADMSG, "a malformed attribute's name");
	need = strcmp(buf_cstr(&name), CAPABILITY_NAME) == 0 ? SOURCE_ALLOW_CAPABILITIES
							     : SOURCE_ALLOW_XATTRS;
	if ((reading->options->allow & need) == 0)
		return err_fail(
			err, -EBADMSG, "attribute \"%s\" is not allowed here", buf_cstr(&name));
	grown[inode->xattr_count] = (struct tree_xattr){.name = strdup(buf_cstr(&name)),
		.value = malloc(xattr->value_len > 0 ? xattr->value_len : 1),
		.size_bytes = xattr->value_len};
	inode->xattr_count++;
	if (grown[inode->xattr_count - 1].name == NULL ||
		grown[inode->xattr_count - 1].value == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	memcpy(grown[inode->xattr_count - 1].value, xattr->value, xattr->value_len);
	return 0;
}

static int take_xattrs(const struct reading *reading, const struct erofs_node *node,
	struct tree_inode *inode, struct err *err)
{
	struct erofs_xattrs walk = {.image = reading->image, .node = node};
	bool end = false;
	int rc = 0;

	while (rc == 0 && !end) {
		struct erofs_xattr xattr;

		rc = erofs_xattr_next(&walk, &xattr, &end, err);
		if (rc == 0 && !end)
			rc = add_xattr(reading, &xattr, inode, err);
	}
	return rc;
}

static int read_inode(struct reading *reading, const struct erofs_node *node,
	struct tree_inode *inode, struct err *err)
{
	int rc = take_status(reading, node, inode, err);

	if (rc == 0 && inode->type == TREE_FILE)
		rc = take_content(reading, node, inode, err);
	if (rc == 0 && inode->type == TREE_SYMLINK)
		rc = take_target(reading, node, inode, err);
	return rc != 0 ? rc : take_xattrs(reading, node, inode, err);
}

static void inode_done(struct tree_inode *inode)
{
	for (size_t i = 0; i < inode->xattr_count; i++) {
		free(inode->xattrs[i].name);
		free(inode->xattrs[i].value);
	}
	free(inode->xattrs);
	free(inode->target);
}

/* Remembers a file of several names; *@ret_first is where it was put first, NULL when that is now. */
static int note_placed(struct reading *reading, const struct erofs_node *node, const char *path,
	const char **ret_first, struct err *err)
{
	struct placed *item = calloc(1, sizeof(*item));
	struct placed **found;

	if (item == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	item->nid = node->nid;
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
	struct reading *reading, const struct erofs_node *node, const char *path, struct err *err)
{
	struct tree_inode inode = {.content.fd = -1, .origin = reading->origin};
	bool is_dir = (node->inode.mode & EROFS_MODE_TYPE) == EROFS_MODE_DIR;
	const char *first = NULL;
	int rc = 0;

	if (!is_dir && node->inode.nlink > 1)
		rc = note_placed(reading, node, path, &first, err);
	if (rc == 0 && first != NULL)
		return tree_link(reading->tree, path, first, TREE_REFUSE, err);
	if (rc == 0)
		rc = read_inode(reading, node, &inode, err);
	if (rc == 0)
		return tree_add(reading->tree, path, &inode, TREE_REFUSE, NULL, err);
	inode_done(&inode);
	return rc;
}

/* list_erofs_fn: one name of the image. */
static int take_node(void *arg, const char *path, const struct erofs_node *node, struct err *err)
{
	struct reading *reading = arg;

	if (add_node(reading, node, path + 1, err) != 0)
		return err_wrap(err, "%s: %s", reading->image->what, path);
	return 0;
}

/* The bytes of the file system: the first partition, or everything. */
static int find_root(const struct mapping *mapping, const char *path, const unsigned char **ret,
	size_t *ret_len, struct err *err)
{
	const unsigned char *base = mapping->at;
	const struct mbr_partition *first;
	struct mbr mbr;
	int rc;

	*ret = base;
	*ret_len = mapping->len;
	if (mapping->len < MBR_SIZE || base[510] != 0x55 || base[511] != 0xaa)
		return 0;
	rc = mbr_parse(base, mapping->len, mapping->len / MBR_SECTOR_SIZE, path, &mbr, err);
	if (rc != 0)
		return rc;
	first = &mbr.partitions[0];
	if (first->type != MBR_TYPE_LINUX)
		return err_fail(err, -ENOTSUP,
			"%s: its first partition has the type 0x%02x, "
			"not 0x83",
			path, first->type);
	*ret = base + (uint64_t)first->start_sector * MBR_SECTOR_SIZE;
	*ret_len = (size_t)first->sector_count * MBR_SECTOR_SIZE;
	return 0;
}

static int read_mapping(
	const struct mapping *mapping, const char *path, struct reading *reading, struct err *err)
{
	struct erofs_image image;
	const unsigned char *root;
	size_t len;
	int rc = find_root(mapping, path, &root, &len, err);

	if (rc == 0)
		rc = erofs_open(root, len, path, &image, err);
	if (rc != 0)
		return rc;
	reading->image = &image;
	return list_erofs_walk(&image, take_node, reading, err);
}

int source_image_read(const char *path, const struct source_image_options *options,
	struct spool *spool, const char *origin, struct tree *tree, struct err *err)
{
	__attribute__((cleanup(reading_done))) struct reading reading = {
		.options = options, .origin = origin, .spool = spool, .tree = tree};
	__attribute__((cleanup(mapping_done))) struct mapping mapping = {0};
	SOURCE_FILE_AUTO file = {.fd = -1};
	int rc = source_file_open(path, options->sha256, &file, err);

	if (rc != 0)
		return rc;
	if (file.size_bytes == 0 || file.size_bytes > SIZE_MAX / 2)
		return err_fail(err, -EBADMSG, "%s: empty", path);
	mapping.at = mmap(NULL, (size_t)file.size_bytes, PROT_READ, MAP_PRIVATE, file.fd, 0);
	if (mapping.at == MAP_FAILED) {
		mapping.at = NULL;
		return err_sys(err, "%s", path);
	}
	mapping.len = (size_t)file.size_bytes;
	rc = read_mapping(&mapping, path, &reading, err);
	return rc != 0 ? rc : source_file_unchanged(&file, err);
}
