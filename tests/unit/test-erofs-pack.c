/* Compressed EROFS: the same bytes for any number of threads, what went in comes out, and every refusal
 * of the writer and of the reader. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "mkimage/fs/fs.h"
#include "mkimage/fs/write-erofs.h"
#include "tests/tap.h"

#define TIME	1700000000u
#define CLUSTER 16384u

static struct write_erofs_options options;
static struct spool spool;

static const char *const names[] = {"a-mix", "lines", "noise", "small", "zeros"};
static const size_t sizes[] = {3 * CLUSTER + 5000, 100001, 40000, 3000, 70000};

#define FILE_COUNT (sizeof(names) / sizeof(names[0]))

/* Lines of numbers; noise; in the mix clusters of both. */
static void fill(size_t file, unsigned char *bytes, size_t n)
{
	uint64_t noise = 88172645463325252u;
	char line[32];

	for (size_t i = 0; i < n;) {
		bool lines = file == 1 || (file == 0 && i / CLUSTER % 2 == 0);
		size_t len = (size_t)snprintf(line, sizeof(line), "line %zu\n", i);

		for (size_t k = 0; k < len && i < n; k++) {
			noise ^= noise << 13;
			noise ^= noise >> 7;
			noise ^= noise << 17;
			bytes[i++] = file == 4 ? 0
				     : lines   ? (unsigned char)line[k]
					       : (unsigned char)noise;
		}
	}
}

static void make_tree(struct tree *tree)
{
	struct err err = {0};

	ok(tree_init(tree, &err) == 0, "a tree");
	tree->root->inode->mtime = TIME;
	for (size_t i = 0; i < FILE_COUNT; i++) {
		struct tree_inode inode = {.type = TREE_FILE, .mode = 0644, .mtime = TIME};

		inode.content.mem = malloc(sizes[i]);
		inode.content.size_bytes = sizes[i];
		fill(i, inode.content.mem, sizes[i]);
		if (tree_add(tree, names[i], &inode, TREE_REFUSE, NULL, &err) != 0)
			ok(false, "%s", err.msg);
	}
}

static int to_buf(void *arg, const void *data, size_t n, struct err *err)
{
	if (n > 0)
		buf_add(arg, data, n);
	return buf_check(arg, err);
}

static int image_of(const struct tree *tree, struct buf *ret, struct runs *runs, struct err *err)
{
	WRITE_EROFS_AUTO plan = {0};
	int rc = write_erofs_plan(&plan, tree, &options, err);

	if (rc == 0)
		rc = write_erofs_emit(&plan, to_buf, ret, err);
	if (rc == 0 && runs != NULL)
		rc = write_erofs_runs(&plan, runs, err);
	if (rc == 0 && ret->len != plan.blocks * EROFS_BLOCK_SIZE)
		return err_fail(err, -EINVAL, "not the planned size");
	return rc;
}

struct reading {
	struct fs *fs;
	const struct tree *tree;
	size_t files, compressed;
	struct buf bytes;
	uint64_t off; /* of the map of "lines" */
};

static int take_bytes(void *arg, const unsigned char *bytes, size_t n, struct err *err)
{
	return to_buf(arg, bytes, n, err);
}

static int compare_file(void *arg, const char *path, const struct fs_node *node, struct err *err)
{
	struct reading *reading = arg;
	const struct tree_node *want = tree_find(reading->tree, path + 1);
	int rc;

	if ((node->mode & EROFS_MODE_TYPE) != EROFS_MODE_REG)
		return 0;
	reading->files++;
	reading->compressed += erofs_is_compressed(&node->of.erofs);
	if (strcmp(path, "/lines") == 0)
		reading->off = (node->of.erofs.tail_off + 7) / 8 * 8;
	reading->bytes.len = 0;
	rc = fs_read(reading->fs, node, take_bytes, &reading->bytes, err);
	if (rc == 0 && (want == NULL || reading->bytes.len != want->inode->content.size_bytes ||
			       memcmp(reading->bytes.data, want->inode->content.mem,
				       reading->bytes.len) != 0))
		return err_fail(err, -EINVAL, "%s: another content", path);
	return rc;
}

static int read_back(
	const struct buf *image, const struct tree *tree, struct reading *ret, struct err *err)
{
	FS_AUTO fs = {0};
	int rc = fs_open("erofs", image->data, image->len, "image", &fs, err);

	*ret = (struct reading){.fs = &fs, .tree = tree};
	if (rc == 0)
		rc = fs_walk(&fs, compare_file, ret, err);
	buf_done(&ret->bytes);
	return rc;
}

static void test_runs(const struct tree *tree, const struct buf *image, struct runs *runs)
{
	uint64_t blocks = 0;
	struct err err = {0};
	size_t n;

	is_int(runs_end(runs, &err), 0, "its runs");
	for (size_t i = 0; i < FILE_COUNT; i++) {
		const struct run *run = runs_find(runs, tree_find(tree, names[i])->inode, &n);

		ok(n == (i != 3), "%s is in one run, or in none when it is inline", names[i]);
		blocks += n > 0 ? run->count : 0;
	}
	ok(blocks > 0 && blocks * EROFS_BLOCK_SIZE < image->len, "runs are inside the image");
}

/* Bytes are a contract as long as the library is the same. */
static void test_golden(enum erofs_pack pack, const char *version, const char *golden)
{
	static const size_t threads[] = {1, 2, 5, 0};
	char hex[2 * SHA256_SIZE + 1];
	unsigned char sum[SHA256_SIZE];
	struct reading reading;
	RUNS_AUTO runs = {0};
	BUF_AUTO first = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};

	options.pack = pack;
	options.level = erofs_pack_level_default(pack);
	options.threads = 1;
	make_tree(&tree);
	is_int(image_of(&tree, &first, &runs, &err), 0, "an image");
	test_runs(&tree, &first, &runs);
	is_int(read_back(&first, &tree, &reading, &err), 0, "is read");
	ok(reading.files == FILE_COUNT && reading.compressed == 3,
		"what went in comes out, three of five files compressed: %s", err.msg);
	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		BUF_AUTO other = {0};

		options.threads = threads[i];
		ok(image_of(&tree, &other, NULL, &err) == 0 && other.len == first.len &&
				memcmp(other.data, first.data, first.len) == 0,
			"the same by %zu threads", threads[i]);
	}
	ok(digest_bytes(DIGEST_SHA256, first.data, first.len, sum, &err) == 0, "a digest");
	hex_encode(sum, sizeof(sum), hex);
	if (strcmp(erofs_pack_version(pack), version) == 0)
		is_str(hex, golden, "golden image");
	else
		tap_skip("golden image", "known for another version of the library");
}

static void test_clusters(void)
{
	TREE_AUTO tree = {0};
	struct reading reading;
	struct err err = {0};

	make_tree(&tree);
	for (uint32_t bytes = EROFS_PACK_CLUSTER_MIN; bytes <= EROFS_PACK_CLUSTER_MAX; bytes *= 2) {
		BUF_AUTO image = {0};

		options.cluster_bytes = bytes;
		ok(image_of(&tree, &image, NULL, &err) == 0 &&
				read_back(&image, &tree, &reading, &err) == 0,
			"clusters of %u bytes %s", bytes, err.msg);
	}
	options.cluster_bytes = CLUSTER;
}

static void refuse(const struct tree *tree, int code, const char *why)
{
	BUF_AUTO image = {0};
	struct err err = {0};

	is_int(image_of(tree, &image, NULL, &err), code, "it is refused");
	is_str(err.msg, why, "and says why");
}

static void test_writer_refuses(void)
{
	static const uint32_t clusters[] = {0, 4096, 12288, 2u << 20};
	struct tree_inode inode = {.type = TREE_FILE, .content = {.size_bytes = 50000}};
	struct spool closed = {.fd = -1};
	TREE_AUTO tree = {0};
	struct err err = {0};
	char text[128];

	make_tree(&tree);
	options.pack = EROFS_PACK_LZ4HC;
	for (int level = 0; level <= 13; level += 13) {
		options.level = level;
		snprintf(text, sizeof(text), "lz4hc has levels from 1 to 12, not %d", level);
		refuse(&tree, -EINVAL, text);
	}
	options.level = 9;
	for (size_t i = 0; i < sizeof(clusters) / sizeof(clusters[0]); i++) {
		options.cluster_bytes = clusters[i];
		snprintf(text, sizeof(text),
			"a cluster has a power of 2 from 8192 to 1048576 bytes, not %u",
			clusters[i]);
		refuse(&tree, -EINVAL, text);
	}
	options.cluster_bytes = CLUSTER;
	options.spool = &closed;
	refuse(&tree, -EBADF, "temporary file: Bad file descriptor");
	options.spool = &spool;
	inode.content.fd = memfd_create("content", MFD_CLOEXEC);
	ok(tree_add(&tree, "x", &inode, TREE_REFUSE, NULL, &err) == 0,
		"a content that is not there");
	refuse(&tree, -EBADMSG, "/x: ends at byte 0, 16384 bytes early");
	close(tree_find(&tree, "x")->inode->content.fd);
}

/* A change of the image, relative to the map of "lines" unless it is absolute. */
struct change {
	bool absolute;
	size_t at;
	const char *hex;
};

#define INDEX	    16u
#define SUPER(at)   true, 1024 + (at)
#define MAP(at)	    false, (at)
#define ENTRY(i, k) false, INDEX + 8 * (i) + (k)

static void test_reader_refuses(void)
{
	static const struct {
		struct change changes[2];
		int code;
		const char *why; /* behind the inode's number */
	} cases[] = {
		{{{MAP(7), "01"}}, -ENOTSUP, " has a map of an unknown kind (0x2, 0x1)"},
		{{{MAP(4), "4200"}}, -ENOTSUP, " has a map of an unknown kind (0x42, 0x0)"},
		{{{MAP(4), "2a00"}}, -EBADMSG, ": its tail is in two places"},
		{{{MAP(4), "0a00"}}, -EBADMSG, ": an inline tail that crosses a block"},
		{{{ENTRY(0, 0), "0200"}}, -EBADMSG, ": its map does not begin with a cluster"},
		{{{ENTRY(0, 2), "0100"}}, -EBADMSG, ": an extent outside of the file"},
		{{{ENTRY(4, 2), "0010"}}, -EBADMSG, ": an extent outside of the file"},
		{{{ENTRY(1, 4), "0100"}}, -EBADMSG, ": a cluster without its size"},
		{{{ENTRY(2, 4), "0108"}}, -EBADMSG, ": the size of no cluster"},
		{{{ENTRY(1, 4), "010a"}}, -EBADMSG, ": the size of no cluster"},
		{{{MAP(4), "0000"}}, -EBADMSG, ": the size of no cluster"},
		{{{ENTRY(0, 4), "ffffff00"}}, -EBADMSG, ": a cluster outside of the image"},
		{{{ENTRY(0, 0), "0000"}, {ENTRY(1, 4), "0100"}}, -EBADMSG,
			": an extent larger than it can be"},
		{{{ENTRY(0, 4), "01000000"}}, -EBADMSG, NULL},
		{{{MAP(6), "01"}}, -ENOTSUP,
			" is compressed by algorithm 1; only LZ4 and Zstandard are supported"},
		{{{MAP(6), "03"}}, -EBADMSG, ", byte 0: cannot be decompressed"},
		{{{SUPER(80), "02"}}, -EBADMSG,
			", byte 0: an empty cluster, or one of the first format"},
		{{{MAP(7), "80"}}, -EBADMSG, NULL},
		{{{MAP(0), "ffffff7f00000080"}, {SUPER(96), "24"}}, -EBADMSG, NULL},
	};
	struct reading reading;
	BUF_AUTO good = {0};
	TREE_AUTO tree = {0};
	struct err err = {0};

	options.pack = EROFS_PACK_LZ4HC;
	make_tree(&tree);
	ok(image_of(&tree, &good, NULL, &err) == 0 && read_back(&good, &tree, &reading, &err) == 0,
		"the good image");
	uint64_t map = reading.off;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BUF_AUTO bad = {0};
		const char *why;
		struct wr wr;

		buf_add(&bad, good.data, good.len);
		for (size_t k = 0; k < 2 && cases[i].changes[k].hex != NULL; k++) {
			const struct change *change = &cases[i].changes[k];

			if (!hex_decode(change->hex,
				    bad.data + change->at + (change->absolute ? 0 : map),
				    strlen(change->hex) / 2))
				abort();
		}
		wr = wr_init(bad.data + 1024 + 4, 4);
		wr_le32(&wr, erofs_super_checksum(bad.data));
		err = (struct err){0};
		is_int(read_back(&bad, &tree, &reading, &err), cases[i].code,
			"a bad image is refused");
		why = strstr(err.msg, "EROFS inode ");
		why = why != NULL ? why + strlen("EROFS inode ") : "";
		while (*why >= '0' && *why <= '9')
			why++;
		if (cases[i].why != NULL)
			is_str(why, cases[i].why, "and says why");
		else
			ok(*why != '\0', "and says why: %s", err.msg);
	}
	/* Cut behind the inode: what the file must have is not there. */
	for (size_t i = 0; i < 3; i++) {
		FS_AUTO fs = {0};
		struct erofs_node node;
		EROFS_MAP_AUTO file = {0};
		const uint64_t many[] = {UINT64_C(1) << 40, UINT64_C(1) << 62, UINT64_MAX};

		err = (struct err){0};
		ok(fs_open("erofs", good.data, good.len, "image", &fs, &err) == 0 &&
				erofs_node_read(&fs.erofs, (map - 32) / 32, &node, &err) == 0,
			"the inode of the file");
		node.inode.size_bytes = many[i];
		is_int(erofs_map_read(&fs.erofs, &node, &file, &err), -EBADMSG,
			"a size that no map is large enough for");
	}
}

int main(void)
{
	struct err err = {0};

	ok(spool_init(&spool, "/tmp", &err) == 0, "a spool");
	options = (struct write_erofs_options){
		.timestamp = TIME, .cluster_bytes = CLUSTER, .spool = &spool};
	memcpy(options.uuid, "0123456789abcdef", sizeof(options.uuid));
	test_golden(EROFS_PACK_LZ4HC, "1.9.4",
		"1d75952c9e50f556f2068023dc58bf3d19527323fe975c7c4b61d9c7c0f5953c");
	test_clusters();
	test_golden(EROFS_PACK_ZSTD, "1.5.4",
		"afdb570e9bae3ca3454f7b323b5b6744a03ca28bb740e3d83b4e59f83096ca09");
	test_clusters();
	test_writer_refuses();
	test_reader_refuses();
	spool_done(&spool);
	return tap_done();
}
