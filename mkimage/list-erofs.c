/* The files of an EROFS image (list-erofs.h). */
#define _GNU_SOURCE
#include "mkimage/list-erofs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/hex.h"
#include "mkimage/tree.h"

/* A directory on the way from the root to the place that the walk has reached. */
struct level {
	struct erofs_node node;
	struct erofs_dir dir;
	uint64_t parent_nid;
	size_t path_len; /* of the directory itself; 0 for the root */
	bool dots[2];	 /* "." and ".." have been seen */
};

struct walk {
	const struct erofs_image *image;
	list_erofs_fn *fn;
	void *arg;
	char path[TREE_PATH_MAX + 2];
	struct level *levels; /* owned */
	size_t depth, cap;
	size_t nodes;
};

static int bad_tree(const struct walk *walk, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: %s: %s", walk->image->what,
		walk->path[0] != '\0' ? walk->path : "/", why);
}

static bool is_dir(const struct erofs_node *node)
{
	return (node->inode.mode & EROFS_MODE_TYPE) == EROFS_MODE_DIR;
}

static int push(struct walk *walk, const struct erofs_node *node, uint64_t parent, struct err *err)
{
	struct level *level;

	if (walk->depth == LIST_EROFS_DEPTH_MAX)
		return bad_tree(walk, "too many directories inside each other", err);
	if (walk->depth == walk->cap) {
		size_t cap = walk->cap > 0 ? 2 * walk->cap : 16;
		struct level *grown = reallocarray(walk->levels, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		walk->levels = grown;
		walk->cap = cap;
	}
	level = &walk->levels[walk->depth++];
	*level = (struct level){
		.node = *node, .parent_nid = parent, .path_len = strlen(walk->path)};
	level->dir.image = walk->image;
	return 0;
}

static int visit(struct walk *walk, const struct erofs_node *node, uint64_t parent, struct err *err)
{
	int rc;

	if (walk->nodes++ == LIST_EROFS_NODES_MAX)
		return bad_tree(walk, "more than a million names", err);
	rc = walk->fn(walk->arg, walk->path[0] != '\0' ? walk->path : "/", node, err);
	if (rc != 0 || !is_dir(node))
		return rc;
	return push(walk, node, parent, err);
}

/* "." and ".." must lead to the directory and its parent: no directory has two. */
static int check_dot(
	struct walk *walk, struct level *level, const struct erofs_dirent *entry, struct err *err)
{
	uint64_t want = entry->name_len == 1 ? level->node.nid : level->parent_nid;

	if (entry->nid != want)
		return bad_tree(walk, "its \".\" or \"..\" leads elsewhere", err);
	level->dots[entry->name_len - 1] = true;
	return 0;
}

static int enter(struct walk *walk, const struct erofs_dirent *entry, struct err *err)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct erofs_node node;
	int rc;

	walk->path[level->path_len] = '\0';
	if (entry->name_len <= 2 && memcmp(entry->name, "..", entry->name_len) == 0)
		return check_dot(walk, level, entry, err);
	if (level->path_len + 1 + entry->name_len >= sizeof(walk->path))
		return bad_tree(walk, "a path over 4095 bytes", err);
	walk->path[level->path_len] = '/';
	memcpy(walk->path + level->path_len + 1, entry->name, entry->name_len);
	walk->path[level->path_len + 1 + entry->name_len] = '\0';
	rc = erofs_node_read(walk->image, entry->nid, &node, err);
	if (rc != 0)
		return rc;
	if ((node.inode.mode & EROFS_MODE_TYPE) != entry->mode)
		return bad_tree(walk, "its type is not that of its directory's entry", err);
	return visit(walk, &node, level->node.nid, err);
}

/* Goes on in the innermost directory. */
static int step(struct walk *walk, struct err *err)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct erofs_dirent entry;
	bool end = false;
	int rc;

	/* The list of levels moves when it grows. */
	level->dir.node = &level->node;
	rc = erofs_dir_next(&level->dir, &entry, &end, err);
	if (rc != 0)
		return rc;
	if (!end)
		return enter(walk, &entry, err);
	walk->path[level->path_len] = '\0';
	if (!level->dots[0] || !level->dots[1])
		return bad_tree(walk, "a directory without \".\" or \"..\"", err);
	walk->depth--;
	return 0;
}

static int walk_all(struct walk *walk, struct err *err)
{
	struct erofs_node root;
	int rc = erofs_node_read(walk->image, walk->image->super.root_nid, &root, err);

	if (rc != 0)
		return rc;
	if (!is_dir(&root))
		return bad_tree(walk, "the root is no directory", err);
	rc = visit(walk, &root, root.nid, err);
	while (rc == 0 && walk->depth > 0)
		rc = step(walk, err);
	return rc;
}

int list_erofs_walk(const struct erofs_image *image, list_erofs_fn *fn, void *arg, struct err *err)
{
	AUTO_FREE struct walk *walk = calloc(1, sizeof(*walk));
	int rc;

	if (walk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	walk->image = image;
	walk->fn = fn;
	walk->arg = arg;
	rc = walk_all(walk, err);
	free(walk->levels);
	return rc;
}

static void add_escaped(struct buf *ret, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			buf_add(ret, &c, 1);
		else
			buf_fmt(ret, "\\x%02x", c);
	}
}

static char type_letter(uint16_t mode)
{
	static const struct {
		uint16_t mode;
		char letter;
	} types[] = {{EROFS_MODE_REG, 'f'}, {EROFS_MODE_DIR, 'd'}, {EROFS_MODE_LNK, 'l'},
		{EROFS_MODE_CHR, 'c'}, {EROFS_MODE_BLK, 'b'}, {EROFS_MODE_FIFO, 'p'},
		{EROFS_MODE_SOCK, 's'}};
	char letter = '?';

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].mode == (mode & EROFS_MODE_TYPE))
			letter = types[i].letter;
	return letter;
}

struct printer {
	const struct erofs_image *image;
	struct buf *ret;
	struct digest digest;
	uint64_t hash_bytes_left;
};

static int hash_data(struct printer *printer, const struct erofs_node *node,
	char ret[2 * SHA256_SIZE + 1], struct err *err)
{
	unsigned char sha256[SHA256_SIZE];
	uint64_t off = 0;
	size_t n;
	int rc = digest_begin(&printer->digest, err);

	if (node->inode.size_bytes > printer->hash_bytes_left)
		return err_fail(err, -EBADMSG, "%s: its files hold more than %u times the image",
			printer->image->what, LIST_EROFS_SHARE_MAX);
	printer->hash_bytes_left -= node->inode.size_bytes;
	for (const unsigned char *at;
		rc == 0 && (at = erofs_data(printer->image, node, off, &n), n > 0); off += n)
		rc = digest_update(&printer->digest, at, n, err);
	if (rc == 0)
		rc = digest_end(&printer->digest, sha256, err);
	if (rc == 0)
		hex_encode(sha256, sizeof(sha256), ret);
	return rc;
}

static void add_target(struct printer *printer, const struct erofs_node *node)
{
	uint64_t off = 0;
	size_t n;

	buf_str(printer->ret, " -> ");
	for (const unsigned char *at; (at = erofs_data(printer->image, node, off, &n), n > 0);
		off += n)
		add_escaped(printer->ret, (const char *)at, n);
}

static int print_node(void *arg, const char *path, const struct erofs_node *node, struct err *err)
{
	struct printer *printer = arg;
	const struct erofs_inode *inode = &node->inode;
	uint16_t type = inode->mode & EROFS_MODE_TYPE;
	char hex[2 * SHA256_SIZE + 1] = "-";
	int rc = type == EROFS_MODE_REG ? hash_data(printer, node, hex, err) : 0;

	if (rc != 0)
		return rc;
	buf_fmt(printer->ret, "%c %04o %" PRIu32 " %" PRIu32 " %" PRIu64 " %s ",
		type_letter(inode->mode), inode->mode & 07777u, inode->uid, inode->gid,
		inode->size_bytes, hex);
	add_escaped(printer->ret, path, strlen(path));
	if (type == EROFS_MODE_LNK)
		add_target(printer, node);
	buf_str(printer->ret, "\n");
	return buf_check(printer->ret, err);
}

int list_erofs_print(const struct erofs_image *image, struct buf *ret, struct err *err)
{
	struct printer printer = {.image = image,
		.ret = ret,
		.hash_bytes_left = (uint64_t)image->rd.len * LIST_EROFS_SHARE_MAX};
	int rc = digest_init(&printer.digest, DIGEST_SHA256, err);

	if (rc == 0)
		rc = list_erofs_walk(image, print_node, &printer, err);
	digest_done(&printer.digest);
	return rc;
}

struct owner {
	const struct erofs_image *image;
	uint64_t block;
	uint64_t file_off;
	char *path; /* owned */
	uint64_t last_inode_block;
};

/* Blocks that the inode's data begin with; what is left of them is inside the metadata. */
static uint64_t own_blocks(const struct erofs_inode *inode)
{
	uint64_t round = inode->layout == EROFS_FLAT_INLINE ? 0 : EROFS_BLOCK_SIZE - 1;

	return (inode->size_bytes + round) / EROFS_BLOCK_SIZE;
}

static int match_owner(void *arg, const char *path, const struct erofs_node *node, struct err *err)
{
	struct owner *owner = arg;
	uint64_t start = node->inode.start_block;
	uint64_t inode_block = (owner->image->meta_off + node->nid * EROFS_SLOT_SIZE) /
			       EROFS_BLOCK_SIZE;
	size_t n;

	(void)err;
	if (inode_block > owner->last_inode_block)
		owner->last_inode_block = inode_block;
	if (erofs_data(owner->image, node, 0, &n) == NULL || owner->block < start ||
		owner->block - start >= own_blocks(&node->inode))
		return 0;
	owner->file_off = (owner->block - start) * EROFS_BLOCK_SIZE;
	owner->path = strdup(path);
	return 1;
}

char *list_erofs_owner(const struct erofs_image *image, uint64_t block, uint64_t *ret_file_off)
{
	struct owner owner = {.image = image, .block = block};
	struct err ignored = {0};
	BUF_AUTO text = {0};
	int rc = list_erofs_walk(image, match_owner, &owner, &ignored);

	*ret_file_off = owner.file_off;
	if (rc == 0)
		return strdup(
			block <= owner.last_inode_block ? "the file system's metadata" : "no file");
	if (rc < 0 || owner.path == NULL)
		return NULL;
	add_escaped(&text, owner.path, strlen(owner.path));
	free(owner.path);
	return text.bad ? NULL : strdup(buf_cstr(&text));
}
