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
 * Sections: QEMU (hw/i386/tdvf.c) exits on types beyond TempMem and on PAGE.AUG, and finds metadata
 * through the GUIDed table alone. Cloud Hypervisor adds whatever section it knows, extends those
 * whose attributes are MR.EXTEND, and calls KVM_TDX_INIT_MEM_REGION of the interface that preceded
 * Linux 6.16, which goes page by page. gce-tcb-verifier (ovmf/tdx_data.go) wants volumes that make
 * up the image, and one TD_HOB.
 *
 * Memory: pc-q35 splits at 2816 MiB and then keeps 2 GiB low (pc_q35_init);
 * 0x28000 bytes are kept for ACPI (pc_machine_initfn).
 */
#include "measure/tdx/profile-tdx.h"

#include <string.h>

#include "formats/bzimage.h"
#include "lib/buf.h"
#include "measure/tdx/tdx.h"

#define LOADED_HIGH   0x01u /* loadflags */
#define BIT(type)     (1u << (type))
#define UEFI_SECTIONS (BIT(TDVF_BFV) | BIT(TDVF_CFV) | BIT(TDVF_TD_HOB) | BIT(TDVF_TEMP_MEM))
#define CH_SECTIONS                                                                                \
	(UEFI_SECTIONS | BIT(TDVF_PERM_MEM) | BIT(TDVF_PAYLOAD) | BIT(TDVF_PAYLOAD_PARAM))
#define ALL_SECTIONS (BIT(TDVF_TYPES) - 1)

#define QEMU_Q35                                                                                   \
	.sections = UEFI_SECTIONS, .whole_data = true, .direct_boot = true, .acpi_bytes = 0x28000, \
	.split_bytes = 0xb0000000, .low_bytes = 0x80000000

static const struct tdx_vmm vmms[] = {
	{
		.name = "qemu-8.2-canonical",
		.order = MRTD_TWO,
		.patches_kernel = true,
		QEMU_Q35,
		.source = "Ubuntu 24.04 kobuk-team TDX packages, QEMU 8.2.2; quotes of dstack 0.5 "
			  "and 0.6",
	},
	{
		.name = "qemu-9.2",
		.order = MRTD_SINGLE,
		.patches_kernel = true,
		QEMU_Q35,
		.source = "QEMU 9.2 with the upstream KVM interface, Ubuntu 25.04",
	},
	{
		.name = "qemu-10.0",
		.order = MRTD_SINGLE,
		.acpi_version = "10.0.",
		.named_blobs = true,
		.patches_kernel = true,
		QEMU_Q35,
		.source = "QEMU 10.0 hw/i386/x86-common.c; distributions add TDX to it",
	},
	{
		.name = "qemu-10.1",
		.order = MRTD_SINGLE,
		.acpi_version = "10.1.",
		.named_blobs = true,
		.patches_kernel = true,
		QEMU_Q35,
		.source = "QEMU 10.1 target/i386/kvm/tdx.c, hw/i386/x86-common.c; a TD report of "
			  "Ubuntu 25.10",
	},
	{
		.name = "qemu-10.2",
		.order = MRTD_SINGLE,
		.acpi_version = "10.2.",
		.named_blobs = true,
		QEMU_Q35,
		.source = "QEMU 10.2 hw/i386/x86-common.c: no patch when machine->cgs is set; Kata "
			  "3.27 to 3.31",
	},
	{
		.name = "qemu-11.0",
		.order = MRTD_SINGLE,
		.acpi_version = "11.0.",
		.named_blobs = true,
		QEMU_Q35,
		.source = "QEMU 11.0 target/i386/kvm/tdx.c, hw/i386/x86-common.c; Kata 3.32 to 4.1",
	},
	{
		.name = "qemu-11.1",
		.order = MRTD_SINGLE,
		.acpi_version = "11.1.",
		.named_blobs = true,
		QEMU_Q35,
		.source = "as 11.0: Debian's 11.1.3 leaves a confidential guest's kernel alone",
	},
	{
		.name = "cloud-hypervisor",
		.order = MRTD_SINGLE,
		.sections = CH_SECTIONS,
		.adds_aug = true,
		.legacy = true,
		.loads_payload = true,
		.source = "Cloud Hypervisor 53 vmm/src/vm.rs; MRTD alone (td-shim: all)",
	},
	{
		.name = "gce",
		.order = MRTD_SINGLE,
		.sections = UEFI_SECTIONS,
		.whole_data = true,
		.whole_image = true,
		.source = "google/gce-tcb-verifier, tdx/mrtd_from_ovmf.go; MRTD alone",
	},
	{
		.name = "td-shim-tools",
		.order = MRTD_SINGLE,
		.sections = ALL_SECTIONS,
		.legacy = true,
		.image_only = true,
		.source = "td-shim-tools/src/tee_info_hash.rs: any VMM that follows the td-shim "
			  "specification",
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

static int check_section(
	const struct tdx_vmm *vmm, const struct tdvf_section *section, size_t i, struct err *err)
{
	const char *name = tdvf_type_name(section->type);
	bool aug = (section->attributes & TDVF_PAGE_AUG) != 0;

	if ((vmm->sections & BIT(section->type)) == 0 ||
		(aug && !vmm->adds_aug && !vmm->image_only))
		return err_fail(err, -ENOTSUP,
			"TDX metadata section %zu (%s%s): %s does not build such sections", i, name,
			aug ? ", PAGE.AUG" : "", vmm->name);
	if (vmm->whole_data && section->raw_size != 0 && section->raw_size != section->mem_size)
		return err_fail(err, -ENOTSUP,
			"TDX metadata section %zu (%s): data shorter than its memory", i, name);
	if (section->mem_size == 0 && !vmm->image_only)
		return err_fail(err, -ENOTSUP,
			"TDX metadata section %zu (%s): %s does not build a section of no memory",
			i, name, vmm->name);
	if (section->type == TDVF_TD_HOB && (section->attributes & TDVF_MR_EXTEND) != 0)
		return err_fail(err, -ENOTSUP,
			"TDX metadata section %zu (%s): MRTD would depend on what the VMM writes "
			"there",
			i, name);
	return 0;
}

int tdx_vmm_check(
	const struct tdx_vmm *vmm, const struct tdvf *tdvf, size_t image_len, struct err *err)
{
	uint64_t volumes = 0;

	if (tdvf->legacy && !vmm->legacy)
		return err_fail(err, -ENOTSUP,
			"%s finds TDX metadata through the GUIDed table alone, which the image has "
			"not",
			vmm->name);
	for (size_t i = 0; i < tdvf->count; i++) {
		const struct tdvf_section *section = &tdvf->sections[i];
		int rc = check_section(vmm, section, i, err);

		if (rc != 0)
			return rc;
		if (section->type <= TDVF_CFV)
			volumes += section->raw_size;
	}
	if (vmm->whole_image && (volumes != image_len || tdvf_find(tdvf, TDVF_TD_HOB) == NULL))
		return err_fail(err, -ENOTSUP,
			"TDX metadata: %s takes volumes that make up the image, and one TD_HOB",
			vmm->name);
	return 0;
}

/* Cloud Hypervisor takes kernels of boot protocol 2.00 that load high. */
static int check_kernel(const struct tdx_payload *payload, struct err *err)
{
	struct bzimage bz;
	int rc = bzimage_parse(payload->kernel, payload->kernel_bytes, &bz, err);

	if (rc == 0 && (bz.loadflags & LOADED_HIGH) == 0)
		return err_fail(err, -EBADMSG, "bzImage: its kernel loads low");
	return rc == 0 ? 0 : err_wrap(err, "kernel");
}

int tdx_vmm_build(const struct tdx_vmm *vmm, const struct tdx_payload *payload,
	struct mrtd_build *ret, struct err *err)
{
	const char *cmdline = payload->cmdline != NULL ? payload->cmdline : "";
	int rc = 0;

	*ret = (struct mrtd_build){.order = vmm->order, .adds_aug = vmm->adds_aug};
	if (!vmm->loads_payload)
		return 0;
	ret->content[TDVF_PAYLOAD] = (struct mrtd_content){
		true, payload->kernel, payload->kernel_bytes};
	ret->content[TDVF_PAYLOAD_PARAM] = (struct mrtd_content){
		true, cmdline, strlen(cmdline) + 1};
	if (payload->kernel != NULL)
		rc = check_kernel(payload, err);
	return rc;
}

uint64_t tdx_vmm_below_4g(const struct tdx_vmm *vmm, uint64_t memory_bytes)
{
	return memory_bytes >= vmm->split_bytes ? vmm->low_bytes : memory_bytes;
}
