/* What is read from a firmware's modules: traits, dependency expressions, its SMBIOS structure. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "measure/tdx/generation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct generation generation;
	struct err err = {0};

	if (generation_detect(data, size, &generation, &err) != 0)
		return 0;
	if (generation.name == NULL ||
		memchr(generation.menu.name, 0, sizeof(generation.menu.name)) == NULL)
		abort();
	if (generation.bios.known &&
		(generation.bios.vendor[0] == '\0' || generation.bios.version[0] == '\0' ||
			generation.bios.date[0] == '\0'))
		abort();
	return 0;
}
