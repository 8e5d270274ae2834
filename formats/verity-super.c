/*
 * The dm-verity super block (verity-super.h). Little-endian.
 *
 *   offset size
 *      0     8  "verity", two NUL
 *      8     4  version, 1
 *     12     4  hash type, 1: the salt comes before the data
 *     16    16  UUID of the device
 *     32    32  hash, NUL-filled: "sha256"
 *     64     4  data block size
 *     68     4  hash block size
 *     72     8  data blocks
 *     80     2  salt size
 *     82     6  zero
 *     88   256  salt, zero-filled
 *    344   168  zero
 */
#include "formats/verity-super.h"

#include <inttypes.h>
#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define VERSION	       1
#define HASH_TYPE      1
#define ALGORITHM_SIZE 32
#define OFF_SALT       88

_Static_assert(OFF_SALT + VERITY_SALT_MAX + 168 == VERITY_SUPER_SIZE, "one sector");

static const char magic[8] = "verity";
static const char algorithm[ALGORITHM_SIZE] = "sha256";

void verity_super_format(const struct verity_super *super, unsigned char ret[VERITY_SUPER_SIZE])
{
	struct wr wr = wr_init(ret, VERITY_SUPER_SIZE);

	wr_bytes(&wr, magic, sizeof(magic));
	wr_le32(&wr, VERSION);
	wr_le32(&wr, HASH_TYPE);
	wr_bytes(&wr, super->uuid, sizeof(super->uuid));
	wr_bytes(&wr, algorithm, sizeof(algorithm));
	wr_le32(&wr, VERITY_BLOCK_SIZE);
	wr_le32(&wr, VERITY_BLOCK_SIZE);
	wr_le64(&wr, super->data_blocks);
	wr_le16(&wr, (uint16_t)super->salt_bytes);
	wr_seek(&wr, OFF_SALT);
	wr_bytes(&wr, super->salt, super->salt_bytes);
}

bool verity_super_is(const void *bytes, size_t len)
{
	return len >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0;
}

static int check_kind(struct rd *rd, struct verity_super *ret, const char *what, struct err *err)
{
	uint32_t version = rd_le32(rd);
	uint32_t type = rd_le32(rd);
	char name[ALGORITHM_SIZE];
	uint32_t data_size, hash_size;

	rd_copy(rd, ret->uuid, sizeof(ret->uuid));
	rd_copy(rd, name, sizeof(name));
	data_size = rd_le32(rd);
	hash_size = rd_le32(rd);
	if (version != VERSION || type != HASH_TYPE)
		return err_fail(err, -ENOTSUP,
			"%s: dm-verity super block of version %" PRIu32 ", hash type %" PRIu32
			", but only version 1 with type 1 is known",
			what, version, type);
	if (memcmp(name, algorithm, sizeof(name)) != 0)
		return err_fail(err, -ENOTSUP,
			"%s: dm-verity with the hash \"%.*s\", but only sha256 is known", what,
			(int)sizeof(name), name);
	if (data_size != VERITY_BLOCK_SIZE || hash_size != VERITY_BLOCK_SIZE)
		return err_fail(err, -ENOTSUP,
			"%s: dm-verity with blocks of %" PRIu32 " and %" PRIu32
			" bytes, but only 4096 is known",
			what, data_size, hash_size);
	return 0;
}

int verity_super_parse(
	const void *bytes, size_t len, const char *what, struct verity_super *ret, struct err *err)
{
	struct rd rd = rd_init(bytes, len);
	struct verity_super super = {0};
	int rc;

	if (len < VERITY_SUPER_SIZE || !verity_super_is(bytes, len))
		return err_fail(err, -EBADMSG, "%s: no dm-verity super block", what);
	rd_skip(&rd, sizeof(magic));
	rc = check_kind(&rd, &super, what, err);
	if (rc != 0)
		return rc;
	super.data_blocks = rd_le64(&rd);
	super.salt_bytes = rd_le16(&rd);
	if (super.data_blocks == 0 || super.data_blocks > VERITY_DATA_BLOCKS_MAX)
		return err_fail(err, -EBADMSG,
			"%s: the dm-verity super block says %" PRIu64 " data blocks", what,
			super.data_blocks);
	if (super.salt_bytes > VERITY_SALT_MAX)
		return err_fail(err, -EBADMSG,
			"%s: the dm-verity super block says %zu bytes of salt, and 256 are the "
			"most",
			what, super.salt_bytes);
	rd_seek(&rd, OFF_SALT);
	rd_copy(&rd, super.salt, super.salt_bytes);
	*ret = super;
	return 0;
}
