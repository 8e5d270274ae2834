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
 *
 * td-shim's volumes are not what the PI specification has: the checksum of a volume's header covers its first 56 bytes
 * alone, and a large file or section has its size in 32 bits. They are read as td-shim reads them.
 *
 *   volume                                    file
 *   0  | 16 | zeros                           0  | 16 | GUID
 *   32 | 8  | bytes of the volume             16 | 2  | checksums
 *   40 | 4  | "_FVH"                          18 | 1  | type
 *   48 | 2  | bytes of the header             19 | 1  | attributes, bit 0: large
 *   50 | 2  | checksum                        20 | 3  | bytes of the file; a large one has them at 24
 *   55 | 1  | revision 2                      23 | 1  | state 7
 *
 *   section: 0 | 3 | bytes, 0xffffff: at 4; 3 | 1 | type
 */
#include "measure/tdx/td-shim-image.h"

#include <string.h>

#include "formats/ffs.h"
#include "lib/digest.h"
#include "lib/rd.h"

#define MODULE_BDS     "6d33944a-ec75-4855-a54d-809c75241f6c"
#define GUID_ANCHOR    "77a2742e-9340-4ac9-8f85-b7b978580021"
#define GUID_KEY       "be8f65a3-a83b-415c-a1fb-f78e105e824e"
#define GUID_SIGNED    "fcf2d558-9df5-4f4d-b0d7-3e4b798ab066"
#define VOLUME_ALIGN   4096
#define VOLUME_HEADER  56
#define REVISION       2
#define FILE_HEADER    24
#define FILE_LARGE     0x01
#define FILE_SUM       0xb1 /* of a good header: its state and the fixed checksum of contents */
#define TYPE_RAW       0x01
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

/* Whether a volume of td-shim's starts at @at; *@ret is what is in it, *@ret_size its size. */
static bool volume_at(const struct rd *image, uint64_t at, struct rd *ret, uint64_t *ret_size)
{
	struct rd header = rd_at(image, at, VOLUME_HEADER), rd = header;
	const unsigned char *magic;
	uint16_t header_size, sum = 0;
	uint8_t revision;

	rd_skip(&rd, 32);
	*ret_size = rd_le64(&rd);
	magic = rd_bytes(&rd, 4);
	if (magic == NULL || memcmp(magic, "_FVH", 4) != 0)
		return false;
	rd_skip(&rd, 4);
	header_size = rd_le16(&rd);
	rd_skip(&rd, 5);
	revision = rd_u8(&rd);
	while (rd_left(&header) >= 2)
		sum = (uint16_t)(sum + rd_le16(&header));
	if (revision != REVISION || sum != 0 || header_size < VOLUME_HEADER ||
		header_size > *ret_size)
		return false;
	*ret = rd_at(image, at + header_size, *ret_size - header_size);
	return !ret->bad;
}

struct file {
	const unsigned char *guid;
	uint8_t type;
	struct td_shim_bytes contents;
};

/* The file at *@at of a volume's contents, which moves behind it. False at the end, where td-shim stops reading too. */
static bool next_file(const struct rd *volume, uint64_t *at, struct file *ret)
{
	struct rd rd = rd_at(volume, *at, *at <= volume->len ? volume->len - *at : UINT64_MAX);
	struct rd header = rd;
	uint8_t attributes, sum = 0;
	uint64_t size;

	ret->guid = rd_bytes(&rd, GUID_SIZE);
	rd_skip(&rd, 2);
	ret->type = rd_u8(&rd);
	attributes = rd_u8(&rd);
	size = rd_le16(&rd);
	size |= (uint64_t)rd_u8(&rd) << 16;
	rd_skip(&rd, 1);
	if ((attributes & FILE_LARGE) != 0)
		size = rd_le32(&rd);
	while (!rd.bad && header.pos < rd.pos)
		sum = (uint8_t)(sum + rd_u8(&header));
	if (rd.bad || size < rd.pos || size > rd.len || sum != FILE_SUM)
		return false;
	ret->contents = (struct td_shim_bytes){rd.base + rd.pos, (size_t)size - rd.pos};
	*at = (*at + size + 7) & ~7ull;
	return true;
}

/* Finds files of @type in all volumes, of the GUID @guid unless that is NULL; returns how many there are, the last in @ret. */
static size_t find_files(
	const struct rd *image, uint8_t type, const char *guid, struct td_shim_bytes *ret)
{
	size_t found = 0;
	uint64_t at = 0;

	while (at < image->len) {
		struct rd volume;
		uint64_t size, in = 0;
		struct file file;

		if (!volume_at(image, at, &volume, &size)) {
			at += VOLUME_ALIGN;
			continue;
		}
		while (next_file(&volume, &in, &file)) {
			if (file.type != type || (guid != NULL && !guid_is(file.guid, guid)))
				continue;
			*ret = file.contents;
			found++;
		}
		at += (size + VOLUME_ALIGN - 1) & ~(uint64_t)(VOLUME_ALIGN - 1);
	}
	return found;
}

/* The first section of type PE32 in a file that consists of sections. */
static int find_program(
	const struct td_shim_bytes *file, struct td_shim_bytes *ret, struct err *err)
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
		if (type == FFS_SECTION_PE32) {
			*ret = (struct td_shim_bytes){rd.base + rd.pos, size - rd.pos};
			return 0;
		}
		at += ((uint64_t)size + 3) & ~3ull;
	}
	return err_fail(err, -ENOTSUP, "td-shim's payload: no program in its file");
}

/* Refuses a key that is not the one of the configuration volume. */
static int check_key(const struct td_shim_bytes *anchor, const unsigned char *key, size_t key_size,
	struct err *err)
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

static int open_signed(const struct rd *image, struct td_shim_payload *payload, struct err *err)
{
	struct rd whole = rd_init(payload->program.data, payload->program.len);
	struct rd rd = whole, key;
	struct td_shim_bytes anchor;
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
	if (find_files(image, TYPE_RAW, GUID_ANCHOR, &anchor) != 1)
		return err_fail(err, -EKEYREJECTED,
			"td-shim refuses its payload: it is signed, and no key is trusted");
	rc = check_key(&anchor, key.base, key.len, err);
	if (rc != 0)
		return rc;
	payload->is_signed = true;
	payload->trust_anchor = anchor;
	payload->program.data += SIGNED_HEADER;
	payload->program.len = length - SIGNED_HEADER;
	return 0;
}

int td_shim_payload_find(
	const void *image, size_t len, struct td_shim_payload *ret, struct err *err)
{
	struct rd whole = rd_init(image, len);
	struct td_shim_payload payload = {.is_signed = false};
	struct td_shim_bytes file;
	size_t found = find_files(&whole, FFS_TYPE_DXE_CORE, NULL, &file);
	int rc;

	if (found != 1)
		return err_fail(err, -ENOTSUP, "%s",
			found == 0 ? "the image has no payload of its own"
				   : "the image has more than one payload");
	rc = find_program(&file, &payload.program, err);
	if (rc == 0 && payload.program.len >= GUID_SIZE &&
		guid_is(payload.program.data, GUID_SIGNED))
		rc = open_signed(&whole, &payload, err);
	if (rc == 0)
		*ret = payload;
	return rc;
}
