/* Digests of a tree's files: each once, found by every name, and a content that cannot be read. */
#define _GNU_SOURCE
#include "mkimage/fs/digests.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "lib/pool.h"
#include "tests/tap.h"

static void add(struct tree *tree, const char *path, struct tree_inode inode)
{
	struct err err = {0};

	if (tree_add(tree, path, &inode, TREE_REFUSE, NULL, &err) != 0)
		ok(false, "%s", err.msg);
}

static int take(void *arg, size_t i, struct err *err)
{
	return digests_take(arg, i, err);
}

static void test_tree(void)
{
	DIGESTS_AUTO digests = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};
	char hex[2 * SHA256_SIZE + 1];

	ok(tree_init(&tree, &err) == 0, "a tree");
	add(&tree, "dir", (struct tree_inode){.type = TREE_DIR});
	add(&tree, "abc",
		(struct tree_inode){.type = TREE_FILE,
			.content = {.mem = (unsigned char *)strdup("abc"), .size_bytes = 3}});
	add(&tree, "dir/empty", (struct tree_inode){.type = TREE_FILE, .content.fd = -1});
	ok(tree_link(&tree, "dir/again", "abc", TREE_REFUSE, &err) == 0, "a hard link");
	is_int(digests_begin(&tree, &digests, &err), 0, "its files");
	is_int((long long)digests.count, 2, "are two");
	is_int(pool_run(0, digests.count, take, &digests, &err), 0, "digests by several threads");
	hex_encode(digests_find(&digests, tree_find(&tree, "dir/again")->inode), SHA256_SIZE, hex);
	/* FIPS 180-4's example. */
	is_str(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
	hex_encode(digests_find(&digests, tree_find(&tree, "dir/empty")->inode), SHA256_SIZE, hex);
	is_str(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "nothing");
	ok(digests_find(&digests, tree_find(&tree, "dir")->inode) == NULL, "a directory has none");
}

static void test_empty(void)
{
	DIGESTS_AUTO digests = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};

	ok(tree_init(&tree, &err) == 0 && digests_begin(&tree, &digests, &err) == 0 &&
			digests.count == 0 && digests_find(&digests, tree.root->inode) == NULL,
		"no files");
}

static void test_failure(void)
{
	DIGESTS_AUTO digests = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};

	ok(tree_init(&tree, &err) == 0, "a tree");
	add(&tree, "x",
		(struct tree_inode){.type = TREE_FILE, .content = {.fd = -1, .size_bytes = 9}});
	ok(digests_begin(&tree, &digests, &err) == 0, "its files");
	is_int(digests_take(&digests, 0, &err), -EBADF, "a content that cannot be read");
	ok(strncmp(err.msg, "/x: ", 4) == 0, "is named: %s", err.msg);
}

int main(void)
{
	test_tree();
	test_empty();
	test_failure();
	return tap_done();
}
