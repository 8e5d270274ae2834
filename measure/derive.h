/*
 * The recorder: every register is computed through one list of steps (page or event), so that --explain, diff, explain and
 * the derivation files are views of the same list. A NULL recorder records nothing and costs nothing.
 */
#ifndef MEASURE_DERIVE_H
#define MEASURE_DERIVE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

/* One step: a page or range added to a launch digest, or an event extended into a register. */
struct derive_step {
	const char *kind; /* static: "NORMAL", "VMSA", "MEM.PAGE.ADD", "EV_SEPARATOR", ... */
	const char *
		what; /* owned: "firmware", "Authenticode of vmlinuz"; alike for the pages of one thing */
	uint64_t gpa;	     /* DERIVE_NO_GPA for events */
	uint64_t size_bytes; /* of the page or of the hashed data */
	size_t content_size; /* bytes of @content; 0 when the step has no digest of its own */
	size_t running_size; /* bytes of @running; 0 when it is not known at this step (one streaming hash) */
	unsigned char content[DIGEST_MAX];
	unsigned char running[DIGEST_MAX];
};

#define DERIVE_NO_GPA UINT64_MAX

struct derive {
	const char *name; /* borrowed: the register, "launch_digest", "mrtd", "rtmr1" */
	enum digest_alg alg;
	struct derive_step *steps; /* owned */
	size_t count, cap;
	bool bad; /* out of memory; derive_json reports it */
};

/* A zeroed struct derive with name and alg set is valid. */
void derive_done(struct derive *derive);
#define DERIVE_AUTO __attribute__((cleanup(derive_done))) struct derive

/* Appends a copy of @step; its what is made from @fmt. No-op when @derive is NULL. Sticky on lack of memory. */
void derive_add(struct derive *derive, const struct derive_step *step, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The steps alone, as a JSON list. */
int derive_steps_json(const struct derive *derive, json_t **ret, struct err *err) MUST_CHECK;

/* The derivation document (schema assay-derivation/1). */
int derive_json(const struct derive *derive, const unsigned char *value, json_t **ret,
	struct err *err) MUST_CHECK;

/* The table that --explain prints. Runs are folded into one row: steps of one kind and one `what` whose pages follow each other,
 * or that add the same page again. */
int derive_text(const struct derive *derive, struct buf *ret, struct err *err) MUST_CHECK;

#endif
