/*
 * dstack: the measurement documents of an image directory with the digest over them, and the allow list of its key
 * management (dstack.h; dstack kms/auth-simple, crates/dstack-auth).
 *
 * dstack's verifier computes registers again from the documents. So each tuple is computed that way here too, and one
 * that comes out different is refused: its guests would be.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/profile-snp.h"
#include "measure/amd/snp.h"
#include "measure/golden/dstack.h"
#include "measure/golden/export.h"
#include "measure/tdx/authenticode.h"
#include "measure/tdx/direct.h"
#include "measure/tdx/generation.h"
#include "measure/tdx/mrtd.h"
#include "measure/tdx/profile-tdx.h"

#define CMDLINE_BYTES_MAX (64u << 10)
#define KERNEL_BYTES_MAX  (256u << 20)
#define HEX256		  (2 * SHA256_SIZE + 1)
#define HASH_WORD	  "dstack.rootfs_hash="
#define APP_ID_SIZE	  20

/* From this much memory on, and with exactly 2 GiB, QEMU's patch of the kernel is the same (dstack-mr, kernel.rs). */
#define STABLE_MEMORY 0xb0000000
/* What dstack takes QEMU for: it patches the kernel. */
#define PATCHING_VMM  "qemu-8.2-canonical"

/* What dstack takes the firmware for. */
static const struct generation dstack_generation = {
	.cc_measurement = true,
	.direct_boot = true,
	.separators = GENERATION_SEPARATORS_BOTH,
	.initrd = GENERATION_INITRD_LAST,
	.name = "pre202505",
};

enum part {
	PART_KERNEL,
	PART_INITRD,
	PART_CMDLINE,
	PART_TDX, /* firmware */
	PART_SNP,
	PARTS,
};

static const char *const part_inputs[PARTS] = {
	"kernel", "initrd", "cmdline", "firmware", "firmware"};

/* Under which name a part is in an image directory; NULL: not as a file of its own. */
static const char *const part_names[PARTS] = {
	"bzImage", "initramfs.cpio.gz", NULL, "ovmf.fd", "ovmf-sev.fd"};

struct work {
	const struct export_request *request;
	struct golden_outputs *outputs;
	json_t *manifest; /* owned */
	bool has[PARTS];
	struct golden_part part[PARTS]; /* names borrowed from the golden document */
	struct buf cmdline, kernel;
	uint64_t initrd_bytes;
	struct dstack_tdx tdx;
	struct kernel_hashes hashes;
	struct snp_image image;
};

static void work_done(struct work *work)
{
	json_decref(work->manifest);
	for (int i = 0; i < PARTS; i++)
		free(work->part[i].path);
	buf_done(&work->cmdline);
	buf_done(&work->kernel);
	buf_done(&work->tdx.td_hob);
	snp_image_done(&work->image);
}

/* --- what all tuples have in common --- */

static const json_t *inputs_of(const struct work *work, size_t i)
{
	const json_t *tuples = json_object_get(work->request->doc->json, "tuples");

	return json_object_get(json_array_get(tuples, i), "inputs");
}

/* Finds the file of the build that a tuple names, the same for all tuples. */
static int take_part(struct work *work, enum part part, size_t i, struct err *err)
{
	const char *name = work->request->doc->entries[i].name, *path;
	const json_t *input = json_object_get(inputs_of(work, i), part_inputs[part]);
	unsigned char sha256[SHA256_SIZE];
	int rc;

	path = json_string_value(json_object_get(input, "path"));
	if (path == NULL)
		return err_fail(err, -EINVAL,
			"tuple %s: no file of the build for its %s: dstack boots kernel, initrd "
			"and "
			"command line of the image",
			name, part_inputs[part]);
	if (work->has[part])
		return strcmp(work->part[part].name, path) == 0
			       ? 0
			       : err_fail(err, -EINVAL,
					 "tuple %s: another %s, and a dstack image has one", name,
					 part_inputs[part]);
	rc = golden_part(work->request->build, work->manifest, path, &work->part[part], err);
	if (rc == 0)
		rc = json_doc_hex(input, name, "sha256", sha256, SHA256_SIZE, err);
	if (rc == 0 && memcmp(sha256, work->part[part].sha256, SHA256_SIZE) != 0)
		rc = err_fail(err, -EKEYREJECTED, "tuple %s: computed from another %s", name, path);
	work->has[part] = rc == 0;
	return rc;
}

static int take_parts(struct work *work, struct err *err)
{
	const struct golden_doc *doc = work->request->doc;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < doc->count; i++) {
		if (!export_wants(work->request, &doc->entries[i]))
			continue;
		for (enum part part = PART_KERNEL; rc == 0 && part <= PART_CMDLINE; part++)
			rc = take_part(work, part, i, err);
		if (rc == 0)
			rc = take_part(work,
				doc->entries[i].tee == GOLDEN_TDX ? PART_TDX : PART_SNP, i, err);
	}
	return rc;
}

/* dstack's own check of a command line: the root file system's hash, of 32 bytes. */
static int check_cmdline(const struct work *work, struct err *err)
{
	const char *text = buf_cstr(&work->cmdline);
	const char *at = text;

	if (memchr(text, '\0', work->cmdline.len) != NULL || strpbrk(text, "\n\t") != NULL ||
		text[0] == ' ' || text[work->cmdline.len - 1] == ' ')
		return err_fail(err, -EBADMSG,
			"cmdline: a NUL, a newline, a tab, or a space at an end, which dstack "
			"cuts");
	while ((at = strstr(at, HASH_WORD)) != NULL && at != text && at[-1] != ' ')
		at++;
	if (at == NULL)
		return err_fail(err, -EINVAL, "cmdline: no " HASH_WORD ": not an image for dstack");
	at += strlen(HASH_WORD);
	if (strcspn(at, " ") != 2 * SHA256_SIZE ||
		strspn(at, "0123456789abcdefABCDEF") != 2 * SHA256_SIZE)
		return err_fail(err, -EBADMSG, "cmdline: " HASH_WORD " is not 64 hex digits");
	return 0;
}

static int read_parts(struct work *work, struct err *err)
{
	unsigned char sha256[SHA256_SIZE];
	int rc = io_read_file(
		work->part[PART_CMDLINE].path, CMDLINE_BYTES_MAX, &work->cmdline, err);

	if (rc == 0 && work->cmdline.len == 0)
		rc = err_fail(err, -EBADMSG, "cmdline: empty");
	if (rc == 0)
		rc = check_cmdline(work, err);
	if (rc == 0)
		rc = io_read_file(
			work->part[PART_KERNEL].path, KERNEL_BYTES_MAX, &work->kernel, err);
	if (rc == 0)
		rc = io_digest_file(work->part[PART_INITRD].path, DIGEST_SHA384, work->tdx.initrd,
			&work->initrd_bytes, err);
	if (rc == 0)
		rc = io_digest_file(work->part[PART_INITRD].path, DIGEST_SHA256, sha256,
			&work->initrd_bytes, err);
	if (rc == 0 && memcmp(sha256, work->part[PART_INITRD].sha256, SHA256_SIZE) != 0)
		rc = err_fail(err, -EKEYREJECTED, "%s: changed while it was read",
			work->part[PART_INITRD].path);
	return rc;
}

/* --- TDX --- */

/* RTMR0 has more events from edk2-stable202505 on, and dstack knows the layout before that alone. */
static int check_generation(const struct buf *firmware, struct warn *gaps, struct err *err)
{
	struct generation generation;
	struct err why = {0};
	int rc = generation_detect(firmware->data, firmware->len, &generation, &why);

	if (rc != 0)
		warn_add(gaps, "RTMR0: whether dstack knows the firmware's layout: %s", why.msg);
	else if (generation.fw_cfg || generation.smbios != GENERATION_SMBIOS_NONE)
		return err_fail(err, -EINVAL,
			"%s firmware: dstack computes RTMR0 of firmware before edk2-stable202505",
			generation.name);
	return 0;
}

static int make_tdx(struct work *work, struct direct_boot *boot, struct err *err)
{
	struct dstack_tdx *tdx = &work->tdx;
	BUF_AUTO firmware = {0}, options = {0};
	struct tdvf tdvf;
	int rc = io_read_file(work->part[PART_TDX].path, SNP_IMAGE_MAX, &firmware, err);

	if (rc == 0)
		rc = check_generation(&firmware, work->request->gaps, err);
	if (rc == 0)
		rc = tdvf_parse(firmware.data, firmware.len, &tdvf, err);
	if (rc == 0)
		rc = mrtd_compute(firmware.data, firmware.len, &tdvf,
			&(struct mrtd_build){.order = MRTD_SINGLE}, NULL, tdx->mrtd_single, err);
	if (rc == 0)
		rc = mrtd_compute(firmware.data, firmware.len, &tdvf,
			&(struct mrtd_build){.order = MRTD_TWO}, NULL, tdx->mrtd_two, err);
	if (rc == 0)
		rc = dstack_td_hob(&tdvf, &tdx->td_hob, err);
	if (rc != 0)
		return err_wrap(err, "%s", work->part[PART_TDX].path);
	rc = direct_check(boot, err);
	if (rc == 0)
		rc = direct_kernel_digest(boot, tdx->kernel, err);
	if (rc == 0)
		rc = direct_load_options(boot, &options, err);
	return rc == 0 ? digest_bytes(DIGEST_SHA384, options.data, options.len, tdx->cmdline, err)
		       : rc;
}

static int check_tdx(const struct work *work, const struct direct_boot *boot,
	const struct golden_entry *entry, struct err *err)
{
	struct rtmr rtmr1 = {.derive = NULL}, rtmr2 = {.derive = NULL};
	int rc = direct_rtmr1(boot, &rtmr1, err);

	if (rc == 0)
		rc = direct_rtmr2(boot, &rtmr2, err);
	if (rc != 0)
		return rc;
	if (memcmp(entry->mrtd, work->tdx.mrtd_single, SHA384_SIZE) != 0 &&
		memcmp(entry->mrtd, work->tdx.mrtd_two, SHA384_SIZE) != 0)
		return err_fail(
			err, -EINVAL, "tuple %s: its MRTD is not of this firmware", entry->name);
	if (entry->rtmr[1].has && memcmp(entry->rtmr[1].bytes, rtmr1.value, SHA384_SIZE) != 0)
		return err_fail(err, -EINVAL,
			"tuple %s: dstack computes another RTMR1: it takes it that QEMU patches "
			"the "
			"kernel, with 2 GiB or from 2816 MiB on",
			entry->name);
	if (entry->rtmr[2].has && memcmp(entry->rtmr[2].bytes, rtmr2.value, SHA384_SIZE) != 0)
		return err_fail(err, -EINVAL,
			"tuple %s: dstack computes another RTMR2: it takes it that the firmware "
			"puts initrd= last",
			entry->name);
	return 0;
}

static int put_tdx(struct work *work, struct err *err)
{
	const struct golden_doc *doc = work->request->doc;
	struct direct_boot boot = {.generation = &dstack_generation,
		.kernel = work->kernel.data,
		.kernel_bytes = work->kernel.len,
		.initrd_bytes = work->initrd_bytes,
		.cmdline = buf_cstr(&work->cmdline),
		.memory_bytes = STABLE_MEMORY};
	struct buf *out;
	int rc;

	if (!work->has[PART_TDX])
		return 0;
	memcpy(boot.initrd_sha384, work->tdx.initrd, SHA384_SIZE);
	rc = tdx_vmm_find(PATCHING_VMM, &boot.vmm, err);
	if (rc == 0)
		rc = make_tdx(work, &boot, err);
	for (size_t i = 0; rc == 0 && i < doc->count; i++) {
		const struct golden_entry *entry = &doc->entries[i];

		if (entry->tee == GOLDEN_TDX && export_wants(work->request, entry))
			rc = check_tdx(work, &boot, entry, err);
	}
	out = rc == 0 ? export_file(work->outputs, "measurement.tdx.cbor", err) : NULL;
	if (out == NULL)
		return rc != 0 ? rc : -ENOMEM;
	dstack_tdx_write(&work->tdx, out);
	return buf_check(out, err);
}

/* --- SNP --- */

static int check_section(const struct sevmeta_section *section, size_t i, struct err *err)
{
	if (section->size_bytes == 0)
		return err_fail(err, -EBADMSG, "section %zu: empty, which dstack refuses", i);
	if (strcmp(sevmeta_type_name(section->type), "unknown") == 0)
		return err_fail(err, -EBADMSG, "section %zu: a type that dstack does not know", i);
	return 0;
}

static int make_snp(struct work *work, struct err *err)
{
	struct snp_image *image = &work->image;
	int rc = snp_image_read(work->part[PART_SNP].path, image, err);

	if (rc == 0)
		rc = snp_image_seed(image, NULL, err);
	for (size_t i = 0; rc == 0 && i < image->facts.meta.count; i++)
		rc = check_section(&image->facts.meta.sections[i], i, err);
	if (rc != 0)
		return err_wrap(err, "%s", work->part[PART_SNP].path);
	memcpy(work->hashes.initrd, work->part[PART_INITRD].sha256, SHA256_SIZE);
	rc = kernel_hashes_kernel(work->part[PART_KERNEL].path, work->hashes.kernel, err);
	return rc == 0 ? kernel_hashes_cmdline(buf_cstr(&work->cmdline), work->cmdline.len,
				 work->hashes.cmdline, err)
		       : rc;
}

/* The launch digest as dstack computes it: as QEMU launches. */
static int check_snp(const struct work *work, size_t i, struct err *err)
{
	const struct golden_entry *entry = &work->request->doc->entries[i];
	const json_t *tuples = json_object_get(work->request->doc->json, "tuples");
	const json_t *shape = json_object_get(json_array_get(tuples, i), "shape");
	struct snp_launch launch = {.firmware = &work->image, .hashes = &work->hashes};
	const char *signature = json_string_value(json_object_get(shape, "cpu_signature"));
	const char *features = json_string_value(json_object_get(shape, "sev_features"));
	unsigned char digest[SHA384_SIZE];
	int rc = snp_profile_find("qemu", &launch.profile, err);

	if (rc != 0)
		return rc;
	/* The reader of golden documents has seen that they are 0x numbers. */
	launch.cpu_signature = (uint32_t)strtoul(signature, NULL, 16);
	launch.sev_features = strtoull(features, NULL, 16);
	launch.vcpus = (uint32_t)entry->vcpus;
	rc = snp_launch_digest(&launch, NULL, digest, err);
	if (rc == 0 && memcmp(digest, entry->launch_digest, SHA384_SIZE) != 0)
		rc = err_fail(err, -EINVAL, "tuple %s: dstack computes another launch digest",
			entry->name);
	return rc;
}

static int put_snp(struct work *work, struct err *err)
{
	const struct golden_doc *doc = work->request->doc;
	struct dstack_snp snp = {.cmdline = buf_cstr(&work->cmdline)};
	struct buf *out;
	int rc;

	if (!work->has[PART_SNP])
		return 0;
	rc = make_snp(work, err);
	for (size_t i = 0; rc == 0 && i < doc->count; i++) {
		if (doc->entries[i].tee == GOLDEN_SNP &&
			export_wants(work->request, &doc->entries[i]))
			rc = check_snp(work, i, err);
	}
	out = rc == 0 ? export_file(work->outputs, "measurement.snp.cbor", err) : NULL;
	if (out == NULL)
		return rc != 0 ? rc : -ENOMEM;
	memcpy(snp.ovmf, work->image.seed, SHA384_SIZE);
	memcpy(snp.kernel, work->hashes.kernel, SHA256_SIZE);
	memcpy(snp.initrd, work->hashes.initrd, SHA256_SIZE);
	snp.hash_table_gpa = work->image.facts.hash_table_gpa;
	snp.reset_eip = work->image.facts.reset_eip;
	snp.sections = &work->image.facts.meta;
	dstack_snp_write(&snp, out);
	return buf_check(out, err);
}

/* --- the unified kernel image, which GCP's virtual TPM measures --- */

static int put_gcp(struct work *work, struct err *err)
{
	const json_t *outputs = json_object_get(work->manifest, "outputs");
	struct golden_part part = {.path = NULL};
	unsigned char digest[SHA256_SIZE];
	char *name AUTO_FREE = NULL;
	BUF_AUTO image = {0};
	struct buf *out;
	int rc;

	if (asprintf(&name, "%s.efi", work->request->doc->name) < 0) {
		name = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	if (json_object_get(outputs, name) == NULL)
		return 0;
	rc = golden_part(work->request->build, work->manifest, name, &part, err);
	if (rc == 0)
		rc = io_read_file(part.path, KERNEL_BYTES_MAX, &image, err);
	free(part.path);
	if (rc == 0)
		rc = authenticode_digest(DIGEST_SHA256, image.data, image.len, digest, err);
	out = rc == 0 ? export_file(work->outputs, "measurement.gcp.cbor", err) : NULL;
	if (out == NULL)
		return rc != 0 ? rc : -ENOMEM;
	dstack_gcp_write(digest, out);
	return buf_check(out, err);
}

/* --- the image directory --- */

static int put_metadata(struct work *work, struct err *err)
{
	const struct export_request *request = work->request;
	const char *sev = work->has[PART_SNP] ? part_names[PART_SNP] : NULL;
	const char *bios = work->has[PART_TDX] ? part_names[PART_TDX] : sev;
	const json_t *outputs = json_object_get(work->manifest, "outputs");
	bool rootfs = json_object_get(outputs, "rootfs.img") != NULL;
	bool dev = request->variant != NULL && strcmp(request->variant, "release") != 0;

	return export_json(work->outputs, "metadata.json",
		json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s*, s:s*, s:b, s:b, s:s}", "bios", bios,
			"bios-sev", sev, "kernel", part_names[PART_KERNEL], "cmdline",
			buf_cstr(&work->cmdline), "initrd", part_names[PART_INITRD], "rootfs",
			rootfs ? "rootfs.img" : NULL, "version", request->image_version,
			"shared_ro", 1, "is_dev", dev, "ovmf_variant", "pre202505"),
		err);
}

static void put_sum(const unsigned char sha256[SHA256_SIZE], const char *name, struct buf *ret)
{
	char hex[HEX256];

	hex_encode(sha256, SHA256_SIZE, hex);
	buf_fmt(ret, "%s  %s\n", hex, name);
}

/* The files of the build in dstack's order, then those that were made here. The SNP firmware is not among them: its
 * document has its digest. */
static int put_sums(struct work *work, unsigned char ret_digest[SHA256_SIZE], struct err *err)
{
	static const enum part parts[] = {PART_TDX, PART_KERNEL, PART_INITRD};
	static const char *const made[] = {"metadata.json", "measurement.tdx.cbor",
		"measurement.snp.cbor", "measurement.gcp.cbor"};
	char hex[HEX256];
	BUF_AUTO sums = {0};
	struct buf *out;
	int rc = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (work->has[parts[i]])
			put_sum(work->part[parts[i]].sha256, part_names[parts[i]], &sums);
	}
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
		for (size_t k = 0; rc == 0 && k < work->outputs->count; k++) {
			const struct golden_output *output = &work->outputs->items[k];
			unsigned char sha256[SHA256_SIZE];

			if (strcmp(output->name, made[i]) != 0)
				continue;
			rc = digest_bytes(
				DIGEST_SHA256, output->bytes.data, output->bytes.len, sha256, err);
			put_sum(sha256, made[i], &sums);
		}
	}
	if (rc == 0)
		rc = buf_check(&sums, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, sums.data, sums.len, ret_digest, err);
	out = rc == 0 ? export_file(work->outputs, "sha256sum.txt", err) : NULL;
	if (out == NULL)
		return rc != 0 ? rc : -ENOMEM;
	buf_add(out, sums.data, sums.len);
	rc = buf_check(out, err);
	out = rc == 0 ? export_file(work->outputs, "digest.txt", err) : NULL;
	if (out == NULL)
		return rc != 0 ? rc : -ENOMEM;
	hex_encode(ret_digest, SHA256_SIZE, hex);
	buf_fmt(out, "%s\n", hex);
	return buf_check(out, err);
}

static int make_image(struct work *work, unsigned char ret_digest[SHA256_SIZE], struct err *err)
{
	int rc;

	if (work->request->build == NULL)
		return err_fail(err, -EINVAL, "--build: required for dstack");
	rc = export_build_manifest(work->request, &work->manifest, err);
	if (rc == 0)
		rc = take_parts(work, err);
	if (rc == 0)
		rc = read_parts(work, err);
	if (rc == 0)
		rc = put_metadata(work, err);
	if (rc == 0)
		rc = put_tdx(work, err);
	if (rc == 0)
		rc = put_snp(work, err);
	if (rc == 0)
		rc = put_gcp(work, err);
	return rc == 0 ? put_sums(work, ret_digest, err) : rc;
}

/* --- digests of tuples --- */

static int read_key_provider(const struct export_request *request, unsigned char ret[SHA256_SIZE],
	bool *ret_has, struct err *err)
{
	const char *text = request->key_provider;

	*ret_has = text != NULL;
	if (text != NULL && !hex_decode(text, ret, SHA256_SIZE))
		return err_fail(err, -EINVAL, "--key-provider: not 64 hex digits");
	return 0;
}

static int add_digests(const struct export_request *request, const struct golden_entry *entry,
	json_t *list, struct err *err)
{
	unsigned char provider[SHA256_SIZE], aggregated[SHA256_SIZE], system[SHA256_SIZE];
	bool has_provider;
	json_t *tuple = json_pack("{s:s}", "tuple", entry->name);
	int rc = json_array_append_new(list, tuple) == 0
			 ? read_key_provider(request, provider, &has_provider, err)
			 : err_fail(err, -ENOMEM, "out of memory");

	if (rc != 0)
		return rc;
	/* What is not pinned is left out: no reader of the image needs these two. */
	if (dstack_mr_aggregated(entry, aggregated))
		json_object_set_new(
			tuple, "mr_aggregated", json_doc_hex_new(aggregated, SHA256_SIZE));
	if (dstack_mr_system(entry, has_provider ? provider : NULL, system))
		json_object_set_new(tuple, "mr_system", json_doc_hex_new(system, SHA256_SIZE));
	return 0;
}

int export_dstack(const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	struct work work __attribute__((cleanup(work_done))) = {.request = request, .outputs = ret};
	unsigned char digest[SHA256_SIZE];
	json_t *list;
	JSON_AUTO *doc = NULL;
	int rc = make_image(&work, digest, err);

	if (rc != 0)
		return rc;
	doc = json_pack(
		"{s:o, s:[]}", "os_image_hash", json_doc_hex_new(digest, SHA256_SIZE), "tuples");
	list = json_object_get(doc, "tuples");
	if (list == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		if (export_wants(request, &request->doc->entries[i]))
			rc = add_digests(request, &request->doc->entries[i], list, err);
	}
	return rc == 0 ? export_json(ret, "mr.json", json_incref(doc), err) : rc;
}

/* --- the allow list --- */

static json_t *prefixed(const unsigned char *bytes, size_t size)
{
	char hex[2 + HEX256] = "0x";

	hex_encode(bytes, size, hex + 2);
	return json_string(hex);
}

static int add_app(json_t *apps, const char *text, struct err *err)
{
	unsigned char id[APP_ID_SIZE], hash[SHA256_SIZE];
	char key[2 + 2 * APP_ID_SIZE + 1] = "0x";
	const char *equals = strchr(text, '=');
	char *name AUTO_FREE = strndup(text, equals != NULL ? (size_t)(equals - text) : 0);
	json_t *app;

	if (name == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (equals == NULL || !hex_decode(name, id, sizeof(id)) ||
		!hex_decode(equals + 1, hash, sizeof(hash)))
		return err_fail(err, -EINVAL,
			"--app %s: not APP-ID=COMPOSE-HASH, of 40 and 64 hex digits", text);
	hex_encode(id, sizeof(id), key + 2);
	app = json_object_get(apps, key);
	if (app == NULL) {
		app = json_pack("{s:[], s:b}", "composeHashes", "allowAnyDevice", 1);
		if (json_object_set_new(apps, key, app) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return export_append_once(
		json_object_get(app, "composeHashes"), prefixed(hash, sizeof(hash)), err);
}

static int add_kms(
	const struct export_request *request, size_t i, json_t *aggregated, struct err *err)
{
	const struct golden_entry *entry = &request->doc->entries[i];
	unsigned char digest[SHA256_SIZE];

	if (!export_wants(request, entry) || entry->role == NULL || strcmp(entry->role, "kms") != 0)
		return 0;
	if (!dstack_mr_aggregated(entry, digest)) {
		warn_add(request->gaps, "%s: no kms.mrAggregated without %s", entry->name,
			entry->tee == GOLDEN_SNP ? "HOST_DATA" : "RTMR0 and RTMR3");
		return 0;
	}
	return export_append_once(aggregated, prefixed(digest, sizeof(digest)), err);
}

int export_dstack_auth(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	GOLDEN_OUTPUTS_AUTO made = {.count = 0};
	struct work work
		__attribute__((cleanup(work_done))) = {.request = request, .outputs = &made};
	JSON_AUTO *aggregated = json_array();
	JSON_AUTO *apps = json_object();
	unsigned char digest[SHA256_SIZE];
	int rc = make_image(&work, digest, err);

	for (size_t i = 0; rc == 0 && i < request->doc->count; i++)
		rc = add_kms(request, i, aggregated, err);
	for (size_t i = 0; rc == 0 && i < request->app_count; i++)
		rc = add_app(apps, request->apps[i], err);
	if (rc != 0)
		return rc;
	if (json_array_size(aggregated) == 0)
		warn_add(request->gaps,
			"kms.mrAggregated: no tuple of role kms, so no KMS is let in");
	if (request->app_count == 0)
		warn_add(request->gaps, "apps: no --app, so no application is let in");
	return export_json(ret, "auth-config.json",
		json_pack("{s:[o], s:{s:O, s:b}, s:O}", "osImages",
			prefixed(digest, sizeof(digest)), "kms", "mrAggregated", aggregated,
			"allowAnyDevice", 1, "apps", apps),
		err);
}
