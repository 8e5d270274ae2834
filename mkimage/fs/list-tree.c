/* Trees as text (list-tree.h). */
#include "mkimage/fs/list-tree.h"

#include <stdio.h>

#include "lib/hex.h"

static void add_escaped(struct buf *ret, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at < 0x20 || *at >= 0x7f || *at == '\\')
			buf_fmt(ret, "\\x%02x", *at);
		else
			buf_add(ret, at, 1);
	}
}

static void add_xattrs(const struct tree_inode *inode, struct buf *ret)
{
	for (size_t i = 0; i < inode->xattr_count; i++) {
		const struct tree_xattr *xattr = &inode->xattrs[i];

		buf_str(ret, " ");
		add_escaped(ret, xattr->name);
		buf_str(ret, "=");
		for (size_t k = 0; k < xattr->size_bytes; k++)
			buf_fmt(ret, "%02x", xattr->value[k]);
		buf_str(ret, "\n");
	}
}

static void add_size(const struct tree_inode *inode, struct buf *ret)
{
	if (inode->type == TREE_CHR || inode->type == TREE_BLK)
		buf_fmt(ret, " %u:%u", inode->rdev_major, inode->rdev_minor);
	else if (inode->type == TREE_FILE)
		buf_fmt(ret, " %llu", (unsigned long long)inode->content.size_bytes);
	else
		buf_str(ret, " 0");
}

static int add_node(const struct tree_node *node, struct buf *ret, struct err *err)
{
	static const char letters[] = {
		[TREE_FILE] = 'f',
		[TREE_DIR] = 'd',
		[TREE_SYMLINK] = 'l',
		[TREE_CHR] = 'c',
		[TREE_BLK] = 'b',
		[TREE_FIFO] = 'p',
		[TREE_SOCK] = 's',
	};
	const struct tree_inode *inode = node->inode;
	char path[TREE_PATH_MAX + 1], hex[2 * SHA256_SIZE + 1] = "-";
	unsigned char sha256[SHA256_SIZE];
	int rc = 0;

	tree_path(node, path);
	if (inode->type == TREE_FILE) {
		rc = tree_digest(&inode->content, path, sha256, err);
		if (rc != 0)
			return rc;
		hex_encode(sha256, sizeof(sha256), hex);
	}
	buf_fmt(ret, "%c %04o %u %u", letters[inode->type], (unsigned)inode->mode, inode->uid,
		inode->gid);
	add_size(inode, ret);
	buf_fmt(ret, " %s /", hex);
	add_escaped(ret, path);
	if (inode->type == TREE_SYMLINK) {
		buf_str(ret, " -> ");
		add_escaped(ret, inode->target);
	}
	buf_str(ret, "\n");
	add_xattrs(inode, ret);
	return 0;
}

int list_tree(const struct tree *tree, struct buf *ret, struct err *err)
{
	tree_for_each (tree, node) {
		int rc = node->parent != NULL ? add_node(node, ret, err) : 0;

		if (rc != 0)
			return rc;
	}
	return buf_check(ret, err);
}

int list_tree_digest(const struct tree *tree, unsigned char ret[SHA256_SIZE], struct err *err)
{
	BUF_AUTO text = {0};
	int rc = list_tree(tree, &text, err);

	return rc != 0 ? rc : digest_bytes(DIGEST_SHA256, buf_cstr(&text), text.len, ret, err);
}
