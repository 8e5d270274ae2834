/* The steps under way (steps.h): what steps.c and steps-units.c share. */
#ifndef MKIMAGE_STEPS_TREE_H
#define MKIMAGE_STEPS_TREE_H

#include "lib/buf.h"
#include "mkimage/steps.h"

struct steps {
	struct tree *tree;
	const struct recipe *recipe;
	struct spool *spool;
	const char *origin; /* "recipe" */
	struct steps_result result;
};

struct steps_owner {
	uint16_t mode;
	uint32_t uid, gid;
};

/* Add a link, or a file with the bytes of a source, and its missing parents, in place of a package's; refused where the recipe has
 * put something. */
int steps_put_link(
	struct steps *steps, const char *path, const char *target, struct err *err) MUST_CHECK;
int steps_put_source(struct steps *steps, const char *path, const struct recipe_source *source,
	const struct steps_owner *owner, struct err *err) MUST_CHECK;

/* Step 7: unit files, and the links that enable them. */
int steps_units(struct steps *steps, struct err *err) MUST_CHECK;

#endif
