/* Opening, verifying and listing images: every layout that is written, and what is refused. */
#define _GNU_SOURCE
#include "mkimage/fs/verify-image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/gpt.h"
#include "formats/mbr.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/fs/disk.h"
#include "tests/tap.h"

#define MIB  (1u << 20)
#define TIME 1700000000u

static char image_path[64];
static int image_fd;

static void add(struct tree *tree, const char *path, struct tree_inode inode)
{
	struct err err = {0};

	inode.mtime = TIME;
	if (tree_add(tree, path, &inode, TREE_REFUSE, NULL, &err) != 0)
		ok(false, "%s", err.msg);
}

static struct tree_content content(size_t n, unsigned char byte)
{
	unsigned char *mem = malloc(n + 1);

	memset(mem, byte, n + 1);
	return (struct tree_content){.mem = mem, .size_bytes = n};
}

static void fill(struct tree *tree)
{
	struct err err = {0};

	ok(tree_init(tree, &err) == 0, "a tree");
	tree->root->inode->mtime = TIME;
	add(tree, "bin",
		(struct tree_inode){.type = TREE_DIR, .mode = 0755, .uid = 5, .gid = 70000});
	add(tree, "bin/a",
		(struct tree_inode){
			.type = TREE_FILE, .mode = 04755, .content = content(9000, 'a')});
	add(tree, "bin/b\n\\",
		(struct tree_inode){.type = TREE_FILE, .mode = 0600, .content = content(1, 'b')});
	add(tree, "empty", (struct tree_inode){.type = TREE_FILE, .mode = 0644});
	add(tree, "link",
		(struct tree_inode){.type = TREE_SYMLINK, .mode = 0777, .target = strdup("bin/a")});
	add(tree, "null", (struct tree_inode){.type = TREE_CHR, .mode = 0666, .rdev_major = 1});
	ok(tree_link(tree, "same", "bin/a", TREE_REFUSE, &err) == 0, "a hard link");
}

/* Bytes in place of an EFI system partition. */
static int make_esp(void *arg, const struct verity_params *verity, uint64_t first_sector,
	struct buf *ret, struct err *err)
{
	(void)arg;
	memset(buf_grow(ret, MIB), verity->data_blocks > 0 && first_sector % 2048 == 0 ? 'e' : 0,
		MIB);
	return buf_check(ret, err);
}

/* Writes an image of the layout into the file that image_path names. */
static void write_image(enum disk_layout layout, struct disk_result *ret)
{
	struct disk_options options = {.layout = layout,
		.timestamp = TIME,
		.disk_signature = 1,
		.esp = make_esp,
		.esp_bytes = MIB};
	TREE_AUTO tree = {0};
	struct err err = {0};

	fill(&tree);
	memcpy(options.salt, "a salt of thirty-two plain bytes", sizeof(options.salt));
	memcpy(&options.guids, "a disk's GUID   a tree's GUID   a signature GUIDan ESP's GUID   ",
		sizeof(options.guids));
	if (ftruncate(image_fd, 0) != 0 ||
		disk_write(image_fd, "image", &tree, &options, ret, &err) != 0)
		ok(false, "%s", err.msg);
}

static int verify(const struct verity_params *params, struct err *err)
{
	IMAGE_AUTO image = {0};
	int rc = image_open(image_path, params->data_blocks, &image, err);

	return rc != 0 ? rc : verify_image(&image, params, 2, err);
}

/* The message without the file's name. */
static const char *reason(const struct err *err)
{
	size_t n = strlen(image_path);

	return strncmp(err->msg, image_path, n) == 0 ? err->msg + n + 2 : err->msg;
}

static void change(uint64_t off)
{
	unsigned char byte;
	struct err err = {0};

	if (io_pread(image_fd, "image", &byte, 1, off, &err) != 0)
		ok(false, "%s", err.msg);
	byte ^= 1;
	if (io_pwrite(image_fd, "image", &byte, 1, off, &err) != 0)
		ok(false, "%s", err.msg);
}

static void test_layouts(void)
{
	static const enum disk_layout layouts[] = {
		DISK_KATA_MBR, DISK_KATA_DAX, DISK_GPT, DISK_ONE_DISK, DISK_ESP, DISK_RAW};
	static const char *const labels[] = {"mbr", "dax", "gpt", "gpt", "gpt", "bare"};

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		const char *name = disk_layout_name(layouts[i]);
		enum disk_layout again;
		struct disk_result disk;
		struct err err = {0};
		IMAGE_AUTO image = {0};

		ok(disk_layout_parse(name, &again) && again == layouts[i], "%s has a name", name);
		write_image(layouts[i], &disk);
		is_int(verify(&disk.verity, &err), 0, "it is sound");
		is_str(err.msg, "", "without an error");
		ok(image_open(image_path, disk.verity.data_blocks, &image, &err) == 0, "opened");
		is_str(image_label_name(image.label), labels[i], "its label");
		is_str(image.fs_type, "erofs", "its file system");
		ok(image.root.off == disk.parts[0].off &&
				image.root.size_bytes == disk.parts[0].size_bytes,
			"its root");
		is_int((long long)image.tree_count,
			(long long)disk.part_count - 1 - (layouts[i] == DISK_ESP), "its trees");
		for (size_t k = 0; k < disk.part_count; k++) {
			/* A byte of the file system's first block, or of each tree. */
			uint64_t off = disk.parts[k].off + 4096 * (k == 0);

			/* What is no part of the root is not verified. */
			if (disk.parts[k].kind == DISK_PART_ESP)
				continue;
			if (disk.parts[k].kind == DISK_PART_VERITY)
				off += 4096;
			change(off + 5);
			is_int(verify(&disk.verity, &err), -EKEYREJECTED, "a change is found");
			change(off + 5);
		}
		is_int(verify(&disk.verity, &err), 0, "and that was all");
	}
}

static void test_messages(void)
{
	struct disk_result disk;
	struct verity_params params;
	struct err err = {0};

	write_image(DISK_KATA_MBR, &disk);
	change(MIB + 1024);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "a super block that is none");
	is_str(reason(&err), "data block 0, at byte 1048576, does not match the hash tree",
		"is a changed block first of all");
	change(MIB + 1024);
	change(MIB + 1200);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "an inode changed");
	/* EROFS cannot be opened to look for an owner: the checksum of block 0 is wrong. */
	is_str(reason(&err), "data block 0, at byte 1048576, does not match the hash tree",
		"names the block");
	change(MIB + 1200);
	change(MIB + 2 * 4096 + 3);
	change(MIB + 4096 + 3);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "two blocks of a file");
	is_str(reason(&err),
		"data block 1, at byte 1052672, does not match the hash tree: byte 0 of /bin/a",
		"names the first");
	change(MIB + 4096 + 3);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "the second block");
	is_str(reason(&err),
		"data block 2, at byte 1056768, does not match the hash tree: byte 4096 of /bin/a",
		"names the place in the file");
	change(MIB + 2 * 4096 + 3);
	change(2 * MIB - 1);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "the padding");
	is_str(reason(&err),
		"data block 255, at byte 2093056, does not match the hash tree: no file",
		"belongs to no file");
	change(2 * MIB - 1);

	change(2 * MIB + 4096);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "level 0 of the tree");
	is_str(reason(&err),
		"hash block 1 (level 0), at byte 2101248, does not match the level above",
		"names the block");
	change(2 * MIB + 4096);
	change(2 * MIB);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "the top of the tree");
	is_str(reason(&err),
		"hash block 0 (level 1), at byte 2097152, does not match the root hash",
		"names the block");
	change(2 * MIB);

	params = disk.verity;
	params.data_blocks--;
	is_int(verify(&params, &err), -EKEYREJECTED, "parameters for less");
	is_str(reason(&err), "the parameters cover 255 blocks, but the root has 256", "say so");
	params = disk.verity;
	params.salt[0] ^= 1;
	is_int(verify(&params, &err), -EKEYREJECTED, "another salt");
	params = disk.verity;
	params.root_hash[31] ^= 1;
	is_int(verify(&params, &err), -EKEYREJECTED, "another root hash");
}

static void put_mbr(const struct mbr *mbr, uint64_t off)
{
	unsigned char sector[MBR_SIZE];
	struct err err = {0};

	mbr_format(mbr, sector);
	if (io_pwrite(image_fd, "image", sector, sizeof(sector), off, &err) != 0)
		ok(false, "%s", err.msg);
}

static void test_mbr(void)
{
	struct mbr mbr = {.partitions = {{MBR_TYPE_LINUX, true, 2048, 2048}}};
	struct disk_result disk;
	struct err err = {0};

	write_image(DISK_KATA_MBR, &disk);
	put_mbr(&mbr, 0);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "without a tree");
	is_str(reason(&err), "there is no hash tree", "says so");
	mbr.partitions[1] = (struct mbr_partition){MBR_TYPE_LINUX, false, 4096, 16};
	put_mbr(&mbr, 0);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "with a tree that is too short");
	is_str(reason(&err), "the hash tree is cut off", "says so");
	mbr.partitions[0].type = 0;
	mbr.partitions[0] = (struct mbr_partition){0};
	put_mbr(&mbr, 0);
	is_int(verify(&disk.verity, &err), -EBADMSG, "without p1");
	is_str(reason(&err), "no partition holds a root file system", "says so");
	if (ftruncate(image_fd, 511) != 0)
		abort();
	is_int(verify(&disk.verity, &err), -EBADMSG, "an image of 511 bytes");
	is_str(reason(&err), "too small for an image", "says so");

	/* Other partitions of one disk: with DAX and without it. */
	write_image(DISK_KATA_DAX, &disk);
	mbr = (struct mbr){.partitions = {{MBR_TYPE_LINUX, true, 3 * 2048, 2048},
				   {MBR_TYPE_LINUX, false, 4 * 2048, 2047}}};
	put_mbr(&mbr, 0);
	is_int(verify(&disk.verity, &err), -EBADMSG, "two labels that disagree");
	is_str(reason(&err),
		"partition 2 is elsewhere for a guest that does not use the NVDIMM header",
		"say so");
	change(4096 + 100);
	is_int(verify(&disk.verity, &err), -EBADMSG, "an NVDIMM header that is broken");
	is_str(reason(&err), "byte 4096: the checksum of the NVDIMM information block is wrong",
		"says so");
}

/* Writes other partitions into both tables. */
static void put_gpt(const struct gpt *gpt, uint64_t size)
{
	unsigned char head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
	struct err err = {0};

	gpt_format(gpt, size / GPT_SECTOR_SIZE, head, tail);
	if (io_pwrite(image_fd, "image", head, sizeof(head), 0, &err) != 0 ||
		io_pwrite(image_fd, "image", tail, sizeof(tail), size - sizeof(tail), &err) != 0)
		ok(false, "%s", err.msg);
}

static void read_gpt(struct gpt *ret, uint64_t size)
{
	unsigned char head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
	struct err err = {0};

	if (io_pread(image_fd, "image", head, sizeof(head), 0, &err) != 0 ||
		io_pread(image_fd, "image", tail, sizeof(tail), size - sizeof(tail), &err) != 0 ||
		gpt_parse(head, tail, size / GPT_SECTOR_SIZE, "image", ret, &err) != 0)
		ok(false, "%s", err.msg);
}

static void test_gpt(void)
{
	struct disk_result disk;
	struct verity_params params;
	struct gpt gpt, other;
	struct err err = {0};

	write_image(DISK_ONE_DISK, &disk);
	read_gpt(&gpt, disk.size_bytes);
	is_int((long long)gpt.count, 3, "three partitions");
	{
		IMAGE_AUTO image = {0};

		ok(image_open(image_path, 0, &image, &err) == 0 &&
				verify_image_params(&image, disk.verity.root_hash, &params, &err) ==
					0 &&
				memcmp(&params, &disk.verity, sizeof(params)) == 0,
			"the super block gives the parameters");
	}
	change(disk.parts[2].off + 88);
	is_int(verify(&disk.verity, &err), -EKEYREJECTED, "another salt in the super block");
	is_str(reason(&err), "the dm-verity super block does not agree with the parameters",
		"says so");
	change(disk.parts[2].off + 88);
	change(disk.parts[2].off + 8);
	is_int(verify(&disk.verity, &err), -ENOTSUP, "a super block of another version");
	change(disk.parts[2].off + 8);
	change(disk.parts[2].off);
	is_int(verify(&disk.verity, &err), -EBADMSG, "no super block");
	is_str(reason(&err), "partition 3 is a dm-verity tree by its type, but has no super block",
		"says so");
	change(disk.parts[2].off);

	for (size_t i = 0; i < 3; i += 2) {
		other = gpt;
		other.partitions[i].id.bytes[0] ^= 1;
		put_gpt(&other, disk.size_bytes);
		is_int(verify(&disk.verity, &err), -EKEYREJECTED, "a GUID that is not the hash's");
		is_str(reason(&err), "the partitions' GUIDs are not those of the root hash",
			"says so");
	}
	other = gpt;
	other.partitions[1].type = gpt.partitions[0].type;
	put_gpt(&other, disk.size_bytes);
	is_int(verify(&disk.verity, &err), -EBADMSG, "two roots");
	is_str(reason(&err), "partition 2 is a second root file system", "say so");
	other.partitions[0].type = gpt.partitions[2].type;
	other.partitions[1].type = gpt.partitions[2].type;
	put_gpt(&other, disk.size_bytes);
	is_int(verify(&disk.verity, &err), -EBADMSG, "no root");
	other = gpt;
	other.partitions[3] = gpt.partitions[2];
	other.partitions[3].id.bytes[0] ^= 1;
	other.partitions[2].sector_count = 1024;
	other.partitions[3].start_sector = gpt.partitions[2].start_sector + 1024;
	other.partitions[3].sector_count = 1024;
	other.count = 4;
	put_gpt(&other, disk.size_bytes);
	is_int(verify(&disk.verity, &err), -EBADMSG, "three trees");
	is_str(reason(&err), "partition 4 is one hash tree too many", "say so");
	put_gpt(&gpt, disk.size_bytes);
	is_int(verify(&disk.verity, &err), 0, "as it was");
	if (ftruncate(image_fd, (off_t)disk.size_bytes - 1) != 0)
		abort();
	is_int(verify(&disk.verity, &err), -EBADMSG, "a byte short");
	if (ftruncate(image_fd, (off_t)disk.size_bytes - 512) != 0)
		abort();
	is_int(verify(&disk.verity, &err), -EBADMSG, "a sector short");

	write_image(DISK_KATA_MBR, &disk);
	{
		IMAGE_AUTO image = {0};

		ok(image_open(image_path, 0, &image, &err) == 0 &&
				verify_image_params(&image, disk.verity.root_hash, &params, &err) ==
					-EBADMSG,
			"Kata's tree has no super block");
		is_str(reason(&err),
			"no dm-verity super block: the root hash alone does not say how the tree "
			"is "
			"made",
			"which is said");
	}
}

/* Sound data that are no file system, or only look like one. */
static void test_no_fs(void)
{
	struct verity_params params = {.salt_bytes = 1, .data_blocks = 1};
	unsigned char block[VERITY_BLOCK_SIZE] = {0};
	BUF_AUTO text = {0};
	struct err err = {0};

	for (int i = 0; i < 2; i++) {
		memcpy(block, "XFSB", 4 * (size_t)i);
		if (ftruncate(image_fd, sizeof(block)) != 0 ||
			io_pwrite(image_fd, "image", block, sizeof(block), 0, &err) != 0 ||
			verity_hash_blocks(params.salt, 1, block, 1, params.root_hash, &err) != 0)
			abort();
		is_int(verify(&params, &err), -EBADMSG, "no file system");
		is_str(reason(&err), "byte 0: no file system that libblkid knows for sure",
			"is refused");
	}
	is_int(inspect_image(image_path, true, &text, &err), -ENOTSUP, "and cannot be listed");
	is_str(reason(&err), "only erofs and ext4 can be read, and this is unknown",
		"which is said");
}

/* One data block alone has no tree. */
static void test_single(void)
{
	struct verity_params params = {.salt_bytes = 1, .data_blocks = 1};
	unsigned char block[VERITY_BLOCK_SIZE];
	struct disk_result disk;
	struct err err = {0};

	write_image(DISK_RAW, &disk);
	if (io_pread(image_fd, "image", block, sizeof(block), 0, &err) != 0 ||
		ftruncate(image_fd, sizeof(block)) != 0 ||
		verity_hash_blocks(params.salt, 1, block, 1, params.root_hash, &err) != 0)
		abort();
	is_int(verify(&params, &err), 0, "a lone block is sound");
	params.root_hash[0] ^= 1;
	is_int(verify(&params, &err), -EKEYREJECTED, "or not");
	is_str(reason(&err), "data block 0, at byte 0, does not match the root hash", "says so");
}

static void test_list(void)
{
	struct disk_result disk;
	BUF_AUTO text = {0};
	struct err err = {0};

	write_image(DISK_GPT, &disk);
	is_int(inspect_image(image_path, true, &text, &err), 0, "an image is listed");
	is_str(buf_cstr(&text),
		"label gpt\n"
		"root partition 1 offset 1048576 size 1048576 type erofs\n"
		"tree partition 2 offset 2097152 size 1048576 superblock salt "
		"612073616c74206f66207468697274792d74776f20706c61696e206279746573 data_blocks 256\n"
		"d 0755 0 0 107 - /\n"
		"d 0755 5 70000 55 - /bin\n"
		"f 4755 0 0 9000 "
		"0598aa54768194ade580b9806ac98ace43a0310aeceae95762f62491625eee52 /bin/a\n"
		"f 0600 0 0 1 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d "
		"/bin/b\\x0a\\x5c\n"
		"f 0644 0 0 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
		"/empty\n"
		"l 0777 0 0 5 - /link -> bin/a\n"
		"c 0666 0 0 0 - /null\n"
		"f 4755 0 0 9000 "
		"0598aa54768194ade580b9806ac98ace43a0310aeceae95762f62491625eee52 /same\n",
		"line by line");
	is_int(inspect_image("/nonexistent", true, &text, &err), -ENOENT, "no file");
	is_int(inspect_image("/dev/null", true, &text, &err), -EINVAL, "no regular file");
}

int main(void)
{
	image_fd = memfd_create("image", MFD_CLOEXEC);
	snprintf(image_path, sizeof(image_path), "/proc/self/fd/%d", image_fd);
	test_layouts();
	test_messages();
	test_mbr();
	test_gpt();
	test_single();
	test_no_fs();
	test_list();
	close(image_fd);
	return tap_done();
}
