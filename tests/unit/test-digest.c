/* lib/digest against FIPS 180-4's examples and the extend operation against its definition. */
#include <stdlib.h>

#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"

#define TWO_BLOCKS_32 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define TWO_BLOCKS_64                                                                              \
	"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr" \
	"lmnopqrsmnopqrstnopqrstu"

/* FIPS 180-4 examples (NIST CSRC, Example Algorithms), and the digest of nothing. */
static const struct {
	enum digest_alg alg;
	const char *text, *hex;
} vectors[] = {
	{DIGEST_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	{DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{DIGEST_SHA1, TWO_BLOCKS_32, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	{DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{DIGEST_SHA256, TWO_BLOCKS_32,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	{DIGEST_SHA384, "",
		"38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
		"274edebfe76f65fbd51ad2f14898b95b"},
	{DIGEST_SHA384, "abc",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		"8086072ba1e7cc2358baeca134c825a7"},
	{DIGEST_SHA384, TWO_BLOCKS_64,
		"09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712"
		"fcc7c71a557e2db966c3e9fa91746039"},
	{DIGEST_SHA512, "",
		"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
	{DIGEST_SHA512, "abc",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	{DIGEST_SHA512, TWO_BLOCKS_64,
		"8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
		"501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"},
};

static void must(int rc, const struct err *err)
{
	if (rc == 0)
		return;
	printf("Bail out! %s\n", err->msg);
	exit(1);
}

static void test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		enum digest_alg alg = vectors[i].alg;
		unsigned char value[DIGEST_MAX];
		char hex[DIGEST_HEX_MAX];
		struct err err = {0};

		must(digest_bytes(alg, vectors[i].text, strlen(vectors[i].text), value, &err),
			&err);
		hex_encode(value, digest_size(alg), hex);
		is_str(hex, vectors[i].hex, digest_name(alg));
	}
}

/* NIST's million letters a, in steps that fit no block, twice through one context. */
static void test_running(void)
{
	static const char want[] =
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	unsigned char value[SHA256_SIZE], letters[997];
	char hex[2 * SHA256_SIZE + 1];
	DIGEST_AUTO digest = {0};
	struct err err = {0};

	memset(letters, 'a', sizeof(letters));
	must(digest_init(&digest, DIGEST_SHA256, &err), &err);
	for (int round = 0; round < 2; round++) {
		for (size_t left = 1000000, n; left > 0; left -= n) {
			n = left < sizeof(letters) ? left : sizeof(letters);
			must(digest_update(&digest, letters, n, &err), &err);
			must(digest_update(&digest, NULL, 0, &err), &err);
		}
		must(digest_end(&digest, value, &err), &err);
		hex_encode(value, sizeof(value), hex);
		is_str(hex, want, round == 0 ? "a million letters" : "again after digest_begin");
		must(digest_begin(&digest, &err), &err);
	}
	must(digest_update(&digest, "abandoned", 9, &err), &err);
	must(digest_begin(&digest, &err), &err);
	must(digest_end(&digest, value, &err), &err);
	hex_encode(value, sizeof(value), hex);
	is_str(hex, vectors[3].hex, "begin forgets what was abandoned");
}

/* reg = H(reg || value) for every algorithm, and not a byte more. */
static void test_extend(void)
{
	static const enum digest_alg algs[] = {
		DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		unsigned char reg[DIGEST_MAX], value[DIGEST_MAX], both[2 * DIGEST_MAX],
			want[DIGEST_MAX];
		size_t n = digest_size(algs[i]);
		struct err err = {0};

		memset(reg, 0x11, sizeof(reg));
		memset(value, 0x22, sizeof(value));
		memcpy(both, reg, n);
		memcpy(both + n, value, n);
		must(digest_bytes(algs[i], both, 2 * n, want, &err), &err);
		must(digest_extend(algs[i], reg, value, &err), &err);
		ok(memcmp(reg, want, n) == 0, "extend %s", digest_name(algs[i]));
		ok(n == DIGEST_MAX || reg[n] == 0x11, "%s: nothing behind the digest is written",
			digest_name(algs[i]));
	}
}

/* TCG PC Client: PCR after one EV_SEPARATOR (SHA-256 of four zero bytes) from zero, known from any machine's PCR 1 without
 * other events. */
static void test_separator(void)
{
	static const char want[] =
		"3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969";
	unsigned char reg[SHA256_SIZE] = {0}, event[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct err err = {0};

	must(digest_bytes(DIGEST_SHA256, "\0\0\0\0", 4, event, &err), &err);
	must(digest_extend(DIGEST_SHA256, reg, event, &err), &err);
	hex_encode(reg, sizeof(reg), hex);
	is_str(hex, want, "a register with one separator");
}

static void test_names(void)
{
	is_str(digest_name(DIGEST_SHA1), "sha1", "name");
	is_str(digest_name(DIGEST_SHA256), "sha256", "name");
	is_str(digest_name(DIGEST_SHA384), "sha384", "name");
	is_str(digest_name(DIGEST_SHA512), "sha512", "name");
	ok(digest_size(DIGEST_SHA1) == 20 && digest_size(DIGEST_SHA256) == SHA256_SIZE &&
			digest_size(DIGEST_SHA384) == SHA384_SIZE &&
			digest_size(DIGEST_SHA512) == DIGEST_MAX,
		"sizes");
	digest_done(&(struct digest){0});
	ok(true, "done of an empty digest");
}

int main(void)
{
	test_vectors();
	test_running();
	test_extend();
	test_separator();
	test_names();
	return tap_done();
}
