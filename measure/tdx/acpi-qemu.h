/*
 * ACPI tables from a stock QEMU, without KVM or root, in one of two ways: of a machine without PCI
 * devices, by starting it stopped and setting, over its qtest socket, the few chipset registers
 * that firmware would set; of any machine, by letting its firmware run (TCG) until it asks for its
 * tables. QEMU freezes them at that moment; they are then read from fw_cfg over qtest.
 */
#ifndef MEASURE_TDX_ACPI_QEMU_H
#define MEASURE_TDX_ACPI_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "measure/tdx/rtmr0.h"

#define ACPI_QEMU_ARGS_MAX    160
#define ACPI_QEMU_VERSION_MAX 32
#define ACPI_QEMU_PHYS_BITS   "46" /* what OVMF makes of every host that has TDX */

struct acpi_machine {
	const char *qemu;     /* program; searched in PATH when it has no slash */
	const char *firmware; /* image that sets up PCI devices; NULL: there are none */
	uint64_t memory_bytes;
	uint32_t vcpus;
	bool sockets; /* one for each vCPU */
	/* Further arguments, after "-machine q35,smm=off,pic=off,..."; borrowed. */
	const char *const *args;
	size_t arg_count;
};

/* The version that the program states, "10.1.0". -ENOENT when it cannot be run. */
int acpi_qemu_version(
	const char *qemu, char ret[ACPI_QEMU_VERSION_MAX], struct err *err) MUST_CHECK;

/* Reads the blobs of such a machine, and what there is of the other items. -EINVAL when QEMU
 * refuses its arguments, -EIO when it does not answer. */
int acpi_qemu_read(
	const struct acpi_machine *machine, struct acpi_blobs *ret, struct err *err) MUST_CHECK;

#endif
