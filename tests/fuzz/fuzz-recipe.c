/* The recipe reader: what it accepts has every field that the others rely on. */
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe-merge.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/tree.h"
#include "tests/fuzz/fuzz.h"

static void require(int good)
{
	if (!good)
		abort();
}

static void check_path(const char *path)
{
	struct err err = {0};

	require(path != NULL && path[0] != '\0' && tree_check_path(path, "fuzz", &err) == 0);
}

static void check_source(const struct recipe_source *source)
{
	require((source->path == NULL) != (source->text == NULL));
	if (source->path != NULL)
		require(source->path[0] != '/');
}

static void check_lists(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->dir_count; i++)
		check_path(recipe->dirs[i].path);
	for (size_t i = 0; i < recipe->file_count; i++) {
		check_path(recipe->files[i].path);
		check_source(&recipe->files[i].source);
	}
	for (size_t i = 0; i < recipe->link_count; i++)
		check_path(recipe->links[i].path);
	for (size_t i = 0; i < recipe->user_count; i++)
		require(recipe->users[i].home[0] == '/' && recipe->users[i].shell[0] == '/' &&
			strpbrk(recipe->users[i].gecos, ":\n") == NULL);
	for (size_t i = 0; i < recipe->unit_count; i++) {
		require(strchr(recipe->units[i].name, '/') == NULL);
		if (recipe->units[i].has_source)
			check_source(&recipe->units[i].source);
	}
}

static void check_xattrs(const struct recipe_xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->count; i++) {
		require(xattrs->items[i].value != NULL &&
			strchr(xattrs->items[i].name, '.') != NULL);
		if (strcmp(xattrs->items[i].name, "security.capability") == 0)
			require(xattrs->items[i].size_bytes == 20);
	}
}

static void check_attributes(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->file_count; i++)
		check_xattrs(&recipe->files[i].xattrs);
	for (size_t i = 0; i < recipe->permission_count; i++) {
		check_path(recipe->permissions[i].path);
		check_xattrs(&recipe->permissions[i].xattrs);
	}
	for (size_t i = 0; i < recipe->join_count; i++)
		check_path(recipe->joins[i].path);
	for (size_t i = 0; i < recipe->allow_list.digests.count; i++)
		require(strlen(recipe->allow_list.digests.items[i]) == 71);
	if (recipe->extension.name != NULL)
		require(strlen(recipe->extension.name) <= 10 && !recipe->kernel.present &&
			!recipe->agent.present && !recipe->policy.present);
	require(!recipe->policy.debug && recipe->variant == NULL);
}

/* What a variant does to a document never breaks it. */
static void check_variant(const uint8_t *data, size_t size)
{
	RECIPE_MERGE_AUTO merge = {0};
	struct err err = {0};

	if (recipe_merge(data, size, "fuzz", false, "v", &merge, &err) != 0) {
		require(merge.count == 0 && err.msg[0] != '\0');
		return;
	}
	require(toml_get(merge.root, "variant") == NULL && toml_get(merge.root, "drop") == NULL);
	require(merge.delta.added.count + merge.delta.changed.count + merge.delta.dropped.count >
		0);
}

static void check_launches(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->firmware_count; i++)
		require((recipe->firmware[i].packages.suite != NULL) !=
			(recipe->firmware[i].source.path != NULL));
	for (size_t i = 0; i < recipe->launch_count; i++)
		require(recipe->launches[i].vcpus_count > 0 && recipe->launches[i].vcpus[0] > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RECIPE_AUTO recipe = {0};
	unsigned char digest[SHA256_SIZE];
	struct err err = {0};

	check_variant(data, size);
	if (recipe_parse(data, size, "fuzz", &recipe, &err) != 0) {
		require(recipe.path == NULL && err.msg[0] != '\0');
		return 0;
	}
	check_lists(&recipe);
	check_launches(&recipe);
	check_attributes(&recipe);
	require(recipe.kernel.compression != NULL && recipe.rootfs.type != NULL &&
		recipe.append != NULL && recipe.description != NULL);
	if (recipe.agent.present)
		check_path(recipe.agent.install);
	require(lock_recipe_digest(&recipe, digest, &err) == 0);
	return 0;
}
