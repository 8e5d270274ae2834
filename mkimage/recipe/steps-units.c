/*
 * The systemd units of a recipe (steps.h): files, masks, and what `systemctl enable` would link for the recipe's wanted-by or, where
 * the guest's preset files say so, for a unit's own [Install] (systemd.unit(5)).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/steps-tree.h"
#include "mkimage/recipe/unit-file.h"

#define ALSO_DEPTH_MAX 8

/* A unit that is being enabled. */
struct enabling {
	struct steps *steps;
	const char *name;
	char target[TREE_PATH_MAX + 2]; /* its file, absolute */
	unsigned depth;			/* of Also= */
};

/* Links UNIT_DIR/@rest to the unit; a link that is there and says the same is enough. */
static int put_unit_link(const struct enabling *enabling, const char *rest, struct err *err)
{
	char path[TREE_PATH_MAX + 1];
	const struct tree_node *there;
	int n = snprintf(path, sizeof(path), UNIT_DIR "/%s", rest);

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_fail(err, -EBADMSG, "a path over %d bytes", TREE_PATH_MAX);
	there = tree_find(enabling->steps->tree, path);
	if (there != NULL && there->inode->type == TREE_SYMLINK &&
		strcmp(there->inode->target, enabling->target) == 0)
		return 0;
	return steps_put_link(enabling->steps, path, enabling->target, err);
}

static int put_want(
	const struct enabling *enabling, const char *target, const char *dir, struct err *err)
{
	char rest[2 * TREE_NAME_MAX + 20];

	snprintf(rest, sizeof(rest), "%.*s.%s/%.*s", TREE_NAME_MAX, target, dir, TREE_NAME_MAX,
		enabling->name);
	return put_unit_link(enabling, rest, err);
}

static int enable(struct steps *steps, const char *name, unsigned depth, struct err *err);

static int install_word(
	struct enabling *enabling, const char *key, const char *word, struct err *err)
{
	static const struct {
		const char *key, *dir;
	} wants[] = {{"WantedBy", "wants"}, {"RequiredBy", "requires"}, {"UpheldBy", "upholds"}};

	if (strpbrk(word, "%/") != NULL)
		return err_fail(err, -ENOTSUP, "[Install] %s=%.100s: only plain names are known",
			key, word);
	for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
		if (strcmp(key, wants[i].key) == 0)
			return put_want(enabling, word, wants[i].dir, err);
	}
	if (strcmp(key, "Alias") == 0)
		return put_unit_link(enabling, word, err);
	if (strcmp(key, "Also") == 0 && strcmp(word, enabling->name) != 0)
		return enable(enabling->steps, word, enabling->depth + 1, err);
	return 0;
}

/* unit_file_fn */
static int install_line(
	void *arg, const char *section, const char *key, const char *value, struct err *err)
{
	const char *at = value, *word;
	size_t n;
	int rc = 0;

	if (strcmp(section, "Install") != 0)
		return 0;
	while (rc == 0 && (word = unit_file_word(&at, &n)) != NULL) {
		AUTO_FREE char *copy = strndup(word, n);

		rc = copy != NULL ? install_word(arg, key, copy, err)
				  : err_fail(err, -ENOMEM, "out of memory");
	}
	return rc;
}

static int open_unit(struct enabling *enabling, struct buf *ret, struct err *err)
{
	int rc;

	enabling->target[0] = '/';
	rc = unit_file_find(enabling->steps->tree, enabling->name, enabling->target + 1, ret, err);
	if (rc == -ENOENT)
		return err_fail(err, -EBADMSG, "neither the recipe nor a package has its file");
	return rc;
}

static int enable(struct steps *steps, const char *name, unsigned depth, struct err *err)
{
	struct enabling enabling = {.steps = steps, .name = name, .depth = depth};
	BUF_AUTO text = {0};
	int rc;

	if (depth > ALSO_DEPTH_MAX)
		return err_fail(err, -EBADMSG, "Also= goes deeper than %d", ALSO_DEPTH_MAX);
	rc = open_unit(&enabling, &text, err);
	if (rc == 0)
		rc = unit_file_walk(buf_cstr(&text), text.len, install_line, &enabling, err);
	return rc != 0 ? err_wrap(err, "%.200s", name) : 0;
}

static int apply_preset(struct steps *steps, const char *name, struct err *err)
{
	bool enabled;
	int rc = unit_file_preset(steps->tree, name, &enabled, err);

	return rc != 0 || !enabled ? rc : enable(steps, name, 0, err);
}

static int link_unit(struct steps *steps, const struct recipe_unit *unit, struct err *err)
{
	struct enabling enabling = {.steps = steps, .name = unit->name};
	int rc = open_unit(&enabling, NULL, err);

	for (size_t i = 0; rc == 0 && i < unit->wanted_by.count; i++)
		rc = put_want(&enabling, unit->wanted_by.items[i], "wants", err);
	return rc != 0 || !unit->preset ? rc : apply_preset(steps, unit->name, err);
}

static int add_file(struct steps *steps, const struct recipe_unit *unit, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	snprintf(path, sizeof(path), UNIT_DIR "/%s", unit->name);
	if (unit->mask)
		return steps_put_link(steps, path, "/dev/null", err);
	if (!unit->has_source)
		return 0;
	return steps_put_source(
		steps, path, &unit->source, &(struct steps_owner){.mode = 0644}, err);
}

/* All files before all links: a unit may be wanted by one that comes later. */
int steps_units(struct steps *steps, struct err *err)
{
	const struct recipe *recipe = steps->recipe;

	for (size_t i = 0; i < recipe->unit_count; i++) {
		if (add_file(steps, &recipe->units[i], err) != 0)
			return err_wrap(err, "unit %s", recipe->units[i].name);
	}
	for (size_t i = 0; i < recipe->unit_count; i++) {
		const struct recipe_unit *unit = &recipe->units[i];

		if ((unit->wanted_by.count > 0 || unit->preset) && link_unit(steps, unit, err) != 0)
			return err_wrap(err, "unit %s", unit->name);
	}
	return 0;
}
