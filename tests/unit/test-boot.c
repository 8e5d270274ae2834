/*
 * Boots from disks over synthetic images: which events, in which order, of which PCR, and what is
 * refused. Whether they are the right ones, tests/oracle/boot-disk.sh asks a real firmware.
 */
#define _GNU_SOURCE /* mkstemp */
#include "measure/tdx/boot-disk.h"

#include "measure/tdx/authenticode.h"
#include "measure/tdx/boot-grub-script.h"
#include "measure/tdx/boot-shim.h"
#include "measure/tdx/boot-uki.h"
#include "tests/tap.h"
#include "tests/unit/boot-image.h"
#include "tests/unit/ffs-image.h"

#define MAGIC_257 "#### LoaderInfo: systemd-stub 257.1-2 ####"

static struct buf kernel;

/* A name for a test that something works, and the reason when it does not. */
static const char *why(const struct err *err)
{
	return err->msg[0] != '\0' ? err->msg : "works";
}

/* --- unified kernel images --- */

struct uki {
	struct boot_image_part parts[16];
	size_t count;
};

static unsigned char stub_code[64];

static struct uki uki_example(const char *magic)
{
	struct uki uki = {.count = 6};
	struct guid guid;

	if (guid_parse(boot_image_cc, &guid))
		memcpy(stub_code + 8, guid.bytes, GUID_SIZE);
	uki.parts[0] = (struct boot_image_part){".text", stub_code, sizeof(stub_code)};
	uki.parts[1] = (struct boot_image_part){".sdmagic", magic, strlen(magic)};
	uki.parts[2] = (struct boot_image_part){".osrel", "ID=x\n", 5};
	uki.parts[3] = (struct boot_image_part){".cmdline", "quiet a=b \n\0\0", 12};
	uki.parts[4] = (struct boot_image_part){".initrd", "initrd", 6};
	uki.parts[5] = (struct boot_image_part){".linux", kernel.data, kernel.len};
	return uki;
}

static int uki_run(
	const struct uki *uki, enum boot_protocol protocol, struct boot_log *log, struct err *err)
{
	BUF_AUTO image = {0};

	*log = (struct boot_log){.protocol = protocol};
	boot_image_pe(&image, uki->parts, uki->count, 0);
	return boot_uki(image.data, image.len, false, log, err);
}

/* The PCRs and descriptions of a log on one line each. */
static void summary(const struct boot_log *log, struct buf *ret)
{
	for (size_t i = 0; i < log->count; i++)
		buf_fmt(ret, "%u %s\n", log->events[i].pcr, log->events[i].what);
}

static bool event_is(const struct boot_log *log, size_t i, const void *data, size_t n)
{
	unsigned char digest[SHA384_SIZE];
	struct err err = {0};

	return i < log->count && digest_bytes(DIGEST_SHA384, data, n, digest, &err) == 0 &&
	       memcmp(log->events[i].digest, digest, SHA384_SIZE) == 0;
}

static void test_uki(void)
{
	static const char cmdline[] = "q\0u\0i\0e\0t\0 \0a\0=\0b\0\0";
	/* The initrd, padded, then inode, mode, owner, group, links, time, size, four device
	 * numbers, length of the name and a checksum of each entry. */
	static const char archive[] = "initrd\0\0"
				      "070701"
				      "00000001"
				      "0000416d"
				      "00000000"
				      "00000000"
				      "00000001"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000007"
				      "00000000"
				      ".extra\0\0\0\0"
				      "070701"
				      "00000002"
				      "00008124"
				      "00000000"
				      "00000000"
				      "00000001"
				      "00000000"
				      "00000005"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000012"
				      "00000000"
				      ".extra/os-release\0"
				      "ID=x\n\0\0\0"
				      "070701"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000001"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "00000000"
				      "0000000B"
				      "00000000"
				      "TRAILER!!!\0\0\0";
	struct uki uki = uki_example(MAGIC_257);
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct rtmr rtmr = {.derive = NULL};
	unsigned char digest[SHA384_SIZE];
	struct err err = {0};
	BUF_AUTO text = {0};

	is_int(uki_run(&uki, BOOT_CC, &log, &err), 0, why(&err));
	summary(&log, &text);
	is_str(buf_cstr(&text),
		"11 name of section .linux\n11 section .linux\n11 name of section .osrel\n11 "
		"section .osrel\n"
		"11 name of section .cmdline\n11 section .cmdline\n11 name of section .initrd\n"
		"11 section .initrd\n4 Authenticode of the kernel in the UKI\n"
		"9 load options: the command line in UTF-16\n9 initrd\n",
		"systemd-stub 257: every event");
	ok(event_is(&log, 0, ".linux", 7), "a name with its NUL");
	ok(event_is(&log, 5, "quiet a=b \n\0\0", 12), "a section as it is");
	ok(authenticode_digest(DIGEST_SHA384, kernel.data, kernel.len, digest, &err) == 0 &&
			memcmp(digest, log.events[8].digest, SHA384_SIZE) == 0,
		"the kernel's Authenticode");
	ok(event_is(&log, 9, cmdline, sizeof(cmdline)),
		"the command line without its end, and a NUL");
	ok(event_is(&log, 10, archive, sizeof(archive)), "initrd and os-release");
	ok(boot_log_extend(&log, 1, &rtmr, &err) == 0 && boot_log_extend(&log, 2, &rtmr, &err) == 0,
		"both registers");
	boot_log_done(&log);

	uki = uki_example("#### LoaderInfo: systemd-stub 252 ####");
	memset(stub_code, 0, sizeof(stub_code));
	is_int(uki_run(&uki, BOOT_CC, &log, &err), 0, why(&err));
	text.len = 0;
	summary(&log, &text);
	is_str(buf_cstr(&text),
		"4 Authenticode of the kernel in the UKI\n9 load options: the command line in "
		"UTF-16\n"
		"9 initrd\n",
		"a stub without the protocol measures nothing, the kernel's GUID notwithstanding");
	ok(event_is(&log, 2, "initrd", 6), "before 257 the initrd alone is handed on");
	boot_log_done(&log);

	uki = uki_example("#### LoaderInfo: systemd-stub 262.1 ####");
	is_int(uki_run(&uki, BOOT_CC, &log, &err), 0, why(&err));
	ok(log.count == 10 && log.events[9].unknown != NULL, "262 adds what nobody knows");
	ok(boot_log_extend(&log, 1, &rtmr, &err) == 0, "RTMR1 does not need it");
	is_int(boot_log_extend(&log, 2, &rtmr, &err), -ENOTSUP, "RTMR2 does");
	boot_log_done(&log);

	uki = uki_example(MAGIC_257);
	uki.parts[3].name = ".other";
	uki.parts[4].name = ".another";
	uki.parts[2].name = ".third";
	is_int(uki_run(&uki, BOOT_CC, &log, &err), 0, why(&err));
	is_int((long long)log.count, 3, "no command line, no initrd: no events of them");
	boot_log_done(&log);
}

static void uki_refuses(const struct uki *uki, int code, const char *want)
{
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct err err = {0};
	int rc = uki_run(uki, BOOT_CC, &log, &err);

	ok(rc == code && strstr(err.msg, want) != NULL, "%s (%d %s)", want, rc, err.msg);
}

static void uki_refuses_section(size_t i, struct boot_image_part part, int code, const char *want)
{
	struct uki uki = uki_example(MAGIC_257);

	uki.parts[i] = part;
	uki.count += i == uki.count;
	uki_refuses(&uki, code, want);
}

static void test_bad_uki(void)
{
	static const char *const refused[] = {".dtb", ".dtbauto", ".hwids", ".profile", ".efifw"};
	struct uki uki = uki_example("#### LoaderInfo: systemd-stub 258 ####");
	BUF_AUTO old = {0};
	BUF_AUTO other = {0};

	uki_refuses(&uki, -ENOTSUP, "systemd-stub 258: only");
	uki = uki_example("#### LoaderInfo: systemd-stub 99999999999 ####");
	uki_refuses(&uki, -ENOTSUP, "only 252 to 257");
	uki = uki_example("#### LoaderInfo: other-stub 257 ####");
	uki_refuses(&uki, -ENOTSUP, "does not say");
	uki_refuses_section(1, (struct boot_image_part){".magic", "x", 1}, -ENOTSUP, "no .sdmagic");
	uki_refuses_section(
		1, (struct boot_image_part){".sdmagic", "", 0}, -ENOTSUP, "no .sdmagic");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		uki_refuses_section(
			6, (struct boot_image_part){refused[i], "x", 1}, -ENOTSUP, refused[i]);
	uki_refuses_section(6, (struct boot_image_part){".linux2", "x", 1}, -ENOTSUP,
		"which section is .linux");
	uki_refuses_section(
		6, (struct boot_image_part){".osrel", "x", 1}, -ENOTSUP, "which section is .osrel");
	uki_refuses_section(5, (struct boot_image_part){".linux", "", 0}, -EBADMSG, "no .linux");
	uki_refuses_section(
		5, (struct boot_image_part){".linux", "MZ", 2}, -EBADMSG, ".linux: not a PE");
	uki_refuses_section(
		3, (struct boot_image_part){".cmdline", " \n", 2}, -ENOTSUP, "nothing but blanks");
	uki_refuses_section(
		3, (struct boot_image_part){".cmdline", " a", 2}, -ENOTSUP, "byte 0 is a blank");
	uki_refuses_section(
		3, (struct boot_image_part){".cmdline", "a\tb", 3}, -ENOTSUP, "byte 1 is not");
	uki_refuses_section(
		3, (struct boot_image_part){".cmdline", "\xc3\xa4", 2}, -ENOTSUP, "byte 0 is");
	uki_refuses_section(
		3, (struct boot_image_part){".cmdline", "a initrd=/b", 11}, -ENOTSUP, "initrd=");
	uki_refuses_section(
		3, (struct boot_image_part){".cmdline", "noinitrd", 8}, -ENOTSUP, "noinitrd");
	boot_image_kernel(&old, 0, true);
	uki_refuses_section(
		5, (struct boot_image_part){".linux", old.data, old.len}, -ENOTSUP, "before 5.8");
	boot_image_pe(&other, uki.parts, 1, 1);
	uki_refuses_section(5, (struct boot_image_part){".linux", other.data, other.len}, -EBADMSG,
		"not a bzImage");
}

/* A section that begins, or ends, beyond the image's own size. */
static void test_uki_bounds(void)
{
	struct uki uki = uki_example(MAGIC_257);
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct err err = {0};
	BUF_AUTO image = {0};

	boot_image_pe(&image, uki.parts, uki.count, 0);
	memcpy(image.data + 0x98 + 240 + 2 * 40 + 8, "\xff\xff\xff\x7f", 4);
	is_int(boot_uki(image.data, image.len, false, &log, &err), -EBADMSG, "a section of 2 GiB");
	ok(strstr(err.msg, "leaves SizeOfImage") != NULL, "%s", err.msg);
}

/* --- disks --- */

static int disk_run(const struct boot_image_file *files, size_t count, struct boot_input in,
	struct boot_log *log, struct err *err)
{
	BUF_AUTO disk = {0};
	char path[32];
	int rc;

	boot_image_disk(&disk, files, count);
	if (!boot_image_save(&disk, path))
		abort();
	in.disk = path;
	*log = (struct boot_log){.protocol = BOOT_CC};
	rc = boot_disk_log(&in, log, err);
	unlink(path);
	return rc;
}

static void disk_refuses(const struct boot_image_file *files, size_t count, struct boot_input in,
	int code, const char *want)
{
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct err err = {0};
	int rc = disk_run(files, count, in, &log, &err);

	ok(rc == code && strstr(err.msg, want) != NULL, "%s (%d %s)", want, rc, err.msg);
}

static void test_disk(void)
{
	static const char *const beside[] = {"loader/addons/x.addon.efi",
		"loader/credentials/a.cred", "loader/new", "EFI/BOOT/BOOTX64.EFI.extra.d/b.raw"};
	struct uki uki = uki_example(MAGIC_257);
	const struct boot_input in = {.flow = BOOT_UKI};
	struct boot_image_file files[4] = {{"EFI/BOOT/BOOTX64.EFI", NULL, 0},
		{"loader/loader.conf", "x", 1}, {"loader/addons/", NULL, 0},
		{"EFI/BOOT/BOOTX64.EFI.extra.d/", NULL, 0}};
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct err err = {0};
	BUF_AUTO image = {0};
	BUF_AUTO text = {0};

	boot_image_pe(&image, uki.parts, uki.count, 0);
	files[0].data = image.data;
	files[0].size = image.len;
	is_int(disk_run(files, 4, in, &log, &err), 0, why(&err));
	summary(&log, &text);
	ok(strncmp(buf_cstr(&text),
		   "4 Calling EFI Application from Boot Option\n4 separator\n5 partition table\n"
		   "4 Authenticode of EFI/BOOT/BOOTX64.EFI\n",
		   strlen("4 Calling EFI Application from Boot Option\n4 separator\n5 partition "
			  "table\n"
			  "4 Authenticode of EFI/BOOT/BOOTX64.EFI\n")) == 0,
		"what the firmware measures first");
	ok(strstr(buf_cstr(&text), "9 initrd\n5 Exit Boot Services Invocation\n"
				   "5 Exit Boot Services Returned with Success\n") != NULL,
		"and last");
	ok(event_is(&log, 1, "\0\0\0\0", 4), "the separator");
	boot_log_done(&log);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		files[1] = (struct boot_image_file){beside[i], "x", 1};
		disk_refuses(files, 2, in, -ENOTSUP, "systemd-stub reads what lies there");
	}
	disk_refuses(files + 1, 1, in, -EBADMSG, "no EFI/BOOT/BOOTX64.EFI");
	files[0].size = 100;
	disk_refuses(files, 1, in, -EBADMSG, "BOOTX64.EFI: not a PE");
}

/* Changes a disk's table and signs it again is gpt_parse's test; here, what is in it. */
static void test_tables(void)
{
	struct boot_image_file file = {"EFI/BOOT/BOOTX64.EFI", "x", 1};
	BUF_AUTO disk = {0};
	BUF_AUTO event = {0};
	struct boot_disk opened;
	struct err err = {0};
	struct gpt gpt;
	char path[32];

	boot_image_disk(&disk, &file, 1);
	is_int(gpt_parse(disk.data, disk.data + disk.len - GPT_TAIL_SIZE, disk.len / 512, "disk",
		       &gpt, &err),
		0, why(&err));
	is_int(gpt_number(disk.data, 1), 2, "the number of the second partition");
	is_int(gpt_number(disk.data, 2), 0, "there is no third one");
	gpt_event(disk.data, &event);
	ok(event.len == 92 + 8 + 2 * 128 && memcmp(event.data, disk.data + 512, 92) == 0 &&
			event.data[92] == 2 && event.data[93] == 0 &&
			memcmp(event.data + 100, disk.data + 1024, 256) == 0,
		"header, count and entries of the table");

	/* The other partition becomes a system partition too, then both become others. */
	memcpy(gpt.partitions[0].type.bytes, gpt.partitions[1].type.bytes, GUID_SIZE);
	gpt_format(&gpt, disk.len / 512, disk.data, disk.data + disk.len - GPT_TAIL_SIZE);
	ok(boot_image_save(&disk, path), "saved");
	is_int(boot_disk_open(path, &opened, &err), -EBADMSG, "a system partition that is empty");
	unlink(path);
	gpt.count = 1;
	gpt_format(&gpt, disk.len / 512, disk.data, disk.data + disk.len - GPT_TAIL_SIZE);
	memset(gpt.partitions[0].type.bytes, 7, GUID_SIZE);
	gpt_format(&gpt, disk.len / 512, disk.data, disk.data + disk.len - GPT_TAIL_SIZE);
	ok(boot_image_save(&disk, path), "saved");
	is_int(boot_disk_open(path, &opened, &err), -ENOTSUP, "no system partition");
	ok(strstr(err.msg, "0 EFI system partitions") != NULL, "%s", err.msg);
	unlink(path);
	disk.len = 4096;
	ok(boot_image_save(&disk, path), "saved");
	is_int(boot_disk_open(path, &opened, &err), -EBADMSG, "a short file");
	unlink(path);
	ok(boot_disk_open("/nonexistent/disk", &opened, &err) < 0, "no file");
}

/* --- GRUB --- */

static const char sbat_212[] =
	"sbat,1,SBAT Version,sbat,1,URL\ngrub,5,Free Software Foundation,grub,2.12,URL\n";
static const char sbat_214[] =
	"sbat,1,SBAT Version,sbat,1,URL\ngrub,5,Free Software Foundation,grub,2.14,URL\n";

enum grub_parts {
	WITHOUT_TPM = 1,
	WITHOUT_CC = 2,
	WITHOUT_PEIMAGE = 4,
	WITH_CONFIG = 8,
	WITH_FW_PATH = 16,
	WITHOUT_NORMAL = 32,
};

static void grub_example(struct buf *ret, unsigned parts, const char *prefix, const char *sbat)
{
	BUF_AUTO mods = {0};
	struct guid guid;

	if (!guid_parse(boot_image_cc, &guid))
		abort();
	if ((parts & WITHOUT_NORMAL) == 0)
		boot_image_module(
			&mods, "normal", (parts & WITH_FW_PATH) != 0 ? "fw_path" : "another", 8);
	boot_image_module(&mods, "fat", "", 0);
	if ((parts & WITHOUT_TPM) == 0)
		boot_image_module(
			&mods, "tpm", guid.bytes, (parts & WITHOUT_CC) != 0 ? 8 : GUID_SIZE);
	if ((parts & WITHOUT_PEIMAGE) == 0)
		boot_image_module(&mods, "peimage", "", 0);
	if ((parts & WITH_CONFIG) != 0)
		boot_image_grub_part(&mods, 2, "normal\n", 7);
	boot_image_grub_part(&mods, 3, prefix, strlen(prefix) + 1);
	boot_image_grub(ret, &mods, sbat);
}

/* The list that running @config gives, or the error. */
static int run_config(const char *config, unsigned parts, struct buf *list, struct err *err)
{
	const struct boot_image_file files[] = {{"EFI/BOOT/BOOTX64.EFI", "x", 1},
		{"EFI/debian/grub.cfg", config, strlen(config)}, {"vmlinuz", "kernel", 6},
		{"initrd", "i", 1}, {"more", "m", 1}};
	BOOT_DISK_AUTO disk = {.path = NULL};
	struct grub_image image;
	BUF_AUTO bytes = {0};
	BUF_AUTO grub = {0};
	struct pe pe;
	char path[32];
	int rc;

	boot_image_disk(&bytes, files, sizeof(files) / sizeof(files[0]));
	grub_example(&grub, parts, "/EFI/debian", sbat_212);
	if (!boot_image_save(&bytes, path))
		abort();
	rc = boot_disk_open(path, &disk, err);
	if (rc == 0)
		rc = pe_parse(grub.data, grub.len, &pe, err);
	if (rc == 0)
		rc = grub_image_parse(grub.data, &pe, &image, err);
	if (rc == 0)
		rc = boot_grub_run(&disk, &image, list, err);
	unlink(path);
	return rc;
}

static void config_gives(const char *config, unsigned parts, const char *want, const char *what)
{
	struct err err = {0};
	BUF_AUTO list = {0};

	is_int(run_config(config, parts, &list, &err), 0, why(&err));
	is_str(buf_cstr(&list), want, what);
}

static void test_script(void)
{
#define FILE_CFG "file: (hd0,gpt2)/EFI/debian/grub.cfg\n"
	config_gives("set timeout=0\nmenuentry a {\nlinux /vmlinuz\n}\n", 0,
		FILE_CFG "grub_cmd: set timeout=0\n"
			 "grub_cmd: menuentry a {\\nlinux /vmlinuz\\n}\n"
			 "grub_cmd: setparams a\ngrub_cmd: linux /vmlinuz\nfile: /vmlinuz\n"
			 "kernel_cmdline: /vmlinuz\n",
		"the shortest menu");
	config_gives("linux /vmlinuz \"a b\" c\\'d 'e\\f'; initrd /initrd /more ;boot\nunknown\n",
		WITH_FW_PATH,
		FILE_CFG FILE_CFG
		"grub_cmd: linux /vmlinuz a b c'd e\\\\f\nfile: /vmlinuz\n"
		"kernel_cmdline: /vmlinuz \"a b\" c\\\\'d e\\\\\\\\f\n"
		"grub_cmd: initrd /initrd /more\nfile: /initrd\nfile: /more\ngrub_cmd: boot\n",
		"no menu: quotes, escapes, semicolons, what follows boot");
	config_gives("#if\nx=1 # comment\nset y=\"$x-${x}\"\nsearch --file /vmlinuz --set=root "
		     "--no-floppy\n"
		     "set timeout=5; set default=two\nexport y\ninsmod fat\n"
		     "menuentry One --id one { linux /nothing }\n"
		     "menuentry 'Two' word --class os --id two --unrestricted {\n"
		     "\tset root=(hd0,gpt2)\n\tlinux ($root)/vmlinuz \\\n  $y \"\"\n}\n",
		0,
		FILE_CFG
		"grub_cmd: x=1\ngrub_cmd: set y=1-1\n"
		"grub_cmd: search --file /vmlinuz --set=root --no-floppy\n"
		"file: (hd0,gpt2)/vmlinuz\ngrub_cmd: set timeout=5\ngrub_cmd: set default=two\n"
		"grub_cmd: export y\ngrub_cmd: insmod fat\n"
		"grub_cmd: menuentry One --id one { linux /nothing }\n"
		"grub_cmd: menuentry Two word --class os --id two --unrestricted {\\n"
		"\\tset root=(hd0,gpt2)\\n\\tlinux ($root)/vmlinuz \\\\\\n  $y \"\"\\n}\n"
		"grub_cmd: setparams Two word\ngrub_cmd: set root=(hd0,gpt2)\n"
		"grub_cmd: linux (hd0,gpt2)/vmlinuz 1-1 \nfile: (hd0,gpt2)/vmlinuz\n"
		"kernel_cmdline: (hd0,gpt2)/vmlinuz 1-1 \n",
		"variables, a search, a default by its name");
}

static void config_refuses(const char *config, unsigned line, const char *want)
{
	struct err err = {0};
	BUF_AUTO list = {0};
	char at[64];
	int rc = run_config(config, 0, &list, &err);

	snprintf(at, sizeof(at), "grub.cfg:%u: ", line);
	ok(rc == -ENOTSUP && strstr(err.msg, want) != NULL && strstr(err.msg, at) != NULL,
		"%s (%d %s)", want, rc, err.msg);
}

static void test_bad_script(void)
{
	struct err err = {0};
	BUF_AUTO list = {0};

	config_refuses("\n\nif true; then\nfi\n", 3, "the command if");
	config_refuses("function a {\n}\n", 1, "a block of no menu entry");
	config_refuses("source /x\n", 1, "the command source");
	config_refuses("set a=b c\n", 1, "more than an assignment");
	config_refuses("set a\n", 1, "assigns nothing");
	config_refuses("a=b c\n", 1, "after an assignment");
	config_refuses("set prefix=/x\n", 1, "new value of prefix");
	config_refuses("set root=hd1,gpt1\n", 1, "not the EFI system partition");
	config_refuses("set a=$b\n", 1, "$b, whose value is not known");
	config_refuses("set a=$1\n", 1, "not of a variable");
	config_refuses("set a=${b\n", 1, "not of a variable");
	config_refuses("set a='b c'\necho $a\n", 2, "more than a word");
	config_refuses("set a=\necho x$a\n", 2, "empty");
	config_refuses("echo 'a\nb'\n", 1, "beyond its line");
	config_refuses("echo \"\\n\"\n", 1, "unknown escape");
	config_refuses("echo *\n", 1, "'*' without quotes");
	config_refuses("[ a = b ]\n", 1, "'[' without quotes");
	config_refuses("echo a | b\n", 1, "'|' without quotes");
	config_refuses("echo a\\", 1, "a backslash before no character");
	config_refuses("insmod ext2\n", 1, "not in GRUB's image");
	config_refuses("terminal_output gfxterm\n", 1, "a terminal other");
	config_refuses("search --fs-uuid 1234 --set=root\n", 1, "search --fs-uuid");
	config_refuses("search --file /vmlinuz\n", 1, "a search that is not");
	config_refuses("search --file /none --set=root\n", 1, "there is no (hd0,gpt2)/none");
	config_refuses("linux\n", 1, "linux without a kernel");
	config_refuses("linux /none\n", 1, "there is no /none");
	config_refuses("linux (hd0,gpt1)/vmlinuz\n", 1, "is no file of the EFI system partition");
	config_refuses("initrd /initrd\n", 1, "without a kernel");
	config_refuses("boot\n", 1, "boot without a kernel");
	config_refuses("menuentry a --hotkey=b {\n}\n", 2, "menuentry --hotkey=b");
	config_refuses("menuentry a\n", 1, "of another form");
	config_refuses("menuentry {\n}\n", 2, "without a title");
	config_refuses("menuentry a {\n", 2, "a block without end");
	config_refuses("menuentry a {\n #x\n}\n", 2, "'#' in a block");
	config_refuses("menuentry a {\n} b\n", 2, "words after a block");
	config_refuses("set timeout=1\nset a=b\n", 3, "no menu entry");
	config_refuses("menuentry a {\n}\n", 3, "no timeout");
	config_refuses("set timeout=-1\nmenuentry a {\n}\n", 4, "no timeout");
	config_refuses("set timeout=1\nset default=7\nmenuentry a {\n}\n", 5, "no menu entry");
	config_refuses("set timeout=1\nset default=saved\nmenuentry a {\n}\n", 5, "no menu entry");
	config_refuses("set timeout=1\nmenuentry a {\n}\n", 4, "loads no kernel");
	config_refuses("set timeout=1\nmenuentry a { menuentry b { } }\n", 2, "of another form");
	is_int(run_config("a\rb\n", 0, &list, &err), -ENOTSUP, "a carriage return");
	is_int(run_config("", WITH_CONFIG, &list, &err), -ENOTSUP, "commands in the image");
	is_int(run_config("", WITHOUT_NORMAL, &list, &err), -ENOTSUP, "no normal module");
}

static int run_grub(unsigned parts, const char *sbat, const char *commands, enum boot_flow flow,
	const struct boot_image_file *more, struct boot_log *log, struct err *err)
{
	struct boot_input in = {.flow = flow};
	BUF_AUTO list = {0};
	BUF_AUTO grub = {0};
	char path[32] = "";
	int rc;

	grub_example(&grub, parts, "/EFI/debian", sbat);
	buf_str(&list, commands);
	if (!boot_image_save(&list, path))
		abort();
	in.grub_commands = path;
	{
		const struct boot_image_file files[] = {
			{"EFI/BOOT/BOOTX64.EFI", grub.data, grub.len},
			{"vmlinuz", kernel.data, kernel.len}, {"initrd", "abc", 3},
			more != NULL ? *more : (struct boot_image_file){"x", "y", 1}};

		rc = disk_run(files, 4, in, log, err);
	}
	unlink(path);
	return rc;
}

static void test_list(void)
{
	static const char start[] =
		"grub_cmd: linux /vmlinuz a\nfile: /vmlinuz\nkernel_cmdline: /vmlinuz a\n";
	static const char options[] =
		"B\0O\0O\0T\0_\0I\0M\0A\0G\0E\0=\0/\0v\0m\0l\0i\0n\0u\0z\0 \0a\0\0";
	const struct {
		const char *list;
		int code;
		const char *want;
	} bad[] = {
		{"# nothing\n\n", -ENOTSUP, "starts no kernel"},
		{"grub_cmd:x\n", -EBADMSG, ":1: not one of"},
		{"\nfile: /none\n", -EBADMSG, "no none"},
		{"grub_cmd: a\\b\n", -EBADMSG, "a backslash"},
		{"grub_cmd: a\\", -EBADMSG, "a backslash"},
		{"file: (hd0,gpt1)/vmlinuz\n", -ENOTSUP, "--grub-file"},
		{"image: /initrd\n", -EBADMSG, "not a PE"},
		{"kernel_cmdline: /initrd\n", -EBADMSG, "not a bzImage"},
		{"grub_cmd: initrd newc:a:/initrd\n", -ENOTSUP, "newc:"},
		{"grub_cmd: initrd  /initrd\n", -ENOTSUP, "blanks"},
	};
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};
	BUF_AUTO text = {0};
	BUF_AUTO list = {0};

	buf_fmt(&list,
		"%smodule_cmdline: x\\ty\ngrub_cmd: initrd /initrd (hd0,gpt2)/initrd\nfile: "
		"/initrd\n",
		start);
	is_int(run_grub(0, sbat_212, buf_cstr(&list), BOOT_GRUB, NULL, &log, &err), 0, why(&err));
	summary(&log, &text);
	ok(strstr(buf_cstr(&text),
		   "8 grub_cmd: linux /vmlinuz a\n9 file /vmlinuz\n8 kernel_cmdline: /vmlinuz a\n"
		   "8 module_cmdline: x y\n8 grub_cmd: initrd /initrd (hd0,gpt2)/initrd\n9 file "
		   "/initrd\n"
		   "9 load options: the command line in UTF-16\n9 initrd\n") != NULL,
		"what is in the list, and what the kernel does");
	ok(event_is(&log, 7, "x\ty", 3), "escapes");
	ok(event_is(&log, 10, options, sizeof(options) - 2), "GRUB 2.12 leaves out the NUL");
	ok(event_is(&log, 11, "abc\0abc", 7), "initrds one after the other");
	boot_log_done(&log);
	is_int(run_grub(0, sbat_214, start, BOOT_GRUB, NULL, &log, &err), 0, why(&err));
	ok(event_is(&log, 7, options, sizeof(options)), "GRUB 2.14 does not");
	boot_log_done(&log);
	is_int(run_grub(WITHOUT_PEIMAGE, sbat_214, start, BOOT_GRUB, NULL, &log, &err), 0,
		why(&err));
	ok(boot_log_extend(&log, 1, &rtmr, &err) == -ENOTSUP &&
			boot_log_extend(&log, 2, &rtmr, &err) == -ENOTSUP,
		"how GRUB starts the kernel is not known");
	boot_log_done(&log);
	buf_done(&list);
	buf_fmt(&list, "%simage: (hd0,gpt2)/vmlinuz\n", start);
	is_int(run_grub(WITHOUT_PEIMAGE, sbat_214, buf_cstr(&list), BOOT_GRUB, NULL, &log, &err), 0,
		why(&err));
	ok(boot_log_extend(&log, 1, &rtmr, &err) == 0 && boot_log_extend(&log, 2, &rtmr, &err) == 0,
		"unless the list says it");
	boot_log_done(&log);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = run_grub(0, sbat_212, bad[i].list, BOOT_GRUB, NULL, &log, &err);

		ok(rc == bad[i].code && strstr(err.msg, bad[i].want) != NULL, "%s (%d %s)",
			bad[i].want, rc, err.msg);
		boot_log_done(&log);
	}
	is_int(run_grub(WITHOUT_TPM, sbat_212, start, BOOT_GRUB, NULL, &log, &err), -ENOTSUP,
		"no tpm module");
	boot_log_done(&log);
	is_int(run_grub(WITHOUT_CC, sbat_212, start, BOOT_GRUB, NULL, &log, &err), -ENOTSUP,
		"no CC protocol");
	boot_log_done(&log);
	is_int(run_grub(0, "sbat,1\ngrub,5,F,grub,2.13,U\n", start, BOOT_GRUB, NULL, &log, &err),
		-ENOTSUP, "GRUB 2.13");
	boot_log_done(&log);
	is_int(run_grub(0, "\ngrub,", start, BOOT_GRUB, NULL, &log, &err), -ENOTSUP, "no version");
}

static void test_grub_image(void)
{
	struct grub_image image;
	struct err err = {0};
	BUF_AUTO grub = {0};
	struct pe pe;
	unsigned char *mods;

	grub_example(&grub, 0, "/EFI/debian", sbat_212);
	is_int(pe_parse(grub.data, grub.len, &pe, &err), 0, why(&err));
	ok(grub_image_probe(&pe), "is a GRUB image");
	is_int(grub_image_parse(grub.data, &pe, &image, &err), 0, why(&err));
	is_str(image.prefix, "/EFI/debian", "its prefix");
	ok(!image.has_config && !image.has_memdisk, "nothing else");
	ok(!grub_image_module(&image, "tpm").bad && grub_image_module(&image, "tp").bad &&
			grub_image_module(&image, "tpmx").bad,
		"modules by their whole names");
	mods = grub.data + pe.sections[1].raw_offset;
	mods[0] = 'M';
	is_int(grub_image_parse(grub.data, &pe, &image, &err), -EBADMSG, "no magic");
	mods[0] = 'm';
	mods[8] = 0xff;
	is_int(grub_image_parse(grub.data, &pe, &image, &err), -EBADMSG,
		"parts that leave the section");
	mods[8] = 24;
	mods[24 + 4] = 7;
	mods[24 + 5] = 0;
	is_int(grub_image_parse(grub.data, &pe, &image, &err), -EBADMSG,
		"a part shorter than its header");
	mods[24 + 5] = 0xff;
	is_int(grub_image_parse(grub.data, &pe, &image, &err), -EBADMSG,
		"a part that leaves the section");
	pe.sections[1].name[0] = 'x';
	ok(!grub_image_probe(&pe), "no mods section: no GRUB image");
	is_int(grub_image_parse(grub.data, &pe, &image, &err), -EBADMSG, "or one to read");
}

/* --- shim --- */

static const char shim_version[] = "UEFI SHIM\n$Version: 16.1 $\n$BuildMachine: x $\n";

/* @vendor is the section .vendor_cert. */
static void shim_example(
	struct buf *ret, const char *version, const void *vendor, size_t n, bool measures)
{
	static unsigned char code[32];
	const struct boot_image_part parts[] = {{".text", code, sizeof(code)},
		{".data.ident", version, strlen(version)}, {".vendor_cert", vendor, n},
		{".other", "x", 1}};
	struct guid guid;

	memset(code, 0, sizeof(code));
	if (measures && guid_parse(boot_image_cc, &guid))
		memcpy(code, guid.bytes, GUID_SIZE);
	boot_image_pe(ret, parts, 4, 0);
}

static void test_shim(void)
{
	static const char vendor[] = "\4\0\0\0\0\0\0\0\x10\0\0\0\x14\0\0\0\x30\x02\x05\x00";
	static const char list_x509[] =
		"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72\x30\0\0\0\0\0\0\0"
		"\x14\0\0\0"
		"\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23\x30\x02\x05\x00";
	static const char list_none[] =
		"\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28\x4c\0\0\0\0\0\0\0"
		"\x30\0\0\0"
		"\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	static const struct {
		const char *version, *vendor;
		size_t n;
		bool measures;
		int code;
		const char *want;
	} bad[] = {
		{"UEFI SHIM\n$Version: 14 $", vendor, 20, true, -ENOTSUP, "unknown version"},
		{"UEFI SHIM\n$Version: 16", vendor, 20, true, -ENOTSUP, "unknown version"},
		{"SHIM", vendor, 20, true, -ENOTSUP, "does not say its version"},
		{shim_version, vendor, 0, true, -ENOTSUP, "without a .vendor_cert"},
		{shim_version, vendor, 20, false, -ENOTSUP, "does not measure"},
		{shim_version, "\1\2\0\0\0\0\0\0\x10\0\0\0\x11\0\0\0\x30", 17, true, -EBADMSG,
			"MokList leaves"},
		{shim_version, "\1\0\0\0\0\3\0\0\x10\0\0\0\x11\0\0\0\x30", 17, true, -EBADMSG,
			"MokListX leaves"},
		{"UEFI SHIM\n$Version: 16.1 $\xa0\x03\x02\x01\x02\x02", vendor, 20, true, -ENOTSUP,
			"certificates outside"},
	};
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct err err = {0};
	BUF_AUTO shim = {0};
	struct boot_shim made = {.loads = false};

	shim_example(&shim, shim_version, vendor, 20, true);
	is_int(boot_shim(shim.data, shim.len, &log, &made, &err), 0, why(&err));
	ok(log.count == 3 && made.loads && made.cert_size == 4,
		"three lists, a loader, a certificate");
	ok(event_is(&log, 0, list_x509, sizeof(list_x509) - 1),
		"MokList: the certificate in a list");
	ok(event_is(&log, 1, list_none, sizeof(list_none)),
		"MokListX: a list of a digest of zeros");
	ok(event_is(&log, 2, "\1", 1), "MokListTrusted");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BUF_AUTO image = {0};
		int rc;

		boot_log_done(&log);
		shim_example(&image, bad[i].version, bad[i].vendor, bad[i].n, bad[i].measures);
		rc = boot_shim(image.data, image.len, &log, &made, &err);
		ok(rc == bad[i].code && strstr(err.msg, bad[i].want) != NULL, "%s (%d %s)",
			bad[i].want, rc, err.msg);
	}
}

static void test_shim_disk(void)
{
	static const char *const others[] = {"EFI/BOOT/fbx64.efi",
		"EFI/BOOT/SHIM_CERTIFICATE_0.EFI", "EFI/BOOT/revocations.efi"};
	static const char vendor[20] = "\0\0\0\0\0\0\0\0\x10\0\0\0\x10\0\0";
	struct boot_image_file files[5] = {{"EFI/BOOT/BOOTX64.EFI", NULL, 0},
		{"EFI/BOOT/grubx64.efi", NULL, 0},
		{"EFI/debian/grub.cfg", "linux /vmlinuz\nboot\n", 20},
		{"vmlinuz", kernel.data, kernel.len}};
	const struct boot_input in = {.flow = BOOT_SHIM_GRUB};
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct err err = {0};
	BUF_AUTO shim = {0};
	BUF_AUTO grub = {0};
	BUF_AUTO text = {0};

	shim_example(&shim, shim_version, vendor, 20, true);
	grub_example(&grub, 0, "/EFI/debian", sbat_214);
	files[0].data = shim.data;
	files[0].size = shim.len;
	files[1].data = grub.data;
	files[1].size = grub.len;
	is_int(disk_run(files, 4, in, &log, &err), 0, why(&err));
	summary(&log, &text);
	ok(strstr(buf_cstr(&text),
		   "4 Authenticode of EFI/BOOT/BOOTX64.EFI\n14 MokList\n14 MokListX\n"
		   "14 MokListTrusted\n4 Authenticode of EFI/BOOT/grubx64.efi\n9 file ") != NULL,
		"shim before GRUB");
	ok(strstr(buf_cstr(&text), "4 Authenticode of /vmlinuz\n9 load options") != NULL,
		"GRUB 2.14 has shim 16 load the kernel");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		files[4] = (struct boot_image_file){others[i], "x", 1};
		disk_refuses(files, 5, in, -ENOTSUP, "what shim does with it");
	}
	disk_refuses(files, 1, in, -EBADMSG, "no EFI/BOOT/grubx64.efi");
}

/* The FAT driver flushes when it knows the event group; other modules may know it. */
static void test_firmware(void)
{
#define BEFORE "\x74\xe2\xe0\x8b\x70\x39\x44\x4b\x80\xc5\x1a\xb9\x50\x2f\x3b\xfc"
	struct ffs_image_module modules[] = {
		{"961578fe-b6b7-44c3-af35-6bc705cd2b1f", "Fat", "x" BEFORE},
		{"11111111-2222-3333-4444-555555555555", "SnpDxe", BEFORE},
	};
	struct err err = {0};
	BUF_AUTO image = {0};
	BUF_AUTO older = {0};
	BUF_AUTO none = {0};
	bool flushes = false;

	ffs_image_make(&image, modules, 2, FFS_IMAGE_LZMA);
	is_int(boot_disk_flushes(image.data, image.len, &flushes, &err), 0, why(&err));
	ok(flushes, "a FAT driver that flushes");
	modules[0].contents = "x";
	ffs_image_make(&older, modules, 2, FFS_IMAGE_LZMA);
	is_int(boot_disk_flushes(older.data, older.len, &flushes, &err), 0, why(&err));
	ok(!flushes, "one that does not");
	flushes = true;
	ffs_image_make(&none, modules + 1, 1, FFS_IMAGE_LZMA);
	is_int(boot_disk_flushes(none.data, none.len, &flushes, &err), 0, why(&err));
	ok(!flushes, "no FAT driver");
	is_int(boot_disk_flushes(image.data, image.len / 2, &flushes, &err), -EBADMSG,
		"a cut volume");
}

static void test_flushes(void)
{
	struct uki uki = uki_example(MAGIC_257);
	struct boot_image_file file = {"EFI/BOOT/BOOTX64.EFI", NULL, 0};
	const struct boot_input in = {.flow = BOOT_UKI, .flushes = true};
	BOOT_LOG_AUTO log = {.protocol = BOOT_CC};
	struct rtmr rtmr = {.derive = NULL};
	struct err err = {0};
	BUF_AUTO image = {0};

	boot_image_pe(&image, uki.parts, uki.count, 0);
	file.data = image.data;
	file.size = image.len;
	is_int(disk_run(&file, 1, in, &log, &err), 0, why(&err));
	is_int(boot_log_extend(&log, 1, &rtmr, &err), -ENOTSUP,
		"how boot services end is not known");
	is_int(boot_log_extend(&log, 2, &rtmr, &err), 0, "RTMR2 does not need it");
}

static void test_flows(void)
{
	enum boot_flow flow;

	ok(boot_flow_find("uki", &flow) && flow == BOOT_UKI && boot_flow_find("grub", &flow) &&
			flow == BOOT_GRUB && boot_flow_find("shim-grub", &flow) &&
			flow == BOOT_SHIM_GRUB,
		"flows by name");
	ok(!boot_flow_find("direct", &flow), "direct is none of them");
}

int main(void)
{
	boot_image_kernel(&kernel, 1, true);
	test_uki();
	test_bad_uki();
	test_uki_bounds();
	test_disk();
	test_tables();
	test_script();
	test_bad_script();
	test_list();
	test_grub_image();
	test_shim();
	test_shim_disk();
	test_firmware();
	test_flushes();
	test_flows();
	buf_done(&kernel);
	return tap_done();
}
