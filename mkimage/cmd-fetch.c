/* assay fetch: fill the cache with what a lock names. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/opt.h"
#include "mkimage/cmd.h"
#include "mkimage/fetch.h"
#include "mkimage/lock.h"
#include "mkimage/recipe.h"

struct fetch_args {
	const char *cache, *lock;
	struct opt_list mirrors;
};

static void report_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	fprintf(stderr, "\r\033[K%3llu%% %s",
		(unsigned long long)(total > 0 ? done * 100 / total : 0), what);
}

static int run(const char *recipe_path, const struct fetch_args *args, struct err *err)
{
	struct progress progress = {.report = report_progress};
	AUTO_FREE char *path = NULL;
	FETCH_CACHE_AUTO cache = {0};
	RECIPE_AUTO recipe = {0};
	LOCK_AUTO lock = {0};
	bool shown = isatty(STDERR_FILENO);
	int rc = recipe_load(recipe_path, &recipe, err);

	if (rc != 0)
		return rc;
	path = args->lock != NULL ? strdup(args->lock) : lock_path_of(&recipe);
	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = lock_load(path, &lock, err);
	if (rc == 0)
		rc = lock_check(&recipe, &lock, err);
	if (rc == 0)
		rc = fetch_cache_init(&cache, args->cache, err);
	if (rc != 0)
		return rc;
	rc = fetch_lock(&cache, &lock, args->mirrors.items, args->mirrors.count,
		shown ? &progress : NULL, err);
	if (shown)
		fprintf(stderr, "\r\033[K");
	if (rc == 0)
		printf("%s: %zu packages are in the cache\n", lock.path, lock.count);
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
	BUF_AUTO help = {0};
	struct err err = {0};
	char **rest;
	size_t count;
	int rc = opt_parse(&verb, argc, argv, &rest, &count, &err);

	if (rc == OPT_HELP) {
		opt_help(&verb, &help);
		fputs(buf_cstr(&help), stdout);
		return ERR_EXIT_OK;
	}
	if (rc == 0)
		rc = run(rest[0], &args, &err);
	opt_list_done(&args.mirrors);
	return rc == 0 ? ERR_EXIT_OK : cmd_fail(rc, &err);
}
