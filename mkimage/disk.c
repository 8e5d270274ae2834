/* The disk that Kata's runtimes boot (disk.h). */
#define _GNU_SOURCE
#include "mkimage/disk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "mkimage/verity-stream.h"
#include "mkimage/write-erofs.h"

#define MIB	      (UINT64_C(1) << 20)
#define P1_START      MIB
#define SECTORS(size) ((uint32_t)((size) / MBR_SECTOR_SIZE))

_Static_assert(MIB % VERITY_BLOCK_SIZE == 0, "partitions are whole blocks");
_Static_assert(EROFS_BLOCK_SIZE == VERITY_BLOCK_SIZE, "one block size");
_Static_assert(DISK_SALT_SIZE <= VERITY_SALT_MAX, "salt");

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
	size_t threads;
	const struct progress *progress;
	uint64_t size_bytes;
	uint64_t at; /* where the next batch goes */
	struct digest digest;
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
	digest_done(&disk->digest);
	verity_stream_done(&disk->verity);
	free(disk->zeros);
}

/* The steps of a batch: hash it as part of the disk, write it, then hash chunk after chunk for
 * dm-verity. */
static int batch_step(void *arg, size_t i, struct err *err)
{
	struct disk *disk = arg;
	const struct batch *batch = &disk->batch;
	size_t first, n;

	if (i == 0)
		return digest_update(&disk->digest, batch->data, batch->size_bytes, err);
	if (i == 1)
		return io_pwrite(
			disk->fd, disk->what, batch->data, batch->write_bytes, disk->batch_at, err);
	first = (i - 2) * VERITY_STREAM_CHUNK;
	n = batch->size_bytes / VERITY_BLOCK_SIZE - first;
	if (n > VERITY_STREAM_CHUNK)
		n = VERITY_STREAM_CHUNK;
	return verity_stream_hash(batch->verity, batch->first_block + first,
		batch->data + first * VERITY_BLOCK_SIZE, n, err);
}

static size_t batch_steps(const struct batch *batch)
{
	size_t blocks = batch->verity != NULL ? batch->size_bytes / VERITY_BLOCK_SIZE : 0;

	return 2 + (blocks + VERITY_STREAM_CHUNK - 1) / VERITY_STREAM_CHUNK;
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
	progress_report(disk->progress, "root disk", disk->at, disk->size_bytes);
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

/* Zeros up to @end, less than 1 MiB of them. */
static int pad_to(struct disk *disk, uint64_t end, struct verity_stream *verity, struct err *err)
{
	struct batch batch = {
		.data = disk->zeros, .size_bytes = (size_t)(end - disk->at), .verity = verity};

	return batch.size_bytes > 0 ? batch_run(disk, &batch, err) : 0;
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

static int write_label(struct disk *disk, const struct mbr *mbr, struct err *err)
{
	struct batch batch = {.data = disk->zeros, .size_bytes = P1_START, .write_bytes = MBR_SIZE};
	int rc;

	mbr_format(mbr, disk->zeros);
	rc = batch_run(disk, &batch, err);
	memset(disk->zeros, 0, MBR_SIZE);
	return rc;
}

static int write_tree(struct disk *disk, struct err *err)
{
	size_t size = (size_t)disk->verity.geometry.tree_blocks * VERITY_BLOCK_SIZE;
	struct batch batch = {.data = disk->verity.tree, .size_bytes = size, .write_bytes = size};

	return size > 0 ? batch_run(disk, &batch, err) : 0;
}

static uint64_t whole_mib(uint64_t blocks)
{
	uint64_t size = (blocks * VERITY_BLOCK_SIZE + MIB - 1) / MIB * MIB;

	return size > 0 ? size : MIB;
}

/* Where everything goes. */
static int lay_out(const struct disk_options *options, uint64_t erofs_blocks,
	struct disk_result *ret, struct err *err)
{
	uint64_t p1 = whole_mib(erofs_blocks);
	struct verity_geometry geometry = {0};
	int rc = verity_geometry(p1 / VERITY_BLOCK_SIZE, &geometry, err);
	uint64_t p2 = whole_mib(geometry.tree_blocks);

	if (rc != 0)
		return rc;
	ret->size_bytes = P1_START + p1 + p2;
	if (ret->size_bytes / MBR_SECTOR_SIZE > UINT32_MAX)
		return err_fail(err, -EFBIG, "the disk would be larger than 2 TiB");
	ret->verity.data_blocks = geometry.data_blocks;
	ret->verity.salt_bytes = DISK_SALT_SIZE;
	memcpy(ret->verity.salt, options->salt, DISK_SALT_SIZE);
	ret->hash_blocks = geometry.tree_blocks;
	ret->erofs_blocks = erofs_blocks;
	ret->mbr = (struct mbr){
		.disk_signature = options->disk_signature,
		.partitions = {{MBR_TYPE_LINUX, true, SECTORS(P1_START), SECTORS(p1)},
			{MBR_TYPE_LINUX, false, SECTORS(P1_START + p1), SECTORS(p2)}},
	};
	return 0;
}

static int write_all(
	struct disk *disk, const struct write_erofs *plan, struct disk_result *ret, struct err *err)
{
	uint64_t p1_end = (uint64_t)ret->mbr.partitions[1].start_sector * MBR_SECTOR_SIZE;
	int rc = digest_init(&disk->digest, DIGEST_SHA256, err);

	if (rc == 0)
		rc = verity_stream_init(&disk->verity, ret->verity.data_blocks, ret->verity.salt,
			ret->verity.salt_bytes, disk->threads, err);
	if (rc != 0)
		return rc;
	disk->zeros = calloc(1, MIB);
	if (disk->zeros == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (ftruncate(disk->fd, (off_t)ret->size_bytes) != 0)
		return err_sys(err, "%s", disk->what);
	rc = write_label(disk, &ret->mbr, err);
	if (rc == 0)
		rc = write_erofs_emit(plan, take_piece, disk, err);
	if (rc == 0)
		rc = pad_to(disk, p1_end, &disk->verity, err);
	if (rc == 0)
		rc = verity_stream_end(&disk->verity, ret->verity.root_hash, err);
	if (rc == 0)
		rc = write_tree(disk, err);
	if (rc == 0)
		rc = pad_to(disk, ret->size_bytes, NULL, err);
	return rc != 0 ? rc : digest_end(&disk->digest, ret->sha256, err);
}

int disk_write_kata(int fd, const char *what, const struct tree *tree,
	const struct disk_options *options, struct disk_result *ret, struct err *err)
{
	struct write_erofs_options erofs = {.timestamp = options->timestamp};
	__attribute__((cleanup(disk_done))) struct disk disk = {
		.fd = fd, .what = what, .threads = options->threads, .progress = options->progress};
	WRITE_EROFS_AUTO plan = {0};
	struct disk_result result = {0};
	int rc;

	memcpy(erofs.uuid, options->uuid, sizeof(erofs.uuid));
	rc = write_erofs_plan(&plan, tree, &erofs, err);
	if (rc == 0)
		rc = lay_out(options, plan.blocks, &result, err);
	if (rc != 0)
		return rc;
	result.inode_count = plan.inode_count;
	disk.size_bytes = result.size_bytes;
	rc = write_all(&disk, &plan, &result, err);
	if (rc == 0)
		*ret = result;
	return rc;
}
