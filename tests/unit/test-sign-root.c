/* The signature of a root hash: libcrypto verifies it, it is the same every time; every refusal. */
#define _GNU_SOURCE
#include "mkimage/fs/sign-root.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

static char dir[] = "/tmp/assay-sign-root.XXXXXX";
static unsigned char root_hash[SHA256_SIZE] = {0xab, 0xcd, 1, 2, 3};

static char *path_of(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		abort();
	return path;
}

/* Writes a key and a certificate for it. */
static void make(const char *name, EVP_PKEY *key)
{
	AUTO_FREE char *key_path = NULL;
	AUTO_FREE char *cert_path = NULL;
	X509 *cert = X509_new();
	char base[64];
	FILE *file;

	snprintf(base, sizeof(base), "%s.key", name);
	key_path = path_of(base);
	snprintf(base, sizeof(base), "%s.crt", name);
	cert_path = path_of(base);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	ok(X509_sign(cert, key, EVP_sha256()) > 0, "a certificate");
	file = fopen(key_path, "w");
	ok(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
			fclose(file) == 0,
		"the key's file");
	file = fopen(cert_path, "w");
	ok(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0,
		"the certificate's file");
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int load(struct sign_root *sign, const char *key, const char *cert, struct err *err)
{
	AUTO_FREE char *key_path = path_of(key);
	AUTO_FREE char *cert_path = path_of(cert);

	return sign_root_load(sign, key_path, cert_path, err);
}

/* What the kernel does with it: the certificate it knows, the text as data. */
static bool verifies(const struct sign_root *sign, const struct buf *der, const char *text)
{
	const unsigned char *at = der->data;
	PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)der->len);
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *data = BIO_new_mem_buf(text, (int)strlen(text));
	bool good;

	sk_X509_push(certs, sign->cert);
	good = PKCS7_verify(pkcs7, certs, NULL, data, NULL, PKCS7_NOVERIFY | PKCS7_BINARY) == 1;
	BIO_free(data);
	sk_X509_free(certs);
	PKCS7_free(pkcs7);
	return good;
}

static void test_sign(void)
{
	SIGN_ROOT_AUTO sign = {0};
	BUF_AUTO der = {0}, again = {0}, json = {0}, inside = {0};
	char text[2 * SHA256_SIZE + 1], want[200];
	unsigned char digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct err err = {0};
	size_t n;

	is_int(load(&sign, "rsa.key", "rsa.crt", &err), 0, "key and certificate");
	ok(sign_root_pkcs7(&sign, root_hash, &der, &err) == 0 &&
			sign_root_pkcs7(&sign, root_hash, &again, &err) == 0,
		"signed twice %s", err.msg);
	ok(der.len == again.len && memcmp(der.data, again.data, der.len) == 0, "the same bytes");
	hex_encode(root_hash, sizeof(root_hash), text);
	ok(verifies(&sign, &der, text), "libcrypto verifies it");
	text[5] ^= 1;
	ok(!verifies(&sign, &der, text), "but not for another root hash");
	text[5] ^= 1;
	ok(memmem(der.data, der.len, "rsa", 3) != NULL && der.len < 600,
		"it names the certificate and does not hold it");

	is_int(sign_root_json(&sign, root_hash, &json, &err), 0, "the JSON text");
	if (X509_digest(sign.cert, EVP_sha256(), digest, NULL) != 1)
		abort();
	hex_encode(digest, sizeof(digest), hex);
	n = (size_t)snprintf(want, sizeof(want),
		"{\"certificateFingerprint\":\"%s\",\"rootHash\":\"%s\",\"signature\":\"", hex,
		text);
	ok(json.len > n + 2 && memcmp(json.data, want, n) == 0, "its fields");
	is_str(buf_cstr(&json) + json.len - 2, "\"}", "its end");
	ok(base64_decode(buf_cstr(&json) + n, json.len - n - 2, "json", &inside, &err) == 0 &&
			inside.len == der.len && memcmp(inside.data, der.data, der.len) == 0,
		"its signature");
}

static void test_bad(void)
{
	static const struct {
		const char *key, *cert;
		int code;
		const char *why;
	} cases[] = {
		{"none.key", "rsa.crt", -ENOENT, "none.key: No such file or directory"},
		{"rsa.key", "none.crt", -ENOENT, "none.crt: No such file or directory"},
		{"rsa.crt", "rsa.crt", -EBADMSG,
			"rsa.crt: no private key in PEM without a passphrase"},
		{"secret.key", "rsa.crt", -EBADMSG,
			"secret.key: no private key in PEM without a passphrase"},
		{"rsa.key", "rsa.key", -EBADMSG, "rsa.key: no certificate in PEM"},
		{"rsa.key", "ec.crt", -EINVAL, "ec.crt: not the certificate of the key"},
		{"ec.key", "ec.crt", -ENOTSUP,
			"ec.key: not an RSA key, whose signatures alone are always the same"},
	};
	AUTO_FREE char *secret = path_of("secret.key");
	EVP_PKEY *key = EVP_RSA_gen(2048);
	FILE *file = fopen(secret, "w");

	ok(file != NULL &&
			PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(),
				(const unsigned char *)"secret", 6, NULL, NULL) == 1 &&
			fclose(file) == 0,
		"a key with a passphrase");
	EVP_PKEY_free(key);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SIGN_ROOT_AUTO sign = {0};
		struct err err = {0};

		is_int(load(&sign, cases[i].key, cases[i].cert, &err), cases[i].code, "refused");
		ok(strstr(err.msg, cases[i].why) != NULL, "and says why: %s", err.msg);
		ok(sign.key == NULL && sign.cert == NULL, "and holds nothing");
	}
}

int main(void)
{
	struct err err = {0};

	if (mkdtemp(dir) == NULL)
		abort();
	make("rsa", EVP_RSA_gen(2048));
	make("ec", EVP_EC_gen("P-256"));
	test_sign();
	test_bad();
	ok(io_remove_tree(dir, &err) == 0, "removed");
	return tap_done();
}
