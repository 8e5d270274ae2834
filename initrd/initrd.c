/* Building the initrd (initrd.h). */
#define _GNU_SOURCE
#include "initrd/initrd.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include "formats/cpio.h"

#define GZIP_LEVEL "9"
#define ZSTD_LEVEL 19
#define ZSTD_WINDOW_LOG                                                                            \
	23 /* the kernel needs 2^23 bytes to unpack it, however large the archive is */
#define ELF_HEADER_MIN 64

static const struct cpio_entry skeleton[] = {
	{.name = "dev", .mode = S_IFDIR | 0755},
	/* what the kernel gives PID 1 as its standard descriptors */
	{.name = "dev/console", .mode = S_IFCHR | 0600, .rdev_major = 5, .rdev_minor = 1},
	{.name = "modules", .mode = S_IFDIR | 0755},
	{.name = "newroot", .mode = S_IFDIR | 0755},
	{.name = "proc", .mode = S_IFDIR | 0755},
	{.name = "sys", .mode = S_IFDIR | 0755},
};
#define SKELETON_COUNT (sizeof(skeleton) / sizeof(skeleton[0]))

static int compress_none(const struct buf *cpio, struct buf *ret, struct err *err)
{
	buf_add(ret, cpio->data, cpio->len);
	return buf_check(ret, err);
}

static la_ssize_t append_output(struct archive *archive, void *arg, const void *src, size_t n)
{
	struct buf *ret = arg;

	(void)archive;
	buf_add(ret, src, n);
	return ret->bad ? -1 : (la_ssize_t)n;
}

static void free_archive(struct archive **archive)
{
	archive_write_free(*archive);
}

static void free_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static int compress_gzip(const struct buf *cpio, struct buf *ret, struct err *err)
{
	struct archive *archive __attribute__((cleanup(free_archive))) = archive_write_new();
	struct archive_entry *entry __attribute__((cleanup(free_entry))) = archive_entry_new();

	if (archive == NULL || entry == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "initrd");
	if (archive_write_set_format_raw(archive) != ARCHIVE_OK ||
		archive_write_add_filter_gzip(archive) != ARCHIVE_OK ||
		archive_write_set_filter_option(archive, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
		archive_write_set_filter_option(archive, "gzip", "compression-level", GZIP_LEVEL) !=
			ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
		archive_write_open(archive, ret, NULL, append_output, NULL) != ARCHIVE_OK ||
		archive_write_header(archive, entry) != ARCHIVE_OK ||
		archive_write_data(archive, cpio->data, cpio->len) != (la_ssize_t)cpio->len ||
		archive_write_close(archive) != ARCHIVE_OK)
		return err_fail(err, -ENOMEM, "cannot compress the initrd: %s",
			archive_error_string(archive));
	return buf_check(ret, err);
}

static void free_zstd(ZSTD_CCtx **ctx)
{
	ZSTD_freeCCtx(*ctx);
}

static int compress_zstd(const struct buf *cpio, struct buf *ret, struct err *err)
{
	/* every parameter that shapes the bytes; no worker threads, whose number would show */
	static const struct {
		ZSTD_cParameter parameter;
		int value;
	} parameters[] = {
		{ZSTD_c_compressionLevel, ZSTD_LEVEL},
		{ZSTD_c_windowLog, ZSTD_WINDOW_LOG},
		{ZSTD_c_contentSizeFlag, 1},
		{ZSTD_c_checksumFlag, 1},
		{ZSTD_c_nbWorkers, 0},
	};
	ZSTD_CCtx *ctx __attribute__((cleanup(free_zstd))) = ZSTD_createCCtx();
	size_t cap = ZSTD_compressBound(cpio->len), n = 0;
	void *dst = buf_grow(ret, cap);

	if (ctx == NULL || dst == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]) && !ZSTD_isError(n); i++)
		n = ZSTD_CCtx_setParameter(ctx, parameters[i].parameter, parameters[i].value);
	if (!ZSTD_isError(n))
		n = ZSTD_compress2(ctx, dst, cap, cpio->data, cpio->len);
	if (ZSTD_isError(n))
		return err_fail(
			err, -ENOMEM, "cannot compress the initrd: %s", ZSTD_getErrorName(n));
	ret->len = n;
	return 0;
}

static const char *version_none(void)
{
	return "none";
}

static const char *version_gzip(void)
{
	static _Thread_local char text[64];

	snprintf(text, sizeof(text), "zlib %s", archive_zlib_version());
	return text;
}

static const char *version_zstd(void)
{
	static _Thread_local char text[64];

	snprintf(text, sizeof(text), "zstd %s", ZSTD_versionString());
	return text;
}

static const struct {
	const char *name;
	int (*compress)(const struct buf *cpio, struct buf *ret, struct err *err);
	const char *(*version)(void);
} compressions[] = {
	[INITRD_NONE] = {"none", compress_none, version_none},
	[INITRD_GZIP] = {"gzip", compress_gzip, version_gzip},
	[INITRD_ZSTD] = {"zstd", compress_zstd, version_zstd},
};
#define COMPRESSIONS (sizeof(compressions) / sizeof(compressions[0]))

int initrd_compression_parse(const char *name, enum initrd_compression *ret, struct err *err)
{
	for (size_t i = 0; i < COMPRESSIONS; i++) {
		if (strcmp(name, compressions[i].name) == 0) {
			*ret = (enum initrd_compression)i;
			return 0;
		}
	}
	return err_fail(err, -EINVAL, "initrd compression \"%s\" is not zstd, gzip or none", name);
}

const char *initrd_compressor(enum initrd_compression compression)
{
	return compressions[compression].version();
}

/* The kernel would only say that there is no working init: 64 bits, little-endian, for x86-64. */
static int check_init(const unsigned char *init, size_t n, struct err *err)
{
	static const unsigned char ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	if (n < ELF_HEADER_MIN || memcmp(init, ident, sizeof(ident)) != 0 || init[18] != 62 ||
		init[19] != 0)
		return err_fail(err, -EINVAL, "the initrd's init is not an x86-64 ELF program");
	return 0;
}

/* What one archive is made of: the entries, and the texts that they point into. */
struct plan {
	struct cpio_entry *entries; /* owned */
	size_t count;
	char **names; /* owned: "modules/NAME.ko" */
	size_t name_count;
	struct buf list; /* /modules.list */
};

static void plan_done(struct plan *plan)
{
	for (size_t i = 0; i < plan->name_count; i++)
		free(plan->names[i]);
	free(plan->names);
	free(plan->entries);
	buf_done(&plan->list);
}

static int plan_modules(struct plan *plan, const struct modules *modules, struct err *err)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->items[i];
		char **name = &plan->names[i];

		if (asprintf(name, "modules/%s.ko", module->name) < 0) {
			*name = NULL;
			return err_fail(err, -ENOMEM, "out of memory");
		}
		plan->name_count++;
		buf_fmt(&plan->list, "%s.ko\n", module->name);
		plan->entries[plan->count++] = (struct cpio_entry){
			.name = *name,
			.mode = S_IFREG | 0644,
			.data = module->elf.data,
			.size_bytes = module->elf.len,
		};
	}
	return buf_check(&plan->list, err);
}

static int plan_init(struct plan *plan, const struct initrd_spec *spec, struct err *err)
{
	static const struct modules none;
	const struct modules *modules = spec->modules != NULL ? spec->modules : &none;
	const unsigned char *init = spec->init != NULL ? spec->init : initrd_init_elf;
	size_t init_size = spec->init != NULL ? spec->init_size_bytes
					      : (size_t)(initrd_init_elf_end - initrd_init_elf);
	int code = check_init(init, init_size, err);

	if (code != 0)
		return code;
	plan->entries = calloc(SKELETON_COUNT + 2 + modules->count, sizeof(*plan->entries));
	plan->names = calloc(modules->count + 1, sizeof(*plan->names));
	if (plan->entries == NULL || plan->names == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	memcpy(plan->entries, skeleton, sizeof(skeleton));
	plan->count = SKELETON_COUNT;
	plan->entries[plan->count++] = (struct cpio_entry){
		.name = "init", .mode = S_IFREG | 0755, .data = init, .size_bytes = init_size};
	code = plan_modules(plan, modules, err);
	if (code != 0)
		return code;
	plan->entries[plan->count++] = (struct cpio_entry){
		.name = "modules.list",
		.mode = S_IFREG | 0644,
		.data = plan->list.data,
		.size_bytes = plan->list.len,
	};
	return 0;
}

int initrd_build(const struct initrd_spec *spec, struct buf *ret, struct err *err)
{
	struct plan plan __attribute__((cleanup(plan_done))) = {0};
	BUF_AUTO cpio = {0};
	BUF_AUTO packed = {0};
	int code;

	if (spec->timestamp > UINT32_MAX)
		return err_fail(err, -EINVAL, "the initrd's timestamp does not fit 32 bits");
	code = plan_init(&plan, spec, err);
	if (code == 0)
		code = cpio_write(plan.entries, plan.count, (uint32_t)spec->timestamp, &cpio, err);
	if (code == 0)
		code = compressions[spec->compression].compress(&cpio, &packed, err);
	if (code != 0)
		return code;
	*ret = packed;
	packed = (struct buf){0};
	return 0;
}
