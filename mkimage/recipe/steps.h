/*
 * The recipe's own steps: what turns the files of packages into a guest. They are applied in this order:
 *
 *   1 removals                  every pattern must match something
 *   2 setuid and setgid         cleared on every file that no [[source]] is allowed to bring them with: a guest has no users
 *                               to lend privileges to
 *   3 directories
 *   4 users and groups          /etc/{passwd,group,shadow,gshadow}
 *   5 files; files joined from others
 *   6 symbolic links
 *   7 systemd units             /etc/systemd/system
 *   8 agent
 *   9 policy, allow-list        /etc/kata-opa/NAME and default-policy.rego; /etc/c8s/bootstrap-allowlist.json
 *  10 what every guest has      empty /etc/machine-id and /etc/resolv.conf, /var/tmp -> ../tmp
 *  11 permissions               modes, owners, capabilities and attributes of what is there
 *  12 every time is the recipe's
 *  13 the checks before sealing (check-rootfs.h)
 *
 * An extension is no guest: it has neither accounts (4) nor what every guest has (10).
 *
 * What a step adds replaces a file of a package at the same path, never a directory, and never what the recipe itself gave.
 */
#ifndef MKIMAGE_RECIPE_STEPS_H
#define MKIMAGE_RECIPE_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

#define STEPS_AGENT_BYTES_MAX  (512u << 20)
#define STEPS_SOURCE_BYTES_MAX (64u << 20) /* of any other file that a recipe brings */

#define STEPS_POLICY_LINK "etc/kata-opa/default-policy.rego"

/* A file that a manifest names on its own. */
struct steps_file {
	bool present;
	char *path; /* in the guest; owned */
	unsigned char sha256[SHA256_SIZE];
	uint64_t size_bytes;
};

struct steps_result {
	struct steps_file agent;
	bool agent_is_stand_in;
	struct steps_file policy;
	size_t removed; /* nodes */
	char **cleared; /* owned: paths that lost their setuid or setgid bits, in the tree's order */
	size_t cleared_count;
	char **warnings; /* owned: one line each */
	size_t warning_count;
};

/* Applies the steps of @recipe to @tree. An agent that comes out of an archive goes to @spool. -EBADMSG for a step that the
 * tree or the recipe makes impossible, -EKEYREJECTED for a source with another digest or a
 * check that said no, all naming the recipe. */
int steps_apply(struct tree *tree, const struct recipe *recipe, struct spool *spool,
	struct steps_result *ret, struct err *err) MUST_CHECK;

/* Accepts a zeroed one. */
void steps_result_done(struct steps_result *result);
#define STEPS_RESULT_AUTO __attribute__((cleanup(steps_result_done))) struct steps_result

#endif
