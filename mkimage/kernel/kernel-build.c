/*
 * Kernels from source (kernel-build.h). Linux Documentation/kbuild/reproducible-builds.rst names what must be fixed; the build is
 * done inside the source's own directory, so that no path but relative ones can reach the image.
 */
#define _GNU_SOURCE
#include "mkimage/kernel/kernel-build.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "formats/bzimage.h"
#include "formats/kconfig.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "lib/run.h"
#include "mkimage/kernel/ikconfig.h"
#include "mkimage/kernel/kernel.h"
#include "mkimage/source/extract.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/spool.h"

#define FORMAT	      "assay-kernel-build/1"
#define SEARCH_PATH   "/usr/bin:/bin:/usr/sbin:/sbin"
#define IMAGE	      "arch/x86/boot/bzImage"
#define OUTPUT_MAX    (64u << 20) /* of one run of make */
#define ARGS_MAX      32
#define ENTRIES_MAX   (1u << 18)
#define TARBALL_RATIO 64

/* A build under way: its directory, and the arguments of a program in it. */
struct work {
	const struct kernel_build *build;
	struct io_stage stage; /* never committed: it goes with the work */
	char *dir, *source;    /* owned: absolute */
	bool alone;	       /* without the network */
	const char *args[ARGS_MAX];
	char *owned[ARGS_MAX];
	size_t arg_count;
	bool bad;
};

static void args_clear(struct work *work)
{
	for (size_t i = 0; i < work->arg_count; i++) {
		free(work->owned[i]);
		work->owned[i] = NULL;
	}
	work->arg_count = 0;
}

static void work_done(struct work *work)
{
	args_clear(work);
	io_stage_done(&work->stage);
	free(work->dir);
	free(work->source);
}

static void PRINTF_LIKE(2, 3) arg(struct work *work, const char *fmt, ...)
{
	char *text = NULL;
	va_list list;
	int n;

	va_start(list, fmt);
	n = vasprintf(&text, fmt, list);
	va_end(list);
	if (n < 0 || work->arg_count + 1 >= ARGS_MAX) {
		work->bad = true;
		if (n >= 0)
			free(text);
		return;
	}
	work->owned[work->arg_count] = text;
	work->args[work->arg_count++] = text;
	work->args[work->arg_count] = NULL;
}

/* The environment of every program: this and nothing else. */
static void begin_args(struct work *work)
{
	args_clear(work);
	if (work->alone) {
		arg(work, "unshare");
		arg(work, "--map-current-user");
		arg(work, "--net");
	}
	arg(work, "env");
	arg(work, "-i");
	arg(work, "PATH=" SEARCH_PATH);
	arg(work, "HOME=/nonexistent");
	arg(work, "LC_ALL=C");
	arg(work, "TZ=UTC0");
}

static int run(struct work *work, struct run_result *ret, struct err *err)
{
	static const char *const nothing[] = {NULL};

	if (work->bad)
		return err_fail(err, -ENOMEM, "out of memory");
	return run_program(work->args, nothing, OUTPUT_MAX, ret, err);
}

static bool has_namespaces(void)
{
	static const char *const argv[] = {"unshare", "--map-current-user", "--net", "true", NULL};
	static const char *const nothing[] = {NULL};
	RUN_AUTO result = {0};
	struct err err = {0};

	return run_program(argv, nothing, 1u << 16, &result, &err) == 0 && result.status == 0;
}

/* The last line that speaks of an error, or the last one. */
static void last_words(const struct run_result *result, char *dst, size_t cap)
{
	const char *text = buf_cstr(result->err.len > 0 ? &result->err : &result->out);
	const char *best = "", *last = "";

	for (const char *line = text; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		if (n > 0)
			last = line;
		if (memmem(line, n, "rror", 4) != NULL && memmem(line, n, "make", 4) == NULL)
			best = line;
		line += n + (line[n] == '\n');
	}
	best = *best != '\0' ? best : last;
	snprintf(dst, cap, "%.*s", (int)strcspn(best, "\n"), best);
}

/* Keeps what a failed run has said. */
static void write_log(const struct work *work, const struct run_result *result)
{
	BUF_AUTO path = {0};
	BUF_AUTO text = {0};
	struct err ignored = {0};

	buf_fmt(&path, "%s/kernel-build.log", work->build->cache_dir);
	buf_add(&text, result->out.data, result->out.len);
	buf_add(&text, result->err.data, result->err.len);
	if (path.bad || text.bad || io_publish(buf_cstr(&path), text.data, text.len, &ignored) != 0)
		return;
}

/* Sun Nov  1 00:00:00 UTC 2026, as date(1) and the kernel's own banner have it. */
static int format_time(uint64_t timestamp, char *dst, size_t cap, struct err *err)
{
	time_t seconds = (time_t)timestamp;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
		strftime(dst, cap, "%a %b %e %H:%M:%S UTC %Y", &tm) == 0)
		return err_fail(err, -EINVAL, "timestamp %" PRIu64 " is no time", timestamp);
	return 0;
}

static int make(struct work *work, const char *target, struct err *err)
{
	size_t threads = work->build->threads > 0 ? work->build->threads : pool_threads();
	RUN_AUTO result = {0};
	char when[64], words[200];
	int rc = format_time(work->build->timestamp, when, sizeof(when), err);

	if (rc != 0)
		return rc;
	begin_args(work);
	arg(work, "TMPDIR=%s", work->dir);
	arg(work, "SOURCE_DATE_EPOCH=%" PRIu64, work->build->timestamp);
	arg(work, "KBUILD_BUILD_TIMESTAMP=%s", when);
	arg(work, "KBUILD_BUILD_USER=assay");
	arg(work, "KBUILD_BUILD_HOST=assay");
	arg(work, "KBUILD_BUILD_VERSION=1");
	arg(work, "KCONFIG_ALLCONFIG=%s/fragments.config", work->dir);
	arg(work, "make");
	arg(work, "-s");
	arg(work, "-C");
	arg(work, "%s", work->source);
	arg(work, "-j%zu", threads);
	arg(work, "ARCH=x86_64");
	arg(work, "LOCALVERSION=");
	/* Kconfig looks for these, and whether they are there would show in the configuration. */
	arg(work, "RUSTC=/nonexistent/rustc");
	arg(work, "BINDGEN=/nonexistent/bindgen");
	arg(work, "PAHOLE=/nonexistent/pahole");
	arg(work, "%s", target);
	rc = run(work, &result, err);
	if (rc != 0 || result.status == 0)
		return rc;
	write_log(work, &result);
	last_words(&result, words, sizeof(words));
	return err_fail(err, result.status == 127 ? -ENOENT : -EIO,
		"%s: make %s: status %d: %s (%s/kernel-build.log)", work->build->what, target,
		result.status, words, work->build->cache_dir);
}

/* --- the source --- */

static int unpack_source(struct work *work, struct err *err)
{
	const struct kernel_build *build = work->build;
	struct source_options options = {.what = build->what, .limits = SOURCE_LIMITS_DEFAULT};
	SOURCE_ARCHIVE_AUTO archive = {0};
	SPOOL_AUTO spool = {.fd = -1};
	int rc = spool_init(&spool, work->stage.path, err);

	options.limits.entries_max = ENTRIES_MAX;
	options.limits.ratio_max = TARBALL_RATIO;
	progress_report(build->progress, "kernel: unpacking its source", 0, 0);
	if (rc == 0)
		rc = source_archive_read(build->tarball.fd, build->tarball.off,
			build->tarball.size_bytes, &options, &spool, &archive, err);
	if (rc == 0)
		rc = io_mkdirs(work->source, err);
	return rc != 0 ? rc : extract_archive(&archive, build->what, work->source, err);
}

static int begin(struct work *work, struct err *err)
{
	const struct kernel_build *build = work->build;
	BUF_AUTO path = {0};
	int rc;

	buf_fmt(&path, "%s/kernel-build", build->cache_dir);
	rc = buf_check(&path, err);
	if (rc == 0)
		rc = io_stage_begin(&work->stage, buf_cstr(&path), true, err);
	if (rc != 0)
		return rc;
	work->dir = realpath(work->stage.path, NULL);
	if (work->dir == NULL)
		return err_sys(err, "%s", work->stage.path);
	if (asprintf(&work->source, "%s/linux", work->dir) < 0) {
		work->source = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	work->alone = has_namespaces();
	/* Before the source: what is flushed here would flush all of that too. */
	rc = io_stage_write(&work->stage, "fragments.config", build->fragments->data,
		build->fragments->len, err);
	return rc != 0 ? rc : unpack_source(work, err);
}

/* --- the configuration --- */

/* Every line of the fragments must have come out as it was asked for. */
static int check_fragments(
	const struct kernel_build *build, const struct kconfig *resolved, struct err *err)
{
	KCONFIG_AUTO asked = {0};
	int rc = kconfig_parse(build->fragments->data, build->fragments->len, KCONFIG_FRAGMENTS,
		"fragments", &asked, err);

	for (size_t i = 0; rc == 0 && i < asked.count; i++) {
		const struct kconfig_option *option = &asked.options[i];
		const char *got = kconfig_value(resolved, option->name);

		if (strcmp(got, option->value) != 0)
			return err_fail(err, -EBADMSG,
				"%s: a fragment says CONFIG_%s=%.60s, and this source makes it "
				"%.60s "
				"(what it depends on is not set, or it is not there)",
				build->what, option->name, option->value, got);
	}
	return rc;
}

static int resolve(struct work *work, struct buf *ret, struct err *err)
{
	const struct kernel_build *build = work->build;
	AUTO_FREE char *path = NULL;
	KCONFIG_AUTO resolved = {0};
	BUF_AUTO text = {0};
	int rc;

	progress_report(build->progress, "kernel: resolving its configuration", 0, 0);
	rc = make(work, "allnoconfig", err);
	if (rc != 0)
		return rc;
	if (asprintf(&path, "%s/.config", work->source) < 0) {
		path = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	rc = io_read_file(path, KCONFIG_BYTES_MAX, &text, err);
	if (rc == 0)
		rc = kconfig_parse(text.data, text.len, KCONFIG_WHOLE, path, &resolved, err);
	if (rc == 0)
		rc = check_fragments(build, &resolved, err);
	if (rc != 0)
		return rc;
	buf_add(ret, text.data, text.len);
	return buf_check(ret, err);
}

/* The first option by name whose value is not the same in both; NULL when all are. */
static const char *first_difference(const struct kconfig *a, const struct kconfig *b)
{
	const struct kconfig *both[] = {a, b};
	const char *first = NULL;

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < both[k]->count; i++) {
			const char *name = both[k]->options[i].name;

			if (strcmp(kconfig_value(a, name), kconfig_value(b, name)) == 0 ||
				(first != NULL && strcmp(name, first) >= 0))
				continue;
			first = name;
		}
	}
	return first;
}

/* Refuses a resolved configuration that is not the locked one. */
static int check_drift(const struct kernel_build *build, const struct buf *text, struct err *err)
{
	KCONFIG_AUTO resolved = {0};
	KCONFIG_AUTO locked = {0};
	const char *name;
	int rc;

	if (text->len == build->config->len &&
		memcmp(text->data, build->config->data, text->len) == 0)
		return 0;
	rc = kconfig_parse(text->data, text->len, KCONFIG_WHOLE, "resolved", &resolved, err);
	if (rc == 0)
		rc = kconfig_parse(build->config->data, build->config->len, KCONFIG_WHOLE,
			build->config_path, &locked, err);
	if (rc != 0)
		return rc;
	name = first_difference(&resolved, &locked);
	if (name == NULL)
		return err_fail(err, -EKEYREJECTED,
			"%s: not what the fragments resolve to, though in comments alone (assay "
			"lock "
			"writes it)",
			build->config_path);
	return err_fail(err, -EKEYREJECTED,
		"%s: CONFIG_%s is %.80s there, and with this source and these tools it comes out "
		"as "
		"%.80s (assay lock writes it)",
		build->config_path, name, kconfig_value(&locked, name),
		kconfig_value(&resolved, name));
}

int kernel_build_config(const struct kernel_build *build, struct buf *ret, struct err *err)
{
	__attribute__((cleanup(work_done))) struct work work = {
		.build = build, .stage = {.lock_fd = -1}};
	int rc = begin(&work, err);

	return rc != 0 ? rc : resolve(&work, ret, err);
}

/* --- the tools --- */

/* What compresses the payload. */
static const struct compressor {
	const char *option, *program;
} compressors[] = {
	{"KERNEL_GZIP", "gzip"},
	{"KERNEL_XZ", "xz"},
	{"KERNEL_ZSTD", "zstd"},
	{"KERNEL_LZMA", "lzma"},
	{"KERNEL_LZ4", "lz4"},
	{"KERNEL_BZIP2", "bzip2"},
	{"KERNEL_LZO", "lzop"},
};

static const char *compressor_of(const struct kconfig *config)
{
	for (size_t i = 0; i < sizeof(compressors) / sizeof(*compressors); i++) {
		if (kconfig_tristate(config, compressors[i].option) == 'y')
			return compressors[i].program;
	}
	return NULL;
}

/* The first line of what a program writes, malloc'ed. */
static int first_line(struct work *work, const char *what, char **ret, struct err *err)
{
	RUN_AUTO result = {0};
	const char *text;
	int rc = run(work, &result, err);

	if (rc == 0 && result.status != 0)
		rc = err_fail(err, -ENOENT, "building a kernel takes %s, which is not here", what);
	if (rc != 0)
		return rc;
	text = buf_cstr(&result.out);
	*ret = strndup(text, strcspn(text, "\n"));
	return *ret != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

/* Where the program is: what gcc calls for it, or what the search path has. */
static int find_program(struct work *work, const char *name, char **ret, struct err *err)
{
	static const char *const of_gcc[] = {"cc1", "as", "ld"};
	AUTO_FREE char *path = NULL;
	bool asks_gcc = false;
	int rc = 0;

	for (size_t i = 0; i < sizeof(of_gcc) / sizeof(*of_gcc); i++)
		asks_gcc = asks_gcc || strcmp(name, of_gcc[i]) == 0;
	if (asks_gcc) {
		begin_args(work);
		arg(work, "gcc");
		arg(work, "-print-prog-name=%s", name);
		rc = first_line(work, "gcc", &path, err);
	}
	if (rc != 0)
		return rc;
	begin_args(work);
	arg(work, "sh");
	arg(work, "-c");
	arg(work, "readlink -f \"$(command -v \"$1\")\"");
	arg(work, "sh");
	arg(work, "%s", path != NULL ? path : name);
	return first_line(work, name, ret, err);
}

static int add_tool(
	struct work *work, const char *name, struct kernel_build_result *result, struct err *err)
{
	struct kernel_build_tool *tool = &result->tools[result->tool_count];
	AUTO_FREE char *path = NULL;
	int rc = find_program(work, name, &path, err);

	if (rc != 0)
		return rc;
	result->tool_count++;
	tool->name = strdup(name);
	if (tool->name == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	begin_args(work);
	arg(work, "%s", path);
	arg(work, "--version");
	rc = first_line(work, name, &tool->version, err);
	return rc != 0 ? rc : io_digest_file(path, DIGEST_SHA256, tool->sha256, NULL, err);
}

static int find_tools(struct work *work, struct kernel_build_result *result, struct err *err)
{
	static const char *const names[] = {"gcc", "cc1", "as", "ld", "objcopy"};
	const struct kernel_build *build = work->build;
	KCONFIG_AUTO config = {0};
	const char *compressor;
	int rc = kconfig_parse(build->config->data, build->config->len, KCONFIG_WHOLE,
		build->config_path, &config, err);

	for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(*names); i++)
		rc = add_tool(work, names[i], result, err);
	compressor = rc == 0 ? compressor_of(&config) : NULL;
	return compressor != NULL ? add_tool(work, compressor, result, err) : rc;
}

/* --- results that are kept --- */

static void add_hex(struct buf *text, const char *label, const unsigned char sha256[SHA256_SIZE])
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(sha256, SHA256_SIZE, hex);
	buf_fmt(text, "%s %s\n", label, hex);
}

/* The place of the result for all that decides it, malloc'ed. */
static int cache_path(const struct kernel_build *build, const struct kernel_build_result *result,
	char **ret, struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	BUF_AUTO text = {0};
	int rc = digest_bytes(
		DIGEST_SHA256, build->fragments->data, build->fragments->len, digest, err);

	buf_fmt(&text, "%s\ntimestamp %" PRIu64 "\n", FORMAT, build->timestamp);
	add_hex(&text, "source", build->source_sha256);
	add_hex(&text, "fragments", digest);
	if (rc == 0)
		rc = digest_bytes(
			DIGEST_SHA256, build->config->data, build->config->len, digest, err);
	add_hex(&text, "config", digest);
	for (size_t i = 0; i < result->tool_count; i++) {
		buf_fmt(&text, "tool %s\n", result->tools[i].version);
		add_hex(&text, result->tools[i].name, result->tools[i].sha256);
	}
	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, text.data, text.len, digest, err);
	if (rc != 0)
		return rc;
	hex_encode(digest, sizeof(digest), hex);
	if (asprintf(ret, "%s/kernel/%s", build->cache_dir, hex) < 0) {
		*ret = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* Kept results are the image and behind it its SHA-256: one that was cut or damaged does not count. */
static bool load_kept(const char *path, struct buf *ret)
{
	unsigned char digest[SHA256_SIZE];
	struct err ignored = {0};
	BUF_AUTO bytes = {0};

	if (io_read_file(path, KERNEL_BYTES_MAX + SHA256_SIZE, &bytes, &ignored) != 0 ||
		bytes.len <= SHA256_SIZE)
		return false;
	bytes.len -= SHA256_SIZE;
	if (digest_bytes(DIGEST_SHA256, bytes.data, bytes.len, digest, &ignored) != 0 ||
		memcmp(digest, bytes.data + bytes.len, SHA256_SIZE) != 0)
		return false;
	buf_add(ret, bytes.data, bytes.len);
	return !ret->bad;
}

static int keep(const struct kernel_build *build, const char *path, const struct buf *image,
	struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	BUF_AUTO bytes = {0};
	BUF_AUTO dir = {0};
	int rc = digest_bytes(DIGEST_SHA256, image->data, image->len, digest, err);

	buf_add(&bytes, image->data, image->len);
	buf_add(&bytes, digest, sizeof(digest));
	buf_fmt(&dir, "%s/kernel", build->cache_dir);
	if (rc == 0)
		rc = buf_check(&bytes, err);
	if (rc == 0)
		rc = buf_check(&dir, err);
	if (rc == 0)
		rc = io_mkdirs(buf_cstr(&dir), err);
	return rc != 0 ? rc : io_publish(path, bytes.data, bytes.len, err);
}

/* --- the build --- */

static int compile(struct work *work, struct buf *ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	BUF_AUTO config = {0};
	struct bzimage bz;
	int rc = resolve(work, &config, err);

	if (rc == 0)
		rc = check_drift(work->build, &config, err);
	progress_report(work->build->progress, "kernel: compiling", 0, 0);
	if (rc == 0)
		rc = make(work, "bzImage", err);
	if (rc != 0)
		return rc;
	if (asprintf(&path, "%s/" IMAGE, work->source) < 0) {
		path = NULL;
		return err_fail(err, -ENOMEM, "out of memory");
	}
	rc = io_read_file(path, KERNEL_BYTES_MAX, ret, err);
	return rc != 0 ? rc : bzimage_parse(ret->data, ret->len, &bz, err);
}

static int build_or_load(struct work *work, struct kernel_build_result *result, struct err *err)
{
	AUTO_FREE char *kept = NULL;
	int rc = find_tools(work, result, err);

	if (rc == 0)
		rc = cache_path(work->build, result, &kept, err);
	if (rc != 0)
		return rc;
	result->cached = load_kept(kept, &result->image);
	if (result->cached)
		return 0;
	rc = begin(work, err);
	if (rc == 0)
		rc = compile(work, &result->image, err);
	result->networked = !work->alone;
	io_stage_done(&work->stage); /* nothing of it needs to reach the disk */
	return rc != 0 ? rc : keep(work->build, kept, &result->image, err);
}

int kernel_build_run(
	const struct kernel_build *build, struct kernel_build_result *ret, struct err *err)
{
	__attribute__((cleanup(work_done))) struct work work = {
		.build = build, .stage = {.lock_fd = -1}};
	KERNEL_BUILD_AUTO result = {0};
	int rc = build_or_load(&work, &result, err);

	if (rc != 0)
		return rc;
	*ret = result;
	result = (struct kernel_build_result){0};
	return 0;
}

void kernel_build_done(struct kernel_build_result *result)
{
	for (size_t i = 0; i < result->tool_count; i++) {
		free(result->tools[i].name);
		free(result->tools[i].version);
	}
	buf_done(&result->image);
	*result = (struct kernel_build_result){0};
}
