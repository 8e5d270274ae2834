/* assay lock: from a recipe to the closed list of its packages. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/opt.h"
#include "mkimage/cmd.h"
#include "mkimage/kernel/kernel-source.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/source/apt.h"
#include "mkimage/source/fetch.h"
#include "mkimage/source/sources.h"
#include "mkimage/source/spool.h"

struct lock_args {
	const char *output, *keyring, *cache, *variant, *kernel_config;
	struct opt_list mirrors;
};

/* One line for each set: packages and bytes. The lock is sorted by set. */
static void add_summary(const struct lock *lock, struct buf *text)
{
	buf_fmt(text, "%s\n", lock->path);
	for (size_t i = 0, first = 0; i < lock->count; i = first) {
		uint64_t bytes = 0;

		for (; first < lock->count &&
			strcmp(lock->packages[first].set, lock->packages[i].set) == 0;
			first++)
			bytes += lock->packages[first].size_bytes;
		buf_fmt(text, "  %-22s %5zu packages %12llu bytes\n", lock->packages[i].set,
			first - i, (unsigned long long)bytes);
	}
}

/* A line for each pinned source: what it is now, and whether that is what the recipe says. */
static int add_import(const struct recipe *recipe, const struct recipe_import *import,
	struct spool *spool, struct buf *text, struct err *err)
{
	unsigned char got[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	int rc = sources_digest(recipe, import, spool, got, err);

	if (rc == -ENOENT) {
		buf_fmt(text, "  %s:%s is not there\n", recipe_import_kind_name(import->kind),
			import->path);
		return 0;
	}
	if (rc != 0)
		return rc;
	hex_encode(got, sizeof(got), hex);
	buf_fmt(text, "  %s:%s sha256 %s%s\n", recipe_import_kind_name(import->kind), import->path,
		hex,
		memcmp(got, import->sha256, sizeof(got)) == 0 ? "" : ": not what the recipe says");
	return 0;
}

static int add_imports(
	const struct recipe *recipe, const char *dir, struct buf *text, struct err *err)
{
	SPOOL_AUTO spool = {.fd = -1};
	int rc = spool_init(&spool, dir, err);

	for (size_t i = 0; rc == 0 && i < recipe->import_count; i++) {
		if (recipe->imports[i].kind != RECIPE_IMPORT_OCI)
			rc = add_import(recipe, &recipe->imports[i], &spool, text, err);
	}
	return rc;
}

static int write_lock(const struct lock *lock, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = lock_write(lock, &text, err);

	return rc != 0 ? rc : io_publish(lock->path, buf_cstr(&text), text.len, err);
}

/* The cache of a lock's packages. */
static int open_package(void *arg, const struct lock_package *package, int *ret_fd, struct err *err)
{
	return fetch_open(arg, package, ret_fd, err);
}

/* The packages of the kernel's set alone; they are sorted. */
static struct lock kernel_set(const struct lock *lock)
{
	struct lock part = {.path = lock->path};

	for (size_t i = 0; i < lock->count; i++) {
		if (strcmp(lock->packages[i].set, "kernel") != 0)
			continue;
		if (part.count++ == 0)
			part.packages = &lock->packages[i];
	}
	return part;
}

/* What the configuration of a kernel that is built resolves to; its source is fetched for that. */
static int resolve_kernel(const struct recipe *recipe, const struct lock_args *args,
	const struct lock *lock, const struct fetch_cache *cache, struct buf *ret, struct err *err)
{
	const struct lock part = kernel_set(lock);
	SPOOL_AUTO spool = {.fd = -1};
	const struct kernel_source source = {.recipe = recipe,
		.lock = lock,
		.open = open_package,
		.open_arg = (void *)(uintptr_t)cache,
		.cache_dir = cache->dir,
		.config_path = args->kernel_config,
		.progress = cli_progress(),
		.spool = &spool};
	int rc = fetch_lock(
		cache, &part, args->mirrors.items, args->mirrors.count, cli_progress(), err);

	if (rc == 0)
		rc = spool_init(&spool, cache->dir, err);
	return rc != 0 ? rc : kernel_source_config(&source, ret, err);
}

static int write_kernel_config(const struct recipe *recipe, const struct lock_args *args,
	const struct buf *config, struct buf *text, struct err *err)
{
	AUTO_FREE char *path = args->kernel_config != NULL ? strdup(args->kernel_config)
							   : kernel_source_config_path(recipe);
	int rc;

	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = io_publish(path, config->data, config->len, err);
	buf_fmt(text, "%s\n", path);
	return rc;
}

static int run(void *options, char **paths, size_t count, struct cli_result *ret, struct err *err)
{
	const struct lock_args *args = options;
	struct apt_options apt = {.mirrors = args->mirrors.items,
		.mirror_count = args->mirrors.count,
		.keyring = args->keyring};
	AUTO_FREE char *output = NULL;
	FETCH_CACHE_AUTO cache = {0};
	RECIPE_AUTO recipe = {0};
	LOCK_AUTO lock = {0};
	BUF_AUTO dir = {0};
	BUF_AUTO config = {0};
	int rc = recipe_load(paths[0], args->variant, &recipe, err);

	(void)count;
	if (rc == 0)
		rc = cmd_cache(&cache, args->cache, err);
	if (rc != 0)
		return rc;
	if (args->output != NULL && args->kernel_config == NULL && recipe.kernel.build.present)
		return err_fail(err, -EINVAL,
			"%s: its kernel's configuration is locked too: --output goes with "
			"--kernel-config",
			recipe.path);
	output = args->output != NULL ? strdup(args->output) : lock_path_of(&recipe);
	buf_fmt(&dir, "%s/apt", cache.dir);
	if (output == NULL || dir.bad)
		return err_fail(err, -ENOMEM, "out of memory");
	apt.dir = buf_cstr(&dir);
	apt.progress = cli_progress();
	rc = apt_lock(&recipe, &apt, output, &lock, err);
	if (rc == 0 && recipe.kernel.build.present)
		rc = resolve_kernel(&recipe, args, &lock, &cache, &config, err);
	cli_progress_end();
	if (rc == 0)
		rc = write_lock(&lock, err);
	if (rc == 0)
		add_summary(&lock, &ret->text);
	if (rc == 0 && recipe.kernel.build.present)
		rc = write_kernel_config(&recipe, args, &config, &ret->text, err);
	return rc == 0 ? add_imports(&recipe, cache.dir, &ret->text, err) : rc;
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
		{"kernel-config", 0, OPT_STR, &args.kernel_config, "FILE",
			"what a built kernel's configuration resolves to (default: where the "
			"recipe says)"},
		{"variant", 0, OPT_STR, &args.variant, "NAME", "a [variant.NAME] of the recipe"},
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
	int status = cli_run(&verb, argc, argv, run, &args);

	opt_list_done(&args.mirrors);
	return status;
}
