/* A golden document for tests of what reads them: two SNP shapes and a TDX tuple, with everything optional. */
#ifndef TESTS_UNIT_GOLDEN_DOC_H
#define TESTS_UNIT_GOLDEN_DOC_H

#include <jansson.h>
#include <string.h>

/* 96 hex digits, all alike. */
static inline const char *hex96(char digit)
{
	static char text[16][97];
	char *at = text[digit <= '9' ? digit - '0' : digit - 'a' + 10];

	memset(at, digit, 96);
	return at;
}

static inline const char *hex64(char digit)
{
	return hex96(digit) + 32;
}

static inline json_t *golden_input(void)
{
	return json_pack("{s:s, s:s}", "path", "vmlinuz", "sha256", hex64('9'));
}

static inline json_t *golden_snp(const char *name, int vcpus, char digit)
{
	return json_pack(
		"{s:s, s:s, s:s, s:b, s:{s:s, s:s, s:s, s:i}, s:{s:s, s:i}, s:{s:o}, s:{s:s}}",
		"name", name, "tee", "sev-snp", "vmm", "qemu", "acpi_verified", 0, "shape", "cpu",
		"EPYC-v4", "cpu_signature", "0x800f12", "sev_features", "0x1", "vcpus", vcpus,
		"policy", "guest_policy", "0x30000", "vmpl", 0, "inputs", "kernel", golden_input(),
		"values", "launch_digest", hex96(digit));
}

static inline json_t *golden_tdx(const char *name, char mrtd, char rtmr)
{
	return json_pack(
		"{s:s, s:s, s:s, s:b, s:{s:s}, s:{s:b, s:b, s:b}, s:{s:o}, s:{s:s, s:s, s:s}, "
		"s:{s:s, s:s}}",
		"name", name, "tee", "tdx", "vmm", "qemu-10.0", "acpi_verified", 0, "shape",
		"mrtd_order", "two-pass", "policy", "debug", 0, "migratable", 0, "sept_ve_disable",
		1, "inputs", "kernel", golden_input(), "values", "mrtd", hex96(mrtd), "rtmr1",
		hex96(rtmr), "rtmr2", hex96('2'), "events", "kernel", hex96('5'), "load_options",
		hex96('6'));
}

static inline json_t *golden_platform(void)
{
	return json_pack("{s:{s:s, s:{s:i, s:i, s:i, s:i}, s:b, s:b}, s:{s:s, s:s}}", "snp",
		"product", "Genoa", "min_tcb", "bootloader", 7, "tee", 0, "snp", 14, "microcode",
		72, "smt_enabled", 1, "tsme_enabled", 0, "tdx", "xfam", "e702060000000000",
		"mrseam", hex96('7'));
}

/* Without tuples. */
static inline json_t *golden_head(void)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:b, s:s, s:[]}", "schema", "assay-golden/1", "name",
		"guest", "architecture", "amd64", "timestamp", 0, "agent_stand_in", 0,
		"manifest_sha256", hex64('8'), "tuples");
}

static inline json_t *golden_sample(void)
{
	json_t *doc = golden_head();
	json_t *tuples = json_object_get(doc, "tuples");

	json_array_append_new(tuples, golden_snp("guest-smp2", 2, 'b'));
	json_array_append_new(tuples, golden_snp("guest-smp1", 1, 'a'));
	json_array_append_new(tuples, golden_tdx("guest", 'c', '1'));
	json_object_set_new(doc, "platform", golden_platform());
	return doc;
}

#endif
