/* assay fetch: fill the cache with what a lock names. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/opt.h"
#include "mkimage/cmd.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/source/fetch.h"

struct fetch_args {
	const char *cache, *lock, *variant;
	struct opt_list mirrors;
};

static int run(void *options, char **paths, size_t count, struct cli_result *ret, struct err *err)
{
	const struct fetch_args *args = options;
	FETCH_CACHE_AUTO cache = {0};
	RECIPE_AUTO recipe = {0};
	LOCK_AUTO lock = {0};
	int rc = recipe_load(paths[0], args->variant, &recipe, err);

	(void)count;
	if (rc != 0)
		return rc;
	rc = lock_load_for(&recipe, args->lock, &lock, err);
	if (rc == 0 && lock.path == NULL) {
		buf_fmt(&ret->text, "%s: names no packages\n", recipe.path);
		return 0;
	}
	if (rc == 0)
		rc = lock_check(&recipe, &lock, err);
	if (rc == 0)
		rc = cmd_cache(&cache, args->cache, err);
	if (rc != 0)
		return rc;
	rc = fetch_lock(
		&cache, &lock, args->mirrors.items, args->mirrors.count, cli_progress(), err);
	cli_progress_end();
	buf_fmt(&ret->text, "%s: %zu packages are in the cache\n", lock.path, lock.count);
	return rc;
}

int cmd_fetch(int argc, char **argv)
{
	struct fetch_args args = {0};
	const struct opt opts[] = {
		{"cache", 0, OPT_STR, &args.cache, "DIR",
			"the cache (default: $XDG_CACHE_HOME/assay or ~/.cache/assay)"},
		{"lock", 0, OPT_STR, &args.lock, "FILE", "a lock other than recipe.lock"},
		{"mirror", 0, OPT_LIST, &args.mirrors, "[ARCHIVE=]URL",
			"where archives are, before this machine's apt sources"},
		{"variant", 0, OPT_STR, &args.variant, "NAME", "a [variant.NAME] of the recipe"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "fetch RECIPE [options]",
		.summary = "Gets every package that a recipe's lock names, and checks every byte "
			   "of them.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};
	int status = cli_run(&verb, argc, argv, run, &args);

	opt_list_done(&args.mirrors);
	return status;
}
