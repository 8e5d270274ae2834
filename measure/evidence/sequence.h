/* Where two sequences differ: by their longest common subsequence. */
#ifndef MEASURE_EVIDENCE_SEQUENCE_H
#define MEASURE_EVIDENCE_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define SEQUENCE_MAX 4096 /* elements of each */

struct sequences {
	const void *a, *b;
	size_t a_count, b_count;
	bool (*same)(const void *a, size_t i, const void *b, size_t j);
	/* Called in order for every place where they differ: elements [i, i_end) of a have [j, j_end) of b in their stead. */
	int (*differ)(void *arg, size_t i, size_t i_end, size_t j, size_t j_end, struct err *err);
	void *arg;
};

/* Calls @sequences->differ for each difference, until it fails. -EFBIG for more than SEQUENCE_MAX elements. */
int sequence_diff(const struct sequences *sequences, struct err *err) MUST_CHECK;

#endif
