/* formats/snp-report: every field at its place, both orders of the TCB, and what is no report. */
#include "formats/snp-report.h"
#include "tests/tap.h"

#define RESPONSE_SIZE (32 + SNP_REPORT_SIZE + 100)

/* A report whose byte at offset N is N modulo 251, but for its version. */
static void fill(unsigned char *report, unsigned char version)
{
	for (size_t i = 0; i < SNP_REPORT_SIZE; i++)
		report[i] = (unsigned char)(i % 251);
	memset(report, 0, 4);
	report[0] = version;
}

static bool counts_from(const unsigned char *field, size_t size, size_t offset)
{
	for (size_t i = 0; i < size; i++) {
		if (field[i] != (offset + i) % 251)
			return false;
	}
	return true;
}

static void test_fields(void)
{
	unsigned char bytes[SNP_REPORT_SIZE];
	struct snp_report r;
	struct err err = {0};

	fill(bytes, 3);
	is_int(snp_report_parse(bytes, sizeof(bytes), &r, &err), 0, "a report");
	ok(r.version == 3 && r.guest_svn == 0x07060504, "version and guest SVN");
	ok(r.policy == 0x0f0e0d0c0b0a0908, "policy");
	ok(r.vmpl == 0x33323130, "VMPL");
	ok(r.platform_info == 0x4746454443424140, "platform information");
	ok(counts_from(r.family_id, 16, 0x10) && counts_from(r.image_id, 16, 0x20), "IDs");
	ok(counts_from(r.report_data, 64, 0x50), "report data");
	ok(counts_from(r.measurement, 48, 0x90), "measurement");
	ok(counts_from(r.host_data, 32, 0xc0), "host data");
	ok(counts_from(r.id_key_digest, 48, 0xe0), "ID key digest");
	ok(counts_from(r.author_key_digest, 48, 0x110), "author key digest");
	ok(counts_from(r.chip_id, 64, 0x1a0), "chip ID");
	ok(r.has_cpuid && r.cpuid_family == 0x188 % 251 && r.cpuid_model == 0x189 % 251 &&
			r.cpuid_stepping == 0x18a % 251,
		"the processor");
}

static void test_tcb(void)
{
	unsigned char bytes[SNP_REPORT_SIZE];
	struct snp_report r;
	struct err err = {0};

	fill(bytes, 2);
	for (int i = 0; i < 8; i++)
		bytes[0x180 + i] = (unsigned char)(i + 1);
	bytes[0x188] = 0x1a;
	is_int(snp_report_parse(bytes, sizeof(bytes), &r, &err), 0, "version 2");
	ok(!r.has_cpuid && r.reported_tcb.bootloader == 1 && r.reported_tcb.tee == 2 &&
			r.reported_tcb.snp == 7 && r.reported_tcb.microcode == 8,
		"names no processor; the TCB as Milan packs it");
	bytes[0] = 5;
	is_int(snp_report_parse(bytes, sizeof(bytes), &r, &err), 0, "version 5");
	ok(r.reported_tcb.fmc == 1 && r.reported_tcb.bootloader == 2 && r.reported_tcb.tee == 3 &&
			r.reported_tcb.snp == 4 && r.reported_tcb.microcode == 8,
		"the TCB as Turin packs it");
	ok(r.reported_tcb_raw == 0x0807060504030201, "the TCB as it stands there");
}

static void test_refused(void)
{
	unsigned char bytes[RESPONSE_SIZE] = {0};
	struct snp_report r;
	struct err err = {0};

	fill(bytes + 32, 2);
	bytes[4] = SNP_REPORT_SIZE & 0xff;
	bytes[5] = SNP_REPORT_SIZE >> 8;
	is_int(snp_report_parse(bytes, sizeof(bytes), &r, &err), 0, "a response with certificates");
	ok(counts_from(r.measurement, 48, 0x90), "its report");
	bytes[0] = 0x16;
	is_int(snp_report_parse(bytes, sizeof(bytes), &r, &err), -ENOTSUP, "a failed response");
	is_int(snp_report_parse(bytes + 32, SNP_REPORT_SIZE - 1, &r, &err), -EBADMSG,
		"a short one");
	is_int(snp_report_parse(bytes, 0, &r, &err), -EBADMSG, "nothing");
	bytes[32] = 1;
	is_int(snp_report_parse(bytes + 32, SNP_REPORT_SIZE, &r, &err), -ENOTSUP, "version 1");
	bytes[32] = 6;
	is_int(snp_report_parse(bytes + 32, SNP_REPORT_SIZE, &r, &err), -ENOTSUP, "version 6");
}

int main(void)
{
	test_fields();
	test_tcb();
	test_refused();
	return tap_done();
}
