/*
 * EROFS images: everything that can be reached is read. The input is the image without the zeros at
 * the end of its blocks' last one; the checksum is made right, so that mutations get past it.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wr.h"
#include "mkimage/fs/erofs-data.h"

#define IMAGE_MAX (1u << 20)
#define DEPTH_MAX 16
#define DATA_MAX  (1u << 20)

static unsigned char image_bytes[IMAGE_MAX];
static unsigned sink;

struct walk {
	struct erofs_image image;
	struct erofs_reader reader;
	size_t nodes_left;
};

static void touch(const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		sink += at[i];
}

struct progress {
	uint64_t done;
};

/* Not much of a file that says to be large. */
static int take(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	struct progress *progress = arg;

	touch(bytes, n);
	progress->done += n;
	return progress->done > DATA_MAX ? err_fail(err, -EFBIG, "enough") : 0;
}

static void read_data(struct walk *walk, const struct erofs_node *node)
{
	struct progress progress = {0};
	struct err err = {0};
	uint16_t type = node->inode.mode & EROFS_MODE_TYPE;

	if (type != EROFS_MODE_REG && type != EROFS_MODE_LNK)
		return;
	if (erofs_data_read(&walk->reader, node, take, &progress, &err) == 0) {
		if (progress.done != node->inode.size_bytes)
			abort();
	} else if (err.code >= 0 || err.msg[0] == '\0') {
		abort();
	}
}

static void read_xattrs(const struct walk *walk, const struct erofs_node *node)
{
	struct erofs_xattrs xattrs = {.image = &walk->image, .node = node};
	struct erofs_xattr xattr;
	struct err err = {0};
	bool end = false;

	while (!end && erofs_xattr_next(&xattrs, &xattr, &end, &err) == 0)
		if (!end) {
			touch(xattr.rest, xattr.rest_len);
			touch(xattr.value, xattr.value_len);
			touch(xattr.prefix, strlen(xattr.prefix));
		}
}

static void read_node(struct walk *walk, uint64_t nid, unsigned depth)
{
	struct erofs_node node;
	struct erofs_dir dir = {.image = &walk->image, .node = &node};
	struct erofs_dirent entry;
	struct err err = {0};
	bool end = false;

	if (depth == 0 || walk->nodes_left == 0)
		return;
	walk->nodes_left--;
	if (erofs_node_read(&walk->image, nid, &node, &err) != 0)
		return;
	read_data(walk, &node);
	read_xattrs(walk, &node);
	if ((node.inode.mode & EROFS_MODE_TYPE) != EROFS_MODE_DIR)
		return;
	while (!end && erofs_dir_next(&dir, &entry, &end, &err) == 0)
		if (!end) {
			touch(entry.name, entry.name_len);
			read_node(walk, entry.nid, depth - 1);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole = (size + EROFS_BLOCK_SIZE - 1) / EROFS_BLOCK_SIZE * EROFS_BLOCK_SIZE;
	struct walk walk = {.nodes_left = 200};
	struct err err = {0};
	struct wr wr;

	if (size <= EROFS_SUPER_OFFSET + 8 || size > IMAGE_MAX)
		return 0;
	memcpy(image_bytes, data, size);
	memset(image_bytes + size, 0, whole - size);
	wr = wr_init(image_bytes + EROFS_SUPER_OFFSET + 4, 4);
	wr_le32(&wr, erofs_super_checksum(image_bytes));
	if (erofs_open(image_bytes, whole, "input", &walk.image, &err) != 0)
		return 0;
	walk.reader.image = &walk.image;
	read_node(&walk, walk.image.super.root_nid, DEPTH_MAX);
	erofs_data_done(&walk.reader);
	return 0;
}
