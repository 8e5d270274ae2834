/* The bzImage setup header and its patch. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bzimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bzimage_patch patch = {
		.below_4g_bytes = 0x80000000, .acpi_bytes = 0x28000, .initrd_bytes = 4096};
	struct bzimage bz;
	struct err err = {0};
	unsigned char *copy;

	if (bzimage_parse(data, size, &bz, &err) != 0)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	if (bzimage_patch(copy, size, &bz, &patch, &err) == 0 &&
		bzimage_parse(copy, size, &bz, &err) != 0)
		abort(); /* a patched kernel is a kernel */
	free(copy);
	return 0;
}
