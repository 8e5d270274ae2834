/* assay sign, assay verify: a signed statement about every file of a directory. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/cli.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/golden/sign.h"

/* DIR.sigstore.json, beside the directory, so that it is not one of its files. malloc'ed. */
static int bundle_path(const char *dir, char **ret, struct err *err)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (asprintf(ret, "%.*s.sigstore.json", (int)len, dir) < 0) {
		*ret = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

struct sign_options {
	const char *key, *bundle;
};

static int sign(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct sign_options *o = options;
	const char *dir = args[0];
	SIGN_KEY_AUTO key = {.pkey = NULL};
	JSON_AUTO *statement = NULL;
	BUF_AUTO bundle = {0};
	char *beside AUTO_FREE = NULL;
	int rc = o->key == NULL ? err_fail(err, -EINVAL, "--key: required") : 0;

	(void)count;
	(void)ret;

	if (rc == 0)
		rc = bundle_path(dir, &beside, err);
	if (rc == 0)
		rc = sign_key_private(o->key, &key, err);
	if (rc == 0)
		rc = sign_statement(dir, &statement, err);
	if (rc == 0)
		rc = sign_bundle(statement, &key, &bundle, err);
	if (rc != 0)
		return rc;
	return io_publish(o->bundle != NULL ? o->bundle : beside, bundle.data, bundle.len, err);
}

int cmd_sign(int argc, char **argv)
{
	struct sign_options o = {.key = NULL};
	const struct opt opts[] = {
		{"key", 'k', OPT_STR, &o.key, "FILE",
			"private key in PEM: ECDSA P-256, P-384 or Ed25519"},
		{"output", 'o', OPT_STR, &o.bundle, "FILE",
			"the bundle; default: DIR.sigstore.json"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "sign DIR --key FILE [-o FILE]",
		.summary =
			"Signs a statement about every file of a directory, as a Sigstore bundle.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, sign, &o);
}

static int verify(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct sign_options *o = options;
	SIGN_KEY_AUTO key = {.pkey = NULL};
	JSON_AUTO *statement = NULL;
	BUF_AUTO bundle = {0};
	char *beside AUTO_FREE = NULL;
	const char *path;
	int rc = o->key == NULL ? err_fail(err, -EINVAL, "--key: required") : 0;

	(void)count;
	if (rc == 0)
		rc = bundle_path(args[0], &beside, err);
	path = o->bundle != NULL ? o->bundle : beside;
	if (rc == 0)
		rc = sign_key_public(o->key, &key, err);
	if (rc == 0)
		rc = io_read_file(path, SIGN_BUNDLE_MAX, &bundle, err);
	if (rc == 0)
		rc = sign_verify(bundle.data, bundle.len, path, &key, args[0], &statement, err);
	if (rc == 0)
		buf_fmt(&ret->text, "%s: %zu files, signed by %s\n", args[0],
			json_array_size(json_object_get(statement, "subject")), key.hint);
	return rc;
}

int cmd_verify(int argc, char **argv)
{
	struct sign_options o = {.key = NULL};
	const struct opt opts[] = {
		{"key", 'k', OPT_STR, &o.key, "FILE", "public key in PEM"},
		{"bundle", 'b', OPT_STR, &o.bundle, "FILE", "default: DIR.sigstore.json"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "verify DIR --key FILE [--bundle FILE]",
		.summary = "Checks a bundle's signature, and that the directory holds exactly the "
			   "files that were signed.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, verify, &o);
}
