/* Compressing clusters (erofs-pack.h). */
#define ZSTD_STATIC_LINKING_ONLY
#include "mkimage/fs/erofs-pack.h"

#include <lz4.h>
#include <lz4hc.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

static int pack_lz4hc(
	int level, const void *src, size_t n, void *dst, size_t cap, size_t *ret_n, struct err *err)
{
	int got = LZ4_compress_HC(src, dst, (int)n, (int)cap, level);

	(void)err;
	*ret_n = got > 0 ? (size_t)got : 0;
	return 0;
}

/* A context of its own for every cluster: nothing of another can show. */
static int pack_zstd(
	int level, const void *src, size_t n, void *dst, size_t cap, size_t *ret_n, struct err *err)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t got;

	if (zstd == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	got = ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
	if (!ZSTD_isError(got))
		got = ZSTD_compress2(zstd, dst, cap, src, n);
	ZSTD_freeCCtx(zstd);
	if (ZSTD_isError(got) && ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall)
		return err_fail(err, -ENOMEM, "libzstd: %s", ZSTD_getErrorName(got));
	*ret_n = ZSTD_isError(got) ? 0 : got;
	return 0;
}

static const struct pack {
	const char *name, *library;
	enum erofs_algorithm algorithm;
	int level_max, level_default;
	const char *(*version)(void);
	int (*pack)(int level, const void *src, size_t n, void *dst, size_t cap, size_t *ret_n,
		struct err *err);
} packs[] = {
	[EROFS_PACK_NONE] = {.name = "none"},
	[EROFS_PACK_LZ4HC] = {"lz4hc", "liblz4", EROFS_LZ4, LZ4HC_CLEVEL_MAX, LZ4HC_CLEVEL_DEFAULT,
		LZ4_versionString, pack_lz4hc},
	[EROFS_PACK_ZSTD] = {"zstd", "libzstd", EROFS_ZSTD, 22, 12, ZSTD_versionString, pack_zstd},
};

#define PACK_COUNT (sizeof(packs) / sizeof(packs[0]))

const char *erofs_pack_name(enum erofs_pack pack)
{
	return packs[pack].name;
}

bool erofs_pack_parse(const char *name, enum erofs_pack *ret)
{
	for (size_t i = 0; i < PACK_COUNT; i++) {
		if (strcmp(packs[i].name, name) != 0)
			continue;
		*ret = (enum erofs_pack)i;
		return true;
	}
	return false;
}

enum erofs_algorithm erofs_pack_algorithm(enum erofs_pack pack)
{
	return packs[pack].algorithm;
}

int erofs_pack_level_max(enum erofs_pack pack)
{
	return packs[pack].level_max;
}

int erofs_pack_level_default(enum erofs_pack pack)
{
	return packs[pack].level_default;
}

const char *erofs_pack_library(enum erofs_pack pack)
{
	return packs[pack].library;
}

const char *erofs_pack_version(enum erofs_pack pack)
{
	return packs[pack].version != NULL ? packs[pack].version() : NULL;
}

int erofs_pack(enum erofs_pack pack, int level, const void *src, size_t n, void *dst, size_t cap,
	size_t *ret_n, struct err *err)
{
	return packs[pack].pack(level, src, n, dst, cap, ret_n, err);
}
