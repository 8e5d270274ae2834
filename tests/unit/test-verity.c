/* dm-verity: geometry, trees against a plain recomputation and veritysetup's root hashes, the
 * parameter line. */
#include "formats/verity.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/sha256mb.h"
#include "mkimage/fs/verity-stream.h"
#include "tests/tap.h"

static unsigned char salt[SHA256_SIZE];

static void test_geometry(void)
{
	static const struct {
		uint64_t data_blocks;
		size_t levels;
		uint64_t tree_blocks;
		uint64_t start0;
	} cases[] = {
		{1, 0, 0, 0},
		{2, 1, 1, 0},
		{128, 1, 1, 0},
		{129, 2, 3, 1},
		{128 * 128, 2, 129, 1},
		{128 * 128 + 1, 3, 132, 3},
		{128 * 128 * 128, 3, 1 + 128 + 16384, 129},
		{128 * 128 * 128 + 1, 4, 1 + 2 + 129 + 16385, 132},
		{VERITY_DATA_BLOCKS_MAX, 5, 1 + 16 + 2048 + 262144 + 33554432, 264209},
	};
	struct verity_geometry geometry = {.data_blocks = 7};
	struct err err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = verity_geometry(cases[i].data_blocks, &geometry, &err);

		ok(rc == 0 && geometry.levels == cases[i].levels &&
				geometry.tree_blocks == cases[i].tree_blocks &&
				geometry.level[0].start == cases[i].start0 &&
				geometry.data_blocks == cases[i].data_blocks,
			"geometry of %llu blocks", (unsigned long long)cases[i].data_blocks);
	}
	geometry.data_blocks = 7;
	is_int(verity_geometry(0, &geometry, &err), -EINVAL, "no data is refused");
	is_int(verity_geometry(VERITY_DATA_BLOCKS_MAX + 1, &geometry, &err), -EINVAL,
		"too much data is refused");
	is_int((long long)geometry.data_blocks, 7, "a failure leaves the result alone");
}

/* H(salt || block), the plain way. */
static void plain_hash(const unsigned char *block, unsigned char *ret)
{
	unsigned char both[SHA256_SIZE + VERITY_BLOCK_SIZE];
	struct err err = {0};

	memcpy(both, salt, sizeof(salt));
	memcpy(both + sizeof(salt), block, VERITY_BLOCK_SIZE);
	ok(digest_bytes(DIGEST_SHA256, both, sizeof(both), ret, &err) == 0, "digest");
}

/* The root hash of 3 blocks, the plain way. */
static void test_small_tree(void)
{
	unsigned char data[3 * VERITY_BLOCK_SIZE];
	unsigned char tree[VERITY_BLOCK_SIZE] = {0};
	unsigned char want[SHA256_SIZE];
	unsigned char got[SHA256_SIZE] = {0};
	VERITY_STREAM_AUTO stream = {0};
	struct err err = {0};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 31 + i / 4096);
	for (size_t i = 0; i < 3; i++)
		plain_hash(data + i * VERITY_BLOCK_SIZE, tree + i * SHA256_SIZE);
	plain_hash(tree, want);
	ok(verity_stream_init(&stream, 3, salt, sizeof(salt), 1, &err) == 0 &&
			verity_stream_add(&stream, data, 3, &err) == 0 &&
			verity_stream_end(&stream, got, &err) == 0,
		"three blocks");
	ok(memcmp(stream.tree, tree, sizeof(tree)) == 0, "the tree of three blocks");
	ok(memcmp(got, want, sizeof(got)) == 0, "the root hash of three blocks");
}

/* The root hash of @n blocks of zeros added @step at a time. */
static void zeros_root(uint64_t n, size_t step, size_t threads, char ret_hex[65])
{
	unsigned char *zeros = calloc(step, VERITY_BLOCK_SIZE);
	unsigned char root[SHA256_SIZE] = {0};
	VERITY_STREAM_AUTO stream = {0};
	struct err err = {0};
	int rc = verity_stream_init(&stream, n, salt, sizeof(salt), threads, &err);

	for (uint64_t left = n; rc == 0 && left > 0;) {
		size_t now = left < step ? (size_t)left : step;

		rc = verity_stream_add(&stream, zeros, now, &err);
		left -= now;
	}
	if (rc == 0)
		rc = verity_stream_end(&stream, root, &err);
	ok(rc == 0, "hash %llu blocks, %zu at a time, %zu threads", (unsigned long long)n, step,
		threads);
	hex_encode(root, sizeof(root), ret_hex);
	free(zeros);
}

/* Root hashes that veritysetup 2.6.1 gives for zeros with this salt. */
static void test_zeros(void)
{
	static const struct {
		uint64_t blocks;
		const char *root;
	} cases[] = {
		{1, "4ce3ecf32c133bf6321901b6092219474b6ac91a19d0304621d629e6bb9987dc"},
		{128, "1c54be08db02b0494336a7d086c623d9149b1e1f6bdbcaf866843bc43a745b9a"},
		{129, "9a7282df904b2431259deaaa8e86a9a3bc00a44eb5d6353feb2c28cdc696c0e1"},
		{16384, "1cef239a7493a1a8913fb5ee549ea91c0617877c6c9a635798c7a1fec3746b5b"},
		{16385, "a4560fc95e80c4d31644794c9dfe6e2cf072bb0e4c9df65a03ea775b9dd8c935"},
	};
	static const struct {
		size_t step, threads;
	} ways[] = {{1024, 1}, {1000, 2}, {97, 5}};
	char hex[65];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
			zeros_root(cases[i].blocks, ways[k].step, ways[k].threads, hex);
			is_str(hex, cases[i].root, "the root hash of zeros");
		}
}

static void test_stream_misuse(void)
{
	static const unsigned char block[2 * VERITY_BLOCK_SIZE];
	unsigned char root[SHA256_SIZE];
	VERITY_STREAM_AUTO stream = {0};
	VERITY_STREAM_AUTO other = {0};
	struct err err = {0};

	ok(verity_stream_init(&stream, 2, NULL, 0, 1, &err) == 0, "a stream without salt");
	ok(verity_stream_add(&stream, block, 1, &err) == 0, "half of it");
	is_int(verity_stream_end(&stream, root, &err), -EINVAL, "missing blocks are refused");
	is_int(verity_stream_add(&stream, block, 2, &err), -EINVAL, "surplus blocks are refused");
	is_int(verity_stream_init(&other, 1, salt, VERITY_SALT_MAX + 1, 1, &err), -EINVAL,
		"an overlong salt is refused");
	is_int(verity_stream_init(&other, 0, salt, 1, 1, &err), -EINVAL, "no data is refused");
}

/* Every length of prefix and message around the block boundaries of SHA-256, against one-shot
 * digests of libcrypto. */
static void test_sha256mb(enum sha256mb_engine engine)
{
	static unsigned char data[40 * 200];
	static const size_t counts[] = {1, 2, 3, 4, 5, 7, 15, 16, 17, 33, 40};
	unsigned char got[40 * SHA256_SIZE + 1];
	unsigned char both[SHA256MB_PREFIX_MAX + 200];
	unsigned char want[SHA256_SIZE];
	struct err err = {0};
	size_t bad = 0, tried = 0;

	if (!sha256mb_has(engine)) {
		tap_skip("digests in lockstep", "this processor has no such instructions");
		return;
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 131 + i / 251);
	for (size_t prefix = 0; prefix <= SHA256MB_PREFIX_MAX; prefix += prefix < 130 ? 1 : 3)
		for (size_t size = 0; size <= 200; size += size < 140 ? 7 : 1) {
			size_t n = counts[(prefix + size) % (sizeof(counts) / sizeof(counts[0]))];

			memset(got, 0x55, sizeof(got));
			if (sha256mb_by(engine, data, prefix, data, size, n, got, &err) != 0 ||
				got[n * SHA256_SIZE] != 0x55)
				bad++;
			for (size_t i = 0; i < n; i++, tried++) {
				memcpy(both, data, prefix);
				memcpy(both + prefix, data + i * size, size);
				if (digest_bytes(DIGEST_SHA256, both, prefix + size, want, &err) !=
						0 ||
					memcmp(want, got + i * SHA256_SIZE, SHA256_SIZE) != 0)
					bad++;
			}
		}
	ok(bad == 0 && tried > 100000, "engine %d: %zu of %zu digests differ from one-shot ones",
		(int)engine, bad, tried);
}

#define ROOT  "root_hash=4ce3ecf32c133bf6321901b6092219474b6ac91a19d0304621d629e6bb9987dc"
#define SALT  "salt=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SIZES "data_block_size=4096,hash_block_size=4096"

static void test_params(void)
{
	static const char line[] = ROOT "," SALT ",data_blocks=51712," SIZES;
	static const struct {
		const char *text;
		int code;
		const char *message;
	} bad[] = {
		{"", -EBADMSG,
			"x: byte 0: the verity parameters have no valid \"root_hash=\" here"},
		{"\n", -EBADMSG,
			"x: byte 0: the verity parameters have no valid \"root_hash=\" here"},
		{SALT "," ROOT ",data_blocks=1," SIZES, -EBADMSG,
			"x: byte 0: the verity parameters have no valid \"root_hash=\" here"},
		{"root_hash=4CE3ecf32c133bf6321901b6092219474b6ac91a19d0304621d629e6bb9987dc,salt="
		 "00,data_blocks=1," SIZES,
			-EBADMSG,
			"x: byte 0: the verity parameters have no valid \"root_hash=\" here"},
		{"root_hash=4ce3,salt=00,data_blocks=1," SIZES, -EBADMSG,
			"x: byte 0: the verity parameters have no valid \"root_hash=\" here"},
		{ROOT ",salt=,data_blocks=1," SIZES, -EBADMSG,
			"x: byte 75: the verity parameters have no valid \"salt=\" here"},
		{ROOT ",salt=0,data_blocks=1," SIZES, -EBADMSG,
			"x: byte 75: the verity parameters have no valid \"salt=\" here"},
		{ROOT ",salt=00,data_blocks=0," SIZES, -EBADMSG,
			"x: byte 83: the verity parameters have no valid \"data_blocks=\" here"},
		{ROOT ",salt=00,data_blocks=01," SIZES, -EBADMSG,
			"x: byte 83: the verity parameters have no valid \"data_blocks=\" here"},
		{ROOT ",salt=00,data_blocks=4294967297," SIZES, -EBADMSG,
			"x: byte 83: the verity parameters have no valid \"data_blocks=\" here"},
		{ROOT ",salt=00,data_blocks=1 ," SIZES, -EBADMSG,
			"x: byte 83: the verity parameters have no valid \"data_blocks=\" here"},
		{ROOT ",salt=00,data_blocks=1", -EBADMSG,
			"x: byte 96: the verity parameters have no valid \"data_block_size=\" "
			"here"},
		{ROOT ",salt=00,data_blocks=1,data_block_size=512,hash_block_size=4096", -ENOTSUP,
			"x: data_block_size=512, but only blocks of 4096 bytes are known"},
		{ROOT ",salt=00,data_blocks=1,data_block_size=4096,hash_block_size=1024", -ENOTSUP,
			"x: hash_block_size=1024, but only blocks of 4096 bytes are known"},
		{ROOT ",salt=00,data_blocks=1," SIZES ",", -EBADMSG,
			"x: more after the verity parameters"},
		{ROOT ",salt=00,data_blocks=1," SIZES ",fec=1", -EBADMSG,
			"x: more after the verity parameters"},
		{ROOT ",salt=00,data_blocks=1," SIZES "\n\n", -EBADMSG,
			"x: byte 118: the verity parameters have no valid \"hash_block_size=\" "
			"here"},
	};
	struct verity_params params = {0};
	char text[VERITY_PARAMS_TEXT_MAX];
	struct err err = {0};

	ok(verity_params_parse(line, strlen(line), "x", &params, &err) == 0, "a line is read");
	ok(params.data_blocks == 51712 && params.salt_bytes == 32 &&
			memcmp(params.salt, salt, 32) == 0 && params.root_hash[0] == 0x4c,
		"its values");
	verity_params_format(&params, text);
	is_str(text, line, "and written again");
	strcat(text, "\n");
	ok(verity_params_parse(text, strlen(text), "x", &params, &err) == 0, "one newline is fine");

	/* The longest line. */
	params.salt_bytes = VERITY_SALT_MAX;
	params.data_blocks = VERITY_DATA_BLOCKS_MAX;
	verity_params_format(&params, text);
	ok(verity_params_parse(text, strlen(text), "x", &params, &err) == 0 &&
			params.salt_bytes == VERITY_SALT_MAX &&
			params.data_blocks == VERITY_DATA_BLOCKS_MAX,
		"the longest line fits");
	memset(&params, 0x55, sizeof(params));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(verity_params_parse(bad[i].text, strlen(bad[i].text), "x", &params, &err),
			bad[i].code, "a bad line is refused");
		is_str(err.msg, bad[i].message, "and says why");
	}
	ok(params.data_blocks == UINT64_C(0x5555555555555555), "a failure leaves the result alone");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (unsigned char)i;
	test_geometry();
	for (int engine = 0; engine < SHA256MB_ENGINES; engine++)
		test_sha256mb((enum sha256mb_engine)engine);
	test_small_tree();
	test_zeros();
	test_stream_misuse();
	test_params();
	return tap_done();
}
