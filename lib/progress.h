/*
 * Progress of long work, without printing: the library reports to a callback that a verb supplies. A NULL
 * struct progress pointer is silence.
 */
#ifndef LIB_PROGRESS_H
#define LIB_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct progress {
	/* @what is the current step, @done of @total units of it (total 0: unknown). */
	void (*report)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *arg;
};

static inline void progress_report(
	const struct progress *progress, const char *what, uint64_t done, uint64_t total)
{
	if (progress != NULL && progress->report != NULL)
		progress->report(progress->arg, what, done, total);
}

#endif
