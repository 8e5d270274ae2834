/* Firmware volumes, compressed sections and the variable store. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "formats/ffs.h"
#include "formats/varstore.h"
#include "lib/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FFS_AUTO ffs = {.files = NULL};
	struct varstore *store AUTO_FREE = malloc(sizeof(*store));
	struct err err = {0};
	size_t count = 0;

	if (store != NULL && varstore_parse(data, size, store, &err) == 0)
		count += store->count;
	if (ffs_parse(data, size, &ffs, &err) == 0)
		count += ffs.count;
	if (count > VARSTORE_MAX + FFS_FILES_MAX)
		abort();
	return 0;
}
