/* lib/pool: every item once, and the same outcome for any number of threads. */
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "lib/pool.h"
#include "tests/tap.h"

#define ITEMS 1000

struct job {
	atomic_int done[ITEMS];
	size_t fail_from; /* items from here on fail */
	size_t slow_at;	  /* this one yields first */
	int code;
};

static int item(void *arg, size_t i, struct err *err)
{
	struct job *job = arg;

	if (i == job->slow_at) {
		for (int n = 0; n < 1000; n++)
			sched_yield();
	}
	atomic_fetch_add(&job->done[i], 1);
	if (i < job->fail_from)
		return 0;
	return job->code == 0 ? 1 : err_fail(err, job->code, "item %zu", i);
}

static void test_all(void)
{
	static const size_t threads[] = {0, 1, 2, 3, POOL_THREADS_MAX, POOL_THREADS_MAX + 100};

	for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
		struct job job = {.fail_from = SIZE_MAX, .slow_at = SIZE_MAX};
		struct err err = {0};
		bool once = true;
		int rc = pool_run(threads[t], ITEMS, item, &job, &err);

		for (size_t i = 0; i < ITEMS; i++)
			once = once && job.done[i] == 1;
		ok(rc == 0 && once && err.code == 0, "%zu threads do every item once", threads[t]);
	}
}

/* The lowest of the failing items is slow, so that later ones fail before it. */
static void test_failure(void)
{
	for (size_t threads = 1; threads <= 8; threads *= 2) {
		bool same = true, stopped = true;

		for (int round = 0; round < 50; round++) {
			struct job job = {.fail_from = 37, .slow_at = 37, .code = -EKEYREJECTED};
			struct err err = {0};
			int rc = pool_run(threads, ITEMS, item, &job, &err);

			same = same && rc == -EKEYREJECTED && err.code == rc &&
			       strcmp(err.msg, "item 37") == 0;
			for (size_t i = 0; i <= 37; i++)
				same = same && job.done[i] == 1;
			stopped = stopped && job.done[ITEMS - 1] == 0;
		}
		ok(same, "%zu threads report the lowest failed item", threads);
		ok(threads > 1 || stopped, "%zu threads: no item after a failure", threads);
	}
}

static void test_edges(void)
{
	struct job job = {.fail_from = SIZE_MAX, .slow_at = SIZE_MAX};
	struct job bad = {.fail_from = 0, .slow_at = SIZE_MAX};
	struct err err = {0};

	is_int(pool_run(4, 0, item, &job, &err), 0, "no items");
	is_int(pool_run(4, 1, item, &job, &err), 0, "one item");
	is_int(job.done[0], 1, "done once");
	is_int(pool_run(2, 1, item, &bad, &err), -EINVAL,
		"an item that fails without a code still is a failure");
	ok(pool_threads() >= 1 && pool_threads() <= POOL_THREADS_MAX, "threads of this machine");
}

int main(void)
{
	test_all();
	test_failure();
	test_edges();
	return tap_done();
}
