/* The recipe reader (recipe.h): tables of fields and of the words they may hold. What becomes of the guest's tree is read in
 * recipe-tree.c. */
#define _GNU_SOURCE
#include "mkimage/recipe/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/fs/erofs-pack.h"
#include "mkimage/recipe/recipe-merge.h"
#include "mkimage/recipe/recipe-read.h"
#include "mkimage/tree.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define TIMESTAMP_MAX	UINT32_MAX /* the width of a cpio member's time */
#define APPEND_MAX	2047	   /* COMMAND_LINE_SIZE of x86 without its NUL */
#define VCPUS_MAX	512
#define VCPUS_COUNT_MAX 64
#define DESCRIPTION_MAX 1024
#define SOURCE_DIR_MAX	1024

static const struct recipe_word distribution_word = {
	"a suite of an archive", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-/", 1, 64};
static const struct recipe_word component_word = {
	"a component of an archive", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-/", 1, 64};
static const struct recipe_word package_word = {
	"a package name", LOWER DIGIT, LOWER DIGIT "+-.", 2, 128};
/* What a systemd unit's instance and a disk's serial number can hold, "extension-" before it. */
static const struct recipe_word extension_name_word = {
	"the name of an extension, at most 10 of letters, digits, - and _", LOWER UPPER DIGIT,
	LOWER UPPER DIGIT "_-", 1, 10};
static const struct recipe_word cpu_word = {
	"a CPU model", LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+-", 1, 64};

static const char *const architectures[] = {"amd64", NULL};
static const char *const root_types[] = {"erofs", "ext4", NULL};
static const char *const root_compressions[] = {"none", "lz4hc", "zstd", NULL};
/* Those whose tree the recipe's initrd can use: alone in the second partition. */
static const char *const layouts[] = {"kata-mbr", "kata-dax", "one-disk", "esp", NULL};
static const char *const tees[] = {"snp", "tdx", NULL};

WORD_READER(distribution)
WORD_READER(component)
WORD_READER(package)
WORD_READER(cpu)
WORD_READER(extension_name)
LIST_READER(components, read_component)
LIST_READER(packages, read_package)
LIST_READER(cpus, read_cpu)
CHOICE_READER(architecture, architectures)
CHOICE_READER(root_type, root_types)
CHOICE_READER(root_compression, root_compressions)
CHOICE_READER(layout, layouts)
LINE_READER(description, DESCRIPTION_MAX)
LINE_READER(append, APPEND_MAX)

/* A list of packages, or one package as a string. */
int recipe_read_package_or_list(const struct toml *value, void *dst, struct err *err)
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

LIST_READER(patterns, recipe_read_pattern)

static int read_timestamp(const struct toml *value, void *dst, struct err *err)
{
	return recipe_read_limited(value, 0, TIMESTAMP_MAX, dst, err);
}

static int read_vcpus(const struct toml *value, void *dst, struct err *err)
{
	struct recipe_launch *launch = dst;
	int rc = recipe_check_array(value, err);

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
		rc = recipe_read_limited(
			value->u.list.items[i], 1, VCPUS_MAX, &launch->vcpus[i], err);
		if (rc == 0 && i > 0 && launch->vcpus[i] <= launch->vcpus[i - 1])
			return toml_fail(value, err, -EBADMSG, "vcpus must ascend");
	}
	return rc;
}

/* Sections */

static int finish_suite(const struct toml *value, void *item, struct err *err)
{
	struct recipe_suite *suite = item;

	if (suite->components.count == 0)
		return toml_fail(value, err, -EBADMSG, "components is empty");
	return 0;
}

static const struct toml_field suite_fields[] = {
	{"archive", offsetof(struct recipe_suite, archive), recipe_read_name, true},
	{"distribution", offsetof(struct recipe_suite, distribution), read_distribution, true},
	{"components", offsetof(struct recipe_suite, components), read_components, true},
	{"allow-expired", offsetof(struct recipe_suite, allow_expired), toml_read_bool, false},
	TOML_FIELDS_END,
};
static const struct recipe_kind suites_kind = RECIPE_KIND(
	suites, suite_count, .named = true, .fields = suite_fields, .finish = finish_suite);
static ITEMS_READER(suites)

	static const struct toml_field packages_fields[] = {
		{"suite", offsetof(struct recipe_packages, suite_name), recipe_read_name, true},
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

static int read_salt(const struct toml *value, void *dst, struct err *err)
{
	struct recipe *recipe = dst;
	int rc = recipe_read_sha256(value, recipe->rootfs.salt, err);

	recipe->rootfs.has_salt = rc == 0;
	return rc;
}

static const struct toml_field rootfs_fields[] = {
	{"type", offsetof(struct recipe, rootfs.type), read_root_type, false},
	{"compression", offsetof(struct recipe, rootfs.compression), read_root_compression, false},
	{"compression-level", offsetof(struct recipe, rootfs.compression_level), toml_read_u32,
		false},
	{"cluster-kib", offsetof(struct recipe, rootfs.cluster_kib), toml_read_u32, false},
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

/* A file name, or the path of an interpreter: "libc.so.6", "/lib64/ld-linux-x86-64.so.2". */
static int read_provided(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, TREE_PATH_MAX, err);

	if (rc == 0 && **(char **)dst == '\0')
		return toml_fail(value, err, -EBADMSG, "an empty name");
	return rc;
}
LIST_READER(provided_list, read_provided)

static const struct toml_field extension_fields[] = {
	{"name", offsetof(struct recipe_extension, name), read_extension_name, true},
	{"provided", offsetof(struct recipe_extension, provided), read_provided_list, false},
	TOML_FIELDS_END,
};

static int read_extension(const struct toml *value, void *dst, struct err *err)
{
	return toml_fields(value, extension_fields, dst, err);
}

static int read_directory(const struct toml *value, void *dst, struct err *err)
{
	int rc = recipe_read_line(value, dst, SOURCE_DIR_MAX, err);

	if (rc == 0 && **(char **)dst != '/')
		return toml_fail(value, err, -EBADMSG, "%s is not an absolute path", value->key);
	return rc;
}

static const struct toml_field kata_fields[] = {
	{"directory", offsetof(struct recipe_kata, directory), read_directory, false},
	{"kernel-params", offsetof(struct recipe_kata, kernel_params), read_append, false},
	TOML_FIELDS_END,
};

static int read_kata(const struct toml *value, void *dst, struct err *err)
{
	return toml_fields(value, kata_fields, dst, err);
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

	return rc != 0 ? rc : recipe_read_package_or_list(value, dst, err);
}

static const struct toml_field firmware_fields[] = {
	{"suite", offsetof(struct recipe_firmware, packages.suite_name), recipe_read_name, false},
	{"package", offsetof(struct recipe_firmware, packages.install), read_firmware_package,
		false},
	{"member", offsetof(struct recipe_firmware, member), recipe_read_member, false},
	{"path", offsetof(struct recipe_firmware, source.path), recipe_read_source_path, false},
	{"sha256", offsetof(struct recipe_firmware, source), recipe_read_source_sha256, false},
	TOML_FIELDS_END,
};
int recipe_read_part(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_fields(value, firmware_fields, dst, err);

	return rc != 0 ? rc : finish_firmware(value, dst, err);
}

static const struct recipe_kind firmware_kind = RECIPE_KIND(firmware, firmware_count, .named = true,
	.fields = firmware_fields, .finish = finish_firmware);
static ITEMS_READER(firmware)

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
	{"firmware", offsetof(struct recipe_launch, firmware), recipe_read_name, true},
	{"vmm", offsetof(struct recipe_launch, vmm), recipe_read_name, true},
	{"cpu", offsetof(struct recipe_launch, cpu), read_cpus, false},
	{"vcpus", 0, read_vcpus, true},
	TOML_FIELDS_END,
};
static const struct recipe_kind launches_kind = RECIPE_KIND(
	launches, launch_count, .named = true, .fields = launch_fields, .finish = finish_launch);
static ITEMS_READER(launches)

	/* The document */

	static int read_schema(const struct toml *value, void *dst, struct err *err)
{
	(void)dst;
	return recipe_expect_schema(value, RECIPE_SCHEMA, err);
}

static const struct toml_field recipe_fields[] = {
	{"schema", 0, read_schema, true},
	{"name", offsetof(struct recipe, name), recipe_read_name, true},
	{"description", offsetof(struct recipe, description), read_description, false},
	{"architecture", offsetof(struct recipe, architecture), read_architecture, true},
	{"timestamp", offsetof(struct recipe, timestamp), read_timestamp, true},
	{"suite", 0, recipe_read_suites, false},
	{"packages", offsetof(struct recipe, packages), read_packages_section, false},
	{"kernel", 0, recipe_read_kernel, false},
	{"uki", 0, recipe_read_uki, false},
	{"extension", offsetof(struct recipe, extension), read_extension, false},
	{"kata", offsetof(struct recipe, kata), read_kata, false},
	{"source", 0, recipe_read_imports, false},
	{"rootfs", 0, read_rootfs, false},
	{"disk", 0, read_disk, false},
	{"command-line", 0, read_command_line, false},
	{"directory", 0, recipe_read_dirs, false},
	{"file", 0, recipe_read_files, false},
	{"join", 0, recipe_read_joins, false},
	{"link", 0, recipe_read_links, false},
	{"user", 0, recipe_read_users, false},
	{"group", 0, recipe_read_groups, false},
	{"unit", 0, recipe_read_units, false},
	{"permission", 0, recipe_read_permissions, false},
	{"allow-list", offsetof(struct recipe, allow_list), recipe_read_allow_list, false},
	{"agent", offsetof(struct recipe, agent), recipe_read_agent, false},
	{"policy", offsetof(struct recipe, policy), recipe_read_policy, false},
	{"firmware", 0, recipe_read_firmware, false},
	{"launch", 0, recipe_read_launches, false},
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
	if (rc == 0 && recipe->uki.present)
		rc = resolve_suite(recipe, toml_get(toml_get(root, "uki"), "stub"),
			&recipe->uki.stub.packages, err);
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

static bool names_policy(const struct recipe_strings *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], "policy") == 0 ||
			strcmp(list->items[i], "policy.debug") == 0)
			return true;
	}
	return false;
}

/* An image with an open policy has a name that says so. */
static int check_debug(const struct toml *root, const struct recipe_policy *policy,
	const struct recipe_delta *delta, struct err *err)
{
	if (!policy->debug || names_policy(&delta->added) || names_policy(&delta->changed))
		return 0;
	return toml_fail(toml_get(toml_get(root, "policy"), "debug"), err, -EBADMSG,
		"debug belongs to a variant: [variant.NAME.policy]");
}

static int set_defaults(struct recipe *recipe, struct err *err)
{
	int rc = recipe_default(&recipe->description, "", err);

	if (rc == 0)
		rc = recipe_default(&recipe->kernel.compression, "zstd", err);
	if (rc == 0)
		rc = recipe_default(&recipe->rootfs.type, root_types[0], err);
	if (rc == 0)
		rc = recipe_default(&recipe->rootfs.compression, root_compressions[0], err);
	if (rc == 0)
		rc = recipe_default(&recipe->layout, layouts[0], err);
	return rc != 0 ? rc : recipe_default(&recipe->append, "", err);
}

/* The directory of @path, malloc'ed; "." when it names none. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Whether the file system's compression is one that there is. */
static int check_compression(const struct recipe *recipe, const struct toml *root, struct err *err)
{
	const struct toml *rootfs = toml_get(root, "rootfs");
	uint32_t level = recipe->rootfs.compression_level, kib = recipe->rootfs.cluster_kib;
	enum erofs_pack pack = EROFS_PACK_NONE;
	bool none = !erofs_pack_parse(recipe->rootfs.compression, &pack) || pack == EROFS_PACK_NONE;

	if (none && (level != 0 || kib != 0))
		return toml_fail(rootfs, err, -EBADMSG,
			"compression-level and cluster-kib are for what is compressed");
	if (!none && strcmp(recipe->rootfs.type, "erofs") != 0)
		return toml_fail(rootfs, err, -ENOTSUP, "only EROFS can be compressed");
	if (!none && recipe->layout != NULL && strcmp(recipe->layout, "kata-dax") == 0)
		return toml_fail(rootfs, err, -ENOTSUP,
			"compressed files cannot be mapped, which is what kata-dax is for");
	if (!none && level > (uint32_t)erofs_pack_level_max(pack))
		return toml_fail(rootfs, err, -EBADMSG, "%s has levels from 1 to %d",
			recipe->rootfs.compression, erofs_pack_level_max(pack));
	if (kib != 0 && (kib < EROFS_PACK_CLUSTER_MIN / 1024 || (kib & (kib - 1)) != 0 ||
				kib > EROFS_PACK_CLUSTER_MAX / 1024))
		return toml_fail(rootfs, err, -EBADMSG, "cluster-kib is a power of 2 from %u to %u",
			EROFS_PACK_CLUSTER_MIN / 1024, EROFS_PACK_CLUSTER_MAX / 1024);
	return 0;
}

/* What cannot be beside one another. */
static int check_sections(const struct recipe *recipe, const struct toml *root, struct err *err)
{
	static const char *const guests[] = {
		"kernel", "uki", "firmware", "launch", "command-line", "agent", "policy"};
	const struct toml *item;

	for (size_t i = 0; recipe->extension.name != NULL && i < ARRAY_SIZE(guests); i++) {
		item = toml_get(root, guests[i]);
		if (item != NULL)
			return toml_fail(
				item, err, -EBADMSG, "%s has no place in an extension", guests[i]);
	}
	if (recipe->extension.name != NULL && (strcmp(recipe->rootfs.type, "erofs") != 0 ||
						      strcmp(recipe->layout, "kata-mbr") != 0))
		return toml_fail(toml_get(root, "extension"), err, -ENOTSUP,
			"an extension is an EROFS in the layout kata-mbr");
	if (recipe->launch_count > 0 && !recipe->kernel.present)
		return toml_fail(toml_get(root, "launch"), err, -EBADMSG,
			"launch without a kernel: there is nothing to measure");
	if (recipe->uki.present && !recipe->kernel.present)
		return toml_fail(toml_get(root, "uki"), err, -EBADMSG, "uki without a kernel");
	if (strcmp(recipe->layout, "esp") == 0 && !recipe->uki.present)
		return toml_fail(toml_get(root, "disk"), err, -EBADMSG,
			"layout esp holds a unified kernel image, and there is no [uki]");
	return 0;
}

/* What the merged document says. */
static int read_document(struct recipe *recipe, const struct recipe_merge *merge, struct err *err)
{
	const struct toml *root = merge->root;
	int rc = toml_fields(root, recipe_fields, recipe, err);

	if (rc == 0)
		rc = check_debug(root, &recipe->policy, &merge->delta, err);
	if (rc == 0)
		rc = resolve_suites(recipe, root, err);
	if (rc == 0)
		rc = check_launches(recipe, root, err);
	if (rc == 0)
		rc = set_defaults(recipe, err);
	if (rc == 0)
		rc = check_compression(recipe, root, err);
	return rc != 0 ? rc : check_sections(recipe, root, err);
}

/* The image of a variant goes by a name of its own; what derives from the recipe's identity stays. */
static int set_names(struct recipe *recipe, const char *variant, struct err *err)
{
	recipe->identity = recipe->name;
	recipe->name = NULL;
	if (variant == NULL)
		return recipe_default(&recipe->name, recipe->identity, err);
	if (asprintf(&recipe->name, "%s-%s", recipe->identity, variant) < 0) {
		recipe->name = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	return recipe_default(&recipe->variant, variant, err);
}

/* Takes over what the merged documents say of themselves. */
static int take_documents(struct recipe *recipe, struct recipe_merge *merge, struct err *err)
{
	recipe->delta = merge->delta;
	merge->delta = (struct recipe_delta){0};
	recipe->documents = calloc(merge->count, sizeof(*recipe->documents));
	if (recipe->documents == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 1; i < merge->count; i++) {
		recipe->documents[recipe->document_count++] = merge->parts[i];
		merge->parts[i] = (struct recipe_document){0};
	}
	return 0;
}

static int parse(const void *text, size_t len, const char *path, bool path_is_file,
	const char *variant, struct recipe *ret, struct err *err)
{
	RECIPE_MERGE_AUTO merge = {0};
	struct recipe recipe = {0};
	int rc = digest_bytes(DIGEST_SHA256, text, len, recipe.sha256, err);

	recipe.size_bytes = len;
	if (rc == 0)
		rc = recipe_default(&recipe.path, path, err);
	if (rc == 0)
		recipe.dir = parent_of(path);
	if (rc == 0 && recipe.dir == NULL)
		rc = err_fail(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = recipe_merge(text, len, path, path_is_file, variant, &merge, err);
	if (rc == 0)
		rc = read_document(&recipe, &merge, err);
	if (rc == 0)
		rc = set_names(&recipe, variant, err);
	if (rc == 0)
		rc = take_documents(&recipe, &merge, err);
	if (rc != 0)
		recipe_done(&recipe);
	else
		*ret = recipe;
	return rc;
}

int recipe_parse(
	const void *text, size_t len, const char *path, struct recipe *ret, struct err *err)
{
	return parse(text, len, path, false, NULL, ret, err);
}

int recipe_load(const char *path, const char *variant, struct recipe *ret, struct err *err)
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
	return rc != 0 ? rc
		       : parse(buf_cstr(&text), text.len, buf_cstr(&name), true, variant, ret, err);
}

static void packages_done(struct recipe_packages *packages)
{
	free(packages->suite_name);
	recipe_strings_done(&packages->install);
	recipe_strings_done(&packages->exclude);
}

static void documents_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->document_count; i++)
		free(recipe->documents[i].path);
	free(recipe->documents);
	recipe_strings_done(&recipe->delta.added);
	recipe_strings_done(&recipe->delta.changed);
	recipe_strings_done(&recipe->delta.dropped);
}

static void launches_done(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->firmware_count; i++) {
		free(recipe->firmware[i].name);
		packages_done(&recipe->firmware[i].packages);
		free(recipe->firmware[i].member);
		recipe_source_done(&recipe->firmware[i].source);
	}
	for (size_t i = 0; i < recipe->launch_count; i++) {
		free(recipe->launches[i].tee);
		free(recipe->launches[i].firmware);
		free(recipe->launches[i].vmm);
		recipe_strings_done(&recipe->launches[i].cpu);
		free(recipe->launches[i].vcpus);
	}
	free(recipe->firmware);
	free(recipe->launches);
}

void recipe_done(struct recipe *recipe)
{
	char *owned[] = {recipe->path, recipe->dir, recipe->variant, recipe->name, recipe->identity,
		recipe->description, recipe->architecture, recipe->rootfs.type,
		recipe->rootfs.compression, recipe->layout, recipe->append, recipe->extension.name,
		recipe->kata.directory, recipe->kata.kernel_params};

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	for (size_t i = 0; i < recipe->suite_count; i++) {
		free(recipe->suites[i].name);
		free(recipe->suites[i].archive);
		free(recipe->suites[i].distribution);
		recipe_strings_done(&recipe->suites[i].components);
	}
	free(recipe->suites);
	packages_done(&recipe->packages);
	recipe_kernel_done(&recipe->kernel);
	recipe_uki_done(&recipe->uki);
	recipe_strings_done(&recipe->extension.provided);
	recipe_strings_done(&recipe->rootfs.remove);
	documents_done(recipe);
	recipe_imports_done(recipe);
	recipe_tree_done(recipe);
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
