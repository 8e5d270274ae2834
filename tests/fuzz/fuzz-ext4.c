/*
 * ext4 file systems: everything that can be reached is read. The input is the image, with zeros up to
 * the size that its super block tells, if that is not too large.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "mkimage/fs/fs.h"

#define IMAGE_MAX (4u << 20)
#define DATA_MAX  (1u << 20)
#define NODES_MAX 300

static unsigned char image_bytes[IMAGE_MAX];
static unsigned sink;

struct walk {
	struct fs fs;
	size_t nodes;
};

static void touch(const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		sink += at[i];
}

/* Not much of a file that says to be large. */
static int take(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	uint64_t *done = arg;

	touch(bytes, n);
	*done += n;
	return *done > DATA_MAX ? err_fail(err, -EFBIG, "enough") : 0;
}

static int take_xattr(void *arg, const struct fs_xattr *xattr, struct err *err)
{
	(void)arg;
	(void)err;
	touch(xattr->prefix, strlen(xattr->prefix));
	touch(xattr->rest, xattr->rest_len);
	touch(xattr->value, xattr->value_len);
	return 0;
}

static void check(const struct err *err)
{
	if (err->code >= 0 || err->msg[0] == '\0')
		abort();
}

static int take_node(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct walk *walk = arg;
	struct err ignored = {0};
	uint64_t done = 0, off = 0;

	(void)err;
	touch(path, strlen(path));
	if (fs_read(&walk->fs, node, take, &done, &ignored) != 0)
		check(&ignored);
	else if (done != 0 && done != node->size_bytes)
		abort();
	if (fs_owns(&walk->fs, node, 5 * 4096, &off))
		touch(&off, sizeof(off));
	if (fs_xattrs(&walk->fs, node, take_xattr, NULL, &ignored) != 0)
		check(&ignored);
	return walk->nodes++ == NODES_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walk walk = {0};
	struct err err = {0};

	if (size < 2048 || size > IMAGE_MAX)
		return 0;
	memset(image_bytes, 0, sizeof(image_bytes));
	memcpy(image_bytes, data, size);
	if (fs_open("ext4", image_bytes, sizeof(image_bytes), "input", &walk.fs, &err) != 0) {
		check(&err);
		return 0;
	}
	if (fs_walk(&walk.fs, take_node, &walk, &err) < 0)
		check(&err);
	fs_close(&walk.fs);
	return 0;
}
