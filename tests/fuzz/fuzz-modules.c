/* A module's ELF and .modinfo, and modules.builtin: what resolves is one module, with the bytes that went in. */
#include <stdlib.h>
#include <string.h>

#include "initrd/modules.h"
#include "tests/fuzz/fuzz.h"

struct input {
	const uint8_t *data;
	size_t size;
};

static int read_input(void *arg, size_t i, struct buf *ret, struct err *err)
{
	const struct input *input = arg;

	(void)i;
	buf_add(ret, input->data, input->size);
	return buf_check(ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"kernel/m.ko", "modules.builtin"};
	static const char *const wanted[] = {"m"};
	struct input input = {data, size};
	const struct modules_dir dir = {"6.12.1-test", paths, 2, read_input, &input};
	MODULES_AUTO modules = {0};
	struct err err = {0};

	if (modules_resolve(&dir, wanted, 1, &modules, &err) != 0 || modules.count == 0)
		return 0;
	if (modules.count != 1 || modules.items[0].elf.len != size ||
		memcmp(modules.items[0].elf.data, data, size) != 0)
		abort();
	return 0;
}
