/* The lock's reader, writer and its tie to the recipe (lock.h). */
#define _GNU_SOURCE
#include "mkimage/recipe/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/recipe/recipe-read.h"
#include "mkimage/tree.h"

#define PACKAGES_MAX	      65536
#define SIZE_MAX_OF_A_PACKAGE ((uint64_t)8 << 30)

#define ALNUM LOWER UPPER DIGIT

/* Sets */

size_t lock_set_count(const struct recipe *recipe)
{
	return 3 + recipe->firmware_count;
}

bool lock_set_at(const struct recipe *recipe, size_t i, struct lock_set *ret)
{
	bool uki = i == 2 + recipe->firmware_count;
	const struct recipe_firmware *firmware = i >= 2 && !uki ? &recipe->firmware[i - 2] : NULL;

	if (uki)
		*ret = (struct lock_set){
			.packages = &recipe->uki.stub.packages, .closure = LOCK_NAMED};
	else if (firmware != NULL)
		*ret = (struct lock_set){.packages = &firmware->packages, .closure = LOCK_NAMED};
	else if (i == 1)
		*ret = (struct lock_set){
			.packages = &recipe->kernel.packages, .closure = LOCK_KERNEL};
	else
		*ret = (struct lock_set){.packages = &recipe->packages, .closure = LOCK_ALL};
	if (firmware != NULL)
		snprintf(ret->name, sizeof(ret->name), "firmware.%s", firmware->name);
	else
		snprintf(ret->name, sizeof(ret->name), "%s",
			i == 1 ? "kernel"
			: uki  ? "uki"
			       : "rootfs");
	return ret->packages->suite != NULL;
}

/* Appends "LABEL item" lines in sorted order: apt does not look at the order either. */
static int add_sorted(
	struct buf *text, const char *label, const struct recipe_strings *list, struct err *err)
{
	AUTO_FREE char **sorted = calloc(list->count + 1, sizeof(char *));

	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (list->count > 0)
		memcpy(sorted, list->items, list->count * sizeof(char *));
	qsort(sorted, list->count, sizeof(char *), recipe_compare_strings);
	for (size_t i = 0; i < list->count; i++)
		buf_fmt(text, "%s %s\n", label, sorted[i]);
	return 0;
}

int lock_recipe_digest(const struct recipe *recipe, unsigned char ret[SHA256_SIZE], struct err *err)
{
	BUF_AUTO text = {0};
	struct lock_set set;
	int rc = 0;

	buf_fmt(&text, "%s\narchitecture %s\n", LOCK_SCHEMA, recipe->architecture);
	for (size_t i = 0; rc == 0 && i < lock_set_count(recipe); i++) {
		if (!lock_set_at(recipe, i, &set))
			continue;
		buf_fmt(&text, "set %s\nsuite %s\narchive %s\ndistribution %s\nrecommends %d\n",
			set.name, set.packages->suite->name, set.packages->suite->archive,
			set.packages->suite->distribution, set.packages->recommends);
		rc = add_sorted(&text, "component", &set.packages->suite->components, err);
		if (rc == 0)
			rc = add_sorted(&text, "install", &set.packages->install, err);
		if (rc == 0)
			rc = add_sorted(&text, "exclude", &set.packages->exclude, err);
	}
	if (rc == 0)
		rc = buf_check(&text, err);
	return rc != 0 ? rc : digest_bytes(DIGEST_SHA256, buf_cstr(&text), text.len, ret, err);
}

/* Reading */

/* The characters of each string of a package. None of them can end a TOML string, a line or a URL's path. */
static const struct {
	const char *key, *allowed;
	size_t at;
} strings[] = {
	{"set", ALNUM "._+-", offsetof(struct lock_package, set)},
	{"name", ALNUM "._+-", offsetof(struct lock_package, name)},
	{"version", ALNUM ".+~:-", offsetof(struct lock_package, version)},
	{"architecture", ALNUM "-", offsetof(struct lock_package, architecture)},
	{"suite", ALNUM "._+-", offsetof(struct lock_package, suite)},
	{"archive", ALNUM "._+-", offsetof(struct lock_package, archive)},
	{"path", ALNUM "._+-~/:@=,%", offsetof(struct lock_package, path)},
};

#define STRING_COUNT (sizeof(strings) / sizeof(strings[0]))

static char **string_of(struct lock_package *package, size_t i)
{
	return (char **)(void *)((unsigned char *)package + strings[i].at);
}

int lock_check_package(const struct lock_package *package, const char *what, struct err *err)
{
	struct lock_package copy = *package;

	for (size_t i = 0; i < STRING_COUNT; i++) {
		const char *text = *string_of(&copy, i);

		if (text[0] == '\0' || strspn(text, strings[i].allowed) != strlen(text))
			return err_fail(err, -EBADMSG, "%s: %s \"%.100s\" is not one", what,
				strings[i].key, text);
	}
	/* It stays below the archive's root whatever it is joined to. */
	if (tree_check_path(package->path, what, err) != 0)
		return err_fail(err, -EBADMSG, "%s: path \"%.100s\" leaves the archive", what,
			package->path);
	if (package->size_bytes == 0 || package->size_bytes > SIZE_MAX_OF_A_PACKAGE)
		return err_fail(err, -EBADMSG, "%s: a package of %llu bytes", what,
			(unsigned long long)package->size_bytes);
	return 0;
}

static int read_schema(const struct toml *value, void *dst, struct err *err)
{
	(void)dst;
	return recipe_expect_schema(value, LOCK_SCHEMA, err);
}

static const struct toml_field package_fields[] = {
	{"set", offsetof(struct lock_package, set), toml_read_string, true},
	{"name", offsetof(struct lock_package, name), toml_read_string, true},
	{"version", offsetof(struct lock_package, version), toml_read_string, true},
	{"architecture", offsetof(struct lock_package, architecture), toml_read_string, true},
	{"suite", offsetof(struct lock_package, suite), toml_read_string, true},
	{"archive", offsetof(struct lock_package, archive), toml_read_string, true},
	{"path", offsetof(struct lock_package, path), toml_read_string, true},
	{"size", offsetof(struct lock_package, size_bytes), toml_read_u64, true},
	{"sha256", offsetof(struct lock_package, sha256), recipe_read_sha256, true},
	TOML_FIELDS_END,
};

int lock_compare(const void *a, const void *b)
{
	const struct lock_package *left = a, *right = b;
	int order = strcmp(left->set, right->set);

	return order != 0 ? order : strcmp(left->name, right->name);
}

static int read_package(const struct toml *value, struct lock_package *package, struct err *err)
{
	char what[32];
	int rc = toml_fields(value, package_fields, package, err);

	if (rc != 0)
		return rc;
	snprintf(what, sizeof(what), "line %u", value->line);
	rc = lock_check_package(package, what, err);
	return rc != 0 ? err_wrap(err, "%s", value->doc->what) : 0;
}

static int read_packages(const struct toml *value, void *dst, struct err *err)
{
	struct lock *lock = dst;
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc != 0)
		return rc;
	if (value->u.list.count > PACKAGES_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d packages", PACKAGES_MAX);
	lock->packages = calloc(value->u.list.count + 1, sizeof(*lock->packages));
	if (lock->packages == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++) {
		const struct toml *item = value->u.list.items[i];

		lock->count++;
		rc = read_package(item, &lock->packages[i], err);
		if (rc == 0 && i > 0 &&
			lock_compare(&lock->packages[i - 1], &lock->packages[i]) >= 0)
			return toml_fail(item, err, -EBADMSG, "%s is out of order or listed twice",
				lock->packages[i].name);
	}
	return rc;
}

static const struct toml_field lock_fields[] = {
	{"schema", 0, read_schema, true},
	{"recipe-packages-sha256", offsetof(struct lock, recipe_packages_sha256),
		recipe_read_sha256, true},
	{"package", 0, read_packages, false},
	TOML_FIELDS_END,
};

int lock_parse(const void *text, size_t len, const char *path, struct lock *ret, struct err *err)
{
	TOML_AUTO doc = {0};
	struct lock lock = {.path = strdup(path), .size_bytes = len};
	int rc = lock.path != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");

	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, text, len, lock.sha256, err);
	if (rc == 0)
		rc = toml_parse(text, len, path, &doc, err);
	if (rc == 0)
		rc = toml_fields(doc.root, lock_fields, &lock, err);
	if (rc != 0)
		lock_done(&lock);
	else
		*ret = lock;
	return rc;
}

int lock_load(const char *path, struct lock *ret, struct err *err)
{
	BUF_AUTO text = {0};
	int rc = io_read_file(path, LOCK_MAX_BYTES, &text, err);

	if (rc == -ENOENT)
		return err_fail(err, rc, "%s: there is no lock; assay lock RECIPE writes it", path);
	return rc != 0 ? rc : lock_parse(buf_cstr(&text), text.len, path, ret, err);
}

/* Writing */

int lock_write(const struct lock *lock, struct buf *ret, struct err *err)
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(lock->recipe_packages_sha256, SHA256_SIZE, hex);
	buf_fmt(ret, "schema = \"%s\"\nrecipe-packages-sha256 = \"%s\"\n", LOCK_SCHEMA, hex);
	for (size_t i = 0; i < lock->count; i++) {
		struct lock_package package = lock->packages[i];
		int rc = lock_check_package(&package, package.name, err);

		if (rc != 0)
			return rc;
		buf_str(ret, "\n[[package]]\n");
		for (size_t k = 0; k < STRING_COUNT; k++)
			buf_fmt(ret, "%s = \"%s\"\n", strings[k].key, *string_of(&package, k));
		hex_encode(package.sha256, SHA256_SIZE, hex);
		buf_fmt(ret, "size = %llu\nsha256 = \"%s\"\n",
			(unsigned long long)package.size_bytes, hex);
	}
	return buf_check(ret, err);
}

void lock_package_done(struct lock_package *package)
{
	for (size_t i = 0; i < STRING_COUNT; i++)
		free(*string_of(package, i));
	*package = (struct lock_package){0};
}

void lock_done(struct lock *lock)
{
	for (size_t i = 0; i < lock->count; i++)
		lock_package_done(&lock->packages[i]);
	free(lock->packages);
	free(lock->path);
	*lock = (struct lock){0};
}

/* Checking */

static int check_set(const struct recipe *recipe, const struct lock *lock, struct err *err)
{
	struct lock_set set;

	for (size_t i = 0; i < lock->count; i++) {
		const struct lock_package *package = &lock->packages[i];
		bool found = false;

		for (size_t k = 0; k < lock_set_count(recipe) && !found; k++)
			found = lock_set_at(recipe, k, &set) && strcmp(set.name, package->set) == 0;
		if (!found)
			return err_fail(err, -EBADMSG,
				"%s: %s is in the set %s, which %s does not have", lock->path,
				package->name, package->set, recipe->path);
		if (strcmp(set.packages->suite->name, package->suite) != 0 ||
			strcmp(set.packages->suite->archive, package->archive) != 0)
			return err_fail(err, -EBADMSG,
				"%s: %s comes from another suite than %s says", lock->path,
				package->name, recipe->path);
	}
	return 0;
}

static bool has_package(const struct lock *lock, const char *set, const char *name)
{
	struct lock_package key = {.set = (char *)set, .name = (char *)name};

	return lock->count > 0 && bsearch(&key, lock->packages, lock->count,
					  sizeof(*lock->packages), lock_compare) != NULL;
}

/* Every package that the recipe names must be there, and none that it excludes. */
static int check_names(const struct recipe *recipe, const struct lock *lock, struct err *err)
{
	struct lock_set set;

	for (size_t k = 0; k < lock_set_count(recipe); k++) {
		if (!lock_set_at(recipe, k, &set))
			continue;
		for (size_t i = 0; i < set.packages->install.count; i++) {
			if (!has_package(lock, set.name, set.packages->install.items[i]))
				return err_fail(err, -EBADMSG, "%s: %s is missing from the set %s",
					lock->path, set.packages->install.items[i], set.name);
		}
		for (size_t i = 0; i < set.packages->exclude.count; i++) {
			if (has_package(lock, set.name, set.packages->exclude.items[i]))
				return err_fail(err, -EBADMSG, "%s: %s is excluded from the set %s",
					lock->path, set.packages->exclude.items[i], set.name);
		}
	}
	return 0;
}

int lock_check(const struct recipe *recipe, const struct lock *lock, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	int rc = lock_recipe_digest(recipe, digest, err);

	if (rc != 0)
		return rc;
	if (memcmp(digest, lock->recipe_packages_sha256, sizeof(digest)) != 0)
		return err_fail(err, -EBADMSG,
			"%s: made for other packages than %s names now; run: assay lock %s%s%s",
			lock->path, recipe->path, recipe->path,
			recipe->variant != NULL ? " --variant " : "",
			recipe->variant != NULL ? recipe->variant : "");
	rc = check_set(recipe, lock, err);
	return rc != 0 ? rc : check_names(recipe, lock, err);
}

/* Whether the lines of @list name something of the sections that packages are resolved by. */
static bool names_packages(const struct recipe_strings *list)
{
	static const char *const sections[] = {"packages", "suite", "kernel", "firmware", "uki"};

	for (size_t i = 0; i < list->count; i++) {
		size_t n = strcspn(list->items[i], ".=");

		for (size_t k = 0; k < sizeof(sections) / sizeof(*sections); k++) {
			if (strlen(sections[k]) == n && memcmp(sections[k], list->items[i], n) == 0)
				return true;
		}
	}
	return false;
}

char *lock_path_of(const struct recipe *recipe)
{
	const struct recipe_delta *delta = &recipe->delta;
	bool own = recipe->variant != NULL &&
		   (names_packages(&delta->added) || names_packages(&delta->changed) ||
			   names_packages(&delta->dropped));
	char *path = NULL;

	return asprintf(&path, "%s/recipe%s%s.lock", recipe->dir, own ? "." : "",
		       own ? recipe->variant : "") < 0
		       ? NULL
		       : path;
}

static bool needs_lock(const struct recipe *recipe)
{
	struct lock_set set;

	for (size_t i = 0; i < lock_set_count(recipe); i++) {
		if (lock_set_at(recipe, i, &set))
			return true;
	}
	return false;
}

int lock_load_for(const struct recipe *recipe, const char *path, struct lock *ret, struct err *err)
{
	AUTO_FREE char *own = path != NULL ? strdup(path) : lock_path_of(recipe);

	if (own == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (path == NULL && !needs_lock(recipe) && access(own, F_OK) != 0) {
		*ret = (struct lock){0};
		return lock_recipe_digest(recipe, ret->recipe_packages_sha256, err);
	}
	return lock_load(own, ret, err);
}
