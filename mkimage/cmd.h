/* The verbs of mkimage/: each takes its own argv (argv[0] is the verb's name) and returns an exit status. */
#ifndef MKIMAGE_CMD_H
#define MKIMAGE_CMD_H

#include <stdio.h>

#include "lib/err.h"

/* assay lock: resolve a recipe's packages with apt and write its lock. */
int cmd_lock(int argc, char **argv);

/* assay fetch: fill the cache with every package that a recipe's lock names. */
int cmd_fetch(int argc, char **argv);

/* Prints the one line of a failure and returns its exit status. */
static inline int cmd_fail(int code, const struct err *err)
{
	fprintf(stderr, "assay: %s\n", err->msg);
	return err_status(code);
}

#endif
