/* lib/rd: nothing is read outside the bounds, and a bad reader stays bad. */
#include <stdlib.h>

#include "lib/rd.h"
#include "tests/tap.h"

static const unsigned char bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff};

static void test_integers(void)
{
	struct rd rd = rd_init(bytes, sizeof(bytes));

	ok(rd_u8(&rd) == 0 && rd_u8(&rd) == 1, "u8");
	ok(rd_le16(&rd) == 0x0302, "le16");
	ok(rd_le32(&rd) == 0x07060504, "le32");
	ok(rd_le64(&rd) == 0xff0e0d0c0b0a0908, "le64");
	ok(rd_left(&rd) == 0 && !rd.bad, "the end is not yet bad");
	rd = rd_init(bytes + 1, 15);
	ok(rd_be16(&rd) == 0x0102, "be16");
	ok(rd_be32(&rd) == 0x03040506, "be32");
	ok(rd_be64(&rd) == 0x0708090a0b0c0d0e, "be64");
	ok(rd_u8(&rd) == 0xff && !rd.bad, "the last byte");
}

/* Every integer reader one byte short of its size, on the heap so that the sanitizer sees an overrun. */
static void test_short(void)
{
	static const struct {
		size_t size;
		const char *name;
	} kinds[] = {{1, "u8"}, {2, "le16"}, {4, "le32"}, {8, "le64"}, {2, "be16"}, {4, "be32"},
		{8, "be64"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = kinds[i].size - 1;
		unsigned char *heap = malloc(len > 0 ? len : 1);
		struct rd rd = rd_init(heap, len);
		uint64_t value = 1;

		if (heap == NULL)
			exit(1);
		memset(heap, 0xff, len);
		switch (i) {
		case 0:
			value = rd_u8(&rd);
			break;
		case 1:
			value = rd_le16(&rd);
			break;
		case 2:
			value = rd_le32(&rd);
			break;
		case 3:
			value = rd_le64(&rd);
			break;
		case 4:
			value = rd_be16(&rd);
			break;
		case 5:
			value = rd_be32(&rd);
			break;
		default:
			value = rd_be64(&rd);
			break;
		}
		ok(value == 0 && rd.bad && rd_left(&rd) == 0, "%s of %zu bytes is bad and 0",
			kinds[i].name, len);
		free(heap);
	}
}

static void test_sticky(void)
{
	struct rd rd = rd_init(bytes, 4);
	unsigned char copy[4];

	ok(rd_bytes(&rd, 5) == NULL && rd.bad, "more than is left");
	ok(rd_bytes(&rd, 1) == NULL && rd_u8(&rd) == 0, "bad yields nothing more");
	memset(copy, 0xaa, sizeof(copy));
	rd_copy(&rd, copy, 4);
	ok(memcmp(copy, "\0\0\0\0", 4) == 0, "bad copies zeros");
	rd_seek(&rd, 0);
	rd_skip(&rd, 0);
	ok(rd.bad, "neither seek nor skip heals it");
	ok(rd_at(&rd, 0, 0).bad, "nor does rd_at");
}

static void test_moves(void)
{
	struct rd rd = rd_init(bytes, sizeof(bytes));
	unsigned char copy[2];

	rd_skip(&rd, 3);
	rd_copy(&rd, copy, 2);
	ok(copy[0] == 3 && copy[1] == 4 && rd_left(&rd) == 11, "skip and copy");
	rd_seek(&rd, 16);
	ok(!rd.bad && rd_left(&rd) == 0, "seek to the end");
	rd_copy(&rd, copy, 0);
	ok(!rd.bad && rd_bytes(&rd, 0) != NULL, "nothing may be read at the end");
	rd_seek(&rd, 17);
	ok(rd.bad, "seek past the end");
	rd = rd_init(bytes, sizeof(bytes));
	rd_skip(&rd, 17);
	ok(rd.bad, "skip past the end");
	rd = rd_init(bytes, sizeof(bytes));
	rd_u8(&rd);
	rd_skip(&rd, UINT64_MAX);
	ok(rd.bad, "a skip that would wrap around");
	rd = rd_init(bytes, sizeof(bytes));
	rd_u8(&rd);
	ok(rd_bytes(&rd, SIZE_MAX) == NULL && rd.bad, "a length that would wrap around");
}

static void test_at(void)
{
	struct rd rd = rd_init(bytes, sizeof(bytes)), part;

	rd_skip(&rd, 15);
	part = rd_at(&rd, 2, 3);
	ok(!part.bad && rd_left(&part) == 3 && rd_u8(&part) == 2, "from the whole range");
	ok(!rd.bad && rd.pos == 15, "the reader itself is left alone");
	ok(rd_le32(&part) == 0 && part.bad && !rd.bad, "bounded by its own length");
	ok(!rd_at(&rd, 16, 0).bad, "nothing at the end");
	ok(rd_at(&rd, 17, 0).bad, "nothing beyond the end");
	ok(rd_at(&rd, 15, 2).bad, "a length past the end");
	ok(rd_at(&rd, UINT64_MAX, 2).bad, "an offset that would wrap around");
	ok(rd_at(&rd, 2, UINT64_MAX).bad, "a length that would wrap around");
}

static void test_nothing(void)
{
	struct rd rd = rd_init(NULL, 0);

	ok(!rd.bad && rd_left(&rd) == 0, "no bytes at NULL are a reader");
	ok(rd_bytes(&rd, 0) != NULL && !rd_at(&rd, 0, 0).bad, "of nothing");
	ok(rd_u8(&rd) == 0 && rd.bad, "without a first byte");
	ok(rd_init(NULL, 1).bad, "one byte at NULL is bad");
}

int main(void)
{
	test_integers();
	test_short();
	test_sticky();
	test_moves();
	test_at();
	test_nothing();
	return tap_done();
}
