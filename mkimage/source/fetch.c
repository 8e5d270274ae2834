/*
 * The cache of locked files (fetch.h), filled over HTTP, HTTPS or from file URLs with libcurl.
 *
 * A file is received into NAME.part beside its place, which a later run resumes with a Range request, and gets its
 * name only after its size and SHA-256 were checked on what is on disk.
 */
#define _GNU_SOURCE
#include "mkimage/source/fetch.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "mkimage/source/apt.h"
#include "mkimage/source/libcurl.h"

#define CHUNK		(128u << 10)
#define REDIRECTS_MAX	8
#define CONNECT_SECONDS 30L
#define STALL_SECONDS	60L
#define MIRROR_LIST_MAX (64u << 10)
#define BASES_MAX	64 /* mirrors of one archive */
#define ATTEMPTS_MAX	8  /* requests for one file to one mirror */

/* Cache */

int fetch_cache_init(struct fetch_cache *cache, const char *dir, struct err *err)
{
	int rc = io_mkdirs(dir, err);

	if (rc != 0)
		return rc;
	cache->dir = strdup(dir);
	return cache->dir != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

void fetch_cache_done(struct fetch_cache *cache)
{
	free(cache->dir);
	cache->dir = NULL;
}

/* DIR/sha256/ab/cdef... */
static void place_of(
	const struct fetch_cache *cache, const struct lock_package *package, struct buf *ret)
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(package->sha256, SHA256_SIZE, hex);
	buf_fmt(ret, "%s/sha256/%.2s/%s", cache->dir, hex, hex + 2);
}

/* Compares size and digest of an open file with what the lock says; -EKEYREJECTED when they differ. */
static int check_bytes(
	int fd, const char *what, const struct lock_package *package, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	AUTO_FREE unsigned char *chunk = malloc(CHUNK);
	DIGEST_AUTO hash = {0};
	struct stat st;
	int rc;

	if (chunk == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (fstat(fd, &st) != 0)
		return err_sys(err, "%s", what);
	if ((uint64_t)st.st_size != package->size_bytes)
		return err_fail(err, -EKEYREJECTED, "%s: %llu bytes, the lock says %llu", what,
			(unsigned long long)st.st_size, (unsigned long long)package->size_bytes);
	rc = digest_init(&hash, DIGEST_SHA256, err);
	for (uint64_t off = 0; rc == 0 && off < package->size_bytes; off += CHUNK) {
		uint64_t left = package->size_bytes - off;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		rc = io_pread(fd, what, chunk, n, off, err);
		if (rc == 0)
			rc = digest_update(&hash, chunk, n, err);
	}
	if (rc == 0)
		rc = digest_end(&hash, digest, err);
	if (rc == 0 && memcmp(digest, package->sha256, sizeof(digest)) != 0)
		return err_fail(err, -EKEYREJECTED, "%s: sha256 differs from the lock's", what);
	return rc;
}

int fetch_open(const struct fetch_cache *cache, const struct lock_package *package, int *ret_fd,
	struct err *err)
{
	BUF_AUTO path = {0};
	AUTO_CLOSE int fd = -1;
	uint64_t size;
	int rc;

	place_of(cache, package, &path);
	rc = buf_check(&path, err);
	if (rc == 0)
		rc = io_open(buf_cstr(&path), &fd, &size, err);
	if (rc == -ENOENT)
		return err_fail(err, -ENOENT, "%s %s is not in the cache; assay fetch gets it",
			package->name, package->version);
	if (rc == 0)
		rc = check_bytes(fd, buf_cstr(&path), package, err);
	if (rc == -EKEYREJECTED)
		return err_wrap(err, "the cached %s %s is damaged; assay fetch replaces it",
			package->name, package->version);
	if (rc != 0)
		return rc;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Places */

/* Where files of one archive are had from: URLs that curl understands. */
struct place {
	const char *archive; /* borrowed from the lock */
	struct recipe_strings bases;
};

struct places {
	struct place *items; /* owned */
	size_t count;
	struct apt_machine machine;
	bool has_machine;
	const char *const *mirrors;
	size_t mirror_count;
};

static void places_done(struct places *places)
{
	for (size_t i = 0; i < places->count; i++) {
		for (size_t k = 0; k < places->items[i].bases.count; k++)
			free(places->items[i].bases.items[k]);
		free(places->items[i].bases.items);
	}
	free(places->items);
	apt_machine_done(&places->machine);
}

static int add_base(struct place *place, const char *uri, struct err *err)
{
	static const char *const schemes[] = {"http://", "https://", "file:/"};
	struct recipe_strings *bases = &place->bases;
	bool known = false;
	char **items, *base = NULL;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		known = known || strncmp(uri, schemes[i], strlen(schemes[i])) == 0;
	if (!known || bases->count == BASES_MAX)
		return 0;
	items = reallocarray(bases->items, bases->count + 1, sizeof(char *));
	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	bases->items = items;
	/* apt takes file:/path; a URL has an authority, if an empty one. */
	if (strncmp(uri, "file:/", 6) == 0 && strncmp(uri, "file://", 7) != 0)
		base = asprintf(&base, "file://%s", uri + 5) < 0 ? NULL : base;
	else
		base = strdup(uri);
	if (base == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	while (strlen(base) > 0 && base[strlen(base) - 1] == '/')
		base[strlen(base) - 1] = '\0';
	items[bases->count++] = base;
	return 0;
}

/* A source of the machine: a mirror list (apt-transport-mirror(1)) gives the URL at the start of each line. */
static int add_mirror(struct place *place, const char *uri, struct err *err)
{
	static const char list_scheme[] = "mirror+file:";
	BUF_AUTO text = {0};
	char *save = NULL;
	int rc;

	if (strncmp(uri, list_scheme, strlen(list_scheme)) != 0)
		return add_base(place, uri, err);
	rc = io_read_file(uri + strlen(list_scheme), MIRROR_LIST_MAX, &text, err);
	if (rc != 0 || text.len == 0)
		return rc;
	for (char *line = strtok_r((char *)text.data, "\n", &save); rc == 0 && line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, " \t\r")] = '\0';
		rc = add_base(place, line, err);
	}
	return rc;
}

static int fill_place(struct places *places, struct place *place, struct err *err)
{
	struct apt_sources sources = {0};
	int rc = apt_mirrors(&places->machine, places->mirrors, places->mirror_count,
		place->archive, &sources, err);

	for (size_t i = 0; rc == 0 && i < sources.count; i++)
		rc = add_mirror(place, sources.items[i].uri, err);
	apt_sources_done(&sources);
	if (rc == 0 && place->bases.count == 0)
		return err_fail(err, -ENOENT,
			"no HTTP or file source for the archive %s; name one: --mirror %s=URL",
			place->archive, place->archive);
	return rc;
}

static int place_for(
	struct places *places, const char *archive, const struct place **ret, struct err *err)
{
	struct place *items;
	int rc = 0;

	for (size_t i = 0; i < places->count; i++) {
		if (strcmp(places->items[i].archive, archive) == 0) {
			*ret = &places->items[i];
			return 0;
		}
	}
	if (!places->has_machine)
		rc = apt_machine_read(&places->machine, err);
	if (rc != 0)
		return rc;
	places->has_machine = true;
	items = reallocarray(places->items, places->count + 1, sizeof(*items));
	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	places->items = items;
	items[places->count] = (struct place){.archive = archive};
	rc = fill_place(places, &items[places->count++], err);
	*ret = &items[places->count - 1];
	return rc;
}

/* BASE/PATH. Some mirrors take a plus sign for a space, and curl would decode a per cent sign. */
static void url_of(const char *base, const char *path, struct buf *ret)
{
	buf_fmt(ret, "%s/", base);
	for (; *path != '\0'; path++) {
		if (*path == '+' || *path == '%')
			buf_fmt(ret, "%%%02X", (unsigned)*path);
		else
			buf_add(ret, path, 1);
	}
}

/* One transfer */

struct transfer {
	const struct libcurl *libcurl;
	CURL *curl;
	int fd;		  /* of NAME.part */
	const char *what; /* its path */
	const struct lock_package *package;
	const struct apt_machine *machine;
	uint64_t have; /* bytes of the file that are there */
	bool too_long;
	struct err store; /* why bytes could not be stored */
	char error[CURL_ERROR_SIZE];
	const struct progress *progress;
	uint64_t done, total; /* of the whole run: bytes of the packages before this one, of all */
};

/* What one mirror had for us, in the order in which a failure is worth telling. */
enum outcome {
	GOT_ALL,
	GOT_NOT_FOUND,
	GOT_ERROR, /* transfer->error tells */
	GOT_WRONG, /* bytes that are not the file's */
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t n = size * count;

	if (n > transfer->package->size_bytes - transfer->have) {
		transfer->too_long = true;
		return n + 1;
	}
	if (io_pwrite(transfer->fd, transfer->what, bytes, n, transfer->have, &transfer->store) !=
		0)
		return n + 1;
	transfer->have += n;
	progress_report(transfer->progress, transfer->package->name,
		transfer->done + transfer->have, transfer->total);
	return n;
}

/* "" is curl's word for no proxy and "DIRECT" is apt's; NULL leaves it to the environment. */
static const char *proxy_for(const struct apt_machine *machine, const char *url)
{
	const char *proxy = strncmp(url, "https:", 6) == 0 ? machine->https_proxy : NULL;

	proxy = proxy != NULL ? proxy : machine->http_proxy;
	return proxy != NULL && strcmp(proxy, "DIRECT") == 0 ? "" : proxy;
}

static int prepare(struct transfer *transfer, const char *url, struct err *err)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_FAILONERROR, 1},
		{CURLOPT_FOLLOWLOCATION, 1},
		{CURLOPT_MAXREDIRS, REDIRECTS_MAX},
		{CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS},
		{CURLOPT_LOW_SPEED_LIMIT, 1},
		{CURLOPT_LOW_SPEED_TIME, STALL_SECONDS},
		{CURLOPT_NOSIGNAL, 1},
	};
	const struct {
		CURLoption option;
		const void *value;
	} pointers[] = {
		{CURLOPT_URL, url},
		{CURLOPT_PROXY, proxy_for(transfer->machine, url)},
		{CURLOPT_CAINFO, transfer->machine->ca_info},
		{CURLOPT_PROTOCOLS_STR, "http,https,file"},
		{CURLOPT_REDIR_PROTOCOLS_STR, "http,https"},
		{CURLOPT_USERAGENT, "assay/" ASSAY_VERSION},
		{CURLOPT_WRITEDATA, transfer},
		{CURLOPT_ERRORBUFFER, transfer->error},
	};
	const struct libcurl *libcurl = transfer->libcurl;
	CURLcode code = libcurl->easy_setopt(transfer->curl, CURLOPT_WRITEFUNCTION, on_bytes);

	for (size_t i = 0; code == CURLE_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		code = libcurl->easy_setopt(transfer->curl, numbers[i].option, numbers[i].value);
	for (size_t i = 0; code == CURLE_OK && i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		if (pointers[i].value != NULL)
			code = libcurl->easy_setopt(
				transfer->curl, pointers[i].option, pointers[i].value);
	}
	if (code == CURLE_OK)
		code = libcurl->easy_setopt(
			transfer->curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)transfer->have);
	return code == CURLE_OK
		       ? 0
		       : err_fail(err, -ENOTSUP, "libcurl: %s", libcurl->easy_strerror(code));
}

static enum outcome outcome_of(struct transfer *transfer, CURLcode code)
{
	long status = 0;

	if (transfer->too_long)
		return GOT_WRONG;
	if (code == CURLE_OK)
		return transfer->have == transfer->package->size_bytes ? GOT_ALL : GOT_WRONG;
	/* The server has no ranges, or none where the part ends. */
	if (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME)
		return GOT_WRONG;
	if (code == CURLE_FILE_COULDNT_READ_FILE)
		return GOT_NOT_FOUND;
	if (code == CURLE_HTTP_RETURNED_ERROR)
		transfer->libcurl->easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 404 || status == 410)
		return GOT_NOT_FOUND;
	if (transfer->error[0] == '\0')
		snprintf(transfer->error, sizeof(transfer->error), "%s",
			transfer->libcurl->easy_strerror(code));
	return status == 416 ? GOT_WRONG : GOT_ERROR;
}

/* One request for what is missing. A negative code is this machine's failure, not the mirror's. */
static int request(struct transfer *transfer, const char *url, enum outcome *ret, struct err *err)
{
	CURLcode code;
	int rc;

	transfer->libcurl->easy_reset(transfer->curl);
	transfer->too_long = false;
	transfer->store = (struct err){0};
	transfer->error[0] = '\0';
	rc = prepare(transfer, url, err);
	if (rc != 0)
		return rc;
	code = transfer->libcurl->easy_perform(transfer->curl);
	if (transfer->store.code != 0)
		return err_fail(err, transfer->store.code, "%s", transfer->store.msg);
	*ret = outcome_of(transfer, code);
	return 0;
}

/* Judges a part that has the file's size: GOT_ALL, or GOT_WRONG. */
static int judge(struct transfer *transfer, enum outcome *ret, struct err *err)
{
	struct err why = {0};
	int rc = check_bytes(transfer->fd, transfer->what, transfer->package, &why);

	if (rc != 0 && rc != -EKEYREJECTED)
		return err_fail(err, rc, "%s", why.msg);
	*ret = rc == 0 ? GOT_ALL : GOT_WRONG;
	return 0;
}

static int start_over(struct transfer *transfer, struct err *err)
{
	transfer->have = 0;
	return ftruncate(transfer->fd, 0) == 0 ? 0 : err_sys(err, "%s", transfer->what);
}

/* Asks one mirror until it has nothing more to give. Wrong bytes after a resumption may be the part's fault, so the file is
 * then asked for once more from its start. */
static int from_mirror(
	struct transfer *transfer, const char *url, enum outcome *ret, struct err *err)
{
	int rc = 0;

	for (int attempt = 0; rc == 0 && attempt < ATTEMPTS_MAX; attempt++) {
		uint64_t had = transfer->have;

		*ret = GOT_ALL;
		if (had < transfer->package->size_bytes)
			rc = request(transfer, url, ret, err);
		if (rc == 0 && *ret == GOT_ALL)
			rc = judge(transfer, ret, err);
		if (rc == 0 && *ret == GOT_WRONG)
			rc = start_over(transfer, err);
		if (rc != 0 || *ret == GOT_ALL || *ret == GOT_NOT_FOUND)
			return rc;
		if (*ret == GOT_WRONG ? had == 0 : transfer->have == had)
			return 0;
	}
	return rc;
}

static int refuse(const struct transfer *transfer, enum outcome worst, const char *url,
	const char *relock, struct err *err)
{
	const struct lock_package *package = transfer->package;

	if (worst == GOT_NOT_FOUND)
		return err_fail(err, -ENODATA,
			"%s %s has gone from the archive %s; lock again: assay lock %s",
			package->name, package->version, package->archive, relock);
	if (worst == GOT_WRONG)
		return err_fail(err, -EKEYREJECTED, "%s: not the bytes that the lock has for %s %s",
			url, package->name, package->version);
	return err_fail(err, -EIO, "%s: %s", url, transfer->error);
}

static int from_place(
	struct transfer *transfer, const struct place *place, const char *relock, struct err *err)
{
	enum outcome worst = GOT_ALL, got = GOT_ALL;
	BUF_AUTO worst_url = {0};
	char error[CURL_ERROR_SIZE] = "";

	for (size_t i = 0; i < place->bases.count; i++) {
		BUF_AUTO url = {0};
		int rc;

		url_of(place->bases.items[i], transfer->package->path, &url);
		rc = buf_check(&url, err);
		if (rc == 0)
			rc = from_mirror(transfer, buf_cstr(&url), &got, err);
		if (rc != 0 || got == GOT_ALL)
			return rc;
		if (got <= worst)
			continue;
		worst = got;
		worst_url.len = 0;
		buf_str(&worst_url, buf_cstr(&url));
		memcpy(error, transfer->error, sizeof(error));
	}
	memcpy(transfer->error, error, sizeof(error));
	return refuse(transfer, worst, buf_cstr(&worst_url), relock, err);
}

/* The cache's side of a transfer */

static bool is_cached(const struct fetch_cache *cache, const struct lock_package *package)
{
	AUTO_CLOSE int fd = -1;
	struct err ignored = {0};

	return fetch_open(cache, package, &fd, &ignored) == 0;
}

/* Opens and locks NAME.part. Whoever waited for the lock may hold a file that has become NAME meanwhile. */
static int open_part(const char *path, int *ret_fd, uint64_t *ret_have, struct err *err)
{
	for (;;) {
		AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		struct stat ours, named;

		if (fd < 0)
			return err_sys(err, "%s", path);
		while (flock(fd, LOCK_EX) != 0) {
			if (errno != EINTR)
				return err_sys(err, "%s", path);
		}
		if (fstat(fd, &ours) != 0)
			return err_sys(err, "%s", path);
		if (stat(path, &named) != 0 || ours.st_ino != named.st_ino ||
			ours.st_dev != named.st_dev)
			continue;
		*ret_have = (uint64_t)ours.st_size;
		*ret_fd = fd;
		fd = -1;
		return 0;
	}
}

/* Gives a checked part its name. */
static int keep(const struct transfer *transfer, const char *path, const char *dir, struct err *err)
{
	AUTO_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fsync(transfer->fd) != 0 || rename(transfer->what, path) != 0)
		return err_sys(err, "%s", path);
	if (dir_fd < 0 || fsync(dir_fd) != 0)
		return err_sys(err, "%s", dir);
	return 0;
}

/* Gets one package that is_cached() did not find. */
static int fetch_package(const struct fetch_cache *cache, struct transfer *transfer,
	const struct place *place, const char *relock, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	BUF_AUTO path = {0};
	BUF_AUTO part = {0};
	BUF_AUTO dir = {0};
	int rc;

	place_of(cache, transfer->package, &path);
	buf_fmt(&part, "%s.part", buf_cstr(&path));
	buf_fmt(&dir, "%.*s",
		(int)(path.len > 0 ? strrchr((char *)path.data, '/') - (char *)path.data : 0),
		buf_cstr(&path));
	if (path.bad || part.bad || dir.bad)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = io_mkdirs(buf_cstr(&dir), err);
	if (rc == 0)
		rc = open_part(buf_cstr(&part), &fd, &transfer->have, err);
	if (rc != 0)
		return rc;
	transfer->fd = fd;
	transfer->what = buf_cstr(&part);
	if (is_cached(cache, transfer->package))
		return unlink(buf_cstr(&part)) == 0 ? 0 : err_sys(err, "%s", buf_cstr(&part));
	if (transfer->have > transfer->package->size_bytes)
		rc = start_over(transfer, err);
	if (rc == 0)
		rc = from_place(transfer, place, relock, err);
	if (rc == 0)
		return keep(transfer, buf_cstr(&path), buf_cstr(&dir), err);
	if (transfer->have == 0)
		unlink(buf_cstr(&part));
	return rc;
}

/* What `assay lock` takes to write @lock again. */
static void relock_arguments(const struct lock *lock, struct buf *ret)
{
	static const char name[] = "recipe.lock";
	size_t n = strlen(lock->path), tail = strlen(name);

	if (n > tail && strcmp(lock->path + n - tail, name) == 0 && lock->path[n - tail - 1] == '/')
		buf_fmt(ret, "%.*s", (int)(n - tail - 1), lock->path);
	else
		buf_fmt(ret, "RECIPE -o %s", lock->path);
}

static int fetch_missing(const struct fetch_cache *cache, const struct lock *lock,
	struct places *places, const bool *missing, struct transfer *transfer, struct err *err)
{
	BUF_AUTO relock = {0};
	int rc;

	relock_arguments(lock, &relock);
	rc = buf_check(&relock, err);
	for (size_t i = 0; rc == 0 && i < lock->count; i++) {
		const struct place *place = NULL;

		if (!missing[i])
			continue;
		transfer->package = &lock->packages[i];
		rc = place_for(places, lock->packages[i].archive, &place, err);
		transfer->machine = &places->machine;
		if (rc == 0)
			rc = fetch_package(cache, transfer, place, buf_cstr(&relock), err);
		transfer->done += lock->packages[i].size_bytes;
	}
	return rc;
}

int fetch_lock(const struct fetch_cache *cache, const struct lock *lock, const char *const *mirrors,
	size_t mirror_count, const struct progress *progress, struct err *err)
{
	AUTO_FREE bool *missing = calloc(lock->count + 1, sizeof(bool));
	struct places places = {.mirrors = mirrors, .mirror_count = mirror_count};
	struct transfer transfer = {.fd = -1, .progress = progress};
	int rc = 0;

	if (missing == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < lock->count; i++) {
		missing[i] = !is_cached(cache, &lock->packages[i]);
		transfer.total += missing[i] ? lock->packages[i].size_bytes : 0;
	}
	if (transfer.total == 0)
		return 0;
	rc = libcurl_load(&transfer.libcurl, err);
	if (rc != 0)
		return rc;
	if (transfer.libcurl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_fail(err, -EIO, "libcurl cannot start");
	transfer.curl = transfer.libcurl->easy_init();
	if (transfer.curl == NULL)
		rc = err_fail(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = fetch_missing(cache, lock, &places, missing, &transfer, err);
	transfer.libcurl->easy_cleanup(transfer.curl);
	transfer.libcurl->global_cleanup();
	places_done(&places);
	return rc;
}
