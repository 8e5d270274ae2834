/* The verbs of mkimage/: each takes its own argv (argv[0] is the verb's name) and returns an exit status. */
#ifndef MKIMAGE_CMD_H
#define MKIMAGE_CMD_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/opt.h"
#include "lib/progress.h"
#include "mkimage/fetch.h"

/* assay lock: resolve a recipe's packages with apt and write its lock. */
int cmd_lock(int argc, char **argv);

/* assay fetch: fill the cache with every package that a recipe's lock names. */
int cmd_fetch(int argc, char **argv);

/* assay verify image: check an image against its dm-verity parameters. */
int cmd_verify_image(int argc, char **argv);

/* Prints the one line of a failure and returns its exit status. */
int cmd_fail(int code, const struct err *err);

/* Writes @text to stdout, flushed. */
int cmd_print(const struct buf *text, struct err *err) MUST_CHECK;

/* Opens the cache at @dir, or where the environment has caches when it is NULL. */
int cmd_cache(struct fetch_cache *cache, const char *dir, struct err *err) MUST_CHECK;

/* A progress line on stderr; NULL when that is no terminal. */
const struct progress *cmd_progress(void);

/* Clears the line of cmd_progress(). */
void cmd_progress_end(void);

#endif
