/* FAT file systems: three kinds, short and long names, chains in no order, every rejection. */
#include "formats/fat.h"

#include "tests/tap.h"
#include "tests/unit/fat-image.h"

#define CONTENT 1300

static unsigned char content[CONTENT];

/* /EFI/BOOT/BOOTX64.EFI, "/A name of more than thirteen", /EMPTY, and what is passed over. */
static struct fat_image example(unsigned bits)
{
	struct fat_image image = fat_image_make(bits);
	BUF_AUTO boot = {0};
	BUF_AUTO efi = {0};
	BUF_AUTO root = {0};
	uint32_t file = fat_image_store(&image, content, sizeof(content));

	fat_image_entry(&boot, ".          ", NULL, 0x10, 9, 0);
	fat_image_entry(&boot, "..         ", NULL, 0x10, 8, 0);
	for (unsigned i = 0; i < 20; i++)
		fat_image_entry(
			&boot, "FILLER     ", "a filler with a name that is long", 0x20, 0, 0);
	for (size_t i = 64; i < boot.len; i += 32)
		boot.data[i] = 0xe5;
	fat_image_entry(&boot, "BOOTX64 EFI", NULL, 0x20, file, CONTENT);
	fat_image_entry(
		&efi, "BOOT       ", NULL, 0x10, fat_image_store(&image, boot.data, boot.len), 0);
	fat_image_entry(&root, "VOLUME     ", NULL, 0x08, 0, 0);
	fat_image_entry(
		&root, "EFI        ", NULL, 0x10, fat_image_store(&image, efi.data, efi.len), 0);
	fat_image_entry(&root, "ANAMEO~1   ", "A name of more than thirteen", 0x20, file, 10);
	fat_image_entry(&root, "EMPTY      ", NULL, 0x20, 0, 0);
	fat_image_root(&image, &root);
	return image;
}

static int count(void *arg, const struct fat_entry *entry, struct err *err)
{
	(void)entry;
	(void)err;
	++*(unsigned *)arg;
	return 0;
}

static void test_good(unsigned bits)
{
	struct fat_image image = example(bits);
	struct err err = {0};
	struct fat fat;
	struct fat_entry entry, root;
	BUF_AUTO got = {0};
	unsigned entries = 0;
	bool found;

	is_int(fat_open(image.bytes.data, image.bytes.len, "disk", &fat, &err), 0, "opens");
	is_int(fat.bits, bits, "the kind of FAT");
	is_int(fat_find(&fat, "efi/Boot//bootx64.efi", &found, &entry, &err), 0, "looks");
	ok(found && !entry.directory && entry.size_bytes == CONTENT, "finds, whatever the case");
	is_int(fat_read(&fat, &entry, CONTENT, &got, &err), 0, "reads");
	ok(got.len == CONTENT && memcmp(got.data, content, CONTENT) == 0, "all of it");
	is_int(fat_read(&fat, &entry, CONTENT - 1, &got, &err), -EFBIG, "too large is refused");
	is_int(fat_find(&fat, "a NAME of more than thirteen", &found, &entry, &err), 0, "looks");
	ok(found && entry.size_bytes == 10, "finds a long name");
	is_str(entry.name, "A name of more than thirteen", "as it is written");
	is_int(fat_find(&fat, "ANAMEO~1", &found, &entry, &err), 0, "looks");
	ok(found, "finds it by its short name");
	is_int(fat_find(&fat, "EMPTY", &found, &entry, &err), 0, "looks");
	got.len = 0;
	ok(found && fat_read(&fat, &entry, 1, &got, &err) == 0 && got.len == 0, "an empty file");
	ok(fat_find(&fat, "EFI/none", &found, &entry, &err) == 0 && !found, "what is not there");
	ok(fat_find(&fat, "EMPTY/x", &found, &entry, &err) == 0 && !found, "below a file");
	ok(fat_find(&fat, "VOLUME", &found, &entry, &err) == 0 && !found, "the label is no file");
	root = fat_root(&fat);
	ok(fat_list(&fat, &root, count, &entries, &err) == 0 && entries == 3,
		"entries of the root");
	is_int(fat_read(&fat, &root, 1, &got, &err), -EBADMSG, "a directory is not read");
	ok(fat_find(&fat, "EMPTY", &found, &entry, &err) == 0 &&
			fat_list(&fat, &entry, count, &entries, &err) == -EBADMSG,
		"a file is not listed");
	buf_done(&image.bytes);
}

/* Sets bytes of the boot sector and looks for @want in the error. */
static void refuses(
	unsigned bits, size_t at, const char *bytes, size_t n, int code, const char *want)
{
	struct fat_image image = example(bits);
	struct err err = {0};
	struct fat fat;
	int rc;

	memcpy(image.bytes.data + at, bytes, n);
	rc = fat_open(image.bytes.data, image.bytes.len, "disk", &fat, &err);
	ok(rc == code && strstr(err.msg, want) != NULL, "byte %zu: %s (%s)", at, want, err.msg);
	buf_done(&image.bytes);
}

static void test_boot_sector(void)
{
	struct err err = {0};
	struct fat fat;

	is_int(fat_open("", 0, "disk", &fat, &err), -EBADMSG, "nothing");
	refuses(16, 510, "\0", 1, -EBADMSG, "no boot sector");
	refuses(16, 11, "\1\2", 2, -EBADMSG, "without sense");
	refuses(16, 11, "\0\1", 2, -EBADMSG, "without sense");
	refuses(16, 13, "\3", 1, -EBADMSG, "without sense");
	refuses(16, 14, "\0\0", 2, -EBADMSG, "without sense");
	refuses(16, 16, "\0", 1, -EBADMSG, "without sense");
	refuses(16, 16, "\3", 1, -EBADMSG, "without sense");
	refuses(16, 19, "\0\0", 2, -EBADMSG, "without sense");
	refuses(16, 17, "\0\0", 2, -EBADMSG, "neither FAT32 nor FAT16");
	refuses(16, 17, "\1\0", 2, -EBADMSG, "inside a sector");
	refuses(16, 19, "\1\100", 2, -EBADMSG, "larger than its partition");
	refuses(16, 14, "\377\377", 2, -EBADMSG, "larger than its partition");
	refuses(16, 22, "\1\0", 2, -EBADMSG, "too short for the clusters");
	refuses(32, 40, "\200\0", 2, -ENOTSUP, "single active table");
	refuses(32, 42, "\1\0", 2, -ENOTSUP, "single active table");
	/* 4085 clusters: sectors 1 + 2 * 64 + 4 + 4085 */
	refuses(16, 19, "\172\020", 2, -EBADMSG, "no kind of FAT");
}

/* Changes an example and looks for @path; @off is from the start of the root directory. */
static void refuses_entry(
	size_t off, const char *bytes, size_t n, const char *path, const char *want)
{
	struct fat_image image = example(16);
	struct err err = {0};
	BUF_AUTO got = {0};
	struct fat_entry entry;
	struct fat fat;
	bool found;
	int rc;

	memcpy(image.bytes.data + 129 * FAT_IMAGE_SECTOR + off, bytes, n);
	rc = fat_open(image.bytes.data, image.bytes.len, "disk", &fat, &err);
	if (rc == 0)
		rc = fat_find(&fat, path, &found, &entry, &err);
	if (rc == 0)
		rc = fat_read(&fat, &entry, 1u << 20, &got, &err);
	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s: %s", want, err.msg);
	buf_done(&image.bytes);
}

static void test_entries(void)
{
	/* Entries: label, EFI, three parts of the long name, its short one, EMPTY. */
	refuses_entry(64, "\x42", 1, "EMPTY", "out of order");
	refuses_entry(64, "\x03", 1, "EMPTY", "out of order");
	refuses_entry(64, "\x40", 1, "EMPTY", "out of order");
	refuses_entry(64, "\x7f", 1, "EMPTY", "out of order");
	refuses_entry(96 + 13, "\x01", 1, "EMPTY", "out of order");
	refuses_entry(96, "\x42", 1, "EMPTY", "out of order");
	refuses_entry(96 + 1, "/", 1, "EMPTY", "damaged long name");
	refuses_entry(128 + 1, "\0\0", 2, "EMPTY", "damaged long name");
	refuses_entry(160, "B", 1, "EMPTY", "damaged long name");
	refuses_entry(128, "\xe5", 1, "EMPTY", "out of order");
	refuses_entry(192, "EFI  ", 5, "EFI", "is there 2 times");
	refuses_entry(32 + 26, "\0\0", 2, "EFI/BOOT", "has no cluster");
	refuses_entry(160 + 26, "\1\0", 2, "ANAMEO~1", "first cluster outside");
	refuses_entry(160 + 26, "\xff\xff", 2, "ANAMEO~1", "first cluster outside");
	refuses_entry(160 + 28, "\xff\xff", 2, "ANAMEO~1", "its clusters end before");
}

static void test_chains(void)
{
	struct fat_image image = example(16);
	struct err err = {0};
	BUF_AUTO got = {0};
	struct fat_entry entry;
	struct fat fat;
	bool found;

	ok(fat_open(image.bytes.data, image.bytes.len, "disk", &fat, &err) == 0 &&
			fat_find(&fat, "EFI/BOOT/BOOTX64.EFI", &found, &entry, &err) == 0 && found,
		"found");
	fat_image_put(&image, entry.cluster, entry.cluster);
	entry.size_bytes = 16384 * 512;
	is_int(fat_read(&fat, &entry, 1u << 30, &got, &err), -EBADMSG, "a circle");
	ok(strstr(err.msg, "bites its tail") != NULL, "%s", err.msg);
	fat_image_put(&image, entry.cluster, 0);
	is_int(fat_read(&fat, &entry, 1u << 30, &got, &err), -EBADMSG, "a free cluster in a chain");
	fat_image_put(&image, entry.cluster, 0xfff0);
	is_int(fat_read(&fat, &entry, 1u << 30, &got, &err), -EBADMSG, "a cluster beyond the last");
	ok(strstr(err.msg, "leaves the file system") != NULL, "%s", err.msg);
	is_int(fat_find(&fat, "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3",
		       &found, &entry, &err),
		0, "a deep path that is not there");
	buf_done(&image.bytes);
}

int main(void)
{
	for (size_t i = 0; i < CONTENT; i++)
		content[i] = (unsigned char)(i * 7 + i / 256);
	test_good(12);
	test_good(16);
	test_good(32);
	test_boot_sector();
	test_entries();
	test_chains();
	return tap_done();
}
