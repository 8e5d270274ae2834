/* The registers of one TDX launch (tdx.h). */
#include "measure/tdx/tdx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tdvf.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "measure/tdx/acpi-q35.h"
#include "measure/tdx/acpi-qemu.h"
#include "measure/tdx/boot-disk.h"
#include "measure/tdx/direct.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/mrtd.h"
#include "measure/tdx/profile-tdx.h"
#include "measure/tdx/rtmr.h"
#include "measure/tdx/rtmr0.h"
#include "measure/tdx/rtmr3.h"
#include "measure/tdx/secureboot.h"
#include "measure/tdx/smbios.h"

#define FIRMWARE_MAX  (64u << 20)
#define KERNEL_MAX    (512u << 20)
#define VARIABLES_MAX (64u << 20)

static const char *const names[TDX_REGISTERS] = {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"};

const char *tdx_register_name(enum tdx_register reg)
{
	return names[reg];
}

/* What the shapes of one call share. */
struct launch {
	const struct tdx_input *in;
	const struct tdx_vmm *vmm;
	struct buf firmware, kernel, variables;
	struct generation generation;
	struct tdvf tdvf;
	struct secureboot *state; /* owned */
	struct direct_boot boot;
	bool understood;	     /* the firmware is: RTMR0 and RTMR1 can be tried for a shape */
	struct tdx_registers common; /* of every shape: MRTD, RTMR2 and RTMR3 */
};

static void launch_done(struct launch *launch)
{
	buf_done(&launch->firmware);
	buf_done(&launch->kernel);
	buf_done(&launch->variables);
	if (launch->state != NULL)
		secureboot_done(launch->state);
	free(launch->state);
}

static bool from_disk(const struct tdx_input *in)
{
	return in->boot != NULL && strcmp(in->boot, "direct") != 0;
}

static int check_boot(const struct tdx_input *in, struct err *err)
{
	enum boot_flow flow = BOOT_DIRECT;

	if (from_disk(in) && !boot_flow_find(in->boot, &flow))
		return err_fail(
			err, -EINVAL, "no boot \"%s\": direct%s", in->boot, BOOT_FLOW_NAMES);
	if (from_disk(in) && in->disk == NULL)
		return err_fail(err, -EINVAL, "a boot by %s needs a disk image", in->boot);
	if (!from_disk(in) && in->disk != NULL)
		return err_fail(err, -EINVAL, "a disk image, but a direct boot");
	if (from_disk(in) && in->kernel != NULL)
		return err_fail(err, -EINVAL, "a boot from a disk takes its kernel from there");
	if ((in->grub_commands != NULL || in->grub_file_count > 0) &&
		(!from_disk(in) || flow == BOOT_UKI))
		return err_fail(err, -EINVAL, "commands or files of GRUB, which is not booted");
	return 0;
}

static int check_input(const struct tdx_input *in, struct err *err)
{
	if (in->firmware == NULL)
		return err_fail(err, -EINVAL, "no firmware given");
	if (in->vmm == NULL)
		return err_fail(err, -EINVAL,
			"no VMM given: the order of pages and the kernel depend on it");
	if ((in->acpi_dir != NULL) + (in->acpi_qemu != NULL) + in->acpi_builtin > 1)
		return err_fail(err, -EINVAL, "ACPI tables from more than one source");
	if (check_boot(in, err) != 0)
		return err->code;
	if (in->kernel == NULL && in->initrd != NULL)
		return err_fail(err, -EINVAL, "an initrd without a kernel");
	if (in->kernel == NULL && in->cmdline != NULL)
		return err_fail(err, -EINVAL, "a command line without a kernel");
	if (in->kernel == NULL &&
		(in->acpi_dir != NULL || in->acpi_qemu != NULL || in->acpi_builtin))
		return err_fail(err, -EINVAL,
			"ACPI tables without a kernel: only direct boots are predicted");
	if (in->kernel == NULL && in->processor_id != NULL)
		return err_fail(err, -EINVAL, "a processor ID without a kernel");
	if (in->kernel == NULL && !from_disk(in) &&
		(in->secure_boot_vars != NULL || in->firmware_generation != NULL))
		return err_fail(err, -EINVAL,
			"UEFI variables or a firmware generation, but nothing to boot: MRTD does "
			"not depend on them");
	return 0;
}

static int measure_mrtd(struct launch *launch, struct err *err)
{
	const struct tdx_input *in = launch->in;
	const struct buf *firmware = &launch->firmware;
	struct tdx_registers *regs = &launch->common;
	const struct tdx_payload payload = {.kernel = launch->kernel.data,
		.kernel_bytes = launch->kernel.len,
		.cmdline = in->cmdline};
	struct mrtd_build build;
	int rc = tdvf_parse(firmware->data, firmware->len, &launch->tdvf, err);

	if (rc == 0)
		rc = tdx_vmm_check(launch->vmm, &launch->tdvf, firmware->len, err);
	if (rc == 0)
		rc = tdx_vmm_build(launch->vmm, &payload, &build, err);
	if (in->order != TDX_ORDER_VMM)
		build.order = in->order == TDX_ORDER_TWO ? MRTD_TWO : MRTD_SINGLE;
	if (rc == 0)
		rc = mrtd_compute(firmware->data, firmware->len, &launch->tdvf, &build,
			in->derive[TDX_MRTD], regs->value[TDX_MRTD], err);
	if (rc != 0)
		return err_wrap(err, "%s", in->firmware);
	regs->order = build.order == MRTD_TWO ? TDX_ORDER_TWO : TDX_ORDER_SINGLE;
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

static int read_initrd(struct launch *launch, struct err *err)
{
	const char *initrd = launch->in->initrd;
	struct direct_boot *boot = &launch->boot;

	if (initrd == NULL)
		return 0;
	if (io_digest_file(initrd, DIGEST_SHA384, boot->initrd_sha384, &boot->initrd_bytes, err) !=
		0)
		return err_wrap(err, "initrd");
	if (boot->initrd_bytes == 0)
		return err_fail(err, -EBADMSG, "initrd %s: empty", initrd);
	return 0;
}

typedef int direct_fn(const struct direct_boot *boot, struct rtmr *rtmr, struct err *err);

/* Predicts one register of a direct boot. */
static int predict(const struct launch *launch, enum tdx_register reg, direct_fn *fn,
	struct derive *derive, struct tdx_registers *regs, struct err *err)
{
	struct rtmr rtmr = {.derive = derive};
	int rc = direct_check(&launch->boot, err);

	if (rc == 0)
		rc = fn(&launch->boot, &rtmr, err);
	rc = settle(launch->in, regs, reg, &rtmr, rc, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", launch->in->kernel);
}

/* The layout of the machine: that of the input, or one without PCI devices. */
static const struct acpi_layout *layout_of(const struct tdx_input *in)
{
	static const struct acpi_layout none = {.serial = false};

	return in->acpi_layout != NULL ? in->acpi_layout : &none;
}

/* Whether there are PCI devices, which firmware puts at addresses of its choice. */
static bool has_pci(const struct tdx_input *in)
{
	return in->acpi_pci || acpi_layout_endpoints(layout_of(in)) > 0;
}

/* The tables from a QEMU, which must be of the VMM's version: they differ between versions. */
static int read_acpi_qemu(const struct launch *launch, const struct tdx_size *shape,
	struct acpi_blobs *ret, struct err *err)
{
	const struct tdx_input *in = launch->in;
	const struct tdx_vmm *vmm = launch->vmm;
	const char *args[ACPI_QEMU_ARGS_MAX];
	size_t count = acpi_layout_args(layout_of(in), args);
	const struct acpi_machine machine = {.qemu = in->acpi_qemu,
		.firmware = has_pci(in) ? in->firmware : NULL,
		.memory_bytes = shape->memory_bytes,
		.vcpus = shape->vcpus,
		.sockets = layout_of(in)->sockets,
		.args = args,
		.arg_count = count + in->acpi_arg_count};
	char version[ACPI_QEMU_VERSION_MAX];
	int rc;

	if (in->acpi_arg_count > ACPI_QEMU_ARGS_MAX - count)
		return err_fail(
			err, -EINVAL, "more than %d arguments for QEMU", ACPI_QEMU_ARGS_MAX);
	for (size_t i = 0; i < in->acpi_arg_count; i++)
		args[count + i] = in->acpi_args[i];
	rc = acpi_qemu_version(in->acpi_qemu, version, err);
	if (rc != 0)
		return rc;
	if (strncmp(version, vmm->acpi_version, strlen(vmm->acpi_version)) != 0)
		return err_fail(err, -EINVAL,
			"%s is version %s, not of %s: ACPI tables differ between versions",
			in->acpi_qemu, version, vmm->name);
	return acpi_qemu_read(&machine, ret, err);
}

static int make_acpi(const struct launch *launch, const struct tdx_size *shape,
	struct acpi_blobs *ret, struct err *err)
{
	const struct tdx_vmm *vmm = launch->vmm;
	const struct acpi_q35 machine = {.version = vmm->acpi_version,
		.memory_bytes = shape->memory_bytes,
		.low_bytes = tdx_vmm_below_4g(vmm, shape->memory_bytes),
		.vcpus = shape->vcpus,
		.layout = layout_of(launch->in)};

	return acpi_q35_build(&machine, ret, err);
}

/* The ACPI tables of a shape from where the input says; none when it does not. */
static int get_acpi(const struct launch *launch, const struct tdx_size *shape,
	struct acpi_blobs *ret, struct err *err)
{
	const struct tdx_input *in = launch->in;
	int rc;

	if (in->acpi_dir != NULL)
		return acpi_blobs_read(in->acpi_dir, ret, err);
	if (in->acpi_qemu == NULL && !in->acpi_builtin)
		return 0;
	if (shape->memory_bytes == 0 || shape->vcpus == 0)
		return err_fail(err, -EINVAL,
			"ACPI tables that are not read from a directory need the memory size and "
			"the vCPUs");
	if (launch->vmm->acpi_version == NULL)
		return err_fail(err, -ENOTSUP,
			"no stock QEMU is known to have the ACPI tables of %s", launch->vmm->name);
	rc = has_pci(in) ? acpi_layout_check(&launch->generation, err) : 0;
	if (rc != 0)
		return rc;
	return in->acpi_builtin ? make_acpi(launch, shape, ret, err)
				: read_acpi_qemu(launch, shape, ret, err);
}

/* The SMBIOS tables that go with tables that are not read from a directory. */
static int add_smbios(const struct launch *launch, const struct tdx_size *shape,
	struct acpi_blobs *blobs, struct err *err)
{
	const struct tdx_input *in = launch->in;
	const struct tdx_vmm *vmm = launch->vmm;
	struct smbios_q35 machine = {.version = vmm->acpi_version,
		.memory_bytes = shape->memory_bytes,
		.low_bytes = tdx_vmm_below_4g(vmm, shape->memory_bytes),
		.vcpus = shape->vcpus,
		.sockets = layout_of(in)->sockets};

	if (in->processor_id == NULL)
		return err_fail(err, -ENOTSUP,
			"the processor ID is needed, which the SMBIOS tables hold and firmware "
			"(%s) "
			"measures",
			launch->generation.name);
	if (!in->acpi_builtin)
		return smbios_set_processor(&blobs->smbios, in->processor_id, err);
	memcpy(machine.processor_id, in->processor_id, sizeof(machine.processor_id));
	return smbios_q35_build(&machine, &blobs->smbios, err);
}

/* What newer firmware measures besides ACPI tables. */
static int add_items(const struct launch *launch, const struct tdx_size *shape,
	struct acpi_blobs *blobs, struct err *err)
{
	const struct tdx_input *in = launch->in;
	const struct generation *generation = &launch->generation;
	bool has_order = blobs->item[RTMR0_BOOT_ORDER].len > 0;
	int rc = 0;

	if (blobs->rsdp.len == 0)
		return 0;
	if (generation->smbios != GENERATION_SMBIOS_NONE && in->acpi_dir == NULL)
		rc = add_smbios(launch, shape, blobs, err);
	if (rc != 0 || !generation->fw_cfg)
		return rc;
	if (in->acpi_dir != NULL && !has_order)
		return err_fail(err, -ENOTSUP,
			"%s/bootorder is not there, and firmware (%s) measures it", in->acpi_dir,
			generation->name);
	if (in->acpi_dir == NULL && has_order)
		return err_fail(err, -ENOTSUP,
			"devices with a boot index: firmware measures the order, which is not "
			"known");
	return rtmr0_items_direct(blobs, err);
}

static int measure_rtmr0(const struct launch *launch, const struct tdx_size *shape,
	struct tdx_registers *regs, struct err *err)
{
	const struct tdx_input *in = launch->in;
	ACPI_BLOBS_AUTO acpi = {.loader = {.data = NULL}};
	struct rtmr rtmr = {.derive = shape->rtmr0 != NULL ? shape->rtmr0 : in->derive[TDX_RTMR0]};
	struct rtmr0_input input = {.vmm = launch->vmm,
		.generation = &launch->generation,
		.tdvf = &launch->tdvf,
		.secureboot = launch->state,
		.memory_bytes = shape->memory_bytes};
	int rc = get_acpi(launch, shape, &acpi, err);

	if (rc != 0)
		return rc;
	rc = add_items(launch, shape, &acpi, err);
	if (acpi.rsdp.len > 0)
		input.acpi = &acpi;
	if (!direct_kernel_patched(&launch->boot)) {
		input.kernel = launch->boot.kernel;
		input.kernel_bytes = launch->boot.kernel_bytes;
	}
	if (rc == 0)
		rc = rtmr0_direct(&input, &rtmr, err);
	rc = settle(in, regs, TDX_RTMR0, &rtmr, rc, err);
	regs->acpi_verified = rc == 0 && regs->has[TDX_RTMR0] && in->acpi_dir == NULL;
	return rc == 0 ? 0 : err_wrap(err, "%s", in->firmware);
}

/* When firmware or a boot cannot be understood, each register from @first to RTMR2 says why; a wanted
 * one makes it an error. */
static int give_up(
	struct launch *launch, enum tdx_register first, const char *what, int rc, struct err *err)
{
	static const struct rtmr none = {.derive = NULL};
	const struct err why = *err;

	for (enum tdx_register reg = first; reg <= TDX_RTMR2; reg++) {
		*err = why;
		if (settle(launch->in, &launch->common, reg, &none, rc, err) != 0)
			return err_wrap(err, "%s", what);
	}
	return 0;
}

/* Reads the variables that take the place of those in the image. */
static int replace_variables(struct launch *launch, struct err *err)
{
	const char *path = launch->in->secure_boot_vars;
	struct buf *variables = &launch->variables;
	int rc = io_read_file(path, VARIABLES_MAX, variables, err);

	if (rc != 0)
		return rc;
	rc = secureboot_replace(launch->state, variables->data, variables->len, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	launch->understood = true;
	return 0;
}

/* Reads from the firmware how it boots. */
static int understand(struct launch *launch, struct err *err)
{
	const struct tdx_input *in = launch->in;
	const struct buf *firmware = &launch->firmware;
	struct tdx_registers *regs = &launch->common;
	int rc;

	launch->state = calloc(1, sizeof(*launch->state));
	if (launch->state == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = generation_detect(firmware->data, firmware->len, &launch->generation, err);
	if (rc == 0 && in->firmware_generation != NULL)
		rc = generation_declare(in->firmware_generation, &launch->generation, err);
	if (rc == 0)
		snprintf(regs->generation, sizeof(regs->generation), "%s", launch->generation.name);
	if (rc == 0)
		rc = secureboot_read(&launch->generation, firmware->data, firmware->len,
			&launch->tdvf, launch->state, err);
	if (rc == 0 && in->secure_boot_vars != NULL)
		return replace_variables(launch, err);
	if (rc == -EINVAL)
		return rc;
	if (rc != 0)
		return give_up(launch, TDX_RTMR0, launch->in->firmware, rc, err);
	launch->understood = true;
	return 0;
}

/* Whether the firmware enforces Secure Boot and does not trust the kernel. */
static int check_trust(const struct launch *launch, bool *ret_refused, struct err *err)
{
	const struct direct_boot *boot = &launch->boot;
	struct secureboot_vouchers vouchers;
	int rc = 0;

	*ret_refused = launch->state->enabled;
	if (!launch->state->enabled || direct_kernel_patched(boot))
		return 0;
	rc = secureboot_vouch(launch->state, boot->kernel, boot->kernel_bytes, &vouchers, err);
	if (rc != 0 && rc != -EACCES && rc != -EBADMSG)
		return rc;
	*ret_refused = rc != 0;
	*err = (struct err){.code = 0};
	return 0;
}

/* Reads the kernel unless that was done. */
static int read_kernel(struct launch *launch, struct err *err)
{
	if (launch->in->kernel == NULL || launch->kernel.len > 0)
		return 0;
	return io_read_file(launch->in->kernel, KERNEL_MAX, &launch->kernel, err);
}

/* What a direct boot has in common for all shapes, RTMR2 among it. The kernel is read when the firmware's
 * unpacked volumes have gone again. */
static int load_boot(struct launch *launch, struct err *err)
{
	const struct tdx_input *in = launch->in;
	struct direct_boot *boot = &launch->boot;
	int rc = understand(launch, err);

	if (rc == 0)
		rc = read_kernel(launch, err);
	if (rc != 0 || !launch->understood)
		return rc;
	boot->vmm = launch->vmm;
	boot->generation = &launch->generation;
	boot->cmdline = in->cmdline != NULL ? in->cmdline : "";
	boot->kernel = launch->kernel.data;
	boot->kernel_bytes = launch->kernel.len;
	rc = check_trust(launch, &boot->secure_boot, err);
	if (rc == 0)
		rc = read_initrd(launch, err);
	if (rc != 0)
		return rc;
	return predict(
		launch, TDX_RTMR2, direct_rtmr2, in->derive[TDX_RTMR2], &launch->common, err);
}

/* Older firmware extends RTMR0 by the separator when it is ready to boot: that of PCR 1. */
static void place_separator(const struct generation *generation, struct boot_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		if (generation->separators == GENERATION_SEPARATORS_RTMR0 &&
			strcmp(log->events[i].kind, "EV_SEPARATOR") == 0)
			log->events[i].pcr = 1;
}

/* Extends one register by the events of a boot from a disk. */
static int extend(struct launch *launch, const struct boot_log *log, enum tdx_register reg,
	unsigned index, struct err *err)
{
	const struct generation *generation = &launch->generation;
	struct rtmr rtmr = {.derive = launch->in->derive[reg]};
	int rc;

	if (index == 1 && generation->separators == GENERATION_SEPARATORS_UNKNOWN)
		rc = err_fail(err, -ENOTSUP,
			"the firmware (%s) does not tell whether its second separator goes to "
			"RTMR0 or RTMR1",
			generation->name);
	else
		rc = boot_log_extend(log, index, &rtmr, err);
	return settle(launch->in, &launch->common, reg, &rtmr, rc, err);
}

/* What keeps a boot from a disk from being predicted. */
static int check_disk(const struct launch *launch, struct err *err)
{
	const struct varstore *store = &launch->state->store;

	if (!launch->vmm->direct_boot)
		return err_fail(err, -ENOTSUP, "how the firmware of %s boots a disk is not known",
			launch->vmm->name);
	if (!launch->generation.cc_measurement)
		return err_fail(err, -ENOTSUP,
			"the firmware measures nothing into RTMRs (it has no TdTcg2Dxe module)");
	for (size_t i = 0; i < store->count; i++)
		if (strncmp(store->variables[i].name, "Boot", 4) == 0 ||
			strncmp(store->variables[i].name, "Mok", 3) == 0)
			return err_fail(err, -ENOTSUP,
				"the variable %s is stored in the firmware, and changes what boots",
				store->variables[i].name);
	return 0;
}

/* RTMR1 and RTMR2 of a boot from a disk, which are the same for all shapes. */
static int load_disk(struct launch *launch, struct err *err)
{
	static const struct rtmr none = {.derive = NULL};
	const struct tdx_input *in = launch->in;
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct boot_input boot = {.disk = in->disk,
		.grub_commands = in->grub_commands,
		.grub_files = in->grub_files,
		.grub_file_count = in->grub_file_count};
	int rc = understand(launch, err);

	if (rc != 0 || !launch->understood)
		return rc;
	launch->understood = false;
	if (!boot_flow_find(in->boot, &boot.flow))
		return err_fail(err, -EINVAL, "no boot \"%s\"", in->boot);
	boot.secureboot = launch->state;
	rc = err_fail(err, -ENOTSUP,
		"it holds the boot options that the firmware makes of the machine's devices");
	rc = settle(in, &launch->common, TDX_RTMR0, &none, rc, err);
	if (rc != 0)
		return rc;
	rc = check_disk(launch, err);
	if (rc == 0)
		rc = boot_disk_flushes(
			launch->firmware.data, launch->firmware.len, &boot.flushes, err);
	if (rc == 0)
		rc = boot_disk_log(&boot, &log, err);
	if (rc == -ENOTSUP)
		return give_up(launch, TDX_RTMR1, in->boot, rc, err);
	place_separator(&launch->generation, &log);
	if (rc == 0)
		rc = extend(launch, &log, TDX_RTMR1, 1, err);
	return rc != 0 ? rc : extend(launch, &log, TDX_RTMR2, 2, err);
}

/* RTMR3, of which there is something to say only when its events are given. */
static int measure_rtmr3(struct launch *launch, struct err *err)
{
	const struct tdx_input *in = launch->in;
	struct rtmr rtmr = {.derive = in->derive[TDX_RTMR3]};
	int rc = 0;

	for (size_t i = 0; i < in->runtime_event_count && rc == 0; i++)
		rc = rtmr3_event(in->runtime_events[i], &rtmr, err);
	if (rc != 0 || in->runtime_event_count == 0)
		return rc;
	return settle(in, &launch->common, TDX_RTMR3, &rtmr, 0, err);
}

static int load(struct launch *launch, struct err *err)
{
	const struct tdx_input *in = launch->in;
	struct buf *firmware = &launch->firmware;
	int rc = tdx_vmm_find(in->vmm, &launch->vmm, err);

	if (rc == 0)
		rc = io_read_file(in->firmware, FIRMWARE_MAX, firmware, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, firmware->data, firmware->len,
			launch->common.firmware_sha256, err);
	if (rc == 0 && launch->vmm->loads_payload)
		rc = read_kernel(launch, err);
	if (rc == 0)
		rc = measure_mrtd(launch, err);
	if (rc == 0 && in->kernel != NULL)
		rc = load_boot(launch, err);
	if (rc == 0 && from_disk(in))
		rc = load_disk(launch, err);
	return rc != 0 ? rc : measure_rtmr3(launch, err);
}

/* Whether two shapes boot the same kernel: memory below 4 GiB decides where the initrd goes. */
static bool same_kernel(
	const struct launch *launch, const struct tdx_size *a, const struct tdx_size *b)
{
	return !direct_kernel_patched(&launch->boot) ||
	       tdx_vmm_below_4g(launch->vmm, a->memory_bytes) ==
		       tdx_vmm_below_4g(launch->vmm, b->memory_bytes);
}

/* Recorded steps once more, for a register that is computed only once. */
static void copy_steps(const struct derive *from, struct derive *to)
{
	for (size_t i = 0; from != NULL && to != NULL && i < from->count; i++)
		derive_add(to, &from->steps[i], "%s", from->steps[i].what);
}

/* RTMR1 of shape @i, taken from an earlier shape with the same kernel when there is one. */
static int measure_rtmr1(struct launch *launch, const struct tdx_size *shapes, size_t i,
	struct tdx_registers *regs, struct err *err)
{
	for (size_t k = i; k-- > 0;)
		if (same_kernel(launch, &shapes[k], &shapes[i])) {
			regs[i].has[TDX_RTMR1] = regs[k].has[TDX_RTMR1];
			memcpy(regs[i].value[TDX_RTMR1], regs[k].value[TDX_RTMR1], SHA384_SIZE);
			memcpy(regs[i].why_not[TDX_RTMR1], regs[k].why_not[TDX_RTMR1],
				sizeof(regs[i].why_not[TDX_RTMR1]));
			copy_steps(shapes[k].rtmr1, shapes[i].rtmr1);
			return 0;
		}
	launch->boot.memory_bytes = shapes[i].memory_bytes;
	return predict(launch, TDX_RTMR1, direct_rtmr1,
		shapes[i].rtmr1 != NULL ? shapes[i].rtmr1 : launch->in->derive[TDX_RTMR1], &regs[i],
		err);
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

static int measure_shape(struct launch *launch, const struct tdx_size *shapes, size_t i,
	struct tdx_registers *regs, struct err *err)
{
	int rc = 0;

	regs[i] = launch->common;
	if (launch->understood)
		rc = measure_rtmr0(launch, &shapes[i], &regs[i], err);
	if (rc == 0 && launch->understood)
		rc = measure_rtmr1(launch, shapes, i, regs, err);
	return rc != 0 ? rc : check_wanted(launch->in, &regs[i], err);
}

int tdx_measure_shapes(const struct tdx_input *in, const struct tdx_size *shapes, size_t count,
	struct tdx_registers *ret, struct err *err)
{
	__attribute__((cleanup(launch_done))) struct launch launch = {.in = in};
	struct tdx_registers *regs AUTO_FREE = calloc(count, sizeof(*regs));
	int rc = check_input(in, err);

	if (rc != 0)
		return rc;
	if (count > 1 && (in->acpi_dir != NULL || in->derive[TDX_RTMR0] != NULL ||
				 in->derive[TDX_RTMR1] != NULL))
		return err_fail(err, -EINVAL,
			"a directory of ACPI tables, or an explanation, is of one shape only");
	if (regs == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = load(&launch, err);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = measure_shape(&launch, shapes, i, regs, err);
	if (rc == 0)
		memcpy(ret, regs, count * sizeof(*regs));
	return rc;
}

int tdx_measure(const struct tdx_input *in, struct tdx_registers *ret, struct err *err)
{
	const struct tdx_size shape = {.memory_bytes = in->memory_bytes, .vcpus = in->vcpus};

	return tdx_measure_shapes(in, &shape, 1, ret, err);
}
