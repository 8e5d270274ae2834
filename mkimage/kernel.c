/*
 * The guest kernel (kernel.h). The table below says what a kernel needs when a small initrd loads its modules and sets up
 * dm-verity; option names are those of the kernel's Kconfig files.
 */
#define _GNU_SOURCE
#include "mkimage/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bzimage.h"
#include "lib/buf.h"

#define IMAGE_PREFIX "vmlinuz-"

enum need {
	MUST_BE_BUILT_IN, /* =y, else refused */
	MUST_WORK,	  /* =y, or =m and loaded by the initrd; else refused */
	SHOULD_WORK,	  /* the same, else warned of */
	SHOULD_BE_OFF,	  /* warned of when set */
};

/* When a row counts. */
enum when {
	ALWAYS = 0,
	WITH_EROFS = 1,
	WITH_GZIP = 2,
	WITH_ZSTD = 4,
	WITH_SNP = 8,
	WITH_TDX = 16,
};

static const struct option {
	const char *name;
	enum need need;
	enum when when;
	const char *
		modules; /* any of these, in kernel.modules, brings it; or for SHOULD_BE_OFF: the option that excuses it */
	const char *why;
} options[] = {
	/* the way to the root file system */
	{"MD", MUST_BE_BUILT_IN, ALWAYS, NULL, "device mapper"},
	{"BLK_DEV_DM", MUST_WORK, ALWAYS, "dm_mod dm_verity", "device mapper"},
	{"DM_VERITY", MUST_WORK, ALWAYS, "dm_verity", "the verified root"},
	{"CRYPTO_SHA256", MUST_WORK, ALWAYS, "sha256_generic dm_verity", "dm-verity's hash"},
	{"EROFS_FS", MUST_WORK, WITH_EROFS, "erofs", "the root file system"},
	{"MSDOS_PARTITION", MUST_BE_BUILT_IN, ALWAYS, NULL, "the disk's label"},
	{"BLK_DEV_INITRD", MUST_BE_BUILT_IN, ALWAYS, NULL, "the initrd"},
	{"RD_GZIP", MUST_BE_BUILT_IN, WITH_GZIP, NULL, "the initrd's compression"},
	{"RD_ZSTD", MUST_BE_BUILT_IN, WITH_ZSTD, NULL, "the initrd's compression"},
	{"PCI", MUST_BE_BUILT_IN, ALWAYS, NULL, "virtio devices"},
	{"PCI_MSI", MUST_BE_BUILT_IN, ALWAYS, NULL, "virtio devices"},
	{"VIRTIO_PCI", MUST_WORK, ALWAYS, "virtio_pci virtio_blk", "virtio devices"},
	{"VIRTIO_BLK", MUST_WORK, ALWAYS, "virtio_blk", "the root disk"},
	/* what systemd cannot start without */
	{"TMPFS", MUST_BE_BUILT_IN, ALWAYS, NULL, "systemd"},
	{"DEVTMPFS", MUST_BE_BUILT_IN, ALWAYS, NULL, "/dev"},
	{"CGROUPS", MUST_BE_BUILT_IN, ALWAYS, NULL, "systemd"},
	{"NAMESPACES", MUST_BE_BUILT_IN, ALWAYS, NULL, "containers"},
	{"FHANDLE", MUST_BE_BUILT_IN, ALWAYS, NULL, "systemd"},
	{"INOTIFY_USER", MUST_BE_BUILT_IN, ALWAYS, NULL, "systemd"},
	{"SECCOMP_FILTER", MUST_BE_BUILT_IN, ALWAYS, NULL, "containers"},
	/* the platform */
	{"HYPERVISOR_GUEST", MUST_BE_BUILT_IN, ALWAYS, NULL, "KVM"},
	{"KVM_GUEST", MUST_BE_BUILT_IN, ALWAYS, NULL, "KVM"},
	{"EFI", MUST_BE_BUILT_IN, ALWAYS, NULL, "the firmware's boot"},
	{"EFI_STUB", MUST_BE_BUILT_IN, ALWAYS, NULL, "the firmware's boot"},
	{"X86_X2APIC", MUST_BE_BUILT_IN, ALWAYS, NULL, "TDX and many vCPUs"},
	{"AMD_MEM_ENCRYPT", MUST_BE_BUILT_IN, WITH_SNP, NULL, "SEV-SNP"},
	{"INTEL_TDX_GUEST", MUST_BE_BUILT_IN, WITH_TDX, NULL, "TDX"},
	{"SEV_GUEST", SHOULD_WORK, WITH_SNP, "sev_guest", "SNP reports"},
	{"TDX_GUEST_DRIVER", SHOULD_WORK, WITH_TDX, "tdx_guest", "TDX reports"},
	{"TSM_REPORTS", SHOULD_WORK, WITH_SNP | WITH_TDX, "tsm sev_guest tdx_guest",
		"attestation through configfs"},
	{"CONFIGFS_FS", SHOULD_WORK, WITH_SNP | WITH_TDX, "configfs tsm sev_guest tdx_guest",
		"attestation through configfs"},
	/* what an agent uses */
	{"VIRTIO_CONSOLE", SHOULD_WORK, ALWAYS, "virtio_console", "the console"},
	{"VIRTIO_NET", SHOULD_WORK, ALWAYS, "virtio_net", "the network"},
	{"SCSI_VIRTIO", SHOULD_WORK, ALWAYS, "virtio_scsi", "volumes"},
	{"VSOCKETS", SHOULD_WORK, ALWAYS, "vsock vmw_vsock_virtio_transport",
		"the agent's channel"},
	{"VIRTIO_VSOCKETS", SHOULD_WORK, ALWAYS, "vmw_vsock_virtio_transport",
		"the agent's channel"},
	{"OVERLAY_FS", SHOULD_WORK, ALWAYS, "overlay", "container images"},
	{"DM_CRYPT", SHOULD_WORK, ALWAYS, "dm_crypt", "encrypted volumes"},
	{"DM_INTEGRITY", SHOULD_WORK, ALWAYS, "dm_integrity", "authenticated volumes"},
	{"CRYPTO_XTS", SHOULD_WORK, ALWAYS, "xts", "encrypted volumes"},
	{"EXT4_FS", SHOULD_WORK, ALWAYS, "ext4", "volumes"},
	{"EFI_PARTITION", SHOULD_WORK, ALWAYS, NULL, "volumes"},
	/* what gives the host or root in the guest a way in */
	{"MODULES", SHOULD_BE_OFF, ALWAYS, "MODULE_SIG_FORCE", "unsigned modules can be loaded"},
	{"KEXEC", SHOULD_BE_OFF, ALWAYS, NULL, "another, unmeasured kernel can be started"},
	{"DEVMEM", SHOULD_BE_OFF, ALWAYS, NULL, "memory is readable through /dev/mem"},
	{"PROC_KCORE", SHOULD_BE_OFF, ALWAYS, NULL, "memory is readable through /proc/kcore"},
	{"DEBUG_FS", SHOULD_BE_OFF, ALWAYS, "DEBUG_FS_ALLOW_NONE", "kernel internals are exposed"},
	{"FW_CFG_SYSFS", SHOULD_BE_OFF, ALWAYS, NULL, "reads what the host offers"},
	{"DMI_SYSFS", SHOULD_BE_OFF, ALWAYS, NULL, "reads what the host offers"},
	{"ACPI_CUSTOM_METHOD", SHOULD_BE_OFF, ALWAYS, NULL, "AML can be injected"},
	{"ACPI_TABLE_UPGRADE", SHOULD_BE_OFF, ALWAYS, NULL, "an initrd can replace ACPI tables"},
	{"HW_RANDOM_VIRTIO", SHOULD_BE_OFF, WITH_SNP | WITH_TDX, NULL, "randomness from the host"},
	{"VIRTIO_MMIO_CMDLINE_DEVICES", SHOULD_BE_OFF, ALWAYS, NULL,
		"devices from the command line"},
	{"LOCK_DOWN_KERNEL_FORCE_NONE", SHOULD_BE_OFF, ALWAYS, NULL, "no lockdown"},
};

/* The value of CONFIG_@name in @config: 'y', 'm', or 'n' for anything else. */
static char option_value(const char *config, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = config; (at = strstr(at, "CONFIG_")) != NULL; at++) {
		const char *value = at + strlen("CONFIG_") + n;

		if ((at == config || at[-1] == '\n') &&
			strncmp(at + strlen("CONFIG_"), name, n) == 0 && value[0] == '=' &&
			(value[1] == 'y' || value[1] == 'm') && value[2] == '\n')
			return value[1];
	}
	return 'n';
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

/* Whether the recipe lists any of @words, separated by spaces. */
static bool is_listed(const struct recipe *recipe, const char *words)
{
	while (words != NULL && *words != '\0') {
		size_t n = strcspn(words, " ");

		for (size_t i = 0; i < recipe->kernel.modules.count; i++) {
			if (same_module(recipe->kernel.modules.items[i], words, n))
				return true;
		}
		words += n + (words[n] == ' ');
	}
	return false;
}

static bool launches(const struct recipe *recipe, const char *tee)
{
	for (size_t i = 0; i < recipe->launch_count; i++) {
		if (strcmp(recipe->launches[i].tee, tee) == 0)
			return true;
	}
	return false;
}

/* Which conditional rows count. */
static unsigned conditions(const struct recipe *recipe)
{
	unsigned set = 0;

	if (strcmp(recipe->rootfs.type, "erofs") == 0)
		set |= WITH_EROFS;
	if (strcmp(recipe->kernel.compression, "gzip") == 0)
		set |= WITH_GZIP;
	if (strcmp(recipe->kernel.compression, "zstd") == 0)
		set |= WITH_ZSTD;
	if (launches(recipe, "snp"))
		set |= WITH_SNP;
	if (launches(recipe, "tdx"))
		set |= WITH_TDX;
	return set;
}

static int add_warning(struct kernel *kernel, const struct buf *line, struct err *err)
{
	char **grown = reallocarray(
		kernel->warnings, kernel->warning_count + 1, sizeof(*kernel->warnings));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	kernel->warnings = grown;
	grown[kernel->warning_count] = strdup(buf_cstr(line));
	if (grown[kernel->warning_count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	kernel->warning_count++;
	return 0;
}

/* What is wrong with the option, into @ret; nothing when it is as it should be. */
static void judge(const struct option *option, const char *config, const struct recipe *recipe,
	struct buf *ret)
{
	char value = option_value(config, option->name);

	if (option->need == SHOULD_BE_OFF) {
		bool excused = option->modules != NULL &&
			       option_value(config, option->modules) == 'y';

		if (value != 'n' && !excused)
			buf_fmt(ret, "CONFIG_%s=%c: %s", option->name, value, option->why);
		return;
	}
	if (value == 'y')
		return;
	if (value == 'n')
		buf_fmt(ret, "CONFIG_%s is not set, needed for %s", option->name, option->why);
	else if (option->need == MUST_BE_BUILT_IN || option->modules == NULL)
		buf_fmt(ret, "CONFIG_%s=m, needed as =y for %s", option->name, option->why);
	else if (!is_listed(recipe, option->modules))
		buf_fmt(ret, "CONFIG_%s=m, needed for %s, and kernel.modules does not load it",
			option->name, option->why);
}

static int check_config(
	const char *config, const struct recipe *recipe, struct kernel *kernel, struct err *err)
{
	unsigned set = conditions(recipe);

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		const struct option *option = &options[i];
		BUF_AUTO line = {0};

		if (option->when != ALWAYS && (option->when & set) == 0)
			continue;
		judge(option, config, recipe, &line);
		if (line.len == 0)
			continue;
		if (option->need == MUST_BE_BUILT_IN || option->need == MUST_WORK)
			return err_fail(
				err, -EBADMSG, "kernel %s: %s", kernel->version, buf_cstr(&line));
		int rc = add_warning(kernel, &line, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_content(const struct tree_node *node, const char *what, size_t max, struct buf *ret,
	struct err *err)
{
	uint64_t n = node->inode->content.size_bytes;

	if (n > max)
		return err_fail(err, -EFBIG, "%s: larger than %zu bytes", what, max);
	void *dst = buf_grow(ret, (size_t)n);
	int rc = buf_check(ret, err);

	return rc != 0 ? rc : tree_read(&node->inode->content, what, dst, (size_t)n, 0, err);
}

/* The one boot/vmlinuz-VERSION. */
static int find_image(const struct tree *tree, const struct tree_node **ret, struct err *err)
{
	const struct tree_node *boot = tree_resolve(tree, "boot");
	const struct tree_node *found = NULL;

	for (size_t i = 0; boot != NULL && i < boot->child_count; i++) {
		const struct tree_node *node = boot->children[i];

		if (node->inode->type != TREE_FILE ||
			strncmp(node->name, IMAGE_PREFIX, strlen(IMAGE_PREFIX)) != 0)
			continue;
		if (found != NULL)
			return err_fail(err, -EBADMSG, "two kernels: boot/%s and boot/%s",
				found->name, node->name);
		found = node;
	}
	if (found == NULL || found->name[strlen(IMAGE_PREFIX)] == '\0')
		return err_fail(err, -EBADMSG, "no boot/" IMAGE_PREFIX "VERSION in the packages");
	*ret = found;
	return 0;
}

/* The image must be a bzImage, and of the version that its name says. */
static int check_image(const struct tree_node *node, const char *version, struct err *err)
{
	BUF_AUTO image = {0};
	struct bzimage bz;
	int rc = read_content(node, node->name, KERNEL_BYTES_MAX, &image, err);

	if (rc == 0)
		rc = bzimage_parse(image.data, image.len, &bz, err);
	if (rc != 0)
		return err_wrap(err, "boot/%s", node->name);
	size_t n = strlen(version);

	if (strncmp(bz.version, version, n) != 0 || (bz.version[n] != ' ' && bz.version[n] != '\0'))
		return err_fail(err, -EBADMSG, "boot/%s: its header says version %.100s",
			node->name, bz.version);
	return 0;
}

static int read_config(
	const struct tree *tree, const char *version, struct buf *ret, struct err *err)
{
	BUF_AUTO path = {0};

	buf_fmt(&path, "boot/config-%s", version);
	int rc = buf_check(&path, err);

	if (rc != 0)
		return rc;
	const struct tree_node *node = tree_resolve(tree, buf_cstr(&path));

	if (node == NULL || node->inode->type != TREE_FILE)
		return err_fail(err, -EBADMSG, "%s is not there", buf_cstr(&path));
	rc = read_content(node, buf_cstr(&path), KERNEL_CONFIG_BYTES_MAX, ret, err);
	if (rc == 0 && memchr(buf_cstr(ret), '\0', ret->len) != NULL)
		return err_fail(err, -EBADMSG, "%s: has a NUL", buf_cstr(&path));
	return rc;
}

static const struct tree_node *find_modules(const struct tree *tree, const char *version)
{
	static const char *const dirs[] = {"usr/lib/modules", "lib/modules"};
	const struct tree_node *node = NULL;

	for (size_t i = 0; node == NULL && i < sizeof(dirs) / sizeof(*dirs); i++) {
		BUF_AUTO path = {0};

		buf_fmt(&path, "%s/%s", dirs[i], version);
		node = tree_resolve(tree, buf_cstr(&path));
	}
	return node != NULL && node->inode->type == TREE_DIR ? node : NULL;
}

/* modules_dir.read: @arg is the list of contents. */
static int read_module(void *arg, size_t i, struct buf *ret, struct err *err)
{
	const struct tree_content *const *contents = arg;
	uint64_t n = contents[i]->size_bytes;

	if (n > MODULES_BYTES_MAX)
		return err_fail(err, -EFBIG, "larger than %u bytes", MODULES_BYTES_MAX);
	void *dst = buf_grow(ret, (size_t)n);
	int rc = buf_check(ret, err);

	return rc != 0 ? rc : tree_read(contents[i], "module", dst, (size_t)n, 0, err);
}

/* The node after @node inside @top; NULL at its end. */
static const struct tree_node *next_below(
	const struct tree *tree, const struct tree_node *top, const struct tree_node *node)
{
	const struct tree_node *next = tree_next(tree, node);

	for (const struct tree_node *up = next; up != NULL; up = up->parent) {
		if (up == top)
			return next;
	}
	return NULL;
}

/* The lists that a modules_dir points to. */
struct module_files {
	char **paths;
	const struct tree_content **contents;
	size_t count;
};

static void module_files_done(struct module_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->paths[i]);
	free(files->paths);
	free(files->contents);
}

static int list_modules(const struct tree *tree, const struct tree_node *top,
	struct module_files *files, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_path(top, path);
	size_t prefix = strlen(path) + 1, total = 0;

	for (const struct tree_node *node = top; node != NULL; node = next_below(tree, top, node))
		total += node->inode->type == TREE_FILE;
	files->paths = calloc(total + 1, sizeof(*files->paths));
	files->contents = calloc(total + 1, sizeof(*files->contents));
	if (files->paths == NULL || files->contents == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (const struct tree_node *node = top; node != NULL; node = next_below(tree, top, node)) {
		if (node->inode->type != TREE_FILE)
			continue;
		tree_path(node, path);
		files->contents[files->count] = &node->inode->content;
		files->paths[files->count] = strdup(path + prefix);
		if (files->paths[files->count] == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		files->count++;
	}
	return 0;
}

static int fill_modules(const struct tree *tree, struct kernel *kernel, struct err *err)
{
	__attribute__((cleanup(module_files_done))) struct module_files files = {0};
	const struct tree_node *top = find_modules(tree, kernel->version);

	if (top == NULL)
		return err_fail(
			err, -EBADMSG, "no modules of kernel %s in the packages", kernel->version);
	int rc = list_modules(tree, top, &files, err);

	if (rc != 0)
		return rc;
	kernel->modules = (struct modules_dir){
		.version = kernel->version,
		.paths = (const char *const *)files.paths,
		.count = files.count,
		.read = read_module,
		.arg = files.contents,
	};
	files = (struct module_files){0};
	return 0;
}

static int find_and_check(const struct tree *tree, const struct recipe *recipe,
	struct kernel *kernel, struct err *err)
{
	const struct tree_node *image;
	BUF_AUTO config = {0};
	int rc = find_image(tree, &image, err);

	if (rc != 0)
		return rc;
	kernel->image = &image->inode->content;
	kernel->version = strdup(image->name + strlen(IMAGE_PREFIX));
	if (kernel->version == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = check_image(image, kernel->version, err);
	if (rc == 0)
		rc = read_config(tree, kernel->version, &config, err);
	if (rc == 0)
		rc = fill_modules(tree, kernel, err);
	return rc != 0 ? rc : check_config(buf_cstr(&config), recipe, kernel, err);
}

int kernel_find(
	const struct tree *tree, const struct recipe *recipe, struct kernel *ret, struct err *err)
{
	KERNEL_AUTO kernel = {0};
	int rc = find_and_check(tree, recipe, &kernel, err);

	if (rc != 0)
		return err_wrap(err, "%s", recipe->path);
	*ret = kernel;
	kernel = (struct kernel){0};
	return 0;
}

void kernel_done(struct kernel *kernel)
{
	struct module_files files = {
		(char **)(uintptr_t)kernel->modules.paths,
		kernel->modules.arg,
		kernel->modules.count,
	};

	module_files_done(&files);
	for (size_t i = 0; i < kernel->warning_count; i++)
		free(kernel->warnings[i]);
	free(kernel->warnings);
	free(kernel->version);
	*kernel = (struct kernel){0};
}
