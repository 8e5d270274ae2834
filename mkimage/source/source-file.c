/* Pinned files (source-file.h). */
#define _GNU_SOURCE
#include "mkimage/source/source-file.h"

#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/tree.h"

static int same_time(const struct timespec *left, const struct timespec *right)
{
	return left->tv_sec == right->tv_sec && left->tv_nsec == right->tv_nsec;
}

int source_file_same(const struct stat *before, const struct stat *after)
{
	return before->st_dev == after->st_dev && before->st_ino == after->st_ino &&
	       before->st_mode == after->st_mode && before->st_size == after->st_size &&
	       same_time(&before->st_mtim, &after->st_mtim) &&
	       same_time(&before->st_ctim, &after->st_ctim);
}

int source_file_expect(const char *what, const unsigned char got[SHA256_SIZE],
	const unsigned char want[SHA256_SIZE], struct err *err)
{
	char got_hex[2 * SHA256_SIZE + 1], want_hex[2 * SHA256_SIZE + 1];

	if (memcmp(got, want, SHA256_SIZE) == 0)
		return 0;
	hex_encode(got, SHA256_SIZE, got_hex);
	hex_encode(want, SHA256_SIZE, want_hex);
	return err_fail(err, -EKEYREJECTED, "%.200s: sha256 is %s, the recipe says %s", what,
		got_hex, want_hex);
}

static int check_digest(
	const struct source_file *file, const unsigned char *sha256, struct err *err)
{
	struct tree_content content = {.fd = file->fd, .size_bytes = file->size_bytes};
	unsigned char got[SHA256_SIZE];
	int rc = tree_digest(&content, file->path, got, err);

	return rc != 0 ? rc : source_file_expect(file->path, got, sha256, err);
}

int source_file_open(
	const char *path, const unsigned char *sha256, struct source_file *ret, struct err *err)
{
	SOURCE_FILE_AUTO file = {.path = path, .fd = -1};
	int rc = io_open(path, &file.fd, &file.size_bytes, err);

	if (rc == 0 && fstat(file.fd, &file.before) != 0)
		rc = err_sys(err, "%s", path);
	if (rc == 0 && sha256 != NULL)
		rc = check_digest(&file, sha256, err);
	if (rc != 0)
		return rc;
	*ret = file;
	file.fd = -1;
	return 0;
}

int source_file_unchanged(const struct source_file *file, struct err *err)
{
	struct stat after;

	if (fstat(file->fd, &after) != 0)
		return err_sys(err, "%s", file->path);
	if (!source_file_same(&file->before, &after))
		return err_fail(err, -EIO, "%s: changed while it was read", file->path);
	return 0;
}

void source_file_done(struct source_file *file)
{
	io_close(&file->fd);
}
