/*
 * shim's key lists (boot-shim.h). They are made of the keys that the vendor builds in, section
 * .vendor_cert, little-endian:
 *
 *   0 4  bytes of what is authorized, 4 4 of what is not: an X.509 certificate, or signature lists
 *   8 4  offset of the first, 12 4 of the second, from the section's start
 *
 * A certificate goes into a signature list of its own (EFI_SIGNATURE_LIST, UEFI Specification 2.10,
 * section 32.4.1); nothing becomes a list with one SHA-256 digest of zeros.
 */
#define _GNU_SOURCE /* memmem */
#include "measure/tdx/boot-shim.h"

#include <stdlib.h>
#include <string.h>

#include "formats/pe.h"
#include "lib/guid.h"
#include "lib/rd.h"
#include "lib/wr.h"

#define PCR_MOK	     14
#define VERSION_TEXT "UEFI SHIM\n$Version: "
#define GUID_X509    "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
#define GUID_SHA256  "c1c41626-504c-4092-aca9-41f936934328"
#define GUID_SHIM    "605dab50-e046-4300-abb6-3dd810dd8b23"
#define LIST_HEADER  28
#define DER_SEQUENCE 0x30

static const struct {
	const char *name;
	bool loads; /* has SHIM_IMAGE_LOADER */
} versions[] = {
	{"15.7 ", false},
	{"15.8 ", false},
	{"16.0 ", true},
	{"16.1 ", true},
};

static int check_version(const void *image, size_t len, bool *ret_loads, struct err *err)
{
	const char *at = memmem(image, len, VERSION_TEXT, strlen(VERSION_TEXT));
	size_t n = strlen(VERSION_TEXT);

	if (at == NULL)
		return err_fail(err, -ENOTSUP, "not a shim: it does not say its version");
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		size_t left = len - (size_t)(at - (const char *)image) - n;

		if (left >= strlen(versions[i].name) &&
			memcmp(at + n, versions[i].name, strlen(versions[i].name)) == 0) {
			*ret_loads = versions[i].loads;
			return 0;
		}
	}
	return err_fail(err, -ENOTSUP, "a shim of unknown version: 15.7 to 16.1 are known");
}

/* A shim that was built with a certificate of its own puts it into MokList as well. */
static int check_certificates(
	const unsigned char *image, size_t len, const struct pe_section *vendor, struct err *err)
{
	static const unsigned char version3[] = {0xa0, 0x03, 0x02, 0x01, 0x02, 0x02};
	size_t end = (size_t)vendor->raw_offset + vendor->raw_size;

	if (end > len)
		return err_fail(err, -EBADMSG, ".vendor_cert overlaps the image's certificates");
	if (memmem(image, vendor->raw_offset, version3, sizeof(version3)) != NULL ||
		memmem(image + end, len - end, version3, sizeof(version3)) != NULL)
		return err_fail(err, -ENOTSUP, "a shim with certificates outside .vendor_cert");
	return 0;
}

/* EFI_SIGNATURE_LIST with one signature of shim's. */
static void add_list(const char *type, const void *data, size_t n, struct buf *ret)
{
	unsigned char sizes[12];
	struct wr wr = wr_init(sizes, sizeof(sizes));
	struct guid guid;

	if (!guid_parse(type, &guid))
		ret->bad = true;
	buf_add(ret, guid.bytes, GUID_SIZE);
	wr_le32(&wr, (uint32_t)(LIST_HEADER + GUID_SIZE + n));
	wr_le32(&wr, 0);
	wr_le32(&wr, (uint32_t)(GUID_SIZE + n));
	buf_add(ret, sizes, sizeof(sizes));
	if (!guid_parse(GUID_SHIM, &guid))
		ret->bad = true;
	buf_add(ret, guid.bytes, GUID_SIZE);
	buf_add(ret, data, n);
}

/* The variable that shim makes of built-in keys. */
static int add_keys(struct boot_log *log, const char *name, struct rd keys, struct err *err)
{
	static const unsigned char zero[SHA256_SIZE];
	BUF_AUTO list = {0};
	int rc;

	if (keys.bad)
		return err_fail(err, -EBADMSG, ".vendor_cert: %s leaves the section", name);
	if (keys.len == 0)
		add_list(GUID_SHA256, zero, sizeof(zero), &list);
	else if (keys.base[0] == DER_SEQUENCE)
		add_list(GUID_X509, keys.base, keys.len, &list);
	else
		buf_add(&list, keys.base, keys.len);
	rc = buf_check(&list, err);
	return rc != 0 ? rc : boot_log_data(log, PCR_MOK, "EV_IPL", name, list.data, list.len, err);
}

int boot_shim(
	const void *image, size_t len, struct boot_log *log, struct boot_shim *ret, struct err *err)
{
	struct boot_shim shim = {.loads = false};
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));
	const struct pe_section *vendor;
	uint32_t sizes[2], offsets[2];
	struct rd section, rd, keys;
	int rc;

	if (pe == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = pe_parse(image, len, pe, err);
	if (rc == 0)
		rc = check_version(image, len, &shim.loads, err);
	if (rc != 0)
		return rc;
	vendor = pe_section_long(image, len, pe, ".vendor_cert");
	if (vendor == NULL || vendor->raw_size == 0)
		return err_fail(err, -ENOTSUP, "a shim without a .vendor_cert section");
	rc = check_certificates(image, (size_t)len - pe->security_size, vendor, err);
	if (rc != 0)
		return rc;
	if (!boot_log_measures(log, image, len))
		return err_fail(err, -ENOTSUP,
			"this shim does not measure by the CC protocol (shim 15.7 does)");
	section = rd_init((const unsigned char *)image + vendor->raw_offset, vendor->raw_size);
	rd = section;
	for (size_t i = 0; i < 2; i++)
		sizes[i] = rd_le32(&rd);
	for (size_t i = 0; i < 2; i++)
		offsets[i] = rd_le32(&rd);
	if (rd.bad)
		return err_fail(err, -EBADMSG, ".vendor_cert: cut short");
	keys = rd_at(&section, offsets[0], sizes[0]);
	rc = add_keys(log, "MokList", keys, err);
	if (rc == 0)
		rc = add_keys(log, "MokListX", rd_at(&section, offsets[1], sizes[1]), err);
	if (rc == 0)
		rc = boot_log_data(log, PCR_MOK, "EV_IPL", "MokListTrusted", "\1", 1, err);
	if (rc != 0)
		return rc;
	if (keys.len > 0 && keys.base[0] == DER_SEQUENCE) {
		shim.cert = keys.base;
		shim.cert_size = keys.len;
	}
	*ret = shim;
	return 0;
}

int boot_shim_verify(const struct boot_shim *shim, const struct secureboot *state,
	const void *image, size_t len, struct err *err)
{
	struct secureboot_vouchers vouchers;
	bool by_shim = false;
	int rc = 0;

	if (shim->cert != NULL)
		rc = secureboot_signed_by(image, len, shim->cert, shim->cert_size, &by_shim, err);
	if (rc != 0 || by_shim)
		return rc;
	rc = secureboot_vouch(state, image, len, &vouchers, err);
	return rc == -EACCES
		       ? err_fail(err, -ENOTSUP,
				 "neither the firmware's nor shim's certificate lets it start")
		       : rc;
}
