/* ID blocks and ID authentication structures: layout, signatures, and every malformed one. */
#include "measure/amd/idblock.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "tests/tap.h"

/* A new key of @curve in PEM. */
static struct buf make_pem(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf pem = {0};
	char *text;
	long n;

	if (key == NULL || bio == NULL ||
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	n = BIO_get_mem_data(bio, &text);
	buf_add(&pem, text, (size_t)n);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return pem;
}

static const struct idblock block = {
	.digest = {1, 2, 3},
	.family_id = {4},
	.image_id = {5},
	.version = 1,
	.guest_svn = 0x01020304,
	.policy = 0x20000,
};

static void test_block(void)
{
	unsigned char bytes[IDBLOCK_SIZE];
	struct idblock again;
	struct err err = {0};

	idblock_write(&block, bytes);
	ok(bytes[0] == 1 && bytes[48] == 4 && bytes[64] == 5 && bytes[80] == 1 && bytes[84] == 4 &&
			bytes[90] == 2,
		"an ID block is laid out as the ABI says");
	is_int(idblock_parse(bytes, sizeof(bytes), &again, &err), 0, "and read again");
	ok(memcmp(&again, &block, sizeof(block)) == 0, "the same");
	is_int(idblock_parse(bytes, sizeof(bytes) - 1, &again, &err), -EBADMSG,
		"bad-short: refused");
	bytes[80] = 2;
	is_int(idblock_parse(bytes, sizeof(bytes), &again, &err), -ENOTSUP, "bad-version: refused");
}

static void test_policy(void)
{
	WARN_AUTO warn = {.count = 0};
	struct err err = {0};

	is_int(idblock_check_policy(0x20000, &warn, &err), 0, "the least policy");
	is_int((long long)warn.count, 0, "nothing to warn of");
	is_int(idblock_check_policy(IDBLOCK_POLICY_DEFAULT, &warn, &err), 0, "the usual policy");
	is_int((long long)warn.count, 1, "SMT is warned of");
	is_int(idblock_check_policy(0x10000, NULL, &err), -EINVAL, "bad-policy-bit-17: refused");
	is_int(idblock_check_policy(0xa0000, NULL, &err), -EINVAL, "bad-policy-debug: refused");
	is_int(idblock_check_policy(0x60000, NULL, &err), -EINVAL, "bad-policy-migrate: refused");
}

static void make_auth(const struct buf *id, const struct buf *author, struct idblock_auth *auth)
{
	unsigned char bytes[IDBLOCK_SIZE];
	struct err err = {0};

	idblock_write(&block, bytes);
	auth->has_author = true;
	if (idblock_key_read(id, &auth->id_key, &err) != 0 ||
		idblock_key_read(author, &auth->author_key, &err) != 0 ||
		idblock_sign(id, bytes, sizeof(bytes), &auth->block_sig, &err) != 0 ||
		idblock_sign(author, auth->id_key.bytes, sizeof(auth->id_key.bytes),
			&auth->id_key_sig, &err) != 0)
		abort();
}

static int verify_bytes(const unsigned char *bytes)
{
	struct idblock_auth auth;
	struct err err = {0};
	int rc = idblock_auth_parse(bytes, IDBLOCK_AUTH_SIZE, &auth, &err);

	return rc != 0 ? rc : idblock_auth_verify(&auth, &block, &err);
}

/* Changes one byte, which must be seen. */
static void spoiled(unsigned char *bytes, size_t at, int code, const char *what)
{
	bytes[at] ^= 1;
	is_int(verify_bytes(bytes), code, what);
	bytes[at] ^= 1;
}

static void test_auth(void)
{
	BUF_AUTO id = make_pem("P-384");
	BUF_AUTO author = make_pem("P-384");
	unsigned char bytes[IDBLOCK_AUTH_SIZE];
	struct idblock_auth auth, again;
	struct idblock other = block;
	struct err err = {0};

	make_auth(&id, &author, &auth);
	idblock_auth_write(&auth, bytes);
	is_int(verify_bytes(bytes), 0, "what was signed is verified");
	other.guest_svn++;
	is_int(idblock_auth_verify(&auth, &other, &err), -EKEYREJECTED, "another block is not");
	spoiled(bytes, 0x40, -EKEYREJECTED, "bad-block-signature");
	spoiled(bytes, 0x680, -EKEYREJECTED, "bad-author-signature");
	spoiled(bytes, 0x40 + 60, -EKEYREJECTED, "bad-signature-number");
	spoiled(bytes, 0x240 + 4, -EBADMSG, "bad-key-off-the-curve");
	spoiled(bytes, 0x240 + 4 + 50, -EBADMSG, "bad-key-number");
	spoiled(bytes, 0x240, -EBADMSG, "bad-key-curve");
	spoiled(bytes, 0x240 + 0x100, -EBADMSG, "bad-key-reserved");
	spoiled(bytes, 0x00, -ENOTSUP, "bad-id-algorithm");
	spoiled(bytes, 0x04, -ENOTSUP, "bad-author-algorithm");
	spoiled(bytes, 0x08, -EBADMSG, "bad-reserved");
	spoiled(bytes, 0xfff, -EBADMSG, "bad-reserved-end");
	is_int(idblock_auth_parse(bytes, sizeof(bytes) - 1, &again, &err), -EBADMSG, "bad-size");
	auth.has_author = false;
	idblock_auth_write(&auth, bytes);
	is_int(verify_bytes(bytes), 0, "without an author the ID key alone is verified");
	is_int(bytes[4], 0, "and no author algorithm is named");
}

static void test_keys(void)
{
	BUF_AUTO p256 = make_pem("P-256");
	BUF_AUTO p384 = make_pem("P-384");
	BUF_AUTO garbage = {0};
	struct idblock_sig sig;
	struct idblock_key key;
	struct err err = {0};

	buf_str(&garbage, "not a key");
	is_int(idblock_key_read(&p384, &key, &err), 0, "a key on P-384 is read");
	is_int(key.bytes[0], 2, "as curve 2");
	is_int(idblock_key_read(&p256, &key, &err), -EBADMSG, "bad-key-p256: refused");
	is_int(idblock_key_read(&garbage, &key, &err), -EBADMSG, "bad-key: refused");
	is_int(idblock_sign(&p256, "", 0, &sig, &err), -EBADMSG, "bad-signing-key-p256: refused");
	is_int(idblock_sign(&garbage, "", 0, &sig, &err), -EBADMSG, "bad-signing-key: refused");
	is_int(idblock_sig_from_der("\x30\x06\x02\x01\x01\x02\x01\x01", 8, &sig, &err), 0,
		"a signature in DER is taken");
	ok(sig.bytes[0] == 1 && sig.bytes[72] == 1 && sig.bytes[1] == 0, "R and S in their places");
	is_int(idblock_sig_from_der("\x30\x06\x02\x01\x01\x02\x01\x01\x00", 9, &sig, &err),
		-EBADMSG, "bad-der-trailing: refused");
	is_int(idblock_sig_from_der("\x30\x06\x02", 3, &sig, &err), -EBADMSG,
		"bad-der-short: refused");
}

int main(void)
{
	test_block();
	test_policy();
	test_auth();
	test_keys();
	return tap_done();
}
