/* lib/wr: the mirror of rd, with the same bounds. */
#include <stdlib.h>

#include "lib/rd.h"
#include "lib/wr.h"
#include "tests/tap.h"

static void test_layout(void)
{
	static const unsigned char want[32] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1, 2,
		3, 4, 5, 6, 7, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78, 'a', 'b', 0xff, 0xff, 0xff};
	unsigned char out[32];
	struct wr wr;

	memset(out, 0xaa, sizeof(out));
	wr = wr_init(out, sizeof(out));
	ok(out[0] == 0 && out[31] == 0, "starts zeroed");
	wr_u8(&wr, 0x11);
	wr_le16(&wr, 0x3322);
	wr_u8(&wr, 0x44);
	wr_le32(&wr, 0x88776655);
	wr_le32(&wr, 0x04030201);
	wr_u8(&wr, 5);
	wr_be16(&wr, 0x0607);
	wr_be16(&wr, 0x1234);
	wr_be32(&wr, 0x12345678);
	wr_bytes(&wr, "ab", 2);
	wr_fill(&wr, 0xff, 3);
	ok(!wr.bad && wr.pos == 26, "position");
	wr_align(&wr, 8);
	ok(!wr.bad && wr.pos == 32, "aligned to the end");
	wr_align(&wr, 8);
	ok(!wr.bad && wr.pos == 32, "already aligned");
	ok(memcmp(out, want, sizeof(want)) == 0, "the bytes");
}

static void test_wide(void)
{
	unsigned char out[16];
	struct wr wr = wr_init(out, sizeof(out));
	struct rd rd = rd_init(out, sizeof(out));

	wr_le64(&wr, 0x0123456789abcdef);
	wr_be64(&wr, 0x0123456789abcdef);
	ok(out[0] == 0xef && out[7] == 0x01, "le64");
	ok(out[8] == 0x01 && out[15] == 0xef, "be64");
	ok(rd_le64(&rd) == 0x0123456789abcdef && rd_be64(&rd) == 0x0123456789abcdef,
		"read back by rd");
}

/* Writing past the end on the heap, so that the sanitizer sees one byte too many. */
static void test_bounds(void)
{
	unsigned char *out = malloc(7);
	struct wr wr;

	if (out == NULL)
		exit(1);
	wr = wr_init(out, 7);
	wr_le64(&wr, UINT64_MAX);
	ok(wr.bad && wr.pos == 0, "8 bytes into 7");
	wr_u8(&wr, 1);
	ok(memcmp(out, "\0\0\0\0\0\0\0", 7) == 0, "bad writes nothing");
	wr_seek(&wr, 0);
	ok(wr.bad, "and stays bad");
	wr = wr_init(out, 7);
	wr_seek(&wr, 7);
	ok(!wr.bad, "seek to the end");
	wr_bytes(&wr, "", 0);
	wr_fill(&wr, 1, 0);
	ok(!wr.bad, "nothing fits at the end");
	wr_u8(&wr, 1);
	ok(wr.bad, "a byte does not");
	wr = wr_init(out, 7);
	wr_seek(&wr, 8);
	ok(wr.bad, "seek past the end");
	wr = wr_init(out, 7);
	wr_u8(&wr, 1);
	wr_fill(&wr, 1, SIZE_MAX);
	ok(wr.bad && wr.pos == 1, "a length that would wrap around");
	wr = wr_init(out, 7);
	wr_u8(&wr, 1);
	wr_align(&wr, 8);
	ok(wr.bad, "alignment past the end");
	free(out);
	wr = wr_init(NULL, 0);
	wr_bytes(&wr, NULL, 0);
	wr_align(&wr, 4096);
	ok(!wr.bad, "no bytes at NULL take nothing");
	wr_u8(&wr, 1);
	ok(wr.bad, "and no byte");
	ok(wr_init(NULL, 1).bad, "one byte at NULL is bad");
}

int main(void)
{
	test_layout();
	test_wide();
	test_bounds();
	return tap_done();
}
