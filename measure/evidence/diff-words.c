/* Differences between two lines, word by word (diff-words.h). */
#include "measure/evidence/diff-words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "measure/evidence/sequence.h"

#define WORDS_MAX 1024 /* of a command line, which the kernel ends at 2048 bytes */

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

static bool same_word(const void *before, size_t i, const void *after, size_t j)
{
	const struct words *a = before, *b = after;

	return a->len[i] == b->len[j] && memcmp(a->at[i], b->at[j], a->len[i]) == 0;
}

/* The words from @first to @end as one string; null for none. */
static json_t *joined(const struct words *words, size_t first, size_t end)
{
	if (first == end)
		return json_null();
	return json_stringn(words->at[first],
		(size_t)(words->at[end - 1] + words->len[end - 1] - words->at[first]));
}

struct lines {
	const struct words *before, *after;
	json_t *list;
};

static int add(void *arg, size_t i, size_t i_end, size_t j, size_t j_end, struct err *err)
{
	const struct lines *lines = arg;
	json_t *change = json_pack("{s:o, s:o}", "before", joined(lines->before, i, i_end), "after",
		joined(lines->after, j, j_end));

	return json_array_append_new(lines->list, change) == 0
		       ? 0
		       : err_fail(err, -EINVAL, "a command line that is not UTF-8");
}

int diff_words(const char *before, const char *after, json_t *list, struct err *err)
{
	AUTO_FREE struct words *words = calloc(2, sizeof(*words));
	struct lines lines = {words, words + 1, list};
	int rc = words == NULL ? err_fail(err, -ENOMEM, "out of memory")
			       : split(before, words, err);

	if (rc == 0)
		rc = split(after, words + 1, err);
	if (rc != 0)
		return rc;
	return sequence_diff(&(struct sequences){.a = words,
				     .b = words + 1,
				     .a_count = words[0].count,
				     .b_count = words[1].count,
				     .same = same_word,
				     .differ = add,
				     .arg = &lines},
		err);
}
