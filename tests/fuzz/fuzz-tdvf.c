/* TDVF metadata, and the MRTD of what they describe. */
#include "tests/fuzz/fuzz.h"

#include "measure/tdx/mrtd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct tdvf tdvf;
	unsigned char mrtd[SHA384_SIZE];
	const struct mrtd_build build = {
		.order = MRTD_TWO, .adds_aug = true, .content[TDVF_PAYLOAD] = {true, data, size}};
	uint64_t total = 0;

	if (tdvf_parse(data, size, &tdvf, &err) != 0)
		return 0;
	for (size_t i = 0; i < tdvf.count; i++)
		total += tdvf.sections[i].mem_size < (1u << 30) ? tdvf.sections[i].mem_size
								: 1u << 30;
	if (total <= 64 * TDVF_PAGE &&
		mrtd_compute(data, size, &tdvf, &build, NULL, mrtd, &err) != 0)
		return 0;
	return 0;
}
