/* Agent policies: what each form of a rule comes to, what makes a policy locked, what is refused. */
#include <stdlib.h>
#include <string.h>

#include "formats/rego.h"
#include "lib/buf.h"
#include "tests/tap.h"

#define P "package agent_policy\n"

static size_t index_of(const char *name)
{
	size_t i = 0;

	while (i < rego_request_count && strcmp(rego_requests[i].name, name) != 0)
		i++;
	return i;
}

/* What a policy answers to SetPolicyRequest. */
static const struct {
	const char *text;
	enum rego_answer want;
} rules[] = {
	{P, REGO_MISSING},
	{P "import future.keywords.in\nx := 1\n", REGO_MISSING},
	{P "default SetPolicyRequest := true\n", REGO_ALLOWED},
	{P "default SetPolicyRequest = true", REGO_ALLOWED},
	{P "default SetPolicyRequest := false\n", REGO_DENIED},
	{"# c\n\n  package agent_policy # c\r\n\r\ndefault SetPolicyRequest := false # true\r\n",
		REGO_DENIED},
	{P "default SetPolicyRequest := {\"allowed\": false}\n", REGO_DENIED},
	{P "default SetPolicyRequest := {\"allowed\": true}\n", REGO_ALLOWED},
	{P "default SetPolicyRequest := {false}\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := {\"allowed\": false, \"ops\": []}\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := {\"Allowed\": false}\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := 0\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := \"false\"\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false or_more\n", REGO_CONDITIONAL},
	{P "SetPolicyRequest := true\n", REGO_ALLOWED},
	{P "SetPolicyRequest = false\n", REGO_DENIED},
	{P "SetPolicyRequest\n", REGO_ALLOWED},
	{P "SetPolicyRequest { true }\n", REGO_ALLOWED},
	{P "SetPolicyRequest if true\n", REGO_ALLOWED},
	{P "SetPolicyRequest := false if { true }\n", REGO_DENIED},
	{P "SetPolicyRequest := true\nSetPolicyRequest := false\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest { input.x }\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest if input.x\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest if {\n\tinput.x\n}\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest := true\n", REGO_ALLOWED},
	{P "default SetPolicyRequest := false\nSetPolicyRequest\n{ input.x }\n", REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest := false\nelse := true { input.x "
	   "}\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest.allowed := true\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest[\"allowed\"] := true\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest contains 1 if { true }\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nSetPolicyRequest(x) := true\n", REGO_CONDITIONAL},
	/* Somewhere at the top level, in a form that is not known: never "denied". */
	{P "default SetPolicyRequest := false\na { true } SetPolicyRequest { true }\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\na := 1 SetPolicyRequest := true\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\nimport data.x as SetPolicyRequest\n",
		REGO_CONDITIONAL},
	{P "default SetPolicyRequest := false\ndefault x := 1 SetPolicyRequest := true\n",
		REGO_CONDITIONAL},
	/* Named where it is no rule. */
	{P "default SetPolicyRequest := false\nx { SetPolicyRequest }\ny := [SetPolicyRequest]\n"
	   "z := \"SetPolicyRequest\"\n# SetPolicyRequest := true\nw := `\nSetPolicyRequest := "
	   "true\n`\n",
		REGO_DENIED},
	{P "default SetPolicyRequest := false\nSetPolicyRequestX := true\nXSetPolicyRequest := "
	   "true\n",
		REGO_DENIED},
	{P "default SetPolicyRequest := false\nx := \"\\\"\" # \"\ny := 1\n", REGO_DENIED},
	{P "x := {\n\t\"a\": [1,\n2], # {\n}\ndefault SetPolicyRequest := true\n", REGO_ALLOWED},
	{P "x := 1 +\n2\ndefault SetPolicyRequest := true\n", REGO_ALLOWED},
	{P "x := y\nwith input as 1\ndefault SetPolicyRequest := true\n", REGO_ALLOWED},
	{P "f(x) = y {\n\ty := x\n} else = z {\n\tz := 1.5e3\n}\nSetPolicyRequest := false\n",
		REGO_DENIED},
};

static void test_rules(void)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct rego_policy policy = {0};
		struct err err = {0};
		int rc = rego_read(rules[i].text, strlen(rules[i].text), "p", &policy, &err);
		enum rego_answer got = policy.answers[index_of("SetPolicyRequest")];

		ok(rc == 0 && got == rules[i].want, "rule %zu is %s: %s %s", i,
			rego_answer_name(rules[i].want), rego_answer_name(got), err.msg);
	}
}

static const char *const bad[][2] = {
	{"", "p:1: a policy starts with its package"},
	{"default X := true\n", "p:1: a policy starts with its package: default"},
	{"package other\n", "p:1: the package is not agent_policy: other"},
	{"package agent_policy.SetPolicyRequest\n", "p:1: the package is not agent_policy: ."},
	{"package\nagent_policy\n", "the package is not agent_policy"},
	{P "package agent_policy\n", "p:2: a second package"},
	{P "default SetPolicyRequest := true\ndefault SetPolicyRequest := false\n",
		"p:3: a second default"},
	{P "default SetPolicyRequest true\n", "p:2: a default without a value: true"},
	{P "x := {1\n", "a bracket that is not closed"},
	{P "x := {1]\n", "p:2: a bracket that does not fit: ]"},
	{P "x := 1)\n", "p:2: a bracket that does not fit: )"},
	{P "x := \"a\n\"\n", "p:2: a string that does not end"},
	{P "x := `a\n", "a string that does not end"},
	{P "x := \"a", "a string that does not end"},
	{P "x := \"a\\", "a string that does not end"},
	{P "x := $\"{1}\"\n", "p:2: not a token of Rego: $"},
	{P "x := 1 @ 2\n", "p:2: not a token of Rego: @"},
	{P "\xc3\xa4 := 1\n", "p:2: not a token of Rego"},
	{P "{ true }\n", "p:2: not the start of a rule: {"},
	{P "\"x\" := 1\n", "p:2: not the start of a rule: \"x\""},
};

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct rego_policy policy = {0};
		struct err err = {0};
		int rc = rego_read(bad[i][0], strlen(bad[i][0]), "p", &policy, &err);

		ok(rc == -EBADMSG && strstr(err.msg, bad[i][1]) != NULL, "refused: %s", err.msg);
	}
}

static void test_limits(void)
{
	size_t n = REGO_BYTES_MAX + 1;
	char *text = malloc(n);
	struct rego_policy policy = {0};
	struct err err = {0};

	if (text == NULL)
		return;
	is_int(rego_read(P "x := \"\0\"", 30, "p", &policy, &err), -EBADMSG, "a NUL byte");
	memset(text, '\n', n);
	memcpy(text, P, strlen(P));
	is_int(rego_read(text, n, "p", &policy, &err), -EBADMSG, "too many bytes");
	is_int(rego_read(text, REGO_LINES_MAX + 40, "p", &policy, &err), -EBADMSG,
		"too many lines");
	is_int(rego_read(text, REGO_LINES_MAX - 1, "p", &policy, &err), 0, "just not too many");
	memset(text + strlen(P), '#', REGO_LINE_MAX + 1);
	is_int(rego_read(text, strlen(P) + REGO_LINE_MAX + 1, "p", &policy, &err), -EBADMSG,
		"a line too long");
	is_int(rego_read(text, strlen(P) + REGO_LINE_MAX, "p", &policy, &err), 0,
		"just not too long");
	memcpy(text + strlen(P), "x := ", 5);
	memset(text + strlen(P) + 5, '[', 300);
	is_int(rego_read(text, strlen(P) + 305, "p", &policy, &err), -EBADMSG, "nested too deep");
	free(text);
}

/* All requests answered with @value, those of @other with the other one. */
static void all(struct buf *ret, bool value, const char *other, const char *more)
{
	buf_str(ret, P);
	for (size_t i = 0; i < rego_request_count; i++) {
		bool flip = strcmp(rego_requests[i].name, other) == 0;

		buf_fmt(ret, "default %s := %s\n", rego_requests[i].name,
			value != flip ? "true" : "false");
	}
	buf_str(ret, more);
}

static void is_locked(bool value, const char *other, const char *more, bool want, const char *what)
{
	BUF_AUTO text = {0};
	struct rego_policy policy = {0};
	struct err err = {0};

	all(&text, value, other, more);
	ok(rego_read(text.data, text.len, "p", &policy, &err) == 0 &&
			rego_is_locked(&policy) == want,
		"%s %s", what, err.msg);
}

static void test_locked(void)
{
	struct rego_policy policy = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	is_locked(false, "", "", true, "all denied: locked");
	is_locked(true, "", "", false, "all allowed: not locked");
	is_locked(false, "CreateContainerRequest", "", true, "containers may be created");
	is_locked(false, "SetPolicyRequest", "", false, "the policy can be replaced");
	is_locked(false, "ExecProcessRequest", "", false, "exec");
	is_locked(false, "ReadStreamRequest", "", false, "reading streams");
	is_locked(false, "WriteStreamRequest", "", false, "writing streams");
	is_locked(false, "GetDiagnosticDataRequest", "", false, "diagnostic data");
	is_locked(false, "ReseedRandomDevRequest", "", false, "reseeding");
	is_locked(false, "", "ExecProcessRequest if input.x\n", false, "a condition");
	is_locked(false, "", "default AllowRequestsFailingPolicy := true\n", false,
		"errors are consent");
	is_locked(
		false, "", "default AllowRequestsFailingPolicy := false\n", true, "errors are not");
	is_locked(false, "", "AllowRequestsFailingPolicy { input.x }\n", false, "errors may be");
	all(&text, true, "", "");
	ok(rego_read(text.data, text.len, "p", &policy, &err) == 0 && rego_allows_all(&policy),
		"allows everything");
	ok(rego_read(P, strlen(P), "p", &policy, &err) == 0 && !rego_is_locked(&policy) &&
			!rego_allows_all(&policy),
		"an empty policy is neither");
}

int main(void)
{
	test_rules();
	test_bad();
	test_limits();
	test_locked();
	return tap_done();
}
