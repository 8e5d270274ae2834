/* Boots from a disk (boot-disk.h). */
#define _GNU_SOURCE
#include "measure/tdx/boot-disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "formats/ffs.h"
#include "lib/io.h"
#include "measure/tdx/boot-grub.h"
#include "measure/tdx/boot-shim.h"
#include "measure/tdx/boot-uki.h"

#define PCR_BOOT_LOADER	       4
#define PCR_BOOT_LOADER_CONFIG 5
#define IMAGE_MAX	       (1u << 30)
#define FALLBACK	       "EFI/BOOT/BOOTX64.EFI"
#define SECOND_STAGE	       "EFI/BOOT/grubx64.efi"
#define UKI_EXTRA	       FALLBACK ".extra.d"

#define MODULE_FAT "961578fe-b6b7-44c3-af35-6bc705cd2b1f"
#define GUID_BEFORE                                                                                \
	"8be0e274-3970-4b44-80c5-1ab9502f3bfc" /* EFI_EVENT_GROUP_BEFORE_EXIT_BOOT_SERVICES */

int boot_disk_flushes(const void *firmware, size_t len, bool *ret, struct err *err)
{
	FFS_AUTO ffs = {.files = NULL};
	const struct ffs_file *module;
	struct guid guid;
	int rc = ffs_parse(firmware, len, &ffs, err);

	if (rc != 0)
		return rc;
	if (!guid_parse(GUID_BEFORE, &guid))
		return err_fail(err, -EINVAL, GUID_BEFORE " is no GUID");
	module = ffs_find(&ffs, MODULE_FAT);
	*ret = module != NULL && ffs_file_has(module, guid.bytes, GUID_SIZE);
	return 0;
}

void boot_disk_done(struct boot_disk *disk)
{
	if (disk->bytes != NULL)
		munmap(disk->bytes, disk->size_bytes);
	free(disk->gpt);
	*disk = (struct boot_disk){.path = NULL};
}

static int map(const char *path, struct boot_disk *ret, struct err *err)
{
	int fd AUTO_CLOSE = -1;
	uint64_t size;
	int rc = io_open(path, &fd, &size, err);

	if (rc != 0)
		return rc;
	if (size < GPT_HEAD_SIZE + GPT_TAIL_SIZE || size % GPT_SECTOR_SIZE != 0 || size > SIZE_MAX)
		return err_fail(err, -EBADMSG, "%s: %llu bytes are no disk image with a GPT", path,
			(unsigned long long)size);
	ret->bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ret->bytes == MAP_FAILED) {
		ret->bytes = NULL;
		return err_sys(err, "%s", path);
	}
	ret->size_bytes = (size_t)size;
	return 0;
}

static int read_table(struct boot_disk *disk, struct err *err)
{
	const unsigned char *bytes = disk->bytes;

	disk->gpt = calloc(1, sizeof(*disk->gpt));
	if (disk->gpt == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return gpt_parse(bytes, bytes + disk->size_bytes - GPT_TAIL_SIZE,
		disk->size_bytes / GPT_SECTOR_SIZE, disk->path, disk->gpt, err);
}

static int open_fat(
	const struct boot_disk *disk, size_t partition, struct fat *ret, struct err *err)
{
	const struct gpt_partition *at = &disk->gpt->partitions[partition];
	struct rd rd = rd_init(disk->bytes, disk->size_bytes);

	rd = rd_at(&rd, at->start_sector * GPT_SECTOR_SIZE, at->sector_count * GPT_SECTOR_SIZE);
	return fat_open(rd.base, rd.len, disk->path, ret, err);
}

/* The firmware takes the first file system that has the default loader, whatever the type of its
 * partition: only one may. */
static int find_esp(struct boot_disk *disk, struct err *err)
{
	size_t esps = 0, loaders = 0;

	for (size_t i = 0; i < disk->gpt->count; i++) {
		bool esp = guid_is(disk->gpt->partitions[i].type.bytes, GPT_TYPE_ESP);
		struct fat_entry entry;
		struct fat fat;
		bool found = false;
		int rc = open_fat(disk, i, &fat, err);

		if (rc == 0)
			rc = fat_find(&fat, FALLBACK, &found, &entry, err);
		if (rc != 0 && esp)
			return rc;
		*err = (struct err){.code = 0};
		loaders += found;
		if (!esp)
			continue;
		esps++;
		disk->esp = i;
		disk->fat = fat;
	}
	if (esps != 1)
		return err_fail(
			err, -ENOTSUP, "%s: %zu EFI system partitions, not one", disk->path, esps);
	if (loaders > 1)
		return err_fail(
			err, -ENOTSUP, "%s: %zu partitions have " FALLBACK, disk->path, loaders);
	return 0;
}

int boot_disk_open(const char *path, struct boot_disk *ret, struct err *err)
{
	BOOT_DISK_AUTO disk = {.path = path};
	int rc = map(path, &disk, err);

	if (rc == 0)
		rc = read_table(&disk, err);
	if (rc == 0)
		rc = find_esp(&disk, err);
	if (rc != 0)
		return rc;
	*ret = disk;
	disk = (struct boot_disk){.path = NULL};
	return 0;
}

int boot_disk_read(const struct boot_disk *disk, const char *path, struct buf *ret, struct err *err)
{
	struct fat_entry entry;
	bool found;
	int rc = fat_find(&disk->fat, path, &found, &entry, err);

	if (rc != 0)
		return rc;
	if (!found)
		return err_fail(
			err, -EBADMSG, "%s: no %s on the EFI system partition", disk->path, path);
	return fat_read(&disk->fat, &entry, IMAGE_MAX, ret, err);
}

int boot_disk_has(const struct boot_disk *disk, const char *path, bool *ret, struct err *err)
{
	struct fat_entry entry;

	return fat_find(&disk->fat, path, ret, &entry, err);
}

/* --- flows --- */

static const struct {
	const char *name;
	enum boot_flow flow;
} flows[] = {
	{"uki", BOOT_UKI},
	{"grub", BOOT_GRUB},
	{"shim-grub", BOOT_SHIM_GRUB},
};

bool boot_flow_find(const char *name, enum boot_flow *ret)
{
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		if (strcmp(name, flows[i].name) == 0) {
			*ret = flows[i].flow;
			return true;
		}
	return false;
}

static int measure_table(const struct boot_disk *disk, struct boot_log *log, struct err *err)
{
	BUF_AUTO event = {0};
	int rc;

	gpt_event(disk->bytes, &event);
	rc = buf_check(&event, err);
	return rc != 0 ? rc
		       : boot_log_data(log, PCR_BOOT_LOADER_CONFIG, "EV_EFI_GPT_EVENT",
				 "partition table", event.data, event.len, err);
}

static int refuse_entry(void *arg, const struct fat_entry *entry, struct err *err)
{
	return err_fail(err, -ENOTSUP,
		"%s/%s: systemd-stub reads what lies there, which is not predicted",
		(const char *)arg, entry->name);
}

/* What in /loader is the business of a boot loader, not of systemd-stub. */
static int check_loader_entry(void *arg, const struct fat_entry *entry, struct err *err)
{
	static const char *const known[] = {
		"loader.conf", "entries.srel", "random-seed", "entries", "keys"};
	const struct fat *fat = arg;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(entry->name, known[i]) == 0)
			return 0;
	return entry->directory
		       ? fat_list(fat, entry, refuse_entry, (void *)(uintptr_t) "loader", err)
		       : refuse_entry((void *)(uintptr_t) "loader", entry, err);
}

static bool enforced(const struct boot_input *in)
{
	return in->secureboot != NULL && in->secureboot->enabled;
}

/* Whether the firmware starts the image at all. */
static int check_image(const struct boot_input *in, const struct buf *image, struct err *err)
{
	struct secureboot_vouchers vouchers;
	int rc = 0;

	if (enforced(in))
		rc = secureboot_vouch(in->secureboot, image->data, image->len, &vouchers, err);
	return rc == -EACCES ? err_fail(err, -ENOTSUP,
				       FALLBACK ": Secure Boot keeps the firmware from starting it")
			     : rc;
}

/* Files beside the UKI change what its stub measures. */
static int check_beside_uki(const struct boot_disk *disk, struct err *err)
{
	struct fat_entry entry;
	bool found;
	int rc = fat_find(&disk->fat, "loader", &found, &entry, err);

	if (rc == 0 && found)
		rc = fat_list(
			&disk->fat, &entry, check_loader_entry, (void *)(uintptr_t)&disk->fat, err);
	if (rc == 0)
		rc = fat_find(&disk->fat, UKI_EXTRA, &found, &entry, err);
	if (rc == 0 && found)
		rc = fat_list(&disk->fat, &entry, refuse_entry, (void *)(uintptr_t)UKI_EXTRA, err);
	return rc;
}

static int run_uki(const struct boot_input *in, const struct boot_disk *disk,
	const struct buf *image, struct boot_log *log, struct err *err)
{
	int rc = check_beside_uki(disk, err);

	return rc != 0 ? rc : boot_uki(image->data, image->len, enforced(in), log, err);
}

static int run_grub(const struct boot_input *in, const struct boot_disk *disk,
	const struct buf *image, const struct boot_shim *shim, struct boot_log *log,
	struct err *err)
{
	const struct boot_grub_input grub = {.disk = disk,
		.image = image->data,
		.len = image->len,
		.shim = shim,
		.secureboot = enforced(in) ? in->secureboot : NULL,
		.commands = in->grub_commands,
		.files = in->grub_files,
		.file_count = in->grub_file_count};

	if (shim == NULL && enforced(in))
		return err_fail(err, -ENOTSUP,
			"Secure Boot without shim: GRUB has nobody who verifies kernels");
	return boot_grub(&grub, log, err);
}

/* What makes shim do something else than to start the second stage. */
static int refuse_shim_file(void *arg, const struct fat_entry *entry, struct err *err)
{
	static const char *const names[] = {"fbx64.efi", "shim_certificate", "revocations"};

	(void)arg;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncasecmp(entry->name, names[i], strlen(names[i])) == 0)
			return err_fail(err, -ENOTSUP,
				"EFI/BOOT/%s: what shim does with it is not predicted",
				entry->name);
	return 0;
}

static int run_shim(const struct boot_input *in, const struct boot_disk *disk,
	const struct buf *image, struct boot_log *log, struct err *err)
{
	struct fat_entry entry;
	BUF_AUTO grub = {0};
	struct boot_shim shim;
	bool found;
	int rc = fat_find(&disk->fat, "EFI/BOOT", &found, &entry, err);

	if (rc == 0 && found)
		rc = fat_list(&disk->fat, &entry, refuse_shim_file, NULL, err);
	if (rc == 0)
		rc = boot_shim(image->data, image->len, log, &shim, err);
	if (rc == 0)
		rc = boot_disk_read(disk, SECOND_STAGE, &grub, err);
	if (rc == 0 && enforced(in)) {
		rc = boot_shim_verify(&shim, in->secureboot, grub.data, grub.len, err);
		if (rc != 0)
			return err_wrap(err, SECOND_STAGE);
	}
	if (rc == 0)
		rc = boot_log_image(log, SECOND_STAGE, grub.data, grub.len, err);
	return rc != 0 ? rc : run_grub(in, disk, &grub, &shim, log, err);
}

static int run_flow(const struct boot_input *in, const struct boot_disk *disk, struct boot_log *log,
	struct err *err)
{
	BUF_AUTO image = {0};
	int rc = boot_disk_read(disk, FALLBACK, &image, err);

	if (rc == 0)
		rc = check_image(in, &image, err);
	if (rc == 0)
		rc = boot_log_image(log, FALLBACK, image.data, image.len, err);
	if (rc != 0)
		return rc;
	if (in->flow == BOOT_UKI)
		return run_uki(in, disk, &image, log, err);
	if (in->flow == BOOT_GRUB)
		return run_grub(in, disk, &image, NULL, log, err);
	if (in->flow == BOOT_SHIM_GRUB)
		return run_shim(in, disk, &image, log, err);
	return err_fail(err, -EINVAL, "a boot that is not from a disk");
}

/* What ends boot services. With a TPM the first attempt fails where the FAT driver flushes; on
 * TDX, where drivers copy what they send to devices, nobody has seen it. */
static int end_services(const struct boot_input *in, struct boot_log *log, struct err *err)
{
	static const char *const actions[] = {"Exit Boot Services Invocation",
		"Exit Boot Services Returned with Failure", "Exit Boot Services Invocation",
		"Exit Boot Services Returned with Success"};
	int rc = 0;

	if (in->flushes && log->protocol == BOOT_CC)
		return boot_log_unknown(log, PCR_BOOT_LOADER_CONFIG, "EV_EFI_ACTION",
			"Exit Boot Services",
			"with this firmware (its FAT driver flushes volumes then) the first "
			"attempt "
			"may fail, which is measured",
			err);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]) && rc == 0; i++)
		if (in->flushes || i == 0 || i == 3)
			rc = boot_log_action(log, PCR_BOOT_LOADER_CONFIG, actions[i], err);
	return rc;
}

int boot_disk_log(const struct boot_input *in, struct boot_log *log, struct err *err)
{
	BOOT_DISK_AUTO disk = {.path = NULL};
	int rc = boot_disk_open(in->disk, &disk, err);

	if (rc == 0)
		rc = boot_log_action(
			log, PCR_BOOT_LOADER, "Calling EFI Application from Boot Option", err);
	if (rc == 0)
		rc = boot_log_data(
			log, PCR_BOOT_LOADER, "EV_SEPARATOR", "separator", "\0\0\0\0", 4, err);
	if (rc == 0)
		rc = measure_table(&disk, log, err);
	if (rc == 0)
		rc = run_flow(in, &disk, log, err);
	if (rc == 0)
		rc = end_services(in, log, err);
	return rc != 0 ? err_wrap(err, "%s", in->disk) : 0;
}
