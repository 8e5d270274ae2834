/* assay cmdline: Kata's kernel command lines, written, sized and checked. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/io.h"
#include "lib/opt.h"
#include "measure/cmd.h"
#include "measure/kata/cmdline.h"

/* Larger than any command line, so that a too long one is found and not a short read. */
#define LINE_FILE_MAX (64u << 10)

struct options {
	const char *version, *runtime, *tee;
	const char *verity_params, *rootfs_type, *kernel_params, *annotation;
	const char *https_proxy, *no_proxy, *default_vcpus, *memory_limit;
	struct opt_list configs, extensions, cpu_limits;
	uint64_t vcpus, max_vcpus, cdh_timeout, launch_timeout;
	bool image, initrd, no_extensions;
	bool debug, agent_debug, trace, debug_console, deploy_debug;
	bool iommu, legacy_serial, guest_selinux, cdi, fips;
};

/* What the options come to. */
struct setup {
	enum kata_runtime runtime;
	enum kata_class class;
	size_t version;
	struct kata_config config;
	struct cmdline_limits limits;
};

static void setup_done(struct setup *setup)
{
	kata_config_done(&setup->config);
}

static void options_done(struct options *options)
{
	opt_list_done(&options->configs);
	opt_list_done(&options->extensions);
	opt_list_done(&options->cpu_limits);
}

static int choose_runtime(const char *name, enum kata_runtime *ret, struct err *err)
{
	for (int i = 0; name != NULL && i < KATA_RUNTIMES; i++) {
		if (strcmp(name, kata_runtime_name((enum kata_runtime)i)) == 0) {
			*ret = (enum kata_runtime)i;
			return 0;
		}
	}
	return err_fail(err, -EINVAL, "--runtime: go or rust");
}

static int choose_class(const char *name, enum kata_class *ret, struct err *err)
{
	static const char *const names[] = {
		[KATA_SNP] = "snp", [KATA_TDX] = "tdx", [KATA_COCO_DEV] = "none"};

	for (int i = 0; name != NULL && i < KATA_CLASSES; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum kata_class)i;
			return 0;
		}
	}
	return err_fail(err, -EINVAL, "--tee: snp, tdx or none");
}

static int read_configs(const struct options *options, struct setup *setup, struct err *err)
{
	int rc = kata_config_missing(setup->runtime, setup->version, &setup->config, err);

	for (size_t i = 0; rc == 0 && i < options->configs.count; i++) {
		const char *path = options->configs.items[i];
		BUF_AUTO text = {0};

		rc = io_read_file(path, CMDLINE_CONFIG_MAX, &text, err);
		if (rc == 0)
			rc = cmdline_config_read(text.data, text.len, path, setup->runtime,
				setup->version, &setup->config, err);
	}
	if (rc == 0 && setup->config.confidential != (setup->class != KATA_COCO_DEV))
		rc = err_fail(err, -EINVAL, "--tee %s, but confidential_guest is %s", options->tee,
			setup->config.confidential ? "true" : "false");
	return rc;
}

static int set_text(char **slot, const char *text, struct err *err)
{
	char *copy;

	if (text == NULL)
		return 0;
	copy = strdup(text);
	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	free(*slot);
	*slot = copy;
	return 0;
}

static int set_texts(const struct options *options, struct kata_config *config, struct err *err)
{
	const struct {
		char **slot;
		const char *text;
	} rows[] = {
		{&config->verity_params, options->verity_params},
		{&config->rootfs_type, options->rootfs_type},
		{&config->kernel_params, options->kernel_params},
		{&config->image, options->initrd  ? ""
				 : options->image ? "given"
						  : NULL},
		{&config->initrd, options->image    ? ""
				  : options->initrd ? "given"
						    : NULL},
	};

	if (options->image && options->initrd)
		return err_fail(err, -EINVAL, "--image: not together with --initrd");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int rc = set_text(rows[i].slot, rows[i].text, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int set_number(
	uint32_t *slot, uint64_t value, uint32_t factor, const char *name, struct err *err)
{
	if (value == UINT64_MAX)
		return 0;
	if (value > UINT32_MAX / factor)
		return err_fail(err, -EINVAL, "--%s: too large", name);
	*slot = (uint32_t)value * factor;
	return 0;
}

static int set_numbers(const struct options *options, struct kata_config *config, struct err *err)
{
	int rc = set_number(
		&config->cdh_api_timeout, options->cdh_timeout, 1, "cdh-api-timeout", err);

	if (rc == 0)
		rc = set_number(&config->cdh_api_timeout_ms, options->cdh_timeout, 1000,
			"cdh-api-timeout", err);
	if (rc == 0)
		rc = set_number(&config->launch_process_timeout, options->launch_timeout, 1,
			"launch-process-timeout", err);
	if (rc == 0)
		rc = set_number(&config->default_maxvcpus, options->max_vcpus, 1, "max-vcpus", err);
	return rc;
}

static int set_default_vcpus(
	const struct options *options, struct kata_config *config, struct err *err)
{
	uint64_t milli;

	if (options->default_vcpus == NULL)
		return 0;
	if (!cmdline_cpu_parse(options->default_vcpus, &milli))
		return err_fail(err, -EINVAL, "--default-vcpus %s: not a number such as 2 or 1.5",
			options->default_vcpus);
	config->default_vcpus = (float)((double)milli / 1000);
	return 0;
}

static int set_extensions(
	const struct options *options, struct kata_config *config, struct err *err)
{
	for (; options->no_extensions && config->extension_count > 0; config->extension_count--) {
		struct kata_extension *last = &config->extensions[config->extension_count - 1];

		free(last->name);
		free(last->verity_params);
		*last = (struct kata_extension){0};
	}
	for (size_t i = 0; i < options->extensions.count; i++) {
		const char *text = options->extensions.items[i];
		const char *equals = strchr(text, '=');
		int rc;

		if (equals == NULL)
			return err_fail(err, -EINVAL, "--extension %s: not NAME=LINE", text);
		rc = cmdline_config_extension(
			config, text, (size_t)(equals - text), equals + 1, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void set_flags(const struct options *options, struct kata_config *config)
{
	config->debug |= options->debug;
	config->agent_debug |= options->agent_debug;
	config->agent_trace |= options->trace;
	config->debug_console |= options->debug_console;
	config->iommu |= options->iommu;
	config->legacy_serial |= options->legacy_serial;
	config->visible_cdi_devices |= options->cdi;
	if (options->guest_selinux)
		config->disable_guest_selinux = false;
}

static int read_limits(
	const struct options *options, struct cmdline_limits *limits, struct err *err)
{
	for (size_t i = 0; i < options->cpu_limits.count; i++) {
		uint64_t milli;

		if (!cmdline_cpu_parse(options->cpu_limits.items[i], &milli))
			return err_fail(err, -EINVAL,
				"--pod-cpu-limit %s: not a CPU quantity such as 500m or 1.5",
				options->cpu_limits.items[i]);
		limits->milli_cpus += milli;
	}
	if (options->memory_limit != NULL &&
		!cmdline_memory_parse(options->memory_limit, &limits->memory_bytes))
		return err_fail(err, -EINVAL,
			"--pod-memory-limit %s: not a memory quantity such as 512Mi",
			options->memory_limit);
	return 0;
}

static int set_up(const struct options *options, struct setup *setup, struct err *err)
{
	struct kata_config *config = &setup->config;
	int rc = options->version == NULL ? err_fail(err, -EINVAL, "--kata-version: required") : 0;

	if (rc == 0)
		rc = kata_version_find(options->version, &setup->version, err);
	if (rc == 0)
		rc = choose_runtime(options->runtime, &setup->runtime, err);
	if (rc == 0)
		rc = choose_class(options->tee, &setup->class, err);
	if (rc == 0)
		rc = options->configs.count > 0
			     ? read_configs(options, setup, err)
			     : kata_config_shipped(
				       setup->runtime, setup->version, setup->class, config, err);
	if (rc == 0)
		rc = set_texts(options, config, err);
	if (rc == 0)
		rc = set_numbers(options, config, err);
	if (rc == 0)
		rc = set_default_vcpus(options, config, err);
	if (rc == 0)
		rc = set_extensions(options, config, err);
	if (rc == 0)
		rc = cmdline_config_deploy(config, options->https_proxy, options->no_proxy,
			options->deploy_debug, err);
	if (rc == 0)
		rc = read_limits(options, &setup->limits, err);
	set_flags(options, config);
	return rc;
}

static int boot_vcpus(
	const struct options *options, const struct setup *setup, uint32_t *ret, struct err *err)
{
	if (options->vcpus == 0)
		return cmdline_vcpus(
			setup->runtime, setup->version, &setup->config, &setup->limits, ret, err);
	if (options->cpu_limits.count > 0 || options->memory_limit != NULL)
		return err_fail(err, -EINVAL, "--vcpus: not together with a pod's limits");
	if (options->vcpus > CMDLINE_VCPUS_MAX)
		return err_fail(err, -EINVAL, "--vcpus: more than %d", CMDLINE_VCPUS_MAX);
	*ret = (uint32_t)options->vcpus;
	return 0;
}

static int write_line(const struct options *o, bool vcpus_only, struct buf *to, struct err *err)
{
	struct setup setup __attribute__((cleanup(setup_done))) = {.version = 0};
	uint32_t vcpus = 0;
	int rc = set_up(o, &setup, err);

	if (rc == 0)
		rc = boot_vcpus(o, &setup, &vcpus, err);
	if (rc == 0 && vcpus_only)
		buf_fmt(to, "%u", vcpus);
	if (rc == 0 && !vcpus_only)
		rc = cmdline_kata(&(struct cmdline_request){.version = o->version,
					  .runtime = setup.runtime,
					  .config = &setup.config,
					  .vcpus = vcpus,
					  .annotation = o->annotation,
					  .fips = o->fips},
			to, err);
	buf_str(to, "\n");
	return rc;
}

static int print_line(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	(void)args;
	(void)count;
	return write_line(options, false, &ret->text, err);
}

static int print_vcpus(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	(void)args;
	(void)count;
	return write_line(options, true, &ret->text, err);
}

/* The options of `cmdline kata` and `cmdline vcpus`, which read the same configuration. */
static int run_with_config(
	const char *usage, const char *summary, cli_run_fn *run, int argc, char **argv)
{
	struct options o __attribute__((cleanup(options_done))) = {
		.max_vcpus = UINT64_MAX,
		.cdh_timeout = UINT64_MAX,
		.launch_timeout = UINT64_MAX,
	};
	const struct opt opts[] = {
		{"kata-version", 0, OPT_STR, &o.version, "V",
			"release, 3.30.0 (assay cmdline --list)"},
		{"runtime", 0, OPT_STR, &o.runtime, "go|rust", "which of Kata's two runtimes"},
		{"tee", 0, OPT_STR, &o.tee, "snp|tdx|none",
			"the runtime class: qemu-snp, qemu-tdx, qemu-coco-dev"},
		{"config", 'c', OPT_LIST, &o.configs, "FILE",
			"the runtime's TOML, then its drop-ins in their order; without: as "
			"shipped"},
		{"verity-params", 0, OPT_STR, &o.verity_params, "LINE",
			"kernel_verity_params of the image"},
		{"rootfs-type", 0, OPT_STR, &o.rootfs_type, "ext4|xfs|erofs", "of the image"},
		{"initrd", 0, OPT_FLAG, &o.initrd, NULL,
			"boots an initrd, whatever the configuration says"},
		{"image", 0, OPT_FLAG, &o.image, NULL,
			"boots an image, whatever the configuration says"},
		{"extension", 0, OPT_LIST, &o.extensions, "NAME=LINE",
			"an extension image and its verity parameters"},
		{"no-extensions", 0, OPT_FLAG, &o.no_extensions, NULL,
			"without the extensions of the configuration"},
		{"vcpus", 0, OPT_U64, &o.vcpus, "N", "that the pod boots with"},
		{"default-vcpus", 0, OPT_STR, &o.default_vcpus, "N",
			"default_vcpus, of the configuration or the pod's annotation"},
		{"pod-cpu-limit", 0, OPT_LIST, &o.cpu_limits, "Q",
			"instead: a container's CPU limit, 500m; repeat for each"},
		{"pod-memory-limit", 0, OPT_STR, &o.memory_limit, "Q",
			"the pod's memory limit, 512Mi"},
		{"max-vcpus", 0, OPT_U64, &o.max_vcpus, "N", "default_maxvcpus"},
		{"kernel-params", 0, OPT_STR, &o.kernel_params, "S",
			"kernel_params in place of the configuration's"},
		{"annotation", 0, OPT_STR, &o.annotation, "S",
			"the pod's kernel_params annotation"},
		{"https-proxy", 0, OPT_STR, &o.https_proxy, "URL", "as kata-deploy writes it"},
		{"no-proxy", 0, OPT_STR, &o.no_proxy, "LIST", "as kata-deploy writes it"},
		{"deploy-debug", 0, OPT_FLAG, &o.deploy_debug, NULL, "kata-deploy's debug mode"},
		{"debug", 0, OPT_FLAG, &o.debug, NULL, "[hypervisor.qemu] enable_debug"},
		{"agent-debug", 0, OPT_FLAG, &o.agent_debug, NULL, "[agent.kata] enable_debug"},
		{"trace", 0, OPT_FLAG, &o.trace, NULL, "[agent.kata] enable_tracing"},
		{"debug-console", 0, OPT_FLAG, &o.debug_console, NULL,
			"[agent.kata] debug_console_enabled"},
		{"visible-cdi-devices", 0, OPT_FLAG, &o.cdi, NULL,
			"[agent.kata] visible_cdi_devices"},
		{"cdh-api-timeout", 0, OPT_U64, &o.cdh_timeout, "SECONDS", "0: none on the line"},
		{"launch-process-timeout", 0, OPT_U64, &o.launch_timeout, "SECONDS",
			"0: none on the line"},
		{"iommu", 0, OPT_FLAG, &o.iommu, NULL, "enable_iommu"},
		{"legacy-serial", 0, OPT_FLAG, &o.legacy_serial, NULL, "use_legacy_serial (Go)"},
		{"guest-selinux", 0, OPT_FLAG, &o.guest_selinux, NULL,
			"disable_guest_selinux = false"},
		{"fips", 0, OPT_FLAG, &o.fips, NULL, "the host runs in FIPS mode (Go)"},
		OPT_END,
	};
	const struct opt_verb verb = {.usage = usage, .summary = summary, .opts = opts};

	return cli_run(&verb, argc, argv, run, &o);
}

static int run_kata(int argc, char **argv)
{
	return run_with_config(
		"cmdline kata --kata-version V --runtime go|rust --tee snp|tdx|none [options]",
		"Prints the kernel command line that Kata's runtime hands to QEMU, and a newline.",
		print_line, argc, argv);
}

static int run_vcpus(int argc, char **argv)
{
	return run_with_config(
		"cmdline vcpus --kata-version V --runtime go|rust --tee snp|tdx|none [options]",
		"Prints how many vCPUs a pod boots with.", print_vcpus, argc, argv);
}

static int list(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	struct buf *to = &ret->text;

	(void)options;
	(void)args;
	(void)count;
	(void)err;
	buf_str(to, "Kata releases, and what changed on the command line:\n");
	for (size_t i = 0; i < kata_version_count; i++) {
		buf_fmt(to, "%s\n", kata_versions[i]);
		for (const struct kata_change *change = kata_changes; change->version != NULL;
			change++) {
			if (strcmp(change->version, kata_versions[i]) == 0)
				buf_fmt(to, "  %-8s %s\n",
					change->runtimes == 1u << KATA_GO     ? "go"
					: change->runtimes == 1u << KATA_RUST ? "rust"
									      : "go, rust",
					change->text);
		}
	}
	return 0;
}

static int run_list(int argc, char **argv)
{
	const struct opt opts[] = {OPT_END};
	const struct opt_verb verb = {
		.usage = "cmdline list",
		.summary = "Lists the known Kata releases and what each changed on the line.",
		.opts = opts,
	};

	return cli_run(&verb, argc, argv, list, NULL);
}

static int read_line(
	const char *path, char *const *args, size_t count, struct buf *ret, struct err *err)
{
	int rc;

	if ((path != NULL) == (count == 1))
		return err_fail(err, -EINVAL, "give a command line or --file, one of them");
	if (count == 1) {
		buf_str(ret, args[0]);
		return buf_check(ret, err);
	}
	rc = io_read_file(path, LINE_FILE_MAX, ret, err);
	if (rc != 0)
		return rc;
	if (memchr(ret->data, '\0', ret->len) != NULL)
		return err_fail(err, -EBADMSG, "%s: a NUL byte in a command line", path);
	while (ret->len > 0 && ret->data[ret->len - 1] == '\n')
		ret->data[--ret->len] = '\0';
	return 0;
}

struct lint {
	const char *path;
	bool debug_image, initrd, strict;
};

static int lint(void *options, char **args, size_t count, struct cli_result *ret, struct err *err)
{
	const struct lint *o = options;
	struct cmdline_findings findings = {.count = 0};
	BUF_AUTO line = {0};
	size_t errors = 0;
	int rc = read_line(o->path, args, count, &line, err);

	if (rc != 0)
		return rc;
	cmdline_lint(buf_cstr(&line),
		(o->debug_image ? 0 : CMDLINE_LINT_LOCKED) | (o->initrd ? CMDLINE_LINT_INITRD : 0),
		&findings);
	for (size_t i = 0; i < findings.count; i++) {
		buf_fmt(&ret->text, "%s: %s\n", findings.items[i].error ? "error" : "warning",
			findings.items[i].text);
		errors += findings.items[i].error || o->strict;
	}
	return errors > 0 ? ERR_EXIT_NO : 0;
}

static int run_lint(int argc, char **argv)
{
	struct lint o = {.path = NULL};
	const struct opt opts[] = {
		{"file", 'f', OPT_STR, &o.path, "FILE", "the command line, as in /proc/cmdline"},
		{"debug-image", 0, OPT_FLAG, &o.debug_image, NULL,
			"a debug image: consoles are allowed"},
		{"initrd", 0, OPT_FLAG, &o.initrd, NULL, "the root is an initrd"},
		{"strict", 0, OPT_FLAG, &o.strict, NULL, "a warning fails too"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "cmdline lint [LINE] [options]",
		.summary = "Lists what a measured guest should not have on its kernel command "
			   "line; exit status 1 when there is an error.",
		.opts = opts,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, lint, &o);
}

int cmd_cmdline(int argc, char **argv)
{
	static const struct cli_verb rows[] = {
		{"kata", run_kata, "print the line of a version, runtime and configuration"},
		{"vcpus", run_vcpus, "print how many vCPUs a pod's limits lead to"},
		{"lint", run_lint,
			"check any command line for what a measured guest should not have"},
		{"list", run_list, "the known releases and what each changed; also --list"},
	};
	static const struct cli_verbs verbs = {"cmdline",
		"The kernel command lines of Kata Containers guests, byte for byte.", rows,
		sizeof(rows) / sizeof(*rows)};

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return run_list(argc - 1, argv + 1);
	return cli_choose(&verbs, argc, argv);
}
