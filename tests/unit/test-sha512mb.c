/* SHA-384 in vector lanes against libcrypto, for every count that fills lanes wholly or partly. */
#include "lib/sha512mb.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "tests/tap.h"

#define MESSAGES 37
#define LARGEST	 4096

static unsigned char bytes[MESSAGES * LARGEST];

static const struct {
	enum sha384mb_way way;
	const char *name;
} ways[] = {{SHA384MB_BEST, "the best way"}, {SHA384MB_LIBCRYPTO, "libcrypto"},
	{SHA384MB_AVX2, "AVX2"}, {SHA384MB_AVX512, "AVX-512"}};

/* Numerical Recipes' generator: the test's bytes are the same everywhere. */
static void fill(uint32_t seed)
{
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(seed >> 24);
	}
}

static bool same_digests(enum sha384mb_way way, size_t size, size_t n)
{
	unsigned char got[MESSAGES][SHA384_SIZE] = {{0}}, want[SHA384_SIZE];
	struct err err = {0};

	if (sha384mb(way, bytes, size, n, got, &err) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (digest_bytes(DIGEST_SHA384, bytes + i * size, size, want, &err) != 0 ||
			memcmp(want, got[i], SHA384_SIZE) != 0)
			return false;
	}
	return true;
}

static void test_messages(enum sha384mb_way way, const char *name)
{
	static const size_t sizes[] = {0, 1, 111, 112, 127, 128, 129, 256, 384, 4096};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		bool good = true;

		for (size_t n = 0; n <= MESSAGES; n++)
			good = good && same_digests(way, sizes[s], n);
		ok(good, "%s: 0 to %d messages of %zu bytes", name, MESSAGES, sizes[s]);
	}
}

/* The chain's definition, step by step. */
static void plain_chain(struct sha384mb_chain *chain)
{
	unsigned char message[SHA384_SIZE + SHA384MB_TAIL];
	struct err err = {0};

	for (size_t i = 0; i < chain->steps; i++) {
		memcpy(message, chain->value, SHA384_SIZE);
		memcpy(message + SHA384_SIZE, chain->tail, SHA384MB_TAIL);
		if (digest_bytes(DIGEST_SHA384, message, sizeof(message), chain->value, &err) != 0)
			abort();
	}
}

static bool same_chains(enum sha384mb_way way, size_t n)
{
	struct sha384mb_chain got[MESSAGES], want[MESSAGES];
	struct err err = {0};

	for (size_t i = 0; i < n; i++) {
		memcpy(got[i].value, bytes + 200 * i, SHA384_SIZE);
		got[i].tail = bytes + 200 * i + 64;
		got[i].steps = i * 7 % 13; /* none and many, out of order */
		want[i] = got[i];
		plain_chain(&want[i]);
	}
	if (sha384mb_chains(way, got, n, &err) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (memcmp(got[i].value, want[i].value, SHA384_SIZE) != 0)
			return false;
	return true;
}

/* FIPS 180-4's two-block example has 112 bytes, as a chain's message does: "abcdefgh" to "nopqrstu", slid by one. */
static void test_published(void)
{
	char message[113];
	char hex[2 * SHA384_SIZE + 1];

	for (int i = 0; i < 112; i++)
		message[i] = (char)('a' + i / 8 + i % 8);
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		struct sha384mb_chain chains[3];
		struct err err = {0};

		for (int i = 0; i < 3; i++) {
			memcpy(chains[i].value, message, SHA384_SIZE);
			chains[i].tail = (const unsigned char *)message + SHA384_SIZE;
			chains[i].steps = 1;
		}
		if (sha384mb_chains(ways[w].way, chains, 3, &err) != 0)
			abort();
		hex_encode(chains[2].value, SHA384_SIZE, hex);
		is_str(hex,
			"09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712"
			"fcc7c71a557e2db966c3e9fa91746039",
			ways[w].name);
	}
}

int main(void)
{
	fill(1);
	test_published();
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		bool good = true;

		if (!sha384mb_has(ways[w].way)) {
			tap_skip(ways[w].name, "this processor has no such registers");
			continue;
		}
		test_messages(ways[w].way, ways[w].name);
		for (size_t n = 0; n <= MESSAGES; n++)
			good = good && same_chains(ways[w].way, n);
		ok(good, "%s: 0 to %d chains", ways[w].name, MESSAGES);
	}
	return tap_done();
}
