/*
 * cpio archives in the "newc" format (magic 070701), as Linux reads its initial RAM file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst) and cpio(5) describes it.
 *
 * Names are relative to the root, without a leading slash, "." or ".." or empty components. The writer is
 * canonical: the same entries give the same bytes in whatever order they come. The reader takes other writers' archives
 * too, within what is well-formed: every entry's parent comes before it, no name twice, one archive and then nothing but
 * zeros.
 */
#ifndef FORMATS_CPIO_H
#define FORMATS_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define CPIO_NAME_MAX	 4095
#define CPIO_COMP_MAX	 255
#define CPIO_ENTRIES_MAX (1u << 18)

struct cpio_entry {
	const char *name; /* "" is the root (which others write as ".") */
	uint32_t mode;	  /* type and permissions as in stat(2): S_IFREG | 0644 */
	uint32_t uid, gid;
	uint32_t mtime;				   /* seconds since the epoch */
	uint32_t rdev_major, rdev_minor;	   /* devices only */
	uint32_t ino, nlink, dev_major, dev_minor; /* as read; the writer gives its own */
	const unsigned char *data;		   /* borrowed: a file's bytes, a link's target */
	size_t size_bytes;
};

/*
 * Appends an archive of @count entries to @ret, which must be empty before: sorted by name, inodes numbered from 1 in that
 * order, uid and gid 0, every mtime @mtime, padded to 512 bytes. The entries' own ino, nlink, dev, uid, gid and mtime do not show.
 * -EINVAL for a bad or repeated name, a missing parent, an unknown type or data where there can be none; -EFBIG from 4 GiB.
 */
int cpio_write(const struct cpio_entry *entries, size_t count, uint32_t mtime, struct buf *ret,
	struct err *err) MUST_CHECK;

struct cpio_archive {
	struct cpio_entry
		*entries; /* owned, in archive order; names and data are borrowed from the input */
	size_t count;
};

/*
 * Reads a whole archive. The regular files of one hard-link group (same inode and device, nlink > 1) all get the group's
 * data, which at most one of them carries. -EBADMSG with the offset for anything malformed.
 */
int cpio_read(const void *src, size_t len, struct cpio_archive *ret, struct err *err) MUST_CHECK;
void cpio_done(struct cpio_archive *archive);
#define CPIO_AUTO __attribute__((cleanup(cpio_done))) struct cpio_archive

/* The entry called @name, or NULL. */
const struct cpio_entry *cpio_find(const struct cpio_archive *archive, const char *name);

#endif
