/*
 * SHA-384 in vector lanes (sha512mb.h). Each lane of a register belongs to another message; the arithmetic is that of
 * sha512mb-lanes.h, included once for each register size.
 */
#define _GNU_SOURCE
#include "lib/sha512mb.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BLOCK	  128
#define LANES_MAX 8

#if defined(__x86_64__)
#define HAVE_LANES 1
#else
#define HAVE_LANES 0
#endif

#if HAVE_LANES
#include <immintrin.h>

/* FIPS 180-4, 4.2.3: the first 64 bits of the fractional parts of the cube roots of the first 80 primes. */
static const uint64_t round_constants[80] = {
	0x428a2f98d728ae22,
	0x7137449123ef65cd,
	0xb5c0fbcfec4d3b2f,
	0xe9b5dba58189dbbc,
	0x3956c25bf348b538,
	0x59f111f1b605d019,
	0x923f82a4af194f9b,
	0xab1c5ed5da6d8118,
	0xd807aa98a3030242,
	0x12835b0145706fbe,
	0x243185be4ee4b28c,
	0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f,
	0x80deb1fe3b1696b1,
	0x9bdc06a725c71235,
	0xc19bf174cf692694,
	0xe49b69c19ef14ad2,
	0xefbe4786384f25e3,
	0x0fc19dc68b8cd5b5,
	0x240ca1cc77ac9c65,
	0x2de92c6f592b0275,
	0x4a7484aa6ea6e483,
	0x5cb0a9dcbd41fbd4,
	0x76f988da831153b5,
	0x983e5152ee66dfab,
	0xa831c66d2db43210,
	0xb00327c898fb213f,
	0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2,
	0xd5a79147930aa725,
	0x06ca6351e003826f,
	0x142929670a0e6e70,
	0x27b70a8546d22ffc,
	0x2e1b21385c26c926,
	0x4d2c6dfc5ac42aed,
	0x53380d139d95b3df,
	0x650a73548baf63de,
	0x766a0abb3c77b2a8,
	0x81c2c92e47edaee6,
	0x92722c851482353b,
	0xa2bfe8a14cf10364,
	0xa81a664bbc423001,
	0xc24b8b70d0f89791,
	0xc76c51a30654be30,
	0xd192e819d6ef5218,
	0xd69906245565a910,
	0xf40e35855771202a,
	0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8,
	0x1e376c085141ab53,
	0x2748774cdf8eeb99,
	0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63,
	0x4ed8aa4ae3418acb,
	0x5b9cca4f7763e373,
	0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc,
	0x78a5636f43172f60,
	0x84c87814a1f0ab72,
	0x8cc702081a6439ec,
	0x90befffa23631e28,
	0xa4506cebde82bde9,
	0xbef9a3f7b2c67915,
	0xc67178f2e372532b,
	0xca273eceea26619c,
	0xd186b8c721c0c207,
	0xeada7dd6cde0eb1e,
	0xf57d4f7fee6ed178,
	0x06f067aa72176fba,
	0x0a637dc5a2c898a6,
	0x113f9804bef90dae,
	0x1b710b35131c471b,
	0x28db77f523047d84,
	0x32caab7b40c72493,
	0x3c9ebe0a15c9bebc,
	0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6,
	0x597f299cfc657e2a,
	0x5fcb6fab3ad6faec,
	0x6c44198c4a475817,
};

/* 5.3.4: the same of the square roots of the 9th to 16th prime. */
static const uint64_t initial[8] = {
	0xcbbb9d5dc1059ed8,
	0x629a292a367cd507,
	0x9159015a3070dd17,
	0x152fecd8f70e5939,
	0x67332667ffc00b31,
	0x8eb44a8768581511,
	0xdb0c2e0d64f98fa7,
	0x47b5481dbefa4fa4,
};

static uint64_t be64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap64(value);
}

static void put_be64(unsigned char *at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(at, &value, sizeof(value));
}

static uint64_t ror(uint64_t x, int n)
{
	return x >> n | x << (64 - n);
}

/* Constant plus message word of every round of a block with these first 16 words. */
static void expand(const uint64_t first[16], uint64_t kw[80])
{
	uint64_t w[80];

	for (int i = 0; i < 80; i++) {
		if (i < 16)
			w[i] = first[i];
		else
			w[i] = w[i - 16] +
			       (ror(w[i - 15], 1) ^ ror(w[i - 15], 8) ^ w[i - 15] >> 7) + w[i - 7] +
			       (ror(w[i - 2], 19) ^ ror(w[i - 2], 61) ^ w[i - 2] >> 6);
		kw[i] = w[i] + round_constants[i];
	}
}

/* The padding block after @size_bytes of message: the end mark (unless it went into the block before) and the length. */
static void expand_padding(bool mark, uint64_t size_bytes, uint64_t kw[80])
{
	uint64_t first[16] = {mark ? 0x8000000000000000 : 0};

	first[15] = 8 * size_bytes;
	expand(first, kw);
}

#define LANES	       4
#define VEC	       __m256i
#define LANES_FN(name) name##_avx2
#define LANES_TARGET   __attribute__((target("avx2")))
#define V_LOAD(p)      _mm256_loadu_si256((const void *)(p))
#define V_STORE(p, v)  _mm256_storeu_si256((void *)(p), v)
#define V_SET1(x)      _mm256_set1_epi64x((long long)(x))
#define V_ADD(a, b)    _mm256_add_epi64(a, b)
#define V_XOR(a, b)    _mm256_xor_si256(a, b)
#define V_SHR(x, n)    _mm256_srli_epi64(x, n)
#define V_ROR(x, n)    _mm256_or_si256(_mm256_srli_epi64(x, n), _mm256_slli_epi64(x, 64 - (n)))
#define V_CH(e, f, g)  V_XOR(g, _mm256_and_si256(e, V_XOR(f, g)))
#define V_MAJ(a, b, c)                                                                             \
	_mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)))
#include "lib/sha512mb-lanes.h"

#define LANES	       8
#define VEC	       __m512i
#define LANES_FN(name) name##_avx512
#define LANES_TARGET   __attribute__((target("avx512f")))
#define V_LOAD(p)      _mm512_loadu_si512(p)
#define V_STORE(p, v)  _mm512_storeu_si512(p, v)
#define V_SET1(x)      _mm512_set1_epi64((long long)(x))
#define V_ADD(a, b)    _mm512_add_epi64(a, b)
#define V_XOR(a, b)    _mm512_xor_si512(a, b)
#define V_SHR(x, n)    _mm512_srli_epi64(x, n)
#define V_ROR(x, n)    _mm512_ror_epi64(x, n)
#define V_CH(e, f, g)  _mm512_ternarylogic_epi64(e, f, g, 0xca)
#define V_MAJ(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0xe8)
#include "lib/sha512mb-lanes.h"

#endif

int sha384mb_has(enum sha384mb_way way)
{
#if HAVE_LANES
	if (way == SHA384MB_AVX2)
		return __builtin_cpu_supports("avx2") != 0;
	if (way == SHA384MB_AVX512)
		return __builtin_cpu_supports("avx512f") != 0;
#endif
	return way == SHA384MB_LIBCRYPTO || way == SHA384MB_BEST;
}

/* The way that is taken: the one asked for where the processor has it. */
static enum sha384mb_way choose(enum sha384mb_way way)
{
	if (way != SHA384MB_BEST)
		return sha384mb_has(way) ? way : SHA384MB_LIBCRYPTO;
	if (sha384mb_has(SHA384MB_AVX512))
		return SHA384MB_AVX512;
	return sha384mb_has(SHA384MB_AVX2) ? SHA384MB_AVX2 : SHA384MB_LIBCRYPTO;
}

static int each_message(const unsigned char *messages, size_t size_bytes, size_t n,
	unsigned char (*ret)[SHA384_SIZE], struct err *err)
{
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, DIGEST_SHA384, err);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = digest_begin(&digest, err);
		if (rc == 0)
			rc = digest_update(&digest, messages + i * size_bytes, size_bytes, err);
		if (rc == 0)
			rc = digest_end(&digest, ret[i], err);
	}
	return rc;
}

static int each_chain(struct sha384mb_chain *chain, struct digest *digest, struct err *err)
{
	int rc = 0;

	for (size_t step = 0; rc == 0 && step < chain->steps; step++) {
		rc = digest_begin(digest, err);
		if (rc == 0)
			rc = digest_update(digest, chain->value, SHA384_SIZE, err);
		if (rc == 0)
			rc = digest_update(digest, chain->tail, SHA384MB_TAIL, err);
		if (rc == 0)
			rc = digest_end(digest, chain->value, err);
	}
	return rc;
}

static int all_chains(struct sha384mb_chain *chains, size_t n, struct err *err)
{
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, DIGEST_SHA384, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = each_chain(&chains[i], &digest, err);
	return rc;
}

#if HAVE_LANES

static void in_lanes(enum sha384mb_way way, const unsigned char *messages, size_t size_bytes,
	size_t n, unsigned char (*ret)[SHA384_SIZE])
{
	size_t lanes = way == SHA384MB_AVX512 ? 8 : 4;
	uint64_t last[80];

	expand_padding(true, size_bytes, last);
	for (size_t i = 0; i < n; i += lanes) {
		unsigned char unused[SHA384_SIZE];
		const unsigned char *at[LANES_MAX];
		unsigned char(*to[LANES_MAX])[SHA384_SIZE];

		/* Lanes beyond the last message repeat it. */
		for (size_t lane = 0; lane < lanes; lane++) {
			bool used = i + lane < n;

			at[lane] = messages + (used ? i + lane : n - 1) * size_bytes;
			to[lane] = used ? &ret[i + lane] : &unused;
		}
		if (way == SHA384MB_AVX512)
			messages_avx512(at, size_bytes / BLOCK, last, to);
		else
			messages_avx2(at, size_bytes / BLOCK, last, to);
	}
}

/* The lanes of running chains: words[word * lanes + lane], six of value and eight of tail. */
struct runner {
	size_t lanes;
	uint64_t words[14 * LANES_MAX];
	struct sha384mb_chain *chain[LANES_MAX]; /* NULL: idle */
	size_t left[LANES_MAX];
};

static void load(struct runner *runner, size_t lane, struct sha384mb_chain *chain)
{
	runner->chain[lane] = chain;
	runner->left[lane] = chain->steps;
	for (size_t i = 0; i < 6; i++)
		runner->words[i * runner->lanes + lane] = be64(chain->value + 8 * i);
	for (size_t i = 0; i < 8; i++)
		runner->words[(6 + i) * runner->lanes + lane] = be64(chain->tail + 8 * i);
}

static void unload(struct runner *runner, size_t lane)
{
	for (size_t i = 0; i < 6; i++)
		put_be64(runner->chain[lane]->value + 8 * i,
			runner->words[i * runner->lanes + lane]);
	runner->chain[lane] = NULL;
}

/* Gives idle lanes the next chains; returns how many steps all loaded lanes have left, 0 when none is loaded. */
static size_t refill(struct runner *runner, struct sha384mb_chain *chains, size_t n, size_t *next)
{
	size_t steps = 0;

	for (size_t lane = 0; lane < runner->lanes; lane++) {
		while (runner->chain[lane] == NULL && *next < n) {
			if (chains[*next].steps > 0)
				load(runner, lane, &chains[*next]);
			(*next)++;
		}
		if (runner->chain[lane] != NULL && (steps == 0 || runner->left[lane] < steps))
			steps = runner->left[lane];
	}
	return steps;
}

static void chains_in_lanes(enum sha384mb_way way, struct sha384mb_chain *chains, size_t n)
{
	struct runner runner = {.lanes = way == SHA384MB_AVX512 ? 8 : 4};
	size_t next = 0, steps;
	uint64_t last[80];

	expand_padding(false, SHA384_SIZE + SHA384MB_TAIL, last);
	while ((steps = refill(&runner, chains, n, &next)) > 0) {
		if (way == SHA384MB_AVX512)
			chain_avx512((uint64_t(*)[8])runner.words, last, steps);
		else
			chain_avx2((uint64_t(*)[4])runner.words, last, steps);
		for (size_t lane = 0; lane < runner.lanes; lane++) {
			if (runner.chain[lane] == NULL)
				continue;
			runner.left[lane] -= steps;
			if (runner.left[lane] == 0)
				unload(&runner, lane);
		}
	}
}

#endif

int sha384mb(enum sha384mb_way way, const void *messages, size_t size_bytes, size_t n,
	unsigned char (*ret)[SHA384_SIZE], struct err *err)
{
	way = choose(way);
	/* The lanes know whole blocks only; pages are. */
	if (way == SHA384MB_LIBCRYPTO || size_bytes % BLOCK != 0 || n < 2)
		return each_message(messages, size_bytes, n, ret, err);
#if HAVE_LANES
	in_lanes(way, messages, size_bytes, n, ret);
#endif
	return 0;
}

int sha384mb_chains(enum sha384mb_way way, struct sha384mb_chain *chains, size_t n, struct err *err)
{
	way = choose(way);
	if (way == SHA384MB_LIBCRYPTO || n < 2)
		return all_chains(chains, n, err);
#if HAVE_LANES
	chains_in_lanes(way, chains, n);
#endif
	return 0;
}
