/* Message digests over libcrypto (digest.h). */
#include "lib/digest.h"

#include <openssl/evp.h>
#include <string.h>

static const struct {
	const char *name;
	const char *fetch;
	size_t size;
} algs[] = {
	[DIGEST_SHA1] = {"sha1", "SHA1", 20},
	[DIGEST_SHA256] = {"sha256", "SHA2-256", SHA256_SIZE},
	[DIGEST_SHA384] = {"sha384", "SHA2-384", SHA384_SIZE},
	[DIGEST_SHA512] = {"sha512", "SHA2-512", 64},
};

size_t digest_size(enum digest_alg alg)
{
	return algs[alg].size;
}

const char *digest_name(enum digest_alg alg)
{
	return algs[alg].name;
}

static int crypto_failed(enum digest_alg alg, struct err *err)
{
	return err_fail(err, -ENOMEM, "libcrypto failed to compute %s", algs[alg].name);
}

int digest_init(struct digest *digest, enum digest_alg alg, struct err *err)
{
	*digest = (struct digest){.alg = alg};
	digest->md = EVP_MD_fetch(NULL, algs[alg].fetch, NULL);
	digest->ctx = EVP_MD_CTX_new();
	if (digest->md == NULL || digest->ctx == NULL) {
		digest_done(digest);
		return crypto_failed(alg, err);
	}
	return digest_begin(digest, err);
}

void digest_done(struct digest *digest)
{
	EVP_MD_CTX_free(digest->ctx);
	EVP_MD_free(digest->md);
	digest->ctx = NULL;
	digest->md = NULL;
}

int digest_begin(struct digest *digest, struct err *err)
{
	if (EVP_DigestInit_ex2(digest->ctx, digest->md, NULL) != 1)
		return crypto_failed(digest->alg, err);
	return 0;
}

int digest_update(struct digest *digest, const void *src, size_t n, struct err *err)
{
	if (n > 0 && EVP_DigestUpdate(digest->ctx, src, n) != 1)
		return crypto_failed(digest->alg, err);
	return 0;
}

int digest_end(struct digest *digest, unsigned char *ret, struct err *err)
{
	if (EVP_DigestFinal_ex(digest->ctx, ret, NULL) != 1)
		return crypto_failed(digest->alg, err);
	return 0;
}

int digest_copy(const struct digest *digest, struct digest *ret, struct err *err)
{
	int rc = digest_init(ret, digest->alg, err);

	if (rc == 0 && EVP_MD_CTX_copy_ex(ret->ctx, digest->ctx) != 1) {
		digest_done(ret);
		return crypto_failed(digest->alg, err);
	}
	return rc;
}

int digest_bytes(
	enum digest_alg alg, const void *src, size_t n, unsigned char *ret, struct err *err)
{
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, alg, err);

	if (rc == 0)
		rc = digest_update(&digest, src, n, err);
	return rc != 0 ? rc : digest_end(&digest, ret, err);
}

int digest_extend(
	enum digest_alg alg, unsigned char *reg, const unsigned char *value, struct err *err)
{
	unsigned char both[2 * DIGEST_MAX];
	size_t size = digest_size(alg);

	memcpy(both, reg, size);
	memcpy(both + size, value, size);
	return digest_bytes(alg, both, 2 * size, reg, err);
}
