/*
 * assay inspect: initial RAM file systems, which are cpio archives one after the other (early microcode, then
 * the rest), with zeros between them; the last may be compressed. Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst.
 *
 *   0  | 6 | "070701", or "070702" with checksums   94  | 8 | bytes of the name, its NUL included
 *   14 | 8 | mode                                   110 | - | name, zeros up to a multiple of 4
 *   54 | 8 | bytes of data                              | - | data, zeros up to a multiple of 4
 */
#define _GNU_SOURCE
#include <string.h>

#include "lib/rd.h"
#include "measure/evidence/inspect.h"

#define HEADER_SIZE   110
#define NAME_MAX_CPIO 4096
#define SEGMENTS_MAX  64
#define TRAILER	      "TRAILER!!!"

static const struct packing {
	const char *magic;
	size_t n;
	const char *name;
} packings[] = {{"\x1f\x8b", 2, "gzip"}, {"\x28\xb5\x2f\xfd", 4, "zstd"},
	{"\xfd"
	 "7zXZ",
		5, "xz"},
	{"\x02\x21\x4c\x18", 4, "lz4"}, {"BZh", 3, "bzip2"}, {"\x5d\0\0", 3, "lzma"}};

static const char *packing(const unsigned char *at, size_t n)
{
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
		if (n >= packings[i].n && memcmp(at, packings[i].magic, packings[i].n) == 0)
			return packings[i].name;
	return NULL;
}

static bool is_archive(const unsigned char *at, size_t n)
{
	return n >= 6 && (memcmp(at, "070701", 6) == 0 || memcmp(at, "070702", 6) == 0);
}

bool inspect_is_cpio(const struct inspect_file *file)
{
	return is_archive(file->head, file->head_len) ||
	       packing(file->head, file->head_len) != NULL;
}

struct entry {
	uint32_t mode, size;
	const unsigned char *name;
	uint32_t name_size; /* without its NUL */
};

/* The 8 hexadecimal digits at @off of a header; false for others. */
static bool field(const struct rd *header, uint64_t off, uint32_t *ret)
{
	struct rd rd = rd_at(header, off, 8);
	uint32_t value = 0;

	for (int i = 0; i < 8; i++) {
		uint8_t c = rd_u8(&rd);
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return false;
		value = value << 4 | (uint32_t)digit;
	}
	*ret = value;
	return !rd.bad;
}

static uint64_t padded(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* The entry at *@at, which moves behind it. */
static int read_entry(const struct rd *whole, uint64_t *at, struct entry *ret, struct err *err)
{
	struct rd header = rd_at(whole, *at, HEADER_SIZE);
	uint32_t name_size;
	struct rd name, data;

	if (header.bad || !is_archive(header.base, header.len) || !field(&header, 14, &ret->mode) ||
		!field(&header, 54, &ret->size) || !field(&header, 94, &name_size) ||
		name_size == 0 || name_size > NAME_MAX_CPIO)
		return err_fail(err, -EBADMSG, "cpio entry at byte %llu: malformed",
			(unsigned long long)*at);
	name = rd_at(whole, *at + HEADER_SIZE, name_size);
	data = rd_at(whole, padded(*at + HEADER_SIZE + name_size), ret->size);
	if (name.bad || data.bad || name.base[name_size - 1] != '\0')
		return err_fail(err, -EBADMSG, "cpio entry at byte %llu: cut short",
			(unsigned long long)*at);
	ret->name = name.base;
	ret->name_size = (uint32_t)strnlen((const char *)name.base, name_size);
	*at = padded(padded(*at + HEADER_SIZE + name_size) + ret->size);
	return 0;
}

/* One line of the listing: mode, bytes, name. */
static int list_entry(const struct entry *entry, json_t *doc, struct err *err)
{
	json_t *list = json_object_get(doc, "files");
	json_t *line = json_object();
	int rc = inspect_fmt(line, "text", err, "%06o %u %.*s", entry->mode, entry->size,
		(int)entry->name_size, (const char *)entry->name);

	if (rc == 0 && json_array_size(list) >= INSPECT_FILES_MAX)
		rc = err_fail(err, -EFBIG, "more than %u files", INSPECT_FILES_MAX);
	if (rc == 0 && json_array_append(list, json_object_get(line, "text")) != 0)
		rc = err_fail(err, -ENOMEM, "out of memory");
	json_decref(line);
	return rc;
}

static int add_archive(
	const struct rd *whole, uint64_t *at, bool list, json_t *doc, struct err *err)
{
	json_t *row = inspect_append(doc, "segment");
	uint64_t start = *at, count = 0, bytes = 0;
	struct entry entry;
	int rc = 0;

	for (;;) {
		rc = read_entry(whole, at, &entry, err);
		if (rc != 0)
			return rc;
		if (entry.name_size == strlen(TRAILER) &&
			memcmp(entry.name, TRAILER, entry.name_size) == 0)
			break;
		count++;
		bytes += entry.size;
		rc = list ? list_entry(&entry, doc, err) : 0;
		if (rc != 0)
			return rc;
	}
	rc = inspect_set(row, "form", json_string("cpio"), err);
	if (rc == 0)
		rc = inspect_u64(row, "offset", start, err);
	if (rc == 0)
		rc = inspect_u64(row, "size_bytes", *at - start, err);
	if (rc == 0)
		rc = inspect_u64(row, "entries", count, err);
	return rc != 0 ? rc : inspect_u64(row, "content_bytes", bytes, err);
}

static int add_packed(uint64_t at, uint64_t size, const char *name, json_t *doc, struct err *err)
{
	json_t *row = inspect_append(doc, "segment");
	int rc = inspect_set(row, "form", json_string(name), err);

	if (rc == 0)
		rc = inspect_u64(row, "offset", at, err);
	return rc != 0 ? rc : inspect_u64(row, "size_bytes", size, err);
}

int inspect_segments(const unsigned char *bytes, size_t len, bool list, json_t *doc,
	size_t *ret_packed, struct err *err)
{
	struct rd whole = rd_init(bytes, len);
	uint64_t at = 0;
	int rc = 0;

	*ret_packed = len;
	if (list && json_object_get(doc, "files") == NULL)
		rc = inspect_set(doc, "files", json_array(), err);
	while (rc == 0 && at < len) {
		const char *name = packing(bytes + at, len - at);

		if (bytes[at] == 0) {
			at++;
			continue;
		}
		if (json_array_size(json_object_get(doc, "segment")) == SEGMENTS_MAX)
			return err_fail(err, -EBADMSG, "more than %d segments", SEGMENTS_MAX);
		if (name != NULL) {
			*ret_packed = (size_t)at;
			return add_packed(at, len - at, name, doc, err);
		}
		rc = add_archive(&whole, &at, list, doc, err);
	}
	return rc;
}

int inspect_cpio(const struct inspect_file *file, json_t *doc, struct err *err)
{
	size_t packed;

	return inspect_segments(file->data, file->len, file->list, doc, &packed, err);
}
