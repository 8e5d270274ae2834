/* assay sign, assay verify: a signed statement about every file of a directory. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/sign.h"

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

/* Help, or an error, or 0. */
static int parse(const struct opt_verb *verb, int argc, char **argv, char ***args, struct err *err)
{
	BUF_AUTO help = {0};
	size_t count;
	int rc = opt_parse(verb, argc, argv, args, &count, err);

	if (rc == OPT_HELP) {
		opt_help(verb, &help);
		fputs(buf_cstr(&help), stdout);
	}
	return rc;
}

static int sign(const char *dir, const char *key_path, const char *to, struct err *err)
{
	SIGN_KEY_AUTO key = {.pkey = NULL};
	JSON_AUTO *statement = NULL;
	BUF_AUTO bundle = {0};
	char *beside AUTO_FREE = NULL;
	int rc = key_path == NULL ? err_fail(err, -EINVAL, "--key: required") : 0;

	if (rc == 0)
		rc = bundle_path(dir, &beside, err);
	if (rc == 0)
		rc = sign_key_private(key_path, &key, err);
	if (rc == 0)
		rc = sign_statement(dir, &statement, err);
	if (rc == 0)
		rc = sign_bundle(statement, &key, &bundle, err);
	return rc == 0 ? io_publish(to != NULL ? to : beside, bundle.data, bundle.len, err) : rc;
}

int cmd_sign(int argc, char **argv)
{
	const char *key = NULL, *to = NULL;
	const struct opt opts[] = {
		{"key", 'k', OPT_STR, &key, "FILE",
			"private key in PEM: ECDSA P-256, P-384 or Ed25519"},
		{"output", 'o', OPT_STR, &to, "FILE", "the bundle; default: DIR.sigstore.json"},
		OPT_END,
	};
	const struct opt_verb verb = {"sign DIR --key FILE [-o FILE]",
		"Signs a statement about every file of a directory, as a Sigstore bundle.", opts, 1,
		1};
	struct err err = {0};
	char **args;
	int rc = parse(&verb, argc, argv, &args, &err);

	if (rc == 0)
		rc = sign(args[0], key, to, &err);
	return rc >= 0 ? ERR_EXIT_OK : cmd_refuse(rc, &err);
}

static int verify(const char *dir, const char *key_path, const char *path, struct err *err)
{
	SIGN_KEY_AUTO key = {.pkey = NULL};
	JSON_AUTO *statement = NULL;
	BUF_AUTO bundle = {0};
	char *beside AUTO_FREE = NULL;
	int rc = key_path == NULL ? err_fail(err, -EINVAL, "--key: required") : 0;

	if (rc == 0)
		rc = bundle_path(dir, &beside, err);
	if (rc == 0 && path == NULL)
		path = beside;
	if (rc == 0)
		rc = sign_key_public(key_path, &key, err);
	if (rc == 0)
		rc = io_read_file(path, SIGN_BUNDLE_MAX, &bundle, err);
	if (rc == 0)
		rc = sign_verify(bundle.data, bundle.len, path, &key, dir, &statement, err);
	if (rc == 0)
		printf("%s: %zu files, signed by %s\n", dir,
			json_array_size(json_object_get(statement, "subject")), key.hint);
	return rc;
}

int cmd_verify(int argc, char **argv)
{
	const char *key = NULL, *bundle = NULL;
	const struct opt opts[] = {
		{"key", 'k', OPT_STR, &key, "FILE", "public key in PEM"},
		{"bundle", 'b', OPT_STR, &bundle, "FILE", "default: DIR.sigstore.json"},
		OPT_END,
	};
	const struct opt_verb verb = {"verify DIR --key FILE [--bundle FILE]",
		"Checks a bundle's signature, and that the directory holds exactly the files that "
		"were signed.",
		opts, 1, 1};
	struct err err = {0};
	char **args;
	int rc = parse(&verb, argc, argv, &args, &err);

	if (rc == 0)
		rc = verify(args[0], key, bundle, &err);
	return rc >= 0 ? ERR_EXIT_OK : cmd_refuse(rc, &err);
}
