/* Boot options: what is stored, what the firmware adds, and what is measured of them. */
#include "measure/tdx/load-options.h"

#include <stdlib.h>

#include "lib/guid.h"
#include "tests/tap.h"
#include "tests/unit/varstore-image.h"

#define VOLUME	  "7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1"
#define FILE_MENU "eec25bdc-67f2-4d95-b1d5-f81b2039d11d"
#define FILE_UI	  "462caa21-7614-4503-836e-8ab6f4662331"

static unsigned char image[VARSTORE_IMAGE_SIZE];
static struct varstore store;

static struct generation_app app_of(const char *file, const char *name)
{
	struct generation_app app = {.present = true};

	if (!guid_parse(VOLUME, &app.volume) || !guid_parse(file, &app.file))
		abort();
	snprintf(app.name, sizeof(app.name), "%s", name);
	return app;
}

static struct generation edk2_202505(void)
{
	return (struct generation){.menu_known = true,
		.menu = app_of(FILE_MENU, "BootManagerMenuApp"),
		.setup = app_of(FILE_UI, "EFI Firmware Setup")};
}

/* The numbers of the options in their order, "0000 0001". */
static void numbers_are(const struct load_options *options, const char *want, const char *what)
{
	BUF_AUTO got = {0};

	for (size_t i = 0; i < options->count; i++)
		buf_fmt(&got, "%s%04X", i > 0 ? " " : "", options->option[i].number);
	is_str(buf_cstr(&got), want, what);
}

static void test_blank(void)
{
	/* As a real OVMF 2026.08 stored it. */
	static const char want[] =
		"\x09\x01\0\0\x2c\0B\0o\0o\0t\0M\0a\0n\0a\0g\0e\0r\0M\0e\0n\0u\0A\0p\0p\0\0\0"
		"\x04\x07\x14\0\xc9\xbd\xb8\x7c\xeb\xf8\x34\x4f\xaa\xea\x3e\xe4\xaf\x65\x16\xa1"
		"\x04\x06\x14\0\xdc\x5b\xc2\xee\xf2\x67\x95\x4d\xb1\xd5\xf8\x1b\x20\x39\xd1\x1d"
		"\x7f\xff\x04";
	LOAD_OPTIONS_AUTO options = {.count = 0};
	struct generation generation = edk2_202505();
	struct err err = {0};

	varstore_image_begin(image);
	ok(varstore_parse(image, sizeof(image), &store, &err) == 0 &&
			load_options_read(&store, &options, &err) == 0 && options.count == 0,
		"a blank store has no options");
	is_int(load_options_add_builtin(&generation, &options, &err), 0,
		"the firmware adds its own");
	numbers_are(&options, "0000 0001", "menu and setup");
	ok(options.option[0].data.len == sizeof(want) &&
			memcmp(options.option[0].data.data, want, sizeof(want)) == 0,
		"the menu's option");
	is_int(load_options_add_builtin(&generation, &options, &err), 0, "once more");
	numbers_are(&options, "0000 0001", "nothing is added twice");
}

/* Options of a disk under 0 and 2, in the order 2, 0; BootNext is 1. */
static void test_stored(void)
{
	static const unsigned char option[] = {1, 0, 0, 0, 4, 0, 'd', 0, 0, 0, 0x7f, 0xff, 4, 0};
	LOAD_OPTIONS_AUTO options = {.count = 0};
	struct generation generation = edk2_202505();
	struct rtmr rtmr = {.derive = NULL}, want = {.derive = NULL};
	struct err err = {0};
	struct wr wr = varstore_image_begin(image);

	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "BootOrder", 0x3f, "\2\0\0\0\7\0", 6);
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "Boot0000", 0x3f, option, sizeof(option));
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "Boot0002", 0x3f, option, sizeof(option));
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "BootNext", 0x3f, "\1\0", 2);
	ok(varstore_parse(image, sizeof(image), &store, &err) == 0 &&
			load_options_read(&store, &options, &err) == 0,
		"stored options");
	numbers_are(&options, "0002 0000 0007", "in the order of BootOrder");
	ok(!options.option[2].stored, "one of them has no variable");
	is_int(load_options_measure(&options, &rtmr, &err), 0, "are measured");
	ok(rtmr_data(&want, "", "", "\2\0\0\0\7\0", 6, &err) == 0 &&
			rtmr_data(&want, "", "", option, sizeof(option), &err) == 0 &&
			rtmr_data(&want, "", "", option, sizeof(option), &err) == 0 &&
			memcmp(rtmr.value, want.value, SHA384_SIZE) == 0,
		"BootOrder and what there is of them");
	is_int(load_options_add_builtin(&generation, &options, &err), 0, "the firmware's own");
	numbers_are(&options, "0002 0000 0007 0003 0004", "get free numbers, not BootNext's");
}

static void refuses(const char *name, const void *data, size_t n, const char *want)
{
	LOAD_OPTIONS_AUTO options = {.count = 0};
	struct err err = {0};
	struct wr wr = varstore_image_begin(image);

	if (strcmp(name, "BootOrder") != 0)
		varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, "BootOrder", 0x3f, "\0", 2);
	varstore_image_add(&wr, VARSTORE_IMAGE_GLOBAL, name, 0x3f, data, n);
	ok(varstore_parse(image, sizeof(image), &store, &err) == 0 &&
			load_options_read(&store, &options, &err) == -EBADMSG &&
			strstr(err.msg, want) != NULL,
		"refused: %s, %zu bytes", want, n);
}

static void test_bad(void)
{
	static const unsigned char many[2 * LOAD_OPTIONS_MAX + 2];
	LOAD_OPTIONS_AUTO options = {.count = 0};
	struct generation generation = edk2_202505();
	struct err err = {0};

	refuses("BootOrder", "\0\0\0", 3, "BootOrder");
	refuses("BootOrder", "", 0, "BootOrder");
	refuses("BootOrder", many, sizeof(many), "BootOrder");
	refuses("BootNext", "\0", 1, "BootNext");
	refuses("Boot0000", "\1\0\0\0\4\0d\0", 8, "not a boot option");
	refuses("Boot0000", "\1\0\0\0\5\0d\0\0\0\x7f\xff\4", 14, "not a boot option");
	for (size_t i = 0; i < LOAD_OPTIONS_MAX; i++)
		if (load_options_add(&options, 0, "", "", 0, &err) != 0)
			abort();
	ok(load_options_add(&options, 0, "", "", 0, &err) == -EINVAL, "too many options");
	generation.menu_known = false;
	ok(load_options_add_builtin(&generation, &options, &err) == -ENOTSUP, "an unknown menu");
}

int main(void)
{
	test_blank();
	test_stored();
	test_bad();
	return tap_done();
}
