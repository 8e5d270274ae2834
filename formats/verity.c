/* dm-verity format 1: geometry, block hash, parameter line (verity.h). */
#include "formats/verity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/rd.h"
#include "lib/sha256mb.h"

_Static_assert(VERITY_SALT_MAX <= SHA256MB_PREFIX_MAX, "a salt is a prefix");
_Static_assert(VERITY_FANOUT == 128, "digests in a hash block");

int verity_geometry(uint64_t data_blocks, struct verity_geometry *ret, struct err *err)
{
	struct verity_geometry geometry = {.data_blocks = data_blocks};
	uint64_t below = data_blocks;

	if (data_blocks == 0 || data_blocks > VERITY_DATA_BLOCKS_MAX)
		return err_fail(err, -EINVAL, "dm-verity cannot cover %" PRIu64 " data blocks",
			data_blocks);
	for (; below > 1; geometry.levels++) {
		below = (below + VERITY_FANOUT - 1) / VERITY_FANOUT;
		geometry.level[geometry.levels].blocks = below;
	}
	for (size_t i = geometry.levels; i-- > 0;) {
		geometry.level[i].start = geometry.tree_blocks;
		geometry.tree_blocks += geometry.level[i].blocks;
	}
	*ret = geometry;
	return 0;
}

int verity_hash_blocks(const unsigned char *salt, size_t salt_bytes, const void *blocks, size_t n,
	unsigned char *ret, struct err *err)
{
	return sha256mb(salt, salt_bytes, blocks, VERITY_BLOCK_SIZE, n, ret, err);
}

void verity_params_format(const struct verity_params *params, char ret[VERITY_PARAMS_TEXT_MAX])
{
	char root[2 * SHA256_SIZE + 1];
	char salt[2 * VERITY_SALT_MAX + 1];

	hex_encode(params->root_hash, SHA256_SIZE, root);
	hex_encode(params->salt, params->salt_bytes, salt);
	snprintf(ret, VERITY_PARAMS_TEXT_MAX,
		"root_hash=%s,salt=%s,data_blocks=%" PRIu64
		",data_block_size=%u,hash_block_size=%u",
		root, salt, params->data_blocks, VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE);
}

struct line {
	struct rd rd;
	const char *what;
};

/* The value of @key, which must come next, and its length; past the comma behind it. NULL when
 * it is not there. */
static const char *value_of(struct line *line, const char *key, size_t *ret_len)
{
	size_t key_len = strlen(key);
	const unsigned char *at = rd_bytes(&line->rd, key_len);
	const unsigned char *value = line->rd.base + line->rd.pos;
	const unsigned char *comma;

	if (at == NULL || memcmp(at, key, key_len) != 0)
		return NULL;
	comma = memchr(value, ',', rd_left(&line->rd));
	*ret_len = comma != NULL ? (size_t)(comma - value) : rd_left(&line->rd);
	rd_skip(&line->rd, *ret_len + (comma != NULL));
	return (const char *)value;
}

static int bad_line(const struct line *line, size_t at, const char *key, struct err *err)
{
	return err_fail(err, -EBADMSG,
		"%s: byte %zu: the verity parameters have no valid \"%s\" here", line->what, at,
		key);
}

/* Reads "@key<hex>" of @min..@max bytes. */
static int read_hex(struct line *line, const char *key, size_t min, size_t max, unsigned char *ret,
	size_t *ret_n, struct err *err)
{
	char text[2 * VERITY_SALT_MAX + 1] = "";
	size_t at = line->rd.pos;
	size_t len = 0;
	const char *value = value_of(line, key, &len);

	if (value == NULL || len % 2 != 0 || len / 2 < min || len / 2 > max)
		return bad_line(line, at, key, err);
	memcpy(text, value, len);
	if (!hex_decode(text, ret, len / 2))
		return bad_line(line, at, key, err);
	*ret_n = len / 2;
	return 0;
}

/* Reads "@key<decimal>", 1..@max, written without leading zeros. */
static int read_number(
	struct line *line, const char *key, uint64_t max, uint64_t *ret, struct err *err)
{
	size_t at = line->rd.pos;
	size_t len = 0;
	const char *value = value_of(line, key, &len);
	uint64_t n = 0;

	if (value == NULL || len == 0 || value[0] == '0')
		return bad_line(line, at, key, err);
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return bad_line(line, at, key, err);
		n = n * 10 + (uint64_t)(value[i] - '0');
		if (n > max)
			return bad_line(line, at, key, err);
	}
	*ret = n;
	return 0;
}

static int read_block_size(struct line *line, const char *key, struct err *err)
{
	uint64_t n = 0;
	int rc = read_number(line, key, UINT32_MAX, &n, err);

	if (rc == 0 && n != VERITY_BLOCK_SIZE)
		return err_fail(err, -ENOTSUP,
			"%s: %s%" PRIu64 ", but only blocks of 4096 bytes are known", line->what,
			key, n);
	return rc;
}

int verity_params_parse(
	const void *text, size_t len, const char *what, struct verity_params *ret, struct err *err)
{
	struct verity_params params = {0};
	size_t newline = len > 0 && ((const char *)text)[len - 1] == '\n';
	struct line line = {.rd = rd_init(text, len - newline), .what = what};
	size_t root_bytes;
	int rc = read_hex(
		&line, "root_hash=", SHA256_SIZE, SHA256_SIZE, params.root_hash, &root_bytes, err);

	if (rc == 0)
		rc = read_hex(
			&line, "salt=", 1, VERITY_SALT_MAX, params.salt, &params.salt_bytes, err);
	if (rc == 0)
		rc = read_number(
			&line, "data_blocks=", VERITY_DATA_BLOCKS_MAX, &params.data_blocks, err);
	if (rc == 0)
		rc = read_block_size(&line, "data_block_size=", err);
	if (rc == 0)
		rc = read_block_size(&line, "hash_block_size=", err);
	if (rc != 0)
		return rc;
	if (rd_left(&line.rd) != 0 || line.rd.base[line.rd.len - 1] == ',')
		return err_fail(err, -EBADMSG, "%s: more after the verity parameters", what);
	*ret = params;
	return 0;
}

void verity_dm_create_write(const struct verity_params *params, const char *data_device,
	const char *hash_device, struct buf *ret)
{
	char root_hash[2 * SHA256_SIZE + 1], salt[2 * VERITY_SALT_MAX + 1];
	unsigned long long blocks = params->data_blocks;

	hex_encode(params->root_hash, SHA256_SIZE, root_hash);
	hex_encode(params->salt, params->salt_bytes, salt);
	buf_fmt(ret,
		"dm-mod.create=\"dm-verity,,,ro,0 %llu verity 1 %s %s %u %u %llu 0 sha256 %s %s\"",
		blocks * (VERITY_BLOCK_SIZE / 512), data_device, hash_device, VERITY_BLOCK_SIZE,
		VERITY_BLOCK_SIZE, blocks, root_hash, salt);
}
