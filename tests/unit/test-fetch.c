/* The cache: filled from file URLs, resumed, repaired, and never trusted. HTTP is for tests/cli/fetch.sh. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/source/fetch.h"
#include "tests/tap.h"

#define SIZE 300000

static char top[] = "/tmp/assay-test-XXXXXX";
static unsigned char content[SIZE];

static char *path_of(const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", top, name) < 0)
		exit(1);
	return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
	AUTO_FREE char *path = path_of(name);
	AUTO_FREE char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));
	struct err err = {0};

	if (io_mkdirs(dir, &err) != 0 || io_publish(path, bytes, n, &err) != 0) {
		printf("Bail out! %s\n", err.msg);
		exit(1);
	}
}

static bool exists(const char *name)
{
	AUTO_FREE char *path = path_of(name);

	return access(path, F_OK) == 0;
}

static char cached_name[200], part_name[210], other_name[200];

/* A lock of one package, with the digest of @content; archives of these names are served by no machine. */
static struct lock_package package = {.set = "rootfs",
	.name = "thing",
	.version = "1.0+b1",
	.architecture = "all",
	.suite = "s",
	.archive = "assay-test-archive",
	.path = "pool/thing_1.0+b1_all.deb",
	.size_bytes = SIZE};
static struct lock lock = {.path = "dir/recipe.lock", .packages = &package, .count = 1};

static void prepare(void)
{
	char hex[2 * SHA256_SIZE + 1];
	struct err err = {0};

	if (mkdtemp(top) == NULL)
		exit(1);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (unsigned char)(i * 7 + i / 251);
	if (digest_bytes(DIGEST_SHA256, content, SIZE, package.sha256, &err) != 0)
		exit(1);
	hex_encode(package.sha256, SHA256_SIZE, hex);
	snprintf(cached_name, sizeof(cached_name), "cache/sha256/%.2s/%s", hex, hex + 2);
	snprintf(part_name, sizeof(part_name), "%s.part", cached_name);
	snprintf(other_name, sizeof(other_name), "good/%s", package.path);
	put(other_name, content, SIZE);
	snprintf(other_name, sizeof(other_name), "short/%s", package.path);
	put(other_name, content, SIZE - 1);
	snprintf(other_name, sizeof(other_name), "wrong/%s", package.path);
	content[SIZE / 2] ^= 1;
	put(other_name, content, SIZE);
	content[SIZE / 2] ^= 1;
	snprintf(other_name, sizeof(other_name), "long/%s", package.path);
	put(other_name, content, SIZE);
	AUTO_FREE char *path = path_of(other_name);
	if (truncate(path, SIZE + 1) != 0)
		exit(1);
}

static uint64_t last_done, last_total;

static void on_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)what;
	last_done = done;
	last_total = total;
}

/* Fetches from the named directories, in order. */
static int fetch(struct fetch_cache *cache, const char *first, const char *second, struct err *err)
{
	static const struct progress progress = {.report = on_progress};
	char one[300], two[300];
	const char *mirrors[] = {one, two};

	snprintf(one, sizeof(one), "file://%s/%s", top, first);
	snprintf(two, sizeof(two), "assay-test-archive=file:%s/%s/", top,
		second != NULL ? second : "");
	return fetch_lock(cache, &lock, mirrors, second != NULL ? 2 : 1, &progress, err);
}

static bool is_whole(const struct fetch_cache *cache)
{
	AUTO_CLOSE int fd = -1;
	struct err err = {0};

	return fetch_open(cache, &package, &fd, &err) == 0 && fd >= 0;
}

static void drop(const char *name)
{
	AUTO_FREE char *path = path_of(name);

	unlink(path);
}

static void check_fill(struct fetch_cache *cache)
{
	struct err err = {0};
	int fd = -1;

	is_int(fetch_open(cache, &package, &fd, &err), -ENOENT, "an empty cache");
	is_str(err.msg, "thing 1.0+b1 is not in the cache; assay fetch gets it", "says what to do");
	is_int(fetch(cache, "good", NULL, &err), 0, "a package is fetched");
	ok(is_whole(cache) && exists(cached_name) && !exists(part_name), "under its digest");
	ok(last_done == SIZE && last_total == SIZE, "with progress");
	is_int(fetch(cache, "nothing", NULL, &err), 0, "and never asked for again");
}

static void check_damage(struct fetch_cache *cache)
{
	struct err err = {0};
	int fd = -1;

	content[0] ^= 1;
	put(cached_name, content, SIZE);
	content[0] ^= 1;
	is_int(fetch_open(cache, &package, &fd, &err), -EKEYREJECTED, "a flipped bit in the cache");
	ok(strstr(err.msg, "the cached thing 1.0+b1 is damaged; assay fetch replaces it: ") ==
			err.msg,
		"is told");
	put(cached_name, content, SIZE - 1);
	is_int(fetch_open(cache, &package, &fd, &err), -EKEYREJECTED, "a cached file cut short");
	ok(fd == -1, "nothing is opened");
	is_int(fetch(cache, "good", NULL, &err), 0, "is fetched again");
	ok(is_whole(cache), "and whole");
}

static void check_resume(struct fetch_cache *cache)
{
	struct err err = {0};

	drop(cached_name);
	put(part_name, content, 100000);
	is_int(fetch(cache, "good", NULL, &err), 0, "a part is resumed");
	ok(is_whole(cache) && !exists(part_name), "and becomes the file");
	drop(cached_name);
	put(part_name, content, SIZE);
	is_int(fetch(cache, "nothing", NULL, &err), 0, "a part that is all there");
	ok(is_whole(cache), "needs no mirror");
	drop(cached_name);
	put(part_name, content + 1, 100000);
	is_int(fetch(cache, "good", NULL, &err), 0, "a part of something else");
	ok(is_whole(cache), "is thrown away");
	drop(cached_name);
	put(part_name, content + 1, SIZE - 1);
	is_int(fetch(cache, "good", NULL, &err), 0, "a wrong part of almost the size");
	ok(is_whole(cache), "is thrown away");
	drop(cached_name);
	AUTO_FREE char *part = path_of(part_name);
	put(part_name, content, SIZE);
	ok(truncate(part, SIZE + 5) == 0, "a part longer than the file");
	is_int(fetch(cache, "good", NULL, &err), 0, "is fetched");
	ok(is_whole(cache), "is thrown away");
	drop(cached_name);
}

static void check_wrong(struct fetch_cache *cache)
{
	static const char *const mirrors[] = {"wrong", "short", "long"};
	struct err err = {0};

	for (size_t i = 0; i < 3; i++) {
		is_int(fetch(cache, mirrors[i], NULL, &err), -EKEYREJECTED, mirrors[i]);
		ok(strstr(err.msg, "not the bytes that the lock has for thing 1.0+b1") != NULL &&
				strstr(err.msg, "/pool/thing_1.0%2Bb1_all.deb: ") != NULL,
			"is told with its URL");
		ok(!exists(cached_name) && !exists(part_name), "and leaves nothing");
		is_int(fetch(cache, mirrors[i], "good", &err), 0, "another mirror has it");
		ok(is_whole(cache), "whole");
		drop(cached_name);
	}
}

static void check_missing(struct fetch_cache *cache)
{
	static const struct {
		const char *path, *message;
	} locks[] = {
		{"dir/recipe.lock", "lock again: assay lock dir"},
		{"out/x.lock", "lock again: assay lock RECIPE -o out/x.lock"},
	};
	struct err err = {0};

	for (size_t i = 0; i < 2; i++) {
		lock.path = (char *)locks[i].path;
		is_int(fetch(cache, "nothing", "nothing", &err), -ENODATA, "a file that has gone");
		ok(strstr(err.msg, "thing 1.0+b1 has gone from the archive assay-test-archive; ") ==
					err.msg &&
				strstr(err.msg, locks[i].message) != NULL,
			"names the package and the command");
	}
	is_int(fetch(cache, "nothing", "good", &err), 0, "another mirror has it");
	drop(cached_name);
	is_int(fetch(cache, "nothing", "wrong", &err), -EKEYREJECTED, "wrong bytes weigh more");
	is_int(fetch_lock(cache, &lock, NULL, 0, NULL, &err), -ENOENT, "no mirror at all");
	ok(strstr(err.msg, "--mirror assay-test-archive=URL") != NULL, "says how to name one");
	is_int(fetch_lock(cache, &lock, &(const char *){"ftp://host/x"}, 1, NULL, &err), -ENOENT,
		"a scheme that is not fetched");
	ok(strstr(err.msg, "no HTTP or file source for the archive") == err.msg, "is told");
}

/* A list of mirrors in a file, as apt's mirror method has it. */
static void check_list(struct fetch_cache *cache)
{
	BUF_AUTO text = {0};
	BUF_AUTO mirror = {0};
	const char *mirrors[1];
	struct err err = {0};

	buf_fmt(&text, "# mirrors\nfile:%s/nothing\tpriority:1\n\nfile:%s/good/\n", top, top);
	put("list", text.data, text.len);
	buf_fmt(&mirror, "mirror+file:%s/list", top);
	mirrors[0] = buf_cstr(&mirror);
	is_int(fetch_lock(cache, &lock, mirrors, 1, NULL, &err), 0, "a list of mirrors");
	ok(is_whole(cache), "gives the file");
	drop(cached_name);
	buf_str(&mirror, "-that-is-not-there");
	mirrors[0] = buf_cstr(&mirror);
	is_int(fetch_lock(cache, &lock, mirrors, 1, NULL, &err), -ENOENT, "no such list");
}

static void check_unwritable(void)
{
	struct fetch_cache cache = {0};
	struct err err = {0};

	put("plain", "x", 1);
	AUTO_FREE char *path = path_of("plain/cache");
	ok(fetch_cache_init(&cache, path, &err) != 0, "a cache that cannot be made");
	ok(cache.dir == NULL, "is none");
}

int main(void)
{
	FETCH_CACHE_AUTO cache = {0};
	struct err err = {0};

	prepare();
	AUTO_FREE char *dir = path_of("cache");
	is_int(fetch_cache_init(&cache, dir, &err), 0, "a cache");
	check_fill(&cache);
	check_damage(&cache);
	check_resume(&cache);
	check_wrong(&cache);
	check_missing(&cache);
	check_list(&cache);
	check_unwritable();
	ok(io_remove_tree(top, &err) == 0, "removed");
	return tap_done();
}
