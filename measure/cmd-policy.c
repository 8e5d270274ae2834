/* assay policy: what an agent policy answers, and where it stands in an image. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/cli.h"
#include "formats/rego.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/kata/profile-kata.h"

/* Where the agent looks for it. */
#define POLICY_FILE "etc/kata-opa/default-policy.rego"

struct check {
	const char *version;
	bool locked, complete, json;
};

/* One past the limit, so that a too large policy is refused with its own reason. */
static int read_policy(const char *path, struct buf *text, struct rego_policy *ret, struct err *err)
{
	int rc = io_read_file(path, REGO_BYTES_MAX + 1, text, err);

	return rc == 0 ? rego_read(buf_cstr(text), text->len, path, ret, err) : rc;
}

static bool counts(const struct rego_request *request, size_t version)
{
	return kata_in_range(version, request->since, NULL);
}

static size_t count_missing(const struct rego_policy *policy, size_t version)
{
	size_t missing = 0;

	for (size_t i = 0; i < rego_request_count; i++)
		missing += counts(&rego_requests[i], version) && policy->answers[i] == REGO_MISSING;
	return missing;
}

static int write_json(
	const struct rego_policy *policy, size_t version, struct buf *ret, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:b, s:b, s:b, s:I, s:{}}", "locked", rego_is_locked(policy),
		"allow_all", rego_allows_all(policy), "allows_failing", policy->allows_failing,
		"missing", (json_int_t)count_missing(policy, version), "requests");
	json_t *requests = json_object_get(doc, "requests");

	for (size_t i = 0; i < rego_request_count; i++) {
		if (counts(&rego_requests[i], version) &&
			json_object_set_new(requests, rego_requests[i].name,
				json_string(rego_answer_name(policy->answers[i]))) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return json_doc_write(doc, ret, err);
}

static void write_text(const struct rego_policy *policy, size_t version, struct buf *ret)
{
	for (size_t i = 0; i < rego_request_count; i++) {
		const struct rego_request *request = &rego_requests[i];

		if (counts(request, version))
			buf_fmt(ret, "%-11s %s%s\n", rego_answer_name(policy->answers[i]),
				request->name,
				request->host_reach_in && policy->answers[i] != REGO_DENIED
					? "  (a locked policy denies it)"
					: "");
	}
	if (policy->allows_failing)
		buf_str(ret, "AllowRequestsFailingPolicy: errors count as consent\n");
	if (rego_allows_all(policy))
		buf_str(ret, "allows everything\n");
	buf_fmt(ret, "missing: %zu\nlocked: %s\n", count_missing(policy, version),
		rego_is_locked(policy) ? "yes" : "no");
}

static int check(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct check *o = options;
	size_t version = kata_version_count - 1;
	struct rego_policy policy;
	BUF_AUTO text = {0};
	int rc = o->version != NULL ? kata_version_find(o->version, &version, err) : 0;

	(void)count;
	if (rc == 0)
		rc = read_policy(args[0], &text, &policy, err);
	if (rc == 0 && o->json)
		rc = write_json(&policy, version, &ret->text, err);
	if (rc != 0)
		return rc;
	if (!o->json)
		write_text(&policy, version, &ret->text);
	if (o->locked && !rego_is_locked(&policy))
		return ERR_EXIT_NO;
	return o->complete && count_missing(&policy, version) > 0 ? ERR_EXIT_NO : 0;
}

static int run_check(int argc, char **argv)
{
	struct check o = {0};
	const struct opt opts[] = {
		{"kata-version", 0, OPT_STR, &o.version, "V",
			"whose requests count; default: the newest known"},
		{"locked", 0, OPT_FLAG, &o.locked, NULL,
			"exit status 1 unless the policy is locked"},
		{"complete", 0, OPT_FLAG, &o.complete, NULL,
			"exit status 1 when a request is missing"},
		{"json", 0, OPT_FLAG, &o.json, NULL, "as JSON"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "policy check FILE [options]",
		.summary = "Lists what an agent policy answers to each of the agent's requests.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, check, &o);
}

static int write_tree(const char *to, const struct buf *text, struct err *err)
{
	STAGE_AUTO stage = {0};
	int rc = io_stage_begin(&stage, to, false, err);

	if (rc == 0)
		rc = io_stage_write(&stage, POLICY_FILE, text->data, text->len, err);
	return rc == 0 ? io_stage_commit(&stage, err) : rc;
}

struct bake {
	const char *to;
	bool debug;
};

static int bake(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct bake *o = options;
	struct rego_policy policy;
	BUF_AUTO text = {0};
	int rc = o->to == NULL ? err_fail(err, -EINVAL, "--output: required") : 0;

	(void)count;
	(void)ret;
	if (rc == 0)
		rc = read_policy(args[0], &text, &policy, err);
	if (rc == 0 && !o->debug && !rego_is_locked(&policy))
		rc = err_fail(err, -EKEYREJECTED,
			"%s: not locked (assay policy check says why); --debug bakes it all the "
			"same",
			args[0]);
	return rc == 0 ? write_tree(o->to, &text, err) : rc;
}

static int run_bake(int argc, char **argv)
{
	struct bake o = {.to = NULL};
	const struct opt opts[] = {
		{"output", 'o', OPT_STR, &o.to, "DIR", "the overlay directory to make"},
		{"debug", 0, OPT_FLAG, &o.debug, NULL, "a policy that is not locked"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "policy bake FILE -o DIR [--debug]",
		.summary = "Makes the directory tree that puts a policy into an image, for a "
			   "recipe's overlay.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, bake, &o);
}

int cmd_policy(int argc, char **argv)
{
	static const struct cli_verb rows[] = {
		{"check", run_check, "what it answers to each request, and whether it is locked"},
		{"bake", run_bake, "an overlay that puts it into an image"},
	};
	static const struct cli_verbs verbs = {"policy",
		"The policy that decides which of the host's requests a guest's agent answers.",
		rows, sizeof(rows) / sizeof(*rows)};

	return cli_choose(&verbs, argc, argv);
}
