/* The reader of deployment targets (target.h). */
#define _GNU_SOURCE
#include "measure/golden/target.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"
#include "lib/toml.h"

static void strings_done(struct target_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
}

static void launch_done(struct target_launch *launch)
{
	free(launch->firmware);
	free(launch->vmm);
	free(launch->vcpus);
	free(launch->memory);
	free(launch->acpi);
	free(launch->qemu);
	free(launch->generation);
	free(launch->uefi_variables);
	free(launch->sev_features);
	free(launch->guest_policy);
	strings_done(&launch->cpus);
	strings_done(&launch->limits);
}

static void kata_done(struct target_kata *kata)
{
	free(kata->version);
	free(kata->runtime);
	free(kata->class);
	free(kata->config);
	free(kata->rootfs_type);
	free(kata->kernel_params);
	free(kata->annotation);
	strings_done(&kata->extensions);
}

void target_done(struct target *target)
{
	free(target->name);
	free(target->not_before);
	free(target->not_after);
	json_decref(target->platform);
	kata_done(&target->kata);
	for (size_t i = 0; i < target->launch_count; i++)
		launch_done(&target->launches[i]);
	for (size_t i = 0; i < target->role_count; i++) {
		free(target->roles[i].name);
		free(target->roles[i].initdata);
		free(target->roles[i].pins);
		free(target->roles[i].pins_in);
	}
	free(target->launches);
	free(target->roles);
	*target = (struct target){.name = NULL};
}

/* --- values --- */

static int read_strings(const struct toml *value, void *dst, struct err *err)
{
	struct target_strings *strings = dst;
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc != 0)
		return rc;
	if (value->u.list.count == 0 || value->u.list.count > TARGET_SHAPES_MAX)
		return toml_fail(
			value, err, -EBADMSG, "%s: 1 to %d strings", value->key, TARGET_SHAPES_MAX);
	strings->items = calloc(value->u.list.count, sizeof(*strings->items));
	if (strings->items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++) {
		rc = toml_read_string(value->u.list.items[i], &strings->items[i], err);
		strings->count += rc == 0;
	}
	return rc;
}

static int read_vcpus(const struct toml *value, void *dst, struct err *err)
{
	struct target_launch *launch = dst;
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc != 0)
		return rc;
	if (value->u.list.count == 0 || value->u.list.count > TARGET_SHAPES_MAX)
		return toml_fail(value, err, -EBADMSG, "vcpus: 1 to %d counts", TARGET_SHAPES_MAX);
	launch->vcpus = calloc(value->u.list.count, sizeof(*launch->vcpus));
	if (launch->vcpus == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++) {
		rc = toml_read_u32(value->u.list.items[i], &launch->vcpus[i], err);
		launch->vcpu_count++;
	}
	return rc;
}

/* One size in bytes, or a list of them. */
static int read_memory(const struct toml *value, void *dst, struct err *err)
{
	struct target_launch *launch = dst;
	bool list = value->type == TOML_ARRAY;
	size_t count = list ? value->u.list.count : 1;
	int rc = 0;

	if (count == 0 || count > TARGET_SHAPES_MAX)
		return toml_fail(
			value, err, -EBADMSG, "memory_bytes: 1 to %d sizes", TARGET_SHAPES_MAX);
	launch->memory = calloc(count, sizeof(*launch->memory));
	if (launch->memory == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = toml_read_u64(list ? value->u.list.items[i] : value, &launch->memory[i], err);
		if (rc == 0 && launch->memory[i] % (1u << 20) != 0)
			rc = toml_fail(
				value, err, -EBADMSG, "memory_bytes: not a multiple of 1 MiB");
		for (size_t k = 0; rc == 0 && k < i; k++)
			if (launch->memory[k] == launch->memory[i])
				rc = toml_fail(value, err, -EBADMSG, "memory_bytes: a size twice");
		launch->memory_count++;
	}
	return rc;
}

static int read_processor(const struct toml *value, void *dst, struct err *err)
{
	struct target_launch *launch = dst;
	char *text AUTO_FREE = NULL;
	int rc = toml_read_string(value, &text, err);

	if (rc == 0 && !smbios_processor_parse(text, launch->processor_id))
		rc = toml_fail(
			value, err, -EBADMSG, "smbios_processor_id: not 8 bytes in hexadecimal");
	launch->has_processor = rc == 0;
	return rc;
}

/* --- launches --- */

static int check_launch(
	const struct toml *value, const struct target_launch *launch, struct err *err)
{
	if (!launch->tdx && (launch->vcpu_count > 0) == (launch->limits.count > 0))
		return toml_fail(value, err, -EBADMSG, "vcpus or pod_cpu_limits, one of them");
	if (launch->qemu != NULL && launch->acpi == NULL)
		return toml_fail(value, err, -EBADMSG, "qemu without acpi");
	if (launch->has_processor && launch->acpi == NULL)
		return toml_fail(value, err, -EBADMSG, "smbios_processor_id without acpi");
	if (!launch->tdx && launch->cpus.count == 0)
		return toml_fail(value, err, -EBADMSG, "cpus: missing");
	return 0;
}

static int read_launch(
	const struct toml *value, bool tdx, struct target_launch *launch, struct err *err)
{
	static const struct toml_field snp_fields[] = {
		{"firmware", offsetof(struct target_launch, firmware), toml_read_string, true},
		{"vmm", offsetof(struct target_launch, vmm), toml_read_string, true},
		{"cpus", offsetof(struct target_launch, cpus), read_strings, true},
		{"vcpus", 0, read_vcpus, false},
		{"pod_cpu_limits", offsetof(struct target_launch, limits), read_strings, false},
		{"sev_features", offsetof(struct target_launch, sev_features), toml_read_string,
			false},
		{"guest_policy", offsetof(struct target_launch, guest_policy), toml_read_string,
			false},
		TOML_FIELDS_END,
	};
	static const struct toml_field tdx_fields[] = {
		{"firmware", offsetof(struct target_launch, firmware), toml_read_string, true},
		{"vmm", offsetof(struct target_launch, vmm), toml_read_string, true},
		{"vcpus", 0, read_vcpus, false},
		{"memory_bytes", 0, read_memory, false},
		{"acpi", offsetof(struct target_launch, acpi), toml_read_string, false},
		{"qemu", offsetof(struct target_launch, qemu), toml_read_string, false},
		{"smbios_processor_id", 0, read_processor, false},
		{"firmware_generation", offsetof(struct target_launch, generation),
			toml_read_string, false},
		{"secure_boot_vars", offsetof(struct target_launch, uefi_variables),
			toml_read_string, false},
		TOML_FIELDS_END,
	};
	int rc;

	launch->tdx = tdx;
	rc = toml_fields(value, tdx ? tdx_fields : snp_fields, launch, err);
	return rc == 0 ? check_launch(value, launch, err) : rc;
}

/* [[launch.snp]] or [[launch.tdx]] */
static int read_launches(const struct toml *list, bool tdx, struct target *target, struct err *err)
{
	int rc = toml_expect(list, TOML_ARRAY, err);

	for (size_t i = 0; rc == 0 && i < list->u.list.count; i++) {
		if (target->launch_count == TARGET_LAUNCHES_MAX)
			return toml_fail(
				list, err, -EBADMSG, "more than %d launches", TARGET_LAUNCHES_MAX);
		rc = read_launch(
			list->u.list.items[i], tdx, &target->launches[target->launch_count++], err);
	}
	return rc;
}

static int read_launch_table(const struct toml *value, void *dst, struct err *err)
{
	struct target *target = dst;
	int rc = toml_expect(value, TOML_TABLE, err);

	if (rc != 0)
		return rc;
	target->launches = calloc(TARGET_LAUNCHES_MAX, sizeof(*target->launches));
	if (target->launches == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++) {
		const struct toml *list = value->u.list.items[i];

		if (strcmp(list->key, "snp") != 0 && strcmp(list->key, "tdx") != 0)
			return toml_fail(list, err, -EBADMSG, "%s: not snp or tdx", list->key);
		rc = read_launches(list, strcmp(list->key, "tdx") == 0, target, err);
	}
	if (rc == 0 && target->launch_count == 0)
		return toml_fail(
			value, err, -EBADMSG, "launch: no [[launch.snp]] or [[launch.tdx]]");
	return rc;
}

/* --- roles --- */

/* A value that is measured together with what it is compared with would have to contain itself. */
static int check_cycle(const struct toml *value, const struct target_role *role, struct err *err)
{
	static const char *const places[] = {"initdata", "image", "cmdline"};
	size_t i = 0;

	if ((role->pins == NULL) != (role->pins_in == NULL))
		return toml_fail(value, err, -EBADMSG, "pins and pins_in go together");
	if (role->pins == NULL)
		return 0;
	while (i < 3 && strcmp(role->pins_in, places[i]) != 0)
		i++;
	if (i == 3)
		return toml_fail(value, err, -EBADMSG, "pins_in: not initdata, image or cmdline");
	if (i > 0)
		return toml_fail(value, err, -EKEYREJECTED,
			"role %s holds the values of %s in its %s, which those values measure: "
			"they would have to contain "
			"themselves; put them into initdata (c8s.cds.measurements, c8s.cds.rtmrs)",
			role->name, role->pins, role->pins_in);
	if (role->initdata == NULL)
		return toml_fail(value, err, -EBADMSG, "pins_in = \"initdata\" without initdata");
	return 0;
}

static int read_role(const struct toml *value, struct target_role *role, struct err *err)
{
	static const struct toml_field fields[] = {
		{"name", offsetof(struct target_role, name), toml_read_string, true},
		{"initdata", offsetof(struct target_role, initdata), toml_read_string, false},
		{"pins", offsetof(struct target_role, pins), toml_read_string, false},
		{"pins_in", offsetof(struct target_role, pins_in), toml_read_string, false},
		TOML_FIELDS_END,
	};
	int rc = toml_fields(value, fields, role, err);

	return rc == 0 ? check_cycle(value, role, err) : rc;
}

static int read_roles(const struct toml *value, void *dst, struct err *err)
{
	struct target *target = dst;
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc != 0)
		return rc;
	if (value->u.list.count > TARGET_ROLES_MAX)
		return toml_fail(value, err, -EBADMSG, "more than %d roles", TARGET_ROLES_MAX);
	target->roles = calloc(value->u.list.count + 1, sizeof(*target->roles));
	if (target->roles == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++) {
		rc = read_role(value->u.list.items[i], &target->roles[i], err);
		target->role_count++;
		for (size_t k = 0; rc == 0 && k < i; k++) {
			if (strcmp(target->roles[k].name, target->roles[i].name) == 0)
				return toml_fail(value->u.list.items[i], err, -EBADMSG,
					"two roles named %s", target->roles[i].name);
		}
	}
	return rc;
}

/* --- the rest --- */

static int read_kata(const struct toml *value, void *dst, struct err *err)
{
	static const struct toml_field fields[] = {
		{"version", offsetof(struct target_kata, version), toml_read_string, true},
		{"runtime", offsetof(struct target_kata, runtime), toml_read_string, true},
		{"class", offsetof(struct target_kata, class), toml_read_string, true},
		{"config", offsetof(struct target_kata, config), toml_read_string, false},
		{"rootfs_type", offsetof(struct target_kata, rootfs_type), toml_read_string, false},
		{"kernel_params", offsetof(struct target_kata, kernel_params), toml_read_string,
			false},
		{"annotation", offsetof(struct target_kata, annotation), toml_read_string, false},
		{"debug_console", offsetof(struct target_kata, debug_console), toml_read_bool,
			false},
		{"fips", offsetof(struct target_kata, fips), toml_read_bool, false},
		{"extensions", offsetof(struct target_kata, extensions), read_strings, false},
		TOML_FIELDS_END,
	};
	struct target_kata *kata = dst;

	kata->present = true;
	return toml_fields(value, fields, kata, err);
}

static int read_validity(const struct toml *value, void *dst, struct err *err)
{
	static const struct toml_field fields[] = {
		{"not_before", offsetof(struct target, not_before), toml_read_string, false},
		{"not_after", offsetof(struct target, not_after), toml_read_string, false},
		TOML_FIELDS_END,
	};

	return toml_fields(value, fields, dst, err);
}

/* A table of strings, numbers, booleans and tables as JSON; what may stand in it, the golden document's reader says. */
static int to_json(const struct toml *value, json_t **ret, struct err *err)
{
	JSON_AUTO *object = NULL;

	switch (value->type) {
	case TOML_STRING:
		*ret = json_stringn(value->u.string.data, value->u.string.len);
		break;
	case TOML_INTEGER:
		*ret = json_integer(value->u.integer);
		break;
	case TOML_BOOL:
		*ret = json_boolean(value->u.boolean);
		break;
	case TOML_TABLE:
		object = json_object();
		for (size_t i = 0; i < value->u.list.count; i++) {
			const struct toml *item = value->u.list.items[i];
			json_t *made = NULL;
			int rc = to_json(item, &made, err);

			if (rc != 0)
				return rc;
			if (json_object_set_new(object, item->key, made) != 0)
				return err_fail(err, -ENOMEM, "out of memory");
		}
		*ret = json_incref(object);
		break;
	default:
		return toml_fail(value, err, -EBADMSG, "not a string, number, boolean or table");
	}
	return *ret != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

static int read_platform(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_expect(value, TOML_TABLE, err);

	return rc == 0 ? to_json(value, dst, err) : rc;
}

static int check_target(const struct toml *root, const struct target *target, struct err *err)
{
	for (size_t i = 0; i < target->launch_count; i++) {
		if (target->launches[i].limits.count > 0 && !target->kata.present)
			return toml_fail(root, err, -EBADMSG,
				"pod_cpu_limits: how limits become vCPUs depends on Kata: [kata] "
				"is missing");
	}
	for (size_t i = 0; i < target->role_count; i++) {
		size_t k = 0;

		while (target->roles[i].pins != NULL && k < target->role_count &&
			strcmp(target->roles[k].name, target->roles[i].pins) != 0)
			k++;
		if (k > 0 && k == target->role_count)
			return toml_fail(root, err, -EBADMSG, "role %s pins %s, which is no role",
				target->roles[i].name, target->roles[i].pins);
	}
	return 0;
}

int target_read(const void *text, size_t len, const char *what, struct target *ret, struct err *err)
{
	static const struct toml_field fields[] = {
		{"name", offsetof(struct target, name), toml_read_string, true},
		{"validity", 0, read_validity, false},
		{"platform", offsetof(struct target, platform), read_platform, false},
		{"kata", offsetof(struct target, kata), read_kata, false},
		{"launch", 0, read_launch_table, true},
		{"role", 0, read_roles, false},
		TOML_FIELDS_END,
	};
	TARGET_AUTO target = {.name = NULL};
	TOML_AUTO doc = {0};
	int rc = toml_parse(text, len, what, &doc, err);

	if (rc == 0)
		rc = toml_fields(doc.root, fields, &target, err);
	if (rc == 0)
		rc = check_target(doc.root, &target, err);
	if (rc != 0)
		return rc;
	*ret = target;
	target = (struct target){.name = NULL};
	return 0;
}
