/*
 * ID block and ID authentication structure (idblock.h).
 *
 * ID block                     ID authentication
 *   0  | 48 | launch digest      0x000 | 4     | ID key algorithm: 1, ECDSA P-384 with SHA-384
 *   48 | 16 | family ID          0x004 | 4     | author key algorithm: 1, or 0 without an author
 *   64 | 16 | image ID           0x040 | 512   | signature of the ID block by the ID key
 *   80 | 4  | version 1          0x240 | 0x404 | ID key
 *   84 | 4  | guest SVN          0x680 | 512   | signature of the ID key by the author key
 *   88 | 8  | policy             0x880 | 0x404 | author key
 *
 * Key: u32 curve (2: P-384), X and Y in 72 bytes each. Signature: R and S in 72 bytes each. All little-endian.
 */
#include "measure/amd/idblock.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define VERSION	    1
#define ALGORITHM   1
#define CURVE_P384  2
#define NUMBER_SIZE 72
#define P384_SIZE   48
#define POINT_SIZE  (1 + 2 * P384_SIZE) /* 4, X, Y big-endian: SEC 1, 2.3.3 */
#define DER_MAX	    256

enum {
	AT_ID_ALGORITHM = 0x000,
	AT_AUTHOR_ALGORITHM = 0x004,
	AT_BLOCK_SIG = 0x040,
	AT_ID_KEY = 0x240,
	AT_ID_KEY_SIG = 0x680,
	AT_AUTHOR_KEY = 0x880,
};

/* Cleanup of libcrypto's objects. */
static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}
static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
static void free_key_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}
static void free_md_ctx(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}
static void free_sig(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}
#define AUTO(fn) __attribute__((cleanup(fn)))

static int crypto_failed(struct err *err)
{
	return err_fail(err, -ENOMEM, "libcrypto failed");
}

int idblock_check_policy(uint64_t policy, struct warn *warn, struct err *err)
{
	if (!(policy & IDBLOCK_POLICY_RESERVED))
		return err_fail(err, -EINVAL, "policy 0x%llx: bit 17 must be one",
			(unsigned long long)policy);
	if (policy & IDBLOCK_POLICY_DEBUG)
		return err_fail(err, -EINVAL, "policy 0x%llx: allows debugging (bit 19)",
			(unsigned long long)policy);
	if (policy & IDBLOCK_POLICY_MIGRATE_MA)
		return err_fail(err, -EINVAL, "policy 0x%llx: allows a migration agent (bit 18)",
			(unsigned long long)policy);
	if (policy & IDBLOCK_POLICY_SMT)
		warn_add(warn, "policy 0x%llx allows SMT (bit 16)", (unsigned long long)policy);
	return 0;
}

void idblock_write(const struct idblock *block, unsigned char ret[IDBLOCK_SIZE])
{
	struct wr wr = wr_init(ret, IDBLOCK_SIZE);

	wr_bytes(&wr, block->digest, SHA384_SIZE);
	wr_bytes(&wr, block->family_id, IDBLOCK_ID_SIZE);
	wr_bytes(&wr, block->image_id, IDBLOCK_ID_SIZE);
	wr_le32(&wr, block->version);
	wr_le32(&wr, block->guest_svn);
	wr_le64(&wr, block->policy);
}

int idblock_parse(const void *bytes, size_t len, struct idblock *ret, struct err *err)
{
	struct rd rd = rd_init(bytes, len);
	struct idblock block;

	rd_copy(&rd, block.digest, SHA384_SIZE);
	rd_copy(&rd, block.family_id, IDBLOCK_ID_SIZE);
	rd_copy(&rd, block.image_id, IDBLOCK_ID_SIZE);
	block.version = rd_le32(&rd);
	block.guest_svn = rd_le32(&rd);
	block.policy = rd_le64(&rd);
	if (rd.bad || rd_left(&rd) != 0)
		return err_fail(
			err, -EBADMSG, "an ID block has %d bytes, not %zu", IDBLOCK_SIZE, len);
	if (block.version != VERSION)
		return err_fail(err, -ENOTSUP, "ID block version %u", block.version);
	*ret = block;
	return 0;
}

static void put_at(struct wr *wr, size_t at, const void *bytes, size_t n)
{
	wr_seek(wr, at);
	wr_bytes(wr, bytes, n);
}

void idblock_auth_write(const struct idblock_auth *auth, unsigned char ret[IDBLOCK_AUTH_SIZE])
{
	struct wr wr = wr_init(ret, IDBLOCK_AUTH_SIZE);

	wr_le32(&wr, ALGORITHM);
	put_at(&wr, AT_BLOCK_SIG, auth->block_sig.bytes, IDBLOCK_SIG_SIZE);
	put_at(&wr, AT_ID_KEY, auth->id_key.bytes, IDBLOCK_KEY_SIZE);
	if (!auth->has_author)
		return;
	wr_seek(&wr, AT_AUTHOR_ALGORITHM);
	wr_le32(&wr, ALGORITHM);
	put_at(&wr, AT_ID_KEY_SIG, auth->id_key_sig.bytes, IDBLOCK_SIG_SIZE);
	put_at(&wr, AT_AUTHOR_KEY, auth->author_key.bytes, IDBLOCK_KEY_SIZE);
}

int idblock_auth_parse(const void *bytes, size_t len, struct idblock_auth *ret, struct err *err)
{
	static const unsigned char nothing[IDBLOCK_KEY_SIZE];
	unsigned char again[IDBLOCK_AUTH_SIZE];
	struct rd rd = rd_init(bytes, len);
	struct idblock_auth auth;
	uint32_t id_algorithm, author_algorithm;

	if (len != IDBLOCK_AUTH_SIZE)
		return err_fail(err, -EBADMSG,
			"an ID authentication structure has %d bytes, not %zu", IDBLOCK_AUTH_SIZE,
			len);
	id_algorithm = rd_le32(&rd);
	author_algorithm = rd_le32(&rd);
	rd_seek(&rd, AT_BLOCK_SIG);
	rd_copy(&rd, auth.block_sig.bytes, IDBLOCK_SIG_SIZE);
	rd_copy(&rd, auth.id_key.bytes, IDBLOCK_KEY_SIZE);
	rd_seek(&rd, AT_ID_KEY_SIG);
	rd_copy(&rd, auth.id_key_sig.bytes, IDBLOCK_SIG_SIZE);
	rd_copy(&rd, auth.author_key.bytes, IDBLOCK_KEY_SIZE);
	auth.has_author = memcmp(auth.author_key.bytes, nothing, sizeof(nothing)) != 0;
	if (id_algorithm != ALGORITHM || (auth.has_author && author_algorithm != ALGORITHM))
		return err_fail(err, -ENOTSUP, "ID authentication with key algorithms %u and %u",
			id_algorithm, author_algorithm);
	/* What is reserved must be zero, as it is in what we write. */
	idblock_auth_write(&auth, again);
	memcpy(again + AT_AUTHOR_ALGORITHM, (const unsigned char *)bytes + AT_AUTHOR_ALGORITHM, 4);
	if (memcmp(again, bytes, sizeof(again)) != 0)
		return err_fail(err, -EBADMSG, "ID authentication: reserved bytes are not zero");
	*ret = auth;
	return 0;
}

/* Never prompts: an encrypted key is refused. */
static int no_password(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

static EVP_PKEY *read_pem(const struct buf *pem, bool private)
{
	AUTO(free_bio) BIO *bio = BIO_new_mem_buf(buf_cstr(pem), (int)pem->len);

	if (bio == NULL)
		return NULL;
	return private ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
		       : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
}

static bool is_p384(EVP_PKEY *key)
{
	char group[32] = "";

	return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "secp384r1") == 0;
}

/* Copies a big-endian number of 48 bytes to a little-endian field. */
static void put_number(unsigned char field[NUMBER_SIZE], const unsigned char *big)
{
	memset(field, 0, NUMBER_SIZE);
	for (int i = 0; i < P384_SIZE; i++)
		field[i] = big[P384_SIZE - 1 - i];
}

static int key_to_abi(EVP_PKEY *key, struct idblock_key *ret, struct err *err)
{
	unsigned char point[POINT_SIZE];
	size_t n = 0;

	if (!is_p384(key))
		return err_fail(err, -EBADMSG, "not a key on the curve P-384");
	if (EVP_PKEY_set_utf8_string_param(
		    key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1 ||
		EVP_PKEY_get_octet_string_param(
			key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof(point), &n) != 1 ||
		n != sizeof(point))
		return crypto_failed(err);
	memset(ret->bytes, 0, sizeof(ret->bytes));
	ret->bytes[0] = CURVE_P384;
	put_number(ret->bytes + 4, point + 1);
	put_number(ret->bytes + 4 + NUMBER_SIZE, point + 1 + P384_SIZE);
	return 0;
}

int idblock_key_read(const struct buf *pem, struct idblock_key *ret, struct err *err)
{
	AUTO(free_key) EVP_PKEY *key = read_pem(pem, true);

	if (key == NULL)
		key = read_pem(pem, false);
	if (key == NULL)
		return err_fail(err, -EBADMSG, "not a key in PEM, or an encrypted one");
	return key_to_abi(key, ret, err);
}

int idblock_key_digest(
	const struct idblock_key *key, unsigned char ret[SHA384_SIZE], struct err *err)
{
	return digest_bytes(DIGEST_SHA384, key->bytes, sizeof(key->bytes), ret, err);
}

int idblock_sig_from_der(const void *der, size_t n, struct idblock_sig *ret, struct err *err)
{
	const unsigned char *at = der;
	AUTO(free_sig) ECDSA_SIG *sig = n > DER_MAX ? NULL : d2i_ECDSA_SIG(NULL, &at, (long)n);
	unsigned char r[P384_SIZE], s[P384_SIZE];

	if (sig == NULL || at != (const unsigned char *)der + n)
		return err_fail(err, -EBADMSG, "not an ECDSA signature in DER");
	if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), r, sizeof(r)) != P384_SIZE ||
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), s, sizeof(s)) != P384_SIZE)
		return err_fail(err, -EBADMSG, "a signature of another curve than P-384");
	memset(ret->bytes, 0, sizeof(ret->bytes));
	put_number(ret->bytes, r);
	put_number(ret->bytes + NUMBER_SIZE, s);
	return 0;
}

int idblock_sign(const struct buf *pem, const void *bytes, size_t n, struct idblock_sig *ret,
	struct err *err)
{
	AUTO(free_key) EVP_PKEY *key = read_pem(pem, true);
	AUTO(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[DER_MAX];
	size_t len = sizeof(der);

	if (key == NULL)
		return err_fail(err, -EBADMSG, "not a private key in PEM, or an encrypted one");
	if (!is_p384(key))
		return err_fail(err, -EBADMSG, "not a key on the curve P-384");
	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) != 1 ||
		EVP_DigestSign(ctx, der, &len, bytes, n) != 1)
		return crypto_failed(err);
	return idblock_sig_from_der(der, len, ret, err);
}

/* Reads a little-endian field as a big-endian number; false when it does not fit the curve. */
static bool get_number(const unsigned char field[NUMBER_SIZE], unsigned char big[P384_SIZE])
{
	for (int i = P384_SIZE; i < NUMBER_SIZE; i++)
		if (field[i] != 0)
			return false;
	for (int i = 0; i < P384_SIZE; i++)
		big[i] = field[P384_SIZE - 1 - i];
	return true;
}

static EVP_PKEY *make_key(const unsigned char point[POINT_SIZE])
{
	AUTO(free_key_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[] = "secp384r1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, (void *)point, POINT_SIZE),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

static EVP_PKEY *key_from_abi(const struct idblock_key *abi)
{
	static const unsigned char nothing[IDBLOCK_KEY_SIZE];
	const unsigned char *rest = abi->bytes + 4 + 2 * NUMBER_SIZE;
	struct rd rd = rd_init(abi->bytes, sizeof(abi->bytes));
	unsigned char point[POINT_SIZE] = {4};

	if (rd_le32(&rd) != CURVE_P384 || !get_number(abi->bytes + 4, point + 1) ||
		!get_number(abi->bytes + 4 + NUMBER_SIZE, point + 1 + P384_SIZE) ||
		memcmp(rest, nothing, (size_t)(abi->bytes + IDBLOCK_KEY_SIZE - rest)) != 0)
		return NULL;
	return make_key(point);
}

/* The signature in DER; 0 when it cannot be one. */
static size_t sig_to_der(const struct idblock_sig *abi, unsigned char der[DER_MAX])
{
	AUTO(free_sig) ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char r[P384_SIZE], s[P384_SIZE];
	BIGNUM *r_number, *s_number;
	unsigned char *at = der;
	int n;

	if (sig == NULL || !get_number(abi->bytes, r) || !get_number(abi->bytes + NUMBER_SIZE, s))
		return 0;
	r_number = BN_bin2bn(r, sizeof(r), NULL);
	s_number = BN_bin2bn(s, sizeof(s), NULL);
	if (r_number == NULL || s_number == NULL || ECDSA_SIG_set0(sig, r_number, s_number) != 1) {
		BN_free(r_number);
		BN_free(s_number);
		return 0;
	}
	n = i2d_ECDSA_SIG(sig, NULL);
	if (n <= 0 || n > DER_MAX)
		return 0;
	n = i2d_ECDSA_SIG(sig, &at);
	return n > 0 ? (size_t)n : 0;
}

int idblock_verify(const struct idblock_key *key, const struct idblock_sig *sig, const void *bytes,
	size_t n, const char *what, struct err *err)
{
	AUTO(free_key) EVP_PKEY *pkey = key_from_abi(key);
	AUTO(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[DER_MAX];
	size_t len = sig_to_der(sig, der);

	if (pkey == NULL)
		return err_fail(
			err, -EBADMSG, "the key that signs the %s is not one of P-384", what);
	if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, pkey) != 1)
		return crypto_failed(err);
	if (len == 0 || EVP_DigestVerify(ctx, der, len, bytes, n) != 1)
		return err_fail(err, -EKEYREJECTED, "the signature of the %s is not good", what);
	return 0;
}

int idblock_auth_verify(
	const struct idblock_auth *auth, const struct idblock *block, struct err *err)
{
	unsigned char bytes[IDBLOCK_SIZE];
	int rc;

	idblock_write(block, bytes);
	rc = idblock_verify(&auth->id_key, &auth->block_sig, bytes, sizeof(bytes), "ID block", err);
	if (rc != 0 || !auth->has_author)
		return rc;
	return idblock_verify(&auth->author_key, &auth->id_key_sig, auth->id_key.bytes,
		sizeof(auth->id_key.bytes), "ID key", err);
}
