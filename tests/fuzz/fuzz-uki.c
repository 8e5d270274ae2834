/* Loaders as PE images: what a unified kernel image, and a shim, is taken to measure. The input
 * is the image as it is. */
#include "fuzz.h"

#include <stdlib.h>

#include "measure/tdx/boot-shim.h"
#include "measure/tdx/boot-uki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int protocol = BOOT_CC; protocol <= BOOT_TPM; protocol++) {
		BOOT_LOG_AUTO uki = {.protocol = protocol};
		BOOT_LOG_AUTO shim = {.protocol = protocol};
		struct err err = {0};
		struct boot_shim made;

		if (boot_uki(data, size, false, &uki, &err) == 0)
			for (size_t i = 0; i < uki.count; i++)
				if (uki.events[i].what == NULL || uki.events[i].pcr < 4)
					abort();
		if (boot_shim(data, size, &shim, &made, &err) == 0 && shim.count != 3)
			abort();
	}
	return 0;
}
