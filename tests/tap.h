/*
 * TAP for unit tests: ok() and friends count and print, tap_done() closes. Every test is one program, run by
 * prove. A test that reads data which may be absent uses tap_skip() with its reason.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

#define ok(cond, ...)                                                                              \
	do {                                                                                       \
		bool tap_pass = (cond);                                                            \
		printf("%sok %d - ", tap_pass ? "" : "not ", ++tap_count);                         \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		if (!tap_pass) {                                                                   \
			tap_failed++;                                                              \
			printf("#   %s:%d: %s\n", __FILE__, __LINE__, #cond);                      \
		}                                                                                  \
	} while (0)

static inline void is_str(const char *got, const char *want, const char *what)
{
	ok(got != NULL && strcmp(got, want) == 0, "%s", what);
	if (got == NULL || strcmp(got, want) != 0)
		printf("#   got  %s\n#   want %s\n", got != NULL ? got : "(null)", want);
}

static inline void is_int(long long got, long long want, const char *what)
{
	ok(got == want, "%s", what);
	if (got != want)
		printf("#   got %lld, want %lld\n", got, want);
}

static inline void tap_skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, what, why);
}

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
