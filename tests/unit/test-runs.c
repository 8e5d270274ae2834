/* Runs of blocks by inode: merged, kept in order, found again. */
#include "mkimage/fs/runs.h"

#include "tests/tap.h"

static struct tree_inode inodes[5];

static void add(struct runs *runs, size_t inode, uint64_t first, uint64_t count)
{
	struct err err = {0};

	if (runs_add(runs, &inodes[inode], first, count, &err) != 0)
		ok(false, "%s", err.msg);
}

static void test_find(void)
{
	RUNS_AUTO runs = {0};
	struct err err = {0};
	const struct run *run;
	size_t n;

	/* Against the order of their addresses; 3 in pieces, 1 without blocks. */
	add(&runs, 4, 10, 5);
	add(&runs, 3, 15, 1);
	add(&runs, 3, 16, 2);
	add(&runs, 3, 100, 7);
	add(&runs, 3, 50, 1);
	add(&runs, 1, 8, 0);
	add(&runs, 0, 18, 1);
	is_int(runs_end(&runs, &err), 0, "sorted");
	run = runs_find(&runs, &inodes[4], &n);
	ok(n == 1 && run->first == 10 && run->count == 5, "a run");
	run = runs_find(&runs, &inodes[3], &n);
	ok(n == 3 && run[0].first == 15 && run[0].count == 3, "neighbours are one run");
	ok(n == 3 && run[1].first == 100 && run[1].count == 7 && run[2].first == 50,
		"and others stay in the order of the data");
	run = runs_find(&runs, &inodes[0], &n);
	ok(n == 1 && run->first == 18 && run->count == 1,
		"what follows another inode's is its own");
	ok(runs_find(&runs, &inodes[1], &n) == NULL && n == 0, "no blocks");
	ok(runs_find(&runs, &inodes[2], &n) == NULL && n == 0, "never heard of");
}

static void test_empty(void)
{
	RUNS_AUTO runs = {0};
	struct err err = {0};
	size_t n;

	is_int(runs_end(&runs, &err), 0, "nothing sorted");
	ok(runs_find(&runs, &inodes[0], &n) == NULL && n == 0, "nothing found");
}

static void test_many(void)
{
	RUNS_AUTO runs = {0};
	struct err err = {0};
	bool good = true;
	size_t n;

	for (uint64_t i = 0; i < 1000; i++)
		add(&runs, (size_t)(i % 2), 3 * i, 2);
	is_int(runs_end(&runs, &err), 0, "a thousand runs");
	for (size_t inode = 0; inode < 2; inode++) {
		const struct run *run = runs_find(&runs, &inodes[inode], &n);

		good = good && n == 500;
		for (size_t i = 0; good && i < n; i++)
			good = run[i].inode == &inodes[inode] &&
			       run[i].first == 3 * (2 * i + inode);
	}
	ok(good, "are all found, in the order in which they were added");
}

int main(void)
{
	test_find();
	test_empty();
	test_many();
	return tap_done();
}
