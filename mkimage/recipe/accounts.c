/* Users and groups (accounts.h). */
#define _GNU_SOURCE
#include "mkimage/recipe/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWD_FIELDS 7
#define GROUP_FIELDS  4

/* A user or group: the fields that other lines may clash with, and the rest as it will be printed. */
struct account {
	char *name; /* owned */
	uint32_t id;
	uint32_t gid;	    /* of a user */
	char *rest;	    /* owned; a user's "gecos:home:shell" */
	struct buf members; /* a group's, with commas */
};

struct table {
	const char *what;
	struct account *items; /* owned */
	size_t count;
};

static void table_done(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->items[i].name);
		free(table->items[i].rest);
		buf_done(&table->items[i].members);
	}
	free(table->items);
}

#define TABLE_AUTO __attribute__((cleanup(table_done))) struct table

static struct account *find_name(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->items[i].name, name) == 0)
			return &table->items[i];
	}
	return NULL;
}

static struct account *find_id(const struct table *table, uint32_t id)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->items[i].id == id)
			return &table->items[i];
	}
	return NULL;
}

/* A new account of that name, which must be free; its number may be shared only by lines that were there before. */
static int add_account(
	struct table *table, const char *name, uint32_t id, struct account **ret, struct err *err)
{
	if (find_name(table, name) != NULL)
		return err_fail(err, -EBADMSG, "%s: %s is there twice", table->what, name);
	if (table->count >= ACCOUNTS_MAX)
		return err_fail(err, -EFBIG, "%s: more than %d lines", table->what, ACCOUNTS_MAX);
	struct account *grown = reallocarray(table->items, table->count + 1, sizeof(*table->items));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	table->items = grown;
	struct account *item = &grown[table->count];

	*item = (struct account){.name = strdup(name), .id = id};
	if (item->name == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	table->count++;
	*ret = item;
	return 0;
}

static bool parse_id(const char *text, uint32_t *ret)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value >= UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

/* Splits @line at its colons into exactly @n fields. */
static bool split(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fields[i] = line;
		line = strchr(line, ':');
		if (i + 1 == n)
			return line == NULL;
		if (line == NULL)
			return false;
		*line++ = '\0';
	}
	return false;
}

/* Reads one line of the table; false for one that is malformed. */
typedef int line_fn(struct table *table, char *line, bool *ret_good, struct err *err);

static int passwd_line(struct table *table, char *line, bool *ret_good, struct err *err)
{
	char *fields[PASSWD_FIELDS];
	struct account *item;
	uint32_t uid, gid;

	*ret_good = split(line, fields, PASSWD_FIELDS) && fields[0][0] != '\0' &&
		    parse_id(fields[2], &uid) && parse_id(fields[3], &gid);
	if (!*ret_good)
		return 0;
	int rc = add_account(table, fields[0], uid, &item, err);

	if (rc != 0)
		return rc;
	item->gid = gid;
	if (asprintf(&item->rest, "%s:%s:%s", fields[4], fields[5], fields[6]) < 0) {
		item->rest = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int group_line(struct table *table, char *line, bool *ret_good, struct err *err)
{
	char *fields[GROUP_FIELDS];
	struct account *item;
	uint32_t gid;

	*ret_good = split(line, fields, GROUP_FIELDS) && fields[0][0] != '\0' &&
		    parse_id(fields[2], &gid);
	if (!*ret_good)
		return 0;
	int rc = add_account(table, fields[0], gid, &item, err);

	if (rc != 0)
		return rc;
	buf_str(&item->members, fields[3]);
	return buf_check(&item->members, err);
}

static int read_table(const char *text, struct table *table, line_fn *read_line, struct err *err)
{
	char *copy AUTO_FREE = strdup(text);
	unsigned number = 0;

	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (char *line = copy, *next; line != NULL && *line != '\0'; line = next) {
		bool good;

		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		int rc = read_line(table, line, &good, err);

		number++;
		if (rc != 0)
			return rc;
		if (!good)
			return err_fail(
				err, -EBADMSG, "%s:%u: malformed line", table->what, number);
	}
	return 0;
}

static int check_id(const struct table *table, const char *name, uint32_t id, struct err *err)
{
	const struct account *owner = find_id(table, id);

	if (owner != NULL)
		return err_fail(err, -EBADMSG, "%s: %u, for %s, is the number of %s", table->what,
			id, name, owner->name);
	return 0;
}

static int add_user(
	const struct recipe_user *user, struct table *users, struct table *groups, struct err *err)
{
	struct account *item;
	int rc = check_id(users, user->name, user->uid, err);

	if (rc == 0)
		rc = add_account(users, user->name, user->uid, &item, err);
	if (rc != 0)
		return rc;
	item->gid = user->gid;
	if (asprintf(&item->rest, "%s:%s:%s", user->gecos, user->home, user->shell) < 0) {
		item->rest = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	if (find_id(groups, user->gid) != NULL)
		return 0;
	return add_account(groups, user->name, user->gid, &item, err);
}

static int add_members(struct account *group, const struct recipe_strings *members,
	const struct table *users, struct err *err)
{
	for (size_t i = 0; i < members->count; i++) {
		if (find_name(users, members->items[i]) == NULL)
			return err_fail(err, -EBADMSG, "group %s: member %s is no user",
				group->name, members->items[i]);
		if (group->members.len > 0)
			buf_str(&group->members, ",");
		buf_str(&group->members, members->items[i]);
	}
	return buf_check(&group->members, err);
}

/* A group of the recipe: a new one, or members for one that is there. */
static int add_group(const struct recipe_group *group, struct table *groups, struct err *err)
{
	struct account *item = find_name(groups, group->name);

	if (item != NULL && item->id != group->gid)
		return err_fail(err, -EBADMSG, "%s: group %s has number %u already", groups->what,
			group->name, item->id);
	if (item != NULL)
		return 0;
	int rc = check_id(groups, group->name, group->gid, err);

	return rc != 0 ? rc : add_account(groups, group->name, group->gid, &item, err);
}

/* Groups first, so that users find theirs; members last, so that groups find their users. */
static int add_recipe(
	const struct recipe *recipe, struct table *users, struct table *groups, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < recipe->group_count; i++)
		rc = add_group(&recipe->groups[i], groups, err);
	for (size_t i = 0; rc == 0 && i < recipe->user_count; i++)
		rc = add_user(&recipe->users[i], users, groups, err);
	for (size_t i = 0; rc == 0 && i < recipe->group_count; i++)
		rc = add_members(find_name(groups, recipe->groups[i].name),
			&recipe->groups[i].members, users, err);
	return rc;
}

static int check_gids(const struct table *users, const struct table *groups, struct err *err)
{
	for (size_t i = 0; i < users->count; i++) {
		if (find_id(groups, users->items[i].gid) == NULL)
			return err_fail(err, -EBADMSG, "%s: user %s: no group has number %u",
				users->what, users->items[i].name, users->items[i].gid);
	}
	return 0;
}

static void print(const struct table *users, const struct table *groups, struct accounts *ret)
{
	for (size_t i = 0; i < users->count; i++) {
		const struct account *user = &users->items[i];

		buf_fmt(&ret->passwd, "%s:x:%u:%u:%s\n", user->name, user->id, user->gid,
			user->rest);
		buf_fmt(&ret->shadow, "%s:*::0:99999:7:::\n", user->name);
	}
	for (size_t i = 0; i < groups->count; i++) {
		const struct account *group = &groups->items[i];
		const char *members = buf_cstr(&group->members);

		buf_fmt(&ret->group, "%s:x:%u:%s\n", group->name, group->id, members);
		buf_fmt(&ret->gshadow, "%s:*::%s\n", group->name, members);
	}
}

int accounts_make(const char *passwd, const char *what_passwd, const char *group,
	const char *what_group, const struct recipe *recipe, struct accounts *ret, struct err *err)
{
	TABLE_AUTO users = {.what = what_passwd};
	TABLE_AUTO groups = {.what = what_group};
	ACCOUNTS_AUTO made = {0};
	int rc = read_table(passwd, &users, passwd_line, err);

	if (rc == 0)
		rc = read_table(group, &groups, group_line, err);
	if (rc == 0)
		rc = add_recipe(recipe, &users, &groups, err);
	if (rc == 0)
		rc = check_gids(&users, &groups, err);
	if (rc != 0)
		return rc;
	print(&users, &groups, &made);
	if (made.passwd.bad || made.shadow.bad || made.group.bad || made.gshadow.bad)
		return err_fail(err, -ENOMEM, "out of memory");
	*ret = made;
	made = (struct accounts){0};
	return 0;
}

void accounts_done(struct accounts *accounts)
{
	buf_done(&accounts->passwd);
	buf_done(&accounts->group);
	buf_done(&accounts->shadow);
	buf_done(&accounts->gshadow);
}
