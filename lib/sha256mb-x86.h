/* The compression functions of sha256mb.c on x86-64 (FIPS 180-4, section 6.2.2): several
 * messages in lockstep. */
#ifndef LIB_SHA256MB_X86_H
#define LIB_SHA256MB_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256MB_BLOCK	      64u
#define SHA256MB_SHA_NI_LANES 3u
#define SHA256MB_AVX512_LANES 16u
#define SHA256MB_LANES_MAX    16u

/* What this processor and its system can do. Slow in a virtual machine. */
bool sha256mb_x86_has_sha_ni(void);
bool sha256mb_x86_has_avx512(void);

/* Takes @blocks consecutive blocks at each @at into the hash values @states, one for each lane. */
void sha256mb_x86_sha_ni(
	uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at, size_t blocks);
void sha256mb_x86_avx512(
	uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at, size_t blocks);

#endif
