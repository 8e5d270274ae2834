/* RTMR0 of a boot (rtmr0.h). */
#include "measure/tdx/rtmr0.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/guid.h"
#include "lib/io.h"
#include "measure/tdx/hob.h"
#include "measure/tdx/smbios.h"

#define LOADER_MAX   (64u << 10)
#define RSDP_MAX     64
#define TABLES_MAX   (2u << 20)
#define SMBIOS_MAX   (1u << 20)
#define ITEM_MAX     (64u << 10)
#define LOADER_ENTRY 128 /* bytes of one linker command */

#define KIND_CONFIG "EV_PLATFORM_CONFIG_FLAGS"

/* An item of another size is not looked at by firmware; 0: any. */
static const struct {
	const char *file, *what;
	size_t bytes;
} items[RTMR0_ITEMS] = {
	[RTMR0_EXTRA_PCI_ROOTS] = {"etc/extra-pci-roots", "fw_cfg: etc/extra-pci-roots", 8},
	[RTMR0_BOOT_MENU] = {NULL, "fw_cfg: BootMenu", 2},
	[RTMR0_BOOT_MENU_WAIT] = {"etc/boot-menu-wait", "fw_cfg: etc/boot-menu-wait", 2},
	[RTMR0_RESERVED_MEMORY_END] = {"etc/reserved-memory-end", "fw_cfg: etc/reserved-memory-end",
		8},
	[RTMR0_PCI_MMIO64] = {"opt/ovmf/X-PciMmio64Mb", "fw_cfg: opt/ovmf/X-PciMmio64Mb", 0},
	[RTMR0_BOOT_ORDER] = {"bootorder", "fw_cfg: bootorder", 0},
};

const char *rtmr0_item_file(enum rtmr0_item item)
{
	return items[item].file;
}

void acpi_blobs_done(struct acpi_blobs *blobs)
{
	buf_done(&blobs->loader);
	buf_done(&blobs->rsdp);
	buf_done(&blobs->tables);
	buf_done(&blobs->smbios);
	for (size_t i = 0; i < RTMR0_ITEMS; i++)
		buf_done(&blobs->item[i]);
}

static int read_blob(
	const char *dir, const char *name, size_t max, struct buf *ret, struct err *err)
{
	BUF_AUTO path = {0};
	int rc;

	buf_fmt(&path, "%s/%s", dir, name);
	rc = buf_check(&path, err);
	return rc != 0 ? rc : io_read_file(buf_cstr(&path), max, ret, err);
}

/* The same of a file that need not be there. */
static int read_optional(
	const char *dir, const char *name, size_t max, struct buf *ret, struct err *err)
{
	int rc = read_blob(dir, name, max, ret, err);

	if (rc != -ENOENT)
		return rc;
	*err = (struct err){.code = 0};
	return 0;
}

static int check_blobs(const char *dir, const struct acpi_blobs *blobs, struct err *err)
{
	if (blobs->loader.len == 0 || blobs->loader.len % LOADER_ENTRY != 0)
		return err_fail(err, -EBADMSG,
			"%s/etc/table-loader: %zu bytes are no linker script", dir,
			blobs->loader.len);
	if (blobs->rsdp.len < 20 || memcmp(blobs->rsdp.data, "RSD PTR ", 8) != 0)
		return err_fail(err, -EBADMSG, "%s/etc/acpi/rsdp: not an RSDP", dir);
	if (blobs->tables.len < 36)
		return err_fail(err, -EBADMSG, "%s/etc/acpi/tables: %zu bytes hold no table", dir,
			blobs->tables.len);
	return 0;
}

int acpi_blobs_read(const char *dir, struct acpi_blobs *ret, struct err *err)
{
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	int rc = read_blob(dir, "etc/table-loader", LOADER_MAX, &blobs.loader, err);

	if (rc == 0)
		rc = read_blob(dir, "etc/acpi/rsdp", RSDP_MAX, &blobs.rsdp, err);
	if (rc == 0)
		rc = read_blob(dir, "etc/acpi/tables", TABLES_MAX, &blobs.tables, err);
	if (rc == 0)
		rc = check_blobs(dir, &blobs, err);
	if (rc == 0)
		rc = read_optional(dir, "etc/smbios/smbios-tables", SMBIOS_MAX, &blobs.smbios, err);
	for (int i = 0; i < RTMR0_ITEMS && rc == 0; i++)
		if (items[i].file != NULL)
			rc = read_optional(dir, items[i].file, ITEM_MAX, &blobs.item[i], err);
	if (rc != 0)
		return rc;
	*ret = blobs;
	blobs = (struct acpi_blobs){.loader = {.data = NULL}};
	return 0;
}

int rtmr0_items_direct(struct acpi_blobs *blobs, struct err *err)
{
	static const char order[] = "/rom@genroms/linuxboot_dma.bin";

	if (blobs->item[RTMR0_BOOT_MENU].len == 0)
		buf_add(&blobs->item[RTMR0_BOOT_MENU], "\0\0", 2);
	if (blobs->item[RTMR0_BOOT_ORDER].len == 0)
		buf_add(&blobs->item[RTMR0_BOOT_ORDER], order, sizeof(order));
	return blobs->item[RTMR0_BOOT_MENU].bad ? buf_check(&blobs->item[RTMR0_BOOT_MENU], err)
						: buf_check(&blobs->item[RTMR0_BOOT_ORDER], err);
}

static int measure_hob(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	BUF_AUTO hob = {0};
	int rc = hob_build(
		in->tdvf, in->memory_bytes, tdx_vmm_below_4g(in->vmm, in->memory_bytes), &hob, err);

	return rc != 0 ? rc
		       : rtmr_data(
				 rtmr, "EV_EFI_HANDOFF_TABLES2", "TD HOB", hob.data, hob.len, err);
}

static int measure_items(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < RTMR0_ITEMS && in->generation->fw_cfg && rc == 0; i++) {
		const struct buf *item = &in->acpi->item[i];

		if (item->len > 0 && (items[i].bytes == 0 || item->len == items[i].bytes))
			rc = rtmr_data(
				rtmr, KIND_CONFIG, items[i].what, item->data, item->len, err);
	}
	return rc;
}

static int measure_acpi(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	const struct acpi_blobs *acpi = in->acpi;
	int rc;

	if (!in->generation->acpi)
		return 0;
	rc = rtmr_data(rtmr, KIND_CONFIG, "ACPI: etc/table-loader", acpi->loader.data,
		acpi->loader.len, err);
	if (rc == 0)
		rc = rtmr_data(rtmr, KIND_CONFIG, "ACPI: etc/acpi/rsdp", acpi->rsdp.data,
			acpi->rsdp.len, err);
	if (rc == 0)
		rc = rtmr_data(rtmr, KIND_CONFIG, "ACPI: etc/acpi/tables", acpi->tables.data,
			acpi->tables.len, err);
	return rc;
}

static int measure_smbios(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	const struct buf *tables = &in->acpi->smbios;
	BUF_AUTO table = {0};
	int rc = smbios_measured(&in->generation->bios, tables->data, tables->len, &table, err);

	return rc != 0 ? rc
		       : rtmr_data(rtmr, "EV_EFI_HANDOFF_TABLES", "SMBIOS tables", table.data,
				 table.len, err);
}

static int check_machine(const struct rtmr0_input *in, struct err *err)
{
	const struct generation *generation = in->generation;

	if (in->memory_bytes == 0)
		return err_fail(err, -ENOTSUP, "the memory size is needed");
	if (in->acpi == NULL)
		return err_fail(err, -ENOTSUP, "the ACPI tables are needed");
	if (generation->fw_cfg && (in->acpi->item[RTMR0_BOOT_MENU].len == 0))
		return err_fail(err, -ENOTSUP, "the fw_cfg items are needed");
	if (generation->smbios != GENERATION_SMBIOS_NONE && in->acpi->smbios.len == 0)
		return err_fail(err, -ENOTSUP,
			"the SMBIOS tables are needed: the processor ID, or "
			"etc/smbios/smbios-tables "
			"in the directory of ACPI tables");
	return 0;
}

static int check(const struct rtmr0_input *in, struct err *err)
{
	const struct generation *generation = in->generation;

	if (!in->vmm->direct_boot)
		return err_fail(
			err, -ENOTSUP, "how %s describes its machine is not known", in->vmm->name);
	if (!generation->cc_measurement)
		return err_fail(err, -ENOTSUP,
			"the firmware measures nothing into RTMRs (it has no TdTcg2Dxe module)");
	if (generation->separators == GENERATION_SEPARATORS_UNKNOWN)
		return err_fail(err, -ENOTSUP,
			"the firmware (%s) does not tell whether its second separator goes to "
			"RTMR0 or RTMR1",
			generation->name);
	if (generation->smbios == GENERATION_SMBIOS_UNKNOWN)
		return err_fail(err, -ENOTSUP,
			"the firmware does not tell whether it measures the SMBIOS tables before "
			"or after boot variables");
	if (generation->outside_vars && !in->secureboot->outside)
		return err_fail(err, -ENOTSUP,
			"the VMM keeps the firmware's variables: they are needed in JSON");
	if (!generation->menu_known)
		return err_fail(err, -ENOTSUP,
			"the firmware does not tell which application is its boot menu: its boot "
			"options are not known");
	return check_machine(in, err);
}

int rtmr0_platform(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	int rc = check(in, err);

	if (rc == 0)
		rc = measure_hob(in, rtmr, err);
	if (rc == 0)
		rc = rtmr_digest(rtmr, "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
			"configuration volume (CFV)", in->secureboot->volume_sha384,
			in->secureboot->volume_bytes, err);
	if (rc == 0)
		rc = measure_items(in, rtmr, err);
	if (rc == 0)
		rc = secureboot_measure(in->secureboot, rtmr, err);
	if (rc == 0)
		rc = rtmr_separator(rtmr, err);
	return rc != 0 ? rc : measure_acpi(in, rtmr, err);
}

int rtmr0_ready_to_boot(const struct rtmr0_input *in, const struct load_options *options,
	struct rtmr *rtmr, struct err *err)
{
	const struct generation *generation = in->generation;
	int rc = check(in, err);

	if (rc == 0 && generation->smbios == GENERATION_SMBIOS_BEFORE)
		rc = measure_smbios(in, rtmr, err);
	if (rc == 0)
		rc = load_options_measure(options, rtmr, err);
	if (rc == 0 && generation->separators == GENERATION_SEPARATORS_RTMR0)
		rc = rtmr_separator(rtmr, err);
	if (rc == 0 && generation->smbios == GENERATION_SMBIOS_AFTER)
		rc = measure_smbios(in, rtmr, err);
	return rc;
}

/* What vouches for the kernel, which firmware loads before it is ready to boot. One that nothing
 * vouches for is started by older firmware all the same, through its old loader. */
static int measure_kernel(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	int rc;

	if (!in->secureboot->enabled)
		return 0;
	if (in->kernel == NULL)
		return err_fail(err, -ENOTSUP,
			"the firmware enforces Secure Boot, and the VMM changes the kernel");
	rc = secureboot_start_image(in->secureboot, in->kernel, in->kernel_bytes, NULL, rtmr, err);
	if (rc != -EACCES)
		return rc;
	if (in->generation->no_legacy)
		return err_fail(err, -ENOTSUP, "%s", err->msg);
	*err = (struct err){.code = 0};
	return 0;
}

/* Options that are stored, where the firmware looks at them: without Secure Boot, older firmware
 * starts from an empty store when it has no flash to write to. */
static int read_options(const struct rtmr0_input *in, struct load_options *ret, struct err *err)
{
	const struct secureboot *state = in->secureboot;

	if (!state->built && !state->outside && !in->generation->image_vars)
		return 0;
	return load_options_read(&state->store, ret, err);
}

int rtmr0_direct(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	LOAD_OPTIONS_AUTO options = {.count = 0};
	int rc = rtmr0_platform(in, rtmr, err);

	if (rc == 0)
		rc = measure_kernel(in, rtmr, err);
	if (rc == 0)
		rc = read_options(in, &options, err);
	if (rc == 0)
		rc = load_options_add_builtin(in->generation, &options, err);
	return rc != 0 ? rc : rtmr0_ready_to_boot(in, &options, rtmr, err);
}
