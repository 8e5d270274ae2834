/*
 * The agent policy (Rego, package agent_policy) that is sealed into an image. It is not evaluated here: what a release
 * image must forbid has to be forbidden in the plainest way, so that a reader and a few lines of code can both see it.
 */
#ifndef MKIMAGE_POLICY_H
#define MKIMAGE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* What Kata's policy loader takes. */
#define POLICY_BYTES_MAX      (16u << 20)
#define POLICY_LINE_BYTES_MAX (64u << 10)
#define POLICY_LINES_MAX      200000

struct policy_report {
	/* Requests that a locked release image denies and this one may allow; NULL at the end. Borrowed constants. */
	const char *allowed[8];
};

/*
 * Checks that the @len bytes at @text are a policy that locks the image: it is of package agent_policy, and
 * SetPolicyRequest and ExecProcessRequest are named exactly once outside comments, in "default NAME := false".
 * -EKEYREJECTED with the line otherwise, -EBADMSG for what Kata's loader refuses. The other requests that a locked image
 * denies are reported in @ret.
 */
int policy_check(
	const char *text, size_t len, struct policy_report *ret, struct err *err) MUST_CHECK;

#endif
