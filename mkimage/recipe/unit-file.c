/* Unit and preset files (unit-file.h). */
#define _GNU_SOURCE
#include "mkimage/recipe/unit-file.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE		 " \t\r"
#define PRESET_FILES_MAX 1024

/* --- units --- */

struct walk {
	const char *at, *end;
	unsigned line;
	char section[64];
	unit_file_fn *fn;
	void *arg;
};

/* The next line without its end; false at the end of the text. */
static bool next_line(struct walk *walk, const char **ret, size_t *ret_len)
{
	const char *newline;

	if (walk->at >= walk->end)
		return false;
	newline = memchr(walk->at, '\n', (size_t)(walk->end - walk->at));
	if (newline == NULL)
		newline = walk->end;
	*ret = walk->at;
	*ret_len = (size_t)(newline - walk->at);
	while (*ret_len > 0 && strchr(SPACE, (*ret)[*ret_len - 1]) != NULL)
		--*ret_len;
	while (*ret_len > 0 && strchr(SPACE, **ret) != NULL) {
		++*ret;
		--*ret_len;
	}
	walk->at = newline + 1;
	walk->line++;
	return true;
}

static bool is_comment(const char *line, size_t n)
{
	return n == 0 || line[0] == '#' || line[0] == ';';
}

/* One logical line: comments inside a continued one are passed over. */
static bool join_lines(struct walk *walk, struct buf *ret)
{
	const char *line;
	size_t n;
	bool more = true, any = false;

	ret->len = 0;
	while (more && next_line(walk, &line, &n)) {
		if (any && n > 0 && is_comment(line, n))
			continue;
		any = true;
		more = n > 0 && line[n - 1] == '\\' && !(ret->len == 0 && is_comment(line, n));
		buf_add(ret, line, more ? n - 1 : n);
		if (more)
			buf_str(ret, " ");
	}
	return any;
}

static int take_section(struct walk *walk, const char *line, size_t n, struct err *err)
{
	if (n < 3 || line[n - 1] != ']' || n - 2 >= sizeof(walk->section))
		return err_fail(err, -EBADMSG, "line %u: a bad section", walk->line);
	snprintf(walk->section, sizeof(walk->section), "%.*s", (int)(n - 2), line + 1);
	return 0;
}

static int take_assignment(struct walk *walk, char *line, struct err *err)
{
	char *equals = strchr(line, '=');
	char *key_end, *value;

	if (equals == NULL || equals == line || walk->section[0] == '\0')
		return err_fail(err, -EBADMSG, "line %u: no assignment in a section", walk->line);
	for (key_end = equals; key_end > line && strchr(SPACE, key_end[-1]) != NULL; key_end--)
		;
	*key_end = '\0';
	value = equals + 1 + strspn(equals + 1, SPACE);
	return walk->fn(walk->arg, walk->section, line, value, err);
}

int unit_file_walk(const char *text, size_t len, unit_file_fn *fn, void *arg, struct err *err)
{
	struct walk walk = {.at = text, .end = text + len, .fn = fn, .arg = arg};
	BUF_AUTO line = {0};
	int rc = 0;

	if (len > UNIT_FILE_BYTES_MAX)
		return err_fail(err, -EFBIG, "larger than %u bytes", UNIT_FILE_BYTES_MAX);
	if (len > 0 && memchr(text, '\0', len) != NULL)
		return err_fail(err, -EBADMSG, "has a NUL");
	while (rc == 0 && join_lines(&walk, &line)) {
		rc = buf_check(&line, err);
		if (rc != 0 || is_comment(buf_cstr(&line), line.len))
			continue;
		buf_cstr(&line);
		rc = line.data[0] == '[' ? take_section(&walk, (char *)line.data, line.len, err)
					 : take_assignment(&walk, (char *)line.data, err);
	}
	return rc;
}

const char *unit_file_word(const char **at, size_t *ret_len)
{
	const char *start = *at + strspn(*at, SPACE);
	char quote = *start == '"' || *start == '\'' ? *start : '\0';
	const char *end;

	if (*start == '\0')
		return NULL;
	if (quote != '\0' && (end = strchr(start + 1, quote)) != NULL) {
		*ret_len = (size_t)(end - start - 1);
		*at = end + 1;
		return start + 1;
	}
	*ret_len = strcspn(start, SPACE);
	*at = start + *ret_len;
	return start;
}

static int read_node(
	const struct tree_node *node, const char *path, struct buf *ret, struct err *err)
{
	uint64_t n = node->inode->content.size_bytes;
	void *dst;
	int rc;

	if (n > UNIT_FILE_BYTES_MAX)
		return err_fail(
			err, -EFBIG, "/%s: larger than %u bytes", path, UNIT_FILE_BYTES_MAX);
	dst = buf_grow(ret, (size_t)n);
	rc = buf_check(ret, err);
	return rc != 0 ? rc : tree_read(&node->inode->content, path, dst, (size_t)n, 0, err);
}

int unit_file_find(
	const struct tree *tree, const char *name, char *ret_path, struct buf *ret, struct err *err)
{
	static const char *const dirs[] = {
		UNIT_DIR, "usr/local/lib/systemd/system", UNIT_PACKAGE_DIR};
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');
	const char *suffix = at != NULL && dot != NULL && dot > at ? dot : "";
	int stem = *suffix != '\0' ? (int)(at - name) + 1 : (int)strlen(name);

	for (int whole = 1; whole >= 0; whole--) {
		if (whole == 0 && *suffix == '\0')
			break;
		for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
			const struct tree_node *node;

			snprintf(ret_path, TREE_PATH_MAX + 1, "%s/%.*s%s", dirs[i],
				whole ? (int)strlen(name) : stem, name, whole ? "" : suffix);
			node = tree_resolve(tree, ret_path);
			if (node != NULL && node->inode->type == TREE_FILE)
				return ret != NULL ? read_node(node, ret_path, ret, err) : 0;
		}
	}
	return err_fail(
		err, -ENOENT, "neither the recipe nor a package has the file of %.200s", name);
}

/* --- presets --- */

struct preset {
	const char *name; /* borrowed from the tree */
	const struct tree_node *node;
};

static int compare_presets(const void *a, const void *b)
{
	return strcmp(((const struct preset *)a)->name, ((const struct preset *)b)->name);
}

static bool has_preset(const struct preset *presets, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(presets[i].name, name) == 0)
			return true;
	}
	return false;
}

/* The files in their order; one of an earlier directory hides those of its name. */
static int list_presets(
	const struct tree *tree, struct preset *presets, size_t *ret_count, struct err *err)
{
	static const char *const dirs[] = {"etc/systemd/system-preset",
		"usr/local/lib/systemd/system-preset", "usr/lib/systemd/system-preset"};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		const struct tree_node *dir = tree_resolve(tree, dirs[i]);

		for (size_t k = 0; dir != NULL && k < dir->child_count; k++) {
			const char *name = dir->children[k]->name;
			const char *dot = strrchr(name, '.');

			if (dot == NULL || strcmp(dot, ".preset") != 0 ||
				has_preset(presets, count, name))
				continue;
			if (count == PRESET_FILES_MAX)
				return err_fail(
					err, -EFBIG, "more than %d preset files", PRESET_FILES_MAX);
			presets[count++] = (struct preset){name, dir->children[k]};
		}
	}
	qsort(presets, count, sizeof(*presets), compare_presets);
	*ret_count = count;
	return 0;
}

/* What one line says of @name: 1 enable, 0 disable (or ignore: nothing is done then either), -1 nothing. */
static int preset_line(const char *line, const char *name)
{
	static const char *const verbs[] = {"disable", "enable", "ignore"};
	char pattern[TREE_NAME_MAX + 1];
	size_t n, length;
	const char *verb = unit_file_word(&line, &n);
	const char *word = verb != NULL ? unit_file_word(&line, &length) : NULL;

	if (word == NULL || length >= sizeof(pattern))
		return -1;
	snprintf(pattern, sizeof(pattern), "%.*s", (int)length, word);
	for (int i = 0; i < 3; i++) {
		if (strlen(verbs[i]) == n && memcmp(verbs[i], verb, n) == 0)
			return fnmatch(pattern, name, FNM_NOESCAPE) == 0 ? i % 2 : -1;
	}
	return -1;
}

static int ask_preset(const struct tree *tree, const struct preset *preset, const char *name,
	int *ret, struct err *err)
{
	struct walk walk = {0};
	char path[TREE_PATH_MAX + 1];
	const struct tree_node *node;
	BUF_AUTO text = {0};
	const char *line;
	size_t n;
	int rc;

	tree_path(preset->node, path);
	node = tree_resolve(tree, path);
	*ret = -1;
	if (node == NULL || node->inode->type != TREE_FILE)
		return 0;
	rc = read_node(node, path, &text, err);
	walk.at = buf_cstr(&text);
	walk.end = walk.at + text.len;
	while (rc == 0 && *ret < 0 && next_line(&walk, &line, &n)) {
		AUTO_FREE char *copy = strndup(line, n);

		if (copy == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		if (!is_comment(copy, n))
			*ret = preset_line(copy, name);
	}
	return rc;
}

int unit_file_preset(const struct tree *tree, const char *name, bool *ret, struct err *err)
{
	AUTO_FREE struct preset *presets = calloc(PRESET_FILES_MAX, sizeof(*presets));
	size_t count = 0;
	int said = -1;
	int rc = presets != NULL ? list_presets(tree, presets, &count, err)
				 : err_fail(err, -ENOMEM, "out of memory");

	for (size_t i = 0; rc == 0 && said < 0 && i < count; i++)
		rc = ask_preset(tree, &presets[i], name, &said, err);
	if (rc == 0)
		*ret = said != 0;
	return rc;
}
