/* Units before sealing (check-units.h; systemd.unit(5), systemd.service(5), systemd.exec(5)). */
#define _GNU_SOURCE
#include "mkimage/check/check-units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/unit-file.h"

#define UNITS_MAX    8192
#define DEFAULT_UNIT "default.target"

struct check {
	const struct tree *tree;
	struct buf *warnings;
	char **units; /* owned names; those from @next on are still to be read */
	size_t count, next;
};

static void check_done(struct check *check)
{
	for (size_t i = 0; i < check->count; i++)
		free(check->units[i]);
	free(check->units);
}

/* The file of a unit that is being read. */
struct reading {
	struct check *check;
	const char *path;      /* of the file, without a slash */
	const char *origin;    /* of the file */
	struct buf conditions; /* paths that must be there for it to start, a line each */
};

static const char *origin_of(const struct tree_node *node)
{
	return node != NULL && node->inode->origin[0] != '\0' ? node->inode->origin
							      : "no named source";
}

/* --- names --- */

/* Kinds of units that need no file, and those that the manager makes itself. */
static bool is_implicit(const char *name)
{
	static const char *const suffixes[] = {
		".device", ".slice", ".scope", ".mount", ".automount", ".swap"};
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t k = strlen(suffixes[i]);

		if (n > k && strcmp(name + n - k, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* Whether /etc or a package has a link or a file of that name, masked or not. */
static bool is_there(const struct tree *tree, const char *name)
{
	char path[TREE_PATH_MAX + 1];
	struct err ignored = {0};

	snprintf(path, sizeof(path), UNIT_DIR "/%.255s", name);
	if (tree_find(tree, path) != NULL)
		return true;
	snprintf(path, sizeof(path), UNIT_PACKAGE_DIR "/%.255s", name);
	return tree_find(tree, path) != NULL ||
	       unit_file_find(tree, name, path, NULL, &ignored) == 0;
}

/* Puts @name on the list. */
static int need(struct check *check, const char *name, struct err *err)
{
	char **grown;

	if (strpbrk(name, "%$/") != NULL || strlen(name) > TREE_NAME_MAX)
		return 0;
	for (size_t i = 0; i < check->count; i++) {
		if (strcmp(check->units[i], name) == 0)
			return 0;
	}
	if (check->count == UNITS_MAX)
		return err_fail(err, -EFBIG, "more than %d units", UNITS_MAX);
	grown = reallocarray(check->units, check->count + 1, sizeof(*grown));
	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	check->units = grown;
	grown[check->count] = strdup(name);
	if (grown[check->count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	check->count++;
	return 0;
}

/* --- what a unit's file says --- */

enum reference {
	REQUIRES, /* must be there, and is started */
	WANTS,	  /* is started when it is there */
	ORDERS,	  /* is only named */
};

static const struct {
	const char *key;
	enum reference reference;
} references[] = {{"Requires", REQUIRES}, {"BindsTo", REQUIRES}, {"Requisite", REQUIRES},
	{"Wants", WANTS}, {"Upholds", WANTS}, {"OnFailure", WANTS}, {"OnSuccess", WANTS},
	{"Sockets", WANTS}, {"Service", WANTS}, {"Unit", WANTS}, {"After", ORDERS},
	{"Before", ORDERS}};

static int refer(
	const struct reading *reading, enum reference reference, const char *name, struct err *err)
{
	struct check *check = reading->check;
	bool missing = !is_implicit(name) && strpbrk(name, "%$") == NULL &&
		       !is_there(check->tree, name);

	if (missing && reference == REQUIRES)
		return err_fail(err, -EKEYREJECTED,
			"/%s: requires %.200s, which is not there (from %s)", reading->path, name,
			reading->origin);
	if (missing && strncmp(reading->path, UNIT_DIR "/", strlen(UNIT_DIR) + 1) == 0)
		buf_fmt(check->warnings, "/%s: names %s, which is not there\n", reading->path,
			name);
	return missing || reference == ORDERS ? 0 : need(check, name, err);
}

static int refer_words(
	const struct reading *reading, enum reference reference, const char *value, struct err *err)
{
	const char *at = value, *word;
	size_t n;
	int rc = 0;

	while (rc == 0 && (word = unit_file_word(&at, &n)) != NULL) {
		AUTO_FREE char *name = strndup(word, n);

		rc = name != NULL ? refer(reading, reference, name, err)
				  : err_fail(err, -ENOMEM, "out of memory");
	}
	return rc;
}

static bool is_executable(const struct tree_node *node)
{
	return node != NULL && node->inode->type == TREE_FILE && (node->inode->mode & 0111) != 0;
}

/* A program without a slash is looked for as systemd does. */
static bool finds_program(const struct tree *tree, const char *program)
{
	static const char *const dirs[] = {
		"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"};
	char path[TREE_PATH_MAX + 1];

	if (strchr(program, '/') != NULL)
		return is_executable(tree_resolve(tree, program));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%.255s", dirs[i], program);
		if (is_executable(tree_resolve(tree, path)))
			return true;
	}
	return false;
}

static bool is_mounted_later(const char *program)
{
	static const char *const dirs[] = {"/run/", "/proc/", "/dev/", "/sys/", "/tmp/"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (strncmp(program, dirs[i], strlen(dirs[i])) == 0)
			return true;
	}
	return false;
}

/* Whether a condition of the unit keeps it from starting without @program. */
static bool is_conditional(const struct reading *reading, const char *program)
{
	size_t n = strlen(program);

	for (const char *at = buf_cstr(&reading->conditions); *at != '\0';) {
		size_t k = strcspn(at, "\n");

		if (k == n && memcmp(at, program, n) == 0)
			return true;
		at += k + (at[k] == '\n');
	}
	return false;
}

/* "ExecStart=-/usr/bin/x y": signs, then the program. */
static int check_exec(
	const struct reading *reading, const char *key, const char *value, struct err *err)
{
	size_t signs = strspn(value, "@-:+!|");
	bool excused = memchr(value, '-', signs) != NULL;
	const char *at = value + signs;
	size_t n;
	const char *word = unit_file_word(&at, &n);
	AUTO_FREE char *program = word != NULL ? strndup(word, n) : NULL;

	if (word == NULL || excused)
		return 0;
	if (program == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (strpbrk(program, "%$") != NULL || is_mounted_later(program) ||
		is_conditional(reading, program) || finds_program(reading->check->tree, program))
		return 0;
	return err_fail(err, -EKEYREJECTED, "/%s: %s=%.200s is no executable file (from %s)",
		reading->path, key, program, reading->origin);
}

/* unit_file_fn: the paths that conditions name. */
static int read_condition(
	void *arg, const char *section, const char *key, const char *value, struct err *err)
{
	static const char *const keys[] = {"ConditionPathExists", "ConditionFileIsExecutable",
		"ConditionFileNotEmpty", "AssertPathExists", "AssertFileIsExecutable"};
	struct reading *reading = arg;

	(void)section;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			buf_fmt(&reading->conditions, "%s\n", value + strspn(value, "|"));
	}
	return buf_check(&reading->conditions, err);
}

/* unit_file_fn */
static int read_line(
	void *arg, const char *section, const char *key, const char *value, struct err *err)
{
	const struct reading *reading = arg;

	if (strcmp(section, "Install") == 0)
		return 0;
	if (strncmp(key, "Exec", 4) == 0 && strcmp(section, "Unit") != 0 &&
		strncmp(key, "ExecSearchPath", 14) != 0 && strncmp(key, "ExecPaths", 9) != 0)
		return check_exec(reading, key, value, err);
	for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++) {
		if (strcmp(key, references[i].key) == 0)
			return refer_words(reading, references[i].reference, value, err);
	}
	return 0;
}

/* Reads the file of a unit or a drop-in at @path. */
static int read_file(struct check *check, const char *path, const struct buf *text, struct err *err)
{
	struct reading reading = {
		.check = check, .path = path, .origin = origin_of(tree_resolve(check->tree, path))};
	int rc = unit_file_walk(buf_cstr(text), text->len, read_condition, &reading, err);

	if (rc == 0)
		rc = unit_file_walk(buf_cstr(text), text->len, read_line, &reading, err);
	buf_done(&reading.conditions);
	return rc == -EBADMSG ? err_wrap(err, "/%s", path) : rc;
}

static int read_node(struct check *check, const struct tree_node *node, struct err *err)
{
	char path[TREE_PATH_MAX + 1];
	const struct tree_node *file;
	BUF_AUTO text = {0};
	void *dst;
	int rc;

	tree_path(node, path);
	file = tree_resolve(check->tree, path);
	if (file == NULL || file->inode->type != TREE_FILE)
		return 0;
	if (file->inode->content.size_bytes > UNIT_FILE_BYTES_MAX)
		return err_fail(
			err, -EFBIG, "/%s: larger than %u bytes", path, UNIT_FILE_BYTES_MAX);
	dst = buf_grow(&text, (size_t)file->inode->content.size_bytes);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = tree_read(&file->inode->content, path, dst, text.len, 0, err);
	return rc != 0 ? rc : read_file(check, path, &text, err);
}

/* What a directory beside the unit's file adds: NAME.wants and NAME.requires name units, NAME.d holds drop-ins. */
static int read_beside(struct check *check, const char *name, struct err *err)
{
	static const char *const dirs[] = {UNIT_DIR, UNIT_PACKAGE_DIR};
	static const char *const suffixes[] = {"wants", "requires", "upholds", "d"};
	char path[TREE_PATH_MAX + 1];
	int rc = 0;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs) * 4; i++) {
		const char *suffix = suffixes[i % 4];
		const struct tree_node *dir;

		snprintf(path, sizeof(path), "%s/%.255s.%s", dirs[i / 4], name, suffix);
		dir = tree_resolve(check->tree, path);
		for (size_t k = 0; rc == 0 && dir != NULL && k < dir->child_count; k++) {
			const struct tree_node *node = dir->children[k];
			size_t n = strlen(node->name);

			if (strcmp(suffix, "d") != 0)
				rc = need(check, node->name, err);
			else if (n > 5 && strcmp(node->name + n - 5, ".conf") == 0)
				rc = read_node(check, node, err);
		}
	}
	return rc;
}

/* A socket, a timer or a path starts the service of its name. */
static int read_counterpart(struct check *check, const char *name, struct err *err)
{
	static const char *const suffixes[] = {".socket", ".timer", ".path"};
	char service[TREE_NAME_MAX + 10];
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		if (strcmp(dot, suffixes[i]) != 0)
			continue;
		snprintf(service, sizeof(service), "%.*s.service", (int)(dot - name), name);
		return is_there(check->tree, service) ? need(check, service, err) : 0;
	}
	return 0;
}

static bool is_masked(const struct tree *tree, const char *name)
{
	char path[TREE_PATH_MAX + 1];
	const struct tree_node *node;

	snprintf(path, sizeof(path), UNIT_DIR "/%.255s", name);
	node = tree_find(tree, path);
	return node != NULL && node->inode->type == TREE_SYMLINK &&
	       strcmp(node->inode->target, "/dev/null") == 0;
}

static int check_unit(struct check *check, const char *name, struct err *err)
{
	char path[TREE_PATH_MAX + 1];
	struct err none = {0};
	BUF_AUTO text = {0};
	int rc = is_masked(check->tree, name)
			 ? 0
			 : unit_file_find(check->tree, name, path, &text, &none);

	if (rc != 0 && rc != -ENOENT)
		return err_fail(err, rc, "%s", none.msg);
	if (rc == 0 && text.len > 0)
		rc = read_file(check, path, &text, err);
	if (rc == -ENOENT)
		rc = 0;
	if (rc == 0 && !is_masked(check->tree, name))
		rc = read_beside(check, name, err);
	return rc != 0 ? rc : read_counterpart(check, name, err);
}

/* --- where boot begins --- */

static bool has_unit_suffix(const char *name)
{
	static const char *const suffixes[] = {
		".service", ".socket", ".target", ".timer", ".path", ".mount", ".automount"};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		if (strcmp(dot, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* A link of /etc/systemd/system, or of a directory in it, leads to a file, to a unit of its name, or masks. */
static int check_link(const struct check *check, const struct tree_node *node, struct err *err)
{
	char path[TREE_PATH_MAX + 1], found[TREE_PATH_MAX + 1];
	struct err ignored = {0};

	tree_path(node, path);
	if (node->inode->type != TREE_SYMLINK || strcmp(node->inode->target, "/dev/null") == 0 ||
		tree_resolve(check->tree, path) != NULL ||
		unit_file_find(check->tree, node->name, found, NULL, &ignored) == 0)
		return 0;
	return err_fail(err, -EKEYREJECTED, "/%s: leads to %.200s, which is not there (from %s)",
		path, node->inode->target, origin_of(node));
}

/* NAME.wants and its like count only where NAME is a unit. */
static void check_wants(struct check *check, const char *dir)
{
	const char *dot = strrchr(dir, '.');
	char name[TREE_NAME_MAX + 1];

	if (dot == NULL || (strcmp(dot, ".wants") != 0 && strcmp(dot, ".requires") != 0 &&
				   strcmp(dot, ".upholds") != 0))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(dot - dir), dir);
	if (!is_implicit(name) && !is_there(check->tree, name))
		buf_fmt(check->warnings, "/" UNIT_DIR "/%s: names %s, which is not there\n", dir,
			name);
}

static int begin_dir(struct check *check, const struct tree_node *dir, bool is_top, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && dir != NULL && i < dir->child_count; i++) {
		const struct tree_node *node = dir->children[i];

		if (node->inode->type == TREE_DIR && is_top)
			check_wants(check, node->name);
		if (node->inode->type == TREE_DIR && is_top)
			rc = begin_dir(check, node, false, err);
		else
			rc = check_link(check, node, err);
		if (rc == 0 && is_top && node->inode->type != TREE_DIR &&
			has_unit_suffix(node->name))
			rc = need(check, node->name, err);
	}
	return rc;
}

static int begin_append(struct check *check, const char *append, struct err *err)
{
	static const char key[] = "systemd.unit=";
	const char *at = append, *word;
	size_t n;
	int rc = 0;

	while (rc == 0 && (word = unit_file_word(&at, &n)) != NULL) {
		AUTO_FREE char *copy = strndup(word, n);

		if (copy == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		if (strncmp(copy, key, strlen(key)) != 0)
			continue;
		if (!is_there(check->tree, copy + strlen(key)))
			return err_fail(err, -EKEYREJECTED,
				"the command line boots %.200s, which is not there",
				copy + strlen(key));
		rc = need(check, copy + strlen(key), err);
	}
	return rc;
}

int check_units(const struct tree *tree, const char *append, struct buf *warnings, struct err *err)
{
	__attribute__((cleanup(check_done))) struct check check = {
		.tree = tree, .warnings = warnings};
	int rc = begin_dir(&check, tree_resolve(tree, UNIT_DIR), true, err);

	if (rc == 0 && is_there(tree, DEFAULT_UNIT))
		rc = need(&check, DEFAULT_UNIT, err);
	if (rc == 0 && append != NULL && tree_resolve(tree, UNIT_PACKAGE_DIR) != NULL)
		rc = begin_append(&check, append, err);
	while (rc == 0 && check.next < check.count) {
		/* The list moves when it grows; names do not. */
		rc = check_unit(&check, check.units[check.next], err);
		check.next++;
	}
	return rc;
}
