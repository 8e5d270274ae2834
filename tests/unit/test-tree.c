/* mkimage/tree: sorted children, links, symlinked parents, every rule that tree_add refuses. */
#define _GNU_SOURCE
#include "mkimage/tree.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

static struct tree_inode plain(enum tree_type type)
{
	return (struct tree_inode){.type = type, .mode = 0644, .content.fd = -1};
}

static int add(struct tree *tree, const char *path, enum tree_type type, struct err *err)
{
	struct tree_inode proto = plain(type);

	return tree_add(tree, path, &proto, TREE_REFUSE, NULL, err);
}

static int add_symlink(struct tree *tree, const char *path, const char *target, struct err *err)
{
	struct tree_inode proto = plain(TREE_SYMLINK);

	proto.target = strdup(target);
	return tree_add(tree, path, &proto, TREE_REFUSE, NULL, err);
}

static int add_text(struct tree *tree, const char *path, const char *text,
	enum tree_conflict conflict, struct err *err)
{
	struct tree_inode proto = plain(TREE_FILE);

	proto.content.mem = (unsigned char *)strdup(text);
	proto.content.size_bytes = strlen(text);
	return tree_add(tree, path, &proto, conflict, NULL, err);
}

static void must(int rc, const struct err *err)
{
	if (rc != 0) {
		printf("Bail out! %s\n", err->msg);
		exit(1);
	}
}

static void refuses(int rc, int code, const struct err *err, const char *needle, const char *what)
{
	ok(rc == code && strstr(err->msg, needle) != NULL, "%s", what);
	if (rc != code || strstr(err->msg, needle) == NULL)
		printf("#   %d \"%s\", want %d \"%s\"\n", rc, err->msg, code, needle);
}

/* The paths of the whole tree, one a line. */
static void listing(const struct tree *tree, struct buf *ret)
{
	char path[TREE_PATH_MAX + 1];

	tree_for_each (tree, node) {
		tree_path(node, path);
		buf_fmt(ret, "/%s\n", path);
	}
}

static void test_order(void)
{
	static const char *const names[] = {"b", "a.x", "a", "a/z", "a/b", "aa", "\xff", "B", "a-"};
	TREE_AUTO tree;
	struct err err = {0};
	BUF_AUTO list = {0};

	must(tree_init(&tree, &err), &err);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		must(add(&tree, names[i], strcmp(names[i], "a") == 0 ? TREE_DIR : TREE_FILE, &err),
			&err);
	listing(&tree, &list);
	is_str(buf_cstr(&list), "/\n/B\n/a\n/a/b\n/a/z\n/a-\n/a.x\n/aa\n/b\n/\xff\n",
		"a walk is in the order of bytes, whatever the order of adding");
	is_int((long long)tree.node_count, 10, "nodes are counted, the root among them");
	must(tree_remove(&tree, "a", &err), &err);
	is_int((long long)tree.node_count, 7, "removal takes what is below with it");
	ok(tree_find(&tree, "a/b") == NULL && tree_find(&tree, "aa") != NULL,
		"only what was named is gone");
}

static void test_paths(void)
{
	static const struct {
		const char *path, *needle;
	} bad[] = {
		{"/etc", "absolute"},
		{"a//b", "empty component"},
		{"a/", "empty component"},
		{".", "\"..\""},
		{"a/../b", "\"..\""},
		{"..", "\"..\""},
		{"./a", "\"..\""},
	};
	struct err err = {0};
	char name[300] = {0}, path[5000] = {0};
	TREE_AUTO tree;

	must(tree_init(&tree, &err), &err);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		refuses(tree_check_path(bad[i].path, "here", &err), -EBADMSG, &err, bad[i].needle,
			bad[i].path);
		refuses(add(&tree, bad[i].path, TREE_DIR, &err), -EBADMSG, &err, bad[i].needle,
			"tree_add refuses it too");
	}
	memset(name, 'n', 255);
	ok(tree_check_path(name, "here", &err) == 0, "a component of 255 bytes");
	name[255] = 'n';
	refuses(tree_check_path(name, "here", &err), -EBADMSG, &err, "component longer",
		"a component of 256 bytes");
	for (size_t i = 0; i < 4095; i++)
		path[i] = i % 2 == 0 ? 'd' : '/';
	ok(tree_check_path(path, "here", &err) == 0, "a path of 4095 bytes");
	strcat(path, "/d");
	refuses(tree_check_path(path, "here", &err), -EBADMSG, &err, "path longer",
		"a path of 4097 bytes");
	ok(tree_check_path("", "here", &err) == 0, "the root's path is empty");
	ok(tree_check_path("...", "here", &err) == 0, "three dots are a name");
}

static void test_conflicts(void)
{
	struct err err = {0};
	TREE_AUTO tree;

	must(tree_init(&tree, &err), &err);
	must(add(&tree, "d", TREE_DIR, &err), &err);
	must(add(&tree, "d/f", TREE_FILE, &err), &err);
	refuses(add(&tree, "x/f", TREE_FILE, &err), -EBADMSG, &err, "not there", "parent missing");
	refuses(add(&tree, "d/f/g", TREE_FILE, &err), -EBADMSG, &err, "not a directory",
		"parent is a file");
	refuses(add(&tree, "d/f", TREE_FILE, &err), -EBADMSG, &err, "already there",
		"a file twice");
	refuses(add(&tree, "d", TREE_FILE, &err), -EBADMSG, &err, "directory is already there",
		"a file over a directory");
	refuses(add(&tree, "", TREE_FILE, &err), -EBADMSG, &err, "directory is already there",
		"a file over the root");
	refuses(add_text(&tree, "d", "x", TREE_REPLACE, &err), -EBADMSG, &err,
		"directory is already", "a file replacing a directory");
	must(add_text(&tree, "d/f", "new", TREE_REPLACE, &err), &err);
	is_int((long long)tree_find(&tree, "d/f")->inode->content.size_bytes, 3, "replacement");

	struct tree_inode dir = {.type = TREE_DIR, .mode = 01777, .uid = 7};

	must(tree_add(&tree, "d", &dir, TREE_REFUSE, NULL, &err), &err);
	ok(tree_find(&tree, "d")->inode->mode == 01777 && tree_find(&tree, "d/f") != NULL,
		"a directory over a directory changes its metadata and keeps its children");
	dir = (struct tree_inode){.type = TREE_DIR, .mode = 0700};
	must(tree_add(&tree, "", &dir, TREE_REFUSE, NULL, &err), &err);
	is_int(tree.root->inode->mode, 0700, "the root's metadata can be set");
	dir = (struct tree_inode){.type = TREE_DIR, .mode = 010000};
	refuses(tree_add(&tree, "m", &dir, TREE_REFUSE, NULL, &err), -EBADMSG, &err, "07777",
		"mode bits beyond 07777");
	refuses(add(&tree, "l", TREE_SYMLINK, &err), -EBADMSG, &err, "target",
		"a symbolic link without a target");
	refuses(add_symlink(&tree, "l", "", &err), -EBADMSG, &err, "target",
		"a symbolic link with an empty target");
	refuses(tree_remove(&tree, "nothing", &err), -EBADMSG, &err, "not there",
		"removal of what is not there");
	refuses(tree_remove(&tree, "", &err), -EBADMSG, &err, "root", "removal of the root");
}

static void test_merged_usr(void)
{
	struct err err = {0};
	TREE_AUTO tree;

	must(tree_init(&tree, &err), &err);
	must(tree_parents(&tree, "usr/lib/x", "test", &err), &err);
	must(add_symlink(&tree, "lib", "usr/lib", &err), &err);
	must(add_symlink(&tree, "usr/lib64", "/lib", &err), &err);
	must(add(&tree, "lib/a", TREE_FILE, &err), &err);
	must(add(&tree, "usr/lib64/b", TREE_FILE, &err), &err);
	must(tree_parents(&tree, "lib/deep/er/c", "test", &err), &err);
	must(add(&tree, "lib/deep/er/c", TREE_FILE, &err), &err);
	ok(tree_find(&tree, "usr/lib/a") != NULL && tree_find(&tree, "usr/lib/b") != NULL &&
			tree_find(&tree, "usr/lib/deep/er/c") != NULL,
		"parents that are symbolic links are followed");
	ok(tree_find(&tree, "lib/a") == NULL, "tree_find follows none");
	ok(tree_resolve(&tree, "lib/a") == tree_find(&tree, "usr/lib/a"),
		"tree_resolve follows them");
	refuses(add(&tree, "usr/lib64/a", TREE_FILE, &err), -EBADMSG, &err, "already there",
		"the same file by two names of its directory");

	must(add_symlink(&tree, "up", "../../usr/./lib//", &err), &err);
	ok(tree_resolve(&tree, "up/a") == tree_find(&tree, "usr/lib/a"),
		"the root is its own parent");
	must(add_symlink(&tree, "loop", "loop", &err), &err);
	ok(tree_resolve(&tree, "loop") == NULL, "a loop leads nowhere");
	must(add_symlink(&tree, "dangling", "no/where", &err), &err);
	ok(tree_resolve(&tree, "dangling") == NULL, "so does a dangling link");
	refuses(add(&tree, "dangling/f", TREE_FILE, &err), -EBADMSG, &err, "not there",
		"a dangling parent");
	refuses(tree_parents(&tree, "dangling/f/g", "test", &err), -EBADMSG, &err, "already there",
		"tree_parents does not replace a dangling link");
	must(add_symlink(&tree, "tofile", "lib/a", &err), &err);
	refuses(add(&tree, "tofile/f", TREE_FILE, &err), -EBADMSG, &err, "not a directory",
		"a parent that is a link to a file");
}

/* 40 links in a row lead somewhere, 41 do not. */
static void test_link_chain(void)
{
	struct err err = {0};
	char name[16], target[16];
	TREE_AUTO tree;

	must(tree_init(&tree, &err), &err);
	must(add(&tree, "l0", TREE_FILE, &err), &err);
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		must(add_symlink(&tree, name, target, &err), &err);
	}
	ok(tree_resolve(&tree, "l40") == tree_find(&tree, "l0"), "40 links are followed");
	ok(tree_resolve(&tree, "l41") == NULL, "41 are not");
}

/* A path that is short as written may be long where its links lead. */
static void test_long_by_link(void)
{
	struct err err = {0};
	char deep[4096] = {0}, below[300] = "s/";
	TREE_AUTO tree;

	must(tree_init(&tree, &err), &err);
	for (size_t i = 0; i < 4001; i++)
		deep[i] = i % 2 == 0 ? 'd' : '/';
	must(tree_parents(&tree, deep, "test", &err), &err);
	deep[3999] = '\0';
	must(add_symlink(&tree, "s", deep, &err), &err);
	memset(below + 2, 'n', 95);
	ok(add(&tree, below, TREE_FILE, &err) == 0, "4095 bytes behind a link");
	below[97] = 'n';
	refuses(add(&tree, below, TREE_FILE, &err), -EBADMSG, &err, "path longer",
		"4096 bytes behind a link");
}

static void test_hard_links(void)
{
	struct err err = {0};
	TREE_AUTO tree;

	must(tree_init(&tree, &err), &err);
	must(add(&tree, "d", TREE_DIR, &err), &err);
	must(add_symlink(&tree, "e", "d", &err), &err);
	must(add_text(&tree, "d/a", "one", TREE_REFUSE, &err), &err);
	must(tree_link(&tree, "b", "d/a", TREE_REFUSE, &err), &err);
	must(tree_link(&tree, "e/c", "e/a", TREE_REFUSE, &err), &err);
	ok(tree_find(&tree, "b")->inode == tree_find(&tree, "d/c")->inode, "one inode");
	is_int(tree_find(&tree, "b")->inode->links, 3, "three links");
	must(tree_remove(&tree, "d/a", &err), &err);
	is_int(tree_find(&tree, "b")->inode->links, 2, "two when one is removed");
	must(add_text(&tree, "b", "other", TREE_REPLACE, &err), &err);
	is_int((long long)tree_find(&tree, "d/c")->inode->content.size_bytes, 3,
		"replacing one name leaves the others");
	must(tree_link(&tree, "b", "d/c", TREE_REPLACE, &err), &err);
	must(tree_link(&tree, "b", "b", TREE_REPLACE, &err), &err);
	is_int(tree_find(&tree, "d/c")->inode->links, 2, "a link may replace a file, or itself");
	refuses(tree_link(&tree, "x", "nothing", TREE_REFUSE, &err), -EBADMSG, &err, "not there",
		"a hard link to nothing");
	refuses(tree_link(&tree, "x", "d", TREE_REFUSE, &err), -EBADMSG, &err, "directory",
		"a hard link to a directory");
	refuses(tree_link(&tree, "b", "d/c", TREE_REFUSE, &err), -EBADMSG, &err, "already there",
		"a hard link over a file");
	refuses(tree_link(&tree, "d", "b", TREE_REPLACE, &err), -EBADMSG, &err, "directory",
		"a hard link over a directory");
	refuses(tree_link(&tree, "x", "../b", TREE_REFUSE, &err), -EBADMSG, &err, "\"..\"",
		"a hard link that escapes");
	refuses(tree_link(&tree, "", "b", TREE_REFUSE, &err), -EBADMSG, &err, "root",
		"a hard link named as the root");
}

static void xattr_set(struct tree_xattr *xattr, const char *name, size_t size_bytes)
{
	xattr->name = strdup(name);
	xattr->value = calloc(1, size_bytes);
	xattr->size_bytes = size_bytes;
}

static void test_xattrs(void)
{
	struct err err = {0};
	char long_name[257] = {0};
	TREE_AUTO tree;
	struct tree_inode proto = plain(TREE_FILE);

	must(tree_init(&tree, &err), &err);
	proto.xattrs = calloc(2, sizeof(*proto.xattrs));
	proto.xattr_count = 2;
	xattr_set(&proto.xattrs[0], "user.b", 1);
	xattr_set(&proto.xattrs[1], "user.a", 1);
	must(tree_add(&tree, "f", &proto, TREE_REFUSE, NULL, &err), &err);
	is_str(tree_find(&tree, "f")->inode->xattrs[0].name, "user.a", "attributes are sorted");
	ok(proto.xattrs == NULL && proto.xattr_count == 0, "and taken over");

	proto.xattrs = calloc(2, sizeof(*proto.xattrs));
	proto.xattr_count = 2;
	xattr_set(&proto.xattrs[0], "user.a", 1);
	xattr_set(&proto.xattrs[1], "user.a", 1);
	refuses(tree_add(&tree, "g", &proto, TREE_REFUSE, NULL, &err), -EBADMSG, &err, "twice",
		"an attribute twice");
	proto.xattrs = calloc(1, sizeof(*proto.xattrs));
	proto.xattr_count = 1;
	xattr_set(&proto.xattrs[0], "user.a", 65537);
	refuses(tree_add(&tree, "g", &proto, TREE_REFUSE, NULL, &err), -EBADMSG, &err, "larger",
		"an attribute of more than 64 KiB");
	memset(long_name, 'n', 256);
	proto.xattrs = calloc(1, sizeof(*proto.xattrs));
	proto.xattr_count = 1;
	xattr_set(&proto.xattrs[0], long_name, 1);
	refuses(tree_add(&tree, "g", &proto, TREE_REFUSE, NULL, &err), -EBADMSG, &err, "name",
		"an attribute's name of 256 bytes");
}

static void test_contents(void)
{
	static const char text[] = "abc";
	unsigned char digest[SHA256_SIZE];
	char hex[DIGEST_HEX_MAX], got[4] = {0};
	struct err err = {0};
	TREE_AUTO tree;
	int fd AUTO_CLOSE = -1;
	struct tree_content content = {.fd = -1, .off = 2, .size_bytes = 3};

	must(tree_init(&tree, &err), &err);
	must(io_temp("/tmp", &fd, &err), &err);
	must(io_pwrite(fd, "temporary", "..abc..", 7, 0, &err), &err);
	content.fd = fd;
	must(tree_digest(&content, "f", digest, &err), &err);
	hex_encode(digest, sizeof(digest), hex);
	is_str(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"the digest of a part of a file (FIPS 180-4, \"abc\")");
	content = (struct tree_content){
		.mem = (unsigned char *)(uintptr_t)text, .fd = -1, .size_bytes = 3};
	must(tree_digest(&content, "f", digest, &err), &err);
	hex_encode(digest, sizeof(digest), hex);
	is_str(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"and of bytes in memory");
	must(tree_read(&content, "f", got, 2, 1, &err), &err);
	is_str(got, "bc", "a part of a content");
	refuses(tree_read(&content, "f", got, 2, 2, &err), -EBADMSG, &err, "beyond",
		"a read past the end");
	refuses(tree_read(&content, "f", got, 1, UINT64_MAX, &err), -EBADMSG, &err, "beyond",
		"a read from far away");
}

static void test_origins_and_times(void)
{
	const char *first, *again, *other;
	struct err err = {0};
	TREE_AUTO tree;
	struct tree_inode proto = plain(TREE_FILE);

	must(tree_init(&tree, &err), &err);
	must(tree_origin(&tree, "deb:a", &first, &err), &err);
	must(tree_origin(&tree, "deb:b", &other, &err), &err);
	must(tree_origin(&tree, "deb:a", &again, &err), &err);
	ok(first == again && first != other, "origins are interned");
	proto.origin = first;
	proto.mtime = 5;
	must(tree_add(&tree, "f", &proto, TREE_REFUSE, NULL, &err), &err);
	refuses(add(&tree, "f", TREE_FILE, &err), -EBADMSG, &err, "from deb:a",
		"a conflict names where the first came from");
	tree_set_mtimes(&tree, 77);
	ok(tree.root->inode->mtime == 77 && tree_find(&tree, "f")->inode->mtime == 77,
		"all times are set");
}

static void test_limits(void)
{
	struct err err = {0};
	char name[16];
	TREE_AUTO tree;
	int rc = 0;

	must(tree_init(&tree, &err), &err);
	must(add(&tree, "d", TREE_DIR, &err), &err);
	for (unsigned i = 0; i < TREE_CHILDREN_MAX; i++) {
		snprintf(name, sizeof(name), "d/%06u", i);
		must(add(&tree, name, TREE_FIFO, &err), &err);
	}
	rc = add(&tree, "d/next", TREE_FIFO, &err);
	refuses(rc, -EFBIG, &err, "names in a directory", "too many names in a directory");
	tree.node_count = TREE_NODES_MAX;
	rc = add(&tree, "e", TREE_FIFO, &err);
	refuses(rc, -EFBIG, &err, "nodes", "too many nodes");
}

/* Any order of adding, with removals between, gives the sorted walk that a plain model gives. */
static void test_random(void)
{
	struct err err = {0};
	unsigned state = 1;
	bool good = true;

	for (int round = 0; round < 50 && good; round++) {
		bool model[256] = {0};
		char name[16];
		TREE_AUTO tree;
		int want = 0;

		must(tree_init(&tree, &err), &err);
		for (int i = 0; i < 600; i++) {
			state = state * 1103515245u + 12345u;
			unsigned pick = (state >> 16) & 255;

			snprintf(name, sizeof(name), "%u", pick);
			if (model[pick])
				must(tree_remove(&tree, name, &err), &err);
			else
				must(add(&tree, name, TREE_FILE, &err), &err);
			model[pick] = !model[pick];
		}
		for (int i = 0; i < 256; i++)
			want += model[i];
		const char *last = "";

		tree_for_each (&tree, node) {
			if (node->parent == NULL)
				continue;
			good = good && strcmp(last, node->name) < 0 && model[atoi(node->name)];
			last = node->name;
			want--;
		}
		good = good && want == 0;
	}
	ok(good, "50 random histories give sorted walks");
}

int main(void)
{
	test_order();
	test_paths();
	test_conflicts();
	test_merged_usr();
	test_link_chain();
	test_long_by_link();
	test_hard_links();
	test_xattrs();
	test_contents();
	test_origins_and_times();
	test_limits();
	test_random();
	return tap_done();
}
