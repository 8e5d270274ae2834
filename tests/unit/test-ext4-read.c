/* Reading ext4: what our own writer wrote comes out, and every refusal of what is almost right. */
#define _GNU_SOURCE
#include "mkimage/fs/fs.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/fs/write-ext4.h"
#include "tests/tap.h"

#define TIME  1700000000u
#define BLOCK 4096u

static void add(struct tree *tree, const char *path, struct tree_inode inode)
{
	struct err err = {0};

	inode.mtime = TIME;
	if (tree_add(tree, path, &inode, TREE_REFUSE, NULL, &err) != 0)
		ok(false, "%s", err.msg);
}

static struct tree_xattr *xattr(const char *name, const char *value, size_t size)
{
	struct tree_xattr *list = malloc(sizeof(*list));

	*list = (struct tree_xattr){
		.name = strdup(name), .value = malloc(size), .size_bytes = size};
	memset(list->value, 'v', size);
	memcpy(list->value, value, strlen(value));
	return list;
}

static void make_tree(struct tree *tree)
{
	struct err err = {0};
	char target[101] = "";

	ok(tree_init(tree, &err) == 0, "a tree");
	tree->root->inode->mtime = TIME;
	memset(target, 't', 100);
	add(tree, "dir", (struct tree_inode){.type = TREE_DIR, .mode = 0700, .uid = 70000});
	add(tree, "dir/null",
		(struct tree_inode){.type = TREE_CHR, .rdev_major = 1, .rdev_minor = 3});
	add(tree, "file",
		(struct tree_inode){.type = TREE_FILE,
			.mode = 0644,
			.content = {.mem = (unsigned char *)strdup("content"), .size_bytes = 7},
			.xattrs = xattr("user.large", "", 300),
			.xattr_count = 1});
	add(tree, "link",
		(struct tree_inode){.type = TREE_SYMLINK, .mode = 0777, .target = strdup(target)});
	add(tree, "short",
		(struct tree_inode){.type = TREE_SYMLINK, .mode = 0777, .target = strdup("file")});
	add(tree, "tiny",
		(struct tree_inode){.type = TREE_FILE,
			.mode = 0600,
			.content.fd = -1,
			.xattrs = xattr("user.small", "1", 1),
			.xattr_count = 1});
}

static void make_image(const struct tree *tree, struct buf *ret)
{
	struct write_ext4_options options = {.uuid = "0123456789abcde", .timestamp = TIME};
	AUTO_CLOSE int fd = memfd_create("ext4", MFD_CLOEXEC);
	WRITE_EXT4_AUTO plan = {0};
	struct err err = {0};
	size_t bytes;

	if (write_ext4_plan(&plan, tree, &options, &err) != 0)
		abort();
	bytes = (size_t)plan.blocks * BLOCK;
	if (ftruncate(fd, (off_t)bytes) != 0 || write_ext4_emit(&plan, fd, "file", 0, &err) != 0 ||
		io_pread(fd, "file", buf_grow(ret, bytes), bytes, 0, &err) != 0)
		abort();
}

/* What a walk has seen, and where things are. */
struct seen {
	struct fs *fs;
	struct buf data;
	size_t names, xattrs;
	uint64_t root, dir, file, link, tiny; /* inodes */
	uint64_t names_at, names_of_dir, xattrs_at;
};

static int take_bytes(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	buf_add(arg, bytes, n);
	return buf_check(arg, err);
}

static int take_xattr(void *arg, const struct fs_xattr *found, struct err *err)
{
	struct seen *seen = arg;

	(void)err;
	seen->xattrs += found->value_len;
	return 0;
}

static uint64_t first_block(const struct seen *seen, const struct fs_node *node)
{
	EXT4_MAP_AUTO map = {0};
	struct err err = {0};

	return ext4_map_read(&seen->fs->ext4, &node->of.ext4, &map, &err) == 0 && map.count > 0
		       ? map.extents[0].from
		       : 0;
}

static int take_node(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct seen *seen = arg;
	uint64_t off = node->of.ext4.off;
	int rc = fs_read(seen->fs, node, take_bytes, &seen->data, err);

	seen->names++;
	if (strcmp(path, "/") == 0) {
		seen->root = off;
		seen->names_at = first_block(seen, node);
	} else if (strcmp(path, "/dir") == 0) {
		seen->dir = off;
		seen->names_of_dir = first_block(seen, node);
	} else if (strcmp(path, "/file") == 0) {
		seen->file = off;
		seen->xattrs_at = node->of.ext4.xattr_block * BLOCK;
	} else if (strcmp(path, "/link") == 0) {
		seen->link = off;
	} else if (strcmp(path, "/tiny") == 0) {
		seen->tiny = off;
	}
	return rc != 0 ? rc : fs_xattrs(seen->fs, node, take_xattr, seen, err);
}

static int look(const struct buf *image, struct seen *ret, struct err *err)
{
	FS_AUTO fs = {0};
	int rc = fs_open("ext4", image->data, image->len, "image", &fs, err);

	*ret = (struct seen){.fs = &fs};
	if (rc == 0)
		rc = fs_walk(&fs, take_node, ret, err);
	return rc;
}

enum place { SUPER, GROUP, ROOT, DIR, FILE_, LINK, TINY, NAMES, NAMES_OF_DIR, XATTRS };

static const struct {
	enum place place;
	size_t at;
	const char *hex;
	int code;
	const char *why;
} cases[] = {
	{SUPER, 0x38, "54", -EBADMSG, "image: byte 1080: no ext4 super block"},
	{SUPER, 0x60, "c6", -ENOTSUP, "image: its journal must be played back first"},
	{SUPER, 0x61, "82", -ENOTSUP, "image: ext4 with features 0x82c2"},
	{SUPER, 0x60, "c0", -ENOTSUP, "image: ext4 with features 0x2c0"},
	{SUPER, 0x18, "03", -ENOTSUP, "image: ext4 with blocks of 2^13 bytes"},
	{SUPER, 0x18, "ffffffff", -ENOTSUP, "image: ext4 with blocks of 2^4294967295 bytes"},
	{SUPER, 0x20, "00000000", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0x28, "00000000", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0x58, "7f00", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0x58, "0020", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0xfe, "1f00", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0xfe, "0020", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0x04, "00000000", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0x04, "ffffff00", -EBADMSG, "image: an ext4 super block out of range"},
	{SUPER, 0x00, "01000000", -EBADMSG, "ext4 inode 2: no such inode"},
	{SUPER, 0x14, "ffffff7f", -EBADMSG, "ext4 inode 2: outside of the image"},
	{GROUP, 0x08, "ffffff7f", -EBADMSG, "ext4 inode 2: outside of the image"},
	{ROOT, 0x00, "ed81", -EBADMSG, "image: /: the root is no directory"},
	{ROOT, 0x04, "01100000", -EBADMSG, "ext4 inode 2: a directory of no whole blocks"},
	{ROOT, 0x04, "00200000", -EBADMSG, "ext4 directory 2, byte 4096: a hole"},
	{FILE_, 0x23, "10", -ENOTSUP, "has flags 0x10080000"},
	{FILE_, 0x22, "00", -ENOTSUP, "has no extents, which is not supported"},
	{FILE_, 0x28, "0af4", -EBADMSG, "a malformed extent tree"},
	{FILE_, 0x2a, "0500", -EBADMSG, "a malformed extent tree"},
	{FILE_, 0x2e, "0600", -EBADMSG, "a malformed extent tree"},
	{FILE_, 0x2e, "0100", -EBADMSG, "a malformed extent tree"},
	{FILE_, 0x38, "0000", -EBADMSG, "an extent out of range"},
	{FILE_, 0x3c, "ffffff7f", -EBADMSG, "an extent out of range"},
	{FILE_, 0x3c, "00000000", -EBADMSG, "an extent out of range"},
	{LINK, 0x04, "00000000", -EBADMSG, "a symbolic link of an impossible length"},
	{LINK, 0x04, "00100000", -EBADMSG, "a symbolic link of an impossible length"},
	{DIR, 0x00, "ed81", -EBADMSG, "image: /dir: its type is not that of its directory's entry"},
	{NAMES, 0x04, "0d00", -EBADMSG, "ext4 directory 2, byte 0: malformed entry"},
	{NAMES, 0x04, "0400", -EBADMSG, "ext4 directory 2, byte 0: malformed entry"},
	{NAMES, 0x04, "0410", -EBADMSG, "ext4 directory 2, byte 0: malformed entry"},
	{NAMES, 0x07, "00", -EBADMSG, "ext4 directory 2, byte 0: entry of unknown type"},
	{NAMES, 0x07, "08", -EBADMSG, "ext4 directory 2, byte 0: entry of unknown type"},
	{NAMES, 0x08, "2f", -EBADMSG, "ext4 directory 2, byte 0: malformed name"},
	{NAMES, 0x08, "00", -EBADMSG, "ext4 directory 2, byte 0: malformed name"},
	{NAMES, 0x06, "00", -EBADMSG, "ext4 directory 2, byte 0: malformed name"},
	{NAMES, 0x08, "78", -EBADMSG, "a directory without \".\" or \"..\""},
	{NAMES, 0x00, "0c", -EBADMSG, "its \".\" or \"..\" leads elsewhere"},
	{NAMES_OF_DIR, 0x0c, "0c", -EBADMSG, "its \".\" or \"..\" leads elsewhere"},
	{XATTRS, 0x00, "01", -EBADMSG, "malformed attributes"},
	{XATTRS, 0x20, "ff", -EBADMSG, ""},
	{XATTRS, 0x21, "63", -ENOTSUP, "has an attribute of kind 99, which is not supported"},
	{XATTRS, 0x24, "01", -ENOTSUP, "in an inode of its own, which is not supported"},
	{XATTRS, 0x22, "fe0f", -EBADMSG, "malformed attributes"},
	{XATTRS, 0x20, "00", -EBADMSG, "a malformed attribute's name"},
	{XATTRS, 0x30, "00", -EBADMSG, "a malformed attribute's name"},
	{XATTRS, 0x20, "0002", -EBADMSG, "a malformed ACL"},
	{FILE_, 0x68, "ffffff7f", -EBADMSG, "malformed attributes"},
	{TINY, 0xa4, "ff", -EBADMSG, "malformed attributes"},
};

static uint64_t place_of(const struct seen *seen, enum place place)
{
	const uint64_t places[] = {
		[SUPER] = 1024,
		[GROUP] = BLOCK,
		[ROOT] = seen->root,
		[DIR] = seen->dir,
		[FILE_] = seen->file,
		[LINK] = seen->link,
		[TINY] = seen->tiny,
		[NAMES] = seen->names_at,
		[NAMES_OF_DIR] = seen->names_of_dir,
		[XATTRS] = seen->xattrs_at,
	};

	return places[place];
}

static void test_bad(const struct buf *good, const struct seen *seen)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t at = place_of(seen, cases[i].place) + cases[i].at;
		struct seen other;
		struct err err = {0};
		BUF_AUTO bad = {0};

		buf_add(&bad, good->data, good->len);
		if (!hex_decode(cases[i].hex, bad.data + at, strlen(cases[i].hex) / 2))
			abort();
		is_int(look(&bad, &other, &err), cases[i].code, "a bad image is refused");
		ok(strstr(err.msg, cases[i].why) != NULL, "and says why, %s: %s", cases[i].why,
			err.msg);
		buf_done(&other.data);
	}
}

static void test_good(void)
{
	struct seen seen = {0};
	BUF_AUTO image = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};

	make_tree(&tree);
	make_image(&tree, &image);
	is_int(look(&image, &seen, &err), 0, "a file system of our own writing is read");
	/* The root, lost+found and six of the tree's. */
	ok(seen.names == 8 && seen.xattrs == 301, "names and attributes %s", err.msg);
	ok(memmem(seen.data.data, seen.data.len, "content", 7) != NULL &&
			memmem(seen.data.data, seen.data.len, "tttttttttt", 10) != NULL,
		"contents and targets");
	ok(seen.root != 0 && seen.file != 0 && seen.names_at != 0 && seen.names_of_dir != 0 &&
			seen.xattrs_at != 0,
		"everything has its place");
	test_bad(&image, &seen);
	buf_done(&seen.data);
}

/* An index of one leaf instead of the leaf, a hole in front, and what is not written is zero. */
static void test_extents(void)
{
	struct seen seen = {0};
	struct ext4_node node;
	BUF_AUTO image = {0};
	TREE_AUTO tree = {0};
	FS_AUTO fs = {0};
	struct err err = {0};
	unsigned char *inode, *leaf;

	make_tree(&tree);
	make_image(&tree, &image);
	is_int(look(&image, &seen, &err), 0, "a file system");
	inode = image.data + seen.file;
	/* The last block of the image is free. */
	leaf = image.data + image.len - BLOCK;
	memcpy(leaf, inode + 0x28, 60);
	leaf[12] = 2;
	leaf[17] = 0x80;
	leaf[16] = 3;
	memset(inode + 0x34, 0, 12);
	inode[0x2e] = 1;
	inode[0x38] = (unsigned char)(image.len / BLOCK - 1);
	inode[0x39] = (unsigned char)((image.len / BLOCK - 1) >> 8);
	inode[0x04] = 0;
	inode[0x05] = 0x70;
	ok(fs_open("ext4", image.data, image.len, "image", &fs, &err) == 0 &&
			ext4_node_read(&fs.ext4,
				(seen.file - seen.root) / fs.ext4.inode_bytes + EXT4_ROOT_INO,
				&node, &err) == 0 &&
			node.size_bytes == 7 * BLOCK,
		"the file in the image %s", err.msg);
	EXT4_MAP_AUTO map = {0};

	is_int(ext4_map_read(&fs.ext4, &node, &map, &err), 0, "its map");
	ok(map.count == 3 && map.extents[0].from == 0 && map.extents[0].bytes == 2 * BLOCK &&
			map.extents[1].from == 0 && map.extents[1].bytes == 3 * BLOCK &&
			map.extents[2].from == 0 && map.extents[2].start == 5 * BLOCK &&
			map.extents[2].bytes == 2 * BLOCK,
		"a hole, what is not written, and a hole: %zu", map.count);
	ext4_map_done(&map);
	leaf[6] = 1;
	is_int(ext4_map_read(&fs.ext4, &node, &map, &err), -EBADMSG,
		"a leaf that is as deep as its index");
	inode[0x3a] = 0x7f;
	is_int(ext4_map_read(&fs.ext4, &node, &map, &err), -EBADMSG, "a leaf outside of the image");
	buf_done(&seen.data);
}

int main(void)
{
	test_good();
	test_extents();
	return tap_done();
}
