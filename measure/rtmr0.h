/*
 * RTMR0 of OVMF on QEMU's q35, direct boot: the TD HOB, the configuration volume, Secure Boot
 * variables, ACPI tables and boot variables. edk2 OvmfPkg/IntelTdx, OvmfPkg/Tcg/TdTcg2Dxe,
 * OvmfPkg/Library/AcpiPlatformLib.
 */
#ifndef MEASURE_RTMR0_H
#define MEASURE_RTMR0_H

#include <stdint.h>

#include "formats/tdvf.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "measure/generation.h"
#include "measure/profile-tdx.h"
#include "measure/rtmr.h"
#include "measure/secureboot.h"

/* The three fw_cfg files through which QEMU hands over its ACPI tables, byte for byte. */
struct acpi_blobs {
	struct buf loader; /* etc/table-loader */
	struct buf rsdp;   /* etc/acpi/rsdp */
	struct buf tables; /* etc/acpi/tables */
};

void acpi_blobs_done(struct acpi_blobs *blobs);
#define ACPI_BLOBS_AUTO __attribute__((cleanup(acpi_blobs_done))) struct acpi_blobs

/* Reads @dir/etc/table-loader, @dir/etc/acpi/rsdp and @dir/etc/acpi/tables, and checks that they
 * are such files. */
int acpi_blobs_read(const char *dir, struct acpi_blobs *ret, struct err *err) MUST_CHECK;

struct rtmr0_input {
	const struct tdx_vmm *vmm;
	const struct generation *generation;
	const struct tdvf *tdvf; /* the firmware's metadata */
	const struct secureboot *secureboot;
	uint64_t memory_bytes;
	const struct acpi_blobs *acpi;
};

/* Extends @rtmr by all events of a direct boot. -ENOTSUP where the firmware's ways are not
 * known. */
int rtmr0_direct(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
