/*
 * Writing FAT32 file systems: Microsoft Extensible Firmware Initiative FAT32 File System Specification 1.03. Sectors and clusters are
 * of 512 bytes, names are short ones, files lie one behind the other in the order given: the same bytes for the same files.
 *
 *   sector 0    boot sector          sector 6, 7    the same again
 *          1    FSInfo                       32...  two FATs
 *                                           then    clusters from number 2: the root directory, directories, files
 */
#ifndef FORMATS_FAT_WRITE_H
#define FORMATS_FAT_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define FAT_WRITE_FILES_MAX 64
#define FAT_WRITE_DEPTH_MAX 8
#define FAT_WRITE_SIZE_MAX  (1u << 30)

struct fat_write_file {
	const char *path; /* "EFI/BOOT/BOOTX64.EFI": upper case, 8.3 */
	const void *data; /* borrowed */
	size_t len;
};

struct fat_write {
	const struct fat_write_file *files;
	size_t count;
	uint32_t volume_id;
	char label[12];	     /* at most 11 characters */
	uint64_t timestamp;  /* of everything; seconds since the epoch, brought into 1980 to 2107 */
	uint64_t size_bytes; /* of the file system: a multiple of 512; fat_write_size() at least */
	uint64_t hidden_sectors; /* before it, on its disk */
};

/* The least size that holds files of these lengths, a whole MiB; never so small that it would be FAT16. -EINVAL, -EFBIG. */
int fat_write_size(const struct fat_write *fat, uint64_t *ret, struct err *err) MUST_CHECK;

/* Appends the file system, @fat->size_bytes bytes. -EINVAL for a name that is not 8.3 or comes twice, a file where a directory is; -EFBIG for
 * what does not fit. */
int fat_write(const struct fat_write *fat, struct buf *ret, struct err *err) MUST_CHECK;

#endif
