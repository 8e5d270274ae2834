/* The variable store, and the Secure Boot state that is read from it. */
#include "formats/varstore.h"

#include "measure/tdx/secureboot.h"
#include "tests/tap.h"
#include "tests/unit/varstore-image.h"

static unsigned char image[VARSTORE_IMAGE_SIZE];
static struct varstore store;

static void make(void)
{
	struct wr wr = varstore_image_begin(image);

	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "PK", 0x3d, "old", 3);
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "PK", 0x3f, "platform key", 12);
	varstore_image_add(&wr, VARSTORE_IMAGE_DB, "db", 0x3f, "certificates", 12);
}

static void test_parse(void)
{
	struct err err = {0};
	const struct varstore_variable *pk;

	make();
	is_int(varstore_parse(image, sizeof(image), &store, &err), 0, "a good store parses");
	is_int((long long)store.count, 2, "deleted variables do not count");
	pk = varstore_find(&store, "PK", VARSTORE_IMAGE_GLOBAL);
	ok(pk != NULL && pk->size_bytes == 12 && memcmp(pk->data, "platform key", 12) == 0,
		"the live one is found");
	ok(varstore_find(&store, "PK", VARSTORE_IMAGE_DB) == NULL, "by its vendor too");
}

static void refuses(size_t at, unsigned char value, int code, const char *want)
{
	struct err err = {0};
	int rc;

	make();
	image[at] = value;
	rc = varstore_parse(image, sizeof(image), &store, &err);
	ok(rc == code && strstr(err.msg, want) != NULL, "refused: %s", want);
	if (rc != code)
		printf("# %d %s\n", rc, err.msg);
}

static void test_bad(void)
{
	refuses(40, 'x', -EBADMSG, "no firmware volume");
	refuses(49, 0xff, -EBADMSG, "no firmware volume");
	refuses(VARSTORE_IMAGE_STORE, 0, -ENOTSUP, "authenticated");
	refuses(VARSTORE_IMAGE_STORE + 20, 0xff, -EBADMSG, "format 0xff");
	refuses(VARSTORE_IMAGE_STORE + 17, 0xff, -EBADMSG, "claims");
	refuses(VARSTORE_IMAGE_FIRST, 0, -EBADMSG, "0x5500 where");
	refuses(VARSTORE_IMAGE_FIRST + 38, 0x10, -EBADMSG, "damaged variable");
	refuses(VARSTORE_IMAGE_FIRST + 36, 5, -EBADMSG, "damaged variable");
	refuses(VARSTORE_IMAGE_FIRST + 42, 0x10, -EBADMSG, "damaged variable");
	refuses(VARSTORE_IMAGE_FIRST + 2, 0x3e, -ENOTSUP, "half deleted");
}

/* The state of a firmware that is nothing but its CFV. */
static int state_of(bool built, struct secureboot *ret, struct err *err)
{
	struct generation generation = {.secure_boot = built};
	struct tdvf tdvf = {.count = 1,
		.sections = {{0, sizeof(image), 0xffff0000, sizeof(image), TDVF_CFV, 0}}};

	return secureboot_read(&generation, image, sizeof(image), &tdvf, ret, err);
}

static void test_state(void)
{
	static struct secureboot state;
	struct rtmr rtmr = {.derive = NULL};
	struct rtmr same = {.derive = NULL};
	struct err err = {0};
	struct wr wr;

	varstore_image_begin(image);
	ok(state_of(false, &state, &err) == 0 && !state.built && !state.enabled, "no Secure Boot");
	ok(secureboot_measure(&state, &rtmr, &err) == 0, "five empty variables");
	ok(state_of(true, &state, &err) == 0 && state.built && !state.enabled, "no keys");
	ok(secureboot_measure(&state, &same, &err) == 0 &&
			memcmp(rtmr.value, same.value, sizeof(same.value)) != 0,
		"SecureBoot = 0 is not the same as no SecureBoot");
	make();
	ok(state_of(true, &state, &err) == 0 && state.enabled, "a platform key enables it");
	ok(state_of(false, &state, &err) == -ENOTSUP && strstr(err.msg, "PK") != NULL,
		"keys without Secure Boot are refused");
	wr = varstore_image_begin(image);
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "PK", 0x3f, "key", 3);
	varstore_image_add(&wr, VARSTORE_IMAGE_ENABLE, "SecureBootEnable", 0x3f, "\0", 1);
	ok(state_of(true, &state, &err) == 0 && !state.enabled, "SecureBootEnable = 0 disables it");
	wr = varstore_image_begin(image);
	varstore_image_add(&wr, VARSTORE_IMAGE_ENABLE, "SecureBootEnable", 0x3f, "\0\0", 2);
	ok(state_of(true, &state, &err) == -EBADMSG && strstr(err.msg, "2 bytes") != NULL,
		"SecureBootEnable of two bytes is refused");
	wr = varstore_image_begin(image);
	varstore_image_add(&wr, VARSTORE_IMAGE_DB, "dbt", 0x3f, "times", 5);
	rtmr = (struct rtmr){.derive = NULL};
	ok(state_of(true, &state, &err) == 0 && secureboot_measure(&state, &rtmr, &err) == 0 &&
			memcmp(rtmr.value, same.value, sizeof(same.value)) != 0,
		"dbt is measured when it is there");
}

static void test_replace(void)
{
	static unsigned char other[VARSTORE_IMAGE_SIZE];
	static const char json[] = "{\"version\": 2, \"variables\": [{\"name\": \"PK\", \"guid\": "
				   "\"" VARSTORE_IMAGE_GLOBAL
				   "\", \"attr\": 39, \"data\": \"6b6579\"}]}";
	static struct secureboot state, blank, from_json;
	struct err err = {0};
	struct wr wr;

	varstore_image_begin(image);
	ok(state_of(true, &state, &err) == 0 && state_of(true, &blank, &err) == 0 &&
			state_of(true, &from_json, &err) == 0 && !state.enabled,
		"an image without keys");
	wr = varstore_image_begin(other);
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "PK", 0x3f, "key", 3);
	ok(secureboot_replace(&state, other, sizeof(other), &err) == 0 && state.enabled &&
			memcmp(state.volume_sha384, blank.volume_sha384, SHA384_SIZE) != 0,
		"another store is another volume, with its variables");
	ok(secureboot_replace(&from_json, json, strlen(json), &err) == 0 && from_json.enabled &&
			memcmp(from_json.volume_sha384, blank.volume_sha384, SHA384_SIZE) == 0,
		"variables in JSON leave the volume as it is");
	ok(from_json.store.count == 1 && from_json.store.variables[0].size_bytes == 3 &&
			memcmp(from_json.store.variables[0].data, "key", 3) == 0 &&
			from_json.store.variables[0].attributes == 39,
		"and are read");
	ok(secureboot_replace(&state, other, sizeof(other) - 1, &err) == -EINVAL &&
			strstr(err.msg, "4095 bytes") != NULL,
		"a store of another size is refused");
	state.built = false;
	ok(secureboot_replace(&state, other, sizeof(other), &err) == -ENOTSUP,
		"keys for a firmware without Secure Boot are refused");
	secureboot_done(&from_json);
}

/* One variable with these fields, or a document, that must be refused. */
static void json_refused(const char *text, const char *want)
{
	BUF_AUTO storage = {0};
	struct err err = {0};
	int rc = varstore_json_parse(text, strlen(text), &store, &storage, &err);

	ok(rc < 0 && strstr(err.msg, want) != NULL, "JSON refused: %s", want);
	if (rc == 0 || strstr(err.msg, want) == NULL)
		printf("# %d %s\n", rc, err.msg);
}

#define VARIABLE(fields) "{\"version\": 2, \"variables\": [{" fields "}]}"
#define NAME		 "\"name\": \"PK\", "
#define GUID		 "\"guid\": \"" VARSTORE_IMAGE_GLOBAL "\", "
#define ATTR		 "\"attr\": 7, "

static void test_json_bad(void)
{
	json_refused("{", "UEFI variables");
	json_refused("[]", "$");
	json_refused("{\"version\": 1, \"variables\": []}", "version 1");
	json_refused("{\"version\": 2}", "variables");
	json_refused("{\"version\": 2, \"variables\": [], \"more\": 1}", "more");
	json_refused("{\"version\": 2, \"variables\": [1]}", "not an object");
	json_refused(VARIABLE(GUID ATTR "\"data\": \"\""), "name");
	json_refused(VARIABLE("\"name\": \"\", " GUID ATTR "\"data\": \"\""), "1 to 63");
	json_refused(VARIABLE("\"name\": \"\u00e9\", " GUID ATTR "\"data\": \"\""), "not ASCII");
	json_refused(VARIABLE(NAME "\"guid\": \"x\", " ATTR "\"data\": \"\""), "is none");
	json_refused(VARIABLE(NAME GUID "\"attr\": 4294967296, \"data\": \"\""), "32 bits");
	json_refused(VARIABLE(NAME GUID ATTR "\"data\": \"123\""), "lowercase hex");
	json_refused(VARIABLE(NAME GUID ATTR "\"data\": \"AB\""), "lowercase hex");
	json_refused(VARIABLE(NAME GUID ATTR "\"data\": \"\", \"time\": \"00\""), "time");
	json_refused(VARIABLE(NAME GUID ATTR "\"data\": \"\", \"digest\": \"00\""), "digest");
	json_refused(VARIABLE(NAME GUID ATTR "\"data\": \"\", \"other\": 1"), "other");
	json_refused("{\"version\": 2, \"variables\": [{" NAME GUID ATTR
		     "\"data\": \"\"}, {" NAME GUID ATTR "\"data\": \"\"}]}",
		"there twice");
}

int main(void)
{
	test_parse();
	test_bad();
	test_state();
	test_replace();
	test_json_bad();
	return tap_done();
}
