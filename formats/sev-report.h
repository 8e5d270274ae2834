/*
 * Attestation reports of SEV and SEV-ES guests: 208 bytes, the answer to ATTESTATION. Only what they
 * state is read; the signature is a verifier's business. AMD, Secure Encrypted Virtualization API
 * (55766), section 6.8.
 */
#ifndef FORMATS_SEV_REPORT_H
#define FORMATS_SEV_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define SEV_REPORT_SIZE 208

struct sev_report {
	unsigned char nonce[16];
	unsigned char launch_digest[32];
	uint32_t policy;
};

/* Parses the first SEV_REPORT_SIZE of @len bytes; -EBADMSG unless the signature says that it is the
 * platform endorsement key's. */
int sev_report_parse(
	const void *bytes, size_t len, struct sev_report *ret, struct err *err) MUST_CHECK;

#endif
