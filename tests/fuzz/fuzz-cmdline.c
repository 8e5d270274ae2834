/* The guest's reader of the kernel command line: what it takes is consistent, and every text is ended. */
#include <stdlib.h>

#include "initrd/guest/cmdline.c"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline_root root;

	if (cmdline_parse((const char *)data, size, &root) != NULL)
		return 0;
	if (strlen(root.root_hash) != 64 || strlen(root.salt) < 2 || strlen(root.salt) > 512 ||
		strcmp(root.data_device, root.hash_device) == 0 || root.data_blocks == 0 ||
		root.sectors != root.data_blocks * (root.data_block_size / 512) ||
		strlen(root.fs_options) > CMDLINE_FLAGS_MAX || root.fs_type[0] == '\0')
		abort();
	return 0;
}
