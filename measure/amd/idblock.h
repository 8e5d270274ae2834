/*
 * The ID block and the ID authentication structure of an SNP launch: what an image's owner says the guest must be, and
 * the signatures under it. SEV-SNP ABI 8.18 (tables 75 and 76) and chapter 10 (keys and signatures).
 */
#ifndef MEASURE_AMD_IDBLOCK_H
#define MEASURE_AMD_IDBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "measure/warn.h"

#define IDBLOCK_SIZE	  96
#define IDBLOCK_ID_SIZE	  16
#define IDBLOCK_AUTH_SIZE 4096
#define IDBLOCK_KEY_SIZE  0x404
#define IDBLOCK_SIG_SIZE  512

#define IDBLOCK_POLICY_SMT	  (UINT64_C(1) << 16)
#define IDBLOCK_POLICY_RESERVED	  (UINT64_C(1) << 17) /* must be one */
#define IDBLOCK_POLICY_MIGRATE_MA (UINT64_C(1) << 18)
#define IDBLOCK_POLICY_DEBUG	  (UINT64_C(1) << 19)
#define IDBLOCK_POLICY_DEFAULT	  (IDBLOCK_POLICY_RESERVED | IDBLOCK_POLICY_SMT)

struct idblock {
	unsigned char digest[SHA384_SIZE]; /* the launch digest */
	unsigned char family_id[IDBLOCK_ID_SIZE];
	unsigned char image_id[IDBLOCK_ID_SIZE];
	uint32_t version; /* 1 */
	uint32_t guest_svn;
	uint64_t policy;
};

/* Key and signature in the ABI's own form. */
struct idblock_key {
	unsigned char bytes[IDBLOCK_KEY_SIZE];
};
struct idblock_sig {
	unsigned char bytes[IDBLOCK_SIG_SIZE];
};

struct idblock_auth {
	struct idblock_sig block_sig; /* of the ID block, by the ID key */
	struct idblock_key id_key;
	bool has_author;
	struct idblock_sig id_key_sig; /* of the ID key, by the author key */
	struct idblock_key author_key;
};

/* -EINVAL for a policy whose bit 17 is zero or that allows debugging or a migration agent. */
int idblock_check_policy(uint64_t policy, struct warn *warn, struct err *err) MUST_CHECK;

void idblock_write(const struct idblock *block, unsigned char ret[IDBLOCK_SIZE]);
int idblock_parse(const void *bytes, size_t len, struct idblock *ret, struct err *err) MUST_CHECK;

void idblock_auth_write(const struct idblock_auth *auth, unsigned char ret[IDBLOCK_AUTH_SIZE]);
int idblock_auth_parse(
	const void *bytes, size_t len, struct idblock_auth *ret, struct err *err) MUST_CHECK;

/* A P-384 key from PEM, private or public; -EBADMSG for anything else, encrypted ones included. */
int idblock_key_read(const struct buf *pem, struct idblock_key *ret, struct err *err) MUST_CHECK;

/* SHA-384 of the key, as the attestation report shows it. */
int idblock_key_digest(
	const struct idblock_key *key, unsigned char ret[SHA384_SIZE], struct err *err) MUST_CHECK;

/* Signs @n bytes with the private key in PEM: ECDSA over P-384 with SHA-384. */
int idblock_sign(const struct buf *pem, const void *bytes, size_t n, struct idblock_sig *ret,
	struct err *err) MUST_CHECK;

/* An external signer's signature in DER (as openssl dgst -sign writes it). */
int idblock_sig_from_der(
	const void *der, size_t n, struct idblock_sig *ret, struct err *err) MUST_CHECK;

/* 0 when @sig is @key's signature of the bytes, -EKEYREJECTED when it is not, -EBADMSG for a malformed key. @what names
 * what was signed. */
int idblock_verify(const struct idblock_key *key, const struct idblock_sig *sig, const void *bytes,
	size_t n, const char *what, struct err *err) MUST_CHECK;

/* All signatures of an ID authentication structure over @block. */
int idblock_auth_verify(
	const struct idblock_auth *auth, const struct idblock *block, struct err *err) MUST_CHECK;

#endif
