/*
 * Guest images as trees: EROFS (compressed or not) and ext4, as they are or as the root partition of a disk with an MBR, a GPT
 * or an NVDIMM header in front (image.h). Nothing is mounted; a tree behind the root is not looked at, for @sha256 says what the
 * file must be.
 */
#ifndef MKIMAGE_SOURCE_SOURCE_IMAGE_H
#define MKIMAGE_SOURCE_SOURCE_IMAGE_H

#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

struct source_image_options {
	const unsigned char *sha256; /* SHA256_SIZE bytes: of the whole file */
	unsigned allow;		     /* enum source_allow */
};

/*
 * Reads the image at @path into @tree, an empty one, as coming from @origin (interned); contents go to @spool. -EKEYREJECTED for
 * another digest, -EBADMSG and -ENOTSUP for what is malformed, of another kind or not allowed, naming the file.
 */
int source_image_read(const char *path, const struct source_image_options *options,
	struct spool *spool, const char *origin, struct tree *tree, struct err *err) MUST_CHECK;

#endif
