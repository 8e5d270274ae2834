/* The agent, its policy and the allow-list of a recipe (steps.h). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/recipe/policy.h"
#include "mkimage/recipe/recipe-read.h"
#include "mkimage/recipe/steps-tree.h"
#include "mkimage/source/source-archive.h"

/* Checks an open file against the source's digest. */
static int check_open_source(const struct recipe_source *source, const char *path,
	const struct tree_content *content, struct err *err)
{
	unsigned char got[SHA256_SIZE];
	char got_hex[DIGEST_HEX_MAX], want_hex[DIGEST_HEX_MAX];
	int rc = source->has_sha256 ? tree_digest(content, path, got, err) : 0;

	if (rc != 0 || !source->has_sha256 || memcmp(got, source->sha256, sizeof(got)) == 0)
		return rc;
	hex_encode(got, sizeof(got), got_hex);
	hex_encode(source->sha256, sizeof(got), want_hex);
	return err_fail(err, -EKEYREJECTED, "%s: sha256 is %s, the recipe says %s", path, got_hex,
		want_hex);
}

/* Takes the agent out of an archive. */
static int put_agent_member(struct steps *steps, const struct recipe_agent *agent, struct err *err)
{
	SOURCE_ARCHIVE_AUTO archive = {0};
	char *path AUTO_FREE = recipe_source_path(steps->recipe, &agent->source);
	AUTO_CLOSE int fd = -1;
	uint64_t size;

	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	int rc = io_open(path, &fd, &size, err);

	if (rc != 0)
		return rc;
	const struct tree_content whole = {.fd = fd, .size_bytes = size};
	const struct source_options options = {
		.what = path,
		.allow = SOURCE_ALLOW_SETID | SOURCE_ALLOW_DEVICES | SOURCE_ALLOW_XATTRS |
			 SOURCE_ALLOW_CAPABILITIES,
		.only = agent->member,
		.limits = SOURCE_LIMITS_DEFAULT,
	};

	rc = check_open_source(&agent->source, path, &whole, err);
	if (rc == 0)
		rc = source_archive_read(fd, 0, size, &options, steps->spool, &archive, err);
	if (rc != 0)
		return rc;
	const struct source_entry *entry = source_archive_find(&archive, agent->member);

	if (entry == NULL || entry->inode.type != TREE_FILE || entry->hard_link != NULL)
		return err_fail(
			err, -EBADMSG, "%s: no regular file \"%s\" in it", path, agent->member);
	struct tree_inode inode = steps_new_inode(steps, TREE_FILE, 0755);

	inode.content = entry->inode.content;
	return steps_put(steps, agent->install, &inode, err);
}

int steps_agent(struct steps *steps, struct err *err)
{
	const struct recipe_agent *agent = &steps->recipe->agent;
	BUF_AUTO bytes = {0};
	int rc;

	if (!agent->present)
		return 0;
	steps->result.agent_is_stand_in = agent->stand_in;
	if (agent->member != NULL) {
		rc = put_agent_member(steps, agent, err);
	} else {
		rc = recipe_source_read(
			steps->recipe, &agent->source, STEPS_AGENT_BYTES_MAX, &bytes, err);
		if (rc == 0)
			rc = steps_put_file(steps, agent->install, &bytes,
				&(struct steps_owner){.mode = 0755}, err);
	}
	return rc != 0 ? err_wrap(err, "agent") : 0;
}

static int warn_policy(struct steps *steps, const struct policy_report *report, struct err *err)
{
	int debug = steps->recipe->policy.debug
			    ? steps_note(&steps->result.warnings, &steps->result.warning_count,
				      "policy: of a debug image, whose host need not be kept out",
				      err)
			    : 0;

	if (debug != 0)
		return debug;
	for (size_t i = 0; report->open[i] != NULL; i++) {
		BUF_AUTO line = {0};

		buf_fmt(&line, "policy: %s is not denied", report->open[i]);
		int rc = steps_note(&steps->result.warnings, &steps->result.warning_count,
			buf_cstr(&line), err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int steps_policy(struct steps *steps, struct err *err)
{
	const struct recipe_policy *policy = &steps->recipe->policy;
	struct policy_report report;
	char path[TREE_PATH_MAX + 1];
	BUF_AUTO bytes = {0};

	if (!policy->present)
		return 0;
	snprintf(path, sizeof(path), STEPS_POLICY_DIR "/%s", policy->name);
	if (strcmp(path, STEPS_POLICY_LINK) == 0)
		return err_fail(err, -EBADMSG, "policy: %s is the name of the link", policy->name);
	int rc = recipe_source_read(steps->recipe, &policy->source, REGO_BYTES_MAX, &bytes, err);

	if (rc == 0)
		rc = policy_check(
			buf_cstr(&bytes), bytes.len, policy->name, policy->debug, &report, err);
	if (rc == 0)
		rc = warn_policy(steps, &report, err);
	if (rc == 0)
		rc = steps_put_file(steps, path, &bytes, &(struct steps_owner){.mode = 0644}, err);
	if (rc == 0)
		rc = steps_put_link(steps, STEPS_POLICY_LINK, policy->name, err);
	return rc != 0 ? err_wrap(err, "policy") : 0;
}

/* The list in the order of its digests: it is a set. */
int steps_allow_list(struct steps *steps, struct err *err)
{
	const struct recipe_allow_list *list = &steps->recipe->allow_list;
	AUTO_FREE char **sorted = calloc(list->digests.count + 1, sizeof(char *));
	BUF_AUTO text = {0};

	if (!list->present)
		return 0;
	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (list->digests.count > 0)
		memcpy(sorted, list->digests.items, list->digests.count * sizeof(char *));
	qsort(sorted, list->digests.count, sizeof(char *), recipe_compare_strings);
	buf_str(&text, "{\n  \"sha256_digests\": [");
	for (size_t i = 0; i < list->digests.count; i++)
		buf_fmt(&text, "%s\n    \"%s\"", i > 0 ? "," : "", sorted[i]);
	buf_str(&text, list->digests.count > 0 ? "\n  ]\n}\n" : "]\n}\n");
	if (steps_put_file(steps, list->install, &text, &(struct steps_owner){.mode = 0644}, err) !=
		0)
		return err_wrap(err, "allow-list");
	return 0;
}
