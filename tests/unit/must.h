/* For tests of functions that fail with a line: what must work, and what must be refused how. */
#ifndef TESTS_UNIT_MUST_H
#define TESTS_UNIT_MUST_H

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "tests/tap.h"

/* Ends the program unless @rc is 0: nothing after it could be tested. */
static inline void must(int rc, const struct err *err)
{
	if (rc != 0) {
		printf("Bail out! %s\n", err->msg);
		exit(1);
	}
}

/* The call failed with @code and a line that has @needle in it. */
static inline void refuses(
	int rc, int code, const struct err *err, const char *needle, const char *what)
{
	bool good = rc == code && strstr(err->msg, needle) != NULL;

	ok(good, "%s", what);
	if (!good)
		printf("#   %d \"%s\", want %d \"%s\"\n", rc, err->msg, code, needle);
}

#endif
