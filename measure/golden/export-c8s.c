/*
 * The C8s image policy (export-c8s.h). One entry is one atomic tuple:
 *
 *   sev-snp  {"name", "measurement": 96 hex}
 *   tdx      {"name", "mrtd": 96 hex, "rtmr": [null, RTMR1, RTMR2, RTMR3]}
 *
 * null leaves RTMR0 unchecked (the form wants it so), "" pins RTMR3 to its initial zeros.
 */
#include "measure/golden/export-c8s.h"

#include <string.h>

#include "lib/digest.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "measure/golden/c8s-policy.h"
#include "measure/golden/golden.h"

#define HEX_SHA384 (2 * SHA384_SIZE)

static int out_of_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

/* A register of the tuple as 96 hex digits, new. */
static int value_of(
	const struct golden_tuple *tuple, const char *name, json_t **ret, struct err *err)
{
	unsigned char value[SHA384_SIZE];
	int rc = json_doc_hex(tuple->values, "values", name, value, sizeof(value), err);

	if (rc != 0)
		return err_wrap(err, "tuple %s", tuple->name);
	*ret = json_doc_hex_new(value, sizeof(value));
	return *ret != NULL ? 0 : out_of_memory(err);
}

/* Adds a register's value to an object or, when @key is NULL, to a list. */
static int put_value(json_t *to, const char *key, const struct golden_tuple *tuple,
	const char *name, struct err *err)
{
	json_t *value = NULL;
	int rc = value_of(tuple, name, &value, err);

	if (rc != 0)
		return rc;
	if (key != NULL)
		rc = json_object_set_new(to, key, value);
	else
		rc = json_array_append_new(to, value);
	return rc == 0 ? 0 : out_of_memory(err);
}

static int put_snp(json_t *entry, const struct golden_tuple *tuple, struct err *err)
{
	return put_value(entry, "measurement", tuple, "launch_digest", err);
}

/* RTMR3 of the tuple; of one that does not pin it, what @rtmr3 says (export_c8s_rtmr3). */
static int put_rtmr3(
	json_t *list, const struct golden_tuple *tuple, const char *rtmr3, struct err *err)
{
	static const unsigned char zeros[SHA384_SIZE];
	unsigned char value[SHA384_SIZE] = {0};
	json_t *item;
	int rc = 0;

	if (json_object_get(tuple->values, "rtmr3") != NULL)
		rc = json_doc_hex(tuple->values, "values", "rtmr3", value, sizeof(value), err);
	else if (rtmr3 != NULL && strcmp(rtmr3, EXPORT_C8S_ANY) == 0)
		return json_array_append_new(list, json_null()) == 0 ? 0 : out_of_memory(err);
	else if (rtmr3 != NULL && !hex_decode(rtmr3, value, sizeof(value)))
		rc = err_fail(err, -EINVAL, "RTMR3: not any and not 96 hex digits");
	if (rc != 0)
		return rc;
	item = memcmp(value, zeros, sizeof(value)) == 0 ? json_string("")
							: json_doc_hex_new(value, sizeof(value));
	return json_array_append_new(list, item) == 0 ? 0 : out_of_memory(err);
}

static int put_tdx(
	json_t *entry, const struct golden_tuple *tuple, const char *rtmr3, struct err *err)
{
	json_t *rtmr = json_array();
	int rc;

	if (json_object_set_new(entry, "rtmr", rtmr) != 0 ||
		json_array_append_new(rtmr, json_null()) != 0)
		return out_of_memory(err);
	rc = put_value(entry, "mrtd", tuple, "mrtd", err);
	if (rc == 0)
		rc = put_value(rtmr, NULL, tuple, "rtmr1", err);
	if (rc == 0)
		rc = put_value(rtmr, NULL, tuple, "rtmr2", err);
	return rc == 0 ? put_rtmr3(rtmr, tuple, rtmr3, err) : rc;
}

/* Whether an entry with the same values, whatever its name, is in the list. */
static bool has_values(const json_t *list, const json_t *entry)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
	{
		if (json_equal(json_object_get(other, "measurement"),
			    json_object_get(entry, "measurement")) ||
			(json_equal(
				 json_object_get(other, "mrtd"), json_object_get(entry, "mrtd")) &&
				json_equal(json_object_get(other, "rtmr"),
					json_object_get(entry, "rtmr"))))
			return true;
	}
	return false;
}

static bool has_name(const json_t *list, const char *name)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
	{
		if (strcmp(json_string_value(json_object_get(other, "name")), name) == 0)
			return true;
	}
	return false;
}

static int add_entry(
	json_t *list, const struct golden_tuple *tuple, const char *rtmr3, struct err *err)
{
	JSON_AUTO *entry = json_object();
	int rc;

	if (tuple->name[strspn(tuple->name, " \t\r\n")] == '\0')
		return err_fail(err, -EBADMSG, "a tuple with a blank name");
	if (json_object_set_new(entry, "name", json_string(tuple->name)) != 0)
		return out_of_memory(err);
	rc = strcmp(tuple->tee, "tdx") == 0 ? put_tdx(entry, tuple, rtmr3, err)
					    : put_snp(entry, tuple, err);
	if (rc != 0 || has_values(list, entry))
		return rc;
	if (has_name(list, tuple->name))
		return err_fail(err, -EBADMSG, "two tuples named %s", tuple->name);
	return json_array_append(list, entry) == 0 ? 0 : out_of_memory(err);
}

int export_c8s(const json_t *golden, const char *tee, struct buf *ret, struct err *err)
{
	return export_c8s_rtmr3(golden, tee, NULL, ret, err);
}

int export_c8s_rtmr3(
	const json_t *golden, const char *tee, const char *rtmr3, struct buf *ret, struct err *err)
{
	JSON_AUTO *doc = json_pack(
		"{s:s, s:s, s:[]}", "schema_version", "1", "tee", tee, "measurements");
	json_t *list = json_object_get(doc, "measurements");
	struct c8s_policy_facts facts;
	const json_t *tuples;
	int rc = golden_tuples(golden, &tuples, err);

	if (rc == 0 && list == NULL)
		rc = out_of_memory(err);
	for (size_t i = 0; rc == 0 && i < json_array_size(tuples); i++) {
		struct golden_tuple tuple;

		rc = golden_tuple_at(tuples, i, &tuple, err);
		if (rc == 0 && strcmp(tuple.tee, tee) == 0)
			rc = add_entry(list, &tuple, rtmr3, err);
	}
	if (rc != 0)
		return rc;
	if (json_array_size(list) == 0)
		return err_fail(err, -EINVAL, "no tuple of TEE %s in the golden document", tee);
	rc = json_doc_write(doc, ret, err);
	/* What is written must be what is read. */
	return rc == 0 ? c8s_policy_check(ret->data, ret->len, "policy", &facts, err) : rc;
}
