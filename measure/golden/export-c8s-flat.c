/*
 * The C8s forms beside its image policy: flat lists, Helm values, the image manifest of version 3 and the Kata guest
 * manifest of version 2 (c8s: values.yaml, pkg/runtimemeasure, kata-guest-base/scripts/build.sh).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/verity.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/golden/export-c8s.h"
#include "measure/golden/export.h"

#define HEX_MAX	    (2 * SHA384_SIZE + 1)
#define SMALL_FILE  (64u << 10)
#define GUEST_MODEL "kata-direct-kernel"

/* What an attestation names a guest by first: the launch digest or MRTD. */
static const unsigned char *first_of(const struct golden_entry *entry)
{
	return entry->tee == GOLDEN_SNP ? entry->launch_digest : entry->mrtd;
}

int export_c8s_policy(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *chosen = json_copy(request->doc->json);
	json_t *tuples = json_array();
	struct buf *out = export_file(ret, "image-policy.json", err);

	if (chosen == NULL || tuples == NULL || out == NULL ||
		json_object_set_new(chosen, "tuples", tuples) != 0)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < request->doc->count; i++) {
		json_t *tuple = json_array_get(json_object_get(request->doc->json, "tuples"), i);
		const struct golden_entry *entry = &request->doc->entries[i];

		if (!export_wants(request, entry))
			continue;
		if (json_array_append(tuples, tuple) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
		if (entry->anchor.has)
			warn_add(request->gaps,
				"%s: the form does not hold its HOST_DATA or MRCONFIGID",
				entry->name);
	}
	if (request->rtmr3 != NULL && request->tee != GOLDEN_TDX)
		return err_fail(err, -EINVAL, "--rtmr3: of tuples of TDX only");
	return export_c8s_rtmr3(chosen, golden_tee_name(request->tee), request->rtmr3, out, err);
}

/* The distinct launch digests or MRTDs, in the document's order. */
static int list_firsts(const struct export_request *request, json_t **ret, struct err *err)
{
	JSON_AUTO *list = json_array();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (export_wants(request, entry))
			rc = export_append_once(
				list, json_doc_hex_new(first_of(entry), SHA384_SIZE), err);
	}
	if (rc == 0)
		*ret = json_incref(list);
	return rc;
}

static void warn_flat(const struct export_request *request)
{
	warn_add(request->gaps,
		"a flat list pins registers one by one: one image's value passes with another's");
}

int export_c8s_measurements(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *list = NULL;
	struct buf *out = export_file(ret, "measurements.txt", err);
	const json_t *item;
	size_t i;
	int rc = out == NULL ? -ENOMEM : list_firsts(request, &list, err);

	if (rc != 0)
		return rc;
	json_array_foreach(list, i, item) buf_fmt(out, "%s\n", json_string_value(item));
	if (request->tee == GOLDEN_TDX)
		warn_add(request->gaps, "MRTD is the firmware's: pin the RTMRs too (c8s-rtmrs)");
	return buf_check(out, err);
}

/* RTMR1 and RTMR2, on which all tuples must agree: the form has one value for each. */
static int common_rtmrs(
	const struct export_request *request, const struct golden_entry **ret, struct err *err)
{
	const struct golden_entry *first = NULL;

	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (entry->tee != GOLDEN_TDX || !export_wants(request, entry))
			continue;
		if (!entry->rtmr[1].has || !entry->rtmr[2].has)
			return err_fail(err, -EINVAL, "tuple %s: RTMR1 or RTMR2 is not pinned",
				entry->name);
		if (first != NULL &&
			memcmp(&first->rtmr[1], &entry->rtmr[1], 2 * sizeof(entry->rtmr[1])) != 0)
			return err_fail(err, -EINVAL,
				"tuples %s and %s differ in their RTMRs, and the form has one "
				"value for each",
				first->name, entry->name);
		first = entry;
	}
	*ret = first;
	return 0;
}

static void put_pins(
	const struct golden_entry *entry, const char *before, const char *after, struct buf *out)
{
	for (int i = 1; i <= 2; i++) {
		char hex[HEX_MAX];

		hex_encode(entry->rtmr[i].bytes, SHA384_SIZE, hex);
		buf_fmt(out, "%s%d=%s%s", before, i, hex, after);
	}
}

int export_c8s_rtmrs(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	const struct golden_entry *entry;
	struct buf *out = export_file(ret, "rtmrs.txt", err);
	int rc = out == NULL ? -ENOMEM : common_rtmrs(request, &entry, err);

	if (rc != 0)
		return rc;
	put_pins(entry, "", "\n", out);
	warn_flat(request);
	return buf_check(out, err);
}

static void put_values(const char *section, const json_t *firsts, const struct golden_entry *rtmrs,
	struct buf *out)
{
	const json_t *item;
	size_t i;

	buf_fmt(out, "%s:\n  measurements:\n", section);
	json_array_foreach(firsts, i, item) buf_fmt(out, "    - \"%s\"\n", json_string_value(item));
	if (rtmrs == NULL)
		return;
	buf_str(out, "  rtmrs:\n");
	put_pins(rtmrs, "    - \"", "\"\n", out);
}

int export_c8s_helm(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	const struct golden_entry *rtmrs = NULL;
	JSON_AUTO *firsts = NULL;
	struct buf *out = export_file(ret, "values.yaml", err);
	int rc = out == NULL ? -ENOMEM : list_firsts(request, &firsts, err);

	if (rc == 0 && request->tee == GOLDEN_TDX)
		rc = common_rtmrs(request, &rtmrs, err);
	if (rc != 0)
		return rc;
	put_values("cds", firsts, rtmrs, out);
	put_values("ratlsMesh", firsts, rtmrs, out);
	if (rtmrs != NULL)
		warn_flat(request);
	return buf_check(out, err);
}

/* --- image manifest, version 3 --- */

static int add_variant(json_t *variants, const struct golden_entry *entry, struct err *err)
{
	JSON_AUTO *variant = json_pack("{s:I, s:{s:o, s:s}}", "smp", (json_int_t)entry->vcpus,
		"measurement", "snp_launch_digest",
		json_doc_hex_new(entry->launch_digest, SHA384_SIZE), "algorithm", "sha384");
	const json_t *other;
	size_t i;

	json_array_foreach(variants, i, other)
	{
		if (!json_equal(json_object_get(other, "smp"), json_object_get(variant, "smp")))
			continue;
		if (json_equal(other, variant))
			return 0;
		return err_fail(err, -EINVAL,
			"tuple %s: a second launch digest for %llu vCPUs, and the form has one",
			entry->name, (unsigned long long)entry->vcpus);
	}
	return json_array_append(variants, variant) == 0 ? 0
							 : err_fail(err, -ENOMEM, "out of memory");
}

static int set_tdx(json_t *manifest, const struct golden_entry *entry, struct err *err)
{
	json_t *tdx;

	if (json_object_get(manifest, "tdx") != NULL)
		return err_fail(err, -EINVAL, "tuple %s: a second TDX tuple, and the form has one",
			entry->name);
	if (!entry->rtmr[1].has || !entry->rtmr[2].has)
		return err_fail(
			err, -EINVAL, "tuple %s: RTMR1 or RTMR2 is not pinned", entry->name);
	tdx = json_pack("{s:o, s:o, s:o}", "mrtd", json_doc_hex_new(entry->mrtd, SHA384_SIZE),
		"rtmr1", json_doc_hex_new(entry->rtmr[1].bytes, SHA384_SIZE), "rtmr2",
		json_doc_hex_new(entry->rtmr[2].bytes, SHA384_SIZE));
	return json_object_set_new(manifest, "tdx", tdx) == 0
		       ? 0
		       : err_fail(err, -ENOMEM, "out of memory");
}

static int by_smp(const void *a, const void *b)
{
	json_int_t one = json_integer_value(json_object_get(*(json_t *const *)a, "smp"));
	json_int_t two = json_integer_value(json_object_get(*(json_t *const *)b, "smp"));

	return (one > two) - (one < two);
}

/* The variants in ascending order of their vCPUs. */
static int set_variants(json_t *manifest, const json_t *variants, struct err *err)
{
	size_t count = json_array_size(variants);
	json_t **sorted AUTO_FREE = calloc(count + 1, sizeof(*sorted));
	json_t *list = json_array();

	if (sorted == NULL || json_object_set_new(manifest, "snp_variants", list) != 0)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(variants, i);
	qsort(sorted, count, sizeof(*sorted), by_smp);
	for (size_t i = 0; i < count; i++) {
		if (json_array_append(list, sorted[i]) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

int export_image_manifest(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *manifest = json_pack("{s:i}", "version", 3);
	JSON_AUTO *variants = json_array();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (!export_wants(request, entry))
			continue;
		rc = entry->tee == GOLDEN_SNP ? add_variant(variants, entry, err)
					      : set_tdx(manifest, entry, err);
	}
	if (rc == 0 && json_array_size(variants) > 0)
		rc = set_variants(manifest, variants, err);
	return rc == 0 ? export_json(ret, "image-manifest.json", json_incref(manifest), err) : rc;
}

/* --- Kata guest manifest, version 2 --- */

/* A file of the build as a NUL-terminated string, checked against the build's manifest. */
static int read_part(const struct export_request *request, const json_t *outputs, const char *name,
	struct buf *ret, struct err *err)
{
	unsigned char want[SHA256_SIZE], got[SHA256_SIZE];
	char *path AUTO_FREE = NULL;
	json_t *output;
	int rc = json_doc_object(outputs, "$.outputs", name, &output, err);

	if (rc == 0)
		rc = json_doc_hex(output, name, "sha256", want, SHA256_SIZE, err);
	if (rc == 0 && asprintf(&path, "%s/%s", request->build, name) < 0)
		return err_fail(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = io_read_file(path, SMALL_FILE, ret, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, ret->data, ret->len, got, err);
	if (rc == 0 && memcmp(want, got, SHA256_SIZE) != 0)
		rc = err_fail(err, -EKEYREJECTED, "%s: not what the manifest says", path);
	return rc;
}

/* The value of rootfstype= on the command line, malloc'ed. */
static int find_rootfs_type(const char *cmdline, char **ret, struct err *err)
{
	static const char key[] = " rootfstype=";
	const char *at = strstr(cmdline, key);

	if (at == NULL)
		return err_fail(err, -EBADMSG, "cmdline: no rootfstype=");
	at += strlen(key);
	*ret = strndup(at, strcspn(at, " "));
	return *ret != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static json_t *part_json(const json_t *outputs, const char *name)
{
	return json_pack("{s:s, s:O?}", "path", name, "sha256",
		json_object_get(json_object_get(outputs, name), "sha256"));
}

static int put_side_file(
	struct golden_outputs *ret, const char *name, const char *text, struct err *err)
{
	struct buf *out = export_file(ret, name, err);

	if (out == NULL)
		return -ENOMEM;
	buf_fmt(out, "%s\n", text);
	return buf_check(out, err);
}

int export_kata_guest(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	JSON_AUTO *manifest = NULL;
	BUF_AUTO verity = {0}, cmdline = {0};
	struct verity_params params;
	char *type AUTO_FREE = NULL;
	const json_t *outputs;
	int rc;

	if (request->build == NULL || request->kata_version == NULL)
		return err_fail(
			err, -EINVAL, "--build and --kata-version: required for kata-guest");
	rc = export_build_manifest(request, &manifest, err);
	if (rc != 0)
		return rc;
	outputs = json_object_get(manifest, "outputs");
	rc = read_part(request, outputs, "kernel_verity_params", &verity, err);
	if (rc == 0)
		rc = read_part(request, outputs, "cmdline", &cmdline, err);
	if (rc == 0)
		rc = verity_params_parse(
			buf_cstr(&verity), verity.len, "kernel_verity_params", &params, err);
	if (rc == 0)
		rc = find_rootfs_type(buf_cstr(&cmdline), &type, err);
	if (rc == 0)
		rc = export_json(ret, "manifest.json",
			json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:{s:o, s:o}}", "version", 2,
				"boot_model", GUEST_MODEL, "kata_version", request->kata_version,
				"rootfs_type", type, "build_variant",
				request->variant != NULL ? request->variant : "release",
				"kernel_verity_params", buf_cstr(&verity), "outputs", "kernel",
				part_json(outputs, "vmlinuz"), "rootfs_image",
				part_json(outputs, "rootfs.img")),
			err);
	if (rc == 0)
		rc = put_side_file(ret, "kernel_verity_params", buf_cstr(&verity), err);
	return rc == 0 ? put_side_file(ret, "rootfs_type", type, err) : rc;
}
