/* Firmware builds that are known by their digest. */
#ifndef MEASURE_AMD_PROFILE_FIRMWARE_H
#define MEASURE_AMD_PROFILE_FIRMWARE_H

#include "lib/digest.h"

/* "Debian ovmf-amdsev 2026.08+ds-2, OVMF.amdsev.fd", or NULL for a build that is not in the table. */
const char *firmware_known(const unsigned char sha256[SHA256_SIZE]);

#endif
