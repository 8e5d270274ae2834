/* IGVM files: the parser's refusals, and the order in which each profile measures. */
#define _GNU_SOURCE
#include "measure/igvm-launch.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/io.h"
#include "measure/amd/snp.h"
#include "measure/amd/vmsa.h"
#include "tests/tap.h"
#include "tests/unit/igvm-file.h"

#define VMSA_GPA 0xfffffffff000

static char path[] = "/tmp/assay-test-igvm-XXXXXX";
static struct igvm_file file;

/* --- the parser --- */

static int parse(struct err *err)
{
	IGVM_AUTO igvm = {.count = 0};
	size_t end;
	int rc = igvm_headers_end(file.bytes, IGVM_FIXED_MAX, IGVM_FILE_SIZE, &end, err);

	return rc != 0 ? rc : igvm_parse(file.bytes, end, IGVM_FILE_SIZE, &igvm, err);
}

static void refused(int code, const char *message, const char *what)
{
	struct err err = {0};
	int rc;

	igvm_file_end(&file);
	rc = parse(&err);
	ok(rc == code && strstr(err.msg, message) != NULL, "%s: refused", what);
	if (rc != code || strstr(err.msg, message) == NULL)
		printf("#   %d %s\n", rc, err.msg);
}

static void begin(void)
{
	igvm_file_begin(&file);
	igvm_file_platform(&file, 1, IGVM_SNP);
}

static void test_parser(void)
{
	static const uint32_t words[256];
	struct err err = {0};

	begin();
	igvm_file_data(&file, 0x1000, igvm_file_page(0), 0, 0);
	igvm_file_end(&file);
	is_int(parse(&err), 0, "a small file is read");
	file.bytes[40] ^= 1;
	is_int(parse(&err), -EBADMSG, "bad-checksum: refused");
	file.bytes[40] ^= 1;
	file.bytes[0] = 'J';
	is_int(parse(&err), -EBADMSG, "bad-magic: refused");
	file.bytes[0] = 'I';
	file.bytes[16]++;
	is_int(parse(&err), -EBADMSG, "bad-file-size: refused");
	begin();
	file.version = 3;
	refused(-ENOTSUP, "version 3", "bad-version");
	begin();
	igvm_file_data(&file, 0x1800, 0, 0, 0);
	refused(-EBADMSG, "address", "bad-page-unaligned");
	begin();
	igvm_file_data(&file, 0x1000, 0, 0, 4);
	refused(-EBADMSG, "type or flag", "bad-page-type");
	begin();
	igvm_file_data(&file, 0x1000, 0, 8, 0);
	refused(-EBADMSG, "type or flag", "bad-page-flag");
	begin();
	igvm_file_data(&file, 0x1000, IGVM_FILE_SIZE - 4095, 0, 0);
	refused(-EBADMSG, "not in the file", "bad-data-beyond-file");
	begin();
	igvm_file_data(&file, 0x1000, 24, 0, 0);
	refused(-EBADMSG, "not in the file", "bad-data-in-headers");
	begin();
	igvm_file_data(&file, 0x1000, 0, 0, 0);
	file.bytes[file.last + 8 + 22] = 1;
	refused(-EBADMSG, "reserved", "bad-reserved");
	begin();
	igvm_file_context(&file, 0, VMSA_GPA, igvm_file_page(0));
	file.bytes[file.last + 8 + 20] = 1;
	refused(-EBADMSG, "padding", "bad-padding");
	begin();
	igvm_file_context(&file, 0, VMSA_GPA, 0);
	refused(-EBADMSG, "without data", "bad-context-without-data");
	begin();
	igvm_file_area(&file, 0, 4097);
	refused(-EBADMSG, "whole number", "bad-area-size");
	begin();
	igvm_file_add(&file, IGVM_PAGE_DATA, 16, words);
	refused(-EBADMSG, "wrong length", "bad-length");
	begin();
	igvm_file_add(&file, 0x3ff, 8, words);
	refused(-ENOTSUP, "unknown type 0x3ff", "bad-unknown-type");
	begin();
	igvm_file_add(&file, 0x800003ff, 8, words);
	igvm_file_end(&file);
	is_int(parse(&err), 0, "an unknown type that may be ignored is ignored");
	begin();
	igvm_file_add(&file, 0x250, 8, words);
	refused(-EBADMSG, "no section", "bad-type-in-no-section");
	begin();
	igvm_file_data(&file, 0x1000, 0, 0, 0);
	igvm_file_platform(&file, 2, IGVM_TDX);
	refused(-EBADMSG, "after its section", "bad-platform-after-directive");
	begin();
	igvm_file_data(&file, 0x1000, 0, 0, 0);
	file.bytes[file.last + 4] = 0xff;
	file.bytes[file.last + 7] = 0xff;
	refused(-EBADMSG, "beyond the headers", "bad-length-huge");
	is_int(igvm_headers_end("IGVM", 4, 4, &(size_t){0}, &err), -EBADMSG,
		"bad-four-bytes: refused");
	is_str(igvm_type_name(IGVM_MADT), "MADT", "types have names");
}

/* --- what is measured --- */

static int measure(const char *profile, enum igvm_tee tee, uint32_t vcpus,
	const struct snp_cpu *cpu, struct warn *warn, struct igvm_result *ret, struct err *err)
{
	const struct igvm_launch launch = {
		.path = path, .profile = profile, .tee = tee, .vcpus = vcpus, .cpu = cpu};

	igvm_file_end(&file);
	if (io_publish(path, file.bytes, sizeof(file.bytes), err) != 0)
		abort();
	return igvm_launch_measure(&launch, NULL, warn, ret, err);
}

/* What the profile must come to, page by page: 'N' with the data page's number, 'Z' a NORMAL page of zeros, 'U', 'S', 'C'. */
struct expected {
	char type;
	int data;
	uint64_t gpa;
};

static void add_expected(struct snp_chain *chain, const struct expected *page)
{
	unsigned char bytes[4096], content[SHA384_SIZE];
	struct err err = {0};
	enum snp_page type = page->type == 'U'	 ? SNP_PAGE_UNMEASURED
			     : page->type == 'S' ? SNP_PAGE_SECRETS
			     : page->type == 'C' ? SNP_PAGE_CPUID
						 : SNP_PAGE_NORMAL;

	memset(bytes, page->type == 'Z' ? 0 : page->data + 1, sizeof(bytes));
	if (digest_bytes(DIGEST_SHA384, bytes, sizeof(bytes), content, &err) != 0 ||
		snp_chain_add(chain, type, page->gpa, type == SNP_PAGE_NORMAL ? content : NULL, "",
			&err) != 0)
		abort();
}

static void add_vmsa(struct snp_chain *chain, const unsigned char *page)
{
	unsigned char content[SHA384_SIZE];
	struct err err = {0};

	if (digest_bytes(DIGEST_SHA384, page, VMSA_SIZE, content, &err) != 0 ||
		snp_chain_add(chain, SNP_PAGE_VMSA, VMSA_GPA, content, "", &err) != 0)
		abort();
}

/* Two pages, an insert, a page that continues them, one apart; every type. */
static void build(void)
{
	begin();
	igvm_file_area(&file, 3, 0x2000);
	igvm_file_data(&file, 0x1000, igvm_file_page(0), 0, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x2000, igvm_file_page(1), 0, IGVM_DATA_NORMAL);
	igvm_file_insert(&file, 3, 0x100000);
	igvm_file_data(&file, 0x3000, igvm_file_page(2), 0, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x4000, 0, 0, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x5000, igvm_file_page(3), IGVM_FLAG_UNMEASURED, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x6000, 0, 0, IGVM_DATA_SECRETS);
	igvm_file_data(&file, 0x7000, igvm_file_page(4), 0, IGVM_DATA_CPUID);
	igvm_file_data(&file, 0x8000, igvm_file_page(4), 0, IGVM_DATA_CPUID_XF);
}

static void expect(const char *profile, const struct expected *pages, size_t count,
	const unsigned char *vmsa, uint32_t vcpus, const char *what)
{
	SNP_CHAIN_AUTO chain = {.derive = NULL};
	WARN_AUTO warn = {.count = 0};
	struct igvm_result result;
	struct snp_cpu cpu;
	struct err err = {0};

	if (snp_chain_init(&chain, NULL, &err) != 0 || snp_cpu_parse("EPYC-Milan", &cpu, &err) != 0)
		abort();
	for (size_t i = 0; i < count; i++)
		add_expected(&chain, &pages[i]);
	for (uint32_t i = 0; vmsa != NULL && i < vcpus; i++)
		add_vmsa(&chain, vmsa);
	if (measure(profile, IGVM_TEE_SNP, vcpus, &cpu, &warn, &result, &err) != 0) {
		ok(false, "%s: %s", what, err.msg);
		return;
	}
	ok(memcmp(result.digest, chain.ld, SHA384_SIZE) == 0, "%s", what);
}

static void test_order(void)
{
	static const struct expected qemu[] = {{'U', 0, 0x100000}, {'U', 0, 0x101000},
		{'N', 0, 0x1000}, {'N', 1, 0x2000}, {'N', 2, 0x3000}, {'Z', 0, 0x4000},
		{'U', 0, 0x5000}, {'S', 0, 0x6000}, {'C', 0, 0x7000}, {'C', 0, 0x8000}};
	static const struct expected crate[] = {{'N', 0, 0x1000}, {'N', 1, 0x2000},
		{'U', 0, 0x100000}, {'U', 0, 0x101000}, {'N', 2, 0x3000}, {'Z', 0, 0x4000},
		{'U', 0, 0x5000}, {'S', 0, 0x6000}, {'C', 0, 0x7000}, {'C', 0, 0x8000}};
	static const struct expected igvmmeasure[] = {{'N', 0, 0x1000}, {'N', 1, 0x2000},
		{'U', 0, 0x100000}, {'N', 2, 0x3000}, {'Z', 0, 0x4000}, {'U', 0, 0x5000},
		{'S', 0, 0x6000}, {'C', 0, 0x7000}, {'C', 0, 0x8000}};
	static const uint32_t policy[] = {0x30000, 0, 1, 0};
	const struct snp_profile *profile = NULL;
	struct vmsa_input in = {
		.bsp = true, .eip = VMSA_RESET_EIP, .cpu_signature = 0xa00f11, .sev_features = 1};
	unsigned char reset[VMSA_SIZE];
	struct err err = {0};

	if (snp_profile_find("qemu", &profile, &err) != 0)
		abort();
	in.model = &profile->vmsa;
	vmsa_write(&in, reset);
	build();
	expect("qemu", qemu, 10, reset, 3,
		"QEMU: an insert overtakes the run before it; VMSAs last");
	expect("igvmmeasure", igvmmeasure, 9, NULL, 1,
		"igvmmeasure: file order, one page an insert");
	igvm_file_begin(&file);
	igvm_file_platform(&file, 1, IGVM_SNP);
	igvm_file_add(&file, IGVM_GUEST_POLICY, 16, policy);
	igvm_file_area(&file, 3, 0x2000);
	igvm_file_data(&file, 0x1000, igvm_file_page(0), 0, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x2000, igvm_file_page(1), 0, IGVM_DATA_NORMAL);
	igvm_file_insert(&file, 3, 0x100000);
	igvm_file_data(&file, 0x3000, igvm_file_page(2), 0, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x4000, 0, 0, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x5000, igvm_file_page(3), IGVM_FLAG_UNMEASURED, IGVM_DATA_NORMAL);
	igvm_file_data(&file, 0x6000, 0, 0, IGVM_DATA_SECRETS);
	igvm_file_data(&file, 0x7000, igvm_file_page(4), 0, IGVM_DATA_CPUID);
	igvm_file_data(&file, 0x8000, igvm_file_page(4), 0, IGVM_DATA_CPUID_XF);
	expect("igvm-crate", crate, 10, NULL, 1, "the igvm crate: file order, whole areas");
}

/* A run broken by a page with and one without data: the first is added when the second comes. */
static void test_run(void)
{
	static const struct expected pages[] = {
		{'N', 0, 0x1000}, {'U', 0, 0x100000}, {'Z', 0, 0x2000}, {'N', 1, 0x9000}};
	unsigned char *vmsa = file.bytes + igvm_file_page(7);

	begin();
	igvm_file_area(&file, 0, 0x1000);
	igvm_file_data(&file, 0x1000, igvm_file_page(0), 0, 0);
	igvm_file_data(&file, 0x2000, 0, 0, 0);
	igvm_file_insert(&file, 0, 0x100000);
	igvm_file_data(&file, 0x9000, igvm_file_page(1), 0, 0);
	igvm_file_context(&file, 0, VMSA_GPA, igvm_file_page(7));
	memset(vmsa, 0, VMSA_SIZE);
	vmsa[0x158] = 0x31; /* CR0 */
	vmsa[0x178] = 0x77; /* RIP */
	vmsa[0x3b0] = 0x21; /* SEV_FEATURES */
	vmsa[0xd1] = 0x10;  /* what KVM sets: EFER.SVME, */
	vmsa[0x148] = 0x40; /* CR4.MCE, */
	vmsa[0x170] = 0x02; /* RFLAGS bit 1 */
	expect("qemu", pages, 4, vmsa, 1, "QEMU: where runs end, and a context in the file");
	/* The same without the bits that KVM sets anyway. */
	vmsa[0xd1] = vmsa[0x148] = vmsa[0x170] = 0;
	{
		unsigned char full[VMSA_SIZE];

		memcpy(full, vmsa, sizeof(full));
		full[0xd1] = 0x10;
		full[0x148] = 0x40;
		full[0x170] = 0x02;
		expect("qemu", pages, 4, full, 1, "KVM sets its bits in a context");
	}
}

static void launch_refused(const char *profile, enum igvm_tee tee, uint32_t vcpus, int code,
	const char *message, const char *what)
{
	WARN_AUTO warn = {.count = 0};
	struct igvm_result result;
	struct err err = {0};
	int rc = measure(profile, tee, vcpus, NULL, &warn, &result, &err);

	ok(rc == code && strstr(err.msg, message) != NULL, "%s: refused", what);
	if (rc != code || strstr(err.msg, message) == NULL)
		printf("#   %d %s\n", rc, err.msg);
}

static void test_refusals(void)
{
	static const uint32_t words[256] = {1, 1, 1, 1};
	unsigned char *vmsa = file.bytes + igvm_file_page(7);

	build();
	launch_refused("qemu", IGVM_TEE_SNP, 1, -EINVAL, "--cpu", "a vCPU without context and CPU");
	launch_refused("qemu", IGVM_TEE_SNP, 0, -EINVAL, "0 vCPUs", "no vCPU");
	launch_refused("qemu", IGVM_TEE_TDX, 1, -ENOTSUP, "no TD", "TDX as QEMU");
	launch_refused(
		"igvm-crate", IGVM_TEE_TDX, 1, -ENOTSUP, "not support TDX", "bad-no-platform");
	launch_refused("igvm-crate", IGVM_TEE_SNP, 1, -ENOTSUP, "guest policy", "bad-no-policy");
	launch_refused("xen", IGVM_TEE_SNP, 1, -ENOTSUP, "known: qemu", "an unknown profile");
	igvm_file_platform(&file, 1, IGVM_SNP);
	launch_refused("qemu", IGVM_TEE_SNP, 1, -EBADMSG, "after its section", "bad-late-platform");
	begin();
	igvm_file_platform(&file, 2, IGVM_SNP);
	launch_refused("qemu", IGVM_TEE_SNP, 1, -EBADMSG, "twice", "bad-platform-twice");
	igvm_file_begin(&file);
	igvm_file_platform(&file, 0, IGVM_SNP);
	launch_refused("qemu", IGVM_TEE_SNP, 1, -EBADMSG, "mask", "bad-platform-without-mask");
	begin();
	igvm_file_insert(&file, 5, 0x1000);
	launch_refused("qemu", IGVM_TEE_SNP, 1, -EBADMSG, "no parameter area 5", "bad-no-area");
	begin();
	igvm_file_area(&file, 4096, 0x1000);
	launch_refused("qemu", IGVM_TEE_SNP, 1, -EBADMSG, "limit", "bad-area-index");
	begin();
	igvm_file_add(&file, IGVM_SLIT, 8, words);
	launch_refused(
		"qemu", IGVM_TEE_SNP, 1, -ENOTSUP, "does not know SLIT", "bad-unknown-to-qemu");
	begin();
	memset(vmsa, 0, VMSA_SIZE);
	vmsa[0x3b0] = 1;
	igvm_file_context(&file, 0, 0x1000, igvm_file_page(7));
	launch_refused("qemu", IGVM_TEE_SNP, 1, -ENOTSUP, "VMSAs at", "bad-vmsa-address");
	begin();
	memset(vmsa, 0, VMSA_SIZE);
	igvm_file_context(&file, 0, VMSA_GPA, igvm_file_page(7));
	launch_refused(
		"qemu", IGVM_TEE_SNP, 1, -ENOTSUP, "not that of an SNP", "bad-vmsa-features");
	begin();
	memset(vmsa, 0, VMSA_SIZE);
	vmsa[0x3b0] = vmsa[0xb00] = 1;
	igvm_file_context(&file, 0, VMSA_GPA, igvm_file_page(7));
	launch_refused("qemu", IGVM_TEE_SNP, 1, -ENOTSUP, "does not pass", "bad-vmsa-registers");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	io_close(&fd);
	test_parser();
	test_order();
	test_run();
	test_refusals();
	remove(path);
	return tap_done();
}
