/*
 * FAT file systems (fat.h). Little-endian.
 *
 *   boot sector 11  2  bytes per sector          directory  0 11  short name, padded by spaces
 *               13  1  sectors per cluster       entry     11  1  attributes; 0x0f: a long name
 *               14  2  reserved sectors                    20  2  first cluster, upper half
 *               16  1  tables                              26  2  first cluster, lower half
 *               17  2  entries of the root                 28  4  bytes
 *               19  2  sectors, or 0             long name  0  1  number, 0x40 added to the last
 *               22  2  sectors of a table, or 0   entry     1 10  characters 1 to 5 in UTF-16
 *               32  4  sectors when 0 at 19                11  1  0x0f
 *   FAT32:      36  4  sectors of a table                  13  1  checksum of the short name
 *               40  2  flags, 42 2 version                 14 12  characters 6 to 11
 *               44  4  first cluster of the root           28  4  characters 12 and 13
 *              510  2  0x55 0xaa
 */
#include "formats/fat.h"

#include <inttypes.h>
#include <string.h>

#define ENTRY_SIZE     32u
#define ATTR_VOLUME    0x08
#define ATTR_DIRECTORY 0x10
#define ATTR_LONG      0x0f
#define ATTR_LONG_MASK 0x3f
#define LONG_LAST      0x40
#define LONG_UNITS     13u /* of one entry */
#define LONG_MAX_UNITS 255u
#define LONG_ENTRIES   20u
#define DELETED	       0xe5
#define FLAG_NO_MIRROR 0x80
#define FAT12_BELOW    4085u /* clusters */
#define FAT16_BELOW    65525u
#define FAT32_MAX      0x0ffffff5u
#define DEPTH_MAX      32 /* of a path */

static int malformed(const struct fat *fat, uint64_t off, const char *why, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: byte %" PRIu64 ": FAT: %s", fat->what, off, why);
}

struct boot_sector {
	uint32_t sector_bytes, cluster_sectors, reserved, tables, root_entries;
	uint32_t sectors, table_sectors;
	bool fat32;
	uint16_t flags, version;
	uint32_t root_cluster;
};

static bool is_power(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static int read_boot_sector(const struct fat *fat, struct boot_sector *ret, struct err *err)
{
	struct boot_sector boot = {0};
	struct rd rd = fat->rd;
	unsigned end;

	rd_seek(&rd, 11);
	boot.sector_bytes = rd_le16(&rd);
	boot.cluster_sectors = rd_u8(&rd);
	boot.reserved = rd_le16(&rd);
	boot.tables = rd_u8(&rd);
	boot.root_entries = rd_le16(&rd);
	boot.sectors = rd_le16(&rd);
	rd_skip(&rd, 1);
	boot.table_sectors = rd_le16(&rd);
	boot.fat32 = boot.table_sectors == 0;
	rd_seek(&rd, 32);
	if (boot.sectors == 0)
		boot.sectors = rd_le32(&rd);
	rd_seek(&rd, 36);
	if (boot.fat32) {
		boot.table_sectors = rd_le32(&rd);
		boot.flags = rd_le16(&rd);
		boot.version = rd_le16(&rd);
		boot.root_cluster = rd_le32(&rd);
	}
	rd_seek(&rd, 510);
	end = rd_le16(&rd);
	if (rd.bad || end != 0xaa55)
		return malformed(fat, 510, "no boot sector", err);
	if (!is_power(boot.sector_bytes) || boot.sector_bytes < 512 || boot.sector_bytes > 4096 ||
		!is_power(boot.cluster_sectors) || boot.reserved == 0 || boot.tables == 0 ||
		boot.tables > 2 || boot.table_sectors == 0 || boot.sectors == 0)
		return malformed(fat, 11, "a boot sector without sense", err);
	if (boot.fat32 != (boot.root_entries == 0))
		return malformed(fat, 17, "neither FAT32 nor FAT16", err);
	if (boot.version != 0 || (boot.flags & FLAG_NO_MIRROR) != 0)
		return err_fail(err, -ENOTSUP, "%s: FAT32 with a single active table", fat->what);
	*ret = boot;
	return 0;
}

/* FAT32 is told by its boot sector, as edk2, Linux and GRUB do; the others by the number of their
 * clusters, at whose limits readers differ by one. */
static int choose_bits(struct fat *fat, const struct boot_sector *boot, struct err *err)
{
	uint32_t n = fat->cluster_count;

	if (boot->fat32) {
		fat->bits = 32;
		return n <= FAT32_MAX ? 0 : malformed(fat, 32, "too many clusters", err);
	}
	if (n + 2 >= FAT16_BELOW || (n + 2 >= FAT12_BELOW && n < FAT12_BELOW + 2))
		return malformed(fat, 19, "a number of clusters that tells no kind of FAT", err);
	fat->bits = n < FAT12_BELOW ? 12 : 16;
	return 0;
}

int fat_open(const void *bytes, size_t len, const char *what, struct fat *ret, struct err *err)
{
	struct fat fat = {.rd = rd_init(bytes, len), .what = what};
	uint64_t table_bytes, size, entry_bits;
	struct boot_sector boot;
	int rc = read_boot_sector(&fat, &boot, err);

	if (rc != 0)
		return rc;
	size = (uint64_t)boot.sectors * boot.sector_bytes;
	table_bytes = (uint64_t)boot.table_sectors * boot.sector_bytes;
	fat.cluster_bytes = boot.cluster_sectors * boot.sector_bytes;
	fat.fat_off = (uint64_t)boot.reserved * boot.sector_bytes;
	fat.root_off = fat.fat_off + boot.tables * table_bytes;
	fat.root_bytes = boot.root_entries * ENTRY_SIZE;
	fat.root_cluster = boot.root_cluster;
	fat.data_off = fat.root_off + fat.root_bytes;
	if (fat.root_bytes % boot.sector_bytes != 0)
		return malformed(&fat, 17, "a root directory that ends inside a sector", err);
	if (size > len || fat.data_off > size)
		return malformed(&fat, 32, "larger than its partition or its tables", err);
	if ((size - fat.data_off) / fat.cluster_bytes > FAT32_MAX)
		return malformed(&fat, 32, "too many clusters", err);
	fat.cluster_count = (uint32_t)((size - fat.data_off) / fat.cluster_bytes);
	rc = choose_bits(&fat, &boot, err);
	if (rc != 0)
		return rc;
	entry_bits = ((uint64_t)fat.cluster_count + 2) * fat.bits;
	if ((entry_bits + 7) / 8 > table_bytes)
		return malformed(&fat, 22, "a table that is too short for the clusters", err);
	*ret = fat;
	return 0;
}

struct fat_entry fat_root(const struct fat *fat)
{
	return (struct fat_entry){.directory = true, .cluster = fat->root_cluster};
}

/* What the table says of a cluster; *@ret_end when it is the last of its chain. */
static int next_cluster(
	const struct fat *fat, uint32_t cluster, uint32_t *ret, bool *ret_end, struct err *err)
{
	uint64_t off = fat->fat_off + (uint64_t)cluster * fat->bits / 8;
	struct rd rd = rd_at(&fat->rd, off, fat->bits == 32 ? 4 : 2);
	uint32_t limit, value = fat->bits == 32 ? rd_le32(&rd) & 0x0fffffff : rd_le16(&rd);

	if (fat->bits == 12)
		value = (cluster & 1) != 0 ? value >> 4 : value & 0xfff;
	limit = fat->bits == 32 ? 0x0ffffff8 : fat->bits == 16 ? 0xfff8 : 0xff8;
	*ret_end = value >= limit;
	*ret = value;
	if (rd.bad || (value < limit && (value < 2 || value - 2 >= fat->cluster_count)))
		return malformed(fat, off, "a chain of clusters that leaves the file system", err);
	return 0;
}

/* Appends the chain from @cluster on, up to its end or @max bytes. */
static int read_chain(
	const struct fat *fat, uint32_t cluster, uint64_t max, struct buf *ret, struct err *err)
{
	uint32_t left = fat->cluster_count;
	bool end = false;

	if (cluster < 2 || cluster - 2 >= fat->cluster_count)
		return malformed(fat, fat->fat_off, "a first cluster outside the file system", err);
	for (uint64_t got = 0; !end && got < max; got += fat->cluster_bytes) {
		uint64_t n = max - got < fat->cluster_bytes ? max - got : fat->cluster_bytes;
		uint64_t off = fat->data_off + (uint64_t)(cluster - 2) * fat->cluster_bytes;
		struct rd rd = rd_at(&fat->rd, off, n);
		int rc;

		if (left-- == 0)
			return malformed(fat, off, "a chain of clusters that bites its tail", err);
		buf_add(ret, rd.base, rd.len);
		rc = next_cluster(fat, cluster, &cluster, &end, err);
		if (rc != 0)
			return rc;
	}
	return buf_check(ret, err);
}

int fat_read(const struct fat *fat, const struct fat_entry *file, size_t max_bytes, struct buf *ret,
	struct err *err)
{
	size_t before = ret->len;
	int rc;

	if (file->directory)
		return err_fail(err, -EBADMSG, "%s: %s is a directory", fat->what, file->name);
	if (file->size_bytes > max_bytes)
		return err_fail(err, -EFBIG, "%s: %s: more than %zu bytes", fat->what, file->name,
			max_bytes);
	if (file->size_bytes == 0)
		return 0;
	rc = read_chain(fat, file->cluster, file->size_bytes, ret, err);
	if (rc == 0 && ret->len - before != file->size_bytes)
		return err_fail(err, -EBADMSG,
			"%s: %s: its clusters end before its %" PRIu32 " bytes", fat->what,
			file->name, file->size_bytes);
	return rc != 0 ? err_wrap(err, "%s", file->name) : 0;
}

/* --- names --- */

/* The long name of the entry that follows, as far as it has been read. */
struct long_name {
	uint16_t units[LONG_ENTRIES * LONG_UNITS];
	unsigned next; /* the number of the entry that must come; 0: the short one */
	unsigned count;
	uint8_t checksum;
};

static uint8_t short_checksum(const unsigned char *name)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + name[i]);
	return sum;
}

static bool add_long(struct long_name *name, struct rd entry)
{
	static const size_t at[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	unsigned number = rd_u8(&entry);
	uint8_t checksum;

	rd_seek(&entry, 13);
	checksum = rd_u8(&entry);
	if ((number & LONG_LAST) != 0) {
		if (name->count != 0)
			return false;
		name->count = number & ~LONG_LAST;
		name->next = name->count;
		name->checksum = checksum;
	}
	number &= ~LONG_LAST;
	if (number == 0 || number > LONG_ENTRIES || number != name->next ||
		checksum != name->checksum)
		return false;
	for (size_t i = 0; i < LONG_UNITS; i++) {
		rd_seek(&entry, at[i]);
		name->units[(number - 1) * LONG_UNITS + i] = rd_le16(&entry);
	}
	name->next--;
	return true;
}

static size_t put_utf8(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	to[0] = (char)(0xe0 | c >> 12);
	to[1] = (char)(0x80 | (c >> 6 & 0x3f));
	to[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

/* UTF-16 to UTF-8; surrogates become U+FFFD, for nothing that is looked up has them. */
static bool take_long(const struct long_name *name, char ret[FAT_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < name->count * LONG_UNITS && name->units[i] != 0; i++) {
		uint32_t c = name->units[i];

		if (i == LONG_MAX_UNITS || c < ' ' || c == '/' || c == '\\')
			return false;
		n += put_utf8(c >= 0xd800 && c < 0xe000 ? 0xfffd : c, ret + n);
	}
	ret[n] = '\0';
	return n > 0;
}

static void take_short(const unsigned char *stored, char ret[13])
{
	size_t n = 0;

	for (size_t i = 0; i < 11; i++) {
		unsigned char c = stored[i];

		if (c == ' ')
			continue;
		if (i >= 8 && (n == 0 || memchr(ret, '.', n) == NULL))
			ret[n++] = '.';
		ret[n++] = c > ' ' && c < 0x7f ? (char)c : '?';
	}
	ret[n] = '\0';
}

/* --- directories --- */

struct walk {
	const struct fat *fat;
	struct long_name name;
	fat_fn *fn;
	void *arg;
};

static int take_entry(struct walk *walk, struct rd rd, uint8_t attributes, struct err *err)
{
	struct fat_entry entry = {.directory = (attributes & ATTR_DIRECTORY) != 0};
	const unsigned char *stored = rd.base;
	struct long_name *name = &walk->name;
	uint32_t upper;

	take_short(stored, entry.short_name);
	if (name->count > 0) {
		if (name->next != 0 || name->checksum != short_checksum(stored) ||
			!take_long(name, entry.name))
			return err_fail(err, -EBADMSG, "%s: FAT: a damaged long name before %s",
				walk->fat->what, entry.short_name);
	} else {
		memcpy(entry.name, entry.short_name, sizeof(entry.short_name));
	}
	rd_seek(&rd, 20);
	upper = walk->fat->bits == 32 ? rd_le16(&rd) : 0;
	rd_seek(&rd, 26);
	entry.cluster = rd_le16(&rd) | upper << 16;
	entry.size_bytes = rd_le32(&rd);
	return walk->fn(walk->arg, &entry, err);
}

static int take_slot(struct walk *walk, struct rd rd, struct err *err)
{
	uint8_t attributes;
	int rc = 0;

	rd_seek(&rd, 11);
	attributes = rd_u8(&rd);
	rd_seek(&rd, 0);
	if (rd.base[0] == DELETED && walk->name.count == 0)
		return 0;
	if ((attributes & ATTR_LONG_MASK) == ATTR_LONG || rd.base[0] == DELETED) {
		if (rd.base[0] == DELETED || !add_long(&walk->name, rd))
			return err_fail(
				err, -EBADMSG, "%s: FAT: long names out of order", walk->fat->what);
		return 0;
	}
	if ((attributes & ATTR_VOLUME) == 0 && rd.base[0] != '.')
		rc = take_entry(walk, rd, attributes, err);
	walk->name.count = 0;
	return rc;
}

int fat_list(
	const struct fat *fat, const struct fat_entry *dir, fat_fn *fn, void *arg, struct err *err)
{
	struct walk walk = {.fat = fat, .fn = fn, .arg = arg};
	BUF_AUTO table = {0};
	struct rd rd;
	int rc = 0;

	if (!dir->directory)
		return err_fail(err, -EBADMSG, "%s: %s is no directory", fat->what, dir->name);
	if (dir->cluster == 0 && dir->name[0] != '\0')
		return err_fail(err, -EBADMSG, "%s: FAT: directory %s has no cluster", fat->what,
			dir->name);
	if (dir->cluster == 0 && fat->bits != 32) {
		rd = rd_at(&fat->rd, fat->root_off, fat->root_bytes);
	} else {
		rc = read_chain(fat, dir->cluster, FAT_ENTRIES_MAX * ENTRY_SIZE, &table, err);
		rd = rd_init(table.data, table.len);
	}
	for (size_t off = 0; rc == 0 && off + ENTRY_SIZE <= rd.len; off += ENTRY_SIZE) {
		struct rd slot = rd_at(&rd, off, ENTRY_SIZE);

		if (slot.bad || slot.base[0] == 0)
			break;
		rc = take_slot(&walk, slot, err);
	}
	return rc;
}

/* --- paths --- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(a[i]) != lower(b[i]) || a[i] == '\0')
			return false;
	return a[n] == '\0';
}

struct search {
	const char *name;
	size_t len;
	unsigned found;
	struct fat_entry entry;
};

static int look(void *arg, const struct fat_entry *entry, struct err *err)
{
	struct search *search = arg;

	(void)err;
	if (!same_name(entry->name, search->name, search->len) &&
		!same_name(entry->short_name, search->name, search->len))
		return 0;
	search->found++;
	search->entry = *entry;
	return 0;
}

int fat_find(const struct fat *fat, const char *path, bool *ret_found, struct fat_entry *ret,
	struct err *err)
{
	struct fat_entry at = fat_root(fat);
	unsigned depth = 0;

	*ret_found = false;
	while (*path != '\0') {
		struct search search = {.name = path, .len = strcspn(path, "/")};
		int rc;

		path += search.len;
		path += *path == '/';
		if (search.len == 0)
			continue;
		if (depth++ == DEPTH_MAX)
			return err_fail(err, -EINVAL, "%s: a path of more than %d names", fat->what,
				DEPTH_MAX);
		if (!at.directory)
			return 0;
		rc = fat_list(fat, &at, look, &search, err);
		if (rc != 0)
			return rc;
		if (search.found > 1)
			return err_fail(err, -EBADMSG, "%s: FAT: %.*s is there %u times", fat->what,
				(int)search.len, search.name, search.found);
		if (search.found == 0)
			return 0;
		at = search.entry;
	}
	*ret = at;
	*ret_found = true;
	return 0;
}
