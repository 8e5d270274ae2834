/*
 * The payload in a td-shim image (td-shim-image.h).
 *
 *   signed payload                            trust anchor, a raw file of the configuration volume
 *   0  | 16 | GUID fcf2d558-...               0  | 16 | GUID be8f65a3-...
 *   16 | 4  | version                         16 | 4  | version
 *   20 | 4  | bytes up to the key             20 | 4  | bytes
 *   24 | 8  | payload version                 24 | 8  | 1: SHA-384
 *   32 | 8  | payload SVN                     32 | 8  | reserved
 *   40 | 4  | 1 ECDSA P-384, 2 RSA-PSS 3072   40 | 48 | digest of the key
 *   44 | 4  | reserved
 *   48 | -  | program
 *      | 96 or 392 | key, then the signature
 */
#include "measure/td-shim-image.h"

#include <string.h>

#include "formats/ffs.h"
#include "lib/digest.h"
#include "lib/rd.h"

#define MODULE_BDS     "6d33944a-ec75-4855-a54d-809c75241f6c"
#define GUID_ANCHOR    "77a2742e-9340-4ac9-8f85-b7b978580021"
#define GUID_KEY       "be8f65a3-a83b-415c-a1fb-f78e105e824e"
#define GUID_SIGNED    "fcf2d558-9df5-4f4d-b0d7-3e4b798ab066"
#define TYPE_RAW       0x01
#define TYPE_DXE_CORE  0x05
#define SECTION_PE32   0x10
#define SIGNED_HEADER  48
#define KEY_HEADER     40
#define ECDSA_P384     1
#define RSA_PSS_3072   2
#define ECDSA_KEY_SIZE 96
#define RSA_KEY_SIZE   392

int td_shim_is_uefi(const void *image, size_t len, bool *ret, struct err *err)
{
	FFS_AUTO ffs = {.files = NULL};
	int rc = ffs_parse(image, len, &ffs, err);

	if (rc == 0)
		*ret = ffs_find(&ffs, MODULE_BDS) != NULL;
	return rc;
}

struct image {
	const unsigned char *data; /* borrowed */
	size_t len;
	struct ffs ffs;
};

static void image_done(struct image *image)
{
	ffs_done(&image->ffs);
}

/* Whether a file is in the image itself: unpacked ones are gone when the volumes are. */
static bool is_inside(const struct image *image, const struct ffs_file *file)
{
	return file->data >= image->data && file->data <= image->data + image->len;
}

static const struct ffs_file *find_anchor(const struct image *image)
{
	const struct ffs_file *file = ffs_find(&image->ffs, GUID_ANCHOR);

	return file != NULL && file->type == TYPE_RAW && is_inside(image, file) ? file : NULL;
}

/* The first section of type PE32 in a file that consists of sections. */
static int find_program(const struct ffs_file *file, struct td_shim_bytes *ret, struct err *err)
{
	struct rd sections = rd_init(file->data, file->len);
	uint64_t at = 0;

	while (at < file->len) {
		struct rd rd = rd_at(&sections, at, file->len - at);
		uint32_t size = rd_le16(&rd);
		uint8_t type;

		size |= (uint32_t)rd_u8(&rd) << 16;
		type = rd_u8(&rd);
		if (size == 0xffffff)
			size = rd_le32(&rd);
		if (rd.bad || size < rd.pos || size > file->len - at)
			return err_fail(err, -EBADMSG, "td-shim's payload: damaged section");
		if (type == SECTION_PE32) {
			*ret = (struct td_shim_bytes){rd.base + rd.pos, size - rd.pos};
			return 0;
		}
		at += ((uint64_t)size + 3) & ~3ull;
	}
	return err_fail(err, -ENOTSUP, "td-shim's payload: no program in its file");
}

/* Refuses a key that is not the one of the configuration volume. */
static int check_key(
	const struct ffs_file *anchor, const unsigned char *key, size_t key_size, struct err *err)
{
	struct rd rd = rd_init(anchor->data, anchor->len);
	const unsigned char *guid = rd_bytes(&rd, 16);
	unsigned char digest[SHA384_SIZE];
	uint32_t length;
	const unsigned char *trusted;
	int rc;

	rd_skip(&rd, 4);
	length = rd_le32(&rd);
	rd_seek(&rd, KEY_HEADER);
	trusted = rd_bytes(&rd, SHA384_SIZE);
	if (trusted == NULL || !guid_is(guid, GUID_KEY) || length != KEY_HEADER + SHA384_SIZE)
		return err_fail(err, -EBADMSG, "td-shim's trust anchor: malformed");
	rc = digest_bytes(DIGEST_SHA384, key, key_size, digest, err);
	if (rc == 0 && memcmp(digest, trusted, sizeof(digest)) != 0)
		return err_fail(err, -EKEYREJECTED,
			"td-shim refuses its payload: signed by a key that it does not trust");
	return rc;
}

static int open_signed(const struct image *image, struct td_shim_payload *payload, struct err *err)
{
	const struct ffs_file *anchor = find_anchor(image);
	struct rd whole = rd_init(payload->program.data, payload->program.len);
	struct rd rd = whole, key;
	uint32_t length, algorithm;
	int rc;

	rd_seek(&rd, 20);
	length = rd_le32(&rd);
	rd_skip(&rd, 8);
	payload->svn = rd_le64(&rd);
	algorithm = rd_le32(&rd);
	if (rd.bad || length <= SIGNED_HEADER ||
		(algorithm != ECDSA_P384 && algorithm != RSA_PSS_3072))
		return err_fail(err, -EBADMSG, "td-shim's payload: malformed signature header");
	key = rd_at(&whole, length, algorithm == ECDSA_P384 ? ECDSA_KEY_SIZE : RSA_KEY_SIZE);
	if (key.bad)
		return err_fail(err, -EBADMSG, "td-shim's payload: no key behind it");
	if (anchor == NULL)
		return err_fail(err, -EKEYREJECTED,
			"td-shim refuses its payload: it is signed, and no key is trusted");
	rc = check_key(anchor, key.base, key.len, err);
	if (rc != 0)
		return rc;
	payload->is_signed = true;
	payload->trust_anchor = (struct td_shim_bytes){anchor->data, anchor->len};
	payload->program.data += SIGNED_HEADER;
	payload->program.len = length - SIGNED_HEADER;
	return 0;
}

/* The one file of a payload's type. */
static int find_file(const struct image *image, const struct ffs_file **ret, struct err *err)
{
	const struct ffs_file *found = NULL;

	for (size_t i = 0; i < image->ffs.count; i++) {
		const struct ffs_file *file = &image->ffs.files[i];

		if (file->type != TYPE_DXE_CORE || !is_inside(image, file))
			continue;
		if (found != NULL)
			return err_fail(err, -ENOTSUP, "the image has more than one payload");
		found = file;
	}
	*ret = found;
	return found != NULL ? 0 : err_fail(err, -ENOTSUP, "the image has no payload of its own");
}

int td_shim_payload_find(
	const void *image, size_t len, struct td_shim_payload *ret, struct err *err)
{
	__attribute__((cleanup(image_done))) struct image whole = {.data = image, .len = len};
	struct td_shim_payload payload = {.is_signed = false};
	const struct ffs_file *file = NULL;
	int rc = ffs_parse(image, len, &whole.ffs, err);

	if (rc == 0)
		rc = find_file(&whole, &file, err);
	if (rc == 0)
		rc = find_program(file, &payload.program, err);
	if (rc == 0 && payload.program.len >= GUID_SIZE &&
		guid_is(payload.program.data, GUID_SIGNED))
		rc = open_signed(&whole, &payload, err);
	if (rc == 0)
		*ret = payload;
	return rc;
}
