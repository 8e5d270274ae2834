/*
 * The content-addressed cache of locked files. Only `assay fetch`, `assay build --fetch` and `assay lock` touch the network;
 * a build opens what the cache holds and checks every byte.
 */
#ifndef MKIMAGE_SOURCE_FETCH_H
#define MKIMAGE_SOURCE_FETCH_H

#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/recipe/lock.h"

struct fetch_cache {
	char *dir; /* owned: DIR/sha256/ab/cdef... */
};

/* The cache at @dir, which is made when it is missing. */
int fetch_cache_init(struct fetch_cache *cache, const char *dir, struct err *err) MUST_CHECK;
void fetch_cache_done(struct fetch_cache *cache);
#define FETCH_CACHE_AUTO __attribute__((cleanup(fetch_cache_done))) struct fetch_cache

/* Fills the cache with every package of @lock that it lacks. @mirrors are "ARCHIVE=URL" or "URL" strings (from --mirror), before
 * the machine's own apt sources. Partial files are resumed; wrong bytes are deleted and refused (-EKEYREJECTED). A file that the
 * mirror no longer has is -ENODATA, with the package and the re-lock command in the message. */
int fetch_lock(const struct fetch_cache *cache, const struct lock *lock, const char *const *mirrors,
	size_t mirror_count, const struct progress *progress, struct err *err) MUST_CHECK;

/* Opens a cached package after checking its size and sha256. Absent: -ENOENT, damaged: -EKEYREJECTED, both naming
 * `assay fetch`. */
int fetch_open(const struct fetch_cache *cache, const struct lock_package *package, int *ret_fd,
	struct err *err) MUST_CHECK;

#endif
