/*
 * Guest disks, from a tree in one pass: a label, the root file system, and its dm-verity tree,
 * hashed while the file system is written. Every part takes whole MiB.
 *
 *   kata-mbr   MBR; p1 root; p2 tree                       what Kata's runtimes boot
 *   kata-dax   MBR, NVDIMM header; at 2 MiB the same       the same by virtio-pmem or NVDIMM
 *   gpt        GPT; p1 root; p2 root-verity                systemd's discoverable partitions
 *   one-disk   GPT; p1 root; p2 tree; p3 root-verity       serves both
 *   esp        the same, and last an EFI system partition  firmware boots it
 *   raw        root; tree                                  no label at all
 *
 * "tree" is a bare dm-verity tree, "root-verity" a dm-verity super block and the same tree. In a
 * GPT the signature of the root hash, if there is one, follows as a partition of its own; a last
 * MiB holds the second table. dm-verity covers all of p1. The bytes depend on the tree and the
 * options alone, not on the number of threads.
 */
#ifndef MKIMAGE_FS_DISK_H
#define MKIMAGE_FS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/verity.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/guid.h"
#include "lib/progress.h"
#include "mkimage/fs/erofs-pack.h"
#include "mkimage/fs/runs.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

#define DISK_SALT_SIZE	   32
#define DISK_SIGNATURE_MAX (1u << 20)

enum disk_layout {
	DISK_KATA_MBR,
	DISK_KATA_DAX,
	DISK_GPT,
	DISK_ONE_DISK,
	DISK_ESP,
	DISK_RAW,
};

/* "kata-mbr" and so on. */
const char *disk_layout_name(enum disk_layout layout);
/* Whether it has a place for the signature of the root hash. */
bool disk_layout_signs(enum disk_layout layout);
/* False when no layout has that name. */
bool disk_layout_parse(const char *name, enum disk_layout *ret);

enum disk_fs {
	DISK_EROFS, /* hashed while it is written */
	DISK_EXT4,
};

/* "erofs", "ext4". */
const char *disk_fs_name(enum disk_fs fs);
/* False when no file system has that name. */
bool disk_fs_parse(const char *name, enum disk_fs *ret);

/* The GUIDs of a GPT that do not follow from the root hash. */
struct disk_guids {
	struct guid disk;
	struct guid tree;
	struct guid signature;
	struct guid esp;
};

struct disk_options {
	enum disk_layout layout;
	enum disk_fs fs;
	unsigned char uuid[16];		    /* of the file system */
	unsigned char salt[DISK_SALT_SIZE]; /* of dm-verity */
	unsigned char verity_uuid[16];	    /* in the dm-verity super block */
	uint32_t disk_signature;	    /* in the MBR */
	struct disk_guids guids;
	/* Of EROFS (write-erofs.h); all zero: nothing is compressed. */
	enum erofs_pack pack;
	int pack_level;
	uint32_t cluster_bytes;
	struct spool *spool; /* borrowed; for compression */
	uint64_t timestamp;  /* of the file system; inodes with this mtime are smallest */
	size_t threads;	     /* 0: one per processor */
	const struct progress *progress; /* or NULL */
	/* Appends at most DISK_SIGNATURE_MAX bytes for a root hash; or NULL. GPT only. */
	int (*sign)(void *arg, const unsigned char root_hash[SHA256_SIZE], struct buf *ret,
		struct err *err);
	void *sign_arg;
	/* DISK_ESP: appends its partition's esp_bytes, a whole MiB, for the root that has been written. */
	int (*esp)(void *arg, const struct verity_params *root, uint64_t first_sector,
		struct buf *ret, struct err *err);
	void *esp_arg;
	uint64_t esp_bytes;
	/* Where contents are, in blocks of p1: filled, ready for runs_find(); or NULL. */
	struct runs *runs;
};

enum disk_part_kind {
	DISK_PART_ROOT,
	DISK_PART_TREE,
	DISK_PART_VERITY, /* super block and tree */
	DISK_PART_SIGNATURE,
	DISK_PART_ESP,
};

struct disk_part {
	enum disk_part_kind kind;
	uint64_t off, size_bytes;
};

#define DISK_PARTS_MAX 5

struct disk_result {
	struct verity_params verity;
	uint64_t hash_blocks; /* of the tree */
	uint64_t fs_blocks;   /* of the file system, without the padding of p1 */
	uint64_t inode_count; /* of the tree */
	struct disk_part parts[DISK_PARTS_MAX];
	size_t part_count;
	uint64_t size_bytes;
	unsigned char sha256[SHA256_SIZE]; /* of the whole disk, by disk_digest() */
};

/*
 * Writes the disk to @fd, a new regular file open for reading and writing that @what names in
 * errors; padding becomes holes. Uses the marks of @tree meanwhile. Nothing is flushed to the
 * device. -EBADMSG for a tree that the file system cannot hold, -EFBIG beyond 2 TiB, -EINVAL for a
 * signature without GPT, a timestamp that ext4 has not, or compression that there is not, else what reading or writing gave
 * (-ENOSPC, -EIO).
 */
int disk_write(int fd, const char *what, const struct tree *tree,
	const struct disk_options *options, struct disk_result *ret, struct err *err) MUST_CHECK;

/* Takes the digest of the whole disk: of one thread's time the most that a disk costs, so it is left to
 * who has other work beside it. */
int disk_digest(int fd, const char *what, struct disk_result *result, struct err *err) MUST_CHECK;

#endif
