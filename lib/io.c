/* Bounded reading and atomic publishing of files (io.h). */
#define _GNU_SOURCE
#include "lib/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK	     (1u << 17)
#define STAGE_SUFFIX ".assay-stage-"

void io_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int io_open(const char *path, int *ret_fd, uint64_t *ret_size_bytes, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_fail(err, -EINVAL, "%s: not a regular file", path);
	*ret_size_bytes = (uint64_t)st.st_size;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int io_pread(int fd, const char *what, void *dst, size_t n, uint64_t off, struct err *err)
{
	unsigned char *at = dst;

	if (off > INT64_MAX - n)
		return err_fail(err, -EBADMSG, "%s: no file reaches byte %llu", what,
			(unsigned long long)off);
	while (n > 0) {
		ssize_t got = pread(fd, at, n, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, "%s", what);
		if (got == 0)
			return err_fail(err, -EBADMSG, "%s: ends at byte %llu, %zu bytes early",
				what, (unsigned long long)off, n);
		at += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

int io_pwrite(int fd, const char *what, const void *src, size_t n, uint64_t off, struct err *err)
{
	const unsigned char *at = src;

	if (off > INT64_MAX - n)
		return err_fail(err, -EFBIG, "%s: no file reaches byte %llu", what,
			(unsigned long long)off);
	while (n > 0) {
		ssize_t put = pwrite(fd, at, n, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(err, "%s", what);
		at += put;
		off += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

int io_read_file(const char *path, size_t max_bytes, struct buf *ret, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size;
	void *at;
	int rc = io_open(path, &fd, &size, err);

	if (rc != 0)
		return rc;
	if (size > max_bytes)
		return err_fail(err, -EFBIG, "%s: %llu bytes, more than the limit of %zu", path,
			(unsigned long long)size, max_bytes);
	at = buf_grow(ret, (size_t)size);
	if (at == NULL)
		return buf_check(ret, err);
	rc = io_pread(fd, path, at, (size_t)size, 0, err);
	if (rc != 0) {
		ret->len -= (size_t)size;
		ret->data[ret->len] = '\0';
	}
	return rc;
}

int io_digest_file(const char *path, enum digest_alg alg, unsigned char *ret,
	uint64_t *ret_size_bytes, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	AUTO_FREE unsigned char *chunk = malloc(CHUNK);
	DIGEST_AUTO digest = {0};
	uint64_t size;
	int rc;

	if (chunk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = io_open(path, &fd, &size, err);
	if (rc == 0)
		rc = digest_init(&digest, alg, err);
	for (uint64_t off = 0; rc == 0 && off < size;) {
		size_t n = size - off < CHUNK ? (size_t)(size - off) : CHUNK;

		rc = io_pread(fd, path, chunk, n, off, err);
		if (rc == 0)
			rc = digest_update(&digest, chunk, n, err);
		off += n;
	}
	if (rc == 0)
		rc = digest_end(&digest, ret, err);
	if (rc == 0 && ret_size_bytes != NULL)
		*ret_size_bytes = size;
	return rc;
}

int io_temp(const char *dir, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* Not every file system has nameless files. */
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		if (asprintf(&path, "%s/" STAGE_SUFFIX "XXXXXX", dir) < 0)
			return err_fail(err, -ENOMEM, "out of memory");
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return err_sys(err, "%s: temporary file", dir);
	*ret_fd = fd;
	return 0;
}

/* The directory part of @path, malloc'ed: "." when there is none. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int sync_dir(const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return err_sys(err, "%s", path);
	return 0;
}

/* Compares what is stored in @fd with the @n bytes at @src. */
static int read_back(int fd, const char *what, const void *src, size_t n, struct err *err)
{
	AUTO_FREE unsigned char *chunk = malloc(CHUNK);
	const unsigned char *want = src;

	if (chunk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t off = 0; off < n;) {
		size_t step = n - off < CHUNK ? n - off : CHUNK;
		int rc = io_pread(fd, what, chunk, step, off, err);

		if (rc != 0)
			return rc;
		if (memcmp(chunk, want + off, step) != 0)
			return err_fail(err, -EIO, "%s: reads back differently", what);
		off += step;
	}
	return 0;
}

/* Writes, flushes and reads back @n bytes through @fd. */
static int write_checked(int fd, const char *what, const void *src, size_t n, struct err *err)
{
	int rc = io_pwrite(fd, what, src, n, 0, err);

	if (rc != 0)
		return rc;
	if (fsync(fd) != 0)
		return err_sys(err, "%s", what);
	return read_back(fd, what, src, n, err);
}

/* A hidden name beside @path that nothing else has, malloc'ed. */
static char *temp_name(const char *dir, const char *path)
{
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	uint64_t unique;
	char *name;

	if (getrandom(&unique, sizeof(unique), 0) != (ssize_t)sizeof(unique) ||
		asprintf(&name, "%s/.%s" STAGE_SUFFIX "%016llx", dir, base,
			(unsigned long long)unique) < 0)
		return NULL;
	return name;
}

/* Names the nameless file @fd: by its descriptor where that is allowed, else through /proc. */
static int link_unnamed(int fd, const char *name)
{
	char self[32];

	if (linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH) == 0)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

int io_publish(const char *path, const void *src, size_t n, struct err *err)
{
	AUTO_FREE char *dir = parent_of(path);
	AUTO_FREE char *temp = dir != NULL ? temp_name(dir, path) : NULL;
	AUTO_CLOSE int fd = -1;
	bool named = false;
	struct stat st;
	int rc;

	if (temp == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	/* A rename would replace a device or a directory's name just as well. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_fail(err, -EINVAL, "%s: not a regular file", path);
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		named = fd >= 0;
	}
	if (fd < 0)
		return err_sys(err, "%s", path);
	rc = write_checked(fd, path, src, n, err);
	if (rc == 0 && fchmod(fd, 0644) != 0)
		rc = err_sys(err, "%s", path);
	if (rc == 0 && !named && link_unnamed(fd, temp) != 0)
		rc = err_sys(err, "%s", path);
	named = named || rc == 0;
	if (rc == 0 && rename(temp, path) != 0)
		rc = err_sys(err, "%s", path);
	if (rc != 0 && named)
		unlink(temp);
	return rc != 0 ? rc : sync_dir(dir, err);
}

/* Keeps errno. */
static bool is_dir(const char *path)
{
	int saved = errno;
	struct stat st;
	bool yes = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	errno = saved;
	return yes;
}

bool io_is_inside(const char *name)
{
	for (const char *at = name;; at++) {
		size_t n = strcspn(at, "/");

		if (n == 0 || (n <= 2 && strncmp(at, "..", n) == 0))
			return false;
		at += n;
		if (*at == '\0')
			return true;
	}
}

int io_mkdirs(const char *path, struct err *err)
{
	AUTO_FREE char *copy = strdup(path);

	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (char *at = copy + 1; *copy != '\0'; at++) {
		char c = *at;

		if (c != '/' && c != '\0')
			continue;
		*at = '\0';
		if (mkdir(copy, 0755) != 0 && !is_dir(copy))
			return err_sys(err, "%s", copy);
		*at = c;
		if (c == '\0')
			break;
	}
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int io_remove_tree(const char *path, struct err *err)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		return err_sys(err, "%s: cannot be removed", path);
	return 0;
}

/* Locks a directory of our own; -1 when it is somebody else's, or in use. */
static int lock_dir(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int locked = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		flock(fd, LOCK_EX | LOCK_NB) == 0) {
		locked = fd;
		fd = -1;
	}
	return locked;
}

/* Removes the unlocked stages in @dir whose names start with @prefix; failures are left for later runs. */
static void sweep_stale(const char *dir, const char *prefix)
{
	DIR *entries = opendir(dir);
	struct dirent *entry;

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		AUTO_CLOSE int lock = -1;
		AUTO_FREE char *path = NULL;
		struct err ignored = {0};

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, entry->d_name) < 0)
			break;
		lock = lock_dir(path);
		if (lock >= 0 && io_remove_tree(path, &ignored) != 0)
			continue;
	}
	if (entries != NULL)
		closedir(entries);
}

/* Strips trailing slashes; a name that leaves nothing to rename is refused. */
static char *clean_final(const char *final)
{
	size_t n = strlen(final);
	char *copy;
	const char *base;

	while (n > 1 && final[n - 1] == '/')
		n--;
	copy = strndup(final, n);
	if (copy == NULL)
		return NULL;
	base = strrchr(copy, '/') != NULL ? strrchr(copy, '/') + 1 : copy;
	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		*copy = '\0';
	return copy;
}

int io_stage_begin(struct io_stage *stage, const char *final, bool replace, struct err *err)
{
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *prefix = NULL;
	AUTO_FREE char *template = NULL;
	const char *base;
	struct stat st;
	int rc;

	*stage = (struct io_stage){.lock_fd = -1, .final = clean_final(final), .replace = replace};
	if (stage->final == NULL || (dir = parent_of(stage->final)) == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (*stage->final == '\0')
		return err_fail(err, -EINVAL, "%s: not a name for an output directory", final);
	base = strrchr(stage->final, '/') != NULL ? strrchr(stage->final, '/') + 1 : stage->final;
	if (lstat(stage->final, &st) == 0 && (!replace || !S_ISDIR(st.st_mode)))
		return err_fail(err, -EEXIST, "%s: already exists%s", stage->final,
			S_ISDIR(st.st_mode) ? "" : ", and is not a directory");
	rc = io_mkdirs(dir, err);
	if (rc != 0)
		return rc;
	if (asprintf(&prefix, ".%s" STAGE_SUFFIX, base) < 0 ||
		asprintf(&template, "%s/%sXXXXXX", dir, prefix) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	sweep_stale(dir, prefix);
	if (mkdtemp(template) == NULL)
		return err_sys(err, "%s: no stage directory", stage->final);
	stage->path = template;
	template = NULL;
	stage->lock_fd = lock_dir(stage->path);
	if (stage->lock_fd < 0)
		return err_fail(err, -EIO, "%s: cannot be locked", stage->path);
	if (fchmod(stage->lock_fd, 0755) != 0)
		return err_sys(err, "%s", stage->path);
	return 0;
}

char *io_stage_path(const struct io_stage *stage, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", stage->path, name) < 0 ? NULL : path;
}

int io_stage_write(
	struct io_stage *stage, const char *name, const void *src, size_t n, struct err *err)
{
	AUTO_FREE char *path = io_stage_path(stage, name);
	AUTO_FREE char *dir = path != NULL ? parent_of(path) : NULL;
	AUTO_CLOSE int fd = -1;
	int rc;

	if (dir == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = io_mkdirs(dir, err);
	if (rc != 0)
		return rc;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "%s", path);
	if (fchmod(fd, 0644) != 0)
		return err_sys(err, "%s", path);
	return write_checked(fd, path, src, n, err);
}

static int sync_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	mode_t mode = type == FTW_DP ? 0755 : 0644;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	(void)st;
	(void)ftw;
	if (fd < 0 || fchmod(fd, mode) != 0)
		return -1;
	return fsync(fd);
}

int io_stage_commit(struct io_stage *stage, struct err *err)
{
	AUTO_FREE char *dir = parent_of(stage->final);
	bool exchange = stage->replace && is_dir(stage->final);

	if (dir == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (nftw(stage->path, sync_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		return err_sys(err, "%s: cannot be flushed", stage->path);
	if (renameat2(AT_FDCWD, stage->path, AT_FDCWD, stage->final,
		    exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0)
		return err_sys(err, "%s", stage->final);
	if (!exchange) {
		free(stage->path);
		stage->path = NULL;
	}
	/* After an exchange the stage's name holds the old set, which io_stage_done removes. */
	return sync_dir(dir, err);
}

void io_stage_done(struct io_stage *stage)
{
	struct err ignored = {0};

	if (stage->path != NULL && io_remove_tree(stage->path, &ignored) != 0)
		ignored.code = 0; /* a later run for the same name sweeps it */
	if (stage->final != NULL)
		io_close(&stage->lock_fd);
	free(stage->path);
	free(stage->final);
	*stage = (struct io_stage){.lock_fd = -1};
}
