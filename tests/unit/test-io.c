/* lib/io: bounded reading, and publishing that never leaves a name half-written. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "tests/tap.h"

/* The scratch directory, and a path in it (one at a time for each slot). */
static char scratch[] = "/tmp/assay-io-XXXXXX";

static const char *at(const char *name)
{
	static char slots[4][256];
	static int slot;
	char *path = slots[slot++ % 4];

	snprintf(path, sizeof(slots[0]), "%s/%s", scratch, name);
	return path;
}

static void must(int rc, const struct err *err)
{
	if (rc == 0)
		return;
	printf("Bail out! %s\n", err->msg);
	exit(1);
}

/* Makes a file by other means than the module under test. */
static void put(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) {
		printf("Bail out! cannot write %s\n", path);
		exit(1);
	}
}

static bool holds(const char *path, const char *want)
{
	char got[256];
	FILE *file = fopen(path, "rb");
	size_t n = file != NULL ? fread(got, 1, sizeof(got), file) : 0;

	if (file == NULL)
		return false;
	fclose(file);
	return n == strlen(want) && memcmp(got, want, n) == 0;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Entries of a directory, hidden ones too. */
static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n - 2;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void test_open(void)
{
	struct err err = {0};
	uint64_t size = 7;
	int fd = -7;

	put(at("five"), "12345", 5);
	is_int(io_open(at("five"), &fd, &size, &err), 0, "opens a file");
	ok(fd >= 0 && size == 5, "with its size");
	ok((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "that no child inherits");
	io_close(&fd);
	is_int(fd, -1, "closed");
	io_close(&fd);
	fd = -7;
	size = 7;
	is_int(io_open(at("none"), &fd, &size, &err), -ENOENT, "a file that is not there");
	ok(strstr(err.msg, "/none: No such file") != NULL, "is named: %s", err.msg);
	is_int(io_open(scratch, &fd, &size, &err), -EINVAL, "a directory is refused");
	ok(mkfifo(at("fifo"), 0600) == 0, "a pipe");
	is_int(io_open(at("fifo"), &fd, &size, &err), -EINVAL, "is refused without waiting");
	is_int(io_open("/dev/null", &fd, &size, &err), -EINVAL, "a device is refused");
	ok(fd == -7 && size == 7, "a failure returns nothing");
}

static void test_read(void)
{
	BUF_AUTO buf = {0};
	struct err err = {0};
	unsigned char bytes[4] = {0};
	uint64_t size;
	int fd;

	buf_str(&buf, "<");
	is_int(io_read_file(at("five"), 5, &buf, &err), 0, "a file of just the limit");
	is_str(buf_cstr(&buf), "<12345", "is appended");
	is_int(io_read_file(at("five"), 4, &buf, &err), -EFBIG, "one byte over the limit");
	ok(strstr(err.msg, "5 bytes, more than the limit of 4") != NULL, "with both numbers: %s",
		err.msg);
	is_int(io_read_file(at("none"), 4, &buf, &err), -ENOENT, "no file");
	is_str(buf_cstr(&buf), "<12345", "a failure appends nothing");
	put(at("empty"), "", 0);
	is_int(io_read_file(at("empty"), 0, &buf, &err), 0, "an empty file");
	must(io_open(at("five"), &fd, &size, &err), &err);
	is_int(io_pread(fd, "five", bytes, 4, 1, &err), 0, "the last bytes");
	ok(memcmp(bytes, "2345", 4) == 0, "are read");
	is_int(io_pread(fd, "five", bytes, 4, 2, &err), -EBADMSG, "one byte too many");
	is_str(err.msg, "five: ends at byte 5, 1 bytes early", "says where it ends");
	is_int(io_pread(fd, "five", bytes, 1, 100, &err), -EBADMSG, "behind the end");
	is_int(io_pread(fd, "five", bytes, 1, UINT64_MAX, &err), -EBADMSG, "at no file's offset");
	is_int(io_pread(fd, "five", bytes, 1, INT64_MAX, &err), -EBADMSG, "nor just there");
	is_int(io_pread(fd, "five", bytes, 0, 5, &err), 0, "nothing at the end");
	is_int(io_pwrite(fd, "five", "x", 1, 0, &err), -EBADF, "no writing to what is read");
	io_close(&fd);
	is_int(io_pread(-1, "closed", bytes, 1, 0, &err), -EBADF, "no reading from what is closed");
}

/* procfs says 0 bytes and has more; what counts is that nothing is read beyond the size that was checked. */
static void test_lying_size(void)
{
	BUF_AUTO buf = {0};
	struct err err = {0};

	is_int(io_read_file("/proc/self/status", 16, &buf, &err), 0, "a file larger than it says");
	ok(buf.len == 0, "is read as large as it said");
}

static void test_digest(void)
{
	/* NIST: a million letters a. */
	static const char want[] =
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	unsigned char value[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	char *letters = malloc(1000000);
	struct err err = {0};
	uint64_t size = 0;

	if (letters == NULL)
		exit(1);
	memset(letters, 'a', 1000000);
	put(at("million"), letters, 1000000);
	free(letters);
	must(io_digest_file(at("million"), DIGEST_SHA256, value, &size, &err), &err);
	hex_encode(value, sizeof(value), hex);
	is_str(hex, want, "the digest of a file of several chunks");
	is_int((long long)size, 1000000, "and its size");
	must(io_digest_file(at("empty"), DIGEST_SHA256, value, NULL, &err), &err);
	hex_encode(value, sizeof(value), hex);
	is_str(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"the digest of an empty file");
	is_int(io_digest_file(at("none"), DIGEST_SHA256, value, &size, &err), -ENOENT, "no file");
}

static void test_temp(void)
{
	struct err err = {0};
	int before = entries(scratch), fd = -7;
	char back[3] = {0};

	must(io_temp(scratch, &fd, &err), &err);
	is_int(entries(scratch), before, "a temporary file has no name");
	is_int(io_pwrite(fd, "temp", "xyz", 3, 10, &err), 0, "is written");
	ok(io_pread(fd, "temp", back, 3, 10, &err) == 0 && memcmp(back, "xyz", 3) == 0, "and read");
	is_int(io_pwrite(fd, "temp", "x", 1, UINT64_MAX, &err), -EFBIG, "at no file's offset");
	io_close(&fd);
	fd = -7;
	is_int(io_temp(at("none"), &fd, &err), -ENOENT, "no directory");
	ok(fd == -7, "returns nothing");
}

static void test_mkdirs(void)
{
	struct err err = {0};

	is_int(io_mkdirs(at("a/b/c"), &err), 0, "makes parents");
	is_int(io_mkdirs(at("a/b/c"), &err), 0, "twice");
	is_int(io_mkdirs(at("a//b/d/"), &err), 0, "stray slashes");
	ok(exists(at("a/b/c")) && exists(at("a/b/d")), "are there");
	is_int(io_mkdirs("/", &err), 0, "the root");
	is_int(io_mkdirs("", &err), 0, "nothing");
	is_int(io_mkdirs(at("five/x"), &err), -EEXIST, "below a file");
	is_int(io_mkdirs(at("five"), &err), -EEXIST, "a file is no directory");
	ok(symlink("a", at("link")) == 0 && io_mkdirs(at("link/e"), &err) == 0 && exists(at("a/e")),
		"through a link to a directory");
}

static void test_publish(void)
{
	struct err err = {0};
	int before;
	char *large = calloc(1, 300000);

	if (large == NULL)
		exit(1);
	umask(077);
	before = entries(scratch);
	is_int(io_publish(at("new"), "one", 3, &err), 0, "a new file");
	ok(holds(at("new"), "one") && mode_of(at("new")) == 0644, "whole, of mode 0644");
	is_int(io_publish(at("new"), "two!", 4, &err), 0, "replaced");
	ok(holds(at("new"), "two!"), "whole");
	is_int(io_publish(at("new"), "", 0, &err), 0, "replaced by nothing");
	ok(holds(at("new"), ""), "empty");
	is_int(io_publish(at("large"), large, 300000, &err), 0, "several chunks");
	is_int(entries(scratch), before + 2, "no temporary name is left");
	umask(022);
	free(large);

	before = entries(scratch);
	is_int(io_publish(at("none/file"), "x", 1, &err), -ENOENT, "into no directory");
	is_int(io_publish(at("a"), "x", 1, &err), -EINVAL, "over a directory");
	is_int(io_publish(at("fifo"), "x", 1, &err), -EINVAL, "over a pipe");
	ok(exists(at("fifo")), "which stays");
	is_int(io_publish(at("five/x"), "x", 1, &err), -ENOTDIR, "below a file");
	is_int(entries(scratch), before, "a failure leaves no name");
	ok(chdir(scratch) == 0 && io_publish("here", "x", 1, &err) == 0 && exists(at("here")),
		"a name without a directory");
	ok(symlink("five", at("to-five")) == 0 && io_publish(at("to-five"), "new", 3, &err) == 0 &&
			holds(at("to-five"), "new") && holds(at("five"), "12345"),
		"a link is replaced, not followed");
}

/* A disk that fills up: no file may grow beyond 64 KiB. */
static void test_full(void)
{
	const struct rlimit limit = {65536, 65536};
	pid_t child;
	int status = 0;

	put(at("kept"), "old", 3);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct err err = {0};
		STAGE_AUTO stage = {0};
		char *large = calloc(1, 100000);

		signal(SIGXFSZ, SIG_IGN);
		if (large == NULL || setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(1);
		if (io_publish(at("kept"), large, 100000, &err) != -EFBIG ||
			strstr(err.msg, "kept: File too large") == NULL)
			_exit(2);
		if (io_publish(at("full"), large, 100000, &err) != -EFBIG)
			_exit(3);
		if (io_stage_begin(&stage, at("full-set"), false, &err) != 0 ||
			io_stage_write(&stage, "large", large, 100000, &err) != -EFBIG)
			_exit(4);
		io_stage_done(&stage);
		_exit(0);
	}
	ok(child > 0 && waitpid(child, &status, 0) == child && status == 0,
		"a full disk is an error of the environment (status %#x)", (unsigned int)status);
	ok(holds(at("kept"), "old"), "the old file stays");
	ok(!exists(at("full")) && !exists(at("full-set")), "the new ones have no name");
}

static void test_stage(void)
{
	STAGE_AUTO stage = {0};
	struct err err = {0};
	int before;
	AUTO_FREE char *inside = NULL;

	io_stage_done(&stage);
	ok(mkdir(at("set-room"), 0755) == 0, "a directory");
	before = entries(at("set-room"));
	umask(077);
	must(io_stage_begin(&stage, at("set-room/deep/set/"), false, &err), &err);
	is_int(io_stage_write(&stage, "one", "1", 1, &err), 0, "a file");
	is_int(io_stage_write(&stage, "sub/dir/two", "22", 2, &err), 0, "a file in directories");
	is_int(io_stage_write(&stage, "one", "x", 1, &err), -EEXIST, "no file twice");
	inside = io_stage_path(&stage, "own");
	put(inside, "own", 3);
	ok(chmod(inside, 0777) == 0, "a file by other means");
	ok(!exists(at("set-room/deep/set")), "nothing has a name yet");
	is_int(io_stage_commit(&stage, &err), 0, "commits");
	io_stage_done(&stage);
	umask(022);
	ok(holds(at("set-room/deep/set/one"), "1") &&
			holds(at("set-room/deep/set/sub/dir/two"), "22") &&
			holds(at("set-room/deep/set/own"), "own"),
		"the set is there");
	ok(mode_of(at("set-room/deep/set")) == 0755 &&
			mode_of(at("set-room/deep/set/sub")) == 0755 &&
			mode_of(at("set-room/deep/set/one")) == 0644 &&
			mode_of(at("set-room/deep/set/own")) == 0644,
		"with modes that no umask changes");
	is_int(entries(at("set-room/deep")), before + 1, "and nothing else");
}

static void test_stage_exists(void)
{
	STAGE_AUTO stage = {0};
	struct err err = {0};

	is_int(io_stage_begin(&stage, at("set-room/deep/set"), false, &err), -EEXIST,
		"a set that exists is refused");
	io_stage_done(&stage);
	is_int(io_stage_begin(&stage, at("five"), true, &err), -EEXIST,
		"a file is not replaced by a set");
	io_stage_done(&stage);
	must(io_stage_begin(&stage, at("set-room/deep/set"), true, &err), &err);
	must(io_stage_write(&stage, "new", "n", 1, &err), &err);
	ok(exists(at("set-room/deep/set/one")), "the old set is there until the commit");
	is_int(io_stage_commit(&stage, &err), 0, "replaces");
	io_stage_done(&stage);
	ok(holds(at("set-room/deep/set/new"), "n") && !exists(at("set-room/deep/set/one")),
		"the new set alone");
	is_int(entries(at("set-room/deep")), 1, "the old one is gone");

	must(io_stage_begin(&stage, at("set-room/late"), false, &err), &err);
	must(io_stage_write(&stage, "new", "n", 1, &err), &err);
	ok(mkdir(at("set-room/late"), 0755) == 0, "somebody else takes the name meanwhile");
	is_int(io_stage_commit(&stage, &err), -EEXIST, "it is not taken from them");
	io_stage_done(&stage);
	is_int(entries(at("set-room/late")), 0, "theirs stays as it was");
	is_int(entries(at("set-room")), 2, "and no stage is left");
}

static void test_stage_names(void)
{
	static const char *const bad[] = {"", "/", "//", ".", "..", "x/.", "x/..", "x/../"};
	struct err err = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct io_stage stage = {0};

		ok(io_stage_begin(&stage, bad[i], true, &err) == -EINVAL,
			"\"%s\" is no name for a set", bad[i]);
		io_stage_done(&stage);
	}
}

static void test_stage_dropped(void)
{
	struct io_stage stage = {0};
	struct err err = {0};

	must(io_stage_begin(&stage, at("set-room/dropped"), false, &err), &err);
	must(io_stage_write(&stage, "sub/file", "x", 1, &err), &err);
	io_stage_done(&stage);
	ok(!exists(at("set-room/dropped")), "a set that is not committed has no name");
	is_int(entries(at("set-room")), 2, "and leaves nothing");
}

/* A child begins a stage for "killed" and dies without cleaning up. */
static void die_with_stage(void)
{
	pid_t child = fork();

	if (child == 0) {
		struct io_stage stage = {0};
		struct err err = {0};

		if (io_stage_begin(&stage, at("set-room/killed"), false, &err) == 0 &&
			io_stage_write(&stage, "sub/half", "x", 1, &err) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

static void test_stage_killed(void)
{
	STAGE_AUTO stage = {0};
	STAGE_AUTO other = {0};
	struct err err = {0};

	fflush(stdout);
	die_with_stage();
	ok(!exists(at("set-room/killed")), "a killed run leaves no name");
	is_int(entries(at("set-room")), 3, "but its stage");
	must(io_stage_begin(&other, at("set-room/kill"), false, &err), &err);
	is_int(entries(at("set-room")), 4, "a run for another name leaves it alone");
	must(io_stage_begin(&stage, at("set-room/killed"), false, &err), &err);
	is_int(entries(at("set-room")), 4, "the next run for that name sweeps it");
	io_stage_done(&other);
	must(io_stage_begin(&other, at("set-room/killed"), false, &err), &err);
	ok(exists(stage.path), "a stage in use is not swept");
	must(io_stage_commit(&other, &err), &err);
	is_int(io_stage_commit(&stage, &err), -EEXIST, "of two runs one wins");
}

static void test_stage_odd(void)
{
	STAGE_AUTO stage = {0};
	struct err err = {0};
	AUTO_FREE char *inside = NULL;

	must(io_stage_begin(&stage, at("odd"), false, &err), &err);
	inside = io_stage_path(&stage, "link");
	ok(symlink("/etc/passwd", inside) == 0, "a link in the stage");
	ok(io_stage_commit(&stage, &err) < 0, "is no file of the set: %s", err.msg);
	ok(!exists(at("odd")), "nothing appears");
}

static void test_remove(void)
{
	struct err err = {0};

	ok(mkdir(at("out"), 0755) == 0, "a directory outside");
	put(at("out/side"), "x", 1);
	must(io_mkdirs(at("tree/sub"), &err), &err);
	ok(symlink("../out", at("tree/link")) == 0, "a link out of the tree");
	is_int(io_remove_tree(at("tree"), &err), 0, "removed");
	ok(!exists(at("tree")) && exists(at("out/side")), "without following links");
	is_int(io_remove_tree(at("tree"), &err), -ENOENT, "nothing to remove");
}

int main(void)
{
	struct err err = {0};

	if (mkdtemp(scratch) == NULL)
		return 1;
	test_open();
	test_read();
	test_lying_size();
	test_digest();
	test_temp();
	test_mkdirs();
	test_publish();
	test_full();
	test_stage();
	test_stage_exists();
	test_stage_names();
	test_stage_dropped();
	test_stage_killed();
	test_stage_odd();
	test_remove();
	if (chdir("/") != 0 || io_remove_tree(scratch, &err) != 0)
		printf("# %s\n", err.msg);
	return tap_done();
}
