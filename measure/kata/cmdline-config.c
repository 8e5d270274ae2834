/*
 * The configuration behind a Kata command line: the runtimes' TOML files, what kata-deploy changes in them, and the
 * vCPUs that a pod's limits lead to (cmdline.h).
 */
#define _GNU_SOURCE
#include "measure/kata/cmdline.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/verity.h"
#include "lib/toml.h"

/* The runtimes add limits to default_vcpus in single precision. */
_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic must round to float");

#define MILLI_MAX     (UINT64_C(1000) * CMDLINE_VCPUS_MAX)
#define CPU_PERIOD    100000 /* microseconds, what the kubelet uses */
#define CPU_QUOTA_MIN 1000

static int read_extension(const struct toml *table, struct kata_config *config, struct err *err)
{
	const struct toml *name, *line;
	AUTO_FREE char *name_text = NULL, *line_text = NULL;
	int rc = toml_expect(table, TOML_TABLE, err);

	if (rc != 0)
		return rc;
	name = toml_get(table, "name");
	line = toml_get(table, "verity_params");
	if (name == NULL)
		return toml_fail(table, err, -EBADMSG, "an extension image without a name");
	rc = toml_read_string(name, &name_text, err);
	if (rc == 0 && line != NULL)
		rc = toml_read_string(line, &line_text, err);
	if (rc != 0)
		return rc;
	return cmdline_config_extension(
		config, name_text, strlen(name_text), line_text != NULL ? line_text : "", err);
}

static int read_extensions(const struct toml *value, struct kata_config *config, struct err *err)
{
	int rc = toml_expect(value, TOML_ARRAY, err);

	if (rc != 0)
		return rc;
	while (config->extension_count > 0) {
		struct kata_extension *last = &config->extensions[--config->extension_count];

		free(last->name);
		free(last->verity_params);
		*last = (struct kata_extension){0};
	}
	for (size_t i = 0; i < value->u.list.count; i++) {
		rc = read_extension(value->u.list.items[i], config, err);
		if (rc != 0)
			return err_wrap(err, "%s", value->doc->what);
	}
	return 0;
}

static int read_real(const struct toml *value, float *ret, struct err *err)
{
	double real = value->type == TOML_INTEGER ? (double)value->u.integer : value->u.real;

	if (value->type != TOML_INTEGER && value->type != TOML_FLOAT)
		return toml_fail(value, err, -EBADMSG, "%s: not a number", value->key);
	if (!(real >= 0 && real <= CMDLINE_VCPUS_MAX))
		return toml_fail(value, err, -ENOTSUP,
			"%s: what the runtime makes of it depends on the host", value->key);
	*ret = (float)real;
	return 0;
}

/* Rust prints the number or the boolean as it is; the list stays sorted by name. */
static int read_item(
	const struct toml *value, const char *name, struct kata_config *config, struct err *err)
{
	struct kata_mem_agent item = {.name = name};
	size_t at = 0;

	if (value->type == TOML_BOOL)
		snprintf(item.value, sizeof(item.value), "%s", value->u.boolean ? "true" : "false");
	else if (value->type == TOML_INTEGER)
		snprintf(item.value, sizeof(item.value), "%lld", (long long)value->u.integer);
	else
		return toml_fail(value, err, -EBADMSG, "%s: not a number or a boolean", name);
	while (at < config->mem_agent_count && strcmp(config->mem_agent[at].name, name) < 0)
		at++;
	if (at == config->mem_agent_count || strcmp(config->mem_agent[at].name, name) != 0) {
		if (config->mem_agent_count == KATA_MEM_AGENT_MAX)
			return toml_fail(value, err, -EBADMSG, "%s: too many entries", name);
		memmove(&config->mem_agent[at + 1], &config->mem_agent[at],
			(config->mem_agent_count++ - at) * sizeof(item));
	}
	config->mem_agent[at] = item;
	return 0;
}

static int read_text(const struct toml *value, char **slot, struct err *err)
{
	char *text = NULL;
	int rc = toml_read_string(value, &text, err);

	if (rc != 0)
		return rc;
	free(*slot);
	*slot = text;
	return 0;
}

static int read_knob(const struct toml *value, const struct kata_knob *knob,
	struct kata_config *config, struct err *err)
{
	void *dst = (char *)config + knob->at;

	switch (knob->type) {
	case KATA_BOOL:
		return toml_read_bool(value, dst, err);
	case KATA_STRING:
		return read_text(value, dst, err);
	case KATA_U32:
		return toml_read_u32(value, dst, err);
	case KATA_REAL:
		return read_real(value, dst, err);
	case KATA_EXTENSION_LIST:
		return read_extensions(value, config, err);
	case KATA_ITEM:
		return read_item(value, knob->key, config, err);
	}
	return err_fail(err, -EINVAL, "%s: unusable knob", knob->key);
}

/* The table of a section; NULL when the file has none. */
static int find_section(const struct toml *root, enum kata_section section, const struct toml **ret,
	struct err *err)
{
	static const char *const paths[][3] = {
		[KATA_HYPERVISOR] = {"hypervisor", "qemu", NULL},
		[KATA_AGENT] = {"agent", "kata", NULL},
		[KATA_RUNTIME] = {"runtime", NULL, NULL},
		[KATA_MEMORY] = {"agent", "kata", "mem_agent"},
	};
	const struct toml *table = root;

	for (size_t i = 0; table != NULL && i < 3 && paths[section][i] != NULL; i++) {
		table = toml_get(table, paths[section][i]);
		if (table != NULL && table->type != TOML_TABLE)
			return toml_fail(
				table, err, -EBADMSG, "%s: not a table", paths[section][i]);
	}
	*ret = table;
	return 0;
}

static int read_file_knob(const struct toml *root, const struct kata_knob *knob,
	enum kata_runtime runtime, size_t version, struct kata_config *config, struct err *err)
{
	const char *since = knob->since[runtime];
	const struct toml *table, *value;
	int rc = find_section(root, knob->section, &table, err);

	if (rc != 0)
		return rc;
	value = table != NULL ? toml_get(table, knob->key) : NULL;
	if (value == NULL || (knob->runtimes & 1u << runtime) == 0)
		return 0;
	if (!kata_in_range(version, since, NULL))
		return toml_fail(value, err, -ENOTSUP,
			"%s: Kata %s does not know it, %s does: is the version right?", knob->key,
			kata_versions[version], since);
	return read_knob(value, knob, config, err);
}

/* Other hypervisors and agents than the ones that are read would be chosen by name. */
static int check_names(const struct toml *root, struct err *err)
{
	static const char *const names[][2] = {{"hypervisor_name", "qemu"}, {"agent_name", "kata"}};
	const struct toml *runtime = toml_get(root, "runtime");
	const struct toml *hypervisor = toml_get(root, "hypervisor");

	for (size_t i = 0; runtime != NULL && runtime->type == TOML_TABLE && i < 2; i++) {
		const struct toml *name = toml_get(runtime, names[i][0]);

		if (name != NULL && (name->type != TOML_STRING ||
					    strcmp(name->u.string.data, names[i][1]) != 0))
			return toml_fail(name, err, -ENOTSUP, "%s: only %s is known", names[i][0],
				names[i][1]);
	}
	if (hypervisor != NULL && hypervisor->type == TOML_TABLE &&
		toml_get(hypervisor, "qemu") == NULL)
		return toml_fail(hypervisor, err, -ENOTSUP, "no [hypervisor.qemu]");
	return 0;
}

int cmdline_config_read(const void *text, size_t len, const char *what, enum kata_runtime runtime,
	size_t version, struct kata_config *config, struct err *err)
{
	TOML_AUTO doc = {0};
	int rc = toml_parse(text, len, what, &doc, err);

	if (rc == 0)
		rc = check_names(doc.root, err);
	for (const struct kata_knob *knob = kata_knobs; rc == 0 && knob->key != NULL; knob++)
		rc = read_file_knob(doc.root, knob, runtime, version, config, err);
	return rc;
}

static int check_extension(const char *name, size_t len, const char *verity_params, struct err *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	struct verity_params verity;

	if (len == 0 || len > 64 || strspn(name, allowed) < len)
		return err_fail(err, -EBADMSG,
			"extension %.*s: the name may hold letters, digits, - and _",
			len > 64 ? 64 : (int)len, name);
	if (*verity_params == '\0')
		return 0;
	if (strchr(verity_params, '\n') != NULL)
		return err_fail(err, -EBADMSG, "extension %.*s: a newline in its parameters",
			(int)len, name);
	return verity_params_parse(verity_params, strlen(verity_params),
		"extension's verity parameters", &verity, err);
}

int cmdline_config_extension(struct kata_config *config, const char *name, size_t name_len,
	const char *verity_params, struct err *err)
{
	size_t at = 0;
	char *line;
	int rc = check_extension(name, name_len, verity_params, err);

	if (rc != 0)
		return rc;
	while (at < config->extension_count &&
		(strlen(config->extensions[at].name) != name_len ||
			memcmp(config->extensions[at].name, name, name_len) != 0))
		at++;
	if (at == KATA_EXTENSIONS_MAX)
		return err_fail(err, -EBADMSG, "more than %d extensions", KATA_EXTENSIONS_MAX);
	line = strdup(verity_params);
	if (line != NULL && at == config->extension_count) {
		config->extensions[at].name = strndup(name, name_len);
		if (config->extensions[at].name == NULL) {
			free(line);
			line = NULL;
		}
	}
	if (line == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (at == config->extension_count)
		config->extension_count++;
	free(config->extensions[at].verity_params);
	config->extensions[at].verity_params = line;
	return 0;
}

static int check_proxy(const char *text, const char *what, struct err *err)
{
	if (text != NULL && strpbrk(text, " \"") != NULL)
		return err_fail(err, -EINVAL, "%s: a space or a quote in it", what);
	return 0;
}

int cmdline_config_deploy(struct kata_config *config, const char *https_proxy, const char *no_proxy,
	bool debug, struct err *err)
{
	BUF_AUTO text = {0};
	char *params;
	int rc = check_proxy(https_proxy, "HTTPS proxy", err);

	if (rc == 0)
		rc = check_proxy(no_proxy, "proxy exceptions", err);
	if (rc != 0)
		return rc;
	buf_str(&text, config->kernel_params);
	if (https_proxy != NULL)
		buf_fmt(&text, "%sagent.https_proxy=%s", text.len > 0 ? " " : "", https_proxy);
	if (no_proxy != NULL)
		buf_fmt(&text, "%sagent.no_proxy=%s", text.len > 0 ? " " : "", no_proxy);
	if (debug)
		buf_fmt(&text, "%sagent.log=debug initcall_debug", text.len > 0 ? " " : "");
	rc = buf_check(&text, err);
	if (rc != 0)
		return rc;
	params = strdup(buf_cstr(&text));
	if (params == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	free(config->kernel_params);
	config->kernel_params = params;
	config->debug |= debug;
	config->agent_debug |= debug;
	config->debug_console |= debug;
	return 0;
}

/* Digits with at most @decimals after a dot, as a whole number of units of 10^-@decimals. */
static const char *read_decimal(const char *text, unsigned decimals, uint64_t *ret)
{
	uint64_t value = 0;
	unsigned after = 0;
	bool dot = false, digits = false;

	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !dot); text++) {
		if (*text == '.') {
			dot = true;
			continue;
		}
		if (value > UINT64_MAX / 100 || (dot && ++after > decimals))
			return NULL;
		value = 10 * value + (uint64_t)(*text - '0');
		digits = true;
	}
	if (!digits || (dot && after == 0))
		return NULL;
	for (; after < decimals; after++) {
		if (value > UINT64_MAX / 100)
			return NULL;
		value *= 10;
	}
	*ret = value;
	return text;
}

bool cmdline_cpu_parse(const char *text, uint64_t *ret_milli)
{
	bool milli = *text != '\0' && text[strlen(text) - 1] == 'm';
	uint64_t value;
	const char *end = read_decimal(text, milli ? 0 : 3, &value);

	if (end == NULL || strcmp(end, milli ? "m" : "") != 0 || value == 0 || value > MILLI_MAX)
		return false;
	*ret_milli = value;
	return true;
}

bool cmdline_memory_parse(const char *text, uint64_t *ret_bytes)
{
	static const struct {
		const char *suffix;
		uint64_t unit;
	} units[] = {
		{"", 1},
		{"k", 1000},
		{"M", 1000000},
		{"G", 1000000000},
		{"T", UINT64_C(1000000000000)},
		{"Ki", UINT64_C(1) << 10},
		{"Mi", UINT64_C(1) << 20},
		{"Gi", UINT64_C(1) << 30},
		{"Ti", UINT64_C(1) << 40},
	};
	uint64_t value;
	const char *end = read_decimal(text, 0, &value);

	for (size_t i = 0; end != NULL && i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].suffix) != 0)
			continue;
		if (value == 0 || value > (UINT64_C(1) << 62) / units[i].unit)
			return false;
		*ret_bytes = value * units[i].unit;
		return true;
	}
	return false;
}

/* The kubelet's quota over its period, which is what the runtimes see of the limits. */
static float workload_vcpus(enum kata_runtime runtime, uint64_t milli_cpus)
{
	uint64_t quota = milli_cpus * CPU_PERIOD / 1000;

	if (milli_cpus == 0)
		return 0;
	if (quota < CPU_QUOTA_MIN)
		quota = CPU_QUOTA_MIN;
	if (runtime == KATA_GO)
		return (float)quota / (float)CPU_PERIOD;
	return (float)((double)quota / CPU_PERIOD);
}

int cmdline_vcpus(enum kata_runtime runtime, size_t version, const struct kata_config *config,
	const struct cmdline_limits *limits, uint32_t *ret, struct err *err)
{
	float base = config->default_vcpus != 0 ? config->default_vcpus : 1;
	float workload = workload_vcpus(runtime, limits->milli_cpus);
	float vcpus = base;

	if (limits->milli_cpus > MILLI_MAX)
		return err_fail(err, -EINVAL, "a CPU limit of more than %d", CMDLINE_VCPUS_MAX);
	if (!config->static_sizing)
		workload = 0;
	switch (kata_sizing(runtime, version)) {
	case KATA_SIZE_ADD:
		vcpus = base + workload;
		break;
	case KATA_SIZE_DEFAULT:
		break;
	case KATA_SIZE_OVERHEAD:
		if (config->static_sizing &&
			(workload > 0 || limits->memory_bytes >= UINT64_C(1) << 20)) {
			vcpus = config->overhead_vcpus + workload;
			vcpus = vcpus < 1 ? 1 : vcpus;
		}
		break;
	}
	*ret = (uint32_t)vcpus;
	if ((float)*ret < vcpus)
		(*ret)++;
	return 0;
}
