/*
 * Reading a C8s image policy (schema_version 1): what is taken here its own loader takes, and nothing that it refuses. Stricter
 * than that loader in three ways: a key has one spelling where Go folds case, so has the family, and null stands for a register
 * that is not checked and nothing else.
 */
#ifndef MEASURE_GOLDEN_C8S_POLICY_H
#define MEASURE_GOLDEN_C8S_POLICY_H

#include <stddef.h>

#include "lib/err.h"
#include "measure/golden/golden-doc.h"

struct c8s_policy_facts {
	enum golden_tee tee;
	size_t images;
	size_t loose; /* TDX: images whose RTMR1 or RTMR2 is not pinned, which any kernel passes */
};

/* Checks the document in @text; -EBADMSG with the JSON path, -ENOTSUP for another version of the schema. */
int c8s_policy_check(const void *text, size_t len, const char *what, struct c8s_policy_facts *ret,
	struct err *err) MUST_CHECK;

#endif
