/* Kata command lines: the public captures, every version's differences, configurations, sizing, lint. */
#include <stdlib.h>
#include <string.h>

#include "measure/kata/cmdline.h"
#include "tests/tap.h"

#define HASH "4ee3b801e8e5de67e8c15ce8f8938455fc3b19d4990131acc1819f808e2d021d"
#define SALT "c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8"
#define LINE                                                                                       \
	"root_hash=" HASH ",salt=" SALT                                                            \
	",data_blocks=96512,data_block_size=4096,hash_block_size=4096"
#define VERITY                                                                                     \
	"dm-mod.create=\"dm-verity,,,ro,0 772096 verity 1 /dev/vda1 /dev/vda2 4096 4096 96512 0 "  \
	"sha256 " HASH " " SALT "\" root=/dev/dm-0"
#define GO_START                                                                                   \
	"tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 "     \
	"i8042.nopnp=1 i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 "      \
	"pci=lastbus=0 "
#define GO_MIDDLE "console=hvc0 console=hvc1 quiet systemd.show_status=false panic=1 "
#define UNITS                                                                                      \
	"systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service "               \
	"systemd.mask=systemd-networkd.socket "
#define CGROUP "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
#define EXT4   "rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 "

/* One line: a version's shipped configuration, changed by a TOML snippet. */
struct line {
	const char *what, *version;
	enum kata_runtime runtime;
	enum kata_class class;
	const char *toml; /* NULL: none */
	const char *annotation;
	uint32_t vcpus;
	const char *want; /* the line; NULL: fails with @error */
	const char *error;
};

#define T_VERITY "kernel_verity_params = \"" LINE "\"\n"
#define T_HYP	 "[hypervisor.qemu]\n"
#define T_AGENT	 "[agent.kata]\n"

static const struct line lines[] = {
	/* Captured from a live SNP node, kata 3.30.0, qemu-snp with the debug console (public C8s test data). */
	{"captured, 1 vCPU", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP T_VERITY T_AGENT "debug_console_enabled = true\n", NULL, 1,
		GO_START VERITY
		" " EXT4 GO_MIDDLE "nr_cpus=1 selinux=0 " UNITS
		"scsi_mod.scan=none agent.debug_console agent.debug_console_vport=1026 "
		"agent.launch_process_timeout=6 " CGROUP,
		NULL},
	{"captured, 2 vCPUs", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP T_VERITY T_AGENT "debug_console_enabled = true\n", NULL, 2,
		GO_START VERITY
		" " EXT4 GO_MIDDLE "nr_cpus=2 selinux=0 " UNITS
		"scsi_mod.scan=none agent.debug_console agent.debug_console_vport=1026 "
		"agent.launch_process_timeout=6 " CGROUP,
		NULL},
	{"3.28.0 has no launch timeout, erofs flags", "3.28.0", KATA_GO, KATA_TDX,
		T_HYP T_VERITY "rootfs_type = \"erofs\"\n", NULL, 4,
		GO_START VERITY " rootflags=ro rootfstype=erofs " GO_MIDDLE
				"nr_cpus=4 selinux=0 " UNITS "scsi_mod.scan=none " CGROUP,
		NULL},
	{"3.31.0 still has nr_cpus", "3.31.0", KATA_GO, KATA_TDX, T_HYP T_VERITY, NULL, 4,
		GO_START VERITY " " EXT4 GO_MIDDLE "nr_cpus=4 selinux=0 " UNITS
				"scsi_mod.scan=none agent.launch_process_timeout=6 " CGROUP,
		NULL},
	{"3.32.0 has no nr_cpus for confidential guests", "3.32.0", KATA_GO, KATA_TDX,
		T_HYP T_VERITY "rootfs_type = \"xfs\"\n", NULL, 0,
		GO_START VERITY " rootflags=ro rootfstype=xfs " GO_MIDDLE "selinux=0 " UNITS
				"scsi_mod.scan=none agent.launch_process_timeout=6 " CGROUP,
		NULL},
	{"3.32.0 keeps nr_cpus without a TEE; nvdimm", "3.32.0", KATA_GO, KATA_COCO_DEV,
		T_HYP T_VERITY, NULL, 3,
		GO_START
		"dm-mod.create=\"dm-verity,,,ro,0 772096 verity 1 /dev/pmem0p1 /dev/pmem0p2 4096 "
		"4096 "
		"96512 0 sha256 " HASH " " SALT "\" root=/dev/dm-0 " EXT4 GO_MIDDLE
		"nr_cpus=3 selinux=0 " UNITS
		"scsi_mod.scan=none agent.cdh_api_timeout=50 agent.launch_process_timeout=6",
		NULL},
	{"3.25.0 without verity, on nvdimm", "3.25.0", KATA_GO, KATA_COCO_DEV, NULL, NULL, 1,
		GO_START "root=/dev/pmem0p1 rootflags=dax,data=ordered,errors=remount-ro ro "
			 "rootfstype=ext4 " GO_MIDDLE "nr_cpus=1 selinux=0 " UNITS
			 "scsi_mod.scan=none agent.cdh_api_timeout=50",
		NULL},
	{"an erofs image on nvdimm", "3.25.0", KATA_GO, KATA_COCO_DEV,
		T_HYP "rootfs_type = \"erofs\"\n", NULL, 1,
		GO_START "root=/dev/pmem0p1 rootflags=dax ro rootfstype=erofs " GO_MIDDLE
			 "nr_cpus=1 selinux=0 " UNITS "scsi_mod.scan=none agent.cdh_api_timeout=50",
		NULL},
	{"every Go knob", "4.1.0", KATA_GO, KATA_SNP,
		T_HYP T_VERITY
		"enable_debug = true\nenable_iommu = true\nuse_legacy_serial = true\n"
		"disable_guest_selinux = false\nblock_device_driver = \"virtio-blk\"\n"
		"kernel_params = \"a=  b= c  d=\\\"x y\\\"\"\n"
		"[[hypervisor.qemu.guest_extension_images]]\nname = \"gpu\"\nverity_params = "
		"\"" LINE
		"\"\n[[hypervisor.qemu.guest_extension_images]]\nname = \"plain\"\n" T_AGENT
		"enable_debug = true\nenable_tracing = true\ndebug_console_enabled = true\n"
		"cdh_api_timeout = 7\nlaunch_process_timeout = 9\nvisible_cdi_devices = true\n",
		NULL, 1,
		GO_START "intel_iommu=on iommu=pt " VERITY " " EXT4
			 "console=ttyS0 debug systemd.show_status=true systemd.log_level=debug "
			 "panic=1 selinux=1 " UNITS
			 "agent.log=debug agent.trace=true agent.debug_console "
			 "agent.debug_console_vport=1026 "
			 "agent.cdh_api_timeout=7 agent.launch_process_timeout=9 "
			 "agent.visible_cdi_devices=true "
			 "a b c d=\"x y\" kata.extension.gpu.verity_params=" LINE
			 " kata.extension.plain.verity_params",
		NULL},
	{"an initrd boots without units and root", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP "image = \"\"\ninitrd = \"/i\"\n", NULL, 2,
		GO_START "console=hvc0 console=hvc1 quiet panic=1 nr_cpus=2 selinux=0 "
			 "scsi_mod.scan=none agent.launch_process_timeout=6 " CGROUP,
		NULL},
	{"a Go annotation replaces keys from systemd.unit on", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP T_VERITY,
		"selinux=1 systemd.mask=a systemd.mask=b agent.launch_process_timeout=2", 1,
		GO_START VERITY " " EXT4 GO_MIDDLE
				"nr_cpus=1 selinux=0 systemd.unit=kata-containers.target "
				"scsi_mod.scan=none " CGROUP
				" selinux=1 systemd.mask=b agent.launch_process_timeout=2",
		NULL},
	/* The Rust runtime. */
	{"rust 4.1.0", "4.1.0", KATA_RUST, KATA_TDX,
		T_HYP T_VERITY "[[hypervisor.qemu.guest_extension_images]]\nname = \"coco\"\n"
			       "verity_params = \"" LINE "\"\n",
		NULL, 1,
		"reboot=k panic=1 " UNITS VERITY " " EXT4
		"agent.cdh_api_timeout=50 agent.launch_process_timeout=6 " CGROUP
		" selinux=0 kata.extension.coco.verity_params=" LINE " console=hvc0",
		NULL},
	{"rust 3.30.0 masks the service alone", "3.30.0", KATA_RUST, KATA_SNP, T_HYP T_VERITY, NULL,
		1,
		"reboot=k panic=1 systemd.unit=kata-containers.target "
		"systemd.mask=systemd-networkd.service " VERITY " " EXT4
		"agent.launch_process_timeout=6 " CGROUP " selinux=0 console=hvc0",
		NULL},
	{"rust 3.28.0 without a TEE: virtio-pmem", "3.28.0", KATA_RUST, KATA_COCO_DEV, T_HYP, NULL,
		1,
		"reboot=k panic=1 systemd.unit=kata-containers.target "
		"systemd.mask=systemd-networkd.service root=/dev/pmem0p1 "
		"rootflags=dax,data=ordered,errors=remount-ro ro rootfstype=ext4 " CGROUP
		" selinux=0 console=hvc0",
		NULL},
	{"every Rust knob", "3.32.0", KATA_RUST, KATA_SNP,
		T_HYP T_VERITY
		"enable_debug = true\nenable_iommu = true\ndisable_guest_selinux = false\n"
		"kernel_params = \"x=1 y=\"\n" T_AGENT
		"enable_debug = true\nenable_tracing = true\ndebug_console_enabled = true\n"
		"container_pipe_size = 12\ncdh_api_timeout_ms = 1500\n"
		"launch_process_timeout = 3\nvisible_cdi_devices = true\n"
		"[agent.kata.mem_agent]\nmem_agent_enable = true\nmemcg_swap = false\n"
		"compact_order = 9\nmemcg_disable = true\n",
		NULL, 1,
		"reboot=k panic=1 " UNITS "agent.log_vport=1025 " VERITY " " EXT4
		"agent.cdh_api_timeout=1 agent.container_pipe_size=12 agent.debug_console "
		"agent.debug_console_vport=1026 agent.launch_process_timeout=3 agent.log=debug "
		"agent.mem_agent_compact_order=9 agent.mem_agent_enable=1 "
		"agent.mem_agent_memcg_disable=true agent.mem_agent_memcg_swap=false "
		"agent.trace=true "
		"agent.visible_cdi_devices=true psi=1 x=1 y selinux=1 intel_iommu=on iommu=pt "
		"console=hvc0",
		NULL},
	{"a Rust annotation replaces kernel_params alone", "3.30.0", KATA_RUST, KATA_SNP,
		T_HYP "kernel_params = \"a=1 b=2 a=3\"\n", "a=4 a=5 agent.launch_process_timeout=1",
		1,
		"reboot=k panic=1 systemd.unit=kata-containers.target "
		"systemd.mask=systemd-networkd.service root=/dev/vda1 " EXT4
		"agent.launch_process_timeout=6 b=2 a=4 a=5 agent.launch_process_timeout=1 "
		"selinux=0 "
		"console=hvc0",
		NULL},
	{"a Rust initrd boot keeps the units", "3.30.0", KATA_RUST, KATA_SNP,
		T_HYP "image = \"\"\ninitrd = \"/i\"\n", NULL, 1,
		"reboot=k panic=1 systemd.unit=kata-containers.target "
		"systemd.mask=systemd-networkd.service agent.launch_process_timeout=6 " CGROUP
		" selinux=0 console=hvc0",
		NULL},
	{"one agent parameter of rust 3.25.0 has one order", "3.25.0", KATA_RUST, KATA_TDX,
		T_AGENT "enable_debug = true\n", NULL, 1,
		"reboot=k panic=1 systemd.unit=kata-containers.target "
		"systemd.mask=systemd-networkd.service root=/dev/vda1 " EXT4
		"agent.log=debug " CGROUP " selinux=0 console=hvc0",
		NULL},
	/* Refused. */
	{"two agent parameters of rust 3.25.0", "3.25.0", KATA_RUST, KATA_TDX,
		T_AGENT "debug_console_enabled = true\n", NULL, 1, NULL, "random order"},
	{"verity parameters before 3.27.0", "3.26.0", KATA_GO, KATA_TDX, T_HYP T_VERITY, NULL, 1,
		NULL, "kernel_verity_params: Kata 3.26.0 does not know it, 3.27.0 does"},
	{"an extension before 4.0.0", "3.32.0", KATA_GO, KATA_TDX,
		T_HYP "guest_extension_images = [{name = \"a\"}]\n", NULL, 1, NULL,
		"does not know it, 4.0.0 does"},
	{"the coco extension without parameters", "4.0.0", KATA_RUST, KATA_TDX, NULL, NULL, 1, NULL,
		"extension coco: Kata 4.0.0 boots it"},
	{"an extension's bad name", "4.0.0", KATA_GO, KATA_TDX,
		T_HYP "guest_extension_images = [{name = \"a b\"}]\n", NULL, 1, NULL,
		"extension a b"},
	{"an extension without a name", "4.0.0", KATA_GO, KATA_TDX,
		T_HYP "guest_extension_images = [{}]\n", NULL, 1, NULL, "without a name"},
	{"an extension's bad parameters", "4.0.0", KATA_GO, KATA_TDX,
		T_HYP "guest_extension_images = [{name = \"a\", verity_params = \"x\"}]\n", NULL, 1,
		NULL, "extension's verity parameters"},
	{"image and initrd", "3.30.0", KATA_GO, KATA_SNP, T_HYP "initrd = \"/i\"\n", NULL, 1, NULL,
		"both an image and an initrd"},
	{"neither of them", "3.30.0", KATA_GO, KATA_SNP, T_HYP "image = \"\"\n", NULL, 1, NULL,
		"neither"},
	{"an initrd with verity parameters", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP T_VERITY "image = \"\"\ninitrd = \"/i\"\n", NULL, 1, NULL,
		"an initrd is configured"},
	{"an unknown file system", "3.30.0", KATA_GO, KATA_SNP, T_HYP "rootfs_type = \"btrfs\"\n",
		NULL, 1, NULL, "rootfs type btrfs"},
	{"an unknown root driver", "3.30.0", KATA_RUST, KATA_SNP,
		T_HYP "vm_rootfs_driver = \"virtio-scsi\"\n", NULL, 1, NULL,
		"vm_rootfs_driver virtio-scsi"},
	{"bad verity parameters", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP "kernel_verity_params = \"root_hash=12\"\n", NULL, 1, NULL,
		"verity parameters"},
	{"nr_cpus of nobody knows how many", "3.30.0", KATA_GO, KATA_SNP, T_HYP, NULL, 0, NULL,
		"depends on the host"},
	{"nr_cpus of the host", "3.30.0", KATA_GO, KATA_SNP,
		"[runtime]\nstatic_sandbox_resource_mgmt = false\n", NULL, 2, NULL,
		"depends on the host"},
	{"a tab in kernel_params", "3.30.0", KATA_GO, KATA_SNP, T_HYP "kernel_params = \"a\\tb\"\n",
		NULL, 1, NULL, "byte 0x09 at offset 1"},
	{"UTF-8 in the annotation", "3.30.0", KATA_GO, KATA_SNP, T_HYP, "\xc3\xa4", 1, NULL,
		"byte 0xc3 at offset 0"},
	{"a parameter without a name", "3.30.0", KATA_GO, KATA_SNP,
		T_HYP "kernel_params = \"=x\"\n", NULL, 1, NULL, "no name"},
	{"another hypervisor", "3.30.0", KATA_RUST, KATA_SNP,
		"[runtime]\nhypervisor_name = \"dragonball\"\n", NULL, 1, NULL,
		"only qemu is known"},
	{"no hypervisor we know", "3.30.0", KATA_GO, KATA_SNP, "[hypervisor.clh]\n", NULL, 1, NULL,
		"no [hypervisor.qemu]"},
	{"a string for a boolean", "3.30.0", KATA_GO, KATA_SNP, T_HYP "enable_debug = \"yes\"\n",
		NULL, 1, NULL, "test.toml:2:"},
	{"vCPUs of the host", "3.30.0", KATA_GO, KATA_SNP, T_HYP "default_vcpus = -1\n", NULL, 1,
		NULL, "depends on the host"},
	{"vCPUs as text", "3.30.0", KATA_GO, KATA_SNP, T_HYP "default_vcpus = \"1\"\n", NULL, 1,
		NULL, "not a number"},
	{"a mem_agent text", "3.30.0", KATA_RUST, KATA_SNP,
		"[agent.kata.mem_agent]\nmemcg_swap = \"no\"\n", NULL, 1, NULL,
		"not a number or a boolean"},
	{"a list for a table", "3.30.0", KATA_GO, KATA_SNP, "agent = []\n", NULL, 1, NULL,
		"agent: not a table"},
	{"no TOML", "3.30.0", KATA_GO, KATA_SNP, "=\n", NULL, 1, NULL, "test.toml:1"},
	{"an unknown release", "3.30.1", KATA_GO, KATA_SNP, NULL, NULL, 1, NULL,
		"the nearest are 3.30.0 and 3.31.0"},
};

static int make(const struct line *line, struct buf *ret, struct err *err)
{
	KATA_CONFIG_AUTO config = {0};
	size_t version = 0;
	int rc = kata_version_find(line->version, &version, err);

	if (rc == 0)
		rc = kata_config_shipped(line->runtime, version, line->class, &config, err);
	if (rc == 0 && line->toml != NULL)
		rc = cmdline_config_read(line->toml, strlen(line->toml), "test.toml", line->runtime,
			version, &config, err);
	if (rc != 0)
		return rc;
	return cmdline_kata(&(struct cmdline_request){.version = line->version,
				    .runtime = line->runtime,
				    .config = &config,
				    .vcpus = line->vcpus,
				    .annotation = line->annotation},
		ret, err);
}

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		BUF_AUTO got = {0};
		struct err err = {0};
		int rc = make(&lines[i], &got, &err);

		if (lines[i].want != NULL) {
			is_str(rc == 0 ? buf_cstr(&got) : err.msg, lines[i].want, lines[i].what);
			continue;
		}
		ok(rc != 0 && got.len == 0 && strstr(err.msg, lines[i].error) != NULL,
			"refused: %s", lines[i].what);
		if (rc == 0 || strstr(err.msg, lines[i].error) == NULL)
			printf("#   got %s\n", rc == 0 ? buf_cstr(&got) : err.msg);
	}
}

static void test_length(void)
{
	KATA_CONFIG_AUTO config = {0};
	struct cmdline_request request = {
		.version = "3.32.0", .runtime = KATA_RUST, .config = &config};
	BUF_AUTO empty = {0}, full = {0}, over = {0};
	struct err err = {0};
	size_t version, left;
	char *text;

	if (kata_version_find("3.32.0", &version, &err) != 0 ||
		kata_config_shipped(KATA_RUST, version, KATA_SNP, &config, &err) != 0 ||
		cmdline_kata(&request, &empty, &err) != 0) {
		ok(false, "%s", err.msg);
		return;
	}
	left = CMDLINE_MAX - empty.len + strlen(config.kernel_params);
	text = malloc(left + 2);
	if (text == NULL)
		return;
	memset(text, 'x', left + 1);
	text[left] = '\0';
	free(config.kernel_params);
	config.kernel_params = text;
	ok(cmdline_kata(&request, &full, &err) == 0 && full.len == 2047, "2047 bytes fit");
	text[left] = 'x';
	text[left + 1] = '\0';
	is_int(cmdline_kata(&request, &over, &err), -EBADMSG, "2048 do not");
	is_str(err.msg, "a command line of 2048 bytes: the kernel cuts it after 2047",
		"and the error says so");
}

static void test_deploy(void)
{
	KATA_CONFIG_AUTO config = {0};
	struct err err = {0};

	if (kata_config_shipped(KATA_GO, 5, KATA_SNP, &config, &err) != 0 ||
		cmdline_config_deploy(
			&config, "http://p:8080", "localhost,10.0.0.0/8", true, &err) != 0)
		ok(false, "%s", err.msg);
	is_str(config.kernel_params,
		CGROUP " agent.https_proxy=http://p:8080 agent.no_proxy=localhost,10.0.0.0/8 "
		       "agent.log=debug initcall_debug",
		"kata-deploy's proxies and debug mode");
	ok(config.debug && config.agent_debug && config.debug_console,
		"its debug mode opens the rest too");
	is_int(cmdline_config_deploy(&config, "a b", NULL, false, &err), -EINVAL,
		"a proxy with a space is refused");
}

struct size {
	const char *what, *version;
	enum kata_runtime runtime;
	const char *cpu, *memory;
	uint32_t want;
};

static const struct size sizes[] = {
	{"go, no limits", "3.30.0", KATA_GO, NULL, NULL, 1},
	{"go, 500m", "3.30.0", KATA_GO, "500m", NULL, 2},
	{"go, 1", "3.30.0", KATA_GO, "1", NULL, 2},
	{"go, 1001m", "3.30.0", KATA_GO, "1001m", NULL, 3},
	{"go, 1m (the quota's floor)", "3.30.0", KATA_GO, "1m", NULL, 2},
	{"go, memory adds nothing", "3.30.0", KATA_GO, NULL, "4Gi", 1},
	{"rust 3.28.0 ignores limits", "3.28.0", KATA_RUST, "3", NULL, 1},
	{"rust 3.29.0 adds them", "3.29.0", KATA_RUST, "1500m", NULL, 3},
	{"rust 4.0.0, no limits", "4.0.0", KATA_RUST, NULL, NULL, 1},
	{"rust 4.0.0, 0.4 + 0.5", "4.0.0", KATA_RUST, "500m", NULL, 1},
	{"rust 4.0.0, 0.4 + 0.6", "4.0.0", KATA_RUST, "600m", NULL, 1},
	{"rust 4.0.0, 0.4 + 0.601", "4.0.0", KATA_RUST, "601m", NULL, 2},
	{"rust 4.0.0, 0.4 + 2", "4.0.0", KATA_RUST, "2", NULL, 3},
	{"rust 4.0.0, memory alone", "4.0.0", KATA_RUST, NULL, "512Mi", 1},
};

static void test_sizes(void)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const struct size *size = &sizes[i];
		KATA_CONFIG_AUTO config = {0};
		struct cmdline_limits limits = {0};
		struct err err = {0};
		size_t version = 0;
		uint32_t got = 0;

		ok(kata_version_find(size->version, &version, &err) == 0 &&
				kata_config_shipped(
					size->runtime, version, KATA_SNP, &config, &err) == 0 &&
				(size->cpu == NULL ||
					cmdline_cpu_parse(size->cpu, &limits.milli_cpus)) &&
				(size->memory == NULL ||
					cmdline_memory_parse(size->memory, &limits.memory_bytes)) &&
				cmdline_vcpus(size->runtime, version, &config, &limits, &got,
					&err) == 0 &&
				got == size->want,
			"%s: %u vCPUs, want %u", size->what, got, size->want);
	}
}

static void test_sizing_without(void)
{
	KATA_CONFIG_AUTO config = {0};
	struct cmdline_limits limits = {.milli_cpus = 3000, .memory_bytes = 1u << 30};
	struct err err = {0};
	uint32_t got = 0;

	if (kata_config_shipped(KATA_RUST, 9, KATA_SNP, &config, &err) != 0)
		ok(false, "%s", err.msg);
	config.static_sizing = false;
	config.default_vcpus = 1.5f;
	ok(cmdline_vcpus(KATA_RUST, 9, &config, &limits, &got, &err) == 0 && got == 2,
		"without static sizing, limits do not count");
	limits.milli_cpus = UINT64_MAX;
	is_int(cmdline_vcpus(KATA_RUST, 9, &config, &limits, &got, &err), -EINVAL,
		"absurd limits are refused");
}

static void test_quantities(void)
{
	static const char *const bad_cpus[] = {"", "m", "1.", ".", "0", "-1", "1e3", "1.0001",
		"500 m", "99999999999999999999", "5000"};
	static const char *const bad_memory[] = {"", "Mi", "0", "1.5Gi", "1mi", "9999999999999Ti"};
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof(bad_cpus) / sizeof(*bad_cpus); i++)
		ok(!cmdline_cpu_parse(bad_cpus[i], &value), "not a CPU quantity: '%s'",
			bad_cpus[i]);
	for (size_t i = 0; i < sizeof(bad_memory) / sizeof(*bad_memory); i++)
		ok(!cmdline_memory_parse(bad_memory[i], &value), "not a memory quantity: '%s'",
			bad_memory[i]);
	ok(cmdline_cpu_parse("0.25", &value) && value == 250, "0.25 is 250m");
	ok(cmdline_memory_parse("1G", &value) && value == 1000000000, "1G is decimal");
}

static void test_versions(void)
{
	struct err err = {0};
	size_t version;

	ok(kata_version_find("3.24.0", &version, &err) == -ENOTSUP &&
			strstr(err.msg, "the nearest is 3.25.0") != NULL,
		"older than the first");
	ok(kata_version_find("5.0.0", &version, &err) == -ENOTSUP &&
			strstr(err.msg, "the nearest is 4.1.0") != NULL,
		"newer than the last");
	is_int(kata_version_find("newest", &version, &err), -EINVAL, "not a version");
}

struct lint {
	const char *line;
	unsigned flags;
	const char *want; /* in some finding; NULL: no findings at all */
	bool error;
};

#define CLEAN                                                                                      \
	"dm-mod.create=\"dm-verity,,,ro,0 8 verity 1 /dev/vda1 /dev/vda2 4096 4096 1 0 sha256 aa " \
	"bb 1 "                                                                                    \
	"panic_on_corruption\" root=/dev/dm-0"

static const struct lint lints[] = {
	{CLEAN " console=hvc0 console=hvc1 systemd.mask=a systemd.mask=b", CMDLINE_LINT_LOCKED,
		NULL, false},
	{"quiet", CMDLINE_LINT_INITRD, NULL, false},
	{"roothash=aa root=/dev/vda", 0, NULL, false},
	{CLEAN " systemd.unit=kata-containers.target agent.log=info", CMDLINE_LINT_LOCKED, NULL,
		false},
	{CLEAN " agent.debug_console", 0, NULL, false},
	{CLEAN " agent.debug_console", CMDLINE_LINT_LOCKED, "agent.debug_console: ", true},
	{CLEAN " agent.debug_console_vport=1026", CMDLINE_LINT_LOCKED,
		"agent.debug_console_vport=1026", true},
	{CLEAN " agent.devmode", CMDLINE_LINT_LOCKED, "agent.devmode", true},
	{CLEAN " agent.config_file=/x", 0, "agent.config_file=/x", false},
	{CLEAN " agent.server_addr=x", 0, "agent.server_addr=x", false},
	{CLEAN " agent.guest_components_procs=none", 0, "agent.guest_components_procs", false},
	{CLEAN " agent.log=debug", 0, "agent.log=debug", false},
	{CLEAN " agent.log=trace", 0, "agent.log=trace", false},
	{CLEAN " agent.https_proxy=x", 0, "agent.https_proxy", false},
	{CLEAN " init=/bin/sh", 0, "init=/bin/sh", false},
	{CLEAN " rdinit=/bin/sh", 0, "rdinit=/bin/sh", false},
	{CLEAN " initrd=initrd", 0, "initrd=initrd", false},
	{CLEAN " systemd.unit=rescue.target", 0, "systemd.unit=rescue.target", false},
	{CLEAN " systemd.unit=kata-containers.targetx", 0, "systemd.unit=kata", false},
	{CLEAN " systemd.debug-shell", 0, "systemd.debug-shell", false},
	{CLEAN " systemd.run=x", 0, "systemd.run=x", false},
	{CLEAN " panic=1 panic=2", 0, "panic: given more than once", false},
	{CLEAN " root=/dev/vda1", 0, "root=/dev/vda1: not the verity device", true},
	{"root=/dev/vda1", 0, "no root hash", true},
	{"dm-mod.create=dm-verity,,,ro,0 8 root=/dev/dm-0", 0, "not quoted", false},
	{"dm-mod.create=\"x,,,ro,0 8 linear /dev/vda 0\" root=/dev/dm-0", 0, "no verity target",
		true},
	{"dm-mod.create=\"a verity 1 x use_fec_from_device y\" root=/dev/dm-0", 0,
		"error correction", true},
	{"dm-mod.create=\"a verity 1 x ignore_corruption\" root=/dev/dm-0", 0, "let through", true},
	{"dm-mod.create=\"a verity 1 x\" root=/dev/dm-0", 0, "panic_on_corruption", false},
};

static void test_lint(void)
{
	for (size_t i = 0; i < sizeof(lints) / sizeof(*lints); i++) {
		struct cmdline_findings got = {.count = 0};
		bool found = lints[i].want == NULL;

		cmdline_lint(lints[i].line, lints[i].flags, &got);
		for (size_t k = 0; lints[i].want != NULL && k < got.count; k++)
			found |= strstr(got.items[k].text, lints[i].want) != NULL &&
				 got.items[k].error == lints[i].error;
		ok(found && (lints[i].want != NULL || got.count == 0), "lint: %s",
			lints[i].want != NULL ? lints[i].want : "clean");
		if (lints[i].want == NULL && got.count > 0)
			printf("#   got %s\n", got.items[0].text);
	}
}

static void test_lint_bounds(void)
{
	struct cmdline_findings got = {.count = 0};
	char line[4096];

	for (size_t i = 0; i < sizeof(line) - 1; i++)
		line[i] = i % 2 == 0 ? 'a' : ' ';
	line[sizeof(line) - 1] = '\0';
	cmdline_lint(line, 0, &got);
	is_int((long long)got.count, CMDLINE_FINDINGS_MAX, "findings are bounded");
	ok(strstr(got.items[0].text, "4095 bytes") != NULL && got.items[0].error,
		"a line that the kernel cuts");
}

int main(void)
{
	test_lines();
	test_length();
	test_deploy();
	test_sizes();
	test_sizing_without();
	test_quantities();
	test_versions();
	test_lint();
	test_lint_bounds();
	return tap_done();
}
