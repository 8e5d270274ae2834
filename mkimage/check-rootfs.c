/*
 * Checks before sealing (check-rootfs.h). Programs are ELF64, little-endian (System V ABI, "Object Files"):
 *
 *   header  0 magic, 4 class, 5 data, 18 machine (2), 32 program headers (8), 54 their size (2), 56 their number (2)
 *   program header, 56 bytes  0 type (4), 8 offset (8), 32 bytes in the file (8)
 */
#include "mkimage/check-rootfs.h"

#include <string.h>

#include "lib/rd.h"
#include "mkimage/source-archive.h"
#include "mkimage/sources.h"

#define INIT_PATH      "sbin/init"
#define CAPABILITY     "security.capability"
#define ELF_HEADER     64
#define ELF_PHDR_BYTES 56
#define ELF_PHDRS_MAX  64
#define ELF_X86_64     62
#define ELF_PT_INTERP  3

static const char *origin_of(const struct tree_node *node)
{
	return node->inode->origin[0] != '\0' ? node->inode->origin : "no named source";
}

static bool is_program(const struct tree_node *node)
{
	return node != NULL && node->inode->type == TREE_FILE && (node->inode->mode & 0111) != 0;
}

static int check_init(const struct tree *tree, struct err *err)
{
	if (!is_program(tree_resolve(tree, INIT_PATH)))
		return err_fail(err, -EKEYREJECTED, "/%s: leads to no executable file", INIT_PATH);
	return 0;
}

/* Files that must not carry the build host's identity. */
static int check_empty(const struct tree *tree, struct err *err)
{
	static const char *const paths[] = {"etc/machine-id", "etc/resolv.conf"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct tree_node *node = tree_resolve(tree, paths[i]);

		if (node == NULL || node != tree_find(tree, paths[i]) ||
			node->inode->type != TREE_FILE)
			return err_fail(err, -EKEYREJECTED, "/%s: is not a regular file", paths[i]);
		if (node->inode->content.size_bytes != 0)
			return err_fail(err, -EKEYREJECTED, "/%s: is not empty (from %s)", paths[i],
				origin_of(node));
	}
	return 0;
}

/* True when the recipe itself gives @path this mode. */
static bool declared_setid(const struct recipe *recipe, const char *path, uint16_t mode)
{
	for (size_t i = 0; i < recipe->file_count; i++) {
		if (strcmp(recipe->files[i].path, path) == 0)
			return recipe->files[i].mode == mode;
	}
	return false;
}

static int check_privilege(const struct tree_node *node, const char *path,
	const struct recipe *recipe, struct err *err)
{
	const struct tree_inode *inode = node->inode;

	if (inode->type != TREE_DIR && (inode->mode & 06000) != 0 &&
		!declared_setid(recipe, path, inode->mode) &&
		!sources_allow(recipe, inode->origin, SOURCE_ALLOW_SETID))
		return err_fail(err, -EKEYREJECTED, "/%s: setuid or setgid, mode 0%o (from %s)",
			path, (unsigned)inode->mode, origin_of(node));
	for (size_t i = 0; i < inode->xattr_count; i++) {
		if (strcmp(inode->xattrs[i].name, CAPABILITY) == 0 &&
			!sources_allow(recipe, inode->origin, SOURCE_ALLOW_CAPABILITIES))
			return err_fail(err, -EKEYREJECTED, "/%s: has file capabilities (from %s)",
				path, origin_of(node));
	}
	return 0;
}

/* Reads the program headers of a file and the path of its interpreter; "" when it has none or is no such ELF. */
static int read_interpreter(const struct tree_content *content, const char *path,
	char ret[TREE_PATH_MAX + 2], struct err *err)
{
	unsigned char header[ELF_HEADER], phdrs[ELF_PHDRS_MAX * ELF_PHDR_BYTES];

	ret[0] = '\0';
	if (content->size_bytes < sizeof(header))
		return 0;
	int rc = tree_read(content, path, header, sizeof(header), 0, err);

	if (rc != 0 || memcmp(header, "\177ELF\2\1", 6) != 0)
		return rc;
	struct rd rd = rd_init(header, sizeof(header));

	rd_seek(&rd, 18);
	if (rd_le16(&rd) != ELF_X86_64)
		return 0;
	rd_seek(&rd, 32);
	uint64_t off = rd_le64(&rd);

	rd_seek(&rd, 54);
	uint16_t entry_size = rd_le16(&rd);
	uint16_t count = rd_le16(&rd);

	if (count == 0)
		return 0;
	if (entry_size != ELF_PHDR_BYTES || count > ELF_PHDRS_MAX)
		return err_fail(err, -EBADMSG, "/%s: bad ELF program headers", path);
	rc = tree_read(content, path, phdrs, (size_t)count * ELF_PHDR_BYTES, off, err);
	rd = rd_init(phdrs, (size_t)count * ELF_PHDR_BYTES);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rd_seek(&rd, i * ELF_PHDR_BYTES);
		if (rd_le32(&rd) != ELF_PT_INTERP)
			continue;
		rd_seek(&rd, i * ELF_PHDR_BYTES + 8);
		off = rd_le64(&rd);
		rd_seek(&rd, i * ELF_PHDR_BYTES + 32);
		uint64_t n = rd_le64(&rd);

		if (n < 2 || n > TREE_PATH_MAX + 1)
			return err_fail(err, -EBADMSG, "/%s: bad ELF interpreter", path);
		rc = tree_read(content, path, ret, (size_t)n, off, err);
		ret[n] = '\0';
	}
	return rc;
}

static int check_interpreter(
	const struct tree *tree, const struct tree_node *node, const char *path, struct err *err)
{
	char interpreter[TREE_PATH_MAX + 2];

	if (!is_program(node))
		return 0;
	int rc = read_interpreter(&node->inode->content, path, interpreter, err);

	if (rc != 0 || interpreter[0] == '\0')
		return rc;
	if (!is_program(tree_resolve(tree, interpreter)))
		return err_fail(err, -EKEYREJECTED,
			"/%s: its ELF interpreter %s is not there (from %s)", path, interpreter,
			origin_of(node));
	return 0;
}

static int check_files(const struct tree *tree, const struct recipe *recipe, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_for_each (tree, node) {
		tree_path(node, path);
		int rc = check_privilege(node, path, recipe, err);

		if (rc == 0)
			rc = check_interpreter(tree, node, path, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int check_rootfs(const struct tree *tree, const struct recipe *recipe, struct err *err)
{
	int rc = check_init(tree, err);

	if (rc == 0)
		rc = check_empty(tree, err);
	if (rc == 0 && recipe->agent.present && !recipe->policy.present)
		rc = err_fail(
			err, -EKEYREJECTED, "an agent without a [policy] allows every request");
	if (rc == 0)
		rc = check_files(tree, recipe, err);
	return rc;
}
