/*
 * What systemd-stub measures (boot-uki.h). Its version stands in the image itself; what follows
 * from it is in the tables below. The order of the sections never changes.
 *
 *   up to 255 | measures by TPM alone; sections by the start of their names
 *   254       | .uname and .sbat are measured
 *   256       | measures by the CC protocol too; .ucode, before the initrd
 *   252       | under Secure Boot the stub vouches for the kernel itself, which keeps firmware from
 *             | measuring it
 *   257       | .osrel is handed on as a file in an initrd
 *   262       | starts the kernel itself, so that firmware does not measure it; adds a random
 *             | secret to the initrd, which the kernel measures
 */
#define _GNU_SOURCE /* memmem */
#include "measure/tdx/boot-uki.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bzimage.h"
#include "lib/buf.h"
#include "measure/tdx/boot-linux.h"

#define PCR_SECTIONS	 11
#define MEMORY_MAX	 (2u << 30) /* bytes of all sections that are handed on */
#define CMDLINE_MAX	 65536
#define VERSION_START	 "#### LoaderInfo: systemd-stub "
#define STUB_VERSION_MAX 9999u

enum use {
	USE_NONE, /* measured or not, nothing else */
	USE_LINUX,
	USE_CMDLINE,
	USE_INITRD, /* handed on as it is */
	USE_FILE,   /* handed on as a file in an archive of its own */
};

struct stub_section {
	const char *name;
	unsigned since; /* the version from which on it is measured */
	bool measured;
	enum use use;
	unsigned used_since;
	const char *file;
};

/* In the order in which they are measured. */
static const struct stub_section sections[] = {
	{".linux", 252, true, USE_LINUX, 252, NULL},
	{".osrel", 252, true, USE_FILE, 257, "os-release"},
	{".cmdline", 252, true, USE_CMDLINE, 252, NULL},
	{".initrd", 252, true, USE_INITRD, 252, NULL},
	{".ucode", 256, true, USE_INITRD, 256, NULL},
	{".splash", 252, true, USE_NONE, 0, NULL},
	{".uname", 254, true, USE_NONE, 0, NULL},
	{".sbat", 254, true, USE_NONE, 0, NULL},
	{".pcrsig", 252, false, USE_FILE, 252, "tpm2-pcr-signature.json"},
	{".pcrpkey", 252, true, USE_FILE, 252, "tpm2-pcr-public-key.pem"},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* Sections whose use depends on the machine, on load options, or has not been judged. */
static const char *const refused[] = {".dtb", ".dtbauto", ".hwids", ".profile", ".efifw"};

/* What is handed on as initrd, in this order. */
static const char *const initrd_order[] = {".ucode", ".initrd", ".pcrsig", ".pcrpkey", ".osrel"};

struct stub_version {
	unsigned first, last;
	bool loads_itself; /* the kernel, without the firmware's LoadImage */
	const char *initrd_unknown;
};

static const struct stub_version versions[] = {
	{252, 257, false, NULL},
	{262, 262, true, "systemd-stub adds a secret of its own, new for every machine"},
};

struct uki {
	const unsigned char *image;
	size_t len;
	struct pe pe;
	unsigned version;
	bool secure_boot;
	const struct stub_version *row;
	struct buf memory[SECTIONS]; /* as loaded; empty: not there */
};

static void uki_done(struct uki **slot)
{
	for (size_t i = 0; *slot != NULL && i < SECTIONS; i++)
		buf_done(&(*slot)->memory[i]);
	free(*slot);
}

bool boot_uki_probe(const struct pe *pe)
{
	return pe_section(pe, ".linux") != NULL;
}

static int find_version(struct uki *uki, struct err *err)
{
	const struct pe_section *magic = pe_section(&uki->pe, ".sdmagic");
	const unsigned char *at, *end;
	unsigned version = 0;

	if (magic == NULL || magic->raw_size == 0)
		return err_fail(err, -ENOTSUP, "not a UKI of systemd-stub: no .sdmagic section");
	end = uki->image + magic->raw_offset + magic->raw_size;
	at = memmem(uki->image + magic->raw_offset, magic->raw_size, VERSION_START,
		strlen(VERSION_START));
	if (at == NULL)
		return err_fail(err, -ENOTSUP, ".sdmagic does not say systemd-stub's version");
	for (at += strlen(VERSION_START); at < end && *at >= '0' && *at <= '9'; at++)
		if ((version = version * 10 + (*at - '0')) > STUB_VERSION_MAX)
			break;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (version >= versions[i].first && version <= versions[i].last)
			uki->row = &versions[i];
	if (uki->row == NULL)
		return err_fail(err, -ENOTSUP, "systemd-stub %u: only 252 to 257 and 262 are known",
			version);
	uki->version = version;
	return 0;
}

/* Old stubs compare the start of a name and take the last that fits, new ones whole names and the
 * first: only what is the same for both is taken. */
static int check_name(const struct pe *pe, const struct pe_section *section, struct err *err)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(section->name, refused[i]) == 0)
			return err_fail(err, -ENOTSUP, "UKI with a %s section", refused[i]);
	for (size_t i = 0; i < SECTIONS; i++)
		if (strncmp(section->name, sections[i].name, strlen(sections[i].name)) == 0 &&
			(strcmp(section->name, sections[i].name) != 0 ||
				pe_section(pe, section->name) != section))
			return err_fail(err, -ENOTSUP,
				"UKI: which section is %s depends on the reader", sections[i].name);
	return 0;
}

static int load_sections(struct uki *uki, struct err *err)
{
	uint64_t total = 0;

	for (size_t i = 0; i < uki->pe.count; i++) {
		const struct pe_section *section = &uki->pe.sections[i];
		int rc = check_name(&uki->pe, section, err);

		if (rc != 0)
			return rc;
		if (section->virtual_address > uki->pe.image_size ||
			section->virtual_size > uki->pe.image_size - section->virtual_address)
			return err_fail(
				err, -EBADMSG, "UKI: section %s leaves SizeOfImage", section->name);
	}
	for (size_t i = 0; i < SECTIONS; i++) {
		const struct pe_section *section = pe_section(&uki->pe, sections[i].name);

		if (section == NULL)
			continue;
		total += section->virtual_size;
		if (total > MEMORY_MAX)
			return err_fail(
				err, -EFBIG, "UKI: sections of more than %u bytes", MEMORY_MAX);
		pe_section_memory(uki->image, section, &uki->memory[i]);
		if (uki->memory[i].bad)
			return buf_check(&uki->memory[i], err);
	}
	return 0;
}

static const struct buf *memory_of(const struct uki *uki, const char *name)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if (strcmp(sections[i].name, name) == 0)
			return &uki->memory[i];
	return NULL;
}

/* Whether the stub's own code, without the kernel and what else it carries, can measure. */
static int stub_measures(
	const struct uki *uki, const struct boot_log *log, bool *ret, struct err *err)
{
	BUF_AUTO code = {0};
	int rc;

	for (size_t i = 0; i < uki->pe.count; i++) {
		const struct pe_section *section = &uki->pe.sections[i];

		if (section->raw_size > 0 && memory_of(uki, section->name) == NULL)
			buf_add(&code, uki->image + section->raw_offset, section->raw_size);
	}
	rc = buf_check(&code, err);
	*ret = rc == 0 && boot_log_measures(log, buf_cstr(&code), code.len);
	return rc;
}

static int measure_sections(const struct uki *uki, struct boot_log *log, struct err *err)
{
	bool measures;
	int rc = stub_measures(uki, log, &measures, err);

	if (rc != 0 || !measures)
		return rc;
	for (size_t i = 0; rc == 0 && i < SECTIONS; i++) {
		const struct stub_section *section = &sections[i];
		const struct buf *memory = &uki->memory[i];
		BUF_AUTO what = {0};

		if (!section->measured || uki->version < section->since || memory->len == 0)
			continue;
		buf_fmt(&what, "name of section %s", section->name);
		rc = buf_check(&what, err);
		if (rc == 0)
			rc = boot_log_data(log, PCR_SECTIONS, "EV_IPL", buf_cstr(&what),
				section->name, strlen(section->name) + 1, err);
		if (rc == 0)
			rc = boot_log_data(log, PCR_SECTIONS, "EV_IPL",
				buf_cstr(&what) + strlen("name of "), memory->data, memory->len,
				err);
	}
	return rc;
}

/* --- the archives that the stub makes --- */

static void cpio_header(struct buf *to, unsigned inode, uint32_t mode, unsigned links, size_t bytes,
	const char *name)
{
	buf_fmt(to, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode, mode, 0,
		0, links, 0, bytes, 0, 0, 0, 0, strlen(name) + 1, 0);
	buf_add(to, name, strlen(name) + 1);
	buf_align(to, 4);
}

/* One file in ".extra". The trailer's length is in capitals there. */
static void add_archive(const char *name, const struct buf *content, struct buf *to)
{
	static const char trailer[] = "070701"
				      "00000000000000000000000000000000"
				      "00000001"
				      "00000000000000000000000000000000"
				      "0000000000000000"
				      "0000000B"
				      "00000000"
				      "TRAILER!!!\0\0\0";
	BUF_AUTO path = {0};

	buf_fmt(&path, ".extra/%s", name);
	to->bad = to->bad || path.bad;
	cpio_header(to, 1, 040555, 1, 0, ".extra");
	cpio_header(to, 2, 0100444, 1, content->len, buf_cstr(&path));
	buf_add(to, content->data, content->len);
	buf_align(to, 4);
	buf_add(to, trailer, sizeof(trailer));
}

/* All initrds one after the other, each padded to four bytes unless it is alone. */
static int make_initrd(const struct uki *uki, struct buf *ret, struct err *err)
{
	const struct buf *alone = NULL;
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(initrd_order) / sizeof(initrd_order[0]); i++) {
		const struct buf *memory = memory_of(uki, initrd_order[i]);
		const struct stub_section *section = &sections[0];

		while (strcmp(section->name, initrd_order[i]) != 0)
			section++;
		if (memory->len == 0 || uki->version < section->used_since)
			continue;
		count++;
		if (section->use == USE_FILE) {
			add_archive(section->file, memory, ret);
		} else {
			alone = memory;
			buf_add(ret, memory->data, memory->len);
			buf_align(ret, 4);
		}
	}
	if (count == 1 && alone != NULL && !ret->bad)
		ret->len = alone->len;
	return buf_check(ret, err);
}

/* The command line as the stub hands it on. What versions treat differently is refused. */
static int take_cmdline(const struct uki *uki, struct buf *ret, struct err *err)
{
	const struct buf *memory = memory_of(uki, ".cmdline");
	size_t n = memory->len;
	const unsigned char *nul = n > 0 ? memchr(memory->data, '\0', n) : NULL;

	if (nul != NULL)
		n = (size_t)(nul - memory->data);
	while (n > 0 && (memory->data[n - 1] <= ' ' || memory->data[n - 1] == 0x7f))
		n--;
	if (memory->len == 0)
		return 0;
	if (n == 0 || n > CMDLINE_MAX)
		return err_fail(err, -ENOTSUP, "UKI: a .cmdline section of %s",
			n == 0 ? "nothing but blanks" : "more than 65536 bytes");
	for (size_t i = 0; i < n; i++)
		if (memory->data[i] < (i == 0 ? '!' : ' ') || memory->data[i] > 0x7e)
			return err_fail(err, -ENOTSUP, "UKI: .cmdline: byte %zu is %s", i,
				i == 0 ? "a blank" : "not a printable ASCII character");
	buf_add(ret, memory->data, n);
	return buf_check(ret, err);
}

static int start_kernel(const struct uki *uki, struct boot_log *log, struct err *err)
{
	const struct buf *kernel = memory_of(uki, ".linux");
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));
	BUF_AUTO cmdline = {0};
	BUF_AUTO initrd = {0};
	struct boot_linux boot = {.kernel = kernel->data, .kernel_bytes = kernel->len};
	int rc;

	if (pe == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = pe_parse(kernel->data, kernel->len, pe, err);
	if (rc != 0)
		return err_wrap(err, "UKI: .linux");
	if (pe->image_version < 1)
		return err_fail(err, -ENOTSUP,
			"UKI: a kernel before 5.8, which takes no initrd by LoadFile2");
	rc = take_cmdline(uki, &cmdline, err);
	if (rc == 0)
		rc = make_initrd(uki, &initrd, err);
	if (rc == 0 && !uki->row->loads_itself && !uki->secure_boot)
		rc = boot_log_image(log, "the kernel in the UKI", kernel->data, kernel->len, err);
	if (rc != 0)
		return rc;
	boot.cmdline = cmdline.len > 0 ? buf_cstr(&cmdline) : NULL;
	boot.initrd = initrd.data;
	boot.initrd_bytes = initrd.len;
	boot.initrd_unknown = uki->row->initrd_unknown;
	return boot_linux_stub(&boot, log, err);
}

int boot_uki(const void *image, size_t len, bool secure_boot, struct boot_log *log, struct err *err)
{
	__attribute__((cleanup(uki_done))) struct uki *uki = calloc(1, sizeof(*uki));
	int rc;

	if (uki == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	uki->image = image;
	uki->len = len;
	uki->secure_boot = secure_boot;
	rc = pe_parse(image, len, &uki->pe, err);
	if (rc == 0)
		rc = find_version(uki, err);
	if (rc == 0)
		rc = load_sections(uki, err);
	if (rc != 0)
		return rc;
	if (memory_of(uki, ".linux")->len == 0)
		return err_fail(err, -EBADMSG, "UKI: no .linux section");
	rc = measure_sections(uki, log, err);
	return rc != 0 ? rc : start_kernel(uki, log, err);
}
