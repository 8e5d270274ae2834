/* PE headers and the Authenticode digest. */
#include "tests/fuzz/fuzz.h"

#include "measure/tdx/authenticode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char digest[DIGEST_MAX];
	struct err err = {0};

	if (authenticode_digest(DIGEST_SHA384, data, size, digest, &err) != 0)
		return 0;
	return 0;
}
