/*
 * A parallel loop over independent items. Results go where the item's index says, so that the outcome is the
 * same for 1, 2 or N threads.
 */
#ifndef LIB_POOL_H
#define LIB_POOL_H

#include <stddef.h>

#include "lib/err.h"

#define POOL_THREADS_MAX 64

/* Does item @i of @n; returns 0 or a negative code with @err (the thread's own) filled in. */
typedef int pool_fn(void *arg, size_t i, struct err *err);

/* Threads worth starting on this machine, 1..POOL_THREADS_MAX. */
size_t pool_threads(void);

/* Calls @fn for every index 0..@n-1 on up to @threads threads (0: pool_threads()), the caller's among them. After a
 * failure no new item is started; the error of the lowest failed index is returned. */
int pool_run(size_t threads, size_t n, pool_fn *fn, void *arg, struct err *err) MUST_CHECK;

#endif
