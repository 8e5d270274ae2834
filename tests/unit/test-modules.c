/* Module dependencies and load order, from modules made here; every rejection. */
#define _GNU_SOURCE
#include "initrd/modules.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <stdlib.h>

#include "lib/wr.h"
#include "tests/tap.h"

#define VERSION	  "6.12.1-test"
#define VERMAGIC  "vermagic=" VERSION " SMP mod_unload "
#define FILES_MAX 1100

/* A directory of modules in memory. */
struct fixture {
	const char *paths[FILES_MAX];
	struct buf bytes[FILES_MAX];
	size_t count;
};

static void fixture_done(struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->count; i++)
		buf_done(&fixture->bytes[i]);
}
#define FIXTURE_AUTO __attribute__((cleanup(fixture_done))) struct fixture

static int read_fixture(void *arg, size_t i, struct buf *ret, struct err *err)
{
	const struct fixture *fixture = arg;

	buf_add(ret, fixture->bytes[i].data, fixture->bytes[i].len);
	return buf_check(ret, err);
}

static struct modules_dir dir_of(struct fixture *fixture)
{
	return (struct modules_dir){VERSION, fixture->paths, fixture->count, read_fixture, fixture};
}

static struct buf *add_file(struct fixture *fixture, const char *path, const void *src, size_t n)
{
	struct buf *bytes = &fixture->bytes[fixture->count];

	fixture->paths[fixture->count++] = path;
	buf_add(bytes, src, n);
	return bytes;
}

static void write_section(struct wr *wr, uint32_t name, uint32_t type, uint64_t off, uint64_t size)
{
	wr_le32(wr, name);
	wr_le32(wr, type);
	wr_le64(wr, 0);
	wr_le64(wr, 0);
	wr_le64(wr, off);
	wr_le64(wr, size);
	wr_le32(wr, 0);
	wr_le32(wr, 0);
	wr_le64(wr, 1);
	wr_le64(wr, 0);
}

/* A relocatable ELF file whose one section of interest, @section, holds @info. */
static void make_elf(struct buf *ret, const char *section, const void *info, size_t info_len)
{
	static const unsigned char ident[EI_NIDENT] = {
		0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
	unsigned char header[64 + 3 * 64];
	char names[64] = "";
	size_t names_len = 1 + strlen(section) + 1 + strlen(".shstrtab") + 1;
	struct wr wr = wr_init(header, sizeof(header));

	memcpy(names + 1, section, strlen(section));
	memcpy(names + 1 + strlen(section) + 1, ".shstrtab", strlen(".shstrtab"));
	wr_bytes(&wr, ident, sizeof(ident));
	wr_le16(&wr, ET_REL);
	wr_le16(&wr, EM_X86_64);
	wr_le32(&wr, EV_CURRENT);
	wr_le64(&wr, 0);
	wr_le64(&wr, 0);
	wr_le64(&wr, 64); /* section headers */
	wr_le32(&wr, 0);
	wr_le16(&wr, 64);
	wr_le16(&wr, 0);
	wr_le16(&wr, 0);
	wr_le16(&wr, 64);
	wr_le16(&wr, 3);
	wr_le16(&wr, 2);
	write_section(&wr, 0, SHT_NULL, 0, 0);
	write_section(&wr, 1, SHT_PROGBITS, sizeof(header) + names_len, info_len);
	write_section(
		&wr, (uint32_t)(1 + strlen(section) + 1), SHT_STRTAB, sizeof(header), names_len);
	buf_add(ret, header, sizeof(header));
	buf_add(ret, names, names_len);
	buf_add(ret, info, info_len);
}

/* .modinfo from lines: each ends with a newline here and with a NUL there. */
static struct buf *add_module(struct fixture *fixture, const char *path, const char *info)
{
	struct buf *bytes = add_file(fixture, path, NULL, 0);
	char text[512];
	size_t len = strlen(info);

	for (size_t i = 0; i < len; i++) {
		text[i] = info[i];
		if (info[i] == '\n')
			text[i] = '\0';
	}
	make_elf(bytes, ".modinfo", text, len);
	return bytes;
}

static la_ssize_t append(struct archive *archive, void *arg, const void *src, size_t n)
{
	(void)archive;
	buf_add(arg, src, n);
	return (la_ssize_t)n;
}

static void compress_with(struct buf *bytes, int (*add_filter)(struct archive *archive))
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	struct buf packed = {0};

	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "module");
	archive_write_set_format_raw(archive);
	add_filter(archive);
	archive_write_set_bytes_in_last_block(archive, 1);
	archive_write_open(archive, &packed, NULL, append, NULL);
	archive_write_header(archive, entry);
	archive_write_data(archive, bytes->data, bytes->len);
	archive_write_close(archive);
	archive_write_free(archive);
	archive_entry_free(entry);
	buf_done(bytes);
	*bytes = packed;
}

static void add_builtin(struct fixture *fixture, const char *text)
{
	add_file(fixture, "modules.builtin", text, strlen(text));
}

/* The names in load order, "a b c". */
static void names_of(const struct modules *modules, struct buf *ret)
{
	for (size_t i = 0; i < modules->count; i++)
		buf_fmt(ret, "%s%s", i > 0 ? " " : "", modules->items[i].name);
}

static void test_order(void)
{
	static const char *const wanted[] = {"virtio-blk", "dm-verity", "erofs", "ext4", "dm_mod"};
	FIXTURE_AUTO fixture = {0};
	struct modules_dir dir = dir_of(&fixture);
	MODULES_AUTO modules = {0};
	BUF_AUTO names = {0};
	struct err err = {0};
	struct buf plain = {0};

	add_module(&fixture, "kernel/fs/erofs/erofs.ko",
		"alias=fs-erofs\ndepends=libcrc32c\nname=erofs\n" VERMAGIC "\n");
	compress_with(add_module(&fixture, "kernel/drivers/md/dm-verity.ko.xz",
			      "depends=dm-mod,dm-bufio,sha256\nname=dm_verity\n" VERMAGIC "\n"),
		archive_write_add_filter_xz);
	compress_with(add_module(&fixture, "kernel/drivers/md/dm-bufio.ko.zst",
			      "depends=dm-mod\nname=dm_bufio\n" VERMAGIC "\n"),
		archive_write_add_filter_zstd);
	compress_with(add_module(&fixture, "kernel/drivers/md/dm-mod.ko.gz",
			      "depends=\nname=dm_mod\n" VERMAGIC "\n"),
		archive_write_add_filter_gzip);
	add_module(&fixture, "kernel/lib/libcrc32c.ko",
		"softdep=post: dm_mod pre: crc32c crc32c-fast\ndepends=\nname=libcrc32c\n" VERMAGIC
		"\n");
	add_module(&fixture, "kernel/crypto/crc32c_fast.ko",
		"softdep=pre: libcrc32c\ndepends=\nname=crc32c_fast\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/drivers/block/virtio_blk.ko",
		"depends=\nname=virtio_blk\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/drivers/unused.ko", "nothing sound\n");
	add_builtin(&fixture, "kernel/fs/ext4/ext4.ko\nkernel/crypto/sha256.ko\n");
	add_file(&fixture, "modules.order", "x", 1);
	dir = dir_of(&fixture);
	is_int(modules_resolve(&dir, wanted, 5, &modules, &err), 0, "resolved");
	names_of(&modules, &names);
	is_str(buf_cstr(&names), "virtio_blk dm_mod dm_bufio dm_verity crc32c_fast libcrc32c erofs",
		"dependencies first, each once, built-in ones not");
	make_elf(&plain, ".modinfo", "depends=\0name=dm_mod\0" VERMAGIC, 21 + sizeof(VERMAGIC));
	ok(modules.count == 7 && modules.items[1].elf.len == plain.len &&
			memcmp(modules.items[1].elf.data, plain.data, plain.len) == 0,
		"a module's bytes are what was compressed");
	buf_done(&plain);
}

static void test_none(void)
{
	static const char *const wanted[] = {"sha256"};
	FIXTURE_AUTO fixture = {0};
	struct modules_dir dir;
	MODULES_AUTO modules = {0};
	struct err err = {0};

	add_builtin(&fixture, "kernel/crypto/sha256.ko");
	dir = dir_of(&fixture);
	is_int(modules_resolve(&dir, wanted, 1, &modules, &err), 0, "a kernel with all built in");
	is_int((long long)modules.count, 0, "loads nothing");
	is_int(modules_resolve(&dir, NULL, 0, &modules, &err), 0, "nothing wanted");
}

static void refuse(struct fixture *fixture, const char *name, const char *message)
{
	const struct modules_dir dir = dir_of(fixture);
	MODULES_AUTO modules = {0};
	struct err err = {0};
	int code = modules_resolve(&dir, &name, 1, &modules, &err);

	ok(code == -EBADMSG && strstr(err.msg, message) != NULL && modules.items == NULL,
		"refused: %s (%s)", name, err.msg);
}

static void test_refused_sets(void)
{
	FIXTURE_AUTO fixture = {0};
	FIXTURE_AUTO no_builtin = {0};

	add_builtin(&fixture, "");
	add_module(&fixture, "kernel/needs.ko", "depends=gone\nname=needs\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/egg.ko", "depends=hen\nname=egg\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/hen.ko", "depends=egg\nname=hen\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/both.ko", "depends=\nname=both\n" VERMAGIC "\n");
	add_module(&fixture, "updates/both.ko", "depends=\nname=both\n" VERMAGIC "\n");
	refuse(&fixture, "absent", "kernel " VERSION " has no module \"absent\"");
	refuse(&fixture, "needs", "has no module \"gone\", which is needed by needs");
	refuse(&fixture, "egg", "depends on itself");
	refuse(&fixture, "both", "more than once");
	refuse(&fixture, "../needs", "has no module");
	refuse(&fixture, "", "has no module \"\"");
	add_module(&no_builtin, "kernel/a.ko", "depends=\nname=a\n" VERMAGIC "\n");
	refuse(&no_builtin, "a", "has no modules.builtin");
}

static void test_refused_modules(void)
{
	FIXTURE_AUTO fixture = {0};
	struct buf *bytes;

	add_builtin(&fixture, "");
	add_module(&fixture, "kernel/other.ko",
		"depends=\nname=other\nvermagic=6.12.1-testing SMP \n");
	add_module(&fixture, "kernel/short.ko", "depends=\nname=short\nvermagic=6.12.1 SMP \n");
	add_module(&fixture, "kernel/renamed.ko", "depends=\nname=real\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/nodepends.ko", "name=nodepends\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/nomagic.ko", "depends=\nname=nomagic\n");
	add_module(&fixture, "kernel/noname.ko", "depends=\n" VERMAGIC "\n");
	add_module(&fixture, "kernel/noend.ko", "depends=\nname=noend\n" VERMAGIC);
	make_elf(add_file(&fixture, "kernel/noinfo.ko", NULL, 0), ".other", "x", 2);
	add_file(&fixture, "kernel/text.ko", "not ELF at all", 14);
	add_file(&fixture, "kernel/empty.ko", NULL, 0);
	bytes = add_module(&fixture, "kernel/exec.ko", "depends=\nname=exec\n" VERMAGIC "\n");
	bytes->data[16] = ET_EXEC;
	bytes = add_module(&fixture, "kernel/cut.ko", "depends=\nname=cut\n" VERMAGIC "\n");
	bytes->len = 200;
	refuse(&fixture, "other",
		"kernel/other.ko: it was built for kernel \"6.12.1-testing SMP \"");
	refuse(&fixture, "short", "it was built for kernel \"6.12.1 SMP \"");
	refuse(&fixture, "renamed", "it calls itself \"real\"");
	refuse(&fixture, "nodepends", ".modinfo lacks");
	refuse(&fixture, "nomagic", ".modinfo lacks");
	refuse(&fixture, "noname", ".modinfo lacks");
	refuse(&fixture, "noend", "no sound .modinfo");
	refuse(&fixture, "noinfo", "no sound .modinfo");
	refuse(&fixture, "text", "not an ELF object");
	refuse(&fixture, "empty", "not an ELF object");
	refuse(&fixture, "exec", "not an ELF object");
	refuse(&fixture, "cut", "no sound .modinfo");
}

static void test_refused_streams(void)
{
	static const char info[] = "depends=\nname=m\n" VERMAGIC "\n";
	FIXTURE_AUTO fixture = {0};
	struct buf *bytes;

	add_builtin(&fixture, "");
	add_module(&fixture, "kernel/plain.ko.xz", info);
	compress_with(
		add_module(&fixture, "kernel/wrong.ko.xz", info), archive_write_add_filter_zstd);
	bytes = add_module(&fixture, "kernel/cut.ko.xz", info);
	compress_with(bytes, archive_write_add_filter_xz);
	bytes->len -= 20;
	bytes = add_module(&fixture, "kernel/tail.ko.zst", info);
	compress_with(bytes, archive_write_add_filter_zstd);
	buf_str(bytes, "tail");
	bytes = add_file(&fixture, "kernel/bomb.ko.xz", NULL, 0);
	memset(buf_grow(bytes, MODULES_BYTES_MAX + 1), 0, MODULES_BYTES_MAX + 1);
	compress_with(bytes, archive_write_add_filter_xz);
	bytes = add_module(&fixture, "kernel/twice.ko.xz", info);
	compress_with(bytes, archive_write_add_filter_xz);
	compress_with(bytes, archive_write_add_filter_xz);
	refuse(&fixture, "plain", "kernel/plain.ko.xz: not what its suffix says");
	refuse(&fixture, "wrong", "kernel/wrong.ko.xz: not what its suffix says");
	refuse(&fixture, "cut", "kernel/cut.ko.xz: ");
	refuse(&fixture, "tail", "kernel/tail.ko.zst: ");
	refuse(&fixture, "bomb", "more than 67108864 bytes come out");
	refuse(&fixture, "twice", "kernel/twice.ko.xz: not what its suffix says");
}

/* A module "mN" that needs what @depends says, under a name that stays. */
static void add_numbered(struct fixture *fixture, unsigned number, const char *depends)
{
	static char paths[FILES_MAX][24];
	char info[128];

	snprintf(paths[number], sizeof(paths[number]), "kernel/m%u.ko", number);
	snprintf(info, sizeof(info), "depends=%s\nname=m%u\n" VERMAGIC "\n", depends, number);
	add_module(fixture, paths[number], info);
}

static void test_limits(void)
{
	static struct fixture many, deep, listed;
	const char *wanted[MODULES_LOADED_MAX + 1];
	MODULES_AUTO modules = {0};
	BUF_AUTO builtin = {0};
	struct modules_dir dir;
	struct err err = {0};
	char text[16];

	add_builtin(&many, "");
	for (unsigned i = 0; i <= MODULES_LOADED_MAX; i++) {
		add_numbered(&many, i, "");
		wanted[i] = strndup(many.paths[1 + i] + 7, strlen(many.paths[1 + i]) - 10);
	}
	dir = dir_of(&many);
	is_int(modules_resolve(&dir, wanted, MODULES_LOADED_MAX + 1, &modules, &err), -EBADMSG,
		"more modules than the limit");
	ok(strstr(err.msg, "more than 1024 modules to load") != NULL, "%s", err.msg);
	is_int(modules_resolve(&dir, wanted, MODULES_LOADED_MAX, &modules, &err), 0,
		"as many as the limit");
	for (unsigned i = 0; i <= MODULES_LOADED_MAX; i++)
		free((char *)(uintptr_t)wanted[i]);
	add_builtin(&deep, "");
	for (unsigned i = 0; i <= MODULES_DEPTH_MAX + 1; i++) {
		snprintf(text, sizeof(text), "m%u", i + 1);
		add_numbered(&deep, i, text);
	}
	add_numbered(&deep, MODULES_DEPTH_MAX + 2, "");
	refuse(&deep, "m0", "too deeply");
	for (unsigned i = 0; i <= MODULES_FILES_MAX; i++)
		buf_fmt(&builtin, "kernel/b%u.ko\n", i);
	add_builtin(&listed, buf_cstr(&builtin));
	refuse(&listed, "x", "more than 65536 kernel modules");
	fixture_done(&many);
	fixture_done(&deep);
	fixture_done(&listed);
}

static int refuse_read(void *arg, size_t i, struct buf *ret, struct err *err)
{
	(void)arg;
	(void)i;
	(void)ret;
	return err_fail(err, -EIO, "disk on fire");
}

static void test_read_error(void)
{
	static const char *const paths[] = {"modules.builtin"};
	const struct modules_dir dir = {VERSION, paths, 1, refuse_read, NULL};
	MODULES_AUTO modules = {0};
	struct err err = {0};

	is_int(modules_resolve(&dir, NULL, 0, &modules, &err), -EIO, "a read error is passed on");
	is_str(err.msg, "disk on fire", "with its message");
}

int main(void)
{
	test_order();
	test_none();
	test_refused_sets();
	test_refused_modules();
	test_refused_streams();
	test_limits();
	test_read_error();
	return tap_done();
}
