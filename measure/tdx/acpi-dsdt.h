/*
 * The DSDT of QEMU's q35 machine, as a term of formats/aml.h. Its contents are
 * QEMU's (hw/i386/acpi-build.c, hw/acpi/cpu.c, hw/acpi/pcihp.c of each version); the notation,
 * and what is computed in it, is ours.
 */
#ifndef MEASURE_TDX_ACPI_DSDT_H
#define MEASURE_TDX_ACPI_DSDT_H

#include "lib/buf.h"
#include "measure/tdx/acpi-q35.h"

/* Versions between which the DSDT changed; the value is the bit of the pieces it has. */
enum dsdt_form {
	DSDT_7_2 = 1,
	DSDT_10_0 = 2,
	DSDT_11_0 = 4,
	DSDT_11_1 = 8,
};

/* Appends the term of this machine's DSDT, for aml_assemble(). */
void acpi_dsdt_text(const struct acpi_q35 *machine, enum dsdt_form form, struct buf *ret);

#endif
