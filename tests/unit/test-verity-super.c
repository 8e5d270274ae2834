/* The dm-verity super block: golden bytes, round trip, every rejection. */
#include "formats/verity-super.h"

#include "lib/hex.h"
#include "tests/tap.h"
#include "tests/unit/bad-bytes.h"

static struct verity_super example(void)
{
	struct verity_super super = {.salt_bytes = 3, .data_blocks = 0x0102030405};

	memcpy(super.uuid, "0123456789abcdef", 16);
	memcpy(super.salt, "\xaa\xbb\xcc", 3);
	return super;
}

static void test_format(void)
{
	unsigned char block[VERITY_SUPER_SIZE];
	struct verity_super super = example(), got = {0};
	struct err err = {0};
	char hex[2 * 92 + 1];
	bool zero = true;

	super.data_blocks = 0x01020304;
	verity_super_format(&super, block);
	hex_encode(block, 92, hex);
	is_str(hex,
		"7665726974790000"
		"0100000001000000"
		"30313233343536373839616263646566"
		"7368613235360000000000000000000000000000000000000000000000000000"
		"0010000000100000"
		"0403020100000000"
		"0300000000000000"
		"aabbcc00",
		"all fields");
	for (size_t i = 92; i < sizeof(block); i++)
		zero = zero && block[i] == 0;
	ok(zero, "the rest is zero");
	ok(verity_super_is(block, 8) && !verity_super_is(block, 7) &&
			!verity_super_is(block + 1, 8),
		"its magic is known");
	ok(verity_super_parse(block, sizeof(block), "h", &got, &err) == 0 &&
			memcmp(&got, &super, sizeof(got)) == 0,
		"read again %s", err.msg);
}

static void good(unsigned char *block)
{
	struct verity_super super = example();

	super.data_blocks = 5;
	verity_super_format(&super, block);
}

static int parse(const unsigned char *block, struct err *err)
{
	struct verity_super got;

	return verity_super_parse(block, VERITY_SUPER_SIZE, "h", &got, err);
}

static void test_bad(void)
{
	static const struct bad_byte cases[] = {
		{0, 'V', -EBADMSG, "h: no dm-verity super block"},
		{8, 2, -ENOTSUP,
			"h: dm-verity super block of version 2, hash type 1, but only version 1 "
			"with type 1 is known"},
		{12, 0, -ENOTSUP,
			"h: dm-verity super block of version 1, hash type 0, but only version 1 "
			"with type 1 is known"},
		{32, 'S', -ENOTSUP,
			"h: dm-verity with the hash \"Sha256\", but only sha256 is known"},
		{65, 2, -ENOTSUP,
			"h: dm-verity with blocks of 512 and 4096 bytes, but only 4096 is known"},
		{69, 2, -ENOTSUP,
			"h: dm-verity with blocks of 4096 and 512 bytes, but only 4096 is known"},
		{81, 2, -EBADMSG,
			"h: the dm-verity super block says 515 bytes of salt, and 256 are the "
			"most"},
	};
	unsigned char block[VERITY_SUPER_SIZE];
	const struct bad_bytes of = {block, good, NULL, parse};
	struct verity_super super = example(), got = {.salt_bytes = 9};
	struct err err = {0};

	super.data_blocks = 5;
	bad_bytes(&of, cases, sizeof(cases) / sizeof(cases[0]));
	verity_super_format(&super, block);
	memcpy(block + 72, "\x05\x04\x03\x02\x01\0\0\1", 8);
	is_int(verity_super_parse(block, sizeof(block), "h", &got, &err), -EBADMSG,
		"more blocks than there can be");
	is_str(err.msg, "h: the dm-verity super block says 72057598366647301 data blocks",
		"and says why");
	super.data_blocks = 0;
	verity_super_format(&super, block);
	is_int(verity_super_parse(block, sizeof(block), "h", &got, &err), -EBADMSG, "no data");
	is_int(verity_super_parse(block, 511, "h", &got, &err), -EBADMSG, "a short block");
	is_int((long long)got.salt_bytes, 9, "a failure leaves the result alone");
}

int main(void)
{
	test_format();
	test_bad();
	return tap_done();
}
