/*
 * Launch digests of SEV and SEV-ES guests, and the keyed launch measurement that a guest owner checks: SHA-256 over the
 * firmware file, the kernel hash table and the VMSAs (SEV API 0.24, sections 6.2 to 6.5).
 */
#ifndef MEASURE_AMD_SEV_H
#define MEASURE_AMD_SEV_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "measure/amd/kernel-hashes.h"
#include "measure/amd/profile-snp.h"
#include "measure/amd/snp-image.h"
#include "measure/derive.h"

struct sev_launch {
	const struct snp_profile *profile;
	const char *firmware_path;
	const struct digest
		*prefix; /* sev_firmware_prefix() of that file, or NULL to read it here */
	const struct snp_facts *facts;	    /* of that file */
	const struct kernel_hashes *hashes; /* NULL: no kernel hashes */
	bool es;
	uint32_t cpu_signature; /* of SEV-ES */
	uint64_t sev_features;	/* of SEV-ES; 0 in every VMM read */
	uint32_t vcpus;		/* of SEV-ES */
};

/* A running SHA-256 of a whole firmware file, which all shapes begin with; the caller's to digest_done(). */
int sev_firmware_prefix(const char *path, struct digest *ret, struct err *err) MUST_CHECK;

/* Writes the 32-byte launch digest. The running value is not known between steps: recorded steps carry contents only. */
int sev_launch_digest(const struct sev_launch *launch, struct derive *derive,
	unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

#define SEV_TIK_SIZE   16
#define SEV_NONCE_SIZE 16

/* What the platform says at LAUNCH_MEASURE. */
struct sev_keyed {
	unsigned char digest[SHA256_SIZE];
	unsigned char tik[SEV_TIK_SIZE];
	unsigned char nonce[SEV_NONCE_SIZE];
	uint32_t policy;
	uint8_t api_major, api_minor, build;
};

/* Writes the 32-byte launch measurement HMAC-SHA-256(TIK, 04 || API || build || policy || digest || nonce). */
int sev_keyed_measurement(
	const struct sev_keyed *keyed, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

#endif
