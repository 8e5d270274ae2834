/* formats/fat-write: what is written reads back by formats/fat, times and sizes at their ends, and what is refused. fsck.fat and
 * mtools judge it in tests/oracle/uki.sh. */
#include "formats/fat-write.h"

#include <stdlib.h>

#include "formats/fat.h"
#include "tests/tap.h"

#define TIME 1793491201 /* 2026-11-01T00:00:01Z */

static int write_files(const struct fat_write_file *files, size_t count, uint64_t timestamp,
	struct buf *ret, struct err *err)
{
	struct fat_write fat = {.files = files,
		.count = count,
		.label = "ESP",
		.timestamp = timestamp,
		.volume_id = 0x12345678,
		.hidden_sectors = 2048};
	int rc;

	memset(err, 0, sizeof(*err));
	rc = fat_write_size(&fat, &fat.size_bytes, err);
	return rc != 0 ? rc : fat_write(&fat, ret, err);
}

static void test_round_trip(void)
{
	size_t large_len = 3u << 20;
	unsigned char *large = malloc(large_len);
	const struct fat_write_file files[] = {
		{"EFI/BOOT/BOOTX64.EFI", large, large_len},
		{"EFI/BOOT/EMPTY", NULL, 0},
		{"EFI/LINUX/A.B", "x", 1},
		{"README.TXT", "0123456789", 10},
	};
	BUF_AUTO image = {0};
	struct err err = {0};
	struct fat fat;

	for (size_t i = 0; i < large_len; i++)
		large[i] = (unsigned char)(i * 7 + i / 4096);
	ok(write_files(files, 4, TIME, &image, &err) == 0, "four files: %s", err.msg);
	ok(image.len % (1u << 20) == 0, "whole MiB: %zu", image.len);
	ok(fat_open(image.data, image.len, "t", &fat, &err) == 0 && fat.bits == 32, "FAT32: %s",
		err.msg);
	for (size_t i = 0; i < 4; i++) {
		struct fat_entry entry = {.size_bytes = 77};
		BUF_AUTO bytes = {0};
		bool found = false;
		int rc = fat_find(&fat, files[i].path, &found, &entry, &err);

		if (rc == 0 && found)
			rc = fat_read(&fat, &entry, 8u << 20, &bytes, &err);
		ok(rc == 0 && found && bytes.len == files[i].len &&
				(bytes.len == 0 ||
					memcmp(bytes.data, files[i].data, bytes.len) == 0),
			"%s reads back", files[i].path);
	}
	free(large);
}

static void test_same(void)
{
	const struct fat_write_file files[] = {{"A", "1", 1}};
	BUF_AUTO one = {0};
	BUF_AUTO two = {0};
	struct err err;

	ok(write_files(files, 1, TIME, &one, &err) == 0 &&
			write_files(files, 1, TIME, &two, &err) == 0 && one.len == two.len &&
			memcmp(one.data, two.data, one.len) == 0,
		"the same files, the same bytes");
	ok(memcmp(one.data, one.data + 6 * 512, 1024) == 0, "the boot sector's copy");
	is_int(one.data[28] | one.data[29] << 8, 2048, "what is before it on the disk");
}

/* The date and time of the label's entry, the first of the root's. */
static void time_is(uint64_t timestamp, unsigned date, unsigned time, const char *what)
{
	BUF_AUTO image = {0};
	const unsigned char *entry;
	struct err err;
	struct fat fat;

	if (write_files(NULL, 0, timestamp, &image, &err) != 0 ||
		fat_open(image.data, image.len, "t", &fat, &err) != 0) {
		ok(false, "%s: %s", what, err.msg);
		return;
	}
	entry = image.data + fat.data_off;
	is_int(entry[24] | entry[25] << 8, date, what);
	is_int(entry[22] | entry[23] << 8, time, what);
}

static void test_times(void)
{
#define DATE(y, m, d)  (((y)-1980) << 9 | (m) << 5 | (d))
#define CLOCK(h, m, s) ((h) << 11 | (m) << 5 | (s) / 2)
	time_is(0, DATE(1980, 1, 1), 0, "before 1980");
	time_is(315532799, DATE(1980, 1, 1), 0, "its last second");
	time_is(315532802, DATE(1980, 1, 1), CLOCK(0, 0, 2), "the first there is");
	time_is(1793491201, DATE(2026, 11, 1), 0, "a second is lost");
	time_is(951782399, DATE(2000, 2, 28), CLOCK(23, 59, 58), "before a leap day");
	time_is(951868799, DATE(2000, 2, 29), CLOCK(23, 59, 58), "on it");
	time_is(1704067199, DATE(2023, 12, 31), CLOCK(23, 59, 58), "the end of a year");
	time_is(4107542400, DATE(2100, 3, 1), 0, "2100 has no leap day");
	time_is(4354819199, DATE(2107, 12, 31), CLOCK(23, 59, 58), "the last there is");
	time_is(4354819200, DATE(2107, 12, 31), CLOCK(23, 59, 58), "beyond");
	time_is(UINT64_MAX, DATE(2107, 12, 31), CLOCK(23, 59, 58), "far beyond");
}

static void refuses(const char *path, const char *other, const char *what)
{
	const struct fat_write_file files[] = {{path, "1", 1}, {other, "2", 1}};
	BUF_AUTO image = {0};
	struct err err;
	int rc = write_files(files, other != NULL ? 2 : 1, TIME, &image, &err);

	ok(rc == -EINVAL && strstr(err.msg, other != NULL ? other : path) != NULL && image.len == 0,
		"refused: %s", what);
}

static void test_refused(void)
{
	refuses("", NULL, "no name");
	refuses("/A", NULL, "an absolute path");
	refuses("A/", NULL, "a slash at the end");
	refuses("A//B", NULL, "an empty component");
	refuses("boot", NULL, "lower case");
	refuses("NINECHARS", NULL, "a long name");
	refuses("A.LONG", NULL, "a long extension");
	refuses("A.", NULL, "an empty extension");
	refuses(".A", NULL, "an empty base");
	refuses("A.B.C", NULL, "two dots");
	refuses("..", NULL, "the parent");
	refuses("A B", NULL, "a space");
	refuses("1/2/3/4/5/6/7/8/9", NULL, "too deep");
	refuses("A", "A", "a name twice");
	refuses("A", "A/B", "a file where a directory is needed");
	refuses("A/B", "A", "a directory where a file is");
}

static void test_limits(void)
{
	struct fat_write_file many[FAT_WRITE_FILES_MAX + 1];
	const struct fat_write_file huge = {"A", "", (size_t)FAT_WRITE_SIZE_MAX + 1};
	const struct fat_write_file endless = {"A", "", SIZE_MAX};
	struct fat_write fat = {.files = many, .count = FAT_WRITE_FILES_MAX + 1, .label = "ESP"};
	BUF_AUTO image = {0};
	uint64_t size = 7;
	struct err err;

	for (size_t i = 0; i <= FAT_WRITE_FILES_MAX; i++)
		many[i] = (struct fat_write_file){"A", "", 0};
	ok(fat_write_size(&fat, &size, &err) == -EINVAL && size == 7, "too many files");
	fat.count = 0;
	memcpy(fat.label, "a label", 8);
	ok(fat_write_size(&fat, &size, &err) == -EINVAL, "a label of small letters");
	memcpy(fat.label, "", 1);
	ok(fat_write_size(&fat, &size, &err) == -EINVAL, "no label");
	memcpy(fat.label, "ELEVENCHARS", 12);
	ok(fat_write_size(&fat, &size, &err) == 0 && size == 33u << 20, "the smallest FAT32");
	fat.size_bytes = size - 1;
	ok(fat_write(&fat, &image, &err) == -EINVAL, "half a sector");
	fat.size_bytes = 1u << 20;
	ok(fat_write(&fat, &image, &err) == -EFBIG, "too few clusters");
	fat.size_bytes = 512;
	ok(fat_write(&fat, &image, &err) == -EINVAL, "a sector");
	fat.size_bytes = (uint64_t)FAT_WRITE_SIZE_MAX + 512;
	ok(fat_write(&fat, &image, &err) == -EINVAL, "too many");
	fat.size_bytes = size;
	fat.hidden_sectors = UINT64_C(1) << 32;
	ok(fat_write(&fat, &image, &err) == -EINVAL, "too far into a disk");
	fat.files = &huge;
	fat.count = 1;
	ok(fat_write_size(&fat, &size, &err) == -EFBIG, "too large a file");
	fat.files = &endless;
	ok(fat_write_size(&fat, &size, &err) == -EFBIG, "a file of every address");
	ok(image.len == 0, "nothing was written");
}

int main(void)
{
	test_round_trip();
	test_same();
	test_times();
	test_refused();
	test_limits();
	return tap_done();
}
