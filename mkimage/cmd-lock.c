/* assay lock: from a recipe to the closed list of its packages. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/opt.h"
#include "mkimage/apt.h"
#include "mkimage/cmd.h"
#include "mkimage/fetch.h"
#include "mkimage/lock.h"
#include "mkimage/recipe.h"

struct lock_args {
	const char *output, *keyring, *cache;
	struct opt_list mirrors;
};

static void report_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	fprintf(stderr, "\r\033[K%s", what);
}

/* One line for each set: packages and bytes. The lock is sorted by set. */
static void print_summary(const struct lock *lock)
{
	printf("%s\n", lock->path);
	for (size_t i = 0, first = 0; i < lock->count; i = first) {
		uint64_t bytes = 0;

		for (; first < lock->count &&
			strcmp(lock->packages[first].set, lock->packages[i].set) == 0;
			first++)
			bytes += lock->packages[first].size_bytes;
		printf("  %-22s %5zu packages %12llu bytes\n", lock->packages[i].set, first - i,
			(unsigned long long)bytes);
	}
}

static int write_lock(const struct lock *lock, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = lock_write(lock, &text, err);

	return rc != 0 ? rc : io_publish(lock->path, buf_cstr(&text), text.len, err);
}

static int run(const char *recipe_path, const struct lock_args *args, struct err *err)
{
	struct progress progress = {.report = report_progress};
	struct apt_options options = {.mirrors = args->mirrors.items,
		.mirror_count = args->mirrors.count,
		.keyring = args->keyring};
	AUTO_FREE char *output = NULL;
	FETCH_CACHE_AUTO cache = {0};
	RECIPE_AUTO recipe = {0};
	LOCK_AUTO lock = {0};
	BUF_AUTO dir = {0};
	int rc = recipe_load(recipe_path, &recipe, err);

	if (rc == 0)
		rc = fetch_cache_init(&cache, args->cache, err);
	if (rc != 0)
		return rc;
	output = args->output != NULL ? strdup(args->output) : lock_path_of(&recipe);
	buf_fmt(&dir, "%s/apt", cache.dir);
	if (output == NULL || dir.bad)
		return err_fail(err, -ENOMEM, "out of memory");
	options.dir = buf_cstr(&dir);
	if (isatty(STDERR_FILENO))
		options.progress = &progress;
	rc = apt_lock(&recipe, &options, output, &lock, err);
	if (options.progress != NULL)
		fprintf(stderr, "\r\033[K");
	if (rc == 0)
		rc = write_lock(&lock, err);
	if (rc == 0)
		print_summary(&lock);
	return rc;
}

int cmd_lock(int argc, char **argv)
{
	struct lock_args args = {0};
	const struct opt opts[] = {
		{"output", 'o', OPT_STR, &args.output, "FILE",
			"the lock (default: recipe.lock beside the recipe)"},
		{"mirror", 0, OPT_LIST, &args.mirrors, "[ARCHIVE=]URL",
			"where archives are (default: this machine's apt sources)"},
		{"keyring", 0, OPT_STR, &args.keyring, "FILE",
			"the keys that sign the archives (default: those of the apt sources)"},
		{"cache", 0, OPT_STR, &args.cache, "DIR", "the cache, which keeps apt's lists too"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "lock RECIPE [options]",
		.summary = "Resolves a recipe's packages with apt and writes their names, versions "
			   "and digests.",
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
