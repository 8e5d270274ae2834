/* The image half of `assay build` (build.h). */
#define _GNU_SOURCE
#include "mkimage/build.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "initrd/initrd.h"
#include "lib/hex.h"
#include "lib/pool.h"
#include "mkimage/check/check-elf.h"
#include "mkimage/check/check-extension.h"
#include "mkimage/check/check-modules.h"
#include "mkimage/check/check-secrets.h"
#include "mkimage/check/check-units.h"
#include "mkimage/fs/digests.h"
#include "mkimage/fs/disk.h"
#include "mkimage/fs/esp.h"
#include "mkimage/fs/sign-root.h"
#include "mkimage/fs/write-ext4.h"
#include "mkimage/kata-config.h"
#include "mkimage/kernel/kernel-source.h"
#include "mkimage/kernel/kernel.h"
#include "mkimage/kernel/uki.h"
#include "mkimage/manifest.h"
#include "mkimage/recipe/steps.h"
#include "mkimage/sbom.h"
#include "mkimage/source/source-deb.h"
#include "mkimage/source/sources.h"
#include "mkimage/source/spool.h"

#define FIRMWARE_BYTES_MAX (64u << 20)
#define OSREL_BYTES_MAX	   (64u << 10)

/* What the steps of one build share. */
struct build {
	const struct recipe *recipe;
	const struct lock *lock;
	const struct build_options *options;
	struct io_stage *stage;
	struct spool spool;
	struct manifest manifest;
	struct disk_result disk;
	struct runs runs;	/* of the disk */
	struct digests digests; /* of the files */
	struct sign_root sign;	/* without a key: nothing is signed */
	uint64_t esp_bytes;	/* of layout esp */
	struct {
		struct buf stub, kernel, initrd, osrel;
		char *version;
		struct sign_root sign;
	} uki; /* what it is made of */
};

static void build_done(struct build *build)
{
	spool_done(&build->spool);
	sign_root_done(&build->sign);
	buf_done(&build->uki.stub);
	buf_done(&build->uki.kernel);
	buf_done(&build->uki.initrd);
	buf_done(&build->uki.osrel);
	free(build->uki.version);
	sign_root_done(&build->uki.sign);
	runs_done(&build->runs);
	digests_done(&build->digests);
	manifest_done(&build->manifest);
}

static int open_package(void *arg, const struct lock_package *package, int *ret_fd, struct err *err)
{
	const struct build *build = arg;

	return fetch_open(build->options->cache, package, ret_fd, err);
}

static void add_warnings(const struct build *build, char *const *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_fmt(build->options->warnings, "%s\n", lines[i]);
}

/* Puts a set's packages into a tree. */
static int unpack_set(
	struct build *build, const char *set, bool usr_merge, struct tree *tree, struct err *err)
{
	struct source_deb_options options = {
		.set = set,
		.open = open_package,
		.open_arg = build,
		.threads = build->options->threads,
		.usr_merge = usr_merge,
		.progress = build->options->progress,
	};

	return source_deb_tree(build->lock, &options, &build->spool, tree, err);
}

/* Writes one output of the set and notes it in the manifest. */
static int write_output(
	struct build *build, const char *name, const void *src, size_t n, struct err *err)
{
	unsigned char sha256[SHA256_SIZE];
	int rc = digest_bytes(DIGEST_SHA256, src, n, sha256, err);

	if (rc == 0)
		rc = io_stage_write(build->stage, name, src, n, err);
	if (rc != 0)
		return rc;
	manifest_output(&build->manifest, name, n, sha256);
	return 0;
}

static int read_content(const struct tree_content *content, const char *what, size_t max_bytes,
	struct buf *ret, struct err *err)
{
	void *at;

	if (content->size_bytes > max_bytes)
		return err_fail(err, -EFBIG, "%s: %llu bytes, more than the limit of %zu", what,
			(unsigned long long)content->size_bytes, max_bytes);
	at = buf_grow(ret, (size_t)content->size_bytes);
	if (at == NULL)
		return buf_check(ret, err);
	return tree_read(content, what, at, (size_t)content->size_bytes, 0, err);
}

/*
 * The identity of an image is its recipe's name and architecture: what is derived from it (salt, UUID, disk signature) stays the
 * same from release to release, so that a root hash moves only when content does.
 */
static int derive_id(const struct recipe *recipe, const char *use, unsigned char ret[SHA256_SIZE],
	struct err *err)
{
	BUF_AUTO text = {0};
	int rc;

	buf_fmt(&text, "assay %s%c%s%c%s", use, 0, recipe->identity, 0, recipe->architecture);
	rc = buf_check(&text, err);
	return rc != 0 ? rc : digest_bytes(DIGEST_SHA256, text.data, text.len, ret, err);
}

/* A UUID of version 8 (RFC 9562), in the order of its text form. */
static int derive_uuid(
	const struct recipe *recipe, const char *use, unsigned char ret[GUID_SIZE], struct err *err)
{
	unsigned char id[SHA256_SIZE];
	int rc = derive_id(recipe, use, id, err);

	if (rc != 0)
		return rc;
	memcpy(ret, id, GUID_SIZE);
	ret[6] = (unsigned char)((ret[6] & 0x0f) | 0x80);
	ret[8] = (unsigned char)((ret[8] & 0x3f) | 0x80);
	return 0;
}

/* The same for a GPT: stored in another order, so its version stands elsewhere. */
static int derive_guid(
	const struct recipe *recipe, const char *use, struct guid *ret, struct err *err)
{
	int rc = derive_uuid(recipe, use, ret->bytes, err);
	unsigned char version = ret->bytes[6];

	ret->bytes[6] = ret->bytes[7];
	ret->bytes[7] = version;
	return rc;
}

static int disk_ids(const struct recipe *recipe, struct disk_options *ret, struct err *err)
{
	unsigned char id[SHA256_SIZE];
	int rc = derive_uuid(recipe, "uuid", ret->uuid, err);

	if (rc == 0)
		rc = derive_uuid(recipe, "verity-uuid", ret->verity_uuid, err);
	if (rc == 0)
		rc = derive_guid(recipe, "gpt-disk", &ret->guids.disk, err);
	if (rc == 0)
		rc = derive_guid(recipe, "gpt-tree", &ret->guids.tree, err);
	if (rc == 0)
		rc = derive_guid(recipe, "gpt-signature", &ret->guids.signature, err);
	if (rc == 0)
		rc = derive_guid(recipe, "gpt-esp", &ret->guids.esp, err);
	if (rc == 0)
		rc = derive_id(recipe, "disk-signature", id, err);
	if (rc != 0)
		return rc;
	ret->disk_signature = (uint32_t)id[0] | (uint32_t)id[1] << 8 | (uint32_t)id[2] << 16 |
			      (uint32_t)id[3] << 24;
	if (recipe->rootfs.has_salt)
		memcpy(ret->salt, recipe->rootfs.salt, sizeof(ret->salt));
	else
		rc = derive_id(recipe, "verity-salt", ret->salt, err);
	return rc;
}

/* How Kata mounts a root of that type. */
static const char *root_flags(const char *type)
{
	return strcmp(type, "ext4") == 0 ? "data=ordered,errors=remount-ro ro" : "ro";
}

/* What boots this build's kernel from a root with these parameters. */
static int make_cmdline(const struct build *build, const struct verity_params *verity,
	struct buf *ret, struct err *err)
{
	const char *append = build->recipe->append;
	int rc;

	verity_dm_create_write(verity, "/dev/vda1", "/dev/vda2", ret);
	buf_fmt(ret, " root=/dev/dm-0 rootflags=%s rootfstype=%s",
		root_flags(build->recipe->rootfs.type), build->recipe->rootfs.type);
	if (append != NULL && *append != '\0')
		buf_fmt(ret, " %s", append);
	rc = buf_check(ret, err);
	if (rc == 0 && ret->len > BUILD_CMDLINE_MAX)
		rc = err_fail(err, -EINVAL,
			"command line: %zu bytes, and the kernel reads no more than %d", ret->len,
			BUILD_CMDLINE_MAX);
	return rc;
}

static int make_uki(const struct build *build, const struct verity_params *verity, struct buf *ret,
	struct err *err)
{
	BUF_AUTO cmdline = {0};
	struct uki uki = {.stub = &build->uki.stub,
		.kernel = &build->uki.kernel,
		.initrd = &build->uki.initrd,
		.osrel = &build->uki.osrel,
		.uname = build->uki.version,
		.sbat = build->recipe->uki.sbat,
		.sign = build->uki.sign.key != NULL ? &build->uki.sign : NULL};
	int rc = make_cmdline(build, verity, &cmdline, err);

	uki.cmdline = buf_cstr(&cmdline);
	return rc != 0 ? rc : uki_write(&uki, ret, err);
}

/* disk_options.esp */
static int make_esp(void *arg, const struct verity_params *verity, uint64_t first_sector,
	struct buf *ret, struct err *err)
{
	const struct build *build = arg;
	struct esp esp = {.timestamp = build->recipe->timestamp,
		.size_bytes = build->esp_bytes,
		.first_sector = first_sector};
	unsigned char id[SHA256_SIZE];
	BUF_AUTO image = {0};
	int rc = derive_id(build->recipe, "esp-volume", id, err);

	memcpy(&esp.volume_id, id, sizeof(esp.volume_id));
	if (rc == 0)
		rc = make_uki(build, verity, &image, err);
	return rc != 0 ? rc : esp_write(&esp, &image, ret, err);
}

/* Room for the image whatever the root's parameters will be. */
static int plan_esp(struct build *build, struct disk_options *options, struct err *err)
{
	const struct verity_params longest = {
		.salt_bytes = DISK_SALT_SIZE, .data_blocks = VERITY_DATA_BLOCKS_MAX};
	BUF_AUTO image = {0};
	int rc = make_uki(build, &longest, &image, err);

	if (rc == 0)
		rc = esp_size(image.len, &build->esp_bytes, err);
	options->esp = make_esp;
	options->esp_arg = build;
	options->esp_bytes = build->esp_bytes;
	return rc;
}

/* The recipe was checked: what it does not say is the default. */
static void set_compression(struct build *build, struct disk_options *options)
{
	const struct recipe *recipe = build->recipe;

	if (!erofs_pack_parse(recipe->rootfs.compression, &options->pack))
		return;
	options->spool = &build->spool;
	options->pack_level = (int)recipe->rootfs.compression_level;
	options->cluster_bytes = recipe->rootfs.cluster_kib * 1024;
	if (options->pack_level == 0)
		options->pack_level = erofs_pack_level_default(options->pack);
	if (options->cluster_bytes == 0)
		options->cluster_bytes = EROFS_PACK_CLUSTER_DEFAULT;
}

struct digesting {
	struct build *build;
	int fd;
};

/* pool_fn: the disk's digest, which takes longest, comes first. */
static int digest_step(void *arg, size_t i, struct err *err)
{
	const struct digesting *digesting = arg;
	struct build *build = digesting->build;

	if (i == 0)
		return disk_digest(digesting->fd, "rootfs.img", &build->disk, err);
	return digests_take(&build->digests, i - 1, err);
}

/* The digests of the disk and of every file in it. */
static int take_digests(struct build *build, int fd, const struct tree *tree, struct err *err)
{
	struct digesting digesting = {build, fd};
	int rc = digests_begin(tree, &build->digests, err);

	return rc != 0 ? rc
		       : pool_run(build->options->threads, 1 + build->digests.count, digest_step,
				 &digesting, err);
}

static int write_disk(struct build *build, const struct tree *tree, struct err *err)
{
	AUTO_FREE char *path = io_stage_path(build->stage, "rootfs.img");
	AUTO_CLOSE int fd = -1;
	struct disk_options options = {
		.timestamp = build->recipe->timestamp,
		.threads = build->options->threads,
		.progress = build->options->progress,
		.runs = &build->runs,
	};
	int rc = disk_ids(build->recipe, &options, err);

	if (rc != 0)
		return rc;
	if (path == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	if (!disk_layout_parse(build->recipe->layout, &options.layout) ||
		!disk_fs_parse(build->recipe->rootfs.type, &options.fs))
		return err_fail(err, -EINVAL, "no disk of layout %s with %s", build->recipe->layout,
			build->recipe->rootfs.type);
	set_compression(build, &options);
	if (build->sign.key != NULL && disk_layout_signs(options.layout)) {
		options.sign = sign_root_json;
		options.sign_arg = &build->sign;
	}
	if (options.layout == DISK_ESP)
		rc = plan_esp(build, &options, err);
	if (rc != 0)
		return rc;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "%s", path);
	rc = disk_write(fd, "rootfs.img", tree, &options, &build->disk, err);
	if (rc == 0)
		rc = take_digests(build, fd, tree, err);
	if (rc != 0)
		return rc;
	manifest_output(&build->manifest, "rootfs.img", build->disk.size_bytes, build->disk.sha256);
	manifest_disk(&build->manifest, &build->disk);
	if (options.fs == DISK_EXT4)
		manifest_tool(&build->manifest, "libext2fs", write_ext4_version(), NULL);
	if (options.pack != EROFS_PACK_NONE)
		manifest_tool(&build->manifest, erofs_pack_library(options.pack),
			erofs_pack_version(options.pack), NULL);
	return 0;
}

/* What a root file system must satisfy before it is sealed. */
static int check_tree(const struct build *build, const struct tree *tree, struct err *err)
{
	AUTO_FREE char *dir = realpath(build->recipe->dir, NULL);
	const json_t *kernel = json_object_get(build->manifest.doc, "kernel");
	int rc = check_elf(tree, &build->recipe->extension.provided, err);

	if (rc == 0)
		rc = check_modules(
			tree, json_string_value(json_object_get(kernel, "version")), err);
	if (rc == 0)
		rc = build->recipe->extension.name != NULL
			     ? check_extension(tree, err)
			     : check_units(
				       tree, build->recipe->append, build->options->warnings, err);
	return rc != 0 ? rc : check_secrets(tree, dir, err);
}

static int write_buf(
	struct build *build, const char *name, const struct buf *bytes, struct err *err)
{
	return write_output(build, name, buf_cstr(bytes), bytes->len, err);
}

/* What is in the image and where it came from, bound to its root hash. */
static int write_inventory(struct build *build, const struct tree *tree, struct err *err)
{
	struct sbom sbom = {.recipe = build->recipe,
		.lock = build->lock,
		.inputs = build->manifest.inputs,
		.runs = &build->runs,
		.digests = &build->digests};
	BUF_AUTO files = {0};
	BUF_AUTO spdx = {0};
	BUF_AUTO cyclonedx = {0};
	int rc;

	memcpy(sbom.root_hash, build->disk.verity.root_hash, sizeof(sbom.root_hash));
	memcpy(sbom.image_sha256, build->disk.sha256, sizeof(sbom.image_sha256));
	rc = sbom_files(&sbom, tree, &files, err);
	if (rc == 0)
		rc = sbom_spdx(&sbom, &spdx, err);
	if (rc == 0)
		rc = sbom_cyclonedx(&sbom, &cyclonedx, err);
	if (rc == 0)
		rc = write_buf(build, SBOM_FILES_NAME, &files, err);
	if (rc == 0)
		rc = write_buf(build, SBOM_SPDX_NAME, &spdx, err);
	return rc != 0 ? rc : write_buf(build, SBOM_CYCLONEDX_NAME, &cyclonedx, err);
}

/* The guest's own os-release(5), where it has one. */
static int take_osrel(struct build *build, const struct tree *tree, struct err *err)
{
	const struct tree_node *node = tree_resolve(tree, "etc/os-release");

	if (node == NULL)
		node = tree_resolve(tree, "usr/lib/os-release");
	if (node == NULL || node->inode->type != TREE_FILE)
		return 0;
	return read_content(
		&node->inode->content, "os-release", OSREL_BYTES_MAX, &build->uki.osrel, err);
}

static int build_rootfs(struct build *build, struct err *err)
{
	TREE_AUTO tree = {0};
	STEPS_RESULT_AUTO steps = {0};
	int rc = tree_init(&tree, err);

	if (rc == 0 && build->recipe->packages.suite != NULL)
		rc = unpack_set(build, "rootfs", true, &tree, err);
	if (rc == 0)
		rc = sources_apply(
			build->recipe, build->options->progress, &build->spool, &tree, err);
	if (rc == 0)
		rc = steps_apply(&tree, build->recipe, &build->spool, &steps, err);
	add_warnings(build, steps.warnings, steps.warning_count);
	if (rc == 0)
		rc = check_tree(build, &tree, err);
	if (rc == 0 && build->recipe->uki.present)
		rc = take_osrel(build, &tree, err);
	if (rc == 0)
		rc = write_disk(build, &tree, err);
	if (rc == 0)
		rc = write_inventory(build, &tree, err);
	if (rc != 0)
		return rc;
	if (steps.policy.present)
		manifest_policy(&build->manifest, steps.policy.path, steps.policy.sha256);
	if (steps.agent.present)
		manifest_agent(&build->manifest, steps.agent.sha256, steps.agent_is_stand_in);
	return 0;
}

/* A member of the package of a set, or a file of the recipe. */
static int read_part(struct build *build, const struct recipe_firmware *part, const char *set,
	size_t max_bytes, struct buf *ret, struct err *err)
{
	TREE_AUTO tree = {0};
	const struct tree_node *node;
	int rc;

	if (part->member == NULL)
		return recipe_source_read(build->recipe, &part->source, max_bytes, ret, err);
	rc = tree_init(&tree, err);
	if (rc == 0)
		rc = unpack_set(build, set, false, &tree, err);
	if (rc != 0)
		return rc;
	node = tree_resolve(&tree, part->member);
	if (node == NULL || node->inode->type != TREE_FILE)
		return err_fail(
			err, -EBADMSG, "%s: its package has no file /%s", set, part->member);
	return read_content(&node->inode->content, part->member, max_bytes, ret, err);
}

static int build_initrd(struct build *build, const struct kernel *kernel, struct err *err)
{
	const struct recipe *recipe = build->recipe;
	size_t init_bytes = (size_t)(initrd_init_elf_end - initrd_init_elf);
	struct initrd_spec spec = {.timestamp = recipe->timestamp};
	unsigned char sha256[SHA256_SIZE];
	MODULES_AUTO modules = {0};
	BUF_AUTO initrd = {0};
	int rc = initrd_compression_parse(recipe->kernel.compression, &spec.compression, err);

	if (rc == 0)
		rc = modules_resolve(&kernel->modules,
			(const char *const *)recipe->kernel.modules.items,
			recipe->kernel.modules.count, &modules, err);
	spec.modules = &modules;
	if (rc == 0)
		rc = initrd_build(&spec, &initrd, err);
	if (rc == 0)
		rc = write_output(build, "initrd.img", initrd.data, initrd.len, err);
	if (rc == 0 && recipe->uki.present) {
		build->uki.initrd = initrd;
		initrd = (struct buf){0};
	}
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, initrd_init_elf, init_bytes, sha256, err);
	if (rc != 0)
		return rc;
	manifest_tool(&build->manifest, "init", NULL, sha256);
	manifest_tool(&build->manifest, "compressor", initrd_compressor(spec.compression), NULL);
	return 0;
}

/* @tree takes a package's files, among them the modules. */
static int get_kernel(struct build *build, struct tree *tree, struct kernel *ret, struct err *err)
{
	const struct build_options *options = build->options;
	const struct kernel_source source = {.recipe = build->recipe,
		.lock = build->lock,
		.open = open_package,
		.open_arg = build,
		.cache_dir = options->cache->dir,
		.config_path = options->kernel_config,
		.threads = options->threads,
		.progress = options->progress,
		.spool = &build->spool};
	int rc;

	if (kernel_source_applies(build->recipe))
		return kernel_source_get(&source, ret, err);
	rc = unpack_set(build, "kernel", false, tree, err);
	return rc != 0 ? rc : kernel_find(tree, build->recipe, ret, err);
}

static int note_kernel_file(void *arg, const char *role, const char *path, struct err *err)
{
	struct build *build = arg;

	return manifest_file(&build->manifest, role, path, err);
}

static void note_built(struct build *build, const struct kernel_build_result *built)
{
	for (size_t i = 0; i < built->tool_count; i++)
		manifest_tool(&build->manifest, built->tools[i].name, built->tools[i].version,
			built->tools[i].sha256);
	if (built->networked)
		buf_str(build->options->warnings, "the kernel was built with the network in reach: "
						  "there are no user namespaces "
						  "here\n");
}

/* The kernel and the stub for the image; the rest comes with the root. */
static int begin_uki(struct build *build, struct kernel *kernel, struct err *err)
{
	const struct recipe_source *file = &build->recipe->uki.stub.source;
	AUTO_FREE char *path = file->path != NULL ? recipe_source_path(build->recipe, file) : NULL;
	int rc = read_part(
		build, &build->recipe->uki.stub, "uki", UKI_STUB_MAX, &build->uki.stub, err);

	if (rc == 0 && path != NULL)
		rc = manifest_file(&build->manifest, "uki.stub", path, err);
	build->uki.version = strdup(kernel->version);
	if (rc == 0 && build->uki.version == NULL)
		rc = err_fail(err, -ENOMEM, "out of memory");
	build->uki.kernel = kernel->image;
	kernel->image = (struct buf){0};
	return rc;
}

static int build_kernel(struct build *build, struct err *err)
{
	TREE_AUTO tree = {0};
	KERNEL_AUTO kernel = {0};
	int rc = tree_init(&tree, err);

	if (rc == 0)
		rc = get_kernel(build, &tree, &kernel, err);
	if (rc == 0)
		rc = write_output(build, "vmlinuz", kernel.image.data, kernel.image.len, err);
	if (rc == 0)
		rc = kernel_source_files(
			build->recipe, build->options->kernel_config, note_kernel_file, build, err);
	if (rc != 0)
		return rc;
	note_built(build, &kernel.built);
	manifest_kernel(&build->manifest, kernel.version, kernel.warnings, kernel.warning_count);
	if (kernel.warning_count > 0)
		buf_fmt(build->options->warnings,
			"kernel %s: %zu findings in its configuration (manifest.json, "
			"kernel.warnings)\n",
			kernel.version, kernel.warning_count);
	rc = build->recipe->kernel.initrd ? build_initrd(build, &kernel, err) : 0;
	if (rc == 0 && build->recipe->uki.present)
		rc = begin_uki(build, &kernel, err);
	return rc;
}

static int build_firmware(
	struct build *build, const struct recipe_firmware *firmware, struct err *err)
{
	BUF_AUTO bytes = {0};
	char name[300], set[300];
	int rc;

	snprintf(name, sizeof(name), "firmware/%s.fd", firmware->name);
	snprintf(set, sizeof(set), "firmware.%s", firmware->name);
	rc = read_part(build, firmware, set, FIRMWARE_BYTES_MAX, &bytes, err);
	return rc != 0 ? rc : write_output(build, name, bytes.data, bytes.len, err);
}

/* For the kernel's own check of the root hash. */
static int write_signature(struct build *build, struct err *err)
{
	BUF_AUTO signature = {0};
	int rc = sign_root_pkcs7(&build->sign, build->disk.verity.root_hash, &signature, err);

	return rc != 0 ? rc
		       : write_output(build, "root_hash.p7s", signature.data, signature.len, err);
}

static int write_cmdline(struct build *build, struct err *err)
{
	BUF_AUTO cmdline = {0};
	int rc = make_cmdline(build, &build->disk.verity, &cmdline, err);

	if (rc == 0)
		rc = write_output(build, "cmdline", cmdline.data, cmdline.len, err);
	if (rc == 0)
		manifest_cmdline(&build->manifest, buf_cstr(&cmdline));
	return rc;
}

static int write_uki(struct build *build, struct err *err)
{
	char name[300];
	BUF_AUTO image = {0};
	int rc = make_uki(build, &build->disk.verity, &image, err);

	snprintf(name, sizeof(name), "%s.efi", build->recipe->name);
	return rc != 0 ? rc : write_output(build, name, image.data, image.len, err);
}

/* What a Kata runtime is told. */
static int write_kata_config(struct build *build, struct err *err)
{
	const json_t *outputs = build->manifest.outputs;
	const json_t *policy = json_object_get(build->manifest.doc, "policy");
	bool kernel = json_object_get(outputs, "vmlinuz") != NULL &&
		      json_object_get(outputs, "initrd.img") == NULL;
	BUF_AUTO config = {0};
	int rc = kata_config_write(build->recipe, &build->disk.verity, kernel,
		json_string_value(json_object_get(policy, "sha256")), &config, err);

	return rc != 0 ? rc : write_buf(build, KATA_CONFIG_NAME, &config, err);
}

/* The small files that say how to boot the image. */
static int build_parameters(struct build *build, struct err *err)
{
	char line[VERITY_PARAMS_TEXT_MAX];
	char root_hash[2 * SHA256_SIZE + 1];
	int rc;

	verity_params_format(&build->disk.verity, line);
	hex_encode(build->disk.verity.root_hash, SHA256_SIZE, root_hash);
	rc = write_output(build, "kernel_verity_params", line, strlen(line), err);
	if (rc == 0)
		rc = write_output(build, "root_hash", root_hash, strlen(root_hash), err);
	if (rc == 0 && build->sign.key != NULL)
		rc = write_signature(build, err);
	if (rc == 0 && build->recipe->kernel.present)
		rc = write_cmdline(build, err);
	if (rc == 0 && build->recipe->uki.present)
		rc = write_uki(build, err);
	return rc != 0 ? rc : write_kata_config(build, err);
}

int build_image(const struct recipe *recipe, const struct lock *lock,
	const struct build_options *options, struct io_stage *stage, json_t **ret_manifest,
	struct err *err)
{
	__attribute__((cleanup(build_done))) struct build build = {
		.recipe = recipe,
		.lock = lock,
		.options = options,
		.stage = stage,
		.spool = {.fd = -1},
	};
	int rc = lock_check(recipe, lock, err);

	if (rc == 0 && options->verity_key != NULL)
		rc = sign_root_load(&build.sign, options->verity_key, options->verity_cert, err);
	if (rc == 0 && options->uki_key != NULL)
		rc = sign_root_load(&build.uki.sign, options->uki_key, options->uki_cert, err);
	if (rc == 0)
		rc = manifest_begin(&build.manifest, recipe, lock, err);
	if (rc == 0)
		rc = spool_init(&build.spool, stage->path, err);
	if (rc == 0 && recipe->kernel.present)
		rc = build_kernel(&build, err);
	if (rc == 0)
		rc = build_rootfs(&build, err);
	if (rc == 0)
		rc = build_parameters(&build, err);
	for (size_t i = 0; rc == 0 && i < recipe->firmware_count; i++)
		rc = build_firmware(&build, &recipe->firmware[i], err);
	if (rc == 0)
		rc = spool_unchanged(&build.spool, err);
	return rc != 0 ? rc : manifest_end(&build.manifest, ret_manifest, err);
}
