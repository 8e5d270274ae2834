/*
 * Boot options (load-options.h).
 *
 *   EFI_LOAD_OPTION               device path node
 *   0 | 4 | attributes            0 | 1 | type, 4: media, 0x7f: end
 *   4 | 2 | bytes of the path     1 | 1 | subtype, 6: file in a volume, 7: volume
 *   6 | - | description in        2 | 2 | bytes, with this
 *         | UTF-16, path, data    4 | - | for those two: GUID
 */
#include "measure/tdx/load-options.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define GUID_GLOBAL	 "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define NODE_HEADER	 4
#define NODE_MEDIA	 0x04
#define NODE_VOLUME_FILE 0x06
#define NODE_VOLUME	 0x07
#define NODE_END	 0x7f
#define GUID_NODE	 (NODE_HEADER + GUID_SIZE)

void load_options_done(struct load_options *options)
{
	for (size_t i = 0; i < options->count; i++)
		buf_done(&options->option[i].data);
	*options = (struct load_options){.count = 0};
}

/* The variable Boot#### of this number, or NULL. */
static const struct varstore_variable *find_option(const struct varstore *store, uint16_t number)
{
	static const char digits[] = "0123456789ABCDEF";
	char name[] = "Boot0000";

	for (size_t i = 0; i < 4; i++)
		name[4 + i] = digits[number >> (12 - 4 * i) & 0xf];
	return varstore_find(store, name, GUID_GLOBAL);
}

/* Where the device path of an EFI_LOAD_OPTION is; false for one of a wrong form. */
static bool find_path(const struct buf *option, struct rd *ret)
{
	struct rd rd = rd_init(option->data, option->len);
	uint16_t path_bytes;

	rd_skip(&rd, 4);
	path_bytes = rd_le16(&rd);
	while (rd_le16(&rd) != 0)
		;
	*ret = rd_at(&rd, rd.pos, path_bytes);
	return !rd.bad && !ret->bad;
}

static int read_option(
	const struct varstore *store, uint16_t number, struct load_option *ret, struct err *err)
{
	const struct varstore_variable *variable = find_option(store, number);
	struct rd path;

	ret->number = number;
	if (variable == NULL)
		return 0;
	ret->stored = true;
	buf_add(&ret->data, variable->data, variable->size_bytes);
	if (ret->data.bad || find_path(&ret->data, &path))
		return buf_check(&ret->data, err);
	return err_fail(err, -EBADMSG, "variable %s: not a boot option", variable->name);
}

int load_options_read(const struct varstore *store, struct load_options *ret, struct err *err)
{
	const struct varstore_variable *order = varstore_find(store, "BootOrder", GUID_GLOBAL);
	const struct varstore_variable *next = varstore_find(store, "BootNext", GUID_GLOBAL);
	struct rd rd = order != NULL ? rd_init(order->data, order->size_bytes) : rd_init("", 0);

	if (rd.len % 2 != 0 || rd.len / 2 > LOAD_OPTIONS_MAX || (order != NULL && rd.len == 0))
		return err_fail(err, -EBADMSG, "variable BootOrder: %zu bytes", rd.len);
	if (next != NULL) {
		struct rd number = rd_init(next->data, next->size_bytes);

		if (number.len != 2)
			return err_fail(err, -EBADMSG, "variable BootNext: %zu bytes", number.len);
		ret->boot_next = true;
		ret->boot_next_number = rd_le16(&number);
	}
	while (rd_left(&rd) > 0) {
		int rc = read_option(store, rd_le16(&rd), &ret->option[ret->count++], err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool is_taken(const struct load_options *options, uint16_t number)
{
	for (size_t i = 0; i < options->count; i++)
		if (options->option[i].number == number)
			return true;
	return options->boot_next && options->boot_next_number == number;
}

static int make_option(struct buf *ret, uint32_t attributes, const char *description,
	const void *path, size_t path_bytes, struct err *err)
{
	static const unsigned char end[NODE_HEADER] = {NODE_END, 0xff, NODE_HEADER, 0};
	unsigned char header[6];
	struct wr wr = wr_init(header, sizeof(header));

	if (path_bytes > UINT16_MAX - sizeof(end))
		return err_fail(err, -EINVAL, "device path of %zu bytes", path_bytes);
	wr_le32(&wr, attributes);
	wr_le16(&wr, (uint16_t)(path_bytes + sizeof(end)));
	buf_add(ret, header, sizeof(header));
	for (size_t i = 0; i <= strlen(description); i++)
		buf_add(ret, (char[2]){description[i], '\0'}, 2);
	buf_add(ret, path, path_bytes);
	buf_add(ret, end, sizeof(end));
	return buf_check(ret, err);
}

int load_options_add(struct load_options *options, uint32_t attributes, const char *description,
	const void *path, size_t path_bytes, struct err *err)
{
	struct load_option *option = &options->option[options->count];
	uint16_t number = 0;

	if (options->count == LOAD_OPTIONS_MAX)
		return err_fail(err, -EINVAL, "more than %d boot options", LOAD_OPTIONS_MAX);
	while (is_taken(options, number))
		number++;
	*option = (struct load_option){.number = number, .stored = true};
	options->count++;
	return make_option(&option->data, attributes, description, path, path_bytes, err);
}

/* The device path of a file in a volume. */
static void make_path(const struct generation_app *app, unsigned char ret[2 * GUID_NODE])
{
	struct wr wr = wr_init(ret, 2 * GUID_NODE);

	wr_bytes(&wr, (unsigned char[]){NODE_MEDIA, NODE_VOLUME, GUID_NODE, 0}, NODE_HEADER);
	wr_bytes(&wr, app->volume.bytes, GUID_SIZE);
	wr_bytes(&wr, (unsigned char[]){NODE_MEDIA, NODE_VOLUME_FILE, GUID_NODE, 0}, NODE_HEADER);
	wr_bytes(&wr, app->file.bytes, GUID_SIZE);
}

/* The menu is looked for by its path alone, the setup by all of its option. */
static bool has_path(const struct load_options *options, const unsigned char path[2 * GUID_NODE])
{
	for (size_t i = 0; i < options->count; i++) {
		struct rd rd;

		if (options->option[i].stored && find_path(&options->option[i].data, &rd) &&
			rd.len >= 2 * GUID_NODE && memcmp(rd.base, path, 2 * GUID_NODE) == 0)
			return true;
	}
	return false;
}

static bool has_option(const struct load_options *options, const struct buf *data)
{
	for (size_t i = 0; i < options->count; i++)
		if (options->option[i].data.len == data->len &&
			memcmp(options->option[i].data.data, data->data, data->len) == 0)
			return true;
	return false;
}

static int add_setup(
	const struct generation_app *setup, struct load_options *options, struct err *err)
{
	static const uint32_t attributes = LOAD_OPTION_ACTIVE | LOAD_OPTION_CATEGORY;
	BUF_AUTO data = {0};
	unsigned char path[2 * GUID_NODE];
	int rc;

	make_path(setup, path);
	rc = make_option(&data, attributes, setup->name, path, sizeof(path), err);
	if (rc != 0 || has_option(options, &data))
		return rc;
	return load_options_add(options, attributes, setup->name, path, sizeof(path), err);
}

int load_options_add_builtin(
	const struct generation *generation, struct load_options *options, struct err *err)
{
	const struct generation_app *menu = &generation->menu;
	unsigned char path[2 * GUID_NODE];
	int rc = 0;

	if (!generation->menu_known)
		return err_fail(err, -ENOTSUP,
			"the firmware does not tell which application is its boot menu: its boot "
			"options are not known");
	make_path(menu, path);
	if (menu->present && !has_path(options, path))
		rc = load_options_add(options,
			LOAD_OPTION_ACTIVE | LOAD_OPTION_HIDDEN | LOAD_OPTION_CATEGORY, menu->name,
			path, sizeof(path), err);
	return rc == 0 && generation->setup.present ? add_setup(&generation->setup, options, err)
						    : rc;
}

/* The description of an option in ASCII, for people. */
static void describe(const struct load_option *option, struct buf *to)
{
	struct rd rd = rd_init(option->data.data, option->data.len);

	rd_skip(&rd, 6);
	buf_fmt(to, "Boot%04X: ", option->number);
	for (uint16_t c = rd_le16(&rd); c != 0; c = rd_le16(&rd))
		buf_add(to, (char[1]){c >= 0x20 && c < 0x7f ? (char)c : '?'}, 1);
}

int load_options_measure(const struct load_options *options, struct rtmr *rtmr, struct err *err)
{
	static const char kind[] = "EV_EFI_VARIABLE_BOOT";
	BUF_AUTO order = {0};
	BUF_AUTO what = {0};
	int rc;

	if (options->count == 0)
		return 0;
	buf_str(&what, "BootOrder:");
	for (size_t i = 0; i < options->count; i++) {
		uint16_t number = options->option[i].number;

		buf_fmt(&what, "%s%04X", i > 0 ? ", " : " ", number);
		buf_add(&order,
			(unsigned char[2]){(unsigned char)number, (unsigned char)(number >> 8)}, 2);
	}
	rc = buf_check(&what, err);
	if (rc == 0)
		rc = buf_check(&order, err);
	if (rc == 0)
		rc = rtmr_data(rtmr, kind, buf_cstr(&what), order.data, order.len, err);
	for (size_t i = 0; i < options->count && rc == 0; i++) {
		const struct load_option *option = &options->option[i];

		if (!option->stored)
			continue;
		what.len = 0;
		describe(option, &what);
		rc = buf_check(&what, err);
		if (rc == 0)
			rc = rtmr_data(rtmr, kind, buf_cstr(&what), option->data.data,
				option->data.len, err);
	}
	return rc;
}
