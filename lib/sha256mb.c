/* SHA-256 of many messages of one size (sha256mb.h). */
#include "lib/sha256mb.h"

#include <stdint.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/sha256mb-x86.h"

#define BLOCK SHA256MB_BLOCK

/* FIPS 180-4, section 5.3.3. */
static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
	0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Engines that take several messages in lockstep. */
struct lockstep {
	bool (*has)(void);
	size_t lanes;
	void (*compress)(uint32_t states[SHA256MB_LANES_MAX][8], const unsigned char *const *at,
		size_t blocks);
};

static const struct lockstep locksteps[SHA256MB_ENGINES] = {
	[SHA256MB_SHA_NI] = {sha256mb_x86_has_sha_ni, SHA256MB_SHA_NI_LANES, sha256mb_x86_sha_ni},
	[SHA256MB_AVX512] = {sha256mb_x86_has_avx512, SHA256MB_AVX512_LANES, sha256mb_x86_avx512},
};

static int by_libcrypto(const unsigned char *prefix, size_t prefix_bytes,
	const unsigned char *messages, size_t size_bytes, size_t n, unsigned char *ret,
	struct err *err)
{
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, DIGEST_SHA256, err);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = digest_begin(&digest, err);
		if (rc == 0)
			rc = digest_update(&digest, prefix, prefix_bytes, err);
		if (rc == 0)
			rc = digest_update(&digest, messages + i * size_bytes, size_bytes, err);
		if (rc == 0)
			rc = digest_end(&digest, ret + i * SHA256_SIZE, err);
	}
	return rc;
}

/*
 * How prefix || message falls into blocks: whole blocks of the prefix, the same for all; a block
 * with the end of the prefix and the start of the message, if the prefix does not end with a block;
 * whole blocks of the message, used where they stand; and what is left with the padding, one or two
 * blocks.
 */
struct shape {
	size_t prefix_left;   /* bytes of the prefix that are not in whole blocks */
	bool mixed;	      /* the block with both; else prefix_left goes to the end */
	size_t message_first; /* bytes of the message in the mixed block */
	size_t whole;	      /* whole blocks of the message */
	size_t end_blocks;
	size_t size_bytes;
	unsigned char end_length[8]; /* of all, in bits, big-endian */
};

static struct shape shape_of(size_t prefix_bytes, size_t size_bytes)
{
	struct shape shape = {.prefix_left = prefix_bytes % BLOCK, .size_bytes = size_bytes};
	uint64_t bits = ((uint64_t)prefix_bytes + size_bytes) * 8;
	size_t end;

	shape.mixed = shape.prefix_left > 0 && shape.prefix_left + size_bytes >= BLOCK;
	if (shape.mixed)
		shape.message_first = BLOCK - shape.prefix_left;
	if (shape.mixed || shape.prefix_left == 0)
		shape.whole = (size_bytes - shape.message_first) / BLOCK;
	end = (prefix_bytes + size_bytes) % BLOCK;
	shape.end_blocks = end + 1 + sizeof(shape.end_length) > BLOCK ? 2 : 1;
	for (size_t i = 0; i < sizeof(shape.end_length); i++)
		shape.end_length[i] = (unsigned char)(bits >> (56 - 8 * i));
	return shape;
}

/* Writes the last blocks of one message: what is left of it, a one bit, zeros, the length. */
static void fill_end(const struct shape *shape, const unsigned char *prefix_end,
	const unsigned char *message, unsigned char end[2 * BLOCK])
{
	size_t used = shape->message_first + shape->whole * BLOCK;
	size_t left = shape->size_bytes - used;
	size_t before = shape->mixed ? 0 : shape->prefix_left;

	memset(end, 0, 2 * BLOCK);
	/* Either may be NULL when there is nothing of it. */
	if (before > 0)
		memcpy(end, prefix_end, before);
	if (left > 0)
		memcpy(end + before, message + used, left);
	end[before + left] = 0x80;
	memcpy(end + shape->end_blocks * BLOCK - sizeof(shape->end_length), shape->end_length,
		sizeof(shape->end_length));
}

static void store_be(const uint32_t state[8], unsigned char *ret)
{
	for (size_t i = 0; i < SHA256_SIZE; i++)
		ret[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Hashes up to as many messages as there are lanes; idle lanes repeat the first. */
static void hash_lanes(const struct lockstep *engine, const struct shape *shape,
	const uint32_t start[8], const unsigned char *prefix_end, const unsigned char *messages,
	size_t n, unsigned char *ret)
{
	unsigned char temp[SHA256MB_LANES_MAX][2 * BLOCK];
	const unsigned char *message[SHA256MB_LANES_MAX];
	const unsigned char *at[SHA256MB_LANES_MAX];
	uint32_t states[SHA256MB_LANES_MAX][8];

	for (size_t i = 0; i < engine->lanes; i++) {
		memcpy(states[i], start, sizeof(states[i]));
		message[i] = messages + (i < n ? i : 0) * shape->size_bytes;
		at[i] = temp[i];
	}
	if (shape->mixed) {
		for (size_t i = 0; i < engine->lanes; i++) {
			memcpy(temp[i], prefix_end, shape->prefix_left);
			memcpy(temp[i] + shape->prefix_left, message[i], shape->message_first);
		}
		engine->compress(states, at, 1);
	}
	for (size_t i = 0; i < engine->lanes; i++)
		at[i] = message[i] + shape->message_first;
	engine->compress(states, at, shape->whole);
	for (size_t i = 0; i < engine->lanes; i++) {
		fill_end(shape, prefix_end, message[i], temp[i]);
		at[i] = temp[i];
	}
	engine->compress(states, at, shape->end_blocks);
	for (size_t i = 0; i < n; i++)
		store_be(states[i], ret + i * SHA256_SIZE);
}

static void by_lockstep(const struct lockstep *engine, const unsigned char *prefix,
	size_t prefix_bytes, const unsigned char *messages, size_t size_bytes, size_t n,
	unsigned char *ret)
{
	const struct shape shape = shape_of(prefix_bytes, size_bytes);
	const unsigned char *prefix_end = prefix + (prefix_bytes - shape.prefix_left);
	const unsigned char *at[SHA256MB_LANES_MAX];
	uint32_t start[SHA256MB_LANES_MAX][8];

	/* The whole blocks of the prefix are the same for all messages. */
	for (size_t i = 0; i < engine->lanes; i++) {
		memcpy(start[i], initial, sizeof(start[i]));
		at[i] = prefix;
	}
	engine->compress(start, at, prefix_bytes / BLOCK);
	for (size_t i = 0; i < n; i += engine->lanes)
		hash_lanes(engine, &shape, start[0], prefix_end, messages + i * size_bytes,
			n - i < engine->lanes ? n - i : engine->lanes, ret + i * SHA256_SIZE);
}

bool sha256mb_has(enum sha256mb_engine engine)
{
	return engine == SHA256MB_LIBCRYPTO || locksteps[engine].has();
}

int sha256mb_by(enum sha256mb_engine engine, const void *prefix, size_t prefix_bytes,
	const void *messages, size_t size_bytes, size_t n, unsigned char *ret, struct err *err)
{
	if (engine == SHA256MB_LIBCRYPTO)
		return by_libcrypto(prefix, prefix_bytes, messages, size_bytes, n, ret, err);
	by_lockstep(&locksteps[engine], prefix, prefix_bytes, messages, size_bytes, n, ret);
	return 0;
}

static enum sha256mb_engine fastest(void)
{
	/* Asking the processor is slow in a virtual machine. Threads that ask at the same time
	 * get the same answer. */
	static _Atomic int known = -1;
	int engine = known;

	if (engine >= 0)
		return (enum sha256mb_engine)engine;
	for (engine = SHA256MB_ENGINES - 1; !sha256mb_has((enum sha256mb_engine)engine);)
		engine--;
	known = engine;
	return (enum sha256mb_engine)engine;
}

int sha256mb(const void *prefix, size_t prefix_bytes, const void *messages, size_t size_bytes,
	size_t n, unsigned char *ret, struct err *err)
{
	return sha256mb_by(fastest(), prefix, prefix_bytes, messages, size_bytes, n, ret, err);
}
