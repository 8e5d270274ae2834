/*
 * Checking a guest image against its dm-verity parameters: from the root hash down every block of
 * the hash trees, then every block of data, is hashed again, as the kernel would when it reads
 * them. Work is spread over threads; memory does not grow with the image.
 */
#ifndef MKIMAGE_FS_VERIFY_IMAGE_H
#define MKIMAGE_FS_VERIFY_IMAGE_H

#include <stddef.h>

#include "formats/verity.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/fs/image.h"

/*
 * -EKEYREJECTED unless the data are exactly the parameters' blocks, every tree (there must be one)
 * leads from the root hash to all of them, super blocks agree, and discoverable partitions have
 * the GUIDs of the root hash; then -EBADMSG when there is no file system that libblkid knows. The
 * error names the first block that differs and, where the file system is EROFS or ext4, whose it
 * is. @threads 0: one per processor.
 */
int verify_image(const struct image *image, const struct verity_params *params, size_t threads,
	struct err *err) MUST_CHECK;

/* The parameters of an image whose first tree has a super block, for a root hash that is known.
 * -EBADMSG when there is none. */
int verify_image_params(const struct image *image, const unsigned char root_hash[SHA256_SIZE],
	struct verity_params *ret, struct err *err) MUST_CHECK;

/* Appends what the image at @path consists of, a line each: label, root, trees, signature; with
 * @files then the files of an EROFS or ext4 root (list-fs.h). Nothing of it is verified. */
int inspect_image(const char *path, bool files, struct buf *ret, struct err *err) MUST_CHECK;

/* The same for an image that is open. */
int inspect_image_parts(const struct image *image, struct buf *ret, struct err *err) MUST_CHECK;
int inspect_image_files(const struct image *image, struct buf *ret, struct err *err) MUST_CHECK;

#endif
