/*
 * The GUIDed table of an OVMF image (ovmf.h), read backwards from its footer.
 *
 *   from the end | size | what
 *   -50          | 2    | bytes of the whole table, the footer's 18 included
 *   -48          | 16   | footer GUID
 *   -32          | 32   | reset vector, not part of the table
 * and before the footer, entry by entry towards the image's start:
 *   data | u16 bytes of this entry (data, this u16 and the GUID) | GUID
 */
#include "formats/ovmf.h"

#include <string.h>

#include "lib/rd.h"

#define RESET_VECTOR_SIZE 32
#define HEADER_SIZE	  (GUID_SIZE + 2) /* u16 and GUID, which follow the data */

/* The u16 size and GUID that end at @end. */
static bool read_header(const struct rd *image, size_t end, size_t *ret_size, struct guid *ret_guid)
{
	struct rd rd;

	if (end < HEADER_SIZE)
		return false;
	rd = rd_at(image, end - HEADER_SIZE, HEADER_SIZE);
	*ret_size = rd_le16(&rd);
	rd_copy(&rd, ret_guid->bytes, GUID_SIZE);
	return !rd.bad;
}

static bool known(const struct ovmf_table *table, const struct guid *guid)
{
	for (size_t i = 0; i < table->count; i++)
		if (memcmp(table->entries[i].guid.bytes, guid->bytes, GUID_SIZE) == 0)
			return true;
	return false;
}

/* Adds the entry that ends at @end and starts at or after @start; moves *@ret_end to where it starts. */
static int add_entry(struct ovmf_table *table, const struct rd *image, size_t start, size_t end,
	size_t *ret_end, struct err *err)
{
	struct ovmf_entry entry;
	char text[GUID_TEXT_MAX];
	size_t size;

	if (end - start < HEADER_SIZE || !read_header(image, end, &size, &entry.guid))
		return err_fail(err, -EBADMSG,
			"firmware GUID table: %zu stray bytes at its start, byte %zu", end - start,
			start);
	if (size < HEADER_SIZE || size > end - start)
		return err_fail(err, -EBADMSG,
			"firmware GUID table: entry ending at byte %zu claims %zu bytes of %zu",
			end, size, end - start);
	guid_format(&entry.guid, text);
	if (known(table, &entry.guid))
		return err_fail(err, -EBADMSG,
			"firmware GUID table: entry %s twice, again at byte %zu", text, end - size);
	if (table->count == OVMF_ENTRIES_MAX)
		return err_fail(err, -EBADMSG, "firmware GUID table: more than %d entries",
			OVMF_ENTRIES_MAX);
	entry.offset = end - size;
	entry.size_bytes = size - HEADER_SIZE;
	table->entries[table->count++] = entry;
	*ret_end = entry.offset;
	return 0;
}

int ovmf_table_parse(const void *image, size_t len, struct ovmf_table *ret, struct err *err)
{
	struct rd rd = rd_init(image, len);
	struct ovmf_table table = {.count = 0};
	struct guid footer;
	size_t total, start, end;

	if (len < RESET_VECTOR_SIZE + HEADER_SIZE ||
		!read_header(&rd, len - RESET_VECTOR_SIZE, &total, &footer) ||
		!guid_is(footer.bytes, OVMF_GUID_FOOTER)) {
		*ret = table;
		return 0;
	}
	end = len - RESET_VECTOR_SIZE;
	if (total < HEADER_SIZE || total > end)
		return err_fail(err, -EBADMSG,
			"firmware GUID table: %zu bytes, but %zu stand before its end", total, end);
	start = end - total;
	end -= HEADER_SIZE;
	while (end > start) {
		int rc = add_entry(&table, &rd, start, end, &end, err);

		if (rc != 0)
			return rc;
	}
	*ret = table;
	return 0;
}

const struct ovmf_entry *ovmf_table_find(const struct ovmf_table *table, const char *guid)
{
	for (size_t i = 0; i < table->count; i++)
		if (guid_is(table->entries[i].guid.bytes, guid))
			return &table->entries[i];
	return NULL;
}

int ovmf_entry_u32(const void *image, size_t len, const struct ovmf_entry *entry, size_t min_size,
	const char *name, uint32_t *ret, struct err *err)
{
	struct rd whole = rd_init(image, len);
	struct rd rd;
	uint32_t value;

	if (entry == NULL)
		return err_fail(err, -EBADMSG, "firmware GUID table has no %s entry", name);
	rd = rd_at(&whole, entry->offset, entry->size_bytes);
	value = rd_le32(&rd);
	if (rd.bad || entry->size_bytes < min_size)
		return err_fail(err, -EBADMSG,
			"firmware GUID table: %s entry at byte %zu has %zu bytes, needs %zu", name,
			entry->offset, entry->size_bytes, min_size < 4 ? (size_t)4 : min_size);
	*ret = value;
	return 0;
}

int ovmf_entry_target(const void *image, size_t len, const struct ovmf_entry *entry,
	const char *name, size_t *ret, struct err *err)
{
	uint32_t back;
	int rc = ovmf_entry_u32(image, len, entry, 4, name, &back, err);

	if (rc != 0)
		return rc;
	if (back == 0 || back > len)
		return err_fail(err, -EBADMSG,
			"firmware: %s entry points %u bytes before the end of %zu bytes", name,
			back, len);
	*ret = len - back;
	return 0;
}

/* The block that older images have where the footer is now: data, u16 size, GUID. */
static int stand_alone_block(const struct rd *image, struct ovmf_entry *ret, struct err *err)
{
	size_t end = image->len - RESET_VECTOR_SIZE;
	size_t size;

	if (image->len < RESET_VECTOR_SIZE || !read_header(image, end, &size, &ret->guid) ||
		!guid_is(ret->guid.bytes, OVMF_GUID_SEV_RESET))
		return err_fail(err, -EBADMSG, "firmware has no SEV-ES reset block");
	if (size < HEADER_SIZE || size > end)
		return err_fail(err, -EBADMSG,
			"firmware: SEV-ES reset block ending at byte %zu claims %zu bytes", end,
			size);
	ret->offset = end - size;
	ret->size_bytes = size - HEADER_SIZE;
	return 0;
}

int ovmf_reset_eip(const void *image, size_t len, const struct ovmf_table *table, uint32_t *ret,
	struct err *err)
{
	const struct ovmf_entry *entry = ovmf_table_find(table, OVMF_GUID_SEV_RESET);
	struct rd rd = rd_init(image, len);
	struct ovmf_entry alone;
	uint32_t eip;
	int rc;

	if (entry == NULL) {
		rc = stand_alone_block(&rd, &alone, err);
		if (rc != 0)
			return rc;
		entry = &alone;
	}
	rc = ovmf_entry_u32(image, len, entry, 4, "SEV-ES reset block", &eip, err);
	if (rc != 0)
		return rc;
	if (eip == 0)
		return err_fail(err, -EBADMSG,
			"firmware: SEV-ES reset block at byte %zu holds address 0", entry->offset);
	*ret = eip;
	return 0;
}
