/* Directories of the host (source-dir.h). */
#define _GNU_SOURCE
#include "mkimage/source/source-dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/source-file.h"
#include "mkimage/source/source-inode.h"

#define COPY_BYTES	(128u << 10)
#define CAPABILITY_NAME "security.capability"
#define ACL_PREFIX	"system.posix_acl_"
#define USER_PREFIX	"user."
#define XATTR_LIST_MAX	65536
#define XATTR_VALUE_MAX 65536

struct reading {
	const struct source_dir_options *options;
	const char *base;
	const char *origin;
	struct spool *spool;
	struct tree *tree;
	uint64_t bytes;
	unsigned char *chunk; /* COPY_BYTES, owned by the caller */
};

/* One name on the way. @at is "" for the directory itself. */
struct place {
	int dir_fd;
	const char *name;
	char path[TREE_PATH_MAX + 1];
	struct stat st;
};

static int bad(const struct reading *reading, const struct place *place, int code, const char *why,
	struct err *err)
{
	return err_fail(err, code, "%s/%s: %s", reading->base, place->path, why);
}

static int named(const struct reading *reading, const struct place *place, struct err *err)
{
	return err_wrap(err, "%s/%s", reading->base, place->path);
}

static int take_status(const struct reading *reading, const struct place *place,
	struct tree_inode *inode, struct err *err)
{
	const struct stat *st = &place->st;

	if (source_inode_mode(inode, st->st_mode, reading->options->allow, err) != 0)
		return named(reading, place, err);
	if (reading->options->keep_owner) {
		inode->uid = st->st_uid;
		inode->gid = st->st_gid;
	}
	if (inode->type == TREE_CHR || inode->type == TREE_BLK) {
		inode->rdev_major = major(st->st_rdev);
		inode->rdev_minor = minor(st->st_rdev);
	}
	return 0;
}

static int take_target(const struct reading *reading, const struct place *place,
	struct tree_inode *inode, struct err *err)
{
	char target[TREE_PATH_MAX + 2];
	ssize_t n = readlinkat(place->dir_fd, place->name, target, sizeof(target));

	if (n < 0)
		return err_sys(err, "%s/%s", reading->base, place->path);
	if (n == 0 || n > TREE_PATH_MAX)
		return bad(reading, place, -EBADMSG, "bad length of a symbolic link's target", err);
	inode->target = strndup(target, (size_t)n);
	return inode->target != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static int changed(const struct reading *reading, const struct place *place, struct err *err)
{
	return bad(reading, place, -EIO, "changed while it was read", err);
}

static int check_unchanged(
	const struct reading *reading, const struct place *place, int fd, struct err *err)
{
	struct stat after;

	if (fstat(fd, &after) != 0)
		return err_sys(err, "%s/%s", reading->base, place->path);
	return source_file_same(&place->st, &after) ? 0 : changed(reading, place, err);
}

static int take_content(struct reading *reading, const struct place *place, int fd,
	struct tree_inode *inode, struct err *err)
{
	uint64_t size = (uint64_t)place->st.st_size, done = 0;
	int rc = 0;

	if (source_inode_content(inode, size, reading->spool, &reading->bytes, err) != 0)
		return named(reading, place, err);
	while (rc == 0 && done < size) {
		size_t n = size - done < COPY_BYTES ? (size_t)(size - done) : COPY_BYTES;

		rc = io_pread(fd, place->path, reading->chunk, n, done, err);
		if (rc == -EBADMSG)
			return changed(reading, place, err);
		if (rc == 0)
			rc = spool_write(
				reading->spool, reading->chunk, n, inode->content.off + done, err);
		done += n;
	}
	return rc;
}

static int add_xattr(const struct reading *reading, const struct place *place, int fd,
	const char *name, struct tree_inode *inode, struct err *err)
{
	AUTO_FREE char *value = malloc(XATTR_VALUE_MAX);
	ssize_t n;

	if (value == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	n = fgetxattr(fd, name, value, XATTR_VALUE_MAX);
	if (n < 0)
		return err_sys(err, "%s/%s: attribute %s", reading->base, place->path, name);
	if (source_inode_xattr(
		    inode, name, strlen(name), value, (size_t)n, reading->options->allow, err) != 0)
		return named(reading, place, err);
	return 0;
}

/* Whether an attribute is part of what is read. What the host's own security modules and file systems add is not, and other
 * attributes are only when they are allowed. */
static int wants_xattr(const struct reading *reading, const struct place *place, const char *name,
	bool *ret, struct err *err)
{
	*ret = strcmp(name, CAPABILITY_NAME) == 0 ||
	       (strncmp(name, USER_PREFIX, strlen(USER_PREFIX)) == 0 &&
		       (reading->options->allow & SOURCE_ALLOW_XATTRS) != 0);
	if (strncmp(name, ACL_PREFIX, strlen(ACL_PREFIX)) == 0)
		return bad(reading, place, -ENOTSUP, "has a POSIX ACL", err);
	return 0;
}

static int take_xattrs(const struct reading *reading, const struct place *place, int fd,
	struct tree_inode *inode, struct err *err)
{
	AUTO_FREE char *names = malloc(XATTR_LIST_MAX);
	int rc = 0;
	ssize_t n;

	if (names == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	n = flistxattr(fd, names, XATTR_LIST_MAX);
	if (n < 0 && errno == ENOTSUP)
		return 0;
	if (n < 0)
		return err_sys(err, "%s/%s: attributes", reading->base, place->path);
	for (const char *at = names; rc == 0 && at < names + n; at += strlen(at) + 1) {
		bool wanted = false;

		rc = wants_xattr(reading, place, at, &wanted, err);
		if (rc == 0 && wanted)
			rc = add_xattr(reading, place, fd, at, inode, err);
	}
	return rc;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_entry(struct reading *reading, int dir_fd, const char *parent, const char *name,
	unsigned depth, struct err *err);

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int read_children(
	struct reading *reading, int fd, const char *path, unsigned depth, struct err *err)
{
	struct dirent **names = NULL;
	int n = scandirat(fd, ".", &names, NULL, compare_names);
	int rc = n < 0 ? err_sys(err, "%s/%s", reading->base, path) : 0;

	if (rc == 0 && depth > SOURCE_DEPTH_MAX)
		rc = err_fail(err, -EFBIG, "%s: more than %d directories inside each other",
			reading->base, SOURCE_DEPTH_MAX);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && !is_dot(names[i]->d_name))
			rc = read_entry(reading, fd, path, names[i]->d_name, depth, err);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* Opens a file or directory and sees that it is still what the name led to. */
static int open_place(
	const struct reading *reading, const struct place *place, int *ret_fd, struct err *err)
{
	int fd = openat(place->dir_fd, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc = fd < 0 ? err_sys(err, "%s/%s", reading->base, place->path)
			: check_unchanged(reading, place, fd, err);

	if (rc == 0)
		*ret_fd = fd;
	else
		io_close(&fd);
	return rc;
}

static bool has_bytes(const struct tree_inode *inode)
{
	return inode->type == TREE_FILE || inode->type == TREE_DIR;
}

/* Reads what belongs to the inode itself. */
static int read_inode(struct reading *reading, const struct place *place, int fd,
	struct tree_inode *inode, struct err *err)
{
	int rc = 0;

	if (inode->type == TREE_SYMLINK)
		rc = take_target(reading, place, inode, err);
	if (rc == 0 && inode->type == TREE_FILE)
		rc = take_content(reading, place, fd, inode, err);
	if (rc == 0 && has_bytes(inode))
		rc = take_xattrs(reading, place, fd, inode, err);
	return rc;
}

static int read_place(
	struct reading *reading, const struct place *place, unsigned depth, struct err *err)
{
	struct tree_inode inode = {.content.fd = -1, .origin = reading->origin};
	AUTO_CLOSE int fd = -1;
	bool is_dir;
	int rc = take_status(reading, place, &inode, err);

	if (rc == 0 && has_bytes(&inode))
		rc = open_place(reading, place, &fd, err);
	if (rc == 0)
		rc = read_inode(reading, place, fd, &inode, err);
	if (rc != 0) {
		source_inode_done(&inode);
		return rc;
	}
	is_dir = inode.type == TREE_DIR;
	rc = tree_add(reading->tree, place->path, &inode, TREE_REFUSE, NULL, err);
	if (rc == 0 && is_dir)
		rc = read_children(reading, fd, place->path, depth, err);
	if (rc == 0 && fd >= 0)
		rc = check_unchanged(reading, place, fd, err);
	return rc;
}

static int read_entry(struct reading *reading, int dir_fd, const char *parent, const char *name,
	unsigned depth, struct err *err)
{
	AUTO_FREE struct place *place = calloc(1, sizeof(*place));
	int n;

	if (place == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	place->dir_fd = dir_fd;
	place->name = name;
	n = snprintf(place->path, sizeof(place->path), "%s%s%s", parent,
		parent[0] != '\0' ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof(place->path))
		return err_fail(err, -EBADMSG, "%s/%s: a path over %d bytes", reading->base, parent,
			TREE_PATH_MAX);
	if (fstatat(dir_fd, name, &place->st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys(err, "%s/%s", reading->base, place->path);
	return read_place(reading, place, depth + 1, err);
}

int source_dir_read(const char *path, const struct source_dir_options *options, struct spool *spool,
	const char *origin, struct tree *tree, struct err *err)
{
	AUTO_FREE unsigned char *chunk = malloc(COPY_BYTES);
	struct reading reading = {.options = options,
		.base = path,
		.origin = origin,
		.spool = spool,
		.tree = tree,
		.chunk = chunk};
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (chunk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (fd < 0)
		return err_sys(err, "%s", path);
	return read_children(&reading, fd, "", 0, err);
}
