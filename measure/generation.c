/*
 * The generation of an OVMF image (generation.h). The traits and the edk2 commits that brought
 * them:
 *
 *   trait          | told by                                            | commit       | release
 *   cc_measurement | module TdTcg2Dxe                                   | c98fbda328   | 202205
 *   separators     | nothing of its own; implied by named_blobs         | efaf8931bb   | 202411
 *   named_blobs    | "etc/boot/" in QemuKernelLoaderFsDxe               | 20df7c42bd   | 202502
 *   ui_app         | module UiApp                                       |              |
 *   secure_boot    | module SecureBootConfigDxe                        |              |
 *   late_events    | module SmbiosMeasurementDxe                        | cd76265f1a   | 202505
 *   initrd first   | "initrd=initrd " in BdsDxe, not " initrd=initrd"   | a2ac0fea49   | 202508
 */
#include "measure/generation.h"

#include <string.h>

#include "formats/ffs.h"

#define MODULE_TD_TCG2	     "f062221e-c607-44c2-b0b4-c3886331d351"
#define MODULE_KERNEL_LOADER "806040ca-dad9-4978-a3b4-2d2ab0c8a48f"
#define MODULE_BDS	     "6d33944a-ec75-4855-a54d-809c75241f6c"
#define MODULE_UI_APP	     "462caa21-7614-4503-836e-8ab6f4662331"
#define NAME_SMBIOS_MEASURE  "SmbiosMeasurementDxe"
#define NAME_SECURE_BOOT     "SecureBootConfigDxe"

/* Whether the module holds @text, its terminating NUL included. */
static bool has_string(const struct ffs_file *file, const char *text)
{
	return file != NULL && ffs_file_has(file, text, strlen(text) + 1);
}

static bool has_bytes(const struct ffs_file *file, const char *text)
{
	return file != NULL && ffs_file_has(file, text, strlen(text));
}

static bool has_module(const struct ffs *ffs, const char *name)
{
	for (size_t i = 0; i < ffs->count; i++)
		if (strcmp(ffs->files[i].name, name) == 0)
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

static const char *name_of(const struct generation *generation)
{
	if (generation->initrd == GENERATION_INITRD_FIRST)
		return "edk2-stable202508 or later";
	if (generation->late_events)
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
	loader = ffs_find(&ffs, MODULE_KERNEL_LOADER);
	bds = ffs_find(&ffs, MODULE_BDS);
	if (bds == NULL)
		return err_fail(
			err, -ENOTSUP, "firmware volumes hold no BdsDxe module: not an OVMF image");
	generation.cc_measurement = ffs_find(&ffs, MODULE_TD_TCG2) != NULL;
	generation.direct_boot = loader != NULL;
	generation.named_blobs = has_bytes(loader, "etc/boot/");
	generation.separators = generation.named_blobs;
	generation.late_events = has_module(&ffs, NAME_SMBIOS_MEASURE);
	generation.ui_app = ffs_find(&ffs, MODULE_UI_APP) != NULL;
	generation.secure_boot = has_module(&ffs, NAME_SECURE_BOOT);
	generation.initrd = initrd_place(bds);
	generation.name = name_of(&generation);
	*ret = generation;
	return 0;
}
