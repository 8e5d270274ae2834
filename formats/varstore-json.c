/*
 * UEFI variables in JSON (varstore.h): what `virt-fw-vars --output-json` writes and QEMU's uefi-vars
 * device keeps, version 2. An object of "version" and "variables"; each of those an object of "name",
 * "guid", "attr" (number), "data" (hex), and, of authenticated ones, "time" and "digest" (hex).
 */
#include <string.h>

#include "formats/varstore.h"
#include "lib/hex.h"
#include "lib/json.h"

#define VERSION	     2
#define TIME_SIZE    16
#define DIGEST_BYTES 32

static int read_name(
	const json_t *object, const char *at, char ret[VARSTORE_NAME_MAX], struct err *err)
{
	const char *name;
	int rc = json_doc_str(object, at, "name", &name, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; name[i] != '\0'; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			return err_fail(err, -EBADMSG, "%s.name: not ASCII", at);
	if (name[0] == '\0' || strlen(name) >= VARSTORE_NAME_MAX)
		return err_fail(
			err, -EBADMSG, "%s.name: 1 to %d characters", at, VARSTORE_NAME_MAX - 1);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

static int read_guid(const json_t *object, const char *at, struct guid *ret, struct err *err)
{
	const char *text;
	int rc = json_doc_str(object, at, "guid", &text, err);

	if (rc != 0)
		return rc;
	return guid_parse(text, ret) ? 0
				     : err_fail(err, -EBADMSG, "%s.guid: \"%s\" is none", at, text);
}

/* Decodes the data behind what @storage holds, which has room. */
static int read_data(const json_t *object, const char *at, struct varstore_variable *variable,
	struct buf *storage, size_t *used, struct err *err)
{
	const char *hex;
	int rc = json_doc_str(object, at, "data", &hex, err);
	size_t n;

	if (rc != 0)
		return rc;
	n = strlen(hex) / 2;
	if (n > storage->len - *used || strlen(hex) % 2 != 0 ||
		!hex_decode(hex, storage->data + *used, n))
		return err_fail(err, -EBADMSG, "%s.data: not lowercase hex", at);
	variable->data = storage->data + *used;
	variable->size_bytes = n;
	*used += n;
	return 0;
}

/* What only the firmware's own checks of later writes look at. */
static int check_rest(const json_t *object, const char *at, struct err *err)
{
	static const char *const known[] = {"name", "guid", "attr", "data", "time", "digest", NULL};
	unsigned char bytes[DIGEST_BYTES];
	int rc = json_doc_only(object, at, known, err);

	if (rc == 0 && json_object_get(object, "time") != NULL)
		rc = json_doc_hex(object, at, "time", bytes, TIME_SIZE, err);
	if (rc == 0 && json_object_get(object, "digest") != NULL)
		rc = json_doc_hex(object, at, "digest", bytes, DIGEST_BYTES, err);
	return rc;
}

static int read_variable(const json_t *object, size_t index, struct varstore *store,
	struct buf *storage, size_t *used, struct err *err)
{
	struct varstore_variable *variable = &store->variables[store->count];
	uint64_t attributes = 0;
	char at[40];
	int rc;

	snprintf(at, sizeof(at), "$.variables[%zu]", index);
	if (!json_is_object(object))
		return err_fail(err, -EBADMSG, "%s: not an object", at);
	rc = read_name(object, at, variable->name, err);
	if (rc == 0)
		rc = read_guid(object, at, &variable->vendor, err);
	if (rc == 0)
		rc = json_doc_u64(object, at, "attr", &attributes, err);
	if (rc == 0 && attributes > UINT32_MAX)
		rc = err_fail(err, -EBADMSG, "%s.attr: more than 32 bits", at);
	variable->attributes = (uint32_t)attributes;
	if (rc == 0)
		rc = read_data(object, at, variable, storage, used, err);
	if (rc == 0)
		rc = check_rest(object, at, err);
	for (size_t i = 0; i < store->count && rc == 0; i++)
		if (strcmp(store->variables[i].name, variable->name) == 0 &&
			memcmp(store->variables[i].vendor.bytes, variable->vendor.bytes,
				GUID_SIZE) == 0)
			rc = err_fail(err, -EBADMSG, "%s: %s is there twice", at, variable->name);
	store->count += rc == 0;
	return rc;
}

int varstore_json_parse(
	const void *text, size_t len, struct varstore *ret, struct buf *storage, struct err *err)
{
	static const char *const known[] = {"version", "variables", NULL};
	JSON_AUTO *doc = NULL;
	json_t *variables, *object;
	uint64_t version;
	size_t index, used = 0;
	int rc = json_doc_parse(text, len, "UEFI variables", &doc, err);

	if (rc == 0)
		rc = json_doc_u64(doc, "$", "version", &version, err);
	if (rc == 0 && version != VERSION)
		rc = err_fail(err, -ENOTSUP, "UEFI variables: version %llu, not %d",
			(unsigned long long)version, VERSION);
	if (rc == 0)
		rc = json_doc_array(doc, "$", "variables", &variables, err);
	if (rc == 0)
		rc = json_doc_only(doc, "$", known, err);
	if (rc != 0)
		return rc;
	if (json_array_size(variables) > VARSTORE_MAX)
		return err_fail(err, -EBADMSG, "UEFI variables: more than %d", VARSTORE_MAX);
	storage->len = 0;
	buf_grow(storage, len); /* data are half as long as their text */
	rc = buf_check(storage, err);
	ret->count = 0;
	json_array_foreach(variables, index, object)
	{
		if (rc == 0)
			rc = read_variable(object, index, ret, storage, &used, err);
	}
	return rc;
}
