/* Agent policies: whatever is read, a comment at its end changes nothing, and denied requests can still be given a rule. */
#include <stdlib.h>
#include <string.h>

#include "formats/rego.h"
#include "lib/buf.h"
#include "tests/fuzz/fuzz.h"

static int read_with(const uint8_t *data, size_t size, const char *more, struct rego_policy *ret)
{
	BUF_AUTO text = {0};
	struct err err = {0};

	buf_add(&text, data, size);
	buf_str(&text, more);
	return rego_read(text.data, text.len, "input", ret, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rego_policy policy = {0}, same = {0}, open = {0};
	struct err err = {0};

	if (rego_read(data, size, "input", &policy, &err) != 0)
		return 0;
	if (read_with(data, size, "\n# SetPolicyRequest := true\n", &same) != 0 ||
		memcmp(&policy, &same, sizeof(policy)) != 0)
		abort();
	/* A locked policy with one more rule is not: nothing that comes before can hide it. */
	if (rego_is_locked(&policy) &&
		read_with(data, size, "\nSetPolicyRequest if input.x\n", &open) == 0 &&
		rego_is_locked(&open))
		abort();
	return 0;
}
