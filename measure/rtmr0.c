/* RTMR0 of a direct boot (rtmr0.h). */
#include "measure/rtmr0.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/guid.h"
#include "lib/io.h"
#include "measure/hob.h"

#define LOADER_MAX   (64u << 10)
#define RSDP_MAX     64
#define TABLES_MAX   (2u << 20)
#define LOADER_ENTRY 128 /* bytes of one linker command */

void acpi_blobs_done(struct acpi_blobs *blobs)
{
	buf_done(&blobs->loader);
	buf_done(&blobs->rsdp);
	buf_done(&blobs->tables);
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

int acpi_blobs_read(const char *dir, struct acpi_blobs *ret, struct err *err)
{
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	int rc = read_blob(dir, "etc/table-loader", LOADER_MAX, &blobs.loader, err);

	if (rc == 0)
		rc = read_blob(dir, "etc/acpi/rsdp", RSDP_MAX, &blobs.rsdp, err);
	if (rc == 0)
		rc = read_blob(dir, "etc/acpi/tables", TABLES_MAX, &blobs.tables, err);
	if (rc != 0)
		return rc;
	if (blobs.loader.len == 0 || blobs.loader.len % LOADER_ENTRY != 0)
		return err_fail(err, -EBADMSG,
			"%s/etc/table-loader: %zu bytes are no linker script", dir,
			blobs.loader.len);
	if (blobs.rsdp.len < 20 || memcmp(blobs.rsdp.data, "RSD PTR ", 8) != 0)
		return err_fail(err, -EBADMSG, "%s/etc/acpi/rsdp: not an RSDP", dir);
	if (blobs.tables.len < 36)
		return err_fail(err, -EBADMSG, "%s/etc/acpi/tables: %zu bytes hold no table", dir,
			blobs.tables.len);
	*ret = blobs;
	blobs = (struct acpi_blobs){.loader = {.data = NULL}};
	return 0;
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

static int measure_acpi(const struct acpi_blobs *acpi, struct rtmr *rtmr, struct err *err)
{
	static const char kind[] = "EV_PLATFORM_CONFIG_FLAGS";
	int rc = rtmr_data(
		rtmr, kind, "ACPI: etc/table-loader", acpi->loader.data, acpi->loader.len, err);

	if (rc == 0)
		rc = rtmr_data(
			rtmr, kind, "ACPI: etc/acpi/rsdp", acpi->rsdp.data, acpi->rsdp.len, err);
	if (rc == 0)
		rc = rtmr_data(rtmr, kind, "ACPI: etc/acpi/tables", acpi->tables.data,
			acpi->tables.len, err);
	return rc;
}

/* The EFI_LOAD_OPTION that BDS makes of its built-in UiApp: attributes active, hidden and of the
 * application category; its file in the DXE volume. */
static void make_uiapp(struct buf *ret)
{
	static const struct {
		unsigned char header[4];
		const char *guid;
	} nodes[] = {
		{{4, 7, 20, 0}, "7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1"}, /* volume */
		{{4, 6, 20, 0}, "462caa21-7614-4503-836e-8ab6f4662331"}, /* file */
	};
	static const unsigned char end[4] = {0x7f, 0xff, 4, 0};
	struct guid guid;

	buf_add(ret, "\x09\x01\0\0\x2c\0U\0i\0A\0p\0p\0\0\0", 18);
	for (size_t i = 0; i < 2; i++) {
		buf_add(ret, nodes[i].header, 4);
		if (!guid_parse(nodes[i].guid, &guid))
			ret->bad = true;
		buf_add(ret, guid.bytes, GUID_SIZE);
	}
	buf_add(ret, end, sizeof(end));
}

static int measure_boot_variables(struct rtmr *rtmr, struct err *err)
{
	static const char kind[] = "EV_EFI_VARIABLE_BOOT";
	BUF_AUTO option = {0};
	int rc;

	make_uiapp(&option);
	rc = buf_check(&option, err);
	if (rc == 0)
		rc = rtmr_data(rtmr, kind, "BootOrder: 0000", "\0\0", 2, err);
	if (rc == 0)
		rc = rtmr_data(rtmr, kind, "Boot0000: UiApp", option.data, option.len, err);
	return rc;
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
	if (!generation->separators)
		return err_fail(err, -ENOTSUP,
			"the firmware (%s) does not tell whether its second separator goes to "
			"RTMR0 or RTMR1",
			generation->name);
	if (generation->late_events)
		return err_fail(err, -ENOTSUP,
			"the firmware (%s) measures fw_cfg items and SMBIOS tables, which are not "
			"predicted yet",
			generation->name);
	if (!generation->ui_app)
		return err_fail(err, -ENOTSUP,
			"the firmware has no UiApp, and its boot options are not known");
	if (in->memory_bytes == 0)
		return err_fail(err, -ENOTSUP, "the memory size is needed");
	if (in->acpi == NULL)
		return err_fail(err, -ENOTSUP, "the ACPI tables are needed");
	return 0;
}

int rtmr0_direct(const struct rtmr0_input *in, struct rtmr *rtmr, struct err *err)
{
	int rc = check(in, err);

	if (rc == 0)
		rc = measure_hob(in, rtmr, err);
	if (rc == 0)
		rc = rtmr_digest(rtmr, "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
			"configuration volume (CFV)", in->secureboot->volume_sha384,
			in->secureboot->volume_bytes, err);
	if (rc == 0)
		rc = secureboot_measure(in->secureboot, rtmr, err);
	if (rc == 0)
		rc = rtmr_separator(rtmr, err);
	if (rc == 0)
		rc = measure_acpi(in->acpi, rtmr, err);
	if (rc == 0)
		rc = measure_boot_variables(rtmr, err);
	return rc;
}
