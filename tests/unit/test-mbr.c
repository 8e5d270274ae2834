/* The msdos partition table: golden bytes, round trip, every rejection. */
#include "formats/mbr.h"

#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"
#include "tests/unit/bad-bytes.h"

#define DISK_SECTORS 20480

static const struct mbr kata = {
	.disk_signature = 0x12345678,
	.partitions = {{MBR_TYPE_LINUX, true, 2048, 14336}, {MBR_TYPE_LINUX, false, 16384, 4096}},
};

static void test_format(void)
{
	unsigned char sector[MBR_SIZE];
	char hex[2 * 48 + 1];

	mbr_format(&kata, sector);
	hex_encode(sector + 440, 48, hex);
	is_str(hex,
		"78563412"
		"0000"
		"80feffff83feffff0008000000380000"
		"00feffff83feffff0040000000100000"
		"00000000000000000000",
		"signature and entries");
	hex_encode(sector + 510, 2, hex);
	is_str(hex, "55aa", "signature");
	for (size_t i = 0; i < 440; i++)
		if (sector[i] != 0) {
			ok(false, "the boot code area is zero");
			break;
		}
}

static void test_parse(void)
{
	unsigned char sector[MBR_SIZE];
	struct mbr got = {0};
	struct err err = {0};

	mbr_format(&kata, sector);
	ok(mbr_parse(sector, sizeof(sector), DISK_SECTORS, "d", &got, &err) == 0, "read again");
	ok(got.disk_signature == kata.disk_signature, "the disk signature");
	for (size_t i = 0; i < MBR_PARTITIONS_MAX; i++)
		ok(got.partitions[i].type == kata.partitions[i].type &&
				got.partitions[i].boot == kata.partitions[i].boot &&
				got.partitions[i].start_sector == kata.partitions[i].start_sector &&
				got.partitions[i].sector_count == kata.partitions[i].sector_count,
			"entry %zu", i + 1);
}

static void good(unsigned char *sector)
{
	mbr_format(&kata, sector);
}

static int parse(const unsigned char *sector, struct err *err)
{
	struct mbr got;

	return mbr_parse(sector, MBR_SIZE, DISK_SECTORS, "d", &got, err);
}

static void test_bad(void)
{
	static const struct bad_byte cases[] = {
		{510, 0x54, -EBADMSG, "d: byte 510: no MBR signature"},
		{446, 0x81, -EBADMSG,
			"d: byte 446: partition 1 of the MBR has an invalid boot indicator"},
		{450, 0x05, -ENOTSUP,
			"d: byte 446: partition 1 of the MBR is an extended one, which is not "
			"supported"},
		{466, 0x0f, -ENOTSUP,
			"d: byte 462: partition 2 of the MBR is an extended one, which is not "
			"supported"},
		{466, 0x85, -ENOTSUP,
			"d: byte 462: partition 2 of the MBR is an extended one, which is not "
			"supported"},
		{466, 0, -EBADMSG,
			"d: byte 462: partition 2 of the MBR has no type but is not empty"},
		{478, 0x80, -EBADMSG,
			"d: byte 478: partition 3 of the MBR has no type but is not empty"},
		{482, 0x83, -EBADMSG,
			"d: byte 478: partition 3 of the MBR is empty or covers the MBR itself"},
		{455, 0, -EBADMSG,
			"d: byte 446: partition 1 of the MBR is empty or covers the MBR itself"},
		{475, 0x11, -EBADMSG,
			"d: byte 462: partition 2 of the MBR ends behind the end of the disk"},
		{477, 0xff, -EBADMSG,
			"d: byte 462: partition 2 of the MBR ends behind the end of the disk"},
		{459, 0x39, -EBADMSG,
			"d: byte 462: partition 2 of the MBR overlaps an earlier one"},
	};
	unsigned char sector[MBR_SIZE];
	const struct bad_bytes of = {sector, good, NULL, parse};
	struct mbr got = {.disk_signature = 9};
	struct err err = {0};

	bad_bytes(&of, cases, sizeof(cases) / sizeof(cases[0]));
	mbr_format(&kata, sector);
	is_int(mbr_parse(sector, 511, DISK_SECTORS, "d", &got, &err), -EBADMSG,
		"a short sector is refused");
	is_int(got.disk_signature, 9, "a failure leaves the result alone");
}

int main(void)
{
	test_format();
	test_parse();
	test_bad();
	return tap_done();
}
