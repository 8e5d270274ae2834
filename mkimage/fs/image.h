/*
 * Guest images as files, ours or anybody's: which label they have, where the root file system and
 * its dm-verity trees are, and what file system libblkid sees there. Nothing is mounted.
 */
#ifndef MKIMAGE_FS_IMAGE_H
#define MKIMAGE_FS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/verity-super.h"
#include "lib/err.h"
#include "lib/guid.h"

enum image_label {
	IMAGE_BARE, /* no partitions: the file system, and perhaps its tree behind it */
	IMAGE_MBR,
	IMAGE_DAX, /* an NVDIMM header, then a disk with an MBR */
	IMAGE_GPT,
};

/* "mbr" and so on. */
const char *image_label_name(enum image_label label);

/* Bytes of the file. */
struct image_area {
	unsigned partition; /* its number, 0: there are no partitions */
	uint64_t off, size_bytes;
	struct guid id; /* of a GPT partition */
};

/* Kata's own tree without super block and systemd's with one. */
#define IMAGE_TREES_MAX 2

struct image_tree {
	struct image_area area; /* super block included */
	bool discoverable; /* a partition of systemd's type, whose GUID belongs to the root hash */
	bool has_super;
	struct verity_super super;
};

#define IMAGE_FS_TYPE_MAX 32

struct image {
	const char *path; /* borrowed */
	int fd;
	uint64_t size_bytes;
	enum image_label label;
	struct image_area root;
	bool root_discoverable;
	char fs_type
		[IMAGE_FS_TYPE_MAX]; /* as libblkid names it, "" when it does not know for sure */
	struct image_tree trees[IMAGE_TREES_MAX];
	size_t tree_count;
	struct image_area signature; /* size 0: none */
};

/*
 * Opens the image at @path, which must outlive @ret. A bare image has its tree, if any, behind
 * @data_blocks blocks of 4096 bytes; 0 when that is not known. -EBADMSG for a malformed label or
 * without a root partition; -ENOTSUP.
 */
int image_open(
	const char *path, uint64_t data_blocks, struct image *ret, struct err *err) MUST_CHECK;
/* The same for a file that is open; it stays the caller's, and image_close() is not for that. */
int image_open_fd(int fd, const char *path, uint64_t size_bytes, uint64_t data_blocks,
	struct image *ret, struct err *err) MUST_CHECK;
void image_close(struct image *image);
#define IMAGE_AUTO __attribute__((cleanup(image_close))) struct image

/* The root file system as bytes in memory. */
struct image_bytes {
	void *map; /* owned */
	size_t map_bytes;
	const unsigned char *root; /* inside the map */
	size_t root_bytes;
};

/* Maps the image's root; the file must not change meanwhile. */
int image_map(const struct image *image, struct image_bytes *ret, struct err *err) MUST_CHECK;
void image_unmap(struct image_bytes *bytes);
#define IMAGE_BYTES_AUTO __attribute__((cleanup(image_unmap))) struct image_bytes

#endif
