/*
 * The AML assembler, and the ACPI tables made with it: encodings worked out by hand, what is
 * refused, and the tables of QEMU 10.1.0 that a TD on hardware measured.
 */
#define _GNU_SOURCE /* memmem */
#include "measure/acpi-q35.h"

#include <stdlib.h>

#include "formats/aml.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

#define VECTOR "tdx/derived/qemu-10.1.0-q35-smp1-2G-hpet-serial.etc_"
#define LATER  "tdx/derived/virtee-q35-with-hpet.qemu10.2.1.etc_acpi_tables"
#define TEN    "1234567890"
#define FIFTY  TEN TEN TEN TEN TEN

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

static struct acpi_q35 machine_of(uint32_t vcpus, uint64_t memory_bytes)
{
	return (struct acpi_q35){.version = "10.1.",
		.memory_bytes = memory_bytes,
		.low_bytes = memory_bytes < (2ull << 30) ? memory_bytes : 2ull << 30,
		.vcpus = vcpus};
}

static void test_refused(void)
{
	static const struct {
		const char *version;
		uint32_t vcpus;
		uint64_t memory_bytes;
		const char *what;
	} bad[] = {
		{"10.2.", 1, 2ull << 30, "no built-in ACPI tables of QEMU 10.2."},
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

static bool same_file(const char *name, const struct buf *got, bool *ret_there)
{
	const char *shared = getenv("ASSAY_SHARED");
	BUF_AUTO want = {0};
	struct err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/vectors/" VECTOR "%s",
		shared != NULL ? shared : "../shared", name);
	*ret_there = io_read_file(path, 1u << 20, &want, &err) == 0;
	return got->len == want.len && memcmp(got->data, want.data, want.len) == 0;
}

static void test_vector(void)
{
	static const char *const names[] = {"table-loader", "acpi_rsdp", "acpi_tables"};
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	const struct buf *const got[] = {&blobs.loader, &blobs.rsdp, &blobs.tables};
	struct acpi_q35 machine = machine_of(1, 2ull << 30);
	struct err err = {0};

	machine.serial = true;
	ok(acpi_q35_build(&machine, &blobs, &err) == 0, "tables of 1 vCPU and 2 GiB");
	for (size_t i = 0; i < 3; i++) {
		bool there;
		bool same = same_file(names[i], got[i], &there);

		if (there)
			ok(same, "%s is that of QEMU 10.1.0", names[i]);
		else
			tap_skip(names[i], "no reference data");
	}
}

/* Bytes of @tables from the first @from up to the next @to. */
static size_t span(
	const struct buf *tables, const char *from, const char *to, const unsigned char **ret)
{
	const unsigned char *at = memmem(tables->data, tables->len, from, strlen(from));
	const unsigned char *end = at == NULL
					   ? NULL
					   : memmem(at, tables->len - (size_t)(at - tables->data),
						     to, strlen(to));

	*ret = at;
	return end == NULL ? 0 : (size_t)(end - at);
}

/* QEMU 10.2.1 with 8 vCPUs and PCI devices: what has to do with vCPUs is as it was. */
static void test_later(void)
{
	static const char *const spans[][2] = {{"DBG_", "_E02"}, {"APIC", "HPET"}};
	const char *shared = getenv("ASSAY_SHARED");
	ACPI_BLOBS_AUTO blobs = {.loader = {.data = NULL}};
	BUF_AUTO vector = {0};
	struct acpi_q35 machine = machine_of(8, 2ull << 30);
	struct err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/vectors/" LATER, shared != NULL ? shared : "../shared");
	if (io_read_file(path, 1u << 20, &vector, &err) != 0) {
		tap_skip("tables of QEMU 10.2.1", "no reference data");
		return;
	}
	ok(acpi_q35_build(&machine, &blobs, &err) == 0, "tables of 8 vCPUs");
	for (size_t i = 0; i < 2; i++) {
		const unsigned char *a, *b;
		size_t n = span(&blobs.tables, spans[i][0], spans[i][1], &a);

		ok(n > 100 && span(&vector, spans[i][0], spans[i][1], &b) == n &&
				memcmp(a, b, n) == 0,
			"%s to %s are those of QEMU 10.2.1", spans[i][0], spans[i][1]);
	}
}

int main(void)
{
	test_encodings();
	test_lengths();
	test_bad_sources();
	test_refused();
	test_vector();
	test_later();
	return tap_done();
}
