/* The steps under way (steps.h): what steps.c and its parts share. */
#ifndef MKIMAGE_RECIPE_STEPS_TREE_H
#define MKIMAGE_RECIPE_STEPS_TREE_H

#include "lib/buf.h"
#include "mkimage/recipe/steps.h"

#define STEPS_POLICY_DIR "etc/kata-opa"

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

/* Appends @text to a list of the result. */
int steps_note(char ***lines, size_t *count, const char *text, struct err *err) MUST_CHECK;

/* An inode of the recipe's, without content. */
struct tree_inode steps_new_inode(
	const struct steps *steps, enum tree_type type, uint16_t mode) MUST_CHECK;

/*
 * Add a node with its missing parents, in place of a package's; -EBADMSG where the recipe has put something. What @inode owns is
 * taken, as are the bytes of steps_put_file; steps_put_source reads them.
 */
int steps_put(struct steps *steps, const char *path, struct tree_inode *inode,
	struct err *err) MUST_CHECK;
int steps_put_dir(struct steps *steps, const char *path, uint16_t mode, uint32_t uid, uint32_t gid,
	struct err *err) MUST_CHECK;
int steps_put_link(
	struct steps *steps, const char *path, const char *target, struct err *err) MUST_CHECK;
int steps_put_file(struct steps *steps, const char *path, struct buf *bytes,
	const struct steps_owner *owner, struct err *err) MUST_CHECK;
int steps_put_source(struct steps *steps, const char *path, const struct recipe_source *source,
	const struct steps_owner *owner, struct err *err) MUST_CHECK;

/* Steps 8 and 9. */
int steps_agent(struct steps *steps, struct err *err) MUST_CHECK;
int steps_policy(struct steps *steps, struct err *err) MUST_CHECK;
int steps_allow_list(struct steps *steps, struct err *err) MUST_CHECK;

/* Step 7: unit files, and the links that enable them. */
int steps_units(struct steps *steps, struct err *err) MUST_CHECK;

#endif
