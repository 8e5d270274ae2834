/* Guest images as files (image.h). */
#define _GNU_SOURCE
#include "mkimage/fs/image.h"

#include <blkid/blkid.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "formats/gpt.h"
#include "formats/mbr.h"
#include "formats/nvdimm.h"
#include "lib/io.h"

#define SECTOR MBR_SECTOR_SIZE

const char *image_label_name(enum image_label label)
{
	static const char *const names[] = {[IMAGE_BARE] = "bare",
		[IMAGE_MBR] = "mbr",
		[IMAGE_DAX] = "dax",
		[IMAGE_GPT] = "gpt"};

	return names[label];
}

void image_close(struct image *image)
{
	if (image->path != NULL)
		io_close(&image->fd);
}

static int add_tree(
	struct image *image, const struct image_area *area, bool discoverable, struct err *err)
{
	unsigned char head[VERITY_SUPER_SIZE];
	struct image_tree *tree;
	int rc;

	if (image->tree_count == IMAGE_TREES_MAX)
		return err_fail(err, -EBADMSG, "%s: partition %u is one hash tree too many",
			image->path, area->partition);
	tree = &image->trees[image->tree_count];
	*tree = (struct image_tree){.area = *area, .discoverable = discoverable};
	if (area->size_bytes < sizeof(head))
		return err_fail(err, -EBADMSG, "%s: byte %" PRIu64 ": too small for a hash tree",
			image->path, area->off);
	rc = io_pread(image->fd, image->path, head, sizeof(head), area->off, err);
	if (rc != 0)
		return rc;
	tree->has_super = verity_super_is(head, sizeof(head));
	if (tree->has_super)
		rc = verity_super_parse(head, sizeof(head), image->path, &tree->super, err);
	else if (discoverable)
		rc = err_fail(err, -EBADMSG,
			"%s: partition %u is a dm-verity tree by its type, but has no super block",
			image->path, area->partition);
	if (rc == 0)
		image->tree_count++;
	return rc;
}

static int no_root(const struct image *image, struct err *err)
{
	return err_fail(err, -EBADMSG, "%s: no partition holds a root file system", image->path);
}

/* The label that a guest finds at @base: p1 is the root, p2 its tree. */
static int read_mbr(const struct image *image, uint64_t base, struct mbr *ret, struct err *err)
{
	unsigned char sector[MBR_SIZE];
	int rc = io_pread(image->fd, image->path, sector, sizeof(sector), base, err);

	return rc != 0 ? rc
		       : mbr_parse(sector, sizeof(sector), (image->size_bytes - base) / SECTOR,
				 image->path, ret, err);
}

static struct image_area mbr_area(const struct mbr *mbr, size_t i, uint64_t base)
{
	return (struct image_area){.partition = (unsigned)i + 1,
		.off = base + (uint64_t)mbr->partitions[i].start_sector * SECTOR,
		.size_bytes = (uint64_t)mbr->partitions[i].sector_count * SECTOR};
}

static int use_mbr(struct image *image, const struct mbr *mbr, uint64_t base, struct err *err)
{
	struct image_area tree = mbr_area(mbr, 1, base);

	if (mbr->partitions[0].type == 0)
		return no_root(image, err);
	if (mbr->partitions[0].type != MBR_TYPE_LINUX)
		return err_fail(err, -ENOTSUP,
			"%s: its first partition has the type 0x%02x, not 0x83", image->path,
			mbr->partitions[0].type);
	image->root = mbr_area(mbr, 0, base);
	return mbr->partitions[1].type != 0 ? add_tree(image, &tree, false, err) : 0;
}

/* With DAX a guest finds the second label, without it the first: both must mean the same. */
static int open_dax(struct image *image, const unsigned char *block, struct err *err)
{
	struct nvdimm_pfn pfn;
	struct mbr outer, inner;
	int rc = nvdimm_pfn_parse(
		block, NVDIMM_PFN_SIZE, image->size_bytes, image->path, &pfn, err);

	if (rc == 0)
		rc = read_mbr(image, 0, &outer, err);
	if (rc == 0)
		rc = read_mbr(image, pfn.data_offset, &inner, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < MBR_PARTITIONS_MAX; i++) {
		struct image_area a = mbr_area(&outer, i, 0);
		struct image_area b = mbr_area(&inner, i, pfn.data_offset);

		if (outer.partitions[i].type != inner.partitions[i].type ||
			(inner.partitions[i].type != 0 &&
				(a.off != b.off || a.size_bytes != b.size_bytes)))
			return err_fail(err, -EBADMSG,
				"%s: partition %zu is elsewhere for a guest that does not use the "
				"NVDIMM header",
				image->path, i + 1);
	}
	image->label = IMAGE_DAX;
	return use_mbr(image, &inner, pfn.data_offset, err);
}

static struct image_area gpt_area(const struct gpt_partition *part, size_t i)
{
	return (struct image_area){.partition = (unsigned)i + 1,
		.off = part->start_sector * SECTOR,
		.size_bytes = part->sector_count * SECTOR,
		.id = part->id};
}

static bool has_type(const struct gpt_partition *part, const char *type)
{
	return guid_is(part->type.bytes, type);
}

/* A root by its type; of the others, what Kata's runtimes take by number: p2, a tree. */
static int use_gpt(struct image *image, const struct gpt *gpt, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < gpt->count; i++) {
		const struct gpt_partition *part = &gpt->partitions[i];
		struct image_area area = gpt_area(part, i);

		if (has_type(part, GPT_TYPE_ROOT_X86_64)) {
			if (image->root.size_bytes != 0)
				return err_fail(err, -EBADMSG,
					"%s: partition %zu is a second root file system",
					image->path, i + 1);
			image->root = area;
			image->root_discoverable = true;
		} else if (has_type(part, GPT_TYPE_ROOT_X86_64_VERITY)) {
			rc = add_tree(image, &area, true, err);
		} else if (has_type(part, GPT_TYPE_ROOT_X86_64_VERITY_SIG)) {
			image->signature = area;
		} else if (i == 1 && image->root.partition == 1) {
			rc = add_tree(image, &area, false, err);
		}
	}
	if (rc == 0 && image->root.size_bytes == 0)
		return no_root(image, err);
	return rc;
}

static int open_gpt(struct image *image, struct err *err)
{
	AUTO_FREE struct gpt *gpt = calloc(1, sizeof(*gpt));
	unsigned char head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
	int rc;

	if (gpt == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (image->size_bytes % SECTOR != 0)
		return err_fail(err, -EBADMSG, "%s: %" PRIu64 " bytes are no whole sectors",
			image->path, image->size_bytes);
	image->label = IMAGE_GPT;
	rc = io_pread(image->fd, image->path, head, sizeof(head), 0, err);
	if (rc == 0 && image->size_bytes < sizeof(head) + sizeof(tail))
		rc = err_fail(err, -EBADMSG, "%s: too small for a GPT", image->path);
	if (rc == 0)
		rc = io_pread(image->fd, image->path, tail, sizeof(tail),
			image->size_bytes - sizeof(tail), err);
	if (rc == 0)
		rc = gpt_parse(head, tail, image->size_bytes / SECTOR, image->path, gpt, err);
	return rc != 0 ? rc : use_gpt(image, gpt, err);
}

static int open_bare(struct image *image, uint64_t data_blocks, struct err *err)
{
	uint64_t end = data_blocks * VERITY_BLOCK_SIZE;
	struct image_area tree = {.off = end};

	image->label = IMAGE_BARE;
	image->root = (struct image_area){.size_bytes = image->size_bytes};
	if (data_blocks == 0 || end >= image->size_bytes)
		return 0;
	image->root.size_bytes = end;
	tree.size_bytes = image->size_bytes - end;
	return add_tree(image, &tree, false, err);
}

/* The probe's answer; none when there is more than one: a root file system that could also be
 * another is none to trust. */
static int probe(blkid_probe pr, struct image *image, struct err *err)
{
	const char *type;
	int rc;

	if (blkid_probe_set_device(pr, image->fd, (blkid_loff_t)image->root.off,
		    (blkid_loff_t)image->root.size_bytes) != 0 ||
		blkid_probe_enable_superblocks(pr, 1) != 0 ||
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_MAGIC) != 0)
		return err_fail(err, -ENOMEM, "%s: libblkid cannot look at it", image->path);
	rc = blkid_do_safeprobe(pr);
	if (rc == -1)
		return err_fail(err, -EIO, "%s: libblkid cannot read it", image->path);
	if (rc == 0 && blkid_probe_lookup_value(pr, "TYPE", &type, NULL) == 0 &&
		strlen(type) < sizeof(image->fs_type))
		strcpy(image->fs_type, type);
	return 0;
}

static int probe_root(struct image *image, struct err *err)
{
	blkid_probe pr = blkid_new_probe();
	int rc;

	if (pr == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = probe(pr, image, err);
	blkid_free_probe(pr);
	return rc;
}

/* Which label there is; none without the MBR's signature. */
static int open_label(struct image *image, uint64_t data_blocks, struct err *err)
{
	unsigned char block[NVDIMM_PFN_SIZE] = {0};
	struct mbr mbr;
	int rc;

	if (image->size_bytes < MBR_SIZE)
		return err_fail(err, -EBADMSG, "%s: too small for an image", image->path);
	if (image->size_bytes >= NVDIMM_PFN_OFFSET + NVDIMM_PFN_SIZE)
		rc = io_pread(image->fd, image->path, block, sizeof(block), NVDIMM_PFN_OFFSET, err);
	else
		rc = 0;
	if (rc == 0 && nvdimm_pfn_is(block, sizeof(block)))
		return open_dax(image, block, err);
	if (rc == 0)
		rc = io_pread(image->fd, image->path, block, MBR_SIZE, 0, err);
	if (rc != 0)
		return rc;
	if (block[510] != 0x55 || block[511] != 0xaa)
		return open_bare(image, data_blocks, err);
	rc = mbr_parse(block, MBR_SIZE, image->size_bytes / SECTOR, image->path, &mbr, err);
	if (rc != 0)
		return rc;
	if (mbr.partitions[0].type == MBR_TYPE_PROTECTIVE)
		return open_gpt(image, err);
	image->label = IMAGE_MBR;
	return use_mbr(image, &mbr, 0, err);
}

int image_open_fd(int fd, const char *path, uint64_t size_bytes, uint64_t data_blocks,
	struct image *ret, struct err *err)
{
	struct image image = {.path = path, .fd = fd, .size_bytes = size_bytes};
	int rc = open_label(&image, data_blocks, err);

	if (rc == 0)
		rc = probe_root(&image, err);
	if (rc == 0)
		*ret = image;
	return rc;
}

int image_open(const char *path, uint64_t data_blocks, struct image *ret, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size_bytes = 0;
	int rc = io_open(path, &fd, &size_bytes, err);

	if (rc == 0)
		rc = image_open_fd(fd, path, size_bytes, data_blocks, ret, err);
	if (rc == 0)
		fd = -1;
	return rc;
}

int image_map(const struct image *image, struct image_bytes *ret, struct err *err)
{
	void *base;

	if (image->size_bytes > SIZE_MAX)
		return err_fail(err, -EFBIG, "%s: too large to be mapped", image->path);
	base = mmap(NULL, (size_t)image->size_bytes, PROT_READ, MAP_PRIVATE, image->fd, 0);
	if (base == MAP_FAILED)
		return err_sys(err, "%s", image->path);
	*ret = (struct image_bytes){.map = base,
		.map_bytes = (size_t)image->size_bytes,
		.root = (const unsigned char *)base + image->root.off,
		.root_bytes = (size_t)image->root.size_bytes};
	return 0;
}

void image_unmap(struct image_bytes *bytes)
{
	if (bytes->map != NULL)
		munmap(bytes->map, bytes->map_bytes);
	*bytes = (struct image_bytes){0};
}
