/*
 * RTMR0 of OVMF on QEMU's q35: the TD HOB, the configuration volume, fw_cfg items, Secure Boot
 * variables, ACPI and SMBIOS tables, boot variables. edk2 OvmfPkg/IntelTdx, OvmfPkg/Tcg/TdTcg2Dxe,
 * OvmfPkg/Library/QemuFwCfgLib, OvmfPkg/Library/AcpiPlatformLib.
 */
#ifndef MEASURE_TDX_RTMR0_H
#define MEASURE_TDX_RTMR0_H

#include <stddef.h>
#include <stdint.h>

#include "formats/tdvf.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/load-options.h"
#include "measure/tdx/profile-tdx.h"
#include "measure/tdx/rtmr.h"
#include "measure/tdx/secureboot.h"

/* The fw_cfg items beside tables that firmware measures, in this order. */
enum rtmr0_item {
	RTMR0_EXTRA_PCI_ROOTS,
	RTMR0_BOOT_MENU,
	RTMR0_BOOT_MENU_WAIT,
	RTMR0_RESERVED_MEMORY_END,
	RTMR0_PCI_MMIO64,
	RTMR0_BOOT_ORDER,
	RTMR0_ITEMS,
};

/* The name of the item's file in fw_cfg. Static; NULL for BootMenu, which is no file. */
const char *rtmr0_item_file(enum rtmr0_item item);

/* What QEMU hands over in fw_cfg, byte for byte. An item that is not there is empty. */
struct acpi_blobs {
	struct buf loader; /* etc/table-loader */
	struct buf rsdp;   /* etc/acpi/rsdp */
	struct buf tables; /* etc/acpi/tables */
	struct buf smbios; /* etc/smbios/smbios-tables */
	struct buf item[RTMR0_ITEMS];
};

void acpi_blobs_done(struct acpi_blobs *blobs);
#define ACPI_BLOBS_AUTO __attribute__((cleanup(acpi_blobs_done))) struct acpi_blobs

/* Reads @dir/etc/table-loader, @dir/etc/acpi/rsdp and @dir/etc/acpi/tables, and checks that they
 * are such files; and what there is of the other items. */
int acpi_blobs_read(const char *dir, struct acpi_blobs *ret, struct err *err) MUST_CHECK;

/* Sets the items that every direct boot has, unless they are there: no boot menu, and the option
 * ROM that QEMU starts a kernel with as the first of the boot order. */
int rtmr0_items_direct(struct acpi_blobs *blobs, struct err *err) MUST_CHECK;

struct rtmr0_input {
	const struct tdx_vmm *vmm;
	const struct generation *generation;
	const struct tdvf *tdvf; /* the firmware's metadata */
	const struct secureboot *secureboot;
	uint64_t memory_bytes;
	const struct acpi_blobs *acpi; /* NULL: not known */
	/* The kernel as firmware gets it, for its signature; NULL: not known, or not from the VMM. */
	const unsigned char *kernel;
	size_t kernel_bytes;
};

/* Extends @rtmr by all events of a direct boot. -ENOTSUP where the firmware's ways or the VMM's
 * tables are not known. */
int rtmr0_direct(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err) MUST_CHECK;

/* The same in two parts: up to the ACPI tables, ... */
int rtmr0_platform(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err) MUST_CHECK;

/* ... and from there to the end, when an operating system is about to be started with these boot
 * options. */
int rtmr0_ready_to_boot(const struct rtmr0_input *in, const struct load_options *options,
	struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
