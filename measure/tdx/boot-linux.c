/* The EFI stub of Linux (boot-linux.h). */
#include "measure/tdx/boot-linux.h"

#include <string.h>

#include "formats/bzimage.h"

#define PCR_KERNEL 9

/* Whether a word of the space-separated @cmdline is @word, or starts with it when it ends in
 * '='. */
static bool has_word(const char *cmdline, const char *word)
{
	size_t n = strlen(word);
	bool assigns = word[n - 1] == '=';

	for (const char *at = cmdline; (at = strstr(at, word)) != NULL; at += n)
		if ((at == cmdline || at[-1] == ' ') && (assigns || at[n] == '\0' || at[n] == ' '))
			return true;
	return false;
}

static int check_cmdline(const struct boot_linux *boot, const struct bzimage *bz, struct err *err)
{
	size_t n = strlen(boot->cmdline);

	for (size_t i = 0; i < n; i++)
		if (boot->cmdline[i] < 0x20 || boot->cmdline[i] > 0x7e)
			return err_fail(err, -ENOTSUP,
				"command line: byte %zu is not a printable ASCII character", i);
	if (n > bz->cmdline_size)
		return err_fail(err, -EINVAL,
			"command line: %zu characters, but the kernel takes %u", n,
			bz->cmdline_size);
	if (has_word(boot->cmdline, "noinitrd") || has_word(boot->cmdline, "initrd="))
		return err_fail(err, -ENOTSUP,
			"command line: \"initrd=\" and \"noinitrd\" change which initrd is "
			"measured");
	return 0;
}

static int add_options(const struct boot_linux *boot, struct boot_log *log, struct err *err)
{
	BUF_AUTO options = {0};
	size_t n = strlen(boot->cmdline) + !boot->without_nul;
	int rc;

	for (size_t i = 0; i < n; i++)
		buf_add(&options, (char[2]){boot->cmdline[i], '\0'}, 2);
	rc = buf_check(&options, err);
	return rc != 0 ? rc
		       : boot_log_data(log, PCR_KERNEL, "EV_EVENT_TAG",
				 "load options: the command line in UTF-16", options.data,
				 options.len, err);
}

int boot_linux_stub(const struct boot_linux *boot, struct boot_log *log, struct err *err)
{
	struct bzimage bz;
	int rc = bzimage_parse(boot->kernel, boot->kernel_bytes, &bz, err);

	if (rc != 0)
		return err_wrap(err, "kernel");
	if (!bz.efi_stub)
		return err_fail(err, -EBADMSG, "kernel: no EFI stub");
	if (boot->cmdline != NULL)
		rc = check_cmdline(boot, &bz, err);
	if (rc != 0 || !boot_log_measures(log, boot->kernel, boot->kernel_bytes))
		return rc;
	if (boot->cmdline != NULL)
		rc = add_options(boot, log, err);
	if (rc == 0 && boot->initrd_unknown != NULL)
		return boot_log_unknown(
			log, PCR_KERNEL, "EV_EVENT_TAG", "initrd", boot->initrd_unknown, err);
	if (rc == 0 && boot->initrd_bytes > 0)
		rc = boot_log_data(log, PCR_KERNEL, "EV_EVENT_TAG", "initrd", boot->initrd,
			boot->initrd_bytes, err);
	return rc;
}
