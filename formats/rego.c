/*
 * A reader of Rego's top level (rego.h): tokens, then statements, then what the rules of a request's name come to.
 *
 * Bodies are skipped with their brackets in balance. At the top level every name of a request that does not stand in a form
 * known to be an unconditional answer makes that request conditional, wherever it stands.
 */
#include "formats/rego.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 256
#define QUOTE_MAX 40 /* characters of a token that an error repeats */

/* kata-opa/allow-all.rego at the release tags. */
const struct rego_request rego_requests[] = {
	{"AddARPNeighborsRequest", NULL, false},
	{"AddSwapRequest", NULL, false},
	{"CloseStdinRequest", NULL, false},
	{"CopyFileRequest", NULL, false},
	{"CreateContainerRequest", NULL, false},
	{"CreateSandboxRequest", NULL, false},
	{"DestroySandboxRequest", NULL, false},
	{"ExecProcessRequest", NULL, true},
	{"GetDiagnosticDataRequest", "3.29.0", true},
	{"GetMetricsRequest", NULL, false},
	{"GetOOMEventRequest", NULL, false},
	{"GuestDetailsRequest", NULL, false},
	{"ListInterfacesRequest", NULL, false},
	{"ListRoutesRequest", NULL, false},
	{"MemAgentCompactConfig", "4.0.0", false},
	{"MemAgentMemcgConfig", "4.0.0", false},
	{"MemHotplugByProbeRequest", NULL, false},
	{"OnlineCPUMemRequest", NULL, false},
	{"PauseContainerRequest", NULL, false},
	{"PullImageRequest", NULL, false},
	{"ReadStreamRequest", NULL, true},
	{"RemoveContainerRequest", NULL, false},
	{"RemoveStaleVirtiofsShareMountsRequest", NULL, false},
	{"ReseedRandomDevRequest", NULL, true},
	{"ResumeContainerRequest", NULL, false},
	{"SetGuestDateTimeRequest", NULL, false},
	{"SetPolicyRequest", NULL, true},
	{"SignalProcessRequest", NULL, false},
	{"StartContainerRequest", NULL, false},
	{"StartTracingRequest", NULL, false},
	{"StatsContainerRequest", NULL, false},
	{"StopTracingRequest", NULL, false},
	{"TtyWinResizeRequest", NULL, false},
	{"UpdateContainerRequest", NULL, false},
	{"UpdateEphemeralMountsRequest", NULL, false},
	{"UpdateInterfaceRequest", NULL, false},
	{"UpdateRoutesRequest", NULL, false},
	{"WaitProcessRequest", NULL, false},
	{"WriteStreamRequest", NULL, true},
};
const size_t rego_request_count = sizeof(rego_requests) / sizeof(*rego_requests);
_Static_assert(sizeof(rego_requests) / sizeof(*rego_requests) < REGO_REQUESTS_MAX,
	"a slot each, and one more");

/* The rule that is not a request's: index after theirs. */
#define FAILING	     rego_request_count
#define FAILING_NAME "AllowRequestsFailingPolicy"
#define NONE	     SIZE_MAX

const char *rego_answer_name(enum rego_answer answer)
{
	static const char *const names[] = {"missing", "denied", "allowed", "conditional"};

	return names[answer];
}

enum kind {
	END,
	NEWLINE,
	NAME,
	STRING,
	NUMBER,
	SIGN, /* one of the operators and brackets */
};

struct token {
	enum kind kind;
	const char *text;
	size_t len;
	unsigned line;
};

struct reader {
	const char *at, *end;
	unsigned line;
	const char *what;
	struct err *err;
	struct token token;
};

static int fail(const struct reader *reader, const char *why)
{
	const struct token *token = &reader->token;
	int len = token->len > QUOTE_MAX ? QUOTE_MAX : (int)token->len;

	return err_fail(reader->err, -EBADMSG, "%s:%u: %s%s%.*s", reader->what, token->line, why,
		token->kind == NEWLINE || token->kind == END ? "" : ": ",
		token->kind == NEWLINE || token->kind == END ? 0 : len, token->text);
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "..." without newlines, or `...` with them. */
static int take_string(struct reader *reader)
{
	char quote = *reader->at++;

	while (reader->at < reader->end && *reader->at != quote) {
		if (*reader->at == '\n' && quote == '"')
			return fail(reader, "a string that does not end");
		if (*reader->at == '\n')
			reader->line++;
		if (*reader->at == '\\' && quote == '"' && reader->at + 1 < reader->end)
			reader->at++;
		reader->at++;
	}
	if (reader->at == reader->end)
		return fail(reader, "a string that does not end");
	reader->at++;
	reader->token.kind = STRING;
	return 0;
}

static int take_sign(struct reader *reader)
{
	static const char *const doubles[] = {":=", "==", "!=", "<=", ">="};
	static const char singles[] = "=<>+-*/%&|,;:.()[]{}";

	reader->token.kind = SIGN;
	for (size_t i = 0; reader->end - reader->at > 1 && i < sizeof(doubles) / sizeof(*doubles);
		i++) {
		if (memcmp(reader->at, doubles[i], 2) == 0) {
			reader->at += 2;
			return 0;
		}
	}
	if (*reader->at == '\0' || strchr(singles, *reader->at) == NULL) {
		reader->token.len = 1;
		return fail(reader, "not a token of Rego");
	}
	reader->at++;
	return 0;
}

static void skip_space(struct reader *reader)
{
	while (reader->at < reader->end) {
		if (*reader->at == '#') {
			while (reader->at < reader->end && *reader->at != '\n')
				reader->at++;
		} else if (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r') {
			reader->at++;
		} else {
			return;
		}
	}
}

static int next(struct reader *reader)
{
	struct token *token = &reader->token;
	int rc = 0;

	skip_space(reader);
	*token = (struct token){.kind = END, .text = reader->at, .line = reader->line};
	if (reader->at == reader->end)
		return 0;
	if (*reader->at == '\n') {
		token->kind = NEWLINE;
		reader->at++;
		reader->line++;
	} else if (*reader->at == '"' || *reader->at == '`') {
		rc = take_string(reader);
	} else if (isdigit((unsigned char)*reader->at)) {
		/* With whatever sticks to it: "1e5", "0.5". */
		token->kind = NUMBER;
		while (reader->at < reader->end &&
			(is_name_char(*reader->at) || *reader->at == '.'))
			reader->at++;
	} else if (is_name_char(*reader->at)) {
		token->kind = NAME;
		while (reader->at < reader->end && is_name_char(*reader->at))
			reader->at++;
	} else {
		rc = take_sign(reader);
	}
	token->len = (size_t)(reader->at - token->text);
	return rc;
}

static bool is(const struct reader *reader, const char *text)
{
	const struct token *token = &reader->token;

	return token->kind != STRING && token->len == strlen(text) &&
	       memcmp(token->text, text, token->len) == 0;
}

static int next_on_line(struct reader *reader, bool *ret_end)
{
	int rc = next(reader);

	*ret_end = reader->token.kind == NEWLINE || reader->token.kind == END;
	return rc;
}

static int skip_newlines(struct reader *reader)
{
	int rc = 0;

	while (rc == 0 && reader->token.kind == NEWLINE)
		rc = next(reader);
	return rc;
}

/* Which request the token names; FAILING for the rule about failures, else NONE. */
static size_t request_of(const struct token *token)
{
	if (token->kind != NAME)
		return NONE;
	for (size_t i = 0; i < rego_request_count; i++) {
		if (strlen(rego_requests[i].name) == token->len &&
			memcmp(rego_requests[i].name, token->text, token->len) == 0)
			return i;
	}
	return token->len == strlen(FAILING_NAME) &&
			       memcmp(FAILING_NAME, token->text, token->len) == 0
		       ? FAILING
		       : NONE;
}

/* What has been seen of one request's rules. */
struct seen {
	bool has_default, default_value;
	unsigned always; /* rules without a condition; several may contradict one another */
	bool always_value;
	bool conditional;
};

struct policy {
	struct reader reader;
	struct seen seen[REGO_REQUESTS_MAX];
};

static bool is_allowed_key(const struct token *token)
{
	static const char key[] = "\"allowed\"";

	return token->kind == STRING && token->len == strlen(key) &&
	       memcmp(token->text, key, token->len) == 0;
}

/* Takes `{"allowed":`, if that is what stands here. */
static int take_allowed_key(struct reader *reader, bool *ret)
{
	int rc = next(reader);

	*ret = false;
	if (rc != 0 || !is_allowed_key(&reader->token))
		return rc;
	rc = next(reader);
	if (rc != 0 || !is(reader, ":"))
		return rc;
	*ret = true;
	return next(reader);
}

/* Takes true, false or {"allowed": true or false}, the answers that the agent knows, if that is what stands here. */
static int take_answer(struct reader *reader, bool *ret_known, bool *ret_value)
{
	struct reader before = *reader;
	bool braces = is(reader, "{"), key = true;
	int rc = braces ? take_allowed_key(reader, &key) : 0;

	*ret_known = false;
	if (rc == 0 && key && (is(reader, "true") || is(reader, "false"))) {
		*ret_value = is(reader, "true");
		rc = next(reader);
		*ret_known = rc == 0 && (!braces || is(reader, "}"));
		if (*ret_known && braces)
			rc = next(reader);
	}
	if (rc == 0 && !*ret_known)
		*reader = before;
	return rc;
}

static bool at_line_end(const struct reader *reader)
{
	return reader->token.kind == NEWLINE || reader->token.kind == END;
}

/* Marks requests that are named in passing. */
static void note(struct policy *policy)
{
	size_t request = request_of(&policy->reader.token);

	if (request != NONE)
		policy->seen[request].conditional = true;
}

static int open_bracket(struct reader *reader, char *stack, size_t *depth)
{
	static const char pairs[] = "(){}[]";
	const char *pair;

	if (reader->token.kind != SIGN || reader->token.len != 1)
		return 0;
	pair = strchr(pairs, *reader->token.text);
	if (pair == NULL)
		return 0;
	if ((pair - pairs) % 2 == 0) {
		if (*depth == DEPTH_MAX)
			return fail(reader, "brackets nested too deep");
		stack[(*depth)++] = pair[1];
		return 0;
	}
	if (*depth == 0 || stack[*depth - 1] != *pair)
		return fail(reader, "a bracket that does not fit");
	(*depth)--;
	return 0;
}

/* Whether a line that ends after this token goes on in the next one. */
static bool continues_after(const struct token *token)
{
	static const char *const words[] = {"if", "contains", "else", "in", "with", "as", "some",
		"every", "not", "default", "import", "package"};

	if (token->kind == SIGN)
		return token->len != 1 || strchr(")]}", *token->text) == NULL;
	for (size_t i = 0; token->kind == NAME && i < sizeof(words) / sizeof(*words); i++) {
		if (token->len == strlen(words[i]) &&
			memcmp(token->text, words[i], token->len) == 0)
			return true;
	}
	return false;
}

/* Whether a line that starts with this token goes on with the statement before it. */
static bool continues_before(const struct reader *reader)
{
	return reader->token.kind == SIGN || is(reader, "else") || is(reader, "if") ||
	       is(reader, "with") || is(reader, "in") || is(reader, "contains");
}

/* Passes over the rest of a statement, from the current token on. */
static int skip_statement(struct policy *policy)
{
	struct reader *reader = &policy->reader;
	char stack[DEPTH_MAX];
	size_t depth = 0;
	bool open = false; /* the line before is not complete */
	int rc = 0;

	for (;;) {
		if (rc == 0 && reader->token.kind == END)
			return depth > 0 ? fail(reader, "a bracket that is not closed") : 0;
		if (rc == 0 && reader->token.kind == NEWLINE && depth == 0 && !open) {
			rc = skip_newlines(reader);
			if (rc != 0 || !continues_before(reader))
				return rc;
			continue;
		}
		if (rc == 0 && depth == 0)
			note(policy);
		if (rc == 0)
			rc = open_bracket(reader, stack, &depth);
		if (rc == 0 && reader->token.kind != NEWLINE)
			open = continues_after(&reader->token);
		if (rc == 0)
			rc = next(reader);
		if (rc != 0)
			return rc;
	}
}

static int read_default(struct policy *policy)
{
	struct reader *reader = &policy->reader;
	bool known, value = false;
	size_t request;
	int rc = next(reader);

	if (rc != 0)
		return rc;
	request = request_of(&reader->token);
	if (request == NONE)
		return skip_statement(policy);
	if (policy->seen[request].has_default)
		return fail(reader, "a second default");
	policy->seen[request].has_default = true;
	rc = next(reader);
	if (rc != 0)
		return rc;
	if (!is(reader, ":=") && !is(reader, "="))
		return fail(reader, "a default without a value");
	rc = next(reader);
	if (rc == 0)
		rc = take_answer(reader, &known, &value);
	if (rc != 0)
		return rc;
	policy->seen[request].default_value = value;
	if (known && at_line_end(reader))
		return 0;
	policy->seen[request].conditional = true;
	return skip_statement(policy);
}

/* Takes `{ true }` or `true`, a body that always holds, if that is what stands here. */
static int take_true_body(struct reader *reader, bool *ret)
{
	struct reader before = *reader;
	bool braces = is(reader, "{");
	int rc = braces ? next(reader) : 0;

	*ret = false;
	if (rc == 0 && is(reader, "true")) {
		rc = next(reader);
		*ret = rc == 0 && (!braces || is(reader, "}"));
		if (*ret && braces)
			rc = next(reader);
	}
	if (rc == 0 && !*ret)
		*reader = before;
	return rc;
}

/* The rule of a request, from its name on. */
static int read_rule(struct policy *policy, size_t request)
{
	struct reader *reader = &policy->reader;
	struct seen *seen = &policy->seen[request];
	bool value = true, known = true, body = true;
	int rc = next(reader);

	if (rc == 0 && (is(reader, ":=") || is(reader, "="))) {
		rc = next(reader);
		if (rc == 0)
			rc = take_answer(reader, &known, &value);
	}
	if (rc == 0 && known && is(reader, "if")) {
		rc = next(reader);
		if (rc == 0)
			rc = take_true_body(reader, &body);
	} else if (rc == 0 && known && is(reader, "{")) {
		rc = take_true_body(reader, &body);
	}
	if (rc != 0)
		return rc;
	if (known && body && at_line_end(reader)) {
		/* The next line may still hold a body, an operator or `else`. */
		rc = skip_newlines(reader);
		if (rc != 0 || !continues_before(reader)) {
			seen->always++;
			seen->always_value = value;
			return rc;
		}
	}
	seen->conditional = true;
	return skip_statement(policy);
}

static int read_package(struct policy *policy)
{
	struct reader *reader = &policy->reader;
	bool end;
	int rc = skip_newlines(reader);

	if (rc != 0)
		return rc;
	if (!is(reader, "package"))
		return fail(reader, "a policy starts with its package");
	rc = next_on_line(reader, &end);
	if (rc != 0)
		return rc;
	if (end || !is(reader, REGO_PACKAGE))
		return fail(reader, "the package is not " REGO_PACKAGE);
	rc = next_on_line(reader, &end);
	if (rc == 0 && !end)
		rc = fail(reader, "the package is not " REGO_PACKAGE);
	return rc;
}

static int read_statement(struct policy *policy)
{
	struct reader *reader = &policy->reader;
	size_t request = request_of(&reader->token);

	if (is(reader, "package"))
		return fail(reader, "a second package");
	if (is(reader, "default"))
		return read_default(policy);
	if (request != NONE)
		return read_rule(policy, request);
	if (reader->token.kind != NAME)
		return fail(reader, "not the start of a rule");
	return skip_statement(policy);
}

static int check_limits(const char *text, size_t len, const char *what, struct err *err)
{
	size_t lines = 1, start = 0;

	if (len > REGO_BYTES_MAX)
		return err_fail(err, -EBADMSG,
			"%s: more than %u bytes, the agent does not start with it", what,
			REGO_BYTES_MAX);
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] == '\0')
			return err_fail(err, -EBADMSG, "%s:%zu: a NUL byte", what, lines);
		if (i < len && text[i] != '\n')
			continue;
		if (i - start > REGO_LINE_MAX)
			return err_fail(err, -EBADMSG,
				"%s:%zu: a line of more than %u bytes, the agent does not start "
				"with it",
				what, lines, REGO_LINE_MAX);
		start = i + 1;
		lines += i < len;
	}
	if (lines > REGO_LINES_MAX)
		return err_fail(err, -EBADMSG,
			"%s: more than %d lines, the agent does not start with it", what,
			REGO_LINES_MAX);
	return 0;
}

static enum rego_answer answer_of(const struct seen *seen)
{
	if (seen->conditional || seen->always > 1)
		return REGO_CONDITIONAL;
	if (seen->always == 1)
		return seen->always_value ? REGO_ALLOWED : REGO_DENIED;
	if (!seen->has_default)
		return REGO_MISSING;
	return seen->default_value ? REGO_ALLOWED : REGO_DENIED;
}

int rego_read(
	const void *text, size_t len, const char *what, struct rego_policy *ret, struct err *err)
{
	struct policy policy = {.reader = {.at = text,
					.end = (const char *)text + len,
					.line = 1,
					.what = what,
					.err = err}};
	int rc = check_limits(text, len, what, err);

	if (rc == 0)
		rc = next(&policy.reader);
	if (rc == 0)
		rc = read_package(&policy);
	for (;;) {
		if (rc == 0)
			rc = skip_newlines(&policy.reader);
		if (rc != 0)
			return rc;
		if (policy.reader.token.kind == END)
			break;
		rc = read_statement(&policy);
	}
	for (size_t i = 0; i < rego_request_count; i++)
		ret->answers[i] = answer_of(&policy.seen[i]);
	ret->allows_failing = answer_of(&policy.seen[FAILING]) == REGO_ALLOWED ||
			      answer_of(&policy.seen[FAILING]) == REGO_CONDITIONAL;
	return 0;
}

bool rego_is_locked(const struct rego_policy *policy)
{
	for (size_t i = 0; i < rego_request_count; i++) {
		if (rego_requests[i].host_reach_in && policy->answers[i] != REGO_DENIED)
			return false;
	}
	return !policy->allows_failing;
}

bool rego_allows_all(const struct rego_policy *policy)
{
	for (size_t i = 0; i < rego_request_count; i++) {
		if (policy->answers[i] != REGO_ALLOWED && policy->answers[i] != REGO_MISSING)
			return false;
	}
	return policy->answers[0] == REGO_ALLOWED;
}
