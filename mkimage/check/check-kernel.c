/*
 * Kernel options by boot flow and TEE (check-kernel.h). Names are those of Linux' Kconfig files; what a flow needs of an option
 * is a column of the table.
 */
#define _GNU_SOURCE
#include "mkimage/check/check-kernel.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const char *const flow_names[CHECK_KERNEL_FLOWS] = {
	[CHECK_KERNEL_VERITY_INITRD] = "verity-initrd",
	[CHECK_KERNEL_VERITY_DM_INIT] = "verity-dm-init",
	[CHECK_KERNEL_INITRD] = "initrd",
};

const char *check_kernel_flow_name(enum check_kernel_flow flow)
{
	return flow_names[flow];
}

bool check_kernel_flow_parse(const char *name, enum check_kernel_flow *ret)
{
	for (unsigned i = 0; i < CHECK_KERNEL_FLOWS; i++) {
		if (strcmp(flow_names[i], name) != 0)
			continue;
		*ret = (enum check_kernel_flow)i;
		return true;
	}
	return false;
}

enum need {
	IGNORE,
	BUILT_IN, /* =y, else required */
	WORKS,	  /* =y, or =m and loaded by the initrd; else required */
	WANTED,	  /* the same, else warned of */
	OFF,	  /* warned of when set */
	ON,	  /* warned of when not set */
};

/* When a row counts. */
enum when {
	ALWAYS = 0,
	WITH_EROFS = 1 << 0,
	WITH_EXT4 = 1 << 1,
	WITH_XFS = 1 << 2,
	WITH_SNP = 1 << 3,
	WITH_TDX = 1 << 4,
	WITH_MBR = 1 << 5,
	WITH_GPT = 1 << 6,
	WITH_EROFS_ZIP = 1 << 7,
	WITH_EROFS_LZMA = 1 << 8,
	WITH_EROFS_DEFLATE = 1 << 9,
	WITH_EROFS_ZSTD = 1 << 10,
	WITH_RD_GZIP = 1 << 11,
	WITH_RD_ZSTD = 1 << 12,
	WITH_RD_XZ = 1 << 13,
	WITH_RD_LZMA = 1 << 14,
	WITH_RD_LZ4 = 1 << 15,
	WITH_RD_LZO = 1 << 16,
	WITH_RD_BZIP2 = 1 << 17,
};

/* What an option is for: by that, what each flow needs of it. */
enum use {
	ROOT,	   /* the way to the root, loadable */
	ROOT_CORE, /* the same, without modules */
	DM_INIT,
	INITRD,
	CORE,
	DEVICE,
	AGENT, /* nothing loads it where there is no initrd of ours */
	VOLUMES,
	HOLE,
	LOCK,
};

static const enum need needs[][CHECK_KERNEL_FLOWS] = {
	/* verity-initrd, verity-dm-init, initrd */
	[ROOT] = {WORKS, BUILT_IN, IGNORE},
	[ROOT_CORE] = {BUILT_IN, BUILT_IN, IGNORE},
	[DM_INIT] = {IGNORE, BUILT_IN, IGNORE},
	[INITRD] = {BUILT_IN, IGNORE, BUILT_IN},
	[CORE] = {BUILT_IN, BUILT_IN, BUILT_IN},
	[DEVICE] = {WORKS, BUILT_IN, BUILT_IN},
	[AGENT] = {WANTED, BUILT_IN, BUILT_IN},
	[VOLUMES] = {WANTED, WANTED, WANTED},
	[HOLE] = {OFF, OFF, OFF},
	[LOCK] = {ON, ON, ON},
};

#define EITHER_TEE (WITH_SNP | WITH_TDX)

static const struct option {
	const char *name;
	enum use use;
	unsigned when; /* enum when: any of these */
	/* WORKS, WANTED: modules any of which brings it. OFF, ON: options any of which excuses it. */
	const char *instead;
	const char *why;
} options[] = {
	/* the way to the root file system */
	{"MD", ROOT_CORE, ALWAYS, NULL, "device mapper"},
	{"BLK_DEV_DM", ROOT, ALWAYS, "dm_mod dm_verity", "device mapper"},
	{"DM_INIT", DM_INIT, ALWAYS, NULL, "dm-mod.create=, by which Kata names the root"},
	{"DM_VERITY", ROOT, ALWAYS, "dm_verity", "the verified root"},
	{"CRYPTO_SHA256", ROOT, ALWAYS, "sha256_generic dm_verity", "dm-verity's hash"},
	{"EROFS_FS", ROOT, WITH_EROFS, "erofs", "the root file system"},
	{"EROFS_FS_ZIP", ROOT_CORE, WITH_EROFS_ZIP, NULL, "the root's compression"},
	{"EROFS_FS_ZIP_LZMA", ROOT_CORE, WITH_EROFS_LZMA, NULL, "the root's compression"},
	{"EROFS_FS_ZIP_DEFLATE", ROOT_CORE, WITH_EROFS_DEFLATE, NULL, "the root's compression"},
	{"EROFS_FS_ZIP_ZSTD", ROOT_CORE, WITH_EROFS_ZSTD, NULL, "the root's compression"},
	{"EXT4_FS", ROOT, WITH_EXT4, "ext4", "the root file system"},
	{"XFS_FS", ROOT, WITH_XFS, "xfs", "the root file system"},
	{"MSDOS_PARTITION", ROOT_CORE, WITH_MBR, NULL, "the disk's label"},
	{"EFI_PARTITION", ROOT_CORE, WITH_GPT, NULL, "the disk's label"},
	{"BLK_DEV_INITRD", INITRD, ALWAYS, NULL, "the initrd"},
	{"RD_GZIP", INITRD, WITH_RD_GZIP, NULL, "the initrd's compression"},
	{"RD_ZSTD", INITRD, WITH_RD_ZSTD, NULL, "the initrd's compression"},
	{"RD_XZ", INITRD, WITH_RD_XZ, NULL, "the initrd's compression"},
	{"RD_LZMA", INITRD, WITH_RD_LZMA, NULL, "the initrd's compression"},
	{"RD_LZ4", INITRD, WITH_RD_LZ4, NULL, "the initrd's compression"},
	{"RD_LZO", INITRD, WITH_RD_LZO, NULL, "the initrd's compression"},
	{"RD_BZIP2", INITRD, WITH_RD_BZIP2, NULL, "the initrd's compression"},
	{"PCI", CORE, ALWAYS, NULL, "virtio devices"},
	{"PCI_MSI", CORE, ALWAYS, NULL, "virtio devices"},
	{"VIRTIO_PCI", DEVICE, ALWAYS, "virtio_pci virtio_blk", "virtio devices"},
	{"VIRTIO_BLK", DEVICE, ALWAYS, "virtio_blk", "the root disk and volumes"},
	/* what systemd and containers cannot start without */
	{"TMPFS", CORE, ALWAYS, NULL, "systemd"},
	{"DEVTMPFS", CORE, ALWAYS, NULL, "/dev"},
	{"CGROUPS", CORE, ALWAYS, NULL, "systemd"},
	{"NAMESPACES", CORE, ALWAYS, NULL, "containers"},
	{"FHANDLE", CORE, ALWAYS, NULL, "systemd"},
	{"INOTIFY_USER", CORE, ALWAYS, NULL, "systemd"},
	{"SECCOMP_FILTER", CORE, ALWAYS, NULL, "containers"},
	/* the platform */
	{"HYPERVISOR_GUEST", CORE, ALWAYS, NULL, "KVM"},
	{"KVM_GUEST", CORE, ALWAYS, NULL, "KVM"},
	{"EFI", CORE, ALWAYS, NULL, "the firmware's boot"},
	{"EFI_STUB", CORE, ALWAYS, NULL, "the firmware's boot"},
	{"X86_X2APIC", CORE, ALWAYS, NULL, "TDX and many vCPUs"},
	{"AMD_MEM_ENCRYPT", CORE, WITH_SNP, NULL, "SEV-SNP"},
	{"INTEL_TDX_GUEST", CORE, WITH_TDX, NULL, "TDX"},
	{"SEV_GUEST", AGENT, WITH_SNP, "sev_guest", "SNP reports"},
	{"TDX_GUEST_DRIVER", AGENT, WITH_TDX, "tdx_guest", "TDX reports"},
	{"TSM_REPORTS", AGENT, EITHER_TEE, "tsm sev_guest tdx_guest",
		"attestation through configfs"},
	{"CONFIGFS_FS", AGENT, EITHER_TEE, "configfs tsm sev_guest tdx_guest",
		"attestation through configfs"},
	/* what an agent uses */
	{"VIRTIO_CONSOLE", AGENT, ALWAYS, "virtio_console", "the console"},
	{"VIRTIO_NET", AGENT, ALWAYS, "virtio_net", "the network"},
	{"SCSI_VIRTIO", AGENT, ALWAYS, "virtio_scsi", "volumes"},
	{"VSOCKETS", AGENT, ALWAYS, "vsock vmw_vsock_virtio_transport", "the agent's channel"},
	{"VIRTIO_VSOCKETS", AGENT, ALWAYS, "vmw_vsock_virtio_transport", "the agent's channel"},
	{"OVERLAY_FS", AGENT, ALWAYS, "overlay", "container images"},
	{"DM_CRYPT", AGENT, ALWAYS, "dm_crypt", "encrypted volumes"},
	{"DM_INTEGRITY", AGENT, ALWAYS, "dm_integrity", "authenticated volumes"},
	{"CRYPTO_XTS", AGENT, ALWAYS, "xts", "encrypted volumes"},
	{"EXT4_FS", VOLUMES, WITH_EROFS | WITH_XFS, "ext4", "volumes"},
	{"EFI_PARTITION", VOLUMES, WITH_MBR, NULL, "volumes"},
	/* what gives the host or root in the guest a way in */
	{"MODULES", HOLE, ALWAYS, "MODULE_SIG_FORCE", "unsigned modules can be loaded"},
	{"KEXEC", HOLE, ALWAYS, NULL, "another, unmeasured kernel can be started"},
	{"KEXEC_FILE", HOLE, ALWAYS, "KEXEC_SIG_FORCE",
		"another, unmeasured kernel can be started"},
	{"DEVMEM", HOLE, ALWAYS, NULL, "memory is readable through /dev/mem"},
	{"PROC_KCORE", HOLE, ALWAYS, NULL, "memory is readable through /proc/kcore"},
	{"DEBUG_FS", HOLE, ALWAYS, "DEBUG_FS_ALLOW_NONE", "kernel internals are exposed"},
	{"FW_CFG_SYSFS", HOLE, ALWAYS, NULL, "reads what the host offers"},
	{"DMI_SYSFS", HOLE, ALWAYS, NULL, "reads what the host offers"},
	{"ACPI_CUSTOM_METHOD", HOLE, ALWAYS, NULL, "AML can be injected"},
	{"ACPI_TABLE_UPGRADE", HOLE, ALWAYS, NULL, "an initrd can replace ACPI tables"},
	{"HW_RANDOM_VIRTIO", HOLE, EITHER_TEE, NULL, "randomness from the host"},
	{"VIRTIO_MMIO_CMDLINE_DEVICES", HOLE, ALWAYS, NULL, "devices from the command line"},
	{"LOCK_DOWN_KERNEL_FORCE_INTEGRITY", LOCK, ALWAYS, "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
		"no lockdown by itself"},
};

/* The names of the choices, and the condition that each sets. */
static const struct choice {
	const char *name;
	unsigned when;
} rootfs_types[] = {{"erofs", WITH_EROFS}, {"ext4", WITH_EXT4}, {"xfs", WITH_XFS}},
  rootfs_codecs[] = {{"lz4", WITH_EROFS_ZIP}, {"lzma", WITH_EROFS_ZIP | WITH_EROFS_LZMA},
	  {"deflate", WITH_EROFS_ZIP | WITH_EROFS_DEFLATE},
	  {"zstd", WITH_EROFS_ZIP | WITH_EROFS_ZSTD}},
  initrd_codecs[] = {{"none", 0}, {"gzip", WITH_RD_GZIP}, {"zstd", WITH_RD_ZSTD},
	  {"xz", WITH_RD_XZ}, {"lzma", WITH_RD_LZMA}, {"lz4", WITH_RD_LZ4}, {"lzo", WITH_RD_LZO},
	  {"bzip2", WITH_RD_BZIP2}};

static const struct choice *find_choice(
	const struct choice *choices, size_t count, const char *name)
{
	for (size_t i = 0; name != NULL && i < count; i++) {
		if (strcmp(choices[i].name, name) == 0)
			return &choices[i];
	}
	return NULL;
}
#define FIND(choices, name) find_choice(choices, ARRAY_SIZE(choices), name)

bool check_kernel_knows_rootfs(const char *type)
{
	return FIND(rootfs_types, type) != NULL;
}

bool check_kernel_knows_rootfs_codec(const char *codec)
{
	return FIND(rootfs_codecs, codec) != NULL;
}

bool check_kernel_knows_initrd_codec(const char *codec)
{
	return FIND(initrd_codecs, codec) != NULL;
}

/* Which conditional rows count. */
static unsigned conditions(const struct check_kernel_for *purpose)
{
	const struct choice *const chosen[] = {
		FIND(rootfs_types, purpose->rootfs_type),
		FIND(rootfs_codecs, purpose->rootfs_codec),
		FIND(initrd_codecs, purpose->initrd_codec),
	};
	unsigned set = purpose->gpt ? WITH_GPT : WITH_MBR;

	for (size_t i = 0; i < ARRAY_SIZE(chosen); i++)
		set |= chosen[i] != NULL ? chosen[i]->when : 0;
	set |= purpose->snp ? WITH_SNP : 0;
	return set | (purpose->tdx ? WITH_TDX : 0);
}

/* Module names are the same with '-' and '_'. */
static bool same_module(const char *name, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((name[i] == '-' ? '_' : name[i]) != word[i])
			return false;
	}
	return name[n] == '\0';
}

/* Whether any of @words, separated by spaces, is among the modules that are loaded. */
static bool is_loaded(const struct check_kernel_for *purpose, const char *words)
{
	while (words != NULL && *words != '\0') {
		size_t n = strcspn(words, " ");

		for (size_t i = 0; i < purpose->module_count; i++) {
			if (same_module(purpose->modules[i], words, n))
				return true;
		}
		words += n + (words[n] == ' ');
	}
	return false;
}

/* What is wrong with an option that is not built in; nothing when something loads it. */
static void judge_need(const struct option *option, enum need need, char value,
	const struct check_kernel_for *purpose, struct buf *ret)
{
	bool loadable = need != BUILT_IN && option->instead != NULL;

	if (value == 'n')
		buf_fmt(ret, "CONFIG_%s is not set, needed for %s", option->name, option->why);
	else if (!loadable || purpose->flow != CHECK_KERNEL_VERITY_INITRD)
		buf_fmt(ret, "CONFIG_%s=m, needed as =y for %s", option->name, option->why);
	else if (!is_loaded(purpose, option->instead))
		buf_fmt(ret, "CONFIG_%s=m, needed for %s, and the initrd does not load it",
			option->name, option->why);
}

/* What is wrong with the option, into @ret; nothing when it is as it should be. */
static void judge(const struct option *option, const struct kconfig *config,
	const struct check_kernel_for *purpose, struct buf *ret)
{
	enum need need = needs[option->use][purpose->flow];
	char value = kconfig_tristate(config, option->name);
	bool excused = (need == OFF || need == ON) && option->instead != NULL &&
		       kconfig_tristate(config, option->instead) == 'y';

	if (need == IGNORE || excused)
		return;
	if (need == OFF && value != 'n')
		buf_fmt(ret, "CONFIG_%s=%c: %s", option->name, value, option->why);
	else if (need == ON && value == 'n')
		buf_fmt(ret, "CONFIG_%s is not set: %s", option->name, option->why);
	else if (need != OFF && need != ON && value != 'y')
		judge_need(option, need, value, purpose, ret);
}

static int add(struct check_kernel_findings *findings, const struct check_kernel_finding *finding,
	const struct buf *line, struct err *err)
{
	struct check_kernel_finding *grown = reallocarray(
		findings->items, findings->count + 1, sizeof(*findings->items));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	findings->items = grown;
	grown[findings->count] = *finding;
	grown[findings->count].text = strdup(buf_cstr(line));
	if (grown[findings->count].text == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	findings->count++;
	findings->required += finding->required;
	return 0;
}

int check_kernel(const struct kconfig *config, const struct check_kernel_for *purpose,
	struct check_kernel_findings *ret, struct err *err)
{
	CHECK_KERNEL_AUTO findings = {0};
	unsigned set = conditions(purpose);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(options); i++) {
		const struct option *option = &options[i];
		enum need need = needs[option->use][purpose->flow];
		const struct check_kernel_finding finding = {.option = option->name,
			.why = option->why,
			.value = kconfig_tristate(config, option->name),
			.required = need == BUILT_IN || need == WORKS};
		BUF_AUTO line = {0};

		if (option->when != ALWAYS && (option->when & set) == 0)
			continue;
		judge(option, config, purpose, &line);
		rc = buf_check(&line, err);
		if (rc == 0 && line.len > 0)
			rc = add(&findings, &finding, &line, err);
	}
	if (rc != 0)
		return rc;
	*ret = findings;
	findings = (struct check_kernel_findings){0};
	return 0;
}

void check_kernel_done(struct check_kernel_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		free(findings->items[i].text);
	free(findings->items);
	*findings = (struct check_kernel_findings){0};
}
