/* SMBIOS tables as firmware measures them. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "measure/tdx/smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct generation_bios bios = {.known = true,
		.fixed = {0, GENERATION_BIOS_SIZE},
		.vendor = "a",
		.version = "b",
		.date = "c"};
	static const unsigned char end[6] = {0x7f, 4, 0xff, 0xfe};
	static const unsigned char id[SMBIOS_PROCESSOR_ID_SIZE] = {1};
	BUF_AUTO measured = {0};
	BUF_AUTO copy = {0};
	struct err err = {0};

	/* The structures before the end, and the firmware's own end. */
	if (smbios_measured(&bios, data, size, &measured, &err) == 0 &&
		(measured.len < 6 || memcmp(measured.data + measured.len - 6, end, 6) != 0))
		abort();
	buf_add(&copy, data, size);
	if (smbios_set_processor(&copy, id, &err) == 0 && copy.len != size)
		abort();
	return 0;
}
