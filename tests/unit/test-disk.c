/* Kata's disk: golden bytes, the same for any number of threads, its parts where the result
 * says, and failures. */
#define _GNU_SOURCE
#include "mkimage/fs/disk.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "formats/erofs-read.h"
#include "formats/mbr.h"
#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/fs/verity-stream.h"
#include "tests/random-tree.h"
#include "tests/tap.h"

#define MIB (1u << 20)

static struct disk_options options;

static void options_init(void)
{
	options = (struct disk_options){
		.disk_signature = 0xc0ffee42, .timestamp = RANDOM_TREE_TIME, .threads = 1};
	memcpy(options.uuid, "0123456789abcdef", sizeof(options.uuid));
	for (size_t i = 0; i < sizeof(options.salt); i++)
		options.salt[i] = (unsigned char)(0xa0 + i);
}

/* Names and sizes alone, so that the golden digest does not hang on the generator of random
 * trees; 5 MiB and more, so that the file system leaves in several pieces. */
static void fixed_tree(struct tree *tree)
{
	static const size_t sizes[] = {0, 1, 4096, 5 * MIB + 77, 100000};
	char name[8];
	struct err err = {0};

	ok(tree_init(tree, &err) == 0, "a tree");
	tree->root->inode->mtime = RANDOM_TREE_TIME;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tree_inode inode = {
			.type = TREE_FILE, .mode = 0644, .mtime = RANDOM_TREE_TIME};

		inode.content.size_bytes = sizes[i];
		inode.content.mem = malloc(sizes[i] + 1);
		for (size_t k = 0; k < sizes[i]; k++)
			inode.content.mem[k] = (unsigned char)(k * 7 + k / 4096 + i);
		snprintf(name, sizeof(name), "f%zu", i);
		if (tree_add(tree, name, &inode, TREE_REFUSE, NULL, &err) != 0)
			ok(false, "%s", err.msg);
	}
}

/* The disk in memory. */
static int write_disk(
	const struct tree *tree, struct buf *ret, struct disk_result *result, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC);
	void *at;
	int rc = disk_write(fd, "disk", tree, &options, result, err);

	if (rc == 0)
		rc = disk_digest(fd, "disk", result, err);
	if (rc != 0)
		return rc;
	at = buf_grow(ret, result->size_bytes);
	return at != NULL ? io_pread(fd, "disk", at, result->size_bytes, 0, err) : -ENOMEM;
}

static void test_parts(const struct buf *disk, const struct disk_result *result)
{
	unsigned char sum[SHA256_SIZE], root[SHA256_SIZE];
	size_t p1 = MIB, p2 = (size_t)result->parts[1].off;
	VERITY_STREAM_AUTO stream = {0};
	struct erofs_image image;
	struct mbr mbr = {0};
	struct err err = {0};

	ok(digest_bytes(DIGEST_SHA256, disk->data, disk->len, sum, &err) == 0 &&
			memcmp(sum, result->sha256, sizeof(sum)) == 0,
		"the digest of the disk");
	ok(mbr_parse(disk->data, MBR_SIZE, disk->len / MBR_SECTOR_SIZE, "disk", &mbr, &err) == 0,
		"the label is read: %s", err.msg);
	ok(mbr.disk_signature == 0xc0ffee42 && mbr.partitions[0].boot && !mbr.partitions[1].boot &&
			mbr.partitions[0].type == 0x83 && mbr.partitions[1].type == 0x83 &&
			mbr.partitions[0].start_sector == 2048 &&
			mbr.partitions[0].start_sector + mbr.partitions[0].sector_count ==
				mbr.partitions[1].start_sector &&
			mbr.partitions[1].start_sector + mbr.partitions[1].sector_count ==
				disk->len / MBR_SECTOR_SIZE &&
			mbr.partitions[2].type == 0 && mbr.partitions[3].type == 0,
		"two partitions fill the disk");
	ok(p2 % MIB == 0 && disk->len % MIB == 0 &&
			result->verity.data_blocks == (p2 - p1) / VERITY_BLOCK_SIZE,
		"p1 is whole MiB, all of it is data");
	ok(erofs_open(disk->data + p1, p2 - p1, "p1", &image, &err) == 0 &&
			image.super.blocks == result->fs_blocks &&
			image.super.inode_count == result->inode_count &&
			memcmp(image.super.uuid, options.uuid, 16) == 0,
		"p1 is EROFS %s", err.msg);
	ok(verity_stream_init(&stream, result->verity.data_blocks, options.salt,
		   sizeof(options.salt), 1, &err) == 0 &&
			verity_stream_add(&stream, disk->data + p1, (p2 - p1) / VERITY_BLOCK_SIZE,
				&err) == 0 &&
			verity_stream_end(&stream, root, &err) == 0 &&
			memcmp(root, result->verity.root_hash, sizeof(root)) == 0,
		"the root hash covers p1");
	ok(result->hash_blocks == stream.geometry.tree_blocks &&
			memcmp(disk->data + p2, stream.tree,
				result->hash_blocks * VERITY_BLOCK_SIZE) == 0,
		"p2 is its tree");
	for (size_t i = p2 + result->hash_blocks * VERITY_BLOCK_SIZE; i < disk->len; i++)
		if (disk->data[i] != 0) {
			ok(false, "p2 is zero behind the tree");
			break;
		}
}

/* The disk format is a contract: a change of these digests needs a line in NEWS.md. */
static void test_golden(void)
{
	static const size_t threads[] = {1, 2, 5, 0};
	BUF_AUTO first = {0};
	TREE_AUTO tree = {0};
	struct disk_result result = {0};
	struct err err = {0};
	char hex[2 * SHA256_SIZE + 1];

	fixed_tree(&tree);
	ok(write_disk(&tree, &first, &result, &err) == 0, "a disk");
	hex_encode(result.sha256, SHA256_SIZE, hex);
	is_str(hex, "f54e049b76e35ad785b66b1a9f63cdb307dccece5a5c56bfe99a61cacba0b849",
		"golden disk");
	hex_encode(result.verity.root_hash, SHA256_SIZE, hex);
	is_str(hex, "9cbdc40b2565f0e7bd1ca3c9f810dc2d64d6e315d9c14de968f35b79af70efce",
		"golden root hash");
	test_parts(&first, &result);
	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		struct disk_result again = {0};
		BUF_AUTO other = {0};

		options.threads = threads[i];
		ok(write_disk(&tree, &other, &again, &err) == 0 && other.len == first.len &&
				memcmp(other.data, first.data, first.len) == 0 &&
				memcmp(again.sha256, result.sha256, SHA256_SIZE) == 0 &&
				memcmp(again.verity.root_hash, result.verity.root_hash,
					SHA256_SIZE) == 0,
			"%zu threads write the same", threads[i]);
	}
	options.threads = 1;
}

struct steps {
	uint64_t last, total;
	bool odd;
};

static void step(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct steps *steps = arg;

	steps->odd |= strcmp(what, "root disk") != 0 || done < steps->last || done > total;
	steps->last = done;
	steps->total = total;
}

static void test_progress(void)
{
	struct steps steps = {0};
	struct progress progress = {.report = step, .arg = &steps};
	TREE_AUTO tree = {0};
	BUF_AUTO disk = {0};
	struct disk_result result;
	struct err err = {0};

	ok(tree_init(&tree, &err) == 0, "an empty tree");
	options.progress = &progress;
	ok(write_disk(&tree, &disk, &result, &err) == 0, "its disk");
	options.progress = NULL;
	ok(!steps.odd && steps.last == 3 * MIB && steps.total == 3 * MIB &&
			result.size_bytes == 3 * MIB,
		"progress reaches the end");
	test_parts(&disk, &result);
}

static void test_failures(void)
{
	static const size_t threads[] = {1, 3};
	struct rlimit limit = {.rlim_cur = 4 * MIB, .rlim_max = RLIM_INFINITY};
	struct rlimit before;

	signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_FSIZE, &before) != 0)
		abort();
	limit.rlim_max = before.rlim_max;
	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		struct disk_result result = {.size_bytes = 7};
		AUTO_CLOSE int content = memfd_create("content", MFD_CLOEXEC);
		AUTO_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC);
		struct tree_inode inode = {.type = TREE_FILE, .mode = 0644};
		TREE_AUTO tree = {0};
		struct err err = {0};

		options.threads = threads[i];
		fixed_tree(&tree);
		is_int(disk_write(-1, "disk", &tree, &options, &result, &err), -EBADF, "no file");
		is_str(err.msg, "disk: Bad file descriptor", "one line");

		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			abort();
		is_int(disk_write(fd, "disk", &tree, &options, &result, &err), -EFBIG,
			"a limit is met");
		is_str(err.msg, "disk: File too large", "one line");
		if (setrlimit(RLIMIT_FSIZE, &before) != 0)
			abort();

		/* A content that turns out shorter in the midst of the work. */
		ok(ftruncate(content, 6 * MIB) == 0, "a short content");
		inode.content = (struct tree_content){.fd = content, .size_bytes = 21 * MIB};
		ok(tree_add(&tree, "z", &inode, TREE_REFUSE, NULL, &err) == 0, "is added");
		is_int(disk_write(fd, "disk", &tree, &options, &result, &err), -EBADMSG,
			"reading fails");
		ok(strncmp(err.msg, "/z: ends at byte 6291456", 24) == 0, "one line: %s", err.msg);
		is_int((long long)result.size_bytes, 7, "a failure leaves the result alone");
		tree_for_each (&tree, node) {
			if (node->inode->mark != 0)
				ok(false, "a mark is left");
		}
	}
	options.threads = 1;
}

/* Writing fails after some pieces: the file is sealed against growth, which a memory file
 * reports as -EPERM. */
static void test_write_fails(void)
{
	static const size_t threads[] = {1, 3};

	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		AUTO_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		struct disk_result result = {0};
		TREE_AUTO tree = {0};
		struct err err = {0};

		options.threads = threads[i];
		fixed_tree(&tree);
		ok(ftruncate(fd, 8 * MIB) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0,
			"a file that cannot be written");
		is_int(disk_write(fd, "disk", &tree, &options, &result, &err), -EPERM,
			"writing fails");
		is_str(err.msg, "disk: Operation not permitted", "one line");
	}
	options.threads = 1;
}

static uint64_t esp_sector;
static size_t esp_size;

static int make_esp(void *arg, const struct verity_params *verity, uint64_t first_sector,
	struct buf *ret, struct err *err)
{
	unsigned char *to = buf_grow(ret, esp_size);

	if (arg != &options)
		return err_fail(err, -EIO, "no partition");
	esp_sector = first_sector;
	memset(to, 'e', esp_size);
	memcpy(to, verity->root_hash, sizeof(verity->root_hash));
	return 0;
}

static int write_esp(
	uint64_t planned, size_t made, void *arg, int fd, struct disk_result *ret, struct err *err)
{
	TREE_AUTO tree = {0};
	int rc;

	memset(err, 0, sizeof(*err));
	fixed_tree(&tree);
	options.layout = DISK_ESP;
	options.esp = planned > 0 ? make_esp : NULL;
	options.esp_arg = arg;
	options.esp_bytes = planned;
	esp_size = made;
	rc = disk_write(fd, "disk", &tree, &options, ret, err);
	options.layout = DISK_KATA_MBR;
	return rc;
}

/* The last partition is what is made of the finished root's parameters. */
static void test_esp(void)
{
	AUTO_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC);
	const struct disk_part *part;
	struct disk_result result = {0};
	unsigned char got[SHA256_SIZE];
	struct err err;

	is_int(write_esp(3 * MIB, 3 * MIB, &options, fd, &result, &err), 0, "layout esp");
	part = &result.parts[result.part_count - 1];
	is_int((long long)result.part_count, 4, "four partitions");
	ok(part->kind == DISK_PART_ESP && part->size_bytes == 3 * MIB, "the last is the ESP");
	ok(part->off + part->size_bytes + MIB == result.size_bytes, "before the second table");
	is_int((long long)(esp_sector * 512), (long long)part->off, "it knows its place");
	ok(io_pread(fd, "disk", got, sizeof(got), part->off, &err) == 0 &&
			memcmp(got, result.verity.root_hash, sizeof(got)) == 0,
		"and the root hash");
	is_int(write_esp(0, 0, NULL, fd, &result, &err), -EINVAL, "none to write");
	is_int(write_esp(MIB + 1, MIB, &options, fd, &result, &err), -EINVAL, "no whole MiB");
	is_int(write_esp(2 * MIB, MIB, &options, fd, &result, &err), -EINVAL, "another size");
	is_int(write_esp(MIB, MIB, NULL, fd, &result, &err), -EIO, "what it fails with");
	is_str(err.msg, "no partition", "is what is said");
}

int main(void)
{
	options_init();
	test_esp();
	test_golden();
	test_progress();
	test_failures();
	test_write_fails();
	return tap_done();
}
