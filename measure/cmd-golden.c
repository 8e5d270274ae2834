/* assay golden: the golden values of a build for a deployment target. */
#define _GNU_SOURCE
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/golden.h"
#include "measure/target.h"

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

static int show_warnings(const struct warn *warn, bool strict, struct err *err)
{
	for (size_t i = 0; i < warn->count; i++)
		fprintf(stderr, "assay: warning: %s\n", warn->lines[i]);
	return strict && warn->count > 0 ? err_fail(err, -EINVAL, "--strict: %s", warn->lines[0])
					 : 0;
}

/* golden.json, which is the last one made. */
static int print(const struct golden_outputs *outputs, struct err *err)
{
	const struct buf *bytes = &outputs->items[outputs->count - 1].bytes;

	if (fwrite(bytes->data, 1, bytes->len, stdout) != bytes->len || fflush(stdout) != 0)
		return err_sys(err, "standard output");
	return 0;
}

int cmd_golden(int argc, char **argv)
{
	const char *target = NULL, *to = NULL;
	bool strict = false;
	const struct opt opts[] = {
		{"target", 't', OPT_STR, &target, "FILE", "the deployment target, TOML"},
		{"output", 'o', OPT_STR, &to, "DIR",
			"a directory to make, with the derivations; default: golden.json to "
			"stdout"},
		{"strict", 0, OPT_FLAG, &strict, NULL, "refuse what would only be warned of"},
		OPT_END,
	};
	const struct opt_verb verb = {"golden BUILD --target FILE [-o DIR] [--strict]",
		"Computes every tuple that a build may show on a deployment target.", opts, 1, 1};
	GOLDEN_OUTPUTS_AUTO outputs = {.count = 0};
	BUF_AUTO help = {0};
	struct err err = {0};
	char **args;
	size_t count;
	int rc = opt_parse(&verb, argc, argv, &args, &count, &err);

	if (rc == OPT_HELP) {
		opt_help(&verb, &help);
		fputs(buf_cstr(&help), stdout);
		return ERR_EXIT_OK;
	}
	if (rc == 0 && target == NULL)
		rc = err_fail(&err, -EINVAL, "--target: required");
	if (rc == 0)
		rc = make(args[0], target, &outputs, &err);
	if (rc == 0)
		rc = show_warnings(&outputs.warn, strict, &err);
	if (rc == 0)
		rc = to != NULL ? write_all(&outputs, to, &err) : print(&outputs, &err);
	return rc == 0 ? ERR_EXIT_OK : cmd_refuse(rc, &err);
}
