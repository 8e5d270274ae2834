/*
 * SMBIOS tables: those that QEMU hands to firmware, and what OVMF makes of them and measures into
 * RTMR0. DMTF DSP0134 3.7; edk2 OvmfPkg/SmbiosPlatformDxe, MdeModulePkg/Universal/SmbiosDxe and
 * SmbiosMeasurementDxe.
 */
#ifndef MEASURE_TDX_SMBIOS_H
#define MEASURE_TDX_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "measure/tdx/generation.h"

#define SMBIOS_PROCESSOR_ID_SIZE 8
#define SMBIOS_STRUCTURES_MAX	 1024

/* -machine q35 -m MEMORY -smp VCPUS, as far as these tables tell. */
struct smbios_q35 {
	const char *version; /* of QEMU, or its start: "10.1." */
	uint64_t memory_bytes;
	uint64_t low_bytes; /* of it, below 4 GiB */
	uint32_t vcpus;
	bool sockets; /* one for each vCPU: -smp VCPUS,cores=1 */
	/* EAX and EDX of CPUID leaf 1 as the vCPU model has them, each little-endian. */
	unsigned char processor_id[SMBIOS_PROCESSOR_ID_SIZE];
};

/* Appends fw_cfg's etc/smbios/smbios-tables of such a machine. -ENOTSUP for a version, or a size
 * beyond those that were compared, for which it is not known. */
int smbios_q35_build(const struct smbios_q35 *machine, struct buf *ret, struct err *err) MUST_CHECK;

/* Reads eight bytes in hexadecimal, with or without spaces, as dmidecode prints them. */
bool smbios_processor_parse(const char *text, unsigned char ret[SMBIOS_PROCESSOR_ID_SIZE]);

/* Replaces the processor ID in the type 4 structures of @tables. -EBADMSG when there is none. */
int smbios_set_processor(struct buf *tables,
	const unsigned char processor_id[SMBIOS_PROCESSOR_ID_SIZE], struct err *err) MUST_CHECK;

/*
 * Appends the table as firmware measures it: the @n bytes of @tables that the VMM hands over, the
 * firmware's own structure, the end; without serial numbers and what else differs from boot to
 * boot. -EBADMSG when @tables are damaged, -ENOTSUP when the firmware's structure is not known.
 */
int smbios_measured(const struct generation_bios *bios, const void *tables, size_t n,
	struct buf *ret, struct err *err) MUST_CHECK;

#endif
