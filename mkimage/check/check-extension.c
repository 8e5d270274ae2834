/* Extension images before sealing (check-extension.h): the agent's src/agent/src/guest_extension_image.rs, Kata 4. */
#include "mkimage/check/check-extension.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/toml.h"

#define MANIFEST	   "etc/kata-extensions/components.toml"
#define MANIFEST_BYTES_MAX (1u << 20)

/* The file that @value names; a variable in it is the agent's to fill in. */
static int find(const struct tree *tree, const struct toml *value, const struct tree_node **ret,
	struct err *err)
{
	const char *path = value->u.string.data;

	*ret = NULL;
	if (value->u.string.len == 0 || strlen(path) != value->u.string.len)
		return toml_fail(value, err, -EBADMSG, "an empty path");
	if (strstr(path, "..") != NULL)
		return toml_fail(
			value, err, -EBADMSG, "\"%.200s\" leads out of the extension", path);
	*ret = tree_resolve(tree, path);
	if (*ret == NULL)
		return toml_fail(
			value, err, -EKEYREJECTED, "/%.200s is not in the extension", path);
	return 0;
}

static int check_program(const struct tree *tree, const struct toml *value, struct err *err)
{
	const struct tree_node *node = NULL;
	int rc = toml_expect(value, TOML_STRING, err);

	if (rc != 0 || strstr(value->u.string.data, "${") != NULL)
		return rc;
	rc = find(tree, value, &node, err);
	if (rc == 0 && (node->inode->type != TREE_FILE || (node->inode->mode & 0111) == 0))
		return toml_fail(value, err, -EKEYREJECTED, "/%.200s is no executable file",
			value->u.string.data);
	return rc;
}

static int check_variants(
	const struct tree *tree, const struct toml *variants, bool has_path, struct err *err)
{
	int rc = toml_expect(variants, TOML_TABLE, err);

	for (size_t i = 0; rc == 0 && i < variants->u.list.count; i++) {
		const struct toml *variant = variants->u.list.items[i];
		const struct toml *path = toml_get(variant, "path");

		if (path != NULL)
			rc = check_program(tree, path, err);
		else if (!has_path)
			rc = toml_fail(variant, err, -EBADMSG, "a variant without a path");
	}
	return rc;
}

static int check_process(const struct tree *tree, const struct toml *process, struct err *err)
{
	const struct toml *path = toml_get(process, "path");
	const struct toml *variants = toml_get(process, "variants");
	int rc = toml_expect(process, TOML_TABLE, err);

	if (rc == 0 && toml_get(process, "id") == NULL)
		return toml_fail(process, err, -EBADMSG, "a process without an id");
	if (rc == 0 && path == NULL && variants == NULL)
		return toml_fail(process, err, -EBADMSG, "a process without a path");
	if (rc == 0 && path != NULL)
		rc = check_program(tree, path, err);
	return rc != 0 || variants == NULL ? rc : check_variants(tree, variants, path != NULL, err);
}

static int check_paths(const struct tree *tree, const struct toml *paths, struct err *err)
{
	const struct tree_node *node;
	int rc = toml_expect(paths, TOML_TABLE, err);

	for (size_t i = 0; rc == 0 && i < paths->u.list.count; i++) {
		rc = toml_expect(paths->u.list.items[i], TOML_STRING, err);
		if (rc == 0)
			rc = find(tree, paths->u.list.items[i], &node, err);
	}
	return rc;
}

static int check_document(const struct tree *tree, const struct toml *root, struct err *err)
{
	const struct toml *version = toml_get(root, "schema_version");
	const struct toml *paths = toml_get(root, "paths");
	const struct toml *processes = toml_get(root, "process");
	int rc = 0;

	if (version == NULL || version->type != TOML_INTEGER || version->u.integer != 1)
		return toml_fail(
			version != NULL ? version : root, err, -EBADMSG, "schema_version is not 1");
	if (paths != NULL)
		rc = check_paths(tree, paths, err);
	if (rc == 0 && processes != NULL)
		rc = toml_expect(processes, TOML_ARRAY, err);
	for (size_t i = 0; rc == 0 && processes != NULL && i < processes->u.list.count; i++)
		rc = check_process(tree, processes->u.list.items[i], err);
	return rc;
}

int check_extension(const struct tree *tree, struct err *err)
{
	const struct tree_node *node = tree_resolve(tree, MANIFEST);
	TOML_AUTO doc = {0};
	BUF_AUTO text = {0};
	void *dst;
	int rc;

	if (node == NULL || node->inode->type != TREE_FILE ||
		node->inode->content.size_bytes > MANIFEST_BYTES_MAX)
		return err_fail(err, -EKEYREJECTED,
			"/%s: is not there, and the agent fails without it", MANIFEST);
	dst = buf_grow(&text, (size_t)node->inode->content.size_bytes);
	rc = buf_check(&text, err);
	if (rc == 0)
		rc = tree_read(&node->inode->content, MANIFEST, dst, text.len, 0, err);
	if (rc == 0)
		rc = toml_parse(buf_cstr(&text), text.len, "/" MANIFEST, &doc, err);
	return rc != 0 ? rc : check_document(tree, doc.root, err);
}
