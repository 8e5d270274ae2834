/* The build manifest (manifest.h). */
#include "mkimage/manifest.h"

#include <stdio.h>

#include "lib/io.h"
#include "lib/json.h"

#define SOURCE_BYTES_MAX (512u << 20)

/* Puts @value (a reference that is taken over, NULL without memory) into @obj. */
static void put(struct manifest *manifest, json_t *obj, const char *key, json_t *value)
{
	if (json_object_set_new(obj, key, value) != 0)
		manifest->bad = 1;
}

static void add_input(struct manifest *manifest, json_t *input)
{
	if (json_array_append_new(manifest->inputs, input) != 0)
		manifest->bad = 1;
}

static json_t *strings(char *const *items, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; array != NULL && i < count; i++) {
		if (json_array_append_new(array, json_string(items[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static void add_document(struct manifest *manifest, const char *kind, uint64_t size_bytes,
	const unsigned char sha256[SHA256_SIZE])
{
	add_input(manifest,
		json_pack("{s:s, s:I, s:o}", "kind", kind, "size_bytes", (json_int_t)size_bytes,
			"sha256", json_doc_hex_new(sha256, SHA256_SIZE)));
}

static void add_include(struct manifest *manifest, const struct recipe_document *document)
{
	add_input(manifest, json_pack("{s:s, s:s, s:I, s:o}", "kind", "include", "name",
				    document->path, "size_bytes", (json_int_t)document->size_bytes,
				    "sha256", json_doc_hex_new(document->sha256, SHA256_SIZE)));
}

/* What tells the image of a variant from the recipe's own. */
static void add_variant(struct manifest *manifest, const struct recipe *recipe)
{
	const struct recipe_delta *delta = &recipe->delta;

	if (recipe->variant == NULL)
		return;
	put(manifest, manifest->doc, "variant",
		json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", recipe->variant, "of",
			recipe->identity, "added", strings(delta->added.items, delta->added.count),
			"changed", strings(delta->changed.items, delta->changed.count), "dropped",
			strings(delta->dropped.items, delta->dropped.count)));
}

static void add_package(struct manifest *manifest, const struct lock_package *package)
{
	add_input(manifest, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "kind", "package",
				    "set", package->set, "name", package->name, "version",
				    package->version, "architecture", package->architecture,
				    "size_bytes", (json_int_t)package->size_bytes, "sha256",
				    json_doc_hex_new(package->sha256, SHA256_SIZE)));
}

/* A recipe's own bytes, under the guest path or role @as. */
static int add_source(struct manifest *manifest, const struct recipe *recipe,
	const struct recipe_source *source, const char *as, struct err *err)
{
	unsigned char sha256[SHA256_SIZE];
	BUF_AUTO bytes = {0};
	int rc = recipe_source_read(recipe, source, SOURCE_BYTES_MAX, &bytes, err);

	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, bytes.data, bytes.len, sha256, err);
	if (rc != 0)
		return rc;
	add_input(manifest,
		json_pack("{s:s, s:s, s:I, s:o}", "kind", "file", "name", as, "size_bytes",
			(json_int_t)bytes.len, "sha256", json_doc_hex_new(sha256, SHA256_SIZE)));
	return 0;
}

/* A [[source]], pinned by the recipe: a build with other bytes than these fails. */
static void add_import(struct manifest *manifest, const struct recipe_import *import)
{
	json_t *input = json_pack("{s:s, s:s, s:s, s:o}", "kind", "source", "source",
		recipe_import_kind_name(import->kind), "name", import->path, "sha256",
		json_doc_hex_new(import->sha256, SHA256_SIZE));

	add_input(manifest, input);
	put(manifest, input, "to", json_sprintf("/%s", import->to));
	if (import->only.count > 0)
		put(manifest, input, "only", strings(import->only.items, import->only.count));
}

static int add_sources(struct manifest *manifest, const struct recipe *recipe, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < recipe->import_count; i++)
		add_import(manifest, &recipe->imports[i]);
	for (size_t i = 0; rc == 0 && i < recipe->file_count; i++)
		rc = add_source(
			manifest, recipe, &recipe->files[i].source, recipe->files[i].path, err);
	for (size_t i = 0; rc == 0 && i < recipe->unit_count; i++) {
		if (recipe->units[i].has_source)
			rc = add_source(manifest, recipe, &recipe->units[i].source,
				recipe->units[i].name, err);
	}
	if (rc == 0 && recipe->policy.present)
		rc = add_source(manifest, recipe, &recipe->policy.source, "policy", err);
	if (rc == 0 && recipe->agent.present)
		rc = add_source(manifest, recipe, &recipe->agent.source, "agent", err);
	return rc;
}

int manifest_file(struct manifest *manifest, const char *as, const char *path, struct err *err)
{
	unsigned char sha256[SHA256_SIZE];
	uint64_t size;
	int rc = io_digest_file(path, DIGEST_SHA256, sha256, &size, err);

	if (rc == 0)
		add_input(manifest,
			json_pack("{s:s, s:s, s:I, s:o}", "kind", "file", "name", as, "size_bytes",
				(json_int_t)size, "sha256", json_doc_hex_new(sha256, SHA256_SIZE)));
	return rc;
}

static void add_launch(
	struct manifest *manifest, json_t *launches, const struct recipe_launch *launch)
{
	json_t *vcpus = json_array();
	char firmware[300];

	for (size_t i = 0; i < launch->vcpus_count; i++) {
		if (json_array_append_new(vcpus, json_integer((json_int_t)launch->vcpus[i])) != 0)
			manifest->bad = 1;
	}
	snprintf(firmware, sizeof(firmware), "firmware/%s.fd", launch->firmware);
	put(manifest, launches, launch->tee,
		json_pack("{s:s, s:s, s:o}", "firmware", firmware, "vmm", launch->vmm, "vcpus",
			vcpus));
	if (launch->cpu.count > 0)
		put(manifest, json_object_get(launches, launch->tee), "cpu",
			strings(launch->cpu.items, launch->cpu.count));
}

int manifest_begin(struct manifest *manifest, const struct recipe *recipe, const struct lock *lock,
	struct err *err)
{
	json_t *launches;
	int rc;

	*manifest = (struct manifest){
		.doc = json_object(), .inputs = json_array(), .outputs = json_object()};
	put(manifest, manifest->doc, "inputs", manifest->inputs);
	put(manifest, manifest->doc, "outputs", manifest->outputs);
	put(manifest, manifest->doc, "schema", json_string(MANIFEST_SCHEMA));
	put(manifest, manifest->doc, "name", json_string(recipe->name));
	add_variant(manifest, recipe);
	put(manifest, manifest->doc, "architecture", json_string(recipe->architecture));
	put(manifest, manifest->doc, "timestamp", json_integer((json_int_t)recipe->timestamp));
	put(manifest, manifest->doc, "tool",
		json_pack("{s:s, s:s}", "name", "assay", "version", ASSAY_VERSION));
	add_document(manifest, "recipe", recipe->size_bytes, recipe->sha256);
	for (size_t i = 0; i < recipe->document_count; i++)
		add_include(manifest, &recipe->documents[i]);
	if (lock->path != NULL)
		add_document(manifest, "lock", lock->size_bytes, lock->sha256);
	for (size_t i = 0; i < lock->count; i++)
		add_package(manifest, &lock->packages[i]);
	rc = add_sources(manifest, recipe, err);
	if (rc != 0)
		return rc;
	launches = json_object();
	put(manifest, manifest->doc, "launch", launches);
	for (size_t i = 0; i < recipe->launch_count; i++)
		add_launch(manifest, launches, &recipe->launches[i]);
	return 0;
}

void manifest_done(struct manifest *manifest)
{
	json_decref(manifest->doc);
	*manifest = (struct manifest){0};
}

void manifest_tool(struct manifest *manifest, const char *name, const char *version,
	const unsigned char *sha256)
{
	json_t *tool = json_pack("{s:s, s:s}", "kind", "tool", "name", name);

	add_input(manifest, tool);
	if (version != NULL)
		put(manifest, tool, "version", json_string(version));
	if (sha256 != NULL)
		put(manifest, tool, "sha256", json_doc_hex_new(sha256, SHA256_SIZE));
}

void manifest_output(struct manifest *manifest, const char *name, uint64_t size_bytes,
	const unsigned char sha256[SHA256_SIZE])
{
	put(manifest, manifest->outputs, name,
		json_pack("{s:I, s:o}", "size_bytes", (json_int_t)size_bytes, "sha256",
			json_doc_hex_new(sha256, SHA256_SIZE)));
}

void manifest_kernel(
	struct manifest *manifest, const char *version, char *const *warnings, size_t count)
{
	put(manifest, manifest->doc, "kernel",
		json_pack("{s:s, s:o}", "version", version, "warnings", strings(warnings, count)));
}

void manifest_policy(
	struct manifest *manifest, const char *guest_path, const unsigned char sha256[SHA256_SIZE])
{
	put(manifest, manifest->doc, "policy",
		json_pack("{s:s, s:o}", "path", guest_path, "sha256",
			json_doc_hex_new(sha256, SHA256_SIZE)));
}

void manifest_disk(struct manifest *manifest, const struct disk_result *disk)
{
	const struct verity_params *verity = &disk->verity;

	put(manifest, manifest->doc, "verity",
		json_pack("{s:s, s:i, s:o, s:o, s:I, s:i, s:i}", "algorithm", "sha256", "hash_type",
			1, "root_hash", json_doc_hex_new(verity->root_hash, SHA256_SIZE), "salt",
			json_doc_hex_new(verity->salt, verity->salt_bytes), "data_blocks",
			(json_int_t)verity->data_blocks, "data_block_size", (int)VERITY_BLOCK_SIZE,
			"hash_block_size", (int)VERITY_BLOCK_SIZE));
}

void manifest_agent(
	struct manifest *manifest, const unsigned char sha256[SHA256_SIZE], bool stand_in)
{
	put(manifest, manifest->doc, "agent",
		json_pack("{s:o, s:b}", "sha256", json_doc_hex_new(sha256, SHA256_SIZE), "stand_in",
			(int)stand_in));
}

void manifest_cmdline(struct manifest *manifest, const char *cmdline)
{
	put(manifest, manifest->doc, "cmdline", json_string(cmdline));
}

int manifest_end(struct manifest *manifest, json_t **ret, struct err *err)
{
	if (manifest->bad)
		return err_fail(err, -ENOMEM, "out of memory for the manifest");
	*ret = manifest->doc;
	manifest->doc = NULL;
	return 0;
}
