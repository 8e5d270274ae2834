/*
 * The maps of compressed EROFS files (erofs-map.h).
 *
 * Behind the inode and its attributes, at a multiple of 8, the map header:
 *     0 4  offset in the packed inode (of the last extent, when it is a fragment), or
 *     2 2  bytes of the inline tail behind the index
 *     4 2  advice: EROFS_ADVISE_*
 *     6 1  algorithms: bits 0..3 of the first, 4..7 of the second
 *     7 1  bits 0..2 logical cluster size, log2 over the block size; bit 7: the whole file is a
 *          fragment, and the other 63 bits are its offset
 *
 * Then the index, an entry for each logical cluster. An extent starts in the cluster that is its
 * head, at an offset, and goes on through clusters that are no heads. Full entries follow after 8
 * more bytes:
 *     0 2  type (bits 0..1), bit 15: partial
 *     2 2  offset at which the extent starts
 *     4 4  a head's first block; else 4 2 the distance back to the head, 6 2 that to the next head
 * The first entry behind a head has the number of the extent's blocks instead of a distance, marked
 * by bit 11, when it has more than one.
 *
 * Compact entries are packed: 2 in 8 bytes, or 16 in 32 (which stand at multiples of 32); each has
 * 12 bits of offset or distance and 2 of type, bits from the least; the last 4 bytes of a pack are a
 * block number from which those of its heads are counted.
 */
#define _GNU_SOURCE
#include "formats/erofs-map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK		   EROFS_BLOCK_SIZE
#define WHOLE_FRAGMENT	   0x80u
#define CLUSTER_BITS	   0x07u
#define FULL_INDEX_PADDING 8u
#define PACK_BYTES_4	   8u
#define PACK_BYTES_2	   32u
#define ALIGN8(n)	   (((n) + 7) & ~(uint64_t)7)

struct header {
	uint32_t fragment_off;
	uint16_t tail_bytes;
	uint16_t advise;
	uint8_t algorithms[2];
	bool whole_fragment;
	uint64_t whole_fragment_off;
};

/* An entry of the index, of whatever density. */
struct entry {
	unsigned type;
	bool partial;
	uint16_t off;	 /* of a head */
	uint32_t block;	 /* of a head */
	uint32_t blocks; /* behind a head: of the extent; 0 when it does not tell */
};

struct index {
	const struct erofs_image *image;
	const struct erofs_node *node;
	struct header header;
	uint64_t at; /* of the next entry */
	uint64_t count, next;
	/* Compact: how many entries of 4 bytes come first, and of 2 behind them. */
	uint64_t first_4, then_2;
	struct entry pack[16];
	size_t pack_len, pack_next;
};

static int bad(const struct index *index, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: EROFS inode %" PRIu64 ": %s", index->image->what,
		index->node->nid, why);
}

static int read_header(struct index *index, struct err *err)
{
	uint64_t at = ALIGN8(index->node->tail_off);
	struct rd rd = rd_at(&index->image->rd, at, EROFS_MAP_HEADER_SIZE);
	struct rd whole = rd;
	struct header *header = &index->header;
	uint8_t algorithms, bits;

	header->fragment_off = rd_le32(&rd);
	header->tail_bytes = (uint16_t)(header->fragment_off >> 16);
	header->advise = rd_le16(&rd);
	algorithms = rd_u8(&rd);
	bits = rd_u8(&rd);
	if (rd.bad)
		return bad(index, "its map is outside of the image", err);
	index->at = at + EROFS_MAP_HEADER_SIZE;
	header->algorithms[0] = algorithms & 0xf;
	header->algorithms[1] = algorithms >> 4;
	header->whole_fragment = (bits & WHOLE_FRAGMENT) != 0;
	header->whole_fragment_off = rd_le64(&whole) & ~(UINT64_C(1) << 63);
	if (header->whole_fragment)
		return 0;
	if ((bits & CLUSTER_BITS) != 0 || (header->advise & ~EROFS_ADVISE_KNOWN) != 0)
		return err_fail(err, -ENOTSUP,
			"%s: EROFS inode %" PRIu64 " has a map of an unknown kind (0x%x, 0x%x)",
			index->image->what, index->node->nid, header->advise, bits);
	if ((header->advise & EROFS_ADVISE_INLINE) != 0 &&
		(header->advise & EROFS_ADVISE_FRAGMENT) != 0)
		return bad(index, "its tail is in two places", err);
	return 0;
}

static void begin_index(struct index *index)
{
	uint64_t size = index->node->inode.size_bytes;
	uint64_t rest;

	index->count = size / BLOCK + (size % BLOCK != 0);
	if (index->node->inode.layout == EROFS_COMPRESSED_FULL) {
		index->at += FULL_INDEX_PADDING;
		return;
	}
	index->first_4 = (PACK_BYTES_2 - index->at % PACK_BYTES_2) % PACK_BYTES_2 / 4;
	if (index->first_4 > index->count)
		index->first_4 = index->count;
	rest = index->count - index->first_4;
	if ((index->header.advise & EROFS_ADVISE_COMPACT_2B) != 0)
		index->then_2 = rest / 16 * 16;
}

static struct entry full_entry(struct rd *rd)
{
	uint16_t advise = rd_le16(rd);
	struct entry entry = {.type = advise & EROFS_INDEX_TYPE,
		.partial = (advise & EROFS_INDEX_PARTIAL) != 0,
		.off = rd_le16(rd)};
	uint32_t word = rd_le32(rd);

	if (entry.type != EROFS_INDEX_NO_HEAD)
		entry.block = word;
	else if ((word & EROFS_INDEX_BLOCKS) != 0)
		entry.blocks = word & (EROFS_INDEX_BLOCKS - 1);
	return entry;
}

static unsigned get_bits(const unsigned char *bytes, size_t at, unsigned n)
{
	unsigned value = 0;

	for (unsigned i = 0; i < n; i++)
		value |= (unsigned)(bytes[(at + i) / 8] >> (at + i) % 8 & 1) << i;
	return value;
}

/* One pack. Its block number is that of the first cluster that is told of in it; without big
 * clusters, of the one before. */
static void unpack(struct index *index, struct rd *rd, size_t bytes)
{
	size_t n = bytes == PACK_BYTES_4 ? 2 : 16, width = (bytes - 4) * 8 / n;
	bool big = (index->header.advise & EROFS_ADVISE_BIG_1) != 0;
	const unsigned char *bits = rd_bytes(rd, bytes - 4);
	uint32_t block = rd_le32(rd) + !big;

	index->pack_len = rd->bad ? 0 : n;
	index->pack_next = 0;
	for (size_t i = 0; i < index->pack_len; i++) {
		unsigned low = get_bits(bits, i * width, 12);
		struct entry entry = {.type = get_bits(bits, i * width + 12, 2)};

		if (entry.type != EROFS_INDEX_NO_HEAD) {
			entry.off = (uint16_t)low;
			entry.block = block++;
		} else if ((low & EROFS_INDEX_BLOCKS) != 0) {
			entry.blocks = low & (EROFS_INDEX_BLOCKS - 1);
			/* One was counted at the head, unless that is in the pack before. */
			block += entry.blocks - (i > 0);
		}
		index->pack[i] = entry;
	}
}

static int next_entry(struct index *index, struct entry *ret, struct err *err)
{
	struct rd rd = index->image->rd;
	bool full = index->node->inode.layout == EROFS_COMPRESSED_FULL;
	uint64_t in_2 = index->next - index->first_4;

	rd_seek(&rd, index->at);
	if (full)
		*ret = full_entry(&rd);
	else if (index->pack_next == index->pack_len)
		unpack(index, &rd,
			index->next >= index->first_4 && in_2 < index->then_2 ? PACK_BYTES_2
									      : PACK_BYTES_4);
	if (rd.bad)
		return bad(index, "its map is outside of the image", err);
	index->at = rd.pos;
	if (!full)
		*ret = index->pack[index->pack_next++];
	index->next++;
	return 0;
}

static bool is_big(const struct index *index, unsigned type)
{
	unsigned need = type == EROFS_INDEX_HEAD_1 ? EROFS_ADVISE_BIG_1 : EROFS_ADVISE_BIG_2;

	return type != EROFS_INDEX_PLAIN && (index->header.advise & need) != 0;
}

static int add_extent(struct erofs_map *map, size_t *cap, const struct erofs_extent *extent,
	const struct index *index, struct err *err)
{
	if (map->count == EROFS_EXTENTS_MAX)
		return err_fail(err, -EFBIG, "%s: EROFS inode %" PRIu64 ": more than %u extents",
			index->image->what, index->node->nid, EROFS_EXTENTS_MAX);
	if (map->count == *cap) {
		size_t grown_cap = *cap > 0 ? 2 * *cap : 16;
		struct erofs_extent *grown = reallocarray(map->extents, grown_cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		map->extents = grown;
		*cap = grown_cap;
	}
	map->extents[map->count++] = *extent;
	return 0;
}

static struct erofs_extent make_extent(const struct index *index, const struct entry *entry)
{
	bool interlaced = (index->header.advise & EROFS_ADVISE_INTERLACED) != 0;
	struct erofs_extent extent = {.start = (index->next - 1) * BLOCK + entry->off,
		.from = (uint64_t)entry->block * BLOCK,
		.stored_bytes = BLOCK,
		.kind = EROFS_EXTENT_COMPRESSED,
		.algorithm = index->header.algorithms[entry->type == EROFS_INDEX_HEAD_2],
		.partial = entry->partial};

	if (entry->type == EROFS_INDEX_PLAIN)
		extent.kind = interlaced ? EROFS_EXTENT_INTERLACED : EROFS_EXTENT_PLAIN;
	return extent;
}

/* Where the number of blocks must come, and only there. */
static int take_blocks(const struct index *index, const struct entry *entry, unsigned head,
	bool behind_head, bool last, struct erofs_map *map, struct err *err)
{
	if (entry->blocks == 0)
		/* A last extent that is elsewhere has none. */
		return behind_head && is_big(index, head) && !last
			       ? bad(index, "a cluster without its size", err)
			       : 0;
	if (!behind_head || !is_big(index, head) || entry->blocks > EROFS_CLUSTER_MAX / BLOCK)
		return bad(index, "the size of no cluster", err);
	map->extents[map->count - 1].stored_bytes = entry->blocks * BLOCK;
	return 0;
}

static int read_extents(struct index *index, struct erofs_map *map, struct err *err)
{
	bool elsewhere = (index->header.advise & (EROFS_ADVISE_INLINE | EROFS_ADVISE_FRAGMENT)) !=
			 0;
	unsigned head = EROFS_INDEX_NO_HEAD;
	bool behind_head = false;
	size_t cap = 0;
	int rc = 0;

	while (rc == 0 && index->next < index->count) {
		struct entry entry = {0};

		rc = next_entry(index, &entry, err);
		if (rc == 0 && entry.type == EROFS_INDEX_NO_HEAD && map->count == 0)
			return bad(index, "its map does not begin with a cluster", err);
		if (rc == 0 && entry.type == EROFS_INDEX_NO_HEAD) {
			rc = take_blocks(index, &entry, head, behind_head, elsewhere, map, err);
			behind_head = false;
		} else if (rc == 0) {
			struct erofs_extent extent = make_extent(index, &entry);

			if (entry.off >= BLOCK || extent.start > map->size_bytes ||
				(map->count == 0 && extent.start != 0))
				return bad(index, "an extent outside of the file", err);
			/* The end of the file may be marked by one of no bytes. */
			if (map->count == 0 || extent.start < map->size_bytes)
				rc = add_extent(map, &cap, &extent, index, err);
			head = entry.type;
			behind_head = true;
		}
	}
	return rc;
}

/* The last extent when it is behind the index or in the packed inode. */
static int take_tail(struct index *index, struct erofs_map *map, struct err *err)
{
	struct erofs_extent *last = &map->extents[map->count - 1];
	uint64_t at = index->at;

	if ((index->header.advise & EROFS_ADVISE_FRAGMENT) != 0) {
		uint64_t high = index->node->inode.layout == EROFS_COMPRESSED_FULL
					? last->from / BLOCK << 32
					: 0;

		last->kind = EROFS_EXTENT_FRAGMENT;
		last->from = high | index->header.fragment_off;
		last->stored_bytes = 0;
	} else if ((index->header.advise & EROFS_ADVISE_INLINE) != 0) {
		last->from = at;
		last->stored_bytes = index->header.tail_bytes;
		if (last->stored_bytes == 0 || at % BLOCK + last->stored_bytes > BLOCK)
			return bad(index, "an inline tail that crosses a block", err);
	}
	return 0;
}

uint64_t erofs_extent_bytes(const struct erofs_map *map, size_t i)
{
	uint64_t end = i + 1 < map->count ? map->extents[i + 1].start : map->size_bytes;

	return end - map->extents[i].start;
}

static int check_extents(const struct index *index, const struct erofs_map *map, struct err *err)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct erofs_extent *extent = &map->extents[i];
		uint64_t bytes = erofs_extent_bytes(map, i);

		if (extent->kind == EROFS_EXTENT_FRAGMENT)
			continue;
		if (rd_at(&index->image->rd, extent->from, extent->stored_bytes).bad)
			return bad(index, "a cluster outside of the image", err);
		if (bytes > EROFS_EXTENT_MAX ||
			(extent->kind != EROFS_EXTENT_COMPRESSED && bytes > extent->stored_bytes))
			return bad(index, "an extent larger than it can be", err);
	}
	return 0;
}

static int whole_fragment(const struct index *index, struct erofs_map *map, struct err *err)
{
	const struct erofs_extent extent = {
		.from = index->header.whole_fragment_off, .kind = EROFS_EXTENT_FRAGMENT};
	size_t cap = 0;

	return map->size_bytes > 0 ? add_extent(map, &cap, &extent, index, err) : 0;
}

static int read_map(struct index *index, struct erofs_map *map, struct err *err)
{
	int rc = read_header(index, err);

	if (rc == 0 && index->header.whole_fragment)
		return whole_fragment(index, map, err);
	if (rc != 0)
		return rc;
	begin_index(index);
	rc = read_extents(index, map, err);
	if (rc == 0 && map->count > 0)
		rc = take_tail(index, map, err);
	return rc != 0 ? rc : check_extents(index, map, err);
}

int erofs_map_read(const struct erofs_image *image, const struct erofs_node *node,
	struct erofs_map *ret, struct err *err)
{
	struct index index = {.image = image, .node = node};
	struct erofs_map map = {.size_bytes = node->inode.size_bytes};
	int rc = read_map(&index, &map, err);

	if (rc == 0)
		*ret = map;
	else
		erofs_map_done(&map);
	return rc;
}

void erofs_map_done(struct erofs_map *map)
{
	free(map->extents);
	*map = (struct erofs_map){0};
}

size_t erofs_map_find(const struct erofs_map *map, uint64_t off)
{
	size_t low = 0, high = map->count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (map->extents[mid].start <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}
