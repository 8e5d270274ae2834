/* CBOR writing: the examples of RFC 8949, appendix A, that the writer can make. */
#include <stdlib.h>

#include "formats/cbor.h"
#include "lib/hex.h"
#include "tests/tap.h"

static void is_hex(struct buf *got, const char *want)
{
	char text[256];

	hex_encode(got->data, got->len, text);
	is_str(text, want, want);
	buf_done(got);
}

static void test_numbers(void)
{
	static const struct {
		uint64_t value;
		const char *want;
	} uints[] = {{0, "00"}, {1, "01"}, {10, "0a"}, {23, "17"}, {24, "1818"}, {100, "1864"},
		{255, "18ff"}, {256, "190100"}, {1000, "1903e8"}, {65535, "19ffff"},
		{65536, "1a00010000"}, {1000000, "1a000f4240"}, {UINT32_MAX, "1affffffff"},
		{1000000000000, "1b000000e8d4a51000"}, {UINT64_MAX, "1bffffffffffffffff"}};
	struct buf out = {0};

	for (size_t i = 0; i < sizeof(uints) / sizeof(*uints); i++) {
		cbor_uint(&out, uints[i].value);
		is_hex(&out, uints[i].want);
	}
	cbor_int(&out, 10);
	is_hex(&out, "0a");
	cbor_int(&out, -1);
	is_hex(&out, "20");
	cbor_int(&out, -100);
	is_hex(&out, "3863");
	cbor_int(&out, -1000);
	is_hex(&out, "3903e7");
	cbor_int(&out, INT64_MIN);
	is_hex(&out, "3b7fffffffffffffff");
}

static void test_others(void)
{
	struct buf out = {0};

	cbor_bytes(&out, "", 0);
	is_hex(&out, "40");
	cbor_bytes(&out, "\1\2\3\4", 4);
	is_hex(&out, "4401020304");
	cbor_text(&out, "");
	is_hex(&out, "60");
	cbor_text(&out, "IETF");
	is_hex(&out, "6449455446");
	cbor_text(&out, "\xe6\xb0\xb4");
	is_hex(&out, "63e6b0b4");
	cbor_tag(&out, 32);
	cbor_text(&out, "http://www.example.com");
	is_hex(&out, "d82076687474703a2f2f7777772e6578616d706c652e636f6d");
	cbor_array(&out, 2);
	cbor_uint(&out, 1);
	cbor_array(&out, 2);
	cbor_uint(&out, 2);
	cbor_uint(&out, 3);
	is_hex(&out, "8201820203");
	cbor_map(&out, 2);
	cbor_text(&out, "a");
	cbor_uint(&out, 1);
	cbor_text(&out, "b");
	cbor_array(&out, 2);
	cbor_uint(&out, 2);
	cbor_uint(&out, 3);
	is_hex(&out, "a26161016162820203");
	cbor_array(&out, 25);
	is_hex(&out, "9819");
}

int main(void)
{
	test_numbers();
	test_others();
	return tap_done();
}
