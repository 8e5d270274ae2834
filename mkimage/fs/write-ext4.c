/* A tree as an ext4 file system (write-ext4.h). Linux Documentation/filesystems/ext4/. */
#define _GNU_SOURCE
#include "mkimage/fs/write-ext4.h"

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/io.h"
#include "lib/wr.h"

#define BLOCK		 WRITE_EXT4_BLOCK_SIZE
#define MIB_BLOCKS	 256u
#define GROUP_BLOCKS	 (8 * BLOCK)
#define INODE_SIZE	 256u
#define INODES_PER_BLOCK (BLOCK / INODE_SIZE)
#define DESC_SIZE	 64u
#define JOURNAL_BLOCKS	 1024u /* the least that the kernel takes */
#define BLOCKS_MAX	 (UINT64_C(1) << 32)
#define INODES_MAX	 (1u << 21)
#define TIME_MAX	 ((UINT64_C(1) << 34) - 1)
#define DIRENT_HEAD	 8u
#define DIRENT_TAIL	 12u /* holds a directory block's checksum */
#define DIRENT_ROOM	 (BLOCK - DIRENT_TAIL)
#define FAST_SYMLINK	 60u
#define LINKS_MAX	 65000u
#define EXTENT_MAX	 32768u
#define COPY_BYTES	 (1u << 20)
#define LOST_FOUND	 "lost+found"
/* What the file system may use beyond what is counted: extent tree blocks of files in many
 * pieces, which free space broken up by the groups' own blocks could make. */
#define SLACK_BLOCKS	 64u

static int refuse(const struct tree_node *node, const char *why, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_path(node, path);
	return err_fail(err, -EBADMSG, "/%s: %s", path, why);
}

static uint64_t div_up(uint64_t n, uint64_t by)
{
	return (n + by - 1) / by;
}

static unsigned dirent_size(size_t name_len)
{
	return (DIRENT_HEAD + (unsigned)name_len + 3) & ~3u;
}

/* The entries of a directory in their order: ".", "..", then the children, at last a lost+found
 * that is in no tree. */
struct dir_walk {
	const struct write_ext4 *plan;
	const struct tree_node *dir;
	size_t next;
};

static bool adds_lost_found(const struct write_ext4 *plan)
{
	return tree_find(plan->tree, LOST_FOUND) == NULL;
}

struct entry {
	const char *name;
	const struct tree_node *node; /* NULL: the lost+found that is added */
};

static bool dir_walk_next(struct dir_walk *walk, struct entry *ret)
{
	const struct tree_node *dir = walk->dir;
	size_t i = walk->next++;

	if (i == 0)
		*ret = (struct entry){".", dir};
	else if (i == 1)
		*ret = (struct entry){"..", dir->parent != NULL ? dir->parent : dir};
	else if (i < 2 + dir->child_count)
		*ret = (struct entry){dir->children[i - 2]->name, dir->children[i - 2]};
	else if (i == 2 + dir->child_count && dir->parent == NULL && adds_lost_found(walk->plan))
		*ret = (struct entry){LOST_FOUND, NULL};
	else
		return false;
	return true;
}

static uint64_t dir_blocks(const struct write_ext4 *plan, const struct tree_node *dir)
{
	struct dir_walk walk = {.plan = plan, .dir = dir};
	struct entry entry;
	uint64_t blocks = 1;
	unsigned used = 0;

	while (dir_walk_next(&walk, &entry)) {
		unsigned need = dirent_size(strlen(entry.name));

		if (used + need > DIRENT_ROOM) {
			blocks++;
			used = 0;
		}
		used += need;
	}
	return blocks;
}

static uint64_t data_blocks(const struct write_ext4 *plan, const struct tree_node *node)
{
	const struct tree_inode *inode = node->inode;

	switch (inode->type) {
	case TREE_FILE:
		return div_up(inode->content.size_bytes, BLOCK);
	case TREE_DIR:
		return dir_blocks(plan, node);
	case TREE_SYMLINK:
		return strlen(inode->target) >= FAST_SYMLINK;
	default:
		return 0;
	}
}

static bool xattr_known(const char *name)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security."};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return name[strlen(prefixes[i])] != '\0';
	return strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static int check_node(const struct tree_node *node, struct err *err)
{
	const struct tree_inode *inode = node->inode;

	if (inode->mtime > TIME_MAX)
		return refuse(node, "a time beyond the year 2446", err);
	if (inode->type != TREE_DIR && inode->links > LINKS_MAX)
		return refuse(node, "more than 65000 hard links", err);
	if ((inode->type == TREE_CHR || inode->type == TREE_BLK) &&
		(inode->rdev_major > 0xfff || inode->rdev_minor > 0xfffff))
		return refuse(node, "device number too large", err);
	if (inode->type == TREE_FILE && inode->content.size_bytes / BLOCK >= UINT32_MAX)
		return refuse(node, "file too large", err);
	for (size_t i = 0; i < inode->xattr_count; i++)
		if (!xattr_known(inode->xattrs[i].name))
			return refuse(
				node, "an extended attribute of a kind that ext4 has not", err);
	if (node->parent != NULL && node->parent->parent == NULL &&
		strcmp(node->name, LOST_FOUND) == 0 && inode->type != TREE_DIR)
		return refuse(node, "is not a directory", err);
	return 0;
}

/* Whether the group holds a copy of the super block and the group descriptors: powers of 3, 5
 * and 7. */
static bool is_sparse_group(uint64_t group)
{
	static const uint64_t bases[] = {3, 5, 7};

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		for (uint64_t power = 1; power <= group; power *= bases[i])
			if (power == group)
				return true;
	return group <= 1;
}

/* Blocks that a file system of @blocks keeps for itself. */
static uint64_t overhead(uint64_t blocks, uint32_t inodes)
{
	uint64_t groups = div_up(blocks, GROUP_BLOCKS);
	uint64_t inode_blocks = div_up(div_up(inodes, groups) + 8, INODES_PER_BLOCK) + 1;
	uint64_t copy = 1 + div_up(groups * DESC_SIZE, BLOCK);
	uint64_t total = groups * (2 + inode_blocks) + JOURNAL_BLOCKS + 2;

	for (uint64_t i = 0; i < groups; i++)
		total += is_sparse_group(i) ? copy : 0;
	return total;
}

/* The smallest size in whole MiB that holds @content; libext2fs drops a last group that is hardly
 * larger than what it would hold of the file system's own. */
static uint64_t size_for(uint64_t content, uint32_t inodes)
{
	uint64_t need = content + SLACK_BLOCKS + content / 1000;
	uint64_t blocks = div_up(need, MIB_BLOCKS) * MIB_BLOCKS;
	uint64_t last;

	while (blocks <= BLOCKS_MAX && blocks < need + overhead(blocks, inodes))
		blocks += MIB_BLOCKS;
	last = blocks % GROUP_BLOCKS;
	if (last > 0 && last < overhead(blocks, inodes) + 2 * MIB_BLOCKS && blocks > GROUP_BLOCKS)
		blocks += div_up(overhead(blocks, inodes), MIB_BLOCKS) * MIB_BLOCKS +
			  2 * MIB_BLOCKS;
	return blocks;
}

/* Numbers the inodes (their marks) and counts what they need. */
static int plan_all(struct write_ext4 *plan, struct err *err)
{
	uint64_t content = adds_lost_found(plan);
	uint32_t next = EXT2_GOOD_OLD_FIRST_INO + 1;

	tree_for_each (plan->tree, node) {
		int rc = check_node(node, err);

		if (rc != 0)
			return rc;
		if (node->inode->mark != 0)
			continue;
		if (node->parent == NULL)
			node->inode->mark = EXT2_ROOT_INO;
		else if (node->parent->parent == NULL && strcmp(node->name, LOST_FOUND) == 0)
			node->inode->mark = EXT2_GOOD_OLD_FIRST_INO;
		else
			node->inode->mark = next++;
		plan->tree_inodes++;
		content += data_blocks(plan, node) + (node->inode->xattr_count > 0);
		if (next >= INODES_MAX || content >= BLOCKS_MAX)
			return err_fail(
				err, -EFBIG, "the ext4 file system would be larger than 16 TiB");
	}
	plan->inode_count = next;
	plan->blocks = size_for(content, next);
	if (plan->blocks >= BLOCKS_MAX)
		return err_fail(err, -EFBIG, "the ext4 file system would be larger than 16 TiB");
	return 0;
}

int write_ext4_plan(struct write_ext4 *plan, const struct tree *tree,
	const struct write_ext4_options *options, struct err *err)
{
	int rc;

	*plan = (struct write_ext4){.tree = tree, .options = *options};
	/* libext2fs takes 0 for "now". */
	if (options->timestamp == 0 || options->timestamp > TIME_MAX)
		return err_fail(err, -EINVAL,
			"ext4 needs a timestamp from 1 to 17179869183, not %" PRIu64,
			options->timestamp);
	rc = plan_all(plan, err);
	if (rc != 0)
		write_ext4_done(plan);
	return rc;
}

void write_ext4_done(struct write_ext4 *plan)
{
	if (plan->tree != NULL)
		tree_for_each (plan->tree, node)
			node->inode->mark = 0;
	*plan = (struct write_ext4){0};
}

struct out {
	const struct write_ext4 *plan;
	int fd;
	const char *what;
	uint64_t off;
	ext2_filsys fs;
	blk64_t next;	     /* nothing below is free for contents */
	unsigned char *copy; /* owned; COPY_BYTES */
};

/* An error of libext2fs: an errno value or one of its own. */
static int fs_fail(const struct out *out, errcode_t code, const char *doing, struct err *err)
{
	if (code > 0 && code < 256)
		return err_fail(
			err, -(int)code, "%s: %s: %s", out->what, doing, strerror((int)code));
	if (code == EXT2_ET_BLOCK_ALLOC_FAIL)
		return err_fail(
			err, -ENOSPC, "%s: %s: the planned size is too small", out->what, doing);
	return err_fail(err, code == EXT2_ET_NO_MEMORY ? -ENOMEM : -EIO, "%s: %s: %s", out->what,
		doing, error_message(code));
}

static void describe(const struct write_ext4 *plan, struct ext2_super_block *ret)
{
	*ret = (struct ext2_super_block){
		.s_rev_level = EXT2_DYNAMIC_REV,
		.s_log_block_size = 2,
		.s_log_cluster_size = 2,
		.s_inodes_count = plan->inode_count,
		.s_inode_size = INODE_SIZE,
		.s_desc_size = DESC_SIZE,
		.s_log_groups_per_flex = 4,
		.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR,
		.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
				      EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT |
				      EXT4_FEATURE_INCOMPAT_FLEX_BG,
		.s_feature_ro_compat =
			EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
			EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
			EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM,
	};
	ext2fs_blocks_count_set(ret, plan->blocks);
}

/* What ext2fs_initialize leaves to chance, the clock or the host. */
static void pin_super(struct out *out)
{
	const struct write_ext4_options *options = &out->plan->options;
	struct ext2_super_block *super = out->fs->super;
	uint32_t low = (uint32_t)options->timestamp;
	uint8_t high = (uint8_t)(options->timestamp >> 32);

	out->fs->now = (time_t)options->timestamp;
	super->s_mkfs_time = low;
	super->s_mkfs_time_hi = high;
	super->s_wtime = low;
	super->s_wtime_hi = high;
	super->s_lastcheck = low;
	super->s_lastcheck_hi = high;
	super->s_max_mnt_count = -1;
	super->s_checkinterval = 0;
	super->s_creator_os = EXT2_OS_LINUX;
	super->s_flags = EXT2_FLAGS_SIGNED_HASH;
	super->s_checksum_type = EXT2_CRC32C_CHKSUM;
	super->s_def_hash_version = EXT2_HASH_HALF_MD4;
	super->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	super->s_min_extra_isize = 32;
	super->s_want_extra_isize = 32;
	memcpy(super->s_uuid, options->uuid, sizeof(super->s_uuid));
	memcpy(super->s_hash_seed, options->uuid, sizeof(super->s_hash_seed));
	ext2fs_init_csum_seed(out->fs);
}

/* The inodes that ext4 keeps for itself, and the journal. */
static errcode_t make_reserved(struct out *out)
{
	ext2_filsys fs = out->fs;
	ext2_badblocks_list none;
	errcode_t code = ext2fs_badblocks_list_create(&none, 0);

	if (code != 0)
		return code;
	ext2fs_inode_alloc_stats2(fs, EXT2_BAD_INO, +1, 0);
	code = ext2fs_update_bb_inode(fs, none);
	ext2fs_badblocks_list_free(none);
	for (ext2_ino_t i = EXT2_ROOT_INO + 1; i < EXT2_FIRST_INODE(fs->super); i++)
		ext2fs_inode_alloc_stats2(fs, i, +1, 0);
	if (code == 0)
		code = ext2fs_add_journal_inode2(
			fs, JOURNAL_BLOCKS, 0, EXT2_MKJOURNAL_NO_MNT_CHECK);
	return code;
}

static int open_fs(struct out *out, struct err *err)
{
	struct ext2_super_block super;
	char name[64], option[64];
	errcode_t code;

	initialize_ext2_error_table();
	describe(out->plan, &super);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", out->fd);
	snprintf(option, sizeof(option), "offset=%" PRIu64, out->off);
	code = ext2fs_initialize(name, EXT2_FLAG_64BITS, &super, unix_io_manager, &out->fs);
	if (code != 0)
		return fs_fail(out, code, "making ext4", err);
	code = io_channel_set_options(out->fs->io, option);
	if (code == 0 && ext2fs_blocks_count(out->fs->super) != out->plan->blocks)
		code = EXT2_ET_TOOSMALL;
	pin_super(out);
	if (code == 0)
		code = ext2fs_allocate_tables(out->fs);
	for (dgrp_t i = 0; code == 0 && i < out->fs->group_desc_count; i++)
		ext2fs_bg_flags_set(out->fs, i, EXT2_BG_INODE_ZEROED);
	if (code == 0)
		code = make_reserved(out);
	return code != 0 ? fs_fail(out, code, "making ext4", err) : 0;
}

static uint16_t type_mode(enum tree_type type)
{
	static const uint16_t modes[] = {
		[TREE_FILE] = LINUX_S_IFREG,
		[TREE_DIR] = LINUX_S_IFDIR,
		[TREE_SYMLINK] = LINUX_S_IFLNK,
		[TREE_CHR] = LINUX_S_IFCHR,
		[TREE_BLK] = LINUX_S_IFBLK,
		[TREE_FIFO] = LINUX_S_IFIFO,
		[TREE_SOCK] = LINUX_S_IFSOCK,
	};

	return modes[type];
}

static uint8_t type_dirent(enum tree_type type)
{
	static const uint8_t types[] = {
		[TREE_FILE] = EXT2_FT_REG_FILE,
		[TREE_DIR] = EXT2_FT_DIR,
		[TREE_SYMLINK] = EXT2_FT_SYMLINK,
		[TREE_CHR] = EXT2_FT_CHRDEV,
		[TREE_BLK] = EXT2_FT_BLKDEV,
		[TREE_FIFO] = EXT2_FT_FIFO,
		[TREE_SOCK] = EXT2_FT_SOCK,
	};

	return types[type];
}

/* The two bits above 32 of a time, which a signed 32-bit field cannot hold. */
static uint32_t time_extra(uint64_t time)
{
	return (uint32_t)((time - (uint64_t)(int64_t)(int32_t)time) >> 32) & 3;
}

static void set_times(struct ext2_inode_large *inode, uint64_t time)
{
	uint32_t extra = time_extra(time);

	inode->i_extra_isize = 32;
	inode->i_atime = inode->i_ctime = inode->i_mtime = inode->i_crtime = (uint32_t)time;
	inode->i_atime_extra = inode->i_ctime_extra = extra;
	inode->i_mtime_extra = inode->i_crtime_extra = extra;
}

static void set_size(struct ext2_inode_large *inode, uint64_t size_bytes)
{
	inode->i_size = (uint32_t)size_bytes;
	inode->i_size_high = (uint32_t)(size_bytes >> 32);
}

static uint32_t link_count(const struct write_ext4 *plan, const struct tree_node *node)
{
	uint32_t links = 2;

	if (node->inode->type != TREE_DIR)
		return node->inode->links;
	links += node->parent == NULL && adds_lost_found(plan);
	for (size_t i = 0; i < node->child_count; i++)
		links += node->children[i]->inode->type == TREE_DIR;
	return links < LINKS_MAX ? links : 1;
}

static void set_device(struct ext2_inode_large *inode, uint32_t major, uint32_t minor)
{
	if (major < 256 && minor < 256)
		inode->i_block[0] = major << 8 | minor;
	else
		inode->i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static void fill_inode(
	const struct write_ext4 *plan, const struct tree_node *node, struct ext2_inode_large *ret)
{
	const struct tree_inode *from = node->inode;

	*ret = (struct ext2_inode_large){
		.i_mode = (uint16_t)(type_mode(from->type) | from->mode),
		.i_uid = (uint16_t)from->uid,
		.i_gid = (uint16_t)from->gid,
		.i_links_count = (uint16_t)link_count(plan, node),
	};
	ret->osd2.linux2.l_i_uid_high = (uint16_t)(from->uid >> 16);
	ret->osd2.linux2.l_i_gid_high = (uint16_t)(from->gid >> 16);
	set_times(ret, from->mtime);
	if (from->type == TREE_CHR || from->type == TREE_BLK)
		set_device(ret, from->rdev_major, from->rdev_minor);
	if (from->type == TREE_SYMLINK) {
		set_size(ret, strlen(from->target));
		if (strlen(from->target) < FAST_SYMLINK)
			memcpy(ret->i_block, from->target, strlen(from->target));
	}
	if (from->type == TREE_FILE)
		set_size(ret, from->content.size_bytes);
	if (from->type == TREE_DIR)
		set_size(ret, dir_blocks(plan, node) * BLOCK);
}

/* The next free blocks, at most @want of them. */
static errcode_t find_run(struct out *out, uint64_t want, struct ext2fs_extent *ret)
{
	blk64_t last = ext2fs_blocks_count(out->fs->super) - 1, start, end, limit;
	errcode_t code;

	code = out->next <= last ? ext2fs_find_first_zero_block_bitmap2(
					   out->fs->block_map, out->next, last, &start)
				 : ENOENT;
	if (code == ENOENT)
		return EXT2_ET_BLOCK_ALLOC_FAIL;
	if (code != 0)
		return code;
	if (want > EXTENT_MAX)
		want = EXTENT_MAX;
	limit = start + want - 1 < last ? start + want - 1 : last;
	code = ext2fs_find_first_set_block_bitmap2(out->fs->block_map, start, limit, &end);
	if (code == ENOENT)
		end = limit + 1;
	else if (code != 0)
		return code;
	ret->e_pblk = start;
	ret->e_len = (uint32_t)(end - start);
	out->next = end;
	return 0;
}

/* What is done with a run of blocks of a file: its place in the file and on the device. */
typedef int run_fn(struct out *out, const struct tree_node *node, uint64_t first, blk64_t at,
	uint64_t n, struct err *err);

/* Allocates @blocks blocks for an inode and hands every run to @fn. */
static int allocate(struct out *out, const struct tree_node *node, uint64_t blocks,
	struct ext2_inode_large *inode, run_fn *fn, struct err *err)
{
	ext2_extent_handle_t handle;
	struct ext2fs_extent run = {0};
	int rc = 0;
	errcode_t code = ext2fs_extent_open2(
		out->fs, (ext2_ino_t)node->inode->mark, (struct ext2_inode *)inode, &handle);

	if (code != 0)
		return fs_fail(out, code, "extents", err);
	for (uint64_t done = 0; code == 0 && rc == 0 && done < blocks; done += run.e_len) {
		code = find_run(out, blocks - done, &run);
		if (code != 0)
			break;
		run.e_lblk = done;
		ext2fs_block_alloc_stats_range(out->fs, run.e_pblk, run.e_len, +1);
		code = ext2fs_extent_insert(handle, done > 0 ? EXT2_EXTENT_INSERT_AFTER : 0, &run);
		if (code == 0)
			code = ext2fs_iblk_add_blocks(
				out->fs, (struct ext2_inode *)inode, run.e_len);
		if (code == 0)
			rc = fn(out, node, done, run.e_pblk, run.e_len, err);
		if (code == 0 && rc == 0 && out->plan->options.runs != NULL)
			rc = runs_add(
				out->plan->options.runs, node->inode, run.e_pblk, run.e_len, err);
	}
	if (code == 0 && rc == 0 && blocks > 0)
		code = ext2fs_extent_fix_parents(handle);
	ext2fs_extent_free(handle);
	return code != 0 ? fs_fail(out, code, "allocating blocks", err) : rc;
}

static bool is_zero(const unsigned char *bytes, size_t n)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Contents go around libext2fs, in large writes; what is zero is there already. */
static int copy_content(struct out *out, const struct tree_node *node, uint64_t first, blk64_t at,
	uint64_t n, struct err *err)
{
	uint64_t off = first * BLOCK, end = (first + n) * BLOCK;
	uint64_t to = out->off + at * BLOCK;
	char path[TREE_PATH_MAX + 2] = "/";
	int rc = 0;

	tree_path(node, path + 1);
	if (end > node->inode->content.size_bytes)
		end = node->inode->content.size_bytes;
	while (rc == 0 && off < end) {
		size_t step = end - off < COPY_BYTES ? (size_t)(end - off) : COPY_BYTES;

		rc = tree_read(&node->inode->content, path, out->copy, step, off, err);
		if (rc == 0 && !is_zero(out->copy, step))
			rc = io_pwrite(out->fd, out->what, out->copy, step, to, err);
		off += step;
		to += step;
	}
	return rc;
}

static int write_target(struct out *out, const struct tree_node *node, uint64_t first, blk64_t at,
	uint64_t n, struct err *err)
{
	const char *target = node->inode->target;

	(void)first;
	(void)n;
	return io_pwrite(out->fd, out->what, target, strlen(target), out->off + at * BLOCK, err);
}

/* One directory block from the entry at @entry on, which was taken from @walk; at the end
 * @entry->name is NULL. */
static void fill_dirblock(struct dir_walk *walk, struct entry *entry, unsigned char block[BLOCK])
{
	struct wr wr = wr_init(block, BLOCK);
	unsigned used = 0, last = 0;

	while (entry->name != NULL && used + dirent_size(strlen(entry->name)) <= DIRENT_ROOM) {
		size_t len = strlen(entry->name);
		const struct tree_node *node = entry->node;

		wr_seek(&wr, used);
		wr_le32(&wr, node != NULL ? (uint32_t)node->inode->mark : EXT2_GOOD_OLD_FIRST_INO);
		wr_le16(&wr, (uint16_t)dirent_size(len));
		wr_u8(&wr, (uint8_t)len);
		wr_u8(&wr, node != NULL ? type_dirent(node->inode->type) : EXT2_FT_DIR);
		wr_bytes(&wr, entry->name, len);
		last = used;
		used += dirent_size(len);
		if (!dir_walk_next(walk, entry))
			entry->name = NULL;
	}
	/* The last entry reaches to the tail. */
	wr_seek(&wr, last + 4);
	wr_le16(&wr, (uint16_t)(DIRENT_ROOM - last));
	wr_seek(&wr, DIRENT_ROOM + 4);
	wr_le16(&wr, DIRENT_TAIL);
	wr_u8(&wr, 0);
	wr_u8(&wr, EXT2_DIR_NAME_LEN_CSUM >> 8);
}

static int put_dirblock(
	struct out *out, ext2_ino_t ino, blk64_t at, unsigned char *block, struct err *err)
{
	errcode_t code = ext2fs_dir_block_csum_set(
		out->fs, ino, (struct ext2_dir_entry *)(void *)block);

	if (code != 0)
		return fs_fail(out, code, "directory", err);
	return io_pwrite(out->fd, out->what, block, BLOCK, out->off + at * BLOCK, err);
}

static int write_dir(struct out *out, const struct tree_node *node, uint64_t first, blk64_t at,
	uint64_t n, struct err *err)
{
	struct dir_walk walk = {.plan = out->plan, .dir = node};
	_Alignas(8) unsigned char block[BLOCK];
	struct entry entry = {0};
	int rc = 0;

	if (!dir_walk_next(&walk, &entry))
		return 0;
	for (uint64_t i = 0; rc == 0 && i < first + n; i++) {
		fill_dirblock(&walk, &entry, block);
		if (i >= first)
			rc = put_dirblock(
				out, (ext2_ino_t)node->inode->mark, at + i - first, block, err);
	}
	return rc;
}

static int put_inode(
	struct out *out, ext2_ino_t ino, struct ext2_inode_large *inode, bool dir, struct err *err)
{
	errcode_t code;

	ext2fs_inode_alloc_stats2(out->fs, ino, +1, dir);
	code = ext2fs_write_inode_full(
		out->fs, ino, (struct ext2_inode *)inode, (int)sizeof(*inode));
	return code != 0 ? fs_fail(out, code, "inode", err) : 0;
}

static int write_xattrs(struct out *out, const struct tree_node *node, struct err *err)
{
	const struct tree_inode *inode = node->inode;
	struct ext2_xattr_handle *handle;
	errcode_t code;

	if (inode->xattr_count == 0)
		return 0;
	code = ext2fs_xattrs_open(out->fs, (ext2_ino_t)inode->mark, &handle);
	if (code != 0)
		return fs_fail(out, code, "extended attributes", err);
	for (size_t i = 0; code == 0 && i < inode->xattr_count; i++)
		code = ext2fs_xattr_set(handle, inode->xattrs[i].name, inode->xattrs[i].value,
			inode->xattrs[i].size_bytes);
	ext2fs_xattrs_close(&handle);
	if (code == EXT2_ET_EA_NO_SPACE || code == EXT2_ET_EA_BAD_NAME_LEN ||
		code == EXT2_ET_EA_BAD_VALUE_SIZE)
		return refuse(node, "extended attributes that ext4 cannot hold", err);
	return code != 0 ? fs_fail(out, code, "extended attributes", err) : 0;
}

static int write_node(struct out *out, const struct tree_node *node, struct err *err)
{
	static run_fn *const writers[] = {
		[TREE_FILE] = copy_content,
		[TREE_DIR] = write_dir,
		[TREE_SYMLINK] = write_target,
		[TREE_SOCK] = NULL,
	};
	uint64_t blocks = data_blocks(out->plan, node);
	enum tree_type type = node->inode->type;
	struct ext2_inode_large inode;
	int rc = 0;

	fill_inode(out->plan, node, &inode);
	/* An empty file has an empty extent tree; devices and short links have none. */
	if (blocks > 0 || type == TREE_FILE)
		rc = allocate(out, node, blocks, &inode, writers[type], err);
	if (rc == 0)
		rc = put_inode(out, (ext2_ino_t)node->inode->mark, &inode, type == TREE_DIR, err);
	return rc != 0 ? rc : write_xattrs(out, node, err);
}

/* An empty directory of mode 0700, as mke2fs makes it. */
static int write_lost_found(struct out *out, struct err *err)
{
	struct tree_inode lost = {.type = TREE_DIR,
		.mode = 0700,
		.mtime = out->plan->options.timestamp,
		.mark = EXT2_GOOD_OLD_FIRST_INO};
	char name[] = LOST_FOUND;
	const struct tree_node node = {
		.name = name, .parent = out->plan->tree->root, .inode = &lost};

	return adds_lost_found(out->plan) ? write_node(out, &node, err) : 0;
}

static int write_nodes(struct out *out, struct err *err)
{
	int rc = 0;

	tree_for_each (out->plan->tree, node) {
		ext2_ino_t ino = (ext2_ino_t)node->inode->mark;

		/* Another name of an inode that is written already. */
		if (ext2fs_test_inode_bitmap2(out->fs->inode_map, ino) != 0)
			continue;
		rc = write_node(out, node, err);
		if (rc != 0)
			return rc;
	}
	return write_lost_found(out, err);
}

int write_ext4_emit(
	const struct write_ext4 *plan, int fd, const char *what, uint64_t off, struct err *err)
{
	AUTO_FREE unsigned char *copy = malloc(COPY_BYTES);
	struct out out = {.plan = plan, .fd = fd, .what = what, .off = off, .copy = copy};
	errcode_t code;
	int rc;

	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = open_fs(&out, err);
	if (rc == 0)
		rc = write_nodes(&out, err);
	if (rc != 0) {
		if (out.fs != NULL)
			ext2fs_free(out.fs);
		return rc;
	}
	code = ext2fs_close_free(&out.fs);
	return code != 0 ? fs_fail(&out, code, "finishing ext4", err) : 0;
}

const char *write_ext4_version(void)
{
	const char *version = "";

	(void)ext2fs_get_library_version(&version, NULL);
	return version;
}
