/*
 * The spool: where file contents are for as long as a tree refers to them. Decompressed ones are in one unnamed temporary file, whose
 * ranges are reserved before they are written, so that several threads may fill it at once; those of plain archives stay in the
 * archives, which the spool keeps open and watches. Where a content lies never shows in an output.
 */
#ifndef MKIMAGE_SOURCE_SPOOL_H
#define MKIMAGE_SOURCE_SPOOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "mkimage/source/source-file.h"

struct spool {
	int fd; /* -1 when there is none */
	_Atomic uint64_t size_bytes;
	struct source_file *kept; /* owned, with their paths */
	size_t kept_count;
};

/* An empty spool in @dir; the space is given back when it is closed, however the process ends. */
int spool_init(struct spool *spool, const char *dir, struct err *err) MUST_CHECK;
/* Closes it: every content that refers to it is gone. Accepts NULL and a spool that was never opened. */
void spool_done(struct spool *spool);
#define SPOOL_AUTO __attribute__((cleanup(spool_done))) struct spool

/* Reserves @n bytes and returns their offset. The caller limits @n. */
uint64_t spool_reserve(struct spool *spool, uint64_t n);

/* Takes over @file, which contents of the tree refer to, and copies its path; not for several threads at once. */
int spool_keep(struct spool *spool, struct source_file *file, struct err *err) MUST_CHECK;

/* To be called when all contents have been read: refuses kept files that were written to meanwhile. */
int spool_unchanged(const struct spool *spool, struct err *err) MUST_CHECK;

/* Writes into a reserved range. */
int spool_write(
	struct spool *spool, const void *src, size_t n, uint64_t off, struct err *err) MUST_CHECK;

#endif
