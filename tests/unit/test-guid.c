/* lib/guid: the mixed-endian stored form. */
#include "lib/guid.h"
#include "tests/tap.h"

/* Text and stored bytes as specifications print them. */
static const struct {
	const char *what, *text;
	unsigned char stored[GUID_SIZE];
} vectors[] = {
	/* UEFI 2.10, section 5.3.3: the partition type of an EFI system partition; bytes as on disk. */
	{"EFI system partition", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
		{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e,
			0xc9, 0x3b}},
	/* UEFI 2.10, section 3.3: EFI_GLOBAL_VARIABLE {0x8BE4DF61,0x93CA,0x11d2,{0xAA,0x0D,...}}. */
	{"EFI_GLOBAL_VARIABLE", "8be4df61-93ca-11d2-aa0d-00e098032b8c",
		{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03,
			0x2b, 0x8c}},
	{"counting", "03020100-0504-0706-0809-0a0b0c0d0e0f",
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	{"zero", "00000000-0000-0000-0000-000000000000", {0}},
};

static void test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct guid guid = {{0}};
		char text[GUID_TEXT_MAX];

		ok(guid_parse(vectors[i].text, &guid), "%s: parses", vectors[i].what);
		ok(memcmp(guid.bytes, vectors[i].stored, GUID_SIZE) == 0, "%s: stored bytes",
			vectors[i].what);
		guid_format(&guid, text);
		is_str(text, vectors[i].text, "and back");
		ok(guid_is(vectors[i].stored, vectors[i].text), "%s: guid_is", vectors[i].what);
	}
	ok(!guid_is(vectors[0].stored, vectors[1].text), "another GUID is not it");
}

static void test_rejected(void)
{
	static const char *const bad[] = {
		"",
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93",
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93b0",
		"C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
		"{12a7328-f81f-11d2-ba4b-00a0c93ec93}",
		"c12a7328f81f-11d2-ba4b-00a0c93ec93b0",
		"c12a7328-f81f-11d2-ba4b000a0c93ec93b",
		"c12a732-8f81f-11d2-ba4b-00a0c93ec93b",
		"c12a7328-f81f-11d2-ba4b-00a0c93ec9-b",
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93g",
		"c12a7328-f81f-11d2-ba4b-00a0c93ec93 ",
		"------------------------------------",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct guid guid, untouched;

		memset(&guid, 0x5a, sizeof(guid));
		untouched = guid;
		ok(!guid_parse(bad[i], &guid) && memcmp(&guid, &untouched, sizeof(guid)) == 0,
			"\"%s\" is refused, and nothing is written", bad[i]);
		ok(!guid_is(guid.bytes, bad[i]), "nor is anything it");
	}
}

int main(void)
{
	test_vectors();
	test_rejected();
	return tap_done();
}
