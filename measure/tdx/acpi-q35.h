/*
 * ACPI tables of QEMU's q35 machine, as a TD sees it after OVMF has set up its PCI devices, without
 * a QEMU: the same bytes that measure/tdx/acpi-qemu.h reads from one.
 */
#ifndef MEASURE_TDX_ACPI_Q35_H
#define MEASURE_TDX_ACPI_Q35_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "measure/tdx/acpi-layout.h"
#include "measure/tdx/rtmr0.h"

#define ACPI_Q35_VCPUS_MAX  64
#define ACPI_Q35_MEMORY_MIN (512ull << 20)
#define ACPI_Q35_MEMORY_MAX (512ull << 30)

/* -machine q35,smm=off,pic=off -nodefaults -m MEMORY -smp VCPUS and what the layout adds. */
struct acpi_q35 {
	const char *version; /* of QEMU, or its start: "10.1." */
	uint64_t memory_bytes;
	uint64_t low_bytes; /* of it, below 4 GiB */
	uint32_t vcpus;
	const struct acpi_layout *layout;
};

/* Makes the three blobs. -ENOTSUP for a version, or a size beyond those above, for which they are
 * not known. */
int acpi_q35_build(
	const struct acpi_q35 *machine, struct acpi_blobs *ret, struct err *err) MUST_CHECK;

#endif
