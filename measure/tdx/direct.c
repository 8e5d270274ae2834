/* RTMR1 and RTMR2 of a direct boot (direct.h). */
#define _GNU_SOURCE /* memmem */
#include "measure/tdx/direct.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bzimage.h"
#include "lib/guid.h"
#include "measure/tdx/authenticode.h"

/* EFI_CC_MEASUREMENT_PROTOCOL, by which the EFI stub measures when there is no TPM. */
#define GUID_CC_PROTOCOL "96751a3d-72f4-41a6-a794-ed5d0e67ae6b"

/* What OVMF adds to the command line when there is an initrd. */
#define INITRD_LAST  " initrd=initrd"
#define INITRD_FIRST "initrd=initrd "

/* Whether @word stands in the space-separated @cmdline. */
static bool has_word(const char *cmdline, const char *word)
{
	size_t n = strlen(word);
	const char *at = cmdline;

	while ((at = strstr(at, word)) != NULL) {
		if ((at == cmdline || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' '))
			return true;
		at += n;
	}
	return false;
}

static int check_cmdline(const struct direct_boot *boot, const struct bzimage *bz, struct err *err)
{
	size_t n = strlen(boot->cmdline);

	for (size_t i = 0; i < n; i++)
		if (boot->cmdline[i] < 0x20 || boot->cmdline[i] > 0x7e)
			return err_fail(err, -EINVAL,
				"command line: byte %zu is not a printable ASCII character", i);
	if (boot->initrd_bytes > 0)
		n += strlen(INITRD_LAST);
	if (n > bz->cmdline_size)
		return err_fail(err, -EINVAL,
			"command line: %zu characters, but the kernel takes %u", n,
			bz->cmdline_size);
	if (boot->initrd_bytes > 0 && has_word(boot->cmdline, "noinitrd"))
		return err_fail(
			err, -ENOTSUP, "command line: \"noinitrd\" leaves the initrd unmeasured");
	return 0;
}

int direct_check(const struct direct_boot *boot, struct err *err)
{
	const struct generation *generation = boot->generation;
	struct bzimage bz;
	int rc;

	if (!boot->vmm->direct_boot)
		return err_fail(
			err, -ENOTSUP, "how %s boots a kernel is not known", boot->vmm->name);
	if (!generation->cc_measurement)
		return err_fail(err, -ENOTSUP,
			"the firmware measures nothing into RTMRs (it has no TdTcg2Dxe module)");
	if (!generation->direct_boot)
		return err_fail(err, -ENOTSUP,
			"the firmware cannot boot a kernel directly (no QemuKernelLoaderFsDxe "
			"module)");
	if (boot->secure_boot)
		return err_fail(err, -ENOTSUP,
			"the firmware enforces Secure Boot and does not trust the kernel: it "
			"starts "
			"it unmeasured, or not at all");
	rc = bzimage_parse(boot->kernel, boot->kernel_bytes, &bz, err);
	if (rc != 0)
		return rc;
	if (!bz.efi_stub)
		return err_fail(err, -ENOTSUP,
			"the kernel has no EFI stub: firmware would start it unmeasured");
	return check_cmdline(boot, &bz, err);
}

/* The kernel as a VMM that patches it hands it over. */
static int patched_digest(
	const struct direct_boot *boot, unsigned char ret[SHA384_SIZE], struct err *err)
{
	unsigned char *copy AUTO_FREE = NULL;
	struct bzimage_patch patch = {.acpi_bytes = boot->vmm->acpi_bytes,
		.initrd_bytes = boot->initrd_bytes,
		.below_4g_bytes = tdx_vmm_below_4g(boot->vmm, boot->memory_bytes)};
	struct bzimage bz;
	int rc;

	if (boot->memory_bytes == 0)
		return err_fail(err, -ENOTSUP,
			"%s writes the initrd's address into the kernel: the memory size is needed",
			boot->vmm->name);
	if (strstr(boot->cmdline, "vga=") != NULL)
		return err_fail(err, -ENOTSUP, "%s writes the video mode of vga= into the kernel",
			boot->vmm->name);
	rc = bzimage_parse(boot->kernel, boot->kernel_bytes, &bz, err);
	if (rc != 0)
		return rc;
	copy = malloc(boot->kernel_bytes);
	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory for a copy of the kernel");
	memcpy(copy, boot->kernel, boot->kernel_bytes);
	rc = bzimage_patch(copy, boot->kernel_bytes, &bz, &patch, err);
	if (rc != 0)
		return rc;
	return authenticode_digest(DIGEST_SHA384, copy, boot->kernel_bytes, ret, err);
}

bool direct_kernel_patched(const struct direct_boot *boot)
{
	return boot->vmm->patches_kernel &&
	       !(boot->vmm->named_blobs && boot->generation->named_blobs);
}

int direct_kernel_digest(
	const struct direct_boot *boot, unsigned char ret[SHA384_SIZE], struct err *err)
{
	if (direct_kernel_patched(boot))
		return patched_digest(boot, ret, err);
	return authenticode_digest(DIGEST_SHA384, boot->kernel, boot->kernel_bytes, ret, err);
}

int direct_rtmr1(const struct direct_boot *boot, struct rtmr *rtmr, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	int rc;

	if (boot->generation->separators == GENERATION_SEPARATORS_UNKNOWN)
		return err_fail(err, -ENOTSUP,
			"the firmware (%s) does not tell whether its second separator goes to "
			"RTMR0 or RTMR1",
			boot->generation->name);
	rc = direct_kernel_digest(boot, digest, err);
	if (rc == 0)
		rc = rtmr_digest(rtmr, "EV_EFI_BOOT_SERVICES_APPLICATION",
			"Authenticode of the kernel", digest, boot->kernel_bytes, err);
	if (rc == 0)
		rc = rtmr_action(rtmr, "Calling EFI Application from Boot Option", err);
	if (rc == 0 && boot->generation->separators == GENERATION_SEPARATORS_BOTH)
		rc = rtmr_separator(rtmr, err);
	if (rc == 0)
		rc = rtmr_action(rtmr, "Exit Boot Services Invocation", err);
	if (rc == 0)
		rc = rtmr_action(rtmr, "Exit Boot Services Returned with Success", err);
	return rc;
}

/* Whether the EFI stub knows the protocol. Compilers put its GUID into immediates of 8 bytes, or
 * in one piece. */
static bool stub_measures(const struct direct_boot *boot)
{
	struct guid guid;

	return guid_parse(GUID_CC_PROTOCOL, &guid) &&
	       memmem(boot->kernel, boot->kernel_bytes, guid.bytes, 8) != NULL &&
	       memmem(boot->kernel, boot->kernel_bytes, guid.bytes + 8, 8) != NULL;
}

int direct_load_options(const struct direct_boot *boot, struct buf *ret, struct err *err)
{
	BUF_AUTO text = {0};
	bool initrd = boot->initrd_bytes > 0;

	if (initrd && boot->generation->initrd == GENERATION_INITRD_UNKNOWN)
		return err_fail(err, -ENOTSUP,
			"the firmware does not tell where it puts initrd= on the command line");
	if (initrd && boot->generation->initrd == GENERATION_INITRD_FIRST)
		buf_str(&text, INITRD_FIRST);
	buf_str(&text, boot->cmdline);
	if (initrd && boot->generation->initrd == GENERATION_INITRD_LAST)
		buf_str(&text, INITRD_LAST);
	if (text.len > 0)
		for (size_t i = 0; i <= text.len; i++)
			buf_add(ret, (char[2]){buf_cstr(&text)[i], '\0'}, 2);
	return text.bad ? buf_check(&text, err) : buf_check(ret, err);
}

int direct_rtmr2(const struct direct_boot *boot, struct rtmr *rtmr, struct err *err)
{
	BUF_AUTO options = {0};
	int rc;

	if (!stub_measures(boot))
		return err_fail(err, -ENOTSUP,
			"the kernel's EFI stub does not measure (no CC measurement protocol; Linux "
			"6.9 has it)");
	rc = direct_load_options(boot, &options, err);
	if (rc == 0 && options.len > 0)
		rc = rtmr_data(rtmr, "EV_EVENT_TAG", "load options: the command line in UTF-16",
			options.data, options.len, err);
	if (rc == 0 && boot->initrd_bytes > 0)
		rc = rtmr_digest(rtmr, "EV_EVENT_TAG", "initrd", boot->initrd_sha384,
			boot->initrd_bytes, err);
	return rc;
}
