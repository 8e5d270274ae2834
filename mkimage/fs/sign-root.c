/* The signature of a root hash (sign-root.h). */
#include "mkimage/fs/sign-root.h"

#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/io.h"

#define PEM_BYTES_MAX (1u << 16)
#define FLAGS	      (PKCS7_DETACHED | PKCS7_BINARY | PKCS7_NOCERTS | PKCS7_NOATTR)

void sign_root_done(struct sign_root *sign)
{
	EVP_PKEY_free(sign->key);
	X509_free(sign->cert);
	*sign = (struct sign_root){0};
}

/* A key that wants a passphrase is refused, not asked for. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* The file's bytes as a BIO, which borrows @ret. */
static int open_pem(const char *path, struct buf *ret, BIO **ret_bio, struct err *err)
{
	int rc = io_read_file(path, PEM_BYTES_MAX, ret, err);

	if (rc != 0)
		return rc;
	*ret_bio = BIO_new_mem_buf(buf_cstr(ret), (int)ret->len);
	return *ret_bio != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static int load_key(struct sign_root *sign, const char *path, struct err *err)
{
	BUF_AUTO text = {0};
	BIO *bio;
	int rc = open_pem(path, &text, &bio, err);

	if (rc != 0)
		return rc;
	sign->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (text.data != NULL)
		OPENSSL_cleanse(text.data, text.len);
	if (sign->key == NULL)
		return err_fail(
			err, -EBADMSG, "%s: no private key in PEM without a passphrase", path);
	if (EVP_PKEY_get_base_id(sign->key) != EVP_PKEY_RSA)
		return err_fail(err, -ENOTSUP,
			"%s: not an RSA key, whose signatures alone are always the same", path);
	return 0;
}

static int load_cert(struct sign_root *sign, const char *path, struct err *err)
{
	BUF_AUTO text = {0};
	BIO *bio;
	int rc = open_pem(path, &text, &bio, err);

	if (rc != 0)
		return rc;
	sign->cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (sign->cert == NULL)
		return err_fail(err, -EBADMSG, "%s: no certificate in PEM", path);
	if (X509_check_private_key(sign->cert, sign->key) != 1)
		return err_fail(err, -EINVAL, "%s: not the certificate of the key", path);
	return 0;
}

int sign_root_load(
	struct sign_root *sign, const char *key_path, const char *cert_path, struct err *err)
{
	int rc;

	*sign = (struct sign_root){0};
	rc = load_key(sign, key_path, err);
	if (rc == 0)
		rc = load_cert(sign, cert_path, err);
	if (rc != 0)
		sign_root_done(sign);
	return rc;
}

static int failed(struct err *err)
{
	return err_fail(err, -EIO, "libcrypto cannot sign the root hash");
}

/* Appends the @len bytes that @pkcs7 has in DER. */
static int add_der(struct buf *ret, int len, PKCS7 *pkcs7, struct err *err)
{
	unsigned char *at = len > 0 ? buf_grow(ret, (size_t)len) : NULL;

	if (len <= 0)
		return failed(err);
	if (at == NULL)
		return buf_check(ret, err);
	i2d_PKCS7(pkcs7, &at);
	return 0;
}

int sign_root_pkcs7(const struct sign_root *sign, const unsigned char root_hash[SHA256_SIZE],
	struct buf *ret, struct err *err)
{
	char hex[2 * SHA256_SIZE + 1];
	PKCS7 *pkcs7 = NULL;
	BIO *bio;
	int rc;

	hex_encode(root_hash, SHA256_SIZE, hex);
	bio = BIO_new_mem_buf(hex, 2 * SHA256_SIZE);
	if (bio != NULL)
		pkcs7 = PKCS7_sign(sign->cert, sign->key, NULL, bio, FLAGS);
	rc = pkcs7 != NULL ? add_der(ret, i2d_PKCS7(pkcs7, NULL), pkcs7, err) : failed(err);
	PKCS7_free(pkcs7);
	BIO_free(bio);
	return rc;
}

int sign_root_json(
	void *arg, const unsigned char root_hash[SHA256_SIZE], struct buf *ret, struct err *err)
{
	const struct sign_root *sign = arg;
	char hash[2 * SHA256_SIZE + 1], fingerprint[2 * SHA256_SIZE + 1];
	unsigned char digest[SHA256_SIZE];
	BUF_AUTO der = {0};
	int rc = sign_root_pkcs7(sign, root_hash, &der, err);

	if (rc != 0)
		return rc;
	if (X509_digest(sign->cert, EVP_sha256(), digest, NULL) != 1)
		return failed(err);
	hex_encode(root_hash, SHA256_SIZE, hash);
	hex_encode(digest, SHA256_SIZE, fingerprint);
	buf_fmt(ret, "{\"certificateFingerprint\":\"%s\",\"rootHash\":\"%s\",\"signature\":\"",
		fingerprint, hash);
	base64_encode(der.data, der.len, ret);
	buf_str(ret, "\"}");
	return buf_check(ret, err);
}
