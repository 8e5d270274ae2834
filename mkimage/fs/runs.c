/* Where contents ended up (runs.h). */
#define _GNU_SOURCE
#include "mkimage/fs/runs.h"

#include <stdlib.h>

#include "lib/buf.h"

int runs_add(struct runs *runs, const struct tree_inode *inode, uint64_t first, uint64_t count,
	struct err *err)
{
	struct run *last = runs->count > 0 ? &runs->items[runs->count - 1] : NULL;

	if (count == 0)
		return 0;
	if (last != NULL && last->inode == inode && last->first + last->count == first) {
		last->count += count;
		return 0;
	}
	if (runs->count == runs->cap) {
		size_t cap = runs->cap > 0 ? 2 * runs->cap : 256;
		struct run *grown = reallocarray(runs->items, cap, sizeof(*grown));

		if (grown == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		runs->items = grown;
		runs->cap = cap;
	}
	runs->items[runs->count++] = (struct run){inode, first, count};
	return 0;
}

/* Runs that were added together; they are moved as they are. */
struct group {
	const struct tree_inode *inode;
	size_t at, count;
};

static int compare_groups(const void *a, const void *b)
{
	const struct group *left = a, *right = b;
	uintptr_t left_inode = (uintptr_t)left->inode, right_inode = (uintptr_t)right->inode;

	if (left_inode != right_inode)
		return left_inode < right_inode ? -1 : 1;
	return (left->at > right->at) - (left->at < right->at);
}

static size_t make_groups(const struct runs *runs, struct group *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < runs->count; i++) {
		if (count == 0 || ret[count - 1].inode != runs->items[i].inode)
			ret[count++] = (struct group){runs->items[i].inode, i, 0};
		ret[count - 1].count++;
	}
	return count;
}

int runs_end(struct runs *runs, struct err *err)
{
	AUTO_FREE struct group *groups = calloc(runs->count + 1, sizeof(*groups));
	struct run *sorted = calloc(runs->count + 1, sizeof(*sorted));
	size_t count, to = 0;

	if (groups == NULL || sorted == NULL) {
		free(sorted);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	count = make_groups(runs, groups);
	qsort(groups, count, sizeof(*groups), compare_groups);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < groups[i].count; k++)
			sorted[to++] = runs->items[groups[i].at + k];
	free(runs->items);
	runs->items = sorted;
	runs->cap = runs->count + 1;
	return 0;
}

const struct run *runs_find(const struct runs *runs, const struct tree_inode *inode, size_t *ret_n)
{
	size_t low = 0, high = runs->count, n = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if ((uintptr_t)runs->items[mid].inode < (uintptr_t)inode)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + n < runs->count && runs->items[low + n].inode == inode)
		n++;
	*ret_n = n;
	return n > 0 ? &runs->items[low] : NULL;
}

void runs_done(struct runs *runs)
{
	free(runs->items);
	*runs = (struct runs){0};
}
