/*
 * VMM profiles of TDX guests (profile-tdx.h).
 *
 * Page-add order: the TDX branch that Canonical shipped on QEMU 8.2.2 adds a section's pages before
 * it extends them; upstream KVM (KVM_TDX_INIT_MEM_REGION with measurement) does both page by page,
 * and so does every QEMU built on it.
 *
 * Setup header: QEMU's x86_load_linux writes into it unless the machine is confidential (since
 * 10.2); since 10.0 the file as it was is offered beside it as etc/boot/kernel.
 *
 * Memory: pc-q35 splits at 2816 MiB and then keeps 2 GiB low (pc_q35_init);
 * 0x28000 bytes are kept for ACPI (pc_machine_initfn).
 */
#include "measure/profile-tdx.h"

#include <string.h>

#include "lib/buf.h"
#include "measure/tdx.h"

#define Q35_MEMORY .acpi_bytes = 0x28000, .split_bytes = 0xb0000000, .low_bytes = 0x80000000

static const struct tdx_vmm vmms[] = {
	{
		.name = "qemu-8.2-canonical",
		.order = MRTD_TWO,
		.direct_boot = true,
		.patches_kernel = true,
		Q35_MEMORY,
		.source = "Ubuntu 24.04 kobuk-team TDX packages, QEMU 8.2.2; quotes of dstack 0.5 "
			  "and 0.6",
	},
	{
		.name = "qemu-9.2",
		.order = MRTD_SINGLE,
		.direct_boot = true,
		.patches_kernel = true,
		Q35_MEMORY,
		.source = "QEMU 9.2 with the upstream KVM interface, Ubuntu 25.04",
	},
	{
		.name = "qemu-10.0",
		.order = MRTD_SINGLE,
		.acpi_version = "10.0.",
		.direct_boot = true,
		.named_blobs = true,
		.patches_kernel = true,
		Q35_MEMORY,
		.source = "QEMU 10.0 hw/i386/x86-common.c; distributions add TDX to it",
	},
	{
		.name = "qemu-10.1",
		.order = MRTD_SINGLE,
		.acpi_version = "10.1.",
		.direct_boot = true,
		.named_blobs = true,
		.patches_kernel = true,
		Q35_MEMORY,
		.source = "QEMU 10.1 target/i386/kvm/tdx.c, hw/i386/x86-common.c; a TD report of "
			  "Ubuntu 25.10",
	},
	{
		.name = "qemu-10.2",
		.order = MRTD_SINGLE,
		.acpi_version = "10.2.",
		.direct_boot = true,
		.named_blobs = true,
		Q35_MEMORY,
		.source = "QEMU 10.2 hw/i386/x86-common.c: no patch when machine->cgs is set",
	},
	{
		.name = "gce",
		.order = MRTD_SINGLE,
		.source = "google/gce-tcb-verifier, tdx/mrtd.go; MRTD alone",
	},
};

#define COUNT (sizeof(vmms) / sizeof(vmms[0]))

int tdx_vmm_find(const char *name, const struct tdx_vmm **ret, struct err *err)
{
	BUF_AUTO known = {0};

	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(vmms[i].name, name) == 0) {
			*ret = &vmms[i];
			return 0;
		}
		buf_fmt(&known, "%s%s", i > 0 ? ", " : "", vmms[i].name);
	}
	return err_fail(err, -ENOTSUP, "unknown VMM \"%s\": known are %s", name, buf_cstr(&known));
}

const char *tdx_vmm_next(const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (name == NULL)
			return vmms[i].name;
		if (strcmp(vmms[i].name, name) == 0)
			return i + 1 < COUNT ? vmms[i + 1].name : NULL;
	}
	return NULL;
}

uint64_t tdx_vmm_below_4g(const struct tdx_vmm *vmm, uint64_t memory_bytes)
{
	return memory_bytes >= vmm->split_bytes ? vmm->low_bytes : memory_bytes;
}
