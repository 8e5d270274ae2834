/*
 * The files in a UEFI firmware image: firmware volumes, their files, and the LZMA-compressed
 * sections in them. UEFI Platform Initialization Specification 1.8, volume 3, sections 2 and 3.
 *
 * This is how a firmware tells what it is: which modules it carries and what strings stand in them.
 */
#ifndef FORMATS_FFS_H
#define FORMATS_FFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/guid.h"
#include "lib/rd.h"

#define FFS_FILES_MAX	     1024
#define FFS_NAME_MAX	     48
#define FFS_DEPTH_MAX	     6		 /* of volumes in sections in files in volumes */
#define FFS_UNPACKED_MAX     (64u << 20) /* bytes that all compressed sections may unpack to */
#define FFS_COMPRESSED_MAX   8		 /* compressed sections */
#define FFS_TYPE_FREEFORM    0x02
#define FFS_TYPE_DXE_CORE    0x05
#define FFS_TYPE_DRIVER	     0x07
#define FFS_TYPE_APPLICATION 0x09
#define FFS_SECTION_PE32     0x10
#define FFS_SECTION_DEPEX    0x13 /* of a DXE driver */
#define FFS_SECTION_RAW	     0x19

struct ffs_file {
	struct guid guid;
	uint8_t type;
	char name[FFS_NAME_MAX];   /* from its user interface section, ASCII; "" when it has none */
	const unsigned char *data; /* its sections; borrowed from the image or from the ffs */
	size_t len;
	struct guid volume; /* name of the volume that it is in; zeros when that has none */
	bool named_volume;
};

struct ffs {
	struct ffs_file *files; /* owned; files that only wrap a volume are not listed */
	size_t count;
	unsigned char *unpacked[FFS_COMPRESSED_MAX]; /* owned */
	size_t unpacked_count;
	size_t unpacked_bytes;
	bool opaque; /* there are sections in an encoding that is not understood */
};

/*
 * Parses every firmware volume in @image, which must outlive @ret. -EBADMSG for damaged volumes,
 * files or sections; bytes outside volumes are passed over.
 */
int ffs_parse(const void *image, size_t len, struct ffs *ret, struct err *err) MUST_CHECK;

/* Accepts a zeroed ffs. */
void ffs_done(struct ffs *ffs);
#define FFS_AUTO __attribute__((cleanup(ffs_done))) struct ffs

/* The first file with this GUID (a literal that guid_parse takes), or NULL; borrowed. */
const struct ffs_file *ffs_find(const struct ffs *ffs, const char *guid);

/* The body of the file's first section of this type; false when it has none outside encapsulating
 * sections. */
bool ffs_file_section(const struct ffs_file *file, uint8_t type, struct rd *ret);

/* Whether the @n bytes of @needle stand anywhere in the file. */
bool ffs_file_has(const struct ffs_file *file, const void *needle, size_t n);

#endif
