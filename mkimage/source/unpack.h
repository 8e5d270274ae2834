/*
 * Decompression of a byte range of an open file, as a bounded stream. gzip, xz (.xz only) and zstd are told by their
 * magic; anything else passes through as it is. Only these three of libarchive's filters are ever enabled.
 *
 * Limits: xz dictionary and zstd window as declared at the start (UNPACK_WINDOW_MAX), bytes that come out and their ratio
 * to the bytes that went in (struct unpack_limits). Bytes after the end of the compressed stream are refused.
 */
#ifndef MKIMAGE_SOURCE_UNPACK_H
#define MKIMAGE_SOURCE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define UNPACK_WINDOW_MAX (128u << 20)

/* The ratio is looked at once this much has come out: small inputs may well be mostly zeros. */
#define UNPACK_RATIO_FROM_BYTES (16u << 20)

struct unpack_limits {
	uint64_t bytes_max; /* that come out */
	uint64_t ratio_max; /* out / in */
};

struct unpack {
	struct unpack_limits limits;
	int fd;		      /* borrowed */
	uint64_t off, end;    /* next byte to read, end of the range */
	uint64_t in_bytes;    /* length of the range */
	uint64_t out_bytes;   /* given out so far */
	bool plain;	      /* passes through */
	void *archive;	      /* struct archive, owned; NULL when plain */
	unsigned char *chunk; /* owned input buffer */
	size_t plain_bytes;   /* how much of it the next read fills when plain */
	struct err *read_err; /* where the read callback reports */
};

/* Starts on @len bytes at @off of @fd, which stays open until unpack_done(). Errors do not name the input: callers do. */
int unpack_begin(struct unpack *unpack, int fd, uint64_t off, uint64_t len,
	const struct unpack_limits *limits, struct err *err) MUST_CHECK;

/* The next block, borrowed until the next call; *@ret_n is 0 at the end and nowhere else. */
int unpack_next(struct unpack *unpack, const unsigned char **ret, size_t *ret_n,
	struct err *err) MUST_CHECK;

/* Passes over at most @n bytes without reading them: *@ret_n of them, 0 for what is compressed and
 * at the end. */
int unpack_skip(struct unpack *unpack, uint64_t n, uint64_t *ret_n, struct err *err) MUST_CHECK;

/* Accepts a zeroed one. */
void unpack_done(struct unpack *unpack);
#define UNPACK_AUTO __attribute__((cleanup(unpack_done))) struct unpack

#endif
