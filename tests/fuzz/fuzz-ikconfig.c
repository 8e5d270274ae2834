/* Kernel images and configurations: what is read is held against the table of options, for every boot flow. */
#include <stdlib.h>

#include "mkimage/check/check-kernel.h"
#include "mkimage/kernel/ikconfig.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KCONFIG_AUTO config = {0};
	struct err err = {0};

	if (ikconfig_read(data, size, "fuzz", &config, &err) != 0)
		return 0;
	for (unsigned flow = 0; flow < CHECK_KERNEL_FLOWS; flow++) {
		const struct check_kernel_for purpose = {
			.flow = (enum check_kernel_flow)flow, .snp = true, .rootfs_type = "erofs"};
		CHECK_KERNEL_AUTO findings = {0};

		if (check_kernel(&config, &purpose, &findings, &err) != 0 ||
			findings.required > findings.count)
			abort();
	}
	return 0;
}
