/* The initrd: its contents, the compressions, golden bytes, and what is refused. */
#define _GNU_SOURCE
#include "initrd/initrd.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/cpio.h"
#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"

static unsigned char fake_init[256];
static unsigned char module_bytes[50000];

static struct module module_items[] = {
	{(char *)"dm_mod", {module_bytes, sizeof(module_bytes), 0, false}},
	{(char *)"a_first_by_name", {module_bytes, 3, 0, false}},
};
static const struct modules two_modules = {module_items, 2};

static void set_up(void)
{
	memcpy(fake_init, ELFMAG, SELFMAG);
	fake_init[EI_CLASS] = ELFCLASS64;
	fake_init[EI_DATA] = ELFDATA2LSB;
	fake_init[EI_VERSION] = EV_CURRENT;
	fake_init[18] = EM_X86_64;
	for (size_t i = 0; i < sizeof(module_bytes); i++)
		module_bytes[i] = (unsigned char)(i * i >> 7);
}

static struct initrd_spec base_spec(enum initrd_compression compression)
{
	return (struct initrd_spec){
		.timestamp = 1700000000,
		.compression = compression,
		.init = fake_init,
		.init_size_bytes = sizeof(fake_init),
		.modules = &two_modules,
	};
}

static bool has(const struct cpio_archive *archive, const char *name, uint32_t mode,
	const void *data, size_t n)
{
	const struct cpio_entry *entry = cpio_find(archive, name);

	return entry != NULL && entry->mode == mode && entry->size_bytes == n &&
	       (n == 0 || memcmp(entry->data, data, n) == 0) && entry->uid == 0 &&
	       entry->gid == 0 && entry->mtime == 1700000000;
}

static void test_contents(void)
{
	static const char list[] = "dm_mod.ko\na_first_by_name.ko\n";
	struct initrd_spec spec = base_spec(INITRD_NONE);
	BUF_AUTO initrd = {0};
	CPIO_AUTO archive = {0};
	struct err err = {0};

	is_int(initrd_build(&spec, &initrd, &err), 0, "built");
	is_int(cpio_read(initrd.data, initrd.len, &archive, &err), 0, "a sound archive");
	is_int((long long)archive.count, 10, "nothing more than what it needs");
	ok(has(&archive, "init", S_IFREG | 0755, fake_init, sizeof(fake_init)), "init");
	ok(has(&archive, "modules.list", S_IFREG | 0644, list, sizeof(list) - 1),
		"the list in load order");
	ok(has(&archive, "modules/dm_mod.ko", S_IFREG | 0644, module_bytes, sizeof(module_bytes)),
		"a module");
	ok(has(&archive, "dev/console", S_IFCHR | 0600, NULL, 0), "the console");
	ok(has(&archive, "newroot", S_IFDIR | 0755, NULL, 0), "where the root goes");
}

static void test_embedded(void)
{
	struct initrd_spec spec = {.compression = INITRD_NONE, .timestamp = 1700000000};
	size_t size = (size_t)(initrd_init_elf_end - initrd_init_elf);
	BUF_AUTO initrd = {0};
	CPIO_AUTO archive = {0};
	struct err err = {0};

	is_int(initrd_build(&spec, &initrd, &err), 0, "built with the embedded init, no modules");
	is_int(cpio_read(initrd.data, initrd.len, &archive, &err), 0, "a sound archive");
	ok(has(&archive, "init", S_IFREG | 0755, initrd_init_elf, size),
		"init is the embedded one");
	ok(has(&archive, "modules.list", S_IFREG | 0644, NULL, 0), "an empty list");
	ok(size > 10000 && size < 200000, "PID 1 is %zu bytes", size);
}

/* Unpacks with a library that is told nothing of how the bytes were made. */
static bool unpack(const struct buf *packed, struct buf *ret)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	char chunk[4096];
	la_ssize_t n = -1;

	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_zstd(archive);
	archive_read_support_format_raw(archive);
	if (archive_read_open_memory(archive, packed->data, packed->len) == ARCHIVE_OK &&
		archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		while ((n = archive_read_data(archive, chunk, sizeof(chunk))) > 0)
			buf_add(ret, chunk, (size_t)n);
	}
	archive_read_free(archive);
	return n == 0;
}

static void test_compression(
	enum initrd_compression compression, const char *magic, const char *name)
{
	struct initrd_spec spec = base_spec(compression), plain = base_spec(INITRD_NONE);
	BUF_AUTO one = {0};
	BUF_AUTO two = {0};
	BUF_AUTO cpio = {0};
	BUF_AUTO back = {0};
	struct err err = {0};

	is_int(initrd_build(&spec, &one, &err), 0, name);
	is_int(initrd_build(&spec, &two, &err), 0, "again");
	is_int(initrd_build(&plain, &cpio, &err), 0, "and plain");
	ok(one.len == two.len && memcmp(one.data, two.data, one.len) == 0, "twice the same");
	ok(one.len < cpio.len && memcmp(one.data, magic, 4) == 0, "it is compressed");
	ok(unpack(&one, &back) && back.len == cpio.len &&
			memcmp(back.data, cpio.data, cpio.len) == 0,
		"and unpacks to the archive");
	ok(strncmp(initrd_compressor(compression), name, 4) == 0, "made by %s",
		initrd_compressor(compression));
}

/* gzip's header has room for a time, a name and a system: none of them may tell of the builder. */
static void test_gzip_header(void)
{
	struct initrd_spec spec = base_spec(INITRD_GZIP);
	BUF_AUTO initrd = {0};
	struct err err = {0};
	char hex[17];

	is_int(initrd_build(&spec, &initrd, &err), 0, "built");
	hex_encode(initrd.data + 2, 8, hex);
	ok(strncmp(hex, "080000000000", 12) == 0, "no flags, no time (%s)", hex);
}

/* Formats are contracts: the archive's bytes, and the compressed ones for the libraries of Debian 12. */
static void test_golden(void)
{
	static const struct {
		enum initrd_compression compression;
		const char *compressor, *sha256;
	} golden[] = {
		{INITRD_NONE, "none",
			"8b4db51aa06389157a52c5f0ddcc99d2177f75f992e26bc2d41498950d6c5324"},
		{INITRD_GZIP, "zlib 1.2.13",
			"8eb1e9ee0610693802914049d5f1ea064c54a1d54d1bab9ab016eb79322b16b7"},
		{INITRD_ZSTD, "zstd 1.5.4",
			"0f9429441932af09a6da09eac039cdbe5b459426437a53e4cb7144d441463c30"},
	};

	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		struct initrd_spec spec = base_spec(golden[i].compression);
		BUF_AUTO initrd = {0};
		struct err err = {0};
		unsigned char sha256[SHA256_SIZE];
		char hex[2 * SHA256_SIZE + 1];

		if (strcmp(initrd_compressor(spec.compression), golden[i].compressor) != 0) {
			tap_skip("golden digest", "another version of the compressor");
			continue;
		}
		ok(initrd_build(&spec, &initrd, &err) == 0 &&
				digest_bytes(
					DIGEST_SHA256, initrd.data, initrd.len, sha256, &err) == 0,
			"built");
		hex_encode(sha256, sizeof(sha256), hex);
		is_str(hex, golden[i].sha256, golden[i].compressor);
	}
}

static void test_names(void)
{
	enum initrd_compression compression = INITRD_NONE;
	struct err err = {0};

	is_int(initrd_compression_parse("zstd", &compression, &err), 0, "zstd");
	is_int(compression, INITRD_ZSTD, "is zstd");
	is_int(initrd_compression_parse("gzip", &compression, &err), 0, "gzip");
	is_int(compression, INITRD_GZIP, "is gzip");
	is_int(initrd_compression_parse("none", &compression, &err), 0, "none");
	is_int(compression, INITRD_NONE, "is none");
	is_int(initrd_compression_parse("xz", &compression, &err), -EINVAL, "xz is refused");
	is_str(err.msg, "initrd compression \"xz\" is not zstd, gzip or none", "and why");
}

static void refuse(const struct initrd_spec *spec, const char *message, const char *what)
{
	BUF_AUTO initrd = {0};
	struct err err = {0};
	int code = initrd_build(spec, &initrd, &err);

	ok(code == -EINVAL && strstr(err.msg, message) != NULL && initrd.len == 0,
		"refused: %s (%s)", what, err.msg);
}

static void test_refused(void)
{
	struct module twice[] = {module_items[0], module_items[0]};
	struct module escaping[] = {{(char *)"../x", module_items[1].elf}};
	const struct modules twice_list = {twice, 2}, escaping_list = {escaping, 1};
	static const unsigned char script[64] = "#!/bin/sh\n";
	unsigned char arm[sizeof(fake_init)];
	struct initrd_spec spec = base_spec(INITRD_ZSTD);

	spec.timestamp = 1ull << 32;
	refuse(&spec, "timestamp", "a time after 2106");
	spec = base_spec(INITRD_ZSTD);
	spec.init = script;
	spec.init_size_bytes = sizeof(script);
	refuse(&spec, "not an x86-64 ELF", "a script as init");
	spec.init = fake_init;
	spec.init_size_bytes = 63;
	refuse(&spec, "not an x86-64 ELF", "a stump as init");
	memcpy(arm, fake_init, sizeof(arm));
	arm[18] = EM_AARCH64;
	spec.init = arm;
	spec.init_size_bytes = sizeof(arm);
	refuse(&spec, "not an x86-64 ELF", "another machine's init");
	spec = base_spec(INITRD_ZSTD);
	spec.modules = &twice_list;
	refuse(&spec, "stands twice", "a module twice");
	spec.modules = &escaping_list;
	refuse(&spec, "component . or ..", "a module's name with ..");
}

int main(void)
{
	set_up();
	test_contents();
	test_embedded();
	test_compression(INITRD_GZIP, "\x1f\x8b\x08\x00", "zlib (gzip)");
	test_compression(INITRD_ZSTD, "\x28\xb5\x2f\xfd", "zstd");
	test_gzip_header();
	test_golden();
	test_names();
	test_refused();
	return tap_done();
}
