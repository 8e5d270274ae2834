/*
 * Secure Boot state (secureboot.h).
 *
 * OVMF's AuthVariableLib makes SecureBoot from PK and SecureBootEnable
 * (SecurityPkg/Library/AuthVariableLib/AuthService.c); TdTcg2Dxe measures it, and the keys as they
 * are stored, present or not.
 */
#include "measure/secureboot.h"

#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define GUID_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c" /* EFI_GLOBAL_VARIABLE */
#define GUID_ENABLE "f0a30bc7-af08-4556-99c4-001009c93a44" /* SecureBootEnable */

static int check_store(const struct secureboot *state, struct err *err)
{
	for (size_t i = 0; i < state->store.count; i++) {
		const struct varstore_variable *variable = &state->store.variables[i];

		if (!state->built)
			return err_fail(err, -ENOTSUP,
				"the firmware has no Secure Boot, yet variables are stored in it "
				"(%s)",
				variable->name);
		if (strncmp(variable->name, "Boot", 4) == 0 || strcmp(variable->name, "dbt") == 0)
			return err_fail(err, -ENOTSUP,
				"the variable %s is stored in the firmware, which changes RTMR0",
				variable->name);
	}
	return 0;
}

int secureboot_read(const struct generation *generation, const void *image, size_t len,
	const struct tdvf *tdvf, struct secureboot *ret, struct err *err)
{
	const struct tdvf_section *cfv = tdvf_find(tdvf, TDVF_CFV);
	const struct varstore_variable *enable;
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
	ret->volume_bytes = volume.len;
	rc = digest_bytes(DIGEST_SHA384, volume.base, volume.len, ret->volume_sha384, err);
	if (rc == 0)
		rc = varstore_parse(volume.base, volume.len, &ret->store, err);
	if (rc != 0)
		return rc;
	enable = varstore_find(&ret->store, "SecureBootEnable", GUID_ENABLE);
	ret->enabled = ret->built && varstore_find(&ret->store, "PK", GUID_GLOBAL) != NULL &&
		       (enable == NULL || enable->size_bytes != 1 || enable->data[0] != 0);
	return check_store(ret, err);
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
	static const struct {
		const char *vendor, *name;
	} keys[] = {
		{GUID_GLOBAL, "PK"},
		{GUID_GLOBAL, "KEK"},
		{SECUREBOOT_GUID_DB, "db"},
		{SECUREBOOT_GUID_DB, "dbx"},
	};
	unsigned char enabled = state->enabled;
	int rc = measure_variable(
		rtmr, GUID_GLOBAL, "SecureBoot", &enabled, state->built ? 1 : 0, err);

	for (size_t i = 0; rc == 0 && i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct varstore_variable *key = varstore_find(
			&state->store, keys[i].name, keys[i].vendor);

		rc = measure_variable(rtmr, keys[i].vendor, keys[i].name,
			key != NULL ? key->data : NULL, key != NULL ? key->size_bytes : 0, err);
	}
	return rc;
}
