/* lib/hex: lowercase only, exact lengths only. */
#include "lib/hex.h"
#include "tests/tap.h"

/* RFC 4648, section 10 (base16), in lowercase. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
	{"", ""},
	{"f", "66"},
	{"fo", "666f"},
	{"foo", "666f6f"},
	{"foob", "666f6f62"},
	{"fooba", "666f6f6261"},
	{"foobar", "666f6f626172"},
};

static void test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t n = strlen(vectors[i].bytes);
		char text[16];
		char back[8] = {0};

		hex_encode(vectors[i].bytes, n, text);
		is_str(text, vectors[i].text, "encode");
		ok(hex_decode(vectors[i].text, back, n) && memcmp(back, vectors[i].bytes, n) == 0,
			"decode \"%s\"", vectors[i].text);
	}
}

static void test_all_bytes(void)
{
	unsigned char bytes[256], back[256];
	char text[2 * sizeof(bytes) + 1];

	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	hex_encode(bytes, sizeof(bytes), text);
	ok(hex_decode(text, back, sizeof(back)) && memcmp(bytes, back, sizeof(bytes)) == 0,
		"every byte there and back");
}

static void test_rejected(void)
{
	static const char *const bad[] = {"", "a", "abc", "abcde", "abcdef", "ABCD", "abcD", "abcg",
		"ab:d", "ab/d", "ab`d", "ab@d", " bcd", "abc ", "0xab", "+1-1", "ab\xc3\xa4"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned char out[2] = {0x5a, 0x5a};

		ok(!hex_decode(bad[i], out, 2) && out[0] == 0x5a && out[1] == 0x5a,
			"\"%s\" is not two bytes, and nothing is written", bad[i]);
	}
}

int main(void)
{
	test_vectors();
	test_all_bytes();
	test_rejected();
	return tap_done();
}
