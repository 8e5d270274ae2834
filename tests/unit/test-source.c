/*
 * mkimage/source-archive, source-deb and unpack, formats/tar: archives built here byte by byte, good ones and one for every
 * refusal.
 */
#define _GNU_SOURCE
#include "mkimage/source/source-deb.h"

#include <stdlib.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "formats/tar.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "mkimage/source/unpack.h"
#include "tests/tap.h"
#include "tests/unit/must.h"

/* --- tar, written by hand --- */

struct member {
	char type;
	const char *name, *link;
	unsigned mode;
	const char *data;
	uint64_t size; /* when no data */
	unsigned uid, gid, major, minor;
};

#define M(t, n, ...)                                                                               \
	{                                                                                          \
		.type = t, .name = n, __VA_ARGS__                                                  \
	}

/* A field of @n bytes: octal digits, then a NUL. */
static void octal(unsigned char *field, size_t n, uint64_t value)
{
	for (size_t i = n - 1; i-- > 0; value >>= 3)
		field[i] = (unsigned char)('0' + (value & 7));
	field[n - 1] = '\0';
}

static void checksum(unsigned char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += block[i];
	octal(block + 148, 7, sum);
}

static void header(unsigned char *block, const struct member *member)
{
	size_t size = member->data != NULL ? strlen(member->data) : member->size;

	memset(block, 0, TAR_BLOCK_BYTES);
	memcpy(block, member->name, strnlen(member->name, 100));
	octal(block + 100, 8, member->mode != 0 ? member->mode : 0644);
	octal(block + 108, 8, member->uid);
	octal(block + 116, 8, member->gid);
	octal(block + 124, 12, size);
	octal(block + 136, 12, 01000);
	block[156] = (unsigned char)member->type;
	if (member->link != NULL)
		memcpy(block + 157, member->link, strnlen(member->link, 100));
	memcpy(block + 257, "ustar\00000", 8);
	octal(block + 329, 8, member->major);
	octal(block + 337, 8, member->minor);
	checksum(block);
}

static void add(struct buf *tar, const struct member *member)
{
	unsigned char block[TAR_BLOCK_BYTES];

	header(block, member);
	buf_add(tar, block, sizeof(block));
	if (member->data != NULL)
		buf_str(tar, member->data);
	buf_align(tar, TAR_BLOCK_BYTES);
}

static void finish(struct buf *tar)
{
	void *end = buf_grow(tar, 2 * TAR_BLOCK_BYTES);

	memset(end, 0, 2 * TAR_BLOCK_BYTES);
}

/* One pax record with its own length before it. */
static void pax_record(struct buf *records, const char *key, const void *value, size_t n)
{
	size_t body = strlen(key) + n + 3, len = body + 1;

	while (snprintf(NULL, 0, "%zu", len) + body != len)
		len++;
	buf_fmt(records, "%zu %s=", len, key);
	buf_add(records, value, n);
	buf_str(records, "\n");
}

static void add_meta(struct buf *tar, char type, const void *data, size_t n)
{
	unsigned char block[TAR_BLOCK_BYTES];

	header(block, &(struct member){type, "meta", .size = n});
	buf_add(tar, block, sizeof(block));
	buf_add(tar, data, n);
	buf_align(tar, TAR_BLOCK_BYTES);
}

static void add_pax(struct buf *tar, const char *key, const char *value)
{
	BUF_AUTO records = {0};

	pax_record(&records, key, value, strlen(value));
	add_meta(tar, 'x', records.data, records.len);
}

/* --- reading it --- */

static struct spool spool = {.fd = -1};

static int temp_with(const void *bytes, size_t n)
{
	struct err err = {0};
	int fd = -1;

	must(io_temp("/tmp", &fd, &err), &err);
	must(io_pwrite(fd, "temporary", bytes, n, 0, &err), &err);
	return fd;
}

static int read_with(const struct buf *bytes, const struct source_options *options,
	struct source_archive *ret, struct err *err)
{
	AUTO_CLOSE int fd = temp_with(bytes->data, bytes->len);

	memset(err, 0, sizeof(*err));
	return source_archive_read(fd, 0, bytes->len, options, &spool, ret, err);
}

static const struct source_options plain = {.what = "t.tar", .limits = SOURCE_LIMITS_DEFAULT};

static int read_tar(const struct buf *bytes, struct source_archive *ret, struct err *err)
{
	return read_with(bytes, &plain, ret, err);
}

/* Reads an archive of the given members, which must be refused like this. */
static void bad_members(
	const struct member *members, size_t n, int code, const char *needle, const char *what)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct err err;
	BUF_AUTO tar = {0};

	for (size_t i = 0; i < n; i++)
		add(&tar, &members[i]);
	finish(&tar);
	int rc = read_tar(&tar, &archive, &err);

	refuses(rc, code, &err, needle, what);
	ok(strncmp(err.msg, "t.tar: entry at byte ", 21) == 0, "... naming archive and entry");
}
#define BAD(code, needle, what, ...)                                                               \
	do {                                                                                       \
		const struct member members[] = {__VA_ARGS__};                                     \
		bad_members(members, sizeof(members) / sizeof(*members), code, needle, what);      \
	} while (0)

static void test_good(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	TREE_AUTO tree;
	struct err err = {0};
	BUF_AUTO tar = {0};
	char text[6] = {0};

	add(&tar, &(struct member)M('5', "./", .mode = 0750));
	add(&tar, &(struct member)M('5', "./d/", .mode = 02775, .uid = 3, .gid = 4));
	add(&tar, &(struct member)M('0', "./d/f", .mode = 0100640, .data = "hello"));
	add(&tar, &(struct member)M('\0', "d/old", .data = ""));
	add(&tar, &(struct member)M('1', "./h", .link = "./d/f"));
	add(&tar, &(struct member)M('2', "./s", .link = "../../etc", .mode = 0755));
	add(&tar, &(struct member)M('6', "./p"));
	finish(&tar);
	must(read_tar(&tar, &archive, &err), &err);
	is_int((long long)archive.count, 7, "seven entries");
	is_int((long long)archive.bytes, (long long)tar.len, "the archive's length");
	must(tree_init(&tree, &err), &err);
	must(source_archive_apply(&archive, "t.tar", SOURCE_DIRS_REPLACE, "o", &tree, &err), &err);

	const struct tree_node *file = tree_find(&tree, "d/f");

	is_int(tree.root->inode->mode, 0750, "the root's mode");
	ok(tree_find(&tree, "d")->inode->mode == 02775 && tree_find(&tree, "d")->inode->uid == 3 &&
			tree_find(&tree, "d")->inode->gid == 4,
		"a directory's metadata, setgid too");
	ok(file->inode->mode == 0640 && file->inode->mtime == 512, "a file's metadata");
	is_str(file->inode->origin, "o", "its origin");
	must(tree_read(&file->inode->content, "f", text, 5, 0, &err), &err);
	is_str(text, "hello", "its content");
	ok(tree_find(&tree, "h")->inode == file->inode, "a hard link");
	is_str(tree_find(&tree, "s")->inode->target, "../../etc", "a symbolic link, kept as it is");
	is_int(tree_find(&tree, "s")->inode->mode, 0777, "whose mode is always the same");
	is_int(tree_find(&tree, "p")->inode->type, TREE_FIFO, "a FIFO");
	is_int((long long)tree_find(&tree, "d/old")->inode->content.size_bytes, 0, "an empty file");
}

static void test_names(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	SOURCE_ARCHIVE_AUTO second = {0};
	struct err err = {0};
	BUF_AUTO tar = {0};
	BUF_AUTO gnu = {0};
	unsigned char block[TAR_BLOCK_BYTES];
	char name[201] = {0};

	memset(name, 'n', 200);
	/* prefix and name */
	header(block, &(struct member)M('0', "leaf"));
	memcpy(block + 345, "some/prefix", 11);
	checksum(block);
	buf_add(&tar, block, sizeof(block));
	add_pax(&tar, "path", name);
	add(&tar, &(struct member)M('0', "short"));
	finish(&tar);
	must(read_tar(&tar, &archive, &err), &err);
	is_str(archive.entries[0].path, "some/prefix/leaf", "ustar's prefix");
	is_str(archive.entries[1].path, name, "a pax path");

	add_meta(&gnu, 'L', name, 201);
	add_meta(&gnu, 'K', "target", 7);
	add(&gnu, &(struct member)M('2', "short", .link = "cut"));
	finish(&gnu);
	must(read_tar(&gnu, &second, &err), &err);
	is_str(second.entries[0].path, name, "a GNU long name");
	is_str(second.entries[0].inode.target, "target", "a GNU long link");
}

static void test_bad_members(void)
{
	BAD(-EBADMSG, "\"..\"", "..", M('0', "../etc/passwd"));
	BAD(-EBADMSG, "\"..\"", ".. inside", M('5', "a/"), M('0', "a/../../b"));
	BAD(-EBADMSG, "\".\" or", "a dot inside", M('0', "a/./b"));
	BAD(-EBADMSG, "absolute", "an absolute name", M('0', "/etc/passwd"));
	BAD(-EBADMSG, "absolute", "an absolute name behind a dot", M('0', ".//etc"));
	BAD(-EBADMSG, "empty component", "an empty component", M('0', "a//b"));
	BAD(-EBADMSG, "empty component", "a file with a slash behind it", M('0', "a/"));
	BAD(-EBADMSG, "empty component", "slashes alone behind a dot", M('5', ".//"));
	BAD(-EBADMSG, "empty name", "an empty name", M('0', ""));
	BAD(-EBADMSG, "not a directory", "a root that is a file", M('0', "."));
	BAD(-EBADMSG, "the same path", "a path twice", M('0', "a"), M('0', "./a"));
	BAD(-EBADMSG, "the same path", "a directory twice", M('5', "a/"), M('5', "a"));
	BAD(-EBADMSG, "not a directory", "a file below a file", M('0', "a"), M('0', "a/b"));
	BAD(-EBADMSG, "not a directory", "a file below a symbolic link", M('2', "a", "/etc"),
		M('0', "a/passwd"));
	BAD(-EBADMSG, "not a directory", "the link after the file", M('0', "a/passwd"),
		M('2', "a", "/etc"));
	BAD(-EBADMSG, "not a directory", "far below a hard link", M('0', "f"), M('1', "a", "f"),
		M('0', "a/b/c"));
	BAD(-EBADMSG, "not given before", "a hard link to nothing", M('1', "a", "b"));
	BAD(-EBADMSG, "not given before", "a hard link to what comes later", M('1', "a", "b"),
		M('0', "b"));
	BAD(-EBADMSG, "not given before", "a hard link to itself", M('1', "a", "a"));
	BAD(-EBADMSG, "\"..\"", "a hard link that escapes", M('1', "a", "../b"));
	BAD(-EBADMSG, "absolute", "a hard link to an absolute name", M('1', "a", "/etc/passwd"));
	BAD(-EBADMSG, "hard link to the directory", "a hard link to a directory", M('5', "d/"),
		M('1', "a", "d"));
	BAD(-EBADMSG, "empty name", "a hard link without target", M('1', "a"));
	BAD(-EBADMSG, "target", "a symbolic link without target", M('2', "a"));
	BAD(-EBADMSG, "where none belongs", "a file with a link target", M('0', "a", "b"));
	BAD(-EBADMSG, "data where none belong", "a directory with data",
		M('5', "a/", .data = "text"));
	BAD(-EBADMSG, "data where none belong", "a symbolic link with data",
		M('2', "a", "b", .data = "text"));
	BAD(-EBADMSG, "data where none belong", "a hard link with data", M('0', "b"),
		M('1', "a", "b", .data = "text"));
	BAD(-ENOTSUP, "type flag 0x53", "a sparse file", M('S', "a"));
	BAD(-ENOTSUP, "type flag 0x37", "a contiguous file", M('7', "a"));
	BAD(-ENOTSUP, "type flag 0x44", "a GNU directory dump", M('D', "a"));
	BAD(-EBADMSG, "not allowed", "setuid", M('0', "a", .mode = 04755));
	BAD(-EBADMSG, "not allowed", "setgid", M('0', "a", .mode = 02755));
	BAD(-EBADMSG, "not allowed", "a character device", M('3', "a", .major = 1, .minor = 3));
	BAD(-EBADMSG, "not allowed", "a block device", M('4', "a", .major = 8));
	BAD(-EBADMSG, "does not fit", "a mode of another type", M('0', "a", .mode = 0040755));
	BAD(-EBADMSG, "does not fit", "a mode beyond 16 bits", M('0', "a", .mode = 0200644));
}

static void test_permissions(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct source_options options = plain;
	struct err err = {0};
	BUF_AUTO tar = {0};

	add(&tar, &(struct member)M('0', "s", .mode = 06755));
	add(&tar, &(struct member)M('3', "c", .major = 4095, .minor = 1048575));
	add_pax(&tar, "SCHILY.xattr.user.x", "value");
	add(&tar, &(struct member)M('0', "x"));
	add_pax(&tar, "SCHILY.xattr.security.capability", "12345");
	add(&tar, &(struct member)M('0', "y"));
	finish(&tar);
	options.allow = SOURCE_ALLOW_SETID | SOURCE_ALLOW_DEVICES | SOURCE_ALLOW_XATTRS;
	refuses(read_with(&tar, &options, &archive, &err), -EBADMSG, &err,
		"file capability \"security.capability\" is not allowed",
		"capabilities need a permission of their own");
	options.allow = SOURCE_ALLOW_SETID | SOURCE_ALLOW_DEVICES | SOURCE_ALLOW_CAPABILITIES;
	refuses(read_with(&tar, &options, &archive, &err), -EBADMSG, &err,
		"attribute \"user.x\" is not allowed", "so do other attributes");
	BUF_AUTO device = {0};
	const struct member numbers[] = {M('3', "c", .major = 4096), M('4', "b", .minor = 1048576)};

	for (size_t i = 0; i < 2; i++) {
		device.len = 0;
		add(&device, &numbers[i]);
		finish(&device);
		refuses(read_with(&device, &options, &archive, &err), -EBADMSG, &err,
			"is out of range", "a device number that no kernel has");
	}
	options.allow |= SOURCE_ALLOW_XATTRS;
	must(read_with(&tar, &options, &archive, &err), &err);
	is_int(archive.entries[0].inode.mode, 06755, "with permission: setuid and setgid");
	ok(archive.entries[1].inode.rdev_major == 4095 &&
			archive.entries[1].inode.rdev_minor == 1048575,
		"with permission: device numbers");
	is_str(archive.entries[2].inode.xattrs[0].name, "user.x", "with permission: attributes");
	is_int((long long)archive.entries[3].inode.xattrs[0].size_bytes, 5,
		"with permission: capabilities");
}

/* Headers that are wrong in one field. */
static void bad_header(
	size_t off, const void *bytes, size_t n, bool fix_sum, const char *needle, const char *what)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	unsigned char block[TAR_BLOCK_BYTES];
	struct err err;
	BUF_AUTO tar = {0};

	header(block, &(struct member)M('0', "name"));
	memcpy(block + off, bytes, n);
	if (fix_sum)
		checksum(block);
	buf_add(&tar, block, sizeof(block));
	finish(&tar);
	refuses(read_tar(&tar, &archive, &err), -EBADMSG, &err, needle, what);
}

static void test_headers(void)
{
	bad_header(0, "m", 1, false, "checksum", "a wrong checksum");
	bad_header(148, "notoctal", 8, false, "checksum", "a checksum that is no number");
	bad_header(257, "ustax", 5, true, "not a tar header", "a wrong magic");
	bad_header(257, "\0\0\0\0\0\0\0\0", 8, true, "not a tar header", "no magic (v7)");
	bad_header(0, "a\0b", 3, true, "after the NUL in field \"name\"", "a NUL in a name");
	bad_header(157, "\0b", 2, true, "after the NUL in field \"link\"", "a NUL in a link");
	bad_header(345, "\0b", 2, true, "after the NUL in field \"prefix\"", "a NUL in a prefix");
	bad_header(124, "00000000009", 11, true, "\"size\"", "a size that is not octal");
	bad_header(124, "0 000000001", 11, true, "\"size\"", "a size with a space inside");
	bad_header(100, "-000644", 7, true, "\"mode\"", "a negative mode");
	bad_header(108, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, true, "\"uid\"", "a negative uid");
	bad_header(108, "\x80\x00\x00\x00\xff\xff\xff\xff", 8, true, "out of range",
		"the uid that is none");
	bad_header(124, "\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", 12, true, "\"size\"",
		"a size beyond 64 bits");
	bad_header(136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, true, "\"mtime\"",
		"a time before 1970");
}

static void test_base256(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	unsigned char block[TAR_BLOCK_BYTES];
	struct err err;
	BUF_AUTO tar = {0};

	header(block, &(struct member)M('0', "name"));
	memcpy(block + 108, "\x80\x00\x00\x00\x00\x98\x96\x80", 8);
	checksum(block);
	buf_add(&tar, block, sizeof(block));
	finish(&tar);
	must(read_tar(&tar, &archive, &err), &err);
	is_int(archive.entries[0].inode.uid, 10000000, "a uid in base 256");
}

/* Archives that hold @tar as it is, refused like this. */
static void bad_tar(const struct buf *tar, int code, const char *needle, const char *what)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct err err;

	refuses(read_tar(tar, &archive, &err), code, &err, needle, what);
	ok(strncmp(err.msg, "t.tar: ", 7) == 0, "... naming the archive");
}

static void test_ends(void)
{
	BUF_AUTO tar = {0};

	bad_tar(&tar, -EBADMSG, "cut off at byte 0", "an empty file");
	add(&tar, &(struct member)M('0', "a", .data = "text"));
	bad_tar(&tar, -EBADMSG, "cut off at byte 1024", "no end marker");
	memset(buf_grow(&tar, TAR_BLOCK_BYTES), 0, TAR_BLOCK_BYTES);
	bad_tar(&tar, -EBADMSG, "cut off at byte 1536", "half an end marker, then nothing");
	add(&tar, &(struct member)M('0', "b"));
	bad_tar(&tar, -EBADMSG, "half an end marker", "half an end marker, then an entry");
	tar.len = 2 * TAR_BLOCK_BYTES;
	finish(&tar);
	memset(buf_grow(&tar, 9000), 0, 9000);
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct err err;

	ok(read_tar(&tar, &archive, &err) == 0, "zeros after the end marker are padding");
	tar.data[tar.len - 1] = 1;
	bad_tar(&tar, -EBADMSG, "followed by data at byte 11047", "data after the end marker");
	tar.len = TAR_BLOCK_BYTES + 2;
	bad_tar(&tar, -EBADMSG, "cut off at byte 514", "cut off in a file");
	tar.len = TAR_BLOCK_BYTES - 1;
	bad_tar(&tar, -EBADMSG, "cut off at byte 511", "cut off in a header");
}

/* A meta header with these bytes before an entry, refused like this. */
static void bad_meta(
	char type, const void *data, size_t n, int code, const char *needle, const char *what)
{
	BUF_AUTO tar = {0};

	add_meta(&tar, type, data, n);
	add(&tar, &(struct member)M('0', "a", .data = "text"));
	finish(&tar);
	bad_tar(&tar, code, needle, what);
}
#define BAD_PAX(code, needle, what, text) bad_meta('x', text, sizeof(text) - 1, code, needle, what)

static void test_meta(void)
{
	BAD_PAX(-EBADMSG, "bad pax record", "a record without length", "path=b\n");
	BAD_PAX(-EBADMSG, "bad pax record", "a record that is too long", "99 path=b\n");
	BAD_PAX(-EBADMSG, "bad pax record", "a record that is too short", "5 path=b\n");
	BAD_PAX(-EBADMSG, "bad pax record", "a record without newline", "10 path=bb");
	BAD_PAX(-EBADMSG, "bad pax record", "a record without equals sign", "10 pathxb\n");
	BAD_PAX(-EBADMSG, "bad pax record", "a record without key", "6 =bb\n");
	BAD_PAX(-EBADMSG, "bad pax record", "a length of 0", "0 path=b\n");
	BAD_PAX(-EBADMSG, "bad pax record", "a length that overflows",
		"18446744073709551617 path=b\n");
	BAD_PAX(-EBADMSG, "at byte 9 of", "a second record that is bad", "9 path=b\n7 uid=x");
	BAD_PAX(-EBADMSG, "given twice", "a key twice", "9 path=b\n9 path=c\n");
	BAD_PAX(-EBADMSG, "bad value of pax key \"path\"", "an empty path", "8 path=\n");
	BAD_PAX(-EBADMSG, "bad value of pax key \"path\"", "a NUL in a path", "12 path=b\0c\n");
	BAD_PAX(-EBADMSG, "bad value of pax key \"uid\"", "a negative uid", "10 uid=-1\n");
	BAD_PAX(-EBADMSG, "bad value of pax key \"size\"", "a size that overflows",
		"30 size=18446744073709551616\n\n");
	BAD_PAX(-EBADMSG, "bad value of pax key \"mtime\"", "a negative time", "12 mtime=-1\n");
	BAD_PAX(-EBADMSG, "bad value of pax key \"mtime\"", "a fraction that is none",
		"14 mtime=1.x\n\n");
	BAD_PAX(-EBADMSG, "out of range", "a gid beyond 32 bits", "18 gid=4294967295\n");
	BAD_PAX(-EBADMSG, "conflicting sizes, 4 in the header and 3 in pax", "two sizes",
		"10 size=3\n");
	BAD_PAX(-EBADMSG, "\"..\"", "a pax path that escapes", "14 path=../x\n\n");
	BAD_PAX(-EBADMSG, "where none belongs", "a pax link target for a file", "14 linkpath=b\n");
	BAD_PAX(-ENOTSUP, "GNU.sparse.major", "a sparse file of pax", "22 GNU.sparse.major=1\n");
	BAD_PAX(-ENOTSUP, "SCHILY.acl.access", "an ACL", "26 SCHILY.acl.access=user\n");
	BAD_PAX(-ENOTSUP, "\"unheard\"", "an unknown key", "13 unheard=1\n");
	BAD_PAX(-ENOTSUP, "hdrcharset", "another character set", "21 hdrcharset=BINARY\n");
	bad_meta('g', "9 path=b\n", 9, -ENOTSUP, "in a global header", "a global path");
	bad_meta('x', "", 0, -EBADMSG, "empty extended header", "an empty extended header");
	bad_meta('L', "abc", 3, -EBADMSG, "NUL in a GNU long name", "a long name without NUL");
	bad_meta('L', "a\0c", 4, -EBADMSG, "NUL in a GNU long name", "a long name with two NULs");
	bad_meta('K', "b", 2, -EBADMSG, "where none belongs", "a GNU long link for a file");

	char component[257] = {0};

	memset(component, 'n', 256);
	bad_meta('L', component, 257, -EBADMSG, "component longer", "a component of 256 bytes");
	AUTO_FREE char *path = calloc(1, 4098);

	for (size_t i = 0; i < 4096; i++)
		path[i] = i % 200 == 199 ? '/' : 'p';
	bad_meta('L', path, 4097, -EBADMSG, "path longer", "a path of 4096 bytes");
	for (size_t i = 0; i < 2 * SOURCE_DEPTH_MAX + 1; i++)
		path[i] = i % 2 == 1 ? '/' : 'd';
	path[2 * SOURCE_DEPTH_MAX + 1] = '\0';
	bad_meta('L', path, 2 * SOURCE_DEPTH_MAX + 2, -EFBIG, "more than 256 components",
		"a path of 257 components");
}

static void test_meta_order(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct err err;
	BUF_AUTO both = {0};
	BUF_AUTO twice = {0};
	BUF_AUTO dangling = {0};
	BUF_AUTO good = {0};

	add_meta(&both, 'L', "name", 5);
	add_pax(&both, "path", "other");
	add(&both, &(struct member)M('0', "a"));
	finish(&both);
	bad_tar(&both, -EBADMSG, "at once", "a GNU long name and a pax path");
	add_pax(&twice, "path", "b");
	add_pax(&twice, "path", "c");
	add(&twice, &(struct member)M('0', "a"));
	finish(&twice);
	bad_tar(&twice, -EBADMSG, "twice in a row", "two pax headers for one entry");
	add_pax(&dangling, "path", "b");
	finish(&dangling);
	bad_tar(&dangling, -EBADMSG, "without an entry", "a pax header for no entry");
	add_meta(&good, 'g', "15 comment=abc\n", 15);
	add_pax(&good, "mtime", "77.25");
	add(&good, &(struct member)M('0', "a"));
	add(&good, &(struct member)M('0', "b"));
	finish(&good);
	must(read_tar(&good, &archive, &err), &err);
	ok(archive.entries[0].inode.mtime == 77 && archive.entries[1].inode.mtime == 512,
		"a pax header is for one entry alone; a global comment is for none");
}

static void test_limits(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct source_options options = plain;
	struct err err;
	BUF_AUTO tar = {0};

	add_pax(&tar, "path", "long");
	add(&tar, &(struct member)M('0', "a", .data = "text"));
	add(&tar, &(struct member)M('0', "b", .data = "text"));
	finish(&tar);
	options.limits.entries_max = 1;
	refuses(read_with(&tar, &options, &archive, &err), -EFBIG, &err, "more than 1 entries",
		"too many entries");
	options = plain;
	options.limits.meta_bytes_max = 12;
	refuses(read_with(&tar, &options, &archive, &err), -EFBIG, &err,
		"extended header of 13 bytes", "an extended header that is too large");
	options = plain;
	options.limits.bytes_max = 1024;
	refuses(read_with(&tar, &options, &archive, &err), -EFBIG, &err, "1024 bytes come out",
		"too many bytes");
	options.limits.bytes_max = 4096;
	BUF_AUTO huge = {0};

	add(&huge, &(struct member)M('0', "a", .size = 4097));
	refuses(read_with(&huge, &options, &archive, &err), -EFBIG, &err,
		"more than the archive may hold", "a file that is larger than the limit");
}

static void test_range(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct err err = {0};

	refuses(source_archive_read(0, UINT64_MAX, 2, &plain, &spool, &archive, &err), -EBADMSG,
		&err, "t.tar: range ends beyond", "a range beyond 64 bits");
}

static void test_xattrs_max(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct source_options options = plain;
	struct err err;
	BUF_AUTO tar = {0};
	BUF_AUTO records = {0};
	char key[40];

	for (int i = 0; i <= TAR_PAX_XATTRS_MAX; i++) {
		snprintf(key, sizeof(key), "SCHILY.xattr.user.%d", i);
		pax_record(&records, key, "v", 1);
	}
	add_meta(&tar, 'x', records.data, records.len);
	add(&tar, &(struct member)M('0', "a"));
	finish(&tar);
	options.allow = SOURCE_ALLOW_XATTRS;
	refuses(read_with(&tar, &options, &archive, &err), -EFBIG, &err,
		"more than 64 extended attributes", "too many attributes");
}

static void test_only(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct source_options options = plain;
	struct err err;
	BUF_AUTO tar = {0};
	char text[5] = {0};

	add(&tar, &(struct member)M('0', "a", .data = "aaaa"));
	add(&tar, &(struct member)M('0', "b", .data = "bbbb"));
	finish(&tar);
	options.only = "b";
	uint64_t before = spool.size_bytes;

	must(read_with(&tar, &options, &archive, &err), &err);
	is_int((long long)(spool.size_bytes - before), 4, "only one content goes to the spool");
	must(tree_read(&source_archive_find(&archive, "b")->inode.content, "b", text, 4, 0, &err),
		&err);
	is_str(text, "bbbb", "the one that was asked for");
	ok(source_archive_find(&archive, "c") == NULL, "and nothing is found that is not there");
}

static void test_by_reference(void)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct source_options options = plain;
	struct err err;
	BUF_AUTO tar = {0};
	char text[5] = {0};

	buf_str(&tar, "seven..");
	BUF_AUTO inner = {0};

	add(&inner, &(struct member)M('0', "a", .data = "aaaa"));
	finish(&inner);
	buf_add(&tar, inner.data, inner.len);
	options.by_reference = true;
	AUTO_CLOSE int fd = temp_with(tar.data, tar.len);

	must(source_archive_read(fd, 7, inner.len, &options, &spool, &archive, &err), &err);
	ok(archive.entries[0].inode.content.fd == fd &&
			archive.entries[0].inode.content.off == 7 + TAR_BLOCK_BYTES,
		"an uncompressed archive's contents stay where they are");
	must(tree_read(&archive.entries[0].inode.content, "a", text, 4, 0, &err), &err);
	is_str(text, "aaaa", "and are found there");
}

/* Contents that are passed over unread, larger than what is read at once: what follows is found, and ends are. */
static void test_passed_over(void)
{
	const size_t sizes[] = {300000, 3, 0, 700000, 40000};
	struct source_options options = plain;
	SOURCE_ARCHIVE_AUTO archive = {0};
	AUTO_FREE char *text = calloc(1, 700001);
	BUF_AUTO tar = {0};
	struct err err;
	bool good = true;
	char got[2];

	for (size_t i = 0; i < 5; i++) {
		char name[] = {(char)('a' + i), '\0'};

		memset(text, 'A' + (int)i, sizes[i]);
		text[sizes[i]] = '\0';
		add(&tar, &(struct member)M('0', name, .data = text));
	}
	finish(&tar);
	options.by_reference = true;
	AUTO_CLOSE int fd = temp_with(tar.data, tar.len);

	must(source_archive_read(fd, 0, tar.len, &options, &spool, &archive, &err), &err);
	ok(archive.count == 5 && archive.bytes == tar.len, "five files of many sizes");
	for (size_t i = 0; i < archive.count; i++) {
		const struct tree_content *content = &archive.entries[i].inode.content;

		good = good && content->size_bytes == sizes[i];
		if (sizes[i] == 0)
			continue;
		must(tree_read(content, "x", got, 1, 0, &err), &err);
		must(tree_read(content, "x", got + 1, 1, sizes[i] - 1, &err), &err);
		good = good && got[0] == 'A' + (int)i && got[1] == got[0];
	}
	ok(good, "are all where they are said to be");
	source_archive_done(&archive);
	refuses(source_archive_read(fd, 0, 200000, &options, &spool, &archive, &err), -EBADMSG,
		&err, "the archive is cut off at byte 200000", "an end in what is passed over");
	options.limits.bytes_max = 500000;
	refuses(source_archive_read(fd, 0, tar.len, &options, &spool, &archive, &err), -EFBIG, &err,
		"", "more than the limit in what is passed over");
}

/* --- compression, by libarchive's own writers --- */

static void compress(const struct buf *src, int (*filter)(struct archive *), struct buf *ret)
{
	size_t cap = src->len + 65536, used = 0;
	struct archive *writer = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	AUTO_FREE char *dst = malloc(cap);

	filter(writer);
	archive_write_set_format_raw(writer);
	archive_write_set_bytes_in_last_block(writer, 1);
	archive_write_open_memory(writer, dst, cap, &used);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_write_header(writer, entry);
	archive_write_data(writer, src->data, src->len);
	archive_write_close(writer);
	archive_entry_free(entry);
	archive_write_free(writer);
	buf_add(ret, dst, used);
}

static const struct {
	const char *name;
	int (*filter)(struct archive *);
} filters[] = {
	{"gzip", archive_write_add_filter_gzip},
	{"xz", archive_write_add_filter_xz},
	{"zstd", archive_write_add_filter_zstd},
};

static void test_compression(void)
{
	BUF_AUTO tar = {0};

	add(&tar, &(struct member)M('0', "a", .data = "aaaa"));
	finish(&tar);
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		SOURCE_ARCHIVE_AUTO archive = {0};
		struct err err;
		BUF_AUTO packed = {0};

		compress(&tar, filters[i].filter, &packed);
		ok(read_tar(&packed, &archive, &err) == 0 && archive.count == 1, "%s is read",
			filters[i].name);
		buf_str(&packed, "tail");
		bad_tar(&packed, -EBADMSG, "", "bytes after a compressed stream");
		packed.len -= 10;
		bad_tar(&packed, -EBADMSG, "", "a compressed stream that is cut off");
		packed.len = 8;
		bad_tar(&packed, -EBADMSG, "", "a compressed stream of eight bytes");
	}
}

static void test_bombs(void)
{
	BUF_AUTO tar = {0};
	size_t n = UNPACK_RATIO_FROM_BYTES + (1u << 20);

	add(&tar, &(struct member)M('0', "zeros", .size = n));
	memset(buf_grow(&tar, n), 0, n);
	finish(&tar);
	for (size_t i = 1; i < sizeof(filters) / sizeof(*filters); i++) {
		SOURCE_ARCHIVE_AUTO archive = {0};
		struct err err;
		BUF_AUTO packed = {0};

		compress(&tar, filters[i].filter, &packed);
		refuses(read_tar(&packed, &archive, &err), -EFBIG, &err, "1024 times its size",
			"a bomb");
	}
}

/* Headers of streams that ask for too much memory. */
static void test_windows(void)
{
	/* one block header: LZMA2 with the largest dictionary; zstd: window descriptor 0xff, single segment of 1 TiB */
	static const char xz[] = "\xfd"
				 "7zXZ\0\0\4\0\0\0\0\2\0\x21\1\x28\0\0\0";
	static const char xz_bad[] = "\xfd"
				     "7zXZ\0\0\4\0\0\0\0\2\0\x21\1\x29\0\0\0";
	static const char xz_other[] = "\xfd"
				       "7zXZ\0\0\4\0\0\0\0\2\0\x03\1\x00\0\0\0";
	static const char xz_none[] = "\xfd"
				      "7zXZ\0\0\4\0\0\0\0\0\0";
	static const char zstd[] = "\x28\xb5\x2f\xfd\x00\xff....";
	static const char zstd_single[] = "\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\1\0\0....";
	static const struct {
		const char *bytes;
		size_t n;
		int code;
		const char *needle;
	} bad[] = {
		{xz, sizeof(xz), -EFBIG, "xz wants a window"},
		{xz_bad, sizeof(xz_bad), -EBADMSG, "bad xz header"},
		{xz_other, sizeof(xz_other), -EBADMSG, "bad xz header"},
		{xz, 14, -EBADMSG, "bad xz header"},
		{zstd, sizeof(zstd), -EFBIG, "zstd wants a window"},
		{zstd_single, sizeof(zstd_single), -EFBIG, "zstd wants a window"},
		{zstd, 5, -EBADMSG, "bad zstd header"},
		{xz_none, sizeof(xz_none), -EBADMSG, "decompression failed"},
		{"\x28\xb5\x2f\xfd\x20\x01", 6, -EBADMSG, "decompression failed"},
		{"\x28\xb5\x2f\xfd\x60\x01\x01", 7, -EBADMSG, "decompression failed"},
		{"\x28\xb5\x2f\xfd\xa0\x01\x01\x01\x01", 9, -EBADMSG, "decompression failed"},
		{"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff", 9, -EFBIG, "zstd wants a window"},
		{"\x1f\x8b", 2, -EBADMSG, "bad gzip header"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		BUF_AUTO bytes = {0};

		buf_add(&bytes, bad[i].bytes, bad[i].n);
		bad_tar(&bytes, bad[i].code, bad[i].needle, bad[i].needle);
	}
}

/* --- Debian packages --- */

static void ar_member(struct buf *deb, const char *name, const void *data, size_t n)
{
	buf_fmt(deb, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0100644, n);
	buf_add(deb, data, n);
	if (n % 2 != 0)
		buf_str(deb, "\n");
}

static void control_tar(struct buf *ret, const char *text)
{
	add(ret, &(struct member)M('5', "./"));
	add(ret, &(struct member)M('0', "./control", .data = text));
	finish(ret);
}

static void make_deb(struct buf *deb, const char *control, const struct buf *data)
{
	BUF_AUTO control_bytes = {0};

	control_tar(&control_bytes, control);
	buf_str(deb, "!<arch>\n");
	ar_member(deb, "debian-binary", "2.0\n", 4);
	ar_member(deb, "control.tar", control_bytes.data, control_bytes.len);
	ar_member(deb, "data.tar", data->data, data->len);
}

static int read_deb(const struct buf *bytes, struct source_deb *ret, struct err *err)
{
	AUTO_CLOSE int fd = temp_with(bytes->data, bytes->len);
	const struct source_options options = {.what = "p.deb", .limits = SOURCE_LIMITS_DEFAULT};

	memset(err, 0, sizeof(*err));
	return source_deb_read(fd, &options, &spool, ret, err);
}

static void bad_deb(const struct buf *bytes, int code, const char *needle, const char *what)
{
	SOURCE_DEB_AUTO deb = {0};
	struct err err;

	refuses(read_deb(bytes, &deb, &err), code, &err, needle, what);
	ok(strncmp(err.msg, "p.deb: ", 7) == 0, "... naming the package");
}

#define CONTROL "Package: p\nVersion: 1:2-3\nArchitecture: all\nDescription: x\n y\n"

static void test_deb(void)
{
	SOURCE_DEB_AUTO deb = {0};
	BUF_AUTO data = {0};
	BUF_AUTO bytes = {0};
	struct err err;

	add(&data, &(struct member)M('5', "./"));
	add(&data, &(struct member)M('0', "./f", .data = "odd"));
	finish(&data);
	make_deb(&bytes, CONTROL, &data);
	must(read_deb(&bytes, &deb, &err), &err);
	is_str(deb.package, "p", "Package");
	is_str(deb.version, "1:2-3", "Version");
	is_str(deb.architecture, "all", "Architecture");
	is_int((long long)deb.data.count, 2, "its files");

	buf_str(&bytes, "extra");
	bad_deb(&bytes, -EBADMSG, "5 bytes after data.tar", "bytes after the last member");
	bytes.len -= 6;
	bad_deb(&bytes, -EBADMSG, "is cut off", "a cut-off member");
	bytes.len = 30;
	bad_deb(&bytes, -EBADMSG, "ends at byte 30", "a cut-off member header");
	bytes.data[0] = '?';
	bad_deb(&bytes, -EBADMSG, "no ar magic", "no ar magic");
}

static void deb_with(const char *binary, const char *first, const char *second, int code,
	const char *needle, const char *what)
{
	BUF_AUTO control = {0};
	BUF_AUTO data = {0};
	BUF_AUTO bytes = {0};

	control_tar(&control, CONTROL);
	finish(&data);
	buf_str(&bytes, "!<arch>\n");
	ar_member(&bytes, "debian-binary", binary, strlen(binary));
	ar_member(&bytes, first, control.data, control.len);
	ar_member(&bytes, second, data.data, data.len);
	bad_deb(&bytes, code, needle, what);
}

static void test_bad_debs(void)
{
	BUF_AUTO data = {0};
	static const struct {
		const char *control, *needle;
	} fields[] = {
		{"Version: 1\nArchitecture: all\n", "\"Package\""},
		{"Package: p\nArchitecture: all\n", "\"Version\""},
		{"Package: p\nVersion: 1\n", "\"Architecture\""},
	};

	deb_with("3.0\n", "control.tar", "data.tar", -ENOTSUP, "not version 2.0", "version 3.0");
	deb_with("2.0\nx", "control.tar", "data.tar", -ENOTSUP, "not version 2.0",
		"more in debian-binary");
	deb_with("2.0\n", "data.tar", "control.tar", -EBADMSG, "\"data.tar\" at byte 72",
		"members in another order");
	deb_with("2.0\n", "control.tar.bz2", "data.tar", -EBADMSG, "\"control.tar.bz2\"", "bzip2");
	deb_with("2.0\n", "control.tar/", "_gpgorigin", -EBADMSG, "\"_gpgorigin\"",
		"another member");
	finish(&data);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		BUF_AUTO bytes = {0};

		make_deb(&bytes, fields[i].control, &data);
		bad_deb(&bytes, -EBADMSG, fields[i].needle, fields[i].needle);
	}

	BUF_AUTO bytes = {0};
	BUF_AUTO control = {0};

	buf_str(&bytes, "!<arch>\n");
	ar_member(&bytes, "debian-binary", "2.0\n", 4);
	add(&control, &(struct member)M('2', "./control", "elsewhere"));
	finish(&control);
	ar_member(&bytes, "control.tar", control.data, control.len);
	ar_member(&bytes, "data.tar", data.data, data.len);
	bad_deb(&bytes, -EBADMSG, "no file \"control\"", "a control file that is a link");
	memcpy(bytes.data + 8 + 48, "x", 1);
	bad_deb(&bytes, -EBADMSG, "bad member header at byte 8", "a size that is no number");
	memcpy(bytes.data + 8 + 48, "4x", 2);
	bad_deb(&bytes, -EBADMSG, "bad member header at byte 8", "a size with a letter behind it");
	memcpy(bytes.data + 8 + 48, "4 ", 2);
	memcpy(bytes.data + 8 + 58, "?", 1);
	bad_deb(&bytes, -EBADMSG, "bad member header at byte 8", "a member header without end");
}

/* --- sets of packages --- */

struct package {
	const char *name;
	const struct member *members;
	size_t count;
};

struct store {
	struct buf debs[4];
};

static int open_from_store(
	void *arg, const struct lock_package *package, int *ret_fd, struct err *err)
{
	struct store *store = arg;

	(void)err;
	*ret_fd = temp_with(
		store->debs[package->size_bytes].data, store->debs[package->size_bytes].len);
	return 0;
}

/* Applies the packages in the given order; the index of each is kept as its size. */
static int apply_set(const struct package *packages, size_t n, bool reverse, const char *version,
	size_t threads, struct tree *tree, struct err *err)
{
	struct lock_package locked[4] = {0};
	struct store store = {0};
	struct lock lock = {.packages = locked, .count = n};
	const struct source_deb_options options = {.set = "rootfs",
		.open = open_from_store,
		.open_arg = &store,
		.threads = threads,
		.usr_merge = true};
	char version_text[] = "1";

	(void)version;
	for (size_t i = 0; i < n; i++) {
		BUF_AUTO data = {0};
		BUF_AUTO control = {0};

		for (size_t j = 0; j < packages[i].count; j++)
			add(&data, &packages[i].members[j]);
		finish(&data);
		buf_fmt(&control, "Package: %s\nVersion: %s\nArchitecture: all\n", packages[i].name,
			version);
		make_deb(&store.debs[i], buf_cstr(&control), &data);
		locked[reverse ? n - 1 - i : i] = (struct lock_package){
			.set = (char *)(uintptr_t) "rootfs",
			.name = (char *)(uintptr_t)packages[i].name,
			.version = version_text,
			.architecture = (char *)(uintptr_t) "all",
			.path = (char *)(uintptr_t)packages[i].name,
			.size_bytes = i,
		};
	}
	memset(err, 0, sizeof(*err));
	must(tree_init(tree, err), err);
	int rc = source_deb_tree(&lock, &options, &spool, tree, err);

	for (size_t i = 0; i < n; i++)
		buf_done(&store.debs[i]);
	return rc;
}

static void listing(const struct tree *tree, struct buf *ret)
{
	char path[TREE_PATH_MAX + 1];

	tree_for_each (tree, node) {
		tree_path(node, path);
		buf_fmt(ret, "/%s %o %s\n", path, node->inode->mode, node->inode->origin);
	}
}

static const struct member first_members[] = {
	M('5', "./"),
	M('5', "./lib/", .mode = 0755),
	M('5', "./lib/x/", .mode = 0711),
	M('0', "./lib/x/a", .mode = 04755),
	M('5', "./usr/", .mode = 0755),
};
static const struct member second_members[] = {
	M('5', "./", .mode = 0700),
	M('5', "./usr/", .mode = 0755),
	M('5', "./usr/lib/", .mode = 0755),
	M('5', "./usr/lib/x/", .mode = 0755),
	M('0', "./usr/lib/x/b"),
	M('2', "./lib", "usr/lib"),
};
static const struct package set[] = {
	{"second", second_members, 6},
	{"first", first_members, 5},
};

static void test_set(void)
{
	BUF_AUTO list = {0};
	BUF_AUTO again = {0};
	TREE_AUTO tree = {0};
	TREE_AUTO other = {0};
	struct err err;

	must(apply_set(set, 2, false, "1", 1, &tree, &err), &err);
	listing(&tree, &list);
	is_str(buf_cstr(&list),
		"/ 755 \n"
		"/bin 777 merged-usr\n"
		"/lib 777 merged-usr\n"
		"/lib64 777 merged-usr\n"
		"/sbin 777 merged-usr\n"
		"/usr 755 merged-usr\n"
		"/usr/bin 755 merged-usr\n"
		"/usr/lib 755 merged-usr\n"
		"/usr/lib/x 711 deb:first=1\n"
		"/usr/lib/x/a 4755 deb:first=1\n"
		"/usr/lib/x/b 644 deb:second=1\n"
		"/usr/lib64 755 merged-usr\n"
		"/usr/sbin 755 merged-usr\n",
		"merged /usr, the first package's directories, links that agree");
	must(apply_set(set, 2, true, "1", 2, &other, &err), &err);
	listing(&other, &again);
	is_str(buf_cstr(&again), buf_cstr(&list), "the same in another order, by two threads");
}

static void test_bad_sets(void)
{
	static const struct member same[] = {M('5', "./usr/", .mode = 0755),
		M('5', "./usr/lib/", .mode = 0755), M('5', "./usr/lib/x/", .mode = 0755),
		M('0', "./usr/lib/x/a")};
	static const struct member link[] = {M('2', "./lib", "elsewhere")};
	static const struct package conflict[] = {{"first", first_members, 5}, {"other", same, 4}};
	static const struct package alias[] = {{"first", first_members, 5}, {"link", link, 1}};
	static const struct package twice[] = {
		{"first", first_members, 5}, {"first", first_members, 5}};
	struct err err;
	int rc;

	{
		TREE_AUTO tree = {0};
		rc = apply_set(conflict, 2, false, "1", 1, &tree, &err);
		refuses(rc, -EBADMSG, &err, "usr/lib/x/a: already there, from deb:first=1",
			"one file in two packages, by two names of its directory");
		ok(strncmp(err.msg, "other: ", 7) == 0, "... naming the second");
	}
	{
		TREE_AUTO tree = {0};
		rc = apply_set(alias, 2, false, "1", 1, &tree, &err);
		refuses(rc, -EBADMSG, &err, "lib: already there, from merged-usr",
			"a link that does not agree");
	}
	{
		TREE_AUTO tree = {0};
		rc = apply_set(twice, 2, false, "1", 1, &tree, &err);
		refuses(rc, -EBADMSG, &err, "first is locked twice",
			"a package that is locked twice");
	}
	{
		TREE_AUTO tree = {0};
		rc = apply_set(set, 2, false, "2", 1, &tree, &err);
		refuses(rc, -EKEYREJECTED, &err, "is first 2 (all), the lock says first 1 (all)",
			"a package of another version than the lock says");
	}
}

int main(void)
{
	struct err err = {0};

	must(spool_init(&spool, "/tmp", &err), &err);
	test_good();
	test_names();
	test_bad_members();
	test_permissions();
	test_headers();
	test_base256();
	test_ends();
	test_meta();
	test_meta_order();
	test_limits();
	test_range();
	test_xattrs_max();
	test_only();
	test_by_reference();
	test_passed_over();
	test_compression();
	test_bombs();
	test_windows();
	test_deb();
	test_bad_debs();
	test_set();
	test_bad_sets();
	spool_done(&spool);
	return tap_done();
}
