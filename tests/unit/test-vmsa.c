/* VMSA pages: where the profile's values land, and that nothing else changes. */
#include "measure/amd/vmsa.h"

#include "lib/rd.h"
#include "tests/tap.h"

static uint64_t at(const unsigned char *page, size_t off, size_t n)
{
	struct rd whole = rd_init(page, VMSA_SIZE);
	struct rd rd = rd_at(&whole, off, n);

	return n == 8 ? rd_le64(&rd) : n == 4 ? rd_le32(&rd) : rd_le16(&rd);
}

static const struct snp_profile *profile(const char *name)
{
	const struct snp_profile *found = NULL;
	struct err err = {0};

	if (snp_profile_find(name, &found, &err) != 0)
		ok(false, "%s", err.msg);
	return found;
}

static void write_for(const char *name, bool bsp, uint64_t eip, unsigned char *page)
{
	struct vmsa_input in = {
		.model = &profile(name)->vmsa,
		.bsp = bsp,
		.eip = eip,
		.cpu_signature = 0xa10f10,
		.sev_features = 0x8000000000000021,
	};

	vmsa_write(&in, page);
}

static void test_kvm(void)
{
	unsigned char page[VMSA_SIZE], other[VMSA_SIZE];
	int differ = 0;

	write_for("qemu", true, VMSA_RESET_EIP, page);
	is_int((long long)at(page, 0x18, 8), 0xffff0000, "CS base of the boot processor");
	is_int((long long)at(page, 0x178, 8), 0xfff0, "and its RIP");
	is_int((long long)at(page, 0x310, 8), 0xa10f10, "RDX is the CPUID signature");
	ok(at(page, 0x3b0, 8) == 0x8000000000000021, "all 64 bits of SEV_FEATURES");
	is_int((long long)at(page, 0x408, 4), 0x1f80, "MXCSR");
	is_int((long long)at(page, 0x410, 2), 0x37f, "FCW");
	write_for("qemu", false, 0x80b004, other);
	is_int((long long)at(other, 0x18, 8), 0x800000, "CS base of the others");
	is_int((long long)at(other, 0x178, 8), 0xb004, "and their RIP");
	write_for("qemu-es-legacy", true, VMSA_RESET_EIP, other);
	for (int i = 0; i < VMSA_SIZE; i++)
		differ += page[i] != other[i];
	is_int(differ, 4, "legacy SEV-ES differs in the four bytes of MXCSR and FCW");
}

static void test_clouds(void)
{
	unsigned char page[VMSA_SIZE];

	write_for("ec2", true, VMSA_RESET_EIP, page);
	is_int((long long)at(page, 0x12, 2), 0x9a, "EC2: CS attributes of the boot processor");
	is_int((long long)at(page, 0x22, 2), 0x92, "EC2: SS attributes");
	is_int((long long)at(page, 0x92, 2), 0x83, "EC2: TR attributes");
	is_int((long long)at(page, 0x310, 8), 0x600, "EC2: RDX");
	write_for("ec2", false, 0x80b004, page);
	is_int((long long)at(page, 0x12, 2), 0x9b, "EC2: CS attributes of the others");
	write_for("ec2-2025", true, VMSA_RESET_EIP, page);
	is_int((long long)at(page, 0x310, 8), 0, "EC2 before 2026-04: RDX");
	write_for("krun", false, 0x80b004, page);
	is_int((long long)at(page, 0x12, 2), 0x9a, "krun: CS attributes of the others");
	write_for("gce-milan", true, VMSA_RESET_EIP, page);
	ok(at(page, 0x268, 8) == 0x70106, "GCE: PAT");
	ok(profile("gce-genoa")->vmsa_gpa == 0xffffffffff000, "GCE Genoa: VMSA address");
	ok(profile("gce-milan")->vmsa_gpa == 0xfffffffff000, "GCE Milan: VMSA address");
}

static void test_svsm(void)
{
	unsigned char page[VMSA_SIZE];

	write_for("svsm", true, 0xffb00000, page);
	is_int((long long)at(page, 0x10, 2), 8, "SVSM: CS selector");
	is_int((long long)at(page, 0x14, 4), 0xffffffff, "SVSM: CS limit");
	is_int((long long)at(page, 0x158, 8), 0x11, "SVSM: CR0 has protection on");
	is_int((long long)at(page, 0x178, 8), 0xffb00000, "SVSM: RIP is the whole entry");
	is_int((long long)at(page, 0x410, 2), 0x37f, "SVSM: FCW");
	write_for("svsm-pre-6.10", true, 0xffb00000, page);
	is_int((long long)at(page, 0x408, 4), 0, "SVSM before 6.10: MXCSR");
}

static void cpu_is(const char *text, uint32_t want)
{
	struct snp_cpu cpu = {.signature = 0};
	struct err err = {0};

	ok(snp_cpu_parse(text, &cpu, &err) == 0 && cpu.signature == want, "%s is 0x%x", text, want);
}

static void test_cpus(void)
{
	static const char *const bad[] = {"", "EPYC-Bergamo", "epyc", "host", "0", "0x100000000",
		"25/1", "25/1/1/", "25/1/16", "271/0/0", "-1", "25/-1/1", "0xa00f11K", "25/ 1/1",
		"EPYC-Milan-with-a-very-long-name-behind-it"};
	const struct snp_profile *found = NULL;
	struct snp_cpu cpu;
	struct err err = {0};
	size_t n = 0;

	cpu_is("EPYC", 0x800f12);
	cpu_is("EPYC-v4", 0x800f12);
	cpu_is("EPYC-IBPB", 0x800f12);
	cpu_is("EPYC-Rome-v5", 0x830f10);
	cpu_is("EPYC-Milan-v3", 0xa00f11);
	cpu_is("EPYC-Genoa-v2", 0xa10f10);
	cpu_is("EPYC-Turin", 0xb00f00);
	cpu_is("Dhyana", 0x900f01);
	cpu_is("0xb00f00", 0xb00f00);
	cpu_is("10489617", 0xa00f11);
	cpu_is("25/1/1", 0xa00f11);
	cpu_is("6/15/11", 0x6fb);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(snp_cpu_parse(bad[i], &cpu, &err) == -EINVAL, "bad-cpu '%s': refused", bad[i]);
	while (snp_cpu_at(n, &cpu))
		n++;
	is_int((long long)n, 25, "QEMU's models are walked");
	is_int(snp_profile_find("qemu-9", &found, &err), -ENOTSUP, "bad-vmm: refused");
	ok(strstr(err.msg, "qemu-es-legacy, qemu-pre-6.10") != NULL, "with the known ones listed");
}

int main(void)
{
	test_kvm();
	test_clouds();
	test_svsm();
	test_cpus();
	return tap_done();
}
