/* The Authenticode digest as edk2 measures it (authenticode.h). */
#include "measure/tdx/authenticode.h"

#include <stdlib.h>

#include "formats/pe.h"
#include "lib/buf.h"

struct hashing {
	struct digest *digest;
	const unsigned char *image;
	size_t len;
};

/* Adds [from, to) of the image; the caller has checked the bounds, an inverted range is the
 * image's fault. */
static int add_range(struct hashing *hashing, size_t from, size_t to, struct err *err)
{
	if (to < from)
		return err_fail(err, -EBADMSG, "PE image: header ends before byte %zu", from);
	return digest_update(hashing->digest, hashing->image + from, to - from, err);
}

static int add_headers(struct hashing *hashing, const struct pe *pe, struct err *err)
{
	size_t after_checksum = pe->checksum_offset + 4;
	int rc = add_range(hashing, 0, pe->checksum_offset, err);

	if (rc != 0)
		return rc;
	if (pe->security_offset == 0)
		return add_range(hashing, after_checksum, pe->headers_size, err);
	rc = add_range(hashing, after_checksum, pe->security_offset, err);
	if (rc == 0)
		rc = add_range(hashing, pe->security_offset + 8, pe->headers_size, err);
	return rc;
}

/* Indices of the sections by file offset; equal offsets keep the order of their headers. */
static void sort_sections(const struct pe *pe, size_t *order)
{
	for (size_t i = 0; i < pe->count; i++) {
		size_t pos = i;

		while (pos > 0 &&
			pe->sections[i].raw_offset < pe->sections[order[pos - 1]].raw_offset) {
			order[pos] = order[pos - 1];
			pos--;
		}
		order[pos] = i;
	}
}

static int add_sections(
	struct hashing *hashing, const struct pe *pe, uint64_t *ret_hashed, struct err *err)
{
	size_t order[PE_SECTIONS_MAX];
	uint64_t hashed = pe->headers_size;

	sort_sections(pe, order);
	for (size_t i = 0; i < pe->count; i++) {
		const struct pe_section *section = &pe->sections[order[i]];
		int rc;

		if (section->raw_size == 0)
			continue;
		rc = add_range(hashing, section->raw_offset,
			(size_t)section->raw_offset + section->raw_size, err);
		if (rc != 0)
			return rc;
		hashed += section->raw_size;
	}
	*ret_hashed = hashed;
	return 0;
}

/* What follows the sections, without the certificates at the end. */
static int add_tail(struct hashing *hashing, const struct pe *pe, uint64_t hashed, struct err *err)
{
	if (hashed >= hashing->len)
		return 0;
	if (pe->security_size > hashing->len - hashed)
		return err_fail(err, -EBADMSG,
			"PE image: certificates of %u bytes overlap the sections",
			pe->security_size);
	return add_range(hashing, (size_t)hashed, hashing->len - pe->security_size, err);
}

int authenticode_digest(
	enum digest_alg alg, const void *image, size_t len, unsigned char *ret, struct err *err)
{
	DIGEST_AUTO digest = {0};
	struct hashing hashing = {.digest = &digest, .image = image, .len = len};
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));
	uint64_t hashed = 0;
	int rc;

	if (pe == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = pe_parse(image, len, pe, err);
	if (rc == 0)
		rc = digest_init(&digest, alg, err);
	if (rc != 0)
		return rc;
	rc = add_headers(&hashing, pe, err);
	if (rc == 0)
		rc = add_sections(&hashing, pe, &hashed, err);
	if (rc == 0)
		rc = add_tail(&hashing, pe, hashed, err);
	return rc != 0 ? rc : digest_end(&digest, ret, err);
}
