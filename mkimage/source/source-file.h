/*
 * Files that a recipe pins by their SHA-256: opened, hashed, and watched until they have been read.
 */
#ifndef MKIMAGE_SOURCE_SOURCE_FILE_H
#define MKIMAGE_SOURCE_SOURCE_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "lib/digest.h"
#include "lib/err.h"

struct source_file {
	const char *path; /* borrowed */
	int fd;
	uint64_t size_bytes;
	struct stat before;
};

/* Opens the regular file @path, which must outlive @ret; with @sha256 it is hashed first, and another digest is
 * -EKEYREJECTED with both in the message. */
int source_file_open(const char *path, const unsigned char *sha256, struct source_file *ret,
	struct err *err) MUST_CHECK;

/* Refuses a file that has been written to since it was opened: what was read may not be what was hashed. */
int source_file_unchanged(const struct source_file *file, struct err *err) MUST_CHECK;

/* Accepts one that source_file_open() did not fill, with the descriptor -1. */
void source_file_done(struct source_file *file);
#define SOURCE_FILE_AUTO __attribute__((cleanup(source_file_done))) struct source_file

/* Compares digests; -EKEYREJECTED with both in the message, @what before them. */
int source_file_expect(const char *what, const unsigned char got[SHA256_SIZE],
	const unsigned char want[SHA256_SIZE], struct err *err) MUST_CHECK;

/* True when the status of a file says that nobody wrote to it in between. */
int source_file_same(const struct stat *before, const struct stat *after);

#endif
