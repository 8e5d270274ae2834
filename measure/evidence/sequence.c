/* Differences of sequences (sequence.h). */
#include "measure/evidence/sequence.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/buf.h"

/* The length of the longest common subsequence of what follows element i of a and j of b, in row i and column j. */
static uint16_t *common_lengths(const struct sequences *s)
{
	size_t width = s->b_count + 1;
	uint16_t *table = calloc((s->a_count + 1) * width, sizeof(*table));

	for (size_t i = s->a_count; table != NULL && i-- > 0;) {
		for (size_t j = s->b_count; j-- > 0;) {
			uint16_t down = table[(i + 1) * width + j];
			uint16_t right = table[i * width + j + 1];

			if (s->same(s->a, i, s->b, j))
				table[i * width + j] = (uint16_t)(table[(i + 1) * width + j + 1] +
								  1);
			else
				table[i * width + j] = down > right ? down : right;
		}
	}
	return table;
}

/* Moves *@i and *@j to the next pair of elements that are the same, or to both ends. */
static void skip_difference(const struct sequences *s, const uint16_t *table, size_t *i, size_t *j)
{
	size_t width = s->b_count + 1;

	while (*i < s->a_count || *j < s->b_count) {
		if (*i < s->a_count && *j < s->b_count && s->same(s->a, *i, s->b, *j))
			return;
		if (*j == s->b_count || (*i < s->a_count && table[(*i + 1) * width + *j] >=
								    table[*i * width + *j + 1]))
			++*i;
		else
			++*j;
	}
}

int sequence_diff(const struct sequences *s, struct err *err)
{
	AUTO_FREE uint16_t *table = NULL;
	int rc = 0;

	if (s->a_count > SEQUENCE_MAX || s->b_count > SEQUENCE_MAX)
		return err_fail(err, -EFBIG, "sequences of more than %d elements", SEQUENCE_MAX);
	table = common_lengths(s);
	if (table == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0, j = 0; rc == 0 && (i < s->a_count || j < s->b_count); i++, j++) {
		size_t was = i, is = j;

		skip_difference(s, table, &i, &j);
		if (i > was || j > is)
			rc = s->differ(s->arg, was, i, is, j, err);
	}
	return rc;
}
