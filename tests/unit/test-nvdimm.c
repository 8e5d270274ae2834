/* The NVDIMM information block: golden bytes, round trip, every rejection. */
#include "formats/nvdimm.h"

#include "lib/hex.h"
#include "tests/tap.h"
#include "tests/unit/bad-bytes.h"

#define DEVICE (UINT64_C(64) << 20)

static const struct nvdimm_pfn kata = {.data_offset = 2u << 20, .align = 2u << 20};

/* The checksum over again, word by word. */
static void sign(unsigned char block[NVDIMM_PFN_SIZE])
{
	uint32_t low = 0;
	uint64_t high = 0, sum;

	memset(block + 4088, 0, 8);
	for (size_t i = 0; i < NVDIMM_PFN_SIZE; i += 4) {
		low += (uint32_t)block[i] | (uint32_t)block[i + 1] << 8 |
		       (uint32_t)block[i + 2] << 16 | (uint32_t)block[i + 3] << 24;
		high += low;
	}
	sum = high << 32 | low;
	for (size_t i = 0; i < 8; i++)
		block[4088 + i] = (unsigned char)(sum >> (8 * i));
}

static void test_format(void)
{
	unsigned char block[NVDIMM_PFN_SIZE], again[NVDIMM_PFN_SIZE];
	struct nvdimm_pfn got = {0};
	struct err err = {0};
	char hex[2 * 88 + 1];

	nvdimm_pfn_format(&kata, block);
	hex_encode(block, 88, hex);
	is_str(hex,
		"4e5644494d4d5f50464e5f494e464f00"
		"0000000000000000000000000000000000000000000000000000000000000000"
		"0000000000000200"
		"0000200000000000"
		"0000000000000000"
		"010000000000000000000000"
		"00002000",
		"signature, version, offset, mode, alignment");
	memcpy(again, block, sizeof(block));
	sign(again);
	ok(memcmp(block, again, sizeof(block)) == 0, "the checksum");
	ok(nvdimm_pfn_is(block, 16) && !nvdimm_pfn_is(block, 15) && !nvdimm_pfn_is(block + 1, 16),
		"its signature is known");
	ok(nvdimm_pfn_parse(block, sizeof(block), DEVICE, "d", &got, &err) == 0 &&
			got.data_offset == kata.data_offset && got.align == kata.align,
		"read again %s", err.msg);
}

static void good(unsigned char *block)
{
	nvdimm_pfn_format(&kata, block);
}

static int parse(const unsigned char *block, struct err *err)
{
	struct nvdimm_pfn got;

	return nvdimm_pfn_parse(block, NVDIMM_PFN_SIZE, DEVICE, "d", &got, err);
}

static void test_bad(void)
{
	static const struct bad_byte cases[] = {
		{0, 'n', -EBADMSG, "d: byte 4096: no NVDIMM information block"},
		{52, 2, -ENOTSUP,
			"d: NVDIMM information block of version 2.2, mode 1, padding 0 and 0, "
			"which is not supported"},
		{72, 2, -ENOTSUP,
			"d: NVDIMM information block of version 0.2, mode 2, padding 0 and 0, "
			"which is not supported"},
		{76, 3, -ENOTSUP,
			"d: NVDIMM information block of version 0.2, mode 1, padding 3 and 0, "
			"which is not supported"},
		{80, 4, -ENOTSUP,
			"d: NVDIMM information block of version 0.2, mode 1, padding 0 and 4, "
			"which is not supported"},
		{56, 1, -EBADMSG, "d: the NVDIMM information block puts the disk at byte 2097153"},
		{59, 4, -EBADMSG, "d: the NVDIMM information block puts the disk at byte 69206016"},
		{58, 0, -EBADMSG, "d: the NVDIMM information block puts the disk at byte 0"},
	};
	unsigned char block[NVDIMM_PFN_SIZE];
	const struct bad_bytes of = {block, good, sign, parse};
	struct nvdimm_pfn got = {.align = 7};
	struct err err = {0};

	bad_bytes(&of, cases, sizeof(cases) / sizeof(cases[0]));
	nvdimm_pfn_format(&kata, block);
	block[100] = 1;
	is_int(nvdimm_pfn_parse(block, sizeof(block), DEVICE, "d", &got, &err), -EBADMSG,
		"a wrong checksum");
	is_str(err.msg, "d: byte 4096: the checksum of the NVDIMM information block is wrong",
		"says so");
	is_int(nvdimm_pfn_parse(block, 4095, DEVICE, "d", &got, &err), -EBADMSG, "a short block");
	is_int(got.align, 7, "a failure leaves the result alone");
}

int main(void)
{
	test_format();
	test_bad();
	return tap_done();
}
