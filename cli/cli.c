/* Running verbs (cli.h). */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUMMARY_COLUMN 12

int cli_fail(int code, const struct err *err)
{
	fprintf(stderr, "assay: %s\n", err->msg);
	return err_status(code);
}

void cli_note(struct cli_result *result, const char *fmt, ...)
{
	va_list args;

	buf_str(&result->notes, "assay: ");
	va_start(args, fmt);
	buf_vfmt(&result->notes, fmt, args);
	va_end(args);
	buf_str(&result->notes, "\n");
}

static int print(const struct cli_result *result, struct err *err)
{
	const struct buf *text = &result->text;
	int rc = buf_check(text, err);

	if (rc != 0)
		return rc;
	if (fwrite(buf_cstr(text), 1, text->len, stdout) != text->len || fflush(stdout) != 0)
		return err_sys(err, "standard output");
	fputs(buf_cstr(&result->notes), stderr);
	return 0;
}

static void result_done(struct cli_result *result)
{
	buf_done(&result->text);
	buf_done(&result->notes);
}
#define RESULT_AUTO __attribute__((cleanup(result_done))) struct cli_result

int cli_run(const struct opt_verb *verb, int argc, char **argv, cli_run_fn *run, void *options)
{
	RESULT_AUTO result = {.text = {0}};
	struct err err = {0};
	size_t count;
	char **args;
	int status = opt_parse(verb, argc, argv, &args, &count, &err);
	int rc;

	if (status == OPT_HELP) {
		opt_help(verb, &result.text);
		status = ERR_EXIT_OK;
	} else if (status == 0) {
		status = run(options, args, count, &result, &err);
	}
	if (status < 0)
		return cli_fail(status, &err);
	rc = print(&result, &err);
	return rc == 0 ? status : cli_fail(rc, &err);
}

int cli_format(const char *format, bool *ret_json, struct err *err)
{
	bool json = format != NULL && strcmp(format, "json") == 0;

	if (!json && format != NULL && strcmp(format, "text") != 0)
		return err_fail(err, -EINVAL, "--format: text or json, not %s", format);
	*ret_json = json;
	return 0;
}

static int explain(const struct cli_verbs *verbs)
{
	RESULT_AUTO result = {.text = {0}};
	struct buf *text = &result.text;
	struct err err = {0};
	int rc;

	buf_fmt(text, "usage: assay %s VERB [options]\n\n%s\n\n", verbs->name, verbs->summary);
	for (size_t i = 0; i < verbs->count; i++)
		buf_fmt(text, "  %-*s%s\n", SUMMARY_COLUMN, verbs->rows[i].name,
			verbs->rows[i].summary);
	buf_fmt(text, "\nassay %s VERB --help explains its options.\n", verbs->name);
	rc = print(&result, &err);
	return rc == 0 ? ERR_EXIT_OK : cli_fail(rc, &err);
}

int cli_choose(const struct cli_verbs *verbs, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct err err = {0};
	BUF_AUTO names = {0};

	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0)
		return explain(verbs);
	for (size_t i = 0; i < verbs->count; i++) {
		if (strcmp(verbs->rows[i].name, what) == 0)
			return verbs->rows[i].run(argc - 1, argv + 1);
		buf_fmt(&names, "%s%s",
			i == 0		       ? ""
			: i + 1 < verbs->count ? ", "
					       : " or ",
			verbs->rows[i].name);
	}
	return cli_fail(err_fail(&err, -EINVAL, "%s: %s, not \"%s\" (see assay %s --help)",
				verbs->name, buf_cstr(&names), what, verbs->name),
		&err);
}

static void report(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	fputs("\r\033[K", stderr);
	if (total > 0)
		fprintf(stderr, "%3llu%% ", (unsigned long long)(done * 100 / total));
	fputs(what, stderr);
}

const struct progress *cli_progress(void)
{
	static const struct progress line = {.report = report};

	return isatty(STDERR_FILENO) ? &line : NULL;
}

void cli_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}
