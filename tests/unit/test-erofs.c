/* EROFS: golden images, round trips through our own reader, and every refusal of the writer and
 * of the reader. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/erofs-read.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/hex.h"
#include "mkimage/fs/write-erofs.h"
#include "tests/random-tree.h"
#include "tests/tap.h"

#define TIME RANDOM_TREE_TIME

static int to_buf(void *arg, const void *data, size_t n, struct err *err)
{
	if (n % EROFS_BLOCK_SIZE != 0)
		return err_fail(err, -EINVAL, "a piece of %zu bytes", n);
	if (n > 0)
		buf_add(arg, data, n);
	return buf_check(arg, err);
}

static int image_of(const struct tree *tree, bool inline_tails, struct buf *ret, struct err *err)
{
	struct write_erofs_options options = {.timestamp = TIME, .inline_tails = inline_tails};
	WRITE_EROFS_AUTO plan = {0};
	int rc;

	memcpy(options.uuid, "0123456789abcdef", sizeof(options.uuid));
	rc = write_erofs_plan(&plan, tree, &options, err);
	if (rc == 0)
		rc = write_erofs_emit(&plan, to_buf, ret, err);
	if (rc == 0 && ret->len != plan.blocks * EROFS_BLOCK_SIZE)
		return err_fail(err, -EINVAL, "not the planned size");
	return rc;
}

static void add(struct tree *tree, const char *path, struct tree_inode inode)
{
	struct err err = {0};

	inode.mtime = TIME;
	if (tree_add(tree, path, &inode, TREE_REFUSE, NULL, &err) != 0)
		ok(false, "%s", err.msg);
}

static void add_file(struct tree *tree, const char *path, const char *text, uint32_t uid)
{
	add(tree, path,
		(struct tree_inode){.type = TREE_FILE,
			.mode = 04755,
			.uid = uid,
			.content = {
				.mem = (unsigned char *)strdup(text), .size_bytes = strlen(text)}});
}

static void add_xattr(struct tree_inode *inode, const char *name, const char *value)
{
	inode->xattrs = realloc(inode->xattrs, (inode->xattr_count + 1) * sizeof(inode->xattrs[0]));
	inode->xattrs[inode->xattr_count++] = (struct tree_xattr){.name = strdup(name),
		.value = (unsigned char *)strdup(value),
		.size_bytes = strlen(value)};
}

/* A tree with one of each, its nodes added from first to last or, as far as that goes, the other
 * way. */
static void fixed_tree(struct tree *tree, bool backwards)
{
	struct tree_inode with_xattrs = {.type = TREE_DIR, .mode = 0700};
	struct err err = {0};

	ok(tree_init(tree, &err) == 0, "a tree");
	tree->root->inode->mtime = TIME;
	add_xattr(&with_xattrs, "user.key", "value");
	add_xattr(&with_xattrs, "security.selinux", "label");
	if (!backwards) {
		add(tree, "dev", with_xattrs);
		add(tree, "usr", (struct tree_inode){.type = TREE_DIR, .mode = 01755});
		add_file(tree, "usr/a", "first file\n", 0);
		add_file(tree, "usr/b", "", 100000);
		ok(tree_link(tree, "-link", "usr/a", TREE_REFUSE, &err) == 0, "link");
	} else {
		add_file(tree, "-link", "first file\n", 0);
		add(tree, "usr", (struct tree_inode){.type = TREE_DIR, .mode = 01755});
		add_file(tree, "usr/b", "", 100000);
		ok(tree_link(tree, "usr/a", "-link", TREE_REFUSE, &err) == 0, "link");
		add(tree, "dev", with_xattrs);
	}
	add(tree, "dev/null",
		(struct tree_inode){
			.type = TREE_CHR, .mode = 0666, .rdev_major = 1, .rdev_minor = 3});
	add(tree, "dev/big",
		(struct tree_inode){.type = TREE_BLK,
			.mode = 0660,
			.gid = 6,
			.rdev_major = 4095,
			.rdev_minor = 1048575});
	add(tree, "dev/pipe", (struct tree_inode){.type = TREE_FIFO, .mode = 0600});
	add(tree, "dev/log", (struct tree_inode){.type = TREE_SOCK, .mode = 0600});
	add(tree, "sbin",
		(struct tree_inode){
			.type = TREE_SYMLINK, .mode = 0777, .target = strdup("usr/sbin")});
}

static void digest_hex(const struct buf *buf, char hex[2 * SHA256_SIZE + 1])
{
	unsigned char sum[SHA256_SIZE];
	struct err err = {0};

	if (digest_bytes(DIGEST_SHA256, buf->data, buf->len, sum, &err) != 0)
		abort();
	hex_encode(sum, sizeof(sum), hex);
}

static void hex_at(const struct buf *buf, size_t off, size_t n, const char *want, const char *what)
{
	char hex[2 * 128 + 1] = "";

	if (off + n <= buf->len && n <= 128)
		hex_encode(buf->data + off, n, hex);
	is_str(hex, want, what);
}

/* The image format is a contract: a change of these digests needs a line in NEWS.md. */
static void test_golden(void)
{
	for (int backwards = 0; backwards < 2; backwards++) {
		BUF_AUTO plain = {0};
		BUF_AUTO tails = {0};
		TREE_AUTO tree = {0};
		struct err err = {0};
		char hex[2 * SHA256_SIZE + 1];

		fixed_tree(&tree, backwards);
		ok(image_of(&tree, false, &plain, &err) == 0, "an image");
		digest_hex(&plain, hex);
		is_str(hex, "0c5c94623ae485bb60117918378e8363285353897d41a78f8dbc43da87e4fb60",
			"golden image");
		ok(image_of(&tree, true, &tails, &err) == 0, "an image with inline tails");
		digest_hex(&tails, hex);
		is_str(hex, "92a48fae8731d8869d173b4505a78828e560f2ae4ab759812a6928ba014c4d92",
			"golden image with inline tails");
		tree_for_each (&tree, node) {
			if (node->inode->mark != 0)
				ok(false, "a mark is left");
		}
		if (backwards)
			continue;
		is_int((long long)plain.len, 2 * EROFS_BLOCK_SIZE, "metadata and one file");
		is_int((long long)tails.len, EROFS_BLOCK_SIZE, "metadata alone");
		hex_at(&plain, 1024 + 8, 8,
			"03000000"
			"0c00"
			"2400",
			"features, block size, root");
		hex_at(&plain, 1024 + 16, 24,
			"0a00000000000000"
			"00f1536500000000"
			"00000000"
			"02000000",
			"inodes, time, blocks");
		hex_at(&plain, 1024 + 40, 8, "0000000000000000", "areas");
		hex_at(&plain, 1024 + 48, 16, "30313233343536373839616263646566", "UUID");
		hex_at(&plain, 1024 + 64, 64,
			"0000000000000000000000000000000000000000000000000000000000000000"
			"0000000000000000000000000000000000000000000000000000000000000000",
			"no name, no other features");
		hex_at(&plain, 1152, 32,
			"0400"
			"0000"
			"ed41"
			"0400"
			"5a000000"
			"00000000"
			"00000000"
			"01000000"
			"0000"
			"0000"
			"00000000",
			"the root");
		hex_at(&plain, 1152 + 32, 24,
			"2800000000000000"
			"4800"
			"01"
			"00"
			"2400000000000000"
			"4d00"
			"02"
			"00",
			"its entries -link and .");
		hex_at(&plain, 1152 + 32 + 72, 14, "2d6c696e6b2e2e2e646576736269", "its names");
	}
}

/* Compares the image, from the root down, with the tree. */
struct compare {
	const struct tree *tree;
	const struct erofs_image *image;
	size_t nodes, wrong;
};

static bool same_data(
	const struct compare *c, const struct erofs_node *got, const struct tree_inode *want)
{
	const unsigned char *mem = want->type == TREE_SYMLINK ? (unsigned char *)want->target
							      : want->content.mem;
	uint64_t off = 0;
	size_t n;

	for (const unsigned char *at; (at = erofs_data(c->image, got, off, &n), n > 0); off += n)
		if (memcmp(mem + off, at, n) != 0)
			return false;
	return off == got->inode.size_bytes &&
	       off == (want->type == TREE_SYMLINK ? strlen(want->target)
						  : want->content.size_bytes);
}

static bool same_xattrs(
	const struct compare *c, const struct erofs_node *got, const struct tree_inode *want)
{
	struct erofs_xattrs xattrs = {.image = c->image, .node = got};
	struct erofs_xattr xattr;
	struct err err = {0};
	size_t i = 0;
	bool end;

	for (; erofs_xattr_next(&xattrs, &xattr, &end, &err) == 0 && !end; i++) {
		size_t prefix = strlen(xattr.prefix);

		if (i >= want->xattr_count ||
			strlen(want->xattrs[i].name) != prefix + xattr.rest_len ||
			memcmp(want->xattrs[i].name, xattr.prefix, prefix) != 0 ||
			memcmp(want->xattrs[i].name + prefix, xattr.rest, xattr.rest_len) != 0 ||
			want->xattrs[i].size_bytes != xattr.value_len ||
			memcmp(want->xattrs[i].value, xattr.value, xattr.value_len) != 0)
			return false;
	}
	return err.code == 0 && i == want->xattr_count;
}

static bool same_node(
	const struct compare *c, const struct erofs_node *got, const struct tree_inode *want)
{
	static const uint16_t modes[] = {EROFS_MODE_REG, EROFS_MODE_DIR, EROFS_MODE_LNK,
		EROFS_MODE_CHR, EROFS_MODE_BLK, EROFS_MODE_FIFO, EROFS_MODE_SOCK};
	const struct erofs_inode *inode = &got->inode;

	if (inode->mode != (modes[want->type] | want->mode) || inode->uid != want->uid ||
		inode->gid != want->gid || inode->mtime != want->mtime)
		return false;
	if (want->type != TREE_DIR && inode->nlink != want->links)
		return false;
	if ((want->type == TREE_CHR || want->type == TREE_BLK) &&
		(inode->rdev_major != want->rdev_major || inode->rdev_minor != want->rdev_minor))
		return false;
	if ((want->type == TREE_FILE || want->type == TREE_SYMLINK) && !same_data(c, got, want))
		return false;
	return same_xattrs(c, got, want);
}

static void compare_node(
	struct compare *c, const struct tree_node *want, uint64_t nid, uint64_t parent_nid);

static void compare_dir(struct compare *c, const struct tree_node *want,
	const struct erofs_node *got, uint64_t parent_nid)
{
	struct erofs_dir dir = {.image = c->image, .node = got};
	struct erofs_dirent entry;
	struct err err = {0};
	size_t i = 0, dots = 0;
	bool end;

	while (erofs_dir_next(&dir, &entry, &end, &err) == 0 && !end) {
		if (entry.name_len == 1 && entry.name[0] == '.') {
			dots += entry.nid == got->nid;
		} else if (entry.name_len == 2 && memcmp(entry.name, "..", 2) == 0) {
			dots += entry.nid == parent_nid;
		} else if (i >= want->child_count ||
			   strlen(want->children[i]->name) != entry.name_len ||
			   memcmp(want->children[i]->name, entry.name, entry.name_len) != 0) {
			c->wrong++;
			return;
		} else {
			compare_node(c, want->children[i++], entry.nid, got->nid);
		}
	}
	if (err.code != 0 || dots != 2 || i != want->child_count)
		c->wrong++;
}

static void compare_node(
	struct compare *c, const struct tree_node *want, uint64_t nid, uint64_t parent_nid)
{
	struct erofs_node got;
	struct err err = {0};

	c->nodes++;
	if (erofs_node_read(c->image, nid, &got, &err) != 0 || !same_node(c, &got, want->inode))
		c->wrong++;
	else if (want->inode->type == TREE_DIR)
		compare_dir(c, want, &got, parent_nid);
}

static void test_round_trips(void)
{
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct erofs_image image;
		BUF_AUTO buf = {0};
		TREE_AUTO tree = {0};
		struct err err = {0};
		int rc = tree_init(&tree, &err);
		struct compare c = {.tree = &tree, .image = &image};

		if (rc == 0)
			rc = random_tree_fill(&tree, seed, &err);
		if (rc == 0)
			rc = image_of(&tree, seed % 2, &buf, &err);
		if (rc == 0)
			rc = erofs_open(buf.data, buf.len, "image", &image, &err);
		if (rc == 0)
			compare_node(&c, tree.root, image.super.root_nid, image.super.root_nid);
		ok(rc == 0 && c.wrong == 0 && c.nodes == tree.node_count,
			"tree %llu comes back: %zu nodes, %zu wrong %s", (unsigned long long)seed,
			c.nodes, c.wrong, err.msg);
	}
}

static void refuse(struct tree_inode inode, int code, const char *message)
{
	struct write_erofs_options options = {.timestamp = TIME};
	TREE_AUTO tree = {0};
	WRITE_EROFS_AUTO plan = {0};
	struct err err = {0};

	ok(tree_init(&tree, &err) == 0, "a tree");
	add(&tree, "x", inode);
	is_int(write_erofs_plan(&plan, &tree, &options, &err), code, "a plan is refused");
	is_str(err.msg, message, "and says why");
	is_int((long long)tree.root->inode->mark, 0, "without leaving marks");
}

static void test_writer_refuses(void)
{
	struct tree_inode system = {.type = TREE_FILE};
	struct tree_inode bare = {.type = TREE_FILE};
	struct tree_inode acl = {.type = TREE_FILE};
	struct tree_inode many = {.type = TREE_FILE};
	char name[32];

	refuse((struct tree_inode){.type = TREE_CHR, .rdev_major = 4096}, -EBADMSG,
		"/x: device number too large");
	refuse((struct tree_inode){.type = TREE_BLK, .rdev_minor = 1048576}, -EBADMSG,
		"/x: device number too large");
	refuse((struct tree_inode){.type = TREE_FILE,
		       .content = {.fd = -1, .size_bytes = UINT64_C(1) << 44}},
		-EBADMSG, "/x: file too large");
	refuse((struct tree_inode){.type = TREE_FILE,
		       .content = {.fd = -1, .size_bytes = (UINT64_C(1) << 44) - 2 * 4096 + 1}},
		-EFBIG, "the EROFS image would be larger than 16 TiB");
	add_xattr(&system, "system.nfs4_acl", "x");
	refuse(system, -EBADMSG,
		"/x: extended attribute \"system.nfs4_acl\" cannot be stored in EROFS");
	add_xattr(&bare, "user.", "x");
	refuse(bare, -EBADMSG, "/x: extended attribute \"user.\" cannot be stored in EROFS");
	add_xattr(&acl, "system.posix_acl_accessx", "x");
	refuse(acl, -EBADMSG,
		"/x: extended attribute \"system.posix_acl_accessx\" cannot be stored in EROFS");
	for (size_t i = 0; i < 5; i++) {
		struct tree_xattr *xattr;

		snprintf(name, sizeof(name), "user.%zu", i);
		add_xattr(&many, name, "x");
		xattr = &many.xattrs[many.xattr_count - 1];
		free(xattr->value);
		xattr->value = calloc(1, 60000);
		xattr->size_bytes = 60000;
	}
	refuse(many, -EBADMSG, "/x: more extended attributes than an inode can hold");
}

struct picky {
	size_t calls, fail_at;
	bool ended;
};

static int picky_sink(void *arg, const void *data, size_t n, struct err *err)
{
	struct picky *picky = arg;

	(void)data;
	picky->ended = n == 0;
	if (n > 0 && ++picky->calls == picky->fail_at)
		return err_fail(err, -ENOSPC, "no room");
	return 0;
}

static void test_emit_fails(void)
{
	struct write_erofs_options options = {.timestamp = TIME};
	struct picky picky = {.fail_at = 2};
	struct tree_inode inode = {.type = TREE_FILE, .mode = 0644};
	int fd = memfd_create("content", MFD_CLOEXEC);
	TREE_AUTO tree = {0};
	WRITE_EROFS_AUTO plan = {0};
	struct err err = {0};

	ok(fd >= 0 && ftruncate(fd, 9 << 20) == 0, "a content of 9 MiB");
	ok(tree_init(&tree, &err) == 0, "a tree");
	inode.content = (struct tree_content){.fd = fd, .size_bytes = 9 << 20};
	add(&tree, "big", inode);
	ok(write_erofs_plan(&plan, &tree, &options, &err) == 0, "a plan");
	is_int(write_erofs_emit(&plan, picky_sink, &picky, &err), -ENOSPC, "the sink fails");
	is_str(err.msg, "no room", "with its own message");
	ok(picky.ended && picky.calls == 2, "and is told of the end");

	picky = (struct picky){0};
	ok(ftruncate(fd, 7 << 20) == 0, "the content shrinks");
	is_int(write_erofs_emit(&plan, picky_sink, &picky, &err), -EBADMSG, "reading fails");
	is_str(err.msg, "/big: ends at byte 7340032, 1044480 bytes early", "and names the file");
	ok(picky.ended, "and the sink is told of the end");
	close(fd);
}

/* Images that are almost right. */

#define FIXED_ROOT   1152u /* of the fixed tree without inline tails */
#define FIXED_XATTRS 1344u /* of /dev, inode 41 */
#define FIXED_LINK   1632u /* /sbin, inode 51 */

static void walk(const struct erofs_image *image, uint64_t nid, struct err *err, size_t *budget)
{
	struct erofs_node node;
	struct erofs_dirent entry;
	struct erofs_xattr xattr;
	bool end = false;
	int rc = erofs_node_read(image, nid, &node, err);
	struct erofs_dir dir = {.image = image, .node = &node};
	struct erofs_xattrs xattrs = {.image = image, .node = &node};

	if (*budget == 0)
		return;
	*budget -= 1;
	while (rc == 0 && !end)
		rc = erofs_xattr_next(&xattrs, &xattr, &end, err);
	end = rc != 0 || (node.inode.mode & EROFS_MODE_TYPE) != EROFS_MODE_DIR;
	while (rc == 0 && !end) {
		rc = erofs_dir_next(&dir, &entry, &end, err);
		if (rc == 0 && !end &&
			(entry.name_len > 2 || memcmp(entry.name, "..", entry.name_len) != 0))
			walk(image, entry.nid, err, budget);
		if (err->code != 0)
			rc = err->code;
	}
}

static void test_reader_refuses(void)
{
	static const struct {
		size_t at;
		const char *hex;
		bool fix; /* the checksum */
		int code;
		const char *message;
	} cases[] = {
		{1024, "e3", true, -EBADMSG, "image: byte 1024: no EROFS super block"},
		{1024 + 12, "09", true, -ENOTSUP,
			"image: EROFS with blocks of 2^9 bytes, only 4096 is supported"},
		{1024 + 80, "8000", true, -ENOTSUP,
			"image: EROFS with features 0x80 and 0 extra devices, which are not "
			"supported"},
		{1024 + 86, "01", true, -ENOTSUP,
			"image: EROFS with features 0x0 and 1 extra devices, which are not "
			"supported"},
		{1024 + 100, "01", false, -EBADMSG,
			"image: the checksum of the EROFS super block is wrong"},
		{1024 + 36, "03000000", true, -EBADMSG,
			"image: the EROFS image has 3 blocks, but the file 8192 bytes"},
		{1024 + 36, "00000000", true, -EBADMSG,
			"image: the EROFS image has 0 blocks, but the file 8192 bytes"},
		{1024 + 40, "02000000", true, -EBADMSG,
			"image: EROFS inode 36 is outside of the image"},
		{1024 + 14, "ffff", true, -EBADMSG,
			"image: EROFS inode 65535 is outside of the image"},
		{FIXED_ROOT, "2400", true, -ENOTSUP,
			"image: EROFS inode 36 has the unknown format 0x24"},
		{FIXED_ROOT, "0a00", true, -ENOTSUP,
			"image: EROFS inode 36 has the unknown format 0xa"},
		{FIXED_ROOT, "0200", true, -EBADMSG,
			"image: EROFS inode 36 is compressed, but no file"},
		{FIXED_ROOT, "0600", true, -EBADMSG,
			"image: EROFS inode 36 is compressed, but no file"},
		{FIXED_ROOT, "0800", true, -ENOTSUP,
			"image: EROFS inode 36 is chunk-based, which is not supported"},
		{FIXED_ROOT + 4, "ed31", true, -EBADMSG, "image: EROFS inode 36 has no known type"},
		{FIXED_ROOT + 2, "ffff", true, -EBADMSG,
			"image: EROFS inode 36 has attributes outside of the image"},
		{FIXED_ROOT + 8, "ff0f", true, -EBADMSG,
			"image: EROFS inode 36 has an inline tail that crosses a block"},
		{FIXED_ROOT + 8, "0110", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed block"},
		{FIXED_ROOT + 8, "5630", true, -EBADMSG,
			"image: EROFS inode 36 has data outside of the image"},
		{FIXED_ROOT + 32 + 8, "4900", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed block"},
		{FIXED_ROOT + 32 + 8, "0000", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed block"},
		{FIXED_ROOT + 32 + 8, "5400", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed name"},
		{FIXED_ROOT + 32 + 10, "08", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: entry of unknown type"},
		{FIXED_ROOT + 32 + 20, "4800", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed name"},
		{FIXED_ROOT + 32 + 72, "2f", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed name"},
		{FIXED_ROOT + 32 + 72, "00", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed name"},
		{FIXED_ROOT + 32 + 72, "2f", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: malformed name"},
		{FIXED_ROOT + 32 + 72, "2e", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: names out of order"},
		{FIXED_ROOT + 32 + 80, "2d", true, -EBADMSG,
			"image: EROFS directory 36, byte 0: names out of order"},
		{FIXED_LINK + 8, "00", true, -EBADMSG,
			"image: EROFS inode 51 is a symbolic link of an impossible length"},
		{FIXED_XATTRS + 4, "01", true, -EBADMSG,
			"image: EROFS inode 41 has malformed attributes"},
		{FIXED_XATTRS + 12, "40", true, -EBADMSG,
			"image: EROFS inode 41 has malformed attributes"},
		{FIXED_XATTRS + 12, "00", true, -EBADMSG,
			"image: EROFS inode 41 has malformed attributes"},
		{FIXED_XATTRS + 16, "00", true, -EBADMSG,
			"image: EROFS inode 41 has malformed attributes"},
		{FIXED_XATTRS + 13, "02", true, -EBADMSG,
			"image: EROFS inode 41 has malformed attributes"},
		{FIXED_XATTRS + 13, "05", true, -ENOTSUP,
			"image: EROFS inode 41 has an attribute of the unknown kind 5"},
		{FIXED_XATTRS + 13, "86", true, -ENOTSUP,
			"image: EROFS inode 41 has an attribute of the unknown kind 134 (a long "
			"prefix)"},
	};
	struct erofs_image image;
	BUF_AUTO good = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};
	size_t budget = 100;

	fixed_tree(&tree, false);
	ok(image_of(&tree, false, &good, &err) == 0, "the good image");
	ok(erofs_open(good.data, good.len, "image", &image, &err) == 0, "is opened");
	walk(&image, image.super.root_nid, &err, &budget);
	ok(err.code == 0 && budget == 100 - tree.node_count, "and walked");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO bad = {0};
		size_t n = strlen(cases[i].hex) / 2;
		struct wr wr;

		buf_add(&bad, good.data, good.len);
		if (!hex_decode(cases[i].hex, bad.data + cases[i].at, n))
			abort();
		wr = wr_init(bad.data + 1024 + 4, 4);
		if (cases[i].fix)
			wr_le32(&wr, erofs_super_checksum(bad.data));
		err = (struct err){0};
		budget = 100;
		if (erofs_open(bad.data, bad.len, "image", &image, &err) == 0)
			walk(&image, image.super.root_nid, &err, &budget);
		is_int(err.code, cases[i].code, "a bad image is refused");
		is_str(err.msg, cases[i].message, "and says why");
	}
	is_int(erofs_open(good.data, 4095, "image", &image, &err), -EBADMSG, "a short image");
	is_str(err.msg, "image: too short for EROFS", "is refused");
	is_int(erofs_open(good.data, 4096, "image", &image, &err), -EBADMSG, "a cut image");
	is_str(err.msg, "image: the EROFS image has 2 blocks, but the file 4096 bytes",
		"is refused");
}

int main(void)
{
	test_golden();
	test_round_trips();
	test_writer_refuses();
	test_emit_fails();
	test_reader_refuses();
	return tap_done();
}
