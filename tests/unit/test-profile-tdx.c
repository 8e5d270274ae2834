/* What each VMM refuses in TDX metadata, and how it builds the memory of a TD. */
#include "measure/tdx/profile-tdx.h"

#include "tests/tap.h"
#include "tests/unit/tdvf-image.h"

static struct tdvf tdvf;

static void reset(void)
{
	tdvf = (struct tdvf){.count = TDVF_IMAGE_SECTIONS};
	memcpy(tdvf.sections, tdvf_image_sections, sizeof(tdvf_image_sections));
}

/* Whether the VMM builds the sections (@want NULL), or refuses them with these words. */
static void checks(const char *name, const char *want, const char *what)
{
	const struct tdx_vmm *vmm = NULL;
	struct err err = {0};
	int rc = tdx_vmm_find(name, &vmm, &err);

	if (rc == 0)
		rc = tdx_vmm_check(vmm, &tdvf, TDVF_IMAGE_SIZE, &err);
	ok(want == NULL ? rc == 0 : rc == -ENOTSUP && strstr(err.msg, want) != NULL, "%s: %s", name,
		what);
	if (rc != 0 && (want == NULL || strstr(err.msg, want) == NULL))
		printf("# %d %s\n", rc, err.msg);
}

static void test_check(void)
{
	reset();
	checks("qemu-10.1", NULL, "the usual sections");
	checks("cloud-hypervisor", NULL, "the usual sections");
	checks("gce", NULL, "the usual sections");
	checks("td-shim-tools", NULL, "the usual sections");
	checks("xen", "unknown VMM", "no such VMM");
	for (uint32_t type = TDVF_PERM_MEM; type < TDVF_TYPES; type++) {
		tdvf.sections[2].type = type;
		checks("qemu-10.1", "does not build such sections", tdvf_type_name(type));
		checks("gce", "does not build such sections", tdvf_type_name(type));
		checks("cloud-hypervisor",
			type > TDVF_PAYLOAD_PARAM ? "does not build such sections" : NULL,
			tdvf_type_name(type));
		checks("td-shim-tools", NULL, tdvf_type_name(type));
	}
	reset();
	tdvf.sections[2].attributes = TDVF_PAGE_AUG;
	checks("qemu-10.1", "(TempMem, PAGE.AUG)", "PAGE.AUG");
	checks("cloud-hypervisor", NULL, "PAGE.AUG");
	checks("td-shim-tools", NULL, "PAGE.AUG");
	reset();
	tdvf.sections[2].mem_size = 0;
	checks("qemu-10.1", "no memory", "a section of no memory");
	checks("cloud-hypervisor", "no memory", "a section of no memory");
	checks("td-shim-tools", NULL, "a section of no memory");
	reset();
	tdvf.sections[4].attributes = TDVF_MR_EXTEND;
	checks("qemu-10.1", "depend on what the VMM writes", "a TD_HOB that is measured");
	checks("cloud-hypervisor", "depend on what the VMM writes", "a TD_HOB that is measured");
	reset();
	tdvf.sections[1].raw_size--;
	checks("qemu-10.1", "shorter than its memory", "data that do not fill their memory");
	checks("cloud-hypervisor", NULL, "data that do not fill their memory");
	reset();
	tdvf.legacy = true;
	checks("qemu-10.1", "GUIDed table alone", "metadata at the fixed place");
	checks("cloud-hypervisor", NULL, "metadata at the fixed place");
	reset();
	tdvf.sections[1].type = TDVF_TEMP_MEM;
	checks("gce", "volumes that make up the image", "volumes that leave a part out");
	reset();
	tdvf.sections[4].type = TDVF_TEMP_MEM;
	checks("gce", "volumes that make up the image", "no TD_HOB");
}

static void test_build(void)
{
	unsigned char kernel[4096] = {0};
	struct tdx_payload payload = {
		.kernel = kernel, .kernel_bytes = sizeof(kernel), .cmdline = "quiet"};
	const struct tdx_vmm *qemu = NULL, *ch = NULL;
	struct mrtd_build build;
	struct err err = {0};

	is_int(tdx_vmm_find("qemu-8.2-canonical", &qemu, &err), 0, "a QEMU");
	is_int(tdx_vmm_find("cloud-hypervisor", &ch, &err), 0, "Cloud Hypervisor");
	is_int(tdx_vmm_build(qemu, &payload, &build, &err), 0, "QEMU loads no payload");
	ok(build.order == MRTD_TWO && !build.adds_aug && !build.content[TDVF_PAYLOAD].given,
		"and builds in its order");
	is_int(tdx_vmm_build(ch, &payload, &build, &err), -EBADMSG, "no bzImage");
	memcpy(kernel + 0x1fe, "\x55\xaa\0\0HdrS\x0f\x02", 10);
	kernel[0x1f1] = 1;
	is_int(tdx_vmm_build(ch, &payload, &build, &err), -EBADMSG, "a bzImage that loads low");
	kernel[0x211] = 1;
	is_int(tdx_vmm_build(ch, &payload, &build, &err), 0, "one that loads high");
	ok(build.adds_aug && build.content[TDVF_PAYLOAD].data == kernel &&
			build.content[TDVF_PAYLOAD].len == sizeof(kernel),
		"is the payload");
	ok(build.content[TDVF_PAYLOAD_PARAM].len == 6 &&
			memcmp(build.content[TDVF_PAYLOAD_PARAM].data, "quiet", 6) == 0,
		"with its command line and a NUL");
	payload = (struct tdx_payload){.kernel = NULL};
	is_int(tdx_vmm_build(ch, &payload, &build, &err), 0, "neither");
	ok(build.content[TDVF_PAYLOAD].given && build.content[TDVF_PAYLOAD].len == 0 &&
			build.content[TDVF_PAYLOAD_PARAM].len == 1,
		"leaves zeros");
}

int main(void)
{
	test_check();
	test_build();
	return tap_done();
}
