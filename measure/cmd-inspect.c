/* assay inspect: what a file is and what it says about itself. */
#include <string.h>

#include "cli/cli.h"
#include "lib/json.h"
#include "measure/amd/snp-meta.h"
#include "measure/cmd.h"
#include "measure/evidence/inspect.h"

struct options {
	const char *format;
	bool list;
	const struct inspect_kind *kinds;
	size_t count;
};

/* What `measure snp --firmware-meta` takes. */
static int write_meta(const char *path, struct buf *to, struct err *err)
{
	SNP_IMAGE_AUTO image = {.from_file = false};
	JSON_AUTO *doc = NULL;
	int rc = snp_image_read(path, &image, err);

	if (rc != 0)
		return rc;
	rc = snp_meta_json(&image, &doc, err);
	return rc == 0 ? json_doc_write(doc, to, err) : err_wrap(err, "%s", path);
}

/* --list as text is the names alone. */
static void write_text(const json_t *doc, bool list, struct buf *to)
{
	JSON_AUTO *files = list ? json_pack("{s:O}", "files", json_object_get(doc, "files")) : NULL;

	inspect_text(list ? files : doc, to);
}

static int run(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	JSON_AUTO *doc = NULL;
	bool json = false;
	int rc;

	(void)count;
	if (o->format != NULL && strcmp(o->format, "snp-meta") == 0 && !o->list)
		return write_meta(args[0], &ret->text, err);
	rc = cli_format(o->format, &json, err);
	if (rc == 0)
		rc = inspect_path(args[0], o->list, o->kinds, o->count, &doc, err);
	if (rc != 0)
		return rc;
	if (json)
		return json_doc_write(doc, &ret->text, err);
	write_text(doc, o->list, &ret->text);
	return buf_check(&ret->text, err);
}

static void add_kinds(struct buf *text)
{
	size_t count;
	const struct inspect_kind *kinds = inspect_kinds(&count);

	buf_str(text, "\nKinds of files, besides disk images:\n");
	for (size_t i = 0; i < count; i++)
		buf_fmt(text, "  %-14s %s\n", kinds[i].name, kinds[i].title);
}

int inspect_run(int argc, char **argv, const struct inspect_kind *kinds, size_t count)
{
	struct options o = {.kinds = kinds, .count = count};
	const struct opt opts[] = {
		{"list", 0, OPT_FLAG, &o.list, NULL,
			"the files in it: of an image, an initrd, or a firmware"},
		{"format", 0, OPT_STR, &o.format, "text|json|snp-meta",
			"of the output; text unless given. snp-meta is what `measure snp "
			"--firmware-meta` takes of a firmware"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "inspect FILE [options]",
		.summary = "Tells what a file is and shows what it says about itself. Nothing is "
			   "verified.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
		.more = add_kinds,
	};

	return cli_run(&verb, argc, argv, run, &o);
}

int cmd_inspect(int argc, char **argv)
{
	size_t count;
	const struct inspect_kind *kinds = inspect_kinds(&count);

	return inspect_run(argc, argv, kinds, count);
}
