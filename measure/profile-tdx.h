/* What a TDX register depends on in the VMM: one row for each VMM and version whose behaviour is
 * known. */
#ifndef MEASURE_PROFILE_TDX_H
#define MEASURE_PROFILE_TDX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "measure/mrtd.h"

struct tdx_vmm {
	const char *name;
	enum mrtd_order order;
	const char *acpi_version; /* start of a stock QEMU's version with its ACPI tables */
	bool direct_boot;	  /* -kernel is known to work as described; false: MRTD alone */
	bool named_blobs;	  /* offers the untouched kernel as fw_cfg etc/boot/kernel */
	bool patches_kernel;	  /* rewrites the setup header of the kernel it offers otherwise */
	uint64_t acpi_bytes;	  /* kept free below 4 GiB when the initrd is placed */
	uint64_t split_bytes;	  /* from this much memory on ... */
	uint64_t low_bytes;	  /* ... only so much lies below 4 GiB */
	const char *source;	  /* of the facts */
};

/* The row of this name; -ENOTSUP with the known names when there is none. Static. */
int tdx_vmm_find(const char *name, const struct tdx_vmm **ret, struct err *err) MUST_CHECK;

/* Memory below 4 GiB of a guest with @memory_bytes. */
uint64_t tdx_vmm_below_4g(const struct tdx_vmm *vmm, uint64_t memory_bytes);

#endif
