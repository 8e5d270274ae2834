/* Policy checks (policy.h). */
#include "mkimage/recipe/policy.h"

#include <string.h>

/* A release image must deny these: each gives the host the run of the guest. */
static const char *const denied[] = {"SetPolicyRequest", "ExecProcessRequest"};

static bool is_required(const char *name)
{
	for (size_t i = 0; i < sizeof(denied) / sizeof(*denied); i++) {
		if (strcmp(denied[i], name) == 0)
			return true;
	}
	return false;
}

int policy_check(const char *text, size_t len, const char *what, bool debug,
	struct policy_report *ret, struct err *err)
{
	struct policy_report report = {0};
	struct rego_policy policy;
	size_t open = 0;
	int rc = rego_read(text, len, what, &policy, err);

	if (rc != 0)
		return rc;
	if (policy.allows_failing && !debug)
		return err_fail(err, -EKEYREJECTED,
			"%s: AllowRequestsFailingPolicy is not denied: every error would be "
			"consent",
			what);
	for (size_t i = 0; i < rego_request_count; i++) {
		const struct rego_request *request = &rego_requests[i];

		if (!request->host_reach_in || policy.answers[i] == REGO_DENIED)
			continue;
		if (is_required(request->name) && !debug)
			return err_fail(err, -EKEYREJECTED,
				"%s: %s is %s, and an image that is no debug variant denies it: "
				"\"default %s := false\"",
				what, request->name, rego_answer_name(policy.answers[i]),
				request->name);
		report.open[open++] = request->name;
	}
	*ret = report;
	return 0;
}
