/* mkimage/ikconfig and formats/lz4-legacy: the configuration out of a kernel however it is wrapped, and what is refused. */
#define _GNU_SOURCE
#include "mkimage/kernel/ikconfig.h"

#include <lzma.h>
#include <stdlib.h>
#include <zstd.h>

#include "formats/lz4-legacy.h"
#include "tests/tap.h"
#include "tests/unit/kernel-image.h"
#include "tests/unit/pe-image.h"

static void pack_gzip(const struct buf *src, struct buf *ret)
{
	struct err err = {0};

	if (gzip_write(src->data, src->len, ret, &err) != 0)
		abort();
}

static void pack_xz(const struct buf *src, struct buf *ret)
{
	unsigned char *to = buf_grow(ret, src->len + 4096);
	size_t n = 0;

	if (lzma_easy_buffer_encode(
		    1, LZMA_CHECK_CRC32, NULL, src->data, src->len, to, &n, src->len + 4096) != 0)
		abort();
	ret->len = n;
	kernel_image_le32(ret, (uint32_t)src->len);
}

static void pack_lzma(const struct buf *src, struct buf *ret)
{
	unsigned char *to = buf_grow(ret, src->len + 4096);
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	if (lzma_lzma_preset(&options, 6) || lzma_alone_encoder(&stream, &options) != LZMA_OK)
		abort();
	stream.next_in = src->data;
	stream.avail_in = src->len;
	stream.next_out = to;
	stream.avail_out = src->len + 4096;
	if (lzma_code(&stream, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	ret->len = stream.total_out;
	lzma_end(&stream);
	kernel_image_le32(ret, (uint32_t)src->len);
}

static void pack_zstd(const struct buf *src, struct buf *ret)
{
	unsigned char *to = buf_grow(ret, ZSTD_compressBound(src->len));

	ret->len = ZSTD_compress(to, ret->len, src->data, src->len, 3);
	kernel_image_le32(ret, (uint32_t)src->len);
}

static void add_length(struct buf *ret, size_t n)
{
	for (; n >= 255; n -= 255)
		buf_add(ret, "\xff", 1);
	buf_add(ret, &(unsigned char){(unsigned char)n}, 1);
}

/* One block: everything but the last 200 bytes as literals, then a match of 100 at 31 back, then literals. */
static void pack_lz4(const struct buf *src, struct buf *ret)
{
	size_t head = src->len - 200;
	BUF_AUTO block = {0};

	buf_add(&block, "\xff", 1);
	add_length(&block, head - 15);
	buf_add(&block, src->data, head);
	buf_add(&block, "\x1f\0", 2);
	add_length(&block, 100 - 4 - 15);
	buf_add(&block, "\xf0", 1);
	add_length(&block, 100 - 15);
	buf_add(&block, src->data + head + 100, 100);
	kernel_image_le32(ret, 0x184c2102);
	kernel_image_le32(ret, (uint32_t)block.len);
	buf_add(ret, block.data, block.len);
	kernel_image_le32(ret, (uint32_t)src->len);
}

static const struct packer {
	const char *name;
	void (*pack)(const struct buf *src, struct buf *ret);
} packers[] = {
	{"gzip", pack_gzip},
	{"xz", pack_xz},
	{"lzma", pack_lzma},
	{"zstd", pack_zstd},
	{"lz4", pack_lz4},
};

#define PACKERS (sizeof(packers) / sizeof(*packers))

static int read_image(const struct buf *image, struct kconfig *ret, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return ikconfig_read(image->data, image->len, "k", ret, err);
}

static void finds(const struct buf *image, const char *what)
{
	KCONFIG_AUTO config = {0};
	struct err err;
	int rc = read_image(image, &config, &err);

	ok(rc == 0 && config.count == 2 && kconfig_tristate(&config, "B") == 'm', "%s%s%s", what,
		rc != 0 ? ": " : "", err.msg);
}

static void refuses(const struct buf *image, int code, const char *needle, const char *what)
{
	KCONFIG_AUTO config = {0};
	struct err err;
	int rc = read_image(image, &config, &err);
	bool good = rc == code && strstr(err.msg, needle) != NULL && config.text == NULL;

	ok(good, "refused: %s", what);
	if (!good)
		printf("#   %d \"%s\", want %d \"%s\"\n", rc, err.msg, code, needle);
}

static void test_wrappings(void)
{
	BUF_AUTO vmlinux = {0};

	kernel_image_vmlinux(KERNEL_IMAGE_CONFIG, &vmlinux);
	finds(&vmlinux, "a vmlinux");
	for (size_t i = 0; i < PACKERS; i++) {
		BUF_AUTO payload = {0};
		BUF_AUTO image = {0};
		BUF_AUTO again = {0};
		struct err err;

		packers[i].pack(&vmlinux, &payload);
		kernel_image_bzimage(&payload, &image);
		finds(&image, packers[i].name);
		ok(ikconfig_vmlinux(image.data, image.len, &again, &err) == 0 &&
				again.len == vmlinux.len &&
				memcmp(again.data, vmlinux.data, again.len) == 0,
			"%s: the kernel as it was", packers[i].name);
	}
}

static void test_text(void)
{
	BUF_AUTO text = {0};

	buf_str(&text, KERNEL_IMAGE_CONFIG);
	finds(&text, "a .config");
	buf_str(&text, "and some prose\n");
	refuses(&text, -EBADMSG, "k:3: neither", "prose");
}

/* One byte of the payload after the other changed, and cut at each length: never a crash, never a wrong kernel. */
static void test_damaged(void)
{
	BUF_AUTO vmlinux = {0};

	kernel_image_vmlinux(KERNEL_IMAGE_CONFIG, &vmlinux);
	for (size_t i = 0; i < PACKERS; i++) {
		BUF_AUTO payload = {0};
		size_t taken = 0, cut = 0;

		packers[i].pack(&vmlinux, &payload);
		for (size_t n = 0; n < payload.len; n++) {
			BUF_AUTO image = {0};
			KCONFIG_AUTO config = {0};
			struct buf part = {.data = payload.data, .len = n};
			struct err err;

			kernel_image_bzimage(&part, &image);
			cut += read_image(&image, &config, &err) == 0;
		}
		is_int((long long)cut, 0, packers[i].name);
		for (size_t n = payload.len - 4; n < payload.len; n++) {
			BUF_AUTO image = {0};
			KCONFIG_AUTO config = {0};
			struct err err;

			payload.data[n] ^= 1;
			kernel_image_bzimage(&payload, &image);
			payload.data[n] ^= 1;
			taken += read_image(&image, &config, &err) == 0;
		}
		is_int((long long)taken, 0, "its size is checked");
	}
}

static void payload_refused(
	const char *bytes, size_t n, int code, const char *needle, const char *what)
{
	struct buf payload = {.data = (unsigned char *)(uintptr_t)bytes, .len = n};
	BUF_AUTO image = {0};

	kernel_image_bzimage(&payload, &image);
	refuses(&image, code, needle, what);
}
#define PAYLOAD(bytes, code, needle, what)                                                         \
	payload_refused(bytes, sizeof(bytes) - 1, code, needle, what)

static void test_refused(void)
{
	static const char two[] = "\177ELF IKCFG_ST\x1f\x8b 1 IKCFG_ED IKCFG_ST\x1f\x8b 2 IKCFG_ED";
	BUF_AUTO image = {0};
	BUF_AUTO vmlinux = {0};

	PAYLOAD("no known magic", -EBADMSG, "no known compression", "a payload of another kind");
	PAYLOAD("", -EBADMSG, "says nowhere where", "no payload");
	PAYLOAD("BZh91AY&SY....", -ENOTSUP, "bzip2 are not read", "bzip2");
	PAYLOAD("\x89\x4c\x5a\x4f\x00\x0d\x0a\x1a", -ENOTSUP, "lzo are not read", "lzo");
	PAYLOAD("\x28\xb5\x2f\xfd....\0\0\0\0", -EBADMSG, "that it is empty", "an empty kernel");
	PAYLOAD("\x28\xb5\x2f\xfd....\xff\xff\xff\xff", -EFBIG, "limit", "too large a kernel");
	buf_add(&image, two, sizeof(two) - 1);
	refuses(&image, -EBADMSG, "two configurations", "two of them");
	image.len = 40;
	refuses(&image, -EBADMSG, "gzip", "a member that is none");
	image.len = 20;
	refuses(&image, -EBADMSG, "carries no configuration", "no end");
	image.len = 4;
	refuses(&image, -EBADMSG, "carries no configuration", "none at all");
	buf_done(&image);
	pe_image_make(buf_grow(&image, PE_IMAGE_SIZE));
	refuses(&image, -EBADMSG, "without a .linux section", "a PE image of another kind");
	memcpy(image.data + PE_IMAGE_SECTIONS, ".linux", 6);
	refuses(&image, -EBADMSG, "is no bzImage", "a .linux section of another kind");
	kernel_image_vmlinux("prose\n", &vmlinux);
	refuses(&vmlinux, -EBADMSG, "k:1: neither", "prose in a kernel");
}

static void test_lz4(void)
{
#define FRAME "\x02\x21\x4c\x18"
	static const struct {
		const char *bytes;
		size_t n, want;
		int rc;
		const char *what;
	} rows[] = {
		{FRAME "\x04\0\0\0\x30"
		       "abc",
			12, 3, 0, "literals"},
		{FRAME "\x04\0\0\0\x30"
		       "abc"
		       "\x03\0\0\0\x20"
		       "de",
			19, 5, 0, "two blocks"},
		{FRAME, 4, 0, 0, "no block"},
		{"\x02\x21\x4c\x19", 4, 0, -EBADMSG, "another magic"},
		{FRAME "\x04\0\0", 7, 0, -EBADMSG, "a block's length cut off"},
		{FRAME "\x05\0\0\0\x30"
		       "abc",
			12, 3, -EBADMSG, "a block that leaves the frame"},
		{FRAME "\0\0\0\0", 8, 0, -EBADMSG, "an empty block"},
		{FRAME "\x04\0\0\0\x30"
		       "abc",
			12, 2, -EBADMSG, "more than there is room for"},
		{FRAME "\x04\0\0\0\x30"
		       "abc",
			12, 4, -EBADMSG, "less than there should be"},
		{FRAME "\x04\0\0\0\x40"
		       "abc",
			12, 3, -EBADMSG, "literals that leave the block"},
		{FRAME "\x05\0\0\0\x30"
		       "abc\x01",
			13, 7, -EBADMSG, "half an offset"},
		{FRAME "\x06\0\0\0\x30"
		       "abc\0\0",
			14, 7, -EBADMSG, "an offset of 0"},
		{FRAME "\x06\0\0\0\x30"
		       "abc\x04\0",
			14, 7, -EBADMSG, "an offset before the start"},
		{FRAME "\x06\0\0\0\x30"
		       "abc\x03\0",
			14, 7, 0, "a match at the end"},
		{FRAME "\x06\0\0\0\x3f"
		       "abc\x03\0",
			14, 30, -EBADMSG, "a length cut off"},
		{FRAME "\x07\0\0\0\x3f"
		       "abc\x03\0\x01",
			15, 22, -EBADMSG, "a match that leaves the room"},
		{FRAME "\x07\0\0\0\x3f"
		       "abc\x01\0\x01",
			15, 23, 0, "a match that overlaps itself"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned char *out = malloc(rows[i].want + 1);
		struct err err = {0};

		ok(lz4_legacy_read(rows[i].bytes, rows[i].n, out, rows[i].want, &err) == rows[i].rc,
			"lz4: %s", rows[i].what);
		free(out);
	}
}

int main(void)
{
	test_wrappings();
	test_text();
	test_damaged();
	test_refused();
	test_lz4();
	return tap_done();
}
