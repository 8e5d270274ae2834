/*
 * ACPI tables from a stock QEMU: starts it stopped, programs over its qtest socket the few chipset
 * registers that firmware would program before it reads the tables, and reads them from fw_cfg. No
 * KVM, no guest code, no root. QEMU freezes the tables when they are first read, so this is right
 * for machines without PCI devices only: firmware assigns addresses to those.
 */
#ifndef MEASURE_ACPI_QEMU_H
#define MEASURE_ACPI_QEMU_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "measure/rtmr0.h"

#define ACPI_QEMU_ARGS_MAX    64
#define ACPI_QEMU_VERSION_MAX 32

struct acpi_machine {
	const char *qemu; /* program; searched in PATH when it has no slash */
	uint64_t memory_bytes;
	uint32_t vcpus;
	const char *const
		*args; /* further arguments, after "-machine q35,smm=off,pic=off,..."; borrowed */
	size_t arg_count;
};

/* The version that the program states, "10.1.0". -ENOENT when it cannot be run. */
int acpi_qemu_version(
	const char *qemu, char ret[ACPI_QEMU_VERSION_MAX], struct err *err) MUST_CHECK;

/* Reads the three blobs of such a machine. -EINVAL when QEMU refuses its arguments, -EIO when it
 * does not answer. */
int acpi_qemu_read(
	const struct acpi_machine *machine, struct acpi_blobs *ret, struct err *err) MUST_CHECK;

#endif
