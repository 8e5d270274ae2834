/* Running a program of the machine: an argument vector, no shell, its outputs bounded and in memory. */
#ifndef LIB_RUN_H
#define LIB_RUN_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

struct run_result {
	struct buf out, err; /* what it wrote on stdout and stderr */
	int status;	     /* its exit status; 128 + N when signal N ended it */
};

void run_done(struct run_result *result);
#define RUN_AUTO __attribute__((cleanup(run_done))) struct run_result

/*
 * Runs @argv (NULL-terminated, argv[0] looked up in PATH) with nothing on stdin and waits for it. @env are "NAME=VALUE" strings
 * (NULL-terminated) that come before this process's own environment. A program that fails is not an error here:
 * see @ret->status. -ENOENT when there is no such program, -EFBIG when an output exceeds @max_bytes.
 */
int run_program(const char *const *argv, const char *const *env, size_t max_bytes,
	struct run_result *ret, struct err *err) MUST_CHECK;

#endif
