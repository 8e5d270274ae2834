/*
 * Reads an agent policy (Rego, openpolicyagent.org/docs/policy-language; Kata's agent evaluates it with regorus) far enough to
 * say what it answers to each of the agent's requests without evaluating it. Whatever is not plainly an unconditional
 * answer counts as conditional, so that "denied" is never said of a request that some input could get through.
 */
#ifndef FORMATS_REGO_H
#define FORMATS_REGO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* The agent's own limits (src/agent/policy/src/policy.rs): it does not start with a policy above them. */
#define REGO_BYTES_MAX (16u << 20)
#define REGO_LINE_MAX  (64u << 10)
#define REGO_LINES_MAX 200000

#define REGO_PACKAGE "agent_policy"

enum rego_answer {
	REGO_MISSING,	  /* no rule: the agent fails the request */
	REGO_DENIED,	  /* always false */
	REGO_ALLOWED,	  /* always true */
	REGO_CONDITIONAL, /* depends on the request, or cannot be told */
};

/* "missing", "denied", "allowed", "conditional" */
const char *rego_answer_name(enum rego_answer answer);

/* The requests of the agent, in the order of kata-opa/allow-all.rego; the last is the newest release's. */
struct rego_request {
	const char *name;
	const char *since;  /* Kata release; NULL: all known ones */
	bool host_reach_in; /* a locked policy denies it */
};

extern const struct rego_request rego_requests[];
extern const size_t rego_request_count;

#define REGO_REQUESTS_MAX 64

struct rego_policy {
	enum rego_answer answers[REGO_REQUESTS_MAX]; /* by index into rego_requests */
	bool allows_failing; /* AllowRequestsFailingPolicy is not denied: errors count as consent */
};

/*
 * Reads @len bytes at @text, "WHAT:LINE: " is before errors. -EBADMSG for what is not Rego as far as it is read, for another package than
 * agent_policy and for what the agent itself refuses.
 */
int rego_read(const void *text, size_t len, const char *what, struct rego_policy *ret,
	struct err *err) MUST_CHECK;

/* Whether the host can neither change the policy nor reach into containers: every such request is denied outright. */
bool rego_is_locked(const struct rego_policy *policy);

/* Whether every request is allowed. */
bool rego_allows_all(const struct rego_policy *policy);

#endif
