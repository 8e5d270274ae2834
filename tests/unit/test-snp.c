/*
 * SNP and SEV launch digests against published and independently computed values in the reference data
 * ($ASSAY_SHARED/vectors/sev-snp.json), when it is there; every one of them, by its mode.
 */
#define _GNU_SOURCE
#include "measure/snp.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/sev.h"
#include "tests/tap.h"

static const char *shared;

static const char *text(const json_t *vector, const char *key)
{
	return json_string_value(json_object_get(vector, key)); /* NULL when null */
}

static uint64_t number(const json_t *vector, const char *key)
{
	const json_t *value = json_object_get(vector, key);

	if (json_is_integer(value))
		return (uint64_t)json_integer_value(value);
	return json_is_string(value) ? strtoull(json_string_value(value), NULL, 0) : 0;
}

static char *path_of(const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/vectors/sev-snp/%s", shared, name) < 0)
		abort();
	return path;
}

/* SHA-256 of a file of the vectors, where "empty" and none are no bytes. */
static int file_hash(const char *name, unsigned char *ret, struct err *err)
{
	char *path AUTO_FREE = NULL;

	if (name == NULL || strcmp(name, "empty") == 0)
		return kernel_hashes_initrd(NULL, ret, err);
	path = path_of(name);
	return kernel_hashes_kernel(path, ret, err);
}

static int hashes_of(const json_t *vector, struct kernel_hashes *ret, struct err *err)
{
	const char *append = text(vector, "append");
	int rc = file_hash(text(vector, "kernel"), ret->kernel, err);

	if (append == NULL)
		append = "";
	if (rc == 0)
		rc = file_hash(text(vector, "initrd"), ret->initrd, err);
	return rc != 0 ? rc : kernel_hashes_cmdline(append, strlen(append), ret->cmdline, err);
}

/* The reference data's VMM names in ours. */
static const char *profile_name(const json_t *vector)
{
	static const char *const names[][2] = {
		{"QEMU", "qemu"},
		{"QEMU-es-legacy", "qemu-es-legacy"},
		{"QEMU-pre6.10", "qemu-pre-6.10"},
		{"ec2", "ec2"},
		{"gce", "gce-milan"},
	};

	if (strcmp(text(vector, "mode"), "snp:svsm") == 0)
		return "svsm";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text(vector, "vmm"), names[i][0]) == 0)
			return names[i][1];
	return "";
}

static int measure_sev(const json_t *vector, const struct snp_launch *launch, const char *path,
	bool es, unsigned char *ret, struct err *err)
{
	struct sev_launch sev = {
		.profile = launch->profile,
		.firmware_path = path,
		.facts = &launch->firmware->facts,
		.hashes = launch->hashes,
		.es = es,
		.cpu_signature = launch->cpu_signature,
		.vcpus = launch->vcpus,
	};

	(void)vector;
	return sev_launch_digest(&sev, NULL, ret, err);
}

static int measure_svsm(
	const json_t *vector, struct snp_launch *launch, unsigned char *ret, struct err *err)
{
	struct snp_profile profile = *launch->profile;
	const json_t *fpu = json_object_get(vector, "svsm_fpu");
	char *path AUTO_FREE = path_of(text(vector, "svsm"));
	SNP_IMAGE_AUTO svsm = {.size_bytes = 0};
	int rc = snp_image_read(path, &svsm, err);

	if (rc != 0)
		return rc;
	profile.vmsa.mxcsr = (uint32_t)number(fpu, "mxcsr");
	profile.vmsa.fcw = (uint16_t)number(fpu, "fcw");
	launch->profile = &profile;
	launch->svsm = &svsm;
	launch->vars_size_bytes = number(vector, "vars_size");
	return snp_launch_digest(launch, NULL, ret, err);
}

/* Writes the vector's digest and its length. */
static int measure(const json_t *vector, unsigned char *ret, size_t *ret_size, struct err *err)
{
	const char *mode = text(vector, "mode");
	char *path AUTO_FREE = path_of(text(vector, "firmware"));
	SNP_IMAGE_AUTO firmware = {.size_bytes = 0};
	struct kernel_hashes hashes;
	struct snp_launch launch = {
		.firmware = &firmware,
		.cpu_signature = (uint32_t)number(vector, "vcpu_sig"),
		.sev_features = number(vector, "guest_features"),
		.vcpus = (uint32_t)number(vector, "vcpus"),
	};
	int rc = snp_image_read(path, &firmware, err);

	if (rc == 0 && text(vector, "kernel") != NULL) {
		rc = hashes_of(vector, &hashes, err);
		launch.hashes = &hashes;
	}
	*ret_size = SHA384_SIZE;
	if (rc == 0 && strcmp(mode, "ovmf-hash") == 0) {
		memcpy(ret, firmware.seed, SHA384_SIZE);
		return 0;
	}
	if (rc == 0)
		rc = snp_profile_find(profile_name(vector), &launch.profile, err);
	if (rc != 0)
		return rc;
	if (strcmp(mode, "snp:svsm") == 0)
		return measure_svsm(vector, &launch, ret, err);
	if (strcmp(mode, "snp") == 0)
		return snp_launch_digest(&launch, NULL, ret, err);
	*ret_size = SHA256_SIZE;
	return measure_sev(vector, &launch, path, strcmp(mode, "seves") == 0, ret, err);
}

static void fill_primitive_page(unsigned char *pages, size_t n)
{
	for (int i = 0; i < 4; i++) {
		memcpy(pages + 4 * i, "LGTM", 4);
		memcpy(pages + n - 16 + 4 * i, "LGTM", 4);
	}
}

/* The three single steps among the vectors; their description is in the data, their inputs are here. */
static int primitive(const char *name, unsigned char *ret, struct err *err)
{
	static unsigned char pages[3 * SNP_PAGE_SIZE];
	SNP_CHAIN_AUTO chain = {.derive = NULL};
	unsigned char content[SHA384_SIZE];
	int rc = snp_chain_init(&chain, NULL, err);

	if (rc == 0 && strcmp(name, "gce_primitive_zero3") == 0)
		rc = snp_chain_range(&chain, SNP_PAGE_ZERO, 0x9000, sizeof(pages), "", err);
	if (rc == 0 && strcmp(name, "dstack_primitive_normal") == 0) {
		rc = digest_bytes(DIGEST_SHA384, "page", 4, content, err);
		if (rc == 0)
			rc = snp_chain_add(&chain, SNP_PAGE_NORMAL, 0x1000, content, "", err);
	}
	fill_primitive_page(pages, sizeof(pages));
	for (size_t i = 0; rc == 0 && i < 3 && strcmp(name, "gce_primitive_normal3") == 0; i++) {
		rc = digest_bytes(
			DIGEST_SHA384, pages + i * SNP_PAGE_SIZE, SNP_PAGE_SIZE, content, err);
		if (rc == 0)
			rc = snp_chain_add(
				&chain, SNP_PAGE_NORMAL, i * SNP_PAGE_SIZE, content, "", err);
	}
	memcpy(ret, chain.ld, SHA384_SIZE);
	return rc;
}

static int keyed(const json_t *vector, unsigned char *ret, struct err *err)
{
	struct sev_keyed in = {
		.policy = (uint32_t)number(vector, "policy"),
		.api_major = (uint8_t)number(vector, "api_major"),
		.api_minor = (uint8_t)number(vector, "api_minor"),
		.build = (uint8_t)number(vector, "build"),
	};
	int rc = json_doc_hex(vector, "$", "tik", in.tik, sizeof(in.tik), err);

	if (rc == 0)
		rc = json_doc_hex(vector, "$", "ld", in.digest, sizeof(in.digest), err);
	if (rc == 0)
		rc = json_doc_hex(vector, "$", "mnonce", in.nonce, sizeof(in.nonce), err);
	return rc != 0 ? rc : sev_keyed_measurement(&in, ret, err);
}

static void check(const json_t *vector)
{
	const char *name = text(vector, "name"), *mode = text(vector, "mode");
	unsigned char digest[SHA384_SIZE];
	char got[2 * SHA384_SIZE + 1];
	size_t size = SHA384_SIZE;
	struct err err = {0};
	int rc;

	if (strcmp(mode, "sev-launch-measure") == 0) {
		rc = keyed(vector, digest, &err);
		size = SHA256_SIZE;
	} else if (strcmp(mode, "primitive") == 0) {
		rc = primitive(name, digest, &err);
	} else if (text(vector, "firmware") == NULL) {
		tap_skip(name, "its firmware is not in the reference data");
		return;
	} else {
		rc = measure(vector, digest, &size, &err);
	}
	if (rc != 0) {
		ok(false, "%s: %s", name, err.msg);
		return;
	}
	hex_encode(digest, size, got);
	is_str(got, text(vector, "expected"), name);
}

static void test_vectors(void)
{
	char *path AUTO_FREE = NULL;
	BUF_AUTO bytes = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};
	json_t *list, *vector;
	size_t i;

	shared = getenv("ASSAY_SHARED") != NULL ? getenv("ASSAY_SHARED") : "../shared";
	if (asprintf(&path, "%s/vectors/sev-snp.json", shared) < 0)
		abort();
	if (io_read_file(path, JSON_DOC_MAX, &bytes, &err) != 0) {
		tap_skip("published SEV and SNP vectors", "no reference data (ASSAY_SHARED)");
		return;
	}
	if (json_doc_parse(bytes.data, bytes.len, path, &doc, &err) != 0 ||
		json_doc_array(doc, "$", "vectors", &list, &err) != 0) {
		ok(false, "%s", err.msg);
		return;
	}
	json_array_foreach(list, i, vector)
	{
		check(vector);
	}
}

int main(void)
{
	test_vectors();
	return tap_done();
}
