/* GRUB images: every part is looked at, and modules are searched. The input is the PE image. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/grub.h"

static unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"tpm", "normal", "peimage", ""};
	static struct pe pe;
	struct grub_image image;
	struct err err = {0};

	if (pe_parse(data, size, &pe, &err) != 0 || grub_image_parse(data, &pe, &image, &err) != 0)
		return 0;
	if (memchr(image.prefix, '\0', sizeof(image.prefix)) == NULL)
		abort();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct rd module = grub_image_module(&image, names[i]);

		for (size_t k = 0; !module.bad && k < module.len; k++)
			sink += module.base[k];
	}
	return 0;
}
