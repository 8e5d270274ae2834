/* Checking a guest image against its dm-verity parameters (verify-image.h). */
#include "mkimage/fs/verify-image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gpt.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "mkimage/fs/list-fs.h"

#define UNIT_BYTES (VERITY_FANOUT * VERITY_BLOCK_SIZE)
/* Units that a thread takes at a time. */
#define UNITS	   4u

struct check {
	const struct image *image;
	const struct verity_params *params;
	size_t threads;
	struct verity_geometry geometry;
	uint64_t tree_off; /* of the tree in the works, in the file */
	size_t level;
};

static int rejected(const struct image *image, const char *why, struct err *err)
{
	return err_fail(err, -EKEYREJECTED, "%s: %s", image->path, why);
}

static int hash(const struct check *check, const void *blocks, size_t n, unsigned char *ret,
	struct err *err)
{
	return verity_hash_blocks(
		check->params->salt, check->params->salt_bytes, blocks, n, ret, err);
}

/* Reads @n digests of @level, from that of block @first of the level below on. */
static int read_digests(const struct check *check, size_t level, uint64_t first, size_t n,
	unsigned char *ret, struct err *err)
{
	uint64_t off = check->tree_off + check->geometry.level[level].start * VERITY_BLOCK_SIZE +
		       first * SHA256_SIZE;

	return io_pread(check->image->fd, check->image->path, ret, n * SHA256_SIZE, off, err);
}

/* What the digest of a block of @level must be. */
static int expected(const struct check *check, size_t level, uint64_t block,
	unsigned char ret[SHA256_SIZE], struct err *err)
{
	if (level + 1 < check->geometry.levels)
		return read_digests(check, level + 1, block, 1, ret, err);
	memcpy(ret, check->params->root_hash, SHA256_SIZE);
	return 0;
}

/* One block of the tree against the level above. */
static int check_hash_block(
	const struct check *check, size_t level, uint64_t block, struct err *err)
{
	unsigned char bytes[VERITY_BLOCK_SIZE], got[SHA256_SIZE], want[SHA256_SIZE];
	uint64_t in_tree = check->geometry.level[level].start + block;
	uint64_t off = check->tree_off + in_tree * VERITY_BLOCK_SIZE;
	int rc = io_pread(check->image->fd, check->image->path, bytes, sizeof(bytes), off, err);

	if (rc == 0)
		rc = hash(check, bytes, 1, got, err);
	if (rc == 0)
		rc = expected(check, level, block, want, err);
	if (rc != 0)
		return rc;
	if (memcmp(got, want, sizeof(got)) == 0)
		return 0;
	return err_fail(err, -EKEYREJECTED,
		"%s: hash block %" PRIu64 " (level %zu), at byte %" PRIu64 ", does not match %s",
		check->image->path, in_tree, level, off,
		level + 1 == check->geometry.levels ? "the root hash" : "the level above");
}

static int check_level_block(void *arg, size_t i, struct err *err)
{
	const struct check *check = arg;

	return check_hash_block(check, check->level, i, err);
}

/* The whole of one tree, from the root down. */
static int check_tree(struct check *check, const struct image_tree *tree, struct err *err)
{
	uint64_t super = tree->has_super ? VERITY_BLOCK_SIZE : 0;

	if (tree->area.size_bytes < super ||
		(tree->area.size_bytes - super) / VERITY_BLOCK_SIZE < check->geometry.tree_blocks)
		return rejected(check->image, "the hash tree is cut off", err);
	check->tree_off = tree->area.off + super;
	for (check->level = check->geometry.levels; check->level-- > 0;) {
		int rc = pool_run(check->threads,
			(size_t)check->geometry.level[check->level].blocks, check_level_block,
			check, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Puts the owner of a block behind what is recorded. */
static int name_owner(const struct check *check, uint64_t block, int rc, struct err *err)
{
	AUTO_FREE char *owner = NULL;
	IMAGE_BYTES_AUTO bytes = {0};
	struct err ignored = {0}, first = *err;
	FS_AUTO fs = {0};
	uint64_t off;

	if (image_map(check->image, &bytes, &ignored) != 0 ||
		fs_open(check->image->fs_type, bytes.root, bytes.root_bytes, check->image->path,
			&fs, &ignored) != 0)
		return rc;
	owner = list_fs_owner(&fs, block, &off);
	if (owner == NULL)
		return rc;
	if (owner[0] == '/')
		return err_fail(err, rc, "%s: byte %" PRIu64 " of %s", first.msg, off, owner);
	return err_fail(err, rc, "%s: %s", first.msg, owner);
}

static int bad_data(const struct check *check, uint64_t block, struct err *err)
{
	uint64_t off = check->image->root.off + block * VERITY_BLOCK_SIZE;

	return err_fail(err, -EKEYREJECTED,
		"%s: data block %" PRIu64 ", at byte %" PRIu64 ", does not match %s",
		check->image->path, block, off,
		check->geometry.levels > 0 ? "the hash tree" : "the root hash");
}

/* The data blocks under one block of level 0. */
static int check_unit(
	const struct check *check, uint64_t first, unsigned char *data, struct err *err)
{
	unsigned char got[VERITY_BLOCK_SIZE], want[VERITY_BLOCK_SIZE];
	uint64_t left = check->geometry.data_blocks - first;
	size_t n = left < VERITY_FANOUT ? (size_t)left : VERITY_FANOUT;
	uint64_t off = check->image->root.off + first * VERITY_BLOCK_SIZE;
	int rc = io_pread(
		check->image->fd, check->image->path, data, n * VERITY_BLOCK_SIZE, off, err);

	if (rc == 0 && check->geometry.levels > 0)
		rc = read_digests(check, 0, first, n, want, err);
	else if (rc == 0)
		memcpy(want, check->params->root_hash, SHA256_SIZE);
	if (rc == 0)
		rc = hash(check, data, n, got, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (memcmp(got + i * SHA256_SIZE, want + i * SHA256_SIZE, SHA256_SIZE) != 0)
			return name_owner(check, first + i, bad_data(check, first + i, err), err);
	return 0;
}

static int check_units(void *arg, size_t i, struct err *err)
{
	const struct check *check = arg;
	AUTO_FREE unsigned char *data = malloc(UNIT_BYTES);
	uint64_t first = (uint64_t)i * UNITS * VERITY_FANOUT;
	int rc = 0;

	if (data == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t k = 0; rc == 0 && k < UNITS && first < check->geometry.data_blocks; k++) {
		rc = check_unit(check, first, data, err);
		first += VERITY_FANOUT;
	}
	return rc;
}

static int check_super(const struct check *check, const struct image_tree *tree, struct err *err)
{
	const struct verity_super *super = &tree->super;
	const struct verity_params *params = check->params;

	if (!tree->has_super)
		return 0;
	if (super->data_blocks != params->data_blocks || super->salt_bytes != params->salt_bytes ||
		memcmp(super->salt, params->salt, super->salt_bytes) != 0)
		return rejected(check->image,
			"the dm-verity super block does not agree with the parameters", err);
	return 0;
}

static int check_ids(const struct check *check, struct err *err)
{
	const struct image *image = check->image;
	struct guid root, verity;
	bool good = true;

	gpt_root_ids(check->params->root_hash, &root, &verity);
	if (image->root_discoverable)
		good = memcmp(&image->root.id, &root, sizeof(root)) == 0;
	for (size_t i = 0; i < image->tree_count; i++)
		if (image->trees[i].discoverable)
			good = good &&
			       memcmp(&image->trees[i].area.id, &verity, sizeof(verity)) == 0;
	return good ? 0
		    : rejected(image, "the partitions' GUIDs are not those of the root hash", err);
}

static int check_extent(const struct check *check, struct err *err)
{
	uint64_t blocks = check->image->root.size_bytes / VERITY_BLOCK_SIZE;

	if (check->image->root.size_bytes % VERITY_BLOCK_SIZE == 0 &&
		blocks == check->params->data_blocks)
		return 0;
	return err_fail(err, -EKEYREJECTED,
		"%s: the parameters cover %" PRIu64 " blocks, but the root has %" PRIu64,
		check->image->path, check->params->data_blocks, blocks);
}

static int check_blocks(struct check *check, struct err *err)
{
	uint64_t units = (check->geometry.data_blocks + VERITY_FANOUT - 1) / VERITY_FANOUT;

	return pool_run(
		check->threads, (size_t)((units + UNITS - 1) / UNITS), check_units, check, err);
}

int verify_image(const struct image *image, const struct verity_params *params, size_t threads,
	struct err *err)
{
	struct check check = {.image = image, .params = params, .threads = threads};
	int rc = verity_geometry(params->data_blocks, &check.geometry, err);

	if (rc == 0)
		rc = check_extent(&check, err);
	if (rc == 0 && image->tree_count == 0 && check.geometry.levels > 0)
		rc = rejected(image, "there is no hash tree", err);
	for (size_t i = image->tree_count; rc == 0 && i-- > 0;) {
		rc = check_super(&check, &image->trees[i], err);
		if (rc == 0)
			rc = check_tree(&check, &image->trees[i], err);
	}
	if (rc == 0)
		rc = check_ids(&check, err);
	if (rc != 0)
		return rc;
	rc = check_blocks(&check, err);
	if (rc == 0 && image->fs_type[0] == '\0')
		rc = err_fail(err, -EBADMSG,
			"%s: byte %" PRIu64 ": no file system that libblkid knows for sure",
			image->path, image->root.off);
	return rc;
}

int verify_image_params(const struct image *image, const unsigned char root_hash[SHA256_SIZE],
	struct verity_params *ret, struct err *err)
{
	const struct verity_super *super = NULL;

	for (size_t i = image->tree_count; i-- > 0;)
		if (image->trees[i].has_super)
			super = &image->trees[i].super;
	if (super == NULL)
		return err_fail(err, -EBADMSG,
			"%s: no dm-verity super block: the root hash alone does not say how the "
			"tree is made",
			image->path);
	*ret = (struct verity_params){
		.salt_bytes = super->salt_bytes, .data_blocks = super->data_blocks};
	memcpy(ret->salt, super->salt, super->salt_bytes);
	memcpy(ret->root_hash, root_hash, SHA256_SIZE);
	return 0;
}

static void add_area(struct buf *ret, const char *name, const struct image_area *area)
{
	buf_fmt(ret, "%s", name);
	if (area->partition != 0)
		buf_fmt(ret, " partition %u", area->partition);
	buf_fmt(ret, " offset %" PRIu64 " size %" PRIu64, area->off, area->size_bytes);
}

int inspect_image_parts(const struct image *image, struct buf *ret, struct err *err)
{
	char salt[2 * VERITY_SALT_MAX + 1];

	buf_fmt(ret, "label %s\n", image_label_name(image->label));
	add_area(ret, "root", &image->root);
	buf_fmt(ret, " type %s\n", image->fs_type[0] != '\0' ? image->fs_type : "unknown");
	for (size_t i = 0; i < image->tree_count; i++) {
		const struct image_tree *tree = &image->trees[i];

		add_area(ret, "tree", &tree->area);
		hex_encode(tree->super.salt, tree->super.salt_bytes, salt);
		if (tree->has_super)
			buf_fmt(ret, " superblock salt %s data_blocks %" PRIu64,
				tree->super.salt_bytes > 0 ? salt : "-", tree->super.data_blocks);
		buf_str(ret, "\n");
	}
	if (image->signature.size_bytes > 0) {
		add_area(ret, "signature", &image->signature);
		buf_str(ret, "\n");
	}
	return buf_check(ret, err);
}

int inspect_image_files(const struct image *image, struct buf *ret, struct err *err)
{
	IMAGE_BYTES_AUTO bytes = {0};
	FS_AUTO fs = {0};
	int rc = image_map(image, &bytes, err);

	if (rc == 0)
		rc = fs_open(image->fs_type, bytes.root, bytes.root_bytes, image->path, &fs, err);
	return rc != 0 ? rc : list_fs_print(&fs, ret, err);
}

int inspect_image(const char *path, bool files, struct buf *ret, struct err *err)
{
	IMAGE_AUTO image = {0};
	int rc = image_open(path, 0, &image, err);

	if (rc == 0)
		rc = inspect_image_parts(&image, ret, err);
	if (rc == 0 && files)
		rc = inspect_image_files(&image, ret, err);
	return rc;
}
