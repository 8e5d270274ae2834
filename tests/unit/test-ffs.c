/* Firmware volumes: modules are found through compression, damage is refused. */
#include "formats/ffs.h"

#include "tests/tap.h"
#include "tests/unit/ffs-image.h"

#define GUID_A "11111111-2222-3333-4444-555555555555"
#define GUID_B "66666666-7777-8888-9999-aaaaaaaaaaaa"

static const struct ffs_image_module modules[] = {
	{GUID_A, "FirstDxe", "first contents"},
	{GUID_B, "SecondDxe", "second contents with a longer text"},
};

static void test_good(void)
{
	BUF_AUTO image = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};
	const struct ffs_file *file;
	struct rd section;

	buf_add(&image, memset(buf_grow(&image, 4096), 0, 4096),
		0); /* a volume need not come first */
	ffs_image_make(&image, modules, 2, FFS_IMAGE_LZMA);
	is_int(ffs_parse(image.data, image.len, &ffs, &err), 0, "good volumes parse");
	is_int((long long)ffs.count, 2, "two modules; their wrapper is not one");
	ok(!ffs.opaque, "nothing is opaque");
	file = ffs_find(&ffs, GUID_B);
	ok(file != NULL && file->type == FFS_TYPE_DRIVER, "the second one is found");
	is_str(file != NULL ? file->name : NULL, "SecondDxe", "by its name");
	ok(file != NULL && ffs_file_has(file, "longer", 6) && !ffs_file_has(file, "first", 5),
		"and contents");
	ok(ffs_find(&ffs, "00000000-0000-0000-0000-000000000000") == NULL, "another is not");
	ok(file != NULL && !file->named_volume, "its volume has no name");
	ok(file != NULL && ffs_file_section(file, FFS_SECTION_PE32, &section) &&
			memcmp(section.base, "second", 6) == 0,
		"its section");
	ok(file != NULL && !ffs_file_section(file, FFS_SECTION_DEPEX, &section),
		"and none of another type");
}

/* A volume with an extended header, which names it. */
static void test_named(void)
{
	BUF_AUTO image = {0};
	BUF_AUTO files = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};
	struct guid name;
	unsigned sum;

	/* Its extended header is at byte 80, 20 bytes long; files follow at 104. */
	ffs_image_le(&files, 0, 32);
	ffs_image_module_add(&files, &modules[0]);
	ffs_image_volume(&image, FFS_IMAGE_FFS2, &files);
	if (!guid_parse(GUID_B, &name))
		abort();
	memcpy(image.data + 80, name.bytes, GUID_SIZE);
	image.data[96] = 20;
	image.data[52] = 80;
	sum = (image.data[50] | (unsigned)image.data[51] << 8) - 80;
	image.data[50] = (unsigned char)sum;
	image.data[51] = (unsigned char)(sum >> 8);
	is_int(ffs_parse(image.data, image.len, &ffs, &err), 0, "a named volume parses");
	ok(ffs.count == 1 && ffs.files[0].named_volume &&
			guid_is(ffs.files[0].volume.bytes, GUID_B),
		"its files know its name");
}

static void test_opaque(void)
{
	BUF_AUTO image = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};

	ffs_image_make(&image, modules, 2, GUID_A);
	ok(ffs_parse(image.data, image.len, &ffs, &err) == 0 && ffs.opaque && ffs.count == 1,
		"an unknown encoding is opaque");
}

static void test_other_volume(void)
{
	BUF_AUTO image = {0};
	BUF_AUTO nothing = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};

	buf_str(&nothing, "variables");
	ffs_image_volume(&image, "fff12b8d-7696-4c8b-a985-2747075b4f50", &nothing);
	ok(ffs_parse(image.data, image.len, &ffs, &err) == 0 && ffs.count == 0,
		"a variable store holds no files");
}

/* Changes one byte of a good image and wants an error with @want, or success when it is NULL. */
static void damaged(size_t at, unsigned char value, const char *want, const char *what)
{
	BUF_AUTO image = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};
	int rc;

	ffs_image_make(&image, modules, 2, FFS_IMAGE_LZMA);
	image.data[at] = value;
	rc = ffs_parse(image.data, image.len, &ffs, &err);
	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s is refused", what);
	if (rc != -EBADMSG)
		printf("# %d %s\n", rc, err.msg);
}

/* Offsets in the outer volume: 72 is its file, 96 the section, 120 the compressed data. */
static void test_bad(void)
{
	BUF_AUTO image = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};

	damaged(72 + 22, 0x7f, "file at byte 72", "a file larger than its volume");
	damaged(72 + 20, 20, "section of", "a file smaller than its section");
	damaged(96 + 2, 0x7f, "section of", "a section larger than its file");
	damaged(96 + 21, 0xff, "cut short", "data beyond the section");
	damaged(120 + 9, 0xff, "claims to unpack", "a huge unpacked size");
	damaged(120 + 16, 0x55, "damaged LZMA", "a damaged stream");
	ffs_image_make(&image, modules, 2, FFS_IMAGE_LZMA);
	ok(ffs_parse(image.data, image.len - 1, &ffs, &err) == -EBADMSG, "a cut volume is refused");
	image.data[60] ^= 1; /* the header's sum is wrong: no volume at all */
	ok(ffs_parse(image.data, image.len, &ffs, &err) == 0 && ffs.count == 0,
		"a header with a wrong sum is no volume");
}

/* Decodes with a dictionary of 8 MiB what declares a larger one: whether that is enough. */
static bool decodes_with_8_mib(const struct buf *body)
{
	static unsigned char out[16u << 20];
	lzma_stream stream = LZMA_STREAM_INIT;
	BUF_AUTO packed = {0};
	lzma_ret status;

	buf_add(&packed, body->data + 20, body->len - 20); /* after the GUID and its fields */
	memcpy(packed.data + 1, "\0\0\x80\0", 4);
	if (lzma_alone_decoder(&stream, UINT64_MAX) != LZMA_OK)
		abort();
	stream.next_in = packed.data;
	stream.avail_in = packed.len;
	stream.next_out = out;
	stream.avail_out = sizeof(out);
	status = lzma_code(&stream, LZMA_FINISH);
	lzma_end(&stream);
	return status == LZMA_STREAM_END || status == LZMA_OK;
}

#define NOISE (64u << 10)
#define GAP   (9u << 20)

/* A file whose end refers to its start, 9 MiB before; then ones up to the volume's end. */
static void make_far(struct buf *image, bool *ret_near)
{
	BUF_AUTO contents = {0};
	BUF_AUTO sections = {0};
	BUF_AUTO files = {0};
	BUF_AUTO volume = {0};
	BUF_AUTO section = {0};
	BUF_AUTO body = {0};
	BUF_AUTO wrapper = {0};
	BUF_AUTO outer = {0};
	uint32_t noise = 1;

	for (size_t i = 0; i < NOISE; i++) {
		noise = noise * 1664525 + 1013904223;
		buf_add(&contents, (unsigned char[1]){(unsigned char)(noise >> 24)}, 1);
	}
	memset(buf_grow(&contents, GAP), 0, GAP);
	buf_add(&contents, contents.data, NOISE);
	ffs_image_section(&sections, 0x10, contents.data, contents.len);
	ffs_image_file(&files, GUID_A, 0x07, &sections);
	memset(buf_grow(&files, 1u << 20), 0xff, 1u << 20);
	ffs_image_volume(&volume, FFS_IMAGE_FFS2, &files);
	ffs_image_section(&section, 0x17, volume.data, volume.len);
	ffs_image_compress(&body, FFS_IMAGE_LZMA, &section);
	*ret_near = decodes_with_8_mib(&body);
	ffs_image_section(&wrapper, 0x02, body.data, body.len);
	ffs_image_file(&outer, "9e21fd93-9c72-4c15-8c4b-e77f1db2d792", 0x0b, &wrapper);
	ffs_image_volume(image, FFS_IMAGE_FFS2, &outer);
}

static void test_far(void)
{
	BUF_AUTO image = {0};
	FFS_AUTO ffs = {.files = NULL};
	struct err err = {0};
	const struct ffs_file *file;
	const unsigned char *last;
	bool near = true;

	make_far(&image, &near);
	ok(!near, "a stream that refers further back than 8 MiB");
	is_int(ffs_parse(image.data, image.len, &ffs, &err), 0, "is unpacked all the same");
	file = ffs_find(&ffs, GUID_A);
	ok(file != NULL && file->len == 4 + 2 * NOISE + GAP, "a file of 9 MiB");
	if (file == NULL || ffs.unpacked_count != 1)
		return;
	ok(memcmp(file->data + 4, file->data + 4 + NOISE + GAP, NOISE) == 0,
		"whose end is its start");
	last = ffs.unpacked[0] + ffs.unpacked_bytes - 1;
	ok(*last == 0xff && memcmp(last - (1u << 20) + 1, last - (1u << 20), 1u << 20) == 0,
		"and free space behind it is all ones");
}

int main(void)
{
	test_good();
	test_far();
	test_named();
	test_opaque();
	test_other_volume();
	test_bad();
	return tap_done();
}
