/* The registers of one TDX launch (tdx.h). */
#include "measure/tdx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tdvf.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "measure/acpi-qemu.h"
#include "measure/direct.h"
#include "measure/generation.h"
#include "measure/mrtd.h"
#include "measure/profile-tdx.h"
#include "measure/rtmr.h"
#include "measure/rtmr0.h"
#include "measure/rtmr3.h"
#include "measure/secureboot.h"

#define FIRMWARE_MAX (64u << 20)
#define KERNEL_MAX   (512u << 20)

static const char *const names[TDX_REGISTERS] = {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"};

const char *tdx_register_name(enum tdx_register reg)
{
	return names[reg];
}

static int check_input(const struct tdx_input *in, struct err *err)
{
	if (in->firmware == NULL)
		return err_fail(err, -EINVAL, "no firmware given");
	if (in->vmm == NULL)
		return err_fail(err, -EINVAL,
			"no VMM given: the order of pages and the kernel depend on it");
	if (in->acpi_dir != NULL && in->acpi_qemu != NULL)
		return err_fail(err, -EINVAL, "ACPI tables from a directory and from QEMU");
	if (in->kernel == NULL && in->initrd != NULL)
		return err_fail(err, -EINVAL, "an initrd without a kernel");
	if (in->kernel == NULL && in->cmdline != NULL)
		return err_fail(err, -EINVAL, "a command line without a kernel");
	if (in->kernel == NULL && (in->acpi_dir != NULL || in->acpi_qemu != NULL))
		return err_fail(err, -EINVAL,
			"ACPI tables without a kernel: only direct boots are predicted");
	return 0;
}

/* What QEMU does with sections beyond the ones it knows is to exit, so no measurement exists. */
static int check_sections(const struct tdvf *tdvf, const struct tdx_vmm *vmm, struct err *err)
{
	for (size_t i = 0; i < tdvf->count; i++) {
		const struct tdvf_section *section = &tdvf->sections[i];
		const char *name = tdvf_type_name(section->type);

		if (section->type > TDVF_TEMP_MEM || (section->attributes & TDVF_PAGE_AUG) != 0)
			return err_fail(err, -ENOTSUP,
				"TDX metadata section %zu (%s): %s does not build such sections", i,
				name, vmm->name);
		if (section->raw_size != 0 && section->raw_size != section->mem_size)
			return err_fail(err, -ENOTSUP,
				"TDX metadata section %zu (%s): data shorter than its memory", i,
				name);
	}
	return 0;
}

static int measure_mrtd(const struct tdx_input *in, const struct tdx_vmm *vmm,
	const struct buf *firmware, struct tdx_registers *regs, struct err *err)
{
	struct tdvf tdvf;
	bool two = in->order == TDX_ORDER_TWO ||
		   (in->order == TDX_ORDER_VMM && vmm->order == MRTD_TWO);
	int rc = tdvf_parse(firmware->data, firmware->len, &tdvf, err);

	if (rc == 0)
		rc = check_sections(&tdvf, vmm, err);
	if (rc == 0)
		rc = mrtd_compute(firmware->data, firmware->len, &tdvf,
			two ? MRTD_TWO : MRTD_SINGLE, in->derive[TDX_MRTD], regs->value[TDX_MRTD],
			err);
	if (rc != 0)
		return err_wrap(err, "%s", in->firmware);
	regs->order = two ? TDX_ORDER_TWO : TDX_ORDER_SINGLE;
	regs->has[TDX_MRTD] = true;
	return 0;
}

/* Ends the prediction of one register: keeps the value, or why there is none unless it is
 * wanted. */
static int settle(const struct tdx_input *in, struct tdx_registers *regs, enum tdx_register reg,
	const struct rtmr *rtmr, int rc, struct err *err)
{
	if (rc == 0) {
		memcpy(regs->value[reg], rtmr->value, SHA384_SIZE);
		regs->has[reg] = true;
		return 0;
	}
	if (rc != -ENOTSUP || (in->want & TDX_WANT(reg)) != 0)
		return err_wrap(err, "%s", names[reg]);
	snprintf(regs->why_not[reg], sizeof(regs->why_not[reg]), "%.*s",
		(int)sizeof(regs->why_not[reg]) - 1, err->msg);
	*err = (struct err){.code = 0};
	return 0;
}

static int read_initrd(const struct tdx_input *in, struct direct_boot *boot, struct err *err)
{
	if (in->initrd == NULL)
		return 0;
	if (io_digest_file(
		    in->initrd, DIGEST_SHA384, boot->initrd_sha384, &boot->initrd_bytes, err) != 0)
		return err_wrap(err, "initrd");
	if (boot->initrd_bytes == 0)
		return err_fail(err, -EBADMSG, "initrd %s: empty", in->initrd);
	return 0;
}

typedef int direct_fn(const struct direct_boot *boot, struct rtmr *rtmr, struct err *err);

/* Predicts one register of a direct boot. */
static int predict(const struct tdx_input *in, const struct direct_boot *boot,
	enum tdx_register reg, direct_fn *fn, struct tdx_registers *regs, struct err *err)
{
	struct rtmr rtmr = {.derive = in->derive[reg]};
	int rc = direct_check(boot, err);

	if (rc == 0)
		rc = fn(boot, &rtmr, err);
	rc = settle(in, regs, reg, &rtmr, rc, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", in->kernel);
}

/* RTMR1 and RTMR2 of a direct boot. */
static int measure_direct(const struct tdx_input *in, struct direct_boot *boot,
	struct tdx_registers *regs, struct err *err)
{
	BUF_AUTO kernel = {0};
	int rc = io_read_file(in->kernel, KERNEL_MAX, &kernel, err);

	if (rc == 0)
		rc = read_initrd(in, boot, err);
	if (rc != 0)
		return rc;
	boot->kernel = kernel.data;
	boot->kernel_bytes = kernel.len;
	rc = predict(in, boot, TDX_RTMR1, direct_rtmr1, regs, err);
	return rc != 0 ? rc : predict(in, boot, TDX_RTMR2, direct_rtmr2, regs, err);
}

/* The tables from a QEMU, which must be of the VMM's version: they differ between versions. */
static int read_acpi_qemu(const struct tdx_input *in, const struct tdx_vmm *vmm,
	struct acpi_blobs *ret, struct err *err)
{
	const struct acpi_machine machine = {.qemu = in->acpi_qemu,
		.memory_bytes = in->memory_bytes,
		.vcpus = in->vcpus,
		.args = in->acpi_args,
		.arg_count = in->acpi_arg_count};
	char version[ACPI_QEMU_VERSION_MAX];
	int rc;

	if (in->memory_bytes == 0 || in->vcpus == 0)
		return err_fail(
			err, -EINVAL, "ACPI tables from QEMU need the memory size and the vCPUs");
	if (vmm->acpi_version == NULL)
		return err_fail(err, -ENOTSUP,
			"no stock QEMU is known to have the ACPI tables of %s", vmm->name);
	rc = acpi_qemu_version(in->acpi_qemu, version, err);
	if (rc != 0)
		return rc;
	if (strncmp(version, vmm->acpi_version, strlen(vmm->acpi_version)) != 0)
		return err_fail(err, -EINVAL,
			"%s is version %s, not of %s: ACPI tables differ between versions",
			in->acpi_qemu, version, vmm->name);
	return acpi_qemu_read(&machine, ret, err);
}

static int measure_rtmr0(const struct tdx_input *in, const struct rtmr0_input *input,
	struct tdx_registers *regs, struct err *err)
{
	ACPI_BLOBS_AUTO acpi = {.loader = {.data = NULL}};
	struct rtmr rtmr = {.derive = in->derive[TDX_RTMR0]};
	struct rtmr0_input whole = *input;
	int rc = 0;

	if (in->acpi_dir != NULL)
		rc = acpi_blobs_read(in->acpi_dir, &acpi, err);
	else if (in->acpi_qemu != NULL)
		rc = read_acpi_qemu(in, input->vmm, &acpi, err);
	if (rc != 0)
		return rc;
	if (acpi.rsdp.len > 0)
		whole.acpi = &acpi;
	rc = rtmr0_direct(&whole, &rtmr, err);
	rc = settle(in, regs, TDX_RTMR0, &rtmr, rc, err);
	regs->acpi_verified = rc == 0 && regs->has[TDX_RTMR0] && in->acpi_qemu != NULL;
	return rc == 0 ? 0 : err_wrap(err, "%s", in->firmware);
}

/* When firmware cannot be understood, each of its registers says why; a wanted one makes it an
 * error. */
static int give_up(const struct tdx_input *in, struct tdx_registers *regs, int rc, struct err *err)
{
	static const struct rtmr none = {.derive = NULL};
	const struct err why = *err;

	for (int reg = TDX_RTMR0; reg <= TDX_RTMR2; reg++) {
		*err = why;
		if (settle(in, regs, reg, &none, rc, err) != 0)
			return err_wrap(err, "%s", in->firmware);
	}
	return 0;
}

static int measure_rtmrs(const struct tdx_input *in, const struct tdx_vmm *vmm,
	const struct buf *firmware, struct tdx_registers *regs, struct err *err)
{
	struct generation generation;
	struct secureboot *state AUTO_FREE = malloc(sizeof(*state));
	struct tdvf tdvf;
	struct direct_boot boot = {.vmm = vmm,
		.generation = &generation,
		.cmdline = in->cmdline != NULL ? in->cmdline : "",
		.memory_bytes = in->memory_bytes};
	struct rtmr0_input rtmr0 = {.vmm = vmm,
		.generation = &generation,
		.tdvf = &tdvf,
		.secureboot = state,
		.memory_bytes = in->memory_bytes};
	int rc;

	if (state == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = generation_detect(firmware->data, firmware->len, &generation, err);
	if (rc == 0)
		snprintf(regs->generation, sizeof(regs->generation), "%s", generation.name);
	if (rc == 0)
		rc = tdvf_parse(firmware->data, firmware->len, &tdvf, err);
	if (rc == 0)
		rc = secureboot_read(&generation, firmware->data, firmware->len, &tdvf, state, err);
	if (rc != 0)
		return give_up(in, regs, rc, err);
	boot.secure_boot = state->enabled;
	rc = measure_rtmr0(in, &rtmr0, regs, err);
	return rc != 0 ? rc : measure_direct(in, &boot, regs, err);
}

/* RTMR3, of which there is something to say only when its events are given. */
static int measure_rtmr3(const struct tdx_input *in, struct tdx_registers *regs, struct err *err)
{
	struct rtmr rtmr = {.derive = in->derive[TDX_RTMR3]};
	int rc = 0;

	for (size_t i = 0; i < in->runtime_event_count && rc == 0; i++)
		rc = rtmr3_event(in->runtime_events[i], &rtmr, err);
	if (rc != 0 || in->runtime_event_count == 0)
		return rc;
	return settle(in, regs, TDX_RTMR3, &rtmr, 0, err);
}

/* Refuses when a wanted register has no value. */
static int check_wanted(
	const struct tdx_input *in, const struct tdx_registers *regs, struct err *err)
{
	for (int reg = 0; reg < TDX_REGISTERS; reg++)
		if ((in->want & TDX_WANT(reg)) != 0 && !regs->has[reg])
			return err_fail(err, -ENOTSUP, "%s cannot be predicted from these inputs",
				names[reg]);
	return 0;
}

int tdx_measure(const struct tdx_input *in, struct tdx_registers *ret, struct err *err)
{
	BUF_AUTO firmware = {0};
	struct tdx_registers regs = {.order = TDX_ORDER_VMM};
	const struct tdx_vmm *vmm;
	int rc = check_input(in, err);

	if (rc == 0)
		rc = tdx_vmm_find(in->vmm, &vmm, err);
	if (rc == 0)
		rc = io_read_file(in->firmware, FIRMWARE_MAX, &firmware, err);
	if (rc == 0)
		rc = digest_bytes(
			DIGEST_SHA256, firmware.data, firmware.len, regs.firmware_sha256, err);
	if (rc == 0)
		rc = measure_mrtd(in, vmm, &firmware, &regs, err);
	if (rc == 0 && in->kernel != NULL)
		rc = measure_rtmrs(in, vmm, &firmware, &regs, err);
	if (rc == 0)
		rc = measure_rtmr3(in, &regs, err);
	if (rc == 0)
		rc = check_wanted(in, &regs, err);
	if (rc != 0)
		return rc;
	*ret = regs;
	return 0;
}
