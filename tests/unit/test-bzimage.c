/* The bzImage setup header: reading, QEMU's patch, and what is refused. */
#include "formats/bzimage.h"

#include <string.h>

#include "lib/wr.h"
#include "tests/tap.h"
#include "tests/unit/setup-header.h"

#define SIZE 4096

static unsigned char image[SIZE];

/* A header of protocol 2.15 with one setup sector and a version string. */
static void make(void)
{
	struct wr wr = wr_init(image, SIZE);

	setup_header(&wr);
	wr_seek(&wr, 0x20e);
	wr_le16(&wr, 0x100);
	wr_seek(&wr, 0x211);
	wr_u8(&wr, 1);
	wr_seek(&wr, 0x22c);
	wr_le32(&wr, 0x7fffffff);
	wr_seek(&wr, 0x236);
	wr_le16(&wr, 0x3f);
	wr_le32(&wr, 2047);
	wr_seek(&wr, 0x300);
	wr_bytes(&wr, "6.12.1-test (someone) #1", 25);
}

static void refuses(size_t len, const char *want, const char *what)
{
	struct err err = {0};
	struct bzimage bz;
	int rc = bzimage_parse(image, len, &bz, &err);

	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s is refused", what);
}

static void test_parse(void)
{
	struct err err = {0};
	struct bzimage bz;

	make();
	is_int(bzimage_parse(image, SIZE, &bz, &err), 0, "a good header parses");
	is_int(bz.protocol, 0x20f, "protocol");
	is_int(bz.setup_sectors, 1, "setup sectors");
	is_int(bz.initrd_addr_max, 0x7fffffff, "initrd limit");
	is_int(bz.cmdline_size, 2047, "command line limit");
	is_int(bz.xloadflags, 0x3f, "xloadflags");
	ok(!bz.efi_stub, "no PE header, no EFI stub");
	is_str(bz.version, "6.12.1-test (someone) #1", "version");
	image[0x1f1] = 0;
	ok(bzimage_parse(image, SIZE, &bz, &err) == 0 && bz.setup_sectors == 4,
		"0 sectors means 4");
	make();
	image[0x301] = 7;
	ok(bzimage_parse(image, SIZE, &bz, &err) == 0 && bz.version[0] == '\0',
		"an unprintable version is none");
	image[0x20f] = 0xff;
	ok(bzimage_parse(image, SIZE, &bz, &err) == 0 && bz.version[0] == '\0',
		"a version outside the file is none");
}

static void test_old(void)
{
	struct err err = {0};
	struct bzimage bz;

	make();
	image[0x206] = 2;
	is_int(bzimage_parse(image, SIZE, &bz, &err), 0, "protocol 2.02 parses");
	ok(bz.initrd_addr_max == 0x37ffffff && bz.cmdline_size == 255 && bz.xloadflags == 0,
		"with the limits of its time");
}

static void test_bad(void)
{
	make();
	image[0x1fe] = 0;
	refuses(SIZE, "not a bzImage", "no boot flag");
	make();
	image[0x202] = 'h';
	refuses(SIZE, "not a bzImage", "no HdrS");
	make();
	refuses(0x203, "not a bzImage", "a cut magic");
	image[0x207] = 1;
	refuses(SIZE, "protocol 0x010f", "protocol 1.15");
	make();
	image[0x1f1] = 0xff;
	refuses(SIZE, "setup sectors", "setup beyond the file");
	make();
	refuses(0x23a, "setup sectors", "a cut header");
}

static uint32_t le32(size_t at)
{
	return image[at] | (uint32_t)image[at + 1] << 8 | (uint32_t)image[at + 2] << 16 |
	       (uint32_t)image[at + 3] << 24;
}

static int patch(uint64_t below_4g, uint64_t initrd, struct err *err)
{
	struct bzimage_patch p = {
		.below_4g_bytes = below_4g, .acpi_bytes = 0x28000, .initrd_bytes = initrd};
	struct bzimage bz;
	int rc = bzimage_parse(image, SIZE, &bz, err);

	return rc != 0 ? rc : bzimage_patch(image, SIZE, &bz, &p, err);
}

static void test_patch(void)
{
	struct err err = {0};

	make();
	is_int(patch(0x80000000, 0x1234, &err), 0, "a patch applies");
	ok(image[0x210] == 0xb0 && image[0x211] == 0x81, "loader and heap flag");
	ok(image[0x224] == 0 && image[0x225] == 0xfe, "heap end");
	ok(le32(0x228) == 0x20000, "command line");
	ok(le32(0x218) == ((0x80000000 - 0x28000 - 1 - 0x1234) & ~4095u),
		"initrd below the ACPI area");
	ok(le32(0x21c) == 0x1234, "initrd size");
	make();
	image[0x236] = 0;
	ok(patch(0xf0000000, 4096, &err) == 0 && le32(0x218) == 0x7fffe000,
		"the kernel's own limit");
	make();
	ok(patch(0x80000000, 0, &err) == 0 && le32(0x218) == 0 && le32(0x21c) == 0, "no initrd");
	make();
	ok(patch(0x28000, 1, &err) == -EINVAL, "no memory");
	make();
	ok(patch(0x100000, 0x100000, &err) == -EINVAL && strstr(err.msg, "does not fit") != NULL,
		"an initrd that does not fit");
	make();
	image[0x206] = 1;
	ok(patch(0x80000000, 1, &err) == -EBADMSG, "protocol 2.01");
	make();
	image[0x211] = 0;
	ok(patch(0x80000000, 1, &err) == -EBADMSG, "a kernel that is loaded low");
}

int main(void)
{
	test_parse();
	test_old();
	test_bad();
	test_patch();
	return tap_done();
}
