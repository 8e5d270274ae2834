/* PE headers and the Authenticode digest that edk2 measures, over a synthetic image. */
#include "formats/pe.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "measure/tdx/authenticode.h"
#include "tests/tap.h"
#include "tests/unit/pe-image.h"

static unsigned char image[PE_IMAGE_SIZE];

static void put32(size_t at, uint32_t value)
{
	struct wr wr = {.base = image, .cap = sizeof(image), .pos = at};

	wr_le32(&wr, value);
}

static void put16(size_t at, uint16_t value)
{
	struct wr wr = {.base = image, .cap = sizeof(image), .pos = at};

	wr_le16(&wr, value);
}

static void test_parse(void)
{
	struct err err = {0};
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));

	pe_image_make(image);
	ok(pe_probe(image, sizeof(image)), "probed");
	is_int(pe_parse(image, sizeof(image), pe, &err), 0, "a good image parses");
	ok(pe->pe32_plus && pe->machine == PE_MACHINE_X64 && pe->subsystem == 10, "what it is");
	is_int((long long)pe->checksum_offset, PE_IMAGE_CHECKSUM, "checksum offset");
	is_int((long long)pe->security_offset, PE_IMAGE_CERTS, "certificate directory offset");
	is_int((long long)pe->count, 2, "sections");
	ok(pe_section(pe, ".early") == &pe->sections[1], "a section is found by name");
	ok(pe_section(pe, ".none") == NULL, "or not");
	ok(!pe_probe(image, 0x80), "cut before the signature: no PE image");
}

/* Parses the changed image and looks for @want in the error; then restores it. */
static void refuses(const char *want, const char *what)
{
	struct err err = {0};
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));
	int rc = pe_parse(image, sizeof(image), pe, &err);

	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s is refused", what);
	if (rc != -EBADMSG || strstr(err.msg, want) == NULL)
		printf("# %d %s\n", rc, err.msg);
	pe_image_make(image);
}

static void test_bad(void)
{
	pe_image_make(image);
	image[0] = 'm';
	refuses("not a PE", "no MZ");
	put32(0x3c, sizeof(image));
	refuses("not a PE", "a header beyond the file");
	put32(PE_IMAGE_PE, 0);
	refuses("not a PE", "no PE signature");
	memcpy(image + PE_IMAGE_SIZE - 8, "PE\0\0", 4);
	put32(0x3c, PE_IMAGE_SIZE - 8);
	refuses("cut short", "a cut header");
	put16(PE_IMAGE_PE + 6, 257);
	refuses("257 sections", "too many sections");
	put16(PE_IMAGE_OPTIONAL, 0x107);
	refuses("magic 0x107", "an unknown magic");
	put32(PE_IMAGE_OPTIONAL + 108, 17);
	refuses("17 data directories", "17 data directories");
	put16(PE_IMAGE_PE + 20, 112);
	refuses("optional header of 112", "an optional header without its directories");
	put32(PE_IMAGE_OPTIONAL + 56, 0x100);
	refuses("SizeOfImage", "a small SizeOfImage");
	put32(PE_IMAGE_OPTIONAL + 60, PE_IMAGE_SECTIONS + 79);
	refuses("SizeOfHeaders", "headers without the last section header");
	put32(PE_IMAGE_OPTIONAL + 60, PE_IMAGE_SIZE + 1);
	refuses("SizeOfHeaders", "headers beyond the file");
	put32(PE_IMAGE_CERTS, PE_IMAGE_SIZE - 4);
	put32(PE_IMAGE_CERTS + 4, 8);
	refuses("certificates", "certificates beyond the file");
	put32(PE_IMAGE_SECTIONS + 20, 0x200);
	refuses("inside the headers", "a section in the headers");
	put32(PE_IMAGE_SECTIONS + 20, PE_IMAGE_SIZE - 0x100);
	refuses("beyond the file", "a section beyond the file");
	put32(PE_IMAGE_SECTIONS + 20, 0xfffffff0);
	refuses("beyond the file", "a section far beyond the file");
}

/* The digest over the ranges that the rules name, spelled out. */
static void expect(const size_t (*ranges)[2], size_t count, const char *what)
{
	BUF_AUTO bytes = {0};
	struct err err = {0};
	unsigned char want[SHA384_SIZE], got[SHA384_SIZE] = {0};

	for (size_t i = 0; i < count; i++)
		buf_add(&bytes, image + ranges[i][0], ranges[i][1] - ranges[i][0]);
	ok(digest_bytes(DIGEST_SHA384, bytes.data, bytes.len, want, &err) == 0 &&
			authenticode_digest(DIGEST_SHA384, image, sizeof(image), got, &err) == 0 &&
			memcmp(want, got, sizeof(want)) == 0,
		"%s", what);
}

static void test_authenticode(void)
{
	static const size_t unsigned_image[][2] = {
		{0, PE_IMAGE_CHECKSUM},
		{PE_IMAGE_CHECKSUM + 4, PE_IMAGE_CERTS},
		{PE_IMAGE_CERTS + 8, PE_IMAGE_HEADERS},
		{0x400, 0x800},
		{0x800, 0xa00},
		{PE_IMAGE_TAIL, PE_IMAGE_SIZE},
	};
	static const size_t signed_image[][2] = {
		{0, PE_IMAGE_CHECKSUM},
		{PE_IMAGE_CHECKSUM + 4, PE_IMAGE_CERTS},
		{PE_IMAGE_CERTS + 8, PE_IMAGE_HEADERS},
		{0x400, 0x800},
		{0x800, 0xa00},
		{PE_IMAGE_TAIL, PE_IMAGE_SIZE - 0x108},
	};
	static const size_t few_directories[][2] = {
		{0, PE_IMAGE_CHECKSUM},
		{PE_IMAGE_CHECKSUM + 4, PE_IMAGE_HEADERS},
		{PE_IMAGE_HEADERS, PE_IMAGE_SIZE},
	};
	unsigned char digest[SHA384_SIZE];
	struct err err = {0};

	pe_image_make(image);
	expect(unsigned_image, 6, "unsigned: the tail is hashed, without padding");
	put32(PE_IMAGE_CERTS, PE_IMAGE_SIZE - 0x108);
	put32(PE_IMAGE_CERTS + 4, 0x108);
	expect(signed_image, 6, "signed: the certificates are left out");
	put32(PE_IMAGE_CERTS, 0x200);
	put32(PE_IMAGE_CERTS + 4, PE_IMAGE_SIZE - 0xa00 + 8);
	ok(authenticode_digest(DIGEST_SHA384, image, sizeof(image), digest, &err) == -EBADMSG,
		"certificates longer than what follows the sections are refused");
	pe_image_make(image);
	put32(PE_IMAGE_OPTIONAL + 108, 4);
	put16(PE_IMAGE_PE + 20, 112 + 4 * 8);
	put16(PE_IMAGE_PE + 6, 0);
	expect(few_directories, 3,
		"without a certificate directory nothing is left out of the headers");
}

int main(void)
{
	test_parse();
	test_bad();
	test_authenticode();
	return tap_done();
}
