/* A parallel loop (pool.h). */
#define _GNU_SOURCE
#include "lib/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct loop {
	pool_fn *fn;
	void *arg;
	size_t n;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock;
	/* Under lock: */
	size_t failed_at;
	struct err failure;
};

size_t pool_threads(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	if (n < 1)
		return 1;
	return n > POOL_THREADS_MAX ? POOL_THREADS_MAX : (size_t)n;
}

static void *work(void *arg)
{
	struct loop *loop = arg;
	size_t i;

	while (!atomic_load(&loop->stop) && (i = atomic_fetch_add(&loop->next, 1)) < loop->n) {
		struct err err = {0};

		if (loop->fn(loop->arg, i, &err) == 0)
			continue;
		pthread_mutex_lock(&loop->lock);
		if (!atomic_load(&loop->stop) || i < loop->failed_at) {
			loop->failed_at = i;
			loop->failure = err;
		}
		atomic_store(&loop->stop, true);
		pthread_mutex_unlock(&loop->lock);
	}
	return NULL;
}

int pool_run(size_t threads, size_t n, pool_fn *fn, void *arg, struct err *err)
{
	struct loop loop = {.fn = fn, .arg = arg, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t ids[POOL_THREADS_MAX];
	size_t started = 0;

	if (threads == 0)
		threads = pool_threads();
	if (threads > POOL_THREADS_MAX)
		threads = POOL_THREADS_MAX;
	/* A thread that cannot be started only costs speed. */
	while (started + 1 < threads && started + 1 < n &&
		pthread_create(&ids[started], NULL, work, &loop) == 0)
		started++;
	work(&loop);
	for (size_t i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	if (!atomic_load(&loop.stop))
		return 0;
	*err = loop.failure;
	return err->code < 0 ? err->code : err_fail(err, -EINVAL, "a parallel step failed");
}
