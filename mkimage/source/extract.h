/*
 * An archive that has been read (source-archive.h) written out as files of the build machine: for sources that a compiler
 * reads. Ownership and times are the process's own; set-id bits are dropped; only files, directories and links are taken.
 */
#ifndef MKIMAGE_SOURCE_EXTRACT_H
#define MKIMAGE_SOURCE_EXTRACT_H

#include "lib/err.h"
#include "mkimage/source/source-archive.h"

/*
 * Writes @archive into the empty directory @dir, without the first component of its paths, which must be the same for all.
 * -EBADMSG when it is not, or for a device or FIFO. @what names the archive in errors.
 */
int extract_archive(const struct source_archive *archive, const char *what, const char *dir,
	struct err *err) MUST_CHECK;

#endif
