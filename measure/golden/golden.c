/* From a build to its golden document, its derivations and the reference values of its verifiers (golden.h). */
#define _GNU_SOURCE
#include "measure/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/amd/snp.h"
#include "measure/golden/export-c8s.h"
#include "measure/golden/golden-tdx.h"

#define BUILD_SCHEMA "assay-build/1"
#define CMDLINE_MAX  65536
#define LAUNCH_MAX   64 /* CPU models and vCPU counts of one manifest */

static const char *const manifest_keys[] = {"schema", "name", "architecture", "timestamp", "tool",
	"inputs", "kernel", "verity", "cmdline", "policy", "agent", "outputs", "launch", "variant",
	NULL};
static const char *const snp_keys[] = {"firmware", "vmm", "cpu", "vcpus", "sev_features", NULL};
static const char *const tdx_keys[] = {"firmware", "vmm", "vcpus", "memory_bytes", NULL};

/* Everything while it is made. */
struct golden {
	const char *dir;
	const json_t *manifest;
	const char *name;
	struct golden_part kernel, initrd, cmdline;
	struct buf cmdline_text;
	json_t *doc, *tuples; /* doc is owned, tuples is inside it */
	struct golden_outputs outputs;
};

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

void golden_outputs_done(struct golden_outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		free(outputs->items[i].name);
		buf_done(&outputs->items[i].bytes);
	}
	free(outputs->items);
	warn_done(&outputs->warn);
	*outputs = (struct golden_outputs){.count = 0};
}

static void golden_done(struct golden *golden)
{
	free(golden->kernel.path);
	free(golden->initrd.path);
	free(golden->cmdline.path);
	buf_done(&golden->cmdline_text);
	json_decref(golden->doc);
	golden_outputs_done(&golden->outputs);
}

/* A new empty output; NULL without memory. Takes over @name. */
static struct golden_output *new_output(struct golden_outputs *outputs, char *name)
{
	size_t cap = outputs->cap == 0 ? 16 : 2 * outputs->cap;
	struct golden_output *items = outputs->items;

	if (outputs->count == outputs->cap) {
		items = realloc(items, cap * sizeof(*items));
		if (items != NULL) {
			outputs->items = items;
			outputs->cap = cap;
		}
	}
	if (items == NULL || name == NULL) {
		free(name);
		return NULL;
	}
	items[outputs->count] = (struct golden_output){.name = name};
	return &items[outputs->count++];
}

int golden_output_json(
	struct golden_outputs *outputs, char *name, const json_t *doc, struct err *err)
{
	struct golden_output *output = new_output(outputs, name);

	return output == NULL ? out_of_memory(err) : json_doc_write(doc, &output->bytes, err);
}

static int write_output(struct golden *golden, char *name, const json_t *doc, struct err *err)
{
	return golden_output_json(&golden->outputs, name, doc, err);
}

int golden_part(const char *dir, const json_t *manifest, const char *name, struct golden_part *part,
	struct err *err)
{
	const json_t *outputs = json_object_get(manifest, "outputs");
	unsigned char digest[SHA256_SIZE];
	uint64_t size, want_size;
	json_t *output;
	int rc = json_doc_object(outputs, "$.outputs", name, &output, err);

	if (rc == 0)
		rc = json_doc_hex(output, name, "sha256", part->sha256, SHA256_SIZE, err);
	if (rc == 0)
		rc = json_doc_u64(output, name, "size_bytes", &want_size, err);
	if (rc != 0)
		return rc;
	if (!io_is_inside(name))
		return err_fail(err, -EBADMSG, "%s: an output outside the build", name);
	if (asprintf(&part->path, "%s/%s", dir, name) < 0) {
		part->path = NULL;
		return out_of_memory(err);
	}
	part->name = name;
	rc = io_digest_file(part->path, DIGEST_SHA256, digest, &size, err);
	if (rc != 0)
		return rc;
	if (size != want_size || memcmp(digest, part->sha256, SHA256_SIZE) != 0)
		return err_fail(err, -EKEYREJECTED,
			"%s: its size or sha256 is not what the manifest says", part->path);
	return 0;
}

static int find_part(
	const struct golden *golden, const char *name, struct golden_part *part, struct err *err)
{
	return golden_part(golden->dir, golden->manifest, name, part, err);
}

static int read_cmdline(struct golden *golden, struct err *err)
{
	struct buf *text = &golden->cmdline_text;
	int rc = io_read_file(golden->cmdline.path, CMDLINE_MAX, text, err);

	if (rc != 0)
		return rc;
	if (memchr(buf_cstr(text), '\0', text->len) != NULL ||
		memchr(buf_cstr(text), '\n', text->len) != NULL)
		return err_fail(err, -EBADMSG, "%s: a command line holds no NUL and no newline",
			golden->cmdline.path);
	return 0;
}

static int read_manifest(struct golden *golden, struct err *err)
{
	const char *schema;
	json_t *object;
	int rc = json_doc_only(golden->manifest, "$", manifest_keys, err);

	if (rc == 0)
		rc = json_doc_str(golden->manifest, "$", "schema", &schema, err);
	if (rc == 0 && strcmp(schema, BUILD_SCHEMA) != 0)
		return err_fail(err, -ENOTSUP, "manifest: schema %s, not " BUILD_SCHEMA, schema);
	if (rc == 0)
		rc = json_doc_str(golden->manifest, "$", "name", &golden->name, err);
	if (rc == 0 && (!io_is_inside(golden->name) || strchr(golden->name, '/') != NULL))
		return err_fail(
			err, -EBADMSG, "manifest: name %s does not fit a file name", golden->name);
	if (rc == 0)
		rc = json_doc_object(golden->manifest, "$", "launch", &object, err);
	if (rc == 0)
		rc = json_doc_object(golden->manifest, "$", "outputs", &object, err);
	if (rc == 0)
		rc = find_part(golden, "vmlinuz", &golden->kernel, err);
	if (rc == 0 && json_object_get(object, "initrd.img") != NULL)
		rc = find_part(golden, "initrd.img", &golden->initrd, err);
	if (rc == 0)
		rc = find_part(golden, "cmdline", &golden->cmdline, err);
	if (rc != 0)
		return err_wrap(err, "manifest");
	return read_cmdline(golden, err);
}

int golden_document(const json_t *manifest, const char *name,
	const unsigned char manifest_sha256[SHA256_SIZE], json_t **ret, struct err *err)
{
	const json_t *agent = json_object_get(manifest, "agent");
	json_t *architecture = json_object_get(manifest, "architecture");
	json_t *timestamp = json_object_get(manifest, "timestamp");
	json_t *doc;

	if (!json_is_string(architecture) || !json_is_integer(timestamp) ||
		!json_is_boolean(json_object_get(agent, "stand_in")))
		return err_fail(err, -EBADMSG,
			"manifest: architecture, timestamp or agent.stand_in is missing");
	doc = json_pack("{s:s, s:s, s:O, s:O, s:O, s:o, s:[]}", "schema", GOLDEN_SCHEMA, "name",
		name, "architecture", architecture, "timestamp", timestamp, "agent_stand_in",
		json_object_get(agent, "stand_in"), "manifest_sha256",
		json_doc_hex_new(manifest_sha256, SHA256_SIZE), "tuples");
	*ret = doc;
	return doc != NULL ? 0 : out_of_memory(err);
}

/* The manifest is named by the digest of its canonical form, which is what is published. */
static int begin_document(struct golden *golden, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	BUF_AUTO text = {0};
	int rc = json_doc_write(golden->manifest, &text, err);

	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, text.data, text.len, digest, err);
	if (rc == 0)
		rc = golden_document(golden->manifest, golden->name, digest, &golden->doc, err);
	golden->tuples = json_object_get(golden->doc, "tuples");
	return rc;
}

json_t *golden_part_json(const struct golden_part *part)
{
	return json_pack("{s:s, s:o}", "path", part->name, "sha256",
		json_doc_hex_new(part->sha256, SHA256_SIZE));
}

/* A kernel that sets its root up by itself has no initrd. */
static json_t *inputs_json(const struct golden *golden, const struct golden_part *firmware)
{
	json_t *initrd = golden->initrd.path != NULL ? golden_part_json(&golden->initrd) : NULL;

	return json_pack("{s:o, s:o, s:o*, s:o}", "firmware", golden_part_json(firmware), "kernel",
		golden_part_json(&golden->kernel), "initrd", initrd, "cmdline",
		golden_part_json(&golden->cmdline));
}

static bool has_tuple(const json_t *tuples, const char *name)
{
	const json_t *tuple;
	size_t i;

	json_array_foreach(tuples, i, tuple)
	{
		if (strcmp(json_string_value(json_object_get(tuple, "name")), name) == 0)
			return true;
	}
	return false;
}

/* Adds a tuple under its name; takes it over, which may be NULL for lack of memory. */
static int add_tuple(struct golden *golden, const char *name, json_t *tuple, struct err *err)
{
	if (tuple == NULL || has_tuple(golden->tuples, name)) {
		json_decref(tuple);
		return tuple == NULL ? out_of_memory(err)
				     : err_fail(err, -EBADMSG,
					       "manifest: $.launch gives the shape %s twice", name);
	}
	if (json_object_set_new(tuple, "name", json_string(name)) != 0) {
		json_decref(tuple);
		return out_of_memory(err);
	}
	return json_array_append_new(golden->tuples, tuple) == 0 ? 0 : out_of_memory(err);
}

int golden_derivation(struct golden_outputs *outputs, const char *tuple,
	const struct derive *derive, const unsigned char *value, struct err *err)
{
	JSON_AUTO *doc = NULL;
	char *name = NULL;
	int rc = derive_json(derive, value, &doc, err);

	if (rc != 0)
		return rc;
	if (json_object_set_new(doc, "tuple", json_string(tuple)) != 0 ||
		asprintf(&name, "derivation/%s.%s.json", tuple, derive->name) < 0)
		return out_of_memory(err);
	return golden_output_json(outputs, name, doc, err);
}

/* --- SNP --- */

struct snp_shapes {
	const char *vmm;
	struct golden_part firmware_part;
	struct snp_image firmware;
	struct kernel_hashes hashes;
	struct snp_cpu cpus[LAUNCH_MAX];
	size_t cpu_count;
	uint32_t vcpus[LAUNCH_MAX];
	size_t vcpu_count;
	uint64_t sev_features;
};

static void snp_shapes_done(struct snp_shapes *shapes)
{
	free(shapes->firmware_part.path);
	snp_image_done(&shapes->firmware);
}

static int read_cpus(const json_t *snp, struct snp_shapes *shapes, struct err *err)
{
	json_t *list, *item;
	size_t i;
	int rc = json_doc_array(snp, "$.launch.snp", "cpu", &list, err);

	if (rc != 0)
		return rc;
	if (json_array_size(list) < 1 || json_array_size(list) > LAUNCH_MAX)
		return err_fail(err, -EBADMSG, "$.launch.snp.cpu: 1 to %d models", LAUNCH_MAX);
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return err_fail(err, -EBADMSG, "$.launch.snp.cpu: not all strings");
		rc = snp_cpu_parse(json_string_value(item), &shapes->cpus[i], err);
		if (rc != 0)
			return rc;
	}
	shapes->cpu_count = json_array_size(list);
	return 0;
}

static int read_vcpus(const json_t *snp, struct snp_shapes *shapes, struct err *err)
{
	json_t *list, *item;
	size_t i;
	int rc = json_doc_array(snp, "$.launch.snp", "vcpus", &list, err);

	if (rc != 0)
		return rc;
	if (json_array_size(list) < 1 || json_array_size(list) > LAUNCH_MAX)
		return err_fail(err, -EBADMSG, "$.launch.snp.vcpus: 1 to %d counts", LAUNCH_MAX);
	json_array_foreach(list, i, item)
	{
		if (!json_is_integer(item) || json_integer_value(item) < 1 ||
			json_integer_value(item) > SNP_VCPUS_MAX)
			return err_fail(err, -EBADMSG, "$.launch.snp.vcpus: not all 1 to %d",
				SNP_VCPUS_MAX);
		shapes->vcpus[i] = (uint32_t)json_integer_value(item);
	}
	shapes->vcpu_count = json_array_size(list);
	return 0;
}

static int read_features(const json_t *snp, struct snp_shapes *shapes, struct err *err)
{
	const json_t *value = json_object_get(snp, "sev_features");
	char *end = NULL;

	shapes->sev_features = SNP_FEATURES_DEFAULT;
	if (value == NULL)
		return 0;
	if (json_is_string(value) && strncmp(json_string_value(value), "0x", 2) == 0) {
		errno = 0;
		shapes->sev_features = strtoull(json_string_value(value), &end, 16);
	}
	if (end == NULL || *end != '\0' || errno != 0 || end == json_string_value(value) + 2)
		return err_fail(err, -EBADMSG, "$.launch.snp.sev_features: not a 0x number");
	return 0;
}

static int read_snp(
	const struct golden *golden, const json_t *snp, struct snp_shapes *shapes, struct err *err)
{
	const struct buf *cmdline = &golden->cmdline_text;
	const char *firmware;
	int rc = json_doc_only(snp, "$.launch.snp", snp_keys, err);

	if (rc == 0)
		rc = json_doc_str(snp, "$.launch.snp", "vmm", &shapes->vmm, err);
	if (rc == 0)
		rc = json_doc_str(snp, "$.launch.snp", "firmware", &firmware, err);
	if (rc == 0)
		rc = read_cpus(snp, shapes, err);
	if (rc == 0)
		rc = read_vcpus(snp, shapes, err);
	if (rc == 0)
		rc = read_features(snp, shapes, err);
	if (rc == 0)
		rc = find_part(golden, firmware, &shapes->firmware_part, err);
	if (rc != 0)
		return err_wrap(err, "manifest");
	rc = snp_image_read(shapes->firmware_part.path, &shapes->firmware, err);
	if (rc == 0)
		rc = kernel_hashes_kernel(golden->kernel.path, shapes->hashes.kernel, err);
	if (rc == 0)
		rc = kernel_hashes_cmdline(
			buf_cstr(cmdline), cmdline->len, shapes->hashes.cmdline, err);
	if (rc == 0 && golden->initrd.path == NULL)
		return kernel_hashes_initrd(NULL, shapes->hashes.initrd, err);
	memcpy(shapes->hashes.initrd, golden->initrd.sha256, SHA256_SIZE);
	return rc;
}

json_t *golden_snp_tuple(const struct snp_launch *launch, const char *cpu, uint64_t guest_policy,
	json_t *inputs, const unsigned char digest[SHA384_SIZE])
{
	char signature[24], features[24], policy[24];

	snprintf(signature, sizeof(signature), "0x%x", launch->cpu_signature);
	snprintf(features, sizeof(features), "0x%llx", (unsigned long long)launch->sev_features);
	snprintf(policy, sizeof(policy), "0x%llx", (unsigned long long)guest_policy);
	return json_pack("{s:s, s:s, s:b, s:{s:I, s:s, s:s, s:s}, s:{s:s, s:i}, s:o, s:{s:o}}",
		"tee", "sev-snp", "vmm", launch->profile->name, "acpi_verified", 0, "shape",
		"vcpus", (json_int_t)launch->vcpus, "cpu", cpu, "cpu_signature", signature,
		"sev_features", features, "policy", "guest_policy", policy, "vmpl", 0, "inputs",
		inputs, "values", "launch_digest", json_doc_hex_new(digest, SHA384_SIZE));
}

/* "kata-debian-smp2", with the CPU in it when there are several; "25/1/1" becomes "25.1.1", fit for a file name. */
static char *shape_name(const struct golden *golden, const struct snp_shapes *shapes,
	const struct snp_launch *launch, const struct snp_cpu *cpu)
{
	struct snp_cpu safe = *cpu;
	char *name;
	int rc;

	for (char *at = safe.name; *at != '\0'; at++)
		if (*at == '/')
			*at = '.';
	if (shapes->cpu_count == 1)
		rc = asprintf(&name, "%s-smp%u", golden->name, launch->vcpus);
	else
		rc = asprintf(&name, "%s-%s-smp%u", golden->name, safe.name, launch->vcpus);
	return rc < 0 ? NULL : name;
}

static int add_snp_shape(struct golden *golden, const struct snp_shapes *shapes,
	const struct snp_launch *launch, const struct snp_cpu *cpu, struct err *err)
{
	DERIVE_AUTO derive = {.name = "launch_digest", .alg = DIGEST_SHA384};
	unsigned char digest[SHA384_SIZE];
	char *name AUTO_FREE = NULL;
	int rc = snp_launch_digest(launch, &derive, digest, err);

	if (rc != 0)
		return rc;
	name = shape_name(golden, shapes, launch, cpu);
	if (name == NULL)
		return out_of_memory(err);
	rc = add_tuple(golden, name,
		golden_snp_tuple(launch, cpu->name, GOLDEN_GUEST_POLICY,
			inputs_json(golden, &shapes->firmware_part), digest),
		err);
	return rc != 0 ? rc : golden_derivation(&golden->outputs, name, &derive, digest, err);
}

static int add_snp_shapes(struct golden *golden, const struct snp_shapes *shapes, struct err *err)
{
	struct snp_launch launch = {
		.firmware = &shapes->firmware,
		.hashes = &shapes->hashes,
		.sev_features = shapes->sev_features,
	};
	int rc = snp_profile_find(shapes->vmm, &launch.profile, err);

	if (rc == 0)
		snp_launch_warn(&launch, &golden->outputs.warn);
	for (size_t cpu = 0; rc == 0 && cpu < shapes->cpu_count; cpu++) {
		launch.cpu_signature = shapes->cpus[cpu].signature;
		for (size_t i = 0; rc == 0 && i < shapes->vcpu_count; i++) {
			launch.vcpus = shapes->vcpus[i];
			rc = add_snp_shape(golden, shapes, &launch, &shapes->cpus[cpu], err);
		}
	}
	return rc;
}

static int add_snp(struct golden *golden, const json_t *snp, struct err *err)
{
	__attribute__((cleanup(snp_shapes_done))) struct snp_shapes shapes = {.vmm = NULL};
	int rc = read_snp(golden, snp, &shapes, err);

	return rc != 0 ? rc : add_snp_shapes(golden, &shapes, err);
}

/* --- TDX --- */

static void part_done(struct golden_part *part)
{
	free(part->path);
}

static int read_tdx(const struct golden *golden, const json_t *tdx, struct tdx_input *in,
	struct golden_part *part, struct err *err)
{
	const char *firmware;
	int rc = json_doc_only(tdx, "$.launch.tdx", tdx_keys, err);

	if (rc == 0)
		rc = json_doc_str(tdx, "$.launch.tdx", "vmm", &in->vmm, err);
	if (rc == 0)
		rc = json_doc_str(tdx, "$.launch.tdx", "firmware", &firmware, err);
	if (rc == 0 && json_object_get(tdx, "memory_bytes") != NULL)
		rc = json_doc_u64(tdx, "$.launch.tdx", "memory_bytes", &in->memory_bytes, err);
	if (rc == 0)
		rc = find_part(golden, firmware, part, err);
	if (rc != 0)
		return err_wrap(err, "manifest");
	in->firmware = part->path;
	in->kernel = golden->kernel.path;
	in->initrd = golden->initrd.path;
	in->cmdline = buf_cstr(&golden->cmdline_text);
	return 0;
}

static int add_tdx(struct golden *golden, const json_t *launch, struct err *err)
{
	struct golden_part firmware __attribute__((cleanup(part_done))) = {.path = NULL};
	GOLDEN_TDX_AUTO tdx = {.count = 0};
	struct tdx_input in = {.vmm = NULL};
	int rc = read_tdx(golden, launch, &in, &firmware, err);
	const struct tdx_size size = {.memory_bytes = in.memory_bytes};

	if (rc == 0)
		rc = golden_tdx_measure(&in, &size, 1, &firmware, &tdx, err);
	if (rc == 0)
		rc = add_tuple(golden, golden->name,
			golden_tdx_tuple(&tdx, 0, inputs_json(golden, &firmware)), err);
	return rc != 0 ? rc : golden_tdx_derivations(&tdx, 0, golden->name, &golden->outputs, err);
}

/* --- all --- */

static int add_refs(struct golden *golden, const char *tee, const char *file_name, struct err *err)
{
	struct golden_output *output = new_output(&golden->outputs, strdup(file_name));

	return output == NULL ? out_of_memory(err)
			      : export_c8s(golden->doc, tee, &output->bytes, err);
}

static int add_launches(struct golden *golden, struct err *err)
{
	static const char *const keys[] = {"snp", "tdx", NULL};
	const json_t *launch = json_object_get(golden->manifest, "launch");
	const json_t *snp = json_object_get(launch, "snp"), *tdx = json_object_get(launch, "tdx");
	int rc = json_doc_only(launch, "manifest: $.launch", keys, err);

	if (rc == 0 && snp == NULL && tdx == NULL)
		return err_fail(err, -EBADMSG, "manifest: $.launch names no TEE");
	if (rc == 0 && snp != NULL)
		rc = add_snp(golden, snp, err);
	if (rc == 0 && tdx != NULL)
		rc = add_tdx(golden, tdx, err);
	if (rc == 0 && snp != NULL)
		rc = add_refs(golden, "sev-snp", "refs/c8s-snp.json", err);
	if (rc == 0 && tdx != NULL)
		rc = add_refs(golden, "tdx", "refs/c8s-tdx.json", err);
	return rc;
}

int golden_build(
	const char *dir, const json_t *manifest, struct golden_outputs *ret, struct err *err)
{
	__attribute__((cleanup(golden_done))) struct golden golden = {
		.dir = dir, .manifest = manifest};
	int rc = read_manifest(&golden, err);

	if (rc == 0)
		rc = begin_document(&golden, err);
	if (rc == 0)
		rc = add_launches(&golden, err);
	if (rc == 0)
		rc = write_output(&golden, strdup("golden.json"), golden.doc, err);
	if (rc != 0)
		return rc;
	*ret = golden.outputs;
	golden.outputs = (struct golden_outputs){.count = 0};
	return 0;
}

int golden_tuples(const json_t *doc, const json_t **ret, struct err *err)
{
	const char *schema;
	json_t *tuples;
	int rc = json_doc_str(doc, "$", "schema", &schema, err);

	if (rc != 0)
		return rc;
	if (strcmp(schema, GOLDEN_SCHEMA) != 0)
		return err_fail(err, -ENOTSUP, "schema %s, not " GOLDEN_SCHEMA, schema);
	rc = json_doc_array(doc, "$", "tuples", &tuples, err);
	if (rc != 0)
		return rc;
	if (json_array_size(tuples) > GOLDEN_TUPLES_MAX)
		return err_fail(err, -EBADMSG, "$.tuples: more than %d", GOLDEN_TUPLES_MAX);
	*ret = tuples;
	return 0;
}

int golden_tuple_at(const json_t *tuples, size_t i, struct golden_tuple *ret, struct err *err)
{
	const json_t *tuple = json_array_get(tuples, i);
	struct golden_tuple found;
	json_t *values;
	int rc = json_doc_str(tuple, "$.tuples[]", "name", &found.name, err);

	if (rc == 0)
		rc = json_doc_str(tuple, "$.tuples[]", "tee", &found.tee, err);
	if (rc == 0)
		rc = json_doc_object(tuple, "$.tuples[]", "values", &values, err);
	if (rc != 0)
		return rc;
	found.values = values;
	*ret = found;
	return 0;
}
