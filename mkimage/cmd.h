/* The verbs of mkimage/: each takes its own argv (argv[0] is the verb's name) and returns an exit status. */
#ifndef MKIMAGE_CMD_H
#define MKIMAGE_CMD_H

#include "lib/err.h"
#include "mkimage/source/fetch.h"

/* assay lock: resolve a recipe's packages with apt and write its lock. */
int cmd_lock(int argc, char **argv);

/* assay fetch: fill the cache with every package that a recipe's lock names. */
int cmd_fetch(int argc, char **argv);

/* assay verify image: check an image against its dm-verity parameters. */
int cmd_verify_image(int argc, char **argv);

/* assay check: hold a guest's parts against what they need. */
int cmd_check(int argc, char **argv);

/* Opens the cache at @dir, or where the environment has caches when it is NULL. */
int cmd_cache(struct fetch_cache *cache, const char *dir, struct err *err) MUST_CHECK;

#endif
