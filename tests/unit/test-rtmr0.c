/*
 * RTMR0 of a direct boot: values that TDs on hardware reported, from ACPI blobs and firmware of the
 * same layout; the layouts of older and newer firmware, event by event; and what is refused.
 */
#include "measure/tdx/rtmr0.h"

#include <stdlib.h>

#include "formats/tcglog.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

#define VOLUME_DXE  "7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1"
#define FILE_UI_APP "462caa21-7614-4503-836e-8ab6f4662331"
#define FILE_MENU   "eec25bdc-67f2-4d95-b1d5-f81b2039d11d"

/* A firmware without Secure Boot, whose blank variable store and metadata those of the vectors
 * have. */
#define VECTOR_FIRMWARE "sev-snp/debian/OVMF_2025.02-8+deb13u1.fd"

static const struct vector {
	const char *name, *acpi, *rtmr0;
	uint64_t memory_bytes;
} vectors[] = {
	{"a TD on hardware, QEMU 10.1.0", "tdx/derived/qemu-10.1.0-q35-smp1-2G-hpet-serial.",
		"5aca07b1e885e17d1aeaf9d94edb2674767a61547cf8a49f26b73b4a43baeb04d147ba1953310852bb"
		"d"
		"cb13f0cfcac17",
		2ull << 30},
	{"virtee, q35 with HPET", "tdx/derived/virtee-q35-with-hpet.qemu10.2.1.",
		"507b21ccfe504463c9a324a440e19707ef84e03663cf6c6013540ce79131f9675a7852cfa65303d931"
		"c"
		"2a79389ffff49",
		4ull << 30},
	{"virtee, Canonical's defaults", "tdx/derived/virtee-canonical-defaults.qemu9.2.1.",
		"e1cf95c7fedaa78087b3eb237148869f804642b7939d59c8825db269ffadf190d4a7fd4f44d9b10ba7"
		"f"
		"f44c12dd564f5",
		2ull << 30},
};

static struct generation_app app_of(const char *file, const char *name)
{
	struct generation_app app = {.present = true};

	if (!guid_parse(VOLUME_DXE, &app.volume) || !guid_parse(file, &app.file))
		abort();
	snprintf(app.name, sizeof(app.name), "%s", name);
	return app;
}

static struct generation edk2_202502(void)
{
	return (struct generation){.cc_measurement = true,
		.direct_boot = true,
		.named_blobs = true,
		.acpi = true,
		.separators = GENERATION_SEPARATORS_BOTH,
		.menu_known = true,
		.menu = app_of(FILE_UI_APP, "UiApp"),
		.name = "edk2-stable202502"};
}

static int read_vector(const char *name, struct buf *ret)
{
	const char *shared = getenv("ASSAY_SHARED");
	struct err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/vectors/%s", shared != NULL ? shared : "../shared", name);
	return io_read_file(path, 64u << 20, ret, &err);
}

/* What every test has: firmware with its state, and blobs. */
struct machine {
	struct buf firmware;
	struct generation generation;
	struct tdvf tdvf;
	struct secureboot state;
	struct acpi_blobs acpi;
	struct rtmr0_input in;
};

static void machine_done(struct machine *machine)
{
	buf_done(&machine->firmware);
	acpi_blobs_done(&machine->acpi);
	free(machine);
}

/* Reads the firmware and the blobs of a vector; NULL without reference data. */
static struct machine *machine_of(const struct vector *vector)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	char path[256];
	struct buf *blobs[] = {&machine->acpi.loader, &machine->acpi.rsdp, &machine->acpi.tables};
	static const char *const names[] = {"etc_table-loader", "etc_acpi_rsdp", "etc_acpi_tables"};
	struct err err = {0};
	bool good = read_vector(VECTOR_FIRMWARE, &machine->firmware) == 0;

	for (size_t i = 0; i < 3 && good; i++) {
		snprintf(path, sizeof(path), "%s%s", vector->acpi, names[i]);
		good = read_vector(path, blobs[i]) == 0;
	}
	machine->generation = edk2_202502();
	if (!good ||
		tdvf_parse(machine->firmware.data, machine->firmware.len, &machine->tdvf, &err) !=
			0 ||
		secureboot_read(&machine->generation, machine->firmware.data, machine->firmware.len,
			&machine->tdvf, &machine->state, &err) != 0) {
		machine_done(machine);
		return NULL;
	}
	machine->in = (struct rtmr0_input){.generation = &machine->generation,
		.tdvf = &machine->tdvf,
		.secureboot = &machine->state,
		.memory_bytes = vector->memory_bytes,
		.acpi = &machine->acpi};
	if (tdx_vmm_find("qemu-10.1", &machine->in.vmm, &err) != 0)
		abort();
	return machine;
}

static void test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct machine *machine = machine_of(&vectors[i]);
		struct rtmr rtmr = {.derive = NULL};
		struct err err = {0};
		char hex[2 * SHA384_SIZE + 1];

		if (machine == NULL) {
			tap_skip(vectors[i].name, "no reference data");
			continue;
		}
		is_int(rtmr0_direct(&machine->in, &rtmr, &err), 0, "RTMR0 is predicted");
		hex_encode(rtmr.value, sizeof(rtmr.value), hex);
		is_str(hex, vectors[i].rtmr0, vectors[i].name);
		machine_done(machine);
	}
}

/* The recorded events' names, "TD HOB|configuration volume (CFV)|...". */
static void events_are(const struct rtmr0_input *in, const char *want, const char *what)
{
	struct derive derive = {.name = "rtmr0", .alg = DIGEST_SHA384};
	struct rtmr rtmr = {.derive = &derive};
	struct err err = {0};
	BUF_AUTO got = {0};
	int rc = rtmr0_direct(in, &rtmr, &err);

	for (size_t i = 0; i < derive.count; i++)
		buf_fmt(&got, "%s%s", i > 0 ? "|" : "", derive.steps[i].what);
	ok(rc == 0, "%s: predicted (%s)", what, err.msg);
	is_str(buf_cstr(&got), want, what);
	derive_done(&derive);
}

#define EVENTS_VARIABLES                                                                           \
	"variable SecureBoot, 0 bytes|variable PK, 0 bytes|variable KEK, 0 bytes|"                 \
	"variable db, 0 bytes|variable dbx, 0 bytes|separator"
#define EVENTS_ACPI "ACPI: etc/table-loader|ACPI: etc/acpi/rsdp|ACPI: etc/acpi/tables"

static struct varstore_variable stored(const char *name, const char *data, size_t n)
{
	struct varstore_variable variable = {.data = (const unsigned char *)data, .size_bytes = n};

	if (!guid_parse("8be4df61-93ca-11d2-aa0d-00e098032b8c", &variable.vendor))
		abort();
	snprintf(variable.name, sizeof(variable.name), "%s", name);
	return variable;
}

static void test_generations(void)
{
	struct machine *machine = machine_of(&vectors[0]);
	struct rtmr0_input *in;
	struct err err = {0};

	if (machine == NULL) {
		tap_skip("events of each generation", "no reference data");
		return;
	}
	in = &machine->in;
	events_are(in,
		"TD HOB|configuration volume (CFV)|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|BootOrder: 0000|Boot0000: UiApp",
		"202502");
	machine->generation.separators = GENERATION_SEPARATORS_RTMR0;
	events_are(in,
		"TD HOB|configuration volume (CFV)|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|BootOrder: 0000|Boot0000: UiApp|separator",
		"before 202411: a second separator");
	machine->generation.acpi = false;
	events_are(in,
		"TD HOB|configuration volume (CFV)|" EVENTS_VARIABLES
		"|BootOrder: 0000|Boot0000: UiApp|separator",
		"before 202302: no ACPI tables");
	machine->generation = edk2_202502();
	machine->state.store.count = 2;
	machine->state.store.variables[0] = stored("BootOrder", "\3", 2);
	machine->state.store.variables[1] = stored("Boot0003", "\1\0\0\0\4\0d\0\0\0\x7f\xff\4", 14);
	events_are(in,
		"TD HOB|configuration volume (CFV)|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|BootOrder: 0000|Boot0000: UiApp",
		"options stored in the image, without Secure Boot");
	machine->generation.image_vars = true;
	events_are(in,
		"TD HOB|configuration volume (CFV)|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|BootOrder: 0003, 0000|Boot0003: d|Boot0000: UiApp",
		"the same from 202511 on");
	machine->generation.image_vars = false;
	machine->state.outside = true;
	events_are(in,
		"TD HOB|configuration volume (CFV)|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|BootOrder: 0003, 0000|Boot0003: d|Boot0000: UiApp",
		"options that the VMM keeps");
	machine->state.outside = false;
	machine->state.store.count = 0;
	machine->generation.fw_cfg = true;
	machine->generation.menu = app_of(FILE_MENU, "BootManagerMenuApp");
	machine->generation.setup = app_of(FILE_UI_APP, "EFI Firmware Setup");
	machine->generation.smbios = GENERATION_SMBIOS_BEFORE;
	machine->generation.bios = (struct generation_bios){.known = true,
		.fixed = {0, GENERATION_BIOS_SIZE},
		.vendor = "vendor",
		.version = "version",
		.date = "01/01/2025"};
	buf_add(&machine->acpi.smbios, "\x7f\4\0\x7f\0\0", 6);
	buf_add(&machine->acpi.item[RTMR0_EXTRA_PCI_ROOTS], "\1\0\0\0\0\0\0\0", 8);
	buf_add(&machine->acpi.item[RTMR0_BOOT_MENU_WAIT], "\1", 1); /* of a wrong size */
	ok(rtmr0_items_direct(&machine->acpi, &err) == 0, "items of a direct boot");
	events_are(in,
		"TD HOB|configuration volume (CFV)|fw_cfg: etc/extra-pci-roots|fw_cfg: BootMenu|"
		"fw_cfg: bootorder|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|SMBIOS tables|BootOrder: 0000, 0001|Boot0000: BootManagerMenuApp|"
		"Boot0001: EFI Firmware Setup",
		"202505");
	machine->generation.smbios = GENERATION_SMBIOS_AFTER;
	machine->generation.setup.present = false;
	events_are(in,
		"TD HOB|configuration volume (CFV)|fw_cfg: etc/extra-pci-roots|fw_cfg: BootMenu|"
		"fw_cfg: bootorder|" EVENTS_VARIABLES "|" EVENTS_ACPI
		"|BootOrder: 0000|Boot0000: BootManagerMenuApp|SMBIOS tables",
		"SMBIOS driver first, no setup");
	machine_done(machine);
}

/* Event logs of TDs whose ACPI tables are not known: with the digests of those from the log, all else
 * is as predicted. The low memory that firmware keeps is in two layouts. */
static const struct log {
	const char *name, *path, *rtmr0;
	uint64_t memory_bytes, mailbox; /* start of the range before the HOB list's */
	enum generation_separators separators;
} logs[] = {
	{"the CoCo verifier's log, before 202411", "tdx/trustee-eventlog/CCEL_data_ovmf",
		"8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e90177329ec5aba3bb484404f"
		"2"
		"ab9cc90abe193",
		2ull << 30, 0x810000, GENERATION_SEPARATORS_RTMR0},
	{"dstack's log", "tdx/dstack/ccel.bin",
		"274c2344116db7c663470693b5ba62b8621eac28cb41d2f816ddf188f9f423f900a1c44d32386fd3c9"
		"9"
		"3dc814e62af9d",
		1ull << 30, 0x811000, GENERATION_SEPARATORS_BOTH},
};

/* The digests of the log's events of this type in RTMR0; how many there are. */
static size_t digests_of(
	const struct buf *bytes, uint32_t type, const unsigned char **ret, size_t max)
{
	struct tcglog log;
	struct tcglog_event event;
	struct err err = {0};
	size_t count = 0;

	if (tcglog_open(bytes->data, bytes->len, &log, &err) != 0)
		return 0;
	while (tcglog_next(&log, &event, &err) == 1)
		if (event.index == 1 && event.type == type && count < max)
			ret[count++] = event.digests[tcglog_bank(&log, DIGEST_SHA384)];
	return count;
}

static void set_layout(struct tdvf *tdvf, uint64_t mailbox)
{
	const struct tdvf_section low[] = {
		{.gpa = mailbox, .mem_size = 0x820000 - mailbox, .type = TDVF_TEMP_MEM},
		{.gpa = 0x80b000, .mem_size = 0x2000, .type = TDVF_TEMP_MEM},
		{.gpa = 0x809000, .mem_size = 0x2000, .type = TDVF_TD_HOB},
		{.gpa = 0x800000, .mem_size = 0x6000, .type = TDVF_TEMP_MEM}};

	memcpy(tdvf->sections, low, sizeof(low));
	tdvf->count = sizeof(low) / sizeof(low[0]);
}

static void test_log(const struct log *log)
{
	struct machine *machine = machine_of(&vectors[0]);
	struct derive derive = {.name = "rtmr0", .alg = DIGEST_SHA384};
	struct rtmr rtmr = {.derive = &derive};
	unsigned char value[SHA384_SIZE] = {0};
	const unsigned char *acpi[3];
	char hex[2 * SHA384_SIZE + 1];
	BUF_AUTO bytes = {0};
	struct err err = {0};
	size_t used = 0;

	if (machine == NULL || read_vector(log->path, &bytes) != 0) {
		tap_skip(log->name, "no reference data");
		if (machine != NULL)
			machine_done(machine);
		return;
	}
	machine->generation.separators = log->separators;
	machine->in.memory_bytes = log->memory_bytes;
	set_layout(&machine->tdvf, log->mailbox);
	ok(digests_of(&bytes, TCGLOG_EV_PLATFORM_CONFIG, acpi, 3) == 3 &&
			rtmr0_direct(&machine->in, &rtmr, &err) == 0,
		"three tables, and a prediction");
	for (size_t i = 0; i < derive.count; i++) {
		bool table = strncmp(derive.steps[i].what, "ACPI", 4) == 0;

		if (digest_extend(DIGEST_SHA384, value,
			    table ? acpi[used++] : derive.steps[i].content, &err) != 0)
			abort();
	}
	hex_encode(value, sizeof(value), hex);
	is_str(hex, log->rtmr0, log->name);
	derive_done(&derive);
	machine_done(machine);
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
	static const struct secureboot blank;
	struct generation generation = edk2_202502();
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
	generation = edk2_202502();
	generation.separators = GENERATION_SEPARATORS_UNKNOWN;
	refuses(&in, "separator");
	generation = edk2_202502();
	generation.smbios = GENERATION_SMBIOS_UNKNOWN;
	refuses(&in, "before or after");
	generation.smbios = GENERATION_SMBIOS_BEFORE;
	refuses(&in, "SMBIOS tables are needed");
	generation = edk2_202502();
	generation.fw_cfg = true;
	refuses(&in, "fw_cfg items are needed");
	generation = edk2_202502();
	generation.menu_known = false;
	refuses(&in, "boot menu");
	generation = edk2_202502();
	generation.outside_vars = true;
	in.secureboot = &blank;
	refuses(&in, "keeps the firmware's variables");
	generation = edk2_202502();
	in.memory_bytes = 0;
	refuses(&in, "memory size");
	in.memory_bytes = 1ull << 30;
	in.acpi = NULL;
	refuses(&in, "ACPI");
}

int main(void)
{
	test_vectors();
	test_generations();
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		test_log(&logs[i]);
	test_bad();
	return tap_done();
}
