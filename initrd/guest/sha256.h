/* SHA-256 (FIPS 180-4) for the guest programs, which link nothing. */
#ifndef INITRD_GUEST_SHA256_H
#define INITRD_GUEST_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t state[8];
	uint64_t len; /* bytes so far */
	unsigned char block[64];
};

void sha256_begin(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *src, size_t n);
/* Ends the digest: writes 64 lowercase hex digits and a NUL. */
void sha256_hex(struct sha256 *sha, char ret[65]);

#endif
