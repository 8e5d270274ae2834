/* assay golden: the golden values of a build for a deployment target. */
#define _GNU_SOURCE
#include <libgen.h>
#include <stdbool.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/io.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/golden/golden.h"
#include "measure/golden/target.h"

static int make(const char *dir, const char *path, struct golden_outputs *ret, struct err *err)
{
	char *copy AUTO_FREE = strdup(path);
	unsigned char digest[SHA256_SIZE];
	TARGET_AUTO target = {.name = NULL};
	BUF_AUTO text = {0};
	int rc = copy == NULL ? err_fail(err, -ENOMEM, "out of memory") : 0;

	if (rc == 0)
		rc = io_read_file(path, TARGET_BYTES_MAX, &text, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, text.data, text.len, digest, err);
	if (rc == 0)
		rc = target_read(text.data, text.len, path, &target, err);
	return rc == 0 ? target_golden(&target, dirname(copy), digest, dir, ret, err) : rc;
}

static int write_all(const struct golden_outputs *outputs, const char *to, struct err *err)
{
	STAGE_AUTO stage = {0};
	int rc = io_stage_begin(&stage, to, false, err);

	for (size_t i = 0; rc == 0 && i < outputs->count; i++)
		rc = io_stage_write(&stage, outputs->items[i].name, outputs->items[i].bytes.data,
			outputs->items[i].bytes.len, err);
	return rc == 0 ? io_stage_commit(&stage, err) : rc;
}

static int show_warnings(
	const struct warn *warn, bool strict, struct cli_result *ret, struct err *err)
{
	for (size_t i = 0; i < warn->count; i++)
		cli_note(ret, "warning: %s", warn->lines[i]);
	return strict && warn->count > 0 ? err_fail(err, -EINVAL, "--strict: %s", warn->lines[0])
					 : 0;
}

struct options {
	const char *target, *to;
	bool strict;
};

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	GOLDEN_OUTPUTS_AUTO outputs = {.count = 0};
	const struct buf *last;
	int rc = o->target == NULL ? err_fail(err, -EINVAL, "--target: required") : 0;

	(void)count;
	if (rc == 0)
		rc = make(args[0], o->target, &outputs, err);
	if (rc == 0)
		rc = show_warnings(&outputs.warn, o->strict, ret, err);
	if (rc != 0)
		return rc;
	if (o->to != NULL)
		return write_all(&outputs, o->to, err);
	last = &outputs.items[outputs.count - 1].bytes; /* golden.json */
	buf_add(&ret->text, last->data, last->len);
	return 0;
}

int cmd_golden(int argc, char **argv)
{
	struct options o = {.target = NULL};
	const struct opt opts[] = {
		{"target", 't', OPT_STR, &o.target, "FILE", "the deployment target, TOML"},
		{"output", 'o', OPT_STR, &o.to, "DIR",
			"a directory to make, with the derivations; default: golden.json to "
			"stdout"},
		{"strict", 0, OPT_FLAG, &o.strict, NULL, "refuse what would only be warned of"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "golden BUILD --target FILE [-o DIR] [--strict]",
		.summary = "Computes every tuple that a build may show on a deployment target.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, run, &o);
}
