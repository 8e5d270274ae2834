/* GUID partition tables: golden digest, round trip, every rejection. */
#include "formats/gpt.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "tests/tap.h"

#define SECTORS 20480
#define ENTRIES 16384

static struct gpt example(void)
{
	struct gpt gpt = {.count = 2};

	ok(guid_parse("00112233-4455-6677-8899-aabbccddeeff", &gpt.disk_id) &&
			guid_parse(GPT_TYPE_ROOT_X86_64, &gpt.partitions[0].type) &&
			guid_parse(GPT_TYPE_ROOT_X86_64_VERITY, &gpt.partitions[1].type) &&
			guid_parse("01010101-0101-0101-0101-010101010101", &gpt.partitions[0].id) &&
			guid_parse("02020202-0202-0202-0202-020202020202", &gpt.partitions[1].id),
		"GUIDs");
	gpt.partitions[0].start_sector = 2048;
	gpt.partitions[0].sector_count = 4096;
	gpt.partitions[0].attributes = GPT_ATTRIBUTE_READ_ONLY;
	strcpy(gpt.partitions[0].name, "root");
	gpt.partitions[1].start_sector = 6144;
	gpt.partitions[1].sector_count = 2048;
	strcpy(gpt.partitions[1].name, "a name of thirty-six characters, all");
	return gpt;
}

struct tables {
	unsigned char head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
};

static void put32(unsigned char *at, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		at[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t crc(const unsigned char *at, size_t n)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < 8 * n; i++)
		c = c >> 1 ^ ((c ^ (uint32_t)(at[i / 8] >> (i % 8))) & 1 ? 0xedb88320u : 0);
	return ~c;
}

static void sign_header(unsigned char *header, const unsigned char *entries)
{
	put32(header + 88, crc(entries, ENTRIES));
	put32(header + 16, 0);
	put32(header + 16, crc(header, 92));
}

/* Makes all checksums right. */
static void sign(struct tables *t)
{
	sign_header(t->head + 512, t->head + 1024);
	sign_header(t->tail + ENTRIES, t->tail);
}

static int parse(const struct tables *t, struct gpt *ret, struct err *err)
{
	return gpt_parse(t->head, t->tail, SECTORS, "d", ret, err);
}

static void test_format(void)
{
	struct gpt gpt = example(), got = {0};
	struct tables t, again;
	unsigned char digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct err err = {0};

	gpt_format(&gpt, SECTORS, t.head, t.tail);
	memcpy(&again, &t, sizeof(t));
	sign(&again);
	ok(memcmp(&again, &t, sizeof(t)) == 0, "the checksums");
	ok(digest_bytes(DIGEST_SHA256, &t, sizeof(t), digest, &err) == 0, "a digest");
	hex_encode(digest, sizeof(digest), hex);
	is_str(hex, "eee5bbf189d486a8ac441b593bd39f2268d37a76628f999b83b39572e50527e5",
		"the bytes of both tables");
	is_int(parse(&t, &got, &err), 0, "read again");
	ok(memcmp(&got, &gpt, sizeof(got)) == 0, "as it was %s", err.msg);
	t.head[1024 + 56 + 1] = 1;
	t.tail[56 + 1] = 1;
	sign(&t);
	ok(parse(&t, &got, &err) == 0 && strcmp(got.partitions[0].name, "?oot") == 0,
		"a name that is not ASCII");
}

static void test_ids(void)
{
	unsigned char hash[SHA256_SIZE];
	struct guid root, verity;
	char text[GUID_TEXT_MAX];

	for (size_t i = 0; i < sizeof(hash); i++)
		hash[i] = (unsigned char)i;
	gpt_root_ids(hash, &root, &verity);
	guid_format(&root, text);
	is_str(text, "00010203-0405-0607-0809-0a0b0c0d0e0f", "the root's GUID");
	guid_format(&verity, text);
	is_str(text, "10111213-1415-1617-1819-1a1b1c1d1e1f", "the tree's GUID");
}

/* One byte changed in the head or, behind it, in the tail; checksums made right again unless the
 * test is about them. */
static void test_bad(void)
{
	enum { TAIL = GPT_HEAD_SIZE, HEADER = 512, HEADER2 = TAIL + ENTRIES };
	static const struct {
		size_t at;
		unsigned char value;
		bool unsigned_;
		int code;
		const char *message;
	} cases[] = {
		{450, 0x83, false, -EBADMSG,
			"d: byte 446: the MBR does not protect the whole disk, and nothing else"},
		{458, 1, false, -EBADMSG,
			"d: byte 446: the MBR does not protect the whole disk, and nothing else"},
		{446, 1, false, -EBADMSG,
			"d: byte 446: partition 1 of the MBR has an invalid boot indicator"},
		{HEADER, 'e', false, -EBADMSG,
			"d: byte 512: the first GPT header has no signature"},
		{HEADER + 10, 2, false, -ENOTSUP,
			"d: GPT of revision 0x20000 with a header of 92 bytes, but only 1.0 with "
			"92 "
			"is known"},
		{HEADER + 12, 91, false, -ENOTSUP,
			"d: GPT of revision 0x10000 with a header of 91 bytes, but only 1.0 with "
			"92 "
			"is known"},
		{HEADER + 56, 1, true, -EBADMSG,
			"d: byte 512: the first GPT header has a wrong checksum"},
		{1024, 1, true, -EBADMSG,
			"d: byte 512: the first GPT header has a wrong checksum of the entries"},
		{TAIL, 1, true, -EBADMSG,
			"d: byte 10485248: the second GPT header has a wrong checksum of the "
			"entries"},
		{HEADER + 80, 64, false, -ENOTSUP,
			"d: GPT with 64 entries of 128 bytes, but only 128 of 128 are known"},
		{HEADER + 85, 1, false, -ENOTSUP,
			"d: GPT with 128 entries of 384 bytes, but only 128 of 128 are known"},
		{HEADER + 24, 2, false, -EBADMSG,
			"d: byte 512: the first GPT header is not where it says, or the other one "
			"is not"},
		{HEADER + 32, 2, false, -EBADMSG,
			"d: byte 512: the first GPT header is not where it says, or the other one "
			"is not"},
		{HEADER + 72, 3, false, -EBADMSG,
			"d: byte 512: the first GPT header has its entries in an unusual place"},
		{HEADER + 40, 33, false, -EBADMSG,
			"d: byte 512: the first GPT header allows partitions where the tables are"},
		{HEADER + 48, 0xdf, false, -EBADMSG,
			"d: byte 512: the first GPT header allows partitions where the tables are"},
		{HEADER2 + 56, 1, false, -EBADMSG,
			"d: byte 10485248: the second GPT header does not agree with the first"},
		{HEADER2 + 40, 35, false, -EBADMSG,
			"d: byte 10485248: the second GPT header does not agree with the first"},
		{HEADER2 + 48, 0xdd, false, -EBADMSG,
			"d: byte 10485248: the second GPT header does not agree with the first"},
		{TAIL + 56, 'R', false, -EBADMSG,
			"d: byte 10485248: the second GPT header does not agree with the first"},
	};
	struct gpt gpt = example(), got = {.count = 77};
	struct tables t;
	struct err err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		gpt_format(&gpt, SECTORS, t.head, t.tail);
		if (cases[i].at < TAIL)
			t.head[cases[i].at] = cases[i].value;
		else
			t.tail[cases[i].at - TAIL] = cases[i].value;
		if (!cases[i].unsigned_)
			sign(&t);
		is_int(parse(&t, &got, &err), cases[i].code, "a bad table is refused");
		is_str(err.msg, cases[i].message, "and says why");
	}
	gpt_format(&gpt, SECTORS, t.head, t.tail);
	is_int(gpt_parse(t.head, t.tail, 67, "d", &got, &err), -EBADMSG, "no room for tables");
	is_str(err.msg, "d: too small for a GPT", "says so");
	is_int((long long)got.count, 77, "a failure leaves the result alone");
}

static void test_bad_partitions(void)
{
	static const struct {
		uint64_t start, count;
		bool same_id;
		const char *message;
	} cases[] = {
		{33, 10, false,
			"d: byte 1152: partition 2 of the GPT is not where partitions may be"},
		{20000, 448, false,
			"d: byte 1152: partition 2 of the GPT is not where partitions may be"},
		{9000, 0, false, "d: byte 1152: partition 2 of the GPT ends before it begins"},
		{6143, 10, false, "d: byte 1152: partition 2 of the GPT overlaps an earlier one"},
		{2000, 49, false, "d: byte 1152: partition 2 of the GPT overlaps an earlier one"},
		{7000, 10, true,
			"d: byte 1152: partition 2 of the GPT has the GUID of an earlier one"},
	};
	struct gpt got;
	struct tables t;
	struct err err = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gpt gpt = example();

		gpt.partitions[1].start_sector = cases[i].start;
		gpt.partitions[1].sector_count = cases[i].count;
		if (cases[i].same_id)
			gpt.partitions[1].id = gpt.partitions[0].id;
		gpt_format(&gpt, SECTORS, t.head, t.tail);
		is_int(parse(&t, &got, &err), -EBADMSG, "a bad partition is refused");
		is_str(err.msg, cases[i].message, "and says why");
	}
}

/* What just fits is taken. */
static void test_edges(void)
{
	struct gpt gpt = example(), got;
	struct tables t;
	struct err err = {0};

	gpt.partitions[0].start_sector = 34;
	gpt.partitions[0].sector_count = 6144 - 34;
	gpt.partitions[1].sector_count = SECTORS - 33 - 6144;
	gpt_format(&gpt, SECTORS, t.head, t.tail);
	is_int(parse(&t, &got, &err), 0, "partitions from table to table");
	gpt.count = 0;
	gpt_format(&gpt, 68, t.head, t.tail);
	ok(gpt_parse(t.head, t.tail, 68, "d", &got, &err) == 0 && got.count == 0,
		"the smallest disk, no partitions");
	gpt_format(&gpt, UINT64_C(1) << 33, t.head, t.tail);
	is_int(gpt_parse(t.head, t.tail, UINT64_C(1) << 33, "d", &got, &err), 0,
		"a disk that an MBR cannot cover");
}

int main(void)
{
	test_format();
	test_ids();
	test_bad();
	test_bad_partitions();
	test_edges();
	return tap_done();
}
