/*
 * tar headers: POSIX ustar and pax (IEEE Std 1003.1-2017, pax(1), "Extended Description") and GNU long names.
 *
 * Strict where readers differ: a header that two readers could take for two things is refused, never interpreted.
 */
#ifndef FORMATS_TAR_H
#define FORMATS_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define TAR_BLOCK_BYTES 512

/* Header name fields: prefix, slash, name, NUL. */
#define TAR_NAME_BYTES (155 + 1 + 100 + 1)

enum tar_type {
	TAR_FILE = '0',
	TAR_HARD_LINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHR = '3',
	TAR_BLK = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6',
	TAR_PAX = 'x',
	TAR_PAX_GLOBAL = 'g',
	TAR_GNU_NAME = 'L',
	TAR_GNU_LINK = 'K',
};

struct tar_header {
	enum tar_type type;
	char name[TAR_NAME_BYTES];
	char link[101];
	uint64_t mode, uid, gid, size_bytes, mtime, dev_major, dev_minor;
};

/* True when all bytes of the block are zero: the end marker is two of these. */
bool tar_block_is_zero(const unsigned char block[TAR_BLOCK_BYTES]);

/* Reads one header block; -EBADMSG naming the field for a bad magic, checksum, number or string, -ENOTSUP for a type
 * that is none of enum tar_type. The message does not say where. */
int tar_header_read(const unsigned char block[TAR_BLOCK_BYTES], struct tar_header *ret,
	struct err *err) MUST_CHECK;

struct tar_pax_xattr {
	const char *name; /* borrowed from the records, NUL-terminated */
	const unsigned char *value;
	size_t value_len;
};

#define TAR_PAX_XATTRS_MAX 64

/* What the records of one extended header say; pointers borrow from the records. */
struct tar_pax {
	const char *path, *link; /* NULL when absent */
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size_bytes, uid, gid, mtime;
	struct tar_pax_xattr xattrs[TAR_PAX_XATTRS_MAX];
	size_t xattr_count;
};

/*
 * Reads the records of a pax header, in place: separators in @records become NULs. A @global header may say nothing but a
 * comment. -EBADMSG for bad lengths, a key given twice, a NUL in a name, a number out of range; -ENOTSUP for a key that would
 * change what the entry is (sparse files, ACLs) or is unknown.
 */
int tar_pax_read(
	char *records, size_t len, bool global, struct tar_pax *ret, struct err *err) MUST_CHECK;

#endif
