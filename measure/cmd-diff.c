/* assay diff: what moved between two builds. */
#include "cli/cli.h"
#include "lib/json.h"
#include "measure/cmd.h"
#include "measure/evidence/diff.h"

struct options {
	const char *format;
	bool all;
	diff_read_fn *read;
};

static int run(void *options, char **dirs, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	JSON_AUTO *doc = NULL;
	bool json;
	int rc = cli_format(o->format, &json, err);

	(void)count;
	if (rc == 0)
		rc = diff_builds(dirs[0], dirs[1], o->read, &doc, err);
	if (rc == 0 && json)
		rc = json_doc_write(doc, &ret->text, err);
	if (rc != 0)
		return rc;
	if (!json)
		diff_text(doc, o->all, &ret->text);
	return diff_is_empty(doc) ? 0 : ERR_EXIT_NO;
}

int diff_run(int argc, char **argv, diff_read_fn *read)
{
	struct options o = {.read = read};
	const struct opt opts[] = {
		{"all", 'a', OPT_FLAG, &o.all, NULL, "name every file, however many there are"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "diff BEFORE AFTER [options]",
		.summary = "Shows what differs between two builds or golden documents: inputs, "
			   "files, command line, outputs, and each register with what moved it. "
			   "Exit status 1 when something does.",
		.opts = opts,
		.args_min = 2,
		.args_max = 2,
	};

	return cli_run(&verb, argc, argv, run, &o);
}

int cmd_diff(int argc, char **argv)
{
	return diff_run(argc, argv, NULL);
}
