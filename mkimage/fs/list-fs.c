/* The files of a file system (list-fs.h). */
#define _GNU_SOURCE
#include "mkimage/fs/list-fs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/digest.h"
#include "lib/hex.h"

#define BLOCK 4096u

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
	} types[] = {{S_IFREG, 'f'}, {S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFCHR, 'c'}, {S_IFBLK, 'b'},
		{S_IFIFO, 'p'}, {S_IFSOCK, 's'}};
	char letter = '?';

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].mode == (mode & S_IFMT))
			letter = types[i].letter;
	return letter;
}

struct printer {
	struct fs *fs;
	struct buf *ret;
	struct digest digest;
	uint64_t hash_bytes_left;
};

static int hash_bytes(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	return digest_update(arg, bytes, n, err);
}

static int hash_data(struct printer *printer, const struct fs_node *node,
	char ret[2 * SHA256_SIZE + 1], struct err *err)
{
	unsigned char sha256[SHA256_SIZE];
	int rc = digest_begin(&printer->digest, err);

	if (node->size_bytes > printer->hash_bytes_left)
		return err_fail(err, -EBADMSG, "%s: its files hold more than %u times the image",
			printer->fs->what,
			printer->fs->compressed ? LIST_FS_SHARE_PACKED_MAX : LIST_FS_SHARE_MAX);
	printer->hash_bytes_left -= node->size_bytes;
	if (rc == 0)
		rc = fs_read(printer->fs, node, hash_bytes, &printer->digest, err);
	if (rc == 0)
		rc = digest_end(&printer->digest, sha256, err);
	if (rc == 0)
		hex_encode(sha256, sizeof(sha256), ret);
	return rc;
}

static int add_target(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	add_escaped(arg, (const char *)bytes, n);
	return buf_check(arg, err);
}

static int print_node(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct printer *printer = arg;
	char hex[2 * SHA256_SIZE + 1] = "-";
	int rc = S_ISREG(node->mode) ? hash_data(printer, node, hex, err) : 0;

	if (rc != 0)
		return rc;
	buf_fmt(printer->ret, "%c %04o %" PRIu32 " %" PRIu32 " %" PRIu64 " %s ",
		type_letter(node->mode), node->mode & 07777u, node->uid, node->gid,
		node->size_bytes, hex);
	add_escaped(printer->ret, path, strlen(path));
	if (S_ISLNK(node->mode)) {
		buf_str(printer->ret, " -> ");
		rc = fs_read(printer->fs, node, add_target, printer->ret, err);
	}
	buf_str(printer->ret, "\n");
	return rc != 0 ? rc : buf_check(printer->ret, err);
}

int list_fs_print(struct fs *fs, struct buf *ret, struct err *err)
{
	uint64_t share = fs->compressed ? LIST_FS_SHARE_PACKED_MAX : LIST_FS_SHARE_MAX;
	struct printer printer = {.fs = fs, .ret = ret, .hash_bytes_left = fs->bytes * share};
	int rc = digest_init(&printer.digest, DIGEST_SHA256, err);

	if (rc == 0)
		rc = fs_walk(fs, print_node, &printer, err);
	digest_done(&printer.digest);
	return rc;
}

struct owner {
	struct fs *fs;
	uint64_t at; /* byte */
	uint64_t file_off;
	char *path; /* owned */
	uint64_t last_inode_off;
};

static int match_owner(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct owner *owner = arg;
	uint64_t off = fs_node_off(owner->fs, node);

	(void)err;
	if (off > owner->last_inode_off)
		owner->last_inode_off = off;
	if (!fs_owns(owner->fs, node, owner->at, &owner->file_off))
		return 0;
	owner->path = strdup(path);
	return 1;
}

char *list_fs_owner(struct fs *fs, uint64_t block, uint64_t *ret_file_off)
{
	struct owner owner = {.fs = fs, .at = block * BLOCK};
	struct err ignored = {0};
	BUF_AUTO text = {0};
	int rc = fs_walk(fs, match_owner, &owner, &ignored);

	*ret_file_off = owner.file_off;
	if (rc == 0)
		return strdup(block <= owner.last_inode_off / BLOCK ? "the file system's metadata"
								    : "no file");
	if (rc < 0 || owner.path == NULL)
		return NULL;
	add_escaped(&text, owner.path, strlen(owner.path));
	free(owner.path);
	return text.bad ? NULL : strdup(buf_cstr(&text));
}
