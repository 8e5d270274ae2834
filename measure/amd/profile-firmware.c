/* Known firmware builds (profile-firmware.h). Digests of the files as the named packages install them. */
#include "measure/amd/profile-firmware.h"

#include <string.h>

#include "lib/hex.h"

static const struct {
	const char *sha256;
	const char *name;
} builds[] = {
	{"3e4fd0b3fe3b2dbe481c3d9e99418a034174f26cbe1f55aa212b0f18c12d2d6f",
		"Debian ovmf-amdsev 2026.08+ds-2 OVMF.amdsev.fd"},
	{"7b456907dd0786d415999e801a1ac4637b8ed4d7cf5378cfc6edbe5e574dd773",
		"Debian ovmf 2022.11-6+deb12u2 OVMF.fd"},
	{"14954040cc754ade0c625ac3470ea46d4c14318b5b1396de4ef77090203d76db",
		"Debian ovmf 2025.02-8+deb13u1 OVMF.fd"},
};

const char *firmware_known(const unsigned char sha256[SHA256_SIZE])
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(sha256, SHA256_SIZE, hex);
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
		if (strcmp(builds[i].sha256, hex) == 0)
			return builds[i].name;
	return NULL;
}
