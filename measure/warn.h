/* Warnings: what is not refused but should be seen. They are collected, printed once the result is there, and turned
 * into a refusal by --strict. */
#ifndef MEASURE_WARN_H
#define MEASURE_WARN_H

#include <stddef.h>

#include "lib/err.h"

struct warn {
	char **lines; /* owned */
	size_t count;
};

/* Adds a line. Without memory it is lost, as a warning may be. A NULL @warn drops it. */
void warn_add(struct warn *warn, const char *fmt, ...) PRINTF_LIKE(2, 3);
void warn_done(struct warn *warn);
#define WARN_AUTO __attribute__((cleanup(warn_done))) struct warn

#endif
