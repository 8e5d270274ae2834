/* Keys, signatures, statements and bundles (sign.h). */
#define _GNU_SOURCE
#include "measure/golden/sign.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"

#define SIGNATURE_MAX 256

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

/* --- keys --- */

void sign_key_done(struct sign_key *key)
{
	EVP_PKEY_free(key->pkey);
	*key = (struct sign_key){.pkey = NULL};
}

/* The hash that goes with a key; *@ret is NULL for Ed25519. False for other keys. */
static bool hash_of(EVP_PKEY *pkey, const EVP_MD **ret)
{
	char group[64] = "";

	*ret = NULL;
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519)
		return true;
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC ||
		EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1)
		return false;
	if (strcmp(group, "prime256v1") == 0)
		*ret = EVP_sha256();
	else if (strcmp(group, "secp384r1") == 0)
		*ret = EVP_sha384();
	return *ret != NULL;
}

static int make_hint(struct sign_key *key, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	unsigned char *der = NULL;
	BUF_AUTO text = {0};
	int len = i2d_PUBKEY(key->pkey, &der);
	int rc;

	if (len <= 0)
		return out_of_memory(err);
	rc = digest_bytes(DIGEST_SHA256, der, (size_t)len, digest, err);
	OPENSSL_free(der);
	if (rc != 0)
		return rc;
	base64_encode(digest, sizeof(digest), &text);
	snprintf(key->hint, sizeof(key->hint), "%s", buf_cstr(&text));
	return buf_check(&text, err);
}

static int no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int read_key(const char *path, bool private, struct sign_key *ret, struct err *err)
{
	SIGN_KEY_AUTO key = {.pkey = NULL};
	BUF_AUTO pem = {0};
	const EVP_MD *hash;
	BIO *bio;
	int rc = io_read_file(path, SIGN_KEY_BYTES_MAX, &pem, err);

	if (rc != 0)
		return rc;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	if (bio == NULL)
		return out_of_memory(err);
	key.pkey = private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
			   : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	/* What the key's bytes were is nobody else's business. */
	if (pem.data != NULL)
		OPENSSL_cleanse(pem.data, pem.len);
	if (key.pkey == NULL)
		return err_fail(err, -EBADMSG, "%s: no %s key in PEM (without a passphrase)", path,
			private ? "private" : "public");
	if (!hash_of(key.pkey, &hash))
		return err_fail(
			err, -ENOTSUP, "%s: not an ECDSA P-256, P-384 or Ed25519 key", path);
	rc = make_hint(&key, err);
	if (rc != 0)
		return rc;
	*ret = key;
	key = (struct sign_key){.pkey = NULL};
	return 0;
}

int sign_key_private(const char *path, struct sign_key *ret, struct err *err)
{
	return read_key(path, true, ret, err);
}

int sign_key_public(const char *path, struct sign_key *ret, struct err *err)
{
	return read_key(path, false, ret, err);
}

int sign_bytes(
	const struct sign_key *key, const void *data, size_t n, struct buf *ret, struct err *err)
{
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	const EVP_MD *hash = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && hash_of(key->pkey, &hash) &&
		    EVP_DigestSignInit(ctx, NULL, hash, NULL, key->pkey) == 1 &&
		    EVP_DigestSign(ctx, signature, &len, data, n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		return err_fail(err, -EIO, "the signature cannot be made");
	buf_add(ret, signature, len);
	return buf_check(ret, err);
}

int sign_check_bytes(const struct sign_key *key, const void *data, size_t n, const void *signature,
	size_t signature_len, struct err *err)
{
	const EVP_MD *hash = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	if (ctx == NULL)
		return out_of_memory(err);
	good = hash_of(key->pkey, &hash) &&
	       EVP_DigestVerifyInit(ctx, NULL, hash, NULL, key->pkey) == 1 &&
	       EVP_DigestVerify(ctx, signature, signature_len, data, n) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : err_fail(err, -EKEYREJECTED, "the signature is not of this key");
}

/* --- the files of a directory --- */

struct files {
	char **names; /* owned: paths relative to the directory */
	size_t count, cap;
};

static void files_done(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->names[i]);
	free(files->names);
}

static int add_name(struct files *files, char *name, struct err *err)
{
	if (files->count == files->cap) {
		size_t cap = files->cap == 0 ? 64 : 2 * files->cap;
		char **names = realloc(files->names, cap * sizeof(*names));

		if (names == NULL) {
			free(name);
			return out_of_memory(err);
		}
		files->names = names;
		files->cap = cap;
	}
	files->names[files->count++] = name;
	return files->count <= SIGN_FILES_MAX
		       ? 0
		       : err_fail(err, -EINVAL, "more than %d files", SIGN_FILES_MAX);
}

static int walk(
	const char *dir, const char *below, int depth, struct files *files, struct err *err);

static int visit(const char *dir, char *name, int depth, struct files *files, struct err *err)
{
	char *owned AUTO_FREE = name;
	char *path AUTO_FREE = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return out_of_memory(err);
	}
	if (strlen(name) > SIGN_PATH_MAX)
		return err_fail(err, -EINVAL, "%s: too long a path", path);
	if (lstat(path, &st) != 0)
		return err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return walk(dir, name, depth + 1, files, err);
	if (!S_ISREG(st.st_mode))
		return err_fail(err, -EINVAL, "%s: not a file or a directory", path);
	owned = NULL;
	return add_name(files, name, err);
}

static int walk_entries(DIR *stream, const char *dir, const char *below, int depth,
	struct files *files, struct err *err)
{
	struct dirent *entry;
	int rc = 0;

	for (errno = 0; rc == 0 && (entry = readdir(stream)) != NULL; errno = 0) {
		char *name;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&name, "%s%s%s", below, *below != '\0' ? "/" : "", entry->d_name) < 0)
			return out_of_memory(err);
		rc = visit(dir, name, depth, files, err);
	}
	if (rc == 0 && errno != 0)
		return err_sys(err, "%s", dir);
	return rc;
}

static int walk(const char *dir, const char *below, int depth, struct files *files, struct err *err)
{
	char *path AUTO_FREE = NULL;
	DIR *stream;
	int rc;

	if (depth > SIGN_DEPTH_MAX)
		return err_fail(err, -EINVAL, "%s/%s: nested too deep", dir, below);
	if (asprintf(&path, "%s/%s", dir, below) < 0) {
		path = NULL;
		return out_of_memory(err);
	}
	stream = opendir(path);
	if (stream == NULL)
		return err_sys(err, "%s", path);
	rc = walk_entries(stream, dir, below, depth, files, err);
	closedir(stream);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_files(const char *dir, struct files *files, struct err *err)
{
	int rc = walk(dir, "", 0, files, err);

	if (rc == 0 && files->count == 0)
		return err_fail(err, -EINVAL, "%s: no files", dir);
	if (rc == 0)
		qsort(files->names, files->count, sizeof(*files->names), by_name);
	return rc;
}

static int hash_file(
	const char *dir, const char *name, unsigned char ret[SHA256_SIZE], struct err *err)
{
	char *path AUTO_FREE = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return out_of_memory(err);
	}
	return io_digest_file(path, DIGEST_SHA256, ret, NULL, err);
}

/* --- the statement --- */

static int add_subject(json_t *subjects, const char *dir, const char *name, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	int rc = hash_file(dir, name, digest, err);

	if (rc != 0)
		return rc;
	return json_array_append_new(
		       subjects, json_pack("{s:s, s:{s:o}}", "name", name, "digest", "sha256",
					 json_doc_hex_new(digest, sizeof(digest)))) == 0
		       ? 0
		       : err_fail(err, -EINVAL, "%s/%s: a name that is not UTF-8", dir, name);
}

/* The documents of a build whose contents a verifier may want without the files. */
static const char *const inlined[][2] = {{"golden", "golden.json"}, {"manifest", "manifest.json"}};

static int add_document(
	json_t *predicate, const char *dir, const char *key, const char *name, struct err *err)
{
	JSON_AUTO *doc = NULL;
	BUF_AUTO text = {0};
	char *path AUTO_FREE = NULL;
	int rc;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return out_of_memory(err);
	}
	if (access(path, F_OK) != 0)
		return 0;
	rc = io_read_file(path, JSON_DOC_MAX, &text, err);
	if (rc == 0)
		rc = json_doc_parse(text.data, text.len, path, &doc, err);
	if (rc == 0 && json_object_set(predicate, key, doc) != 0)
		rc = out_of_memory(err);
	return rc;
}

int sign_statement(const char *dir, json_t **ret, struct err *err)
{
	struct files files __attribute__((cleanup(files_done))) = {.names = NULL};
	JSON_AUTO *statement = json_pack("{s:s, s:s, s:[], s:{}}", "_type", SIGN_STATEMENT_TYPE,
		"predicateType", SIGN_PREDICATE_TYPE, "subject", "predicate");
	json_t *subjects = json_object_get(statement, "subject");
	int rc = subjects == NULL ? out_of_memory(err) : list_files(dir, &files, err);

	for (size_t i = 0; rc == 0 && i < files.count; i++)
		rc = add_subject(subjects, dir, files.names[i], err);
	for (size_t i = 0; rc == 0 && i < sizeof(inlined) / sizeof(*inlined); i++)
		rc = add_document(json_object_get(statement, "predicate"), dir, inlined[i][0],
			inlined[i][1], err);
	if (rc == 0)
		*ret = json_incref(statement);
	return rc;
}

/* --- the bundle --- */

static int make_pae(const void *payload, size_t len, struct buf *ret, struct err *err)
{
	buf_fmt(ret, "DSSEv1 %zu %s %zu ", strlen(SIGN_PAYLOAD_TYPE), SIGN_PAYLOAD_TYPE, len);
	buf_add(ret, payload, len);
	return buf_check(ret, err);
}

int sign_bundle(
	const json_t *statement, const struct sign_key *key, struct buf *ret, struct err *err)
{
	BUF_AUTO payload = {0}, pae = {0}, signature = {0}, payload_text = {0},
		 signature_text = {0};
	JSON_AUTO *bundle = NULL;
	int rc = json_doc_write(statement, &payload, err);

	if (rc == 0)
		rc = make_pae(payload.data, payload.len, &pae, err);
	if (rc == 0)
		rc = sign_bytes(key, pae.data, pae.len, &signature, err);
	if (rc != 0)
		return rc;
	base64_encode(payload.data, payload.len, &payload_text);
	base64_encode(signature.data, signature.len, &signature_text);
	bundle = json_pack("{s:s, s:{s:{s:s}, s:[]}, s:{s:s, s:s, s:[{s:s, s:s}]}}", "mediaType",
		SIGN_MEDIA_TYPE, "verificationMaterial", "publicKey", "hint", key->hint,
		"tlogEntries", "dsseEnvelope", "payload", buf_cstr(&payload_text), "payloadType",
		SIGN_PAYLOAD_TYPE, "signatures", "keyid", "", "sig", buf_cstr(&signature_text));
	return json_doc_write(bundle, ret, err);
}

static int need(
	const json_t *object, const char *at, const char *key, const char *want, struct err *err)
{
	const char *got;
	int rc = json_doc_str(object, at, key, &got, err);

	if (rc == 0 && strcmp(got, want) != 0)
		rc = err_fail(err, -ENOTSUP, "%s.%s: not %s", at, key, want);
	return rc;
}

/* Finds the envelope's payload and signature, decoded. */
static int read_envelope(const json_t *envelope, const char *what, struct buf *ret_payload,
	struct buf *ret_signature, struct err *err)
{
	static const char *const keys[] = {"payload", "payloadType", "signatures", NULL};
	static const char *const signature_keys[] = {"keyid", "sig", NULL};
	const char *at = "$.dsseEnvelope";
	const char *payload, *signature;
	json_t *signatures;
	int rc = json_doc_only(envelope, at, keys, err);

	if (rc == 0)
		rc = need(envelope, at, "payloadType", SIGN_PAYLOAD_TYPE, err);
	if (rc == 0)
		rc = json_doc_str(envelope, at, "payload", &payload, err);
	if (rc == 0)
		rc = json_doc_array(envelope, at, "signatures", &signatures, err);
	if (rc == 0 && json_array_size(signatures) != 1)
		rc = err_fail(err, -EBADMSG, "%s.signatures: %zu, not one", at,
			json_array_size(signatures));
	if (rc == 0)
		rc = json_doc_only(
			json_array_get(signatures, 0), "$.signatures[0]", signature_keys, err);
	if (rc == 0)
		rc = json_doc_str(
			json_array_get(signatures, 0), "$.signatures[0]", "sig", &signature, err);
	if (rc == 0)
		rc = base64_decode(payload, strlen(payload), what, ret_payload, err);
	return rc == 0 ? base64_decode(signature, strlen(signature), what, ret_signature, err) : rc;
}

/* The payload of a bundle whose signature is the key's. */
static int open_bundle(const void *text, size_t len, const char *what, const struct sign_key *key,
	struct buf *ret_payload, struct err *err)
{
	static const char *const keys[] = {
		"mediaType", "verificationMaterial", "dsseEnvelope", NULL};
	JSON_AUTO *bundle = NULL;
	BUF_AUTO signature = {0}, pae = {0};
	json_t *envelope;
	int rc = json_doc_parse(text, len, what, &bundle, err);

	if (rc != 0)
		return rc;
	rc = json_doc_only(bundle, "$", keys, err);
	if (rc == 0)
		rc = need(bundle, "$", "mediaType", SIGN_MEDIA_TYPE, err);
	if (rc == 0)
		rc = json_doc_object(bundle, "$", "dsseEnvelope", &envelope, err);
	if (rc == 0)
		rc = read_envelope(envelope, what, ret_payload, &signature, err);
	if (rc == 0)
		rc = make_pae(ret_payload->data, ret_payload->len, &pae, err);
	if (rc == 0)
		rc = sign_check_bytes(key, pae.data, pae.len, signature.data, signature.len, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", what);
}

/* --- verifying --- */

static int read_subject(const json_t *subject, const char **ret_name,
	unsigned char ret[SHA256_SIZE], struct err *err)
{
	static const char *const keys[] = {"name", "digest", NULL};
	static const char *const digest_keys[] = {"sha256", NULL};
	json_t *digest;
	int rc = json_doc_only(subject, "$.subject[]", keys, err);

	if (rc == 0)
		rc = json_doc_str(subject, "$.subject[]", "name", ret_name, err);
	if (rc == 0 && !io_is_inside(*ret_name))
		rc = err_fail(
			err, -EBADMSG, "$.subject[]: %s is not inside the directory", *ret_name);
	if (rc == 0)
		rc = json_doc_object(subject, "$.subject[]", "digest", &digest, err);
	if (rc == 0)
		rc = json_doc_only(digest, "$.subject[].digest", digest_keys, err);
	return rc == 0 ? json_doc_hex(digest, "$.subject[].digest", "sha256", ret, SHA256_SIZE, err)
		       : rc;
}

/* Both lists are in the order of names, so that one pass finds what is missing and what is more. */
static int check_subjects(
	const json_t *subjects, const char *dir, const struct files *files, struct err *err)
{
	const char *before = "";

	for (size_t i = 0; i < json_array_size(subjects); i++) {
		unsigned char want[SHA256_SIZE], got[SHA256_SIZE];
		const char *name;
		int rc = read_subject(json_array_get(subjects, i), &name, want, err);

		if (rc == 0 && strcmp(before, name) >= 0)
			rc = err_fail(
				err, -EBADMSG, "$.subject[]: %s: not in order, or twice", name);
		if (rc != 0)
			return rc;
		before = name;
		if (i < files->count && strcmp(files->names[i], name) < 0)
			return err_fail(err, -EKEYREJECTED, "%s/%s: not among the signed files",
				dir, files->names[i]);
		if (i >= files->count || strcmp(files->names[i], name) != 0)
			return err_fail(err, -EKEYREJECTED, "%s/%s: missing", dir, name);
		rc = hash_file(dir, name, got, err);
		if (rc != 0)
			return rc;
		if (memcmp(want, got, SHA256_SIZE) != 0)
			return err_fail(
				err, -EKEYREJECTED, "%s/%s: not what was signed", dir, name);
	}
	if (files->count > json_array_size(subjects))
		return err_fail(err, -EKEYREJECTED, "%s/%s: not among the signed files", dir,
			files->names[json_array_size(subjects)]);
	return 0;
}

/* The predicate's copies must be the files' own contents. */
static int check_documents(const json_t *predicate, const char *dir, struct err *err)
{
	JSON_AUTO *want = json_object();
	int rc = want == NULL ? out_of_memory(err) : 0;

	for (size_t i = 0; rc == 0 && i < sizeof(inlined) / sizeof(*inlined); i++)
		rc = add_document(want, dir, inlined[i][0], inlined[i][1], err);
	if (rc == 0 && !json_equal(want, predicate))
		rc = err_fail(
			err, -EKEYREJECTED, "%s: the predicate's values are not the files'", dir);
	return rc;
}

static int check_statement(const json_t *statement, const char *dir, struct err *err)
{
	static const char *const keys[] = {"_type", "predicateType", "subject", "predicate", NULL};
	struct files files __attribute__((cleanup(files_done))) = {.names = NULL};
	json_t *subjects, *predicate;
	int rc = json_doc_only(statement, "$", keys, err);

	if (rc == 0)
		rc = need(statement, "$", "_type", SIGN_STATEMENT_TYPE, err);
	if (rc == 0)
		rc = need(statement, "$", "predicateType", SIGN_PREDICATE_TYPE, err);
	if (rc == 0)
		rc = json_doc_array(statement, "$", "subject", &subjects, err);
	if (rc == 0)
		rc = json_doc_object(statement, "$", "predicate", &predicate, err);
	if (rc == 0)
		rc = list_files(dir, &files, err);
	if (rc == 0)
		rc = check_subjects(subjects, dir, &files, err);
	return rc == 0 ? check_documents(predicate, dir, err) : rc;
}

int sign_verify(const void *bundle, size_t len, const char *what, const struct sign_key *key,
	const char *dir, json_t **ret_statement, struct err *err)
{
	JSON_AUTO *statement = NULL;
	BUF_AUTO payload = {0};
	int rc = open_bundle(bundle, len, what, key, &payload, err);

	if (rc == 0)
		rc = json_doc_parse(payload.data, payload.len, what, &statement, err);
	if (rc == 0)
		rc = check_statement(statement, dir, err);
	if (rc == 0 && ret_statement != NULL)
		*ret_statement = json_incref(statement);
	return rc;
}
