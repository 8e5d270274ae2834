/* Quotes and TD reports. */
#include "tests/fuzz/fuzz.h"

#include "formats/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct quote quote;
	struct err err = {0};

	if (quote_parse(data, size, &quote, &err) != 0)
		return 0;
	return 0;
}
