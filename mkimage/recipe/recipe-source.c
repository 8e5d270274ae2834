/* [[source]] of a recipe (recipe-read.h). */
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "mkimage/recipe/recipe-read.h"
#include "mkimage/source/source-archive.h"

#define STRIP_MAX   64
#define IMPORTS_MAX 256

/* In the order of enum recipe_import_kind. */
static const char *const import_kinds[] = {"tar", "oci", "dir", "image", NULL};

const char *recipe_import_kind_name(enum recipe_import_kind kind)
{
	return import_kinds[kind];
}

static int read_import_kind(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc = recipe_read_choice(value, &text, import_kinds, err);

	for (unsigned i = 0; rc == 0 && import_kinds[i] != NULL; i++) {
		if (strcmp(text, import_kinds[i]) == 0)
			*(enum recipe_import_kind *)dst = (enum recipe_import_kind)i;
	}
	return rc;
}

/* 64 digits; "sha256:" may stand before them, as the digests of images are written. */
static int read_import_sha256(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_import *import = dst;
	AUTO_FREE char *text = NULL;
	int rc = toml_read_string(value, &text, err);
	size_t skip = rc == 0 && strncmp(text, "sha256:", 7) == 0 ? 7 : 0;

	if (rc == 0 && !hex_decode(text + skip, import->sha256, SHA256_SIZE))
		return toml_fail(value, err, -EBADMSG, "%s must be 64 lowercase hexadecimal digits",
			value->key);
	import->has_sha256 = rc == 0;
	return rc;
}

static int read_import_to(const struct toml *value, void *dst, struct err *err)
{
	if (value->type == TOML_STRING && strcmp(value->u.string.data, "/") == 0)
		return recipe_default(dst, "", err);
	return recipe_read_guest_path(value, dst, err);
}
LIST_READER(guest_paths, recipe_read_guest_path)

static int read_strip(const struct toml *value, void *dst, struct err *err)
{
	uint64_t n = 0;
	int rc = recipe_read_limited(value, 0, STRIP_MAX, &n, err);

	if (rc == 0)
		*(uint32_t *)dst = (uint32_t)n;
	return rc;
}

/* In the order of the bits of enum source_allow. */
_Static_assert(SOURCE_ALLOW_SETID == 1 && SOURCE_ALLOW_DEVICES == 2 && SOURCE_ALLOW_XATTRS == 4 &&
		       SOURCE_ALLOW_CAPABILITIES == 8,
	"the order of permissions");
static const char *const permissions[] = {"setuid", "devices", "xattrs", "capabilities", NULL};

static int read_permission(const struct toml *value, void *dst, struct err *err)
{
	return recipe_read_choice(value, dst, permissions, err);
}

static int read_allow(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_strings list = {0};
	unsigned allow = 0;
	int rc = recipe_read_strings(value, &list, read_permission, err);

	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		for (unsigned bit = 0; permissions[bit] != NULL; bit++)
			allow |= strcmp(list.items[i], permissions[bit]) == 0 ? 1u << bit : 0;
	}
	recipe_strings_done(&list);
	if (rc == 0)
		*(unsigned *)dst = allow;
	return rc;
}

static int finish_import(const struct toml *value, void *item, struct err *err)
{
	struct recipe_import *import = item;

	if (import->keep_owner && import->kind != RECIPE_IMPORT_DIR)
		return toml_fail(value, err, -EBADMSG,
			"keep-owner belongs to a directory; archives and images say who owns what");
	if (import->bundle && import->kind != RECIPE_IMPORT_OCI)
		return toml_fail(value, err, -EBADMSG, "bundle belongs to a container image");
	if (import->bundle && (import->only.count > 0 || import->strip > 0))
		return toml_fail(value, err, -EBADMSG, "a bundle is the whole image");
	return recipe_default(&import->to, "", err);
}

static const struct toml_field import_fields[] = {
	{"kind", offsetof(struct recipe_import, kind), read_import_kind, true},
	{"path", offsetof(struct recipe_import, path), recipe_read_source_path, true},
	{"sha256", 0, read_import_sha256, true},
	{"to", offsetof(struct recipe_import, to), read_import_to, false},
	{"only", offsetof(struct recipe_import, only), read_guest_paths, false},
	{"strip", offsetof(struct recipe_import, strip), read_strip, false},
	{"allow", offsetof(struct recipe_import, allow), read_allow, false},
	{"replace", offsetof(struct recipe_import, replace), toml_read_bool, false},
	{"keep-owner", offsetof(struct recipe_import, keep_owner), toml_read_bool, false},
	{"bundle", offsetof(struct recipe_import, bundle), toml_read_bool, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind imports_kind = RECIPE_KIND(
	imports, import_count, .fields = import_fields, .finish = finish_import);

/* What a source may bring is looked up by its kind and path, so these say one thing only. */
static int check_imports(const struct toml *value, const struct recipe *recipe, struct err *err)
{
	for (size_t i = 0; i < recipe->import_count; i++) {
		const struct recipe_import *left = &recipe->imports[i];

		for (size_t k = 0; k < i; k++) {
			const struct recipe_import *right = &recipe->imports[k];

			if (left->kind == right->kind && strcmp(left->path, right->path) == 0 &&
				(left->allow != right->allow ||
					memcmp(left->sha256, right->sha256, SHA256_SIZE) != 0))
				return toml_fail(value->u.list.items[i], err, -EBADMSG,
					"%.200s is there twice, with another sha256 or allow",
					left->path);
		}
	}
	return 0;
}

int recipe_read_imports(const struct toml *value, void *dst, struct err *err)
{
	struct recipe *recipe = dst;
	int rc = recipe_read_items(value, &imports_kind, recipe, err);

	if (rc == 0 && recipe->import_count > IMPORTS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d sources", IMPORTS_MAX);
	return rc != 0 ? rc : check_imports(value, recipe, err);
}

void recipe_imports_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->import_count; i++) {
		free(recipe->imports[i].path);
		free(recipe->imports[i].to);
		recipe_strings_done(&recipe->imports[i].only);
	}
	free(recipe->imports);
}
