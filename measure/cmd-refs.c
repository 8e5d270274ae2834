/* assay refs: golden values in the form that a verifier reads. */
#include <string.h>

#include "cli/cli.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/golden/c8s-policy.h"
#include "measure/golden/export.h"

struct refs {
	const char *form, *path;
	const char *format, *tee, *role, *tuple, *build, *kata_version, *variant, *key, *output;
	const char *rtmr3, *image_version, *key_provider, *commit, *cert;
	struct opt_list apps;
	bool strict, check;
};

static void list_forms(struct buf *ret)
{
	for (const struct export_form *form = export_forms; form->name != NULL; form++)
		buf_fmt(ret, "%-17s %s\n", form->name, form->summary);
}

static int choose_tee(const char *name, struct export_request *request, struct err *err)
{
	if (name == NULL)
		return 0;
	request->has_tee = true;
	for (int i = 0; i < GOLDEN_TEES; i++) {
		request->tee = (enum golden_tee)i;
		if (strcmp(name, golden_tee_name(request->tee)) == 0)
			return 0;
	}
	return err_fail(err, -EINVAL, "--tee: sev-snp or tdx");
}

static int make(
	const struct refs *refs, struct warn *gaps, struct golden_outputs *ret, struct err *err)
{
	const struct export_form *form = export_form_find(refs->form);
	GOLDEN_DOC_AUTO doc = {.json = NULL};
	struct export_request request = {.doc = &doc,
		.role = refs->role,
		.tuple = refs->tuple,
		.build = refs->build,
		.kata_version = refs->kata_version,
		.variant = refs->variant,
		.key = refs->key,
		.rtmr3 = refs->rtmr3,
		.image_version = refs->image_version,
		.key_provider = refs->key_provider,
		.apps = refs->apps.items,
		.app_count = refs->apps.count,
		.commit = refs->commit,
		.cert = refs->cert,
		.gaps = gaps};
	BUF_AUTO text = {0};
	int rc;

	if (form == NULL)
		return err_fail(
			err, -ENOTSUP, "%s: no such form (assay refs --format list)", refs->form);
	rc = choose_tee(refs->tee, &request, err);
	if (rc == 0)
		rc = io_read_file(refs->path, JSON_DOC_MAX, &text, err);
	if (rc == 0)
		rc = golden_doc_read(text.data, text.len, refs->path, &doc, err);
	if (rc != 0)
		return rc;
	rc = export_write(form, &request, ret, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", refs->path);
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

static int deliver(const struct golden_outputs *outputs, const char *to, struct cli_result *ret,
	struct err *err)
{
	const struct buf *bytes = &outputs->items[0].bytes;

	if (outputs->count > 1 && to == NULL)
		return err_fail(err, -EINVAL, "%zu files: --output names the directory to make",
			outputs->count);
	if (outputs->count > 1)
		return write_all(outputs, to, err);
	if (to != NULL)
		return io_publish(to, bytes->data, bytes->len, err);
	buf_add(&ret->text, bytes->data, bytes->len);
	return 0;
}

static int write_form(const struct refs *refs, struct cli_result *ret, struct err *err)
{
	GOLDEN_OUTPUTS_AUTO outputs = {.count = 0};
	WARN_AUTO gaps = {.count = 0};
	int rc = make(refs, &gaps, &outputs, err);

	if (rc == 0 && refs->strict && gaps.count > 0)
		rc = err_fail(err, -EINVAL, "--strict: %s%s", gaps.lines[0],
			gaps.count > 1 ? " (and more)" : "");
	if (rc == 0)
		rc = deliver(&outputs, refs->output, ret, err);
	for (size_t i = 0; i < gaps.count; i++)
		cli_note(ret, "warning: %s", gaps.lines[i]);
	return rc;
}

/* refs c8s --check: whether CDS would load a policy that somebody wrote. */
static int check(const struct refs *refs, struct cli_result *ret, struct err *err)
{
	static const char loose[] = "images without RTMR1 or RTMR2 let any kernel pass";
	struct c8s_policy_facts facts = {.images = 0};
	BUF_AUTO text = {0};
	int rc;

	if (strcmp(refs->form, "c8s") != 0)
		return err_fail(err, -EINVAL, "--check: of the form c8s only");
	rc = io_read_file(refs->path, JSON_DOC_MAX, &text, err);
	if (rc == 0)
		rc = c8s_policy_check(text.data, text.len, refs->path, &facts, err);
	if (rc != 0)
		return rc;
	if (refs->strict && facts.loose > 0)
		return err_fail(
			err, -EINVAL, "%s: --strict: %zu %s", refs->path, facts.loose, loose);
	buf_fmt(&ret->text, "%s: %zu images, %s\n", refs->path, facts.images,
		golden_tee_name(facts.tee));
	if (facts.loose > 0)
		cli_note(ret, "warning: %zu %s", facts.loose, loose);
	return 0;
}

/* FORM GOLDEN, or GOLDEN with --format FORM. */
static int read_args(struct refs *refs, char **args, size_t count, struct err *err)
{
	if ((refs->format != NULL) == (count == 2))
		return err_fail(
			err, -EINVAL, "name the form, before the golden document or with --format");
	refs->form = count == 2 ? args[0] : refs->format;
	refs->path = args[count - 1];
	return 0;
}

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	struct refs *refs = options;
	int rc;

	if (refs->format != NULL && strcmp(refs->format, "list") == 0) {
		list_forms(&ret->text);
		return 0;
	}
	if (count == 0)
		return err_fail(err, -EINVAL, "usage: assay refs FORM GOLDEN [options]");
	rc = read_args(refs, args, count, err);
	if (rc != 0)
		return rc;
	return refs->check ? check(refs, ret, err) : write_form(refs, ret, err);
}

static void add_forms(struct buf *text)
{
	buf_str(text, "\nForms:\n");
	list_forms(text);
}

int cmd_refs(int argc, char **argv)
{
	struct refs refs = {0};
	int status;
	const struct opt opts[] = {
		{"format", 'f', OPT_STR, &refs.format, "FORM", "the form; list: all of them"},
		{"tee", 0, OPT_STR, &refs.tee, "sev-snp|tdx", "only tuples of that family"},
		{"role", 0, OPT_STR, &refs.role, "NAME", "only tuples of that role"},
		{"tuple", 0, OPT_STR, &refs.tuple, "NAME", "only that tuple"},
		{"build", 0, OPT_STR, &refs.build, "DIR", "the build (kata-guest, dstack, gce)"},
		{"kata-version", 0, OPT_STR, &refs.kata_version, "V", "of kata-guest"},
		{"variant", 0, OPT_STR, &refs.variant, "NAME",
			"build_variant of kata-guest; is_dev of dstack unless release, the "
			"default"},
		{"rtmr3", 0, OPT_STR, &refs.rtmr3, "any|HEX",
			"of tuples without it (c8s): unchecked, or that value; default: zeros"},
		{"image-version", 0, OPT_STR, &refs.image_version, "V",
			"version of a dstack image"},
		{"key-provider", 0, OPT_STR, &refs.key_provider, "HEX",
			"SHA-256 of dstack's key-provider event, for mr_system"},
		{"app", 0, OPT_LIST, &refs.apps, "ID=HASH",
			"an application and its compose hash (dstack-auth); repeat for each"},
		{"commit", 0, OPT_STR, &refs.commit, "HEX",
			"what the firmware was built from (gce)"},
		{"cert", 0, OPT_STR, &refs.cert, "FILE", "certificate of an RSA key (gce)"},
		{"key", 0, OPT_STR, &refs.key, "FILE",
			"private key that signs (corim; gce: the certificate's)"},
		{"strict", 0, OPT_FLAG, &refs.strict, NULL,
			"refuse what would be warned of: facts that nobody gave"},
		{"check", 0, OPT_FLAG, &refs.check, NULL,
			"GOLDEN is a document of the form instead: whether its reader takes it "
			"(c8s)"},
		{"output", 'o', OPT_STR, &refs.output, "FILE",
			"write there; a directory for forms of several files"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "refs FORM GOLDEN [options]",
		.summary = "Writes the tuples of a golden document in the form that a verifier "
			   "reads.",
		.opts = opts,
		.args_max = 2,
		.more = add_forms,
	};

	status = cli_run(&verb, argc, argv, run, &refs);
	opt_list_done(&refs.apps);
	return status;
}
