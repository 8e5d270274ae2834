/* RSA-PSS by the key of a certificate (endorse.h). */
#include "measure/golden/endorse.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/io.h"

#define PEM_BYTES_MAX (64u << 10)

static void free_key(EVP_PKEY **slot)
{
	EVP_PKEY_free(*slot);
}

static void free_x509(X509 **slot)
{
	X509_free(*slot);
}

static void free_bio(BIO **slot)
{
	BIO_free(*slot);
}

static void free_context(EVP_MD_CTX **slot)
{
	EVP_MD_CTX_free(*slot);
}

#define KEY_AUTO     __attribute__((cleanup(free_key))) EVP_PKEY
#define X509_AUTO    __attribute__((cleanup(free_x509))) X509
#define BIO_AUTO     __attribute__((cleanup(free_bio))) BIO
#define CONTEXT_AUTO __attribute__((cleanup(free_context))) EVP_MD_CTX

static int no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int check_key(EVP_PKEY *key, const char *path, struct err *err)
{
	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
		EVP_PKEY_get_bits(key) < ENDORSE_BITS_MIN)
		return err_fail(err, -ENOTSUP, "%s: not an RSA key of %d bits or more", path,
			ENDORSE_BITS_MIN);
	return 0;
}

int endorse_certificate(const char *path, struct buf *ret, struct err *err)
{
	BUF_AUTO pem = {0};
	X509_AUTO *x509 = NULL;
	BIO_AUTO *bio = NULL;
	unsigned char *der = NULL;
	int len, rc = io_read_file(path, PEM_BYTES_MAX, &pem, err);

	if (rc != 0)
		return rc;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	x509 = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	if (x509 == NULL)
		return err_fail(err, -EBADMSG, "%s: no certificate in PEM", path);
	rc = check_key(X509_get0_pubkey(x509), path, err);
	if (rc != 0)
		return rc;
	len = i2d_X509(x509, &der);
	if (len <= 0)
		return err_fail(err, -ENOMEM, "out of memory");
	buf_add(ret, der, (size_t)len);
	OPENSSL_free(der);
	return buf_check(ret, err);
}

static int read_key(const char *path, EVP_PKEY **ret, struct err *err)
{
	BUF_AUTO pem = {0};
	BIO_AUTO *bio = NULL;
	int rc = io_read_file(path, PEM_BYTES_MAX, &pem, err);

	if (rc != 0)
		return rc;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	if (bio != NULL)
		*ret = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	/* What the key's bytes were is nobody else's business. */
	if (pem.data != NULL)
		OPENSSL_cleanse(pem.data, pem.len);
	if (*ret == NULL)
		return err_fail(
			err, -EBADMSG, "%s: no private key in PEM (without a passphrase)", path);
	return check_key(*ret, path, err);
}

static int sign(EVP_PKEY *key, const void *data, size_t n, struct buf *ret, struct err *err)
{
	unsigned char signature[2048];
	size_t len = sizeof(signature);
	CONTEXT_AUTO *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings = NULL; /* the context's */

	if (context == NULL ||
		EVP_DigestSignInit(context, &settings, EVP_sha256(), NULL, key) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) != 1 ||
		EVP_DigestSign(context, signature, &len, data, n) != 1)
		return err_fail(err, -EIO, "the signature cannot be made");
	buf_add(ret, signature, len);
	return buf_check(ret, err);
}

int endorse_sign(const char *path, const struct buf *der, const void *data, size_t n,
	struct buf *ret, struct err *err)
{
	const unsigned char *at = der->data;
	X509_AUTO *x509 = d2i_X509(NULL, &at, (long)der->len);
	KEY_AUTO *key = NULL;
	int rc = read_key(path, &key, err);

	if (rc != 0)
		return rc;
	if (x509 == NULL || X509_check_private_key(x509, key) != 1)
		return err_fail(err, -EKEYREJECTED, "%s: the certificate is of another key", path);
	return sign(key, data, n, ret, err);
}
