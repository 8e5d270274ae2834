/*
 * EROFS, the read-only file system of guest images: byte-level encoding and bounded decoding of its
 * structures, for images with blocks of 4096 bytes. Linux Documentation/filesystems/erofs.rst and
 * fs/erofs/erofs_fs.h (uncompressed images have the features of Linux 5.4; compressed ones need 5.13
 * for LZ4 and 6.10 for Zstandard; nothing that an older kernel would refuse is written).
 *
 *   byte 0     unused
 *   byte 1024  super block
 *   byte 1152  the first inode that fits; inodes stand at multiples of 32 (a "slot"), counted from
 *              the metadata area's start (block 0 in what we write): that count is the inode's
 *              number, its nid
 *
 * An inode is followed by its extended attributes and, in the flat-inline layout, by the tail of
 * its data, which then shares one block with the inode. All other data are whole blocks,
 * consecutive, the last one filled with zeros.
 */
#ifndef FORMATS_EROFS_H
#define FORMATS_EROFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/wr.h"

#define EROFS_BLOCK_SIZE      4096u
#define EROFS_BLOCK_SIZE_LOG2 12
#define EROFS_SLOT_SIZE	      32u
#define EROFS_SUPER_OFFSET    1024u
#define EROFS_SUPER_SIZE      128u
#define EROFS_COMPACT_SIZE    32u
#define EROFS_EXTENDED_SIZE   64u
#define EROFS_DIRENT_SIZE     12u
#define EROFS_NAME_MAX	      255u
#define EROFS_SYMLINK_MAX     4095u
#define EROFS_BLOCKS_MAX      UINT32_MAX
#define EROFS_UUID_SIZE	      16
#define EROFS_ROOT_NID_MAX    UINT16_MAX
#define EROFS_DEV_MAJOR_MAX   0xfffu
#define EROFS_DEV_MINOR_MAX   0xfffffu
/* Entries of one directory block: names have at least one byte. */
#define EROFS_DIRENTS_MAX     (EROFS_BLOCK_SIZE / (EROFS_DIRENT_SIZE + 1))

#define EROFS_SUPER_MAGIC	 0xe0f5e1e2u
#define EROFS_COMPAT_SB_CHECKSUM 0x1u
#define EROFS_COMPAT_MTIME	 0x2u /* the times are modification times */

/* File types in the mode of an inode, as in POSIX and Linux. */
#define EROFS_MODE_TYPE 0170000
#define EROFS_MODE_FIFO 0010000
#define EROFS_MODE_CHR	0020000
#define EROFS_MODE_DIR	0040000
#define EROFS_MODE_BLK	0060000
#define EROFS_MODE_REG	0100000
#define EROFS_MODE_LNK	0120000
#define EROFS_MODE_SOCK 0140000

/* Files are cut into extents, each of which is one physical cluster of whole blocks: compressed, or
 * plain (one block). */
enum erofs_algorithm {
	EROFS_LZ4 = 0,
	EROFS_ZSTD = 3,
};

struct erofs_super {
	uint32_t blocks; /* of the whole file system */
	uint16_t root_nid;
	uint64_t inode_count;
	uint64_t build_time; /* seconds since the epoch: the time of all compact inodes */
	unsigned char uuid[EROFS_UUID_SIZE]; /* in the order of its text form */
	/* When files are compressed: by what, and the blocks of the largest cluster. */
	bool compressed;
	enum erofs_algorithm algorithm;
	uint16_t cluster_blocks;
	uint8_t window_log2; /* of Zstandard */
};

enum erofs_layout {
	EROFS_FLAT_PLAIN = 0,
	EROFS_COMPRESSED_FULL = 1, /* what is where stands in an index of 8 bytes for every block */
	EROFS_FLAT_INLINE = 2,
	EROFS_COMPRESSED_COMPACT = 3, /* in one of 4 or 2 */
};

#define EROFS_INCOMPAT_ZERO_PADDING 0x1u /* compressed bytes stand at the end of their cluster */
#define EROFS_INCOMPAT_BIG_PCLUSTER 0x2u /* and the algorithms' parameters behind the super block */
#define EROFS_LZ4_DISTANCE	    65535u
#define EROFS_MAP_HEADER_SIZE	    8u
#define EROFS_INDEX_SIZE	    8u
/* Of the map header's advice. */
#define EROFS_ADVISE_COMPACT_2B	    0x1u
#define EROFS_ADVISE_BIG_1	    0x2u
#define EROFS_ADVISE_BIG_2	    0x4u
#define EROFS_ADVISE_INLINE	    0x8u
#define EROFS_ADVISE_INTERLACED	    0x10u
#define EROFS_ADVISE_FRAGMENT	    0x20u
#define EROFS_ADVISE_KNOWN	    0x3fu
/* Of an index entry. */
#define EROFS_INDEX_TYPE	    0x3u
#define EROFS_INDEX_PLAIN	    0u
#define EROFS_INDEX_HEAD_1	    1u
#define EROFS_INDEX_NO_HEAD	    2u
#define EROFS_INDEX_HEAD_2	    3u
#define EROFS_INDEX_PARTIAL	    0x8000u
#define EROFS_INDEX_BLOCKS	    0x800u /* not a distance, but the cluster's number of blocks */
/* The parameters of an algorithm behind the super block, with their length. */
#define EROFS_CONFIG_SIZE	    16u
/* The largest cluster, and what may come out of one. */
#define EROFS_CLUSTER_MAX	    (1u << 20)
#define EROFS_EXTENT_MAX	    (12u << 20)

struct erofs_inode {
	uint16_t mode; /* type and permission bits */
	bool extended;
	enum erofs_layout layout;
	uint32_t ino; /* for 32-bit stat only */
	uint32_t uid, gid;
	uint32_t nlink;
	uint64_t size_bytes;
	uint64_t mtime; /* seconds; stored in extended inodes only */
	uint32_t
		start_block; /* of files, directories and symbolic links; of compressed files the number
				 of their blocks */
	uint32_t rdev_major, rdev_minor; /* of devices */
	uint32_t xattr_bytes;		 /* 0, or the header and the entries */
};

/* Bytes of the map of a compressed file of that size, which stands at a multiple of 8. */
uint64_t erofs_map_size(uint64_t size_bytes);

/* Writes the start of a map; the index follows. */
void erofs_map_header_write(struct wr *wr, enum erofs_algorithm algorithm);

/* Writes the entries of @clusters blocks of data that became @blocks (less) at @block, or of one that is
 * plain (both 1). */
void erofs_index_write(struct wr *wr, uint32_t clusters, uint32_t blocks, uint32_t block);

/* Whether @inode can do with a compact inode in a file system of that build time. */
bool erofs_fits_compact(const struct erofs_inode *inode, uint64_t build_time);

/* Writes the 32 or 64 bytes of the inode, by its `extended`. */
void erofs_inode_write(struct wr *wr, const struct erofs_inode *inode);

/* Writes the super block into block 0, whose other bytes must be final: the checksum covers
 * them. */
void erofs_super_format(const struct erofs_super *super, unsigned char block0[EROFS_BLOCK_SIZE]);

/* The checksum of a super block, over all of block 0 from there on but for its own field. */
uint32_t erofs_super_checksum(const unsigned char block0[EROFS_BLOCK_SIZE]);

/* Whether the mode has one of the types above. */
bool erofs_mode_known(uint16_t mode);

struct erofs_dirent {
	const char *name; /* borrowed, need not end in NUL */
	size_t name_len;  /* 1..EROFS_NAME_MAX */
	uint64_t nid;
	uint16_t mode; /* of the inode; its type is stored */
};

/* The file type as mode bits for the type of a directory entry; false when there is no such
 * type. */
bool erofs_dirent_mode(uint8_t type, uint16_t *ret);

/* Bytes that an entry takes in its block. */
size_t erofs_dirent_size(size_t name_len);

/* Writes one directory block, zero-filled; @entries (1..EROFS_DIRENTS_MAX, sorted by the bytes
 * of their names) must fit in it. Returns the bytes used. */
size_t erofs_dirblock_format(
	const struct erofs_dirent *entries, size_t n, unsigned char block[EROFS_BLOCK_SIZE]);

/*
 * Extended attributes stand behind the inode: a header, then entries aligned to 4 bytes. The name's
 * prefix ("user.", "security." ...) becomes a number.
 */
#define EROFS_XATTR_HEADER_SIZE 12u
#define EROFS_XATTR_ENTRY_SIZE	4u
#define EROFS_XATTR_VALUE_MAX	UINT16_MAX
/* The longest area an inode can have. */
#define EROFS_XATTRS_MAX	(EROFS_XATTR_HEADER_SIZE + 4u * (UINT16_MAX - 1))

/* Splits @name into the number of its prefix and the rest (inside @name). -EBADMSG for a name
 * that EROFS cannot store. */
int erofs_xattr_split(
	const char *name, uint8_t *ret_index, const char **ret_rest, struct err *err) MUST_CHECK;

/* The prefix of that number, a whole name when it does not end in a dot; NULL when there is
 * none. */
const char *erofs_xattr_prefix(uint8_t index);

/* Bytes of one entry, @rest_len those of its name without prefix. */
size_t erofs_xattr_size(size_t rest_len, size_t value_len);

/* Writes the header of an area without shared attributes, and one entry. */
void erofs_xattr_header_write(struct wr *wr);
void erofs_xattr_write(
	struct wr *wr, uint8_t index, const char *rest, const void *value, size_t value_len);

#endif
