/* The TD HOB list against digests that real TDs reported, and the layouts that are refused. */
#include "measure/tdx/hob.h"

#include <string.h>

#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"

/* OVMF's memory sections; @mailbox is where the first one starts. */
static struct tdvf layout(uint64_t mailbox)
{
	return (struct tdvf){.count = 4,
		.sections = {
			{0, 0, mailbox, 0x820000 - mailbox, TDVF_TEMP_MEM, 0},
			{0, 0, 0x80b000, 0x2000, TDVF_TEMP_MEM, 0},
			{0, 0, 0x809000, 0x2000, TDVF_TD_HOB, 0},
			{0, 0, 0x800000, 0x6000, TDVF_TEMP_MEM, 0},
		}};
}

/* Digests from the event logs of TDs on hardware. */
static const struct {
	uint64_t mailbox, memory;
	const char *sha384;
} known[] = {
	{0x810000, 2ull << 30,
		"0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821ebaf8"
		"bc9c938ba8a749"},
	{0x811000, 2ull << 30,
		"0e35f1b315ba6c912cf791e5c79dd9d3a2b8704516aa27d4e5aa78fb09ede04aef2bbd02ac7a8734c4"
		"8562b9c26ba35d"},
	{0x811000, 1ull << 30,
		"2b630fa1d8fa9b6e8c6507d2256803ed227888f7d1f62ca5cfbddfe495338b1c6a0fc339ea64700f08"
		"35c0897a662789"},
};

static void test_known(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct tdvf tdvf = layout(known[i].mailbox);
		BUF_AUTO hob = {0};
		struct err err = {0};
		unsigned char digest[SHA384_SIZE] = {0};
		char hex[2 * SHA384_SIZE + 1];

		ok(hob_build(&tdvf, known[i].memory, known[i].memory, &hob, &err) == 0 &&
				digest_bytes(DIGEST_SHA384, hob.data, hob.len, digest, &err) == 0,
			"a list for %llu MiB", (unsigned long long)(known[i].memory >> 20));
		hex_encode(digest, sizeof(digest), hex);
		is_str(hex, known[i].sha384, "has the digest of the hardware's log");
	}
}

static void test_split(void)
{
	struct tdvf tdvf = layout(0x811000);
	BUF_AUTO one = {0};
	BUF_AUTO two = {0};
	struct err err = {0};

	ok(hob_build(&tdvf, 2ull << 30, 2ull << 30, &one, &err) == 0, "2 GiB");
	ok(hob_build(&tdvf, 4ull << 30, 2ull << 30, &two, &err) == 0, "4 GiB");
	is_int((long long)(two.len - one.len), 48, "memory above 4 GiB is one more range");
	ok(two.data[two.len - 12] == 1 && two.data[two.len - 16] == 0, "which starts at 4 GiB");
}

static void refuses(struct tdvf tdvf, uint64_t memory, uint64_t low, int code, const char *want)
{
	BUF_AUTO hob = {0};
	struct err err = {0};
	int rc = hob_build(&tdvf, memory, low, &hob, &err);

	ok(rc == code && strstr(err.msg, want) != NULL && hob.len == 0, "refused: %s", want);
	if (rc != code)
		printf("# %d %s\n", rc, err.msg);
}

static void test_bad(void)
{
	struct tdvf tdvf = layout(0x811000);

	refuses(tdvf, 8u << 20, 8u << 20, -EINVAL, "outside the guest's memory");
	refuses(tdvf, 0, 0, -EINVAL, "no memory size");
	refuses(tdvf, (2ull << 30) + 1, 2ull << 30, -EINVAL, "no memory size");
	refuses(tdvf, 1ull << 30, 2ull << 30, -EINVAL, "no memory size");
	refuses(tdvf, UINT64_MAX - 4095, 1, -EINVAL, "no memory size");
	tdvf.sections[3].gpa = 0x812000;
	refuses(tdvf, 1ull << 30, 1ull << 30, -EINVAL, "outside the guest's memory");
	tdvf = layout(0x811000);
	tdvf.sections[2].type = TDVF_TEMP_MEM;
	refuses(tdvf, 1ull << 30, 1ull << 30, -ENOTSUP, "TD_HOB");
	tdvf = layout(0x811000);
	tdvf.sections[2].mem_size = 0;
	refuses(tdvf, 1ull << 30, 1ull << 30, -EINVAL, "does not hold");
}

int main(void)
{
	test_known();
	test_split();
	test_bad();
	return tap_done();
}
