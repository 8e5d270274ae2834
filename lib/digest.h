/*
 * Message digests: a thin face over libcrypto that names the algorithms this field uses and gives every
 * caller the same error path.
 */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum digest_alg {
	DIGEST_SHA1, /* TPM event logs only */
	DIGEST_SHA256,
	DIGEST_SHA384,
	DIGEST_SHA512,
};

#define DIGEST_MAX     64 /* bytes of the longest digest */
#define SHA256_SIZE    32
#define SHA384_SIZE    48
#define DIGEST_HEX_MAX (2 * DIGEST_MAX + 1)

/* Bytes of a digest of @alg. */
size_t digest_size(enum digest_alg alg);

/* "sha256" and so on, unhyphenated as initdata and the C8s manifests spell it. */
const char *digest_name(enum digest_alg alg);

/* A running digest, reusable: digest_init allocates, then any number of begin/update/end rounds. */
struct digest {
	enum digest_alg alg;
	void *ctx; /* EVP_MD_CTX, owned */
	void *md;  /* EVP_MD, owned */
};

int digest_init(struct digest *digest, enum digest_alg alg, struct err *err) MUST_CHECK;
void digest_done(struct digest *digest);
#define DIGEST_AUTO __attribute__((cleanup(digest_done))) struct digest

int digest_begin(struct digest *digest, struct err *err) MUST_CHECK;
int digest_update(struct digest *digest, const void *src, size_t n, struct err *err) MUST_CHECK;
/* Writes digest_size() bytes to @ret. */
int digest_end(struct digest *digest, unsigned char *ret, struct err *err) MUST_CHECK;

/* Makes @ret, uninitialised before, a second running digest at the same point. */
int digest_copy(const struct digest *digest, struct digest *ret, struct err *err) MUST_CHECK;

/* One shot. */
int digest_bytes(enum digest_alg alg, const void *src, size_t n, unsigned char *ret,
	struct err *err) MUST_CHECK;

/* The extend operation of RTMRs and PCRs: reg = H(reg || @value), both digest_size() bytes. */
int digest_extend(enum digest_alg alg, unsigned char *reg, const unsigned char *value,
	struct err *err) MUST_CHECK;

#endif
