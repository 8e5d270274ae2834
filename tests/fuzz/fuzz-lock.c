/* The lock reader: what it accepts is written, and what is written is read as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/lock.h"
#include "tests/fuzz/fuzz.h"

static void rewrite(const void *text, size_t len, struct buf *ret)
{
	LOCK_AUTO lock = {0};
	struct err err = {0};

	if (lock_parse(text, len, "fuzz", &lock, &err) == 0 && lock_write(&lock, ret, &err) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_AUTO once = {0};
	BUF_AUTO twice = {0};

	rewrite(data, size, &once);
	if (once.len == 0)
		return 0;
	rewrite(once.data, once.len, &twice);
	if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
		abort();
	return 0;
}
