/* The guest's own SHA-256 against libcrypto's, at every length around the padding's edges and in every split. */
#include "initrd/guest/sha256.c"
#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"

#define BYTES_MAX 300

int main(void)
{
	unsigned char bytes[BYTES_MAX], want[SHA256_SIZE];
	char got_hex[65], want_hex[65];
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t cut = len * 3 / 7;
		struct err err = {0};
		struct sha256 sha;

		sha256_begin(&sha);
		sha256_update(&sha, bytes, cut);
		sha256_update(&sha, bytes + cut, len - cut);
		sha256_hex(&sha, got_hex);
		if (digest_bytes(DIGEST_SHA256, bytes, len, want, &err) != 0)
			wrong++;
		hex_encode(want, sizeof(want), want_hex);
		wrong += strcmp(got_hex, want_hex) != 0;
	}
	is_int((long long)wrong, 0, "0 to 300 bytes in two pieces");
	return tap_done();
}
