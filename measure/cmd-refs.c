/* assay refs: golden values in the form that a verifier reads. */
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/export-c8s.h"

/* One row for each form. */
static const struct form {
	const char *name;
	int (*write)(const json_t *golden, const char *tee, struct buf *ret, struct err *err);
} forms[] = {
	{"c8s", export_c8s},
};

static const struct form *find_form(const char *name)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return NULL;
}

static int write_refs(
	const char *form_name, const char *path, const char *tee, struct buf *ret, struct err *err)
{
	const struct form *form = find_form(form_name);
	JSON_AUTO *golden = NULL;
	BUF_AUTO text = {0};
	int rc;

	if (form == NULL)
		return err_fail(err, -ENOTSUP, "%s: no such form (known: c8s)", form_name);
	if (tee == NULL || (strcmp(tee, "sev-snp") != 0 && strcmp(tee, "tdx") != 0))
		return err_fail(err, -EINVAL, "--tee: sev-snp or tdx");
	rc = io_read_file(path, JSON_DOC_MAX, &text, err);
	if (rc == 0)
		rc = json_doc_parse(text.data, text.len, path, &golden, err);
	if (rc != 0)
		return rc;
	rc = form->write(golden, tee, ret, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

static int put(const struct buf *bytes, const char *output, struct err *err)
{
	if (output != NULL)
		return io_publish(output, bytes->data, bytes->len, err);
	if (fwrite(bytes->data, 1, bytes->len, stdout) != bytes->len || fflush(stdout) != 0)
		return err_sys(err, "standard output");
	return 0;
}

int cmd_refs(int argc, char **argv)
{
	const char *tee = NULL, *output = NULL;
	const struct opt opts[] = {
		{"tee", 0, OPT_STR, &tee, "sev-snp|tdx", "the family of tuples"},
		{"output", 'o', OPT_STR, &output, "FILE", "write there instead of standard output"},
		OPT_END,
	};
	const struct opt_verb verb = {"refs FORM GOLDEN --tee TEE [options]",
		"Writes the tuples of a golden document in the form (c8s) that a verifier reads.",
		opts, 2, 2};
	BUF_AUTO text = {0};
	struct err err = {0};
	size_t count;
	char **args;
	int rc = opt_parse(&verb, argc, argv, &args, &count, &err);

	if (rc == OPT_HELP) {
		opt_help(&verb, &text);
		fputs(buf_cstr(&text), stdout);
		return ERR_EXIT_OK;
	}
	if (rc == 0)
		rc = write_refs(args[0], args[1], tee, &text, &err);
	if (rc == 0)
		rc = put(&text, output, &err);
	return rc == 0 ? ERR_EXIT_OK : cmd_refuse(rc, &err);
}
