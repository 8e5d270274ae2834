/*
 * Container images as the tree reads them: the input is a tar archive of a layout or of what docker saves, pinned by the first
 * digest that it mentions. What is accepted makes a tree by its rules, with every content inside what was spooled.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/source/source-oci.h"
#include "tests/fuzz/check-tree.h"
#include "tests/fuzz/fuzz.h"

/* Small limits: the interesting inputs are small. */
static struct source_oci_options options = {
	.architecture = "amd64",
	.limits = {.entries_max = 4096,
		.bytes_max = 4u << 20,
		.ratio_max = 1024,
		.meta_bytes_max = 65536,
		.depth_max = 64},
};

/* The pin: what follows the first "sha256:" of the input. */
static void take_pin(const uint8_t *data, size_t size)
{
	const uint8_t *at = memmem(data, size, "sha256:", 7);
	char hex[2 * SHA256_SIZE + 1] = {0};

	if (at == NULL || (size_t)(data + size - at) < 7 + 2 * SHA256_SIZE)
		return;
	memcpy(hex, at + 7, 2 * SHA256_SIZE);
	(void)hex_decode(hex, options.sha256, SHA256_SIZE);
}

static void check_node(
	const struct tree *tree, const struct tree_node *node, const struct spool *spool)
{
	char path[TREE_PATH_MAX + 1];

	check_tree_node(tree, node, spool);
	tree_path(node, path);
	if (strstr(path, ".wh.") == path)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = memfd_create("input", MFD_CLOEXEC);
	SPOOL_AUTO spool = {.fd = memfd_create("spool", MFD_CLOEXEC)};
	TREE_AUTO tree = {0};
	struct err err = {0};
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || spool.fd < 0 || io_pwrite(fd, "input", data, size, 0, &err) != 0 ||
		tree_init(&tree, &err) != 0)
		return 0;
	take_pin(data, size);
	if (source_oci_read(path, &options, &spool, "fuzz", &tree, &err) != 0) {
		if (err.code == 0 || strstr(err.msg, path) == NULL)
			abort();
		return 0;
	}
	tree_for_each (&tree, node) {
		check_node(&tree, node, &spool);
	}
	return 0;
}
