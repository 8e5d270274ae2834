/* The guest kernel (kernel.h). */
#define _GNU_SOURCE
#include "mkimage/kernel/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "formats/bzimage.h"
#include "formats/kconfig.h"
#include "lib/buf.h"
#include "mkimage/check/check-kernel.h"

#define IMAGE_PREFIX "vmlinuz-"

static bool launches(const struct recipe *recipe, const char *tee)
{
	for (size_t i = 0; i < recipe->launch_count; i++) {
		if (strcmp(recipe->launches[i].tee, tee) == 0)
			return true;
	}
	return false;
}

/* What decompresses the root; NULL when nothing has to. */
static const char *root_codec(const struct recipe *recipe)
{
	if (strcmp(recipe->rootfs.compression, "lz4hc") == 0)
		return "lz4";
	return strcmp(recipe->rootfs.compression, "zstd") == 0 ? "zstd" : NULL;
}

/* What the recipe makes of the kernel. */
static struct check_kernel_for purpose_of(const struct recipe *recipe)
{
	return (struct check_kernel_for){
		.flow = recipe->kernel.initrd ? CHECK_KERNEL_VERITY_INITRD
					      : CHECK_KERNEL_VERITY_DM_INIT,
		.snp = launches(recipe, "snp"),
		.tdx = launches(recipe, "tdx"),
		.gpt = strncmp(recipe->layout, "kata-", 5) != 0,
		.rootfs_type = recipe->rootfs.type,
		.rootfs_codec = root_codec(recipe),
		.initrd_codec = recipe->kernel.compression,
		.modules = (const char *const *)recipe->kernel.modules.items,
		.module_count = recipe->kernel.modules.count,
	};
}

static int add_warning(struct kernel *kernel, const char *line, struct err *err)
{
	char **grown = reallocarray(
		kernel->warnings, kernel->warning_count + 1, sizeof(*kernel->warnings));

	if (grown == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	kernel->warnings = grown;
	grown[kernel->warning_count] = strdup(line);
	if (grown[kernel->warning_count] == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	kernel->warning_count++;
	return 0;
}

/* What is missing is refused; the rest is kept for the manifest. */
int kernel_check(const struct kconfig *config, const struct recipe *recipe, struct kernel *ret,
	struct err *err)
{
	const struct check_kernel_for purpose = purpose_of(recipe);
	CHECK_KERNEL_AUTO findings = {0};
	int rc = check_kernel(config, &purpose, &findings, err);

	for (size_t i = 0; rc == 0 && i < findings.count; i++) {
		const struct check_kernel_finding *finding = &findings.items[i];

		if (finding->required)
			rc = err_fail(err, -EBADMSG, "kernel %s: %s",
				ret != NULL ? ret->version : "to be built", finding->text);
		else if (ret != NULL)
			rc = add_warning(ret, finding->text, err);
	}
	return rc;
}

static int read_content(const struct tree_node *node, const char *what, size_t max, struct buf *ret,
	struct err *err)
{
	uint64_t n = node->inode->content.size_bytes;

	if (n > max)
		return err_fail(err, -EFBIG, "%s: larger than %zu bytes", what, max);
	void *dst = buf_grow(ret, (size_t)n);
	int rc = buf_check(ret, err);

	return rc != 0 ? rc : tree_read(&node->inode->content, what, dst, (size_t)n, 0, err);
}

/* The one boot/vmlinuz-VERSION. */
static int find_image(const struct tree *tree, const struct tree_node **ret, struct err *err)
{
	const struct tree_node *boot = tree_resolve(tree, "boot");
	const struct tree_node *found = NULL;

	for (size_t i = 0; boot != NULL && i < boot->child_count; i++) {
		const struct tree_node *node = boot->children[i];

		if (node->inode->type != TREE_FILE ||
			strncmp(node->name, IMAGE_PREFIX, strlen(IMAGE_PREFIX)) != 0)
			continue;
		if (found != NULL)
			return err_fail(err, -EBADMSG, "two kernels: boot/%s and boot/%s",
				found->name, node->name);
		found = node;
	}
	if (found == NULL || found->name[strlen(IMAGE_PREFIX)] == '\0')
		return err_fail(err, -EBADMSG, "no boot/" IMAGE_PREFIX "VERSION in the packages");
	*ret = found;
	return 0;
}

/* The image must be a bzImage, and of the version that its name says. */
static int read_image(
	const struct tree_node *node, const char *version, struct buf *ret, struct err *err)
{
	struct bzimage bz;
	int rc = read_content(node, node->name, KERNEL_BYTES_MAX, ret, err);

	if (rc == 0)
		rc = bzimage_parse(ret->data, ret->len, &bz, err);
	if (rc != 0)
		return err_wrap(err, "boot/%s", node->name);
	size_t n = strlen(version);

	if (strncmp(bz.version, version, n) != 0 || (bz.version[n] != ' ' && bz.version[n] != '\0'))
		return err_fail(err, -EBADMSG, "boot/%s: its header says version %.100s",
			node->name, bz.version);
	return 0;
}

static int read_config(
	const struct tree *tree, const char *version, struct kconfig *ret, struct err *err)
{
	BUF_AUTO path = {0};
	BUF_AUTO text = {0};

	buf_fmt(&path, "boot/config-%s", version);
	int rc = buf_check(&path, err);

	if (rc != 0)
		return rc;
	const struct tree_node *node = tree_resolve(tree, buf_cstr(&path));

	if (node == NULL || node->inode->type != TREE_FILE)
		return err_fail(err, -EBADMSG, "%s is not there", buf_cstr(&path));
	rc = read_content(node, buf_cstr(&path), KCONFIG_BYTES_MAX, &text, err);
	return rc != 0 ? rc
		       : kconfig_parse(
				 text.data, text.len, KCONFIG_WHOLE, buf_cstr(&path), ret, err);
}

static const struct tree_node *find_modules(const struct tree *tree, const char *version)
{
	static const char *const dirs[] = {"usr/lib/modules", "lib/modules"};
	const struct tree_node *node = NULL;

	for (size_t i = 0; node == NULL && i < sizeof(dirs) / sizeof(*dirs); i++) {
		BUF_AUTO path = {0};

		buf_fmt(&path, "%s/%s", dirs[i], version);
		node = tree_resolve(tree, buf_cstr(&path));
	}
	return node != NULL && node->inode->type == TREE_DIR ? node : NULL;
}

/* modules_dir.read: @arg is the list of contents. */
static int read_module(void *arg, size_t i, struct buf *ret, struct err *err)
{
	const struct tree_content *const *contents = arg;
	uint64_t n = contents[i]->size_bytes;

	if (n > MODULES_BYTES_MAX)
		return err_fail(err, -EFBIG, "larger than %u bytes", MODULES_BYTES_MAX);
	void *dst = buf_grow(ret, (size_t)n);
	int rc = buf_check(ret, err);

	return rc != 0 ? rc : tree_read(contents[i], "module", dst, (size_t)n, 0, err);
}

/* The node after @node inside @top; NULL at its end. */
static const struct tree_node *next_below(
	const struct tree *tree, const struct tree_node *top, const struct tree_node *node)
{
	const struct tree_node *next = tree_next(tree, node);

	for (const struct tree_node *up = next; up != NULL; up = up->parent) {
		if (up == top)
			return next;
	}
	return NULL;
}

/* The lists that a modules_dir points to. */
struct module_files {
	char **paths;
	const struct tree_content **contents;
	size_t count;
};

static void module_files_done(struct module_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->paths[i]);
	free(files->paths);
	free(files->contents);
}

static int list_modules(const struct tree *tree, const struct tree_node *top,
	struct module_files *files, struct err *err)
{
	char path[TREE_PATH_MAX + 1];

	tree_path(top, path);
	size_t prefix = strlen(path) + 1, total = 0;

	for (const struct tree_node *node = top; node != NULL; node = next_below(tree, top, node))
		total += node->inode->type == TREE_FILE;
	files->paths = calloc(total + 1, sizeof(*files->paths));
	files->contents = calloc(total + 1, sizeof(*files->contents));
	if (files->paths == NULL || files->contents == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (const struct tree_node *node = top; node != NULL; node = next_below(tree, top, node)) {
		if (node->inode->type != TREE_FILE)
			continue;
		tree_path(node, path);
		files->contents[files->count] = &node->inode->content;
		files->paths[files->count] = strdup(path + prefix);
		if (files->paths[files->count] == NULL)
			return err_fail(err, -ENOMEM, "out of memory");
		files->count++;
	}
	return 0;
}

static int fill_modules(const struct tree *tree, struct kernel *kernel, struct err *err)
{
	__attribute__((cleanup(module_files_done))) struct module_files files = {0};
	const struct tree_node *top = find_modules(tree, kernel->version);

	if (top == NULL)
		return err_fail(
			err, -EBADMSG, "no modules of kernel %s in the packages", kernel->version);
	int rc = list_modules(tree, top, &files, err);

	if (rc != 0)
		return rc;
	kernel->modules = (struct modules_dir){
		.version = kernel->version,
		.paths = (const char *const *)files.paths,
		.count = files.count,
		.read = read_module,
		.arg = files.contents,
	};
	files = (struct module_files){0};
	return 0;
}

static int find_and_check(const struct tree *tree, const struct recipe *recipe,
	struct kernel *kernel, struct err *err)
{
	const struct tree_node *image;
	KCONFIG_AUTO config = {0};
	int rc = find_image(tree, &image, err);

	if (rc != 0)
		return rc;
	kernel->version = strdup(image->name + strlen(IMAGE_PREFIX));
	if (kernel->version == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = read_image(image, kernel->version, &kernel->image, err);
	if (rc == 0)
		rc = read_config(tree, kernel->version, &config, err);
	if (rc == 0)
		rc = fill_modules(tree, kernel, err);
	return rc != 0 ? rc : kernel_check(&config, recipe, kernel, err);
}

int kernel_find(
	const struct tree *tree, const struct recipe *recipe, struct kernel *ret, struct err *err)
{
	KERNEL_AUTO kernel = {0};
	int rc = find_and_check(tree, recipe, &kernel, err);

	if (rc != 0)
		return err_wrap(err, "%s", recipe->path);
	*ret = kernel;
	kernel = (struct kernel){0};
	return 0;
}

static int take(const struct recipe *recipe, struct buf *image, const char *what,
	const struct kconfig *config, struct kernel *kernel, struct err *err)
{
	struct bzimage bz;
	int rc = bzimage_parse(image->data, image->len, &bz, err);

	if (rc != 0)
		return err_wrap(err, "%s", what);
	kernel->version = strndup(bz.version, strcspn(bz.version, " "));
	if (kernel->version == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (kernel->version[0] == '\0')
		return err_fail(err, -EBADMSG, "%s: a bzImage that names no version", what);
	kernel->modules.version = kernel->version;
	rc = kernel_check(config, recipe, kernel, err);
	if (rc != 0)
		return rc;
	kernel->image = *image;
	*image = (struct buf){0};
	return 0;
}

int kernel_take(const struct recipe *recipe, struct buf *image, const char *what,
	const struct kconfig *config, struct kernel *ret, struct err *err)
{
	KERNEL_AUTO kernel = {0};
	int rc = take(recipe, image, what, config, &kernel, err);

	if (rc != 0)
		return rc;
	*ret = kernel;
	kernel = (struct kernel){0};
	return 0;
}

void kernel_done(struct kernel *kernel)
{
	struct module_files files = {
		(char **)(uintptr_t)kernel->modules.paths,
		kernel->modules.arg,
		kernel->modules.count,
	};

	module_files_done(&files);
	for (size_t i = 0; i < kernel->warning_count; i++)
		free(kernel->warnings[i]);
	free(kernel->warnings);
	free(kernel->version);
	buf_done(&kernel->image);
	kernel_build_done(&kernel->built);
	*kernel = (struct kernel){0};
}
