/* newc archives: golden bytes, canonical order, round trip, hard links, every rejection. */
#define _GNU_SOURCE
#include "formats/cpio.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "lib/digest.h"
#include "lib/hex.h"
#include "tests/tap.h"

static const struct cpio_entry sample[] = {
	{.name = "dev", .mode = S_IFDIR | 0755},
	{.name = "dev/console", .mode = S_IFCHR | 0600, .rdev_major = 5, .rdev_minor = 1},
	{.name = "etc", .mode = S_IFDIR | 0700},
	{.name = "etc/motd",
		.mode = S_IFREG | 04755,
		.data = (const unsigned char *)"hello",
		.size_bytes = 5},
	{.name = "link",
		.mode = S_IFLNK | 0777,
		.data = (const unsigned char *)"etc/motd",
		.size_bytes = 8},
};
#define SAMPLE_COUNT (sizeof(sample) / sizeof(sample[0]))

/* An output format is a contract: these digests change only with a line in NEWS. */
static void test_golden(void)
{
	static const char *const head =
		"07070100000001000041ED0000000000000000000000026553F1000000000000000000000000"
		"0000000000000000000000000400000000dev";
	BUF_AUTO cpio = {0};
	struct err err = {0};
	unsigned char sha256[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	is_int(cpio_write(sample, SAMPLE_COUNT, 1700000000, &cpio, &err), 0, "written");
	is_int((long long)cpio.len, 1024, "padded to whole blocks");
	ok(memcmp(cpio.data, head, strlen(head)) == 0, "the first header and name");
	is_int(digest_bytes(DIGEST_SHA256, cpio.data, cpio.len, sha256, &err), 0, "hashed");
	hex_encode(sha256, sizeof(sha256), hex);
	is_str(hex, "8b29a023ff5e57fc2e1981a7f7c0e18967379815f7b755c31017f0676f7af556",
		"golden digest");
}

static void test_order(void)
{
	struct cpio_entry shuffled[SAMPLE_COUNT];
	BUF_AUTO one = {0};
	BUF_AUTO two = {0};
	struct err err = {0};

	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		shuffled[i] = sample[(i * 3 + 2) % SAMPLE_COUNT];
		shuffled[i].uid = 1000;
		shuffled[i].gid = (uint32_t)i;
		shuffled[i].mtime = 12345;
		shuffled[i].ino = 99;
		shuffled[i].nlink = 7;
	}
	is_int(cpio_write(sample, SAMPLE_COUNT, 7, &one, &err), 0, "written in order");
	is_int(cpio_write(shuffled, SAMPLE_COUNT, 7, &two, &err), 0, "written in another order");
	ok(one.len == two.len && memcmp(one.data, two.data, one.len) == 0,
		"the same bytes, and nothing of the builder's in them");
}

static void test_round_trip(void)
{
	BUF_AUTO cpio = {0};
	CPIO_AUTO back = {0};
	struct err err = {0};
	const struct cpio_entry *motd, *console;

	is_int(cpio_write(sample, SAMPLE_COUNT, 7, &cpio, &err), 0, "written");
	is_int(cpio_read(cpio.data, cpio.len, &back, &err), 0, "read back");
	is_int((long long)back.count, SAMPLE_COUNT, "as many entries");
	motd = cpio_find(&back, "etc/motd");
	ok(motd != NULL && motd->mode == (S_IFREG | 04755) && motd->size_bytes == 5 &&
			memcmp(motd->data, "hello", 5) == 0 && motd->mtime == 7 && motd->ino == 4 &&
			motd->nlink == 1,
		"a file");
	console = cpio_find(&back, "dev/console");
	ok(console != NULL && console->rdev_major == 5 && console->rdev_minor == 1, "a device");
	ok(cpio_find(&back, "etc/issue") == NULL, "what is not there is not found");
}

struct bad_write {
	const char *what, *message;
	struct cpio_entry entries[2];
	size_t count;
	int code;
};

static void test_bad_writes(void)
{
	static const unsigned char byte[] = "x\0y";
	char *component = malloc(300), *path = malloc(5000);
	const struct bad_write bad[] = {
		{"..", "component . or ..", {{.name = "a/../b", .mode = S_IFREG}}, 1, -EINVAL},
		{"a lone .", "component . or ..", {{.name = ".", .mode = S_IFDIR}}, 1, -EINVAL},
		{"an absolute name", "empty component", {{.name = "/a", .mode = S_IFREG}}, 1,
			-EINVAL},
		{"a slash at the end", "empty component", {{.name = "a/", .mode = S_IFREG}}, 1,
			-EINVAL},
		{"a double slash", "empty component", {{.name = "a//b", .mode = S_IFREG}}, 1,
			-EINVAL},
		{"a long component", "longer than 255", {{.name = component, .mode = S_IFREG}}, 1,
			-EINVAL},
		{"a long name", "longer than 4095", {{.name = path, .mode = S_IFREG}}, 1, -EINVAL},
		{"the trailer's name", "trailer's", {{.name = "TRAILER!!!", .mode = S_IFREG}}, 1,
			-EINVAL},
		{"a root that is a file", "root and not", {{.name = "", .mode = S_IFREG}}, 1,
			-EINVAL},
		{"no type", "unknown type", {{.name = "a", .mode = 0644}}, 1, -EINVAL},
		{"a mode with more bits", "unknown mode",
			{{.name = "a", .mode = S_IFREG | 1u << 17}}, 1, -EINVAL},
		{"a directory with data", "has data",
			{{.name = "a", .mode = S_IFDIR, .data = byte, .size_bytes = 1}}, 1,
			-EINVAL},
		{"an empty symlink", "empty or overlong", {{.name = "a", .mode = S_IFLNK}}, 1,
			-EINVAL},
		{"a symlink with a NUL", "NUL",
			{{.name = "a", .mode = S_IFLNK, .data = byte, .size_bytes = 3}}, 1,
			-EINVAL},
		{"a name twice", "stands twice",
			{{.name = "a", .mode = S_IFREG}, {.name = "a", .mode = S_IFDIR}}, 2,
			-EINVAL},
		{"no parent", "parent directory", {{.name = "a/b", .mode = S_IFREG}}, 1, -EINVAL},
		{"a parent that is a file", "not a directory",
			{{.name = "a", .mode = S_IFREG}, {.name = "a/b", .mode = S_IFREG}}, 2,
			-EINVAL},
		{"4 GiB", "4 GiB",
			{{.name = "a", .mode = S_IFREG, .data = byte, .size_bytes = 1ull << 32}}, 1,
			-EFBIG},
	};

	memset(component, 'c', 299);
	component[299] = '\0';
	for (size_t i = 0; i < 4999; i++)
		path[i] = i % 2 != 0 ? '/' : 'p';
	path[4999] = '\0';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BUF_AUTO cpio = {0};
		struct err err = {0};
		int code = cpio_write(bad[i].entries, bad[i].count, 0, &cpio, &err);

		ok(code == bad[i].code && strstr(err.msg, bad[i].message) != NULL,
			"refused: %s (%s)", bad[i].what, err.msg);
	}
	free(component);
	free(path);
}

/* One entry as any writer might put it. */
static void add_raw(struct buf *ret, const char *name, uint32_t mode, uint32_t ino, uint32_t nlink,
	const char *data)
{
	buf_fmt(ret, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ino, mode, 0,
		0, nlink, 0, strlen(data), 0, 3, 0, 0, strlen(name) + 1, 0);
	buf_add(ret, name, strlen(name) + 1);
	buf_align(ret, 4);
	buf_str(ret, data);
	buf_align(ret, 4);
}

static void test_foreign(void)
{
	BUF_AUTO cpio = {0};
	CPIO_AUTO back = {0};
	struct err err = {0};
	const struct cpio_entry *a, *b;

	add_raw(&cpio, ".", S_IFDIR | 0755, 5, 3, "");
	add_raw(&cpio, "./z", S_IFDIR | 0755, 6, 2, "");
	add_raw(&cpio, "./z/a", S_IFREG | 0644, 8, 2, "");
	add_raw(&cpio, "./b", S_IFREG | 0644, 8, 2, "shared");
	add_raw(&cpio, "./c", S_IFREG | 0644, 9, 2, "");
	add_raw(&cpio, "TRAILER!!!", 0, 0, 1, "");
	is_int(cpio_read(cpio.data, cpio.len, &back, &err), 0, "another writer's archive");
	a = cpio_find(&back, "z/a");
	b = cpio_find(&back, "b");
	ok(a != NULL && b != NULL && a->size_bytes == 6 && a->data == b->data,
		"hard links share their data");
	ok(cpio_find(&back, "c") != NULL && cpio_find(&back, "c")->size_bytes == 0,
		"a link of another inode does not");
	ok(cpio_find(&back, "") != NULL, "the root");
}

static void refuse(const struct buf *cpio, const char *what, const char *message)
{
	CPIO_AUTO back = {0};
	struct err err = {0};
	int code = cpio_read(cpio->data, cpio->len, &back, &err);

	ok(code == -EBADMSG && strstr(err.msg, message) != NULL && back.entries == NULL,
		"refused: %s (%s)", what, err.msg);
}

/* Archives that are wrong in what their entries say. */
static void test_bad_entries(void)
{
	static const struct {
		const char *what, *message;
		struct {
			const char *name;
			uint32_t mode, ino, nlink;
			const char *data;
		} entries[2];
	} bad[] = {
		{"..", "component . or ..", {{"../a", S_IFREG, 1, 1, ""}}},
		{"an absolute name", "empty component", {{"/a", S_IFREG, 1, 1, ""}}},
		{"./ twice", "component . or ..", {{"././a", S_IFREG, 1, 1, ""}}},
		{"a name twice", "stands twice",
			{{"a", S_IFREG, 1, 1, ""}, {"./a", S_IFREG, 2, 1, ""}}},
		{"a parent that comes later", "before its parent",
			{{"d/a", S_IFREG, 1, 1, ""}, {"d", S_IFDIR, 2, 2, ""}}},
		{"a parent that is a symlink", "not a directory",
			{{"d", S_IFLNK, 1, 1, "/"}, {"d/a", S_IFREG, 2, 1, ""}}},
		{"an unknown type", "unknown type", {{"a", 0150000, 1, 1, ""}}},
		{"a socket with data", "has data", {{"a", S_IFSOCK, 1, 1, "x"}}},
		{"two hard links with data", "both carry data",
			{{"a", S_IFREG, 1, 2, "x"}, {"b", S_IFREG, 1, 2, "y"}}},
		{"data in the trailer", "trailer with data", {{"TRAILER!!!", 0, 0, 1, "x"}}},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BUF_AUTO cpio = {0};

		for (size_t j = 0; j < 2 && bad[i].entries[j].name != NULL; j++)
			add_raw(&cpio, bad[i].entries[j].name, bad[i].entries[j].mode,
				bad[i].entries[j].ino, bad[i].entries[j].nlink,
				bad[i].entries[j].data);
		add_raw(&cpio, "TRAILER!!!", 0, 0, 1, "");
		refuse(&cpio, bad[i].what, bad[i].message);
	}
}

/* Archives with one byte changed: where, to what. */
static void test_bad_bytes(void)
{
	static const struct {
		const char *what, *message;
		size_t off;
		char byte;
	} bad[] = {
		{"the portable format's magic", "no newc magic", 5, '7'},
		{"the format with checksums", "no newc magic", 5, '2'},
		{"a header field that is not hex", "not hex", 20, 'g'},
		{"a sign in a header field", "not hex", 14, '-'},
		{"a checksum", "checksum", 109, '1'},
		{"an empty name", "impossible length", 101, '1'},
		{"a name without an end", "NUL inside", 111, 'b'},
		{"a name with a NUL inside", "NUL inside", 110, '\0'},
		{"padding", "padding that is not zero", 117, '!'},
		{"something at the end", "after the trailer", 251, '!'},
	};
	BUF_AUTO good = {0};
	CPIO_AUTO back = {0};
	struct err err = {0};

	add_raw(&good, "a", S_IFREG, 1, 1, "12345");
	add_raw(&good, "TRAILER!!!", 0, 0, 1, "");
	buf_align(&good, 256);
	is_int(cpio_read(good.data, good.len, &back, &err), 0, "the base is sound");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BUF_AUTO cpio = {0};

		buf_add(&cpio, good.data, good.len);
		cpio.data[bad[i].off] = (unsigned char)bad[i].byte;
		refuse(&cpio, bad[i].what, bad[i].message);
	}
	for (size_t len = 0; len < good.len - 10; len += 7) {
		BUF_AUTO cpio = {0};
		CPIO_AUTO none = {0};

		buf_add(&cpio, good.data, len);
		if (cpio_read(cpio.data, cpio.len, &none, &err) == 0 && len < 244) {
			ok(false, "cut off at %zu", len);
			return;
		}
	}
	ok(true, "refused: cut off anywhere");
}

static void test_limits(void)
{
	BUF_AUTO cpio = {0};
	BUF_AUTO written = {0};
	CPIO_AUTO back = {0};
	struct err err = {0};
	char name[16];

	is_int(cpio_write(sample, CPIO_ENTRIES_MAX + 1u, 0, &written, &err), -EINVAL,
		"more entries than the limit are not written");
	for (unsigned i = 0; i <= CPIO_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "%x", i);
		add_raw(&cpio, name, S_IFREG, i + 1, 1, "");
	}
	add_raw(&cpio, "TRAILER!!!", 0, 0, 1, "");
	is_int(cpio_read(cpio.data, cpio.len, &back, &err), -EBADMSG, "or read");
	ok(strstr(err.msg, "too many entries") != NULL, "and it says so (%s)", err.msg);
}

int main(void)
{
	test_golden();
	test_order();
	test_round_trip();
	test_bad_writes();
	test_foreign();
	test_bad_entries();
	test_bad_bytes();
	test_limits();
	return tap_done();
}
