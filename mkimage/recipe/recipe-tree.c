/* The sections of a recipe that say what is in the guest's tree beside packages and sources (recipe-read.h). */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/recipe-read.h"
#include "mkimage/tree.h"

static const struct recipe_word account_word = {
	"an account name", LOWER "_", LOWER DIGIT "_-", 1, 31};
static const struct recipe_word unit_word = {
	"a unit name", LOWER UPPER DIGIT ":_.\\@-", LOWER UPPER DIGIT ":_.\\@-", 3, TREE_NAME_MAX};
static const struct recipe_word policy_word = {
	"a file name", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-", 1, 128};

static const char *const unit_suffixes[] = {".service", ".socket", ".target", ".mount",
	".automount", ".timer", ".path", ".slice", ".swap", NULL};

WORD_READER(account)
WORD_READER(policy)
LIST_READER(accounts, read_account)
LIST_READER(patterns, recipe_read_pattern)

static int read_unit_name(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_word(value, dst, &unit_word, err);
	const char *name = *(char **)dst;
	const char *dot = rc == 0 ? strrchr(name, '.') : NULL;

	for (size_t i = 0; rc == 0 && dot != NULL && dot > name && unit_suffixes[i] != NULL; i++) {
		if (strcmp(dot, unit_suffixes[i]) == 0)
			return 0;
	}
	return rc != 0 ? rc
		       : toml_fail(value, err, -EBADMSG, "\"%.100s\" is not a unit name", name);
}
LIST_READER(unit_names, read_unit_name)

static int read_target(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, TREE_PATH_MAX, err);

	if (rc == 0 && **(char **)dst == '\0')
		return toml_fail(value, err, -EBADMSG, "%s is empty", value->key);
	return rc;
}

/* A field of passwd(5). */
static int read_passwd_text(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, 255, err);

	if (rc == 0 && strchr(*(char **)dst, ':') != NULL)
		return toml_fail(value, err, -EBADMSG, "%s holds a colon", value->key);
	return rc;
}

static int read_passwd_path(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_passwd_text(value, dst, err);

	if (rc == 0 && **(char **)dst != '/')
		return toml_fail(value, err, -EBADMSG, "%s is not an absolute path in the guest",
			value->key);
	return rc;
}

static int finish_dir(const struct toml *value, void *item, struct err *err)
{
	struct recipe_dir *dir = item;

	(void)err;
	if (toml_get(value, "mode") == NULL)
		dir->mode = 0755;
	return 0;
}

static const struct toml_field dir_fields[] = {
	{"path", offsetof(struct recipe_dir, path), recipe_read_guest_path, true},
	{"mode", offsetof(struct recipe_dir, mode), recipe_read_mode, false},
	{"uid", offsetof(struct recipe_dir, uid), recipe_read_id, false},
	{"gid", offsetof(struct recipe_dir, gid), recipe_read_id, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind dirs_kind = RECIPE_KIND(
	dirs, dir_count, .distinct = true, .fields = dir_fields, .finish = finish_dir);
ITEMS_READER(dirs)

static int finish_file(const struct toml *value, void *item, struct err *err)
{
	struct recipe_file *file = item;

	if (toml_get(value, "mode") == NULL)
		file->mode = 0644;
	return recipe_check_source(value, &file->source, "source", err);
}

static const struct toml_field file_fields[] = {
	{"path", offsetof(struct recipe_file, path), recipe_read_guest_path, true},
	{"source", offsetof(struct recipe_file, source.path), recipe_read_source_path, false},
	{"text", offsetof(struct recipe_file, source.text), toml_read_string, false},
	{"sha256", offsetof(struct recipe_file, source), recipe_read_source_sha256, false},
	{"mode", offsetof(struct recipe_file, mode), recipe_read_mode, false},
	{"uid", offsetof(struct recipe_file, uid), recipe_read_id, false},
	{"gid", offsetof(struct recipe_file, gid), recipe_read_id, false},
	{"xattrs", offsetof(struct recipe_file, xattrs), recipe_read_xattrs, false},
	{"capabilities", offsetof(struct recipe_file, xattrs), recipe_read_capabilities, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind files_kind = RECIPE_KIND(
	files, file_count, .distinct = true, .fields = file_fields, .finish = finish_file);
ITEMS_READER(files)

static int finish_permission(const struct toml *value, void *item, struct err *err)
{
	struct recipe_permission *permission = item;

	permission->has_mode = toml_get(value, "mode") != NULL;
	permission->has_uid = toml_get(value, "uid") != NULL;
	permission->has_gid = toml_get(value, "gid") != NULL;
	if (!permission->has_mode && !permission->has_uid && !permission->has_gid &&
		permission->xattrs.count == 0)
		return toml_fail(value, err, -EBADMSG,
			"one of mode, uid, gid, xattrs and capabilities is needed");
	return 0;
}

static const struct toml_field permission_fields[] = {
	{"path", offsetof(struct recipe_permission, path), recipe_read_guest_path, true},
	{"mode", offsetof(struct recipe_permission, mode), recipe_read_mode, false},
	{"uid", offsetof(struct recipe_permission, uid), recipe_read_id, false},
	{"gid", offsetof(struct recipe_permission, gid), recipe_read_id, false},
	{"xattrs", offsetof(struct recipe_permission, xattrs), recipe_read_xattrs, false},
	{"capabilities", offsetof(struct recipe_permission, xattrs), recipe_read_capabilities,
		false},
	TOML_FIELDS_END,
};
static const struct recipe_kind permissions_kind = RECIPE_KIND(permissions, permission_count,
	.distinct = true, .fields = permission_fields, .finish = finish_permission);
ITEMS_READER(permissions)

static const struct toml_field join_fields[] = {
	{"path", offsetof(struct recipe_join, path), recipe_read_guest_path, true},
	{"of", offsetof(struct recipe_join, of), read_patterns, true},
	TOML_FIELDS_END,
};
static const struct recipe_kind joins_kind = RECIPE_KIND(
	joins, join_count, .distinct = true, .fields = join_fields);
ITEMS_READER(joins)

static const struct toml_field link_fields[] = {
	{"path", offsetof(struct recipe_link, path), recipe_read_guest_path, true},
	{"target", offsetof(struct recipe_link, target), read_target, true},
	TOML_FIELDS_END,
};
static const struct recipe_kind links_kind = RECIPE_KIND(
	links, link_count, .distinct = true, .fields = link_fields);
ITEMS_READER(links)

static int finish_user(const struct toml *value, void *item, struct err *err)
{
	struct recipe_user *user = item;
	int rc = recipe_default(&user->gecos, "", err);

	(void)value;
	if (rc == 0)
		rc = recipe_default(&user->home, "/nonexistent", err);
	return rc != 0 ? rc : recipe_default(&user->shell, "/usr/sbin/nologin", err);
}

static const struct toml_field user_fields[] = {
	{"name", offsetof(struct recipe_user, name), read_account, true},
	{"uid", offsetof(struct recipe_user, uid), recipe_read_id, true},
	{"gid", offsetof(struct recipe_user, gid), recipe_read_id, true},
	{"gecos", offsetof(struct recipe_user, gecos), read_passwd_text, false},
	{"home", offsetof(struct recipe_user, home), read_passwd_path, false},
	{"shell", offsetof(struct recipe_user, shell), read_passwd_path, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind users_kind = RECIPE_KIND(
	users, user_count, .distinct = true, .fields = user_fields, .finish = finish_user);
ITEMS_READER(users)

static const struct toml_field group_fields[] = {
	{"name", offsetof(struct recipe_group, name), read_account, true},
	{"gid", offsetof(struct recipe_group, gid), recipe_read_id, true},
	{"members", offsetof(struct recipe_group, members), read_accounts, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind groups_kind = RECIPE_KIND(
	groups, group_count, .distinct = true, .fields = group_fields);
ITEMS_READER(groups)

static int finish_unit(const struct toml *value, void *item, struct err *err)
{
	struct recipe_unit *unit = item;

	unit->has_source = unit->source.path != NULL || unit->source.text != NULL;
	if (unit->mask && (unit->has_source || unit->wanted_by.count > 0 || unit->preset))
		return toml_fail(
			value, err, -EBADMSG, "%s is masked and defined or wanted too", unit->name);
	if (!unit->has_source && unit->source.has_sha256)
		return toml_fail(value, err, -EBADMSG, "%s has a sha256 and no source", unit->name);
	if (!unit->mask && !unit->has_source && unit->wanted_by.count == 0 && !unit->preset)
		return toml_fail(value, err, -EBADMSG,
			"%s needs one of source, text, wanted-by, preset and mask", unit->name);
	return unit->has_source ? recipe_check_source(value, &unit->source, "source", err) : 0;
}

static const struct toml_field unit_fields[] = {
	{"name", offsetof(struct recipe_unit, name), read_unit_name, true},
	{"source", offsetof(struct recipe_unit, source.path), recipe_read_source_path, false},
	{"text", offsetof(struct recipe_unit, source.text), toml_read_string, false},
	{"sha256", offsetof(struct recipe_unit, source), recipe_read_source_sha256, false},
	{"wanted-by", offsetof(struct recipe_unit, wanted_by), read_unit_names, false},
	{"preset", offsetof(struct recipe_unit, preset), toml_read_bool, false},
	{"mask", offsetof(struct recipe_unit, mask), toml_read_bool, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind units_kind = RECIPE_KIND(
	units, unit_count, .distinct = true, .fields = unit_fields, .finish = finish_unit);
ITEMS_READER(units)

static int read_image_digest(const struct toml *value, void *dst, struct err *err)
{
	static const struct recipe_word word = {
		"an image's digest, \"sha256:\" and 64 digits", "s", DIGIT "abcdefhs:", 71, 71};
	int rc = recipe_read_word(value, dst, &word, err);
	const char *text = *(char **)dst;

	if (rc == 0 && (strncmp(text, "sha256:", 7) != 0 ||
			       strspn(text + 7, DIGIT "abcdef") != strlen(text + 7)))
		return toml_fail(value, err, -EBADMSG, "\"%.100s\" is not %s", text, word.what);
	return rc;
}
LIST_READER(image_digests, read_image_digest)

static const struct toml_field allow_list_fields[] = {
	{"digests", offsetof(struct recipe_allow_list, digests), read_image_digests, true},
	{"install", offsetof(struct recipe_allow_list, install), recipe_read_guest_path, false},
	TOML_FIELDS_END,
};

int recipe_read_allow_list(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_allow_list *list = dst;
	int rc = toml_fields(value, allow_list_fields, list, err);

	list->present = rc == 0;
	return rc != 0 ? rc
		       : recipe_default(&list->install, "etc/c8s/bootstrap-allowlist.json", err);
}

static const struct toml_field agent_fields[] = {
	{"path", offsetof(struct recipe_agent, source.path), recipe_read_source_path, true},
	{"member", offsetof(struct recipe_agent, member), recipe_read_member, false},
	{"sha256", offsetof(struct recipe_agent, source), recipe_read_source_sha256, false},
	{"install", offsetof(struct recipe_agent, install), recipe_read_guest_path, false},
	{"stand-in", offsetof(struct recipe_agent, stand_in), toml_read_bool, false},
	TOML_FIELDS_END,
};

int recipe_read_agent(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_agent *agent = dst;
	int rc = toml_fields(value, agent_fields, agent, err);

	if (rc != 0)
		return rc;
	if (!agent->stand_in && !agent->source.has_sha256)
		return toml_fail(value, err, -EBADMSG, "sha256 is missing");
	agent->present = true;
	return recipe_default(&agent->install, "usr/bin/kata-agent", err);
}

static const struct toml_field policy_fields[] = {
	{"path", offsetof(struct recipe_policy, source.path), recipe_read_source_path, false},
	{"text", offsetof(struct recipe_policy, source.text), toml_read_string, false},
	{"name", offsetof(struct recipe_policy, name), read_policy, false},
	{"sha256", offsetof(struct recipe_policy, source), recipe_read_source_sha256, false},
	{"debug", offsetof(struct recipe_policy, debug), toml_read_bool, false},
	TOML_FIELDS_END,
};

int recipe_read_policy(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_policy *policy = dst;
	int rc = toml_fields(value, policy_fields, policy, err);

	if (rc == 0)
		rc = recipe_check_source(value, &policy->source, "path", err);
	if (rc != 0)
		return rc;
	policy->present = true;
	if (policy->name == NULL && policy->source.path == NULL)
		return toml_fail(value, err, -EBADMSG, "name is missing");
	if (policy->name != NULL)
		return 0;
	rc = recipe_default(&policy->name, basename(policy->source.path), err);
	return rc != 0 ? rc : recipe_check_word(value, policy->name, &policy_word, err);
}

/* The lists, which may be partly filled after a failure: every struct in them was zeroed. */
static void lists_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->dir_count; i++)
		free(recipe->dirs[i].path);
	for (size_t i = 0; i < recipe->file_count; i++) {
		free(recipe->files[i].path);
		recipe_source_done(&recipe->files[i].source);
		recipe_xattrs_done(&recipe->files[i].xattrs);
	}
	for (size_t i = 0; i < recipe->permission_count; i++) {
		free(recipe->permissions[i].path);
		recipe_xattrs_done(&recipe->permissions[i].xattrs);
	}
	free(recipe->permissions);
	for (size_t i = 0; i < recipe->join_count; i++) {
		free(recipe->joins[i].path);
		recipe_strings_done(&recipe->joins[i].of);
	}
	free(recipe->joins);
	for (size_t i = 0; i < recipe->link_count; i++) {
		free(recipe->links[i].path);
		free(recipe->links[i].target);
	}
	for (size_t i = 0; i < recipe->unit_count; i++) {
		free(recipe->units[i].name);
		recipe_source_done(&recipe->units[i].source);
		recipe_strings_done(&recipe->units[i].wanted_by);
	}
	free(recipe->dirs);
	free(recipe->files);
	free(recipe->links);
	free(recipe->units);
}

static void accounts_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->user_count; i++) {
		free(recipe->users[i].name);
		free(recipe->users[i].gecos);
		free(recipe->users[i].home);
		free(recipe->users[i].shell);
	}
	for (size_t i = 0; i < recipe->group_count; i++) {
		free(recipe->groups[i].name);
		recipe_strings_done(&recipe->groups[i].members);
	}
	free(recipe->users);
	free(recipe->groups);
}

void recipe_tree_done(struct recipe *recipe)
{
	lists_done(recipe);
	accounts_done(recipe);
	recipe_source_done(&recipe->agent.source);
	free(recipe->agent.member);
	free(recipe->agent.install);
	recipe_source_done(&recipe->policy.source);
	free(recipe->policy.name);
	free(recipe->allow_list.install);
	recipe_strings_done(&recipe->allow_list.digests);
}
