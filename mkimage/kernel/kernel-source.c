/* Kernels that are no package's (kernel-source.h). */
#define _GNU_SOURCE
#include "mkimage/kernel/kernel-source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/kconfig.h"
#include "lib/io.h"
#include "mkimage/kernel/ikconfig.h"
#include "mkimage/kernel/kernel-build.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/source-file.h"

#define FRAGMENT_BYTES_MAX (1u << 20)

bool kernel_source_applies(const struct recipe *recipe)
{
	return recipe->kernel.build.present || recipe->kernel.source.path != NULL;
}

static char *beside(const struct recipe *recipe, const char *path)
{
	const struct recipe_source source = {.path = (char *)(uintptr_t)path};

	return recipe_source_path(recipe, &source);
}

char *kernel_source_config_path(const struct recipe *recipe)
{
	return beside(recipe, recipe->kernel.build.config);
}

/* Finds @member of an archive, whose contents are in the spool. */
static int find_member(const struct source_archive *archive, const char *what, const char *member,
	struct tree_content *ret, struct err *err)
{
	const struct source_entry *entry = source_archive_find(archive, member);

	if (entry == NULL || entry->hard_link != NULL || entry->inode.type != TREE_FILE)
		return err_fail(err, -EBADMSG, "%s: has no file %s", what, member);
	*ret = (struct tree_content){.fd = entry->inode.content.fd,
		.off = entry->inode.content.off,
		.size_bytes = entry->inode.content.size_bytes};
	return 0;
}

/* The lock's one package of the kernel's set that the recipe names. */
static const struct lock_package *find_package(const struct kernel_source *source)
{
	const char *name = source->recipe->kernel.packages.install.items[0];

	for (size_t i = 0; i < source->lock->count; i++) {
		const struct lock_package *package = &source->lock->packages[i];

		if (strcmp(package->set, "kernel") == 0 && strcmp(package->name, name) == 0)
			return package;
	}
	return NULL;
}

static int open_packaged(
	const struct kernel_source *source, struct kernel_build *build, struct err *err)
{
	const char *member = source->recipe->kernel.member;
	const struct lock_package *package = find_package(source);
	struct source_options options = {.only = member, .limits = SOURCE_LIMITS_DEFAULT};
	SOURCE_DEB_AUTO deb = {0};
	AUTO_CLOSE int fd = -1;
	int rc;

	if (package == NULL)
		return err_fail(err, -EBADMSG, "%s: no %s in the set kernel", source->lock->path,
			source->recipe->kernel.packages.install.items[0]);
	options.what = package->name;
	rc = source->open(source->open_arg, package, &fd, err);
	if (rc == 0)
		rc = source_deb_read(fd, &options, source->spool, &deb, err);
	if (rc == 0)
		rc = find_member(&deb.data, package->name, member, &build->tarball, err);
	build->what = member;
	memcpy(build->source_sha256, package->sha256, SHA256_SIZE);
	return rc;
}

/* --- the build --- */

static int read_fragments(const struct recipe *recipe, struct buf *ret, struct err *err)
{
	const struct recipe_strings *fragments = &recipe->kernel.build.fragments;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < fragments->count; i++) {
		AUTO_FREE char *path = beside(recipe, fragments->items[i]);
		KCONFIG_AUTO fragment = {0};
		BUF_AUTO text = {0};

		if (path == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		rc = io_read_file(path, FRAGMENT_BYTES_MAX, &text, err);
		if (rc == 0)
			rc = kconfig_parse(
				text.data, text.len, KCONFIG_WHOLE, path, &fragment, err);
		buf_fmt(ret, "%s\n", buf_cstr(&text));
	}
	return rc != 0 ? rc : buf_check(ret, err);
}

/* What a build and the resolving of a configuration share: @run does either. */
struct job {
	const struct kernel_source *source;
	struct kernel_build build;
	struct buf fragments, config;
	char *config_path; /* owned */
	struct source_file file;
};

static void job_done(struct job *job)
{
	buf_done(&job->fragments);
	buf_done(&job->config);
	free(job->config_path);
	source_file_done(&job->file);
}

static int open_tarball(struct job *job, char **path, struct err *err)
{
	const struct recipe_kernel *kernel = &job->source->recipe->kernel;
	int rc;

	if (kernel->source.path == NULL)
		return open_packaged(job->source, &job->build, err);
	*path = recipe_source_path(job->source->recipe, &kernel->source);
	if (*path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = source_file_open(*path, kernel->source.sha256, &job->file, err);
	job->build.what = kernel->source.path;
	job->build.tarball = (struct tree_content){
		.fd = job->file.fd, .size_bytes = job->file.size_bytes};
	memcpy(job->build.source_sha256, kernel->source.sha256, SHA256_SIZE);
	return rc;
}

/* A file beside the recipe may have been written to since it was hashed. */
static int check_unchanged(const struct job *job, struct err *err)
{
	return job->file.fd >= 0 ? source_file_unchanged(&job->file, err) : 0;
}

static int job_begin(struct job *job, struct err *err)
{
	const struct kernel_source *source = job->source;
	int rc = read_fragments(source->recipe, &job->fragments, err);

	job->build.fragments = &job->fragments;
	job->build.config = &job->config;
	job->build.timestamp = source->recipe->timestamp;
	job->build.cache_dir = source->cache_dir;
	job->build.threads = source->threads;
	job->build.progress = source->progress;
	if (rc != 0)
		return rc;
	job->config_path = source->config_path != NULL ? strdup(source->config_path)
						       : kernel_source_config_path(source->recipe);
	job->build.config_path = job->config_path;
	return job->config_path != NULL ? 0 : err_fail(err, -ENOMEM, "out of memory");
}

int kernel_source_config(const struct kernel_source *source, struct buf *ret, struct err *err)
{
	__attribute__((cleanup(job_done))) struct job job = {.source = source, .file = {.fd = -1}};
	AUTO_FREE char *path = NULL;
	int rc = job_begin(&job, err);

	if (rc == 0)
		rc = open_tarball(&job, &path, err);
	if (rc == 0)
		rc = kernel_build_config(&job.build, ret, err);
	return rc != 0 ? rc : check_unchanged(&job, err);
}

static int build_kernel(const struct kernel_source *source, struct kernel *ret, struct err *err)
{
	__attribute__((cleanup(job_done))) struct job job = {.source = source, .file = {.fd = -1}};
	KERNEL_BUILD_AUTO built = {0};
	AUTO_FREE char *path = NULL;
	KCONFIG_AUTO config = {0};
	int rc = job_begin(&job, err);

	if (rc == 0)
		rc = io_read_file(job.config_path, KCONFIG_BYTES_MAX, &job.config, err);
	if (rc != 0)
		return err_wrap(err, "the resolved configuration, which assay lock writes");
	rc = kconfig_parse(
		job.config.data, job.config.len, KCONFIG_WHOLE, job.config_path, &config, err);
	if (rc == 0)
		rc = kernel_check(&config, source->recipe, NULL, err);
	if (rc == 0)
		rc = open_tarball(&job, &path, err);
	if (rc == 0)
		rc = kernel_build_run(&job.build, &built, err);
	if (rc == 0)
		rc = check_unchanged(&job, err);
	if (rc == 0)
		rc = kernel_take(source->recipe, &built.image, job.build.what, &config, ret, err);
	if (rc != 0)
		return rc;
	ret->built = built;
	built = (struct kernel_build_result){0};
	return 0;
}

/* --- a file, or an archive's --- */

static int read_archived(const struct kernel_source *source, const struct source_file *file,
	struct buf *ret, struct err *err)
{
	const char *member = source->recipe->kernel.member;
	struct source_options options = {
		.what = file->path, .only = member, .limits = SOURCE_LIMITS_DEFAULT};
	SOURCE_ARCHIVE_AUTO archive = {0};
	struct tree_content content;
	int rc = source_archive_read(
		file->fd, 0, file->size_bytes, &options, source->spool, &archive, err);

	if (rc == 0)
		rc = find_member(&archive, file->path, member, &content, err);
	if (rc == 0 && content.size_bytes > KERNEL_BYTES_MAX)
		rc = err_fail(err, -EFBIG, "%s: larger than %u bytes", member, KERNEL_BYTES_MAX);
	if (rc == 0 && buf_grow(ret, (size_t)content.size_bytes) == NULL)
		rc = err_fail(err, -ENOMEM, "out of memory");
	return rc != 0 ? rc
		       : tree_read(&content, member, ret->data, (size_t)content.size_bytes, 0, err);
}

static int read_image(const struct kernel_source *source, struct buf *ret, struct err *err)
{
	const struct recipe_kernel *kernel = &source->recipe->kernel;
	AUTO_FREE char *path = recipe_source_path(source->recipe, &kernel->source);
	SOURCE_FILE_AUTO file = {.fd = -1};
	int rc;

	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (kernel->member == NULL)
		return recipe_source_read(
			source->recipe, &kernel->source, KERNEL_BYTES_MAX, ret, err);
	rc = source_file_open(path, kernel->source.sha256, &file, err);
	if (rc == 0)
		rc = read_archived(source, &file, ret, err);
	return rc != 0 ? rc : source_file_unchanged(&file, err);
}

static int take_file(const struct kernel_source *source, struct kernel *ret, struct err *err)
{
	const struct recipe_kernel *kernel = &source->recipe->kernel;
	const char *what = kernel->member != NULL ? kernel->member : kernel->source.path;
	KCONFIG_AUTO config = {0};
	BUF_AUTO image = {0};
	BUF_AUTO text = {0};
	int rc = read_image(source, &image, err);

	if (rc == 0 && kernel->config.path != NULL)
		rc = recipe_source_read(
			source->recipe, &kernel->config, KCONFIG_BYTES_MAX, &text, err);
	if (rc == 0 && kernel->config.path != NULL)
		rc = kconfig_parse(
			text.data, text.len, KCONFIG_WHOLE, kernel->config.path, &config, err);
	else if (rc == 0)
		rc = ikconfig_read(image.data, image.len, what, &config, err);
	return rc != 0 ? rc : kernel_take(source->recipe, &image, what, &config, ret, err);
}

int kernel_source_get(const struct kernel_source *source, struct kernel *ret, struct err *err)
{
	int rc = source->recipe->kernel.build.present ? build_kernel(source, ret, err)
						      : take_file(source, ret, err);

	return rc != 0 ? err_wrap(err, "%s", source->recipe->path) : 0;
}

static int visit(const struct recipe *recipe, const char *role, const char *path,
	kernel_source_file_fn *fn, void *arg, struct err *err)
{
	AUTO_FREE char *whole = beside(recipe, path);

	if (whole == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	return fn(arg, role, whole, err);
}

int kernel_source_files(const struct recipe *recipe, const char *config_path,
	kernel_source_file_fn *fn, void *arg, struct err *err)
{
	const struct recipe_kernel *kernel = &recipe->kernel;
	int rc = 0;

	if (kernel->source.path != NULL)
		rc = visit(recipe, "kernel", kernel->source.path, fn, arg, err);
	if (rc == 0 && kernel->config.path != NULL)
		rc = visit(recipe, "kernel.config", kernel->config.path, fn, arg, err);
	for (size_t i = 0; rc == 0 && i < kernel->build.fragments.count; i++)
		rc = visit(recipe, kernel->build.fragments.items[i],
			kernel->build.fragments.items[i], fn, arg, err);
	if (rc != 0 || !kernel->build.present)
		return rc;
	return config_path != NULL
		       ? fn(arg, "kernel.config", config_path, err)
		       : visit(recipe, "kernel.config", kernel->build.config, fn, arg, err);
}
