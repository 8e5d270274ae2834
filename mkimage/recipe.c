/* The recipe reader (recipe.h): tables of fields and of the words they may hold, over lib/toml.h. */
#define _GNU_SOURCE
#include "mkimage/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/toml.h"
#include "mkimage/source-archive.h"
#include "mkimage/tree.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

#define TIMESTAMP_MAX	UINT32_MAX	 /* the width of a cpio member's time */
#define ID_MAX		(UINT32_MAX - 1) /* (uid_t)-1 means "unchanged" to chown(2) */
#define APPEND_MAX	2047		 /* COMMAND_LINE_SIZE of x86 without its NUL */
#define VCPUS_MAX	512
#define VCPUS_COUNT_MAX 64
#define DESCRIPTION_MAX 1024
#define SOURCE_MAX	4095
#define STRIP_MAX	64
#define IMPORTS_MAX	256

/* What a short string may look like: @min to @max characters, the first of @first and the others of @rest. */
struct word {
	const char *what;
	const char *first, *rest;
	size_t min, max;
};

static const struct word section_word = {
	"a name of letters, digits and ._+-", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-", 1, 64};
static const struct word distribution_word = {
	"a suite of an archive", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-/", 1, 64};
static const struct word component_word = {
	"a component of an archive", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-/", 1, 64};
static const struct word package_word = {"a package name", LOWER DIGIT, LOWER DIGIT "+-.", 2, 128};
static const struct word module_word = {
	"a kernel module's name", LOWER UPPER DIGIT, LOWER UPPER DIGIT "_-", 1, 64};
static const struct word account_word = {"an account name", LOWER "_", LOWER DIGIT "_-", 1, 31};
static const struct word unit_word = {
	"a unit name", LOWER UPPER DIGIT ":_.\\@-", LOWER UPPER DIGIT ":_.\\@-", 3, TREE_NAME_MAX};
static const struct word policy_word = {
	"a file name", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-", 1, 128};
static const struct word cpu_word = {
	"a CPU model", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-", 1, 64};

static const char *const architectures[] = {"amd64", NULL};
static const char *const compressions[] = {"zstd", "gzip", "none", NULL};
static const char *const root_types[] = {"erofs", "ext4", NULL};
/* Those whose tree the recipe's initrd can use: alone in the second partition. */
static const char *const layouts[] = {"kata-mbr", "kata-dax", "one-disk", NULL};
static const char *const tees[] = {"snp", "tdx", NULL};
static const char *const unit_suffixes[] = {".service", ".socket", ".target", ".mount",
	".automount", ".timer", ".path", ".slice", ".swap", NULL};

/* Strings */

static bool is_word(const char *text, const struct word *word)
{
	size_t n = strlen(text);

	return n >= word->min && n <= word->max && strchr(word->first, text[0]) != NULL &&
	       strspn(text + 1, word->rest) == n - 1 && strstr(text, "..") == NULL &&
	       text[n - 1] != '/';
}

static int check_word(
	const struct toml *value, const char *text, const struct word *word, struct err *err)
{
	if (is_word(text, word))
		return 0;
	return toml_fail(value, err, -EBADMSG, "\"%.100s\" is not %s", text, word->what);
}

static int read_word(const struct toml *value, void *dst, const struct word *word, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	return rc != 0 ? rc : check_word(value, *(char **)dst, word, err);
}

static int read_choice(
	const struct toml *value, void *dst, const char *const *choices, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	for (size_t i = 0; rc == 0 && choices[i] != NULL; i++) {
		if (strcmp(*(char **)dst, choices[i]) == 0)
			return 0;
	}
	return rc != 0 ? rc
		       : toml_fail(value, err, -ENOTSUP, "\"%.100s\" is not a supported %s",
				 *(char **)dst, value->key != NULL ? value->key : "item");
}

/* A string without control characters, at most @max bytes. */
static int read_line(const struct toml *value, void *dst, size_t max, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	if (rc != 0)
		return rc;
	if (strlen(*(char **)dst) > max)
		return toml_fail(
			value, err, -EBADMSG, "%s is longer than %zu bytes", value->key, max);
	for (const char *at = *(char **)dst; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return toml_fail(
				value, err, -EBADMSG, "%s holds a control character", value->key);
	}
	return 0;
}

static int set_default(char **slot, const char *text, struct err *err)
{
	if (*slot == NULL)
		*slot = strdup(text);
	return *slot != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Refuses a string that is there twice; the order of @list stays. */
static int check_unique(
	const struct toml *value, const struct recipe_strings *list, struct err *err)
{
	AUTO_FREE char **sorted = calloc(list->count + 1, sizeof(char *));

	if (sorted == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (list->count > 0)
		memcpy(sorted, list->items, list->count * sizeof(char *));
	qsort(sorted, list->count, sizeof(char *), compare_strings);
	for (size_t i = 1; i < list->count; i++) {
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			return toml_fail(
				value, err, -EBADMSG, "\"%.100s\" is listed twice", sorted[i]);
	}
	return 0;
}

static void strings_done(struct recipe_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct recipe_strings){0};
}

static int check_array(const struct toml *value, struct err *err)
{
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc == 0 && value->u.list.count > RECIPE_ITEMS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d entries", RECIPE_ITEMS_MAX);
	return rc;
}

typedef int string_reader(const struct toml *value, void *dst, struct err *err);

/* A list of distinct strings, each read by @read. */
static int read_strings(
	const struct toml *value, struct recipe_strings *list, string_reader *read, struct err *err)
{
	int rc = check_array(value, err);

	if (rc != 0)
		return rc;
	list->items = calloc(value->u.list.count + 1, sizeof(char *));
	if (list->items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++)
		rc = read(value->u.list.items[i], &list->items[list->count++], err);
	return rc != 0 ? rc : check_unique(value, list, err);
}

#define WORD_READER(name)                                                                          \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return read_word(value, dst, &name##_word, err);                                   \
	}
#define LIST_READER(name, item)                                                                    \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return read_strings(value, dst, read_##item, err);                                 \
	}
#define CHOICE_READER(name, choices)                                                               \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return read_choice(value, dst, choices, err);                                      \
	}
#define LINE_READER(name, max)                                                                     \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return read_line(value, dst, max, err);                                            \
	}

WORD_READER(section)
WORD_READER(distribution)
WORD_READER(component)
WORD_READER(package)
WORD_READER(module)
WORD_READER(account)
WORD_READER(policy)
WORD_READER(cpu)
LIST_READER(components, component)
LIST_READER(packages, package)
LIST_READER(modules, module)
LIST_READER(accounts, account)
LIST_READER(cpus, cpu)
CHOICE_READER(architecture, architectures)
CHOICE_READER(compression, compressions)
CHOICE_READER(root_type, root_types)
CHOICE_READER(layout, layouts)
LINE_READER(description, DESCRIPTION_MAX)
LINE_READER(append, APPEND_MAX)

static int read_unit_name(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_word(value, dst, &unit_word, err);
	const char *name = *(char **)dst;
	const char *dot = rc == 0 ? strrchr(name, '.') : NULL;

	for (size_t i = 0; rc == 0 && dot != NULL && dot > name && unit_suffixes[i] != NULL; i++) {
		if (strcmp(dot, unit_suffixes[i]) == 0)
			return 0;
	}
	return rc != 0 ? rc
		       : toml_fail(value, err, -EBADMSG, "\"%.100s\" is not a unit name", name);
}
LIST_READER(unit_names, unit_name)

/* A list of packages, or one package as a string. */
static int read_package_or_list(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_strings *list = dst;

	if (value->type == TOML_ARRAY)
		return read_packages(value, dst, err);
	list->items = calloc(1, sizeof(char *));
	if (list->items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	list->count = 1;
	return read_package(value, &list->items[0], err);
}

/* "/usr/bin/x" in the file, "usr/bin/x" in the struct. */
static int strip_slash(const struct toml *value, char *path, struct err *err)
{
	if (path[0] != '/' || path[1] == '\0')
		return toml_fail(value, err, -EBADMSG,
			"\"%.100s\" is not an absolute path in the guest", path);
	memmove(path, path + 1, strlen(path));
	return 0;
}

static int read_guest_path(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_line(value, dst, TREE_PATH_MAX + 1, err);

	if (rc == 0)
		rc = strip_slash(value, *(char **)dst, err);
	if (rc == 0 && tree_check_path(*(char **)dst, "path", err) != 0)
		return err_wrap(err, "%s:%u", value->doc->what, value->line);
	return rc;
}

static int read_pattern(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_read_string(value, dst, err);

	return rc != 0 ? rc : strip_slash(value, *(char **)dst, err);
}
LIST_READER(patterns, pattern)

static int read_target(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_line(value, dst, TREE_PATH_MAX, err);

	if (rc == 0 && **(char **)dst == '\0')
		return toml_fail(value, err, -EBADMSG, "%s is empty", value->key);
	return rc;
}

/* A path relative to the recipe. It may lead out of its directory, but not name a place on one machine. */
static int read_source_path(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_line(value, dst, SOURCE_MAX, err);
	const char *path = *(char **)dst;

	if (rc == 0 && (path[0] == '\0' || path[0] == '/' || path[strlen(path) - 1] == '/'))
		return toml_fail(value, err, -EBADMSG,
			"%s must name a file relative to the recipe's directory", value->key);
	return rc;
}

/* A path inside an archive, without a leading slash. */
static int read_member(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_line(value, dst, TREE_PATH_MAX, err);

	if (rc == 0 && **(char **)dst == '\0')
		return toml_fail(value, err, -EBADMSG, "%s is empty", value->key);
	if (rc == 0 && tree_check_path(*(char **)dst, value->key, err) != 0)
		return err_wrap(err, "%s:%u", value->doc->what, value->line);
	return rc;
}

/* A field of passwd(5). */
static int read_passwd_text(const struct toml *value, void *dst, struct err *err)
{
	int rc = read_line(value, dst, 255, err);

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

/* Numbers and digests */

static int read_hex(const struct toml *value, unsigned char *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc = toml_read_string(value, &text, err);

	if (rc == 0 && !hex_decode(text, dst, SHA256_SIZE))
		return toml_fail(value, err, -EBADMSG, "%s must be 64 lowercase hexadecimal digits",
			value->key);
	return rc;
}

static int read_source_sha256(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_source *source = dst;
	int rc = read_hex(value, source->sha256, err);

	source->has_sha256 = rc == 0;
	return rc;
}

/* Octal in a string, "0755" or "04755": TOML's own octal integers would let 755 pass for a mode. */
static int read_mode(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc = toml_read_string(value, &text, err);
	size_t n;

	if (rc != 0)
		return rc;
	n = strlen(text);
	if (n < 4 || n > 5 || text[0] != '0' || strspn(text, "01234567") != n)
		return toml_fail(value, err, -EBADMSG, "%s must be octal digits such as \"0755\"",
			value->key);
	*(uint16_t *)dst = (uint16_t)strtoul(text, NULL, 8);
	return 0;
}

static int read_limited(
	const struct toml *value, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
	int rc = toml_expect(value, TOML_INTEGER, err);

	if (rc != 0)
		return rc;
	if (value->u.integer < (int64_t)min || (uint64_t)value->u.integer > max)
		return toml_fail(value, err, -EBADMSG, "%s must be %llu to %llu",
			value->key != NULL ? value->key : "item", (unsigned long long)min,
			(unsigned long long)max);
	*ret = (uint64_t)value->u.integer;
	return 0;
}

static int read_id(const struct toml *value, void *dst, struct err *err)
{
	uint64_t id = 0;
	int rc = read_limited(value, 0, ID_MAX, &id, err);

	if (rc == 0)
		*(uint32_t *)dst = (uint32_t)id;
	return rc;
}

static int read_timestamp(const struct toml *value, void *dst, struct err *err)
{
	return read_limited(value, 0, TIMESTAMP_MAX, dst, err);
}

static int read_vcpus(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_launch *launch = dst;
	int rc = check_array(value, err);

	if (rc != 0)
		return rc;
	if (value->u.list.count < 1 || value->u.list.count > VCPUS_COUNT_MAX)
		return toml_fail(
			value, err, -EBADMSG, "vcpus must list 1 to %d numbers", VCPUS_COUNT_MAX);
	launch->vcpus = calloc(value->u.list.count, sizeof(uint64_t));
	if (launch->vcpus == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	launch->vcpus_count = value->u.list.count;
	for (size_t i = 0; rc == 0 && i < launch->vcpus_count; i++) {
		rc = read_limited(value->u.list.items[i], 1, VCPUS_MAX, &launch->vcpus[i], err);
		if (rc == 0 && i > 0 && launch->vcpus[i] <= launch->vcpus[i - 1])
			return toml_fail(value, err, -EBADMSG, "vcpus must ascend");
	}
	return rc;
}

/* Sections */

/* A repeated section: [[KEY]], or [KEY.NAME] when the struct has a name. */
struct kind {
	size_t items_at, count_at; /* in struct recipe */
	size_t size;
	bool named;    /* [KEY.NAME]; the struct starts with its name */
	bool distinct; /* [[KEY]] whose struct starts with a name that may not come twice */
	const struct toml_field *fields;
	/* Fills defaults in and checks what concerns several fields. */
	int (*finish)(const struct toml *value, void *item, struct err *err);
};

static int read_item(
	const struct toml *value, const struct kind *kind, unsigned char *item, struct err *err)
{
	int rc = 0;

	if (kind->named) {
		char **name = (char **)(void *)item;

		*name = strdup(value->key);
		if (*name == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		if (strlen(*name) != value->key_len)
			return toml_fail(value, err, -EBADMSG, "a name with a NUL character");
		rc = check_word(value, *name, &section_word, err);
	}
	if (rc == 0)
		rc = toml_fields(value, kind->fields, item, err);
	return rc == 0 && kind->finish != NULL ? kind->finish(value, item, err) : rc;
}

static int check_distinct(const struct toml *value, const struct kind *kind,
	const unsigned char *items, size_t count, struct err *err)
{
	struct recipe_strings names = {.items = calloc(count + 1, sizeof(char *)), .count = count};
	int rc;

	if (names.items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		memcpy(&names.items[i], items + i * kind->size, sizeof(char *));
	rc = check_unique(value, &names, err);
	free(names.items);
	return rc;
}

static int read_items(
	const struct toml *value, const struct kind *kind, struct recipe *recipe, struct err *err)
{
	unsigned char *base = (unsigned char *)recipe;
	int rc = kind->named ? toml_expect(value, TOML_TABLE, err) : check_array(value, err);
	unsigned char *items;
	size_t count;

	if (rc != 0)
		return rc;
	count = value->u.list.count;
	if (count > RECIPE_ITEMS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d entries", RECIPE_ITEMS_MAX);
	items = calloc(count + 1, kind->size);
	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	/* Handed over at once, so that recipe_done frees what a failure leaves. */
	memcpy(base + kind->items_at, &items, sizeof(items));
	memcpy(base + kind->count_at, &count, sizeof(count));
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = read_item(value->u.list.items[i], kind, items + i * kind->size, err);
	if (rc == 0 && kind->distinct)
		rc = check_distinct(value, kind, items, count, err);
	return rc;
}

#define KIND(member, counter, ...)                                                                 \
	{                                                                                          \
		.items_at = offsetof(struct recipe, member),                                       \
		.count_at = offsetof(struct recipe, counter),                                      \
		.size = sizeof(*((struct recipe *)NULL)->member), __VA_ARGS__                      \
	}
#define ITEMS_READER(name)                                                                         \
	static int read_##name(const struct toml *value, void *dst, struct err *err)               \
	{                                                                                          \
		return read_items(value, &name##_kind, dst, err);                                  \
	}

/* Exactly one of a path and a text. */
static int check_source(const struct toml *value, const struct recipe_source *source,
	const char *key, struct err *err)
{
	if ((source->path == NULL) != (source->text == NULL))
		return 0;
	return toml_fail(value, err, -EBADMSG, "exactly one of %s and text is needed", key);
}

static int finish_suite(const struct toml *value, void *item, struct err *err)
{
	struct recipe_suite *suite = item;

	if (suite->components.count == 0)
		return toml_fail(value, err, -EBADMSG, "components is empty");
	return 0;
}

static const struct toml_field suite_fields[] = {
	{"archive", offsetof(struct recipe_suite, archive), read_section, true},
	{"distribution", offsetof(struct recipe_suite, distribution), read_distribution, true},
	{"components", offsetof(struct recipe_suite, components), read_components, true},
	{"allow-expired", offsetof(struct recipe_suite, allow_expired), toml_read_bool, false},
	TOML_FIELDS_END,
};
static const struct kind suites_kind = KIND(
	suites, suite_count, .named = true, .fields = suite_fields, .finish = finish_suite);
ITEMS_READER(suites)

static const struct toml_field packages_fields[] = {
	{"suite", offsetof(struct recipe_packages, suite_name), read_section, true},
	{"install", offsetof(struct recipe_packages, install), read_packages, true},
	{"exclude", offsetof(struct recipe_packages, exclude), read_packages, false},
	{"recommends", offsetof(struct recipe_packages, recommends), toml_read_bool, false},
	TOML_FIELDS_END,
};

static int check_install(
	const struct toml *value, const struct recipe_packages *packages, struct err *err)
{
	if (packages->install.count == 0)
		return toml_fail(value, err, -EBADMSG, "no package is named");
	for (size_t i = 0; i < packages->install.count; i++) {
		for (size_t j = 0; j < packages->exclude.count; j++) {
			if (strcmp(packages->install.items[i], packages->exclude.items[j]) == 0)
				return toml_fail(value, err, -EBADMSG,
					"%s is both installed and excluded",
					packages->install.items[i]);
		}
	}
	return 0;
}

static int read_packages_section(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_fields(value, packages_fields, dst, err);

	return rc != 0 ? rc : check_install(value, dst, err);
}

#define IN_KERNEL(member) (offsetof(struct recipe, kernel.member) - offsetof(struct recipe, kernel))
static const struct toml_field kernel_fields[] = {
	{"suite", IN_KERNEL(packages.suite_name), read_section, true},
	{"package", IN_KERNEL(packages.install), read_package_or_list, true},
	{"modules", IN_KERNEL(modules), read_modules, false},
	{"compression", IN_KERNEL(compression), read_compression, false},
	TOML_FIELDS_END,
};

static int read_kernel(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_fields(value, kernel_fields, dst, err);
	unsigned char *base = dst;

	return rc != 0 ? rc
		       : check_install(value,
				 (struct recipe_packages *)(void *)(base + IN_KERNEL(packages)),
				 err);
}

static int read_salt(const struct toml *value, void *dst, struct err *err)
{
	struct recipe *recipe = dst;
	int rc = read_hex(value, recipe->rootfs.salt, err);

	recipe->rootfs.has_salt = rc == 0;
	return rc;
}

static const struct toml_field rootfs_fields[] = {
	{"type", offsetof(struct recipe, rootfs.type), read_root_type, false},
	{"salt", 0, read_salt, false},
	{"remove", offsetof(struct recipe, rootfs.remove), read_patterns, false},
	TOML_FIELDS_END,
};

static int read_rootfs(const struct toml *value, void *dst, struct err *err)
{
	return toml_fields(value, rootfs_fields, dst, err);
}

static const struct toml_field disk_fields[] = {
	{"layout", offsetof(struct recipe, layout), read_layout, true},
	TOML_FIELDS_END,
};

static int read_disk(const struct toml *value, void *dst, struct err *err)
{
	return toml_fields(value, disk_fields, dst, err);
}

static const struct toml_field command_line_fields[] = {
	{"append", offsetof(struct recipe, append), read_append, true},
	TOML_FIELDS_END,
};

static int read_command_line(const struct toml *value, void *dst, struct err *err)
{
	return toml_fields(value, command_line_fields, dst, err);
}

/* In the order of enum recipe_import_kind. */
static const char *const import_kinds[] = {"tar", "oci", "dir", "image", NULL};

const char *recipe_import_kind_name(enum recipe_import_kind kind)
{
	return import_kinds[kind];
}

static int read_import_kind(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int rc = read_choice(value, &text, import_kinds, err);

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
		return set_default(dst, "", err);
	return read_guest_path(value, dst, err);
}
LIST_READER(guest_paths, guest_path)

static int read_strip(const struct toml *value, void *dst, struct err *err)
{
	uint64_t n = 0;
	int rc = read_limited(value, 0, STRIP_MAX, &n, err);

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
	return read_choice(value, dst, permissions, err);
}

static int read_allow(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_strings list = {0};
	unsigned allow = 0;
	int rc = read_strings(value, &list, read_permission, err);

	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		for (unsigned bit = 0; permissions[bit] != NULL; bit++)
			allow |= strcmp(list.items[i], permissions[bit]) == 0 ? 1u << bit : 0;
	}
	strings_done(&list);
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
	return set_default(&import->to, "", err);
}

static const struct toml_field import_fields[] = {
	{"kind", offsetof(struct recipe_import, kind), read_import_kind, true},
	{"path", offsetof(struct recipe_import, path), read_source_path, true},
	{"sha256", 0, read_import_sha256, true},
	{"to", offsetof(struct recipe_import, to), read_import_to, false},
	{"only", offsetof(struct recipe_import, only), read_guest_paths, false},
	{"strip", offsetof(struct recipe_import, strip), read_strip, false},
	{"allow", offsetof(struct recipe_import, allow), read_allow, false},
	{"replace", offsetof(struct recipe_import, replace), toml_read_bool, false},
	{"keep-owner", offsetof(struct recipe_import, keep_owner), toml_read_bool, false},
	TOML_FIELDS_END,
};
static const struct kind imports_kind = KIND(
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

static int read_imports(const struct toml *value, void *dst, struct err *err)
{
	struct recipe *recipe = dst;
	int rc = read_items(value, &imports_kind, recipe, err);

	if (rc == 0 && recipe->import_count > IMPORTS_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d sources", IMPORTS_MAX);
	return rc != 0 ? rc : check_imports(value, recipe, err);
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
	{"path", offsetof(struct recipe_dir, path), read_guest_path, true},
	{"mode", offsetof(struct recipe_dir, mode), read_mode, false},
	{"uid", offsetof(struct recipe_dir, uid), read_id, false},
	{"gid", offsetof(struct recipe_dir, gid), read_id, false},
	TOML_FIELDS_END,
};
static const struct kind dirs_kind = KIND(
	dirs, dir_count, .distinct = true, .fields = dir_fields, .finish = finish_dir);
ITEMS_READER(dirs)

static int finish_file(const struct toml *value, void *item, struct err *err)
{
	struct recipe_file *file = item;

	if (toml_get(value, "mode") == NULL)
		file->mode = 0644;
	return check_source(value, &file->source, "source", err);
}

static const struct toml_field file_fields[] = {
	{"path", offsetof(struct recipe_file, path), read_guest_path, true},
	{"source", offsetof(struct recipe_file, source.path), read_source_path, false},
	{"text", offsetof(struct recipe_file, source.text), toml_read_string, false},
	{"sha256", offsetof(struct recipe_file, source), read_source_sha256, false},
	{"mode", offsetof(struct recipe_file, mode), read_mode, false},
	{"uid", offsetof(struct recipe_file, uid), read_id, false},
	{"gid", offsetof(struct recipe_file, gid), read_id, false},
	TOML_FIELDS_END,
};
static const struct kind files_kind = KIND(
	files, file_count, .distinct = true, .fields = file_fields, .finish = finish_file);
ITEMS_READER(files)

static const struct toml_field link_fields[] = {
	{"path", offsetof(struct recipe_link, path), read_guest_path, true},
	{"target", offsetof(struct recipe_link, target), read_target, true},
	TOML_FIELDS_END,
};
static const struct kind links_kind = KIND(
	links, link_count, .distinct = true, .fields = link_fields);
ITEMS_READER(links)

static int finish_user(const struct toml *value, void *item, struct err *err)
{
	struct recipe_user *user = item;
	int rc = set_default(&user->gecos, "", err);

	(void)value;
	if (rc == 0)
		rc = set_default(&user->home, "/nonexistent", err);
	return rc != 0 ? rc : set_default(&user->shell, "/usr/sbin/nologin", err);
}

static const struct toml_field user_fields[] = {
	{"name", offsetof(struct recipe_user, name), read_account, true},
	{"uid", offsetof(struct recipe_user, uid), read_id, true},
	{"gid", offsetof(struct recipe_user, gid), read_id, true},
	{"gecos", offsetof(struct recipe_user, gecos), read_passwd_text, false},
	{"home", offsetof(struct recipe_user, home), read_passwd_path, false},
	{"shell", offsetof(struct recipe_user, shell), read_passwd_path, false},
	TOML_FIELDS_END,
};
static const struct kind users_kind = KIND(
	users, user_count, .distinct = true, .fields = user_fields, .finish = finish_user);
ITEMS_READER(users)

static const struct toml_field group_fields[] = {
	{"name", offsetof(struct recipe_group, name), read_account, true},
	{"gid", offsetof(struct recipe_group, gid), read_id, true},
	{"members", offsetof(struct recipe_group, members), read_accounts, false},
	TOML_FIELDS_END,
};
static const struct kind groups_kind = KIND(
	groups, group_count, .distinct = true, .fields = group_fields);
ITEMS_READER(groups)

static int finish_unit(const struct toml *value, void *item, struct err *err)
{
	struct recipe_unit *unit = item;

	unit->has_source = unit->source.path != NULL || unit->source.text != NULL;
	if (unit->mask && (unit->has_source || unit->wanted_by.count > 0))
		return toml_fail(
			value, err, -EBADMSG, "%s is masked and defined or wanted too", unit->name);
	if (!unit->has_source && unit->source.has_sha256)
		return toml_fail(value, err, -EBADMSG, "%s has a sha256 and no source", unit->name);
	if (!unit->mask && !unit->has_source && unit->wanted_by.count == 0)
		return toml_fail(value, err, -EBADMSG,
			"%s needs one of source, text, wanted-by and mask", unit->name);
	return unit->has_source ? check_source(value, &unit->source, "source", err) : 0;
}

static const struct toml_field unit_fields[] = {
	{"name", offsetof(struct recipe_unit, name), read_unit_name, true},
	{"source", offsetof(struct recipe_unit, source.path), read_source_path, false},
	{"text", offsetof(struct recipe_unit, source.text), toml_read_string, false},
	{"sha256", offsetof(struct recipe_unit, source), read_source_sha256, false},
	{"wanted-by", offsetof(struct recipe_unit, wanted_by), read_unit_names, false},
	{"mask", offsetof(struct recipe_unit, mask), toml_read_bool, false},
	TOML_FIELDS_END,
};
static const struct kind units_kind = KIND(
	units, unit_count, .distinct = true, .fields = unit_fields, .finish = finish_unit);
ITEMS_READER(units)

static const struct toml_field agent_fields[] = {
	{"path", offsetof(struct recipe_agent, source.path), read_source_path, true},
	{"member", offsetof(struct recipe_agent, member), read_member, false},
	{"sha256", offsetof(struct recipe_agent, source), read_source_sha256, false},
	{"install", offsetof(struct recipe_agent, install), read_guest_path, false},
	{"stand-in", offsetof(struct recipe_agent, stand_in), toml_read_bool, false},
	TOML_FIELDS_END,
};

static int read_agent(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_agent *agent = dst;
	int rc = toml_fields(value, agent_fields, agent, err);

	if (rc != 0)
		return rc;
	if (!agent->stand_in && !agent->source.has_sha256)
		return toml_fail(value, err, -EBADMSG, "sha256 is missing");
	agent->present = true;
	return set_default(&agent->install, "usr/bin/kata-agent", err);
}

static const struct toml_field policy_fields[] = {
	{"path", offsetof(struct recipe_policy, source.path), read_source_path, false},
	{"text", offsetof(struct recipe_policy, source.text), toml_read_string, false},
	{"name", offsetof(struct recipe_policy, name), read_policy, false},
	{"sha256", offsetof(struct recipe_policy, source), read_source_sha256, false},
	TOML_FIELDS_END,
};

static int read_policy_section(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_policy *policy = dst;
	int rc = toml_fields(value, policy_fields, policy, err);

	if (rc == 0)
		rc = check_source(value, &policy->source, "path", err);
	if (rc != 0)
		return rc;
	policy->present = true;
	if (policy->name == NULL && policy->source.path == NULL)
		return toml_fail(value, err, -EBADMSG, "name is missing");
	if (policy->name != NULL)
		return 0;
	rc = set_default(&policy->name, basename(policy->source.path), err);
	return rc != 0 ? rc : check_word(value, policy->name, &policy_word, err);
}

static int finish_firmware(const struct toml *value, void *item, struct err *err)
{
	struct recipe_firmware *firmware = item;
	bool packaged = firmware->packages.install.count > 0;

	if (packaged == (firmware->source.path != NULL))
		return toml_fail(value, err, -EBADMSG, "exactly one of package and path is needed");
	if (packaged && (firmware->packages.suite_name == NULL || firmware->member == NULL))
		return toml_fail(value, err, -EBADMSG, "%s is missing",
			firmware->member == NULL ? "member" : "suite");
	if (packaged && firmware->source.has_sha256)
		return toml_fail(
			value, err, -EBADMSG, "sha256 belongs to path; the lock has the package's");
	if (!packaged && (firmware->packages.suite_name != NULL || firmware->member != NULL))
		return toml_fail(value, err, -EBADMSG, "suite and member belong to package");
	if (!packaged && !firmware->source.has_sha256)
		return toml_fail(value, err, -EBADMSG, "sha256 is missing");
	return 0;
}

/* One package: a list would leave open which of them the member is in. */
static int read_firmware_package(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_expect(value, TOML_STRING, err);

	return rc != 0 ? rc : read_package_or_list(value, dst, err);
}

static const struct toml_field firmware_fields[] = {
	{"suite", offsetof(struct recipe_firmware, packages.suite_name), read_section, false},
	{"package", offsetof(struct recipe_firmware, packages.install), read_firmware_package,
		false},
	{"member", offsetof(struct recipe_firmware, member), read_member, false},
	{"path", offsetof(struct recipe_firmware, source.path), read_source_path, false},
	{"sha256", offsetof(struct recipe_firmware, source), read_source_sha256, false},
	TOML_FIELDS_END,
};
static const struct kind firmware_kind = KIND(firmware, firmware_count, .named = true,
	.fields = firmware_fields, .finish = finish_firmware);
ITEMS_READER(firmware)

static int finish_launch(const struct toml *value, void *item, struct err *err)
{
	struct recipe_launch *launch = item;
	bool snp = strcmp(launch->tee, "snp") == 0;
	bool known = false;

	for (size_t i = 0; tees[i] != NULL; i++)
		known = known || strcmp(launch->tee, tees[i]) == 0;
	if (!known)
		return toml_fail(
			value, err, -ENOTSUP, "\"%.100s\" is not a supported TEE", launch->tee);
	if (snp != (launch->cpu.count > 0))
		return toml_fail(value, err, -EBADMSG,
			snp ? "cpu is missing: a VMSA holds the CPU model's signature"
			    : "cpu has no place in a TD's measurement");
	return 0;
}

static const struct toml_field launch_fields[] = {
	{"firmware", offsetof(struct recipe_launch, firmware), read_section, true},
	{"vmm", offsetof(struct recipe_launch, vmm), read_section, true},
	{"cpu", offsetof(struct recipe_launch, cpu), read_cpus, false},
	{"vcpus", 0, read_vcpus, true},
	TOML_FIELDS_END,
};
static const struct kind launches_kind = KIND(
	launches, launch_count, .named = true, .fields = launch_fields, .finish = finish_launch);
ITEMS_READER(launches)

/* The document */

static int read_schema(const struct toml *value, void *dst, struct err *err)
{
	AUTO_FREE char *schema = NULL;
	int rc = toml_read_string(value, &schema, err);

	(void)dst;
	if (rc == 0 && strcmp(schema, RECIPE_SCHEMA) != 0)
		return toml_fail(value, err, -ENOTSUP, "schema \"%.100s\" is not \"%s\"", schema,
			RECIPE_SCHEMA);
	return rc;
}

static const struct toml_field recipe_fields[] = {
	{"schema", 0, read_schema, true},
	{"name", offsetof(struct recipe, name), read_section, true},
	{"description", offsetof(struct recipe, description), read_description, false},
	{"architecture", offsetof(struct recipe, architecture), read_architecture, true},
	{"timestamp", offsetof(struct recipe, timestamp), read_timestamp, true},
	{"suite", 0, read_suites, false},
	{"packages", offsetof(struct recipe, packages), read_packages_section, false},
	{"kernel", offsetof(struct recipe, kernel), read_kernel, false},
	{"source", 0, read_imports, false},
	{"rootfs", 0, read_rootfs, false},
	{"disk", 0, read_disk, false},
	{"command-line", 0, read_command_line, false},
	{"directory", 0, read_dirs, false},
	{"file", 0, read_files, false},
	{"link", 0, read_links, false},
	{"user", 0, read_users, false},
	{"group", 0, read_groups, false},
	{"unit", 0, read_units, false},
	{"agent", offsetof(struct recipe, agent), read_agent, false},
	{"policy", offsetof(struct recipe, policy), read_policy_section, false},
	{"firmware", 0, read_firmware, false},
	{"launch", 0, read_launches, false},
	TOML_FIELDS_END,
};

/* Points @packages at the suite that its section names. */
static int resolve_suite(const struct recipe *recipe, const struct toml *section,
	struct recipe_packages *packages, struct err *err)
{
	for (size_t i = 0; packages->suite_name != NULL && i < recipe->suite_count; i++) {
		if (strcmp(recipe->suites[i].name, packages->suite_name) == 0)
			packages->suite = &recipe->suites[i];
	}
	if (packages->suite_name == NULL || packages->suite != NULL)
		return 0;
	return toml_fail(toml_get(section, "suite"), err, -EBADMSG, "there is no [suite.%s]",
		packages->suite_name);
}

static int resolve_suites(struct recipe *recipe, const struct toml *root, struct err *err)
{
	const struct toml *firmware = toml_get(root, "firmware");
	int rc = resolve_suite(recipe, toml_get(root, "packages"), &recipe->packages, err);

	if (rc == 0)
		rc = resolve_suite(recipe, toml_get(root, "kernel"), &recipe->kernel.packages, err);
	for (size_t i = 0; rc == 0 && i < recipe->firmware_count; i++)
		rc = resolve_suite(recipe, toml_get(firmware, recipe->firmware[i].name),
			&recipe->firmware[i].packages, err);
	return rc;
}

static int check_launches(const struct recipe *recipe, const struct toml *root, struct err *err)
{
	const struct toml *section = toml_get(root, "launch");

	for (size_t i = 0; i < recipe->launch_count; i++) {
		const struct recipe_launch *launch = &recipe->launches[i];
		bool found = false;

		for (size_t j = 0; j < recipe->firmware_count; j++)
			found = found || strcmp(recipe->firmware[j].name, launch->firmware) == 0;
		if (!found)
			return toml_fail(toml_get(toml_get(section, launch->tee), "firmware"), err,
				-EBADMSG, "there is no [firmware.%s]", launch->firmware);
	}
	return 0;
}

static int set_defaults(struct recipe *recipe, struct err *err)
{
	int rc = set_default(&recipe->description, "", err);

	if (rc == 0)
		rc = set_default(&recipe->kernel.compression, compressions[0], err);
	if (rc == 0)
		rc = set_default(&recipe->rootfs.type, root_types[0], err);
	if (rc == 0)
		rc = set_default(&recipe->layout, layouts[0], err);
	return rc != 0 ? rc : set_default(&recipe->append, "", err);
}

/* The directory of @path, malloc'ed; "." when it names none. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int recipe_parse(
	const void *text, size_t len, const char *path, struct recipe *ret, struct err *err)
{
	TOML_AUTO doc = {0};
	struct recipe recipe = {0};
	int rc = digest_bytes(DIGEST_SHA256, text, len, recipe.sha256, err);

	recipe.size_bytes = len;
	if (rc == 0)
		rc = set_default(&recipe.path, path, err);
	if (rc == 0)
		recipe.dir = parent_of(path);
	if (rc == 0 && recipe.dir == NULL)
		rc = err_fail(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = toml_parse(text, len, path, &doc, err);
	if (rc == 0)
		rc = toml_fields(doc.root, recipe_fields, &recipe, err);
	if (rc == 0)
		rc = resolve_suites(&recipe, doc.root, err);
	if (rc == 0)
		rc = check_launches(&recipe, doc.root, err);
	if (rc == 0)
		rc = set_defaults(&recipe, err);
	if (rc != 0)
		recipe_done(&recipe);
	else
		*ret = recipe;
	return rc;
}

int recipe_load(const char *path, struct recipe *ret, struct err *err)
{
	BUF_AUTO name = {0};
	BUF_AUTO text = {0};
	struct stat st;
	int rc;

	buf_str(&name, path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		buf_str(&name, path[strlen(path) - 1] == '/' ? "recipe.toml" : "/recipe.toml");
	rc = buf_check(&name, err);
	if (rc == 0)
		rc = io_read_file(buf_cstr(&name), RECIPE_MAX_BYTES, &text, err);
	return rc != 0 ? rc : recipe_parse(buf_cstr(&text), text.len, buf_cstr(&name), ret, err);
}

static void source_done(struct recipe_source *source)
{
	free(source->path);
	free(source->text);
}

static void packages_done(struct recipe_packages *packages)
{
	free(packages->suite_name);
	strings_done(&packages->install);
	strings_done(&packages->exclude);
}

/* The lists, which may be partly filled after a failure: every struct in them was zeroed. */
static void lists_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->import_count; i++) {
		free(recipe->imports[i].path);
		free(recipe->imports[i].to);
		strings_done(&recipe->imports[i].only);
	}
	for (size_t i = 0; i < recipe->dir_count; i++)
		free(recipe->dirs[i].path);
	for (size_t i = 0; i < recipe->file_count; i++) {
		free(recipe->files[i].path);
		source_done(&recipe->files[i].source);
	}
	for (size_t i = 0; i < recipe->link_count; i++) {
		free(recipe->links[i].path);
		free(recipe->links[i].target);
	}
	for (size_t i = 0; i < recipe->unit_count; i++) {
		free(recipe->units[i].name);
		source_done(&recipe->units[i].source);
		strings_done(&recipe->units[i].wanted_by);
	}
	free(recipe->imports);
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
		strings_done(&recipe->groups[i].members);
	}
	free(recipe->users);
	free(recipe->groups);
}

static void launches_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->firmware_count; i++) {
		free(recipe->firmware[i].name);
		packages_done(&recipe->firmware[i].packages);
		free(recipe->firmware[i].member);
		source_done(&recipe->firmware[i].source);
	}
	for (size_t i = 0; i < recipe->launch_count; i++) {
		free(recipe->launches[i].tee);
		free(recipe->launches[i].firmware);
		free(recipe->launches[i].vmm);
		strings_done(&recipe->launches[i].cpu);
		free(recipe->launches[i].vcpus);
	}
	free(recipe->firmware);
	free(recipe->launches);
}

void recipe_done(struct recipe *recipe)
{
	char *owned[] = {recipe->path, recipe->dir, recipe->name, recipe->description,
		recipe->architecture, recipe->kernel.compression, recipe->rootfs.type,
		recipe->layout, recipe->append, recipe->agent.member, recipe->agent.install,
		recipe->policy.name};

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	for (size_t i = 0; i < recipe->suite_count; i++) {
		free(recipe->suites[i].name);
		free(recipe->suites[i].archive);
		free(recipe->suites[i].distribution);
		strings_done(&recipe->suites[i].components);
	}
	free(recipe->suites);
	packages_done(&recipe->packages);
	packages_done(&recipe->kernel.packages);
	strings_done(&recipe->kernel.modules);
	strings_done(&recipe->rootfs.remove);
	source_done(&recipe->agent.source);
	source_done(&recipe->policy.source);
	lists_done(recipe);
	accounts_done(recipe);
	launches_done(recipe);
	*recipe = (struct recipe){0};
}

char *recipe_source_path(const struct recipe *recipe, const struct recipe_source *source)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", recipe->dir, source->path) < 0 ? NULL : path;
}

char *recipe_import_path(const struct recipe *recipe, const struct recipe_import *import)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", recipe->dir, import->path) < 0 ? NULL : path;
}

/* Compares the digest of @bytes with the one that @source was given. */
static int check_sha256(const struct recipe_source *source, const char *what,
	const struct buf *bytes, struct err *err)
{
	unsigned char got[SHA256_SIZE];
	char got_hex[2 * SHA256_SIZE + 1], want_hex[2 * SHA256_SIZE + 1];
	int rc = digest_bytes(DIGEST_SHA256, buf_cstr(bytes), bytes->len, got, err);

	if (rc != 0 || memcmp(got, source->sha256, sizeof(got)) == 0)
		return rc;
	hex_encode(got, sizeof(got), got_hex);
	hex_encode(source->sha256, sizeof(got), want_hex);
	return err_fail(err, -EKEYREJECTED, "%.200s: sha256 is %s, the recipe says %s", what,
		got_hex, want_hex);
}

int recipe_source_read(const struct recipe *recipe, const struct recipe_source *source,
	size_t max_bytes, struct buf *ret, struct err *err)
{
	AUTO_FREE char *path = source->path != NULL ? recipe_source_path(recipe, source)
						    : strdup("text in the recipe");
	BUF_AUTO bytes = {0};
	int rc = 0;

	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (source->path != NULL)
		rc = io_read_file(path, max_bytes, &bytes, err);
	else
		buf_str(&bytes, source->text);
	if (rc == 0)
		rc = buf_check(&bytes, err);
	if (rc == 0 && source->has_sha256)
		rc = check_sha256(source, path, &bytes, err);
	if (rc != 0)
		return rc;
	buf_add(ret, buf_cstr(&bytes), bytes.len);
	return buf_check(ret, err);
}
