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

#include "cli/cli.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/golden/golden.h"
#include "mkimage/build.h"
#include "mkimage/cmd.h"

#define THREADS_MAX 64

struct build_args {
	const char *output, *cache, *lock, *variant;
	const char *verity_key, *verity_cert, *uki_key, *uki_cert, *kernel_config;
	struct opt_list mirrors;
	uint64_t threads;
	bool fetch, force, quiet;
};

/* Everything that one build holds. */
struct job {
	const struct build_args *args;
	struct fetch_cache cache;
	struct recipe recipe;
	struct lock lock;
	struct io_stage stage;
	struct buf warnings;
	json_t *manifest; /* owned */
	json_t *golden;	  /* owned */
};

static void job_done(struct job *job)
{
	fetch_cache_done(&job->cache);
	recipe_done(&job->recipe);
	lock_done(&job->lock);
	io_stage_done(&job->stage);
	buf_done(&job->warnings);
	json_decref(job->manifest);
	json_decref(job->golden);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void summarize_file(const char *name, const json_t *output, struct buf *ret)
{
	buf_fmt(ret, "  %-22s %12lld  %.16s...\n", name,
		(long long)json_integer_value(json_object_get(output, "size_bytes")),
		json_string_value(json_object_get(output, "sha256")));
}

static int summarize_tuples(const json_t *golden, struct buf *ret, struct err *err)
{
	const json_t *tuples;
	int rc = golden_tuples(golden, &tuples, err);

	for (size_t i = 0; rc == 0 && i < json_array_size(tuples); i++) {
		struct golden_tuple tuple;
		const char *name;
		json_t *value;

		rc = golden_tuple_at(tuples, i, &tuple, err);
		if (rc != 0)
			return rc;
		json_object_foreach((json_t *)tuple.values, name, value) buf_fmt(
			ret, "  %-22s %-14s %s\n", tuple.name, name, json_string_value(value));
	}
	return rc;
}

/* The table at the end: sizes, root hash, digests, seconds. */
static int summarize(const struct job *job, double seconds, struct buf *ret, struct err *err)
{
	const json_t *verity = json_object_get(job->manifest, "verity");
	const json_t *agent = json_object_get(job->manifest, "agent");
	const char *name;
	json_t *value;
	int rc;

	buf_fmt(ret, "%s\n  %-22s %12s  %s\n", job->args->output, "file", "bytes", "sha256");
	json_object_foreach(json_object_get(job->manifest, "outputs"), name, value)
		summarize_file(name, value, ret);
	buf_fmt(ret, "  %-22s %s\n", "root hash",
		json_string_value(json_object_get(verity, "root_hash")));
	rc = job->golden != NULL ? summarize_tuples(job->golden, ret, err) : 0;
	if (rc != 0)
		return rc;
	if (json_is_true(json_object_get(agent, "stand_in")))
		buf_str(ret, "  the agent is the test stand-in: this guest runs no containers\n");
	buf_fmt(ret, "  built in %.1f s\n", seconds);
	return buf_check(ret, err);
}

static void note_warnings(const struct buf *warnings, struct cli_result *ret)
{
	const char *line = buf_cstr(warnings);

	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		cli_note(ret, "warning: %.*s", (int)(end - line), line);
}

static int write_json(struct io_stage *stage, const char *name, const json_t *doc, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = json_doc_write(doc, &text, err);

	return rc != 0 ? rc : io_stage_write(stage, name, text.data, text.len, err);
}

/* Computes and writes the golden document, its exports and derivations. */
static int add_golden(struct job *job, struct err *err)
{
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	int rc = golden_build(job->stage.path, job->manifest, &outputs, err);

	for (size_t i = 0; rc == 0 && i < outputs.count; i++) {
		const struct golden_output *output = &outputs.items[i];

		rc = io_stage_write(
			&job->stage, output->name, output->bytes.data, output->bytes.len, err);
		if (rc == 0 && strcmp(output->name, "golden.json") == 0)
			rc = json_doc_parse(output->bytes.data, output->bytes.len, output->name,
				&job->golden, err);
	}
	for (size_t i = 0; i < outputs.warn.count; i++)
		buf_fmt(&job->warnings, "%s\n", outputs.warn.lines[i]);
	return rc;
}

static int load_inputs(struct job *job, const char *recipe_path, struct err *err)
{
	const struct build_args *args = job->args;
	int rc = recipe_load(recipe_path, args->variant, &job->recipe, err);

	if (rc == 0)
		rc = lock_load_for(&job->recipe, args->lock, &job->lock, err);
	if (rc == 0)
		rc = cmd_cache(&job->cache, args->cache, err);
	if (rc == 0 && args->fetch)
		rc = fetch_lock(&job->cache, &job->lock, args->mirrors.items, args->mirrors.count,
			cli_progress(), err);
	return rc;
}

/* --force replaces a build, never another directory that happens to have the name. */
static int check_replaced(const char *output, struct err *err)
{
	AUTO_FREE char *manifest = NULL;

	if (access(output, F_OK) != 0)
		return 0;
	if (asprintf(&manifest, "%s/manifest.json", output) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	if (access(manifest, F_OK) != 0)
		return err_fail(err, -EEXIST,
			"%s: exists and is no build, so --force leaves it alone", output);
	return 0;
}

/* The image, then its values, then their name. */
static int build_all(struct job *job, struct err *err)
{
	struct build_options options = {
		.cache = &job->cache,
		.threads = (size_t)job->args->threads,
		.verity_key = job->args->verity_key,
		.verity_cert = job->args->verity_cert,
		.uki_key = job->args->uki_key,
		.uki_cert = job->args->uki_cert,
		.kernel_config = job->args->kernel_config,
		.progress = cli_progress(),
		.warnings = &job->warnings,
	};
	int rc = job->args->force ? check_replaced(job->args->output, err) : 0;

	if (rc == 0)
		rc = io_stage_begin(&job->stage, job->args->output, job->args->force, err);
	if (rc == 0)
		rc = build_image(
			&job->recipe, &job->lock, &options, &job->stage, &job->manifest, err);
	if (rc == 0)
		rc = write_json(&job->stage, "manifest.json", job->manifest, err);
	if (rc == 0)
		rc = job->recipe.launch_count > 0 ? add_golden(job, err) : 0;
	return rc != 0 ? rc : io_stage_commit(&job->stage, err);
}

static int check_args(const struct build_args *args, struct err *err)
{
	if (args->output == NULL)
		return err_fail(err, -EINVAL, "build: -o DIR is missing");
	if ((args->verity_key != NULL) != (args->verity_cert != NULL))
		return err_fail(err, -EINVAL, "--verity-key and --verity-cert go together");
	if ((args->uki_key != NULL) != (args->uki_cert != NULL))
		return err_fail(err, -EINVAL, "--uki-key and --uki-cert go together");
	if (args->threads > THREADS_MAX)
		return err_fail(err, -EINVAL, "--threads: at most %d", THREADS_MAX);
	return 0;
}

static int run(void *options, char **paths, size_t count, struct cli_result *ret, struct err *err)
{
	const struct build_args *args = options;
	__attribute__((cleanup(job_done))) struct job job = {.args = args};
	struct timespec start;
	int rc = check_args(args, err);

	(void)count;
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (rc == 0)
		rc = load_inputs(&job, paths[0], err);
	if (rc == 0)
		rc = build_all(&job, err);
	cli_progress_end();
	if (rc != 0)
		return rc;
	note_warnings(&job.warnings, ret);
	return args->quiet ? 0 : summarize(&job, seconds_since(&start), &ret->text, err);
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
			"replace an earlier build of that name, and nothing but a build"},
		{"kernel-config", 0, OPT_STR, &args.kernel_config, "FILE",
			"a resolved kernel configuration other than the recipe's"},
		{"lock", 0, OPT_STR, &args.lock, "FILE", "a lock other than recipe.lock"},
		{"mirror", 0, OPT_LIST, &args.mirrors, "[ARCHIVE=]URL",
			"with --fetch: where archives are"},
		{"quiet", 'q', OPT_FLAG, &args.quiet, NULL, "no summary"},
		{"threads", 0, OPT_U64, &args.threads, "N", "threads (default: one per processor)"},
		{"variant", 0, OPT_STR, &args.variant, "NAME", "a [variant.NAME] of the recipe"},
		{"uki-cert", 0, OPT_STR, &args.uki_cert, "FILE",
			"the certificate of --uki-key, in PEM"},
		{"uki-key", 0, OPT_STR, &args.uki_key, "FILE",
			"sign the unified kernel image for Secure Boot: an RSA key in PEM"},
		{"verity-cert", 0, OPT_STR, &args.verity_cert, "FILE",
			"the certificate of --verity-key, in PEM"},
		{"verity-key", 0, OPT_STR, &args.verity_key, "FILE",
			"sign the root hash: an RSA key in PEM"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "build RECIPE -o DIR [options]",
		.summary = "Builds a guest image and its golden values from a recipe and its lock.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};
	int status = cli_run(&verb, argc, argv, run, &args);

	opt_list_done(&args.mirrors);
	return status;
}
