/* formats/pe-write: sections are added where they belong and read back, and what is refused. ukify, objdump and sbverify judge whole
 * images in tests/oracle/uki.sh. */
#include "formats/pe-write.h"

#include <stdlib.h>

#include "formats/pe.h"
#include "lib/wr.h"
#include "tests/tap.h"

#define PE	 0x80
#define OPTIONAL (PE + 24)
#define TABLE	 (OPTIONAL + 112 + 16 * 8)
#define HEADERS	 0x400
#define SIZE	 0x800 /* two sections of 0x200 */

static void put_section(struct wr *wr, const char *name, uint32_t address, uint32_t offset)
{
	size_t start = wr->pos;

	wr_bytes(wr, name, strlen(name));
	wr_seek(wr, start + 8);
	wr_le32(wr, 0x180);
	wr_le32(wr, address);
	wr_le32(wr, 0x200);
	wr_le32(wr, offset);
	wr_seek(wr, start + 40);
}

/* An image with .text and .sbat, aligned to 0x200 in the file and 0x1000 in memory. */
static void make(unsigned char image[SIZE])
{
	struct wr wr = wr_init(image, SIZE);

	wr_bytes(&wr, "MZ", 2);
	wr_seek(&wr, 0x3c);
	wr_le32(&wr, PE);
	wr_seek(&wr, PE);
	wr_bytes(&wr, "PE\0\0", 4);
	wr_le16(&wr, 0x8664);
	wr_le16(&wr, 2);
	wr_seek(&wr, PE + 20);
	wr_le16(&wr, 112 + 16 * 8);
	wr_seek(&wr, OPTIONAL);
	wr_le16(&wr, 0x20b);
	wr_seek(&wr, OPTIONAL + 8);
	wr_le32(&wr, 0x100); /* initialized data */
	wr_seek(&wr, OPTIONAL + 32);
	wr_le32(&wr, 0x1000);
	wr_le32(&wr, 0x200);
	wr_seek(&wr, OPTIONAL + 56);
	wr_le32(&wr, 0x3000);
	wr_le32(&wr, HEADERS);
	wr_le32(&wr, 0x12345678); /* checksum */
	wr_le16(&wr, 10);
	wr_le16(&wr, 0x160);
	wr_seek(&wr, OPTIONAL + 108);
	wr_le32(&wr, 16);
	wr_seek(&wr, TABLE);
	put_section(&wr, ".text", 0x1000, 0x400);
	put_section(&wr, ".sbat", 0x2000, 0x600);
	memset(image + 0x400, 0xcc, 0x200);
}

static uint32_t get32(const struct buf *image, size_t at)
{
	return (uint32_t)image->data[at] | (uint32_t)image->data[at + 1] << 8 |
	       (uint32_t)image->data[at + 2] << 16 | (uint32_t)image->data[at + 3] << 24;
}

static void test_added(void)
{
	static const char large[0x1234] = "large";
	const struct pe_write_section sections[] = {
		{".one", "1", 1, false},
		{".sbat", "new", 3, false},
		{".linux", large, sizeof(large), true},
		{".eightch", "x", 1, false},
	};
	unsigned char stub[SIZE];
	BUF_AUTO image = {0};
	struct err err = {0};
	struct pe pe;

	make(stub);
	ok(pe_write_sections(stub, SIZE, sections, 4, &image, &err) == 0, "added: %s", err.msg);
	ok(pe_parse(image.data, image.len, &pe, &err) == 0, "it parses");
	is_int((long long)pe.count, 5, "three more, one in its place");
	is_str(pe.sections[2].name, ".one", "the first");
	is_int(pe.sections[2].virtual_address, 0x3000, "behind the last in memory");
	is_int(pe.sections[2].raw_offset, 0x800, "and in the file");
	is_int(pe.sections[2].raw_size, 0x200, "padded there");
	is_int(pe.sections[2].virtual_size, 1, "but not here");
	is_int(pe.sections[3].virtual_address, 0x4000, "the next page");
	is_int(pe.sections[3].raw_offset, 0xa00, "the next block");
	is_int(pe.sections[3].raw_size, 0x1400, "as many as it takes");
	is_int(pe.sections[4].virtual_address, 0x6000, "pages, too");
	is_str(pe.sections[4].name, ".eightch", "a name of eight");
	is_int(pe.image_size, 0x7000, "SizeOfImage");
	is_int((long long)image.len, 0x2000, "nothing behind it");
	is_int(get32(&image, OPTIONAL + 8), 0x100 + 1 + sizeof(large) + 1, "SizeOfInitializedData");
	is_int(get32(&image, OPTIONAL + 64), 0, "no checksum");
	is_int(get32(&image, TABLE + 2 * 40 + 36), 0x40000040, "data");
	is_int(get32(&image, TABLE + 3 * 40 + 36), 0x40000020, "code");
	ok(memcmp(image.data + 0x600, "new\0", 4) == 0, ".sbat is new");
	is_int(pe.sections[1].virtual_size, 3, "and as long as that");
	ok(memcmp(image.data + 0x400, stub + 0x400, 0x200) == 0, ".text is not");
}

static void refuses(const unsigned char *stub, size_t len, const struct pe_write_section *section,
	int code, const char *needle, const char *what)
{
	const struct pe_write_section small = {".a", "1", 1, false};
	BUF_AUTO image = {0};
	struct err err = {0};
	int rc = pe_write_sections(stub, len, section != NULL ? section : &small, 1, &image, &err);

	ok(rc == code && strstr(err.msg, needle) != NULL && image.len == 0, "refused: %s (%d %s)",
		what, rc, err.msg);
}

/* The image with @n bytes at @at replaced. */
static void refuses_with(
	size_t at, uint32_t value, size_t n, int code, const char *needle, const char *what)
{
	unsigned char stub[SIZE];

	make(stub);
	for (size_t i = 0; i < n; i++)
		stub[at + i] = (unsigned char)(value >> 8 * i);
	refuses(stub, SIZE, NULL, code, needle, what);
}

static void test_refused(void)
{
	static const char data[0x201];
	const struct pe_write_section long_name = {".ninechar", "1", 1, false};
	const struct pe_write_section empty = {".a", "", 0, false};
	const struct pe_write_section sbat = {".sbat", data, sizeof(data), false};
	const struct pe_write_section huge = {".a", data, (size_t)PE_WRITE_IMAGE_MAX + 1, false};
	unsigned char stub[SIZE + 1] = {0};

	make(stub);
	refuses((const unsigned char *)"no image", 8, NULL, -EBADMSG, "not a PE", "no image");
	refuses(stub, SIZE + 1, NULL, -ENOTSUP, "behind its sections", "bytes at the end");
	refuses(stub, SIZE, &long_name, -EINVAL, ".ninechar", "a long name");
	refuses(stub, SIZE, &empty, -EINVAL, "empty", "an empty section");
	refuses(stub, SIZE, &sbat, -EFBIG, "room for 512", "more than there is room for");
	refuses(stub, SIZE, &huge, -EFBIG, "over", "too large a section");
	refuses_with(PE + 12, 0x700, 4, -ENOTSUP, "symbol table", "a symbol table");
	refuses_with(OPTIONAL, 0x10b, 2, -EBADMSG, "PE image", "PE32 with headers of PE32+");
	refuses_with(OPTIONAL + 32, 0x1800, 4, -EBADMSG, "alignments", "odd pages");
	refuses_with(OPTIONAL + 36, 0, 4, -EBADMSG, "alignments", "no alignment");
	refuses_with(OPTIONAL + 36, 0x20000, 4, -EBADMSG, "alignments", "blocks too large");
	refuses_with(OPTIONAL + 60, 0x3f8, 4, -ENOTSUP, "headers are not aligned",
		"headers that end in a block");
	refuses_with(
		OPTIONAL + 112 + 4 * 8 + 4, 8, 4, -ENOTSUP, "signed already", "a signed image");
	refuses_with(TABLE + 20, 0x600, 4, -ENOTSUP, "does not follow", "sections in one place");
	refuses_with(TABLE + 40 + 16, 0x1ff, 4, -ENOTSUP, "not aligned", "half a block");
	refuses_with(PE + 6, 0, 2, -ENOTSUP, "with sections", "no sections");
}

static void test_full(void)
{
	struct pe_write_section sections[20];
	unsigned char stub[SIZE];
	BUF_AUTO image = {0};
	struct err err = {0};

	make(stub);
	for (size_t i = 0; i < 20; i++)
		sections[i] = (struct pe_write_section){".a", "1", 1, false};
	/* From 0x188 to 0x400 there is room for 15 headers, two of which are there. */
	ok(pe_write_sections(stub, SIZE, sections, 13, &image, &err) == 0, "full headers");
	ok(pe_write_sections(stub, SIZE, sections, 14, &image, &err) == -EFBIG &&
			strstr(err.msg, "headers are full") != NULL,
		"one too many");
}

static void test_nx(void)
{
	unsigned char with[SIZE], without[SIZE];
	BUF_AUTO image = {0};
	struct err err = {0};

	make(with);
	make(without);
	without[OPTIONAL + 71] = 0;
	buf_add(&image, with, SIZE);
	ok(pe_write_match_nx(&image, with, SIZE, &err) == 0 && image.data[OPTIONAL + 71] == 1,
		"NX_COMPAT stays");
	ok(pe_write_match_nx(&image, without, SIZE, &err) == 0 && image.data[OPTIONAL + 71] == 0,
		"and goes, when what it starts has it not");
	ok(image.data[OPTIONAL + 70] == 0x60, "the other flags stay");
	ok(pe_write_match_nx(&image, "text", 4, &err) == -EBADMSG, "no PE image inside");
}

static void test_signature(void)
{
	unsigned char stub[SIZE], one[SHA256_SIZE], two[SHA256_SIZE];
	BUF_AUTO image = {0};
	struct err err = {0};
	struct pe pe;

	make(stub);
	buf_add(&image, stub, SIZE);
	ok(pe_write_digest(&image, one, &err) == 0, "a digest");
	image.data[OPTIONAL + 64] ^= 1;
	image.data[OPTIONAL + 112 + 4 * 8] ^= 1;
	ok(pe_write_digest(&image, two, &err) == 0 && memcmp(one, two, sizeof(one)) == 0,
		"without the checksum and the signature's place");
	image.data[OPTIONAL + 112 + 4 * 8] ^= 1;
	for (size_t i = 0; i < 3; i++) {
		static const size_t at[] = {OPTIONAL + 63, OPTIONAL + 68, SIZE - 1};

		image.data[at[i]] ^= 1;
		ok(pe_write_digest(&image, two, &err) != 0 || memcmp(one, two, sizeof(one)) != 0,
			"with byte %zu", at[i]);
		image.data[at[i]] ^= 1;
	}
	ok(pe_write_signature(&image, "signature", 9, &err) == 0, "signed: %s", err.msg);
	ok(pe_parse(image.data, image.len, &pe, &err) == 0, "it parses");
	is_int(pe.security_address, SIZE, "the signature is at the end");
	is_int(pe.security_size, 24, "of whole 8 bytes");
	is_int((long long)image.len, SIZE + 24, "and last");
	ok(memcmp(image.data + SIZE, "\x18\0\0\0\0\x02\x02\0signature", 17) == 0,
		"its length, revision and type");
	ok(pe_write_signature(&image, "again", 5, &err) == -ENOTSUP, "once only");
	ok(pe_write_digest(&image, two, &err) == -ENOTSUP, "and then no digest for another");
}

int main(void)
{
	test_added();
	test_refused();
	test_full();
	test_nx();
	test_signature();
	return tap_done();
}
