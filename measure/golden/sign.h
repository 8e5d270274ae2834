/*
 * Signed builds: an in-toto Statement v1 whose subjects are the files of a directory, in a DSSE envelope inside a Sigstore
 * bundle v0.3 with a plain public key (no certificate, no transparency log).
 *
 * DSSE v1.0.2: the signature is over PAE = "DSSEv1 " LEN(type) " " type " " LEN(payload) " " payload.
 * ECDSA P-256 with SHA-256, P-384 with SHA-384 (DER), and Ed25519.
 */
#ifndef MEASURE_GOLDEN_SIGN_H
#define MEASURE_GOLDEN_SIGN_H

#include <jansson.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"

#define SIGN_FILES_MAX	    65536
#define SIGN_PATH_MAX	    4096
#define SIGN_DEPTH_MAX	    64
#define SIGN_KEY_BYTES_MAX  (64u << 10)
#define SIGN_BUNDLE_MAX	    (64u << 20)
#define SIGN_MEDIA_TYPE	    "application/vnd.dev.sigstore.bundle.v0.3+json"
#define SIGN_PAYLOAD_TYPE   "application/vnd.in-toto+json"
#define SIGN_STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define SIGN_PREDICATE_TYPE "urn:assay:golden:v1"

/* A key; EVP_PKEY inside. A zeroed one may be passed to sign_key_done. */
struct sign_key {
	void *pkey;    /* owned */
	char hint[64]; /* base64 of the SHA-256 of the public key (SubjectPublicKeyInfo) */
};

void sign_key_done(struct sign_key *key);
#define SIGN_KEY_AUTO __attribute__((cleanup(sign_key_done))) struct sign_key

/* Reads a PEM private key without a passphrase; -ENOTSUP for other algorithms than the three. */
int sign_key_private(const char *path, struct sign_key *ret, struct err *err) MUST_CHECK;

/* Reads a PEM public key (SubjectPublicKeyInfo). */
int sign_key_public(const char *path, struct sign_key *ret, struct err *err) MUST_CHECK;

/* Signs or checks @n bytes as they are. A signature that does not fit is -EKEYREJECTED. */
int sign_bytes(const struct sign_key *key, const void *data, size_t n, struct buf *ret,
	struct err *err) MUST_CHECK;
int sign_check_bytes(const struct sign_key *key, const void *data, size_t n, const void *signature,
	size_t signature_len, struct err *err) MUST_CHECK;

/*
 * The statement about every file below @dir, in the order of their names: path to SHA-256. golden.json and manifest.json,
 * where they are there, are in the predicate too. -EINVAL for anything but files and directories.
 */
int sign_statement(const char *dir, json_t **ret, struct err *err) MUST_CHECK;

/* Appends the bundle. */
int sign_bundle(const json_t *statement, const struct sign_key *key, struct buf *ret,
	struct err *err) MUST_CHECK;

/*
 * Checks a bundle: its signature, and that @dir holds exactly the files that it names. @what names it in errors. -EBADMSG
 * for a malformed bundle, -EKEYREJECTED for all that differs. @ret_statement (owned) may be NULL.
 */
int sign_verify(const void *bundle, size_t len, const char *what, const struct sign_key *key,
	const char *dir, json_t **ret_statement, struct err *err) MUST_CHECK;

#endif
