/*
 * RTMR0 of a direct boot: the value that a TD on hardware reported, from ACPI blobs and firmware of
 * the same layout; and what is refused.
 */
#include "measure/rtmr0.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

#define VECTOR_ACPI	"tdx/derived/qemu-10.1.0-q35-smp1-2G-hpet-serial."
/* One vCPU, 2 GiB, QEMU 10.1.0, OVMF 2025.02 without Secure Boot: whose blank variable store and
 * metadata the firmware below has. */
#define VECTOR_FIRMWARE "sev-snp/debian/OVMF_2025.02-8+deb13u1.fd"
#define VECTOR_RTMR0                                                                               \
	"5aca07b1e885e17d1aeaf9d94edb2674767a61547cf8a49f26b73b4a43baeb04d147ba1953310852bbdcb13f" \
	"0cfcac17"

static const struct generation edk2_202502 = {
	.cc_measurement = true,
	.direct_boot = true,
	.named_blobs = true,
	.separators = true,
	.ui_app = true,
	.name = "edk2-stable202502",
};

static int read_vector(const char *name, struct buf *ret)
{
	const char *shared = getenv("ASSAY_SHARED");
	struct err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/vectors/%s", shared != NULL ? shared : "../shared", name);
	return io_read_file(path, 64u << 20, ret, &err);
}

static void test_hardware(void)
{
	BUF_AUTO firmware = {0};
	ACPI_BLOBS_AUTO acpi = {.loader = {.data = NULL}};
	static struct secureboot state;
	struct tdvf tdvf;
	struct rtmr0_input in = {.generation = &edk2_202502,
		.tdvf = &tdvf,
		.secureboot = &state,
		.memory_bytes = 2ull << 30,
		.acpi = &acpi};
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};
	char hex[2 * SHA384_SIZE + 1];

	if (read_vector(VECTOR_FIRMWARE, &firmware) != 0 ||
		read_vector(VECTOR_ACPI "etc_table-loader", &acpi.loader) != 0 ||
		read_vector(VECTOR_ACPI "etc_acpi_rsdp", &acpi.rsdp) != 0 ||
		read_vector(VECTOR_ACPI "etc_acpi_tables", &acpi.tables) != 0) {
		tap_skip("RTMR0 of a TD on hardware", "no reference data");
		return;
	}
	ok(tdx_vmm_find("qemu-10.1", &in.vmm, &err) == 0 &&
			tdvf_parse(firmware.data, firmware.len, &tdvf, &err) == 0 &&
			secureboot_read(&edk2_202502, firmware.data, firmware.len, &tdvf, &state,
				&err) == 0,
		"inputs");
	is_int(rtmr0_direct(&in, &rtmr, &err), 0, "RTMR0 is predicted");
	hex_encode(rtmr.value, sizeof(rtmr.value), hex);
	is_str(hex, VECTOR_RTMR0, "to be what the hardware reported");
}

static void refuses(const struct rtmr0_input *in, const char *want)
{
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};
	int rc = rtmr0_direct(in, &rtmr, &err);

	ok(rc == -ENOTSUP && strstr(err.msg, want) != NULL, "refused: %s", want);
	if (rc != -ENOTSUP)
		printf("# %d %s\n", rc, err.msg);
}

static void test_bad(void)
{
	struct generation generation = edk2_202502;
	struct acpi_blobs acpi = {.loader = {.data = NULL}};
	struct rtmr0_input in = {
		.generation = &generation, .memory_bytes = 1ull << 30, .acpi = &acpi};
	struct err err = {0};

	if (tdx_vmm_find("gce", &in.vmm, &err) != 0)
		abort();
	refuses(&in, "gce");
	if (tdx_vmm_find("qemu-10.1", &in.vmm, &err) != 0)
		abort();
	generation.cc_measurement = false;
	refuses(&in, "measures nothing");
	generation = edk2_202502;
	generation.separators = false;
	refuses(&in, "separator");
	generation = edk2_202502;
	generation.late_events = true;
	refuses(&in, "SMBIOS");
	generation = edk2_202502;
	generation.ui_app = false;
	refuses(&in, "UiApp");
	generation.ui_app = true;
	in.memory_bytes = 0;
	refuses(&in, "memory size");
	in.memory_bytes = 1ull << 30;
	in.acpi = NULL;
	refuses(&in, "ACPI");
}

int main(void)
{
	test_hardware();
	test_bad();
	return tap_done();
}
