/* mkimage/sources: what a source is allowed to bring goes through the steps and the checks; nothing else does. */
#define _GNU_SOURCE
#include "mkimage/source/sources.h"

#include <stdlib.h>
#include <unistd.h>

#include "mkimage/check/check-rootfs.h"
#include "mkimage/recipe/steps.h"
#include "mkimage/source/source-archive.h"
#include "tests/tap.h"

#define HEAD "schema = \"assay-recipe/1\"\nname = \"t\"\narchitecture = \"amd64\"\ntimestamp = 1\n"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

static const char text[] = HEAD "[[source]]\nkind = \"tar\"\npath = \"a\"\nsha256 = \"" ZERO
				"\"\nallow = [\"setuid\"]\n"
				"[[source]]\nkind = \"dir\"\npath = \"b\"\nsha256 = \"sha256:" ZERO
				"\"\nallow = [\"capabilities\", \"devices\"]\n";

static struct recipe recipe;

static void must(int rc, const struct err *err)
{
	if (rc != 0) {
		printf("Bail out! %s\n", err->msg);
		exit(1);
	}
}

static struct tree_inode *put(
	struct tree *tree, const char *path, uint16_t mode, const char *origin)
{
	struct tree_inode inode = {.type = TREE_FILE, .mode = mode, .content.fd = -1};
	struct tree_node *node = NULL;
	struct err err = {0};

	must(tree_origin(tree, origin, &inode.origin, &err), &err);
	must(tree_parents(tree, path, inode.origin, &err), &err);
	must(tree_add(tree, path, &inode, TREE_REFUSE, &node, &err), &err);
	return node->inode;
}

static void give_capability(struct tree_inode *inode)
{
	inode->xattrs = calloc(1, sizeof(*inode->xattrs));
	inode->xattrs[0] = (struct tree_xattr){
		.name = strdup("security.capability"), .value = calloc(1, 20), .size_bytes = 20};
	inode->xattr_count = 1;
}

static void test_allow(void)
{
	ok(sources_allow(&recipe, "tar:a", SOURCE_ALLOW_SETID), "what a source may bring");
	ok(!sources_allow(&recipe, "tar:a", SOURCE_ALLOW_DEVICES), "and what it may not");
	ok(sources_allow(&recipe, "dir:b", SOURCE_ALLOW_CAPABILITIES), "another source");
	ok(!sources_allow(&recipe, "dir:a", SOURCE_ALLOW_SETID), "another kind of that path");
	ok(!sources_allow(&recipe, "tar:ab", SOURCE_ALLOW_SETID), "a longer path");
	ok(!sources_allow(&recipe, "tar:", SOURCE_ALLOW_SETID), "no path");
	ok(!sources_allow(&recipe, "deb:a", SOURCE_ALLOW_SETID), "a package");
	ok(!sources_allow(&recipe, "", SOURCE_ALLOW_SETID), "no origin");
}

static void test_steps(void)
{
	STEPS_RESULT_AUTO result = {0};
	SPOOL_AUTO spool = {.fd = -1};
	TREE_AUTO tree = {0};
	struct err err = {0};
	struct tree_inode *ours, *theirs;
	int rc;

	must(tree_init(&tree, &err), &err);
	put(&tree, "sbin/init", 0755, "deb:x=1");
	ours = put(&tree, "bin/ours", 04755, "tar:a");
	theirs = put(&tree, "bin/theirs", 04755, "deb:x=1");
	must(steps_apply(&tree, &recipe, &spool, &result, &err), &err);
	is_int(ours->mode, 04755, "a source's setuid file keeps its bit");
	is_int(theirs->mode, 0755, "a package's loses it");
	must(check_rootfs(&tree, &recipe, &err), &err);
	give_capability(put(&tree, "bin/cap", 0755, "dir:b"));
	ok(check_rootfs(&tree, &recipe, &err) == 0, "a source's file capability passes");
	give_capability(put(&tree, "bin/worse", 0755, "tar:a"));
	rc = check_rootfs(&tree, &recipe, &err);
	ok(rc == -EKEYREJECTED &&
			strstr(err.msg, "/bin/worse: has file capabilities (from tar:a)") != NULL,
		"that of a source without permission does not");
}

/* An archive that stays open is watched until its contents have been sealed. */
static void test_kept(void)
{
	char path[] = "/tmp/assay-kept.XXXXXX";
	int fd = mkstemp(path);
	struct source_file file = {.fd = -1};
	SPOOL_AUTO spool = {.fd = -1};
	struct err err = {0};

	ok(fd >= 0 && write(fd, "one", 3) == 3, "a file is written");
	must(source_file_open(path, NULL, &file, &err), &err);
	must(spool_init(&spool, "/tmp", &err), &err);
	must(spool_keep(&spool, &file, &err), &err);
	ok(file.fd == -1 && spool.kept_count == 1 && spool.kept[0].fd >= 0, "the spool has it");
	is_int(spool_unchanged(&spool, &err), 0, "unchanged");
	ok(pwrite(fd, "two!", 4, 0) == 4, "it is written to");
	is_int(spool_unchanged(&spool, &err), -EIO, "changed");
	ok(strstr(err.msg, "changed while it was read") != NULL, "and so said");
	spool_done(&spool);
	is_int((long long)spool.kept_count, 0, "closed with the spool");
	unlink(path);
	close(fd);
}

int main(void)
{
	struct err err = {0};

	must(recipe_parse(text, sizeof(text) - 1, "r/recipe.toml", &recipe, &err), &err);
	is_int((long long)recipe.import_count, 2, "two sources");
	is_str(recipe_import_kind_name(recipe.imports[1].kind), "dir", "in the recipe's order");
	test_allow();
	test_steps();
	test_kept();
	recipe_done(&recipe);
	return tap_done();
}
