/*
 * Archives as the tree reads them: the input as a tar archive (plain or compressed) and as a Debian package. What is
 * accepted must make a tree by its rules, with every content inside what was spooled.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/io.h"
#include "mkimage/source/source-deb.h"
#include "tests/fuzz/check-tree.h"
#include "tests/fuzz/fuzz.h"

/* Small limits: the interesting inputs are small. */
static const struct source_options options = {
	.what = "fuzz",
	.allow = SOURCE_ALLOW_SETID | SOURCE_ALLOW_DEVICES | SOURCE_ALLOW_XATTRS |
		 SOURCE_ALLOW_CAPABILITIES,
	.limits = {.entries_max = 4096,
		.bytes_max = 4u << 20,
		.ratio_max = 1024,
		.meta_bytes_max = 65536,
		.depth_max = 64},
};

static void apply(struct source_archive *archive, enum source_dirs dirs, const struct spool *spool)
{
	TREE_AUTO tree = {0};
	struct err err = {0};
	size_t nodes = 0;

	if (tree_init(&tree, &err) != 0)
		return;
	if (source_archive_apply(archive, "fuzz", dirs, "fuzz", &tree, &err) != 0 &&
		strncmp(err.msg, "fuzz: ", 6) != 0)
		abort();
	tree_for_each (&tree, node) {
		check_tree_node(&tree, node, spool);
		nodes++;
	}
	if (nodes != tree.node_count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = memfd_create("input", MFD_CLOEXEC);
	SPOOL_AUTO spool = {.fd = memfd_create("spool", MFD_CLOEXEC)};
	SOURCE_ARCHIVE_AUTO archive = {0};
	SOURCE_DEB_AUTO deb = {0};
	struct err err = {0};

	if (fd < 0 || spool.fd < 0 || io_pwrite(fd, "input", data, size, 0, &err) != 0)
		return 0;
	if (source_archive_read(fd, 0, size, &options, &spool, &archive, &err) == 0)
		apply(&archive, SOURCE_DIRS_REPLACE, &spool);
	else if (err.code == 0 || strncmp(err.msg, "fuzz: ", 6) != 0)
		abort();
	if (source_deb_read(fd, &options, &spool, &deb, &err) == 0)
		apply(&deb.data, SOURCE_DIRS_KEEP, &spool);
	return 0;
}

#ifndef FUZZ_MAIN
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Mends the checksums of what looks like headers, or hardly any mutation would get past them. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	(void)seed;
	size = LLVMFuzzerMutate(data, size, max_size);
	for (uint8_t *block = data; size - (size_t)(block - data) >= 512; block += 512) {
		unsigned sum = 0;

		if (memcmp(block + 257, "ustar", 5) != 0)
			continue;
		memset(block + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += block[i];
		for (size_t i = 6; i-- > 0; sum >>= 3)
			block[148 + i] = (uint8_t)('0' + (sum & 7));
	}
	return size;
}
#endif
