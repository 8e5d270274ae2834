/*
 * An archive as an EROFS image, by way of the tree: image-tree reads that image, and what it finds is compared with what
 * the archive was made of.
 *
 *   archive-image tar|deb ARCHIVE IMAGE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "mkimage/fs/write-erofs.h"
#include "mkimage/source/source-deb.h"

struct output {
	int fd;
	uint64_t off;
};

static int write_piece(void *arg, const void *data, size_t size_bytes, struct err *err)
{
	struct output *output = arg;
	uint64_t off = output->off;

	output->off += size_bytes;
	return io_pwrite(output->fd, "image", data, size_bytes, off, err);
}

static int write_image(const struct tree *tree, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	WRITE_EROFS_AUTO plan = {0};
	const struct write_erofs_options options = {0};
	struct output output = {.fd = fd};

	if (fd < 0)
		return err_sys(err, "%s", path);
	int rc = write_erofs_plan(&plan, tree, &options, err);

	return rc != 0 ? rc : write_erofs_emit(&plan, write_piece, &output, err);
}

static int convert(bool is_deb, const char *path, const char *image, struct err *err)
{
	const struct source_options options = {
		.what = path,
		.allow = SOURCE_ALLOW_SETID | SOURCE_ALLOW_DEVICES | SOURCE_ALLOW_XATTRS |
			 SOURCE_ALLOW_CAPABILITIES,
		.limits = SOURCE_LIMITS_DEFAULT,
	};
	SPOOL_AUTO spool = {.fd = -1};
	TREE_AUTO tree = {0};
	SOURCE_DEB_AUTO deb = {0};
	AUTO_CLOSE int fd = -1;
	uint64_t size;
	int rc = spool_init(&spool, "/tmp", err);

	if (rc == 0)
		rc = tree_init(&tree, err);
	if (rc == 0)
		rc = io_open(path, &fd, &size, err);
	if (rc == 0 && is_deb)
		rc = source_deb_read(fd, &options, &spool, &deb, err);
	if (rc == 0 && !is_deb)
		rc = source_archive_read(fd, 0, size, &options, &spool, &deb.data, err);
	if (rc == 0)
		rc = source_archive_apply(&deb.data, path,
			is_deb ? SOURCE_DIRS_KEEP : SOURCE_DIRS_REPLACE, "archive", &tree, err);
	return rc != 0 ? rc : write_image(&tree, image, err);
}

int main(int argc, char **argv)
{
	struct err err = {0};

	if (argc != 4 || (strcmp(argv[1], "tar") != 0 && strcmp(argv[1], "deb") != 0)) {
		fprintf(stderr, "usage: archive-image tar|deb ARCHIVE IMAGE\n");
		return 2;
	}
	int rc = convert(strcmp(argv[1], "deb") == 0, argv[2], argv[3], &err);

	if (rc != 0)
		fprintf(stderr, "%s\n", err.msg);
	return err_status(rc);
}
