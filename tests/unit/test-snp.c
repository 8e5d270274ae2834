/*
 * SNP and SEV launch digests against published and independently computed values in the reference data
 * ($ASSAY_SHARED/vectors/sev-snp.json), when it is there; every one of them, by its mode.
 */
#define _GNU_SOURCE
#include "measure/amd/snp.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/sev.h"
#include "tests/tap.h"
#include "tests/unit/fake-ovmf.h"

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

/* A file of the scratch directory. */
static char scratch[] = "/tmp/assay-test-snp-XXXXXX";

static char *put(const char *name, const void *bytes, size_t n)
{
	struct err err = {0};
	char *path = NULL;

	if (asprintf(&path, "%s/%s", scratch, name) < 0 || io_publish(path, bytes, n, &err) != 0)
		abort();
	return path;
}

static char *put_fake(const struct fake_ovmf *fake)
{
	unsigned char *bytes = malloc(fake->size_bytes);
	char *path;

	if (bytes == NULL)
		abort();
	fake_ovmf_write(fake, bytes);
	path = put("firmware.fd", bytes, fake->size_bytes);
	free(bytes);
	return path;
}

/* What is measured of the synthetic firmware; @expected was computed by sev-snp-measure 0.0.13 from the same bytes. */
struct known {
	const char *what, *vmm, *cpu;
	uint32_t vcpus;
	uint64_t features;
	const char *cmdline; /* NULL: no kernel */
	bool initrd;
	const char *expected;
};

static const struct known knowns[] = {
	{"one vCPU", "qemu", "EPYC-v4", 1, 0x1, NULL, false,
		"3a512d6abadaa6c40f8effc69b33d0152846d923760dd3e8aa326e71e0437cd6"
		"3a180b7045aeb2306d74efeb6ec94599"},
	{"four vCPUs, Milan, DebugSwap", "qemu", "EPYC-Milan", 4, 0x21, NULL, false,
		"e77ba57346c8b8b7179fb130ae25464324d3e68bc922c72d1eb10d36296a4aea"
		"9ac80b2cd300e545b9ca6f45734d925b"},
	{"kernel and initrd", "qemu", "EPYC", 2, 0x1, "console=ttyS0 nr_cpus=2", true,
		"aefaed11f891d31135a88f4bebfa0a5201fe6393450bdb8e4d6b204b0837a72b"
		"95fe181cb3a58a85cf8ca7c063727c4f"},
	{"kernel alone", "qemu", "EPYC", 2, 0x1, "", false,
		"09bdfccbc8532f8cc207578ecd3b04beab8bd2f93b9e3b75e1aaa9ef20b48b5b"
		"d053625f0d319ddb249e9568620bcac0"},
	{"EC2", "ec2", "EPYC", 3, 0x1, NULL, false,
		"37e162ac213e2b2871ab26ff545a9cb9c29753552adca73b80cbfe83f43b4f6b"
		"9d6eabadd3f084d60b5a46dc734a4a00"},
	{"GCE", "gce-milan", "EPYC", 3, 0x1, NULL, false,
		"ca30b4c7adcda294874c4ab9982b89c0352c48c375628f6f4bf003232ea32233"
		"e2a011496e79e93164d19a2817fb591a"},
};

static void hash_known(const struct known *known, struct kernel_hashes *ret)
{
	struct err err = {0};

	if (digest_bytes(DIGEST_SHA256, "kernel bytes", 12, ret->kernel, &err) != 0 ||
		digest_bytes(DIGEST_SHA256, "initrd bytes", known->initrd ? 12 : 0, ret->initrd,
			&err) != 0 ||
		kernel_hashes_cmdline(known->cmdline, strlen(known->cmdline), ret->cmdline, &err) !=
			0)
		abort();
}

static void check_known(const struct known *known, const struct snp_image *firmware)
{
	DERIVE_AUTO derive = {.name = "launch_digest", .alg = DIGEST_SHA384};
	unsigned char digest[SHA384_SIZE], recorded[SHA384_SIZE] = {0};
	struct kernel_hashes hashes;
	struct snp_launch launch = {
		.firmware = firmware, .sev_features = known->features, .vcpus = known->vcpus};
	char got[2 * SHA384_SIZE + 1];
	struct err err = {0};
	struct snp_cpu cpu;

	if (known->cmdline != NULL) {
		hash_known(known, &hashes);
		launch.hashes = &hashes;
	}
	if (snp_cpu_parse(known->cpu, &cpu, &err) != 0 ||
		snp_profile_find(known->vmm, &launch.profile, &err) != 0)
		abort();
	launch.cpu_signature = cpu.signature;
	if (snp_launch_digest(&launch, NULL, digest, &err) != 0 ||
		snp_launch_digest(&launch, &derive, recorded, &err) != 0) {
		ok(false, "%s: %s", known->what, err.msg);
		return;
	}
	hex_encode(digest, sizeof(digest), got);
	is_str(got, known->expected, known->what);
	ok(memcmp(digest, recorded, sizeof(digest)) == 0, "%s: recorded alike", known->what);
	is_int((long long)derive.count, 16 + 16 + known->vcpus, "with every page");
}

static void test_known(void)
{
	struct fake_ovmf fake = fake_ovmf_good();
	char *path AUTO_FREE = put_fake(&fake);
	SNP_IMAGE_AUTO firmware = {.size_bytes = 0};
	struct err err = {0};

	is_int(snp_image_read(path, &firmware, &err), 0, "synthetic firmware is read");
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++)
		check_known(&knowns[i], &firmware);
}

/* Plain SEV and SEV-ES of the same bytes, from the same judge. */
static void test_known_sev(void)
{
	static const struct known sev[] = {
		{"SEV", "qemu", "EPYC", 0, 0, NULL, false,
			"184199501810e84a7e14b16963928cad9678f81078471db721f8abead936a49a"},
		{"SEV with kernel", "qemu", "EPYC", 0, 0, "console=ttyS0 nr_cpus=2", true,
			"715426c0443e7abe2dcd46f1181d91fb90856b0b8bf62e45b0ad7b88e09ecf0e"},
		{"SEV-ES with kernel", "qemu", "EPYC", 3, 0, "console=ttyS0 nr_cpus=2", true,
			"f70c44512416d06126cbbd25147af1b64030437260a7b4fbba10a410aa148ad3"},
	};
	struct fake_ovmf fake = fake_ovmf_good();
	char *path AUTO_FREE = put_fake(&fake);
	SNP_IMAGE_AUTO firmware = {.size_bytes = 0};
	struct err err = {0};

	if (snp_image_read(path, &firmware, &err) != 0)
		abort();
	for (size_t i = 0; i < sizeof(sev) / sizeof(sev[0]); i++) {
		struct kernel_hashes hashes;
		struct sev_launch launch = {
			.firmware_path = path,
			.facts = &firmware.facts,
			.es = sev[i].vcpus > 0,
			.cpu_signature = 0x800f12,
			.vcpus = sev[i].vcpus,
		};
		unsigned char digest[SHA256_SIZE] = {0};
		char got[2 * SHA256_SIZE + 1];

		if (sev[i].cmdline != NULL) {
			hash_known(&sev[i], &hashes);
			launch.hashes = &hashes;
		}
		if (snp_profile_find("qemu", &launch.profile, &err) != 0)
			abort();
		is_int(sev_launch_digest(&launch, NULL, digest, &err), 0, sev[i].what);
		hex_encode(digest, sizeof(digest), got);
		is_str(got, sev[i].expected, sev[i].what);
	}
}

/* One way to be refused: the firmware's, and what is asked of it. */
static void refused(const struct fake_ovmf *fake, struct snp_launch launch, int code,
	const char *message, const char *what)
{
	char *path AUTO_FREE = put_fake(fake);
	SNP_IMAGE_AUTO firmware = {.size_bytes = 0};
	unsigned char digest[SHA384_SIZE];
	struct err err = {0};
	int rc = snp_image_read(path, &firmware, &err);

	launch.firmware = &firmware;
	if (launch.vcpus == 0)
		launch.vcpus = 1;
	if (launch.profile == NULL && snp_profile_find("qemu", &launch.profile, &err) != 0)
		abort();
	if (launch.vcpus == UINT32_MAX)
		launch.vcpus = 0;
	if (rc == 0)
		rc = snp_launch_digest(&launch, NULL, digest, &err);
	ok(rc == code && strstr(err.msg, message) != NULL, "%s: refused", what);
	if (rc != code || strstr(err.msg, message) == NULL)
		printf("#   %d %s\n", rc, err.msg);
}

static void test_refusals(void)
{
	static const struct kernel_hashes hashes;
	const struct snp_launch plain = {0}, kernel = {.hashes = &hashes};
	const struct fake_ovmf good = fake_ovmf_good();
	const struct snp_profile *profile = NULL;
	struct fake_ovmf fake = good;
	struct snp_launch launch = {0};
	struct err err = {0};

	fake.meta.count = 5;
	refused(&fake, kernel, -EBADMSG, "unmeasured", "bad-no-hashes-section");
	fake = good;
	fake.no_hashes = true;
	refused(&fake, kernel, -EBADMSG, "unmeasured", "bad-no-hash-table-entry");
	fake = good;
	fake.hash_gpa = fake.hash_size = 0;
	refused(&fake, kernel, -EBADMSG, "unmeasured", "bad-hash-table-at-0");
	fake = good;
	fake.meta.sections[5].size_bytes = 0;
	fake.hash_gpa = 0x810000;
	fake.hash_size = 0;
	refused(&fake, kernel, -EBADMSG, "kernel hash table", "bad-hashes-section-empty");
	fake = good;
	fake.hash_gpa = 0x810f80;
	refused(&fake, plain, -EBADMSG, "not inside", "bad-hash-table-end-outside-page");
	fake.hash_gpa = 0x80ff00;
	refused(&fake, plain, -EBADMSG, "not inside", "bad-hash-table-start-outside-page");
	fake.hash_gpa = 0x810c00;
	fake.hash_size = 0xfffff000;
	refused(&fake, plain, -EBADMSG, "not inside", "bad-hash-table-size");
	fake.hash_size = 175;
	refused(&fake, plain, -EBADMSG, "175 bytes", "bad-hash-table-too-small");
	fake = good;
	fake.no_metadata = true;
	refused(&fake, plain, -EBADMSG, "no SEV metadata", "bad-no-metadata");
	fake = good;
	fake.no_reset = true;
	refused(&fake, plain, -EBADMSG, "reset block", "bad-no-reset-block");
	fake = good;
	fake.reset_eip = 0;
	refused(&fake, plain, -EBADMSG, "address 0", "bad-reset-eip-0");
	fake = good;
	fake.meta.sections[0].gpa = 0xffff0000;
	refused(&fake, plain, -EBADMSG, "reaches into", "bad-section-in-rom");
	fake = good;
	fake.meta_count = 5;
	refused(&fake, plain, -EBADMSG, "bytes for 5 sections", "bad-section-count");
	fake = good;
	fake.size_bytes = 0x10000 - 512;
	refused(&fake, plain, -EBADMSG, "4 KiB pages", "bad-firmware-size");
	launch.vcpus = UINT32_MAX;
	refused(&good, launch, -EINVAL, "0 vCPUs", "bad-vcpus-0");
	launch.vcpus = SNP_VCPUS_MAX + 1;
	refused(&good, launch, -EINVAL, "4097 vCPUs", "bad-vcpus-4097");
	fake = good;
	fake.meta.sections[0].type = 0x77;
	if (snp_profile_find("gce-milan", &profile, &err) != 0)
		abort();
	launch = (struct snp_launch){.profile = profile};
	refused(&fake, launch, -ENOTSUP, "no rule", "bad-unknown-section-on-gce");
	if (snp_profile_find("svsm", &profile, &err) != 0)
		abort();
	launch.profile = profile;
	refused(&good, launch, -EINVAL, "needs an SVSM", "bad-svsm-missing");
	if (snp_profile_find("qemu-es-legacy", &profile, &err) != 0)
		abort();
	launch.profile = profile;
	refused(&good, launch, -EINVAL, "not for SNP", "bad-es-profile-for-snp");
}

static int kernel_of(const void *bytes, size_t n)
{
	char *path AUTO_FREE = put("kernel", bytes, n);
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};

	return kernel_hashes_kernel(path, digest, &err);
}

static void test_kernels(void)
{
	unsigned char image[8192] = {0x7f, 'E', 'L', 'F'};
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};

	is_int(kernel_of(image, sizeof(image)), -ENOTSUP, "bad-kernel-elf: refused");
	memcpy(image + 0x202, "HdrS", 4);
	is_int(kernel_of(image, sizeof(image)), 0, "a Linux header makes it a Linux kernel");
	memset(image, 0, sizeof(image));
	fake_le32(image + 8180, 0x1badb002);
	fake_le32(image + 8184, 3);
	fake_le32(image + 8188, 0u - 0x1badb002 - 3);
	is_int(kernel_of(image, sizeof(image)), -ENOTSUP, "bad-kernel-multiboot: refused");
	fake_le32(image + 8188, 1);
	is_int(kernel_of(image, sizeof(image)), 0, "a wrong checksum is no multiboot header");
	is_int(kernel_of("", 0), 0, "an empty kernel is hashed");
	is_int(kernel_hashes_cmdline("a\0b", 3, digest, &err), -EINVAL, "bad-cmdline-nul: refused");
}

int main(void)
{
	if (mkdtemp(scratch) == NULL)
		return 1;
	test_known();
	test_known_sev();
	test_refusals();
	test_kernels();
	test_vectors();
	if (io_remove_tree(scratch, &(struct err){0}) != 0)
		return 1;
	return tap_done();
}
