/* The spool of decompressed contents (spool.h). */
#include "mkimage/source/spool.h"

#include "lib/io.h"

int spool_init(struct spool *spool, const char *dir, struct err *err)
{
	spool->fd = -1;
	atomic_init(&spool->size_bytes, 0);
	return io_temp(dir, &spool->fd, err);
}

void spool_done(struct spool *spool)
{
	if (spool == NULL)
		return;
	io_close(&spool->fd);
}

uint64_t spool_reserve(struct spool *spool, uint64_t n)
{
	return atomic_fetch_add_explicit(&spool->size_bytes, n, memory_order_relaxed);
}

int spool_write(struct spool *spool, const void *src, size_t n, uint64_t off, struct err *err)
{
	return io_pwrite(spool->fd, "temporary file", src, n, off, err);
}
