/* A tree as an EROFS image (write-erofs.h). */
#include "mkimage/fs/write-erofs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/pool.h"

/* Large enough that starting threads for one piece costs nothing, small enough to stay in a
 * cache. */
#define PIECE_BYTES (4u << 20)
/* What is read, compressed and spooled together: enough for many threads. */
#define PACK_BATCH  32u
#define PACK_BYTES  (8u << 20)

struct write_erofs_inode {
	const struct tree_node *node; /* the first that has this inode */
	uint64_t nid;
	uint64_t size_bytes;
	uint32_t nlink;
	uint32_t start_block;
	uint32_t xattr_bytes;
	bool extended;
	bool inlined; /* its tail stands behind the inode */
	bool compressed;
	size_t first_cluster;	/* in the plan's list */
	uint64_t packed_off;	/* of its compressed clusters, one after the other, in the spool */
	uint32_t packed_blocks; /* of all its clusters, plain ones too */
};

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

/* The entries of a directory in the order of their names, "." and ".." included. */
struct dir_walk {
	const struct write_erofs *plan;
	const struct tree_node *dir;
	size_t next_child;
	unsigned dots; /* of "." and "..", how many have been given */
};

static uint64_t nid_of(const struct write_erofs *plan, const struct tree_node *node)
{
	return plan->inodes[node->inode->mark - 1].nid;
}

static uint16_t type_mode(enum tree_type type)
{
	static const uint16_t modes[] = {
		[TREE_FILE] = EROFS_MODE_REG,
		[TREE_DIR] = EROFS_MODE_DIR,
		[TREE_SYMLINK] = EROFS_MODE_LNK,
		[TREE_CHR] = EROFS_MODE_CHR,
		[TREE_BLK] = EROFS_MODE_BLK,
		[TREE_FIFO] = EROFS_MODE_FIFO,
		[TREE_SOCK] = EROFS_MODE_SOCK,
	};

	return modes[type];
}

static bool dir_walk_next(struct dir_walk *walk, struct erofs_dirent *ret)
{
	static const char *const dots[] = {".", ".."};
	const struct tree_node *dir = walk->dir;
	const struct tree_node *target;
	const char *name;

	if (walk->dots < 2 &&
		(walk->next_child == dir->child_count ||
			strcmp(dots[walk->dots], dir->children[walk->next_child]->name) < 0)) {
		name = dots[walk->dots];
		target = walk->dots == 1 && dir->parent != NULL ? dir->parent : dir;
		walk->dots++;
	} else if (walk->next_child < dir->child_count) {
		target = dir->children[walk->next_child++];
		name = target->name;
	} else {
		return false;
	}
	*ret = (struct erofs_dirent){.name = name,
		.name_len = strlen(name),
		.nid = nid_of(walk->plan, target),
		.mode = type_mode(target->inode->type)};
	return true;
}

/* The size of a directory: whole blocks, and what its last block uses. */
static uint64_t dir_size(const struct write_erofs *plan, const struct tree_node *dir)
{
	struct dir_walk walk = {.plan = plan, .dir = dir};
	struct erofs_dirent entry;
	uint64_t blocks = 0;
	size_t used = 0;

	while (dir_walk_next(&walk, &entry)) {
		size_t need = erofs_dirent_size(entry.name_len);

		if (used + need > EROFS_BLOCK_SIZE) {
			blocks++;
			used = 0;
		}
		used += need;
	}
	return blocks * EROFS_BLOCK_SIZE + used;
}

static int refuse(const struct tree_node *node, const char *why, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_path(node, path);
	return err_fail(err, -EBADMSG, "/%s: %s", path, why);
}

static int check_limits(const struct tree_node *node, struct err *err)
{
	const struct tree_inode *inode = node->inode;
	size_t target_len;

	switch (inode->type) {
	case TREE_CHR:
	case TREE_BLK:
		if (inode->rdev_major > EROFS_DEV_MAJOR_MAX ||
			inode->rdev_minor > EROFS_DEV_MINOR_MAX)
			return refuse(node, "device number too large", err);
		return 0;
	case TREE_SYMLINK:
		target_len = strlen(inode->target);
		if (target_len == 0 || target_len > EROFS_SYMLINK_MAX)
			return refuse(node, "symbolic link target empty or over 4095 bytes", err);
		return 0;
	default:
		return 0;
	}
}

static int xattrs_size(const struct tree_node *node, uint32_t *ret, struct err *err)
{
	const struct tree_inode *inode = node->inode;
	uint64_t size = EROFS_XATTR_HEADER_SIZE;

	for (size_t i = 0; i < inode->xattr_count; i++) {
		const struct tree_xattr *xattr = &inode->xattrs[i];
		char path[TREE_PATH_MAX + 1];
		const char *rest;
		uint8_t index;
		int rc = erofs_xattr_split(xattr->name, &index, &rest, err);

		if (rc != 0) {
			tree_path(node, path);
			return err_wrap(err, "/%s", path);
		}
		if (xattr->size_bytes > EROFS_XATTR_VALUE_MAX)
			return refuse(node, "extended attribute over 65535 bytes", err);
		size += erofs_xattr_size(strlen(rest), xattr->size_bytes);
		if (size > EROFS_XATTRS_MAX)
			return refuse(node, "more extended attributes than an inode can hold", err);
	}
	*ret = inode->xattr_count > 0 ? (uint32_t)size : 0;
	return 0;
}

static uint32_t link_count(const struct tree_node *node)
{
	uint32_t links = 2;

	if (node->inode->type != TREE_DIR)
		return node->inode->links;
	for (size_t i = 0; i < node->child_count; i++)
		links += node->children[i]->inode->type == TREE_DIR;
	return links;
}

static uint64_t data_size(const struct write_erofs *plan, const struct tree_node *node)
{
	switch (node->inode->type) {
	case TREE_FILE:
		return node->inode->content.size_bytes;
	case TREE_DIR:
		return dir_size(plan, node);
	case TREE_SYMLINK:
		return strlen(node->inode->target);
	default:
		return 0;
	}
}

static enum erofs_layout layout_of(const struct write_erofs_inode *inode)
{
	if (inode->compressed)
		return EROFS_COMPRESSED_FULL;
	return inode->inlined ? EROFS_FLAT_INLINE : EROFS_FLAT_PLAIN;
}

/* The inode as it is stored, without its place. */
static struct erofs_inode describe(const struct write_erofs_inode *inode, uint32_t ino)
{
	const struct tree_inode *from = inode->node->inode;

	return (struct erofs_inode){
		.mode = (uint16_t)(type_mode(from->type) | from->mode),
		.extended = inode->extended,
		.layout = layout_of(inode),
		.ino = ino,
		.uid = from->uid,
		.gid = from->gid,
		.nlink = inode->nlink,
		.size_bytes = inode->size_bytes,
		.mtime = from->mtime,
		.start_block = inode->compressed ? inode->packed_blocks : inode->start_block,
		.rdev_major = from->rdev_major,
		.rdev_minor = from->rdev_minor,
		.xattr_bytes = inode->xattr_bytes,
	};
}

/* Bytes of the inode and its attributes. */
static uint64_t head_size(const struct write_erofs_inode *inode)
{
	return (inode->extended ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE) +
	       (uint64_t)inode->xattr_bytes;
}

static bool may_inline(const struct write_erofs *plan, const struct write_erofs_inode *inode)
{
	if (inode->compressed)
		return false;
	return inode->node->inode->type != TREE_FILE || plan->options.inline_tails ||
	       plan->options.pack != EROFS_PACK_NONE;
}

/* Bytes behind the head: the tail, or the map. */
static uint64_t behind_head(const struct write_erofs_inode *inode)
{
	uint64_t head = head_size(inode);

	if (inode->compressed)
		return round_up(head, 8) - head + erofs_map_size(inode->size_bytes);
	return inode->inlined ? inode->size_bytes % EROFS_BLOCK_SIZE : 0;
}

/*
 * Finds a place for the inode at or behind @pos and returns where it ends. The kernel wants an
 * inline tail in one block, that of a symbolic link in the block of its inode; both hold when all
 * of it is in one block.
 */
static uint64_t place_inode(
	const struct write_erofs *plan, struct write_erofs_inode *inode, uint64_t pos)
{
	uint64_t head = head_size(inode);
	uint64_t tail = inode->size_bytes % EROFS_BLOCK_SIZE;
	uint64_t left = EROFS_BLOCK_SIZE - pos % EROFS_BLOCK_SIZE;
	uint64_t whole;

	inode->inlined = tail > 0 && head + tail <= EROFS_BLOCK_SIZE && may_inline(plan, inode);
	/* An inode itself never crosses a block either; long attributes and maps may. */
	whole = inode->inlined ? head + tail : head - inode->xattr_bytes;
	if (whole > left)
		pos += left;
	inode->nid = pos / EROFS_SLOT_SIZE;
	return round_up(pos + head + behind_head(inode), EROFS_SLOT_SIZE);
}

/* Blocks of data outside of the metadata. */
static uint64_t data_blocks(const struct write_erofs_inode *inode)
{
	if (inode->compressed)
		return inode->packed_blocks;
	if (inode->inlined)
		return inode->size_bytes / EROFS_BLOCK_SIZE;
	return round_up(inode->size_bytes, EROFS_BLOCK_SIZE) / EROFS_BLOCK_SIZE;
}

static int place_data(struct write_erofs *plan, bool files, struct err *err)
{
	for (size_t i = 0; i < plan->inode_count; i++) {
		struct write_erofs_inode *inode = &plan->inodes[i];
		uint64_t blocks = data_blocks(inode);

		if ((inode->node->inode->type == TREE_FILE) != files || blocks == 0)
			continue;
		if (blocks > EROFS_BLOCKS_MAX - plan->blocks)
			return err_fail(err, -EFBIG, "the EROFS image would be larger than 16 TiB");
		inode->start_block = (uint32_t)plan->blocks;
		plan->blocks += blocks;
	}
	return 0;
}

/* Lists the inodes in canonical order and marks them with their place in the list. */
static int list_inodes(struct write_erofs *plan, struct err *err)
{
	size_t nodes = 0;

	tree_for_each (plan->tree, node) {
		nodes++;
	}
	plan->inodes = calloc(nodes, sizeof(plan->inodes[0]));
	if (plan->inodes == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	tree_for_each (plan->tree, node) {
		if (node->inode->mark != 0)
			continue;
		plan->inodes[plan->inode_count++].node = node;
		node->inode->mark = plan->inode_count;
	}
	return 0;
}

static int size_inode(struct write_erofs *plan, struct write_erofs_inode *inode, struct err *err)
{
	const struct tree_node *node = inode->node;
	struct erofs_inode full;
	int rc = check_limits(node, err);

	if (rc == 0)
		rc = xattrs_size(node, &inode->xattr_bytes, err);
	if (rc != 0)
		return rc;
	inode->size_bytes = data_size(plan, node);
	/* Checked here so that no sum below overflows. */
	if (inode->size_bytes / EROFS_BLOCK_SIZE >= EROFS_BLOCKS_MAX)
		return refuse(node, "file too large", err);
	inode->nlink = link_count(node);
	full = describe(inode, 0);
	inode->extended = !erofs_fits_compact(&full, plan->options.timestamp);
	return 0;
}

/* A batch of clusters in the works: each is read, and compressed if it can be. */
struct cluster {
	struct write_erofs_inode *inode;
	uint64_t off; /* in the file */
	size_t n;
	unsigned char *bytes; /* of the batch */
	size_t packed;	      /* bytes that it became, at the start of its place; 0: none */
};

struct packing {
	struct write_erofs *plan;
	unsigned char *room;   /* owned: for each cluster what is read and what it becomes */
	struct cluster *batch; /* owned */
	size_t count, cap;
	size_t clusters; /* that are done */
	uint64_t done_bytes, all_bytes;
};

static uint64_t blocks_of(uint64_t n)
{
	return (n + EROFS_BLOCK_SIZE - 1) / EROFS_BLOCK_SIZE;
}

/* pool_fn: one cluster of the batch. */
static int pack_cluster(void *arg, size_t i, struct err *err)
{
	struct packing *packing = arg;
	struct cluster *cluster = &packing->batch[i];
	const struct write_erofs_options *options = &packing->plan->options;
	const struct tree_node *node = cluster->inode->node;
	unsigned char *packed = cluster->bytes + options->cluster_bytes;
	char path[TREE_PATH_MAX + 2] = "/";
	int rc;

	tree_path(node, path + 1);
	rc = tree_read(&node->inode->content, path, cluster->bytes, cluster->n, cluster->off, err);
	return rc != 0 ? rc
		       : erofs_pack(options->pack, options->level, cluster->bytes, cluster->n,
				 packed, (blocks_of(cluster->n) - 1) * EROFS_BLOCK_SIZE,
				 &cluster->packed, err);
}

/* Puts a cluster into the spool as it will be in the image: at the end of its blocks. */
static int spool_cluster(struct packing *packing, const struct cluster *cluster, struct err *err)
{
	struct write_erofs_inode *inode = cluster->inode;
	static const unsigned char zeros[EROFS_BLOCK_SIZE];
	struct spool *spool = packing->plan->options.spool;
	uint32_t cluster_bytes = packing->plan->options.cluster_bytes;
	size_t blocks = (size_t)blocks_of(cluster->packed), all = blocks * EROFS_BLOCK_SIZE;
	size_t lead = all - cluster->packed;
	uint64_t at;
	int rc;

	packing->plan->clusters[packing->clusters++] = (uint16_t)blocks;
	packing->done_bytes += cluster->n;
	if (blocks == 0) {
		inode->packed_blocks += (uint32_t)blocks_of(cluster->n);
		return 0;
	}
	at = spool_reserve(spool, all);
	if (!inode->compressed)
		inode->packed_off = at;
	inode->compressed = true;
	inode->packed_blocks += (uint32_t)blocks;
	rc = lead > 0 ? spool_write(spool, zeros, lead, at, err) : 0;
	return rc != 0 ? rc
		       : spool_write(spool, cluster->bytes + cluster_bytes, cluster->packed,
				 at + lead, err);
}

static int pack_batch(struct packing *packing, struct err *err)
{
	const struct write_erofs_options *options = &packing->plan->options;
	int rc = pool_run(options->threads, packing->count, pack_cluster, packing, err);

	for (size_t i = 0; rc == 0 && i < packing->count; i++)
		rc = spool_cluster(packing, &packing->batch[i], err);
	packing->count = 0;
	progress_report(options->progress, "compressing", packing->done_bytes, packing->all_bytes);
	return rc;
}

/* Files of one block have nothing to gain. */
static bool may_pack(const struct write_erofs_inode *inode)
{
	return inode->node->inode->type == TREE_FILE && inode->size_bytes > EROFS_BLOCK_SIZE;
}

static int pack_inode(
	struct packing *packing, struct write_erofs_inode *inode, size_t *clusters, struct err *err)
{
	uint32_t cluster_bytes = packing->plan->options.cluster_bytes;
	int rc = 0;

	inode->first_cluster = *clusters;
	for (uint64_t off = 0; rc == 0 && off < inode->size_bytes; off += cluster_bytes) {
		uint64_t left = inode->size_bytes - off;
		size_t i = packing->count++;

		packing->batch[i] = (struct cluster){.inode = inode,
			.off = off,
			.n = left < cluster_bytes ? (size_t)left : cluster_bytes,
			.bytes = packing->room + i * 2 * cluster_bytes};
		++*clusters;
		if (packing->count == packing->cap)
			rc = pack_batch(packing, err);
	}
	return rc;
}

/* What the files' clusters become. */
static int pack_all(struct packing *packing, struct err *err)
{
	struct write_erofs *plan = packing->plan;
	uint32_t cluster_bytes = plan->options.cluster_bytes;
	size_t clusters = 0;
	int rc = 0;

	for (size_t i = 0; i < plan->inode_count; i++) {
		if (!may_pack(&plan->inodes[i]))
			continue;
		packing->all_bytes += plan->inodes[i].size_bytes;
		clusters += (size_t)((plan->inodes[i].size_bytes + cluster_bytes - 1) /
				     cluster_bytes);
	}
	plan->clusters = calloc(clusters + 1, sizeof(*plan->clusters));
	packing->cap = PACK_BYTES / cluster_bytes < PACK_BATCH ? PACK_BYTES / cluster_bytes
							       : PACK_BATCH;
	packing->room = malloc(packing->cap * 2 * cluster_bytes);
	packing->batch = calloc(packing->cap, sizeof(*packing->batch));
	if (plan->clusters == NULL || packing->room == NULL || packing->batch == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	clusters = 0;
	for (size_t i = 0; rc == 0 && i < plan->inode_count; i++)
		if (may_pack(&plan->inodes[i]))
			rc = pack_inode(packing, &plan->inodes[i], &clusters, err);
	return rc == 0 && packing->count > 0 ? pack_batch(packing, err) : rc;
}

static int check_packing(const struct write_erofs_options *options, struct err *err)
{
	uint32_t bytes = options->cluster_bytes;

	if (options->level < 1 || options->level > erofs_pack_level_max(options->pack))
		return err_fail(err, -EINVAL, "%s has levels from 1 to %d, not %d",
			erofs_pack_name(options->pack), erofs_pack_level_max(options->pack),
			options->level);
	if (bytes < EROFS_PACK_CLUSTER_MIN || bytes > EROFS_PACK_CLUSTER_MAX ||
		(bytes & (bytes - 1)) != 0)
		return err_fail(err, -EINVAL,
			"a cluster has a power of 2 from %u to %u bytes, not %" PRIu32,
			EROFS_PACK_CLUSTER_MIN, EROFS_PACK_CLUSTER_MAX, bytes);
	return 0;
}

static int pack_files(struct write_erofs *plan, struct err *err)
{
	struct packing packing = {.plan = plan};
	int rc;

	if (plan->options.pack == EROFS_PACK_NONE)
		return 0;
	rc = check_packing(&plan->options, err);
	if (rc == 0)
		rc = pack_all(&packing, err);
	free(packing.room);
	free(packing.batch);
	return rc;
}

/* Where the first inode may stand: slots are counted in 32 bytes. */
static uint64_t first_inode(const struct write_erofs *plan)
{
	uint64_t config = plan->options.pack != EROFS_PACK_NONE ? EROFS_CONFIG_SIZE : 0;

	return round_up(EROFS_SUPER_OFFSET + EROFS_SUPER_SIZE + config, EROFS_SLOT_SIZE);
}

static int plan_all(struct write_erofs *plan, struct err *err)
{
	uint64_t pos = first_inode(plan);
	int rc = list_inodes(plan, err);

	for (size_t i = 0; rc == 0 && i < plan->inode_count; i++)
		rc = size_inode(plan, &plan->inodes[i], err);
	if (rc == 0)
		rc = pack_files(plan, err);
	for (size_t i = 0; rc == 0 && i < plan->inode_count; i++)
		pos = place_inode(plan, &plan->inodes[i], pos);
	if (rc != 0)
		return rc;
	plan->meta_bytes = pos;
	plan->blocks = round_up(pos, EROFS_BLOCK_SIZE) / EROFS_BLOCK_SIZE;
	rc = place_data(plan, false, err);
	return rc != 0 ? rc : place_data(plan, true, err);
}

int write_erofs_plan(struct write_erofs *plan, const struct tree *tree,
	const struct write_erofs_options *options, struct err *err)
{
	int rc;

	*plan = (struct write_erofs){.tree = tree, .options = *options};
	rc = plan_all(plan, err);
	if (rc != 0)
		write_erofs_done(plan);
	return rc;
}

int write_erofs_runs(const struct write_erofs *plan, struct runs *ret, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->inode_count; i++)
		rc = runs_add(ret, plan->inodes[i].node->inode, plan->inodes[i].start_block,
			data_blocks(&plan->inodes[i]), err);
	return rc;
}

void write_erofs_done(struct write_erofs *plan)
{
	for (size_t i = 0; i < plan->inode_count; i++)
		plan->inodes[i].node->inode->mark = 0;
	free(plan->inodes);
	free(plan->clusters);
	*plan = (struct write_erofs){0};
}

/* The image on its way out: two pieces, one being filled while the sink may still hold the
 * other. */
struct out {
	const struct write_erofs *plan;
	write_erofs_sink *sink;
	void *arg;
	unsigned char *pieces[2];
	size_t current;
	size_t used;
	uint64_t sent_bytes;
};

static struct erofs_super describe_super(const struct write_erofs *plan)
{
	struct erofs_super super = {.blocks = (uint32_t)plan->blocks,
		.root_nid = (uint16_t)plan->inodes[0].nid,
		.inode_count = plan->inode_count,
		.build_time = plan->options.timestamp,
		.compressed = plan->options.pack != EROFS_PACK_NONE};

	memcpy(super.uuid, plan->options.uuid, sizeof(super.uuid));
	if (!super.compressed)
		return super;
	super.algorithm = erofs_pack_algorithm(plan->options.pack);
	super.cluster_blocks = (uint16_t)(plan->options.cluster_bytes / EROFS_BLOCK_SIZE);
	while (UINT64_C(1) << super.window_log2 < plan->options.cluster_bytes)
		super.window_log2++;
	return super;
}

static int out_flush(struct out *out, struct err *err)
{
	const struct write_erofs *plan = out->plan;
	unsigned char *piece = out->pieces[out->current];
	size_t used = out->used;

	if (used == 0)
		return 0;
	if (out->sent_bytes == 0) {
		struct erofs_super super = describe_super(plan);

		erofs_super_format(&super, piece);
	}
	out->current ^= 1;
	out->used = 0;
	out->sent_bytes += used;
	return out->sink(out->arg, piece, used, err);
}

/* Room for at least one and at most @want bytes: *@ret_n of them, which the caller fills. */
static int out_room(
	struct out *out, uint64_t want, unsigned char **ret, size_t *ret_n, struct err *err)
{
	size_t left;

	if (out->used == PIECE_BYTES) {
		int rc = out_flush(out, err);

		if (rc != 0)
			return rc;
	}
	left = PIECE_BYTES - out->used;
	*ret = out->pieces[out->current] + out->used;
	*ret_n = want < left ? (size_t)want : left;
	out->used += *ret_n;
	return 0;
}

/* Appends @n bytes from @src, or zeros when it is NULL. */
static int out_bytes(struct out *out, const void *src, uint64_t n, struct err *err)
{
	const unsigned char *at = src;

	while (n > 0) {
		unsigned char *room;
		size_t step;
		int rc = out_room(out, n, &room, &step, err);

		if (rc != 0)
			return rc;
		if (at == NULL) {
			memset(room, 0, step);
		} else {
			memcpy(room, at, step);
			at += step;
		}
		n -= step;
	}
	return 0;
}

static int out_zeros_to(struct out *out, uint64_t pos, struct err *err)
{
	return out_bytes(out, NULL, pos - (out->sent_bytes + out->used), err);
}

static int out_align(struct out *out, struct err *err)
{
	return out_zeros_to(out, round_up(out->sent_bytes + out->used, EROFS_BLOCK_SIZE), err);
}

/* Appends content bytes [@off, @off + @n). */
static int out_content(
	struct out *out, const struct tree_node *node, uint64_t off, uint64_t n, struct err *err)
{
	char path[TREE_PATH_MAX + 2] = "/";

	tree_path(node, path + 1);
	while (n > 0) {
		unsigned char *room;
		size_t step;
		int rc = out_room(out, n, &room, &step, err);

		if (rc == 0)
			rc = tree_read(&node->inode->content, path, room, step, off, err);
		if (rc != 0)
			return rc;
		off += step;
		n -= step;
	}
	return 0;
}

/* Blocks that a cluster of so many blocks becomes. */
static uint32_t cluster_blocks(const struct write_erofs *plan, size_t cluster, uint32_t whole)
{
	return plan->clusters[cluster] > 0 ? plan->clusters[cluster] : whole;
}

/* Appends the map of a compressed file: what is where. */
static int out_map(struct out *out, const struct write_erofs_inode *inode, struct err *err)
{
	const struct write_erofs *plan = out->plan;
	uint64_t head = head_size(inode), size = erofs_map_size(inode->size_bytes);
	uint32_t left = (uint32_t)blocks_of(inode->size_bytes), at = inode->start_block;
	AUTO_FREE unsigned char *map = malloc(size);
	struct wr wr;
	int rc;

	if (map == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	wr = wr_init(map, size);
	erofs_map_header_write(&wr, erofs_pack_algorithm(plan->options.pack));
	for (size_t i = inode->first_cluster; left > 0; i++) {
		uint32_t most = plan->options.cluster_bytes / EROFS_BLOCK_SIZE;
		uint32_t whole = left < most ? left : most;
		uint32_t blocks = cluster_blocks(plan, i, whole);

		if (plan->clusters[i] > 0)
			erofs_index_write(&wr, whole, blocks, at);
		for (uint32_t k = 0; plan->clusters[i] == 0 && k < whole; k++)
			erofs_index_write(&wr, 1, 1, at + k);
		at += blocks;
		left -= whole;
	}
	rc = out_bytes(out, NULL, round_up(head, 8) - head, err);
	return rc != 0 ? rc : out_bytes(out, map, size, err);
}

/* Appends the clusters of a compressed file. */
static int out_clusters(struct out *out, const struct write_erofs_inode *inode, struct err *err)
{
	const struct write_erofs *plan = out->plan;
	struct tree_inode packed = {
		.content = {.fd = plan->options.spool->fd, .off = inode->packed_off}};
	const struct tree_node spooled = {
		.name = inode->node->name, .parent = inode->node->parent, .inode = &packed};
	uint32_t cluster_bytes = plan->options.cluster_bytes;
	uint64_t from = 0;
	size_t i = inode->first_cluster;
	int rc = 0;

	packed.content.size_bytes = (uint64_t)inode->packed_blocks * EROFS_BLOCK_SIZE;
	for (uint64_t off = 0; rc == 0 && off < inode->size_bytes; off += cluster_bytes, i++) {
		uint64_t left = inode->size_bytes - off;
		uint64_t blocks = plan->clusters[i];

		if (blocks > 0)
			rc = out_content(out, &spooled, from, blocks * EROFS_BLOCK_SIZE, err);
		else
			rc = out_content(out, inode->node, off,
				left < cluster_bytes ? left : cluster_bytes, err);
		if (rc == 0)
			rc = out_align(out, err);
		from += blocks * EROFS_BLOCK_SIZE;
	}
	return rc;
}

/* Appends directory bytes [@off, @off + @n), where both are those of whole blocks or of the last
 * one. */
static int out_dir(
	struct out *out, const struct tree_node *dir, uint64_t off, uint64_t n, struct err *err)
{
	struct dir_walk walk = {.plan = out->plan, .dir = dir};
	struct erofs_dirent entries[EROFS_DIRENTS_MAX];
	unsigned char block[EROFS_BLOCK_SIZE];
	uint64_t pos = 0;
	bool more = dir_walk_next(&walk, &entries[0]);

	while (more && pos < off + n) {
		size_t used = 0, count = 0;
		struct erofs_dirent next = entries[0];
		int rc = 0;

		for (; more && used + erofs_dirent_size(next.name_len) <= EROFS_BLOCK_SIZE;
			more = dir_walk_next(&walk, &next)) {
			entries[count++] = next;
			used += erofs_dirent_size(next.name_len);
		}
		erofs_dirblock_format(entries, count, block);
		if (pos >= off)
			rc = out_bytes(out, block, more ? EROFS_BLOCK_SIZE : used, err);
		if (rc != 0)
			return rc;
		entries[0] = next;
		pos += EROFS_BLOCK_SIZE;
	}
	return 0;
}

/* Appends data bytes [@off, @off + @n) of the inode. */
static int out_data(struct out *out, const struct write_erofs_inode *inode, uint64_t off,
	uint64_t n, struct err *err)
{
	const struct tree_node *node = inode->node;

	switch (node->inode->type) {
	case TREE_FILE:
		return out_content(out, node, off, n, err);
	case TREE_DIR:
		return out_dir(out, node, off, n, err);
	case TREE_SYMLINK:
		return out_bytes(out, node->inode->target + off, n, err);
	default:
		return 0;
	}
}

static int out_xattrs(struct out *out, const struct write_erofs_inode *inode, struct err *err)
{
	const struct tree_inode *from = inode->node->inode;
	AUTO_FREE unsigned char *area = NULL;
	struct wr wr;

	if (inode->xattr_bytes == 0)
		return 0;
	area = malloc(inode->xattr_bytes);
	if (area == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	wr = wr_init(area, inode->xattr_bytes);
	erofs_xattr_header_write(&wr);
	for (size_t i = 0; i < from->xattr_count; i++) {
		const struct tree_xattr *xattr = &from->xattrs[i];
		const char *rest;
		uint8_t index;
		int rc = erofs_xattr_split(xattr->name, &index, &rest, err);

		if (rc != 0)
			return rc;
		erofs_xattr_write(&wr, index, rest, xattr->value, xattr->size_bytes);
	}
	return out_bytes(out, area, inode->xattr_bytes, err);
}

static int out_inode(
	struct out *out, const struct write_erofs_inode *inode, uint32_t ino, struct err *err)
{
	unsigned char head[EROFS_EXTENDED_SIZE];
	struct wr wr = wr_init(head, sizeof(head));
	struct erofs_inode full = describe(inode, ino);
	uint64_t tail = inode->size_bytes % EROFS_BLOCK_SIZE;
	int rc = out_zeros_to(out, inode->nid * EROFS_SLOT_SIZE, err);

	erofs_inode_write(&wr, &full);
	if (rc == 0)
		rc = out_bytes(out, head, wr.pos, err);
	if (rc == 0)
		rc = out_xattrs(out, inode, err);
	if (rc == 0 && inode->compressed)
		rc = out_map(out, inode, err);
	if (rc == 0 && inode->inlined)
		rc = out_data(out, inode, inode->size_bytes - tail, tail, err);
	return rc;
}

static int out_all_data(struct out *out, bool files, struct err *err)
{
	const struct write_erofs *plan = out->plan;

	for (size_t i = 0; i < plan->inode_count; i++) {
		const struct write_erofs_inode *inode = &plan->inodes[i];
		uint64_t tail = inode->inlined ? inode->size_bytes % EROFS_BLOCK_SIZE : 0;
		int rc;

		if ((inode->node->inode->type == TREE_FILE) != files)
			continue;
		rc = inode->compressed ? out_clusters(out, inode, err)
				       : out_data(out, inode, 0, inode->size_bytes - tail, err);
		if (rc == 0)
			rc = out_align(out, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int out_all(struct out *out, struct err *err)
{
	const struct write_erofs *plan = out->plan;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->inode_count; i++)
		rc = out_inode(out, &plan->inodes[i], (uint32_t)(i + 1), err);
	if (rc == 0)
		rc = out_align(out, err);
	if (rc == 0)
		rc = out_all_data(out, false, err);
	if (rc == 0)
		rc = out_all_data(out, true, err);
	return rc != 0 ? rc : out_flush(out, err);
}

int write_erofs_emit(
	const struct write_erofs *plan, write_erofs_sink *sink, void *arg, struct err *err)
{
	AUTO_FREE unsigned char *pieces = malloc(2 * PIECE_BYTES);
	struct out out = {.plan = plan, .sink = sink, .arg = arg};
	struct err late = {0};
	int rc, last;

	if (pieces == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	out.pieces[0] = pieces;
	out.pieces[1] = pieces + PIECE_BYTES;
	rc = out_all(&out, err);
	last = sink(arg, NULL, 0, rc != 0 ? &late : err);
	return rc != 0 ? rc : last;
}
