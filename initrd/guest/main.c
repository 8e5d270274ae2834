/*
 * The guest's first process: from the initrd to a verified root file system, in one straight line.
 *
 *   mount /dev /proc /sys -> read the command line -> load the modules -> wait for the disk -> dm-verity ->
 *   mount the root read-only -> empty the initrd -> /sbin/init
 *
 * Whatever fails is one line on the console and power off: there is no shell, no second way to a root, and nothing on
 * the command line or in the environment that changes this. The command line is read in Kata's form alone (cmdline.h)
 * and is itself measured.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "initrd/guest/cmdline.h"
#include "initrd/guest/dm.h"
#include "initrd/guest/say.h"
#include "initrd/guest/sha256.h"

#define MODULES_DIR	 "/modules"
#define MODULES_LIST	 "/modules.list"
#define MODULES_LIST_MAX 16384
#define NEW_ROOT	 "/newroot"
#define DISK_WAIT_MS	 30000 /* emulated machines are slow */
#define DISK_POLL_MS	 5
#define RAMFS_MAGIC	 0x858458f6
#define TMPFS_MAGIC	 0x01021994

static const struct {
	const char *type, *path, *data;
	unsigned long flags;
} kernel_mounts[] = {
	{"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
	{"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
};
#define KERNEL_MOUNTS (sizeof(kernel_mounts) / sizeof(kernel_mounts[0]))

static void mount_kernel_file_systems(void)
{
	for (size_t i = 0; i < KERNEL_MOUNTS; i++) {
		if (mount(kernel_mounts[i].type, kernel_mounts[i].path, kernel_mounts[i].type,
			    kernel_mounts[i].flags, kernel_mounts[i].data) < 0)
			say_fatal(errno, "cannot mount %s", kernel_mounts[i].path);
	}
}

/* Reads a whole small file into @cap bytes and ends it with a NUL; its length. */
static size_t read_file(const char *path, char *dst, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		say_fatal(errno, "cannot open %s", path);
	while (len < cap && (n = read(fd, dst + len, cap - len)) != 0) {
		if (n < 0)
			say_fatal(errno, "cannot read %s", path);
		len += (size_t)n;
	}
	if (len == cap)
		say_fatal(0, "%s is too long", path);
	close(fd);
	dst[len] = '\0';
	return len;
}

static void read_command_line(struct cmdline_root *ret)
{
	static char text[CMDLINE_MAX + 2];
	size_t len = read_file("/proc/cmdline", text, sizeof(text));
	const char *wrong = cmdline_parse(text, len, ret);

	if (wrong != NULL)
		say_fatal(0, "the command line names no verified root: %s", wrong);
}

static void load_module(const char *name)
{
	char path[300];
	int fd, n = snprintf(path, sizeof(path), MODULES_DIR "/%s", name);

	if (n < 0 || (size_t)n >= sizeof(path) || strchr(name, '/') != NULL)
		say_fatal(0, "a name in " MODULES_LIST " is not a module's");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		say_fatal(errno, "cannot open %s", path);
	/*
	 * A module may be there already; and a driver may find that its hardware is not (ENODEV): one image serves SNP
	 * and TDX. What the root needs shows in what comes next.
	 */
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV)
		say_fatal(errno, "cannot load module %s", name);
	close(fd);
}

static void load_modules(void)
{
	static char list[MODULES_LIST_MAX];
	char *rest = list;

	read_file(MODULES_LIST, list, sizeof(list));
	while (*rest != '\0') {
		char *end = strchr(rest, '\n');

		if (end == NULL)
			say_fatal(0, MODULES_LIST " is cut off");
		*end = '\0';
		load_module(rest);
		rest = end + 1;
	}
}

/* Reads a number from /sys/class/block/DEVICE/NAME; false while the device is not there. */
static bool block_number(const char *device, const char *name, uint64_t *ret)
{
	char path[128], text[32], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", device, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*ret = strtoull(text, &end, 10);
	return end != text && *end == '\n';
}

static bool block_node_is_there(const char *device)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/%s", device);
	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* Waits for a block device and returns its size in sectors of 512 bytes. */
static uint64_t wait_for_device(const char *device)
{
	const struct timespec pause = {0, DISK_POLL_MS * 1000000L};
	uint64_t sectors;

	for (int waited = 0; waited < DISK_WAIT_MS; waited += DISK_POLL_MS) {
		if (block_number(device, "size", &sectors) && block_node_is_there(device))
			return sectors;
		nanosleep(&pause, NULL);
	}
	say_fatal(0, "/dev/%s did not appear in %d s", device, DISK_WAIT_MS / 1000);
}

static void wait_for_disk(const struct cmdline_root *root)
{
	uint64_t data = wait_for_device(root->data_device);
	uint64_t hash = wait_for_device(root->hash_device);

	if (data != root->sectors)
		say_fatal(0, "/dev/%s has %" PRIu64 " sectors, the command line says %" PRIu64,
			root->data_device, data, root->sectors);
	if (hash / (root->hash_block_size / 512) < root->hash_blocks)
		say_fatal(0, "/dev/%s is too small for the hash tree", root->hash_device);
}

/* The value of a digit of lowercase hex, which the command line's reader has checked. */
static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/*
 * Compares the top block of the hash tree with the root hash. The kernel does that too, with a panic; a root hash
 * that belongs to another image is a plain mistake and gets a plain line.
 */
static void check_root_hash(const struct cmdline_root *root)
{
	bool tree = root->hash_blocks > 0;
	const char *device = tree ? root->hash_device : root->data_device;
	size_t size = tree ? root->hash_block_size : root->data_block_size;
	static unsigned char block[CMDLINE_BLOCK_MAX];
	unsigned char salt[CMDLINE_SALT_MAX];
	size_t salt_size = strlen(root->salt) / 2;
	struct sha256 sha;
	char path[64], hex[65];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device);
	errno = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, block, size, 0) != (ssize_t)size)
		say_fatal(errno, "cannot read %s", path);
	close(fd);
	for (size_t i = 0; i < salt_size; i++)
		salt[i] = (unsigned char)(digit(root->salt[2 * i]) << 4 |
					  digit(root->salt[2 * i + 1]));
	sha256_begin(&sha);
	sha256_update(&sha, salt, salt_size);
	sha256_update(&sha, block, size);
	sha256_hex(&sha, hex);
	if (strcmp(hex, root->root_hash) != 0)
		say_fatal(0, "the root hash on the command line is not that of %s", path);
}

static int load_verity(int fd, const struct cmdline_root *root, const char *options)
{
	char params[DM_PARAMS_MAX];
	int n = snprintf(params, sizeof(params),
		"1 /dev/%s /dev/%s %" PRIu32 " %" PRIu32 " %" PRIu64 " 0 sha256 %s %s %s",
		root->data_device, root->hash_device, root->data_block_size, root->hash_block_size,
		root->data_blocks, root->root_hash, root->salt, options);

	if (n < 0 || (size_t)n >= sizeof(params))
		return -E2BIG;
	return dm_load(fd, CMDLINE_DM_NAME, root->sectors, "verity", params);
}

static void set_up_verity(const struct cmdline_root *root)
{
	int code, fd = dm_open();

	if (fd < 0)
		say_fatal(-fd, "cannot open the device-mapper");
	code = dm_create(fd, CMDLINE_DM_NAME);
	if (code != 0)
		say_fatal(-code, "cannot create /dev/" CMDLINE_ROOT_DEVICE);
	/* panic_on_error came with Linux 6.12; panic_on_corruption, which came with 5.9, is not given up */
	code = load_verity(fd, root, "2 panic_on_corruption panic_on_error");
	if (code == -EINVAL)
		code = load_verity(fd, root, "1 panic_on_corruption");
	if (code != 0)
		say_fatal(-code, "the kernel refuses the verity table");
	code = dm_resume(fd, CMDLINE_DM_NAME);
	if (code != 0)
		say_fatal(-code, "cannot start dm-verity");
	close(fd);
}

/* What is about to become the root is the verity device that was just made. */
static void check_verity(const struct cmdline_root *root)
{
	char target[16], status[DM_PARAMS_MAX];
	uint64_t sectors, read_only;
	int code, fd = dm_open();

	code = fd < 0 ? fd : dm_query(fd, CMDLINE_DM_NAME, DM_QUERY_STATUS, target, status);
	if (code != 0)
		say_fatal(-code, "cannot ask for the verity status");
	close(fd);
	if (strcmp(target, "verity") != 0 || status[0] != 'V')
		say_fatal(0, "the root is not verified: target %s, status %s", target, status);
	if (!block_number(CMDLINE_ROOT_DEVICE, "size", &sectors) || sectors != root->sectors ||
		!block_number(CMDLINE_ROOT_DEVICE, "ro", &read_only) || read_only != 1)
		say_fatal(0, "/dev/" CMDLINE_ROOT_DEVICE " is not the verity device");
}

static void mount_root(const struct cmdline_root *root)
{
	wait_for_device(CMDLINE_ROOT_DEVICE);
	if (mount("/dev/" CMDLINE_ROOT_DEVICE, NEW_ROOT, root->fs_type, MS_RDONLY,
		    root->fs_options) < 0)
		say_fatal(errno, "cannot mount the root as %s", root->fs_type);
	check_verity(root);
}

/* Empties the directory @fd (which it closes) without leaving the file system @dev. */
static void remove_below(int fd, dev_t dev)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (dir == NULL)
		say_fatal(errno, "cannot empty the initrd");
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int below = openat(
				fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (below >= 0)
				remove_below(below, dev);
		}
		/* what stays (a mount point) only costs memory */
		(void)unlinkat(fd, entry->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	closedir(dir);
}

static void empty_initrd(void)
{
	struct statfs fs;
	struct stat st;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		say_fatal(errno, "cannot open the initrd");
	if ((unsigned long)fs.f_type != RAMFS_MAGIC && (unsigned long)fs.f_type != TMPFS_MAGIC)
		say_fatal(0, "the first root is not an initrd");
	remove_below(fd, st.st_dev);
}

static void switch_root(void)
{
	for (size_t i = 0; i < KERNEL_MOUNTS; i++) {
		char path[32];

		snprintf(path, sizeof(path), NEW_ROOT "%s", kernel_mounts[i].path);
		if (mount(kernel_mounts[i].path, path, NULL, MS_MOVE, NULL) < 0)
			say_fatal(errno, "cannot move %s into the root", kernel_mounts[i].path);
	}
	if (chdir(NEW_ROOT) < 0)
		say_fatal(errno, "cannot enter the root");
	empty_initrd();
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		say_fatal(errno, "cannot switch to the root");
}

/* The three standard descriptors, on the console where there is one. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++) {
		if (fd != i)
			dup2(fd, i);
	}
	if (fd > 2)
		close(fd);
}

int main(void)
{
	/* neither arguments nor environment come along: the kernel puts what it does not know of the command line there */
	char *const argv[] = {"/sbin/init", NULL};
	char *const envp[] = {"HOME=/", "TERM=linux", NULL};
	struct cmdline_root root;

	umask(022);
	mount_kernel_file_systems();
	say_prepare();
	read_command_line(&root);
	load_modules();
	wait_for_disk(&root);
	check_root_hash(&root);
	set_up_verity(&root);
	mount_root(&root);
	switch_root();
	open_console();
	execve(argv[0], argv, envp);
	say_fatal(errno, "cannot start %s", argv[0]);
}
