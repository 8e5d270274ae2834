/* SHA-256 of many messages of one size (sha256mb.h). */
#include "lib/sha256mb.h"

#include "lib/digest.h"

int sha256mb(const void *prefix, size_t prefix_bytes, const void *messages, size_t size_bytes,
	size_t n, unsigned char *ret, struct err *err)
{
	const unsigned char *at = messages;
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, DIGEST_SHA256, err);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = digest_begin(&digest, err);
		if (rc == 0)
			rc = digest_update(&digest, prefix, prefix_bytes, err);
		if (rc == 0)
			rc = digest_update(&digest, at + i * size_bytes, size_bytes, err);
		if (rc == 0)
			rc = digest_end(&digest, ret + i * SHA256_SIZE, err);
	}
	return rc;
}
