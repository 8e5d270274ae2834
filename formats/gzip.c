/*
 * A small gzip writer and reader (gzip.h).
 *
 *   off  size  field (RFC 1952, section 2.3)
 *     0     2  magic 1f 8b
 *     2     1  method: 8, DEFLATE
 *     3     1  flags: 1 text, 2 header CRC, 4 extra, 8 name, 16 comment
 *     4     4  modification time
 *     8     2  extra flags, operating system
 *    10     -  what the flags say, the DEFLATE stream, then CRC-32 and length modulo 2^32
 *
 * The writer makes one DEFLATE block with the fixed codes (RFC 1951, section 3.2.6); matches come from hash chains of
 * bounded length, searched from the nearest back.
 */
#define _GNU_SOURCE
#include "formats/gzip.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rd.h"

#define MAGIC	    0x8b1f
#define METHOD	    8
#define FLAG_CRC    2u
#define FLAG_EXTRA  4u
#define FLAG_NAME   8u
#define FLAG_NOTE   16u
#define FLAGS_KNOWN 31u
#define OS_UNKNOWN  255

#define WINDOW	     32768
#define MATCH_MIN    3
#define MATCH_MAX    258
#define HASH_BITS    15
#define CHAIN_MAX    128
#define END_OF_BLOCK 256
#define LENGTH_FIRST 257
#define LENGTHS	     29
#define DISTANCES    30
#define CODE_MAX     15 /* bits of the longest code */
#define SYMBOLS_MAX  288

static const uint16_t length_base[LENGTHS] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27,
	31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[LENGTHS] = {
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[DISTANCES] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97,
	129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385,
	24577};
static const uint8_t distance_extra[DISTANCES] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7,
	7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

static uint32_t crc32_of(const unsigned char *src, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= src[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* --- writing --- */

/* Bits are packed from the lowest of each byte. */
struct bits_out {
	struct buf *to;
	uint64_t held;
	unsigned count;
};

static void put_bits(struct bits_out *out, uint32_t value, unsigned count)
{
	out->held |= (uint64_t)value << out->count;
	for (out->count += count; out->count >= 8; out->count -= 8) {
		unsigned char byte = (unsigned char)out->held;

		buf_add(out->to, &byte, 1);
		out->held >>= 8;
	}
}

/* Codes are packed from their highest bit. */
static void put_code(struct bits_out *out, uint32_t code, unsigned count)
{
	while (count-- > 0)
		put_bits(out, code >> count & 1, 1);
}

/* The fixed code of a literal or length symbol. */
static void put_symbol(struct bits_out *out, unsigned symbol)
{
	if (symbol < 144)
		put_code(out, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(out, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(out, symbol - 256, 7);
	else
		put_code(out, 0xc0 + symbol - 280, 8);
}

static void put_match(struct bits_out *out, unsigned length, unsigned distance)
{
	unsigned symbol = LENGTHS - 1, back = DISTANCES - 1;

	while (length_base[symbol] > length)
		symbol--;
	while (distance_base[back] > distance)
		back--;
	put_symbol(out, LENGTH_FIRST + symbol);
	put_bits(out, length - length_base[symbol], length_extra[symbol]);
	put_code(out, back, 5);
	put_bits(out, distance - distance_base[back], distance_extra[back]);
}

struct chains {
	uint32_t
		head[1u << HASH_BITS]; /* position + 1 of the last string with that hash; 0: none */
	uint32_t before[WINDOW];       /* the one before it, likewise */
};

static uint32_t hash_of(const unsigned char *at)
{
	uint32_t value = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;

	return value * 2654435761u >> (32 - HASH_BITS);
}

static void remember(struct chains *chains, const unsigned char *src, size_t n, size_t at)
{
	uint32_t *head;

	if (n - at < MATCH_MIN)
		return;
	head = &chains->head[hash_of(src + at)];
	chains->before[at % WINDOW] = *head;
	*head = (uint32_t)at + 1;
}

static unsigned common(const unsigned char *a, const unsigned char *b, size_t max)
{
	unsigned n = 0;

	while (n < max && n < MATCH_MAX && a[n] == b[n])
		n++;
	return n;
}

/* The longest match of the string at @at, the nearest of equals; its length is 0 when there is none. */
static unsigned find_match(const struct chains *chains, const unsigned char *src, size_t n,
	size_t at, unsigned *ret_distance)
{
	unsigned best = 0;
	uint32_t next;

	if (n - at < MATCH_MIN)
		return 0;
	next = chains->head[hash_of(src + at)];
	for (int tries = 0; tries < CHAIN_MAX && next != 0; tries++) {
		size_t from = next - 1;
		unsigned length;

		if (at - from > WINDOW - 1)
			break;
		length = common(src + from, src + at, n - at);
		if (length > best) {
			best = length;
			*ret_distance = (unsigned)(at - from);
		}
		next = chains->before[from % WINDOW];
	}
	return best < MATCH_MIN ? 0 : best;
}

static void put_block(
	struct bits_out *out, struct chains *chains, const unsigned char *src, size_t n)
{
	put_bits(out, 1, 1); /* the last block */
	put_bits(out, 1, 2); /* with the fixed codes */
	for (size_t at = 0; at < n;) {
		unsigned distance = 0;
		unsigned length = find_match(chains, src, n, at, &distance);

		if (length > 0)
			put_match(out, length, distance);
		else
			put_symbol(out, src[at]);
		for (size_t end = at + (length > 0 ? length : 1); at < end; at++)
			remember(chains, src, n, at);
	}
	put_symbol(out, END_OF_BLOCK);
	put_bits(out, 0, (8 - out->count) % 8);
}

static void put_le32(struct buf *ret, uint32_t value)
{
	unsigned char bytes[4];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	buf_add(ret, bytes, sizeof(bytes));
}

int gzip_write(const void *src, size_t n, struct buf *ret, struct err *err)
{
	static const unsigned char head[10] = {0x1f, 0x8b, METHOD, 0, 0, 0, 0, 0, 0, OS_UNKNOWN};
	struct chains *chains AUTO_FREE = calloc(1, sizeof(*chains));
	struct bits_out out = {.to = ret};

	if (n > GZIP_INPUT_MAX)
		return err_fail(
			err, -EFBIG, "%zu bytes to compress, more than %u", n, GZIP_INPUT_MAX);
	if (chains == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	buf_add(ret, head, sizeof(head));
	put_block(&out, chains, src, n);
	put_le32(ret, crc32_of(src, n));
	put_le32(ret, (uint32_t)n);
	return buf_check(ret, err);
}

/* --- reading --- */

struct bits_in {
	struct rd *from;
	uint32_t held;
	unsigned count;
	bool bad;
};

static uint32_t get_bits(struct bits_in *in, unsigned count)
{
	uint32_t value;

	while (in->count < count) {
		in->held |= (uint32_t)rd_u8(in->from) << in->count;
		in->count += 8;
	}
	in->bad |= in->from->bad;
	value = in->held & ((UINT32_C(1) << count) - 1);
	in->held >>= count;
	in->count -= count;
	return in->bad ? 0 : value;
}

/* A canonical code (RFC 1951, section 3.2.2): how many codes there are of each length, and the symbols in the order of
 * their codes. */
struct code {
	uint16_t count[CODE_MAX + 1];
	uint16_t symbol[SYMBOLS_MAX];
};

/* False for more codes than the lengths leave room for, or fewer, unless there is at most one code. */
static bool make_code(struct code *code, const uint8_t *lengths, size_t n)
{
	uint16_t at[CODE_MAX + 1];
	int left = 1;
	size_t used = 0;

	memset(code->count, 0, sizeof(code->count));
	for (size_t i = 0; i < n; i++) {
		code->count[lengths[i]]++;
		used += lengths[i] != 0;
	}
	code->count[0] = 0;
	at[1] = 0;
	for (int bits = 1; bits <= CODE_MAX; bits++) {
		left = 2 * left - code->count[bits];
		if (left < 0)
			return false;
		if (bits < CODE_MAX)
			at[bits + 1] = (uint16_t)(at[bits] + code->count[bits]);
	}
	for (size_t i = 0; i < n; i++) {
		if (lengths[i] != 0)
			code->symbol[at[lengths[i]]++] = (uint16_t)i;
	}
	return left == 0 || used == 0 || (used == 1 && code->count[1] == 1);
}

static unsigned get_symbol(struct bits_in *in, const struct code *code)
{
	int value = 0, first = 0, index = 0;

	for (int bits = 1; bits <= CODE_MAX; bits++) {
		value |= (int)get_bits(in, 1);
		if (value - first < code->count[bits])
			return code->symbol[index + value - first];
		index += code->count[bits];
		first = 2 * (first + code->count[bits]);
		value *= 2;
	}
	in->bad = true;
	return END_OF_BLOCK;
}

struct inflate {
	struct bits_in in;
	struct buf *out;
	size_t start, max_bytes; /* of @out */
	bool full;
};

static bool room_for(struct inflate *inflate, size_t n)
{
	inflate->full |= inflate->out->len - inflate->start + n > inflate->max_bytes;
	return !inflate->full && !inflate->out->bad && !inflate->in.bad;
}

static void copy_match(struct inflate *inflate, size_t length, size_t distance)
{
	unsigned char *to;

	if (distance > inflate->out->len - inflate->start) {
		inflate->in.bad = true;
		return;
	}
	if (!room_for(inflate, length))
		return;
	to = buf_grow(inflate->out, length);
	for (size_t i = 0; to != NULL && i < length; i++)
		to[i] = to[(ptrdiff_t)i - (ptrdiff_t)distance];
}

static void read_match(struct inflate *inflate, unsigned symbol, const struct code *distances)
{
	unsigned length, back;

	symbol -= LENGTH_FIRST;
	if (symbol >= LENGTHS) {
		inflate->in.bad = true;
		return;
	}
	length = length_base[symbol] + get_bits(&inflate->in, length_extra[symbol]);
	back = get_symbol(&inflate->in, distances);
	if (back >= DISTANCES) {
		inflate->in.bad = true;
		return;
	}
	copy_match(inflate, length,
		distance_base[back] + get_bits(&inflate->in, distance_extra[back]));
}

static void read_codes(
	struct inflate *inflate, const struct code *literals, const struct code *distances)
{
	for (;;) {
		unsigned symbol = get_symbol(&inflate->in, literals);
		unsigned char byte = (unsigned char)symbol;

		if (symbol == END_OF_BLOCK || !room_for(inflate, 1))
			return;
		if (symbol > END_OF_BLOCK)
			read_match(inflate, symbol, distances);
		else
			buf_add(inflate->out, &byte, 1);
	}
}

static void read_fixed(struct inflate *inflate)
{
	uint8_t lengths[SYMBOLS_MAX];
	struct code literals, distances;

	for (size_t i = 0; i < SYMBOLS_MAX; i++)
		lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	(void)make_code(&literals, lengths, SYMBOLS_MAX);
	memset(lengths, 5, 32);
	(void)make_code(&distances, lengths, 32);
	read_codes(inflate, &literals, &distances);
}

/* Reads the code lengths of a dynamic block, which are themselves coded with runs. */
static bool read_lengths(struct bits_in *in, const struct code *code, uint8_t *lengths, size_t n)
{
	size_t at = 0;

	while (at < n && !in->bad) {
		unsigned symbol = get_symbol(in, code);
		uint8_t value = 0;
		size_t times = 1;

		if (symbol < 16)
			value = (uint8_t)symbol;
		else if (symbol == 16)
			times = 3 + get_bits(in, 2);
		else if (symbol == 17)
			times = 3 + get_bits(in, 3);
		else
			times = 11 + get_bits(in, 7);
		if (symbol == 16) {
			if (at == 0)
				return false;
			value = lengths[at - 1];
		}
		if (times > n - at)
			return false;
		memset(lengths + at, value, times);
		at += times;
	}
	return !in->bad;
}

static void read_dynamic(struct inflate *inflate)
{
	static const uint8_t order[19] = {
		16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	struct bits_in *in = &inflate->in;
	size_t literals_count = 257 + get_bits(in, 5);
	size_t distances_count = 1 + get_bits(in, 5);
	size_t order_count = 4 + get_bits(in, 4);
	uint8_t lengths[SYMBOLS_MAX + 32] = {0};
	struct code code, literals, distances;

	for (size_t i = 0; i < order_count; i++)
		lengths[order[i]] = (uint8_t)get_bits(in, 3);
	in->bad |= literals_count > 286 || distances_count > DISTANCES ||
		   !make_code(&code, lengths, sizeof(order));
	memset(lengths, 0, sizeof(lengths));
	in->bad |= in->bad || !read_lengths(in, &code, lengths, literals_count + distances_count) ||
		   lengths[END_OF_BLOCK] == 0 || !make_code(&literals, lengths, literals_count) ||
		   !make_code(&distances, lengths + literals_count, distances_count);
	if (!in->bad)
		read_codes(inflate, &literals, &distances);
}

static void read_stored(struct inflate *inflate)
{
	struct bits_in *in = &inflate->in;
	const unsigned char *bytes;
	unsigned length, inverse;

	in->held = 0;
	in->count = 0;
	length = rd_le16(in->from);
	inverse = rd_le16(in->from);
	in->bad |= in->from->bad || length != (~inverse & 0xffff);
	if (!room_for(inflate, length))
		return;
	bytes = rd_bytes(in->from, length);
	in->bad |= bytes == NULL;
	if (bytes != NULL)
		buf_add(inflate->out, bytes, length);
}

static void inflate_all(struct inflate *inflate)
{
	bool last = false;

	while (!last && !inflate->in.bad && !inflate->full) {
		last = get_bits(&inflate->in, 1) != 0;
		switch (get_bits(&inflate->in, 2)) {
		case 0:
			read_stored(inflate);
			break;
		case 1:
			read_fixed(inflate);
			break;
		case 2:
			read_dynamic(inflate);
			break;
		default:
			inflate->in.bad = true;
			break;
		}
	}
}

static void skip_text(struct rd *rd)
{
	while (rd_u8(rd) != 0 && !rd->bad)
		;
}

static int read_head(struct rd *rd, const char *what, struct err *err)
{
	unsigned magic = rd_le16(rd);
	unsigned method = rd_u8(rd);
	unsigned flags = rd_u8(rd);

	rd_skip(rd, 6);
	if (magic != MAGIC || method != METHOD || (flags & ~FLAGS_KNOWN) != 0)
		return err_fail(err, -EBADMSG, "%s: not gzip", what);
	if (flags & FLAG_EXTRA)
		rd_skip(rd, rd_le16(rd));
	if (flags & FLAG_NAME)
		skip_text(rd);
	if (flags & FLAG_NOTE)
		skip_text(rd);
	if (flags & FLAG_CRC)
		rd_skip(rd, 2);
	if (rd->bad)
		return err_fail(err, -EBADMSG, "%s: truncated gzip header", what);
	return 0;
}

static int read_member(struct rd *rd, struct inflate *inflate, const char *what, struct err *err)
{
	size_t length;
	uint32_t crc, size;
	int rc = read_head(rd, what, err);

	if (rc != 0)
		return rc;
	inflate_all(inflate);
	length = inflate->out->len - inflate->start;
	if (inflate->full)
		return err_fail(err, -EFBIG, "%s: more than %zu bytes when decompressed", what,
			inflate->max_bytes);
	rc = buf_check(inflate->out, err);
	if (rc != 0)
		return rc;
	if (inflate->in.bad)
		return err_fail(err, -EBADMSG, "%s: malformed or truncated DEFLATE data", what);
	crc = rd_le32(rd);
	size = rd_le32(rd);
	if (rd->bad || size != (uint32_t)length ||
		crc != crc32_of((const unsigned char *)buf_cstr(inflate->out) + inflate->start,
			       length))
		return err_fail(err, -EBADMSG, "%s: checksum or length differs", what);
	if (rd_left(rd) != 0)
		return err_fail(
			err, -EBADMSG, "%s: %zu bytes after the gzip data", what, rd_left(rd));
	return 0;
}

int gzip_read(const void *src, size_t n, size_t max_bytes, const char *what, struct buf *ret,
	struct err *err)
{
	struct rd rd = rd_init(src, n);
	struct inflate inflate = {
		.in.from = &rd, .out = ret, .start = ret->len, .max_bytes = max_bytes};
	int rc = read_member(&rd, &inflate, what, err);

	if (rc != 0 && ret->data != NULL) {
		ret->len = inflate.start;
		ret->data[ret->len] = '\0';
	}
	return rc;
}
