/*
 * RTMR1 and RTMR2 of a direct boot over synthetic firmware and kernels: which events, in which
 * order, and when a prediction is refused.
 */
#include "measure/tdx/direct.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "measure/tdx/authenticode.h"
#include "tests/tap.h"
#include "tests/unit/ffs-image.h"
#include "tests/unit/pe-image.h"
#include "tests/unit/setup-header.h"

#define MODULE_TD_TCG2	     "f062221e-c607-44c2-b0b4-c3886331d351"
#define MODULE_KERNEL_LOADER "806040ca-dad9-4978-a3b4-2d2ab0c8a48f"
#define MODULE_BDS	     "6d33944a-ec75-4855-a54d-809c75241f6c"
#define MODULE_OTHER	     "11111111-2222-3333-4444-555555555555"

static unsigned char kernel[PE_IMAGE_SIZE];
static const struct tdx_vmm *qemu_10, *qemu_9;

/* A PE image that is a bzImage too; @measures puts the CC protocol's GUID into it, in two halves
 * as compilers do. */
static void make_kernel(bool measures)
{
	struct wr wr;
	struct guid guid;

	pe_image_make(kernel);
	/* The PE headers move behind the setup header. */
	memmove(kernel + 0x250, kernel + PE_IMAGE_PE, PE_IMAGE_HEADERS - 0x250);
	wr = (struct wr){.base = kernel, .cap = sizeof(kernel)};
	wr_seek(&wr, 0x3c);
	wr_le32(&wr, 0x250);
	setup_header(&wr);
	wr_seek(&wr, 0x211);
	wr_u8(&wr, 1);
	wr_seek(&wr, 0x236);
	wr_le16(&wr, 2);
	wr_le32(&wr, 2047);
	if (!measures || !guid_parse("96751a3d-72f4-41a6-a794-ed5d0e67ae6b", &guid))
		return;
	memcpy(kernel + 0x900, guid.bytes, 8);
	memcpy(kernel + 0x910, guid.bytes + 8, 8);
}

static int generation_of(const struct ffs_image_module *modules, size_t count,
	struct generation *ret, struct err *err)
{
	BUF_AUTO image = {0};

	ffs_image_make(&image, modules, count, FFS_IMAGE_LZMA);
	return generation_detect(image.data, image.len, ret, err);
}

static void test_generations(void)
{
	static const struct ffs_image_module edk2_202211[] = {
		{MODULE_KERNEL_LOADER, "QemuKernelLoaderFsDxe", "kernel"},
		{MODULE_BDS, "BdsDxe", " initrd=initrd"},
	};
	static const struct ffs_image_module edk2_202408[] = {
		{MODULE_TD_TCG2, "TdTcg2Dxe", ""},
		{MODULE_KERNEL_LOADER, "QemuKernelLoaderFsDxe", "kernel"},
		{MODULE_BDS, "BdsDxe", " initrd=initrd"},
	};
	static const struct ffs_image_module edk2_202502[] = {
		{MODULE_TD_TCG2, "TdTcg2Dxe", ""},
		{MODULE_KERNEL_LOADER, "QemuKernelLoaderFsDxe", "etc/boot/"},
		{MODULE_BDS, "BdsDxe", " initrd=initrd"},
	};
	static const struct ffs_image_module edk2_202508[] = {
		{MODULE_TD_TCG2, "TdTcg2Dxe", ""},
		{MODULE_KERNEL_LOADER, "QemuKernelLoaderFsDxe", "etc/boot/"},
		{MODULE_BDS, "BdsDxe", "initrd=initrd "},
		{MODULE_OTHER, "SmbiosMeasurementDxe", ""},
	};
	static const struct ffs_image_module other[] = {{MODULE_OTHER, "OtherDxe", ""}};
	struct generation g;
	struct err err = {0};

	ok(generation_of(edk2_202211, 2, &g, &err) == 0 && !g.cc_measurement && g.direct_boot &&
			g.initrd == GENERATION_INITRD_LAST,
		"without TdTcg2Dxe there is no measurement");
	ok(generation_of(edk2_202408, 3, &g, &err) == 0 && g.cc_measurement && !g.named_blobs &&
			g.separators == GENERATION_SEPARATORS_UNKNOWN,
		"202408: measures, separators not known");
	ok(generation_of(edk2_202502, 3, &g, &err) == 0 && g.named_blobs &&
			g.separators == GENERATION_SEPARATORS_BOTH && !g.fw_cfg &&
			g.smbios == GENERATION_SMBIOS_NONE,
		"202502: named blobs");
	ok(generation_of(edk2_202508, 4, &g, &err) == 0 && g.smbios == GENERATION_SMBIOS_UNKNOWN &&
			g.initrd == GENERATION_INITRD_FIRST,
		"202508: initrd= first, SMBIOS measured");
	is_int(generation_of(other, 1, &g, &err), -ENOTSUP, "no BdsDxe: not an OVMF image");
}

static const struct generation edk2_202502 = {
	.cc_measurement = true,
	.direct_boot = true,
	.named_blobs = true,
	.separators = GENERATION_SEPARATORS_BOTH,
	.initrd = GENERATION_INITRD_LAST,
	.name = "edk2-stable202502",
};

static struct direct_boot boot_of(const char *cmdline)
{
	return (struct direct_boot){.vmm = qemu_10,
		.generation = &edk2_202502,
		.kernel = kernel,
		.kernel_bytes = sizeof(kernel),
		.cmdline = cmdline};
}

/* Extends @value by the digest of @n bytes. */
static void extend(unsigned char *value, const void *data, size_t n)
{
	unsigned char digest[SHA384_SIZE];
	struct err err = {0};

	if (digest_bytes(DIGEST_SHA384, data, n, digest, &err) != 0 ||
		digest_extend(DIGEST_SHA384, value, digest, &err) != 0)
		abort();
}

static void test_rtmr1(void)
{
	struct direct_boot boot = boot_of("quiet");
	unsigned char want[SHA384_SIZE] = {0}, digest[SHA384_SIZE];
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};

	if (authenticode_digest(DIGEST_SHA384, kernel, sizeof(kernel), digest, &err) != 0 ||
		digest_extend(DIGEST_SHA384, want, digest, &err) != 0)
		abort();
	extend(want, "Calling EFI Application from Boot Option", 40);
	extend(want, "\0\0\0\0", 4);
	extend(want, "Exit Boot Services Invocation", 29);
	extend(want, "Exit Boot Services Returned with Success", 40);
	ok(direct_rtmr1(&boot, &rtmr, &err) == 0 && memcmp(rtmr.value, want, sizeof(want)) == 0,
		"RTMR1: kernel, calling, separator, exit, exit");
}

/* What CCEL_data_ovmf of the CoCo verifier's tests shows: both separators in RTMR0. */
static void test_rtmr1_old(void)
{
	struct direct_boot boot = boot_of("quiet");
	struct generation old = edk2_202502;
	unsigned char want[SHA384_SIZE] = {0}, digest[SHA384_SIZE];
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};

	old.separators = GENERATION_SEPARATORS_UNKNOWN;
	ok(generation_declare("202405", &old, &err) == 0 &&
			old.separators == GENERATION_SEPARATORS_RTMR0 &&
			strstr(old.name, "declared") != NULL,
		"202405 is declared");
	boot.generation = &old;
	if (authenticode_digest(DIGEST_SHA384, kernel, sizeof(kernel), digest, &err) != 0 ||
		digest_extend(DIGEST_SHA384, want, digest, &err) != 0)
		abort();
	extend(want, "Calling EFI Application from Boot Option", 40);
	extend(want, "Exit Boot Services Invocation", 29);
	extend(want, "Exit Boot Services Returned with Success", 40);
	ok(direct_rtmr1(&boot, &rtmr, &err) == 0 && memcmp(rtmr.value, want, sizeof(want)) == 0,
		"RTMR1 before 202411: no separator");
	ok(generation_declare("202411", &old, &err) == -EINVAL &&
			strstr(err.msg, "itself tells") != NULL,
		"what is known is not declared again");
	old.separators = GENERATION_SEPARATORS_UNKNOWN;
	ok(generation_declare("202411", &old, &err) == 0 &&
			old.separators == GENERATION_SEPARATORS_BOTH,
		"202411 is declared");
	old.separators = GENERATION_SEPARATORS_UNKNOWN;
	ok(generation_declare("202409", &old, &err) == -EINVAL &&
			strstr(err.msg, "none that can be") != NULL,
		"an unknown release is refused");
	old.cc_measurement = false;
	ok(generation_declare("202408", &old, &err) == -EINVAL,
		"a firmware that does not measure has nothing to declare");
}

static void test_patched(void)
{
	struct direct_boot boot = boot_of("quiet");
	unsigned char plain[SHA384_SIZE], first[SHA384_SIZE], second[SHA384_SIZE];
	struct err err = {0};

	ok(direct_kernel_digest(&boot, plain, &err) == 0, "named blobs: the file as it is");
	boot.vmm = qemu_9;
	ok(direct_kernel_digest(&boot, first, &err) == -ENOTSUP &&
			strstr(err.msg, "memory size") != NULL,
		"a patching VMM needs the memory size");
	boot.memory_bytes = 1ull << 30;
	boot.initrd_bytes = 12345;
	ok(direct_kernel_digest(&boot, first, &err) == 0 &&
			memcmp(first, plain, sizeof(plain)) != 0,
		"a patched kernel differs");
	boot.memory_bytes = 2ull << 30;
	ok(direct_kernel_digest(&boot, second, &err) == 0 &&
			memcmp(first, second, sizeof(first)) != 0,
		"memory moves the initrd and so the digest");
	boot.memory_bytes = 4ull << 30;
	ok(direct_kernel_digest(&boot, first, &err) == 0 &&
			memcmp(first, second, sizeof(first)) == 0,
		"from 2816 MiB on 2 GiB lie low");
	boot.cmdline = "vga=ask";
	ok(direct_kernel_digest(&boot, first, &err) == -ENOTSUP, "vga= is refused");
}

/* The load options as text, "." for NUL bytes. */
static void is_options(const struct direct_boot *boot, const char *want, const char *what)
{
	BUF_AUTO options = {0};
	struct err err = {0};

	if (direct_load_options(boot, &options, &err) != 0)
		buf_str(&options, err.msg);
	for (size_t i = 0; i < options.len; i++)
		if (options.data[i] == '\0')
			options.data[i] = '.';
	is_str(buf_cstr(&options), want, what);
}

static void test_rtmr2(void)
{
	struct direct_boot boot = boot_of("a");
	struct generation later = edk2_202502;
	unsigned char want[SHA384_SIZE] = {0};
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};

	is_options(&boot, "a...", "no initrd, no suffix");
	boot.initrd_bytes = 5;
	is_options(&boot, "a. .i.n.i.t.r.d.=.i.n.i.t.r.d...", "initrd= last");
	later.initrd = GENERATION_INITRD_FIRST;
	boot.generation = &later;
	is_options(&boot, "i.n.i.t.r.d.=.i.n.i.t.r.d. .a...", "initrd= first");
	later.initrd = GENERATION_INITRD_UNKNOWN;
	is_options(&boot, "the firmware does not tell where it puts initrd= on the command line",
		"initrd= nowhere known");
	boot = boot_of("");
	is_options(&boot, "", "an empty command line is not measured");
	ok(direct_rtmr2(&boot, &rtmr, &err) == 0 && memcmp(rtmr.value, want, sizeof(want)) == 0,
		"RTMR2 of an empty command line stays zero");
	boot = boot_of("a");
	boot.initrd_bytes = 5;
	if (digest_bytes(DIGEST_SHA384, "hello", 5, boot.initrd_sha384, &err) != 0)
		abort();
	extend(want, "a\0 \0i\0n\0i\0t\0r\0d\0=\0i\0n\0i\0t\0r\0d\0\0", 32);
	extend(want, "hello", 5);
	ok(direct_rtmr2(&boot, &rtmr, &err) == 0 && memcmp(rtmr.value, want, sizeof(want)) == 0,
		"RTMR2: load options, initrd");
	make_kernel(false);
	ok(direct_rtmr2(&boot, &rtmr, &err) == -ENOTSUP && strstr(err.msg, "EFI stub") != NULL,
		"a kernel whose stub does not measure is refused");
	make_kernel(true);
}

static void refuses(const struct direct_boot *boot, int code, const char *want)
{
	struct err err = {0};
	int rc = direct_check(boot, &err);

	ok(rc == code && strstr(err.msg, want) != NULL, "refused: %s", want);
	if (rc != code)
		printf("# %d %s\n", rc, err.msg);
}

static void test_check(void)
{
	struct direct_boot boot = boot_of("quiet");
	struct generation generation = edk2_202502;
	struct rtmr rtmr = {.derive = NULL};
	struct tdx_vmm vmm = *qemu_10;
	char text[2100];
	struct err err = {0};

	is_int(direct_check(&boot, &err), 0, "a good boot");
	boot.generation = &generation;
	generation.direct_boot = false;
	refuses(&boot, -ENOTSUP, "cannot boot a kernel directly");
	generation.cc_measurement = false;
	refuses(&boot, -ENOTSUP, "measures nothing");
	generation = edk2_202502;
	generation.separators = GENERATION_SEPARATORS_UNKNOWN;
	ok(direct_rtmr1(&boot, &rtmr, &err) == -ENOTSUP && strstr(err.msg, "separator") != NULL,
		"refused: RTMR1 with an unknown separator place");
	vmm.direct_boot = false;
	boot.vmm = &vmm;
	refuses(&boot, -ENOTSUP, "not known");
	boot = boot_of("caf\xc3\xa9");
	refuses(&boot, -EINVAL, "byte 3 is not a printable");
	memset(text, 'x', sizeof(text));
	text[2048] = '\0';
	boot = boot_of(text);
	refuses(&boot, -EINVAL, "2048 characters");
	text[2047 - 14] = '\0';
	ok(direct_check(&boot, &err) == 0, "2033 characters fit");
	boot.initrd_bytes = 1;
	text[2047 - 14] = 'x';
	text[2047 - 13] = '\0';
	refuses(&boot, -EINVAL, "2048 characters");
	boot = boot_of("a noinitrd");
	ok(direct_check(&boot, &err) == 0, "noinitrd without an initrd");
	boot.initrd_bytes = 1;
	refuses(&boot, -ENOTSUP, "noinitrd");
	kernel[0] = 'x';
	boot = boot_of("");
	refuses(&boot, -ENOTSUP, "no EFI stub");
	kernel[0x1fe] = 0;
	refuses(&boot, -EBADMSG, "not a bzImage");
	make_kernel(true);
}

static void test_vmms(void)
{
	const struct tdx_vmm *vmm;
	struct err err = {0};

	ok(tdx_vmm_find("qemu-8.2-canonical", &vmm, &err) == 0 && vmm->order == MRTD_TWO,
		"Canonical's QEMU 8.2 makes two passes");
	ok(tdx_vmm_find("qemu-10.2", &vmm, &err) == 0 && !vmm->patches_kernel,
		"10.2 never patches");
	ok(tdx_vmm_find("qemu-8.2", &vmm, &err) == -ENOTSUP && strstr(err.msg, "qemu-10.1") != NULL,
		"an unknown VMM is refused, the known ones named");
}

int main(void)
{
	struct err err = {0};

	if (tdx_vmm_find("qemu-10.0", &qemu_10, &err) != 0 ||
		tdx_vmm_find("qemu-9.2", &qemu_9, &err) != 0)
		return 1;
	make_kernel(true);
	test_generations();
	test_rtmr1();
	test_rtmr1_old();
	test_patched();
	test_rtmr2();
	test_check();
	test_vmms();
	return tap_done();
}
