/* What differs between two kernel command lines. */
#ifndef MEASURE_EVIDENCE_DIFF_WORDS_H
#define MEASURE_EVIDENCE_DIFF_WORDS_H

#include <jansson.h>

#include "lib/err.h"

/*
 * Appends {"before": TEXT, "after": TEXT} to @list for every run of words in which the lines differ; null stands for no words.
 * Words are what stands between spaces, also within quotes. -EFBIG for lines of more than 1024 words.
 */
int diff_words(const char *before, const char *after, json_t *list, struct err *err) MUST_CHECK;

#endif
