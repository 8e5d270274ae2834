/* Deployment targets: what is refused, and the tuples that a small build has on one. */
#define _GNU_SOURCE
#include "measure/golden/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/initdata.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/snp.h"
#include "measure/golden/golden-doc.h"
#include "measure/kata/cmdline.h"
#include "tests/tap.h"
#include "tests/unit/fake-ovmf.h"

/* --- the reader --- */

#define SHAPE "firmware = \"snp.fd\"\nvmm = \"qemu\"\ncpus = [\"EPYC-v4\"]\n"
#define SNP   "[[launch.snp]]\n" SHAPE
#define GOOD  "name = \"t\"\n" SNP "vcpus = [1, 2]\n"
#define KATA  "[kata]\nversion = \"3.30.0\"\nruntime = \"go\"\nclass = \"qemu-snp\"\n"
#define ROLE  "[[role]]\nname = \"w\"\n"
#define TDX   "[[launch.tdx]]\nfirmware = \"tdx.fd\"\nvmm = \"qemu-10.0\"\n"

static const struct {
	const char *what, *text, *want;
	int rc;
} bad_targets[] = {
	{"nothing", "", "name", -EBADMSG},
	{"no name", SNP "vcpus = [1]\n", "name", -EBADMSG},
	{"no launch", "name = \"t\"\n", "launch", -EBADMSG},
	{"an empty launch", "name = \"t\"\n[launch]\n", "no [[launch.snp]]", -EBADMSG},
	{"an empty list", "name = \"t\"\nlaunch.snp = []\n", "no [[launch.snp]]", -EBADMSG},
	{"another family", "name = \"t\"\n[[launch.cca]]\n", "not snp or tdx", -EBADMSG},
	{"a launch that is no list", "name = \"t\"\n[launch.snp]\nvmm = \"qemu\"\n", "snp",
		-EBADMSG},
	{"an unknown key", GOOD "x = 1\n", "x", -EBADMSG},
	{"an unknown table", GOOD "[x]\n", "x", -EBADMSG},
	{"TDX keys in SNP", GOOD "memory_bytes = 1\n", "memory_bytes", -EBADMSG},
	{"SNP keys in TDX", "name = \"t\"\n" TDX "cpus = [\"EPYC\"]\n", "cpus", -EBADMSG},
	{"no memory size", "name = \"t\"\n" TDX "memory_bytes = []\n", "1 to 256 sizes", -EBADMSG},
	{"a memory size twice", "name = \"t\"\n" TDX "memory_bytes = [1048576, 1048576]\n",
		"a size twice", -EBADMSG},
	{"memory that is no number of MiB", "name = \"t\"\n" TDX "memory_bytes = 1048577\n",
		"1 MiB", -EBADMSG},
	{"a QEMU without tables from it", "name = \"t\"\n" TDX "qemu = \"q\"\n",
		"qemu without acpi", -EBADMSG},
	{"no shape", "name = \"t\"\n" SNP, "vcpus or pod_cpu_limits", -EBADMSG},
	{"both shapes", GOOD "pod_cpu_limits = [\"1\"]\n", "vcpus or pod_cpu_limits", -EBADMSG},
	{"no vCPU count", "name = \"t\"\n" SNP "vcpus = []\n", "vcpus", -EBADMSG},
	{"a negative count", "name = \"t\"\n" SNP "vcpus = [-1]\n", "x:6", -EBADMSG},
	{"a count that is a string", "name = \"t\"\n" SNP "vcpus = [\"1\"]\n", "x:6", -EBADMSG},
	{"counts that are no list", "name = \"t\"\n" SNP "vcpus = 1\n", "x:6", -EBADMSG},
	{"no CPU model",
		"name = \"t\"\n[[launch.snp]]\nfirmware = \"f\"\nvmm = \"qemu\"\nvcpus = [1]\n"
		"cpus = []\n",
		"cpus", -EBADMSG},
	{"limits without Kata", "name = \"t\"\n" SNP "pod_cpu_limits = [\"1\"]\n", "[kata]",
		-EBADMSG},
	{"Kata without a version", GOOD "[kata]\nruntime = \"go\"\nclass = \"qemu-snp\"\n",
		"version", -EBADMSG},
	{"an unknown Kata key", GOOD KATA "x = 1\n", "x", -EBADMSG},
	{"a role without a name", GOOD "[[role]]\n", "name", -EBADMSG},
	{"two roles of a name", GOOD ROLE ROLE, "two roles named w", -EBADMSG},
	{"pins of no role", GOOD ROLE "initdata = \"i\"\npins = \"v\"\npins_in = \"initdata\"\n",
		"no role", -EBADMSG},
	{"pins without a place", GOOD ROLE "pins = \"w\"\n", "go together", -EBADMSG},
	{"a place without pins", GOOD ROLE "pins_in = \"initdata\"\n", "go together", -EBADMSG},
	{"another place", GOOD ROLE "pins = \"w\"\npins_in = \"disk\"\n", "pins_in", -EBADMSG},
	{"pins in no initdata", GOOD ROLE "pins = \"w\"\npins_in = \"initdata\"\n",
		"without initdata", -EBADMSG},
	{"pins in the image", GOOD ROLE "pins = \"w\"\npins_in = \"image\"\n", "contain themselves",
		-EKEYREJECTED},
	{"pins in the command line", GOOD ROLE "pins = \"w\"\npins_in = \"cmdline\"\n",
		"contain themselves", -EKEYREJECTED},
	{"a platform with a list", GOOD "[platform.snp]\nproduct = [\"Genoa\"]\n", "x:8", -EBADMSG},
	{"an unknown bound", GOOD "[validity]\nuntil = \"x\"\n", "until", -EBADMSG},
	{"no TOML", "[", "x:1", -EBADMSG},
};

static void test_bad_targets(void)
{
	for (size_t i = 0; i < sizeof(bad_targets) / sizeof(*bad_targets); i++) {
		TARGET_AUTO target = {.name = NULL};
		struct err err = {0};
		int rc = target_read(
			bad_targets[i].text, strlen(bad_targets[i].text), "x", &target, &err);

		ok(rc == bad_targets[i].rc && strstr(err.msg, bad_targets[i].want) != NULL,
			"%s is refused (%d %s)", bad_targets[i].what, rc, rc != 0 ? err.msg : "");
		ok(target.name == NULL && target.launches == NULL, "and nothing is returned");
	}
}

static void test_too_many(void)
{
	TARGET_AUTO target = {.name = NULL};
	BUF_AUTO text = {0};
	struct err err = {0};

	buf_str(&text, "name = \"t\"\n");
	for (int i = 0; i < TARGET_LAUNCHES_MAX; i++)
		buf_str(&text, SNP "vcpus = [1]\n");
	is_int(target_read(text.data, text.len, "x", &target, &err), 0, "64 launches");
	is_int((long long)target.launch_count, TARGET_LAUNCHES_MAX, "are all read");
	target_done(&target);
	buf_str(&text, TDX);
	is_int(target_read(text.data, text.len, "x", &target, &err), -EBADMSG, "65 are refused");
	text.len = 0;
	buf_str(&text, GOOD);
	for (int i = 0; i < TARGET_ROLES_MAX; i++)
		buf_fmt(&text, "[[role]]\nname = \"r%d\"\n", i);
	is_int(target_read(text.data, text.len, "x", &target, &err), 0, "64 roles");
	target_done(&target);
	buf_str(&text, ROLE);
	is_int(target_read(text.data, text.len, "x", &target, &err), -EBADMSG, "65 are refused");
	text.len = 0;
	buf_str(&text, "name = \"t\"\n" SNP "vcpus = [1");
	for (int i = 0; i < TARGET_SHAPES_MAX; i++)
		buf_str(&text, ",1");
	buf_str(&text, "]\n");
	is_int(target_read(text.data, text.len, "x", &target, &err), -EBADMSG, "257 counts");
}

/* --- a build --- */

static char dir[] = "/tmp/assay-test-target-XXXXXX";
#define BUILD_CMDLINE "console=ttyS0 nr_cpus=2"
#define HASH	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define VERITY                                                                                     \
	"root_hash=" HASH ","                                                                      \
	"salt=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,data_blocks=8,"     \
	"data_block_size=4096,hash_block_size=4096"
#define INITDATA "version = \"0.1.0\"\nalgorithm = \"sha384\"\n\n[data]\n\"a\" = \"b\"\n"

/* The same digest as in test-snp.c, which sev-snp-measure computed. */
#define DIGEST_TWO                                                                                 \
	"aefaed11f891d31135a88f4bebfa0a5201fe6393450bdb8e4d6b204b0837a72b"                         \
	"95fe181cb3a58a85cf8ca7c063727c4f"

static void put(const char *name, const void *bytes, size_t n)
{
	char *path AUTO_FREE = NULL;
	struct err err = {0};

	if (asprintf(&path, "%s/%s", dir, name) < 0 || io_publish(path, bytes, n, &err) != 0)
		abort();
}

static void put_output(json_t *outputs, const char *name, const void *bytes, size_t n)
{
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};

	put(name, bytes, n);
	if (digest_bytes(DIGEST_SHA256, bytes, n, digest, &err) != 0 ||
		json_object_set_new(outputs, name,
			json_pack("{s:o, s:I}", "sha256", json_doc_hex_new(digest, SHA256_SIZE),
				"size_bytes", (json_int_t)n)) != 0)
		abort();
}

static void put_build(void)
{
	static unsigned char firmware[0x10000];
	struct fake_ovmf fake = fake_ovmf_good();
	json_t *outputs = json_object();
	JSON_AUTO *manifest = json_pack("{s:s, s:s, s:s, s:i, s:{s:b}, s:o}", "schema",
		"assay-build/1", "name", "demo", "architecture", "amd64", "timestamp", 0, "agent",
		"stand_in", 0, "outputs", outputs);
	char *text AUTO_FREE = NULL;

	fake_ovmf_write(&fake, firmware);
	put_output(outputs, "snp.fd", firmware, sizeof(firmware));
	put_output(outputs, "vmlinuz", "kernel bytes", 12);
	put_output(outputs, "initrd.img", "initrd bytes", 12);
	put_output(outputs, "cmdline", BUILD_CMDLINE, strlen(BUILD_CMDLINE));
	put_output(outputs, "kernel_verity_params", VERITY, strlen(VERITY));
	put("initdata.toml", INITDATA, strlen(INITDATA));
	text = json_dumps(manifest, JSON_COMPACT);
	put("manifest.json", text, strlen(text));
}

static int golden(const char *text, struct golden_outputs *ret, json_t **ret_doc, struct err *err)
{
	static const unsigned char sha256[SHA256_SIZE] = {0xab};
	TARGET_AUTO target = {.name = NULL};
	const struct buf *last;
	int rc = target_read(text, strlen(text), "x", &target, err);

	if (rc == 0)
		rc = target_golden(&target, dir, sha256, dir, ret, err);
	if (rc != 0)
		return rc;
	last = &ret->items[ret->count - 1].bytes;
	return json_doc_parse(last->data, last->len, "golden.json", ret_doc, err);
}

static const json_t *tuple_at(const json_t *doc, size_t i)
{
	return json_array_get(json_object_get(doc, "tuples"), i);
}

static const char *text_at(const json_t *tuple, const char *object, const char *key)
{
	return json_string_value(json_object_get(json_object_get(tuple, object), key));
}

static void test_plain(void)
{
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	if (golden(GOOD "[validity]\nnot_after = \"2027-01-01T00:00:00Z\"\n"
			"[platform.snp]\nproduct = \"Genoa\"\n",
		    &outputs, &doc, &err) != 0) {
		ok(false, "a target is measured: %s", err.msg);
		return;
	}
	is_int((long long)outputs.count, 3, "two derivations and the document");
	is_str(json_string_value(json_object_get(tuple_at(doc, 1), "name")), "demo-smp2", "named");
	is_str(text_at(tuple_at(doc, 1), "values", "launch_digest"), DIGEST_TWO,
		"with the digest that another program computes");
	is_str(text_at(tuple_at(doc, 1), "inputs", "initrd") == NULL ? "object" : "string",
		"object", "inputs are named");
	is_str(text_at(tuple_at(doc, 0), "policy", "guest_policy"), "0x30000", "the policy");
	is_str(text_at(doc, "target", "name"), "t", "the target is named");
	is_str(text_at(doc, "validity", "not_after"), "2027-01-01T00:00:00Z", "with its end");
	ok(json_object_get(tuple_at(doc, 0), "role") == NULL &&
			json_object_get(tuple_at(doc, 0), "anchors") == NULL,
		"no role, no anchor");
	ok(outputs.warn.count == 1 && strstr(outputs.warn.lines[0], "not a known build") != NULL,
		"unknown firmware is warned of");
}

static void test_roles(void)
{
	unsigned char digest[INITDATA_DIGEST_MAX];
	char hex[2 * SHA256_SIZE + 1];
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	if (golden(GOOD ROLE
		    "initdata = \"initdata.toml\"\npins = \"cds\"\npins_in = \"initdata\"\n"
		    "[[role]]\nname = \"cds\"\n",
		    &outputs, &doc, &err) != 0) {
		/* The anchor that tells them apart is the workload's alone: the CDS has none. */
		ok(err.msg[0] != '\0', "roles that a verifier could confuse are refused: %s",
			err.msg);
	} else {
		ok(false, "roles of one digest, one without an anchor, are refused");
	}
	golden_outputs_done(&outputs);
	err = (struct err){0};
	if (golden(GOOD ROLE "initdata = \"initdata.toml\"\n", &outputs, &doc, &err) != 0) {
		ok(false, "one role: %s", err.msg);
		return;
	}
	if (initdata_digest(
		    INITDATA, strlen(INITDATA), DIGEST_SHA384, INITDATA_SNP, digest, &err) != 0)
		abort();
	hex_encode(digest, SHA256_SIZE, hex);
	is_str(text_at(tuple_at(doc, 0), "anchors", "host_data"), hex,
		"HOST_DATA is the initdata's digest, cut to its size");
	is_str(json_string_value(json_object_get(tuple_at(doc, 0), "role")), "w", "of the role");
	is_str(json_string_value(json_object_get(tuple_at(doc, 0), "name")), "demo-w-smp1",
		"named");
}

/* Kata's own command line, without an initrd, by the vCPUs that its limits make. */
static void test_kata(void)
{
	static const char target[] = "name = \"t\"\n" KATA "rootfs_type = \"erofs\"\n" SNP
				     "pod_cpu_limits = [\"none\", \"500m\", \"1\", \"2\"]\n";
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	if (golden(target, &outputs, &doc, &err) != 0) {
		ok(false, "Kata's guests are measured: %s", err.msg);
		return;
	}
	is_int((long long)json_array_size(json_object_get(doc, "tuples")), 3,
		"none and 500m, 1, 2: three shapes");
	for (size_t i = 0; i < 3; i++) {
		const json_t *inputs = json_object_get(tuple_at(doc, i), "inputs");
		const char *line = text_at(inputs, "cmdline", "text");
		char want[32];

		snprintf(want, sizeof(want), " nr_cpus=%zu ", i + 1);
		ok(line != NULL && strstr(line, want) != NULL &&
				strstr(line, " sha256 " HASH " ") != NULL,
			"the command line names its vCPUs and the root: %s", line ? line : "");
		ok(json_object_get(inputs, "initrd") == NULL, "there is no initrd");
	}
	is_str(text_at(doc, "target", "kata_version"), "3.30.0", "the version is named");
}

static const struct {
	const char *what, *text, *want;
	int rc;
} bad_runs[] = {
	{"a missing firmware",
		"name = \"t\"\n[[launch.snp]]\nfirmware = \"x.fd\"\nvmm = \"qemu\"\n"
		"cpus = [\"EPYC\"]\nvcpus = [1]\n",
		"x.fd", -EBADMSG},
	{"an unknown VMM",
		"name = \"t\"\n[[launch.snp]]\nfirmware = \"snp.fd\"\nvmm = \"xen\"\n"
		"cpus = [\"EPYC\"]\nvcpus = [1]\n",
		"xen", -ENOTSUP},
	{"an unknown CPU",
		"name = \"t\"\n[[launch.snp]]\nfirmware = \"snp.fd\"\nvmm = \"qemu\"\n"
		"cpus = [\"Epic\"]\nvcpus = [1]\n",
		"Epic", -EINVAL},
	{"no vCPU", "name = \"t\"\n" SNP "vcpus = [0]\n", "vcpus: 0", -EBADMSG},
	{"too many", "name = \"t\"\n" SNP "vcpus = [65536]\n", "vcpus: 65536", -EBADMSG},
	{"debugging", GOOD "guest_policy = \"0xb0000\"\n", "host could read", -EKEYREJECTED},
	{"migration", GOOD "guest_policy = \"0x70000\"\n", "host could read", -EKEYREJECTED},
	{"a reserved bit", GOOD "guest_policy = \"0x10000\"\n", "bit 17", -EINVAL},
	{"a policy that is no number", GOOD "guest_policy = \"yes\"\n", "0x number", -EBADMSG},
	{"features that are no number", GOOD "sev_features = \"1\"\n", "0x number", -EBADMSG},
	{"features that are too large", GOOD "sev_features = \"0x10000000000000000\"\n",
		"0x number", -EBADMSG},
	{"a Kata that does not exist",
		"name = \"t\"\n" SNP "vcpus = [1]\n[kata]\nversion = \"1.0\"\nruntime = \"go\"\n"
		"class = \"qemu-snp\"\n",
		"1.0", 0},
	{"another runtime",
		"name = \"t\"\n" SNP "vcpus = [1]\n[kata]\nversion = \"3.30.0\"\nruntime = \"c\"\n"
		"class = \"qemu-snp\"\n",
		"kata.runtime", -EINVAL},
	{"another class",
		"name = \"t\"\n" SNP "vcpus = [1]\n[kata]\nversion = \"3.30.0\"\nruntime = \"go\"\n"
		"class = \"clh\"\n",
		"kata.class", -EINVAL},
	{"an extension without a line", GOOD KATA "extensions = [\"gpu\"]\n", "NAME=LINE", -EINVAL},
	{"a limit that is none", "name = \"t\"\n" KATA SNP "pod_cpu_limits = [\"many\"]\n",
		"CPU quantity", -EBADMSG},
	{"initdata that is missing", GOOD ROLE "initdata = \"missing.toml\"\n", "missing.toml",
		-ENOENT},
	{"initdata that is none", GOOD ROLE "initdata = \"vmlinuz\"\n", "vmlinuz", 0},
	{"TDX without its firmware", "name = \"t\"\n" TDX, "tdx.fd", -EBADMSG},
	{"roles of the same values", GOOD ROLE "[[role]]\nname = \"cds\"\n", "role", 0},
	{"a platform that the document has not", GOOD "[platform.snp]\nx = 1\n", "x", -EBADMSG},
	{"an end before the beginning",
		GOOD "[validity]\nnot_before = \"2027-01-01T00:00:00Z\"\n"
		     "not_after = \"2026-01-01T00:00:00Z\"\n",
		"ends before", -EBADMSG},
};

static void test_bad_runs(void)
{
	for (size_t i = 0; i < sizeof(bad_runs) / sizeof(*bad_runs); i++) {
		GOLDEN_OUTPUTS_AUTO outputs = {0};
		JSON_AUTO *doc = NULL;
		struct err err = {0};
		int rc = golden(bad_runs[i].text, &outputs, &doc, &err);

		ok(rc != 0 && (bad_runs[i].rc == 0 || rc == bad_runs[i].rc) &&
				strstr(err.msg, bad_runs[i].want) != NULL,
			"%s is refused (%d %s)", bad_runs[i].what, rc, rc != 0 ? err.msg : "");
	}
}

/* A file that is not the one that the manifest names. */
static void test_changed(void)
{
	GOLDEN_OUTPUTS_AUTO outputs = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	put("vmlinuz", "kernel bytez", 12);
	is_int(golden(GOOD, &outputs, &doc, &err), -EKEYREJECTED, "a changed kernel is refused");
}

int main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	put_build();
	test_bad_targets();
	test_too_many();
	test_plain();
	test_roles();
	test_kata();
	test_bad_runs();
	test_changed();
	if (io_remove_tree(dir, &(struct err){0}) != 0)
		return 1;
	return tap_done();
}
