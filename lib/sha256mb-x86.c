/*
 * SHA-256 in lockstep on x86-64 (sha256mb-x86.h). The instructions are those of the Intel 64 and
 * IA-32 Architectures Software Developer's Manual, volume 2; both compilers let them appear in
 * functions with the right target attribute alone, so the rest of the program runs on any x86-64.
 */
#include "lib/sha256mb-x86.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define LEAF7_EBX_SHA (1u << 29)
#define WITH_SHA_NI   __attribute__((target("sha,sse4.1,ssse3")))
#define WITH_AVX512   __attribute__((target("avx512f,avx512bw")))

bool sha256mb_x86_has_sha_ni(void)
{
	unsigned a, b, c, d;

	return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
	       __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & LEAF7_EBX_SHA) != 0;
}

bool sha256mb_x86_has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

/* FIPS 180-4, section 4.2.2. */
static const uint32_t constants[64] __attribute__((aligned(16))) = {0x428a2f98, 0x71374491,
	0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
	0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc,
	0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
	0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f,
	0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The working variables of one message in the order that the SHA instructions want. */
struct state {
	__m128i abef, cdgh;
};

WITH_SHA_NI static struct state state_load(const uint32_t v[8])
{
	return (struct state){
		.abef = _mm_set_epi32((int)v[0], (int)v[1], (int)v[4], (int)v[5]),
		.cdgh = _mm_set_epi32((int)v[2], (int)v[3], (int)v[6], (int)v[7]),
	};
}

WITH_SHA_NI static void state_store(const struct state *state, uint32_t v[8])
{
	uint32_t feba[4], hgdc[4];

	_mm_storeu_si128((__m128i *)(void *)feba, state->abef);
	_mm_storeu_si128((__m128i *)(void *)hgdc, state->cdgh);
	v[0] = feba[3];
	v[1] = feba[2];
	v[2] = hgdc[3];
	v[3] = hgdc[2];
	v[4] = feba[1];
	v[5] = feba[0];
	v[6] = hgdc[1];
	v[7] = hgdc[0];
}

/* One lane's part of the rounds 4g..4g+3, and of the message schedule for 16 rounds later. */
#define LANE_ROUNDS(lane, g)                                                                       \
	do {                                                                                       \
		__m128i wk = _mm_add_epi32(w[lane][(g) % 4], k);                                   \
		s[lane].cdgh = _mm_sha256rnds2_epu32(s[lane].cdgh, s[lane].abef, wk);              \
		wk = _mm_shuffle_epi32(wk, 0x0e);                                                  \
		s[lane].abef = _mm_sha256rnds2_epu32(s[lane].abef, s[lane].cdgh, wk);              \
	} while (0)
#define LANE_SCHEDULE(lane, g)                                                                     \
	do {                                                                                       \
		__m128i sum = _mm_sha256msg1_epu32(w[lane][(g) % 4], w[lane][((g) + 1) % 4]);      \
		__m128i t7 = _mm_alignr_epi8(w[lane][((g) + 3) % 4], w[lane][((g) + 2) % 4], 4);   \
		w[lane][(g) % 4] = _mm_sha256msg2_epu32(                                           \
			_mm_add_epi32(sum, t7), w[lane][((g) + 3) % 4]);                           \
	} while (0)
#define ROUNDS(g)                                                                                  \
	do {                                                                                       \
		__m128i k = _mm_load_si128((const __m128i *)&constants[4 * (g)]);                  \
		LANE_ROUNDS(0, g);                                                                 \
		LANE_ROUNDS(1, g);                                                                 \
		LANE_ROUNDS(2, g);                                                                 \
	} while (0)
#define ROUNDS_AND_SCHEDULE(g)                                                                     \
	do {                                                                                       \
		ROUNDS(g);                                                                         \
		LANE_SCHEDULE(0, g);                                                               \
		LANE_SCHEDULE(1, g);                                                               \
		LANE_SCHEDULE(2, g);                                                               \
	} while (0)
#define LANE_LOAD(lane)                                                                            \
	do {                                                                                       \
		const __m128i *from = (const __m128i *)(const void *)(at[lane] +                   \
								      b * SHA256MB_BLOCK);         \
		w[lane][0] = _mm_shuffle_epi8(_mm_loadu_si128(from), swap);                        \
		w[lane][1] = _mm_shuffle_epi8(_mm_loadu_si128(from + 1), swap);                    \
		w[lane][2] = _mm_shuffle_epi8(_mm_loadu_si128(from + 2), swap);                    \
		w[lane][3] = _mm_shuffle_epi8(_mm_loadu_si128(from + 3), swap);                    \
	} while (0)
#define LANE_ADD(lane)                                                                             \
	do {                                                                                       \
		s[lane].abef = _mm_add_epi32(s[lane].abef, before[lane].abef);                     \
		s[lane].cdgh = _mm_add_epi32(s[lane].cdgh, before[lane].cdgh);                     \
	} while (0)

WITH_SHA_NI void sha256mb_x86_sha_ni(
	uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	struct state s[SHA256MB_SHA_NI_LANES] = {
		state_load(states[0]), state_load(states[1]), state_load(states[2])};

	for (size_t b = 0; b < blocks; b++) {
		const struct state before[SHA256MB_SHA_NI_LANES] = {s[0], s[1], s[2]};
		__m128i w[SHA256MB_SHA_NI_LANES][4];

		LANE_LOAD(0);
		LANE_LOAD(1);
		LANE_LOAD(2);
		ROUNDS_AND_SCHEDULE(0);
		ROUNDS_AND_SCHEDULE(1);
		ROUNDS_AND_SCHEDULE(2);
		ROUNDS_AND_SCHEDULE(3);
		ROUNDS_AND_SCHEDULE(4);
		ROUNDS_AND_SCHEDULE(5);
		ROUNDS_AND_SCHEDULE(6);
		ROUNDS_AND_SCHEDULE(7);
		ROUNDS_AND_SCHEDULE(8);
		ROUNDS_AND_SCHEDULE(9);
		ROUNDS_AND_SCHEDULE(10);
		ROUNDS_AND_SCHEDULE(11);
		ROUNDS(12);
		ROUNDS(13);
		ROUNDS(14);
		ROUNDS(15);
		LANE_ADD(0);
		LANE_ADD(1);
		LANE_ADD(2);
	}
	for (size_t i = 0; i < SHA256MB_SHA_NI_LANES; i++)
		state_store(&s[i], states[i]);
}

/* From here on a vector holds one word of 16 messages. */

#define XOR3(x, y, z)	  _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CHOOSE(x, y, z)	  _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define ROTATE(x, n)	  _mm512_ror_epi32(x, n)
#define ADD(x, y)	  _mm512_add_epi32(x, y)

/* Round t of FIPS 180-4, section 6.2.2, with its variables renamed instead of moved. */
#define ROUND(a, b, c, d, e, f, g, h, t)                                                           \
	do {                                                                                       \
		__m512i t1 = ADD(h, XOR3(ROTATE(e, 6), ROTATE(e, 11), ROTATE(e, 25)));             \
		t1 = ADD(t1, CHOOSE(e, f, g));                                                     \
		t1 = ADD(t1, _mm512_set1_epi32((int)k[t]));                                        \
		t1 = ADD(t1, w[t]);                                                                \
		d = ADD(d, t1);                                                                    \
		h = ADD(t1, XOR3(ROTATE(a, 2), ROTATE(a, 13), ROTATE(a, 22)));                     \
		h = ADD(h, MAJORITY(a, b, c));                                                     \
	} while (0)

/* w[t] of 16 rounds later. */
#define SCHEDULE(t)                                                                                \
	do {                                                                                       \
		__m512i w1 = w[((t) + 1) % 16], w14 = w[((t) + 14) % 16];                          \
		w1 = XOR3(ROTATE(w1, 7), ROTATE(w1, 18), _mm512_srli_epi32(w1, 3));                \
		w14 = XOR3(ROTATE(w14, 17), ROTATE(w14, 19), _mm512_srli_epi32(w14, 10));          \
		w[t] = ADD(ADD(w[t], w1), ADD(w[((t) + 9) % 16], w14));                            \
	} while (0)

/* Sixteen rounds with the schedule words w and the constants k. */
WITH_AVX512 static inline __attribute__((always_inline)) void rounds16(
	__m512i v[8], const __m512i w[16], const uint32_t *k)
{
	__m512i a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7];

	ROUND(a, b, c, d, e, f, g, h, 0);
	ROUND(h, a, b, c, d, e, f, g, 1);
	ROUND(g, h, a, b, c, d, e, f, 2);
	ROUND(f, g, h, a, b, c, d, e, 3);
	ROUND(e, f, g, h, a, b, c, d, 4);
	ROUND(d, e, f, g, h, a, b, c, 5);
	ROUND(c, d, e, f, g, h, a, b, 6);
	ROUND(b, c, d, e, f, g, h, a, 7);
	ROUND(a, b, c, d, e, f, g, h, 8);
	ROUND(h, a, b, c, d, e, f, g, 9);
	ROUND(g, h, a, b, c, d, e, f, 10);
	ROUND(f, g, h, a, b, c, d, e, 11);
	ROUND(e, f, g, h, a, b, c, d, 12);
	ROUND(d, e, f, g, h, a, b, c, 13);
	ROUND(c, d, e, f, g, h, a, b, 14);
	ROUND(b, c, d, e, f, g, h, a, 15);
	v[0] = a;
	v[1] = b;
	v[2] = c;
	v[3] = d;
	v[4] = e;
	v[5] = f;
	v[6] = g;
	v[7] = h;
}

WITH_AVX512 static inline __attribute__((always_inline)) void schedule16(__m512i w[16])
{
	SCHEDULE(0);
	SCHEDULE(1);
	SCHEDULE(2);
	SCHEDULE(3);
	SCHEDULE(4);
	SCHEDULE(5);
	SCHEDULE(6);
	SCHEDULE(7);
	SCHEDULE(8);
	SCHEDULE(9);
	SCHEDULE(10);
	SCHEDULE(11);
	SCHEDULE(12);
	SCHEDULE(13);
	SCHEDULE(14);
	SCHEDULE(15);
}

/* Turns 16 rows, each 16 words of one message, into 16 vectors, each one word of all messages. */
WITH_AVX512 static inline __attribute__((always_inline)) void transpose(__m512i m[16])
{
	__m512i t[16];

	/* Words in pairs, then in fours, within each quarter of a vector; then the quarters. */
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(m[i], m[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(m[i], m[i + 1]);
	}
	for (int i = 0; i < 16; i += 4) {
		m[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		m[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		m[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		m[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	/* m[4r + c] now holds column c of each quarter, of the rows 4r..4r+3. */
	for (int c = 0; c < 4; c++) {
		t[c] = _mm512_shuffle_i32x4(m[c], m[4 + c], 0x88);
		t[4 + c] = _mm512_shuffle_i32x4(m[c], m[4 + c], 0xdd);
		t[8 + c] = _mm512_shuffle_i32x4(m[8 + c], m[12 + c], 0x88);
		t[12 + c] = _mm512_shuffle_i32x4(m[8 + c], m[12 + c], 0xdd);
	}
	for (int c = 0; c < 4; c++) {
		m[c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0x88);
		m[4 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0x88);
		m[8 + c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0xdd);
		m[12 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0xdd);
	}
}

WITH_AVX512 void sha256mb_x86_avx512(
	uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at, size_t blocks)
{
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
	uint32_t words[8][SHA256MB_AVX512_LANES];
	__m512i v[8];

	for (size_t i = 0; i < 8 * SHA256MB_AVX512_LANES; i++)
		words[i / SHA256MB_AVX512_LANES][i % SHA256MB_AVX512_LANES] =
			states[i % SHA256MB_AVX512_LANES][i / SHA256MB_AVX512_LANES];
	for (size_t i = 0; i < 8; i++)
		v[i] = _mm512_loadu_si512(words[i]);
	for (size_t b = 0; b < blocks; b++) {
		__m512i before[8], w[16];

		for (size_t i = 0; i < 8; i++)
			before[i] = v[i];
		for (size_t i = 0; i < 16; i++)
			w[i] = _mm512_shuffle_epi8(
				_mm512_loadu_si512(at[i] + b * SHA256MB_BLOCK), swap);
		transpose(w);
		rounds16(v, w, constants);
		for (size_t r = 16; r < 64; r += 16) {
			schedule16(w);
			rounds16(v, w, constants + r);
		}
		for (size_t i = 0; i < 8; i++)
			v[i] = ADD(v[i], before[i]);
	}
	for (size_t i = 0; i < 8; i++)
		_mm512_storeu_si512(words[i], v[i]);
	for (size_t i = 0; i < 8 * SHA256MB_AVX512_LANES; i++)
		states[i % SHA256MB_AVX512_LANES][i / SHA256MB_AVX512_LANES] =
			words[i / SHA256MB_AVX512_LANES][i % SHA256MB_AVX512_LANES];
}

#else

bool sha256mb_x86_has_sha_ni(void)
{
	return false;
}

bool sha256mb_x86_has_avx512(void)
{
	return false;
}

/* Never called: no engine has them here. */
void sha256mb_x86_sha_ni(
	uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at, size_t blocks)
{
	(void)states, (void)at, (void)blocks;
}

void sha256mb_x86_avx512(
	uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at, size_t blocks)
{
	(void)states, (void)at, (void)blocks;
}

#endif
