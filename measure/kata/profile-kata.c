/* The facts of profile-kata.h. A path in a comment is one in kata-containers at the release tags. */
#define _GNU_SOURCE
#include "measure/kata/profile-kata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOTH	 (1u << KATA_GO | 1u << KATA_RUST)
#define GO	 (1u << KATA_GO)
#define RUST	 (1u << KATA_RUST)
#define AT(name) offsetof(struct kata_config, name)

/* Release tags. The sources between them were compared, so that a row without bounds holds for all of them. */
const char *const kata_versions[] = {
	"3.25.0",
	"3.26.0",
	"3.27.0",
	"3.28.0",
	"3.29.0",
	"3.30.0",
	"3.31.0",
	"3.32.0",
	"4.0.0",
	"4.1.0",
};
const size_t kata_version_count = sizeof(kata_versions) / sizeof(*kata_versions);

/*
 * Go: virtcontainers/qemu_amd64.go (kernelParams, newQemuArch), qemu_arch_base.go (handleImagePath, appendConsole,
 * kernelParameters), qemu.go (kernelParameters), pkg/katautils/create.go (systemdKernelParam, checkForFIPS),
 * pkg/katautils/config.go (SetKernelParams), kata_agent.go (KataAgentKernelParams), pkg/oci/utils.go (the annotation).
 */
static const struct kata_part go_parts[] = {
	{.text = "tsc=reliable"},
	{.text = "no_timer_check"},
	{.text = "rcupdate.rcu_expedited=1"},
	{.text = "i8042.direct=1"},
	{.text = "i8042.dumbkbd=1"},
	{.text = "i8042.nopnp=1"},
	{.text = "i8042.noaux=1"},
	{.text = "noreplace-smp"},
	{.text = "reboot=k"},
	{.text = "cryptomgr.notests"},
	{.text = "net.ifnames=0"},
	{.text = "pci=lastbus=0"},
	{.text = "intel_iommu=on", .when = KATA_WHEN_IOMMU},
	{.text = "iommu=pt", .when = KATA_WHEN_IOMMU},
	{.value = KATA_ROOT, .text = "root", .when = KATA_WHEN_IMAGE},
	{.text = "console=hvc0", .unless = KATA_WHEN_LEGACY_SERIAL},
	{.text = "console=hvc1", .unless = KATA_WHEN_LEGACY_SERIAL},
	{.text = "console=ttyS0", .when = KATA_WHEN_LEGACY_SERIAL},
	{.text = "quiet", .unless = KATA_WHEN_DEBUG},
	{.text = "systemd.show_status=false", .when = KATA_WHEN_IMAGE, .unless = KATA_WHEN_DEBUG},
	{.text = "debug", .when = KATA_WHEN_DEBUG},
	{.text = "systemd.show_status=true", .when = KATA_WHEN_IMAGE | KATA_WHEN_DEBUG},
	{.text = "systemd.log_level=debug", .when = KATA_WHEN_IMAGE | KATA_WHEN_DEBUG},
	{.text = "panic=1"},
	{.value = KATA_NR_CPUS, .text = "nr_cpus", .until = "3.32.0"},
	{.value = KATA_NR_CPUS,
		.text = "nr_cpus",
		.unless = KATA_WHEN_CONFIDENTIAL,
		.since = "3.32.0"},
	{.text = "selinux=0", .when = KATA_WHEN_NO_SELINUX},
	{.text = "selinux=1", .unless = KATA_WHEN_NO_SELINUX},
	{.value = KATA_ANNOTATED, .text = "annotated"},
	{.text = "systemd.unit=kata-containers.target", .when = KATA_WHEN_IMAGE},
	{.text = "systemd.mask=systemd-networkd.service", .when = KATA_WHEN_IMAGE},
	{.text = "systemd.mask=systemd-networkd.socket", .when = KATA_WHEN_IMAGE},
	{.text = "scsi_mod.scan=none", .when = KATA_WHEN_SCSI},
	{.text = "agent.log=debug", .when = KATA_WHEN_AGENT_DEBUG},
	{.text = "agent.trace=true", .when = KATA_WHEN_AGENT_TRACE},
	{.text = "agent.debug_console", .when = KATA_WHEN_DEBUG_CONSOLE},
	{.text = "agent.debug_console_vport=1026", .when = KATA_WHEN_DEBUG_CONSOLE},
	{.value = KATA_NUMBER, .text = "agent.cdh_api_timeout", .at = AT(cdh_api_timeout)},
	{.value = KATA_NUMBER,
		.text = "agent.launch_process_timeout",
		.at = AT(launch_process_timeout)},
	{.text = "agent.visible_cdi_devices=true", .when = KATA_WHEN_CDI},
	{.value = KATA_USER, .text = "user"},
	{.value = KATA_ANNOTATION, .text = "annotation"},
	{.text = "fips=1", .when = KATA_WHEN_FIPS},
	{.value = KATA_EXTENSIONS, .text = "extensions"},
	{.text = NULL},
};

/*
 * Rust: crates/hypervisor/src/kernel_param.rs (new, new_rootfs_kernel_params), qemu/cmdline_generator.rs (Kernel::new,
 * add_iommu, add_console), kata-types/src/config/mod.rs (get_agent_kernel_params, a map sorted by name),
 * crates/runtimes/src/manager.rs (the annotation is applied first, then the agent's parameters are put before).
 */
static const struct kata_part rust_parts[] = {
	{.text = "reboot=k"},
	{.text = "panic=1"},
	{.text = "systemd.unit=kata-containers.target"},
	{.text = "systemd.mask=systemd-networkd.service"},
	{.text = "systemd.mask=systemd-networkd.socket", .since = "3.31.0"},
	{.text = "agent.log_vport=1025", .when = KATA_WHEN_DEBUG},
	{.value = KATA_ROOT, .text = "root", .when = KATA_WHEN_IMAGE},
	{.value = KATA_MILLISECONDS, .text = "agent.cdh_api_timeout", .at = AT(cdh_api_timeout_ms)},
	{.value = KATA_NUMBER, .text = "agent.container_pipe_size", .at = AT(container_pipe_size)},
	{.text = "agent.debug_console", .when = KATA_WHEN_DEBUG_CONSOLE},
	{.text = "agent.debug_console_vport=1026", .when = KATA_WHEN_DEBUG_CONSOLE},
	{.value = KATA_NUMBER,
		.text = "agent.launch_process_timeout",
		.at = AT(launch_process_timeout)},
	{.text = "agent.log=debug", .when = KATA_WHEN_AGENT_DEBUG},
	{.value = KATA_MEM_AGENT, .text = "agent.mem_agent_", .when = KATA_WHEN_MEM_AGENT},
	{.text = "agent.trace=true", .when = KATA_WHEN_AGENT_TRACE},
	{.text = "agent.visible_cdi_devices=true", .when = KATA_WHEN_CDI},
	{.text = "psi=1", .when = KATA_WHEN_MEM_AGENT},
	{.value = KATA_USER_REPLACED, .text = "user"},
	{.text = "selinux=0", .when = KATA_WHEN_NO_SELINUX},
	{.text = "selinux=1", .unless = KATA_WHEN_NO_SELINUX},
	{.value = KATA_EXTENSIONS, .text = "extensions"},
	{.text = "intel_iommu=on", .when = KATA_WHEN_IOMMU},
	{.text = "iommu=pt", .when = KATA_WHEN_IOMMU},
	{.text = "console=hvc0"},
	{.text = NULL},
};

const struct kata_part *kata_parts(enum kata_runtime runtime)
{
	return runtime == KATA_GO ? go_parts : rust_parts;
}

static const struct {
	enum kata_feature feature;
	unsigned runtimes;
	const char *since;
} features[] = {
	{KATA_HAS_VERITY_PARAMS, BOTH, "3.27.0"},
	{KATA_HAS_QUOTES, GO, NULL},
	{KATA_HAS_QUOTES, RUST, "3.27.0"},
	{KATA_HAS_STABLE_ORDER, GO, NULL},
	{KATA_HAS_STABLE_ORDER, RUST, "3.26.0"},
	{KATA_HAS_EXTENSIONS, BOTH, "4.0.0"},
};

/*
 * Go: pkg/katautils/config.go (struct hypervisor, agent, runtime). Rust: kata-types/src/config/{agent,hypervisor,
 * runtime}. The knobs that the running host adds (its number of CPUs, FIPS mode) are options of ours.
 */
const struct kata_knob kata_knobs[] = {
	{KATA_HYPERVISOR, "image", KATA_STRING, AT(image), BOTH, {0}},
	{KATA_HYPERVISOR, "initrd", KATA_STRING, AT(initrd), BOTH, {0}},
	{KATA_HYPERVISOR, "rootfs_type", KATA_STRING, AT(rootfs_type), BOTH, {0}},
	{KATA_HYPERVISOR, "kernel_params", KATA_STRING, AT(kernel_params), BOTH, {0}},
	{KATA_HYPERVISOR, "kernel_verity_params", KATA_STRING, AT(verity_params), BOTH,
		{"3.27.0", "3.27.0"}},
	{KATA_HYPERVISOR, "vm_rootfs_driver", KATA_STRING, AT(vm_rootfs_driver), RUST, {0}},
	{KATA_HYPERVISOR, "block_device_driver", KATA_STRING, AT(block_device_driver), GO, {0}},
	{KATA_HYPERVISOR, "confidential_guest", KATA_BOOL, AT(confidential), BOTH, {0}},
	{KATA_HYPERVISOR, "enable_debug", KATA_BOOL, AT(debug), BOTH, {0}},
	{KATA_HYPERVISOR, "enable_iommu", KATA_BOOL, AT(iommu), BOTH, {0}},
	{KATA_HYPERVISOR, "use_legacy_serial", KATA_BOOL, AT(legacy_serial), GO, {0}},
	{KATA_HYPERVISOR, "disable_image_nvdimm", KATA_BOOL, AT(disable_image_nvdimm), GO, {0}},
	{KATA_HYPERVISOR, "disable_guest_selinux", KATA_BOOL, AT(disable_guest_selinux), BOTH, {0}},
	{KATA_HYPERVISOR, "default_vcpus", KATA_REAL, AT(default_vcpus), BOTH, {0}},
	{KATA_HYPERVISOR, "overhead_vcpus", KATA_REAL, AT(overhead_vcpus), RUST, {NULL, "4.0.0"}},
	{KATA_HYPERVISOR, "default_maxvcpus", KATA_U32, AT(default_maxvcpus), BOTH, {0}},
	{KATA_HYPERVISOR, "guest_extension_images", KATA_EXTENSION_LIST, AT(extensions), BOTH,
		{"4.0.0", "4.0.0"}},
	{KATA_AGENT, "enable_debug", KATA_BOOL, AT(agent_debug), BOTH, {0}},
	{KATA_AGENT, "enable_tracing", KATA_BOOL, AT(agent_trace), BOTH, {0}},
	{KATA_AGENT, "debug_console_enabled", KATA_BOOL, AT(debug_console), BOTH, {0}},
	{KATA_AGENT, "container_pipe_size", KATA_U32, AT(container_pipe_size), RUST, {0}},
	{KATA_AGENT, "cdh_api_timeout", KATA_U32, AT(cdh_api_timeout), GO, {0}},
	{KATA_AGENT, "cdh_api_timeout_ms", KATA_U32, AT(cdh_api_timeout_ms), RUST,
		{NULL, "3.31.0"}},
	{KATA_AGENT, "launch_process_timeout", KATA_U32, AT(launch_process_timeout), BOTH,
		{"3.29.0", "3.29.0"}},
	{KATA_AGENT, "visible_cdi_devices", KATA_BOOL, AT(visible_cdi_devices), BOTH,
		{"3.32.0", "3.32.0"}},
	{KATA_RUNTIME, "static_sandbox_resource_mgmt", KATA_BOOL, AT(static_sizing), BOTH, {0}},
	{KATA_MEMORY, "mem_agent_enable", KATA_BOOL, AT(mem_agent_enable), RUST, {0}},
	{KATA_MEMORY, "enable", KATA_BOOL, AT(mem_agent_enable), RUST, {0}},
	{KATA_MEMORY, "compact_disable", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_force_times", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_order", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_period_psi_percent_limit", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_period_secs", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_psi_percent_limit", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_sec_max", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "compact_threshold", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_disable", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_eviction_psi_percent_limit", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_eviction_run_aging_count_min", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_period_psi_percent_limit", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_period_secs", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_swap", KATA_ITEM, 0, RUST, {0}},
	{KATA_MEMORY, "memcg_swappiness_max", KATA_ITEM, 0, RUST, {0}},
	{.key = NULL},
};

/* crates/resource/src/cpu_mem/initial_size.rs (setup_config); pkg/oci/utils.go (SandboxConfig). */
static const struct {
	unsigned runtimes;
	const char *since, *until;
	enum kata_sizing sizing;
} sizings[] = {
	{GO, NULL, NULL, KATA_SIZE_ADD},
	{RUST, NULL, "3.29.0", KATA_SIZE_DEFAULT},
	{RUST, "3.29.0", "4.0.0", KATA_SIZE_ADD},
	{RUST, "4.0.0", NULL, KATA_SIZE_OVERHEAD},
};

const struct kata_change kata_changes[] = {
	{"3.26.0", RUST, "agent parameters in a stable order (sorted by name)"},
	{"3.27.0", BOTH,
		"kernel_verity_params: the runtime itself writes dm-mod.create (before, the "
		"image's builder put rootfs_verity.* "
		"into kernel_params)"},
	{"3.29.0", BOTH, "agent.launch_process_timeout (shipped: 6)"},
	{"3.29.0", BOTH, "qemu-snp as shipped boots an image (before, an initrd)"},
	{"3.29.0", RUST, "CPU limits add to the boot vCPUs"},
	{"3.31.0", RUST,
		"systemd.mask=systemd-networkd.socket; agent.cdh_api_timeout (default 50)"},
	{"3.32.0", GO, "no nr_cpus for confidential guests"},
	{"3.32.0", BOTH, "agent.visible_cdi_devices"},
	{"4.0.0", BOTH, "kata.extension.NAME.verity_params"},
	{"4.0.0", RUST,
		"shipped configurations boot the base image with the extension \"coco\"; "
		"overhead_vcpus replaces "
		"default_vcpus for pods with limits"},
	{.version = NULL},
};

/* configuration-qemu-{snp,tdx,coco-dev}[-runtime-rs].toml.in and the Makefiles beside them. */
#define CGROUP_PARAMS "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"

static const struct {
	enum kata_class class;
	unsigned runtimes;
	bool confidential, disable_image_nvdimm;
	const char *kernel_params;
	const char *vm_rootfs_driver;
	uint32_t cdh_api_timeout;
	const char *image_since; /* before, an initrd; NULL: always an image */
} shipped[] = {
	{KATA_SNP, BOTH, true, true, CGROUP_PARAMS, "virtio-blk-pci", 0, "3.29.0"},
	{KATA_TDX, BOTH, true, true, CGROUP_PARAMS, "virtio-blk-pci", 0, NULL},
	{KATA_COCO_DEV, GO, false, false, "", "", 50, NULL},
	{KATA_COCO_DEV, RUST, false, false, CGROUP_PARAMS, "virtio-pmem", 0, NULL},
};

#define SHIPPED_LAUNCH_TIMEOUT 6
#define SHIPPED_LAUNCH_SINCE   "3.29.0"
#define SHIPPED_OVERHEAD_VCPUS 0.4f
#define SHIPPED_OVERHEAD_SINCE "4.0.0"
#define RUST_CDH_TIMEOUT_MS    50000
#define RUST_CDH_TIMEOUT_SINCE "3.31.0"

const char *kata_runtime_name(enum kata_runtime runtime)
{
	static const char *const names[] = {"go", "rust"};

	return names[runtime];
}

const char *kata_class_name(enum kata_class class)
{
	static const char *const names[] = {"qemu-snp", "qemu-tdx", "qemu-coco-dev"};

	return names[class];
}

/* Reads "MAJOR.MINOR.PATCH" into one number that orders like a version. */
static bool version_number(const char *text, unsigned long *ret)
{
	unsigned part[3];
	int used = 0;

	if (sscanf(text, "%4u.%4u.%4u%n", &part[0], &part[1], &part[2], &used) != 3 ||
		text[used] != '\0')
		return false;
	*ret = ((unsigned long)part[0] << 32) | ((unsigned long)part[1] << 16) | part[2];
	return true;
}

static size_t index_of(const char *version)
{
	size_t i = 0;

	while (i < kata_version_count && strcmp(kata_versions[i], version) != 0)
		i++;
	return i;
}

int kata_version_find(const char *text, size_t *ret, struct err *err)
{
	size_t found = index_of(text), above = 0;
	unsigned long wanted, known;

	if (found < kata_version_count) {
		*ret = found;
		return 0;
	}
	if (!version_number(text, &wanted))
		return err_fail(err, -EINVAL, "%s: not a Kata version such as 3.30.0", text);
	while (above < kata_version_count && version_number(kata_versions[above], &known) &&
		known < wanted)
		above++;
	if (above == 0)
		return err_fail(err, -ENOTSUP, "Kata %s is not known; the nearest is %s", text,
			kata_versions[0]);
	if (above == kata_version_count)
		return err_fail(err, -ENOTSUP, "Kata %s is not known; the nearest is %s", text,
			kata_versions[kata_version_count - 1]);
	return err_fail(err, -ENOTSUP, "Kata %s is not known; the nearest are %s and %s", text,
		kata_versions[above - 1], kata_versions[above]);
}

bool kata_in_range(size_t version, const char *since, const char *until)
{
	return (since == NULL || version >= index_of(since)) &&
	       (until == NULL || version < index_of(until));
}

bool kata_has(enum kata_runtime runtime, size_t version, enum kata_feature feature)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		if (features[i].feature == feature && (features[i].runtimes & 1u << runtime) != 0)
			return kata_in_range(version, features[i].since, NULL);
	}
	return false;
}

enum kata_sizing kata_sizing(enum kata_runtime runtime, size_t version)
{
	size_t i = 0;

	while ((sizings[i].runtimes & 1u << runtime) == 0 ||
		!kata_in_range(version, sizings[i].since, sizings[i].until))
		i++;
	return sizings[i].sizing;
}

void kata_config_done(struct kata_config *config)
{
	free(config->image);
	free(config->initrd);
	free(config->rootfs_type);
	free(config->kernel_params);
	free(config->verity_params);
	free(config->vm_rootfs_driver);
	free(config->block_device_driver);
	for (size_t i = 0; i < config->extension_count; i++) {
		free(config->extensions[i].name);
		free(config->extensions[i].verity_params);
	}
	*config = (struct kata_config){0};
}

int kata_config_missing(
	enum kata_runtime runtime, size_t version, struct kata_config *ret, struct err *err)
{
	struct kata_config config = {
		.block_device_driver = strdup("virtio-scsi"),
		.vm_rootfs_driver = strdup("virtio-blk-pci"),
		.kernel_params = strdup(""),
		.disable_guest_selinux = runtime == KATA_RUST,
		.default_vcpus = 1,
	};

	if (config.block_device_driver == NULL || config.vm_rootfs_driver == NULL ||
		config.kernel_params == NULL) {
		kata_config_done(&config);
		return err_fail(err, -ENOMEM, "out of memory");
	}
	if (runtime == KATA_RUST && kata_in_range(version, RUST_CDH_TIMEOUT_SINCE, NULL))
		config.cdh_api_timeout_ms = RUST_CDH_TIMEOUT_MS;
	*ret = config;
	return 0;
}

int kata_config_shipped(enum kata_runtime runtime, size_t version, enum kata_class class,
	struct kata_config *ret, struct err *err)
{
	KATA_CONFIG_AUTO config = {0};
	size_t i = 0;
	char **boot;
	int rc = kata_config_missing(runtime, version, &config, err);

	if (rc != 0)
		return rc;
	while (shipped[i].class != class || (shipped[i].runtimes & 1u << runtime) == 0)
		i++;
	free(config.kernel_params);
	free(config.vm_rootfs_driver);
	config.kernel_params = strdup(shipped[i].kernel_params);
	config.vm_rootfs_driver = strdup(shipped[i].vm_rootfs_driver);
	boot = kata_in_range(version, shipped[i].image_since, NULL) ? &config.image
								    : &config.initrd;
	*boot = strdup("shipped");
	if (config.kernel_params == NULL || config.vm_rootfs_driver == NULL || *boot == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (runtime == KATA_RUST && kata_has(runtime, version, KATA_HAS_EXTENSIONS)) {
		config.extensions[0].name = strdup("coco");
		if (config.extensions[0].name == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		config.extension_count = 1;
	}
	config.confidential = shipped[i].confidential;
	config.disable_image_nvdimm = shipped[i].disable_image_nvdimm;
	config.disable_guest_selinux = true;
	config.static_sizing = true;
	config.cdh_api_timeout = shipped[i].cdh_api_timeout;
	if (kata_in_range(version, SHIPPED_LAUNCH_SINCE, NULL))
		config.launch_process_timeout = SHIPPED_LAUNCH_TIMEOUT;
	if (runtime == KATA_RUST && kata_in_range(version, SHIPPED_OVERHEAD_SINCE, NULL))
		config.overhead_vcpus = SHIPPED_OVERHEAD_VCPUS;
	*ret = config;
	config = (struct kata_config){0};
	return 0;
}
