/* Small FAT file systems for tests: FAT12, FAT16 and FAT32 with clusters of one sector, files and
 * directories with short and long names. */
#ifndef TESTS_UNIT_FAT_IMAGE_H
#define TESTS_UNIT_FAT_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/wr.h"

#define FAT_IMAGE_SECTOR 512u
#define FAT_IMAGE_ROOT	 64u /* entries, but for FAT32 */

struct fat_image {
	unsigned bits;
	uint32_t sectors, reserved, table_sectors, root_sectors;
	uint32_t next; /* free cluster */
	struct buf bytes;
};

static inline void fat_image_put(struct fat_image *image, uint32_t cluster, uint32_t value)
{
	for (unsigned table = 0; table < 2; table++) {
		size_t off = (image->reserved + table * image->table_sectors) * FAT_IMAGE_SECTOR +
			     (size_t)cluster * image->bits / 8;
		unsigned char *at = image->bytes.data + off;
		uint32_t old;

		if (image->bits == 12) {
			old = at[0] | (uint32_t)at[1] << 8;
			value &= 0xfff;
			value = (cluster & 1) != 0 ? (old & 0xf) | value << 4
						   : (old & 0xf000) | value;
		}
		for (unsigned i = 0; i < (image->bits == 32 ? 4 : 2); i++)
			at[i] = (unsigned char)(value >> 8 * i);
		if (image->bits == 12)
			value = (cluster & 1) != 0 ? value >> 4 : value & 0xfff;
	}
}

static inline unsigned char *fat_image_cluster(const struct fat_image *image, uint32_t cluster)
{
	return image->bytes.data +
	       (image->reserved + 2 * image->table_sectors + image->root_sectors + cluster - 2) *
		       FAT_IMAGE_SECTOR;
}

/* An empty file system of @bits; the buffer is the caller's to free. */
static inline struct fat_image fat_image_make(unsigned bits)
{
	struct fat_image image = {.bits = bits,
		.sectors = bits == 12 ? 2880 : 16384,
		.reserved = bits == 32 ? 32 : 1,
		.table_sectors = bits == 12   ? 9
				 : bits == 16 ? 64
					      : 128,
		.root_sectors = bits == 32 ? 0 : FAT_IMAGE_ROOT * 32 / FAT_IMAGE_SECTOR,
		.next = bits == 32 ? 3 : 2};
	size_t size = (size_t)image.sectors * FAT_IMAGE_SECTOR;
	unsigned char *bytes = buf_grow(&image.bytes, size);
	struct wr wr;

	if (bytes == NULL)
		abort();
	wr = wr_init(bytes, size);
	wr_seek(&wr, 11);
	wr_le16(&wr, FAT_IMAGE_SECTOR);
	wr_u8(&wr, 1);
	wr_le16(&wr, (uint16_t)image.reserved);
	wr_u8(&wr, 2);
	wr_le16(&wr, bits == 32 ? 0 : FAT_IMAGE_ROOT);
	wr_le16(&wr, bits == 32 ? 0 : (uint16_t)image.sectors);
	wr_u8(&wr, 0xf8);
	wr_le16(&wr, bits == 32 ? 0 : (uint16_t)image.table_sectors);
	wr_seek(&wr, 32);
	wr_le32(&wr, bits == 32 ? image.sectors : 0);
	if (bits == 32) {
		wr_le32(&wr, image.table_sectors);
		wr_le32(&wr, 0);
		wr_le32(&wr, 2);
		fat_image_put(&image, 2, 0x0fffffff);
	}
	wr_seek(&wr, 510);
	wr_le16(&wr, 0xaa55);
	return image;
}

/* Stores @n bytes in a chain of clusters, its numbers descending by twos so that they are in no
 * order; returns the first, or 0 for nothing. */
static inline uint32_t fat_image_store(struct fat_image *image, const void *data, size_t n)
{
	uint32_t count = (uint32_t)((n + FAT_IMAGE_SECTOR - 1) / FAT_IMAGE_SECTOR);
	uint32_t first = image->next;

	for (uint32_t i = 0; i < count; i++) {
		size_t left = n - i * FAT_IMAGE_SECTOR;
		uint32_t cluster = first + (i == 0 ? 0 : count - i);
		uint32_t after = first + count - i - 1;

		memcpy(fat_image_cluster(image, cluster),
			(const unsigned char *)data + i * FAT_IMAGE_SECTOR,
			left < FAT_IMAGE_SECTOR ? left : FAT_IMAGE_SECTOR);
		fat_image_put(image, cluster, i + 1 == count ? 0x0fffffff : after);
	}
	image->next += count;
	return count > 0 ? first : 0;
}

/* Appends a directory entry; @short_name is "BOOTX64 EFI", @long_name NULL or ASCII. */
static inline void fat_image_entry(struct buf *dir, const char *short_name, const char *long_name,
	unsigned char attributes, uint32_t cluster, uint32_t size)
{
	static const unsigned char at[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	size_t length = long_name != NULL ? strlen(long_name) : 0;
	unsigned parts = (unsigned)((length + 12) / 13);
	unsigned char entry[32] = {0};
	unsigned char sum = 0;

	for (size_t i = 0; i < 11; i++)
		sum = (unsigned char)((sum << 7 | sum >> 1) + (unsigned char)short_name[i]);
	for (unsigned part = parts; part > 0; part--) {
		memset(entry, 0, sizeof(entry));
		entry[0] = (unsigned char)(part | (part == parts ? 0x40 : 0));
		entry[11] = 0x0f;
		entry[13] = sum;
		for (size_t i = 0; i < 13; i++) {
			size_t pos = (part - 1) * 13 + i;

			entry[at[i]] = pos < length    ? (unsigned char)long_name[pos]
				       : pos == length ? 0
						       : 0xff;
			entry[at[i] + 1] = pos > length ? 0xff : 0;
		}
		buf_add(dir, entry, sizeof(entry));
	}
	memset(entry, 0, sizeof(entry));
	memcpy(entry, short_name, 11);
	entry[11] = attributes;
	entry[20] = (unsigned char)(cluster >> 16);
	entry[21] = (unsigned char)(cluster >> 24);
	entry[26] = (unsigned char)cluster;
	entry[27] = (unsigned char)(cluster >> 8);
	for (unsigned i = 0; i < 4; i++)
		entry[28 + i] = (unsigned char)(size >> 8 * i);
	buf_add(dir, entry, sizeof(entry));
}

/* Stores the root directory (FAT32: one cluster, or a chain behind it). */
static inline void fat_image_root(struct fat_image *image, const struct buf *dir)
{
	size_t first = dir->len < FAT_IMAGE_SECTOR ? dir->len : FAT_IMAGE_SECTOR;

	if (image->bits != 32) {
		memcpy(image->bytes.data +
				(image->reserved + 2 * image->table_sectors) * FAT_IMAGE_SECTOR,
			dir->data, dir->len);
		return;
	}
	memcpy(fat_image_cluster(image, 2), dir->data, first);
	if (dir->len > first)
		fat_image_put(
			image, 2, fat_image_store(image, dir->data + first, dir->len - first));
}

#endif
