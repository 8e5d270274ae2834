/*
 * assay build: the one verb in which the image builder and the measurement meet. The image comes first, then the values that it
 * will show, and both appear under their name in one step.
 */
#define _GNU_SOURCE
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/golden.h"
#include "mkimage/build.h"
#include "mkimage/cmd.h"

#define THREADS_MAX 64

struct build_args {
	const char *output, *cache, *lock;
	struct opt_list mirrors;
	uint64_t threads;
	bool fetch, force, quiet;
};

static void report_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	if (total > 0)
		fprintf(stderr, "\r\033[K%s %llu%%", what,
			(unsigned long long)(done * 100 / total));
	else
		fprintf(stderr, "\r\033[K%s", what);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_output(const char *name, const json_t *output)
{
	printf("  %-22s %12lld  %.16s...\n", name,
		(long long)json_integer_value(json_object_get(output, "size_bytes")),
		json_string_value(json_object_get(output, "sha256")));
}

static void print_tuples(const json_t *golden)
{
	const json_t *tuples = NULL;
	struct err err = {0};

	if (golden_tuples(golden, &tuples, &err) != 0)
		return;
	for (size_t i = 0; i < json_array_size(tuples); i++) {
		struct golden_tuple tuple;
		const char *reg;
		json_t *value;

		if (golden_tuple_at(tuples, i, &tuple, &err) != 0)
			return;
		json_object_foreach((json_t *)tuple.values, reg, value)
			printf("  %-22s %-14s %s\n", tuple.name, reg, json_string_value(value));
	}
}

/* The table at the end: sizes, root hash, digests, seconds. */
static void print_summary(
	const char *output, const json_t *manifest, const json_t *golden, double seconds)
{
	const json_t *verity = json_object_get(manifest, "verity");
	const char *name;
	json_t *value;

	printf("%s\n", output);
	printf("  %-22s %12s  %s\n", "file", "bytes", "sha256");
	json_object_foreach(json_object_get(manifest, "outputs"), name, value)
		print_output(name, value);
	printf("  %-22s %s\n", "root hash",
		json_string_value(json_object_get(verity, "root_hash")));
	print_tuples(golden);
	if (json_is_true(json_object_get(json_object_get(manifest, "agent"), "stand_in")))
		printf("  the agent is the test stand-in: this guest runs no containers\n");
	printf("  built in %.1f s\n", seconds);
}

static void print_warnings(const struct buf *warnings)
{
	const char *line = buf_cstr(warnings);

	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		fprintf(stderr, "assay: warning: %.*s\n", (int)(end - line), line);
}

static int write_json(struct io_stage *stage, const char *name, const json_t *doc, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = json_doc_write(doc, &text, err);

	return rc != 0 ? rc : io_stage_write(stage, name, text.data, text.len, err);
}

/* Computes and writes the golden document, its exports and derivations. */
static int add_golden(
	struct io_stage *stage, const json_t *manifest, json_t **ret_golden, struct err *err)
{
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	int rc = golden_build(stage->path, manifest, &outputs, err);

	for (size_t i = 0; rc == 0 && i < outputs.count; i++) {
		const struct golden_output *output = &outputs.items[i];

		rc = io_stage_write(
			stage, output->name, output->bytes.data, output->bytes.len, err);
		if (rc == 0 && strcmp(output->name, "golden.json") == 0)
			rc = json_doc_parse(output->bytes.data, output->bytes.len, output->name,
				ret_golden, err);
	}
	return rc;
}

static int load_lock(
	const struct recipe *recipe, const char *given, struct lock *ret, struct err *err)
{
	AUTO_FREE char *beside = given == NULL ? lock_path_of(recipe) : strdup(given);

	if (beside == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return lock_load(beside, ret, err);
}

static int run(const char *recipe_path, const struct build_args *args, struct err *err)
{
	struct progress progress = {.report = report_progress};
	BUF_AUTO warnings = {0};
	struct build_options options = {.threads = (size_t)args->threads, .warnings = &warnings};
	FETCH_CACHE_AUTO cache = {0};
	RECIPE_AUTO recipe = {0};
	LOCK_AUTO lock = {0};
	STAGE_AUTO stage = {0};
	JSON_AUTO *manifest = NULL;
	JSON_AUTO *golden = NULL;
	struct timespec start;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (isatty(STDERR_FILENO))
		options.progress = &progress;
	rc = recipe_load(recipe_path, &recipe, err);
	if (rc == 0)
		rc = load_lock(&recipe, args->lock, &lock, err);
	if (rc == 0)
		rc = cmd_cache(&cache, args->cache, err);
	options.cache = &cache;
	if (rc == 0 && args->fetch)
		rc = fetch_lock(&cache, &lock, args->mirrors.items, args->mirrors.count,
			options.progress, err);
	if (rc == 0)
		rc = io_stage_begin(&stage, args->output, args->force, err);
	if (rc == 0)
		rc = build_image(&recipe, &lock, &options, &stage, &manifest, err);
	if (rc == 0)
		rc = write_json(&stage, "manifest.json", manifest, err);
	if (rc == 0)
		rc = add_golden(&stage, manifest, &golden, err);
	if (rc == 0)
		rc = io_stage_commit(&stage, err);
	if (options.progress != NULL)
		fprintf(stderr, "\r\033[K");
	/* A failure is one line. */
	if (rc == 0)
		print_warnings(&warnings);
	if (rc == 0 && !args->quiet)
		print_summary(args->output, manifest, golden, seconds_since(&start));
	return rc;
}

int cmd_build(int argc, char **argv)
{
	struct build_args args = {0};
	const struct opt opts[] = {
		{"output", 'o', OPT_STR, &args.output, "DIR",
			"where the build appears, in one step"},
		{"cache", 0, OPT_STR, &args.cache, "DIR", "the cache of locked files"},
		{"fetch", 0, OPT_FLAG, &args.fetch, NULL,
			"fill the cache first (else: no network)"},
		{"force", 'f', OPT_FLAG, &args.force, NULL,
			"replace an earlier build of that name"},
		{"lock", 0, OPT_STR, &args.lock, "FILE", "a lock other than recipe.lock"},
		{"mirror", 0, OPT_LIST, &args.mirrors, "[ARCHIVE=]URL",
			"with --fetch: where archives are"},
		{"quiet", 'q', OPT_FLAG, &args.quiet, NULL, "no summary"},
		{"threads", 0, OPT_U64, &args.threads, "N", "threads (default: one per processor)"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "build RECIPE -o DIR [options]",
		.summary = "Builds a guest image and its golden values from a recipe and its lock.",
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
	if (rc == 0 && args.output == NULL)
		rc = err_fail(&err, -EINVAL, "build: -o DIR is missing");
	if (rc == 0 && args.threads > THREADS_MAX)
		rc = err_fail(&err, -EINVAL, "--threads: at most %d", THREADS_MAX);
	if (rc == 0)
		rc = run(rest[0], &args, &err);
	opt_list_done(&args.mirrors);
	return rc == 0 ? ERR_EXIT_OK : cmd_fail(rc, &err);
}
