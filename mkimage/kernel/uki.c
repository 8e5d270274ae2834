/*
 * Unified kernel images (uki.h). .sbat (rhboot/shim SBAT.md) is text, one line for each component that can be revoked: those of the
 * stub, those of the kernel, then the image's own.
 */
#define _GNU_SOURCE
#include "mkimage/kernel/uki.h"

#include <string.h>

#include "formats/bzimage.h"
#include "formats/pe-write.h"
#include "formats/pe.h"
#include "mkimage/kernel/sign-pe.h"

#define SBAT_FIRST "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
#define SBAT_OWN                                                                                   \
	"uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n"
#define SECTIONS_MAX 8

/* Appends the lines of an image's .sbat but the first, which all have. */
static int add_sbat(const struct buf *image, const char *what, struct buf *ret, struct err *err)
{
	const struct pe_section *section;
	const char *text, *first;
	struct pe pe;
	size_t n;
	int rc = pe_parse(image->data, image->len, &pe, err);

	if (rc != 0)
		return err_wrap(err, "%s", what);
	section = pe_section(&pe, ".sbat");
	if (section == NULL || section->raw_size == 0)
		return 0;
	text = (const char *)image->data + section->raw_offset;
	n = strnlen(text, section->raw_size);
	if (n == 0)
		return 0;
	first = memchr(text, '\n', n);
	if (first == NULL || strncmp(text, "sbat,", 5) != 0)
		return err_fail(err, -EBADMSG, "%s: its .sbat section is malformed", what);
	n -= (size_t)(first + 1 - text);
	buf_add(ret, first + 1, n);
	if (n > 0 && first[n] != '\n')
		buf_str(ret, "\n");
	return buf_check(ret, err);
}

static int make_sbat(const struct uki *uki, struct buf *ret, struct err *err)
{
	int rc;

	buf_str(ret, SBAT_FIRST);
	rc = add_sbat(uki->stub, "the stub", ret, err);
	if (rc == 0)
		rc = add_sbat(uki->kernel, "the kernel", ret, err);
	if (rc != 0)
		return rc;
	buf_str(ret, uki->sbat != NULL ? uki->sbat : SBAT_OWN);
	if (ret->len > 0 && ret->data[ret->len - 1] != '\n')
		buf_str(ret, "\n");
	buf_add(ret, "", 1);
	return buf_check(ret, err);
}

static int check_kernel(const struct buf *kernel, struct err *err)
{
	struct bzimage bz;
	int rc = bzimage_parse(kernel->data, kernel->len, &bz, err);

	if (rc == 0 && !bz.efi_stub)
		rc = err_fail(err, -EBADMSG, "the kernel has no EFI stub (CONFIG_EFI_STUB)");
	return rc;
}

static int write_sections(
	const struct uki *uki, const struct buf *sbat, struct buf *ret, struct err *err)
{
	const struct pe_write_section all[SECTIONS_MAX] = {
		{".osrel", uki->osrel->data, uki->osrel->len, false},
		{".cmdline", uki->cmdline, strlen(uki->cmdline), false},
		{".uname", uki->uname, strlen(uki->uname), false},
		{".linux", uki->kernel->data, uki->kernel->len, true},
		{".initrd", uki->initrd->data, uki->initrd->len, false},
		{".sbat", sbat->data, sbat->len, false},
	};
	struct pe_write_section used[SECTIONS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < SECTIONS_MAX; i++) {
		if (all[i].len > 0)
			used[count++] = all[i];
	}
	return pe_write_sections(uki->stub->data, uki->stub->len, used, count, ret, err);
}

int uki_write(const struct uki *uki, struct buf *ret, struct err *err)
{
	BUF_AUTO image = {0};
	BUF_AUTO sbat = {0};
	int rc = check_kernel(uki->kernel, err);

	if (rc == 0)
		rc = make_sbat(uki, &sbat, err);
	if (rc == 0)
		rc = write_sections(uki, &sbat, &image, err);
	if (rc == 0)
		rc = pe_write_match_nx(&image, uki->kernel->data, uki->kernel->len, err);
	if (rc == 0 && uki->sign != NULL)
		rc = sign_pe(uki->sign, &image, err);
	if (rc != 0)
		return rc;
	buf_add(ret, image.data, image.len);
	return buf_check(ret, err);
}
