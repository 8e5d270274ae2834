/*
 * Compares the built-in ACPI tables with those that a QEMU gives, over a matrix of shapes:
 *   acpi-builtin QEMU MEMORY-MIB[,MEMORY-MIB...] FIRST-VCPUS LAST-VCPUS
 * Prints one line for each shape that differs, and the number of those that do not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/acpi-q35.h"
#include "measure/acpi-qemu.h"

static bool equal(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static int compare(struct acpi_machine *machine, const char *version, bool serial, unsigned *same)
{
	static const char *const args[] = {"-serial", "null"};
	ACPI_BLOBS_AUTO theirs = {.loader = {.data = NULL}};
	ACPI_BLOBS_AUTO ours = {.loader = {.data = NULL}};
	struct acpi_q35 q35 = {.version = version,
		.memory_bytes = machine->memory_bytes,
		.low_bytes = machine->memory_bytes >= 0xb0000000 ? 0x80000000
								 : machine->memory_bytes,
		.vcpus = machine->vcpus,
		.serial = serial};
	struct err err = {0};

	machine->args = args;
	machine->arg_count = serial ? 2 : 0;
	if (acpi_qemu_read(machine, &theirs, &err) != 0 || acpi_q35_build(&q35, &ours, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return err_status(err.code);
	}
	if (equal(&ours.rsdp, &theirs.rsdp) && equal(&ours.loader, &theirs.loader) &&
		equal(&ours.tables, &theirs.tables))
		(*same)++;
	else
		printf("%u vCPUs, %llu MiB%s: tables differ\n", machine->vcpus,
			(unsigned long long)machine->memory_bytes >> 20,
			serial ? ", serial port" : "");
	return 0;
}

int main(int argc, char **argv)
{
	char version[ACPI_QEMU_VERSION_MAX];
	struct acpi_machine machine;
	struct err err = {0};
	unsigned same = 0;
	uint32_t first, last;
	int rc;

	if (argc != 5)
		return 2;
	machine = (struct acpi_machine){.qemu = argv[1]};
	first = (uint32_t)strtoul(argv[3], NULL, 10);
	last = (uint32_t)strtoul(argv[4], NULL, 10);
	rc = acpi_qemu_version(argv[1], version, &err);
	if (rc != 0) {
		fprintf(stderr, "%s\n", err.msg);
		return err_status(rc);
	}
	for (const char *memory = strtok(argv[2], ","); memory != NULL; memory = strtok(NULL, ","))
		for (machine.vcpus = first; machine.vcpus <= last && rc == 0; machine.vcpus++) {
			machine.memory_bytes = strtoull(memory, NULL, 10) << 20;
			rc = compare(&machine, version, machine.vcpus % 4 == 1, &same);
		}
	printf("%u\n", same);
	return rc;
}
