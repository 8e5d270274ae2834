/*
 * FAT file systems: everything that can be reached is read. The input stands for the file system up
 * to the end of what is not zero; its size comes from the boot sector, as far as the target has
 * room.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/fat.h"
#include "lib/buf.h"

#define SIZE_MAX_BYTES (256u << 10)
#define ENTRIES_MAX    200
#define DEPTH_LIMIT    4

static unsigned char bytes[SIZE_MAX_BYTES];

struct walk {
	const struct fat *fat;
	unsigned left, depth;
};

static int visit(void *arg, const struct fat_entry *entry, struct err *err)
{
	struct walk *walk = arg;
	BUF_AUTO content = {0};
	struct err inner = {0};
	int rc;

	(void)err;
	if (strlen(entry->name) >= FAT_NAME_MAX || entry->name[0] == '\0' ||
		memchr(entry->short_name, '\0', sizeof(entry->short_name)) == NULL)
		abort();
	if (walk->left == 0)
		return -1;
	walk->left--;
	if (!entry->directory) {
		rc = fat_read(walk->fat, entry, SIZE_MAX_BYTES, &content, &inner);
		if (rc == 0 && content.len != entry->size_bytes)
			abort();
		return 0;
	}
	if (walk->depth == DEPTH_LIMIT)
		return 0;
	walk->depth++;
	rc = fat_list(walk->fat, entry, visit, walk, &inner);
	walk->depth--;
	return walk->left == 0 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fat fat;
	struct err err = {0};
	struct walk walk = {.fat = &fat, .left = ENTRIES_MAX};
	struct fat_entry root, entry;
	bool found;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	if (fat_open(bytes, sizeof(bytes), "disk", &fat, &err) != 0)
		return 0;
	root = fat_root(&fat);
	if (fat_list(&fat, &root, visit, &walk, &err) == 0)
		(void)!fat_find(&fat, "EFI/BOOT/BOOTX64.EFI", &found, &entry, &err);
	return 0;
}
