/* The recipe reader: what it accepts has every field that the others rely on. */
#include <stdlib.h>
#include <string.h>

#include "mkimage/lock.h"
#include "mkimage/recipe.h"
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

	if (recipe_parse(data, size, "fuzz", &recipe, &err) != 0) {
		require(recipe.path == NULL && err.msg[0] != '\0');
		return 0;
	}
	check_lists(&recipe);
	check_launches(&recipe);
	require(recipe.kernel.compression != NULL && recipe.rootfs.type != NULL &&
		recipe.append != NULL && recipe.description != NULL);
	if (recipe.agent.present)
		check_path(recipe.agent.install);
	require(lock_recipe_digest(&recipe, digest, &err) == 0);
	return 0;
}
