/*
 * Reads the ACPI blobs of a machine and prints their SHA-384, or writes them below a directory:
 *   acpi-qemu QEMU FIRMWARE|- MEMORY-MIB VCPUS DIRECTORY|- [QEMU-ARGUMENT...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "measure/tdx/acpi-qemu.h"

static int give(const char *dir, const char *name, const struct buf *blob, struct err *err)
{
	BUF_AUTO path = {0};
	unsigned char digest[SHA384_SIZE];
	char hex[2 * SHA384_SIZE + 1];
	int rc = digest_bytes(DIGEST_SHA384, blob->data, blob->len, digest, err);

	if (rc != 0)
		return rc;
	hex_encode(digest, sizeof(digest), hex);
	printf("%s %s\n", name, hex);
	if (strcmp(dir, "-") == 0)
		return 0;
	buf_fmt(&path, "%s/etc/acpi", dir);
	rc = io_mkdirs(buf_cstr(&path), err);
	path.len = 0;
	buf_fmt(&path, "%s/%s", dir, name);
	return rc != 0 ? rc : io_publish(buf_cstr(&path), blob->data, blob->len, err);
}

int main(int argc, char **argv)
{
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	struct acpi_machine machine;
	struct err err = {0};
	int rc;

	if (argc < 6)
		return 2;
	machine = (struct acpi_machine){.qemu = argv[1],
		.firmware = strcmp(argv[2], "-") == 0 ? NULL : argv[2],
		.memory_bytes = strtoull(argv[3], NULL, 10) << 20,
		.vcpus = (uint32_t)strtoul(argv[4], NULL, 10),
		.args = (const char *const *)argv + 6,
		.arg_count = (size_t)argc - 6};
	rc = acpi_qemu_read(&machine, &blobs, &err);
	if (rc == 0)
		rc = give(argv[5], "etc/table-loader", &blobs.loader, &err);
	if (rc == 0)
		rc = give(argv[5], "etc/acpi/rsdp", &blobs.rsdp, &err);
	if (rc == 0)
		rc = give(argv[5], "etc/acpi/tables", &blobs.tables, &err);
	if (rc != 0)
		fprintf(stderr, "%s\n", err.msg);
	return rc == 0 ? 0 : err_status(rc);
}
