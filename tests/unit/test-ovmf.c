/* The GUIDed table of OVMF images: built here byte by byte, good and bad. */
#include "formats/ovmf.h"

#include <stdlib.h>

#include "lib/wr.h"
#include "tests/tap.h"

#define IMAGE 4096

/* Entries are written towards the image's start, as firmware lays them out; @at is where the next one ends. */
struct image {
	unsigned char bytes[IMAGE];
	size_t at;
};

static void header(struct image *image, uint16_t size, const char *guid)
{
	struct guid parsed;

	if (!guid_parse(guid, &parsed))
		abort();
	image->at -= GUID_SIZE;
	memcpy(image->bytes + image->at, parsed.bytes, GUID_SIZE);
	image->at -= 2;
	image->bytes[image->at] = size & 0xff;
	image->bytes[image->at + 1] = (unsigned char)(size >> 8);
}

static void u32_entry(struct image *image, const char *guid, uint32_t value)
{
	header(image, 22, guid);
	for (int i = 3; i >= 0; i--)
		image->bytes[--image->at] = (unsigned char)(value >> (8 * i));
}

static struct image begin(uint16_t total)
{
	struct image image = {.at = IMAGE - 32};

	memset(image.bytes, 0x90, sizeof(image.bytes));
	header(&image, total, OVMF_GUID_FOOTER);
	return image;
}

static int parse(const struct image *image, struct ovmf_table *ret, struct err *err)
{
	*err = (struct err){0};
	return ovmf_table_parse(image->bytes, sizeof(image->bytes), ret, err);
}

static void test_good(void)
{
	struct image image = begin(18 + 22 + 22);
	const struct ovmf_entry *entry;
	struct ovmf_table table;
	struct err err;
	uint32_t eip;
	size_t at;

	u32_entry(&image, OVMF_GUID_SEV_RESET, 0x80b004);
	u32_entry(&image, OVMF_GUID_SEV_METADATA, 0x540);
	is_int(parse(&image, &table, &err), 0, "a table of two entries is read");
	is_int((long long)table.count, 2, "both are there");
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &eip, &err), 0, "the reset EIP is read");
	is_int(eip, 0x80b004, "and is the one written");
	entry = ovmf_table_find(&table, OVMF_GUID_SEV_METADATA);
	is_int(ovmf_entry_target(image.bytes, IMAGE, entry, "SEV metadata", &at, &err), 0,
		"an offset from the end is followed");
	is_int((long long)at, IMAGE - 0x540, "to where it leads");
	ok(ovmf_table_find(&table, OVMF_GUID_TDX_METADATA) == NULL, "an absent entry is not found");
	/* The same suffix, cut: all but the metadata it points at. */
	is_int(ovmf_table_parse(image.bytes + IMAGE - 256, 256, &table, &err), 0,
		"the last 256 bytes give the same table");
	is_int((long long)table.count, 2, "with both entries");
	is_int(table.entries[0].offset, 256 - 32 - 18 - 22, "at offsets of the suffix");
}

static void test_stand_alone(void)
{
	struct image image = {.at = IMAGE - 32};
	struct ovmf_table table;
	struct err err;
	uint32_t eip = 0;

	u32_entry(&image, OVMF_GUID_SEV_RESET, 0xfffff123);
	is_int(parse(&image, &table, &err), 0, "an image without a footer is read");
	is_int((long long)table.count, 0, "as an empty table");
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &eip, &err), 0,
		"the stand-alone reset block is found");
	is_int(eip, 0xfffff123, "with its address");
	image = (struct image){.at = IMAGE - 32};
	header(&image, 17, OVMF_GUID_SEV_RESET);
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &eip, &err), -EBADMSG,
		"bad-reset-block-size: refused");
	image = (struct image){.at = IMAGE - 32};
	header(&image, 18 + 2, OVMF_GUID_SEV_RESET);
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &eip, &err), -EBADMSG,
		"bad-reset-block-short: refused");
	image = (struct image){.at = IMAGE - 32};
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &eip, &err), -EBADMSG,
		"bad-no-reset-block: refused");
	is_int(ovmf_reset_eip(image.bytes, 31, &table, &eip, &err), -EBADMSG,
		"bad-tiny-image: refused");
	image = (struct image){.at = IMAGE - 32};
	u32_entry(&image, OVMF_GUID_SEV_RESET, 0);
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &eip, &err), -EBADMSG,
		"bad-reset-address-0: refused");
}

static void test_bad(void)
{
	struct image image = begin(17);
	struct ovmf_table table = {.count = 77};
	uint32_t value;
	struct err err;
	size_t at;

	is_int(parse(&image, &table, &err), -EBADMSG, "bad-total-17: refused");
	is_int((long long)table.count, 77, "and the output left alone");
	image = begin(IMAGE - 31);
	is_int(parse(&image, &table, &err), -EBADMSG, "bad-total-beyond-image: refused");
	image = begin(18 + 22);
	header(&image, 23, OVMF_GUID_SEV_RESET);
	is_int(parse(&image, &table, &err), -EBADMSG, "bad-entry-beyond-table: refused");
	image = begin(18 + 22);
	header(&image, 0, OVMF_GUID_SEV_RESET);
	is_int(parse(&image, &table, &err), -EBADMSG, "bad-entry-size-0: refused");
	image = begin(18 + 22 + 5);
	u32_entry(&image, OVMF_GUID_SEV_RESET, 1);
	is_int(parse(&image, &table, &err), -EBADMSG, "bad-stray-bytes: refused");
	image = begin(18 + 22 + 22);
	u32_entry(&image, OVMF_GUID_SEV_RESET, 1);
	u32_entry(&image, OVMF_GUID_SEV_RESET, 2);
	is_int(parse(&image, &table, &err), -EBADMSG, "bad-duplicate-entry: refused");
	image = begin(18 + (OVMF_ENTRIES_MAX + 1) * 18);
	for (int i = 0; i <= OVMF_ENTRIES_MAX; i++) {
		char guid[GUID_TEXT_MAX];

		snprintf(guid, sizeof(guid), "%08x-0000-0000-0000-000000000000", (unsigned)i);
		header(&image, 18, guid);
	}
	is_int(parse(&image, &table, &err), -EBADMSG, "bad-too-many-entries: refused");
	image = begin(18 + 20 + 22);
	header(&image, 20, OVMF_GUID_SEV_RESET);
	image.at -= 2;
	u32_entry(&image, OVMF_GUID_SEV_METADATA, IMAGE + 1);
	is_int(parse(&image, &table, &err), 0, "a short entry is a matter for its reader");
	is_int(ovmf_reset_eip(image.bytes, IMAGE, &table, &value, &err), -EBADMSG,
		"bad-reset-entry-short: refused");
	is_int(ovmf_entry_target(image.bytes, IMAGE,
		       ovmf_table_find(&table, OVMF_GUID_SEV_METADATA), "SEV metadata", &at, &err),
		-EBADMSG, "bad-offset-beyond-image: refused");
	is_int(ovmf_entry_target(image.bytes, IMAGE, NULL, "SEV metadata", &at, &err), -EBADMSG,
		"bad-absent-entry: refused");
	is_int(ovmf_entry_u32(image.bytes, IMAGE, &table.entries[1], 8, "hash table", &value, &err),
		-EBADMSG, "bad-entry-shorter-than-asked: refused");
}

int main(void)
{
	test_good();
	test_stand_alone();
	test_bad();
	return tap_done();
}
