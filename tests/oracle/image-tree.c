/*
 * Test trees as images, and as listings to compare with what other programs find in those images.
 *
 *   image-tree erofs SEED FILE [inline|PACK]
 *       writes the tree of SEED as EROFS, and its listing on stdout; PACK is ALGORITHM[:LEVEL[:CLUSTER[:THREADS]]]
 *   image-tree ext4 SEED FILE
 *       the same as ext4, long attributes cut
 *   image-tree ext4-size FILES KIB FILE
 *       ext4 with so many sparse files of so many KiB
 *   image-tree big FILE
 *       the same for one file over 4 GiB, sparse
 *   image-tree disk SEED FILE THREADS [LAYOUT [FS [KEY CERTIFICATE]]]
 *       writes a disk (kata-mbr and erofs unless named), and on stdout, a line each: its verity
 *       parameters, blocks of the file system, hash blocks, sha256
 *   image-tree pack TAR FILE LAYOUT FS [PACK]
 *       a disk from a tar archive, any time in it replaced; prints its verity parameters
 *   image-tree hash DATA TREE
 *       the hash tree of a file of any size, without salt; prints the root hash
 *   image-tree verity SALT DATA TREE THREADS
 *       writes the hash tree of a file, and its root hash on stdout; SALT in hex or "-"
 *   image-tree list DIRECTORY
 *       the listing of a real directory
 *   image-tree read IMAGE
 *       the listing of the root file system of an image, by our own readers
 *
 * A listing has one line per node, with tabs between: path, type, mode, owner, mtime, data, links,
 * attributes.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "mkimage/fs/disk.h"
#include "mkimage/fs/fs.h"
#include "mkimage/fs/image.h"
#include "mkimage/fs/sign-root.h"
#include "mkimage/fs/verity-stream.h"
#include "mkimage/fs/write-erofs.h"
#include "mkimage/fs/write-ext4.h"
#include "mkimage/source/source-archive.h"
#include "tests/random-tree.h"

static void print_escaped(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text > ' ' && *text < 0x7f && *text != '%')
			putchar(*text);
		else
			printf("%%%02x", (unsigned char)*text);
}

static void print_head(
	const char *path, char type, unsigned mode, unsigned uid, unsigned gid, uint64_t mtime)
{
	print_escaped(path);
	printf("\t%c\t%04o\t%u:%u\t%" PRIu64 "\t", type, mode, uid, gid, mtime);
}

static void print_digest(uint64_t size, const unsigned char digest[SHA256_SIZE])
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(digest, SHA256_SIZE, hex);
	printf("%" PRIu64 " %s", size, hex);
}

static void print_xattr(const char *name, const void *value, size_t n)
{
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};
	char hex[2 * 8 + 1];

	if (digest_bytes(DIGEST_SHA256, value, n, digest, &err) != 0)
		abort();
	hex_encode(digest, 8, hex);
	printf(" ");
	print_escaped(name);
	printf("=%zu:%s", n, hex);
}

static unsigned subdirs(const struct tree_node *node)
{
	unsigned n = 0;

	for (size_t i = 0; i < node->child_count; i++)
		n += node->children[i]->inode->type == TREE_DIR;
	return n;
}

static int list_tree(const struct tree *tree, struct err *err)
{
	tree_for_each (tree, node) {
		const struct tree_inode *inode = node->inode;
		unsigned char digest[SHA256_SIZE];
		char path[TREE_PATH_MAX + 2] = "/";
		int rc;

		tree_path(node, path + 1);
		print_head(path, "fdlcbps"[inode->type], inode -> mode, inode -> uid, inode -> gid,
			inode -> mtime);
		if (inode->type == TREE_FILE) {
			rc = tree_digest(&inode->content, path, digest, err);
			if (rc != 0)
				return rc;
			print_digest(inode->content.size_bytes, digest);
		} else if (inode->type == TREE_SYMLINK) {
			print_escaped(inode->target);
		} else if (inode->type == TREE_CHR || inode->type == TREE_BLK) {
			printf("%u:%u", inode->rdev_major, inode->rdev_minor);
		}
		printf("\t%u\t", inode->type == TREE_DIR ? 2 + subdirs(node) : inode->links);
		for (size_t i = 0; i < inode->xattr_count; i++)
			print_xattr(inode->xattrs[i].name, inode->xattrs[i].value,
				inode->xattrs[i].size_bytes);
		printf("\n");
	}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_xattrs(const char *path, struct err *err)
{
	static char names[1 << 16];
	static char value[1 << 16];
	char *sorted[256];
	size_t count = 0;
	ssize_t n = llistxattr(path, names, sizeof(names));

	if (n < 0)
		return err_sys(err, "%s: attributes", path);
	for (char *at = names; at < names + n && count < 256; at += strlen(at) + 1)
		sorted[count++] = at;
	qsort(sorted, count, sizeof(sorted[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		n = lgetxattr(path, sorted[i], value, sizeof(value));
		if (n < 0)
			return err_sys(err, "%s: attribute %s", path, sorted[i]);
		print_xattr(sorted[i], value, (size_t)n);
	}
	return 0;
}

static int list_data(const char *path, const struct stat *st, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	char target[TREE_PATH_MAX + 1];
	uint64_t size;
	ssize_t n;
	int rc;

	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		rc = io_digest_file(path, DIGEST_SHA256, digest, &size, err);
		if (rc == 0)
			print_digest(size, digest);
		return rc;
	case S_IFLNK:
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return err_sys(err, "%s", path);
		target[n] = '\0';
		print_escaped(target);
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		printf("%u:%u", major(st->st_rdev), minor(st->st_rdev));
		return 0;
	default:
		return 0;
	}
}

static char type_of(mode_t mode)
{
	static const struct {
		mode_t mode;
		char type;
	} types[] = {{S_IFREG, 'f'}, {S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFCHR, 'c'}, {S_IFBLK, 'b'},
		{S_IFIFO, 'p'}, {S_IFSOCK, 's'}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].mode == (mode & S_IFMT))
			return types[i].type;
	return '?';
}

static int list_real(const char *top, const char *path, struct err *err);

static int list_children(const char *top, const char *path, struct err *err)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, NULL);
	int rc = 0;

	if (n < 0)
		return err_sys(err, "%s", path);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		char *child;

		if (rc == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			if (asprintf(&child, "%s/%s", path, name) < 0)
				abort();
			rc = list_real(top, child, err);
			free(child);
		}
		free(entries[i]);
	}
	free(entries);
	return rc;
}

static int list_real(const char *top, const char *path, struct err *err)
{
	const char *below = path + strlen(top);
	struct stat st;
	int rc;

	if (lstat(path, &st) != 0)
		return err_sys(err, "%s", path);
	print_head(below[0] != '\0' ? below : "/", type_of(st.st_mode), st.st_mode & 07777,
		st.st_uid, st.st_gid, (uint64_t)st.st_mtime);
	rc = list_data(path, &st, err);
	printf("\t%lu\t", (unsigned long)st.st_nlink);
	if (rc == 0)
		rc = list_xattrs(path, err);
	printf("\n");
	if (rc == 0 && S_ISDIR(st.st_mode))
		rc = list_children(top, path, err);
	return rc;
}

struct file {
	int fd;
	const char *path;
	uint64_t at;
};

/* Leaves holes for pieces of zeros. */
static int to_file(void *arg, const void *data, size_t n, struct err *err)
{
	static const unsigned char zeros[1 << 16];
	struct file *file = arg;
	const unsigned char *at = data;

	for (size_t off = 0; off < n;) {
		size_t step = n - off < sizeof(zeros) ? n - off : sizeof(zeros);
		int rc = 0;

		if (memcmp(at + off, zeros, step) != 0)
			rc = io_pwrite(file->fd, file->path, at + off, step, file->at + off, err);
		if (rc != 0)
			return rc;
		off += step;
	}
	file->at += n;
	if (ftruncate(file->fd, (off_t)file->at) != 0)
		return err_sys(err, "%s", file->path);
	return 0;
}

/* ALGORITHM[:LEVEL[:CLUSTER[:THREADS]]] */
struct pack {
	enum erofs_pack algorithm;
	int level;
	uint32_t cluster_bytes;
	size_t threads;
};

static int parse_pack(const char *text, struct pack *ret, struct err *err)
{
	char name[16];
	unsigned level = 0, cluster = EROFS_PACK_CLUSTER_DEFAULT, threads = 0;

	if (sscanf(text, "%15[a-z0-9]:%u:%u:%u", name, &level, &cluster, &threads) < 1 ||
		!erofs_pack_parse(name, &ret->algorithm))
		return err_fail(err, -EINVAL, "%s: no such compression", text);
	ret->level = level > 0 ? (int)level : erofs_pack_level_default(ret->algorithm);
	ret->cluster_bytes = cluster;
	ret->threads = threads;
	return 0;
}

static int write_tree(const struct tree *tree, const char *path, const char *how, struct err *err)
{
	bool inline_tails = how != NULL && strcmp(how, "inline") == 0;
	struct write_erofs_options options = {
		.timestamp = RANDOM_TREE_TIME, .inline_tails = inline_tails};
	SPOOL_AUTO spool = {.fd = -1};
	struct pack pack;
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct file file = {.fd = fd, .path = path};
	WRITE_EROFS_AUTO plan = {0};
	int rc;

	if (fd < 0)
		return err_sys(err, "%s", path);
	memcpy(options.uuid, "0123456789abcdef", sizeof(options.uuid));
	if (how != NULL && !inline_tails) {
		if (parse_pack(how, &pack, err) != 0 || spool_init(&spool, "/tmp", err) != 0)
			return err->code;
		options.pack = pack.algorithm;
		options.level = pack.level;
		options.cluster_bytes = pack.cluster_bytes;
		options.threads = pack.threads;
		options.spool = &spool;
	}
	rc = write_erofs_plan(&plan, tree, &options, err);
	if (rc == 0)
		rc = write_erofs_emit(&plan, to_file, &file, err);
	if (rc == 0 && file.at != plan.blocks * EROFS_BLOCK_SIZE)
		return err_fail(err, -EINVAL, "%s: not the planned size", path);
	return rc != 0 ? rc : list_tree(tree, err);
}

static int verb_erofs(char **args, struct err *err)
{
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (rc == 0)
		rc = random_tree_fill(&tree, strtoull(args[0], NULL, 10), err);
	if (rc != 0)
		return rc;
	return write_tree(&tree, args[1], args[2], err);
}

/* What an inode and one block can hold. */
static void cut_xattrs(struct tree *tree)
{
	tree_for_each (tree, node) {
		size_t left = 2000;

		for (size_t i = 0; i < node->inode->xattr_count; i++) {
			struct tree_xattr *xattr = &node->inode->xattrs[i];

			if (xattr->size_bytes > left)
				xattr->size_bytes = left;
			left -= xattr->size_bytes;
		}
	}
}

static int write_ext4(const struct tree *tree, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct write_ext4_options options = {.timestamp = RANDOM_TREE_TIME};
	WRITE_EXT4_AUTO plan = {0};
	int rc;

	if (fd < 0)
		return err_sys(err, "%s", path);
	memcpy(options.uuid, "0123456789abcdef", sizeof(options.uuid));
	rc = write_ext4_plan(&plan, tree, &options, err);
	if (rc == 0 && ftruncate(fd, (off_t)(plan.blocks * WRITE_EXT4_BLOCK_SIZE)) != 0)
		return err_sys(err, "%s", path);
	return rc != 0 ? rc : write_ext4_emit(&plan, fd, path, 0, err);
}

static int verb_ext4_size(char **args, struct err *err)
{
	uint64_t files = strtoull(args[0], NULL, 10), size = strtoull(args[1], NULL, 10) << 10;
	AUTO_CLOSE int fd = memfd_create("content", MFD_CLOEXEC);
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		return err_sys(err, "memfd");
	for (uint64_t i = 0; rc == 0 && i < files; i++) {
		struct tree_inode inode = {.type = TREE_FILE,
			.mode = 0644,
			.mtime = RANDOM_TREE_TIME,
			.content = {.fd = fd, .size_bytes = size}};
		char name[32];

		snprintf(name, sizeof(name), "file%" PRIu64, i);
		rc = tree_add(&tree, name, &inode, TREE_REFUSE, NULL, err);
	}
	return rc != 0 ? rc : write_ext4(&tree, args[2], err);
}

static int verb_ext4(char **args, struct err *err)
{
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (rc == 0)
		rc = random_tree_fill(&tree, strtoull(args[0], NULL, 10), err);
	cut_xattrs(&tree);
	if (rc == 0)
		rc = write_ext4(&tree, args[1], err);
	return rc != 0 ? rc : list_tree(&tree, err);
}

static int verb_big(char **args, struct err *err)
{
	const uint64_t size = (UINT64_C(4) << 30) + 4097;
	struct tree_inode inode = {.type = TREE_FILE, .mode = 0600, .mtime = RANDOM_TREE_TIME};
	struct tree_inode behind = inode;
	AUTO_CLOSE int fd = memfd_create("big", MFD_CLOEXEC);
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		return err_sys(err, "memfd");
	if (rc == 0)
		rc = io_pwrite(fd, "memfd", "end", 3, size - 3, err);
	inode.content = (struct tree_content){.fd = fd, .size_bytes = size};
	behind.content = (struct tree_content){
		.mem = (unsigned char *)strdup("x"), .size_bytes = 1};
	tree.root->inode->mtime = RANDOM_TREE_TIME;
	if (rc == 0)
		rc = tree_add(&tree, "big", &inode, TREE_REFUSE, NULL, err);
	if (rc == 0)
		rc = tree_add(&tree, "c", &behind, TREE_REFUSE, NULL, err);
	return rc != 0 ? rc : write_tree(&tree, args[0], NULL, err);
}

static int verb_disk(char **args, struct err *err)
{
	AUTO_CLOSE int fd = open(args[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct disk_options options = {.disk_signature = 0x61737361,
		.timestamp = RANDOM_TREE_TIME,
		.threads = strtoull(args[2], NULL, 10)};
	struct disk_result result = {0};
	char params[VERITY_PARAMS_TEXT_MAX];
	char hex[2 * SHA256_SIZE + 1];
	SIGN_ROOT_AUTO sign = {0};
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (fd < 0)
		return err_sys(err, "%s", args[1]);
	if (args[3] != NULL && !disk_layout_parse(args[3], &options.layout))
		return err_fail(err, -EINVAL, "%s: no such layout", args[3]);
	if (args[3] != NULL && args[4] != NULL && !disk_fs_parse(args[4], &options.fs))
		return err_fail(err, -EINVAL, "%s: no such file system", args[4]);
	if (args[3] != NULL && args[4] != NULL && args[5] != NULL) {
		if (sign_root_load(&sign, args[5], args[6], err) != 0)
			return err->code;
		options.sign = sign_root_json;
		options.sign_arg = &sign;
	}
	memcpy(options.uuid, "0123456789abcdef", sizeof(options.uuid));
	memcpy(options.verity_uuid, "fedcba9876543210", sizeof(options.verity_uuid));
	memcpy(&options.guids, "a disk's GUID   a tree's GUID   a signature GUIDan ESP's GUID   ",
		sizeof(options.guids));
	memcpy(options.salt, "a salt of thirty-two plain bytes", sizeof(options.salt));
	if (rc == 0)
		rc = random_tree_fill(&tree, strtoull(args[0], NULL, 10), err);
	if (options.fs == DISK_EXT4)
		cut_xattrs(&tree);
	if (rc == 0)
		rc = disk_write(fd, args[1], &tree, &options, &result, err);
	if (rc == 0)
		rc = disk_digest(fd, args[1], &result, err);
	if (rc != 0)
		return rc;
	verity_params_format(&result.verity, params);
	hex_encode(result.sha256, SHA256_SIZE, hex);
	printf("%s\n%" PRIu64 "\n%" PRIu64 "\n%s\n", params, result.fs_blocks, result.hash_blocks,
		hex);
	return 0;
}

static int verb_pack(char **args, struct err *err)
{
	AUTO_CLOSE int fd = open(args[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct disk_options options = {.disk_signature = 1, .timestamp = RANDOM_TREE_TIME};
	struct source_options source = {.what = args[0],
		.allow = SOURCE_ALLOW_SETID | SOURCE_ALLOW_DEVICES | SOURCE_ALLOW_XATTRS |
			 SOURCE_ALLOW_CAPABILITIES,
		.by_reference = true,
		.limits = SOURCE_LIMITS_DEFAULT};
	SOURCE_ARCHIVE_AUTO archive = {0};
	SPOOL_AUTO spool = {.fd = -1};
	char params[VERITY_PARAMS_TEXT_MAX];
	struct disk_result result;
	struct pack pack = {0};
	AUTO_CLOSE int tar = -1;
	TREE_AUTO tree = {0};
	uint64_t size;
	int rc = io_open(args[0], &tar, &size, err);

	if (fd < 0)
		return err_sys(err, "%s", args[1]);
	if (!disk_layout_parse(args[2], &options.layout) || !disk_fs_parse(args[3], &options.fs))
		return err_fail(err, -EINVAL, "%s, %s: no such disk", args[2], args[3]);
	if (rc == 0)
		rc = spool_init(&spool, "/tmp", err);
	if (rc == 0)
		rc = tree_init(&tree, err);
	if (rc == 0)
		rc = source_archive_read(tar, 0, size, &source, &spool, &archive, err);
	if (rc == 0)
		rc = source_archive_apply(
			&archive, args[0], SOURCE_DIRS_REPLACE, "tar", &tree, err);
	tree_set_mtimes(&tree, RANDOM_TREE_TIME);
	if (rc == 0 && args[4] != NULL)
		rc = parse_pack(args[4], &pack, err);
	options.pack = pack.algorithm;
	options.pack_level = pack.level;
	options.cluster_bytes = pack.cluster_bytes;
	options.threads = pack.threads;
	options.spool = &spool;
	if (rc == 0)
		rc = disk_write(fd, args[1], &tree, &options, &result, err);
	if (rc != 0)
		return rc;
	verity_params_format(&result.verity, params);
	printf("%s\n", params);
	return 0;
}

#define HASH_STEP 1024u

struct hash_job {
	const unsigned char *data;
	struct verity_stream stream;
};

static int hash_step(void *arg, size_t i, struct err *err)
{
	struct hash_job *job = arg;
	uint64_t first = (uint64_t)i * HASH_STEP;
	uint64_t left = job->stream.geometry.data_blocks - first;
	size_t n = left < HASH_STEP ? (size_t)left : HASH_STEP;

	return verity_stream_hash(
		&job->stream, first, job->data + first * VERITY_BLOCK_SIZE, n, err);
}

static int verb_hash(char **args, struct err *err)
{
	AUTO_CLOSE int to = open(args[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct hash_job job = {0};
	AUTO_CLOSE int fd = -1;
	unsigned char root[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	uint64_t size, first, blocks;
	int rc = io_open(args[0], &fd, &size, err);

	if (rc != 0)
		return rc;
	blocks = size / VERITY_BLOCK_SIZE;
	job.data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (job.data == MAP_FAILED)
		return err_sys(err, "%s", args[0]);
	rc = verity_stream_init(&job.stream, blocks, NULL, 0, 0, err);
	if (rc == 0)
		rc = verity_stream_claim(&job.stream, (size_t)blocks, &first, err);
	if (rc == 0)
		rc = pool_run(
			0, (size_t)((blocks + HASH_STEP - 1) / HASH_STEP), hash_step, &job, err);
	if (rc == 0)
		rc = verity_stream_end(&job.stream, root, err);
	if (rc == 0)
		rc = io_pwrite(to, args[1], job.stream.tree,
			(size_t)job.stream.geometry.tree_blocks * VERITY_BLOCK_SIZE, 0, err);
	verity_stream_done(&job.stream);
	if (rc != 0)
		return rc;
	hex_encode(root, sizeof(root), hex);
	printf("%s\n", hex);
	return 0;
}

static int verb_verity(char **args, struct err *err)
{
	size_t salt_bytes = args[0][0] == '-' ? 0 : strlen(args[0]) / 2;
	AUTO_CLOSE int fd = open(args[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unsigned char salt[VERITY_SALT_MAX];
	unsigned char root[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	VERITY_STREAM_AUTO stream = {0};
	BUF_AUTO data = {0};
	int rc = io_read_file(args[1], 1u << 30, &data, err);

	if (fd < 0)
		return err_sys(err, "%s", args[2]);
	if (salt_bytes > 0 && (salt_bytes > sizeof(salt) || !hex_decode(args[0], salt, salt_bytes)))
		return err_fail(err, -EINVAL, "salt");
	if (rc == 0)
		rc = verity_stream_init(&stream, data.len / VERITY_BLOCK_SIZE, salt, salt_bytes,
			strtoull(args[3], NULL, 10), err);
	if (rc == 0)
		rc = verity_stream_add(&stream, data.data, data.len / VERITY_BLOCK_SIZE, err);
	if (rc == 0)
		rc = verity_stream_end(&stream, root, err);
	if (rc == 0)
		rc = io_pwrite(fd, args[2], stream.tree,
			(size_t)stream.geometry.tree_blocks * VERITY_BLOCK_SIZE, 0, err);
	if (rc != 0)
		return rc;
	hex_encode(root, sizeof(root), hex);
	printf("%s\n", hex);
	return 0;
}

static int verb_list(char **args, struct err *err)
{
	return list_real(args[0], args[0], err);
}

struct attribute {
	char name[2 * EROFS_NAME_MAX];
	unsigned char *value; /* in the image */
	size_t len;
};

/* By name: shared attributes come first in some images. */
struct attributes {
	struct attribute list[64];
	size_t count;
};

static int note_xattr(void *arg, const struct fs_xattr *xattr, struct err *err)
{
	struct attributes *all = arg;
	struct attribute *to = &all->list[all->count++];

	if (all->count == 64)
		return err_fail(err, -EFBIG, "more attributes than this program takes");
	snprintf(to->name, sizeof(to->name), "%s%.*s", xattr->prefix, (int)xattr->rest_len,
		xattr->rest);
	to->value = (unsigned char *)(uintptr_t)xattr->value;
	to->len = xattr->value_len;
	return 0;
}

static int compare_attributes(const void *a, const void *b)
{
	const struct attribute *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int read_xattrs(struct fs *fs, const struct fs_node *node, struct err *err)
{
	static struct attributes all;
	int rc;

	all.count = 0;
	rc = fs_xattrs(fs, node, note_xattr, &all, err);
	qsort(all.list, all.count, sizeof(all.list[0]), compare_attributes);
	for (size_t i = 0; rc == 0 && i < all.count; i++)
		print_xattr(all.list[i].name, all.list[i].value, all.list[i].len);
	return rc;
}

static int hash_some(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	return digest_update(arg, bytes, n, err);
}

static int keep_some(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	buf_add(arg, bytes, n);
	return buf_check(arg, err);
}

static int read_data(struct fs *fs, const struct fs_node *node, struct err *err)
{
	unsigned char sum[SHA256_SIZE];
	DIGEST_AUTO digest = {0};
	BUF_AUTO target = {0};
	int rc = digest_init(&digest, DIGEST_SHA256, err);

	switch (node->mode & S_IFMT) {
	case S_IFREG:
		if (rc == 0)
			rc = fs_read(fs, node, hash_some, &digest, err);
		if (rc == 0)
			rc = digest_end(&digest, sum, err);
		if (rc == 0)
			print_digest(node->size_bytes, sum);
		return rc;
	case S_IFLNK:
		if (rc == 0)
			rc = fs_read(fs, node, keep_some, &target, err);
		if (rc == 0)
			print_escaped(buf_cstr(&target));
		return rc;
	case S_IFCHR:
	case S_IFBLK:
		printf("%u:%u", node->rdev_major, node->rdev_minor);
		return rc;
	default:
		return rc;
	}
}

static int read_node(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct fs *fs = arg;
	int rc;

	print_head(
		path, type_of(node->mode), node->mode & 07777, node->uid, node->gid, node->mtime);
	rc = read_data(fs, node, err);
	printf("\t%u\t", node->nlink);
	if (rc == 0)
		rc = read_xattrs(fs, node, err);
	printf("\n");
	return rc;
}

static int verb_read(char **args, struct err *err)
{
	IMAGE_BYTES_AUTO bytes = {0};
	IMAGE_AUTO image = {0};
	FS_AUTO fs = {0};
	int rc = image_open(args[0], 0, &image, err);

	if (rc == 0)
		rc = image_map(&image, &bytes, err);
	if (rc == 0)
		rc = fs_open(image.fs_type, bytes.root, bytes.root_bytes, args[0], &fs, err);
	return rc != 0 ? rc : fs_walk(&fs, read_node, &fs, err);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int min, max;
		int (*run)(char **args, struct err *err);
	} verbs[] = {
		{"erofs", 2, 3, verb_erofs},
		{"ext4", 2, 2, verb_ext4},
		{"ext4-size", 3, 3, verb_ext4_size},
		{"big", 1, 1, verb_big},
		{"disk", 3, 7, verb_disk},
		{"pack", 4, 5, verb_pack},
		{"hash", 2, 2, verb_hash},
		{"verity", 4, 4, verb_verity},
		{"list", 1, 1, verb_list},
		{"read", 1, 1, verb_read},
	};
	struct err err = {0};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0 || argc - 2 < verbs[i].min ||
			argc - 2 > verbs[i].max)
			continue;
		if (verbs[i].run(argv + 2, &err) == 0)
			return 0;
		fprintf(stderr, "%s\n", err.msg);
		return err_status(err.code);
	}
	fprintf(stderr, "usage: image-tree erofs|big|disk|verity|list|read ...\n");
	return 2;
}
