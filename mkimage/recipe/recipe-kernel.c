/* [kernel] and [uki] of a recipe (recipe.h): where the kernel comes from, who sets dm-verity up, and what firmware starts. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "mkimage/recipe/recipe-read.h"

#define SBAT_MAX 512

static const struct recipe_word module_word = {
	"a kernel module's name", LOWER UPPER DIGIT, LOWER UPPER DIGIT "_-", 1, 64};
static const char *const compressions[] = {"zstd", "gzip", "none", NULL};

WORD_READER(module)
LIST_READER(modules, read_module)
LIST_READER(paths, recipe_read_source_path)
CHOICE_READER(compression, compressions)

#define IN_BUILD(member) offsetof(struct recipe_kernel_build, member)
static const struct toml_field build_fields[] = {
	{"fragments", IN_BUILD(fragments), read_paths, true},
	{"config", IN_BUILD(config), recipe_read_source_path, true},
	TOML_FIELDS_END,
};

static int read_build(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_kernel_build *build = dst;
	int rc = toml_fields(value, build_fields, build, err);

	if (rc == 0 && build->fragments.count == 0)
		return toml_fail(value, err, -EBADMSG, "fragments is empty");
	build->present = rc == 0;
	return rc;
}

#define IN_KERNEL(member) offsetof(struct recipe_kernel, member)
static const struct toml_field kernel_fields[] = {
	{"suite", IN_KERNEL(packages.suite_name), recipe_read_name, false},
	{"package", IN_KERNEL(packages.install), recipe_read_package_or_list, false},
	{"path", IN_KERNEL(source.path), recipe_read_source_path, false},
	{"sha256", IN_KERNEL(source), recipe_read_source_sha256, false},
	{"member", IN_KERNEL(member), recipe_read_member, false},
	{"config", IN_KERNEL(config.path), recipe_read_source_path, false},
	{"build", IN_KERNEL(build), read_build, false},
	{"initrd", IN_KERNEL(initrd), toml_read_bool, false},
	{"modules", IN_KERNEL(modules), read_modules, false},
	{"compression", IN_KERNEL(compression), read_compression, false},
	TOML_FIELDS_END,
};

/* One rule over several fields: what must not be so, and what is said of it. */
struct rule {
	bool broken;
	const char *why;
};

static int check_rules(
	const struct toml *value, const struct rule *rules, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (rules[i].broken)
			return toml_fail(value, err, -EBADMSG, "%s", rules[i].why);
	}
	return 0;
}

static int check_kernel_fields(
	const struct toml *value, const struct recipe_kernel *kernel, struct err *err)
{
	bool packaged = toml_get(value, "package") != NULL, file = kernel->source.path != NULL;
	bool built = kernel->build.present;
	const struct rule rules[] = {
		{packaged == file, "exactly one of package and path is needed"},
		{packaged && kernel->packages.install.count == 0, "no package is named"},
		{packaged && kernel->packages.suite_name == NULL, "suite is missing"},
		{file && kernel->packages.suite_name != NULL, "suite belongs to package"},
		{file && !kernel->source.has_sha256, "sha256 is missing"},
		{packaged && kernel->source.has_sha256,
			"sha256 belongs to path; the lock has the package's"},
		{built && packaged && kernel->member == NULL,
			"member is missing: the archive with the source in the package"},
		{built && packaged && kernel->packages.install.count > 1,
			"one package holds the source"},
		{built && file && kernel->member != NULL,
			"member has no place here: path is the archive with the source"},
		{!built && packaged && kernel->member != NULL,
			"member belongs to path, or to a build"},
		{kernel->config.path != NULL && (built || packaged),
			"config belongs to path: packages and builds have their own"},
		{kernel->modules.count > 0 && (built || file),
			"modules come with a package; this kernel has what it needs built in"},
		{!kernel->initrd && kernel->modules.count > 0,
			"modules are loaded by an initrd, and there is none"},
		{!kernel->initrd && kernel->compression != NULL,
			"compression is the initrd's, and there is none"},
	};

	return check_rules(value, rules, sizeof(rules) / sizeof(*rules), err);
}

int recipe_read_kernel(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_kernel *kernel = &((struct recipe *)dst)->kernel;
	int rc = toml_fields(value, kernel_fields, kernel, err);

	if (rc != 0)
		return rc;
	kernel->present = true;
	if (toml_get(value, "initrd") == NULL)
		kernel->initrd = true;
	return check_kernel_fields(value, kernel, err);
}

void recipe_kernel_done(struct recipe_kernel *kernel)
{
	free(kernel->packages.suite_name);
	recipe_strings_done(&kernel->packages.install);
	recipe_strings_done(&kernel->packages.exclude);
	recipe_strings_done(&kernel->modules);
	recipe_strings_done(&kernel->build.fragments);
	recipe_source_done(&kernel->source);
	recipe_source_done(&kernel->config);
	free(kernel->build.config);
	free(kernel->compression);
	free(kernel->member);
}

static int read_sbat(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_read_string(value, dst, err);
	const char *text = *(char **)dst;

	if (rc != 0)
		return rc;
	for (const char *at = text; *at != '\0'; at++) {
		if (*at != '\n' && (*at < 0x20 || *at > 0x7e))
			return toml_fail(value, err, -EBADMSG, "sbat is printable ASCII");
	}
	if (strlen(text) == 0 || strlen(text) > SBAT_MAX || strncmp(text, "sbat,", 5) == 0)
		return toml_fail(value, err, -EBADMSG,
			"sbat is 1 to %d characters, without the line that names its version",
			SBAT_MAX);
	return 0;
}

static const struct toml_field uki_fields[] = {
	{"stub", offsetof(struct recipe_uki, stub), recipe_read_part, true},
	{"sbat", offsetof(struct recipe_uki, sbat), read_sbat, false},
	TOML_FIELDS_END,
};

int recipe_read_uki(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_uki *uki = &((struct recipe *)dst)->uki;

	uki->present = true;
	return toml_fields(value, uki_fields, uki, err);
}

void recipe_uki_done(struct recipe_uki *uki)
{
	free(uki->stub.packages.suite_name);
	recipe_strings_done(&uki->stub.packages.install);
	recipe_strings_done(&uki->stub.packages.exclude);
	recipe_source_done(&uki->stub.source);
	free(uki->stub.member);
	free(uki->sbat);
}
