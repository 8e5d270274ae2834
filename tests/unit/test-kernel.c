/* mkimage/kernel: finding the kernel in a package's tree, and the table of options from both sides. */
#define _GNU_SOURCE
#include "mkimage/kernel/kernel.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "lib/wr.h"
#include "tests/tap.h"
#include "tests/unit/must.h"
#include "tests/unit/setup-header.h"

#define RELEASE "6.12.1-cloud"
#define HEAD	"schema = \"assay-recipe/1\"\nname = \"t\"\narchitecture = \"amd64\"\ntimestamp = 77\n"

/* Everything built in, nothing that is warned of. */
static const char good_config[] =
	"# a comment\n"
	"CONFIG_MD=y\nCONFIG_BLK_DEV_DM=y\nCONFIG_DM_VERITY=y\nCONFIG_CRYPTO_SHA256=y\n"
	"CONFIG_EROFS_FS=y\nCONFIG_MSDOS_PARTITION=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n"
	"CONFIG_RD_ZSTD=y\nCONFIG_PCI=y\nCONFIG_PCI_MSI=y\nCONFIG_VIRTIO_PCI=y\n"
	"CONFIG_VIRTIO_BLK=y\nCONFIG_TMPFS=y\nCONFIG_DEVTMPFS=y\nCONFIG_CGROUPS=y\n"
	"CONFIG_NAMESPACES=y\nCONFIG_FHANDLE=y\nCONFIG_INOTIFY_USER=y\nCONFIG_SECCOMP_FILTER=y\n"
	"CONFIG_HYPERVISOR_GUEST=y\nCONFIG_KVM_GUEST=y\nCONFIG_EFI=y\nCONFIG_EFI_STUB=y\n"
	"CONFIG_X86_X2APIC=y\nCONFIG_AMD_MEM_ENCRYPT=y\nCONFIG_INTEL_TDX_GUEST=y\n"
	"CONFIG_SEV_GUEST=y\nCONFIG_TDX_GUEST_DRIVER=y\nCONFIG_TSM_REPORTS=y\n"
	"CONFIG_CONFIGFS_FS=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_VIRTIO_NET=y\n"
	"CONFIG_SCSI_VIRTIO=y\nCONFIG_VSOCKETS=y\nCONFIG_VIRTIO_VSOCKETS=y\nCONFIG_OVERLAY_FS=y\n"
	"CONFIG_DM_CRYPT=y\nCONFIG_DM_INTEGRITY=y\nCONFIG_CRYPTO_XTS=y\nCONFIG_EXT4_FS=y\n"
	"CONFIG_EFI_PARTITION=y\n# CONFIG_NUMA is not set\n"
	"CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\nCONFIG_LOCALVERSION=\"y\"\n";

static void put(struct tree *tree, const char *path, const void *bytes, size_t n)
{
	struct tree_inode inode = {.type = TREE_FILE, .mode = 0644, .content.fd = -1};
	struct err err = {0};

	inode.content.mem = malloc(n > 0 ? n : 1);
	memcpy(inode.content.mem, bytes, n);
	inode.content.size_bytes = n;
	must(tree_parents(tree, path, "test", &err), &err);
	must(tree_add(tree, path, &inode, TREE_REFUSE, NULL, &err), &err);
}

/* A bzImage whose header names @version. */
static void put_image(struct tree *tree, const char *path, const char *version)
{
	unsigned char image[4096];
	struct wr wr = wr_init(image, sizeof(image));

	setup_header(&wr);
	wr_seek(&wr, 0x20e);
	wr_le16(&wr, 0x100);
	wr_seek(&wr, 0x300);
	wr_bytes(&wr, version, strlen(version) + 1);
	put(tree, path, image, sizeof(image));
}

static void kernel_tree(struct tree *tree, const char *config)
{
	struct err err = {0};

	must(tree_init(tree, &err), &err);
	put_image(tree, "boot/vmlinuz-" RELEASE, RELEASE " (someone) #1");
	put(tree, "boot/config-" RELEASE, config, strlen(config));
	put(tree, "usr/lib/modules/" RELEASE "/kernel/fs/a.ko", "module", 6);
	put(tree, "usr/lib/modules/" RELEASE "/modules.builtin", "", 0);
	put(tree, "usr/lib/modules/other/kernel/b.ko", "other", 5);
}

static int find(const struct tree *tree, const char *text, struct kernel *ret, struct err *err)
{
	RECIPE_AUTO recipe = {0};
	BUF_AUTO whole = {0};

	memset(err, 0, sizeof(*err));
	buf_fmt(&whole, "%s%s", HEAD, text);
	must(recipe_parse(whole.data, whole.len, "r.toml", &recipe, err), err);
	return kernel_find(tree, &recipe, ret, err);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define SUITE "[suite.x]\narchive = \"debian\"\ndistribution = \"x\"\ncomponents = [\"main\"]\n"
#define KERNEL(modules)                                                                            \
	SUITE "[kernel]\nsuite = \"x\"\npackage = \"linux\"\nmodules = [" modules "]\n"
#define FIRMWARE "[firmware.f]\npath = \"f\"\nsha256 = \"" ZEROS "\"\n"
#define SNP                                                                                        \
	FIRMWARE                                                                                   \
	"[launch.snp]\nfirmware = \"f\"\nvmm = \"qemu\"\ncpu = [\"EPYC-v4\"]\nvcpus = [1]\n"
#define TDX                                                                                        \
	FIRMWARE                                                                                   \
	"[launch.tdx]\nfirmware = \"f\"\nvmm = \"qemu\"\nvcpus = [1]\n"

static void test_found(void)
{
	KERNEL_AUTO kernel = {0};
	TREE_AUTO tree;
	BUF_AUTO bytes = {0};
	struct err err;

	kernel_tree(&tree, good_config);
	must(find(&tree, KERNEL("") SNP, &kernel, &err), &err);
	is_str(kernel.version, RELEASE, "the release");
	is_int((long long)kernel.image.len, 4096, "the image");
	is_int((long long)kernel.warning_count, 0, "nothing to warn of");
	is_int((long long)kernel.modules.count, 2, "the files of its modules directory");
	is_str(kernel.modules.version, RELEASE, "of that release");
	is_str(kernel.modules.paths[0], "kernel/fs/a.ko", "by their names in it");
	must(kernel.modules.read(kernel.modules.arg, 0, &bytes, &err), &err);
	is_str(buf_cstr(&bytes), "module", "and with their bytes");
}

static void test_old_modules_dir(void)
{
	KERNEL_AUTO kernel = {0};
	TREE_AUTO tree;
	struct err err = {0};

	kernel_tree(&tree, good_config);
	must(tree_remove(&tree, "usr", &err), &err);
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err,
		"no modules of kernel " RELEASE, "a kernel without modules");
	put(&tree, "lib/modules/" RELEASE "/x.ko", "x", 1);
	ok(find(&tree, KERNEL(""), &kernel, &err) == 0 && kernel.modules.count == 1,
		"lib/modules will do");
}

static void test_bad_trees(void)
{
	KERNEL_AUTO kernel = {0};
	TREE_AUTO tree;
	struct err err = {0};

	kernel_tree(&tree, good_config);
	put_image(&tree, "boot/vmlinuz-6.13", "6.13");
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err,
		"two kernels: boot/vmlinuz-" RELEASE " and boot/vmlinuz-6.13", "two kernels");
	must(tree_remove(&tree, "boot/vmlinuz-6.13", &err), &err);
	must(tree_remove(&tree, "boot/config-" RELEASE, &err), &err);
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err,
		"boot/config-" RELEASE " is not there", "no configuration");
	put(&tree, "boot/config-" RELEASE, "a\0b", 3);
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err, "has a NUL",
		"a configuration with a NUL");
	must(tree_remove(&tree, "boot/vmlinuz-" RELEASE, &err), &err);
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err,
		"r.toml: no boot/vmlinuz-VERSION", "no kernel");
	put(&tree, "boot/vmlinuz-" RELEASE, "text", 4);
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err, "boot/vmlinuz-" RELEASE,
		"a kernel that is no bzImage");
	must(tree_remove(&tree, "boot/vmlinuz-" RELEASE, &err), &err);
	put_image(&tree, "boot/vmlinuz-" RELEASE, RELEASE "-rt (someone)");
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err,
		"its header says version " RELEASE "-rt", "a kernel of another version");
	must(tree_remove(&tree, "boot", &err), &err);
	refuses(find(&tree, KERNEL(""), &kernel, &err), -EBADMSG, &err, "no boot/vmlinuz",
		"no boot directory");
}

/* The good configuration with the line of one option replaced; "" takes it out. */
static void altered(const char *option, const char *line, struct buf *ret)
{
	BUF_AUTO key = {0};
	const char *at;

	buf_fmt(&key, "CONFIG_%s=", option);
	at = strstr(good_config, buf_cstr(&key));
	if (at == NULL) {
		buf_fmt(ret, "%s%s", good_config, line);
		return;
	}
	buf_add(ret, good_config, (size_t)(at - good_config));
	buf_str(ret, line);
	buf_str(ret, strchr(at, '\n') + 1);
}

struct row {
	const char *option, *line, *recipe, *needle;
	bool refused; /* else warned of; or nothing when needle is NULL */
};

static const struct row rows[] = {
	{"MD", "", KERNEL(""), "CONFIG_MD is not set", true},
	{"MD", "CONFIG_MD=m\n", KERNEL(""), "CONFIG_MD=m, needed as =y", true},
	{"DM_VERITY", "CONFIG_DM_VERITY=m\n", KERNEL(""), "the initrd does not load it", true},
	{"DM_VERITY", "CONFIG_DM_VERITY=m\n", KERNEL("\"dm-verity\""), NULL, false},
	{"BLK_DEV_DM", "CONFIG_BLK_DEV_DM=m\n", KERNEL("\"dm_verity\""), NULL, false},
	{"DM_VERITY", "# CONFIG_DM_VERITY is not set\n", KERNEL("\"dm_verity\""), "is not set",
		true},
	{"DM_VERITY", "CONFIG_DM_VERITY=n\n", KERNEL(""), "is not set", true},
	{"DM_VERITY", "CONFIG_DM_VERITY=yes\n", KERNEL(""), "neither a comment nor", true},
	{"DM_VERITY", " CONFIG_DM_VERITY=y\n", KERNEL(""), "neither a comment nor", true},
	{"DM_VERITY", "CONFIG_DM_VERITY_FEC=y\n", KERNEL(""), "is not set", true},
	{"EROFS_FS", "", KERNEL(""), "CONFIG_EROFS_FS is not set", true},
	{"RD_ZSTD", "", KERNEL("") "compression = \"zstd\"\n", "CONFIG_RD_ZSTD", true},
	{"RD_ZSTD", "", KERNEL("") "compression = \"gzip\"\n", NULL, false},
	{"RD_GZIP", "", KERNEL("") "compression = \"gzip\"\n", "CONFIG_RD_GZIP", true},
	{"RD_GZIP", "", KERNEL("") "compression = \"none\"\n", NULL, false},
	{"AMD_MEM_ENCRYPT", "", KERNEL(""), NULL, false},
	{"AMD_MEM_ENCRYPT", "", KERNEL("") SNP, "CONFIG_AMD_MEM_ENCRYPT", true},
	{"AMD_MEM_ENCRYPT", "", KERNEL("") TDX, NULL, false},
	{"INTEL_TDX_GUEST", "", KERNEL("") TDX, "CONFIG_INTEL_TDX_GUEST", true},
	{"SEV_GUEST", "CONFIG_SEV_GUEST=m\n", KERNEL("") SNP, "CONFIG_SEV_GUEST=m", false},
	{"SEV_GUEST", "CONFIG_SEV_GUEST=m\n", KERNEL("\"sev-guest\"") SNP, NULL, false},
	{"TSM_REPORTS", "CONFIG_TSM_REPORTS=m\n", KERNEL("\"tdx_guest\"") TDX, NULL, false},
	{"OVERLAY_FS", "", KERNEL(""), "CONFIG_OVERLAY_FS is not set", false},
	{"EFI_PARTITION", "CONFIG_EFI_PARTITION=m\n", KERNEL(""), "needed as =y", false},
	{"MODULES", "CONFIG_MODULES=y\n", KERNEL(""), "CONFIG_MODULES=y: unsigned", false},
	{"MODULES", "CONFIG_MODULES=y\nCONFIG_MODULE_SIG_FORCE=y\n", KERNEL(""), NULL, false},
	{"KEXEC", "CONFIG_KEXEC=y\n", KERNEL(""), "CONFIG_KEXEC=y", false},
	{"FW_CFG_SYSFS", "CONFIG_FW_CFG_SYSFS=m\n", KERNEL(""), "CONFIG_FW_CFG_SYSFS=m", false},
	{"HW_RANDOM_VIRTIO", "CONFIG_HW_RANDOM_VIRTIO=m\n", KERNEL(""), NULL, false},
	{"HW_RANDOM_VIRTIO", "CONFIG_HW_RANDOM_VIRTIO=m\n", KERNEL("") TDX,
		"CONFIG_HW_RANDOM_VIRTIO=m", false},
};

static void test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		KERNEL_AUTO kernel = {0};
		TREE_AUTO tree;
		BUF_AUTO config = {0};
		struct err err;

		altered(row->option, row->line, &config);
		kernel_tree(&tree, buf_cstr(&config));
		int rc = find(&tree, row->recipe, &kernel, &err);

		if (row->refused)
			refuses(rc, -EBADMSG, &err, row->needle, row->needle);
		else if (row->needle == NULL)
			ok(rc == 0 && kernel.warning_count == 0, "%s: nothing to say", row->option);
		else
			ok(rc == 0 && kernel.warning_count == 1 &&
					strstr(kernel.warnings[0], row->needle) != NULL,
				"%s: warned of", row->option);
	}
}

int main(void)
{
	test_found();
	test_old_modules_dir();
	test_bad_trees();
	test_rows();
	return tap_done();
}
