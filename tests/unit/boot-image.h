/* Images for the tests of boots from disks: PE files with any sections, kernels with an EFI
 * stub, GRUB images with modules, disks with a GPT and files on an EFI system partition. */
#ifndef TESTS_UNIT_BOOT_IMAGE_H
#define TESTS_UNIT_BOOT_IMAGE_H

#include <stdio.h>
#include <unistd.h>

#include "formats/gpt.h"
#include "lib/buf.h"
#include "lib/guid.h"
#include "lib/wr.h"
#include "tests/unit/fat-image.h"
#include "tests/unit/setup-header.h"

#define BOOT_IMAGE_HEADERS 0x400u
#define BOOT_IMAGE_BASE	   0x1000u /* where the first section lies in memory */

static const char boot_image_cc[] = "96751a3d-72f4-41a6-a794-ed5d0e67ae6b";

struct boot_image_part {
	const char *name; /* one with more than 8 characters goes into the string table */
	const void *data;
	size_t size;
};

/* A PE32+ image; sections are 0x200-aligned in the file and a page apart in memory. */
static inline void boot_image_pe(
	struct buf *ret, const struct boot_image_part *parts, size_t count, uint16_t image_version)
{
	uint32_t offset = BOOT_IMAGE_HEADERS, address = BOOT_IMAGE_BASE;
	unsigned char *headers = buf_grow(ret, BOOT_IMAGE_HEADERS);
	unsigned char table[24 * 40] = {0};
	struct wr sections = wr_init(table, sizeof(table));
	BUF_AUTO strings = {0};
	struct wr wr;

	buf_add(&strings, "\0\0\0\0", 4);
	for (size_t i = 0; i < count; i++) {
		uint32_t raw = (uint32_t)((parts[i].size + 511) / 512 * 512);
		char name[9] = {0};

		snprintf(name, sizeof(name), "%s", parts[i].name);
		if (strlen(parts[i].name) > 8) {
			snprintf(name, sizeof(name), "/%u", (unsigned)strings.len);
			buf_add(&strings, parts[i].name, strlen(parts[i].name) + 1);
		}
		wr_bytes(&sections, name, 8);
		wr_le32(&sections, (uint32_t)parts[i].size);
		wr_le32(&sections, address);
		wr_le32(&sections, raw);
		wr_le32(&sections, offset);
		wr_seek(&sections, 40 * (i + 1));
		buf_add(ret, parts[i].data, parts[i].size);
		buf_align(ret, 512);
		offset += raw;
		address += (uint32_t)((parts[i].size + 4095) / 4096 * 4096);
	}
	headers = ret->data;
	wr = wr_init(headers, BOOT_IMAGE_HEADERS);
	wr_bytes(&wr, "MZ", 2);
	wr_seek(&wr, 0x3c);
	wr_le32(&wr, 0x80);
	wr_seek(&wr, 0x80);
	wr_bytes(&wr, "PE\0\0", 4);
	wr_le16(&wr, 0x8664);
	wr_le16(&wr, (uint16_t)count);
	wr_le32(&wr, 0);
	wr_le32(&wr, offset); /* symbols: none, but strings */
	wr_le32(&wr, 0);
	wr_le16(&wr, 112 + 128);
	wr_seek(&wr, 0x98);
	wr_le16(&wr, 0x20b);
	wr_seek(&wr, 0x98 + 44);
	wr_le16(&wr, image_version);
	wr_seek(&wr, 0x98 + 56);
	wr_le32(&wr, address + 0x1000);
	wr_le32(&wr, BOOT_IMAGE_HEADERS);
	wr_seek(&wr, 0x98 + 108);
	wr_le32(&wr, 16);
	wr_seek(&wr, 0x98 + 240);
	wr_bytes(&wr, table, 40 * count);
	buf_add(ret, strings.data, strings.len);
}

/* A bzImage that is a PE image too: setup header and PE header share the file's start. */
static inline void boot_image_kernel(struct buf *ret, uint16_t image_version, bool measures)
{
	unsigned char text[0x300];
	const struct boot_image_part part = {".text", text, sizeof(text)};
	unsigned char headers[0x200];
	struct guid guid;
	struct wr wr;

	memset(text, 0x90, sizeof(text));
	if (measures && guid_parse(boot_image_cc, &guid))
		memcpy(text + 0x100, guid.bytes, GUID_SIZE);
	boot_image_pe(ret, &part, 1, image_version);
	memcpy(headers, ret->data + 0x80, sizeof(headers) - 0x80);
	memset(ret->data + 0x80, 0, BOOT_IMAGE_HEADERS - 0x80);
	memcpy(ret->data + 0x270, headers, 0x180);
	wr = (struct wr){.base = ret->data, .cap = ret->len};
	wr_seek(&wr, 0x3c);
	wr_le32(&wr, 0x270);
	setup_header(&wr);
	wr_seek(&wr, 0x211);
	wr_u8(&wr, 1);
	wr_seek(&wr, 0x236);
	wr_le16(&wr, 2);
	wr_le32(&wr, 2047);
}

/* A module of GRUB: an ELF64 object of .modname, the names of sections, and more bytes. */
static inline void boot_image_module(struct buf *mods, const char *name, const void *data, size_t n)
{
	static const char names[] = "\0.modname\0.strings";
	size_t name_size = strlen(name) + 1, total = 64 + 3 * 64 + name_size + sizeof(names) + n;
	unsigned char header[8 + 64 + 3 * 64];
	struct wr wr = wr_init(header, sizeof(header));

	wr_le32(&wr, 0);
	wr_le32(&wr, (uint32_t)(total + 8));
	wr_seek(&wr, 8 + 40);
	wr_le64(&wr, 64);
	wr_seek(&wr, 8 + 58);
	wr_le16(&wr, 64);
	wr_le16(&wr, 3);
	wr_le16(&wr, 2);
	wr_seek(&wr, 8 + 64 + 64);
	wr_le32(&wr, 1);
	wr_seek(&wr, 8 + 64 + 64 + 24);
	wr_le64(&wr, 64 + 3 * 64);
	wr_le64(&wr, name_size);
	wr_seek(&wr, 8 + 64 + 128);
	wr_le32(&wr, 10);
	wr_seek(&wr, 8 + 64 + 128 + 24);
	wr_le64(&wr, 64 + 3 * 64 + name_size);
	wr_le64(&wr, sizeof(names));
	buf_add(mods, header, sizeof(header));
	buf_add(mods, name, name_size);
	buf_add(mods, names, sizeof(names));
	buf_add(mods, data, n);
}

/* A part of GRUB's image that is no module. */
static inline void boot_image_grub_part(struct buf *mods, uint32_t kind, const void *data, size_t n)
{
	unsigned char header[8];
	struct wr wr = wr_init(header, sizeof(header));

	wr_le32(&wr, kind);
	wr_le32(&wr, (uint32_t)(n + 8));
	buf_add(mods, header, sizeof(header));
	buf_add(mods, data, n);
}

/* A GRUB image of these parts. */
static inline void boot_image_grub(struct buf *ret, const struct buf *mods, const char *sbat)
{
	struct boot_image_part parts[] = {
		{".text", "core", 4}, {"mods", NULL, 0}, {".sbat", sbat, strlen(sbat) + 1}};
	BUF_AUTO section = {0};
	unsigned char header[24];
	struct wr wr = wr_init(header, sizeof(header));

	wr_bytes(&wr, "mimg", 4);
	wr_le32(&wr, 0);
	wr_le64(&wr, sizeof(header));
	wr_le64(&wr, sizeof(header) + mods->len);
	buf_add(&section, header, sizeof(header));
	buf_add(&section, mods->data, mods->len);
	parts[1].data = section.data;
	parts[1].size = section.len;
	boot_image_pe(ret, parts, 3, 0);
}

struct boot_image_file {
	const char *path; /* "EFI/BOOT/BOOTX64.EFI"; ends in "/": an empty directory */
	const void *data;
	size_t size;
};

/* The directory @prefix ("" or ending in a slash) of @files, its entries in @ret. */
static inline void boot_image_directory(struct fat_image *image,
	const struct boot_image_file *files, size_t count, const char *prefix, struct buf *ret)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < count; i++) {
		bool here = strncmp(files[i].path, prefix, n) == 0;
		const char *rest = here ? files[i].path + n : "";
		size_t length = strcspn(rest, "/");
		char below[512], name[128], short_name[12];
		bool seen = length == 0;
		BUF_AUTO entries = {0};

		for (size_t k = 0; k < i; k++)
			seen = seen || strncmp(files[k].path, files[i].path, n + length + 1) == 0;
		if (seen)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)length, rest);
		snprintf(below, sizeof(below), "%.300s%s/", prefix, name);
		snprintf(short_name, sizeof(short_name), "F%07u   ", image->next % 1000000);
		if (rest[length] == '\0') {
			uint32_t first = fat_image_store(image, files[i].data, files[i].size);

			image->next++; /* another short name for the next one */
			fat_image_entry(
				ret, short_name, name, 0x20, first, (uint32_t)files[i].size);
			continue;
		}
		fat_image_entry(&entries, ".          ", NULL, 0x10, 0, 0);
		boot_image_directory(image, files, count, below, &entries);
		fat_image_entry(ret, short_name, name, 0x10,
			fat_image_store(image, entries.data, entries.len), 0);
	}
}

/* A disk with an EFI system partition of FAT16 with @files, the second in the table, and an empty
 * partition. */
static inline void boot_image_disk(
	struct buf *ret, const struct boot_image_file *files, size_t count)
{
	struct fat_image image = fat_image_make(16);
	struct gpt gpt = {.count = 2};
	uint64_t sectors = 2048 + image.sectors + 2048;
	BUF_AUTO root = {0};

	boot_image_directory(&image, files, count, "", &root);
	fat_image_root(&image, &root);
	if (!guid_parse("11111111-2222-3333-4444-555555555555", &gpt.disk_id) ||
		!guid_parse(GPT_TYPE_LINUX, &gpt.partitions[0].type) ||
		!guid_parse(GPT_TYPE_ESP, &gpt.partitions[1].type))
		abort();
	gpt.partitions[0].id.bytes[0] = 1;
	gpt.partitions[1].id.bytes[0] = 2;
	gpt.partitions[0].start_sector = 2048 + image.sectors;
	gpt.partitions[0].sector_count = 1024;
	gpt.partitions[1].start_sector = 2048;
	gpt.partitions[1].sector_count = image.sectors;
	if (buf_grow(ret, sectors * GPT_SECTOR_SIZE) == NULL)
		abort();
	memset(ret->data, 0, ret->len);
	memcpy(ret->data + (size_t)2048 * GPT_SECTOR_SIZE, image.bytes.data, image.bytes.len);
	gpt_format(&gpt, sectors, ret->data, ret->data + ret->len - GPT_TAIL_SIZE);
	buf_done(&image.bytes);
}

/* Writes bytes to a new file, whose name goes to @path. */
static inline bool boot_image_save(const struct buf *bytes, char path[32])
{
	bool good;
	int fd;

	strcpy(path, "/tmp/assay-boot.XXXXXX");
	fd = mkstemp(path);
	good = fd >= 0 && write(fd, bytes->data, bytes->len) == (ssize_t)bytes->len;
	if (fd >= 0)
		close(fd);
	return good;
}

#endif
