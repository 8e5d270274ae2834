/* Firmware metadata documents (snp-meta.h). */
#include "measure/amd/snp-meta.h"

#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/amd/kernel-hashes.h"

#define SCHEMA	 "assay-firmware/1"
#define META_MAX 65536

static const char *const keys[] = {
	"schema", "launch_digest", "sections", "reset_eip", "hash_table_gpa", NULL};
static const char *const section_keys[] = {"gpa", "size", "type", NULL};

/* A "0x" number of 32 bits. */
static int get_hex(
	const json_t *object, const char *at, const char *key, uint32_t *ret, struct err *err)
{
	const char *text;
	uint64_t value;
	int rc = json_doc_str(object, at, key, &text, err);

	if (rc != 0)
		return rc;
	if (strncmp(text, "0x", 2) != 0 || strpbrk(text, "KMG") != NULL ||
		!opt_number(text, &value) || value > UINT32_MAX)
		return err_fail(err, -EBADMSG, "%s.%s: not a 0x number of 32 bits", at, key);
	*ret = (uint32_t)value;
	return 0;
}

static int get_section(const json_t *object, struct sevmeta_section *ret, struct err *err)
{
	static const char at[] = "$.sections[]";
	uint64_t type = 0;
	int rc = json_doc_only(object, at, section_keys, err);

	if (rc == 0)
		rc = get_hex(object, at, "gpa", &ret->gpa, err);
	if (rc == 0)
		rc = get_hex(object, at, "size", &ret->size_bytes, err);
	if (rc == 0)
		rc = json_doc_u64(object, at, "type", &type, err);
	if (rc == 0 && type > UINT32_MAX)
		return err_fail(err, -EBADMSG, "%s.type: not of 32 bits", at);
	ret->type = (uint32_t)type;
	return rc;
}

static int get_sections(const json_t *doc, struct sevmeta *ret, struct err *err)
{
	json_t *list;
	int rc = json_doc_array(doc, "$", "sections", &list, err);

	if (rc == 0 && json_array_size(list) > SEVMETA_SECTIONS_MAX)
		return err_fail(err, -EBADMSG, "$.sections: more than %d", SEVMETA_SECTIONS_MAX);
	for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
		rc = get_section(json_array_get(list, i), &ret->sections[i], err);
	if (rc == 0)
		ret->count = json_array_size(list);
	return rc;
}

static int get_image(const json_t *doc, struct snp_image *image, struct err *err)
{
	struct snp_facts *facts = &image->facts;
	const char *schema;
	int rc = json_doc_only(doc, "$", keys, err);

	if (rc == 0)
		rc = json_doc_str(doc, "$", "schema", &schema, err);
	if (rc == 0 && strcmp(schema, SCHEMA) != 0)
		return err_fail(err, -ENOTSUP, "schema %s, not " SCHEMA, schema);
	if (rc == 0)
		rc = json_doc_hex(doc, "$", "launch_digest", image->seed, SHA384_SIZE, err);
	if (rc == 0)
		rc = get_sections(doc, &facts->meta, err);
	if (rc == 0)
		rc = get_hex(doc, "$", "reset_eip", &facts->reset_eip, err);
	if (rc == 0 && json_object_get(doc, "hash_table_gpa") != NULL)
		rc = get_hex(doc, "$", "hash_table_gpa", &facts->hash_table_gpa, err);
	if (rc == 0 && facts->reset_eip == 0)
		return err_fail(err, -EBADMSG, "$.reset_eip: 0");
	if (facts->hash_table_gpa != 0)
		facts->hash_table_size = KERNEL_HASHES_SIZE;
	facts->has_metadata = true;
	return rc;
}

int snp_meta_read(const char *path, struct snp_image *ret, struct err *err)
{
	struct snp_image image = {.from_file = false};
	JSON_AUTO *doc = NULL;
	BUF_AUTO text = {0};
	int rc = io_read_file(path, META_MAX, &text, err);

	if (rc == 0)
		rc = json_doc_parse(text.data, text.len, path, &doc, err);
	if (rc != 0)
		return rc;
	rc = get_image(doc, &image, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	*ret = image;
	return 0;
}

static json_t *hex_text(uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%x", value);
	return json_string(text);
}

int snp_meta_json(const struct snp_image *image, json_t **ret, struct err *err)
{
	const struct snp_facts *facts = &image->facts;
	JSON_AUTO *sections = json_array();
	JSON_AUTO *doc = NULL;
	int rc = snp_facts_check(facts, SNP_FOUR_GIB - image->size_bytes, err);

	if (rc != 0)
		return rc;
	if (!facts->has_metadata || facts->reset_eip == 0)
		return err_fail(err, -EBADMSG,
			"firmware has no SEV metadata or no reset block: no SNP guest");
	for (size_t i = 0; i < facts->meta.count; i++) {
		const struct sevmeta_section *section = &facts->meta.sections[i];

		if (json_array_append_new(
			    sections, json_pack("{s:o, s:o, s:I}", "gpa", hex_text(section->gpa),
					      "size", hex_text(section->size_bytes), "type",
					      (json_int_t)section->type)) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	doc = json_pack("{s:s, s:o, s:O, s:o}", "schema", SCHEMA, "launch_digest",
		json_doc_hex_new(image->seed, SHA384_SIZE), "sections", sections, "reset_eip",
		hex_text(facts->reset_eip));
	if (doc == NULL ||
		(facts->hash_table_gpa != 0 && json_object_set_new(doc, "hash_table_gpa",
						       hex_text(facts->hash_table_gpa)) != 0))
		return err_fail(err, -ENOMEM, "out of memory");
	*ret = json_incref(doc);
	return 0;
}
