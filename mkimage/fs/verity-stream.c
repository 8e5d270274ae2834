/* The dm-verity tree of data that passes by (verity-stream.h). */
#include "mkimage/fs/verity-stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pool.h"

int verity_stream_init(struct verity_stream *stream, uint64_t data_blocks,
	const unsigned char *salt, size_t salt_bytes, size_t threads, struct err *err)
{
	int rc;

	*stream = (struct verity_stream){.threads = threads};
	if (salt_bytes > VERITY_SALT_MAX)
		return err_fail(err, -EINVAL, "a dm-verity salt has at most %d bytes, not %zu",
			VERITY_SALT_MAX, salt_bytes);
	rc = verity_geometry(data_blocks, &stream->geometry, err);
	if (rc != 0)
		return rc;
	if (salt_bytes > 0)
		memcpy(stream->salt, salt, salt_bytes);
	stream->salt_bytes = salt_bytes;
	if (stream->geometry.tree_blocks == 0)
		return 0;
	/* Zeroed: what a level leaves of its last block is zero. */
	stream->tree = calloc(stream->geometry.tree_blocks, VERITY_BLOCK_SIZE);
	if (stream->tree == NULL)
		return err_fail(err, -ENOMEM,
			"out of memory for a dm-verity tree of %" PRIu64 " blocks",
			stream->geometry.tree_blocks);
	return 0;
}

void verity_stream_done(struct verity_stream *stream)
{
	free(stream->tree);
	stream->tree = NULL;
}

static unsigned char *level_at(const struct verity_stream *stream, size_t level)
{
	return stream->tree + stream->geometry.level[level].start * VERITY_BLOCK_SIZE;
}

int verity_stream_claim(
	struct verity_stream *stream, size_t n, uint64_t *ret_first, struct err *err)
{
	if (n > stream->geometry.data_blocks - stream->blocks_added)
		return err_fail(err, -EINVAL,
			"more data than the %" PRIu64 " blocks announced to dm-verity",
			stream->geometry.data_blocks);
	*ret_first = stream->blocks_added;
	stream->blocks_added += n;
	return 0;
}

int verity_stream_hash(
	struct verity_stream *stream, uint64_t first, const void *blocks, size_t n, struct err *err)
{
	unsigned char *digests = stream->geometry.levels > 0 ? level_at(stream, 0) : stream->single;

	return verity_hash_blocks(
		stream->salt, stream->salt_bytes, blocks, n, digests + first * SHA256_SIZE, err);
}

/* Blocks to hash into consecutive digests, in chunks. */
struct job {
	const struct verity_stream *stream;
	const unsigned char *blocks;
	size_t n;
	unsigned char *digests;
};

static int hash_chunk(void *arg, size_t i, struct err *err)
{
	const struct job *job = arg;
	size_t first = i * VERITY_STREAM_CHUNK;
	size_t n = job->n - first < VERITY_STREAM_CHUNK ? job->n - first : VERITY_STREAM_CHUNK;

	return verity_hash_blocks(job->stream->salt, job->stream->salt_bytes,
		job->blocks + first * VERITY_BLOCK_SIZE, n, job->digests + first * SHA256_SIZE,
		err);
}

static int hash_parallel(const struct job *job, struct err *err)
{
	size_t chunks = (job->n + VERITY_STREAM_CHUNK - 1) / VERITY_STREAM_CHUNK;

	return pool_run(job->stream->threads, chunks, hash_chunk, (void *)(uintptr_t)job, err);
}

int verity_stream_add(struct verity_stream *stream, const void *blocks, size_t n, struct err *err)
{
	struct job job = {.stream = stream, .blocks = blocks, .n = n};
	uint64_t first = 0;
	int rc = verity_stream_claim(stream, n, &first, err);

	if (rc != 0)
		return rc;
	job.digests = stream->geometry.levels > 0 ? level_at(stream, 0) : stream->single;
	job.digests += first * SHA256_SIZE;
	return hash_parallel(&job, err);
}

int verity_stream_end(
	struct verity_stream *stream, unsigned char ret_root_hash[SHA256_SIZE], struct err *err)
{
	const struct verity_geometry *geometry = &stream->geometry;

	if (stream->blocks_added != geometry->data_blocks)
		return err_fail(err, -EINVAL,
			"%" PRIu64 " of the %" PRIu64 " blocks announced to dm-verity are missing",
			geometry->data_blocks - stream->blocks_added, geometry->data_blocks);
	if (geometry->levels == 0) {
		memcpy(ret_root_hash, stream->single, SHA256_SIZE);
		return 0;
	}
	for (size_t i = 0; i + 1 < geometry->levels; i++) {
		const struct job job = {.stream = stream,
			.blocks = level_at(stream, i),
			.n = (size_t)geometry->level[i].blocks,
			.digests = level_at(stream, i + 1)};
		int rc = hash_parallel(&job, err);

		if (rc != 0)
			return rc;
	}
	return verity_hash_blocks(stream->salt, stream->salt_bytes,
		level_at(stream, geometry->levels - 1), 1, ret_root_hash, err);
}
