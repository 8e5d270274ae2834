/* assay explain: why a guest's evidence is not what a golden document expects. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/cmd.h"
#include "measure/evidence/explain.h"

#define EVIDENCE_MAX	 (1u << 20)
#define LOG_MAX		 (64u << 20)
#define CMDLINE_FILE_MAX 65536u

struct options {
	const char *evidence, *log, *build, *tuple, *format, *cmdline_file;
	struct explain_observed observed;
};

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Reads the document: @path itself, or golden.json in the directory @path, which is the build then. */
static int read_golden(const char *path, const char *build, struct golden_doc *ret,
	const char **ret_dir, struct err *err)
{
	AUTO_FREE char *inside = NULL;
	BUF_AUTO text = {0};
	int rc;

	*ret_dir = build;
	if (is_directory(path)) {
		if (asprintf(&inside, "%s/golden.json", path) < 0) {
			inside = NULL;
			return err_fail(err, -ENOMEM, "out of memory");
		}
		*ret_dir = build != NULL ? build : path;
		path = inside;
	}
	rc = io_read_file(path, JSON_DOC_MAX, &text, err);
	return rc == 0 ? golden_doc_read(text.data, text.len, path, ret, err) : rc;
}

/* A TDX quote, a TD report or an SNP report. */
static int read_evidence(const char *path, struct explain_request *request, struct err *err)
{
	struct err tdx = {0}, snp = {0};
	BUF_AUTO bytes = {0};
	int rc;

	if (path == NULL)
		return err_fail(err, -EINVAL, "--evidence: required");
	rc = io_read_file(path, EVIDENCE_MAX, &bytes, err);
	if (rc != 0)
		return rc;
	if (quote_parse(bytes.data, bytes.len, &request->tdx, &tdx) == 0)
		return 0;
	request->is_snp = snp_report_parse(bytes.data, bytes.len, &request->snp, &snp) == 0;
	if (!request->is_snp)
		return err_fail(err, -EBADMSG, "%s: %s; %s", path, tdx.msg, snp.msg);
	return 0;
}

static int read_log(const char *path, struct replay *ret, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc = io_read_file(path, LOG_MAX, &bytes, err);

	return rc == 0 ? replay_log(bytes.data, bytes.len, REPLAY_AUTO, NULL, path, ret, err) : rc;
}

/* The line without the newline that /proc/cmdline ends in. */
static int read_line(const char *path, struct buf *ret, struct err *err)
{
	int rc = io_read_file(path, CMDLINE_FILE_MAX, ret, err);

	while (rc == 0 && ret->len > 0 && ret->data[ret->len - 1] == '\n')
		ret->data[--ret->len] = '\0';
	if (rc == 0 && memchr(ret->data, '\0', ret->len) != NULL)
		rc = err_fail(err, -EBADMSG, "%s: a NUL byte in a command line", path);
	return rc;
}

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	struct options *o = options;
	struct explain_request request = {.tuple = o->tuple, .observed = o->observed};
	GOLDEN_DOC_AUTO golden = {.json = NULL};
	REPLAY_AUTO_FREE log = {.events = NULL};
	BUF_AUTO line = {0};
	JSON_AUTO *doc = NULL;
	bool json, matches = false;
	int rc = cli_format(o->format, &json, err);

	(void)count;
	request.doc = &golden;
	if (rc == 0)
		rc = read_golden(args[0], o->build, &golden, &request.dir, err);
	if (rc == 0)
		rc = read_evidence(o->evidence, &request, err);
	if (rc == 0 && o->observed.acpi != NULL && strncmp(o->observed.acpi, "builtin", 7) != 0)
		rc = err_fail(err, -EINVAL, "--acpi: builtin or builtin:MACHINE, not %s",
			o->observed.acpi);
	if (rc == 0 && o->log != NULL && request.is_snp)
		rc = err_fail(err, -EINVAL, "--log: an SNP guest has none");
	if (rc == 0 && o->log != NULL) {
		rc = read_log(o->log, &log, err);
		request.log = &log;
	}
	if (rc == 0 && o->cmdline_file != NULL) {
		rc = read_line(o->cmdline_file, &line, err);
		request.observed.cmdline = buf_cstr(&line);
	}
	if (rc == 0)
		rc = explain(&request, &doc, &matches, err);
	if (rc == 0 && json)
		rc = json_doc_write(doc, &ret->text, err);
	if (rc != 0)
		return rc;
	if (!json)
		explain_text(doc, &ret->text);
	return matches ? 0 : ERR_EXIT_NO;
}

int cmd_explain(int argc, char **argv)
{
	struct options o = {.evidence = NULL};
	const struct opt opts[] = {
		{"evidence", 'e', OPT_STR, &o.evidence, "FILE",
			"what the guest showed: an SNP report, a TDX quote or a TD report"},
		{"log", 'l', OPT_STR, &o.log, "FILE", "the event log of a TDX guest"},
		{"build", 'b', OPT_STR, &o.build, "DIR",
			"the build's files, where GOLDEN is a document of its own"},
		{"tuple", 0, OPT_STR, &o.tuple, "NAME", "against this tuple, not the nearest"},
		{"firmware", 'f', OPT_STR, &o.observed.firmware, "FILE",
			"firmware as found on the host; so the next three"},
		{"kernel", 'k', OPT_STR, &o.observed.kernel, "FILE", "its kernel"},
		{"initrd", 'i', OPT_STR, &o.observed.initrd, "FILE", "its initrd"},
		{"cmdline-file", 0, OPT_STR, &o.cmdline_file, "FILE",
			"its command line, as QEMU's -append or /proc/cmdline has it"},
		{"acpi", 0, OPT_STR, &o.observed.acpi, "builtin[:MACHINE]",
			"try other vCPU counts and memory sizes of a TDX guest, with these tables"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "explain GOLDEN|BUILD --evidence FILE [options]",
		.summary =
			"Holds evidence against golden values, and says what made it differ: which "
			"event, file, word of the command line, or which launch would show that "
			"value. Exit status 1 when no tuple matches.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, run, &o);
}
