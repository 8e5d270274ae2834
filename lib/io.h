/*
 * Files: bounded reading and atomic publishing.
 *
 * Nothing that has a name is ever half-written. A single file is written to an unnamed temporary, flushed, read
 * back and compared, then linked; a set of files is built in a hidden stage directory beside its
 * final name and appears by one rename.
 */
#ifndef LIB_IO_H
#define LIB_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

/* Closes *@fd if it is not negative; for AUTO_CLOSE. */
void io_close(int *fd);
#define AUTO_CLOSE __attribute__((cleanup(io_close)))

/* Opens a regular file for reading; the path is in the error. @ret_fd is the caller's to close. */
int io_open(const char *path, int *ret_fd, uint64_t *ret_size_bytes, struct err *err) MUST_CHECK;

/* Appends the whole regular file to @ret; -EFBIG when it is larger than @max_bytes. */
int io_read_file(const char *path, size_t max_bytes, struct buf *ret, struct err *err) MUST_CHECK;

/* Reads exactly @n bytes at @off; a shorter file is -EBADMSG. @what names the file in errors. */
int io_pread(
	int fd, const char *what, void *dst, size_t n, uint64_t off, struct err *err) MUST_CHECK;

/* Writes all @n bytes at @off. @what names the file in errors. */
int io_pwrite(int fd, const char *what, const void *src, size_t n, uint64_t off,
	struct err *err) MUST_CHECK;

/* Hashes a file of any size with a fixed buffer; @ret_size_bytes may be NULL. */
int io_digest_file(const char *path, enum digest_alg alg, unsigned char *ret,
	uint64_t *ret_size_bytes, struct err *err) MUST_CHECK;

/* An unnamed temporary file in @dir, gone when closed. */
int io_temp(const char *dir, int *ret_fd, struct err *err) MUST_CHECK;

/* Writes a file of mode 0644 whole or not at all, replacing a regular file of that name; anything else of that name is
 * -EINVAL. */
int io_publish(const char *path, const void *src, size_t n, struct err *err) MUST_CHECK;

/* Creates @path and its missing parents. */
int io_mkdirs(const char *path, struct err *err) MUST_CHECK;

/* Whether @name stays inside the directory it is relative to: no absolute path, no empty, "." or ".." component. */
bool io_is_inside(const char *name);

/*
 * A stage: the hidden directory in which a set of files is built. It is locked while its process
 * lives; io_stage_begin removes the stages that a killed run for the same name left behind.
 */
struct io_stage {
	char *final; /* owned: the name to appear under */
	char *path;  /* owned: the stage's own path; NULL when there is none */
	bool replace;
	int lock_fd;
};

/* A zeroed stage may be passed to io_stage_done. -EEXIST when @final exists, unless it is a directory and @replace is
 * true. */
int io_stage_begin(
	struct io_stage *stage, const char *final, bool replace, struct err *err) MUST_CHECK;

/* The path of @name inside the stage, malloc'ed; NULL without memory. */
char *io_stage_path(const struct io_stage *stage, const char *name);

/* Writes one small file of the set; @name may hold directories, which are made. Flushed and read back. */
int io_stage_write(struct io_stage *stage, const char *name, const void *src, size_t n,
	struct err *err) MUST_CHECK;

/* Flushes every file and directory of the set, then renames it to its final name. */
int io_stage_commit(struct io_stage *stage, struct err *err) MUST_CHECK;

/* Removes an uncommitted stage and frees what it holds. */
void io_stage_done(struct io_stage *stage);
#define STAGE_AUTO __attribute__((cleanup(io_stage_done))) struct io_stage

/* Removes a directory and all in it; for stages and tests. */
int io_remove_tree(const char *path, struct err *err) MUST_CHECK;

#endif
