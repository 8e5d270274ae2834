/*
 * tar archives, plain or compressed (unpack.h), read into a list of entries and then put into a tree. Nothing is
 * extracted: contents go to the spool, or stay where they are when the archive is not compressed.
 *
 * What is refused, always: absolute names, "..", empty components, NULs, components over 255 bytes, names over 4095, a path given
 * twice, a parent that the same archive makes something else than a directory, hard links to what the archive has not
 * given before, sizes that conflict, data where none belongs, unknown type flags, sparse files, ACLs, an archive that
 * is cut off or has anything but zeros after its end marker. A leading "./" is normal.
 *
 * What needs permission: see enum source_allow. Integrity is the caller's: it has checked the SHA-256 of the file.
 */
#ifndef MKIMAGE_SOURCE_SOURCE_ARCHIVE_H
#define MKIMAGE_SOURCE_SOURCE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

/* Default limits (struct source_limits). */
#define SOURCE_ENTRIES_MAX    (1u << 20)
#define SOURCE_BYTES_MAX      (16ull << 30)
#define SOURCE_RATIO_MAX      1024
#define SOURCE_META_BYTES_MAX (1u << 20)
#define SOURCE_DEPTH_MAX      256

struct source_limits {
	uint64_t entries_max;
	uint64_t bytes_max;	 /* of the decompressed archive */
	uint64_t ratio_max;	 /* decompressed / compressed, beyond UNPACK_RATIO_FROM_BYTES */
	uint64_t meta_bytes_max; /* of one pax header or GNU long name */
	uint64_t depth_max;	 /* components of a path */
};

enum source_allow {
	SOURCE_ALLOW_SETID = 1,	       /* setuid and setgid on anything but directories */
	SOURCE_ALLOW_DEVICES = 2,      /* character and block devices */
	SOURCE_ALLOW_XATTRS = 4,       /* extended attributes other than capabilities */
	SOURCE_ALLOW_CAPABILITIES = 8, /* security.capability */
};

struct source_options {
	const char *what; /* names the archive in errors */
	unsigned allow;	  /* enum source_allow */
	bool by_reference; /* contents of an uncompressed archive refer to its fd, which then outlives the tree */
	const char *only; /* keep the content of this path alone; NULL: of every file */
	struct source_limits limits;
	struct digest *digest; /* begun: takes the decompressed archive's bytes; or NULL */
};

#define SOURCE_LIMITS_DEFAULT                                                                      \
	{                                                                                          \
		SOURCE_ENTRIES_MAX, SOURCE_BYTES_MAX, SOURCE_RATIO_MAX, SOURCE_META_BYTES_MAX,     \
			SOURCE_DEPTH_MAX                                                           \
	}

struct source_entry {
	char *path;		 /* owned; as in tree.h, "" for the root */
	char *hard_link;	 /* owned; the path of an earlier entry, or NULL */
	struct tree_inode inode; /* owns its target and attributes; not for hard links */
	uint64_t offset;	 /* of its header in the decompressed archive */
};

struct source_archive {
	struct source_entry *entries; /* owned; in the archive's order */
	size_t count;
	size_t *by_path; /* owned; indices sorted by path */
	uint64_t bytes;	 /* of the decompressed archive */
};

/* Reads the archive in @len bytes at @off of @fd. A broken rule is -EBADMSG or -ENOTSUP, a limit -EFBIG, always naming the
 * archive, the entry and its offset in the decompressed archive. */
int source_archive_read(int fd, uint64_t off, uint64_t len, const struct source_options *options,
	struct spool *spool, struct source_archive *ret, struct err *err) MUST_CHECK;

/* The entry at @path; NULL when there is none. */
const struct source_entry *source_archive_find(
	const struct source_archive *archive, const char *path);

enum source_dirs {
	SOURCE_DIRS_REPLACE, /* the archive's metadata wins; a directory over a symbolic link is refused */
	SOURCE_DIRS_KEEP, /* as dpkg: an existing directory, or a link to one, stays as it is; so does the root */
};

/* Adds all entries to @tree as coming from @origin (interned). What the entries own moves to the tree. */
int source_archive_apply(struct source_archive *archive, const char *what, enum source_dirs dirs,
	const char *origin, struct tree *tree, struct err *err) MUST_CHECK;

/* Accepts a zeroed one. */
void source_archive_done(struct source_archive *archive);
#define SOURCE_ARCHIVE_AUTO __attribute__((cleanup(source_archive_done))) struct source_archive

#endif
