/* SNP attestation reports. */
#include "tests/fuzz/fuzz.h"

#include "formats/snp-report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snp_report report;
	struct err err = {0};

	if (snp_report_parse(data, size, &report, &err) != 0)
		return 0;
	return 0;
}
