/*
 * Prints the SHA-384 of what a direct boot is predicted to measure, for comparison with the log of
 * a real one:
 *   tdx-direct FIRMWARE KERNEL INITRD CMDLINE MEMORY-MIB plain|named
 * with a QEMU that patches the kernel's setup header and offers (named) or does not offer (plain)
 * the untouched file too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "measure/tdx/direct.h"

static void print_digest(const char *name, const unsigned char digest[SHA384_SIZE])
{
	char hex[2 * SHA384_SIZE + 1];

	hex_encode(digest, SHA384_SIZE, hex);
	printf("%s %s\n", name, hex);
}

static int predict(char **argv, struct err *err)
{
	BUF_AUTO firmware = {0};
	BUF_AUTO kernel = {0};
	BUF_AUTO options = {0};
	struct generation generation;
	struct tdx_vmm vmm = {.name = "test",
		.direct_boot = true,
		.patches_kernel = true,
		.named_blobs = strcmp(argv[6], "named") == 0,
		.acpi_bytes = 0x28000,
		.split_bytes = 0xb0000000,
		.low_bytes = 0x80000000};
	struct direct_boot boot = {.vmm = &vmm,
		.generation = &generation,
		.cmdline = argv[4],
		.memory_bytes = strtoull(argv[5], NULL, 10) << 20};
	unsigned char digest[SHA384_SIZE];
	int rc = io_read_file(argv[1], 64u << 20, &firmware, err);

	if (rc == 0)
		rc = generation_detect(firmware.data, firmware.len, &generation, err);
	if (rc == 0)
		rc = io_read_file(argv[2], 64u << 20, &kernel, err);
	if (rc == 0)
		rc = io_digest_file(
			argv[3], DIGEST_SHA384, boot.initrd_sha384, &boot.initrd_bytes, err);
	if (rc != 0)
		return rc;
	boot.kernel = kernel.data;
	boot.kernel_bytes = kernel.len;
	/* The firmware of a plain PC need not measure into RTMRs; its TPM driver does the same. */
	generation.cc_measurement = true;
	rc = direct_check(&boot, err);
	if (rc == 0)
		rc = direct_kernel_digest(&boot, digest, err);
	if (rc != 0)
		return rc;
	print_digest("kernel", digest);
	rc = direct_load_options(&boot, &options, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA384, options.data, options.len, digest, err);
	if (rc != 0)
		return rc;
	print_digest("options", digest);
	print_digest("initrd", boot.initrd_sha384);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = {0};

	if (argc != 7) {
		fprintf(stderr, "usage: tdx-direct FIRMWARE KERNEL INITRD CMDLINE MEMORY-MIB "
				"plain|named\n");
		return 2;
	}
	if (predict(argv, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return err_status(err.code);
}
