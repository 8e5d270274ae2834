/*
 * The spool: one unnamed temporary file that holds decompressed file contents for as long as a tree refers to them.
 * Ranges are reserved before they are written, so several threads may fill it at once; where a content lies never
 * shows in an output.
 */
#ifndef MKIMAGE_SOURCE_SPOOL_H
#define MKIMAGE_SOURCE_SPOOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct spool {
	int fd; /* -1 when there is none */
	_Atomic uint64_t size_bytes;
};

/* An empty spool in @dir; the space is given back when it is closed, however the process ends. */
int spool_init(struct spool *spool, const char *dir, struct err *err) MUST_CHECK;
/* Closes it: every content that refers to it is gone. Accepts NULL and a spool that was never opened. */
void spool_done(struct spool *spool);
#define SPOOL_AUTO __attribute__((cleanup(spool_done))) struct spool

/* Reserves @n bytes and returns their offset. The caller limits @n. */
uint64_t spool_reserve(struct spool *spool, uint64_t n);

/* Writes into a reserved range. */
int spool_write(
	struct spool *spool, const void *src, size_t n, uint64_t off, struct err *err) MUST_CHECK;

#endif
