/*
 * Compares the built-in ACPI and SMBIOS tables with those that a QEMU gives, over a matrix of shapes:
 *   acpi-builtin QEMU FIRMWARE|- LAYOUT MEMORY-MIB[,MEMORY-MIB...] VCPUS[,VCPUS-VCPUS...]
 * Prints one line for each shape that differs, and the number of those that do not.
 *   acpi-builtin id QEMU VCPUS
 * prints the processor ID in the QEMU's SMBIOS tables.
 */
#define _GNU_SOURCE /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/opt.h"
#include "measure/tdx/acpi-q35.h"
#include "measure/tdx/acpi-qemu.h"
#include "measure/tdx/smbios.h"

static bool equal(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* Where the tables have the ID of their first processor; NULL when they have none. */
static const unsigned char *processor_id(const struct buf *tables)
{
	const unsigned char *at = tables->len > 0
					  ? memmem(tables->data, tables->len, "\4\x2a\0\4", 4)
					  : NULL;

	return at != NULL ? at + 8 : NULL;
}

static int print_id(const char *qemu, const char *vcpus)
{
	const struct acpi_machine machine = {.qemu = qemu,
		.memory_bytes = 1ull << 30,
		.vcpus = (uint32_t)strtoul(vcpus, NULL, 10)};
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	struct err err = {0};
	const unsigned char *id;

	if (acpi_qemu_read(&machine, &blobs, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return err_status(err.code);
	}
	id = processor_id(&blobs.smbios);
	for (size_t i = 0; id != NULL && i < SMBIOS_PROCESSOR_ID_SIZE; i++)
		printf("%02X ", id[i]);
	printf("\n");
	return id != NULL ? 0 : 1;
}

/* Builds the SMBIOS tables with the processor ID that the QEMU's have. */
static int make_smbios(
	const struct acpi_q35 *q35, const struct buf *theirs, struct buf *ret, struct err *err)
{
	struct smbios_q35 machine = {.version = q35->version,
		.memory_bytes = q35->memory_bytes,
		.low_bytes = q35->low_bytes,
		.vcpus = q35->vcpus,
		.sockets = q35->layout->sockets};
	const unsigned char *id = processor_id(theirs);

	if (id == NULL)
		return err_fail(err, -EIO, "QEMU's SMBIOS tables have no processor");
	memcpy(machine.processor_id, id, sizeof(machine.processor_id));
	return smbios_q35_build(&machine, ret, err);
}

static int compare(const struct acpi_machine *machine, const char *version,
	const struct acpi_layout *layout, unsigned *same)
{
	ACPI_BLOBS_AUTO theirs = {.loader = {.data = NULL}};
	ACPI_BLOBS_AUTO ours = {.loader = {.data = NULL}};
	const struct acpi_q35 q35 = {.version = version,
		.memory_bytes = machine->memory_bytes,
		.low_bytes = machine->memory_bytes >= 0xb0000000 ? 0x80000000
								 : machine->memory_bytes,
		.vcpus = machine->vcpus,
		.layout = layout};
	struct err err = {0};

	if (acpi_qemu_read(machine, &theirs, &err) != 0 || acpi_q35_build(&q35, &ours, &err) != 0 ||
		make_smbios(&q35, &theirs.smbios, &ours.smbios, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return err_status(err.code);
	}
	if (equal(&ours.rsdp, &theirs.rsdp) && equal(&ours.loader, &theirs.loader) &&
		equal(&ours.tables, &theirs.tables) && equal(&ours.smbios, &theirs.smbios))
		(*same)++;
	else
		printf("%u vCPUs, %llu MiB: tables differ\n", machine->vcpus,
			(unsigned long long)machine->memory_bytes >> 20);
	return 0;
}

int main(int argc, char **argv)
{
	const char *args[ACPI_LAYOUT_ARGS_MAX];
	char version[ACPI_QEMU_VERSION_MAX];
	struct acpi_layout layout;
	struct acpi_machine machine;
	struct err err = {0};
	unsigned same = 0;
	uint64_t *vcpus;
	size_t count;
	int rc;

	if (argc == 4 && strcmp(argv[1], "id") == 0)
		return print_id(argv[2], argv[3]);
	if (argc != 6 || !opt_ranges(argv[5], 256, &vcpus, &count))
		return 2;
	rc = acpi_qemu_version(argv[1], version, &err);
	if (rc == 0)
		rc = acpi_layout_read(argv[3], &layout, &err);
	if (rc != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return err_status(rc);
	}
	machine = (struct acpi_machine){.qemu = argv[1],
		.firmware = strcmp(argv[2], "-") == 0 ? NULL : argv[2],
		.sockets = layout.sockets,
		.args = args,
		.arg_count = acpi_layout_args(&layout, args)};
	for (const char *memory = strtok(argv[4], ","); memory != NULL; memory = strtok(NULL, ","))
		for (size_t i = 0; i < count && rc == 0; i++) {
			machine.memory_bytes = strtoull(memory, NULL, 10) << 20;
			machine.vcpus = (uint32_t)vcpus[i];
			rc = compare(&machine, version, &layout, &same);
		}
	printf("%u\n", same);
	free(vcpus);
	return rc;
}
