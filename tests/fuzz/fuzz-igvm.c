/* IGVM headers: what is accepted points into the file. Size and checksum are set right first, or nothing would get past them. */
#include "fuzz.h"

#include <stdlib.h>

#include "formats/igvm.h"
#include "tests/unit/igvm-file.h"

#define INPUT_MAX 65536

static void put32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static void repair(unsigned char *bytes, size_t size, size_t fixed, size_t headers, size_t end)
{
	uint32_t crc;

	put32(bytes + 16, (uint32_t)size);
	put32(bytes + 20, 0);
	crc = igvm_file_crc(UINT32_MAX, bytes, fixed);
	put32(bytes + 20, ~igvm_file_crc(crc, bytes + headers, end - headers));
}

static void check_item(const struct igvm_item *item, size_t size)
{
	uint64_t n = item->type == IGVM_PARAMETER_AREA ? item->size_bytes : 4096;

	if (item->gpa % 4096 != 0)
		abort();
	if (item->file_offset != 0 && (n > size || item->file_offset > size - n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char bytes[INPUT_MAX];
	IGVM_AUTO igvm = {.count = 0};
	struct err err = {0};
	size_t end, headers;

	if (size < IGVM_FIXED_MAX || size > INPUT_MAX)
		return 0;
	memcpy(bytes, data, size);
	put32(bytes + 16, (uint32_t)size);
	if (igvm_headers_end(bytes, IGVM_FIXED_MAX, size, &end, &err) != 0) {
		if (err.code >= 0 || err.msg[0] == '\0')
			abort();
		return 0;
	}
	headers = bytes[8] | (size_t)bytes[9] << 8 | (size_t)bytes[10] << 16;
	repair(bytes, size, bytes[4] == 2 ? 32 : 24, headers, end);
	if (igvm_parse(bytes, end, size, &igvm, &err) != 0) {
		if (err.code >= 0 || igvm.count != 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < igvm.count; i++)
		check_item(&igvm.items[i], size);
	return 0;
}
