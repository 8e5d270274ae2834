/*
 * The generation of an OVMF image (generation.h). The traits and the edk2 commits that brought
 * them:
 *
 *   trait          | told by                                            | commit       | release
 *   cc_measurement | module TdTcg2Dxe                                   | c98fbda328   | 202205
 *   acpi           | "ACPI DATA" in the ACPI platform driver            | 935343cf16   | 202302
 *   separators     | nothing of its own; implied by named_blobs         | efaf8931bb   | 202411
 *   named_blobs    | "etc/boot/" in QemuKernelLoaderFsDxe               | 20df7c42bd   | 202502
 *   fw_cfg         | "QEMU FW CFG" in PlatformPei or SecMain            | be529ef3c9   | 202505
 *   smbios         | module SmbiosMeasurementDxe                        | cd76265f1a   | 202505
 *     its place    | the order of that and TdTcg2Dxe (dxe-order.h)      |              |
 *   menu           | GUID of BootManagerMenuApp or UiApp in BdsDxe      | 9d9e3a2ba8   | 202505
 *   setup          | "EFI Firmware Setup" in BdsDxe                     | d433b4c8e4   | 202505
 *   initrd first   | "initrd=initrd " in BdsDxe, not " initrd=initrd"   | a2ac0fea49   | 202508
 *   no_legacy      | "Running in confidential VM, ..." in BdsDxe        | 5a6a9f7955   | 202511
 *   image_vars     | nothing of its own; implied by no_legacy           | a51255072e   | 202511
 *   outside_vars   | module VirtMmCommunication                         | 9dd47eeea1   | 202505
 *   secure_boot    | module SecureBootConfigDxe                         |              |
 *   bios           | structure and strings in SmbiosPlatformDxe         |              |
 *
 * In a TD the volume NCCFV of IntelTdxX64 is not there: what is in it does not count (edk2
 * OvmfPkg/IntelTdx/README.md).
 */
#include "measure/tdx/generation.h"

#include <stdio.h>
#include <string.h>

#include "formats/ffs.h"
#include "lib/rd.h"
#include "measure/tdx/dxe-order.h"

#define MODULE_TD_TCG2	     "f062221e-c607-44c2-b0b4-c3886331d351"
#define MODULE_KERNEL_LOADER "806040ca-dad9-4978-a3b4-2d2ab0c8a48f"
#define MODULE_BDS	     "6d33944a-ec75-4855-a54d-809c75241f6c"
#define MODULE_UI_APP	     "462caa21-7614-4503-836e-8ab6f4662331"
#define MODULE_MENU_APP	     "eec25bdc-67f2-4d95-b1d5-f81b2039d11d"
#define MODULE_ACPI	     "17985e6f-e778-4d94-aefa-c5dd2b77e186" /* QemuFwCfgAcpiPlatform */
#define NAME_SMBIOS_MEASURE  "SmbiosMeasurementDxe"
#define NAME_SMBIOS_PLATFORM "SmbiosPlatformDxe"
#define NAME_SECURE_BOOT     "SecureBootConfigDxe"
#define NAME_OUTSIDE_VARS    "VirtMmCommunication"
#define VOLUME_NOT_IN_TDS    "ae047c6d-bce9-426c-ae03-a68e3b8a0488" /* NCCFV */

static bool visible(const struct ffs_file *file)
{
	return !file->named_volume || !guid_is(file->volume.bytes, VOLUME_NOT_IN_TDS);
}

static const struct ffs_file *find(const struct ffs *ffs, const char *guid)
{
	for (size_t i = 0; i < ffs->count; i++)
		if (visible(&ffs->files[i]) && guid_is(ffs->files[i].guid.bytes, guid))
			return &ffs->files[i];
	return NULL;
}

static const struct ffs_file *find_name(const struct ffs *ffs, const char *name)
{
	for (size_t i = 0; i < ffs->count; i++)
		if (visible(&ffs->files[i]) && strcmp(ffs->files[i].name, name) == 0)
			return &ffs->files[i];
	return NULL;
}

/* Whether the module holds @text, its terminating NUL included. */
static bool has_string(const struct ffs_file *file, const char *text)
{
	return file != NULL && ffs_file_has(file, text, strlen(text) + 1);
}

static bool has_bytes(const struct ffs_file *file, const char *text)
{
	return file != NULL && ffs_file_has(file, text, strlen(text));
}

/* The same in UTF-16. */
static bool has_wide(const struct ffs_file *file, const char *text)
{
	unsigned char wide[2 * GENERATION_BIOS_STRING_MAX] = {0};
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < n && 2 * i < sizeof(wide); i++)
		wide[2 * i] = (unsigned char)text[i];
	return file != NULL && 2 * n <= sizeof(wide) && ffs_file_has(file, wide, 2 * n);
}

static bool has_guid(const struct ffs_file *file, const char *text)
{
	struct guid guid;

	return guid_parse(text, &guid) && ffs_file_has(file, guid.bytes, GUID_SIZE);
}

static bool any_has_string(const struct ffs *ffs, const char *text)
{
	for (size_t i = 0; i < ffs->count; i++)
		if (visible(&ffs->files[i]) && has_string(&ffs->files[i], text))
			return true;
	return false;
}

static enum generation_initrd initrd_place(const struct ffs_file *bds)
{
	bool last = has_string(bds, " initrd=initrd");
	bool first = has_string(bds, "initrd=initrd ");

	if (last == first)
		return GENERATION_INITRD_UNKNOWN;
	return first ? GENERATION_INITRD_FIRST : GENERATION_INITRD_LAST;
}

/* The handler that is registered last runs first. */
static enum generation_smbios smbios_place(const struct ffs *ffs)
{
	const struct ffs_file *smbios = find_name(ffs, NAME_SMBIOS_MEASURE);
	const struct ffs_file *tcg = find(ffs, MODULE_TD_TCG2);
	struct err err = {0};
	bool tcg_first;

	if (smbios == NULL)
		return GENERATION_SMBIOS_NONE;
	if (tcg == NULL || dxe_order(ffs, tcg, smbios, &tcg_first, &err) != 0)
		return GENERATION_SMBIOS_UNKNOWN;
	return tcg_first ? GENERATION_SMBIOS_BEFORE : GENERATION_SMBIOS_AFTER;
}

/* --- boot options --- */

static struct generation_app app_of(const struct ffs_file *file)
{
	struct generation_app app = {.present = file != NULL && file->named_volume};

	if (app.present) {
		app.volume = file->volume;
		app.file = file->guid;
		memcpy(app.name, file->name, sizeof(app.name));
	}
	return app;
}

static void read_apps(const struct ffs *ffs, const struct ffs_file *bds, struct generation *ret)
{
	const char *menu = has_guid(bds, MODULE_MENU_APP) ? MODULE_MENU_APP
			   : has_guid(bds, MODULE_UI_APP) ? MODULE_UI_APP
							  : NULL;
	const struct ffs_file *file = menu != NULL ? find(ffs, menu) : NULL;
	const struct ffs_file *ui = find(ffs, MODULE_UI_APP);

	/* A nameless volume would get a device path by its address. */
	ret->menu_known = menu != NULL && bds->named_volume && (file == NULL || file->named_volume);
	ret->menu = app_of(file);
	/* Looked for beside BdsDxe only. */
	if (has_wide(bds, "EFI Firmware Setup") && ui != NULL &&
		memcmp(ui->volume.bytes, bds->volume.bytes, GUID_SIZE) == 0)
		ret->setup = app_of(ui);
	if (ret->setup.present)
		snprintf(ret->setup.name, sizeof(ret->setup.name), "EFI Firmware Setup");
}

/* --- SMBIOS type 0 --- */

#define BIOS_DATE_FALLBACK "02/02/2022" /* where the firmware's own is not set */
#define BIOS_FALLBACK	   "unknown"
#define WIDE_MIN	   3 /* shorter ones are as good as not set */

/* The fixed part: type, length, handle, strings 1 and 2, segment 0xe800, string 3, size 0, and that
 * characteristics are not supported. */
static bool read_fixed(const struct rd *image, unsigned char ret[GENERATION_BIOS_SIZE])
{
	static const unsigned char start[] = {
		0, GENERATION_BIOS_SIZE, 0, 0, 1, 2, 0, 0xe8, 3, 0, 8, 0, 0, 0, 0, 0, 0, 0};
	size_t found = 0;

	for (size_t at = 0;
		image->len >= GENERATION_BIOS_SIZE && at <= image->len - GENERATION_BIOS_SIZE; at++)
		if (memcmp(image->base + at, start, sizeof(start)) == 0) {
			memcpy(ret, image->base + at, GENERATION_BIOS_SIZE);
			found++;
		}
	return found == 1;
}

static bool is_date(const char *text)
{
	static const char form[] = "00/00/0000";
	size_t i = 0;

	for (; form[i] != '\0'; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return text[i] == '\0';
}

/* Puts one text of the driver where it belongs; false when there is one already. BdsDxe has the
 * vendor too, and not the version. */
static bool sort_text(const struct ffs_file *bds, const char *text, struct generation_bios *bios)
{
	char *slot = is_date(text)	   ? bios->date
		     : has_wide(bds, text) ? bios->vendor
					   : bios->version;

	if (strcmp(text, BIOS_FALLBACK) == 0 || strcmp(text, BIOS_DATE_FALLBACK) == 0)
		return true;
	if (slot[0] != '\0')
		return strcmp(slot, text) == 0;
	memcpy(slot, text, strlen(text) + 1);
	return true;
}

/* Reads the UTF-16 text of printable ASCII that starts at the position, with its NUL; its length,
 * or 0. */
static size_t read_wide(const struct rd *image, size_t at, char ret[GENERATION_BIOS_STRING_MAX])
{
	struct rd rd = rd_at(image, at, image->len - at);

	for (size_t n = 0; n < GENERATION_BIOS_STRING_MAX; n++) {
		uint16_t c = rd_le16(&rd);

		ret[n] = (char)c;
		if (c == 0 && !rd.bad)
			return n;
		if (c < 0x20 || c > 0x7e)
			return 0;
	}
	return 0;
}

static void fall_back(char *slot, const char *text)
{
	if (slot[0] == '\0')
		memcpy(slot, text, strlen(text) + 1);
}

static void read_bios(const struct ffs *ffs, const struct ffs_file *bds, struct generation *ret)
{
	const struct ffs_file *driver = find_name(ffs, NAME_SMBIOS_PLATFORM);
	struct generation_bios bios = {.known = true};
	struct rd image;

	if (driver == NULL || !ffs_file_section(driver, FFS_SECTION_PE32, &image) ||
		!read_fixed(&image, bios.fixed) || !has_wide(driver, BIOS_FALLBACK) ||
		!has_wide(driver, BIOS_DATE_FALLBACK))
		return;
	for (size_t at = 0; at < image.len; at++) {
		char text[GENERATION_BIOS_STRING_MAX];
		size_t n = read_wide(&image, at, text);

		if (n < WIDE_MIN)
			continue;
		if (!sort_text(bds, text, &bios))
			return;
		at += 2 * n;
	}
	fall_back(bios.vendor, BIOS_FALLBACK);
	fall_back(bios.version, BIOS_FALLBACK);
	fall_back(bios.date, BIOS_DATE_FALLBACK);
	ret->bios = bios;
}

/* --- all of it --- */

static const char *name_of(const struct generation *generation)
{
	if (generation->initrd == GENERATION_INITRD_FIRST)
		return "edk2-stable202508 or later";
	if (generation->smbios != GENERATION_SMBIOS_NONE)
		return "edk2-stable202505";
	if (generation->named_blobs)
		return "edk2-stable202502";
	if (generation->cc_measurement)
		return "edk2-stable202411 or earlier";
	return "without CC measurement";
}

int generation_detect(const void *image, size_t len, struct generation *ret, struct err *err)
{
	FFS_AUTO ffs = {.files = NULL};
	struct generation generation = {.cc_measurement = false};
	const struct ffs_file *loader, *bds;
	int rc = ffs_parse(image, len, &ffs, err);

	if (rc != 0)
		return rc;
	if (ffs.opaque)
		return err_fail(
			err, -ENOTSUP, "firmware volumes have sections in an unknown encoding");
	loader = find(&ffs, MODULE_KERNEL_LOADER);
	bds = find(&ffs, MODULE_BDS);
	if (bds == NULL)
		return err_fail(
			err, -ENOTSUP, "firmware volumes hold no BdsDxe module: not an OVMF image");
	generation.cc_measurement = find(&ffs, MODULE_TD_TCG2) != NULL;
	generation.direct_boot = loader != NULL;
	generation.named_blobs = has_bytes(loader, "etc/boot/");
	generation.acpi = has_string(find(&ffs, MODULE_ACPI), "ACPI DATA");
	generation.fw_cfg = any_has_string(&ffs, "QEMU FW CFG");
	generation.separators = generation.named_blobs ? GENERATION_SEPARATORS_BOTH
						       : GENERATION_SEPARATORS_UNKNOWN;
	generation.no_legacy = has_bytes(
		bds, "Running in confidential VM, not using insecure legacy linux kernel loader");
	generation.image_vars = generation.no_legacy;
	generation.outside_vars = find_name(&ffs, NAME_OUTSIDE_VARS) != NULL;
	generation.smbios = smbios_place(&ffs);
	generation.secure_boot = find_name(&ffs, NAME_SECURE_BOOT) != NULL;
	generation.initrd = initrd_place(bds);
	read_apps(&ffs, bds, &generation);
	read_bios(&ffs, bds, &generation);
	generation.name = name_of(&generation);
	*ret = generation;
	return 0;
}

/* --- what is declared --- */

static const struct {
	const char *release, *name;
	enum generation_separators separators;
} releases[] = {
	{"202302", "edk2-stable202302 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202305", "edk2-stable202305 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202308", "edk2-stable202308 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202311", "edk2-stable202311 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202402", "edk2-stable202402 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202405", "edk2-stable202405 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202408", "edk2-stable202408 (declared)", GENERATION_SEPARATORS_RTMR0},
	{"202411", "edk2-stable202411 (declared)", GENERATION_SEPARATORS_BOTH},
};

int generation_declare(const char *release, struct generation *generation, struct err *err)
{
	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
		if (strcmp(releases[i].release, release) != 0)
			continue;
		if (!generation->cc_measurement ||
			generation->separators != GENERATION_SEPARATORS_UNKNOWN)
			return err_fail(err, -EINVAL,
				"firmware generation: declared as %s, but the firmware itself "
				"tells: %s",
				release, generation->name);
		generation->separators = releases[i].separators;
		generation->name = releases[i].name;
		return 0;
	}
	return err_fail(err, -EINVAL,
		"firmware generation: \"%s\" is none that can be declared (202302 to 202411)",
		release);
}
