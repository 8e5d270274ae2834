/* The golden document of a small build: its values, its documents, and every manifest that is refused. */
#define _GNU_SOURCE
#include "measure/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/golden/export-c8s.h"
#include "tests/tap.h"
#include "tests/unit/fake-ovmf.h"

static char dir[] = "/tmp/assay-test-golden-XXXXXX";

/* Writes a file of the build; returns its entry for the manifest's outputs. */
static json_t *put(const char *name, const void *bytes, size_t n)
{
	unsigned char digest[SHA256_SIZE];
	char *path AUTO_FREE = NULL;
	struct err err = {0};

	if (asprintf(&path, "%s/%s", dir, name) < 0 || io_publish(path, bytes, n, &err) != 0 ||
		digest_bytes(DIGEST_SHA256, bytes, n, digest, &err) != 0)
		abort();
	return json_pack("{s:o, s:I}", "sha256", json_doc_hex_new(digest, sizeof(digest)),
		"size_bytes", (json_int_t)n);
}

static json_t *put_firmware(void)
{
	static unsigned char bytes[0x10000];
	struct fake_ovmf fake = fake_ovmf_good();

	fake_ovmf_write(&fake, bytes);
	return put("snp.fd", bytes, sizeof(bytes));
}

/* The build that test-snp.c measures too: "kernel bytes", "initrd bytes", "console=ttyS0 nr_cpus=2". */
static json_t *good_manifest(void)
{
	json_t *manifest = json_pack(
		"{s:s, s:s, s:s, s:i, s:{s:s, s:s}, s:[], s:{s:s}, s:{}, s:s, s:{}, s:{s:s, s:b}}",
		"schema", "assay-build/1", "name", "demo", "architecture", "amd64", "timestamp", 0,
		"tool", "name", "assay", "version", "0", "inputs", "kernel", "version", "6.1",
		"verity", "cmdline", "console=ttyS0 nr_cpus=2", "policy", "agent", "sha256", "-",
		"stand_in", 1);
	json_t *outputs = json_pack("{s:o, s:o, s:o, s:o}", "vmlinuz",
		put("vmlinuz", "kernel bytes", 12), "initrd.img",
		put("initrd.img", "initrd bytes", 12), "cmdline",
		put("cmdline", "console=ttyS0 nr_cpus=2", 23), "snp.fd", put_firmware());
	json_t *snp = json_pack("{s:s, s:s, s:[s], s:[i, i]}", "firmware", "snp.fd", "vmm", "qemu",
		"cpu", "EPYC-v4", "vcpus", 1, 2);

	json_object_set_new(manifest, "outputs", outputs);
	json_object_set_new(manifest, "launch", json_pack("{s:o}", "snp", snp));
	return manifest;
}

static const struct buf *output(const struct golden_outputs *outputs, const char *name)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (strcmp(outputs->items[i].name, name) == 0)
			return &outputs->items[i].bytes;
	return NULL;
}

static json_t *document(const struct golden_outputs *outputs, const char *name)
{
	const struct buf *bytes = output(outputs, name);
	struct err err = {0};
	json_t *doc = NULL;

	if (bytes == NULL || json_doc_parse(bytes->data, bytes->len, name, &doc, &err) != 0)
		ok(false, "%s: %s", name, err.msg);
	return doc;
}

static const char *at(const json_t *doc, const char *list, size_t i, const char *key)
{
	return json_string_value(
		json_object_get(json_array_get(json_object_get(doc, list), i), key));
}

/* The same digest as in test-snp.c, which sev-snp-measure computed. */
#define DIGEST_TWO                                                                                 \
	"aefaed11f891d31135a88f4bebfa0a5201fe6393450bdb8e4d6b204b0837a72b"                         \
	"95fe181cb3a58a85cf8ca7c063727c4f"

static void test_good(void)
{
	JSON_AUTO *manifest = good_manifest(), *golden = NULL, *refs = NULL, *steps = NULL;
	GOLDEN_OUTPUTS_AUTO outputs = {0}, again = {0};
	const json_t *values;
	struct err err = {0};

	if (golden_build(dir, manifest, &outputs, &err) != 0) {
		ok(false, "a build is measured: %s", err.msg);
		return;
	}
	is_int((long long)outputs.count, 4, "two derivations, one policy, the document");
	ok(outputs.warn.count == 1 && strstr(outputs.warn.lines[0], "not a known build") != NULL,
		"unknown firmware is warned of");
	golden = document(&outputs, "golden.json");
	is_str(at(golden, "tuples", 1, "name"), "demo-smp2", "tuples are named by their shape");
	is_str(at(golden, "tuples", 1, "tee"), "sev-snp", "with their TEE");
	is_str(at(golden, "tuples", 1, "vmm"), "qemu", "and their VMM profile");
	values = json_object_get(json_array_get(json_object_get(golden, "tuples"), 1), "values");
	is_str(json_string_value(json_object_get(values, "launch_digest")), DIGEST_TWO,
		"with the digest that another program computes");
	ok(json_is_true(json_object_get(golden, "agent_stand_in")), "a stand-in agent is said");
	refs = document(&outputs, "refs/c8s-snp.json");
	is_str(json_string_value(json_object_get(refs, "schema_version")), "1", "C8s schema");
	is_str(json_string_value(json_object_get(refs, "tee")), "sev-snp", "C8s family");
	is_int((long long)json_object_size(refs), 3, "and no other field");
	is_str(at(refs, "measurements", 1, "measurement"), DIGEST_TWO, "C8s measurement");
	is_str(at(refs, "measurements", 1, "name"), "demo-smp2", "C8s name");
	steps = document(&outputs, "derivation/demo-smp2.launch_digest.json");
	is_str(json_string_value(json_object_get(steps, "value")), DIGEST_TWO, "derivation");
	is_int(golden_build(dir, manifest, &again, &err), 0, "measured again");
	ok(output(&again, "golden.json")->len == output(&outputs, "golden.json")->len &&
			memcmp(output(&again, "golden.json")->data,
				output(&outputs, "golden.json")->data,
				output(&again, "golden.json")->len) == 0,
		"the same bytes");
}

/* Two CPU names of one signature: two tuples, one policy entry a shape. */
static void test_same_signature(void)
{
	JSON_AUTO *manifest = good_manifest(), *refs = NULL, *golden = NULL;
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	json_t *snp = json_object_get(json_object_get(manifest, "launch"), "snp");
	struct err err = {0};

	json_object_set_new(snp, "cpu", json_pack("[s, s, s]", "EPYC", "EPYC-v4", "25/1/1"));
	if (golden_build(dir, manifest, &outputs, &err) != 0) {
		ok(false, "%s", err.msg);
		return;
	}
	golden = document(&outputs, "golden.json");
	refs = document(&outputs, "refs/c8s-snp.json");
	is_int((long long)json_array_size(json_object_get(golden, "tuples")), 6, "six tuples");
	is_int((long long)json_array_size(json_object_get(refs, "measurements")), 4,
		"of which the policy has the four that differ");
	is_str(at(golden, "tuples", 5, "name"), "demo-25.1.1-smp2", "a name fit for a file");
	ok(output(&outputs, "derivation/demo-25.1.1-smp2.launch_digest.json") != NULL,
		"under which its derivation is");
}

/* A way to spoil the manifest: sets the JSON path's last key; NULL value deletes. */
static void refused(const char *parent, const char *child, const char *key, json_t *value, int code,
	const char *message, const char *what)
{
	JSON_AUTO *manifest = good_manifest();
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	json_t *object = manifest;
	struct err err = {0};
	int rc;

	if (parent != NULL)
		object = json_object_get(object, parent);
	if (child != NULL)
		object = json_object_get(object, child);
	if (value == NULL)
		json_object_del(object, key);
	else
		json_object_set_new(object, key, value);
	rc = golden_build(dir, manifest, &outputs, &err);
	ok(rc == code && strstr(err.msg, message) != NULL && outputs.count == 0, "%s: refused",
		what);
	if (rc != code || strstr(err.msg, message) == NULL)
		printf("#   %d %s\n", rc, err.msg);
}

static void test_refusals(void)
{
	static const char zero[] =
		"0000000000000000000000000000000000000000000000000000000000000000";

	refused(NULL, NULL, "schema", json_string("assay-build/2"), -ENOTSUP, "assay-build/2",
		"bad-schema");
	refused(NULL, NULL, "extra", json_true(), -EBADMSG, "unknown field", "bad-unknown-field");
	refused(NULL, NULL, "name", json_string("a/b"), -EBADMSG, "file name", "bad-name-slash");
	refused(NULL, NULL, "name", json_string(".."), -EBADMSG, "file name", "bad-name-dots");
	refused(NULL, NULL, "timestamp", NULL, -EBADMSG, "timestamp", "bad-no-timestamp");
	refused(NULL, NULL, "launch", json_object(), -EBADMSG, "no TEE", "bad-no-launch");
	refused("launch", NULL, "sgx", json_object(), -EBADMSG, "unknown", "bad-unknown-tee");
	refused("outputs", NULL, "vmlinuz", NULL, -EBADMSG, "vmlinuz", "bad-no-kernel");
	refused("outputs", "initrd.img", "sha256", json_string(zero), -EKEYREJECTED, "initrd.img",
		"bad-sha256");
	refused("outputs", "initrd.img", "size_bytes", json_integer(3), -EKEYREJECTED, "initrd.img",
		"bad-size");
	refused("outputs", "initrd.img", "sha256", json_string("00"), -EBADMSG, "hex",
		"bad-sha256-length");
	refused("launch", "snp", "vmm", json_string("xen"), -ENOTSUP, "xen", "bad-vmm");
	refused("launch", "snp", "cpu", json_array(), -EBADMSG, "cpu", "bad-no-cpu");
	refused("launch", "snp", "cpu", json_pack("[i]", 3), -EBADMSG, "strings", "bad-cpu-type");
	refused("launch", "snp", "cpu", json_pack("[s]", "EPIC"), -EINVAL, "EPIC", "bad-cpu-name");
	refused("launch", "snp", "vcpus", json_pack("[i]", 0), -EBADMSG, "vcpus", "bad-vcpus-0");
	refused("launch", "snp", "vcpus", json_pack("[i, i]", 2, 2), -EBADMSG, "twice",
		"bad-vcpus-twice");
	refused("launch", "snp", "sev_features", json_string("0x1g"), -EBADMSG, "sev_features",
		"bad-sev-features");
	refused("launch", "snp", "sev_features", json_integer(1), -EBADMSG, "sev_features",
		"bad-sev-features-type");
	refused("launch", "snp", "typo", json_true(), -EBADMSG, "unknown", "bad-snp-field");
	refused("launch", "snp", "firmware", json_string("tdx.fd"), -EBADMSG, "tdx.fd",
		"bad-firmware-name");
	refused("outputs", NULL, "cmdline", put("newline", "quiet\n", 6), -EKEYREJECTED, "cmdline",
		"bad-cmdline-digest");
}

static void test_cmdline(void)
{
	JSON_AUTO *manifest = good_manifest();
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	struct err err = {0};

	json_object_set_new(
		json_object_get(manifest, "outputs"), "cmdline", put("cmdline", "quiet\n", 6));
	is_int(golden_build(dir, manifest, &outputs, &err), -EBADMSG, "bad-cmdline-newline");
}

static int export_of(const char *text, const char *tee)
{
	BUF_AUTO bytes = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	if (json_doc_parse(text, strlen(text), "test", &doc, &err) != 0)
		abort();
	return export_c8s(doc, tee, &bytes, &err);
}

#define HEX96                                                                                      \
	"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"                         \
	"000102030405060708090a0b0c0d0e0f"
#define GOLDEN(tuple) "{\"schema\":\"assay-golden/1\",\"tuples\":[" tuple "]}"
#define TDX(name, rtmr2)                                                                           \
	"{\"name\":\"" name "\",\"tee\":\"tdx\",\"values\":{\"mrtd\":\"" HEX96                     \
	"\",\"rtmr1\":\"" HEX96 "\",\"rtmr2\":\"" rtmr2 "\"}}"
#define SNP(name, digest)                                                                          \
	"{\"name\":\"" name "\",\"tee\":\"sev-snp\",\"values\":{\"launch_digest\":\"" digest "\"}" \
	"}"

static void test_export(void)
{
	BUF_AUTO bytes = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};
	const char *text = GOLDEN(TDX("w", HEX96));

	if (json_doc_parse(text, strlen(text), "test", &doc, &err) != 0)
		abort();
	is_int(export_c8s(doc, "tdx", &bytes, &err), 0, "a TDX tuple is exported");
	is_str(buf_cstr(&bytes),
		"{\n  \"measurements\": [\n    {\n      \"mrtd\": \"" HEX96
		"\",\n      \"name\": \"w\",\n      \"rtmr\": [\n        null,\n        \"" HEX96
		"\",\n        \"" HEX96 "\",\n        \"\"\n      ]\n    }\n  ],\n"
		"  \"schema_version\": \"1\",\n  \"tee\": \"tdx\"\n}\n",
		"to these bytes");
	is_int(export_of(GOLDEN(SNP("w", HEX96)), "tdx"), -EINVAL, "bad-no-tuple-of-family");
	is_int(export_of(GOLDEN(SNP(" ", HEX96)), "sev-snp"), -EBADMSG, "bad-blank-name");
	is_int(export_of(GOLDEN(SNP("w", "00")), "sev-snp"), -EBADMSG, "bad-digest-length");
	is_int(export_of(GOLDEN(TDX("w", "AA")), "tdx"), -EBADMSG, "bad-uppercase");
	is_int(export_of("{\"schema\":\"assay-golden/2\",\"tuples\":[]}", "tdx"), -ENOTSUP,
		"bad-golden-schema");
	is_int(export_of("{\"schema\":\"assay-golden/1\"}", "tdx"), -EBADMSG, "bad-no-tuples");
	is_int(export_of(GOLDEN("{\"name\":\"w\"}"), "tdx"), -EBADMSG, "bad-no-tee");
	is_int(export_of(GOLDEN(SNP("w", HEX96) "," SNP("v", HEX96)), "sev-snp"), 0,
		"equal tuples appear once");
}

int main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	test_good();
	test_same_signature();
	test_refusals();
	test_cmdline();
	test_export();
	if (io_remove_tree(dir, &(struct err){0}) != 0)
		return 1;
	return tap_done();
}
