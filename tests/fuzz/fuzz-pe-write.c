/* PE images that get sections and a signature: what is accepted reads back with all of it, and nothing of the original is lost. */
#include <stdlib.h>
#include <string.h>

#include "formats/pe-write.h"
#include "formats/pe.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pe_write_section sections[] = {
		{".cmdline", "quiet", 5, false},
		{".sbat", "sbat,1\n", 8, false},
		{".linux", "kernel", 6, true},
	};
	unsigned char digest[SHA256_SIZE];
	const struct pe_section *section;
	struct err err = {0};
	BUF_AUTO image = {0};
	struct pe pe;

	if (pe_write_sections(data, size, sections, 3, &image, &err) != 0)
		return 0;
	if (pe_parse(image.data, image.len, &pe, &err) != 0 || image.len < size)
		abort();
	section = pe_section(&pe, ".linux");
	if (section == NULL || section->virtual_size != 6 ||
		memcmp(image.data + section->raw_offset, "kernel", 6) != 0)
		abort();
	if (pe_write_match_nx(&image, data, size, &err) != 0)
		abort();
	if (pe_write_digest(&image, digest, &err) != 0)
		return 0;
	if (pe_write_signature(&image, "signature", 9, &err) != 0 ||
		pe_parse(image.data, image.len, &pe, &err) != 0 ||
		pe.security_address + pe.security_size != image.len)
		abort();
	return 0;
}
