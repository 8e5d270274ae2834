/*
 * Confidential Containers Trustee: reference values for its RVPS in the shapes that the default policies read, kbs-client
 * commands for the same, and a policy that matches whole tuples (attestation-service/src/ear_token/
 * ear_default_policy_cpu.rego, rvps/src/extractors/sample).
 *
 * A message is {"version": "0.1.0", "type": "sample", "payload": base64 of {KEY: VALUE}}. A list where the policy wants one
 * value, or the reverse, silently fails there, so that every key has its shape here.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "measure/golden/export.h"

#define HEX_MAX (2 * SHA384_SIZE + 1)

/* Bits of the SNP guest policy (SEV-SNP ABI, table 10). */
#define POLICY_SMT	     (UINT64_C(1) << 16)
#define POLICY_SINGLE_SOCKET (UINT64_C(1) << 20)

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

static json_t *list_of(json_t *values, const char *key)
{
	json_t *list = json_object_get(values, key);

	if (list == NULL && json_object_set_new(values, key, json_array()) == 0)
		list = json_object_get(values, key);
	return list;
}

static int add_hex(
	json_t *values, const char *key, const unsigned char *bytes, size_t size, struct err *err)
{
	json_t *list = list_of(values, key);

	if (list == NULL)
		return out_of_memory(err);
	return export_append_once(list, json_doc_hex_new(bytes, size), err);
}

static int add_number(json_t *values, const char *key, uint64_t number, struct err *err)
{
	json_t *list = list_of(values, key);

	if (list == NULL)
		return out_of_memory(err);
	return export_append_once(list, json_integer((json_int_t)number), err);
}

/* A key that the policy compares with ==: all tuples must agree. */
static int set_scalar(json_t *values, const char *key, json_t *value,
	const struct export_request *request, struct err *err)
{
	JSON_AUTO *owned = value;
	const json_t *before = json_object_get(values, key);

	if (owned == NULL)
		return out_of_memory(err);
	if (before != NULL && !json_equal(before, owned)) {
		warn_add(request->gaps,
			"%s: the tuples have several values and the default policy takes one: "
			"choose with --tuple "
			"or --role",
			key);
		return json_object_set_new(values, key, json_null()) == 0 ? 0 : out_of_memory(err);
	}
	return json_object_set(values, key, owned) == 0 ? 0 : out_of_memory(err);
}

static int add_snp(json_t *values, const struct export_request *request,
	const struct golden_entry *entry, struct err *err)
{
	uint64_t policy = entry->guest_policy;
	int rc = add_hex(values, "snp_launch_measurement", entry->launch_digest, SHA384_SIZE, err);

	if (rc == 0)
		rc = set_scalar(values, "snp_smt_allowed", json_boolean((policy & POLICY_SMT) != 0),
			request, err);
	if (rc == 0)
		rc = set_scalar(values, "snp_single_socket",
			json_boolean((policy & POLICY_SINGLE_SOCKET) != 0), request, err);
	if (rc == 0)
		rc = set_scalar(values, "snp_guest_abi_major",
			json_integer((json_int_t)(policy >> 8 & 0xff)), request, err);
	if (rc == 0)
		rc = set_scalar(values, "snp_guest_abi_minor",
			json_integer((json_int_t)(policy & 0xff)), request, err);
	return rc;
}

static int add_tdx(json_t *values, const struct export_request *request,
	const struct golden_entry *entry, struct err *err)
{
	int rc = add_hex(values, "mr_td", entry->mrtd, SHA384_SIZE, err);

	if (rc == 0 && entry->rtmr[1].has)
		rc = add_hex(values, "rtmr_1", entry->rtmr[1].bytes, SHA384_SIZE, err);
	if (rc == 0 && entry->rtmr[2].has)
		rc = add_hex(values, "rtmr_2", entry->rtmr[2].bytes, SHA384_SIZE, err);
	if (rc == 0 && entry->kernel.has)
		rc = set_scalar(values, "tdvfkernel",
			json_doc_hex_new(entry->kernel.bytes, SHA384_SIZE), request, err);
	if (rc == 0 && entry->load_options.has)
		rc = set_scalar(values, "tdvfkernelparams",
			json_doc_hex_new(entry->load_options.bytes, SHA384_SIZE), request, err);
	return rc;
}

static int add_flag(json_t *values, const char *key, const struct golden_flag *flag,
	const struct export_request *request, struct err *err)
{
	if (!flag->has) {
		warn_add(request->gaps, "%s: not given (the platform's to say)", key);
		return 0;
	}
	return set_scalar(values, key, json_boolean(flag->value), request, err);
}

static int add_platform_snp(json_t *values, const struct export_request *request, struct err *err)
{
	const struct golden_platform *platform = &request->doc->platform;
	const struct {
		const char *key;
		uint8_t value;
	} rows[] = {
		{"snp_bootloader", platform->bootloader},
		{"snp_microcode", platform->microcode},
		{"snp_snp_svn", platform->snp},
		{"snp_tee_svn", platform->tee},
	};
	int rc = add_flag(values, "snp_smt_enabled", &platform->smt, request, err);

	if (rc == 0)
		rc = add_flag(values, "snp_tsme_enabled", &platform->tsme, request, err);
	if (!platform->has_tcb)
		warn_add(request->gaps, "snp_bootloader, snp_microcode, snp_snp_svn, snp_tee_svn: "
					"not given (platform.snp.min_tcb)");
	for (size_t i = 0; rc == 0 && platform->has_tcb && i < sizeof(rows) / sizeof(*rows); i++)
		rc = add_number(values, rows[i].key, rows[i].value, err);
	return rc;
}

static int add_platform_tdx(json_t *values, const struct export_request *request, struct err *err)
{
	const struct golden_platform *platform = &request->doc->platform;

	if (!platform->has_xfam) {
		warn_add(request->gaps, "xfam: not given (platform.tdx.xfam)");
		return 0;
	}
	return add_hex(values, "xfam", platform->xfam, sizeof(platform->xfam), err);
}

/* Scalars on which the tuples did not agree are left out. */
static void drop_nulls(json_t *values)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(values, next, key, value)
	{
		if (json_is_null(value))
			json_object_del(values, key);
	}
}

/* Every key of the default policies that the document answers. */
static int make_values(const struct export_request *request, json_t **ret, struct err *err)
{
	JSON_AUTO *values = json_object();
	bool has[GOLDEN_TEES] = {false};
	int rc = values == NULL ? out_of_memory(err) : 0;

	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (!export_wants(request, entry))
			continue;
		has[entry->tee] = true;
		rc = entry->tee == GOLDEN_SNP ? add_snp(values, request, entry, err)
					      : add_tdx(values, request, entry, err);
	}
	if (rc == 0 && has[GOLDEN_SNP])
		rc = add_platform_snp(values, request, err);
	if (rc == 0 && has[GOLDEN_TDX])
		rc = add_platform_tdx(values, request, err);
	if (rc != 0)
		return rc;
	drop_nulls(values);
	*ret = json_incref(values);
	return 0;
}

static int put_message(
	struct golden_outputs *ret, const char *name, const json_t *values, struct err *err)
{
	BUF_AUTO payload = {0}, text = {0};
	int rc = json_doc_write(values, &payload, err);

	if (rc != 0)
		return rc;
	base64_encode(payload.data, payload.len, &text);
	rc = buf_check(&text, err);
	if (rc != 0)
		return rc;
	return export_json(ret, name,
		json_pack("{s:s, s:s, s:s}", "version", "0.1.0", "type", "sample", "payload",
			buf_cstr(&text)),
		err);
}

/* The same values under rvps:///NAME/KEY, which not every storage takes: a message of its own. */
static int put_uri_message(const struct export_request *request, json_t *values,
	struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *named = json_object();
	const char *key;
	json_t *value;

	json_object_foreach(values, key, value)
	{
		char uri[512];

		snprintf(uri, sizeof(uri), "rvps:///%s/%s", request->doc->name, key);
		if (json_object_set(named, uri, value) != 0)
			return out_of_memory(err);
	}
	return put_message(ret, "rvps-uri.json", named, err);
}

static int put_notes(struct golden_outputs *ret, struct err *err)
{
	struct buf *out = export_file(ret, "notes.txt", err);

	if (out == NULL)
		return -ENOMEM;
	buf_str(out, "Trustee's default policies compare registers one by one: one image's MRTD "
		     "passes with another's RTMRs.\n"
		     "They do not read RTMR0, RTMR3, HOST_DATA or MRCONFIGID.\n"
		     "The form trustee-policy matches whole tuples and anchors.\n");
	return buf_check(out, err);
}

int export_trustee(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *values = NULL;
	int rc = make_values(request, &values, err);

	if (rc == 0)
		rc = put_message(ret, "rvps.json", values, err);
	if (rc == 0)
		rc = put_uri_message(request, values, ret, err);
	if (rc == 0)
		rc = export_json(ret, "reference-values.json", json_incref(values), err);
	return rc == 0 ? put_notes(ret, err) : rc;
}

/* --- kbs-client --- */

static int put_command(struct buf *out, const char *key, const json_t *value, struct err *err)
{
	bool list = json_is_array(value);
	const json_t *item = list ? json_array_get(value, 0) : value;
	char text[HEX_MAX] = "";

	if (list && json_array_size(value) != 1)
		return err_fail(err, -EINVAL,
			"%s: %zu values, and kbs-client sets one: choose with --tuple, or use the "
			"form trustee",
			key, json_array_size(value));
	if (json_is_string(item))
		snprintf(text, sizeof(text), "%s", json_string_value(item));
	else if (json_is_boolean(item))
		snprintf(text, sizeof(text), "%s", json_is_true(item) ? "true" : "false");
	else
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(item));
	buf_fmt(out,
		"\"$KBS_CLIENT\" \"$@\" config \"$option\" \"$secret\" "
		"set-sample-reference-value %s %s%s%s\n",
		key, text,
		json_is_boolean(item)	? " --as-bool"
		: json_is_integer(item) ? " --as-integer"
					: "",
		list ? "" : " --as-single-value");
	return 0;
}

int export_trustee_script(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *values = NULL;
	struct buf *out = export_file(ret, "reference-values.sh", err);
	int rc = out == NULL ? -ENOMEM : make_values(request, &values, err);
	const char *key;
	json_t *value;

	if (rc != 0)
		return rc;
	buf_fmt(out,
		"#!/bin/sh\n"
		"# Registers the reference values of %s with a KBS. Arguments are kbs-client's, "
		"--url URL for one.\n"
		"# KBS_ADMIN_TOKEN_FILE names the administrator's token or, for a kbs-client "
		"before "
		"June 2026,\n"
		"# KBS_ADMIN_KEY the administrator's private key.\n"
		"set -eu\n"
		"KBS_CLIENT=${KBS_CLIENT:-kbs-client}\n"
		"option=--admin-token-file secret=${KBS_ADMIN_TOKEN_FILE:-}\n"
		"[ -n \"$secret\" ] || option=--auth-private-key secret=$KBS_ADMIN_KEY\n",
		request->doc->name);
	json_object_foreach(values, key, value)
	{
		rc = put_command(out, key, value, err);
		if (rc != 0)
			return rc;
	}
	return buf_check(out, err);
}

/* --- the policy --- */

static const char policy_head[] =
	"# Appraises a guest against whole tuples of golden values: one image's register never "
	"passes with another's.\n"
	"# Generated by assay; the tuples below are the policy.\n"
	"package policy\n"
	"\n"
	"import rego.v1\n"
	"\n"
	"default executables := 33\n"
	"\n"
	"default hardware := 97\n"
	"\n"
	"default configuration := 36\n"
	"\n"
	"default file_system := 0\n"
	"\n"
	"default instance_identity := 0\n"
	"\n"
	"default runtime_opaque := 0\n"
	"\n"
	"default storage_opaque := 0\n"
	"\n"
	"default sourced_data := 0\n"
	"\n"
	"trust_claims := {\n"
	"\t\"executables\": executables,\n"
	"\t\"hardware\": hardware,\n"
	"\t\"configuration\": configuration,\n"
	"\t\"file-system\": file_system,\n"
	"\t\"instance-identity\": instance_identity,\n"
	"\t\"runtime-opaque\": runtime_opaque,\n"
	"\t\"storage-opaque\": storage_opaque,\n"
	"\t\"sourced-data\": sourced_data,\n"
	"}\n"
	"\n"
	"# Every field of a tuple must be in the evidence as it is here.\n"
	"matches(tuple, claims) if {\n"
	"\tevery name, value in tuple.registers {\n"
	"\t\tclaims[name] == value\n"
	"\t}\n"
	"}\n";

static const char policy_snp[] = "\n"
				 "snp_claims := {\"measurement\": input.snp.measurement, "
				 "\"init_data\": input.snp.init_data}\n"
				 "\n"
				 "snp_tuple contains tuple if {\n"
				 "\tsome tuple in snp_tuples\n"
				 "\tmatches(tuple, snp_claims)\n"
				 "}\n"
				 "\n"
				 "executables := 3 if count(snp_tuple) > 0\n"
				 "\n"
				 "configuration := 2 if {\n"
				 "\tinput.snp.policy_debug_allowed == false\n"
				 "\tinput.snp.policy_migrate_ma == false\n"
				 "\tsome tuple in snp_tuple\n"
				 "\tevery name, value in tuple.configuration {\n"
				 "\t\tinput.snp[name] == value\n"
				 "\t}\n"
				 "}\n";

static const char policy_tdx[] = "\n"
				 "tdx_tuple contains tuple if {\n"
				 "\tsome tuple in tdx_tuples\n"
				 "\tmatches(tuple, input.tdx.quote.body)\n"
				 "}\n"
				 "\n"
				 "executables := 3 if count(tdx_tuple) > 0\n";

static const char policy_tdx_hardware[] =
	"\n"
	"hardware := 2 if {\n"
	"\tcount(tdx_tuple) > 0\n"
	"\tinput.tdx.quote.header.tee_type == \"81000000\"\n"
	"\tinput.tdx.quote.header.vendor_id == \"939a7233f79c4ca9940a0db3957f0607\"\n"
	"\tinput.tdx.tcb_status == \"UpToDate\"\n"
	"\tinput.tdx.collateral_expiration_status == \"0\"\n";

static int add_register(json_t *registers, const char *key, const unsigned char *bytes, size_t size,
	struct err *err)
{
	return json_object_set_new(registers, key, json_doc_hex_new(bytes, size)) == 0
		       ? 0
		       : out_of_memory(err);
}

/* The names of registers in Trustee's claims. */
static const char *claim_of(const char *name)
{
	static const char *const names[][2] = {{"launch_digest", "measurement"},
		{"host_data", "init_data"}, {"mrtd", "mr_td"}, {"rtmr0", "rtmr_0"},
		{"rtmr1", "rtmr_1"}, {"rtmr2", "rtmr_2"}, {"rtmr3", "rtmr_3"},
		{"mrconfigid", "mr_config_id"}};
	size_t i = 0;

	while (strcmp(names[i][0], name) != 0)
		i++;
	return names[i][1];
}

static void warn_flags(const struct export_request *request)
{
	if (!request->doc->platform.smt.has)
		warn_add(
			request->gaps, "platform.snp.smt_enabled: not given, so it is not checked");
	if (!request->doc->platform.tsme.has)
		warn_add(request->gaps,
			"platform.snp.tsme_enabled: not given, so it is not checked");
}

static int add_configuration(json_t *tuple, const struct export_request *request,
	const struct golden_entry *entry, struct err *err)
{
	const struct golden_platform *platform = &request->doc->platform;
	uint64_t policy = entry->guest_policy;
	json_t *configuration = json_pack("{s:b, s:b}", "policy_smt_allowed",
		(policy & POLICY_SMT) != 0, "policy_single_socket",
		(policy & POLICY_SINGLE_SOCKET) != 0);

	if (json_object_set_new(tuple, "configuration", configuration) != 0 ||
		(platform->smt.has && json_object_set_new(configuration, "platform_smt_enabled",
					      json_boolean(platform->smt.value)) != 0) ||
		(platform->tsme.has && json_object_set_new(configuration, "platform_tsme_enabled",
					       json_boolean(platform->tsme.value)) != 0))
		return out_of_memory(err);
	return 0;
}

static int add_policy_tuple(json_t *tuples, const struct export_request *request,
	const struct golden_entry *entry, struct err *err)
{
	JSON_AUTO *tuple = json_pack(
		"{s:s, s:s*, s:{}}", "name", entry->name, "role", entry->role, "registers");
	struct export_register registers[EXPORT_REGISTERS_MAX];
	size_t count = export_registers(entry, registers);
	int rc = tuple == NULL ? out_of_memory(err) : 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_register(json_object_get(tuple, "registers"), claim_of(registers[i].name),
			registers[i].bytes, registers[i].size, err);
	if (rc == 0 && entry->tee == GOLDEN_SNP)
		rc = add_configuration(tuple, request, entry, err);
	if (rc == 0 && json_array_append(tuples, tuple) != 0)
		rc = out_of_memory(err);
	return rc;
}

/* "NAME := [tuples]"; 0 tuples write nothing. */
static int put_tuples(const struct export_request *request, enum golden_tee tee, const char *name,
	struct buf *out, size_t *ret_count, struct err *err)
{
	JSON_AUTO *tuples = json_array();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (entry->tee == tee && export_wants(request, entry))
			rc = add_policy_tuple(tuples, request, entry, err);
	}
	*ret_count = json_array_size(tuples);
	if (rc != 0 || *ret_count == 0)
		return rc;
	buf_fmt(out, "\n%s := ", name);
	return json_doc_write(tuples, out, err);
}

static void put_snp_hardware(const struct export_request *request, struct buf *out)
{
	const struct golden_platform *platform = &request->doc->platform;

	if (!platform->has_tcb) {
		warn_add(request->gaps, "platform.snp.min_tcb: not given, so the policy never "
					"affirms the hardware of SNP guests");
		buf_str(out, "\n# GAP: no least TCB was given: hardware stays 97.\n");
		return;
	}
	buf_fmt(out,
		"\nhardware := 2 if {\n"
		"\tcount(snp_tuple) > 0\n"
		"\tinput.snp.reported_tcb_bootloader >= %u\n"
		"\tinput.snp.reported_tcb_tee >= %u\n"
		"\tinput.snp.reported_tcb_snp >= %u\n"
		"\tinput.snp.reported_tcb_microcode >= %u\n"
		"}\n",
		platform->bootloader, platform->tee, platform->snp, platform->microcode);
}

static void put_tdx_hardware(const struct export_request *request, struct buf *out)
{
	const struct golden_platform *platform = &request->doc->platform;
	char hex[HEX_MAX];

	buf_str(out, policy_tdx_hardware);
	if (platform->mrseam.has) {
		hex_encode(platform->mrseam.bytes, SHA384_SIZE, hex);
		buf_fmt(out, "\tinput.tdx.quote.body.mr_seam == \"%s\"\n", hex);
	} else {
		warn_add(request->gaps, "platform.tdx.mrseam: not given, so any TDX module passes");
	}
	buf_str(out, "}\n");
	if (!platform->has_xfam) {
		warn_add(request->gaps, "platform.tdx.xfam: not given, so the policy never affirms "
					"the configuration of TDX guests");
		buf_str(out, "\n# GAP: no XFAM was given: configuration stays 36.\n");
		return;
	}
	hex_encode(platform->xfam, sizeof(platform->xfam), hex);
	buf_fmt(out,
		"\nconfiguration := 2 if {\n"
		"\tcount(tdx_tuple) > 0\n"
		"\tinput.tdx.td_attributes.debug == false\n"
		"\tinput.tdx.quote.body.xfam == \"%s\"\n"
		"}\n",
		hex);
}

int export_trustee_policy(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	struct buf *out = export_file(ret, "policy.rego", err);
	size_t snp, tdx;
	int rc = out == NULL ? -ENOMEM : 0;

	if (rc != 0)
		return rc;
	buf_str(out, policy_head);
	rc = put_tuples(request, GOLDEN_SNP, "snp_tuples", out, &snp, err);
	if (rc == 0 && snp > 0) {
		buf_str(out, policy_snp);
		warn_flags(request);
		put_snp_hardware(request, out);
	}
	if (rc == 0)
		rc = put_tuples(request, GOLDEN_TDX, "tdx_tuples", out, &tdx, err);
	if (rc == 0 && tdx > 0) {
		buf_str(out, policy_tdx);
		put_tdx_hardware(request, out);
	}
	return rc == 0 ? buf_check(out, err) : rc;
}
