/* Unit files and presets: what is handed on is whole, whatever the file. */
#include <stdlib.h>
#include <string.h>

#include "mkimage/check/check-units.h"
#include "mkimage/recipe/unit-file.h"
#include "tests/fuzz/fuzz.h"

static void require(int good)
{
	if (!good)
		abort();
}

static int see(void *arg, const char *section, const char *key, const char *value, struct err *err)
{
	const char *at = value, *word;
	size_t n;

	(void)arg;
	(void)err;
	require(section[0] != '\0' && key[0] != '\0' && strchr(key, '=') == NULL);
	require(strpbrk(value, "\n") == NULL);
	while ((word = unit_file_word(&at, &n)) != NULL)
		require(word >= value && word + n <= value + strlen(value) && at > value);
	return 0;
}

static void put(struct tree *tree, const char *path, const uint8_t *data, size_t size)
{
	struct tree_inode inode = {.type = TREE_FILE, .mode = 0644, .content.fd = -1};
	struct err err = {0};

	inode.content.mem = malloc(size + 1);
	require(inode.content.mem != NULL);
	memcpy(inode.content.mem, data, size);
	inode.content.size_bytes = size;
	require(tree_parents(tree, path, "", &err) == 0);
	require(tree_add(tree, path, &inode, TREE_REFUSE, NULL, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TREE_AUTO tree = {0};
	BUF_AUTO warnings = {0};
	struct err err = {0};
	bool enabled;
	int rc = unit_file_walk((const char *)data, size, see, NULL, &err);

	require(rc == 0 || err.msg[0] != '\0');
	err = (struct err){0};
	require(tree_init(&tree, &err) == 0);
	put(&tree, "etc/systemd/system/x.service", data, size);
	put(&tree, "usr/lib/systemd/system-preset/x.preset", data, size);
	rc = check_units(&tree, "systemd.unit=x.service", &warnings, &err);
	require(rc == 0 || err.msg[0] != '\0');
	rc = unit_file_preset(&tree, "x.service", &enabled, &err);
	require(rc == 0 || err.msg[0] != '\0');
	return 0;
}
