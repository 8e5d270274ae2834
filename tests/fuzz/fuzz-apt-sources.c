/* Both formats of apt sources: any text is read without harm, and mirrors are found in what came of it. */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "mkimage/source/apt.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_AUTO text = {0};

	buf_add(&text, data, size);
	for (int deb822 = 0; deb822 < 2; deb822++) {
		APT_MACHINE_AUTO machine = {0};
		struct apt_sources mirrors = {0};
		struct err err = {0};

		if (apt_sources_parse(
			    buf_cstr(&text), "fuzz", deb822 == 1, &machine.sources, &err) != 0)
			continue;
		if (apt_mirrors(&machine, NULL, 0, "debian", &mirrors, &err) == 0 &&
			mirrors.count == 0)
			abort();
		apt_sources_done(&mirrors);
	}
	return 0;
}
