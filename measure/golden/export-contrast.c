/*
 * Contrast's reference values (internal/manifest/referencevalues.go): {"snp": [...], "tdx": [...]}, unknown fields refused.
 * What an operator did not give is left empty, which Contrast reports as missing instead of accepting it.
 */
#include <string.h>

#include "lib/json.h"
#include "measure/golden/export.h"

/* POLICY, SEV-SNP ABI table 10. */
#define POLICY_SMT	     16
#define POLICY_RESERVED_ONE  (1 << (17 - 8))
#define POLICY_MIGRATE_MA    18
#define POLICY_DEBUG	     19
#define POLICY_SINGLE_SOCKET 20
#define POLICY_CXL	     21
#define POLICY_AES_256_XTS   22
#define POLICY_RAPL_DISABLE  23
#define POLICY_CIPHERTEXT    24

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

static json_t *bit(uint64_t policy, int at)
{
	return json_boolean((policy >> at & 1) != 0);
}

/* abi.SnpPolicy of go-sev-guest by its field names. */
static json_t *policy_json(uint64_t policy)
{
	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ABIMinor",
		(json_int_t)(policy & 0xff), "ABIMajor", (json_int_t)(policy >> 8 & 0xff), "SMT",
		bit(policy, POLICY_SMT), "MigrateMA", bit(policy, POLICY_MIGRATE_MA), "Debug",
		bit(policy, POLICY_DEBUG), "SingleSocket", bit(policy, POLICY_SINGLE_SOCKET),
		"CXLAllowed", bit(policy, POLICY_CXL), "MemAES256XTS",
		bit(policy, POLICY_AES_256_XTS), "RAPLDis", bit(policy, POLICY_RAPL_DISABLE),
		"CipherTextHidingDRAM", bit(policy, POLICY_CIPHERTEXT));
}

static json_t *tcb_json(const struct golden_platform *platform)
{
	if (!platform->has_tcb)
		return json_pack("{s:n, s:n, s:n, s:n}", "BootloaderVersion", "TEEVersion",
			"SNPVersion", "MicrocodeVersion");
	return json_pack("{s:i, s:i, s:i, s:i}", "BootloaderVersion", platform->bootloader,
		"TEEVersion", platform->tee, "SNPVersion", platform->snp, "MicrocodeVersion",
		platform->microcode);
}

static json_t *snp_json(const struct golden_platform *platform, const struct golden_entry *entry)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:b, s:b}, s:i, s:[], s:I}", "Platform",
		"Metal-QEMU-SNP", "ProductName", platform->product != NULL ? platform->product : "",
		"TrustedMeasurement", json_doc_hex_new(entry->launch_digest, SHA384_SIZE),
		"MinimumTCB", tcb_json(platform), "GuestPolicy", policy_json(entry->guest_policy),
		"PlatformInfo", "SMTEnabled", platform->smt.value, "TSMEEnabled",
		platform->tsme.value, "MinimumMitigationVector", 0, "AllowedChipIDs", "CPUs",
		(json_int_t)entry->vcpus);
}

static json_t *rtmr_json(const struct golden_value *rtmr)
{
	return rtmr->has ? json_doc_hex_new(rtmr->bytes, SHA384_SIZE) : json_string("");
}

static json_t *tdx_json(const struct golden_platform *platform, const struct golden_entry *entry)
{
	return json_pack("{s:s, s:i, s:o, s:o, s:[o, o, o, o], s:o, s:[], s:b, s:b, s:b, s:I}",
		"Platform", "Metal-QEMU-TDX", "MinTCBEvaluationDataNumber", 0, "MrTd",
		json_doc_hex_new(entry->mrtd, SHA384_SIZE), "MrSeam", rtmr_json(&platform->mrseam),
		"Rtmrs", rtmr_json(&entry->rtmr[0]), rtmr_json(&entry->rtmr[1]),
		rtmr_json(&entry->rtmr[2]), rtmr_json(&entry->rtmr[3]), "Xfam",
		platform->has_xfam ? json_doc_hex_new(platform->xfam, sizeof(platform->xfam))
				   : json_string(""),
		"AllowedPIIDs", "MemoryIntegrity", 0, "SMTDisabled", 0, "StaticPlatform", 0, "CPUs",
		(json_int_t)entry->vcpus);
}

/* Contrast takes SMT and nothing else, of ABI 0.0 or 0.31 (SNPReferenceValues.Validate). */
static int check_policy(const struct golden_entry *entry, struct err *err)
{
	uint64_t minor = entry->guest_policy & 0xff;

	if ((entry->guest_policy >> 8 & ~POLICY_RESERVED_ONE) == 1 << (POLICY_SMT - 8) &&
		(minor == 0 || minor == 31))
		return 0;
	return err_fail(err, -EINVAL, "tuple %s: Contrast refuses guest policy 0x%llx", entry->name,
		(unsigned long long)entry->guest_policy);
}

static void warn_anchor(const struct export_request *request, const struct golden_entry *entry)
{
	if (entry->anchor.has)
		warn_add(request->gaps,
			"%s: the form does not hold its %s, which Contrast compares with its "
			"manifest's Policies",
			entry->name, entry->tee == GOLDEN_SNP ? "HOST_DATA" : "MRCONFIGID");
}

static void warn_snp(const struct export_request *request, const struct golden_entry *entry)
{
	const struct golden_platform *platform = &request->doc->platform;

	if (platform->product == NULL || strcmp(platform->product, "Turin") == 0)
		warn_add(request->gaps,
			"%s: ProductName: Milan or Genoa is needed (platform.snp.product)",
			entry->name);
	if (!platform->has_tcb)
		warn_add(request->gaps, "%s: MinimumTCB: not given (platform.snp.min_tcb)",
			entry->name);
	if (!platform->smt.has || !platform->tsme.has)
		warn_add(request->gaps,
			"%s: PlatformInfo: not given (platform.snp.smt_enabled, tsme_enabled)",
			entry->name);
}

static void warn_tdx(const struct export_request *request, const struct golden_entry *entry)
{
	const struct golden_platform *platform = &request->doc->platform;

	for (int i = 0; i < GOLDEN_RTMRS; i++) {
		if (!entry->rtmr[i].has)
			warn_add(request->gaps, "%s: Rtmrs[%d]: Contrast needs all four",
				entry->name, i);
	}
	if (!platform->mrseam.has)
		warn_add(request->gaps, "%s: MrSeam: not given (platform.tdx.mrseam)", entry->name);
	if (!platform->has_xfam)
		warn_add(request->gaps, "%s: Xfam: not given (platform.tdx.xfam)", entry->name);
}

int export_contrast(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:[], s:[]}", "snp", "tdx");
	const struct golden_platform *platform = &request->doc->platform;

	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];
		bool snp = entry->tee == GOLDEN_SNP;
		int rc = 0;

		if (!export_wants(request, entry))
			continue;
		if (snp)
			rc = check_policy(entry, err);
		if (rc != 0)
			return rc;
		warn_anchor(request, entry);
		if (snp)
			warn_snp(request, entry);
		else
			warn_tdx(request, entry);
		if (json_array_append_new(json_object_get(doc, snp ? "snp" : "tdx"),
			    snp ? snp_json(platform, entry) : tdx_json(platform, entry)) != 0)
			return out_of_memory(err);
	}
	return export_json(ret, "reference-values.json", json_incref(doc), err);
}
