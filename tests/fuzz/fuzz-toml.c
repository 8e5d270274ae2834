/* lib/toml: whatever is accepted is a tree that keeps its promises; whatever is refused has a line. */
#include <stdlib.h>
#include <string.h>

#include "lib/toml.h"
#include "tests/fuzz/fuzz.h"

static void require(int good)
{
	if (!good)
		abort();
}

static void check(const struct toml *value, unsigned depth)
{
	require(value->depth == depth && depth <= TOML_DEPTH_MAX && value->line > 0);
	if (value->key != NULL)
		require(value->key[value->key_len] == '\0');
	if (value->type == TOML_STRING)
		require(value->u.string.data[value->u.string.len] == '\0');
	if (value->type != TOML_ARRAY && value->type != TOML_TABLE)
		return;
	for (size_t i = 0; i < value->u.list.count; i++) {
		const struct toml *item = value->u.list.items[i];

		require((item->key != NULL) == (value->type == TOML_TABLE));
		if (value->type == TOML_TABLE && strlen(item->key) == item->key_len)
			require(toml_get(value, item->key) == item);
		check(item, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TOML_AUTO doc = {0};
	struct err err = {0};

	if (toml_parse(data, size, "fuzz", &doc, &err) != 0) {
		require(doc.root == NULL && strncmp(err.msg, "fuzz:", 5) == 0);
		return 0;
	}
	check(doc.root, 0);
	return 0;
}
