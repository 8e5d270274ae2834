/*
 * SEV attestation reports (sev-report.h).
 *
 *   0  | 16  | nonce                 52 | 4   | usage of the signing key: 0x1002, PEK
 *   16 | 32  | launch digest         56 | 4   | algorithm: 2 ECDSA with SHA-256, 0x102 with SHA-384
 *   48 | 4   | guest policy          60 | 4   | reserved
 *                                    64 | 144 | signature
 */
#include "formats/sev-report.h"

#include "lib/rd.h"

#define USAGE_PEK    0x1002
#define ECDSA_SHA256 0x2
#define ECDSA_SHA384 0x102

int sev_report_parse(const void *bytes, size_t len, struct sev_report *ret, struct err *err)
{
	struct rd rd = rd_init(bytes, len);
	struct sev_report report;
	uint32_t usage, algorithm;

	rd_copy(&rd, report.nonce, sizeof(report.nonce));
	rd_copy(&rd, report.launch_digest, sizeof(report.launch_digest));
	report.policy = rd_le32(&rd);
	usage = rd_le32(&rd);
	algorithm = rd_le32(&rd);
	if (len < SEV_REPORT_SIZE || usage != USAGE_PEK ||
		(algorithm != ECDSA_SHA256 && algorithm != ECDSA_SHA384))
		return err_fail(err, -EBADMSG, "not an SEV attestation report");
	*ret = report;
	return 0;
}
