/* The strict reader of golden documents, and what the exporters make of one. */
#include <stdlib.h>

#include "lib/base64.h"
#include "lib/json.h"
#include "measure/golden/export.h"
#include "tests/tap.h"
#include "tests/unit/golden-doc.h"

/* --- reading --- */

/* Follows "tuples.0.values" from the document. */
static json_t *at_path(json_t *json, const char *path)
{
	char part[64];

	while (*path != '\0') {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(part))
					   : json_object_get(json, part);
		path += path[n] == '.' ? n + 1 : n;
	}
	return json;
}

struct change {
	const char *what, *path, *key;
	const char *value; /* JSON; NULL removes */
	int code;
	const char *error;
};

static const struct change changes[] = {
	{"another schema", "", "schema", "\"assay-golden/2\"", -ENOTSUP, "$.schema"},
	{"no schema", "", "schema", NULL, -EBADMSG, "$.schema"},
	{"an unknown field", "", "x", "1", -EBADMSG, "$.x: unknown field"},
	{"no name", "", "name", NULL, -EBADMSG, "$.name"},
	{"a name that is a path", "", "name", "\"../x\"", -EBADMSG, "name ../x"},
	{"no architecture", "", "architecture", NULL, -EBADMSG, "$.architecture"},
	{"a negative time", "", "timestamp", "-1", -EBADMSG, "$.timestamp"},
	{"a stand-in that is no boolean", "", "agent_stand_in", "0", -EBADMSG, "$.agent_stand_in"},
	{"a short digest", "", "manifest_sha256", "\"00\"", -EBADMSG, "$.manifest_sha256"},
	{"no tuples", "", "tuples", NULL, -EBADMSG, "$.tuples"},
	{"empty tuples", "", "tuples", "[]", -EBADMSG, "$.tuples: empty"},
	{"a tuple that is no object", "", "tuples", "[1]", -EBADMSG, "$.tuples[0]: not an object"},
	{"an unknown field of a tuple", "tuples.1", "x", "1", -EBADMSG,
		"$.tuples[1].x: unknown field"},
	{"a tuple without a name", "tuples.1", "name", NULL, -EBADMSG, "$.tuples[1].name"},
	{"an empty name", "tuples.1", "name", "\"\"", -EBADMSG, "$.tuples[1]: name"},
	{"a name with a newline", "tuples.1", "name", "\"a\\nb\"", -EBADMSG, "$.tuples[1]: name"},
	{"a name twice", "tuples.1", "name", "\"guest-smp2\"", -EBADMSG,
		"two tuples named guest-smp2"},
	{"another TEE", "tuples.1", "tee", "\"cca\"", -EBADMSG, "$.tuples[1].tee: cca"},
	{"no TEE", "tuples.1", "tee", NULL, -EBADMSG, "$.tuples[1].tee"},
	{"no VMM", "tuples.1", "vmm", NULL, -EBADMSG, "$.tuples[1].vmm"},
	{"no inputs", "tuples.1", "inputs", NULL, -EBADMSG, "$.tuples[1].inputs"},
	{"acpi_verified as text", "tuples.1", "acpi_verified", "\"no\"", -EBADMSG, "acpi_verified"},
	{"no values", "tuples.1", "values", NULL, -EBADMSG, "$.tuples[1].values: missing"},
	{"no launch digest", "tuples.1.values", "launch_digest", NULL, -EBADMSG, "launch_digest"},
	{"uppercase", "tuples.1.values", "launch_digest",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAA\"",
		-EBADMSG, "launch_digest: not 96 lowercase hex digits"},
	{"a TDX register on SNP", "tuples.1.values", "mrtd", "\"00\"", -EBADMSG,
		"$.tuples[1].values.mrtd: unknown field"},
	{"an SNP register on TDX", "tuples.2.values", "launch_digest", "\"00\"", -EBADMSG,
		"launch_digest: unknown field"},
	{"a short RTMR", "tuples.2.values", "rtmr1", "\"00\"", -EBADMSG, "rtmr1: not 96"},
	{"no MRTD", "tuples.2.values", "mrtd", NULL, -EBADMSG, "mrtd"},
	{"no vCPUs", "tuples.1.shape", "vcpus", NULL, -EBADMSG, "vcpus"},
	{"no CPU", "tuples.1.shape", "cpu", NULL, -EBADMSG, "cpu"},
	{"an unknown shape", "tuples.1.shape", "x", "1", -EBADMSG,
		"$.tuples[1].shape.x: unknown field"},
	{"a policy without 0x", "tuples.1.policy", "guest_policy", "\"30000\"", -EBADMSG,
		"not a 0x number"},
	{"a policy in uppercase", "tuples.1.policy", "guest_policy", "\"0xA\"", -EBADMSG,
		"not a 0x number"},
	{"a policy of 17 digits", "tuples.1.policy", "guest_policy", "\"0x00000000000030000\"",
		-EBADMSG, "0x number"},
	{"no VMPL", "tuples.1.policy", "vmpl", NULL, -EBADMSG, "vmpl"},
	{"a TDX policy without debug", "tuples.2.policy", "debug", NULL, -EBADMSG, "debug"},
	{"events on SNP", "tuples.1", "events", "{\"kernel\": \"\"}", -EBADMSG,
		"events.kernel: unknown field"},
	{"a short event", "tuples.2.events", "kernel", "\"00\"", -EBADMSG, "kernel: not 96"},
	{"MRCONFIGID on SNP", "tuples.1", "anchors", "{\"mrconfigid\": \"\"}", -EBADMSG,
		"mrconfigid: unknown field"},
	{"a HOST_DATA of 48 bytes", "tuples.1", "anchors",
		"{\"host_data\": "
		"\"00000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"0000000000000000\"}",
		-EBADMSG, "host_data: not 64"},
	{"a role that is a path", "tuples.1", "role", "\"a/b\"", -EBADMSG, "name a/b"},
	{"an unknown platform", "", "platform", "{\"cca\": {}}", -EBADMSG,
		"$.platform.cca: unknown field"},
	{"an unknown product", "platform.snp", "product", "\"Rome\"", -EBADMSG,
		"not Milan, Genoa or Turin"},
	{"a TCB without a part", "platform.snp.min_tcb", "snp", NULL, -EBADMSG, "min_tcb.snp"},
	{"a TCB above a byte", "platform.snp.min_tcb", "snp", "256", -EBADMSG, "more than 255"},
	{"SMT as a number", "platform.snp", "smt_enabled", "1", -EBADMSG, "smt_enabled"},
	{"a short XFAM", "platform.tdx", "xfam", "\"e7\"", -EBADMSG, "xfam: not 16"},
	{"a short MRSEAM", "platform.tdx", "mrseam", "\"e7\"", -EBADMSG, "mrseam: not 96"},
	{"a time without a zone", "", "validity", "{\"not_before\": \"2026-01-01T00:00:00\"}",
		-EBADMSG, "not a time"},
	{"a time with more", "", "validity", "{\"not_after\": \"2026-01-01T00:00:00Zx\"}", -EBADMSG,
		"not a time"},
	{"a window that ends first", "", "validity",
		"{\"not_before\": \"2026-01-02T00:00:00Z\", \"not_after\": "
		"\"2026-01-01T00:00:00Z\"}",
		-EBADMSG, "ends before"},
	{"an unknown target field", "", "target", "{\"x\": 1}", -EBADMSG,
		"$.target.x: unknown field"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		const struct change *change = &changes[i];
		JSON_AUTO *doc = golden_sample();
		json_t *object = at_path(doc, change->path);
		GOLDEN_DOC_AUTO got = {.json = NULL};
		struct err err = {0};
		int rc;

		if (change->value != NULL)
			json_object_set_new(object, change->key,
				json_loads(change->value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, change->key);
		rc = golden_doc_from_json(doc, &got, &err);
		ok(object != NULL && rc == change->code && strstr(err.msg, change->error) != NULL,
			"bad-golden: %s (%d %s)", change->what, rc, err.msg);
	}
}

static void test_text(void)
{
	static const char twice[] =
		"{\"schema\": \"assay-golden/1\", \"schema\": \"assay-golden/1\"}";
	GOLDEN_DOC_AUTO got = {.json = NULL};
	struct err err = {0};

	ok(golden_doc_read(twice, strlen(twice), "x", &got, &err) == -EBADMSG &&
			strstr(err.msg, "x:1") != NULL,
		"a duplicate key: %s", err.msg);
	is_int(golden_doc_read("{} x", 4, "x", &got, &err), -EBADMSG, "data after the document");
}

static void test_good(void)
{
	JSON_AUTO *doc = golden_sample();
	GOLDEN_DOC_AUTO got = {.json = NULL};
	struct err err = {0};

	json_object_set_new(
		at_path(doc, "tuples.2"), "anchors", json_pack("{s:s}", "mrconfigid", hex96('d')));
	json_object_set_new(at_path(doc, "tuples.2"), "role", json_string("cds"));
	json_object_set_new(doc, "validity",
		json_pack("{s:s, s:s}", "not_before", "2026-01-01T00:00:00Z", "not_after",
			"2027-01-01T00:00:00Z"));
	ok(golden_doc_from_json(doc, &got, &err) == 0, "a document with everything: %s", err.msg);
	if (got.count != 3)
		return;
	ok(got.entries[0].tee == GOLDEN_SNP && got.entries[0].vcpus == 2 &&
			got.entries[0].guest_policy == 0x30000 &&
			got.entries[0].launch_digest[0] == 0xbb,
		"an SNP tuple");
	ok(got.entries[2].tee == GOLDEN_TDX && got.entries[2].anchor.has &&
			!got.entries[2].rtmr[0].has && got.entries[2].rtmr[1].has &&
			got.entries[2].kernel.bytes[0] == 0x55 && got.entries[2].sept_ve_disable &&
			strcmp(got.entries[2].role, "cds") == 0,
		"a TDX tuple");
	ok(got.platform.has_tcb && got.platform.microcode == 72 && got.platform.has_xfam &&
			got.platform.mrseam.has && got.platform.smt.value &&
			!got.platform.tsme.value,
		"the platform");
}

/* Whether two TDX tuples of roles a and b, whose anchors and RTMR2 are these, pass together. */
static int roles(
	const char *anchor_a, const char *anchor_b, const char *rtmr2_b, const char *role_b)
{
	JSON_AUTO *doc = golden_head();
	json_t *a = golden_tdx("a", 'c', '1'), *b = golden_tdx("b", 'c', '1');
	GOLDEN_DOC_AUTO got = {.json = NULL};
	struct err err = {0};

	json_array_append_new(json_object_get(doc, "tuples"), a);
	json_array_append_new(json_object_get(doc, "tuples"), golden_tdx("between", 'c', '1'));
	json_array_append_new(json_object_get(doc, "tuples"), b);
	json_object_set_new(a, "role", json_string("a"));
	json_object_set_new(b, "role", json_string(role_b));
	if (anchor_a != NULL)
		json_object_set_new(a, "anchors", json_pack("{s:s}", "mrconfigid", anchor_a));
	if (anchor_b != NULL)
		json_object_set_new(b, "anchors", json_pack("{s:s}", "mrconfigid", anchor_b));
	if (rtmr2_b != NULL)
		json_object_set_new(json_object_get(b, "values"), "rtmr2", json_string(rtmr2_b));
	else
		json_object_del(json_object_get(b, "values"), "rtmr2");
	return golden_doc_from_json(doc, &got, &err);
}

static void test_roles(void)
{
	is_int(roles(NULL, NULL, hex96('2'), "b"), -EKEYREJECTED, "two roles with the same values");
	is_int(roles(NULL, NULL, hex96('2'), "a"), 0, "one role twice");
	is_int(roles(NULL, NULL, hex96('3'), "b"), 0, "roles with different values");
	is_int(roles(NULL, NULL, NULL, "b"), -EKEYREJECTED, "a role that leaves a register open");
	is_int(roles(hex96('d'), hex96('e'), hex96('2'), "b"), 0, "roles bound by initdata");
	is_int(roles(hex96('d'), hex96('d'), hex96('2'), "b"), -EKEYREJECTED, "the same initdata");
	is_int(roles(hex96('d'), NULL, hex96('2'), "b"), -EKEYREJECTED, "only one of them bound");
}

/* --- exporting --- */

struct made {
	struct golden_doc doc;
	struct golden_outputs outputs;
	struct warn gaps;
	struct err err;
	int rc;
};

static void made_done(struct made *made)
{
	golden_doc_done(&made->doc);
	golden_outputs_done(&made->outputs);
	warn_done(&made->gaps);
}

#define MADE __attribute__((cleanup(made_done))) struct made

/* @tee: "", "sev-snp" or "tdx". */
static void make(
	struct made *made, json_t *json, const char *form, const char *tee, const char *tuple)
{
	struct export_request request = {.doc = &made->doc,
		.has_tee = *tee != '\0',
		.tee = strcmp(tee, "tdx") == 0 ? GOLDEN_TDX : GOLDEN_SNP,
		.tuple = tuple,
		.gaps = &made->gaps};

	made->rc = golden_doc_from_json(json, &made->doc, &made->err);
	if (made->rc == 0)
		made->rc = export_write(
			export_form_find(form), &request, &made->outputs, &made->err);
}

static const char *output(const struct made *made, const char *name)
{
	for (size_t i = 0; i < made->outputs.count; i++) {
		if (strcmp(made->outputs.items[i].name, name) == 0)
			return buf_cstr(&made->outputs.items[i].bytes);
	}
	return NULL;
}

static void test_flat(void)
{
	JSON_AUTO *doc = golden_sample();
	MADE snp = {.rc = 0}, rtmrs = {.rc = 0}, helm = {.rc = 0}, csv = {.rc = 0};
	char want[8192];

	make(&snp, doc, "c8s-measurements", "sev-snp", NULL);
	snprintf(want, sizeof(want), "%s\n%s\n", hex96('b'), hex96('a'));
	is_str(output(&snp, "measurements.txt"), want, "launch digests, one a line");
	make(&rtmrs, doc, "c8s-rtmrs", "tdx", NULL);
	snprintf(want, sizeof(want), "1=%s\n2=%s\n", hex96('1'), hex96('2'));
	is_str(output(&rtmrs, "rtmrs.txt"), want, "RTMR pins");
	ok(rtmrs.gaps.count == 1, "with a warning");
	make(&helm, doc, "c8s-helm", "tdx", NULL);
	snprintf(want, sizeof(want),
		"cds:\n  measurements:\n    - \"%s\"\n  rtmrs:\n    - \"1=%s\"\n    - \"2=%s\"\n"
		"ratlsMesh:\n  measurements:\n    - \"%s\"\n  rtmrs:\n    - \"1=%s\"\n    - "
		"\"2=%s\"\n",
		hex96('c'), hex96('1'), hex96('2'), hex96('c'), hex96('1'), hex96('2'));
	is_str(output(&helm, "values.yaml"), want, "Helm values");
	make(&csv, doc, "csv", "", "guest-smp1");
	snprintf(want, sizeof(want),
		"tuple,tee,role,register,value\nguest-smp1,sev-snp,,launch_digest,%s\n",
		hex96('a'));
	is_str(output(&csv, "golden.csv"), want, "CSV of one tuple");
}

static void test_image_manifest(void)
{
	JSON_AUTO *doc = golden_sample();
	MADE made = {.rc = 0}, twice = {.rc = 0}, two = {.rc = 0};
	JSON_AUTO *got = NULL;

	make(&made, doc, "image-manifest", "", NULL);
	got = json_loads(output(&made, "image-manifest.json"), 0, NULL);
	is_int(json_integer_value(at_path(got, "version")), 3, "version 3");
	is_int(json_integer_value(at_path(got, "snp_variants.0.smp")), 1,
		"variants in the order of vCPUs");
	is_str(json_string_value(at_path(got, "snp_variants.0.measurement.algorithm")), "sha384",
		"algorithm");
	is_str(json_string_value(at_path(got, "snp_variants.1.measurement.snp_launch_digest")),
		hex96('b'), "digest");
	is_str(json_string_value(at_path(got, "tdx.rtmr1")), hex96('1'), "RTMR1");
	json_array_append_new(json_object_get(doc, "tuples"), golden_snp("other", 2, 'd'));
	make(&twice, doc, "image-manifest", "", NULL);
	ok(twice.rc == -EINVAL &&
			strstr(twice.err.msg, "a second launch digest for 2 vCPUs") != NULL,
		"one digest for each vCPU count");
	json_array_append_new(json_object_get(doc, "tuples"), golden_tdx("tdx2", 'd', '1'));
	make(&two, doc, "image-manifest", "tdx", NULL);
	ok(two.rc == -EINVAL && strstr(two.err.msg, "second TDX tuple") != NULL, "one TDX tuple");
}

static void test_flat_refusals(void)
{
	JSON_AUTO *doc = golden_sample();
	MADE both = {.rc = 0}, missing = {.rc = 0}, tee = {.rc = 0}, wrong = {.rc = 0},
	     none = {.rc = 0}, guest = {.rc = 0};

	json_array_append_new(json_object_get(doc, "tuples"), golden_tdx("other", 'c', '3'));
	make(&both, doc, "c8s-rtmrs", "tdx", NULL);
	ok(both.rc == -EINVAL && strstr(both.err.msg, "differ in their RTMRs") != NULL,
		"flat pins of two images are refused");
	json_object_del(at_path(doc, "tuples.2.values"), "rtmr2");
	make(&missing, doc, "image-manifest", "tdx", "guest");
	ok(missing.rc == -EINVAL && strstr(missing.err.msg, "not pinned") != NULL, "an open RTMR");
	make(&tee, doc, "c8s", "", NULL);
	ok(tee.rc == -EINVAL && strstr(tee.err.msg, "--tee") != NULL, "c8s needs a family");
	make(&wrong, doc, "c8s-rtmrs", "sev-snp", NULL);
	ok(wrong.rc == -EINVAL && strstr(wrong.err.msg, "not a form for") != NULL,
		"SNP has no RTMRs");
	make(&none, doc, "csv", "", "nobody");
	ok(none.rc == -EINVAL && strstr(none.err.msg, "no tuple") != NULL, "no such tuple");
	make(&guest, doc, "kata-guest", "", NULL);
	ok(guest.rc == -EINVAL && strstr(guest.err.msg, "--build") != NULL,
		"a guest manifest needs the build");
}

static void is_json(const json_t *json, const char *path, const char *want, const char *what)
{
	char *got = json_dumps(at_path((json_t *)json, path), JSON_ENCODE_ANY | JSON_COMPACT);

	is_str(got, want, what);
	free(got);
}

static void test_trustee(void)
{
	JSON_AUTO *doc = golden_sample();
	JSON_AUTO *message = NULL, *values = NULL, *plain = NULL;
	MADE made = {.rc = 0};
	BUF_AUTO payload = {0};
	struct err err = {0};
	char want[8192];

	make(&made, doc, "trustee", "", NULL);
	ok(made.rc == 0 && made.gaps.count == 0, "nothing is missing: %s", made.err.msg);
	message = json_loads(output(&made, "rvps.json"), 0, NULL);
	is_json(message, "type", "\"sample\"", "a sample message");
	is_json(message, "version", "\"0.1.0\"", "of version 0.1.0");
	ok(base64_decode(json_string_value(at_path(message, "payload")),
		   json_string_length(at_path(message, "payload")), "x", &payload, &err) == 0,
		"payload");
	values = json_loads(buf_cstr(&payload), 0, NULL);
	plain = json_loads(output(&made, "reference-values.json"), 0, NULL);
	ok(json_equal(values, plain), "the payload is the values");
	snprintf(want, sizeof(want), "[\"%s\",\"%s\"]", hex96('b'), hex96('a'));
	is_json(values, "snp_launch_measurement", want, "a list of launch digests");
	is_json(values, "snp_bootloader", "[7]", "a list of numbers");
	is_json(values, "snp_smt_enabled", "true", "a boolean alone");
	is_json(values, "snp_guest_abi_major", "0", "a number alone");
	is_json(values, "xfam", "[\"e702060000000000\"]", "a list of XFAM");
	snprintf(want, sizeof(want), "\"%s\"", hex96('5'));
	is_json(values, "tdvfkernel", want, "the kernel alone");
	ok(strstr(output(&made, "notes.txt"), "RTMR0") != NULL, "what the policy does not read");
}

static void test_trustee_gaps(void)
{
	JSON_AUTO *doc = golden_sample();
	JSON_AUTO *values = NULL;
	MADE made = {.rc = 0}, script = {.rc = 0}, one = {.rc = 0};
	json_t *other = golden_tdx("other", 'd', '1');

	json_object_del(doc, "platform");
	json_array_append_new(json_object_get(doc, "tuples"), other);
	json_object_set_new(json_object_get(other, "events"), "kernel", json_string(hex96('f')));
	make(&made, doc, "trustee", "", NULL);
	ok(made.rc == 0 && made.gaps.count == 5, "five gaps: %zu", made.gaps.count);
	values = json_loads(output(&made, "reference-values.json"), 0, NULL);
	ok(json_object_get(values, "tdvfkernel") == NULL &&
			json_object_get(values, "xfam") == NULL &&
			json_object_get(values, "snp_bootloader") == NULL,
		"and no values that nobody gave or that are not one");
	make(&script, doc, "trustee-script", "", NULL);
	ok(script.rc == -EINVAL &&
			strstr(script.err.msg, "2 values, and kbs-client sets one") != NULL,
		"a script cannot set lists");
	make(&one, doc, "trustee-script", "", "guest");
	ok(one.rc == 0 && strstr(output(&one, "reference-values.sh"),
				  " set-sample-reference-value mr_td c") != NULL,
		"but one tuple's values");
}

static void test_c8s(void)
{
	JSON_AUTO *doc = golden_sample();
	JSON_AUTO *got = NULL;
	MADE made = {.rc = 0};

	make(&made, doc, "c8s", "tdx", NULL);
	got = json_loads(output(&made, "image-policy.json"), 0, NULL);
	is_json(got, "measurements.0.rtmr.0", "null", "RTMR0 is left open");
	is_json(got, "measurements.0.rtmr.3", "\"\"", "RTMR3 is zeros");
	is_json(got, "tee", "\"tdx\"", "one family");
}

static void test_forms(void)
{
	ok(export_form_find("none") == NULL, "no such form");
	for (const struct export_form *form = export_forms; form->name != NULL; form++)
		ok(export_form_find(form->name) == form, "form %s", form->name);
}

int main(void)
{
	test_bad();
	test_text();
	test_good();
	test_roles();
	test_flat();
	test_image_manifest();
	test_flat_refusals();
	test_trustee();
	test_trustee_gaps();
	test_c8s();
	test_forms();
	return tap_done();
}
