/*
 * Which devices a q35 machine has, as far as its ACPI tables tell: none on the PCI bus, a number of
 * virtio devices, or those that Kata Containers' runtimes give to a TDX guest.
 */
#ifndef MEASURE_TDX_ACPI_LAYOUT_H
#define MEASURE_TDX_ACPI_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "measure/tdx/generation.h"

#define ACPI_LAYOUT_NET_MAX    8
#define ACPI_LAYOUT_VIRTIO_MAX 24 /* slots from 25 on route interrupts as the chipset's do */
#define ACPI_LAYOUT_ARGS_MAX   72

/* What is in slot 2 of the root bus for devices to be plugged in later. */
enum acpi_bridge {
	ACPI_NO_BRIDGE,
	ACPI_PCI_BRIDGE,  /* pci-bridge */
	ACPI_PCIE_BRIDGE, /* pcie-root-port with a pcie-pci-bridge behind it */
};

struct acpi_layout {
	bool serial;	    /* a serial port */
	bool no_hpet;	    /* hpet=off, or a QEMU built without one */
	uint32_t endpoints; /* bit of each slot of the root bus that has a virtio device */
	enum acpi_bridge bridge;
	uint64_t hole_bytes; /* pci-hole64-size; 0: as it is */
	char hole_arg[64];   /* the same for QEMU */
	bool sockets;	     /* one for each vCPU, which SMBIOS tables alone tell */
};

/*
 * Reads the description of a machine: "" or words between commas. The first may name one:
 * "kata-go-VERSION" or "kata-rust-VERSION" of a Kata release, which need "net=N" and "initdata=yes"
 * or "=no". Otherwise "serial", "hpet=off", "virtio=N" and "pci-hole64=SIZE" add to a machine
 * without PCI devices. -EINVAL for other words, -ENOTSUP for a Kata release whose machine is not
 * known.
 */
int acpi_layout_read(const char *text, struct acpi_layout *ret, struct err *err) MUST_CHECK;

/* Writes the arguments that give a stock QEMU the same tables; they are borrowed from @layout or
 * static. Returns their number. */
size_t acpi_layout_args(const struct acpi_layout *layout, const char *ret[ACPI_LAYOUT_ARGS_MAX]);

/* How many 64-bit BARs of virtio devices firmware places. */
unsigned acpi_layout_endpoints(const struct acpi_layout *layout);

/* Refuses (-ENOTSUP) firmware that may put PCI devices elsewhere in a TD than where acpi-q35.h and
 * acpi-qemu.h have them. */
int acpi_layout_check(const struct generation *generation, struct err *err) MUST_CHECK;

/* Appends a line for each machine that has a name, and its devices. */
void acpi_layout_list(struct buf *ret);

#endif
