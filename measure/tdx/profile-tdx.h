/* What a TDX register depends on in the VMM: one row for each VMM and version whose behaviour is
 * known. */
#ifndef MEASURE_TDX_PROFILE_TDX_H
#define MEASURE_TDX_PROFILE_TDX_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/tdvf.h"
#include "lib/err.h"
#include "measure/tdx/mrtd.h"

struct tdx_vmm {
	const char *name;
	enum mrtd_order order;
	uint32_t sections;  /* bit N: it builds TDVF sections of type N, and exits on others */
	bool adds_aug;	    /* adds PAGE.AUG sections too; else it exits on them */
	bool whole_data;    /* data must fill the memory of their section */
	bool legacy;	    /* finds metadata without a GUIDed table too */
	bool loads_payload; /* the kernel goes into Payload, the command line into PayloadParam */
	bool whole_image;   /* volumes must make up the image, with one TD_HOB */
	bool image_only;    /* no VMM: what a calculator takes from the image */
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

/*
 * Refuses (-ENOTSUP) metadata that this VMM exits on, or whose measurement nothing here can know.
 * @image_len is the size of the image they were read from.
 */
int tdx_vmm_check(const struct tdx_vmm *vmm, const struct tdvf *tdvf, size_t image_len,
	struct err *err) MUST_CHECK;

/* What a VMM is told to boot. */
struct tdx_payload {
	const void *kernel; /* NULL: none */
	size_t kernel_bytes;
	const char *cmdline; /* NULL: the empty one */
};

/* How the VMM builds the initial memory of a TD, in its own order; @ret borrows from @payload.
 * -EBADMSG for a kernel that it refuses to load. */
int tdx_vmm_build(const struct tdx_vmm *vmm, const struct tdx_payload *payload,
	struct mrtd_build *ret, struct err *err) MUST_CHECK;

/* Memory below 4 GiB of a guest with @memory_bytes. */
uint64_t tdx_vmm_below_4g(const struct tdx_vmm *vmm, uint64_t memory_bytes);

#endif
