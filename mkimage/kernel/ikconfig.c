/*
 * A kernel's own configuration (ikconfig.h).
 *
 * The payload of a bzImage is a compressed ELF file, told by its first bytes (Linux lib/decompress.c); its last 4 bytes are
 * the size of what comes out: in gzip they belong to the member, after the others the kernel's build puts them (scripts/
 * Makefile.lib, size_append).
 */
#define _GNU_SOURCE
#include "mkimage/kernel/ikconfig.h"

#include <lzma.h>
#include <string.h>
#include <zstd.h>

#include "formats/bzimage.h"
#include "formats/gzip.h"
#include "formats/lz4-legacy.h"
#include "formats/pe.h"
#include "lib/rd.h"

#define CONFIG_START	"IKCFG_ST"
#define CONFIG_END	"IKCFG_ED"
#define GZIP_MAGIC	"\x1f\x8b"
#define SIZE_BYTES	4
#define LZMA_MEMORY_MAX (192u << 20)
#define WINDOW_LOG_MAX	27 /* zstd --ultra -22 */

/* Fills exactly @ret_len bytes at @ret. */
typedef int decompress_fn(
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err);

static int check_size(const char *codec, bool whole, size_t got, size_t want, struct err *err)
{
	if (whole && got == want)
		return 0;
	return err_fail(err, -EBADMSG, "the kernel's %s payload is damaged (%zu of %zu bytes)",
		codec, got, want);
}

static int read_gzip(
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	BUF_AUTO out = {0};
	int rc = gzip_read(src, len, ret_len, "the kernel's payload", &out, err);

	if (rc == 0)
		rc = check_size("gzip", true, out.len, ret_len, err);
	if (rc == 0)
		memcpy(ret, out.data, ret_len);
	return rc;
}

static int run_lzma(lzma_stream *stream, lzma_ret started, const char *codec,
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	size_t left;

	if (started != LZMA_OK)
		return err_fail(err, -ENOMEM, "liblzma: no decoder");
	stream->next_in = src;
	stream->avail_in = len;
	stream->next_out = ret;
	stream->avail_out = ret_len;
	started = lzma_code(stream, LZMA_FINISH);
	/* The end mark may come after the last byte that there is room for. */
	if (started == LZMA_OK)
		started = lzma_code(stream, LZMA_FINISH);
	left = stream->avail_in + stream->avail_out;
	lzma_end(stream);
	if (started == LZMA_MEM_ERROR || started == LZMA_MEMLIMIT_ERROR)
		return err_fail(err, -ENOMEM, "liblzma: the payload takes too much memory");
	return check_size(
		codec, started == LZMA_STREAM_END && left == 0, ret_len - left, ret_len, err);
}

static int read_xz(
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret started = lzma_stream_decoder(&stream, LZMA_MEMORY_MAX, 0);

	return run_lzma(&stream, started, "xz", src, len - SIZE_BYTES, ret, ret_len, err);
}

static int read_lzma(
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret started = lzma_alone_decoder(&stream, LZMA_MEMORY_MAX);

	return run_lzma(&stream, started, "lzma", src, len - SIZE_BYTES, ret, ret_len, err);
}

static int read_zstd(
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = {.src = src, .size = len - SIZE_BYTES};
	ZSTD_outBuffer out = {.dst = ret, .size = ret_len};
	size_t rc = 0;

	if (context == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	if (!ZSTD_isError(rc))
		rc = ZSTD_decompressStream(context, &out, &in);
	ZSTD_freeDCtx(context);
	return check_size("zstd", rc == 0 && in.pos == in.size, out.pos, ret_len, err);
}

static int read_lz4(
	const unsigned char *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	int rc = lz4_legacy_read(src, len - SIZE_BYTES, ret, ret_len, err);

	return rc != 0 ? err_wrap(err, "the kernel's payload") : 0;
}

static const struct codec {
	const char *name;
	const char *magic;
	size_t magic_len;
	decompress_fn *run; /* NULL: not read */
} codecs[] = {
	{"gzip", GZIP_MAGIC, 2, read_gzip},
	{"xz", "\xfd\x37zXZ", 5, read_xz},
	{"zstd", "\x28\xb5\x2f\xfd", 4, read_zstd},
	{"lzma", "\x5d\0\0", 3, read_lzma},
	{"lz4", "\x02\x21\x4c\x18", 4, read_lz4},
	{"bzip2", "BZh", 3, NULL},
	{"lzo", "\x89\x4c\x5a", 3, NULL},
};

static const struct codec *find_codec(const unsigned char *src, size_t len)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++) {
		const struct codec *codec = &codecs[i];

		if (len > codec->magic_len + SIZE_BYTES &&
			memcmp(src, codec->magic, codec->magic_len) == 0)
			return codec;
	}
	return NULL;
}

static int decompress(const unsigned char *src, size_t len, struct buf *ret, struct err *err)
{
	const struct codec *codec = find_codec(src, len);
	struct rd rd = rd_init(src, len);
	struct rd tail;
	size_t size;
	unsigned char *to;

	if (codec == NULL)
		return err_fail(err, -EBADMSG, "the kernel's payload is of no known compression");
	if (codec->run == NULL)
		return err_fail(
			err, -ENOTSUP, "kernels compressed with %s are not read", codec->name);
	tail = rd_at(&rd, len - SIZE_BYTES, SIZE_BYTES);
	size = rd_le32(&tail);
	if (size == 0)
		return err_fail(err, -EBADMSG, "the kernel's payload says that it is empty");
	if (size > IKCONFIG_VMLINUX_MAX)
		return err_fail(
			err, -EFBIG, "a kernel of %zu bytes, limit %u", size, IKCONFIG_VMLINUX_MAX);
	to = buf_grow(ret, size);
	if (to == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return codec->run(src, len, to, size, err);
}

int ikconfig_vmlinux(const void *bzimage, size_t len, struct buf *ret, struct err *err)
{
	BUF_AUTO out = {0};
	struct bzimage bz;
	int rc = bzimage_parse(bzimage, len, &bz, err);

	if (rc == 0 && bz.payload_size == 0)
		rc = err_fail(err, -EBADMSG, "the bzImage says nowhere where its kernel is");
	if (rc == 0)
		rc = decompress((const unsigned char *)bzimage + bz.payload_offset, bz.payload_size,
			&out, err);
	if (rc != 0)
		return rc;
	buf_add(ret, out.data, out.len);
	return buf_check(ret, err);
}

/* The gzip member between the next pair of markers from @at; NULL when there is none. */
static const unsigned char *next_member(
	const unsigned char *at, const unsigned char *end, size_t *ret_len)
{
	static const char start[] = CONFIG_START GZIP_MAGIC;
	const unsigned char *from = memmem(at, (size_t)(end - at), start, sizeof(start) - 1);
	const unsigned char *to;

	if (from == NULL)
		return NULL;
	from += strlen(CONFIG_START);
	to = memmem(from, (size_t)(end - from), CONFIG_END, strlen(CONFIG_END));
	if (to == NULL)
		return NULL;
	*ret_len = (size_t)(to - from);
	return from;
}

/* The one configuration in an uncompressed kernel. */
static int find_config(const unsigned char *image, size_t len, const char *what,
	struct kconfig *ret, struct err *err)
{
	const unsigned char *end = image + len;
	BUF_AUTO text = {0};
	size_t n = 0;
	const unsigned char *member = next_member(image, end, &n);
	size_t more;
	int rc;

	if (member == NULL)
		return err_fail(err, -EBADMSG,
			"%s: carries no configuration (CONFIG_IKCONFIG): give its .config", what);
	if (next_member(member, end, &more) != NULL)
		return err_fail(err, -EBADMSG, "%s: carries two configurations", what);
	rc = gzip_read(member, n, KCONFIG_BYTES_MAX, what, &text, err);
	return rc != 0 ? rc : kconfig_parse(text.data, text.len, KCONFIG_WHOLE, what, ret, err);
}

static int read_bzimage(
	const void *image, size_t len, const char *what, struct kconfig *ret, struct err *err)
{
	BUF_AUTO vmlinux = {0};
	int rc = ikconfig_vmlinux(image, len, &vmlinux, err);

	if (rc != 0)
		return err_wrap(err, "%s", what);
	return find_config(vmlinux.data, vmlinux.len, what, ret, err);
}

static int read_uki(
	const void *image, size_t len, const char *what, struct kconfig *ret, struct err *err)
{
	const struct pe_section *section;
	struct pe pe;
	int rc = pe_parse(image, len, &pe, err);

	if (rc != 0)
		return err_wrap(err, "%s", what);
	section = pe_section(&pe, ".linux");
	if (section == NULL || section->raw_size == 0)
		return err_fail(err, -EBADMSG, "%s: a PE image without a .linux section", what);
	image = (const unsigned char *)image + section->raw_offset;
	if (!bzimage_probe(image, section->raw_size))
		return err_fail(err, -EBADMSG, "%s: its .linux section is no bzImage", what);
	return read_bzimage(image, section->raw_size, what, ret, err);
}

int ikconfig_read(
	const void *image, size_t len, const char *what, struct kconfig *ret, struct err *err)
{
	if (bzimage_probe(image, len))
		return read_bzimage(image, len, what, ret, err);
	if (pe_probe(image, len))
		return read_uki(image, len, what, ret, err);
	if (len >= 4 && memcmp(image, "\177ELF", 4) == 0)
		return find_config(image, len, what, ret, err);
	return kconfig_parse(image, len, KCONFIG_WHOLE, what, ret, err);
}
