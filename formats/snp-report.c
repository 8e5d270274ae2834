/* Reading SNP attestation reports (snp-report.h). */
#include "formats/snp-report.h"

#include "lib/rd.h"

#define RESPONSE_HEADER_SIZE 32
#define VERSION_MIN	     2
#define VERSION_MAX	     5
#define VERSION_CPUID	     3 /* the first one that names the processor */
#define FAMILY_TURIN	     0x1a

/* Offsets of the second half, which has reserved fields between. */
#define AT_REPORTED_TCB 0x180
#define AT_CHIP_ID	0x1a0

static struct snp_tcb unpack_tcb(uint64_t raw, bool turin)
{
	struct snp_tcb tcb = {.microcode = (uint8_t)(raw >> 56)};

	if (turin) {
		tcb.fmc = (uint8_t)raw;
		tcb.bootloader = (uint8_t)(raw >> 8);
		tcb.tee = (uint8_t)(raw >> 16);
		tcb.snp = (uint8_t)(raw >> 24);
	} else {
		tcb.bootloader = (uint8_t)raw;
		tcb.tee = (uint8_t)(raw >> 8);
		tcb.snp = (uint8_t)(raw >> 48);
	}
	return tcb;
}

/* Where the report begins: behind a response's header, or at once. */
static size_t find_report(const void *bytes, size_t len)
{
	struct rd rd = rd_init(bytes, len);
	uint32_t status = rd_le32(&rd), size = rd_le32(&rd);

	return len >= RESPONSE_HEADER_SIZE + SNP_REPORT_SIZE && status == 0 &&
			       size == SNP_REPORT_SIZE
		       ? RESPONSE_HEADER_SIZE
		       : 0;
}

static void read_first_half(struct rd *rd, struct snp_report *report)
{
	report->guest_svn = rd_le32(rd);
	report->policy = rd_le64(rd);
	rd_copy(rd, report->family_id, sizeof(report->family_id));
	rd_copy(rd, report->image_id, sizeof(report->image_id));
	report->vmpl = rd_le32(rd);
	rd_skip(rd, 4 + 8); /* signature algorithm, current TCB */
	report->platform_info = rd_le64(rd);
	rd_skip(rd, 4 + 4); /* flags */
	rd_copy(rd, report->report_data, sizeof(report->report_data));
	rd_copy(rd, report->measurement, sizeof(report->measurement));
	rd_copy(rd, report->host_data, sizeof(report->host_data));
	rd_copy(rd, report->id_key_digest, sizeof(report->id_key_digest));
	rd_copy(rd, report->author_key_digest, sizeof(report->author_key_digest));
}

static void read_second_half(struct rd *rd, struct snp_report *report)
{
	rd_seek(rd, AT_REPORTED_TCB);
	report->reported_tcb_raw = rd_le64(rd);
	report->has_cpuid = report->version >= VERSION_CPUID;
	if (report->has_cpuid) {
		report->cpuid_family = rd_u8(rd);
		report->cpuid_model = rd_u8(rd);
		report->cpuid_stepping = rd_u8(rd);
	}
	report->reported_tcb = unpack_tcb(
		report->reported_tcb_raw, report->cpuid_family == FAMILY_TURIN);
	rd_seek(rd, AT_CHIP_ID);
	rd_copy(rd, report->chip_id, sizeof(report->chip_id));
}

int snp_report_parse(const void *bytes, size_t len, struct snp_report *ret, struct err *err)
{
	struct rd whole = rd_init(bytes, len);
	struct rd rd = rd_at(&whole, find_report(bytes, len), SNP_REPORT_SIZE);
	struct snp_report report = {.version = rd_le32(&rd)};

	if (rd.bad)
		return err_fail(
			err, -EBADMSG, "%zu bytes: an SNP report has %d", len, SNP_REPORT_SIZE);
	if (report.version < VERSION_MIN || report.version > VERSION_MAX)
		return err_fail(err, -ENOTSUP, "an SNP report of version %u: known are %d to %d",
			report.version, VERSION_MIN, VERSION_MAX);
	read_first_half(&rd, &report);
	read_second_half(&rd, &report);
	*ret = report;
	return 0;
}
