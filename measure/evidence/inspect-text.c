/* assay inspect: dm-verity parameters, and documents in JSON. */
#include <string.h>

#include "formats/verity.h"
#include "lib/json.h"
#include "measure/evidence/inspect.h"
#include "measure/golden/golden-doc.h"
#include "measure/golden/golden.h"

#define PARAMS_START "root_hash="

bool inspect_is_verity(const struct inspect_file *file)
{
	return file->head_len >= strlen(PARAMS_START) &&
	       memcmp(file->head, PARAMS_START, strlen(PARAMS_START)) == 0;
}

int inspect_verity(const struct inspect_file *file, json_t *doc, struct err *err)
{
	struct verity_geometry geometry;
	struct verity_params params;
	int rc = verity_params_parse(file->data, file->len, "parameters", &params, err);

	if (rc == 0)
		rc = verity_geometry(params.data_blocks, &geometry, err);
	if (rc == 0)
		rc = inspect_hex(doc, "root_hash", params.root_hash, sizeof(params.root_hash), err);
	if (rc == 0)
		rc = inspect_hex(doc, "salt", params.salt, params.salt_bytes, err);
	if (rc == 0)
		rc = inspect_u64(doc, "data_blocks", params.data_blocks, err);
	if (rc == 0)
		rc = inspect_u64(doc, "data_bytes", params.data_blocks * VERITY_BLOCK_SIZE, err);
	return rc != 0 ? rc
		       : inspect_u64(
				 doc, "tree_bytes", geometry.tree_blocks * VERITY_BLOCK_SIZE, err);
}

/* --- JSON --- */

bool inspect_is_json(const struct inspect_file *file)
{
	size_t i = 0;

	while (i < file->head_len && file->head[i] != 0 && strchr(" \t\r\n", file->head[i]) != NULL)
		i++;
	return i < file->head_len && (file->head[i] == '{' || file->head[i] == '[');
}

static int add_tuple(const struct golden_entry *entry, json_t *doc, struct err *err)
{
	json_t *row = inspect_append(doc, "tuple");
	int rc = inspect_str(row, "name", entry->name, strlen(entry->name), err);

	if (rc == 0)
		rc = inspect_set(row, "tee", json_string(golden_tee_name(entry->tee)), err);
	if (rc == 0)
		rc = inspect_str(row, "vmm", entry->vmm, strlen(entry->vmm), err);
	if (rc == 0 && entry->role != NULL)
		rc = inspect_str(row, "role", entry->role, strlen(entry->role), err);
	if (rc == 0 && entry->tee == GOLDEN_SNP)
		return inspect_hex(row, "launch_digest", entry->launch_digest, SHA384_SIZE, err);
	if (rc == 0)
		rc = inspect_hex(row, "mrtd", entry->mrtd, SHA384_SIZE, err);
	for (int i = 0; rc == 0 && i < GOLDEN_RTMRS; i++) {
		const char key[] = {'r', 't', 'm', 'r', (char)('0' + i), '\0'};

		if (entry->rtmr[i].has)
			rc = inspect_hex(row, key, entry->rtmr[i].bytes, SHA384_SIZE, err);
	}
	return rc;
}

static int add_golden(const json_t *json, json_t *doc, struct err *err)
{
	GOLDEN_DOC_AUTO golden = {.json = NULL};
	int rc = golden_doc_from_json(json, &golden, err);

	if (rc != 0)
		return rc;
	rc = inspect_str(doc, "name", golden.name, strlen(golden.name), err);
	if (rc == 0)
		rc = inspect_bool(doc, "agent_stand_in", golden.agent_stand_in, err);
	if (rc == 0)
		rc = inspect_hex(doc, "manifest_sha256", golden.manifest_sha256, SHA256_SIZE, err);
	if (rc == 0 && golden.not_before != NULL)
		rc = inspect_str(
			doc, "not_before", golden.not_before, strlen(golden.not_before), err);
	if (rc == 0 && golden.not_after != NULL)
		rc = inspect_str(doc, "not_after", golden.not_after, strlen(golden.not_after), err);
	for (size_t i = 0; rc == 0 && i < golden.count; i++)
		rc = add_tuple(&golden.entries[i], doc, err);
	return rc;
}

static int add_keys(json_t *json, json_t *doc, struct err *err)
{
	json_t *list = json_array();
	const char *key;
	json_t *value;
	int rc = inspect_set(doc, "fields", list, err);

	json_object_foreach(json, key, value)
	{
		if (rc == 0 && json_array_append_new(list, json_string(key)) != 0)
			rc = err_fail(err, -ENOMEM, "out of memory");
	}
	return rc;
}

int inspect_json(const struct inspect_file *file, json_t *doc, struct err *err)
{
	JSON_AUTO *json = NULL;
	const char *schema;
	int rc = json_doc_parse(file->data, file->len, "document", &json, err);

	if (rc != 0)
		return rc;
	if (json_is_array(json) || json_object_get(json, "event_log") != NULL)
		return inspect_log(file, doc, err);
	schema = json_string_value(json_object_get(json, "schema"));
	if (schema != NULL)
		rc = inspect_str(doc, "schema", schema, strlen(schema), err);
	if (rc != 0)
		return rc;
	return schema != NULL && strcmp(schema, GOLDEN_SCHEMA) == 0 ? add_golden(json, doc, err)
								    : add_keys(json, doc, err);
}
