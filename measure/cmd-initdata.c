/* assay initdata: documents, their digests, and the two forms they travel in. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "formats/initdata.h"
#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"

/* Base64 of gzip of what cannot be compressed, and the block device's head and end. */
#define INPUT_MAX (2 * INITDATA_BYTES_MAX)

/* A document that was given in one of its three forms. */
struct input {
	struct buf text; /* the raw document */
	struct initdata initdata;
};

static void input_done(struct input *input)
{
	buf_done(&input->text);
	initdata_done(&input->initdata);
}

static bool is_annotation(const struct buf *file)
{
	return file->len >= 4 && memcmp(file->data, "H4sI", 4) == 0;
}

static bool is_image(const struct buf *file)
{
	return file->len >= 16 && memcmp(file->data, "initdata", 8) == 0 && file->len % 512 == 0;
}

static int unwrap(struct buf *file, const char *path, struct buf *ret, struct err *err)
{
	if (is_image(file))
		return initdata_image_read(file->data, file->len, path, ret, err);
	if (is_annotation(file)) {
		while (file->len > 0 && file->data[file->len - 1] == '\n')
			file->len--;
		return initdata_annotation_read(
			(const char *)file->data, file->len, path, ret, err);
	}
	*ret = *file;
	*file = (struct buf){0};
	return 0;
}

static int read_input(const char *path, struct input *ret, struct err *err)
{
	BUF_AUTO file = {0};
	int rc = io_read_file(path, INPUT_MAX, &file, err);

	if (rc == 0)
		rc = unwrap(&file, path, &ret->text, err);
	if (rc == 0)
		rc = initdata_parse(ret->text.data, ret->text.len, path, &ret->initdata, err);
	return rc;
}

/* --- create --- */

static int choose_algorithm(const char *name, enum digest_alg *ret, struct err *err)
{
	static const enum digest_alg known[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(name, digest_name(known[i])) == 0) {
			*ret = known[i];
			return 0;
		}
	}
	return err_fail(err, -EINVAL, "--algorithm %s: not sha256, sha384 or sha512", name);
}

static int add_file(struct initdata *initdata, const char *key, const char *path, struct err *err)
{
	BUF_AUTO file = {0};
	int rc = io_read_file(path, INITDATA_BYTES_MAX, &file, err);

	if (rc == 0)
		rc = initdata_set(initdata, key, buf_cstr(&file), file.len, err);
	return rc;
}

/* Adds what `KEY=FILE` or, with @is_text, `KEY=VALUE` says. */
static int add_pair(struct initdata *initdata, const char *pair, bool is_text, struct err *err)
{
	const char *equals = strchr(pair, '=');
	char *key AUTO_FREE = equals != NULL ? strndup(pair, (size_t)(equals - pair)) : NULL;

	if (equals == NULL)
		return err_fail(err, -EINVAL, "%s: not KEY=%s", pair, is_text ? "VALUE" : "FILE");
	if (key == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (initdata_get(initdata, key) != NULL)
		return err_fail(err, -EINVAL, "%s: given twice", key);
	if (is_text)
		return initdata_set(initdata, key, equals + 1, strlen(equals + 1), err);
	return add_file(initdata, key, equals + 1, err);
}

struct create {
	const char *algorithm, *out;
	struct opt_list files, texts;
};

static void create_done(struct create *create)
{
	opt_list_done(&create->files);
	opt_list_done(&create->texts);
}

static int create(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct create *o = options;
	INITDATA_AUTO initdata = {0};
	BUF_AUTO out = {0};
	int rc = choose_algorithm(o->algorithm, &initdata.algorithm, err);

	(void)args;
	(void)count;
	for (size_t i = 0; rc == 0 && i < o->files.count; i++)
		rc = add_pair(&initdata, o->files.items[i], false, err);
	for (size_t i = 0; rc == 0 && i < o->texts.count; i++)
		rc = add_pair(&initdata, o->texts.items[i], true, err);
	if (rc == 0)
		rc = initdata_write(&initdata, o->out != NULL ? &out : &ret->text, err);
	return rc == 0 && o->out != NULL ? io_publish(o->out, out.data, out.len, err) : rc;
}

static int run_create(int argc, char **argv)
{
	struct create o __attribute__((cleanup(create_done))) = {.algorithm = "sha384"};
	const struct opt opts[] = {
		{"algorithm", 'a', OPT_STR, &o.algorithm, "NAME",
			"sha256, sha384 (default) or sha512"},
		{"data", 'd', OPT_LIST, &o.files, "KEY=FILE", "an entry, aa.toml=FILE"},
		{"text", 't', OPT_LIST, &o.texts, "KEY=VALUE", "an entry, c8s.role=workload"},
		{"output", 'o', OPT_STR, &o.out, "FILE", "instead of stdout"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "initdata create [-a ALGORITHM] --data KEY=FILE ... [-o FILE]",
		.summary = "Writes an initdata document.",
		.opts = opts,
	};

	return cli_run(&verb, argc, argv, create, &o);
}

/* --- show --- */

static int add_digests(const struct input *input, json_t *object, struct err *err)
{
	for (int i = 0; i < INITDATA_PLATFORMS; i++) {
		enum initdata_platform platform = (enum initdata_platform)i;
		unsigned char digest[INITDATA_DIGEST_MAX];
		int rc = initdata_digest(input->text.data, input->text.len,
			input->initdata.algorithm, platform, digest, err);

		if (rc != 0)
			return rc;
		if (json_object_set_new(object, initdata_platform_name(platform),
			    json_doc_hex_new(digest, initdata_digest_size(platform))) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int add_entries(const struct initdata *initdata, json_t *object, struct err *err)
{
	for (size_t i = 0; i < initdata->count; i++) {
		const struct initdata_entry *entry = &initdata->entries[i];
		size_t len = strlen(entry->value);
		unsigned char digest[SHA256_SIZE];
		int rc = digest_bytes(DIGEST_SHA256, entry->value, len, digest, err);

		if (rc != 0)
			return rc;
		if (json_object_set_new(object, entry->key,
			    json_pack("{s:o?, s:I}", "sha256",
				    json_doc_hex_new(digest, sizeof(digest)), "size_bytes",
				    (json_int_t)len)) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* "same", "differs" or "absent": the document's policy beside the one baked into the image. */
static int compare_policy(
	const struct initdata *initdata, const char *path, const char **ret, struct err *err)
{
	const char *policy = initdata_get(initdata, INITDATA_POLICY);
	BUF_AUTO baked = {0};
	int rc = io_read_file(path, INITDATA_BYTES_MAX, &baked, err);

	if (rc != 0)
		return rc;
	if (policy == NULL)
		*ret = "absent";
	else if (strlen(policy) == baked.len && memcmp(policy, buf_cstr(&baked), baked.len) == 0)
		*ret = "same";
	else
		*ret = "differs";
	return 0;
}

static int show_document(
	const struct input *input, const char *policy, struct buf *ret, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:{}, s:{}}", "version", INITDATA_VERSION,
		"algorithm", digest_name(input->initdata.algorithm), "data", "digest");
	int rc;

	if (doc == NULL || (policy != NULL && json_object_set_new(doc, "policy_vs_baked",
						      json_string(policy)) != 0))
		return err_fail(err, -ENOMEM, "out of memory");
	rc = add_entries(&input->initdata, json_object_get(doc, "data"), err);
	if (rc == 0)
		rc = add_digests(input, json_object_get(doc, "digest"), err);
	if (rc == 0)
		rc = json_doc_write(doc, ret, err);
	return rc;
}

struct show {
	const char *baked, *entry;
	bool raw;
};

static int show(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct show *o = options;
	struct input input __attribute__((cleanup(input_done))) = {.text = {0}};
	const char *policy = NULL;
	int rc = read_input(args[0], &input, err);

	(void)count;
	if (rc == 0 && o->entry != NULL) {
		const char *value = initdata_get(&input.initdata, o->entry);

		if (value == NULL)
			return err_fail(err, -EINVAL, "%s: no entry %s", args[0], o->entry);
		buf_str(&ret->text, value);
		return 0;
	}
	if (rc == 0 && o->raw) {
		buf_add(&ret->text, input.text.data, input.text.len);
		return 0;
	}
	if (rc == 0 && o->baked != NULL)
		rc = compare_policy(&input.initdata, o->baked, &policy, err);
	if (rc == 0)
		rc = show_document(&input, policy, &ret->text, err);
	if (rc != 0)
		return rc;
	return policy != NULL && strcmp(policy, "differs") == 0 ? ERR_EXIT_NO : 0;
}

static int run_show(int argc, char **argv)
{
	struct show o = {0};
	const struct opt opts[] = {
		{"baked-policy", 0, OPT_STR, &o.baked, "FILE",
			"the image's own policy: exit status 1 when the document's differs"},
		{"raw", 0, OPT_FLAG, &o.raw, NULL, "the document itself"},
		{"entry", 'e', OPT_STR, &o.entry, "KEY", "the value of one entry"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "initdata show FILE [options]",
		.summary = "Prints what a document, an annotation's value or a block device holds, "
			   "and its digests.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, show, &o);
}

/* --- digest, annotate, image --- */

static int choose_platform(const char *name, enum initdata_platform *ret, struct err *err)
{
	for (int i = 0; name != NULL && i < INITDATA_PLATFORMS; i++) {
		if (strcmp(name, initdata_platform_name((enum initdata_platform)i)) == 0) {
			*ret = (enum initdata_platform)i;
			return 0;
		}
	}
	return err_fail(err, -EINVAL, "--tee: snp, tdx, cca or se");
}

struct digest_options {
	const char *tee;
	bool base64;
};

static int print_digest(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct digest_options *o = options;
	struct input input __attribute__((cleanup(input_done))) = {.text = {0}};
	unsigned char digest[INITDATA_DIGEST_MAX];
	char hex[2 * INITDATA_DIGEST_MAX + 1];
	enum initdata_platform platform;
	int rc = choose_platform(o->tee, &platform, err);

	(void)count;
	if (rc == 0)
		rc = read_input(args[0], &input, err);
	if (rc == 0)
		rc = initdata_digest(input.text.data, input.text.len, input.initdata.algorithm,
			platform, digest, err);
	if (rc != 0)
		return rc;
	hex_encode(digest, initdata_digest_size(platform), hex);
	if (o->base64)
		base64_encode(digest, initdata_digest_size(platform), &ret->text);
	else
		buf_str(&ret->text, hex);
	buf_str(&ret->text, "\n");
	return 0;
}

static int run_digest(int argc, char **argv)
{
	struct digest_options o = {.tee = NULL};
	const struct opt opts[] = {
		{"tee", 0, OPT_STR, &o.tee, "snp|tdx|cca|se", "where the digest stands"},
		{"base64", 0, OPT_FLAG, &o.base64, NULL,
			"as QEMU's host-data= and mrconfigid= take it"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "initdata digest FILE --tee snp|tdx|cca|se [--base64]",
		.summary = "Prints HOST_DATA, MRCONFIGID or what stands for them.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, print_digest, &o);
}

static int annotate(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const bool *yaml = options;
	struct input input __attribute__((cleanup(input_done))) = {.text = {0}};
	int rc = read_input(args[0], &input, err);

	(void)count;
	if (*yaml)
		buf_str(&ret->text, INITDATA_ANNOTATION ": ");
	if (rc == 0)
		rc = initdata_annotation_write(input.text.data, input.text.len, &ret->text, err);
	buf_str(&ret->text, "\n");
	return rc;
}

static int run_annotate(int argc, char **argv)
{
	bool yaml = false;
	const struct opt opts[] = {
		{"yaml", 0, OPT_FLAG, &yaml, NULL, "with the annotation's name before it"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "initdata annotate FILE [--yaml]",
		.summary = "Prints the value of the pod annotation " INITDATA_ANNOTATION ".",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, annotate, &yaml);
}

static int make_image(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const char *to = *(const char **)options;
	struct input input __attribute__((cleanup(input_done))) = {.text = {0}};
	BUF_AUTO out = {0};
	int rc = to == NULL ? err_fail(err, -EINVAL, "--output: required") : 0;

	(void)count;
	(void)ret;
	if (rc == 0)
		rc = read_input(args[0], &input, err);
	if (rc == 0)
		rc = initdata_image_write(input.text.data, input.text.len, &out, err);
	return rc == 0 ? io_publish(to, out.data, out.len, err) : rc;
}

static int run_image(int argc, char **argv)
{
	const char *to = NULL;
	const struct opt opts[] = {
		{"output", 'o', OPT_STR, &to, "FILE", "the block device's contents"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "initdata image FILE -o FILE",
		.summary = "Writes the block device that carries a document into the guest.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, make_image, &to);
}

int cmd_initdata(int argc, char **argv)
{
	static const struct cli_verb rows[] = {
		{"create", run_create, "write a document from files"},
		{"show", run_show, "what a document, annotation or device holds"},
		{"digest", run_digest, "HOST_DATA or MRCONFIGID"},
		{"annotate", run_annotate, "the pod annotation's value"},
		{"image", run_image, "the block device"},
	};
	static const struct cli_verbs verbs = {"initdata",
		"The document that configures a confidential guest from outside.", rows,
		sizeof(rows) / sizeof(*rows)};

	return cli_choose(&verbs, argc, argv);
}
