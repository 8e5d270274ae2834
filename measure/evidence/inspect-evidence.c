/* assay inspect: what hardware signed, and event logs. */
#include <string.h>

#include "formats/quote.h"
#include "formats/sev-report.h"
#include "formats/snp-report.h"
#include "lib/guid.h"
#include "lib/rd.h"
#include "measure/evidence/inspect.h"
#include "measure/evidence/replay.h"

static uint32_t head32(const struct inspect_file *file, uint64_t at)
{
	struct rd whole = rd_init(file->head, file->head_len);
	struct rd rd = rd_at(&whole, at, 4);

	return rd_le32(&rd);
}

/* --- TDX --- */

#define TEE_TDX	       0x81
#define TD_REPORT_SIZE 1024

bool inspect_is_quote(const struct inspect_file *file)
{
	uint32_t first = head32(file, 0);

	if (file->size_bytes == TD_REPORT_SIZE && (first & 0xff) == TEE_TDX)
		return true;
	return ((first & 0xffff) == 4 || (first & 0xffff) == 5) && head32(file, 4) == TEE_TDX;
}

static int add_module(const struct quote *quote, json_t *doc, struct err *err)
{
	json_t *module = inspect_object(doc, "tdx_module");
	int rc = inspect_hex(module, "tee_tcb_svn", quote->tee_tcb_svn, QUOTE_SVN_SIZE, err);

	if (rc == 0)
		rc = inspect_hex(module, "mrseam", quote->mrseam, QUOTE_MR_SIZE, err);
	if (rc == 0)
		rc = inspect_hex(module, "mrsignerseam", quote->mrsignerseam, QUOTE_MR_SIZE, err);
	if (rc == 0)
		rc = inspect_bits(module, "attributes", quote->seam_attributes, err);
	return rc;
}

static int add_td(const struct quote *quote, json_t *doc, struct err *err)
{
	static const struct inspect_bit attributes[] = {{0, "debug"}, {27, "lass"},
		{28, "sept_ve_disable"}, {29, "migratable"}, {30, "pks"}, {31, "kl"},
		{63, "perfmon"}};
	const struct {
		const char *name;
		const unsigned char *value;
	} registers[] = {{"mrtd", quote->mrtd}, {"rtmr0", quote->rtmr[0]},
		{"rtmr1", quote->rtmr[1]}, {"rtmr2", quote->rtmr[2]}, {"rtmr3", quote->rtmr[3]},
		{"mrconfigid", quote->mrconfigid}, {"mrowner", quote->mrowner},
		{"mrownerconfig", quote->mrownerconfig}};
	int rc = inspect_bits(doc, "attributes", quote->attributes, err);

	if (rc == 0)
		rc = inspect_flags(doc, "attribute_names", quote->attributes, attributes,
			sizeof(attributes) / sizeof(attributes[0]), err);
	if (rc == 0)
		rc = inspect_bits(doc, "xfam", quote->xfam, err);
	for (size_t i = 0; rc == 0 && i < sizeof(registers) / sizeof(registers[0]); i++)
		rc = inspect_hex(doc, registers[i].name, registers[i].value, QUOTE_MR_SIZE, err);
	if (rc == 0 && quote->has_mrservicetd)
		rc = inspect_hex(doc, "mrservicetd", quote->mrservicetd, QUOTE_MR_SIZE, err);
	if (rc == 0 && quote->has_mrservicetd)
		rc = inspect_hex(doc, "tee_tcb_svn_2", quote->tee_tcb_svn_2, QUOTE_SVN_SIZE, err);
	if (rc == 0 && quote->has_report_data)
		rc = inspect_hex(
			doc, "report_data", quote->report_data, sizeof(quote->report_data), err);
	return rc;
}

int inspect_quote(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct quote quote;
	int rc = quote_parse(file->data, file->len, &quote, err);

	if (rc == 0)
		rc = inspect_set(doc, "form", json_string(quote.kind), err);
	if (rc == 0)
		rc = add_td(&quote, doc, err);
	if (rc == 0 && quote.has_mrseam)
		rc = add_module(&quote, doc, err);
	if (rc == 0 && quote.is_report)
		rc = inspect_bool(doc, "digests_consistent", quote.consistent, err);
	if (rc == 0 && !quote.is_report)
		rc = inspect_u64(doc, "signature_bytes", file->len - quote.signed_bytes, err);
	return rc != 0 ? rc : inspect_bool(doc, "signature_verified", false, err);
}

/* --- AMD --- */

#define RESPONSE_HEADER	     32
#define SNP_AT_ALGORITHM     52
#define SNP_ECDSA_P384	     1
#define SNP_VERSION_MAX_SEEN 15

static bool is_snp_at(const struct inspect_file *file, uint64_t at)
{
	uint32_t version = head32(file, at);

	return file->size_bytes >= at + SNP_REPORT_SIZE && version >= 1 &&
	       version <= SNP_VERSION_MAX_SEEN &&
	       head32(file, at + SNP_AT_ALGORITHM) == SNP_ECDSA_P384;
}

bool inspect_is_snp_report(const struct inspect_file *file)
{
	return is_snp_at(file, 0) || (head32(file, 0) == 0 && head32(file, 4) == SNP_REPORT_SIZE &&
					     is_snp_at(file, RESPONSE_HEADER));
}

static const struct inspect_bit snp_policy[] = {{16, "smt"}, {17, "reserved"}, {18, "migrate_ma"},
	{19, "debug"}, {20, "single_socket"}, {21, "cxl_allow"}, {22, "mem_aes_256_xts"},
	{23, "rapl_dis"}, {24, "ciphertext_hiding_dram"}, {25, "page_swap_disable"}};
static const struct inspect_bit snp_platform[] = {{0, "smt_en"}, {1, "tsme_en"}, {2, "ecc_en"},
	{3, "rapl_dis"}, {4, "ciphertext_hiding_dram_en"}, {5, "alias_check_complete"},
	{7, "tio_en"}};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define POLICY_ABI  0xffffu

static int add_snp_numbers(const struct snp_report *report, json_t *doc, struct err *err)
{
	json_t *tcb;
	int rc = inspect_u64(doc, "version", report->version, err);

	if (rc == 0)
		rc = inspect_u64(doc, "guest_svn", report->guest_svn, err);
	if (rc == 0)
		rc = inspect_bits(doc, "policy", report->policy, err);
	if (rc == 0)
		rc = inspect_flags(doc, "policy_names", report->policy & ~(uint64_t)POLICY_ABI,
			snp_policy, COUNT(snp_policy), err);
	if (rc == 0)
		rc = inspect_u64(doc, "vmpl", report->vmpl, err);
	if (rc == 0)
		rc = inspect_bits(doc, "platform_info", report->platform_info, err);
	if (rc == 0)
		rc = inspect_flags(doc, "platform_names", report->platform_info, snp_platform,
			COUNT(snp_platform), err);
	if (rc == 0)
		rc = inspect_bits(doc, "reported_tcb", report->reported_tcb_raw, err);
	tcb = inspect_object(doc, "reported_svns");
	if (rc == 0)
		rc = inspect_u64(tcb, "bootloader", report->reported_tcb.bootloader, err);
	if (rc == 0)
		rc = inspect_u64(tcb, "tee", report->reported_tcb.tee, err);
	if (rc == 0)
		rc = inspect_u64(tcb, "snp", report->reported_tcb.snp, err);
	if (rc == 0)
		rc = inspect_u64(tcb, "microcode", report->reported_tcb.microcode, err);
	if (rc == 0 && report->has_cpuid)
		rc = inspect_fmt(doc, "cpuid", err, "family 0x%x model 0x%x stepping 0x%x",
			report->cpuid_family, report->cpuid_model, report->cpuid_stepping);
	return rc;
}

int inspect_snp_report(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct snp_report report;
	int rc = snp_report_parse(file->data, file->len, &report, err);
	const struct {
		const char *name;
		const unsigned char *value;
		size_t n;
	} fields[] = {{"measurement", report.measurement, sizeof(report.measurement)},
		{"host_data", report.host_data, sizeof(report.host_data)},
		{"report_data", report.report_data, sizeof(report.report_data)},
		{"id_key_digest", report.id_key_digest, sizeof(report.id_key_digest)},
		{"author_key_digest", report.author_key_digest, sizeof(report.author_key_digest)},
		{"family_id", report.family_id, sizeof(report.family_id)},
		{"image_id", report.image_id, sizeof(report.image_id)},
		{"chip_id", report.chip_id, sizeof(report.chip_id)}};

	if (rc == 0)
		rc = add_snp_numbers(&report, doc, err);
	for (size_t i = 0; rc == 0 && i < COUNT(fields); i++)
		rc = inspect_hex(doc, fields[i].name, fields[i].value, fields[i].n, err);
	return rc != 0 ? rc : inspect_bool(doc, "signature_verified", false, err);
}

bool inspect_is_sev_report(const struct inspect_file *file)
{
	struct sev_report report;
	struct err err = {0};

	return sev_report_parse(file->head, file->head_len, &report, &err) == 0 &&
	       file->size_bytes == SEV_REPORT_SIZE;
}

int inspect_sev_report(const struct inspect_file *file, json_t *doc, struct err *err)
{
	static const struct inspect_bit policy[] = {
		{0, "nodbg"}, {1, "noks"}, {2, "es"}, {3, "nosend"}, {4, "domain"}, {5, "sev"}};
	struct sev_report report;
	int rc = sev_report_parse(file->data, file->len, &report, err);

	if (rc == 0)
		rc = inspect_bits(doc, "policy", report.policy, err);
	if (rc == 0)
		rc = inspect_flags(
			doc, "policy_names", report.policy & 0xffff, policy, COUNT(policy), err);
	if (rc == 0)
		rc = inspect_hex(doc, "launch_digest", report.launch_digest,
			sizeof(report.launch_digest), err);
	if (rc == 0)
		rc = inspect_hex(doc, "nonce", report.nonce, sizeof(report.nonce), err);
	return rc != 0 ? rc : inspect_bool(doc, "signature_verified", false, err);
}

/* --- event logs --- */

#define AT_SPEC_ID 32

bool inspect_is_log(const struct inspect_file *file)
{
	static const char spec_id[] = "Spec ID Event03";

	return file->head_len >= AT_SPEC_ID + sizeof(spec_id) &&
	       memcmp(file->head + AT_SPEC_ID, spec_id, sizeof(spec_id)) == 0;
}

int inspect_log(const struct inspect_file *file, json_t *doc, struct err *err)
{
	REPLAY_AUTO_FREE replay = {.count = 0};
	size_t events[REPLAY_REGISTERS] = {0};
	int rc = replay_log(file->data, file->len, REPLAY_AUTO, NULL, file->path, &replay, err);

	if (rc == 0)
		rc = inspect_set(doc, "form", json_string(replay.tpm ? "TPM" : "CCEL"), err);
	if (rc == 0)
		rc = inspect_set(doc, "bank", json_string(digest_name(replay.alg)), err);
	if (rc == 0)
		rc = inspect_u64(doc, "events", replay.count, err);
	for (size_t i = 0; rc == 0 && i < replay.count; i++)
		if (replay.events[i].bound != REPLAY_LOGGED)
			events[replay.events[i].reg]++;
	for (unsigned reg = 0; rc == 0 && reg < REPLAY_REGISTERS; reg++) {
		json_t *row = replay.used[reg] ? inspect_append(doc, "registers") : NULL;

		if (!replay.used[reg])
			continue;
		rc = inspect_set(row, "name", json_string(replay_register_name(&replay, reg)), err);
		if (rc == 0)
			rc = inspect_u64(row, "events", events[reg], err);
		if (rc == 0)
			rc = inspect_hex(
				row, "value", replay.value[reg], digest_size(replay.alg), err);
	}
	return rc;
}
