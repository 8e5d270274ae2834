/*
 * cpio "newc" archives (cpio.h). One entry:
 *
 *   off size  field (numbers are 8 hex digits)
 *     0    6  magic "070701"
 *     6  8x8  ino, mode, uid, gid, nlink, mtime, filesize, devmajor
 *    70  5x8  devminor, rdevmajor, rdevminor, namesize (with its NUL), check (0)
 *   110       name, NUL, zeros to a multiple of 4, data, zeros to a multiple of 4
 *
 * The last entry is called TRAILER!!!.
 */
#define _GNU_SOURCE
#include "formats/cpio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/rd.h"

#define MAGIC	    "070701"
#define MAGIC_SIZE  6
#define FIELD_SIZE  8
#define HEADER_SIZE 110
#define TRAILER	    "TRAILER!!!"
#define BLOCK_SIZE  512
#define LINK_MAX    4095 /* bytes of a symlink's target */

enum field {
	FIELD_INO,
	FIELD_MODE,
	FIELD_UID,
	FIELD_GID,
	FIELD_NLINK,
	FIELD_MTIME,
	FIELD_FILESIZE,
	FIELD_DEVMAJOR,
	FIELD_DEVMINOR,
	FIELD_RDEVMAJOR,
	FIELD_RDEVMINOR,
	FIELD_NAMESIZE,
	FIELD_CHECK,
	FIELD_COUNT,
};
_Static_assert(MAGIC_SIZE + FIELD_COUNT * FIELD_SIZE == HEADER_SIZE, "newc header");

/* Why a name breaks the rules, or NULL. The root's empty name is fine. */
static const char *name_wrong(const char *name)
{
	size_t len = strlen(name), start = 0;

	if (len > CPIO_NAME_MAX)
		return "is longer than 4095 bytes";
	if (len == 0)
		return NULL;
	for (size_t i = 0; i <= len; i++) {
		size_t part = i - start;

		if (i < len && name[i] != '/')
			continue;
		if (part == 0)
			return "has an empty component or a slash at an end";
		if (part > CPIO_COMP_MAX)
			return "has a component longer than 255 bytes";
		if (strncmp(name + start, ".", part) == 0 || strncmp(name + start, "..", part) == 0)
			return "has a component . or ..";
		start = i + 1;
	}
	return strcmp(name, TRAILER) == 0 ? "is the trailer's" : NULL;
}

/* Why an entry's type and data do not go together, or NULL. */
static const char *type_wrong(const struct cpio_entry *entry)
{
	if ((entry->mode & ~(uint32_t)(S_IFMT | 07777)) != 0)
		return "has an unknown mode";
	if (entry->name[0] == '\0' && !S_ISDIR(entry->mode))
		return "is the root and not a directory";
	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFLNK:
		if (entry->size_bytes == 0 || entry->size_bytes > LINK_MAX)
			return "is a symlink with an empty or overlong target";
		if (memchr(entry->data, '\0', entry->size_bytes) != NULL)
			return "is a symlink with a NUL in its target";
		return NULL;
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return entry->size_bytes != 0 ? "has data but is not a file or symlink" : NULL;
	default:
		return "has an unknown type";
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct cpio_entry *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static const struct cpio_entry *find_sorted(
	const struct cpio_entry *const *sorted, size_t count, const char *name)
{
	const struct cpio_entry key = {.name = name}, *key_at = &key;
	const struct cpio_entry *const *found = bsearch(
		&key_at, sorted, count, sizeof(*sorted), compare_names);

	return found != NULL ? *found : NULL;
}

/* Pointers to the entries, sorted by name; malloc'ed, NULL without memory. */
static const struct cpio_entry **sort_entries(const struct cpio_entry *entries, size_t count)
{
	const struct cpio_entry **sorted = calloc(count + 1, sizeof(*sorted));

	for (size_t i = 0; sorted != NULL && i < count; i++)
		sorted[i] = &entries[i];
	if (sorted != NULL && count > 1)
		qsort(sorted, count, sizeof(*sorted), compare_names);
	return sorted;
}

/* Why the parent of @entry is not as it must be, or NULL. With @in_order it stands before its child. */
static const char *parent_wrong(const struct cpio_entry *const *sorted, size_t count,
	const struct cpio_entry *entry, bool in_order)
{
	const char *slash = strrchr(entry->name, '/');
	char parent[CPIO_NAME_MAX + 1];
	const struct cpio_entry *found;

	if (slash == NULL)
		return NULL;
	memcpy(parent, entry->name, (size_t)(slash - entry->name));
	parent[slash - entry->name] = '\0';
	found = find_sorted(sorted, count, parent);
	if (found == NULL || (in_order && found > entry))
		return "comes without or before its parent directory";
	return S_ISDIR(found->mode) ? NULL : "has a parent that is not a directory";
}

/* Repeated names and parents, once all names are known to be sound. */
static int check_names(const struct cpio_entry *const *sorted, size_t count, bool in_order,
	int code, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *wrong = parent_wrong(sorted, count, sorted[i], in_order);

		if (i > 0 && strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			wrong = "stands twice";
		if (wrong != NULL)
			return err_fail(
				err, code, "cpio entry \"%.128s\" %s", sorted[i]->name, wrong);
	}
	return 0;
}

static int check_written(const struct cpio_entry *entry, struct err *err)
{
	const char *wrong = name_wrong(entry->name);

	if (wrong == NULL)
		wrong = type_wrong(entry);
	if (wrong != NULL)
		return err_fail(err, -EINVAL, "cpio entry \"%.128s\" %s", entry->name, wrong);
	if (entry->size_bytes > UINT32_MAX)
		return err_fail(err, -EFBIG, "cpio entry \"%.128s\" is 4 GiB or more", entry->name);
	return 0;
}

static void write_entry(struct buf *ret, const uint32_t *fields, const char *name, const void *data)
{
	buf_str(ret, MAGIC);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		buf_fmt(ret, "%08X", (unsigned)fields[i]);
	buf_add(ret, name, strlen(name) + 1);
	buf_align(ret, 4);
	buf_add(ret, data, fields[FIELD_FILESIZE]);
	buf_align(ret, 4);
}

static void write_sorted(
	const struct cpio_entry *const *sorted, size_t count, uint32_t mtime, struct buf *ret)
{
	const uint32_t trailer[FIELD_COUNT] = {
		[FIELD_NLINK] = 1, [FIELD_NAMESIZE] = sizeof(TRAILER)};

	for (size_t i = 0; i < count; i++) {
		const struct cpio_entry *entry = sorted[i];
		const char *name = entry->name[0] != '\0' ? entry->name : ".";
		bool device = S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
		const uint32_t fields[FIELD_COUNT] = {
			[FIELD_INO] = (uint32_t)i + 1,
			[FIELD_MODE] = entry->mode,
			[FIELD_NLINK] = S_ISDIR(entry->mode) ? 2 : 1,
			[FIELD_MTIME] = mtime,
			[FIELD_FILESIZE] = (uint32_t)entry->size_bytes,
			[FIELD_RDEVMAJOR] = device ? entry->rdev_major : 0,
			[FIELD_RDEVMINOR] = device ? entry->rdev_minor : 0,
			[FIELD_NAMESIZE] = (uint32_t)strlen(name) + 1,
		};

		write_entry(ret, fields, name, entry->data);
	}
	write_entry(ret, trailer, TRAILER, NULL);
	buf_align(ret, BLOCK_SIZE);
}

int cpio_write(const struct cpio_entry *entries, size_t count, uint32_t mtime, struct buf *ret,
	struct err *err)
{
	const struct cpio_entry **sorted AUTO_FREE = NULL;
	int code;

	if (count > CPIO_ENTRIES_MAX)
		return err_fail(err, -EINVAL, "more than %u cpio entries", CPIO_ENTRIES_MAX);
	for (size_t i = 0; i < count; i++) {
		code = check_written(&entries[i], err);
		if (code != 0)
			return code;
	}
	sorted = sort_entries(entries, count);
	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	code = check_names(sorted, count, false, -EINVAL, err);
	if (code != 0)
		return code;
	write_sorted(sorted, count, mtime, ret);
	return buf_check(ret, err);
}

static bool read_hex(const unsigned char *digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (size_t i = 0; i < FIELD_SIZE; i++) {
		unsigned char c = digits[i];
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return false;
		value = value << 4 | digit;
	}
	*ret = value;
	return true;
}

static int fail_at(size_t off, const char *what, struct err *err)
{
	return err_fail(err, -EBADMSG, "cpio: %s at offset %zu", what, off);
}

static int read_header(struct rd *rd, uint32_t *fields, struct err *err)
{
	size_t off = rd->pos;
	const unsigned char *header = rd_bytes(rd, HEADER_SIZE);

	if (header == NULL)
		return fail_at(off, "cut off before the trailer", err);
	if (memcmp(header, MAGIC, MAGIC_SIZE) != 0)
		return fail_at(off, "no newc magic", err);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (!read_hex(header + MAGIC_SIZE + i * FIELD_SIZE, &fields[i]))
			return fail_at(off, "a header field that is not hex", err);
	}
	if (fields[FIELD_CHECK] != 0)
		return fail_at(off, "a checksum in an archive without checksums", err);
	return 0;
}

/* Passes over the zeros before the next multiple of 4. */
static int read_padding(struct rd *rd, struct err *err)
{
	size_t off = rd->pos, n = (4 - off % 4) % 4;
	const unsigned char *zeros = rd_bytes(rd, n);

	if (zeros == NULL)
		return fail_at(off, "cut off in padding", err);
	for (size_t i = 0; i < n; i++) {
		if (zeros[i] != 0)
			return fail_at(off + i, "padding that is not zero", err);
	}
	return 0;
}

/* The entry's name, borrowed from the input and NUL-terminated there. */
static int read_name(struct rd *rd, size_t size, const char **ret, struct err *err)
{
	size_t off = rd->pos;
	const unsigned char *name;

	if (size < 2 || size > CPIO_NAME_MAX + 3)
		return fail_at(off, "a name of impossible length", err);
	name = rd_bytes(rd, size);
	if (name == NULL)
		return fail_at(off, "cut off in a name", err);
	if (memchr(name, '\0', size) != name + size - 1)
		return fail_at(off, "a name with a NUL inside or none at its end", err);
	*ret = (const char *)name;
	return read_padding(rd, err);
}

/* Other writers give the root as "." and may start every name with "./". */
static const char *plain_name(const char *name)
{
	if (strncmp(name, "./", 2) == 0)
		return name + 2;
	return strcmp(name, ".") == 0 ? "" : name;
}

static int read_entry(struct rd *rd, struct cpio_entry *ret, bool *ret_trailer, struct err *err)
{
	size_t off = rd->pos;
	uint32_t fields[FIELD_COUNT];
	const char *name = NULL, *wrong;
	int code = read_header(rd, fields, err);

	if (code == 0)
		code = read_name(rd, fields[FIELD_NAMESIZE], &name, err);
	if (code != 0)
		return code;
	*ret_trailer = strcmp(name, TRAILER) == 0;
	*ret = (struct cpio_entry){
		.name = plain_name(name),
		.mode = fields[FIELD_MODE],
		.uid = fields[FIELD_UID],
		.gid = fields[FIELD_GID],
		.mtime = fields[FIELD_MTIME],
		.rdev_major = fields[FIELD_RDEVMAJOR],
		.rdev_minor = fields[FIELD_RDEVMINOR],
		.ino = fields[FIELD_INO],
		.nlink = fields[FIELD_NLINK],
		.dev_major = fields[FIELD_DEVMAJOR],
		.dev_minor = fields[FIELD_DEVMINOR],
		.size_bytes = fields[FIELD_FILESIZE],
	};
	if (*ret_trailer)
		return ret->size_bytes == 0 ? 0 : fail_at(off, "a trailer with data", err);
	ret->data = rd_bytes(rd, ret->size_bytes);
	if (ret->data == NULL)
		return fail_at(off, "cut off in an entry's data", err);
	wrong = name_wrong(ret->name);
	if (wrong == NULL)
		wrong = type_wrong(ret);
	if (wrong != NULL)
		return err_fail(err, -EBADMSG, "cpio: entry \"%.128s\" at offset %zu %s", ret->name,
			off, wrong);
	return read_padding(rd, err);
}

static int read_entries(struct rd *rd, struct buf *ret, struct err *err)
{
	for (;;) {
		struct cpio_entry entry;
		bool trailer;
		int code = read_entry(rd, &entry, &trailer, err);

		if (code != 0)
			return code;
		if (trailer)
			return 0;
		if (ret->len / sizeof(entry) >= CPIO_ENTRIES_MAX)
			return fail_at(rd->pos, "too many entries", err);
		buf_add(ret, &entry, sizeof(entry));
	}
}

static int check_end(struct rd *rd, struct err *err)
{
	while (rd_left(rd) > 0) {
		if (rd_u8(rd) != 0)
			return fail_at(rd->pos - 1, "something after the trailer", err);
	}
	return 0;
}

static uint64_t link_dev(const struct cpio_entry *entry)
{
	return (uint64_t)entry->dev_major << 32 | entry->dev_minor;
}

/* By device, inode; within a group, what has data first. */
static int compare_links(const void *a, const void *b)
{
	const struct cpio_entry *left = *(struct cpio_entry *const *)a;
	const struct cpio_entry *right = *(struct cpio_entry *const *)b;

	if (link_dev(left) != link_dev(right))
		return link_dev(left) < link_dev(right) ? -1 : 1;
	if (left->ino != right->ino)
		return left->ino < right->ino ? -1 : 1;
	return (left->size_bytes == 0) - (right->size_bytes == 0);
}

static bool is_link(const struct cpio_entry *entry)
{
	return S_ISREG(entry->mode) && entry->nlink > 1;
}

/* Gives every regular file of a hard-link group the data of the one that carries them. */
static int share_links(struct cpio_entry *entries, size_t count, struct err *err)
{
	struct cpio_entry **links AUTO_FREE = calloc(count + 1, sizeof(*links));
	size_t n = 0;

	if (links == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		if (is_link(&entries[i]))
			links[n++] = &entries[i];
	}
	if (n > 1)
		qsort(links, n, sizeof(*links), compare_links);
	for (size_t i = 1; i < n; i++) {
		const struct cpio_entry *first = links[i - 1];
		struct cpio_entry *link = links[i];

		if (link_dev(first) != link_dev(link) || first->ino != link->ino)
			continue;
		if (link->size_bytes != 0)
			return err_fail(err, -EBADMSG,
				"cpio: hard links \"%.128s\" and \"%.128s\" both carry data",
				first->name, link->name);
		link->data = first->data;
		link->size_bytes = first->size_bytes;
	}
	return 0;
}

int cpio_read(const void *src, size_t len, struct cpio_archive *ret, struct err *err)
{
	struct rd rd = rd_init(src, len);
	BUF_AUTO entries = {0};
	const struct cpio_entry **sorted AUTO_FREE = NULL;
	struct cpio_entry *list;
	size_t count;
	int code = read_entries(&rd, &entries, err);

	if (code == 0)
		code = buf_check(&entries, err);
	if (code == 0)
		code = check_end(&rd, err);
	if (code != 0)
		return code;
	list = (struct cpio_entry *)(void *)entries.data;
	count = entries.len / sizeof(*list);
	sorted = sort_entries(list, count);
	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	code = check_names(sorted, count, true, -EBADMSG, err);
	if (code == 0)
		code = share_links(list, count, err);
	if (code != 0)
		return code;
	*ret = (struct cpio_archive){.entries = list, .count = count};
	entries = (struct buf){0};
	return 0;
}

void cpio_done(struct cpio_archive *archive)
{
	if (archive == NULL)
		return;
	free(archive->entries);
	*archive = (struct cpio_archive){0};
}

const struct cpio_entry *cpio_find(const struct cpio_archive *archive, const char *name)
{
	for (size_t i = 0; i < archive->count; i++) {
		if (strcmp(archive->entries[i].name, name) == 0)
			return &archive->entries[i];
	}
	return NULL;
}
