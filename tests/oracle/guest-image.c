/*
 * Guests for the boot tests and for other programs to look at, by our own writers.
 *
 *   guest-image disk INIT POLICY FILE [LAYOUT]    a disk whose root holds INIT as /sbin/init and POLICY as the agent's
 *                                                 policy, nothing else; prints the command line's root parameters
 *   guest-image initrd zstd|gzip|none DIRECTORY FILE NAME...
 *                                                 an initrd with the modules NAME... of DIRECTORY, which is
 *                                                 usr/lib/modules/VERSION; prints what is loaded, in order
 *   guest-image raw FILE MODULE...                an initrd that loads the files MODULE... as they are
 *   guest-image list FILE                         what an uncompressed initrd holds: mode, size, sha256, name
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/cpio.h"
#include "initrd/initrd.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/fs/disk.h"

#define TIMESTAMP 1700000000
#define FILE_MAX  (256u << 20)

static int add_file(
	struct tree *tree, const char *path, const char *from, uint16_t mode, struct err *err)
{
	struct tree_inode inode = {.type = TREE_FILE, .mode = mode, .mtime = TIMESTAMP};
	BUF_AUTO bytes = {0};
	int rc = io_read_file(from, FILE_MAX, &bytes, err);

	if (rc == 0)
		rc = tree_parents(tree, path, "test", err);
	if (rc != 0)
		return rc;
	inode.content = (struct tree_content){.mem = bytes.data, .size_bytes = bytes.len};
	bytes = (struct buf){0};
	return tree_add(tree, path, &inode, TREE_REFUSE, NULL, err);
}

static int fill_tree(struct tree *tree, const char *init, const char *policy, struct err *err)
{
	static const char *const dirs[] = {"dev", "proc", "sys"};
	int rc = add_file(tree, "sbin/init", init, 0755, err);

	if (rc == 0)
		rc = add_file(tree, "etc/kata-opa/default-policy.rego", policy, 0644, err);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && rc == 0; i++) {
		struct tree_inode dir = {.type = TREE_DIR, .mode = 0755};

		rc = tree_add(tree, dirs[i], &dir, TREE_REFUSE, NULL, err);
	}
	tree_set_mtimes(tree, TIMESTAMP);
	return rc;
}

static void print_root(const struct verity_params *verity)
{
	char hash[2 * SHA256_SIZE + 1], salt[2 * VERITY_SALT_MAX + 1];

	hex_encode(verity->root_hash, SHA256_SIZE, hash);
	hex_encode(verity->salt, verity->salt_bytes, salt);
	printf("dm-mod.create=\"dm-verity,,,ro,0 %" PRIu64
	       " verity 1 /dev/vda1 /dev/vda2 4096 4096 %" PRIu64
	       " 0 sha256 %s %s\" root=/dev/dm-0 rootflags=ro rootfstype=erofs\n",
		verity->data_blocks * 8, verity->data_blocks, hash, salt);
}

static int verb_disk(char **args, struct err *err)
{
	AUTO_CLOSE int fd = open(args[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct disk_options options = {.disk_signature = 1, .timestamp = TIMESTAMP};
	struct disk_result result;
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (fd < 0)
		return err_sys(err, "%s", args[2]);
	if (args[3] != NULL && !disk_layout_parse(args[3], &options.layout))
		return err_fail(err, -EINVAL, "%s: no such layout", args[3]);
	memcpy(options.salt, "a salt of thirty-two plain bytes", sizeof(options.salt));
	if (rc == 0)
		rc = fill_tree(&tree, args[0], args[1], err);
	if (rc == 0)
		rc = disk_write(fd, args[2], &tree, &options, &result, err);
	if (rc == 0)
		print_root(&result.verity);
	return rc;
}

/* The files below a real directory; nftw has no argument to pass. */
static struct {
	const char *top;
	char **paths;
	size_t count;
} real;

static int note_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	real.paths = reallocarray(real.paths, real.count + 1, sizeof(*real.paths));
	if (real.paths == NULL)
		abort();
	real.paths[real.count] = strdup(path + strlen(real.top) + 1);
	return real.paths[real.count++] == NULL;
}

static int read_real(void *arg, size_t i, struct buf *ret, struct err *err)
{
	char *path AUTO_FREE = NULL;

	(void)arg;
	if (asprintf(&path, "%s/%s", real.top, real.paths[i]) < 0)
		abort();
	return io_read_file(path, MODULES_BYTES_MAX, ret, err);
}

static int verb_initrd(char **args, struct err *err)
{
	const char *version = strrchr(args[1], '/') != NULL ? strrchr(args[1], '/') + 1 : args[1];
	struct initrd_spec spec = {.timestamp = TIMESTAMP};
	struct modules_dir dir = {.version = version, .read = read_real};
	MODULES_AUTO modules = {0};
	BUF_AUTO initrd = {0};
	size_t wanted = 0;
	int rc = initrd_compression_parse(args[0], &spec.compression, err);

	while (args[3 + wanted] != NULL)
		wanted++;
	real.top = args[1];
	if (nftw(args[1], note_file, 16, FTW_PHYS) != 0)
		return err_sys(err, "%s", args[1]);
	dir.paths = (const char *const *)real.paths;
	dir.count = real.count;
	if (rc == 0)
		rc = modules_resolve(&dir, (const char *const *)args + 3, wanted, &modules, err);
	spec.modules = &modules;
	if (rc == 0)
		rc = initrd_build(&spec, &initrd, err);
	if (rc == 0)
		rc = io_publish(args[2], initrd.data, initrd.len, err);
	for (size_t i = 0; rc == 0 && i < modules.count; i++)
		printf("%s\n", modules.items[i].name);
	for (size_t i = 0; i < real.count; i++)
		free(real.paths[i]);
	free(real.paths);
	return rc;
}

/* "dir/NAME.ko" as a module called NAME, unread by anything of ours. */
static int take_module(const char *path, struct module *ret, struct err *err)
{
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;

	ret->name = strndup(base, strcspn(base, "."));
	return io_read_file(path, MODULES_BYTES_MAX, &ret->elf, err);
}

static int verb_raw(char **args, struct err *err)
{
	struct initrd_spec spec = {.timestamp = TIMESTAMP, .compression = INITRD_NONE};
	MODULES_AUTO modules = {.items = calloc(64, sizeof(*modules.items))};
	BUF_AUTO initrd = {0};
	int rc = 0;

	while (rc == 0 && args[1 + modules.count] != NULL) {
		rc = take_module(args[1 + modules.count], &modules.items[modules.count], err);
		modules.count++;
	}
	spec.modules = &modules;
	if (rc == 0)
		rc = initrd_build(&spec, &initrd, err);
	return rc != 0 ? rc : io_publish(args[0], initrd.data, initrd.len, err);
}

static int verb_list(char **args, struct err *err)
{
	BUF_AUTO bytes = {0};
	CPIO_AUTO archive = {0};
	int rc = io_read_file(args[0], FILE_MAX, &bytes, err);

	if (rc == 0)
		rc = cpio_read(bytes.data, bytes.len, &archive, err);
	for (size_t i = 0; rc == 0 && i < archive.count; i++) {
		const struct cpio_entry *entry = &archive.entries[i];
		unsigned char digest[SHA256_SIZE];
		char hex[2 * SHA256_SIZE + 1];

		rc = digest_bytes(DIGEST_SHA256, entry->data, entry->size_bytes, digest, err);
		hex_encode(digest, SHA256_SIZE, hex);
		printf("%o %zu %s %s\n", (unsigned)entry->mode, entry->size_bytes, hex,
			entry->name);
	}
	return rc;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int min, max;
		int (*run)(char **args, struct err *err);
	} verbs[] = {
		{"disk", 3, 4, verb_disk},
		{"initrd", 3, 64, verb_initrd},
		{"raw", 1, 64, verb_raw},
		{"list", 1, 1, verb_list},
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
	fprintf(stderr, "usage: guest-image disk|initrd|raw|list ...\n");
	return 2;
}
