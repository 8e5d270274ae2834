/*
 * Secure Boot state (secureboot.h).
 *
 * OVMF's AuthVariableLib makes SecureBoot from PK and SecureBootEnable
 * (SecurityPkg/Library/AuthVariableLib/AuthService.c); TdTcg2Dxe measures it, and the keys as they
 * are stored, present or not.
 */
#include "measure/tdx/secureboot.h"

#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define GUID_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c" /* EFI_GLOBAL_VARIABLE */
#define GUID_ENABLE "f0a30bc7-af08-4556-99c4-001009c93a44" /* SecureBootEnable */

void secureboot_done(struct secureboot *state)
{
	buf_done(&state->storage);
}

/* What is measured when the operating system is not yet in sight, in this order. */
static const struct {
	const char *vendor, *name;
	bool optional; /* not measured when it is not there */
} keys[] = {
	{GUID_GLOBAL, "PK", false},
	{GUID_GLOBAL, "KEK", false},
	{SECUREBOOT_GUID_DB, "db", false},
	{SECUREBOOT_GUID_DB, "dbx", false},
	{SECUREBOOT_GUID_DB, "dbt", true},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Finds out what the variables mean. */
static int read_state(struct secureboot *state, struct err *err)
{
	const struct varstore_variable *enable = varstore_find(
		&state->store, "SecureBootEnable", GUID_ENABLE);

	for (size_t i = 0; i < KEYS && !state->built; i++)
		if (varstore_find(&state->store, keys[i].name, keys[i].vendor) != NULL)
			return err_fail(err, -ENOTSUP,
				"the firmware has no Secure Boot, yet the variable %s is stored",
				keys[i].name);
	if (enable != NULL && enable->size_bytes != 1)
		return err_fail(
			err, -EBADMSG, "variable SecureBootEnable: %zu bytes", enable->size_bytes);
	state->enabled = state->built && varstore_find(&state->store, "PK", GUID_GLOBAL) != NULL &&
			 (enable == NULL || enable->data[0] != 0);
	return 0;
}

static int read_volume(struct secureboot *state, const void *volume, size_t n, struct err *err)
{
	int rc = digest_bytes(DIGEST_SHA384, volume, n, state->volume_sha384, err);

	state->volume_bytes = n;
	return rc != 0 ? rc : varstore_parse(volume, n, &state->store, err);
}

int secureboot_read(const struct generation *generation, const void *image, size_t len,
	const struct tdvf *tdvf, struct secureboot *ret, struct err *err)
{
	const struct tdvf_section *cfv = tdvf_find(tdvf, TDVF_CFV);
	struct rd whole = rd_init(image, len);
	struct rd volume;
	int rc;

	if (cfv == NULL)
		return err_fail(
			err, -ENOTSUP, "the firmware's metadata do not name one CFV section");
	volume = rd_at(&whole, cfv->data_offset, cfv->raw_size);
	if (volume.bad)
		return err_fail(err, -EBADMSG, "the CFV section leaves the image");
	ret->built = generation->secure_boot;
	rc = read_volume(ret, volume.base, volume.len, err);
	return rc != 0 ? rc : read_state(ret, err);
}

int secureboot_replace(struct secureboot *state, const void *file, size_t n, struct err *err)
{
	int rc;

	if (n > 0 && ((const char *)file)[0] == '{') {
		rc = varstore_json_parse(file, n, &state->store, &state->storage, err);
		state->outside = rc == 0;
		return rc != 0 ? rc : read_state(state, err);
	}
	if (n != state->volume_bytes)
		return err_fail(err, -EINVAL,
			"a variable store of %zu bytes, but the firmware's configuration volume "
			"has %zu",
			n, state->volume_bytes);
	rc = read_volume(state, file, n, err);
	return rc != 0 ? rc : read_state(state, err);
}

/*
 * UEFI_VARIABLE_DATA: vendor GUID, u64 characters of the name, u64 bytes of the data, name in
 * UTF-16 without NUL, data.
 */
int secureboot_variable_event(const char *vendor, const char *name, const void *data, size_t n,
	struct buf *ret, struct err *err)
{
	struct guid guid;
	unsigned char sizes[16];
	struct wr wr = wr_init(sizes, sizeof(sizes));
	size_t length = strlen(name);

	if (!guid_parse(vendor, &guid))
		return err_fail(err, -EINVAL, "%s is no GUID", vendor);
	wr_le64(&wr, length);
	wr_le64(&wr, n);
	buf_add(ret, guid.bytes, GUID_SIZE);
	buf_add(ret, sizes, sizeof(sizes));
	for (size_t i = 0; i < length; i++)
		buf_add(ret, (char[2]){name[i], '\0'}, 2);
	buf_add(ret, data, n);
	return buf_check(ret, err);
}

static int measure_variable(struct rtmr *rtmr, const char *vendor, const char *name,
	const unsigned char *data, size_t size_bytes, struct err *err)
{
	BUF_AUTO event = {0};
	BUF_AUTO what = {0};
	int rc = secureboot_variable_event(vendor, name, data, size_bytes, &event, err);

	buf_fmt(&what, "variable %s, %zu bytes", name, size_bytes);
	if (rc == 0)
		rc = buf_check(&what, err);
	return rc != 0 ? rc
		       : rtmr_data(rtmr, "EV_EFI_VARIABLE_DRIVER_CONFIG", buf_cstr(&what),
				 event.data, event.len, err);
}

int secureboot_measure(const struct secureboot *state, struct rtmr *rtmr, struct err *err)
{
	unsigned char enabled = state->enabled;
	int rc = measure_variable(
		rtmr, GUID_GLOBAL, "SecureBoot", &enabled, state->built ? 1 : 0, err);

	for (size_t i = 0; rc == 0 && i < KEYS; i++) {
		const struct varstore_variable *key = varstore_find(
			&state->store, keys[i].name, keys[i].vendor);

		if (key == NULL && keys[i].optional)
			continue;
		rc = measure_variable(rtmr, keys[i].vendor, keys[i].name,
			key != NULL ? key->data : NULL, key != NULL ? key->size_bytes : 0, err);
	}
	return rc;
}
