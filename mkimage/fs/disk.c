/* Guest disks (disk.h). */
#define _GNU_SOURCE
#include "mkimage/fs/disk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/gpt.h"
#include "formats/mbr.h"
#include "formats/nvdimm.h"
#include "formats/verity-super.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "mkimage/fs/verity-stream.h"
#include "mkimage/fs/write-erofs.h"
#include "mkimage/fs/write-ext4.h"

#define MIB	     (UINT64_C(1) << 20)
#define DAX_OFFSET   (2 * MIB) /* where the disk proper begins behind an NVDIMM header */
#define PIECE_BYTES  (4u << 20)
#define DIGEST_BYTES (256u << 10) /* stays in a cache while it is hashed */
#define DAX_ALIGN    (2 * MIB)	  /* of the whole file: NVDIMMs come in such units */

_Static_assert(MIB % VERITY_BLOCK_SIZE == 0, "partitions are whole blocks");
_Static_assert(EROFS_BLOCK_SIZE == VERITY_BLOCK_SIZE, "one block size");
_Static_assert(WRITE_EXT4_BLOCK_SIZE == VERITY_BLOCK_SIZE, "one block size");
_Static_assert(DISK_SALT_SIZE <= VERITY_SALT_MAX, "salt");
_Static_assert(DISK_SIGNATURE_MAX == MIB, "a signature's partition");
_Static_assert(GPT_TAIL_SIZE <= MIB, "the second table has the last MiB");

enum label {
	LABEL_NONE,
	LABEL_MBR,
	LABEL_DAX,
	LABEL_GPT,
};

static const struct layout {
	const char *name;
	enum label label;
	uint64_t lead_bytes; /* before p1 */
	enum disk_part_kind parts[DISK_PARTS_MAX];
	size_t part_count;
} layouts[] = {
	[DISK_KATA_MBR] = {"kata-mbr", LABEL_MBR, MIB, {DISK_PART_ROOT, DISK_PART_TREE}, 2},
	[DISK_KATA_DAX] = {"kata-dax", LABEL_DAX, DAX_OFFSET + MIB,
		{DISK_PART_ROOT, DISK_PART_TREE}, 2},
	[DISK_GPT] = {"gpt", LABEL_GPT, MIB, {DISK_PART_ROOT, DISK_PART_VERITY}, 2},
	[DISK_ONE_DISK] = {"one-disk", LABEL_GPT, MIB,
		{DISK_PART_ROOT, DISK_PART_TREE, DISK_PART_VERITY}, 3},
	[DISK_ESP] = {"esp", LABEL_GPT, MIB, {DISK_PART_ROOT, DISK_PART_TREE, DISK_PART_VERITY}, 3},
	[DISK_RAW] = {"raw", LABEL_NONE, 0, {DISK_PART_ROOT, DISK_PART_TREE}, 2},
};

#define LAYOUT_COUNT (sizeof(layouts) / sizeof(layouts[0]))

const char *disk_layout_name(enum disk_layout layout)
{
	return layouts[layout].name;
}

bool disk_layout_signs(enum disk_layout layout)
{
	return layouts[layout].label == LABEL_GPT;
}

bool disk_layout_parse(const char *name, enum disk_layout *ret)
{
	for (size_t i = 0; i < LAYOUT_COUNT; i++) {
		if (strcmp(layouts[i].name, name) != 0)
			continue;
		*ret = (enum disk_layout)i;
		return true;
	}
	return false;
}

static const char *const fs_names[] = {[DISK_EROFS] = "erofs", [DISK_EXT4] = "ext4"};

#define FS_COUNT (sizeof(fs_names) / sizeof(fs_names[0]))

const char *disk_fs_name(enum disk_fs fs)
{
	return fs_names[fs];
}

bool disk_fs_parse(const char *name, enum disk_fs *ret)
{
	for (size_t i = 0; i < FS_COUNT; i++) {
		if (strcmp(fs_names[i], name) != 0)
			continue;
		*ret = (enum disk_fs)i;
		return true;
	}
	return false;
}

/* The root file system as it is planned. */
struct root {
	enum disk_fs fs;
	struct write_erofs erofs;
	struct write_ext4 ext4;
	uint64_t blocks;
	uint64_t inode_count;
};

static void root_done(struct root *root)
{
	write_erofs_done(&root->erofs);
	write_ext4_done(&root->ext4);
}

/* Consecutive bytes of the disk: what is to be done with them. The work is done by several
 * threads at once. */
struct batch {
	const unsigned char *data;
	size_t size_bytes;
	size_t write_bytes;	      /* the rest is zero and stays a hole */
	struct verity_stream *verity; /* NULL outside of p1 */
	uint64_t first_block;	      /* in p1 */
};

struct disk {
	int fd;
	const char *what;
	const struct disk_options *options;
	const struct layout *layout;
	size_t threads;
	uint64_t size_bytes;
	uint64_t at; /* where the next batch goes */
	struct verity_stream verity;
	unsigned char *zeros; /* owned; 1 MiB */

	/* The batch in the works, and the thread that leads the work, if there is one. */
	struct batch batch;
	uint64_t batch_at;
	pthread_t worker;
	bool working;
	int worker_rc;
	struct err worker_err;
};

static void disk_done(struct disk *disk)
{
	verity_stream_done(&disk->verity);
	free(disk->zeros);
}

/* The steps of a batch: write it, then hash chunk after chunk for dm-verity. */
static int batch_step(void *arg, size_t i, struct err *err)
{
	struct disk *disk = arg;
	const struct batch *batch = &disk->batch;
	size_t first, n;

	if (i == 0)
		return io_pwrite(
			disk->fd, disk->what, batch->data, batch->write_bytes, disk->batch_at, err);
	first = (i - 1) * VERITY_STREAM_CHUNK;
	n = batch->size_bytes / VERITY_BLOCK_SIZE - first;
	if (n > VERITY_STREAM_CHUNK)
		n = VERITY_STREAM_CHUNK;
	return verity_stream_hash(batch->verity, batch->first_block + first,
		batch->data + first * VERITY_BLOCK_SIZE, n, err);
}

static size_t batch_steps(const struct batch *batch)
{
	size_t blocks = batch->verity != NULL ? batch->size_bytes / VERITY_BLOCK_SIZE : 0;

	return 1 + (blocks + VERITY_STREAM_CHUNK - 1) / VERITY_STREAM_CHUNK;
}

static void *work(void *arg)
{
	struct disk *disk = arg;

	disk->worker_rc = pool_run(
		disk->threads, batch_steps(&disk->batch), batch_step, disk, &disk->worker_err);
	return NULL;
}

/* Waits for the batch in the works. */
static int batch_wait(struct disk *disk, struct err *err)
{
	if (disk->working)
		pthread_join(disk->worker, NULL);
	disk->working = false;
	if (disk->worker_rc != 0)
		*err = disk->worker_err;
	return disk->worker_rc;
}

/* Starts a batch once the one before it is finished; its data must stay until batch_wait(). */
static int batch_start(struct disk *disk, const struct batch *batch, struct err *err)
{
	int rc = batch_wait(disk, err);

	if (rc != 0)
		return rc;
	disk->batch = *batch;
	if (batch->verity != NULL)
		rc = verity_stream_claim(batch->verity, batch->size_bytes / VERITY_BLOCK_SIZE,
			&disk->batch.first_block, err);
	if (rc != 0)
		return rc;
	disk->batch_at = disk->at;
	disk->at += batch->size_bytes;
	progress_report(disk->options->progress, "root disk", disk->at, disk->size_bytes);
	/* One thread means one; and one that cannot be started only costs speed. */
	disk->working = disk->threads != 1 && pthread_create(&disk->worker, NULL, work, disk) == 0;
	if (!disk->working)
		work(disk);
	return 0;
}

static int batch_run(struct disk *disk, const struct batch *batch, struct err *err)
{
	int rc = batch_start(disk, batch, err);

	return rc != 0 ? rc : batch_wait(disk, err);
}

/* Zeros up to @end. */
static int pad_to(struct disk *disk, uint64_t end, struct verity_stream *verity, struct err *err)
{
	int rc = 0;

	while (rc == 0 && disk->at < end) {
		uint64_t left = end - disk->at;
		struct batch batch = {.data = disk->zeros,
			.size_bytes = left < MIB ? (size_t)left : MIB,
			.verity = verity};

		rc = batch_run(disk, &batch, err);
	}
	return rc;
}

/* A few bytes of the disk. */
static int put(struct disk *disk, const void *bytes, size_t n, struct err *err)
{
	struct batch batch = {.data = bytes, .size_bytes = n, .write_bytes = n};

	return n > 0 ? batch_run(disk, &batch, err) : 0;
}

/* A piece of the file system (write_erofs_sink). */
static int take_piece(void *arg, const void *data, size_t size_bytes, struct err *err)
{
	struct disk *disk = arg;
	struct batch batch = {.data = data,
		.size_bytes = size_bytes,
		.write_bytes = size_bytes,
		.verity = &disk->verity};

	return size_bytes > 0 ? batch_start(disk, &batch, err) : batch_wait(disk, err);
}

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) / align * align;
}

static uint64_t whole_mib(uint64_t blocks)
{
	uint64_t size = round_up(blocks * VERITY_BLOCK_SIZE, MIB);

	return size > 0 ? size : MIB;
}

/* The MBR of a disk that begins at @base and ends with the file. */
static struct mbr make_mbr(const struct disk *disk, const struct disk_result *result, uint64_t base)
{
	struct mbr mbr = {.disk_signature = disk->options->disk_signature};

	for (size_t i = 0; i < result->part_count; i++)
		mbr.partitions[i] = (struct mbr_partition){.type = MBR_TYPE_LINUX,
			.boot = i == 0,
			.start_sector = (uint32_t)((result->parts[i].off - base) / MBR_SECTOR_SIZE),
			.sector_count = (uint32_t)(result->parts[i].size_bytes / MBR_SECTOR_SIZE)};
	return mbr;
}

static int put_mbr(
	struct disk *disk, const struct disk_result *result, uint64_t base, struct err *err)
{
	struct mbr mbr = make_mbr(disk, result, base);
	unsigned char sector[MBR_SIZE];

	mbr_format(&mbr, sector);
	return put(disk, sector, sizeof(sector), err);
}

static int put_dax(struct disk *disk, const struct disk_result *result, struct err *err)
{
	const struct nvdimm_pfn pfn = {.data_offset = DAX_OFFSET, .align = DAX_ALIGN};
	unsigned char block[NVDIMM_PFN_SIZE];
	int rc = put_mbr(disk, result, 0, err);

	nvdimm_pfn_format(&pfn, block);
	if (rc == 0)
		rc = pad_to(disk, NVDIMM_PFN_OFFSET, NULL, err);
	if (rc == 0)
		rc = put(disk, block, sizeof(block), err);
	if (rc == 0)
		rc = pad_to(disk, DAX_OFFSET, NULL, err);
	return rc != 0 ? rc : put_mbr(disk, result, DAX_OFFSET, err);
}

/* What comes before p1. A GPT's place stays empty until the root hash is known. */
static int write_lead(struct disk *disk, const struct disk_result *result, struct err *err)
{
	int rc = 0;

	if (disk->layout->label == LABEL_MBR)
		rc = put_mbr(disk, result, 0, err);
	else if (disk->layout->label == LABEL_DAX)
		rc = put_dax(disk, result, err);
	return rc != 0 ? rc : pad_to(disk, disk->layout->lead_bytes, NULL, err);
}

static void gpt_partition(const struct disk *disk, const struct disk_result *result, size_t i,
	struct gpt_partition *ret)
{
	static const struct {
		const char *type, *name;
	} kinds[] = {
		[DISK_PART_ROOT] = {GPT_TYPE_ROOT_X86_64, "root"},
		[DISK_PART_TREE] = {GPT_TYPE_LINUX, "kata-verity"},
		[DISK_PART_VERITY] = {GPT_TYPE_ROOT_X86_64_VERITY, "root-verity"},
		[DISK_PART_SIGNATURE] = {GPT_TYPE_ROOT_X86_64_VERITY_SIG, "root-verity-sig"},
		[DISK_PART_ESP] = {GPT_TYPE_ESP, "esp"},
	};
	const struct disk_part *part = &result->parts[i];
	struct guid root, verity;
	const struct guid *ids[] = {
		[DISK_PART_ROOT] = &root,
		[DISK_PART_TREE] = &disk->options->guids.tree,
		[DISK_PART_VERITY] = &verity,
		[DISK_PART_SIGNATURE] = &disk->options->guids.signature,
		[DISK_PART_ESP] = &disk->options->guids.esp,
	};

	gpt_root_ids(result->verity.root_hash, &root, &verity);
	*ret = (struct gpt_partition){.id = *ids[part->kind],
		.start_sector = part->off / GPT_SECTOR_SIZE,
		.sector_count = part->size_bytes / GPT_SECTOR_SIZE,
		/* Of an ESP, that bit is not defined. */
		.attributes = part->kind == DISK_PART_ESP ? 0 : GPT_ATTRIBUTE_READ_ONLY};
	guid_parse(kinds[part->kind].type, &ret->type);
	strcpy(ret->name, kinds[part->kind].name);
}

/* Both tables, once the root hash is known. */
static int write_gpt(const struct disk *disk, const struct disk_result *result, struct err *err)
{
	AUTO_FREE struct gpt *gpt = calloc(1, sizeof(*gpt));
	unsigned char head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
	int rc;

	if (gpt == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	gpt->disk_id = disk->options->guids.disk;
	gpt->count = result->part_count;
	for (size_t i = 0; i < gpt->count; i++)
		gpt_partition(disk, result, i, &gpt->partitions[i]);
	gpt_format(gpt, result->size_bytes / GPT_SECTOR_SIZE, head, tail);
	rc = io_pwrite(disk->fd, disk->what, head, sizeof(head), 0, err);
	return rc != 0 ? rc
		       : io_pwrite(disk->fd, disk->what, tail, sizeof(tail),
				 result->size_bytes - sizeof(tail), err);
}

/* Where everything goes. */
static int lay_out(const struct disk_options *options, const struct layout *layout,
	uint64_t fs_blocks, struct disk_result *ret, struct err *err)
{
	struct verity_geometry geometry = {0};
	uint64_t root = whole_mib(fs_blocks), at = layout->lead_bytes;
	int rc = verity_geometry(root / VERITY_BLOCK_SIZE, &geometry, err);
	const uint64_t sizes[] = {
		[DISK_PART_ROOT] = root,
		[DISK_PART_TREE] = whole_mib(geometry.tree_blocks),
		[DISK_PART_VERITY] = whole_mib(1 + geometry.tree_blocks),
		[DISK_PART_SIGNATURE] = MIB,
		[DISK_PART_ESP] = options->esp_bytes,
	};

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < layout->part_count; i++)
		ret->parts[ret->part_count++].kind = layout->parts[i];
	if (options->sign != NULL)
		ret->parts[ret->part_count++].kind = DISK_PART_SIGNATURE;
	if (options->layout == DISK_ESP)
		ret->parts[ret->part_count++].kind = DISK_PART_ESP;
	for (size_t i = 0; i < ret->part_count; i++) {
		ret->parts[i].off = at;
		ret->parts[i].size_bytes = sizes[ret->parts[i].kind];
		at += ret->parts[i].size_bytes;
	}
	ret->size_bytes = at + (layout->label == LABEL_GPT ? MIB : 0);
	if (layout->label == LABEL_DAX)
		ret->size_bytes = round_up(ret->size_bytes, DAX_ALIGN);
	if (ret->size_bytes / MBR_SECTOR_SIZE > UINT32_MAX)
		return err_fail(err, -EFBIG, "the disk would be larger than 2 TiB");
	ret->verity.data_blocks = geometry.data_blocks;
	ret->verity.salt_bytes = DISK_SALT_SIZE;
	memcpy(ret->verity.salt, options->salt, DISK_SALT_SIZE);
	ret->hash_blocks = geometry.tree_blocks;
	ret->fs_blocks = fs_blocks;
	return 0;
}

static int write_tree(struct disk *disk, struct err *err)
{
	size_t size = (size_t)disk->verity.geometry.tree_blocks * VERITY_BLOCK_SIZE;

	return put(disk, disk->verity.tree, size, err);
}

static int write_super(struct disk *disk, struct err *err)
{
	struct verity_super super = {
		.salt_bytes = DISK_SALT_SIZE, .data_blocks = disk->verity.geometry.data_blocks};
	unsigned char block[VERITY_BLOCK_SIZE] = {0};

	memcpy(super.uuid, disk->options->verity_uuid, sizeof(super.uuid));
	memcpy(super.salt, disk->options->salt, DISK_SALT_SIZE);
	verity_super_format(&super, block);
	return put(disk, block, sizeof(block), err);
}

static int write_signature(struct disk *disk, const struct disk_result *result, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = disk->options->sign(disk->options->sign_arg, result->verity.root_hash, &text, err);

	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0 && text.len > DISK_SIGNATURE_MAX)
		rc = err_fail(err, -EFBIG, "a signature of %zu bytes", text.len);
	return rc != 0 ? rc : put(disk, text.data, text.len, err);
}

static int write_esp(struct disk *disk, const struct disk_part *part,
	const struct disk_result *result, struct err *err)
{
	const struct disk_options *options = disk->options;
	BUF_AUTO bytes = {0};
	int rc = options->esp(
		options->esp_arg, &result->verity, part->off / GPT_SECTOR_SIZE, &bytes, err);

	if (rc == 0)
		rc = buf_check(&bytes, err);
	if (rc == 0 && bytes.len != part->size_bytes)
		rc = err_fail(err, -EINVAL, "an EFI system partition of %zu bytes", bytes.len);
	return rc != 0 ? rc : put(disk, bytes.data, bytes.len, err);
}

/* Hashes what stands in the file already, up to @end: a piece is read while the one before is
 * hashed. */
static int take_written(struct disk *disk, uint64_t end, struct err *err)
{
	AUTO_FREE unsigned char *pieces = malloc(2 * PIECE_BYTES);
	struct err late = {0};
	int rc = 0, last;

	if (pieces == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && disk->at < end; i++) {
		uint64_t left = end - disk->at;
		struct batch batch = {.data = pieces + i % 2 * PIECE_BYTES,
			.size_bytes = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES,
			.verity = &disk->verity};

		rc = io_pread(disk->fd, disk->what, pieces + i % 2 * PIECE_BYTES, batch.size_bytes,
			disk->at, err);
		if (rc == 0)
			rc = batch_start(disk, &batch, err);
	}
	last = batch_wait(disk, rc != 0 ? &late : err);
	return rc != 0 ? rc : last;
}

static int write_fs(struct disk *disk, const struct root *root, struct err *err)
{
	uint64_t end = disk->at + root->blocks * VERITY_BLOCK_SIZE;
	int rc;

	if (root->fs == DISK_EROFS)
		return write_erofs_emit(&root->erofs, take_piece, disk, err);
	rc = write_ext4_emit(&root->ext4, disk->fd, disk->what, disk->at, err);
	return rc != 0 ? rc : take_written(disk, end, err);
}

static int write_root(struct disk *disk, const struct root *root, const struct disk_part *part,
	struct disk_result *ret, struct err *err)
{
	int rc = write_fs(disk, root, err);

	if (rc == 0)
		rc = pad_to(disk, part->off + part->size_bytes, &disk->verity, err);
	return rc != 0 ? rc : verity_stream_end(&disk->verity, ret->verity.root_hash, err);
}

static int write_part(struct disk *disk, const struct root *root, const struct disk_part *part,
	struct disk_result *ret, struct err *err)
{
	int rc;

	switch (part->kind) {
	case DISK_PART_ROOT:
		rc = write_root(disk, root, part, ret, err);
		break;
	case DISK_PART_TREE:
		rc = write_tree(disk, err);
		break;
	case DISK_PART_VERITY:
		rc = write_super(disk, err);
		if (rc == 0)
			rc = write_tree(disk, err);
		break;
	case DISK_PART_ESP:
		rc = write_esp(disk, part, ret, err);
		break;
	default:
		rc = write_signature(disk, ret, err);
		break;
	}
	return rc != 0 ? rc : pad_to(disk, part->off + part->size_bytes, NULL, err);
}

static int write_parts(
	struct disk *disk, const struct root *root, struct disk_result *ret, struct err *err)
{
	int rc = write_lead(disk, ret, err);

	for (size_t i = 0; rc == 0 && i < ret->part_count; i++)
		rc = write_part(disk, root, &ret->parts[i], ret, err);
	if (rc == 0)
		rc = pad_to(disk, ret->size_bytes, NULL, err);
	if (rc == 0 && disk->layout->label == LABEL_GPT)
		rc = write_gpt(disk, ret, err);
	return rc;
}

static int write_all(
	struct disk *disk, const struct root *root, struct disk_result *ret, struct err *err)
{
	int rc = verity_stream_init(&disk->verity, ret->verity.data_blocks, ret->verity.salt,
		ret->verity.salt_bytes, disk->threads, err);
	if (rc != 0)
		return rc;
	disk->zeros = calloc(1, MIB);
	if (disk->zeros == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (ftruncate(disk->fd, (off_t)ret->size_bytes) != 0)
		return err_sys(err, "%s", disk->what);
	return write_parts(disk, root, ret, err);
}

static int plan_root(struct root *root, const struct tree *tree, const struct disk_options *options,
	struct err *err)
{
	struct write_erofs_options erofs = {.timestamp = options->timestamp,
		.pack = options->pack,
		.level = options->pack_level,
		.cluster_bytes = options->cluster_bytes,
		.threads = options->threads,
		.spool = options->spool,
		.progress = options->progress};
	struct write_ext4_options ext4 = {.timestamp = options->timestamp, .runs = options->runs};
	int rc;

	memcpy(erofs.uuid, options->uuid, sizeof(erofs.uuid));
	memcpy(ext4.uuid, options->uuid, sizeof(ext4.uuid));
	root->fs = options->fs;
	if (root->fs == DISK_EROFS)
		rc = write_erofs_plan(&root->erofs, tree, &erofs, err);
	else
		rc = write_ext4_plan(&root->ext4, tree, &ext4, err);
	root->blocks = root->fs == DISK_EROFS ? root->erofs.blocks : root->ext4.blocks;
	root->inode_count = root->fs == DISK_EROFS ? root->erofs.inode_count
						   : root->ext4.tree_inodes;
	return rc;
}

static int end_runs(const struct root *root, struct runs *runs, struct err *err)
{
	int rc = root->fs == DISK_EROFS ? write_erofs_runs(&root->erofs, runs, err) : 0;

	return rc != 0 ? rc : runs_end(runs, err);
}

int disk_write(int fd, const char *what, const struct tree *tree,
	const struct disk_options *options, struct disk_result *ret, struct err *err)
{
	const struct layout *layout = &layouts[options->layout];
	__attribute__((cleanup(disk_done))) struct disk disk = {.fd = fd,
		.what = what,
		.options = options,
		.layout = layout,
		.threads = options->threads};
	__attribute__((cleanup(root_done))) struct root root = {0};
	struct disk_result result = {0};
	int rc;

	if (options->sign != NULL && !disk_layout_signs(options->layout))
		return err_fail(err, -EINVAL,
			"layout %s has no place for a signature, only a GPT has", layout->name);
	if (options->pack != EROFS_PACK_NONE && options->fs != DISK_EROFS)
		return err_fail(err, -EINVAL, "only EROFS can be compressed");
	if (options->layout == DISK_ESP &&
		(options->esp == NULL || options->esp_bytes == 0 || options->esp_bytes % MIB != 0))
		return err_fail(err, -EINVAL, "layout esp without an EFI system partition");
	rc = plan_root(&root, tree, options, err);
	if (rc == 0)
		rc = lay_out(options, layout, root.blocks, &result, err);
	if (rc != 0)
		return rc;
	result.inode_count = root.inode_count;
	disk.size_bytes = result.size_bytes;
	rc = write_all(&disk, &root, &result, err);
	if (rc == 0 && options->runs != NULL)
		rc = end_runs(&root, options->runs, err);
	if (rc == 0)
		*ret = result;
	return rc;
}

int disk_digest(int fd, const char *what, struct disk_result *result, struct err *err)
{
	AUTO_FREE unsigned char *piece = malloc(DIGEST_BYTES);
	DIGEST_AUTO digest = {0};
	int rc = digest_init(&digest, DIGEST_SHA256, err);

	if (piece == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (uint64_t off = 0; rc == 0 && off < result->size_bytes; off += DIGEST_BYTES) {
		uint64_t left = result->size_bytes - off;
		size_t n = left < DIGEST_BYTES ? (size_t)left : DIGEST_BYTES;

		rc = io_pread(fd, what, piece, n, off, err);
		if (rc == 0)
			rc = digest_update(&digest, piece, n, err);
	}
	return rc != 0 ? rc : digest_end(&digest, result->sha256, err);
}
