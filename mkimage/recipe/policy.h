/*
 * The agent policy (Rego, package agent_policy) that is sealed into an image, by what formats/rego.h reads of it. It is not
 * evaluated: what a release image must forbid has to be forbidden outright.
 */
#ifndef MKIMAGE_RECIPE_POLICY_H
#define MKIMAGE_RECIPE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/rego.h"
#include "lib/err.h"

struct policy_report {
	/* Requests that a locked image denies and this one may allow; NULL at the end. Borrowed constants. */
	const char *open[REGO_REQUESTS_MAX];
};

/*
 * Checks the @len bytes at @text, which errors call @what: Kata's agent must be able to load them, and unless @debug, the host may
 * neither set a policy nor start processes in containers, and a request that fails is no consent (-EKEYREJECTED). @ret tells
 * what else a locked image would deny.
 */
int policy_check(const char *text, size_t len, const char *what, bool debug,
	struct policy_report *ret, struct err *err) MUST_CHECK;

#endif
