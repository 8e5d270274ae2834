/*
 * The UEFI variable store (varstore.h).
 *
 *   volume                      store header, behind it      variable, aligned to 4
 *   32 | 8 | bytes                0 | 16 | GUID               0  | 2  | 0x55aa
 *   40 | 4 | "_FVH"              16 | 4  | bytes with this    2  | 1  | state
 *   48 | 2 | bytes of the header 20 | 1  | format 0x5a        4  | 4  | attributes
 *                                21 | 1  | state 0xfe         36 | 4  | bytes of the name
 *                                22 | 6  | reserved           40 | 4  | bytes of the data
 *                                                             44 | 16 | vendor GUID
 *                                                             60 | -  | name in UTF-16, data
 */
#include "formats/varstore.h"

#include <inttypes.h>
#include <string.h>

#include "lib/rd.h"

#define GUID_AUTHENTICATED "aaf32c78-947b-439a-a180-2e144ec37792"
#define STORE_HEADER	   28
#define FORMAT_FORMATTED   0x5a
#define STATE_HEALTHY	   0xfe
#define START_ID	   0x55aa
#define ERASED		   0xffff
#define STATE_ADDED	   0x3f
#define STATE_IN_DELETION  0x3e /* live unless a newer one was written: not for us to decide */

static int find_store(const struct rd *volume, struct rd *ret, struct err *err)
{
	struct rd rd = *volume;
	const unsigned char *magic, *guid;
	uint16_t header_size;
	uint32_t size;
	uint8_t format, state;

	rd_seek(&rd, 40);
	magic = rd_bytes(&rd, 4);
	rd_skip(&rd, 4);
	header_size = rd_le16(&rd);
	rd_seek(&rd, header_size);
	guid = rd_bytes(&rd, GUID_SIZE);
	size = rd_le32(&rd);
	format = rd_u8(&rd);
	state = rd_u8(&rd);
	if (rd.bad || memcmp(magic, "_FVH", 4) != 0)
		return err_fail(err, -EBADMSG, "variable store: no firmware volume around it");
	if (!guid_is(guid, GUID_AUTHENTICATED))
		return err_fail(
			err, -ENOTSUP, "variable store: not one of authenticated variables");
	if (format != FORMAT_FORMATTED || state != STATE_HEALTHY)
		return err_fail(err, -EBADMSG, "variable store: format 0x%02x, state 0x%02x",
			format, state);
	*ret = rd_at(volume, header_size, size);
	if (ret->bad || size < STORE_HEADER)
		return err_fail(err, -EBADMSG, "variable store: claims %" PRIu32 " bytes of %zu",
			size, volume->len - header_size);
	rd_skip(ret, STORE_HEADER);
	return 0;
}

/* A name in UTF-16 with its NUL. */
static bool read_name(const unsigned char *at, size_t n, char name[VARSTORE_NAME_MAX])
{
	if (n < 2 || n % 2 != 0 || n / 2 > VARSTORE_NAME_MAX || at[n - 2] != 0 || at[n - 1] != 0)
		return false;
	for (size_t i = 0; i < n / 2; i++)
		name[i] = at[2 * i + 1] == 0 && at[2 * i] < 0x7f ? (char)at[2 * i] : '?';
	return true;
}

/* Reads the variable at the position; *@ret_live is whether it counts. */
static int read_variable(
	struct rd *rd, struct varstore_variable *ret, bool *ret_live, struct err *err)
{
	size_t start = rd->pos;
	const unsigned char *name;
	uint32_t name_size, data_size;
	uint8_t state;

	rd_skip(rd, 2);
	state = rd_u8(rd);
	rd_skip(rd, 1);
	ret->attributes = rd_le32(rd);
	rd_skip(rd, 28);
	name_size = rd_le32(rd);
	data_size = rd_le32(rd);
	rd_copy(rd, ret->vendor.bytes, GUID_SIZE);
	name = rd_bytes(rd, name_size);
	ret->data = rd_bytes(rd, data_size);
	ret->size_bytes = data_size;
	if (rd->bad || !read_name(name, name_size, ret->name))
		return err_fail(
			err, -EBADMSG, "variable store: damaged variable at byte %zu", start);
	*ret_live = state == STATE_ADDED;
	if (state == STATE_IN_DELETION)
		return err_fail(err, -ENOTSUP,
			"variable store: %s is in state 0x%02x, half deleted", ret->name, state);
	return 0;
}

int varstore_parse(const void *volume, size_t len, struct varstore *ret, struct err *err)
{
	struct rd whole = rd_init(volume, len);
	struct rd rd;
	int rc = find_store(&whole, &rd, err);

	if (rc != 0)
		return rc;
	ret->count = 0;
	while (rd_left(&rd) >= 4) {
		struct rd peek = rd;
		uint16_t id = rd_le16(&peek);
		bool live = false;

		if (id == ERASED)
			break;
		if (id != START_ID)
			return err_fail(err, -EBADMSG,
				"variable store: 0x%04x where a variable starts, byte %zu", id,
				rd.pos);
		if (ret->count == VARSTORE_MAX)
			return err_fail(err, -EBADMSG, "variable store: more than %d variables",
				VARSTORE_MAX);
		rc = read_variable(&rd, &ret->variables[ret->count], &live, err);
		if (rc != 0)
			return rc;
		ret->count += live;
		if (rd.pos % 4 != 0)
			rd_skip(&rd, rd_left(&rd) < 4 - rd.pos % 4 ? rd_left(&rd) : 4 - rd.pos % 4);
	}
	return 0;
}

const struct varstore_variable *varstore_find(
	const struct varstore *store, const char *name, const char *vendor)
{
	for (size_t i = 0; i < store->count; i++)
		if (strcmp(store->variables[i].name, name) == 0 &&
			guid_is(store->variables[i].vendor.bytes, vendor))
			return &store->variables[i];
	return NULL;
}
