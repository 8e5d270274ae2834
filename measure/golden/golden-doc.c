/* The strict reader of golden documents (golden-doc.h). */
#define _GNU_SOURCE
#include "measure/golden/golden-doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "measure/golden/golden.h"

#define AT_MAX	   64 /* of a JSON path */
#define NAME_CHARS 256

static const char *const doc_keys[] = {"schema", "name", "architecture", "timestamp",
	"agent_stand_in", "manifest_sha256", "tuples", "platform", "target", "validity", NULL};
static const char *const tuple_keys[] = {"name", "tee", "vmm", "shape", "policy", "inputs",
	"values", "acpi_verified", "role", "anchors", "events", NULL};
static const char *const snp_values[] = {"launch_digest", NULL};
static const char *const tdx_values[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3", NULL};
static const char *const snp_anchors[] = {"host_data", NULL};
static const char *const tdx_anchors[] = {"mrconfigid", NULL};
static const char *const tdx_events[] = {"kernel", "load_options", NULL};
static const char *const no_keys[] = {NULL};
static const char *const snp_shape[] = {"cpu", "cpu_signature", "sev_features", "vcpus", NULL};
static const char *const tdx_shape[] = {"mrtd_order", "memory_bytes", "vcpus", NULL};
static const char *const snp_policy[] = {"guest_policy", "vmpl", NULL};
static const char *const tdx_policy[] = {"debug", "migratable", "sept_ve_disable", NULL};
static const char *const input_keys[] = {"path", "text", "sha256", NULL};
static const char *const validity_keys[] = {"not_before", "not_after", NULL};
static const char *const target_keys[] = {"name", "sha256", "kata_version", "runtime", NULL};
static const char *const platform_keys[] = {"snp", "tdx", NULL};
static const char *const platform_snp[] = {
	"product", "min_tcb", "smt_enabled", "tsme_enabled", NULL};
static const char *const tcb_keys[] = {"bootloader", "tee", "snp", "microcode", NULL};
static const char *const platform_tdx[] = {"xfam", "mrseam", NULL};

const char *golden_tee_name(enum golden_tee tee)
{
	return tee == GOLDEN_SNP ? "sev-snp" : "tdx";
}

void golden_doc_done(struct golden_doc *doc)
{
	json_decref(doc->json);
	free(doc->entries);
	*doc = (struct golden_doc){.json = NULL};
}

static int get_bool(
	const json_t *object, const char *at, const char *key, bool *ret, struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return err_fail(err, -EBADMSG, "%s.%s: missing, or not a boolean", at, key);
	*ret = json_boolean_value(value);
	return 0;
}

/* An optional object of known keys; *@ret is NULL when it is not there. */
static int get_object(const json_t *object, const char *at, const char *key,
	const char *const *keys, const json_t **ret, struct err *err)
{
	char path[AT_MAX + 32];
	json_t *found = json_object_get(object, key);

	*ret = found;
	if (found == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s.%s", at, key);
	return json_doc_only(found, path, keys, err);
}

/* Like get_object, but it must be there. */
static int need_object(const json_t *object, const char *at, const char *key,
	const char *const *keys, const json_t **ret, struct err *err)
{
	int rc = get_object(object, at, key, keys, ret, err);

	if (rc == 0 && *ret == NULL)
		rc = err_fail(err, -EBADMSG, "%s.%s: missing, or not an object", at, key);
	return rc;
}

static int get_value(const json_t *object, const char *at, const char *key, size_t size,
	struct golden_value *ret, struct err *err)
{
	int rc;

	if (json_object_get(object, key) == NULL)
		return 0;
	rc = json_doc_hex(object, at, key, ret->bytes, size, err);
	ret->has = rc == 0;
	return rc;
}

/* A "0x..." number of at most 64 bits, in lowercase. */
static int get_hex_number(
	const json_t *object, const char *at, const char *key, uint64_t *ret, struct err *err)
{
	const char *text;
	int rc = json_doc_str(object, at, key, &text, err);
	size_t digits;

	if (rc != 0)
		return rc;
	digits = strncmp(text, "0x", 2) == 0 ? strspn(text + 2, "0123456789abcdef") : 0;
	if (digits == 0 || digits > 16 || text[2 + digits] != '\0')
		return err_fail(err, -EBADMSG, "%s.%s: not a 0x number", at, key);
	*ret = strtoull(text + 2, NULL, 16);
	return 0;
}

/* --- tuples --- */

/* What the values were computed from: files of the build, and a command line that was made for the tuple. */
static int check_inputs(const json_t *tuple, const char *at, struct err *err)
{
	static const char *const names[] = {"firmware", "kernel", "initrd", "cmdline", NULL};
	unsigned char digest[SHA256_SIZE];
	const json_t *inputs;
	int rc = need_object(tuple, at, "inputs", names, &inputs, err);

	for (size_t i = 0; rc == 0 && names[i] != NULL; i++) {
		const json_t *input;
		const char *text;
		bool has_text;

		rc = get_object(inputs, at, names[i], input_keys, &input, err);
		if (rc != 0 || input == NULL)
			continue;
		has_text = json_object_get(input, "text") != NULL;
		if (has_text && json_object_get(input, "path") != NULL)
			return err_fail(err, -EBADMSG, "%s.inputs.%s: path and text", at, names[i]);
		rc = json_doc_str(input, at, has_text ? "text" : "path", &text, err);
		if (rc == 0)
			rc = json_doc_hex(input, at, "sha256", digest, SHA256_SIZE, err);
	}
	return rc;
}

static int check_snp_shape(const json_t *shape, const char *at, struct err *err)
{
	uint64_t number;
	int rc = get_hex_number(shape, at, "cpu_signature", &number, err);

	return rc == 0 ? get_hex_number(shape, at, "sev_features", &number, err) : rc;
}

static int check_tdx_shape(const json_t *shape, const char *at, struct err *err)
{
	uint64_t number;
	const char *order;
	int rc = json_doc_str(shape, at, "mrtd_order", &order, err);

	if (rc == 0 && strcmp(order, "single-pass") != 0 && strcmp(order, "two-pass") != 0)
		rc = err_fail(
			err, -EBADMSG, "%s.mrtd_order: %s, not single-pass or two-pass", at, order);
	if (rc == 0 && json_object_get(shape, "memory_bytes") != NULL)
		rc = json_doc_u64(shape, at, "memory_bytes", &number, err);
	return rc;
}

static int read_snp(
	const json_t *tuple, const char *at, struct golden_entry *entry, struct err *err)
{
	const json_t *values, *shape, *policy, *anchors, *events;
	int rc = need_object(tuple, at, "values", snp_values, &values, err);

	if (rc == 0)
		rc = json_doc_hex(
			values, at, "launch_digest", entry->launch_digest, SHA384_SIZE, err);
	if (rc == 0)
		rc = need_object(tuple, at, "shape", snp_shape, &shape, err);
	if (rc == 0)
		rc = json_doc_u64(shape, at, "vcpus", &entry->vcpus, err);
	if (rc == 0)
		rc = json_doc_str(shape, at, "cpu", &entry->cpu, err);
	if (rc == 0)
		rc = check_snp_shape(shape, at, err);
	if (rc == 0)
		rc = need_object(tuple, at, "policy", snp_policy, &policy, err);
	if (rc == 0)
		rc = get_hex_number(policy, at, "guest_policy", &entry->guest_policy, err);
	if (rc == 0)
		rc = json_doc_u64(policy, at, "vmpl", &entry->vmpl, err);
	if (rc == 0)
		rc = get_object(tuple, at, "events", no_keys, &events, err);
	if (rc == 0)
		rc = get_object(tuple, at, "anchors", snp_anchors, &anchors, err);
	if (rc == 0)
		rc = get_value(anchors, at, "host_data", SHA256_SIZE, &entry->anchor, err);
	return rc;
}

static int read_tdx_policy(
	const json_t *tuple, const char *at, struct golden_entry *entry, struct err *err)
{
	const json_t *policy;
	int rc = need_object(tuple, at, "policy", tdx_policy, &policy, err);

	if (rc == 0)
		rc = get_bool(policy, at, "debug", &entry->debug, err);
	if (rc == 0)
		rc = get_bool(policy, at, "migratable", &entry->migratable, err);
	if (rc == 0)
		rc = get_bool(policy, at, "sept_ve_disable", &entry->sept_ve_disable, err);
	return rc;
}

static int read_tdx(
	const json_t *tuple, const char *at, struct golden_entry *entry, struct err *err)
{
	const json_t *values, *shape, *anchors, *events;
	int rc = need_object(tuple, at, "values", tdx_values, &values, err);

	if (rc == 0)
		rc = json_doc_hex(values, at, "mrtd", entry->mrtd, SHA384_SIZE, err);
	for (int i = 0; rc == 0 && i < GOLDEN_RTMRS; i++)
		rc = get_value(values, at, tdx_values[1 + i], SHA384_SIZE, &entry->rtmr[i], err);
	if (rc == 0)
		rc = need_object(tuple, at, "shape", tdx_shape, &shape, err);
	if (rc == 0)
		rc = check_tdx_shape(shape, at, err);
	if (rc == 0 && json_object_get(shape, "vcpus") != NULL)
		rc = json_doc_u64(shape, at, "vcpus", &entry->vcpus, err);
	if (rc == 0)
		rc = read_tdx_policy(tuple, at, entry, err);
	if (rc == 0)
		rc = get_object(tuple, at, "events", tdx_events, &events, err);
	if (rc == 0)
		rc = get_value(events, at, "kernel", SHA384_SIZE, &entry->kernel, err);
	if (rc == 0)
		rc = get_value(events, at, "load_options", SHA384_SIZE, &entry->load_options, err);
	if (rc == 0)
		rc = get_object(tuple, at, "anchors", tdx_anchors, &anchors, err);
	if (rc == 0)
		rc = get_value(anchors, at, "mrconfigid", SHA384_SIZE, &entry->anchor, err);
	return rc;
}

/* Names become file names, keys and comments of other documents. */
static int check_name(const char *name, const char *at, struct err *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_CHARS || *name == '.' ||
		strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") !=
			len)
		return err_fail(err, -EBADMSG,
			"%s: name %s: letters, digits and . _ + - only, not starting with .", at,
			name);
	return 0;
}

static int read_tuple(
	const json_t *tuple, const char *at, struct golden_entry *entry, struct err *err)
{
	const char *tee = "";
	int rc = json_doc_only(tuple, at, tuple_keys, err);

	if (rc == 0)
		rc = json_doc_str(tuple, at, "name", &entry->name, err);
	if (rc == 0)
		rc = check_name(entry->name, at, err);
	if (rc == 0)
		rc = json_doc_str(tuple, at, "vmm", &entry->vmm, err);
	if (rc == 0 && json_object_get(tuple, "role") != NULL) {
		rc = json_doc_str(tuple, at, "role", &entry->role, err);
		if (rc == 0)
			rc = check_name(entry->role, at, err);
	}
	if (rc == 0)
		rc = get_bool(tuple, at, "acpi_verified", &entry->acpi_verified, err);
	if (rc == 0)
		rc = json_doc_str(tuple, at, "tee", &tee, err);
	if (rc == 0)
		rc = check_inputs(tuple, at, err);
	if (rc != 0)
		return rc;
	if (strcmp(tee, golden_tee_name(GOLDEN_SNP)) == 0) {
		entry->tee = GOLDEN_SNP;
		return read_snp(tuple, at, entry, err);
	}
	if (strcmp(tee, golden_tee_name(GOLDEN_TDX)) == 0) {
		entry->tee = GOLDEN_TDX;
		return read_tdx(tuple, at, entry, err);
	}
	return err_fail(err, -EBADMSG, "%s.tee: %s, not sev-snp or tdx", at, tee);
}

/* Whether some value is let through by both. */
static bool meet(const struct golden_value *a, const struct golden_value *b)
{
	return !a->has || !b->has || memcmp(a->bytes, b->bytes, SHA384_SIZE) == 0;
}

bool golden_entries_overlap(const struct golden_entry *a, const struct golden_entry *b)
{
	bool overlap = a->tee == b->tee && meet(&a->anchor, &b->anchor) &&
		       memcmp(a->launch_digest, b->launch_digest, SHA384_SIZE) == 0 &&
		       memcmp(a->mrtd, b->mrtd, SHA384_SIZE) == 0;

	for (int i = 0; i < GOLDEN_RTMRS; i++)
		overlap = overlap && meet(&a->rtmr[i], &b->rtmr[i]);
	return overlap;
}

/* For sorting: those that may overlap next to one another. */
static int by_values(const void *a, const void *b)
{
	const struct golden_entry *one = *(const struct golden_entry *const *)a;
	const struct golden_entry *two = *(const struct golden_entry *const *)b;
	int order = memcmp(one->launch_digest, two->launch_digest, SHA384_SIZE);

	return order != 0 ? order : memcmp(one->mrtd, two->mrtd, SHA384_SIZE);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct golden_entry *const *)a)->name,
		(*(const struct golden_entry *const *)b)->name);
}

static bool roles_meet(const struct golden_entry *a, const struct golden_entry *b)
{
	return a->role != NULL && b->role != NULL && strcmp(a->role, b->role) != 0 &&
	       golden_entries_overlap(a, b);
}

static int check_pairs(const struct golden_entry **sorted, size_t count, struct err *err)
{
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			return err_fail(
				err, -EBADMSG, "$.tuples: two tuples named %s", sorted[i]->name);
	}
	qsort(sorted, count, sizeof(*sorted), by_values);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; k < count && by_values(&sorted[i], &sorted[k]) == 0; k++) {
			if (roles_meet(sorted[i], sorted[k]))
				return err_fail(err, -EKEYREJECTED,
					"roles %s and %s cannot be told apart: tuples %s and %s "
					"let the same guest "
					"through; bind each role with its own initdata",
					sorted[i]->role, sorted[k]->role, sorted[i]->name,
					sorted[k]->name);
		}
	}
	return 0;
}

static int check_tuples(const struct golden_doc *doc, struct err *err)
{
	const struct golden_entry **sorted AUTO_FREE = calloc(doc->count + 1, sizeof(*sorted));

	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < doc->count; i++)
		sorted[i] = &doc->entries[i];
	return check_pairs(sorted, doc->count, err);
}

static int read_tuples(const json_t *json, struct golden_doc *doc, struct err *err)
{
	const json_t *tuples;
	int rc = golden_tuples(json, &tuples, err);

	if (rc != 0)
		return rc;
	if (json_array_size(tuples) == 0)
		return err_fail(err, -EBADMSG, "$.tuples: empty");
	doc->entries = calloc(json_array_size(tuples), sizeof(*doc->entries));
	if (doc->entries == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < json_array_size(tuples); i++) {
		char at[AT_MAX];

		snprintf(at, sizeof(at), "$.tuples[%zu]", i);
		rc = read_tuple(json_array_get(tuples, i), at, &doc->entries[i], err);
		doc->count++;
	}
	return rc == 0 ? check_tuples(doc, err) : rc;
}

/* --- the platform --- */

static int get_byte(const json_t *object, const char *key, uint8_t *ret, struct err *err)
{
	uint64_t value;
	int rc = json_doc_u64(object, "$.platform.snp.min_tcb", key, &value, err);

	if (rc == 0 && value > UINT8_MAX)
		rc = err_fail(err, -EBADMSG, "$.platform.snp.min_tcb.%s: more than 255", key);
	if (rc == 0)
		*ret = (uint8_t)value;
	return rc;
}

static int get_flag(const json_t *object, const char *at, const char *key, struct golden_flag *ret,
	struct err *err)
{
	if (json_object_get(object, key) == NULL)
		return 0;
	ret->has = true;
	return get_bool(object, at, key, &ret->value, err);
}

static int read_platform_snp(const json_t *snp, struct golden_platform *platform, struct err *err)
{
	static const char *const products[] = {"Milan", "Genoa", "Turin"};
	const char *at = "$.platform.snp";
	const json_t *tcb;
	size_t i = 0;
	int rc = 0;

	if (json_object_get(snp, "product") != NULL) {
		rc = json_doc_str(snp, at, "product", &platform->product, err);
		while (rc == 0 && i < 3 && strcmp(platform->product, products[i]) != 0)
			i++;
		if (i == 3)
			rc = err_fail(err, -EBADMSG, "%s.product: not Milan, Genoa or Turin", at);
	}
	if (rc == 0)
		rc = get_flag(snp, at, "smt_enabled", &platform->smt, err);
	if (rc == 0)
		rc = get_flag(snp, at, "tsme_enabled", &platform->tsme, err);
	if (rc == 0)
		rc = get_object(snp, at, "min_tcb", tcb_keys, &tcb, err);
	if (rc != 0 || tcb == NULL)
		return rc;
	platform->has_tcb = true;
	rc = get_byte(tcb, "bootloader", &platform->bootloader, err);
	if (rc == 0)
		rc = get_byte(tcb, "tee", &platform->tee, err);
	if (rc == 0)
		rc = get_byte(tcb, "snp", &platform->snp, err);
	if (rc == 0)
		rc = get_byte(tcb, "microcode", &platform->microcode, err);
	return rc;
}

static int read_platform(const json_t *json, struct golden_platform *platform, struct err *err)
{
	const json_t *all, *snp = NULL, *tdx = NULL;
	int rc = get_object(json, "$", "platform", platform_keys, &all, err);

	if (rc == 0)
		rc = get_object(all, "$.platform", "snp", platform_snp, &snp, err);
	if (rc == 0)
		rc = get_object(all, "$.platform", "tdx", platform_tdx, &tdx, err);
	if (rc == 0 && snp != NULL)
		rc = read_platform_snp(snp, platform, err);
	if (rc == 0 && json_object_get(tdx, "xfam") != NULL) {
		rc = json_doc_hex(
			tdx, "$.platform.tdx", "xfam", platform->xfam, sizeof(platform->xfam), err);
		platform->has_xfam = true;
	}
	if (rc == 0)
		rc = get_value(
			tdx, "$.platform.tdx", "mrseam", SHA384_SIZE, &platform->mrseam, err);
	return rc;
}

/* --- the document --- */

/* "2026-01-31T00:00:00Z", whose order as text is the order in time. */
static int get_time(const json_t *validity, const char *key, const char **ret, struct err *err)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	size_t i = 0;
	int rc;

	if (json_object_get(validity, key) == NULL)
		return 0;
	rc = json_doc_str(validity, "$.validity", key, ret, err);
	if (rc != 0)
		return rc;
	while (form[i] != '\0' &&
		(form[i] == '0' ? (*ret)[i] >= '0' && (*ret)[i] <= '9' : (*ret)[i] == form[i]))
		i++;
	if (form[i] != '\0' || (*ret)[i] != '\0')
		return err_fail(err, -EBADMSG, "$.validity.%s: not a time such as %s", key, form);
	return 0;
}

static int read_validity(const json_t *json, struct golden_doc *doc, struct err *err)
{
	const json_t *validity;
	int rc = get_object(json, "$", "validity", validity_keys, &validity, err);

	if (rc == 0)
		rc = get_time(validity, "not_before", &doc->not_before, err);
	if (rc == 0)
		rc = get_time(validity, "not_after", &doc->not_after, err);
	if (rc == 0 && doc->not_before != NULL && doc->not_after != NULL &&
		strcmp(doc->not_before, doc->not_after) > 0)
		rc = err_fail(err, -EBADMSG, "$.validity: ends before it begins");
	return rc;
}

static int check_target(const json_t *json, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	const json_t *target;
	const char *text;
	int rc = get_object(json, "$", "target", target_keys, &target, err);

	if (rc != 0 || target == NULL)
		return rc;
	rc = json_doc_str(target, "$.target", "name", &text, err);
	if (rc == 0)
		rc = json_doc_hex(target, "$.target", "sha256", digest, SHA256_SIZE, err);
	for (size_t i = 2; rc == 0 && target_keys[i] != NULL; i++) {
		if (json_object_get(target, target_keys[i]) != NULL)
			rc = json_doc_str(target, "$.target", target_keys[i], &text, err);
	}
	return rc;
}

static int read_head(const json_t *json, struct golden_doc *doc, struct err *err)
{
	int rc = json_doc_only(json, "$", doc_keys, err);

	if (rc == 0)
		rc = json_doc_str(json, "$", "name", &doc->name, err);
	if (rc == 0)
		rc = check_name(doc->name, "$", err);
	if (rc == 0)
		rc = json_doc_str(json, "$", "architecture", &doc->architecture, err);
	if (rc == 0)
		rc = json_doc_u64(json, "$", "timestamp", &doc->timestamp, err);
	if (rc == 0)
		rc = get_bool(json, "$", "agent_stand_in", &doc->agent_stand_in, err);
	if (rc == 0)
		rc = json_doc_hex(
			json, "$", "manifest_sha256", doc->manifest_sha256, SHA256_SIZE, err);
	if (rc == 0)
		rc = check_target(json, err);
	if (rc == 0)
		rc = read_validity(json, doc, err);
	if (rc == 0)
		rc = read_platform(json, &doc->platform, err);
	return rc;
}

int golden_doc_from_json(const json_t *json, struct golden_doc *ret, struct err *err)
{
	GOLDEN_DOC_AUTO doc = {.json = json_incref((json_t *)json)};
	const char *schema;
	int rc = json_doc_str(json, "$", "schema", &schema, err);

	if (rc == 0 && strcmp(schema, GOLDEN_SCHEMA) != 0)
		rc = err_fail(err, -ENOTSUP, "$.schema: %s, not " GOLDEN_SCHEMA, schema);
	if (rc == 0)
		rc = read_head(json, &doc, err);
	if (rc == 0)
		rc = read_tuples(json, &doc, err);
	if (rc != 0)
		return rc;
	*ret = doc;
	doc = (struct golden_doc){.json = NULL};
	return 0;
}

int golden_doc_read(
	const void *text, size_t len, const char *what, struct golden_doc *ret, struct err *err)
{
	JSON_AUTO *json = NULL;
	int rc = json_doc_parse(text, len, what, &json, err);

	if (rc != 0)
		return rc;
	rc = golden_doc_from_json(json, ret, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", what);
}
