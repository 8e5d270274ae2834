/* tar archives into a tree (source-archive.h); the headers are read by formats/tar. */
#define _GNU_SOURCE
#include "mkimage/source/source-archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "formats/tar.h"
#include "lib/buf.h"
#include "mkimage/source/unpack.h"

#define ID_MAX		(UINT32_MAX - 1) /* all ones is "no id" */
#define DEV_MAJOR_MAX	0xfffu
#define DEV_MINOR_MAX	0xfffffu
#define CAPABILITY_NAME "security.capability"
#define OCTAL_SIZE_MAX	077777777777ull /* 11 octal digits: more needs pax */

/* A read under way. */
struct reading {
	const struct source_options *options;
	struct unpack unpack;
	uint64_t base; /* of the archive in its file */
	const unsigned char *block;
	size_t left;  /* of the block */
	uint64_t pos; /* in the decompressed archive */
	struct spool *spool;
	struct source_archive out;
	size_t cap;
};

/* The headers that together make one entry. */
struct entry_head {
	uint64_t offset;
	struct tar_header header;
	struct buf name, link, records; /* GNU long name and link, pax records */
	bool has_pax;
	struct tar_pax pax;
};

static void reading_done(struct reading *reading)
{
	unpack_done(&reading->unpack);
	source_archive_done(&reading->out);
}

static void entry_head_done(struct entry_head *head)
{
	buf_done(&head->name);
	buf_done(&head->link);
	buf_done(&head->records);
}

#define READING_AUTO	__attribute__((cleanup(reading_done))) struct reading
#define ENTRY_HEAD_AUTO __attribute__((cleanup(entry_head_done))) struct entry_head

/* The next bytes, at most @max, borrowed; *@ret_n is 0 only at the end of the archive. */
static int some_bytes(struct reading *reading, uint64_t max, const unsigned char **ret,
	size_t *ret_n, struct err *err)
{
	if (reading->left == 0) {
		int rc = unpack_next(&reading->unpack, &reading->block, &reading->left, err);

		if (rc == 0 && reading->options->digest != NULL)
			rc = digest_update(
				reading->options->digest, reading->block, reading->left, err);
		if (rc != 0)
			return rc;
	}
	size_t n = reading->left < max ? reading->left : (size_t)max;

	*ret = reading->block;
	*ret_n = n;
	if (n == 0)
		return 0;
	reading->block += n;
	reading->left -= n;
	reading->pos += n;
	return 0;
}

static int cut_off(const struct reading *reading, struct err *err)
{
	return err_fail(err, -EBADMSG, "the archive is cut off at byte %llu",
		(unsigned long long)reading->pos);
}

/* Passes over bytes that nobody needs to see, beyond those that are read already. */
static int skip_bytes(struct reading *reading, uint64_t n, uint64_t *ret_n, struct err *err)
{
	int rc;

	*ret_n = 0;
	if (reading->left > 0 || reading->options->digest != NULL)
		return 0;
	rc = unpack_skip(&reading->unpack, n, ret_n, err);
	reading->pos += *ret_n;
	return rc;
}

/* Reads exactly @n bytes; @dst may be NULL to pass over them. */
static int read_bytes(struct reading *reading, unsigned char *dst, uint64_t n, struct err *err)
{
	while (n > 0) {
		const unsigned char *src;
		uint64_t skipped = 0;
		size_t got;
		int rc = dst == NULL ? skip_bytes(reading, n, &skipped, err) : 0;

		n -= skipped;
		if (rc == 0 && n == 0)
			return 0;
		if (rc == 0)
			rc = some_bytes(reading, n, &src, &got, err);
		if (rc != 0)
			return rc;
		if (got == 0)
			return cut_off(reading, err);
		if (dst != NULL) {
			memcpy(dst, src, got);
			dst += got;
		}
		n -= got;
	}
	return 0;
}

/* Bytes from a size to the next block. */
static uint64_t padding(uint64_t size_bytes)
{
	return -size_bytes & (TAR_BLOCK_BYTES - 1);
}

/* Spools the content of a file, or refers to it where it is. */
static int read_content(
	struct reading *reading, uint64_t n, struct tree_content *ret, struct err *err)
{
	if (reading->unpack.plain && reading->options->by_reference) {
		*ret = (struct tree_content){.fd = reading->unpack.fd,
			.off = reading->base + reading->pos,
			.size_bytes = n};
		return read_bytes(reading, NULL, n, err);
	}
	uint64_t off = spool_reserve(reading->spool, n);

	*ret = (struct tree_content){.fd = reading->spool->fd, .off = off, .size_bytes = n};
	while (n > 0) {
		const unsigned char *src;
		size_t got;
		int rc = some_bytes(reading, n, &src, &got, err);

		if (rc == 0 && got == 0)
			rc = cut_off(reading, err);
		if (rc == 0)
			rc = spool_write(reading->spool, src, got, off, err);
		if (rc != 0)
			return rc;
		off += got;
		n -= got;
	}
	return 0;
}

/* Reads the data of a meta entry (pax records, GNU name) with its padding. */
static int read_meta(struct reading *reading, uint64_t n, struct buf *ret, struct err *err)
{
	if (ret->len > 0)
		return err_fail(err, -EBADMSG, "the same kind of extended header twice in a row");
	if (n > reading->options->limits.meta_bytes_max)
		return err_fail(err, -EFBIG, "extended header of %llu bytes, more than %llu",
			(unsigned long long)n,
			(unsigned long long)reading->options->limits.meta_bytes_max);
	if (n == 0)
		return err_fail(err, -EBADMSG, "empty extended header");
	unsigned char *dst = buf_grow(ret, (size_t)n);
	int rc = buf_check(ret, err);

	if (rc == 0)
		rc = read_bytes(reading, dst, n, err);
	if (rc == 0)
		rc = read_bytes(reading, NULL, padding(n), err);
	return rc;
}

/* A GNU long name ends in its only NUL. */
static int check_gnu_name(const struct buf *name, struct err *err)
{
	if (memchr(name->data, '\0', name->len) != name->data + name->len - 1)
		return err_fail(err, -EBADMSG, "NUL in a GNU long name, or none at its end");
	return 0;
}

static int take_meta(struct reading *reading, struct entry_head *head, struct err *err)
{
	uint64_t n = head->header.size_bytes;
	BUF_AUTO global = {0};
	struct tar_pax unused;
	int rc;

	switch (head->header.type) {
	case TAR_GNU_NAME:
		rc = read_meta(reading, n, &head->name, err);
		return rc != 0 ? rc : check_gnu_name(&head->name, err);
	case TAR_GNU_LINK:
		rc = read_meta(reading, n, &head->link, err);
		return rc != 0 ? rc : check_gnu_name(&head->link, err);
	case TAR_PAX_GLOBAL:
		rc = read_meta(reading, n, &global, err);
		return rc != 0 ? rc
			       : tar_pax_read((char *)global.data, global.len, true, &unused, err);
	default:
		rc = read_meta(reading, n, &head->records, err);
		head->has_pax = true;
		return rc != 0 ? rc
			       : tar_pax_read((char *)head->records.data, head->records.len, false,
					 &head->pax, err);
	}
}

static bool is_meta(enum tar_type type)
{
	return type == TAR_GNU_NAME || type == TAR_GNU_LINK || type == TAR_PAX ||
	       type == TAR_PAX_GLOBAL;
}

/* After the first zero block of the end marker: the second, then nothing but zeros. */
static int read_end(struct reading *reading, const struct entry_head *head, struct err *err)
{
	unsigned char block[TAR_BLOCK_BYTES];

	if (head->name.len > 0 || head->link.len > 0 || head->records.len > 0)
		return err_fail(err, -EBADMSG, "extended header without an entry");
	int rc = read_bytes(reading, block, sizeof(block), err);

	if (rc != 0)
		return rc;
	if (!tar_block_is_zero(block))
		return err_fail(err, -EBADMSG, "half an end marker");
	for (;;) {
		const unsigned char *src;
		size_t got;

		rc = some_bytes(reading, UINT64_MAX, &src, &got, err);
		if (rc != 0 || got == 0)
			return rc;
		for (size_t i = 0; i < got; i++) {
			if (src[i] != 0)
				return err_fail(err, -EBADMSG,
					"end marker followed by data at byte %llu",
					(unsigned long long)(reading->pos - got + i));
		}
	}
}

/* Reads headers up to that of the next entry; @ret_end at the end of the archive. */
static int read_head(
	struct reading *reading, struct entry_head *head, bool *ret_end, struct err *err)
{
	unsigned char block[TAR_BLOCK_BYTES];

	for (;;) {
		head->offset = reading->pos;
		int rc = read_bytes(reading, block, sizeof(block), err);

		if (rc != 0)
			return rc;
		*ret_end = tar_block_is_zero(block);
		if (*ret_end)
			return read_end(reading, head, err);
		rc = tar_header_read(block, &head->header, err);
		if (rc != 0 || !is_meta(head->header.type))
			return rc;
		rc = take_meta(reading, head, err);
		if (rc != 0)
			return rc;
	}
}

/* What the header, GNU's long form and pax say of one name; two long forms at once are refused. */
static int choose_name(const char *field, const struct buf *gnu, const char *pax, const char **ret,
	struct err *err)
{
	if (gnu->len > 0 && pax != NULL)
		return err_fail(err, -EBADMSG, "a GNU long name and a pax name at once");
	*ret = gnu->len > 0 ? buf_cstr(gnu) : pax != NULL ? pax : field;
	return 0;
}

/* The path of an entry: without "./" before it and "/" behind a directory. */
static int clean_path(
	const struct reading *reading, const char *name, bool is_dir, char **ret, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0)
		return err_fail(err, -EBADMSG, "empty name");
	if (is_dir && n > 1 && name[n - 1] == '/')
		n--;
	if (n == 1 && name[0] == '.')
		n = 0;
	if (n >= 2 && name[0] == '.' && name[1] == '/') {
		name += 2;
		n -= 2;
		if (n == 0)
			return err_fail(err, -EBADMSG, "empty component");
	}
	if (n == 0 && !is_dir)
		return err_fail(err, -EBADMSG, "the root is not a directory");
	char *path AUTO_FREE = strndup(name, n);

	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	int rc = tree_check_path(path, "name", err);

	if (rc != 0)
		return rc;
	uint64_t depth = n > 0;

	for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/'))
		depth++;
	if (depth > reading->options->limits.depth_max)
		return err_fail(err, -EFBIG, "more than %llu components in %.80s...",
			(unsigned long long)reading->options->limits.depth_max, path);
	*ret = path;
	path = NULL;
	return 0;
}

/* tar type, tree type, the file type bits that some writers put into the mode. */
static const struct type_row {
	enum tar_type tar;
	enum tree_type tree;
	unsigned format;
} type_rows[] = {
	{TAR_FILE, TREE_FILE, S_IFREG},
	{TAR_HARD_LINK, TREE_FILE, S_IFREG},
	{TAR_SYMLINK, TREE_SYMLINK, S_IFLNK},
	{TAR_CHR, TREE_CHR, S_IFCHR},
	{TAR_BLK, TREE_BLK, S_IFBLK},
	{TAR_DIR, TREE_DIR, S_IFDIR},
	{TAR_FIFO, TREE_FIFO, S_IFIFO},
};

static const struct type_row *type_row(enum tar_type type)
{
	for (size_t i = 0; i < sizeof(type_rows) / sizeof(*type_rows); i++) {
		if (type_rows[i].tar == type)
			return &type_rows[i];
	}
	return NULL;
}

/* The steps that turn headers into an entry: each takes what it knows of from @head. */
typedef int take_fn(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err);

static int take_path(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	const char *name;
	int rc = choose_name(head->header.name, &head->name, head->pax.path, &name, err);

	if (rc != 0)
		return rc;
	return clean_path(reading, name, entry->inode.type == TREE_DIR, &entry->path, err);
}

static int take_owner(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	uint64_t uid = head->pax.has_uid ? head->pax.uid : head->header.uid;
	uint64_t gid = head->pax.has_gid ? head->pax.gid : head->header.gid;

	(void)reading;
	if (uid > ID_MAX || gid > ID_MAX)
		return err_fail(err, -EBADMSG, "owner %llu:%llu is out of range",
			(unsigned long long)uid, (unsigned long long)gid);
	entry->inode.uid = (uint32_t)uid;
	entry->inode.gid = (uint32_t)gid;
	entry->inode.mtime = head->pax.has_mtime ? head->pax.mtime : head->header.mtime;
	return 0;
}

static int take_mode(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	uint64_t mode = head->header.mode;
	unsigned format = type_row(head->header.type)->format;
	struct tree_inode *inode = &entry->inode;

	if (mode > 0177777 || ((mode & S_IFMT) != 0 && (mode & S_IFMT) != format))
		return err_fail(err, -EBADMSG, "mode 0%llo does not fit the type",
			(unsigned long long)mode);
	inode->mode = inode->type == TREE_SYMLINK ? 0777 : mode & 07777;
	if (inode->type != TREE_DIR && (inode->mode & 06000) != 0 &&
		(reading->options->allow & SOURCE_ALLOW_SETID) == 0)
		return err_fail(err, -EBADMSG, "setuid or setgid (mode 0%o) is not allowed here",
			(unsigned)inode->mode);
	return 0;
}

static int take_device(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	const struct tar_header *header = &head->header;

	if (header->type != TAR_CHR && header->type != TAR_BLK)
		return 0;
	if ((reading->options->allow & SOURCE_ALLOW_DEVICES) == 0)
		return err_fail(err, -EBADMSG, "device nodes are not allowed here");
	if (header->dev_major > DEV_MAJOR_MAX || header->dev_minor > DEV_MINOR_MAX)
		return err_fail(err, -EBADMSG, "device number %llu:%llu is out of range",
			(unsigned long long)header->dev_major,
			(unsigned long long)header->dev_minor);
	entry->inode.rdev_major = (uint32_t)header->dev_major;
	entry->inode.rdev_minor = (uint32_t)header->dev_minor;
	return 0;
}

static int copy_xattr(const struct tar_pax_xattr *xattr, struct tree_xattr *ret, struct err *err)
{
	ret->name = strdup(xattr->name);
	ret->value = malloc(xattr->value_len > 0 ? xattr->value_len : 1);
	if (ret->name == NULL || ret->value == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	memcpy(ret->value, xattr->value, xattr->value_len);
	ret->size_bytes = xattr->value_len;
	return 0;
}

static int take_xattrs(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	struct tree_inode *inode = &entry->inode;

	if (head->pax.xattr_count == 0)
		return 0;
	inode->xattrs = calloc(head->pax.xattr_count, sizeof(*inode->xattrs));
	if (inode->xattrs == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < head->pax.xattr_count; i++) {
		const struct tar_pax_xattr *xattr = &head->pax.xattrs[i];
		bool capability = strcmp(xattr->name, CAPABILITY_NAME) == 0;
		unsigned need = capability ? SOURCE_ALLOW_CAPABILITIES : SOURCE_ALLOW_XATTRS;

		if ((reading->options->allow & need) == 0)
			return err_fail(err, -EBADMSG, "%s \"%s\" is not allowed here",
				capability ? "file capability" : "extended attribute", xattr->name);
		inode->xattr_count++;
		int rc = copy_xattr(xattr, &inode->xattrs[i], err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The target of a symbolic or hard link. */
static int take_link(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	const char *target;
	int rc = choose_name(head->header.link, &head->link, head->pax.link, &target, err);

	if (rc != 0)
		return rc;
	if (head->header.type == TAR_HARD_LINK) {
		rc = clean_path(reading, target, false, &entry->hard_link, err);
		return rc != 0 ? err_wrap(err, "hard link") : 0;
	}
	if (head->header.type != TAR_SYMLINK) {
		if (target[0] != '\0')
			return err_fail(err, -EBADMSG, "a link target where none belongs");
		return 0;
	}
	size_t n = strlen(target);

	if (n == 0 || n > TREE_PATH_MAX)
		return err_fail(err, -EBADMSG, "bad length of a symbolic link's target");
	entry->inode.target = strdup(target);
	return entry->inode.target != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

/* The data that follows. How much of it: readers that know pax and readers that do not must agree. */
static int take_content(struct reading *reading, const struct entry_head *head,
	struct source_entry *entry, struct err *err)
{
	uint64_t size = head->header.size_bytes;

	if (head->pax.has_size && head->pax.size_bytes != size) {
		if (size != 0 || head->pax.size_bytes <= OCTAL_SIZE_MAX)
			return err_fail(err, -EBADMSG,
				"conflicting sizes, %llu in the header and %llu in pax",
				(unsigned long long)size, (unsigned long long)head->pax.size_bytes);
		size = head->pax.size_bytes;
	}
	if (head->header.type != TAR_FILE) {
		if (size > 0)
			return err_fail(err, -EBADMSG, "%llu bytes of data where none belong",
				(unsigned long long)size);
		return 0;
	}
	if (size > reading->options->limits.bytes_max)
		return err_fail(err, -EFBIG, "%llu bytes, more than the archive may hold",
			(unsigned long long)size);
	const char *only = reading->options->only;
	bool keep = only == NULL || strcmp(only, entry->path) == 0;
	int rc = keep ? read_content(reading, size, &entry->inode.content, err)
		      : read_bytes(reading, NULL, size, err);

	return rc != 0 ? rc : read_bytes(reading, NULL, padding(size), err);
}

static take_fn *const take_steps[] = {
	take_path,
	take_owner,
	take_mode,
	take_device,
	take_xattrs,
	take_link,
	take_content,
};

/* A new entry at the end of the list, where it is freed from whatever it holds. */
static int append_entry(struct reading *reading, struct source_entry **ret, struct err *err)
{
	struct source_archive *out = &reading->out;

	if (out->count >= reading->options->limits.entries_max)
		return err_fail(err, -EFBIG, "more than %llu entries",
			(unsigned long long)reading->options->limits.entries_max);
	if (out->count == reading->cap) {
		size_t cap = reading->cap > 0 ? 2 * reading->cap : 64;
		struct source_entry *grown = reallocarray(out->entries, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		out->entries = grown;
		reading->cap = cap;
	}
	*ret = &out->entries[out->count++];
	**ret = (struct source_entry){.inode.content.fd = -1};
	return 0;
}

/* Reads one entry; @ret_end when there was none but the end marker. */
static int read_entry(struct reading *reading, bool *ret_end, struct err *err)
{
	ENTRY_HEAD_AUTO head = {.offset = reading->pos};
	struct source_entry *entry = NULL;
	int rc = read_head(reading, &head, ret_end, err);

	if (rc == 0 && *ret_end)
		return 0;
	if (rc == 0)
		rc = append_entry(reading, &entry, err);
	if (rc == 0) {
		entry->offset = head.offset;
		entry->inode.type = type_row(head.header.type)->tree;
	}
	for (size_t i = 0; rc == 0 && i < sizeof(take_steps) / sizeof(*take_steps); i++)
		rc = take_steps[i](reading, &head, entry, err);
	if (rc == 0)
		return 0;
	if (entry != NULL && entry->path != NULL)
		return err_wrap(err, "entry at byte %llu, /%s", (unsigned long long)head.offset,
			entry->path);
	return err_wrap(err, "entry at byte %llu", (unsigned long long)head.offset);
}

static int compare_by_path(const void *a, const void *b, void *arg)
{
	const struct source_entry *entries = arg;
	size_t left = *(const size_t *)a, right = *(const size_t *)b;
	int order = strcmp(entries[left].path, entries[right].path);

	return order != 0 ? order : (left > right) - (left < right);
}

static int index_entries(struct source_archive *archive, struct err *err)
{
	archive->by_path = calloc(archive->count + 1, sizeof(*archive->by_path));
	if (archive->by_path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < archive->count; i++)
		archive->by_path[i] = i;
	qsort_r(archive->by_path, archive->count, sizeof(*archive->by_path), compare_by_path,
		archive->entries);
	for (size_t i = 1; i < archive->count; i++) {
		const struct source_entry *first = &archive->entries[archive->by_path[i - 1]];
		const struct source_entry *second = &archive->entries[archive->by_path[i]];

		if (strcmp(first->path, second->path) == 0)
			return err_fail(err, -EBADMSG,
				"entry at byte %llu, /%s: the same path as the entry at byte %llu",
				(unsigned long long)second->offset, second->path,
				(unsigned long long)first->offset);
	}
	return 0;
}

/* Compares the first @n bytes of @path, as a path of their own, with @other. */
static int compare_prefix(const char *path, size_t n, const char *other)
{
	int order = strncmp(path, other, n);

	return order != 0 ? order : other[n] == '\0' ? 0 : -1;
}

static const struct source_entry *find_prefix(
	const struct source_archive *archive, const char *path, size_t n)
{
	size_t low = 0, high = archive->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct source_entry *entry = &archive->entries[archive->by_path[mid]];
		int order = compare_prefix(path, n, entry->path);

		if (order == 0)
			return entry;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct source_entry *source_archive_find(
	const struct source_archive *archive, const char *path)
{
	return find_prefix(archive, path, strlen(path));
}

/* No parent that the archive gives may be anything but a directory. */
static int check_parents(
	const struct source_archive *archive, const struct source_entry *entry, struct err *err)
{
	const char *path = entry->path;

	for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/')) {
		const struct source_entry *parent = find_prefix(archive, path, (size_t)(at - path));

		if (parent != NULL && parent->inode.type != TREE_DIR)
			return err_fail(
				err, -EBADMSG, "its parent %s is not a directory", parent->path);
	}
	return 0;
}

static int check_hard_link(
	const struct source_archive *archive, const struct source_entry *entry, struct err *err)
{
	if (entry->hard_link == NULL)
		return 0;
	const struct source_entry *target = source_archive_find(archive, entry->hard_link);

	if (target == NULL || target->offset >= entry->offset)
		return err_fail(err, -EBADMSG, "hard link to %s, which was not given before",
			entry->hard_link);
	if (target->inode.type == TREE_DIR)
		return err_fail(err, -EBADMSG, "hard link to the directory %s", entry->hard_link);
	return 0;
}

static int check_entries(struct source_archive *archive, struct err *err)
{
	int rc = index_entries(archive, err);

	for (size_t i = 0; rc == 0 && i < archive->count; i++) {
		const struct source_entry *entry = &archive->entries[i];

		rc = check_parents(archive, entry, err);
		if (rc == 0)
			rc = check_hard_link(archive, entry, err);
		if (rc != 0)
			return err_wrap(err, "entry at byte %llu, /%s",
				(unsigned long long)entry->offset, entry->path);
	}
	return rc;
}

int source_archive_read(int fd, uint64_t off, uint64_t len, const struct source_options *options,
	struct spool *spool, struct source_archive *ret, struct err *err)
{
	READING_AUTO reading = {.options = options, .base = off, .spool = spool};
	struct unpack_limits limits = {options->limits.bytes_max, options->limits.ratio_max};
	bool end = false;
	int rc = unpack_begin(&reading.unpack, fd, off, len, &limits, err);

	while (rc == 0 && !end)
		rc = read_entry(&reading, &end, err);
	if (rc == 0)
		rc = check_entries(&reading.out, err);
	if (rc != 0)
		return err_wrap(err, "%s", options->what);
	*ret = reading.out;
	ret->bytes = reading.pos;
	reading.out = (struct source_archive){0};
	return 0;
}

/* True when dpkg would leave what is there alone: a directory, or the very same symbolic link. */
static bool stays(const struct tree *tree, const struct source_entry *entry)
{
	if (entry->inode.type == TREE_DIR) {
		const struct tree_node *there = tree_resolve(tree, entry->path);

		return there != NULL && there->inode->type == TREE_DIR;
	}
	if (entry->inode.type != TREE_SYMLINK)
		return false;
	const struct tree_node *there = tree_find(tree, entry->path);

	return there != NULL && there->inode->type == TREE_SYMLINK &&
	       strcmp(there->inode->target, entry->inode.target) == 0;
}

int source_archive_apply(struct source_archive *archive, const char *what, enum source_dirs dirs,
	const char *origin, struct tree *tree, struct err *err)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct source_entry *entry = &archive->entries[i];
		int rc;

		if (dirs == SOURCE_DIRS_KEEP && stays(tree, entry))
			continue;
		entry->inode.origin = origin;
		if (entry->hard_link != NULL)
			rc = tree_link(tree, entry->path, entry->hard_link, TREE_REFUSE, err);
		else
			rc = tree_add(tree, entry->path, &entry->inode, TREE_REFUSE, NULL, err);
		if (rc != 0)
			return err_wrap(err, "%s", what);
	}
	return 0;
}

static void entry_free(struct source_entry *entry)
{
	for (size_t i = 0; i < entry->inode.xattr_count; i++) {
		free(entry->inode.xattrs[i].name);
		free(entry->inode.xattrs[i].value);
	}
	free(entry->inode.xattrs);
	free(entry->inode.target);
	free(entry->hard_link);
	free(entry->path);
}

void source_archive_done(struct source_archive *archive)
{
	if (archive == NULL)
		return;
	for (size_t i = 0; i < archive->count; i++)
		entry_free(&archive->entries[i]);
	free(archive->entries);
	free(archive->by_path);
	*archive = (struct source_archive){0};
}
