/* The spool of decompressed contents (spool.h). */
#define _GNU_SOURCE
#include "mkimage/source/spool.h"

#include <stdlib.h>
#include <string.h>

#include "lib/io.h"

int spool_init(struct spool *spool, const char *dir, struct err *err)
{
	spool->fd = -1;
	spool->kept = NULL;
	spool->kept_count = 0;
	atomic_init(&spool->size_bytes, 0);
	return io_temp(dir, &spool->fd, err);
}

void spool_done(struct spool *spool)
{
	if (spool == NULL)
		return;
	io_close(&spool->fd);
	for (size_t i = 0; i < spool->kept_count; i++) {
		source_file_done(&spool->kept[i]);
		free((char *)spool->kept[i].path);
	}
	free(spool->kept);
	spool->kept = NULL;
	spool->kept_count = 0;
}

int spool_keep(struct spool *spool, struct source_file *file, struct err *err)
{
	struct source_file *grown = reallocarray(
		spool->kept, spool->kept_count + 1, sizeof(*grown));
	char *path = strdup(file->path);

	if (grown != NULL)
		spool->kept = grown;
	if (grown == NULL || path == NULL) {
		free(path);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	grown[spool->kept_count] = *file;
	grown[spool->kept_count++].path = path;
	file->fd = -1;
	return 0;
}

int spool_unchanged(const struct spool *spool, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < spool->kept_count; i++)
		rc = source_file_unchanged(&spool->kept[i], err);
	return rc;
}

uint64_t spool_reserve(struct spool *spool, uint64_t n)
{
	return atomic_fetch_add_explicit(&spool->size_bytes, n, memory_order_relaxed);
}

int spool_write(struct spool *spool, const void *src, size_t n, uint64_t off, struct err *err)
{
	return io_pwrite(spool->fd, "temporary file", src, n, off, err);
}
