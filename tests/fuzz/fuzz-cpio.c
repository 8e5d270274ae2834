/* newc archives: what the reader takes, the writer gives back, canonical and with the same contents. */
#include <stdlib.h>
#include <string.h>

#include "formats/cpio.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const struct cpio_archive *one, const struct cpio_archive *two)
{
	if (one->count != two->count)
		abort();
	for (size_t i = 0; i < two->count; i++) {
		const struct cpio_entry *entry = &two->entries[i];
		const struct cpio_entry *origin = cpio_find(one, entry->name);

		if (origin == NULL || origin->mode != entry->mode ||
			origin->size_bytes != entry->size_bytes ||
			memcmp(origin->data, entry->data, entry->size_bytes) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CPIO_AUTO archive = {0};
	CPIO_AUTO again = {0};
	BUF_AUTO written = {0};
	struct err err = {0};

	if (cpio_read(data, size, &archive, &err) != 0)
		return 0;
	if (cpio_write(archive.entries, archive.count, 1, &written, &err) != 0 ||
		cpio_read(written.data, written.len, &again, &err) != 0)
		abort();
	check_same(&archive, &again);
	return 0;
}
