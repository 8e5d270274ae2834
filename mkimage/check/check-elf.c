/* Programs, libraries and their versions (check-elf.h). */
#define _GNU_SOURCE
#include "mkimage/check/check-elf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/elf.h"
#include "lib/buf.h"

#define HEAD_BYTES 64

static const char *const default_dirs[] = {"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu",
	"lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib"};

/* One file under check; its bytes stay in memory until the next. */
struct program {
	const struct tree *tree;
	const struct recipe_strings *provided; /* that another root gives; NULL: nothing */
	const struct tree_node *node;
	char path[TREE_PATH_MAX + 1];
	struct buf bytes;
	struct elf elf;
};

static void program_done(struct program *program)
{
	buf_done(&program->bytes);
}

#define PROGRAM_AUTO __attribute__((cleanup(program_done))) struct program

static const char *origin_of(const struct program *program)
{
	const char *origin = program->node->inode->origin;

	return origin[0] != '\0' ? origin : "no named source";
}

/* Whether the root that an extension is mounted beside has @name. */
static bool is_provided(const struct program *program, const char *name)
{
	for (size_t i = 0; program->provided != NULL && i < program->provided->count; i++) {
		if (strcmp(program->provided->items[i], name) == 0)
			return true;
	}
	return false;
}

static int is_program(const struct tree_node *node, const char *path, bool *ret, struct err *err)
{
	const struct tree_content *content = &node->inode->content;
	unsigned char head[HEAD_BYTES];
	int rc;

	*ret = false;
	if (node->inode->type != TREE_FILE || content->size_bytes < sizeof(head))
		return 0;
	rc = tree_read(content, path, head, sizeof(head), 0, err);
	if (rc == 0)
		*ret = elf_is_program(head, sizeof(head));
	return rc;
}

/* Reads @node whole. */
static int program_open(
	const struct tree *tree, const struct tree_node *node, struct program *ret, struct err *err)
{
	const struct tree_content *content = &node->inode->content;
	void *dst;
	int rc;

	ret->tree = tree;
	ret->node = node;
	tree_path(node, ret->path);
	if (content->size_bytes > CHECK_ELF_BYTES_MAX)
		return err_fail(err, -EFBIG, "/%s: a program of more than %u bytes", ret->path,
			CHECK_ELF_BYTES_MAX);
	dst = buf_grow(&ret->bytes, (size_t)content->size_bytes);
	rc = buf_check(&ret->bytes, err);
	if (rc == 0)
		rc = tree_read(content, ret->path, dst, (size_t)content->size_bytes, 0, err);
	if (rc != 0)
		return rc;
	rc = elf_open(ret->bytes.data, ret->bytes.len, &ret->elf, err);
	return rc != 0 ? err_wrap(err, "/%s", ret->path) : 0;
}

static const struct tree_node *find_in(
	const struct tree *tree, const char *dir, size_t n, const char *name)
{
	char path[2 * TREE_PATH_MAX + 2];
	const struct tree_node *node;
	bool found = false;
	struct err ignored = {0};

	if (n > TREE_PATH_MAX || strlen(name) > TREE_PATH_MAX)
		return NULL;
	snprintf(path, sizeof(path), "%.*s/%s", (int)n, dir, name);
	node = tree_resolve(tree, path);
	if (node == NULL || is_program(node, path, &found, &ignored) != 0)
		return NULL;
	return found ? node : NULL;
}

/* "$ORIGIN" is the directory of the program itself. */
static const struct tree_node *find_in_run_path(
	const struct program *program, const char *dir, size_t n, const char *name)
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
	char path[2 * TREE_PATH_MAX + 2], own[TREE_PATH_MAX + 1];

	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		size_t skip = strlen(tokens[i]);

		if (n < skip || strncmp(dir, tokens[i], skip) != 0 || n > TREE_PATH_MAX)
			continue;
		tree_path(program->node->parent, own);
		snprintf(path, sizeof(path), "%s%.*s", own, (int)(n - skip), dir + skip);
		return find_in(program->tree, path, strlen(path), name);
	}
	return find_in(program->tree, dir, n, name);
}

static const struct tree_node *find_by_tag(
	const struct program *program, uint64_t tag, const char *name)
{
	const char *list = elf_string(&program->elf, tag, 0);

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, ":");
		const struct tree_node *found = n > 0 ? find_in_run_path(program, list, n, name)
						      : NULL;

		if (found != NULL)
			return found;
		list += n + (list[n] == ':');
	}
	return NULL;
}

/* The one library of that name anywhere in the tree. */
static const struct tree_node *find_anywhere(const struct tree *tree, const char *name)
{
	const struct tree_node *found = NULL;

	tree_for_each (tree, node) {
		if (node->inode->type != TREE_FILE || strcmp(node->name, name) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = node;
	}
	return found;
}

static const struct tree_node *find_library(const struct program *program, const char *name)
{
	const struct tree_node *found = NULL;

	if (strchr(name, '/') != NULL)
		return tree_resolve(program->tree, name);
	if (elf_string(&program->elf, ELF_DT_RUNPATH, 0) == NULL)
		found = find_by_tag(program, ELF_DT_RPATH, name);
	if (found == NULL)
		found = find_by_tag(program, ELF_DT_RUNPATH, name);
	for (size_t i = 0; found == NULL && i < sizeof(default_dirs) / sizeof(*default_dirs); i++)
		found = find_in(program->tree, default_dirs[i], strlen(default_dirs[i]), name);
	return found != NULL ? found : find_anywhere(program->tree, name);
}

/* elf_version_fn: 1 when the definition is the wanted one. */
static int is_version(void *arg, const char *file, const char *version, bool weak, struct err *err)
{
	(void)file;
	(void)weak;
	(void)err;
	return strcmp(version, arg) == 0;
}

/* The library whose versions were looked at last: a program's needs come by library. */
struct needs {
	const struct program *program;
	const struct tree_node *node; /* of library; NULL: none yet */
	struct program library;
};

static void needs_done(struct needs *needs)
{
	program_done(&needs->library);
}

static int load_library(struct needs *needs, const char *file, struct err *err)
{
	const struct tree_node *node = find_library(needs->program, file);

	if (node == NULL)
		return err_fail(err, -EKEYREJECTED,
			"/%s: needs versions of %.100s, which is not there (from %s)",
			needs->program->path, file, origin_of(needs->program));
	if (node == needs->node)
		return 0;
	program_done(&needs->library);
	needs->node = node;
	return program_open(needs->program->tree, node, &needs->library, err);
}

/* elf_version_fn: one need of the program. */
static int check_version(
	void *arg, const char *file, const char *version, bool weak, struct err *err)
{
	struct needs *needs = arg;
	bool elsewhere = find_library(needs->program, file) == NULL &&
			 is_provided(needs->program, file);
	int rc = weak || elsewhere ? 0 : load_library(needs, file, err);

	if (rc != 0 || weak || elsewhere)
		return rc;
	/* A library without versions gives its symbols to every need, with a warning at most. */
	if (needs->library.elf.def_count == 0)
		return 0;
	rc = elf_definitions(&needs->library.elf, is_version, (void *)version, err);
	if (rc < 0)
		return err_wrap(err, "/%s", needs->library.path);
	if (rc == 0)
		return err_fail(err, -EKEYREJECTED,
			"/%s: needs %.100s, which /%s of this guest does not have (from %s)",
			needs->program->path, version, needs->library.path,
			origin_of(needs->program));
	return 0;
}

static int check_needed(const struct program *program, struct err *err)
{
	const char *name;

	for (size_t i = 0; (name = elf_string(&program->elf, ELF_DT_NEEDED, i)) != NULL; i++) {
		if (find_library(program, name) == NULL && !is_provided(program, name))
			return err_fail(err, -EKEYREJECTED,
				"/%s: the library %.200s that it needs is not there (from %s)",
				program->path, name, origin_of(program));
	}
	return 0;
}

static int check_interpreter(const struct program *program, struct err *err)
{
	const char *interp = program->elf.interp;
	const struct tree_node *node = interp != NULL ? tree_resolve(program->tree, interp)
						      : program->node;

	if (node != NULL && node->inode->type == TREE_FILE &&
		(interp == NULL || (node->inode->mode & 0111) != 0))
		return 0;
	if (node == NULL && is_provided(program, interp))
		return 0;
	return err_fail(err, -EKEYREJECTED,
		"/%s: its ELF interpreter %.200s is not there (from %s)", program->path, interp,
		origin_of(program));
}

static int check_program(const struct tree *tree, const struct recipe_strings *provided,
	const struct tree_node *node, struct err *err)
{
	PROGRAM_AUTO program = {.provided = provided};
	__attribute__((cleanup(needs_done))) struct needs needs = {.program = &program};
	int rc = program_open(tree, node, &program, err);

	if (rc == 0)
		rc = check_interpreter(&program, err);
	if (rc == 0)
		rc = check_needed(&program, err);
	if (rc != 0)
		return rc;
	rc = elf_needs(&program.elf, check_version, &needs, err);
	return rc == -EBADMSG ? err_wrap(err, "/%s", program.path) : rc;
}

int check_elf(const struct tree *tree, const struct recipe_strings *provided, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_for_each (tree, node) {
		bool found = false;
		int rc;

		tree_path(node, path);
		rc = is_program(node, path, &found, err);
		if (rc == 0 && found)
			rc = check_program(tree, provided, node, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}
