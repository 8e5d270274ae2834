/* Signatures of PE images: the certificate table and the PKCS#7 in it, against a db with digests. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "measure/tdx/secureboot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A list of one SHA-256 digest, zeros. */
	static const unsigned char db[28 + 16 + 32] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92,
		0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28, 76, 0, 0, 0, 0, 0, 0, 0, 48};
	struct secureboot *state AUTO_FREE = calloc(1, sizeof(*state));
	struct secureboot_vouchers vouchers;
	struct err err = {0};
	bool good = false;

	if (state == NULL)
		return 0;
	state->built = state->enabled = true;
	state->store.count = 1;
	strcpy(state->store.variables[0].name, "db");
	if (!guid_parse(SECUREBOOT_GUID_DB, &state->store.variables[0].vendor))
		abort();
	state->store.variables[0].data = db;
	state->store.variables[0].size_bytes = sizeof(db);
	if (secureboot_vouch(state, data, size, &vouchers, &err) == 0 && vouchers.count == 0)
		abort();
	if (secureboot_signed_by(data, size, db, sizeof(db), &good, &err) == 0 && good)
		abort();
	return 0;
}
