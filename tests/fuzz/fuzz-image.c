/*
 * Whole images: opened, listed, and verified against parameters that no image has, which must end
 * in a refusal. The input is the file; zeros fill its last 4096 bytes.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/io.h"
#include "mkimage/fs/verify-image.h"

#define IMAGE_MAX (4u << 20)

static void check(const char *path, uint64_t data_blocks)
{
	struct verity_params params = {.salt_bytes = 1, .data_blocks = data_blocks};
	IMAGE_AUTO image = {0};
	struct err err = {0};

	if (image_open(path, data_blocks, &image, &err) != 0) {
		if (err.code >= 0 || err.msg[0] == '\0')
			abort();
		return;
	}
	params.data_blocks = image.root.size_bytes / VERITY_BLOCK_SIZE;
	if (image.root.off + image.root.size_bytes > image.size_bytes ||
		(params.data_blocks > 0 && verify_image(&image, &params, 1, &err) == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
	BUF_AUTO text = {0};
	struct err err = {0};
	char path[64];

	if (size > IMAGE_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || io_pwrite(fd, "image", data, size, 0, &err) != 0 ||
		ftruncate(fd, (off_t)((size + 4095) / 4096 * 4096)) != 0)
		abort();
	check(path, 1);
	if (inspect_image(path, true, &text, &err) != 0 && (err.code >= 0 || err.msg[0] == '\0'))
		abort();
	return 0;
}
