/*
 * LZ4's legacy frame (lz4-legacy.h). A block is a list of sequences:
 *
 *   token      1    high half: literals, low half: match length less 4; 15 means that more bytes add to it
 *   literals        copied
 *   offset     2    back from here, not 0; the last sequence ends before it
 */
#include "formats/lz4-legacy.h"

#include <string.h>

#include "lib/rd.h"

#define MAGIC	    0x184c2102u
#define MATCH_LEAST 4
#define LONG	    15

/* Where a block's bytes go. */
struct out {
	unsigned char *base;
	size_t len, pos;
};

/* A length: what the token says, and the bytes that add to it. */
static size_t read_length(struct rd *rd, unsigned token)
{
	size_t n = token;

	for (unsigned add = token == LONG ? 255 : 0; add == 255 && !rd->bad;) {
		add = rd_u8(rd);
		n += add;
	}
	return n;
}

static bool copy_match(struct out *out, size_t offset, size_t n)
{
	if (offset == 0 || offset > out->pos || n > out->len - out->pos)
		return false;
	/* Byte by byte: a match may overlap what it makes. */
	for (size_t i = 0; i < n; i++, out->pos++)
		out->base[out->pos] = out->base[out->pos - offset];
	return true;
}

static bool read_sequence(struct rd *rd, struct out *out)
{
	unsigned token = rd_u8(rd);
	size_t n = read_length(rd, token >> 4);
	const unsigned char *literals = rd_bytes(rd, n);
	size_t offset;

	if (literals == NULL || n > out->len - out->pos)
		return false;
	memcpy(out->base + out->pos, literals, n);
	out->pos += n;
	if (rd_left(rd) == 0)
		return true;
	offset = rd_le16(rd);
	n = read_length(rd, token & 15) + MATCH_LEAST;
	return !rd->bad && copy_match(out, offset, n);
}

static bool read_block(struct rd *rd, struct out *out)
{
	bool good = rd_left(rd) > 0;

	while (good && rd_left(rd) > 0)
		good = read_sequence(rd, out);
	return good;
}

int lz4_legacy_read(
	const void *src, size_t len, unsigned char *ret, size_t ret_len, struct err *err)
{
	struct rd rd = rd_init(src, len);
	size_t done = 0;

	if (rd_le32(&rd) != MAGIC)
		return err_fail(err, -EBADMSG, "no legacy LZ4 frame");
	while (rd_left(&rd) > 0) {
		size_t at = rd.pos;
		size_t n = rd_le32(&rd);
		struct rd block = rd_at(&rd, rd.pos, n);
		size_t room = ret_len - done;
		struct out out = {.base = ret + done,
			.len = room < LZ4_LEGACY_BLOCK_MAX ? room : LZ4_LEGACY_BLOCK_MAX};

		rd_skip(&rd, n);
		if (rd.bad || !read_block(&block, &out))
			return err_fail(err, -EBADMSG, "byte %zu: malformed LZ4 block", at);
		done += out.pos;
	}
	if (done != ret_len)
		return err_fail(err, -EBADMSG, "LZ4 frame of %zu bytes, want %zu", done, ret_len);
	return 0;
}
