/*
 * Reading FAT12, FAT16 and FAT32 file systems that may be hostile, long names included: Microsoft
 * Extensible Firmware Initiative FAT32 File System Specification 1.03; UEFI Specification 2.10,
 * section 13.3. Stricter than firmware: what two readers could take differently is refused.
 */
#ifndef FORMATS_FAT_H
#define FORMATS_FAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/rd.h"

#define FAT_NAME_MAX	766   /* bytes of a name of 255 UTF-16 units in UTF-8, with its NUL */
#define FAT_ENTRIES_MAX 65536 /* of a directory, as the specification limits it */

struct fat {
	struct rd rd; /* the file system, borrowed */
	const char *what;
	unsigned bits; /* 12, 16 or 32 */
	uint32_t cluster_bytes;
	uint32_t cluster_count; /* of data: numbers 2 to cluster_count + 1 */
	uint64_t fat_off, data_off;
	uint64_t root_off; /* of FAT12 and FAT16 */
	uint32_t root_bytes;
	uint32_t root_cluster; /* of FAT32 */
};

/* Checks the boot sector. @what names the file system in errors; both outlive @ret. -EBADMSG,
 * -ENOTSUP. */
int fat_open(const void *bytes, size_t len, const char *what, struct fat *ret,
	struct err *err) MUST_CHECK;

struct fat_entry {
	char name[FAT_NAME_MAX]; /* the long name, or else the short one */
	char short_name[13];	 /* "BOOTX64.EFI"; '?' for characters beyond ASCII */
	bool directory;
	uint32_t cluster; /* the first; 0: none, or the root directory */
	uint32_t size_bytes;
};

/* The root directory. */
struct fat_entry fat_root(const struct fat *fat);

/* Calls @fn for every entry of a directory but "." and ".."; what it returns other than 0 ends the
 * walk and is returned. */
typedef int fat_fn(void *arg, const struct fat_entry *entry, struct err *err);
int fat_list(const struct fat *fat, const struct fat_entry *dir, fat_fn *fn, void *arg,
	struct err *err) MUST_CHECK;

/* Finds "EFI/BOOT/BOOTX64.EFI", names compared without regard to ASCII case, long or short.
 * *@ret_found is false, and @ret untouched, when there is none; -EBADMSG when a name fits twice. */
int fat_find(const struct fat *fat, const char *path, bool *ret_found, struct fat_entry *ret,
	struct err *err) MUST_CHECK;

/* Appends the contents of a file to @ret; -EFBIG beyond @max_bytes. */
int fat_read(const struct fat *fat, const struct fat_entry *file, size_t max_bytes, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
