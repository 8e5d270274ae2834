/* The runtimes' drop-in (kata-config.h). */
#include "mkimage/kata-config.h"

#include "lib/hex.h"

/* A TOML basic string. Recipes have no control characters in what comes here. */
static void add_string(struct buf *ret, const char *key, const char *text)
{
	buf_fmt(ret, "%s = \"", key);
	for (; *text != '\0'; text++)
		buf_fmt(ret, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	buf_str(ret, "\"\n");
}

/* The path of @file where the build is installed. */
static int add_path(struct buf *ret, const char *key, const struct recipe *recipe, const char *file,
	struct err *err)
{
	const char *directory = recipe->kata.directory;
	BUF_AUTO path = {0};
	int rc;

	if (directory != NULL)
		buf_fmt(&path, "%s/%s", directory, file);
	else
		buf_fmt(&path, "/opt/kata/share/%s/%s", recipe->name, file);
	rc = buf_check(&path, err);
	if (rc == 0)
		add_string(ret, key, buf_cstr(&path));
	return rc;
}

static void add_head(struct buf *ret, const struct recipe *recipe,
	const struct verity_params *verity, const char *policy_sha256)
{
	char root_hash[2 * SHA256_SIZE + 1];

	hex_encode(verity->root_hash, SHA256_SIZE, root_hash);
	buf_fmt(ret, "# %s, root hash %s\n", recipe->name, root_hash);
	if (policy_sha256 != NULL)
		buf_fmt(ret, "# agent policy, sha256 %s%s\n", policy_sha256,
			recipe->policy.debug ? ": a debug image" : "");
}

static int add_extension(
	struct buf *ret, const struct recipe *recipe, const char *line, struct err *err)
{
	int rc;

	buf_fmt(ret, "# virtio-blk, serial extension-%s\n\n", recipe->extension.name);
	buf_str(ret, "[[hypervisor.qemu.guest_extension_images]]\n");
	add_string(ret, "name", recipe->extension.name);
	rc = add_path(ret, "path", recipe, "rootfs.img", err);
	add_string(ret, "verity_params", line);
	return rc;
}

static int add_guest(struct buf *ret, const struct recipe *recipe, const char *line, bool kernel,
	struct err *err)
{
	int rc = 0;

	if (recipe->kernel.present && !kernel)
		buf_str(ret,
			"# This build's kernel needs its initrd, which the runtimes do not take "
			"beside an image: the kernel stays theirs.\n");
	buf_str(ret, "\n[hypervisor.qemu]\n");
	if (kernel)
		rc = add_path(ret, "kernel", recipe, "vmlinuz", err);
	if (rc == 0)
		rc = add_path(ret, "image", recipe, "rootfs.img", err);
	add_string(ret, "rootfs_type", recipe->rootfs.type);
	add_string(ret, "kernel_verity_params", line);
	if (recipe->kata.kernel_params != NULL)
		add_string(ret, "kernel_params", recipe->kata.kernel_params);
	return rc;
}

int kata_config_write(const struct recipe *recipe, const struct verity_params *verity, bool kernel,
	const char *policy_sha256, struct buf *ret, struct err *err)
{
	char line[VERITY_PARAMS_TEXT_MAX];
	int rc;

	verity_params_format(verity, line);
	add_head(ret, recipe, verity, policy_sha256);
	rc = recipe->extension.name != NULL ? add_extension(ret, recipe, line, err)
					    : add_guest(ret, recipe, line, kernel, err);
	return rc != 0 ? rc : buf_check(ret, err);
}
