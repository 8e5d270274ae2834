/*
 * The AML assembler, and the ACPI tables made with it: encodings worked out by hand, what is
 * refused, the tables of QEMU 10.1.0 that a TD on hardware measured, and those of other QEMUs.
 */
#include "measure/tdx/acpi-q35.h"

#include <stdlib.h>

#include "formats/aml.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

#define VECTOR	   "tdx/derived/qemu-10.1.0-q35-smp1-2G-hpet-serial.etc_"
#define VECTOR_PCI "tdx/derived/virtee-q35-with-hpet.qemu10.2.1.etc_"
#define TEN	   "1234567890"
#define FIFTY	   TEN TEN TEN TEN TEN

/* ACPI Specification 6.5, chapter 20. */
static const struct {
	const char *text, *hex;
} encodings[] = {
	{"0 1 2 0xff 0x100 0xffff 0x10000 0x100000000 ones",
		"00010a020aff0b00010bffff0c000001000e0000000001000000ff"},
	{"'ab'", "0d616200"},
	{"#00ff12", "00ff12"},
	{"local0 local7 arg0 arg6 debug nil", "6067686e5b3100"},
	{"A ABCD _SB.PCI0 \\A.B.C ^X \\",
		"415f5f5f414243442e5f53425f504349305c2f03415f5f5f425f5f5f435f"
		"5f5f5e585f5f5f5c00"},
	{"(name X 0)", "08585f5f5f00"},
	{"(scope A)", "1005415f5f5f"},
	{"(method A #08 (return (B arg0)))", "140c415f5f5f08a4425f5f5f68"},
	{"(field F #01 (A 8) (skip 64) (B 4095))", "5b8114465f5f5f01415f5f5f08004004425f5f5f4fff"},
	{"(buffer #0102)", "11050a020102"},
	{"(buffer #)", "110200"},
	{"(uuid '33db4d5b-1ff7-401c-9657-7441c03dd766')",
		"11130a105b4ddb33f71f1c4096577441c03dd766"},
	{"(eisaid 'PNP0A08')", "0c41d00a08"},
	{"(resources (io 1 0x203 4 5) (irq 0x10) (irq_flags 0x10 #18))",
		"11140a1147010100030204052210002310001879 00"},
	{"(resources (memory32 #01 2 3) (interrupts #09 #01 #05000000))",
		"111a0a17860900010200000003000000890600090105000000 7900"},
	{"(resources (word #010203 1 2 3 4 5))", "11150a12880d0001020301000200030004000500 7900"},
	{" (if\n\t(eq 0 1) (break)) ", "a0059300 01a5"},
};

static void test_encodings(void)
{
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		BUF_AUTO aml = {0};
		struct err err = {0};
		char got[256], want[256];
		size_t n = 0;

		for (const char *at = encodings[i].hex; *at != '\0'; at++)
			if (*at != ' ')
				want[n++] = *at;
		want[n] = '\0';
		if (aml_assemble(encodings[i].text, &aml, &err) != 0 || aml.len > 100) {
			ok(false, "%s: %s", encodings[i].text, err.msg);
			continue;
		}
		hex_encode(aml.data, aml.len, got);
		is_str(got, want, encodings[i].hex);
	}
}

/* A package of @inner bytes: the length of its length. */
static void test_lengths(void)
{
	static const struct {
		size_t inner;
		const char *head;
	} packages[] = {
		{62, "a03f"},
		{63, "a04104"},
		{4093, "a04fff"},
		{4094, "a0810001"},
		{1048572, "a08fffff"},
		{1048573, "a0c1000001"},
	};

	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		BUF_AUTO text = {0};
		BUF_AUTO aml = {0};
		struct err err = {0};
		char head[16];
		size_t bytes = strlen(packages[i].head) / 2;

		buf_str(&text, "(if #");
		for (size_t k = 0; k < packages[i].inner; k++)
			buf_str(&text, "a5");
		buf_str(&text, ")");
		if (aml_assemble(buf_cstr(&text), &aml, &err) != 0 ||
			aml.len != packages[i].inner + bytes) {
			ok(false, "a package of %zu bytes: %s", packages[i].inner, err.msg);
			continue;
		}
		hex_encode(aml.data, bytes, head);
		is_str(head, packages[i].head, "the length of a package");
	}
}

static void test_bad_sources(void)
{
	static const struct {
		const char *text, *what;
	} bad[] = {
		{"(scope A", "a closing parenthesis is missing"},
		{"1)", "a parenthesis too many"},
		{"()", "a word is missing"},
		{"(" FIFTY FIFTY ")", "too long"},
		{"'ab", "a string has no end"},
		{"#0", "half a byte"},
		{"ABCDE", "1 to 4 characters"},
		{"A..B", "1 to 4 characters"},
		{"aBC", "characters A-Z"},
		{"1A", "not a number"},
		{"local8", "no such local"},
		{"arg7", "no such local"},
		{"local01", "no such local"},
		{"(resources (io x 1 1 1))", "not a number"},
		{"(resources (io 0x10000 1 1 1))", "too large for its field"},
		{"(resources (io 1 1 1))", "a word is missing"},
		{"(resources (word 1 2 3 4 5 6))", "raw bytes are missing"},
		{"(resources (irq 1 2))", "a closing parenthesis is missing"},
		{"(field F 1)", "raw bytes are missing"},
		{"(field F #01 A)", "a field unit is missing"},
		{"(field F #01 (A 8 8))", "a field unit is a name and its bits"},
		{"(field F #01 (A 0x10000000))", "a field unit is a name and its bits"},
		{"(uuid 12)", "a string is missing"},
		{"(uuid '33db4d5b')", "not a UUID"},
		{"(eisaid 'PNP0A0')", "not an EISA ID"},
		{"(eisaid 'pnp0A03')", "not an EISA ID"},
		{"(eisaid 'PNP0A0X')", "not an EISA ID"},
		{"(not(not(not(not(not(not(not(not(not(not(not(not(not(not(not(not(not(not(not("
		 "not(not(not(not(not(not(not(not(not(not(not(not(not(not 1",
			"nested too deep"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BUF_AUTO aml = {0};
		struct err err = {0};
		int rc = aml_assemble(bad[i].text, &aml, &err);

		ok(rc == -EINVAL && strstr(err.msg, bad[i].what) != NULL, "%.40s: %s", bad[i].text,
			bad[i].what);
	}
}

static const struct acpi_layout plain = {.serial = false};

static struct acpi_q35 machine_of(uint32_t vcpus, uint64_t memory_bytes)
{
	return (struct acpi_q35){.version = "10.1.",
		.memory_bytes = memory_bytes,
		.low_bytes = memory_bytes < 0xb0000000 ? memory_bytes : 2ull << 30,
		.vcpus = vcpus,
		.layout = &plain};
}

static void test_refused(void)
{
	static const struct {
		const char *version;
		uint32_t vcpus;
		uint64_t memory_bytes;
		const char *what;
	} bad[] = {
		{"12.0.", 1, 2ull << 30, "no built-in ACPI tables of QEMU 12.0."},
		{"10.1", 1, 2ull << 30, "no built-in ACPI tables of QEMU 10.1"},
		{"10.1.", 0, 2ull << 30, "1 to 64 vCPUs"},
		{"10.1.", 65, 2ull << 30, "1 to 64 vCPUs"},
		{"10.1.", 1, 511ull << 20, "512 MiB to 512 GiB"},
		{"10.1.", 1, (512ull << 30) + (1 << 20), "512 MiB to 512 GiB"},
		{"10.1.", 1, (1ull << 30) + 4096, "whole MiB"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct acpi_q35 machine = machine_of(bad[i].vcpus, bad[i].memory_bytes);
		struct acpi_blobs blobs = {.loader = {.data = NULL}};
		struct err err = {0};
		int rc;

		machine.version = bad[i].version;
		rc = acpi_q35_build(&machine, &blobs, &err);
		ok(rc == -ENOTSUP && strstr(err.msg, bad[i].what) != NULL && blobs.rsdp.len == 0,
			"refused: %s", bad[i].what);
	}
}

static bool same_file(const char *vector, const char *name, const struct buf *got, bool *ret_there)
{
	const char *shared = getenv("ASSAY_SHARED");
	BUF_AUTO want = {0};
	struct err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/vectors/%s%s", shared != NULL ? shared : "../shared",
		vector, name);
	*ret_there = io_read_file(path, 1u << 20, &want, &err) == 0;
	return got->len == want.len && memcmp(got->data, want.data, want.len) == 0;
}

static void test_vector(void)
{
	static const char *const names[] = {"table-loader", "acpi_rsdp", "acpi_tables"};
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	const struct buf *const got[] = {&blobs.loader, &blobs.rsdp, &blobs.tables};
	const struct acpi_layout with_port = {.serial = true};
	struct acpi_q35 machine = machine_of(1, 2ull << 30);
	struct err err = {0};

	machine.layout = &with_port;
	ok(acpi_q35_build(&machine, &blobs, &err) == 0, "tables of 1 vCPU and 2 GiB");
	for (size_t i = 0; i < 3; i++) {
		bool there;
		bool same = same_file(VECTOR, names[i], got[i], &there);

		if (there)
			ok(same, "%s is that of QEMU 10.1.0", names[i]);
		else
			tap_skip(names[i], "no reference data");
	}
}

/* QEMU 10.2.1 with 8 vCPUs and three virtio devices that OVMF set up. */
static void test_vector_pci(void)
{
	static const char *const names[] = {"table-loader", "acpi_rsdp", "acpi_tables"};
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	const struct buf *const got[] = {&blobs.loader, &blobs.rsdp, &blobs.tables};
	struct acpi_q35 machine = machine_of(8, 4ull << 30);
	struct acpi_layout layout;
	struct err err = {0};

	ok(acpi_layout_read("virtio=3,pci-hole64-size=4096G", &layout, &err) == 0, "three devices");
	machine.version = "10.2.1";
	machine.layout = &layout;
	ok(acpi_q35_build(&machine, &blobs, &err) == 0, "tables of 8 vCPUs");
	for (size_t i = 0; i < 3; i++) {
		bool there;
		bool same = same_file(VECTOR_PCI, names[i], got[i], &there);

		if (there)
			ok(same, "%s is that of QEMU 10.2.1", names[i]);
		else
			tap_skip(names[i], "no reference data");
	}
}

/* SHA-384 of etc/acpi/tables from stock QEMUs after OVMF of edk2-stable202502 has run in them. */
static const struct {
	const char *version, *layout;
	uint32_t vcpus;
	uint64_t memory_bytes;
	const char *sha384;
} stock[] = {
	{"7.2.22", "kata-go-3.25.0,net=1,initdata=no", 2, 2048ull << 20,
		"a45506f52095af6184fedf0f8be20fd6e500f2cf8138ce5ea7733e47efbe95b98b333d35"
		"9603590f085de29678b0be5a"},
	{"10.0.13", "kata-go-3.25.0,net=1,initdata=yes", 4, 8192ull << 20,
		"f28f9a119cbb29ac31b1a1eba2792ab841bd7c984c99eb4c59317cc2f002d151ee4effca"
		"1881dbe53ecdae127a0811f8"},
	{"10.2.1", "kata-go-3.31.0,net=1,initdata=yes", 1, 2048ull << 20,
		"6b27695b451f0d92eb5deecec771f7dce7f6ca0411efc7f7bb4ad64c993fd13f9e3f4bd4"
		"26cdbaec41cc3a1c81a7e4fa"},
	{"11.0.3", "kata-go-4.0.0,net=1,initdata=yes", 2, 2048ull << 20,
		"e3628b56b1453b5175117494f4730ad8fbd4c255504ac0363468dac982c5d71c7ecdc22b"
		"3832f27a4403064cda7bbddf"},
	{"11.0.3", "kata-go-4.1.0,net=2,initdata=no", 9, 4096ull << 20,
		"9c2f8c4842781829491ba565e6c83644608fc5ef437039dfc38dc163a6f540eb2335ceb6"
		"85efe4ac38010aa481ad09a4"},
	{"11.0.3", "kata-rust-4.1.0,net=1,initdata=yes", 1, 2176ull << 20,
		"5a9845bb2007c106199d872964d7cae2f3f3cca4c1d3ece1c82238319584d11a631de3d6"
		"425ad125f8fb4f65d1445eb3"},
	{"11.1.3", "kata-rust-4.0.0,net=1,initdata=no", 3, 3072ull << 20,
		"f94d2ac4d49638c8da5ef74d8797b1f01731fb04e5a454005237e6f0e0ef5df36270b5e7"
		"cb63202bd87b15b03305b9c8"},
};

static void test_stock(void)
{
	for (size_t i = 0; i < sizeof(stock) / sizeof(stock[0]); i++) {
		ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
		struct acpi_q35 machine = machine_of(stock[i].vcpus, stock[i].memory_bytes);
		unsigned char digest[SHA384_SIZE];
		char hex[2 * SHA384_SIZE + 1] = "";
		struct acpi_layout layout;
		struct err err = {0};

		machine.version = stock[i].version;
		machine.layout = &layout;
		if (acpi_layout_read(stock[i].layout, &layout, &err) == 0 &&
			acpi_q35_build(&machine, &blobs, &err) == 0 &&
			digest_bytes(DIGEST_SHA384, blobs.tables.data, blobs.tables.len, digest,
				&err) == 0)
			hex_encode(digest, sizeof(digest), hex);
		is_str(hex, stock[i].sha384, stock[i].layout);
	}
}

static void test_layouts(void)
{
	static const struct {
		const char *text;
		uint32_t endpoints;
		enum acpi_bridge bridge;
		bool serial, no_hpet;
		size_t args;
	} good[] = {
		{"", 0, ACPI_NO_BRIDGE, false, false, 0},
		{"serial", 0, ACPI_NO_BRIDGE, true, false, 2},
		{"virtio=0", 0, ACPI_NO_BRIDGE, false, false, 0},
		{"hpet=off,virtio=24,serial", 0x1fffffe, ACPI_NO_BRIDGE, true, true, 52},
		{"virtio=2,pci-hole64-size=1G", 6, ACPI_NO_BRIDGE, false, false, 6},
		{"kata-go-3.25.0,net=1,initdata=no", 0x7a, ACPI_PCI_BRIDGE, false, false, 12},
		{"kata-go-3.32.0,net=0,initdata=yes", 0x7a, ACPI_PCI_BRIDGE, false, false, 12},
		{"kata-go-4.0.0,initdata=yes,net=8", 0x7ffa, ACPI_PCIE_BRIDGE, false, false, 30},
		{"kata-go-4.1.0,net=1,initdata=no", 0x7a, ACPI_PCIE_BRIDGE, false, true, 16},
		{"kata-rust-4.0.0,net=1,initdata=no", 0x1fa, ACPI_PCI_BRIDGE, false, false, 16},
		{"kata-rust-4.1.0,net=1,initdata=yes", 0x3fa, ACPI_PCI_BRIDGE, false, true, 20},
	};
	static const struct {
		const char *text;
		int rc;
		const char *what;
	} bad[] = {
		{"cereal", -EINVAL, "\"cereal\" says nothing about a machine"},
		{"serial,", -EINVAL, "\"\" says nothing"},
		{",serial", -EINVAL, "\"\" says nothing"},
		{"virtio=25", -EINVAL, "says nothing"},
		{"virtio=", -EINVAL, "says nothing"},
		{"pci-hole64-size=16384G", -EINVAL, "says nothing"},
		{"net=1", -EINVAL, "says nothing"},
		{"serial,kata-go-4.1.0", -EINVAL, "says nothing about a machine"},
		{"kata-go-4.1.0,virtio=1", -EINVAL, "says nothing about a Kata machine"},
		{"kata-go-4.1.0,net=9,initdata=no", -EINVAL, "says nothing about a Kata machine"},
		{"kata-go-4.1.0", -EINVAL, "both must be given"},
		{"kata-go-4.1.0,net=1", -EINVAL, "both must be given"},
		{"kata-go-4.1.0,initdata=no", -EINVAL, "both must be given"},
		{"kata-go-4.9.0,net=1,initdata=no", -ENOTSUP, "Kata 4.9.0 is not known"},
		{"kata-go-x,net=1,initdata=no", -EINVAL, "not a Kata version"},
		{"kata-rust-3.32.0,net=1,initdata=no", -ENOTSUP, "depends on the host"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *args[ACPI_LAYOUT_ARGS_MAX];
		struct acpi_layout layout;
		struct err err = {0};

		ok(acpi_layout_read(good[i].text, &layout, &err) == 0 &&
				layout.endpoints == good[i].endpoints &&
				layout.bridge == good[i].bridge &&
				layout.serial == good[i].serial &&
				layout.no_hpet == good[i].no_hpet &&
				acpi_layout_args(&layout, args) == good[i].args,
			"layout \"%s\"", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct acpi_layout layout;
		struct err err = {0};

		ok(acpi_layout_read(bad[i].text, &layout, &err) == bad[i].rc &&
				strstr(err.msg, bad[i].what) != NULL,
			"refused: %s", bad[i].text);
	}
}

static void test_firmware(void)
{
	struct generation old = {.acpi = true,
		.separators = GENERATION_SEPARATORS_RTMR0,
		.name = "edk2-stable202408"};
	struct generation new = {.acpi = true, .separators = GENERATION_SEPARATORS_BOTH};
	struct generation none = {.acpi = false, .separators = GENERATION_SEPARATORS_UNKNOWN};
	struct err err = {0};

	ok(acpi_layout_check(&new, &err) == 0, "firmware that puts PCI devices where it should");
	ok(acpi_layout_check(&none, &err) == 0, "firmware that measures no tables");
	ok(acpi_layout_check(&old, &err) == -ENOTSUP &&
			strstr(err.msg, "(edk2-stable202408)") != NULL,
		"older firmware is refused");
}

static void test_list(void)
{
	BUF_AUTO text = {0};

	acpi_layout_list(&text);
	ok(strstr(buf_cstr(&text), "kata-rust-VERSION") != NULL &&
			strstr(buf_cstr(&text), "before 4.0.0") != NULL,
		"machines and their devices are listed");
}

int main(void)
{
	test_encodings();
	test_lengths();
	test_bad_sources();
	test_refused();
	test_vector();
	test_vector_pci();
	test_stock();
	test_layouts();
	test_firmware();
	test_list();
	return tap_done();
}
