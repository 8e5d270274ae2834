/* The events of GRUB (boot-grub.h). */
#define _GNU_SOURCE /* strsep */
#include "measure/tdx/boot-grub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/grub.h"
#include "lib/io.h"
#include "measure/tdx/boot-grub-script.h"
#include "measure/tdx/boot-linux.h"

#define PCR_TEXT    8
#define PCR_FILES   9
#define FILE_MAX    (1u << 30)
#define KERNEL_WORD "BOOT_IMAGE=" /* before the kernel's command line */
#define WHAT_MAX    120		  /* characters of a text that descriptions show */
#define SBAT_START  "\ngrub,"
#define UNKNOWN                                                                                    \
	"how a GRUB without the peimage module starts kernels is not known; an image: line in "    \
	"the "                                                                                     \
	"list of commands can say it"

struct run {
	const struct boot_grub_input *in;
	struct boot_log *log;
	const char *list; /* its name, for errors */
	unsigned line;
	struct buf options; /* of the kernel; empty: none was loaded */
	struct buf kernel, initrd;
	struct buf kernel_name;
	bool loads_itself; /* the kernel, by the peimage module */
	bool firmware_loads;
	const struct version *version;
};

/* By GRUB's version in .sbat: whether the size of the kernel's load options leaves out their
 * NUL, and whether the kernel is loaded by a shim that can, which measures it. */
static const struct version {
	const char *name;
	bool without_nul;
	bool asks_shim;
} versions[] = {
	{"2.12", true, false},
	{"2.14", false, true},
};

static void run_done(struct run *run)
{
	buf_done(&run->options);
	buf_done(&run->kernel);
	buf_done(&run->initrd);
	buf_done(&run->kernel_name);
}

/* The name without the device when that is the system partition; NULL when it is another. */
static const char *on_esp(const struct run *run, const char *name)
{
	const struct boot_disk *disk = run->in->disk;
	char device[32];
	int n;

	if (name[0] == '/')
		return name;
	n = snprintf(device, sizeof(device), "(hd0,gpt%u)", gpt_number(disk->bytes, disk->esp));
	return strncmp(name, device, (size_t)n) == 0 && name[n] == '/' ? name + n : NULL;
}

static int read_file(const struct run *run, const char *name, struct buf *ret, struct err *err)
{
	const char *path = on_esp(run, name);

	for (size_t i = 0; i < run->in->file_count; i++) {
		const char *file = run->in->files[i];
		size_t n = strlen(name);

		if (strncmp(file, name, n) == 0 && file[n] == '=')
			return io_read_file(file + n + 1, FILE_MAX, ret, err);
	}
	if (path == NULL)
		return err_fail(err, -ENOTSUP,
			"%s is not on the EFI system partition: --grub-file %s=PATH", name, name);
	return boot_disk_read(run->in->disk, path + 1, ret, err);
}

/* "kind text", its control characters as blanks, cut where it gets long. */
static int describe(const char *kind, const char *text, struct buf *ret, struct err *err)
{
	size_t start;

	buf_str(ret, kind);
	start = ret->len;
	buf_add(ret, text, strnlen(text, WHAT_MAX));
	for (size_t i = start; !ret->bad && i < ret->len; i++)
		if (ret->data[i] < ' ' || ret->data[i] == 0x7f)
			ret->data[i] = ' ';
	if (strlen(text) > WHAT_MAX)
		buf_str(ret, "...");
	return buf_check(ret, err);
}

static int add_text(struct run *run, const char *kind, const char *text, struct err *err)
{
	BUF_AUTO what = {0};
	int rc = describe(kind, text, &what, err);

	return rc != 0 ? rc
		       : boot_log_data(run->log, PCR_TEXT, "EV_IPL", buf_cstr(&what), text,
				 strlen(text), err);
}

/* Whether two names are of the same file, as far as one can see. */
static bool same_file(const struct run *run, const char *a, const char *b)
{
	const char *a_path = on_esp(run, a), *b_path = on_esp(run, b);

	return strcmp(a, b) == 0 ||
	       (a_path != NULL && b_path != NULL && strcmp(a_path, b_path) == 0);
}

/* --- the lines --- */

/* initrd FILE...: each padded to four bytes before the next. */
static int take_initrd(struct run *run, char *words, struct err *err)
{
	char *word;

	buf_done(&run->initrd);
	while ((word = strsep(&words, " ")) != NULL) {
		int rc;

		if (*word == '\0' || strncmp(word, "newc:", 5) == 0)
			return err_fail(err, -ENOTSUP,
				"an initrd command with blanks or newc: in its names");
		buf_align(&run->initrd, 4);
		rc = read_file(run, word, &run->initrd, err);
		if (rc != 0)
			return rc;
	}
	return buf_check(&run->initrd, err);
}

static int do_command(struct run *run, char *text, struct err *err)
{
	int rc = add_text(run, "grub_cmd: ", text, err);

	if (rc == 0 && strncmp(text, "initrd ", 7) == 0)
		rc = take_initrd(run, text + 7, err);
	return rc;
}

/* Under Secure Boot shim verifies the kernel that GRUB has opened, and measures it. */
static int verify_kernel(struct run *run, struct err *err)
{
	const struct boot_grub_input *in = run->in;
	int rc;

	if (in->secureboot == NULL)
		return 0;
	rc = boot_shim_verify(in->shim, in->secureboot, run->kernel.data, run->kernel.len, err);
	return rc != 0 ? err_wrap(err, "kernel")
		       : boot_log_image(run->log, buf_cstr(&run->kernel_name), run->kernel.data,
				 run->kernel.len, err);
}

/* The first word is the kernel's name; quotes or backslashes in it would have been put there. */
static int do_kernel_cmdline(struct run *run, char *text, struct err *err)
{
	int rc;

	buf_done(&run->options);
	buf_done(&run->kernel);
	buf_done(&run->initrd);
	buf_done(&run->kernel_name);
	buf_fmt(&run->options, KERNEL_WORD "%s", text);
	buf_add(&run->kernel_name, text, strcspn(text, " "));
	rc = buf_check(&run->options, err);
	if (rc == 0)
		rc = buf_check(&run->kernel_name, err);
	if (rc == 0)
		rc = read_file(run, buf_cstr(&run->kernel_name), &run->kernel, err);
	if (rc == 0)
		rc = verify_kernel(run, err);
	return rc != 0 ? rc : add_text(run, "kernel_cmdline: ", text, err);
}

static int do_module_cmdline(struct run *run, char *text, struct err *err)
{
	return add_text(run, "module_cmdline: ", text, err);
}

static int do_file(struct run *run, char *name, struct err *err)
{
	BUF_AUTO content = {0};
	BUF_AUTO what = {0};
	int rc = read_file(run, name, &content, err);

	if (rc == 0)
		rc = describe("file ", name, &what, err);
	return rc != 0 ? rc
		       : boot_log_data(run->log, PCR_FILES, "EV_IPL", buf_cstr(&what), content.data,
				 content.len, err);
}

static int do_image(struct run *run, char *name, struct err *err)
{
	BUF_AUTO content = {0};
	int rc = read_file(run, name, &content, err);

	if (rc == 0)
		rc = boot_log_image(run->log, name, content.data, content.len, err);
	if (rc == 0 && same_file(run, name, buf_cstr(&run->kernel_name)))
		run->firmware_loads = true;
	return rc;
}

static const struct {
	const char *start;
	int (*fn)(struct run *run, char *text, struct err *err);
} kinds[] = {
	{"grub_cmd: ", do_command},
	{"kernel_cmdline: ", do_kernel_cmdline},
	{"module_cmdline: ", do_module_cmdline},
	{"file: ", do_file},
	{"image: ", do_image},
};

/* Takes the escapes out, in place. */
static bool unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++, to++) {
		*to = *text;
		if (*text != '\\')
			continue;
		text++;
		if (*text != 'n' && *text != 't' && *text != '\\')
			return false;
		*to = *text == 'n' ? '\n' : *text == 't' ? '\t' : '\\';
	}
	*to = '\0';
	return true;
}

static int do_line(struct run *run, char *line, struct err *err)
{
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].start);

		if (strncmp(line, kinds[i].start, n) != 0)
			continue;
		if (!unescape(line + n))
			return err_fail(
				err, -EBADMSG, "a backslash that starts none of \\n, \\t and \\\\");
		return kinds[i].fn(run, line + n, err);
	}
	return err_fail(err, -EBADMSG,
		"not one of grub_cmd:, kernel_cmdline:, module_cmdline:, file: and image:");
}

static int do_list(struct run *run, struct buf *list, struct err *err)
{
	char *rest, *line;

	if (list->len > 0 && memchr(list->data, '\0', list->len) != NULL)
		return err_fail(err, -EBADMSG, "%s: a NUL", run->list);
	rest = list->len > 0 ? (char *)list->data : NULL;
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		int rc;

		run->line++;
		rc = do_line(run, line, err);
		if (rc != 0)
			return err_wrap(err, "%s:%u", run->list, run->line);
	}
	return 0;
}

/* --- the kernel --- */

/* Whether shim loads the kernel, and measures it then because it has not verified it. */
static bool shim_loads(const struct run *run)
{
	return run->loads_itself && run->in->shim != NULL && run->in->shim->loads &&
	       run->version->asks_shim && run->in->secureboot == NULL;
}

static int start_kernel(struct run *run, struct err *err)
{
	const struct boot_linux boot = {.kernel = run->kernel.data,
		.kernel_bytes = run->kernel.len,
		.cmdline = buf_cstr(&run->options),
		.without_nul = run->version->without_nul,
		.initrd = run->initrd.data,
		.initrd_bytes = run->initrd.len};
	int rc;

	if (run->options.len == 0)
		return err_fail(err, -ENOTSUP, "%s: GRUB starts no kernel", run->list);
	if (shim_loads(run)) {
		rc = boot_log_image(run->log, buf_cstr(&run->kernel_name), run->kernel.data,
			run->kernel.len, err);
		if (rc != 0)
			return rc;
	}
	if (run->loads_itself || run->firmware_loads)
		return boot_linux_stub(&boot, run->log, err);
	rc = boot_log_unknown(
		run->log, 4, "EV_EFI_BOOT_SERVICES_APPLICATION", "kernel", UNKNOWN, err);
	return rc != 0 ? rc
		       : boot_log_unknown(
				 run->log, PCR_FILES, "EV_EVENT_TAG", "kernel", UNKNOWN, err);
}

/* "grub,GENERATION,VENDOR,grub,VERSION,URL" is upstream's line. */
static int read_version(struct run *run, const void *image, const struct pe *pe, struct err *err)
{
	const struct pe_section *section = pe_section(pe, ".sbat");
	BUF_AUTO text = {0};
	char *at;

	if (section != NULL && section->raw_size > 0)
		buf_add(&text, (const char *)image + section->raw_offset, section->raw_size);
	if (text.bad)
		return buf_check(&text, err);
	at = text.len > 0 ? strstr((char *)text.data, SBAT_START) : NULL;
	for (unsigned field = 0; at != NULL && field < 4; field++)
		at = strpbrk(at + 1, ",\n");
	for (size_t i = 0; at != NULL && i < sizeof(versions) / sizeof(versions[0]); i++) {
		size_t n = strlen(versions[i].name);

		if (strncmp(at + 1, versions[i].name, n) == 0 && at[1 + n] == ',')
			run->version = &versions[i];
	}
	if (run->version == NULL)
		return err_fail(err, -ENOTSUP,
			"GRUB of a version that is not known (its .sbat says neither 2.12 nor "
			"2.14)");
	return 0;
}

static int read_image(struct run *run, struct grub_image *ret, struct err *err)
{
	const struct boot_grub_input *in = run->in;
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));
	struct rd tpm;
	int rc;

	if (pe == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = pe_parse(in->image, in->len, pe, err);
	if (rc == 0)
		rc = grub_image_parse(in->image, pe, ret, err);
	if (rc != 0)
		return rc;
	tpm = grub_image_module(ret, "tpm");
	if (tpm.bad)
		return err_fail(err, -ENOTSUP,
			"this GRUB image has no tpm module, and would start any kernel unmeasured");
	if (!boot_log_measures(run->log, tpm.base, tpm.len))
		return err_fail(err, -ENOTSUP,
			"this GRUB does not measure by the CC protocol, and would start any kernel "
			"unmeasured (GRUB 2.12 measures)");
	rc = read_version(run, in->image, pe, err);
	if (rc != 0)
		return rc;
	run->loads_itself = !grub_image_module(ret, "peimage").bad;
	if (!run->loads_itself && in->secureboot != NULL)
		return err_fail(err, -ENOTSUP,
			"how a GRUB without the peimage module starts kernels under Secure Boot is "
			"not known");
	return 0;
}

int boot_grub(const struct boot_grub_input *in, struct boot_log *log, struct err *err)
{
	__attribute__((cleanup(run_done))) struct run run = {
		.in = in, .log = log, .list = in->commands};
	BUF_AUTO list = {0};
	struct grub_image image;
	int rc = read_image(&run, &image, err);

	if (rc != 0)
		return rc;
	if (in->commands != NULL) {
		rc = io_read_file(in->commands, BOOT_GRUB_LIST_MAX, &list, err);
	} else {
		run.list = "what grub.cfg does";
		rc = boot_grub_run(in->disk, &image, &list, err);
	}
	if (rc == 0)
		rc = do_list(&run, &list, err);
	return rc != 0 ? rc : start_kernel(&run, err);
}
