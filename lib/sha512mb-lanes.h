/*
 * The SHA-512 compression function over vectors of 64-bit lanes, written once for every vector size. The including file
 * defines, and this file undefines:
 *   LANES, VEC          lanes and the vector type
 *   LANES_FN(name)      the name of a function for this size
 *   LANES_TARGET        the attribute that lets the compiler use the instructions
 *   V_LOAD V_STORE V_SET1 V_ADD V_XOR V_ROR V_SHR V_CH V_MAJ
 */
#define V_XOR3(a, b, c) V_XOR(V_XOR(a, b), c)
#define BIG_SIGMA0(x)	V_XOR3(V_ROR(x, 28), V_ROR(x, 34), V_ROR(x, 39))
#define BIG_SIGMA1(x)	V_XOR3(V_ROR(x, 14), V_ROR(x, 18), V_ROR(x, 41))
#define SMALL_SIGMA0(x) V_XOR3(V_ROR(x, 1), V_ROR(x, 8), V_SHR(x, 7))
#define SMALL_SIGMA1(x) V_XOR3(V_ROR(x, 19), V_ROR(x, 61), V_SHR(x, 6))

/* One round; the caller rotates the names instead of the values. @kw is the round's constant and message word. */
#define ROUND(a, b, c, d, e, f, g, h, kw)                                                          \
	do {                                                                                       \
		VEC t = V_ADD(V_ADD(h, kw), V_ADD(BIG_SIGMA1(e), V_CH(e, f, g)));                  \
		d = V_ADD(d, t);                                                                   \
		h = V_ADD(t, V_ADD(BIG_SIGMA0(a), V_MAJ(a, b, c)));                                \
	} while (0)

#define EIGHT_ROUNDS(KW, i)                                                                        \
	do {                                                                                       \
		ROUND(a, b, c, d, e, f, g, h, KW((i) + 0));                                        \
		ROUND(h, a, b, c, d, e, f, g, KW((i) + 1));                                        \
		ROUND(g, h, a, b, c, d, e, f, KW((i) + 2));                                        \
		ROUND(f, g, h, a, b, c, d, e, KW((i) + 3));                                        \
		ROUND(e, f, g, h, a, b, c, d, KW((i) + 4));                                        \
		ROUND(d, e, f, g, h, a, b, c, KW((i) + 5));                                        \
		ROUND(c, d, e, f, g, h, a, b, KW((i) + 6));                                        \
		ROUND(b, c, d, e, f, g, h, a, KW((i) + 7));                                        \
	} while (0)

#define TAKE_STATE                                                                                 \
	VEC a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5],    \
	    g = state[6], h = state[7]

#define ADD_STATE                                                                                  \
	do {                                                                                       \
		state[0] = V_ADD(state[0], a);                                                     \
		state[1] = V_ADD(state[1], b);                                                     \
		state[2] = V_ADD(state[2], c);                                                     \
		state[3] = V_ADD(state[3], d);                                                     \
		state[4] = V_ADD(state[4], e);                                                     \
		state[5] = V_ADD(state[5], f);                                                     \
		state[6] = V_ADD(state[6], g);                                                     \
		state[7] = V_ADD(state[7], h);                                                     \
	} while (0)

/* The message word of round @i >= 16, in its place among the last sixteen. */
#define NEXT_WORD(i)                                                                               \
	(w[(i)&15] = V_ADD(V_ADD(w[(i)&15], SMALL_SIGMA0(w[((i) + 1) & 15])),                      \
		 V_ADD(w[((i) + 9) & 15], SMALL_SIGMA1(w[((i) + 14) & 15]))))
#define KW_FIRST(i)    V_ADD(V_SET1(round_constants[i]), w[i])
#define KW_NEXT(i)     V_ADD(V_SET1(round_constants[i]), NEXT_WORD(i))
#define KW_CONSTANT(i) V_SET1(kw[i])

LANES_TARGET static void LANES_FN(compress)(VEC state[8], VEC w[16])
{
	TAKE_STATE;

	EIGHT_ROUNDS(KW_FIRST, 0);
	EIGHT_ROUNDS(KW_FIRST, 8);
	for (int i = 16; i < 80; i += 16) {
		EIGHT_ROUNDS(KW_NEXT, i);
		EIGHT_ROUNDS(KW_NEXT, i + 8);
	}
	ADD_STATE;
}

/* The same for a block whose words are known: @kw holds constant plus message word of each round. */
LANES_TARGET static void LANES_FN(compress_known)(VEC state[8], const uint64_t kw[80])
{
	TAKE_STATE;

	for (int i = 0; i < 80; i += 8)
		EIGHT_ROUNDS(KW_CONSTANT, i);
	ADD_STATE;
}

/* Hashes LANES messages of @blocks whole blocks each and then the padding block @last, the same for all. */
LANES_TARGET static void LANES_FN(messages)(const unsigned char *const at[LANES], size_t blocks,
	const uint64_t last[80], unsigned char (*const ret[LANES])[SHA384_SIZE])
{
	uint64_t words[16][LANES] __attribute__((aligned(64)));
	VEC state[8], w[16];

	for (int i = 0; i < 8; i++)
		state[i] = V_SET1(initial[i]);
	for (size_t block = 0; block < blocks; block++) {
		for (int lane = 0; lane < LANES; lane++)
			for (int i = 0; i < 16; i++)
				words[i][lane] = be64(at[lane] + block * BLOCK + 8 * i);
		for (int i = 0; i < 16; i++)
			w[i] = V_LOAD(words[i]);
		LANES_FN(compress)(state, w);
	}
	LANES_FN(compress_known)(state, last);
	for (int i = 0; i < 6; i++)
		V_STORE(words[i], state[i]);
	for (int lane = 0; lane < LANES; lane++)
		for (int i = 0; i < 6; i++)
			put_be64(*ret[lane] + 8 * i, words[i][lane]);
}

/* @steps steps of LANES chains: @words holds value (6 words) and tail (8 words) of each lane, the value in and out. A
 * message has 112 bytes, so its padding begins in the first block and ends in a second, known one. */
LANES_TARGET static void LANES_FN(chain)(
	uint64_t (*words)[LANES], const uint64_t last[80], size_t steps)
{
	VEC value[6], tail[8], state[8], w[16];

	for (int i = 0; i < 6; i++)
		value[i] = V_LOAD(words[i]);
	for (int i = 0; i < 8; i++)
		tail[i] = V_LOAD(words[6 + i]);
	for (size_t step = 0; step < steps; step++) {
		for (int i = 0; i < 8; i++)
			state[i] = V_SET1(initial[i]);
		for (int i = 0; i < 6; i++)
			w[i] = value[i];
		for (int i = 0; i < 8; i++)
			w[6 + i] = tail[i];
		w[14] = V_SET1(0x8000000000000000);
		w[15] = V_SET1(0);
		LANES_FN(compress)(state, w);
		LANES_FN(compress_known)(state, last);
		for (int i = 0; i < 6; i++)
			value[i] = state[i];
	}
	for (int i = 0; i < 6; i++)
		V_STORE(words[i], value[i]);
}

#undef V_XOR3
#undef BIG_SIGMA0
#undef BIG_SIGMA1
#undef SMALL_SIGMA0
#undef SMALL_SIGMA1
#undef ROUND
#undef EIGHT_ROUNDS
#undef TAKE_STATE
#undef ADD_STATE
#undef NEXT_WORD
#undef KW_FIRST
#undef KW_NEXT
#undef KW_CONSTANT
#undef LANES
#undef VEC
#undef LANES_FN
#undef LANES_TARGET
#undef V_LOAD
#undef V_STORE
#undef V_SET1
#undef V_ADD
#undef V_XOR
#undef V_ROR
#undef V_SHR
#undef V_CH
#undef V_MAJ
