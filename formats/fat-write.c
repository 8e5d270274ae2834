/*
 * FAT32 (fat-write.h). The boot sector:
 *
 *    0  3 jump        13 1 sectors per cluster   28 4 hidden sectors   44 4 root's cluster   66  1 0x29
 *    3  8 "ASSAY"     14 2 reserved sectors      32 4 sectors          48 2 FSInfo's sector  67  4 volume ID
 *   11  2 512         16 1 FATs                  36 4 sectors of a FAT 50 2 the copy's       71 11 label
 *   21  1 media       24 2 sectors, 26 2 heads                           64 1 drive            82  8 "FAT32"
 *
 * A directory entry: 0 11 name, 11 1 attributes, 14 2 and 16 2 time and date of creation, 18 2 of access, 20 2 high half of the
 * cluster, 22 2 and 24 2 time and date of writing, 26 2 low half, 28 4 size.
 */
#define _GNU_SOURCE /* strnlen */
#include "formats/fat-write.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wr.h"

#define SECTOR	       512u
#define RESERVED       32u
#define FATS	       2u
#define INFO_SECTOR    1u
#define COPY_SECTOR    6u
#define MEDIA	       0xf8u
#define TRACK_SECTORS  63u /* of a geometry that only old programs look at */
#define HEADS	       255u
#define CLUSTERS_LEAST 65525u /* fewer are FAT16 */
#define CLUSTER_FIRST  2u
#define CHAIN_END      0x0fffffffu
#define FAT_ENTRY      4u
#define ENTRY	       32u
#define ENTRIES_IN_ONE (SECTOR / ENTRY)
#define NAME_SIZE      11
#define ATTR_VOLUME    0x08
#define ATTR_DIR       0x10
#define ATTR_FILE      0x21 /* archive, read-only */
#define MIB	       (UINT64_C(1) << 20)
#define YEAR_FIRST     1980
#define YEAR_LAST      2107
#define NODES_MAX      (FAT_WRITE_FILES_MAX * FAT_WRITE_DEPTH_MAX + 1)
#define NO_PARENT      SIZE_MAX

/* A directory or a file. */
struct node {
	unsigned char name[NAME_SIZE];
	size_t parent;			   /* index */
	const struct fat_write_file *file; /* NULL: a directory */
	size_t children;
	uint32_t cluster, clusters;
};

struct layout {
	const struct fat_write *fat;
	struct node *nodes; /* owned; [0] is the root */
	size_t count;
	uint32_t used;	/* clusters */
	uint32_t total; /* clusters */
	uint32_t fat_sectors;
	uint16_t date, time;
};

static void layout_done(struct layout *layout)
{
	free(layout->nodes);
}

/* --- names --- */

static bool put_part(const char *text, size_t n, unsigned char *dst, size_t max)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-~!#$%&'()@^`{}";

	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (memchr(chars, text[i], sizeof(chars) - 1) == NULL)
			return false;
		dst[i] = (unsigned char)text[i];
	}
	return true;
}

/* "BOOTX64.EFI" as "BOOTX64 EFI". */
static bool short_name(const char *text, size_t n, unsigned char ret[NAME_SIZE])
{
	const char *dot = memchr(text, '.', n);
	size_t base = dot != NULL ? (size_t)(dot - text) : n;

	memset(ret, ' ', NAME_SIZE);
	return put_part(text, base, ret, 8) &&
	       (dot == NULL || put_part(dot + 1, n - base - 1, ret + 8, 3));
}

static struct node *find_child(
	struct layout *layout, size_t parent, const unsigned char name[NAME_SIZE])
{
	for (size_t i = 1; i < layout->count; i++) {
		if (layout->nodes[i].parent == parent &&
			memcmp(layout->nodes[i].name, name, NAME_SIZE) == 0)
			return &layout->nodes[i];
	}
	return NULL;
}

static struct node *add_node(
	struct layout *layout, size_t parent, const unsigned char name[NAME_SIZE])
{
	struct node *node = &layout->nodes[layout->count++];

	*node = (struct node){.parent = parent};
	memcpy(node->name, name, NAME_SIZE);
	layout->nodes[parent].children++;
	return node;
}

static int add_file(struct layout *layout, const struct fat_write_file *file, struct err *err)
{
	size_t parent = 0, depth = 0;

	for (const char *at = file->path, *next; at != NULL; at = next) {
		const char *slash = strchr(at, '/');
		size_t n = slash != NULL ? (size_t)(slash - at) : strlen(at);
		unsigned char name[NAME_SIZE];
		struct node *node;

		next = slash != NULL ? slash + 1 : NULL;
		if (!short_name(at, n, name) || ++depth > FAT_WRITE_DEPTH_MAX)
			return err_fail(err, -EINVAL, "%s: not a path of 8.3 names", file->path);
		node = find_child(layout, parent, name);
		if (node != NULL && (next == NULL || node->file != NULL))
			return err_fail(err, -EINVAL, "%s: the name is there already", file->path);
		if (node == NULL)
			node = add_node(layout, parent, name);
		if (next == NULL)
			node->file = file;
		parent = (size_t)(node - layout->nodes);
	}
	return 0;
}

/* --- places --- */

static uint64_t clusters_of(const struct node *node)
{
	/* "." and ".."; in the root, the label. */
	size_t entries = node->children + (node->parent == NO_PARENT ? 1 : 2);

	if (node->file != NULL)
		return node->file->len / SECTOR + (node->file->len % SECTOR != 0);
	return (entries + ENTRIES_IN_ONE - 1) / ENTRIES_IN_ONE;
}

static uint64_t fat_sectors_for(uint64_t clusters)
{
	return ((clusters + CLUSTER_FIRST) * FAT_ENTRY + SECTOR - 1) / SECTOR;
}

static int place(struct layout *layout, struct err *err)
{
	uint64_t at = CLUSTER_FIRST;

	for (size_t i = 0; i < layout->count; i++) {
		struct node *node = &layout->nodes[i];
		uint64_t n = clusters_of(node);

		if (at + n > FAT_WRITE_SIZE_MAX / SECTOR)
			return err_fail(err, -EFBIG, "files for more than %u bytes of FAT",
				FAT_WRITE_SIZE_MAX);
		node->cluster = n > 0 ? (uint32_t)at : 0;
		node->clusters = (uint32_t)n;
		at += n;
	}
	layout->used = (uint32_t)(at - CLUSTER_FIRST);
	return 0;
}

static bool is_label(const char *label)
{
	size_t n = strnlen(label, NAME_SIZE + 1);
	unsigned char name[NAME_SIZE];

	return n > 0 && n <= NAME_SIZE && put_part(label, n, name, NAME_SIZE);
}

static int plan(const struct fat_write *fat, struct layout *ret, struct err *err)
{
	int rc = 0;

	if (fat->count > FAT_WRITE_FILES_MAX || !is_label(fat->label))
		return err_fail(err, -EINVAL, "FAT: more than %d files, or a label that is none",
			FAT_WRITE_FILES_MAX);
	*ret = (struct layout){
		.fat = fat, .nodes = calloc(NODES_MAX, sizeof(struct node)), .count = 1};
	if (ret->nodes == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	ret->nodes[0].parent = NO_PARENT;
	for (size_t i = 0; rc == 0 && i < fat->count; i++)
		rc = add_file(ret, &fat->files[i], err);
	return rc != 0 ? rc : place(ret, err);
}

int fat_write_size(const struct fat_write *fat, uint64_t *ret, struct err *err)
{
	__attribute__((cleanup(layout_done))) struct layout layout = {.nodes = NULL};
	int rc = plan(fat, &layout, err);
	uint64_t clusters = layout.used > CLUSTERS_LEAST ? layout.used : CLUSTERS_LEAST;
	uint64_t sectors = RESERVED + FATS * fat_sectors_for(clusters) + clusters;

	if (rc != 0)
		return rc;
	/* Sectors that the rounding adds need room in the FATs in turn; a few are left over. */
	sectors += FATS * fat_sectors_for(MIB / SECTOR) + FATS;
	*ret = (sectors * SECTOR + MIB - 1) / MIB * MIB;
	return *ret <= FAT_WRITE_SIZE_MAX
		       ? 0
		       : err_fail(err, -EFBIG, "a FAT of %" PRIu64 " bytes", *ret);
}

/* How many clusters the size leaves: the FATs must have an entry for each. */
static int measure(struct layout *layout, struct err *err)
{
	uint64_t size = layout->fat->size_bytes, sectors = size / SECTOR, clusters;
	uint64_t fat = fat_sectors_for(sectors);

	if (size % SECTOR != 0 || size > FAT_WRITE_SIZE_MAX ||
		layout->fat->hidden_sectors > UINT32_MAX || sectors <= RESERVED + FATS * fat)
		return err_fail(err, -EINVAL, "no FAT32 has %" PRIu64 " bytes", size);
	clusters = sectors - RESERVED - FATS * fat;
	if (clusters < CLUSTERS_LEAST || clusters < layout->used)
		return err_fail(err, -EFBIG, "a FAT32 of %" PRIu64 " bytes is too small", size);
	layout->total = (uint32_t)clusters;
	layout->fat_sectors = (uint32_t)fat;
	return 0;
}

/* --- times --- */

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* @month counts from 0. */
static unsigned month_days(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month] + (month == 1 && is_leap(year));
}

/* The date and time of @timestamp, in UTC. */
static void set_time(struct layout *layout, uint64_t timestamp)
{
	uint64_t days = timestamp / 86400, seconds = timestamp % 86400;
	unsigned year = 1970, month = 0;

	while (year <= YEAR_LAST && days >= 365u + is_leap(year))
		days -= 365u + is_leap(year++);
	while (month < 12 && days >= month_days(year, month))
		days -= month_days(year, month++);
	if (year < YEAR_FIRST)
		year = YEAR_FIRST, month = 0, days = 0, seconds = 0;
	if (year > YEAR_LAST)
		year = YEAR_LAST, month = 11, days = 30, seconds = 86398;
	layout->date = (uint16_t)((year - YEAR_FIRST) << 9 | (month + 1) << 5 |
				  ((unsigned)days + 1));
	layout->time = (uint16_t)(seconds / 3600 << 11 | seconds / 60 % 60 << 5 | seconds % 60 / 2);
}

/* --- bytes --- */

static void put_boot(const struct layout *layout, unsigned char *sector)
{
	const struct fat_write *fat = layout->fat;
	struct wr wr = wr_init(sector, SECTOR);

	wr_bytes(&wr, "\xeb\x58\x90", 3);
	wr_bytes(&wr, "ASSAY   ", 8);
	wr_le16(&wr, SECTOR);
	wr_u8(&wr, 1);
	wr_le16(&wr, RESERVED);
	wr_u8(&wr, FATS);
	wr_seek(&wr, 21);
	wr_u8(&wr, MEDIA);
	wr_seek(&wr, 24);
	wr_le16(&wr, TRACK_SECTORS);
	wr_le16(&wr, HEADS);
	wr_le32(&wr, (uint32_t)fat->hidden_sectors);
	wr_le32(&wr, (uint32_t)(fat->size_bytes / SECTOR));
	wr_le32(&wr, layout->fat_sectors);
	wr_seek(&wr, 44);
	wr_le32(&wr, CLUSTER_FIRST);
	wr_le16(&wr, INFO_SECTOR);
	wr_le16(&wr, COPY_SECTOR);
	wr_seek(&wr, 64);
	wr_u8(&wr, 0x80);
	wr_seek(&wr, 66);
	wr_u8(&wr, 0x29);
	wr_le32(&wr, fat->volume_id);
	wr_fill(&wr, ' ', NAME_SIZE);
	wr_bytes(&wr, "FAT32   ", 8);
	wr_seek(&wr, 71);
	wr_bytes(&wr, fat->label, strlen(fat->label));
	wr_seek(&wr, SECTOR - 2);
	wr_le16(&wr, 0xaa55);
}

static void put_info(const struct layout *layout, unsigned char *sector)
{
	struct wr wr = wr_init(sector, SECTOR);

	wr_bytes(&wr, "RRaA", 4);
	wr_seek(&wr, 484);
	wr_bytes(&wr, "rrAa", 4);
	wr_le32(&wr, layout->total - layout->used);
	wr_le32(&wr, CLUSTER_FIRST + layout->used);
	wr_seek(&wr, SECTOR - 2);
	wr_le16(&wr, 0xaa55);
}

static void put_fat(const struct layout *layout, unsigned char *to)
{
	struct wr wr = wr_init(to, (size_t)layout->fat_sectors * SECTOR);

	wr_le32(&wr, 0x0fffff00u | MEDIA);
	wr_le32(&wr, CHAIN_END);
	for (size_t i = 0; i < layout->count; i++) {
		const struct node *node = &layout->nodes[i];

		for (uint32_t k = 1; k <= node->clusters; k++)
			wr_le32(&wr, k < node->clusters ? node->cluster + k : CHAIN_END);
	}
}

static void put_entry(const struct layout *layout, struct wr *wr, const unsigned char *name,
	uint8_t attributes, uint32_t cluster, uint32_t size)
{
	wr_bytes(wr, name, NAME_SIZE);
	wr_u8(wr, attributes);
	wr_le16(wr, 0);
	wr_le16(wr, layout->time);
	wr_le16(wr, layout->date);
	wr_le16(wr, layout->date);
	wr_le16(wr, (uint16_t)(cluster >> 16));
	wr_le16(wr, layout->time);
	wr_le16(wr, layout->date);
	wr_le16(wr, (uint16_t)cluster);
	wr_le32(wr, size);
}

static void put_directory(const struct layout *layout, size_t i, unsigned char *to)
{
	const struct node *dir = &layout->nodes[i];
	struct wr wr = wr_init(to, (size_t)dir->clusters * SECTOR);
	unsigned char name[NAME_SIZE];

	memset(name, ' ', sizeof(name));
	if (i == 0) {
		memcpy(name, layout->fat->label, strlen(layout->fat->label));
		put_entry(layout, &wr, name, ATTR_VOLUME, 0, 0);
	} else {
		name[0] = '.';
		put_entry(layout, &wr, name, ATTR_DIR, dir->cluster, 0);
		name[1] = '.';
		/* The root is cluster 0 there. */
		put_entry(layout, &wr, name, ATTR_DIR,
			dir->parent == 0 ? 0 : layout->nodes[dir->parent].cluster, 0);
	}
	for (size_t k = 1; k < layout->count; k++) {
		const struct node *node = &layout->nodes[k];
		bool file = node->file != NULL;

		if (node->parent == i)
			put_entry(layout, &wr, node->name, file ? ATTR_FILE : ATTR_DIR,
				node->cluster, file ? (uint32_t)node->file->len : 0);
	}
}

static void put_all(const struct layout *layout, unsigned char *to)
{
	size_t fats = RESERVED * SECTOR, one = (size_t)layout->fat_sectors * SECTOR;
	unsigned char *data = to + fats + FATS * one;

	for (unsigned base = 0; base <= COPY_SECTOR; base += COPY_SECTOR) {
		put_boot(layout, to + (size_t)base * SECTOR);
		put_info(layout, to + (size_t)(base + INFO_SECTOR) * SECTOR);
	}
	for (unsigned i = 0; i < FATS; i++)
		put_fat(layout, to + fats + i * one);
	for (size_t i = 0; i < layout->count; i++) {
		const struct node *node = &layout->nodes[i];
		unsigned char *at;

		if (node->clusters == 0)
			continue;
		at = data + (size_t)(node->cluster - CLUSTER_FIRST) * SECTOR;
		if (node->file == NULL)
			put_directory(layout, i, at);
		else
			memcpy(at, node->file->data, node->file->len);
	}
}

int fat_write(const struct fat_write *fat, struct buf *ret, struct err *err)
{
	__attribute__((cleanup(layout_done))) struct layout layout = {.nodes = NULL};
	int rc = plan(fat, &layout, err);
	unsigned char *to;

	if (rc == 0)
		rc = measure(&layout, err);
	if (rc != 0)
		return rc;
	set_time(&layout, fat->timestamp);
	to = buf_grow(ret, (size_t)fat->size_bytes);
	if (to == NULL)
		return buf_check(ret, err);
	memset(to, 0, (size_t)fat->size_bytes);
	put_all(&layout, to);
	return 0;
}
