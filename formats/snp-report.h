/*
 * Attestation reports of SEV-SNP guests: 1184 bytes, versions 2 to 5. Only what they state is read; the signature is a
 * verifier's business. AMD, SEV Secure Nested Paging Firmware ABI Specification (56860), ATTESTATION_REPORT structure.
 */
#ifndef FORMATS_SNP_REPORT_H
#define FORMATS_SNP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define SNP_REPORT_SIZE	       1184
#define SNP_REPORT_DIGEST_SIZE 48

/* Security versions. Turin (family 1Ah) packs them in another order than its predecessors and has one more. */
struct snp_tcb {
	uint8_t bootloader, tee, snp, microcode;
	uint8_t fmc; /* Turin alone */
};

struct snp_report {
	uint32_t version;
	uint32_t guest_svn;
	uint64_t policy;
	uint32_t vmpl;
	uint64_t platform_info;
	uint64_t reported_tcb_raw;   /* as it stands in the report */
	struct snp_tcb reported_tcb; /* read as Turin's when the report says so (version 3) */
	bool has_cpuid;		     /* since version 3 */
	uint8_t cpuid_family, cpuid_model, cpuid_stepping;
	unsigned char family_id[16], image_id[16];
	unsigned char report_data[64];
	unsigned char measurement[SNP_REPORT_DIGEST_SIZE];
	unsigned char host_data[32];
	unsigned char id_key_digest[SNP_REPORT_DIGEST_SIZE];
	unsigned char author_key_digest[SNP_REPORT_DIGEST_SIZE];
	unsigned char chip_id[64];
};

/*
 * Parses a report. A response of MSG_REPORT_RSP (32 bytes of header before the report) is taken too, and bytes after the report
 * are (an extended report has the certificates there). -EBADMSG for other bytes, -ENOTSUP for other versions.
 */
int snp_report_parse(
	const void *bytes, size_t len, struct snp_report *ret, struct err *err) MUST_CHECK;

#endif
