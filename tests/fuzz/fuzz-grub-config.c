/*
 * grub.cfg: what runs gives a list of known lines, each ended. The input is the file; it lies on a
 * disk with a kernel and an initrd, and GRUB has its module "fat".
 */
#define _GNU_SOURCE /* mkstemp, of the images' header */
#include "fuzz.h"

#include <stdlib.h>

#include "measure/tdx/boot-grub-script.h"
#include "tests/unit/boot-image.h"

static struct buf disk_bytes;
static struct boot_disk disk;
static struct buf grub_bytes;
static struct grub_image grub;
static size_t config_at; /* where grub.cfg lies on the disk */
static size_t entry_at;	 /* and where its size is, in its directory entry */

/* A disk whose grub.cfg is one cluster; its contents and size are set for each input. */
static void prepare(void)
{
	static char config[512];
	const struct boot_image_file files[] = {{"EFI/debian/grub.cfg", config, sizeof(config)},
		{"vmlinuz", "k", 1}, {"initrd", "i", 1}};
	static struct pe pe;
	BUF_AUTO mods = {0};
	struct err err = {0};
	unsigned char *at;

	memset(config, '@', sizeof(config));
	boot_image_disk(&disk_bytes, files, 3);
	boot_image_module(&mods, "normal", "", 0);
	boot_image_module(&mods, "fat", "", 0);
	boot_image_grub_part(&mods, 3, "/EFI/debian", 12);
	boot_image_grub(&grub_bytes, &mods, "");
	disk.path = "disk";
	disk.bytes = disk_bytes.data;
	disk.size_bytes = disk_bytes.len;
	disk.gpt = calloc(1, sizeof(*disk.gpt));
	if (disk.gpt == NULL ||
		gpt_parse(disk_bytes.data, disk_bytes.data + disk_bytes.len - GPT_TAIL_SIZE,
			disk_bytes.len / 512, "disk", disk.gpt, &err) != 0 ||
		fat_open(disk_bytes.data + 2048 * 512, 16384 * 512, "disk", &disk.fat, &err) != 0 ||
		pe_parse(grub_bytes.data, grub_bytes.len, &pe, &err) != 0 ||
		grub_image_parse(grub_bytes.data, &pe, &grub, &err) != 0)
		abort();
	disk.esp = 1;
	for (at = disk_bytes.data; at[0] != '@' || at[511] != '@'; at++)
		;
	config_at = (size_t)(at - disk_bytes.data);
	for (at = disk_bytes.data + 512; at[28] != 0 || at[29] != 2 || at[11] != 0x20; at += 32)
		;
	entry_at = (size_t)(at - disk_bytes.data) + 28;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const starts[] = {"grub_cmd: ", "file: ", "kernel_cmdline: "};
	size_t n = size < 512 ? size : 512;
	struct err err = {0};
	BUF_AUTO list = {0};
	char *rest, *line;

	if (disk.path == NULL)
		prepare();
	memcpy(disk_bytes.data + config_at, data, n);
	disk_bytes.data[entry_at] = (unsigned char)n;
	disk_bytes.data[entry_at + 1] = (unsigned char)(n >> 8);
	if (boot_grub_run(&disk, &grub, &list, &err) != 0)
		return 0;
	if (list.len == 0 || list.data[list.len - 1] != '\n')
		abort();
	rest = (char *)list.data;
	while ((line = rest) != NULL && *line != '\0') {
		bool known = false;

		rest = strchr(line, '\n') + 1;
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
			known = known || strncmp(line, starts[i], strlen(starts[i])) == 0;
		if (!known)
			abort();
	}
	return 0;
}
