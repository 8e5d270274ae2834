/* TD HOB lists, and payloads in td-shim images. */
#include "tests/fuzz/fuzz.h"

#include "measure/tdx/td-hob.h"
#include "measure/tdx/td-shim-image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct td_hob hob;
	struct td_shim_payload payload;

	if (td_hob_parse(data, size, 0x800000, &hob, &err) == 0 && hob.size_bytes > size)
		__builtin_trap();
	if (td_shim_payload_find(data, size, &payload, &err) == 0 &&
		(payload.program.data < data || payload.program.len > size))
		__builtin_trap();
	return 0;
}
