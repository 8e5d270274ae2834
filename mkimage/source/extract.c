/* Archives as files (extract.h). The reader has refused every path that could lead out of the directory. */
#define _GNU_SOURCE
#include "mkimage/source/extract.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"

#define CHUNK (1u << 20)

struct extract {
	const char *what;
	int dir;
	unsigned char *chunk; /* CHUNK bytes */
};

static int write_content(
	const struct extract *extract, int fd, const struct source_entry *entry, struct err *err)
{
	const struct tree_content *content = &entry->inode.content;

	for (uint64_t off = 0; off < content->size_bytes;) {
		uint64_t left = content->size_bytes - off;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		int rc = tree_read(content, entry->path, extract->chunk, n, off, err);

		if (rc == 0)
			rc = io_pwrite(fd, entry->path, extract->chunk, n, off, err);
		if (rc != 0)
			return rc;
		off += n;
	}
	return 0;
}

static int write_file(const struct extract *extract, const struct source_entry *entry,
	const char *path, struct err *err)
{
	mode_t mode = (entry->inode.mode & 0111) != 0 ? 0755 : 0644;
	AUTO_CLOSE int fd = openat(
		extract->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 ? err_sys(err, "%s", path) : write_content(extract, fd, entry, err);
}

/* The path without its first component; NULL for that component itself. */
static const char *below(const char *path)
{
	const char *slash = strchr(path, '/');

	return slash != NULL ? slash + 1 : NULL;
}

static int write_entry(
	const struct extract *extract, const struct source_entry *entry, struct err *err)
{
	const char *path = below(entry->path);

	if (path == NULL)
		return entry->hard_link == NULL && entry->inode.type == TREE_DIR
			       ? 0
			       : err_fail(err, -EBADMSG, "%s: %s is not in the one directory",
					 extract->what, entry->path);
	if (entry->hard_link != NULL)
		return linkat(extract->dir, below(entry->hard_link), extract->dir, path, 0) == 0
			       ? 0
			       : err_sys(err, "%s", path);
	switch (entry->inode.type) {
	case TREE_FILE:
		return write_file(extract, entry, path, err);
	case TREE_DIR:
		return mkdirat(extract->dir, path, 0755) == 0 || errno == EEXIST
			       ? 0
			       : err_sys(err, "%s", path);
	case TREE_SYMLINK:
		return symlinkat(entry->inode.target, extract->dir, path) == 0
			       ? 0
			       : err_sys(err, "%s", path);
	default:
		return err_fail(
			err, -EBADMSG, "%s: %s is a device or a FIFO", extract->what, entry->path);
	}
}

/* Whether every path begins with the component of the first. */
static int check_top(const struct source_archive *archive, const char *what, struct err *err)
{
	size_t n = archive->count > 0 ? strcspn(archive->entries[0].path, "/") : 0;

	if (n == 0)
		return err_fail(err, -EBADMSG, "%s: not an archive of one directory", what);
	for (size_t i = 1; i < archive->count; i++) {
		const char *path = archive->entries[i].path;

		if (strncmp(path, archive->entries[0].path, n) != 0 ||
			(path[n] != '/' && path[n] != '\0'))
			return err_fail(
				err, -EBADMSG, "%s: %s is not in the one directory", what, path);
	}
	return 0;
}

int extract_archive(
	const struct source_archive *archive, const char *what, const char *dir, struct err *err)
{
	AUTO_FREE unsigned char *chunk = malloc(CHUNK);
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct extract extract = {.what = what, .dir = fd, .chunk = chunk};
	int rc;

	if (fd < 0)
		return err_sys(err, "%s", dir);
	if (chunk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = check_top(archive, what, err);
	for (size_t i = 0; rc == 0 && i < archive->count; i++)
		rc = write_entry(&extract, &archive->entries[i], err);
	return rc;
}
