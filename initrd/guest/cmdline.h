/*
 * The verity root that the kernel command line asks for, in the one form that Kata's runtimes write:
 *
 *   dm-mod.create="dm-verity,,,ro,0 S verity 1 /dev/vda1 /dev/vda2 DBS HBS DB 0 sha256 ROOTHASH SALT"
 *   root=/dev/dm-0 rootflags=ro rootfstype=erofs
 *
 * That is the kernel's own early device-mapper syntax (Documentation/admin-guide/device-mapper/dm-init.rst),
 * which is read here because a modular kernel has no CONFIG_DM_INIT. Everything that form does not have is refused.
 * No system calls: the host's unit tests and fuzzer build this file too.
 */
#ifndef INITRD_GUEST_CMDLINE_H
#define INITRD_GUEST_CMDLINE_H

#include <stddef.h>
#include <stdint.h>

/* x86's COMMAND_LINE_SIZE is 2048; other architectures go to 4096. */
#define CMDLINE_MAX	    4096
#define CMDLINE_DEVICE_MAX  31	 /* characters of a device's name */
#define CMDLINE_SALT_MAX    256	 /* bytes, cryptsetup's limit */
#define CMDLINE_BLOCK_MAX   4096 /* bytes: dm-verity takes no more than a page */
#define CMDLINE_FLAGS_MAX   63
#define CMDLINE_DM_NAME	    "dm-verity"
#define CMDLINE_ROOT_DEVICE "dm-0"

struct cmdline_root {
	uint64_t sectors;     /* of 512 bytes: what the verity device shows */
	uint64_t data_blocks; /* sectors * 512 / data_block_size */
	uint64_t hash_blocks; /* of the whole hash tree, without a superblock */
	uint32_t data_block_size;
	uint32_t hash_block_size;
	char data_device[CMDLINE_DEVICE_MAX + 1]; /* "vda1" */
	char hash_device[CMDLINE_DEVICE_MAX + 1];
	char root_hash[64 + 1]; /* lowercase hex */
	char salt[2 * CMDLINE_SALT_MAX + 1];
	char fs_type[8];			/* "erofs", "ext4" or "xfs" */
	char fs_options[CMDLINE_FLAGS_MAX + 1]; /* for mount(2), without "ro" */
};

/*
 * Reads the @len bytes of /proc/cmdline at @text (a final newline is allowed). Returns NULL and fills *@ret, or
 * returns what is wrong as a constant string and leaves *@ret alone.
 */
const char *cmdline_parse(const char *text, size_t len, struct cmdline_root *ret);

#endif
