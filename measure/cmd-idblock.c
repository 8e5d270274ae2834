/* assay idblock create, inspect and digest: ID blocks of SNP guests, signed here or by an external signer. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/amd/idblock.h"
#include "measure/cmd.h"

#define KEY_FILE_MAX 65536
#define SIG_FILE_MAX 4096

struct options {
	const char *digest, *family_id, *image_id;
	const char *id_key, *id_pubkey, *author_key, *author_pubkey;
	const char *id_block, *id_auth;
	const char *to_sign, *author_to_sign, *signature, *author_signature;
	uint64_t guest_svn, policy;
	bool base64, strict;
	const char *format;
};

/* --- create --- */

static int read_key(const char *path, struct buf *pem, struct idblock_key *ret, struct err *err)
{
	int rc = io_read_file(path, KEY_FILE_MAX, pem, err);

	if (rc != 0)
		return rc;
	rc = idblock_key_read(pem, ret, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

/* A signature made here with the private key, or taken from the external signer's file and checked. */
static int sign(const struct buf *pem, const char *key_path, const char *signature_path,
	const struct idblock_key *key, const void *bytes, size_t n, const char *what,
	struct idblock_sig *ret, struct err *err)
{
	BUF_AUTO der = {0};
	int rc;

	if (signature_path == NULL) {
		rc = idblock_sign(pem, bytes, n, ret, err);
		return rc == 0 ? 0 : err_wrap(err, "%s", key_path);
	}
	rc = io_read_file(signature_path, SIG_FILE_MAX, &der, err);
	if (rc != 0)
		return rc;
	rc = idblock_sig_from_der(der.data, der.len, ret, err);
	if (rc == 0)
		rc = idblock_verify(key, ret, bytes, n, what, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", signature_path);
}

static int to_base64(const unsigned char *bytes, size_t n, struct buf *ret, struct err *err)
{
	void *at = buf_grow(ret, (n + 2) / 3 * 4 + 1);

	if (at != NULL)
		EVP_EncodeBlock(at, bytes, (int)n);
	if (ret->len > 0)
		ret->data[ret->len - 1] = '\n';
	return buf_check(ret, err);
}

static int publish(const struct options *o, const char *path, const unsigned char *bytes, size_t n,
	struct err *err)
{
	BUF_AUTO text = {0};
	int rc;

	if (path == NULL)
		return 0;
	if (!o->base64)
		return io_publish(path, bytes, n, err);
	rc = to_base64(bytes, n, &text, err);
	return rc != 0 ? rc : io_publish(path, text.data, text.len, err);
}

static int read_id(const char *option, const char *text, unsigned char *ret, struct err *err)
{
	if (text == NULL || hex_decode(text, ret, IDBLOCK_ID_SIZE))
		return 0;
	return err_fail(err, -EINVAL, "%s: not 32 lowercase hex digits", option);
}

static int make_block(
	const struct options *o, struct idblock *block, struct warn *warn, struct err *err)
{
	int rc;

	if (o->digest == NULL || !hex_decode(o->digest, block->digest, SHA384_SIZE))
		return err_fail(err, -EINVAL, "--digest: needs 96 lowercase hex digits");
	if (o->guest_svn > UINT32_MAX)
		return err_fail(err, -EINVAL, "--guest-svn: more than 32 bits");
	block->version = 1;
	block->guest_svn = (uint32_t)o->guest_svn;
	block->policy = o->policy;
	rc = idblock_check_policy(o->policy, warn, err);
	if (rc == 0)
		rc = read_id("--family-id", o->family_id, block->family_id, err);
	if (rc == 0)
		rc = read_id("--image-id", o->image_id, block->image_id, err);
	if (rc == 0 && o->strict && warn->count > 0)
		return err_fail(err, -EINVAL, "--strict: %s", warn->lines[0]);
	return rc;
}

static int check_create(const struct options *o, struct err *err)
{
	bool author = o->author_key != NULL || o->author_pubkey != NULL;

	if ((o->id_key == NULL) == (o->id_pubkey == NULL))
		return err_fail(err, -EINVAL, "one of --id-key and --id-pubkey is needed");
	if (o->author_key != NULL && o->author_pubkey != NULL)
		return err_fail(
			err, -EINVAL, "--author-key and --author-pubkey exclude each other");
	if (o->to_sign != NULL && o->id_auth != NULL)
		return err_fail(err, -EINVAL, "--to-sign comes before there is an --id-auth");
	if (o->to_sign == NULL && (o->id_block == NULL || o->id_auth == NULL))
		return err_fail(err, -EINVAL, "--id-block and --id-auth, or --to-sign, are needed");
	if (o->to_sign == NULL && o->id_pubkey != NULL && o->signature == NULL)
		return err_fail(err, -EINVAL, "--id-pubkey needs --to-sign or --signature");
	if (o->to_sign == NULL && o->author_pubkey != NULL && o->author_signature == NULL)
		return err_fail(
			err, -EINVAL, "--author-pubkey needs --to-sign or --author-signature");
	if (o->id_key != NULL && o->signature != NULL)
		return err_fail(err, -EINVAL, "--signature goes with --id-pubkey");
	if (o->author_signature != NULL && o->author_pubkey == NULL)
		return err_fail(err, -EINVAL, "--author-signature goes with --author-pubkey");
	if (o->author_to_sign != NULL && (o->to_sign == NULL || !author))
		return err_fail(
			err, -EINVAL, "--author-to-sign goes with --to-sign and an author key");
	return 0;
}

static int sign_all(const struct options *o, const struct buf *id_pem, const struct buf *author_pem,
	const unsigned char *block, struct idblock_auth *auth, struct err *err)
{
	int rc = sign(id_pem, o->id_key, o->signature, &auth->id_key, block, IDBLOCK_SIZE,
		"ID block", &auth->block_sig, err);

	if (rc != 0 || !auth->has_author)
		return rc;
	return sign(author_pem, o->author_key, o->author_signature, &auth->author_key,
		auth->id_key.bytes, IDBLOCK_KEY_SIZE, "ID key", &auth->id_key_sig, err);
}

static int add_key_digest(
	const char *name, const struct idblock_key *key, struct buf *to, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	char hex[2 * SHA384_SIZE + 1];
	int rc = idblock_key_digest(key, digest, err);

	if (rc != 0)
		return rc;
	hex_encode(digest, sizeof(digest), hex);
	buf_fmt(to, "%s %s\n", name, hex);
	return 0;
}

static int add_key_digests(const struct idblock_auth *auth, struct buf *to, struct err *err)
{
	int rc = add_key_digest("id_key_digest", &auth->id_key, to, err);

	return rc != 0 || !auth->has_author
		       ? rc
		       : add_key_digest("author_key_digest", &auth->author_key, to, err);
}

static int create(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	const char *id_path = o->id_key != NULL ? o->id_key : o->id_pubkey;
	const char *author_path = o->author_key != NULL ? o->author_key : o->author_pubkey;
	unsigned char block_bytes[IDBLOCK_SIZE], auth_bytes[IDBLOCK_AUTH_SIZE];
	struct idblock_auth auth = {.has_author = author_path != NULL};
	BUF_AUTO id_pem = {0}, author_pem = {0};
	struct idblock block = {.version = 0};
	WARN_AUTO warn = {.count = 0};
	int rc = check_create(o, err);

	(void)args;
	(void)count;
	if (rc == 0)
		rc = make_block(o, &block, &warn, err);
	if (rc == 0)
		rc = read_key(id_path, &id_pem, &auth.id_key, err);
	if (rc == 0 && author_path != NULL)
		rc = read_key(author_path, &author_pem, &auth.author_key, err);
	if (rc != 0)
		return rc;
	idblock_write(&block, block_bytes);
	if (o->to_sign == NULL) {
		rc = sign_all(o, &id_pem, &author_pem, block_bytes, &auth, err);
		idblock_auth_write(&auth, auth_bytes);
		if (rc == 0)
			rc = publish(o, o->id_auth, auth_bytes, sizeof(auth_bytes), err);
	} else {
		rc = io_publish(o->to_sign, block_bytes, sizeof(block_bytes), err);
		if (rc == 0 && o->author_to_sign != NULL)
			rc = io_publish(
				o->author_to_sign, auth.id_key.bytes, IDBLOCK_KEY_SIZE, err);
	}
	if (rc == 0)
		rc = publish(o, o->id_block, block_bytes, sizeof(block_bytes), err);
	for (size_t i = 0; i < warn.count; i++)
		cli_note(ret, "warning: %s", warn.lines[i]);
	return rc != 0 ? rc : add_key_digests(&auth, &ret->text, err);
}

static int run_create(int argc, char **argv)
{
	struct options o = {.policy = IDBLOCK_POLICY_DEFAULT};
	const struct opt opts[] = {
		{"digest", 'd', OPT_STR, &o.digest, "HEX", "the launch digest"},
		{"id-key", 0, OPT_STR, &o.id_key, "PEM", "private ID key (P-384)"},
		{"id-pubkey", 0, OPT_STR, &o.id_pubkey, "PEM",
			"public ID key, when another program signs"},
		{"author-key", 0, OPT_STR, &o.author_key, "PEM", "private author key"},
		{"author-pubkey", 0, OPT_STR, &o.author_pubkey, "PEM", "public author key"},
		{"id-block", 0, OPT_STR, &o.id_block, "FILE", "write the ID block (96 bytes)"},
		{"id-auth", 0, OPT_STR, &o.id_auth, "FILE",
			"write the ID authentication (4096 bytes)"},
		{"base64", 0, OPT_FLAG, &o.base64, NULL,
			"write both in base64, as QEMU takes them"},
		{"family-id", 0, OPT_STR, &o.family_id, "HEX", "32 digits; zero unless given"},
		{"image-id", 0, OPT_STR, &o.image_id, "HEX", "32 digits; zero unless given"},
		{"guest-svn", 0, OPT_U64, &o.guest_svn, "N", "security version; 0 unless given"},
		{"policy", 0, OPT_U64, &o.policy, "N", "guest policy; 0x30000 unless given"},
		{"to-sign", 0, OPT_STR, &o.to_sign, "FILE",
			"write what the ID key is to sign, and stop there"},
		{"author-to-sign", 0, OPT_STR, &o.author_to_sign, "FILE",
			"write what the author key is to sign"},
		{"signature", 0, OPT_STR, &o.signature, "FILE",
			"the ID key's signature in DER (ECDSA, SHA-384)"},
		{"author-signature", 0, OPT_STR, &o.author_signature, "FILE",
			"the author key's signature in DER"},
		{"strict", 0, OPT_FLAG, &o.strict, NULL, "refuse what is warned of"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "idblock create --digest HEX --id-key PEM --id-block FILE --id-auth FILE "
			 "[options]",
		.summary = "Makes the ID block of a launch digest and signs it. Prints the digests "
			   "of the keys.",
		.opts = opts,
	};

	return cli_run(&verb, argc, argv, create, &o);
}

/* --- inspect --- */

/* Reads a file of @size bytes, or of their base64. */
static int read_binary(const char *path, size_t size, struct buf *ret, struct err *err)
{
	BUF_AUTO text = {0};
	unsigned char *at;
	size_t len;
	int rc = io_read_file(path, 2 * IDBLOCK_AUTH_SIZE, &text, err);
	int n;

	if (rc != 0)
		return rc;
	if (text.len == size) {
		buf_add(ret, text.data, text.len);
		return buf_check(ret, err);
	}
	len = text.len;
	while (len > 0 && text.data[len - 1] == '\n')
		len--;
	if (len != (size + 2) / 3 * 4)
		return err_fail(
			err, -EBADMSG, "%s: neither %zu bytes nor their base64", path, size);
	at = buf_grow(ret, len / 4 * 3);
	if (at == NULL)
		return buf_check(ret, err);
	n = EVP_DecodeBlock(at, text.data, (int)len);
	if (n < (int)size)
		return err_fail(err, -EBADMSG, "%s: not base64", path);
	ret->len = size;
	return 0;
}

static int read_block(const char *path, struct idblock *ret, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc = read_binary(path, IDBLOCK_SIZE, &bytes, err);

	if (rc != 0)
		return rc;
	rc = idblock_parse(bytes.data, bytes.len, ret, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

static int read_auth(const char *path, struct idblock_auth *ret, struct err *err)
{
	BUF_AUTO bytes = {0};
	int rc = read_binary(path, IDBLOCK_AUTH_SIZE, &bytes, err);

	if (rc != 0)
		return rc;
	rc = idblock_auth_parse(bytes.data, bytes.len, ret, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static int set_key(json_t *doc, const char *name, const struct idblock_key *key, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	int rc = idblock_key_digest(key, digest, err);

	if (rc == 0 && !set(doc, name, json_doc_hex_new(digest, sizeof(digest))))
		rc = err_fail(err, -ENOMEM, "out of memory");
	return rc;
}

static int block_json(
	const struct idblock *block, const struct idblock_auth *auth, json_t **ret, struct err *err)
{
	char policy[24];
	JSON_AUTO *doc = NULL;
	int rc = 0;

	snprintf(policy, sizeof(policy), "0x%llx", (unsigned long long)block->policy);
	doc = json_pack("{s:s, s:o, s:o, s:o, s:I, s:s}", "schema", "assay-idblock/1",
		"launch_digest", json_doc_hex_new(block->digest, SHA384_SIZE), "family_id",
		json_doc_hex_new(block->family_id, IDBLOCK_ID_SIZE), "image_id",
		json_doc_hex_new(block->image_id, IDBLOCK_ID_SIZE), "guest_svn",
		(json_int_t)block->guest_svn, "policy", policy);
	if (doc == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (auth != NULL)
		rc = set_key(doc, "id_key_digest", &auth->id_key, err);
	if (rc == 0 && auth != NULL && auth->has_author)
		rc = set_key(doc, "author_key_digest", &auth->author_key, err);
	if (rc == 0)
		*ret = json_incref(doc);
	return rc;
}

/* "name value" for each field, in the order of their names. */
static void add_fields(json_t *doc, struct buf *to)
{
	static const char *const order[] = {"launch_digest", "family_id", "image_id", "guest_svn",
		"policy", "id_key_digest", "author_key_digest"};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const json_t *value = json_object_get(doc, order[i]);

		if (json_is_string(value))
			buf_fmt(to, "%s %s\n", order[i], json_string_value(value));
		else if (json_is_integer(value))
			buf_fmt(to, "%s %lld\n", order[i], (long long)json_integer_value(value));
	}
}

static int inspect(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct options *o = options;
	struct idblock_auth auth;
	JSON_AUTO *doc = NULL;
	struct idblock block;
	bool json;
	int rc = cli_format(o->format, &json, err);

	(void)count;
	if (rc == 0)
		rc = read_block(args[0], &block, err);
	if (rc == 0 && o->id_auth != NULL)
		rc = read_auth(o->id_auth, &auth, err);
	if (rc == 0 && o->id_auth != NULL)
		rc = idblock_auth_verify(&auth, &block, err);
	if (rc == 0)
		rc = block_json(&block, o->id_auth != NULL ? &auth : NULL, &doc, err);
	if (rc != 0)
		return rc;
	if (json)
		return json_doc_write(doc, &ret->text, err);
	add_fields(doc, &ret->text);
	return 0;
}

static int run_inspect(int argc, char **argv)
{
	struct options o = {.format = NULL};
	const struct opt opts[] = {
		{"id-auth", 0, OPT_STR, &o.id_auth, "FILE",
			"the ID authentication: its signatures are checked"},
		{"format", 0, OPT_STR, &o.format, "text|json", "of the output; text unless given"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "idblock inspect ID-BLOCK [--id-auth FILE]",
		.summary =
			"Shows an ID block (binary or base64). Exit status 1 when a signature is "
			"not good.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, inspect, &o);
}

/* --- digest --- */

static int key_digest(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	char hex[2 * SHA384_SIZE + 1];
	struct idblock_key key;
	BUF_AUTO pem = {0};
	int rc = read_key(args[0], &pem, &key, err);

	(void)options;
	(void)count;
	if (rc == 0)
		rc = idblock_key_digest(&key, digest, err);
	if (rc != 0)
		return rc;
	hex_encode(digest, sizeof(digest), hex);
	buf_fmt(&ret->text, "%s\n", hex);
	return 0;
}

static int run_digest(int argc, char **argv)
{
	const struct opt opts[] = {OPT_END};
	const struct opt_verb verb = {
		.usage = "idblock digest KEY",
		.summary = "Prints the digest of an ID key or author key (PEM) as an attestation "
			   "report shows it.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, key_digest, NULL);
}

int cmd_idblock(int argc, char **argv)
{
	static const struct cli_verb rows[] = {
		{"create", run_create, "make and sign an ID block"},
		{"inspect", run_inspect, "show an ID block and check its signatures"},
		{"digest", run_digest, "the digest of a key"},
	};
	static const struct cli_verbs verbs = {"idblock",
		"The signed statement about a launch that SNP firmware checks.", rows,
		sizeof(rows) / sizeof(*rows)};

	return cli_choose(&verbs, argc, argv);
}
