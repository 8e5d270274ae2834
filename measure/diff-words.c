/* Differences between two lines, word by word: the longest common subsequence of their words (diff-words.h). */
#include "measure/diff-words.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

#define WORDS_MAX 1024 /* of a command line, which the kernel ends at 2048 bytes */

static int no_memory(struct err *err)
{
	return err_fail(err, -ENOMEM, "out of memory");
}

static int append(json_t *list, json_t *value, struct err *err)
{
	return json_array_append_new(list, value) == 0 ? 0 : no_memory(err);
}

struct words {
	const char *at[WORDS_MAX];
	size_t len[WORDS_MAX];
	size_t count;
};

/* Words end at spaces, also within quotes: a verity table differs in words of its own. */
static int split(const char *line, struct words *ret, struct err *err)
{
	ret->count = 0;
	for (line += strspn(line, " "); *line != '\0'; line += strspn(line, " ")) {
		if (ret->count == WORDS_MAX)
			return err_fail(
				err, -EFBIG, "a command line of more than %d words", WORDS_MAX);
		ret->at[ret->count] = line;
		ret->len[ret->count] = strcspn(line, " ");
		line += ret->len[ret->count++];
	}
	return 0;
}

static bool same_word(const struct words *a, size_t i, const struct words *b, size_t j)
{
	return a->len[i] == b->len[j] && memcmp(a->at[i], b->at[j], a->len[i]) == 0;
}

/* The length of the longest common subsequence of what follows word i of @a and word j of @b, in row i and column j. */
static uint16_t *common_lengths(const struct words *a, const struct words *b)
{
	size_t width = b->count + 1;
	uint16_t *table = calloc((a->count + 1) * width, sizeof(*table));

	for (size_t i = a->count; table != NULL && i-- > 0;) {
		for (size_t j = b->count; j-- > 0;) {
			uint16_t down = table[(i + 1) * width + j];
			uint16_t right = table[i * width + j + 1];

			if (same_word(a, i, b, j))
				table[i * width + j] = (uint16_t)(table[(i + 1) * width + j + 1] +
								  1);
			else
				table[i * width + j] = down > right ? down : right;
		}
	}
	return table;
}

static json_t *joined(const struct words *words, size_t first, size_t end)
{
	if (first == end)
		return json_null();
	return json_stringn(words->at[first],
		(size_t)(words->at[end - 1] + words->len[end - 1] - words->at[first]));
}

/* Moves *@i and *@j past words that are in one line only. */
static void skip_changed(
	const struct words *a, const struct words *b, const uint16_t *table, size_t *i, size_t *j)
{
	size_t width = b->count + 1;

	while ((*i < a->count || *j < b->count) &&
		!(*i < a->count && *j < b->count && same_word(a, *i, b, *j))) {
		if (*j == b->count || (*i < a->count && table[(*i + 1) * width + *j] >=
								table[*i * width + *j + 1]))
			++*i;
		else
			++*j;
	}
}

int diff_words(const char *before, const char *after, json_t *list, struct err *err)
{
	AUTO_FREE struct words *words = calloc(2, sizeof(*words));
	AUTO_FREE uint16_t *table = NULL;
	struct words *a = words, *b = words + 1;
	int rc = words == NULL ? no_memory(err) : split(before, a, err);

	if (rc == 0)
		rc = split(after, b, err);
	if (rc != 0)
		return rc;
	table = common_lengths(a, b);
	if (table == NULL)
		return no_memory(err);
	for (size_t i = 0, j = 0; rc == 0 && (i < a->count || j < b->count); i++, j++) {
		size_t was = i, is = j;

		skip_changed(a, b, table, &i, &j);
		if (i > was || j > is)
			rc = append(list,
				json_pack("{s:o, s:o}", "before", joined(a, was, i), "after",
					joined(b, is, j)),
				err);
	}
	return rc;
}
