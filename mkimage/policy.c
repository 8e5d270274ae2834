/*
 * Policy checks (policy.h), over the tokens of Rego (Open Policy Agent, "Policy Reference", grammar): identifiers, operators,
 * "strings" with escapes, `raw strings`, # comments. A name that occurs nowhere else can't be defined anywhere else.
 */
#include "mkimage/policy.h"

#include <stdint.h>
#include <string.h>

static const struct request {
	const char *name;
	bool required; /* a release image must deny it */
} requests[] = {
	{"SetPolicyRequest", true},
	{"ExecProcessRequest", true},
	{"ReadStreamRequest", false},
	{"WriteStreamRequest", false},
	{"GetDiagnosticDataRequest", false},
	{"ReseedRandomDevRequest", false},
};
#define REQUESTS (sizeof(requests) / sizeof(*requests))

_Static_assert(REQUESTS < sizeof((struct policy_report *)0)->allowed / sizeof(char *),
	"a report has room for all requests and its end");

struct token {
	const char *text; /* borrowed; a string keeps its quotes */
	size_t len;
	uint32_t line;
};

struct lexer {
	const char *at, *end;
	uint32_t line;
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* The end of the quoted string at @at; NULL when it has none. */
static const char *string_end(const char *at, const char *end)
{
	char quote = *at++;

	for (; at < end; at++) {
		if (quote == '"' && *at == '\\' && at + 1 < end)
			at++;
		else if (*at == quote)
			return at + 1;
		else if (quote == '"' && *at == '\n')
			return NULL;
	}
	return NULL;
}

/* Passes over white space and comments. */
static void skip_space(struct lexer *lexer)
{
	for (; lexer->at < lexer->end; lexer->at++) {
		char c = *lexer->at;

		if (c == '#') {
			const char *newline = memchr(
				lexer->at, '\n', (size_t)(lexer->end - lexer->at));

			if (newline == NULL)
				newline = lexer->end;
			lexer->at = newline - 1;
			continue;
		}
		if (c == '\n')
			lexer->line++;
		else if (c != ' ' && c != '\t' && c != '\r')
			return;
	}
}

/* The next token; one of length 0 at the end. */
static int next_token(struct lexer *lexer, struct token *ret, struct err *err)
{
	skip_space(lexer);
	const char *start = lexer->at, *at = start;

	*ret = (struct token){start, 0, lexer->line};
	if (start == lexer->end)
		return 0;
	if (*at == '"' || *at == '`') {
		at = string_end(at, lexer->end);
		if (at == NULL)
			return err_fail(
				err, -EBADMSG, "line %u: a string without end", lexer->line);
	} else if (is_word(*at)) {
		while (at < lexer->end && is_word(*at))
			at++;
	} else if (*at == ':' && at + 1 < lexer->end && at[1] == '=') {
		at += 2;
	} else {
		at++;
	}
	for (const char *c = start; c < at; c++)
		lexer->line += *c == '\n';
	lexer->at = at;
	ret->len = (size_t)(at - start);
	return 0;
}

static bool token_is(const struct token *token, const char *text)
{
	return token->len == strlen(text) && memcmp(token->text, text, token->len) == 0;
}

/* Which request @token names, as an identifier or a string; REQUESTS for none. */
static size_t request_of(const struct token *token)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		const char *name = requests[i].name;
		bool quoted = token->len == strlen(name) + 2 && !is_word(token->text[0]) &&
			      memcmp(token->text + 1, name, token->len - 2) == 0;

		if (quoted || token_is(token, name))
			return i;
	}
	return REQUESTS;
}

/* Whether what follows a name is ":= false" (or "= false", as Rego was written before). */
static int assigns_false(struct lexer ahead, bool *ret, struct err *err)
{
	struct token assign, value;
	int rc = next_token(&ahead, &assign, err);

	if (rc == 0)
		rc = next_token(&ahead, &value, err);
	if (rc != 0)
		return rc;
	*ret = (token_is(&assign, ":=") || token_is(&assign, "=")) && token_is(&value, "false");
	return 0;
}

/* What was seen of each request. */
struct sightings {
	uint32_t denials[REQUESTS];
	uint32_t other_lines[REQUESTS]; /* the first line that names it otherwise; 0: none */
};

static int read_names(struct lexer lexer, struct sightings *seen, struct err *err)
{
	struct token last = {0}, token;

	for (;;) {
		bool denies = false;
		int rc = next_token(&lexer, &token, err);

		if (rc != 0 || token.len == 0)
			return rc;
		size_t i = request_of(&token);

		if (i < REQUESTS && token_is(&last, "default"))
			rc = assigns_false(lexer, &denies, err);
		if (rc != 0)
			return rc;
		if (i < REQUESTS && denies)
			seen->denials[i]++;
		else if (i < REQUESTS && seen->other_lines[i] == 0)
			seen->other_lines[i] = token.line;
		last = token;
	}
}

static int check_package(struct lexer *lexer, struct err *err)
{
	struct token word, name;
	int rc = next_token(lexer, &word, err);

	if (rc == 0)
		rc = next_token(lexer, &name, err);
	if (rc != 0)
		return rc;
	bool dotted = lexer->at < lexer->end && (*lexer->at == '.' || *lexer->at == '[');

	if (!token_is(&word, "package") || !token_is(&name, "agent_policy") || dotted)
		return err_fail(err, -EKEYREJECTED,
			"line %u: does not begin with \"package agent_policy\"", word.line);
	return 0;
}

static int check_limits(const char *text, size_t len, struct err *err)
{
	uint32_t lines = 0;

	if (len > POLICY_BYTES_MAX)
		return err_fail(err, -EBADMSG, "more than %u bytes", POLICY_BYTES_MAX);
	if (memchr(text, '\0', len) != NULL)
		return err_fail(err, -EBADMSG, "has a NUL");
	for (const char *at = text, *end = text + len; at < end; lines++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline != NULL ? newline : end) - at);

		if (n > POLICY_LINE_BYTES_MAX)
			return err_fail(err, -EBADMSG, "line %u: longer than %u bytes", lines + 1,
				POLICY_LINE_BYTES_MAX);
		at += n + 1;
	}
	if (lines > POLICY_LINES_MAX)
		return err_fail(err, -EBADMSG, "more than %d lines", POLICY_LINES_MAX);
	return 0;
}

int policy_check(const char *text, size_t len, struct policy_report *ret, struct err *err)
{
	struct policy_report report = {0};
	struct sightings seen = {0};
	size_t allowed = 0;
	int rc = len > 0 ? check_limits(text, len, err) : 0;
	struct lexer lexer = {text, text + len, 1};

	if (rc == 0)
		rc = check_package(&lexer, err);
	if (rc == 0)
		rc = read_names(lexer, &seen, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < REQUESTS; i++) {
		if (seen.denials[i] == 1 && seen.other_lines[i] == 0)
			continue;
		if (!requests[i].required) {
			report.allowed[allowed++] = requests[i].name;
			continue;
		}
		if (seen.other_lines[i] > 0)
			return err_fail(err, -EKEYREJECTED,
				"line %u: %s may only be named in \"default %s := false\"",
				seen.other_lines[i], requests[i].name, requests[i].name);
		return err_fail(err, -EKEYREJECTED, "no single line \"default %s := false\"",
			requests[i].name);
	}
	*ret = report;
	return 0;
}
