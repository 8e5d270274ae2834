/* assay check kernel: a kernel's configuration against the table of what its boot and its TEE need. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/cli.h"
#include "lib/io.h"
#include "lib/json.h"
#include "mkimage/check/check-kernel.h"
#include "mkimage/cmd.h"
#include "mkimage/kernel/ikconfig.h"
#include "mkimage/kernel/kernel.h"

#define SCHEMA "assay-check-kernel/1"

struct kernel_args {
	const char *flow, *rootfs, *rootfs_codec, *initrd_codec, *label, *format;
	struct opt_list tees, modules;
	bool print_config;
};

static int check_choice(
	const char *option, const char *value, bool known, const char *choices, struct err *err)
{
	return known ? 0
		     : err_fail(err, -EINVAL, "--%s: \"%.100s\" is none of %s", option, value,
			       choices);
}

/* snp, tdx or none; both are the default. */
static int read_tees(const struct opt_list *tees, struct check_kernel_for *ret, struct err *err)
{
	int rc = 0;

	ret->snp = ret->tdx = tees->count == 0;
	for (size_t i = 0; rc == 0 && i < tees->count; i++) {
		const char *tee = tees->items[i];
		bool none = strcmp(tee, "none") == 0;

		ret->snp = ret->snp || strcmp(tee, "snp") == 0;
		ret->tdx = ret->tdx || strcmp(tee, "tdx") == 0;
		rc = check_choice("tee", tee,
			none || strcmp(tee, "snp") == 0 || strcmp(tee, "tdx") == 0,
			"snp, tdx, none", err);
		if (rc == 0 && none && tees->count > 1)
			rc = err_fail(err, -EINVAL, "--tee none stands alone");
	}
	return rc;
}

static int read_purpose(
	const struct kernel_args *args, struct check_kernel_for *ret, struct err *err)
{
	struct check_kernel_for purpose = {.rootfs_type = args->rootfs,
		.rootfs_codec = args->rootfs_codec,
		.initrd_codec = args->initrd_codec,
		.gpt = strcmp(args->label, "gpt") == 0,
		.modules = args->modules.items,
		.module_count = args->modules.count};
	int rc = check_choice("boot-flow", args->flow,
		check_kernel_flow_parse(args->flow, &purpose.flow),
		"verity-dm-init, verity-initrd, initrd", err);

	if (rc == 0)
		rc = check_choice("rootfs-type", args->rootfs,
			check_kernel_knows_rootfs(args->rootfs), "erofs, ext4, xfs", err);
	if (rc == 0 && args->rootfs_codec != NULL)
		rc = check_choice("rootfs-compression", args->rootfs_codec,
			check_kernel_knows_rootfs_codec(args->rootfs_codec),
			"lz4, lzma, deflate, zstd", err);
	if (rc == 0 && args->rootfs_codec != NULL && strcmp(args->rootfs, "erofs") != 0)
		rc = err_fail(err, -EINVAL, "--rootfs-compression is for erofs");
	if (rc == 0)
		rc = check_choice("initrd-compression", args->initrd_codec,
			check_kernel_knows_initrd_codec(args->initrd_codec),
			"none, gzip, zstd, xz, lzma, lz4, lzo, bzip2", err);
	if (rc == 0)
		rc = check_choice("label", args->label,
			purpose.gpt || strcmp(args->label, "mbr") == 0, "mbr, gpt", err);
	if (rc == 0 && args->modules.count > 0 && purpose.flow != CHECK_KERNEL_VERITY_INITRD)
		rc = err_fail(err, -EINVAL, "--module: only verity-initrd loads modules");
	if (rc == 0)
		rc = read_tees(&args->tees, &purpose, err);
	if (rc == 0)
		*ret = purpose;
	return rc;
}

static void write_text(const struct check_kernel_findings *findings, struct buf *ret)
{
	for (size_t i = 0; i < findings->count; i++)
		buf_fmt(ret, "%s: %s\n", findings->items[i].required ? "missing" : "warning",
			findings->items[i].text);
	buf_fmt(ret, "%zu missing, %zu warnings\n", findings->required,
		findings->count - findings->required);
}

static json_t *finding_json(const struct check_kernel_finding *finding)
{
	const char value[] = {finding->value, '\0'};

	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "level",
		finding->required ? "missing" : "warning", "option", finding->option, "value",
		value, "why", finding->why, "text", finding->text);
}

static int write_json(const struct check_kernel_for *purpose,
	const struct check_kernel_findings *findings, struct buf *ret, struct err *err)
{
	JSON_AUTO *doc = json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:[]}", "schema", SCHEMA,
		"boot_flow", check_kernel_flow_name(purpose->flow), "snp", (int)purpose->snp, "tdx",
		(int)purpose->tdx, "missing", (json_int_t)findings->required, "warnings",
		(json_int_t)(findings->count - findings->required), "findings");
	json_t *list = json_object_get(doc, "findings");

	for (size_t i = 0; i < findings->count; i++) {
		if (json_array_append_new(list, finding_json(&findings->items[i])) != 0)
			return err_fail(err, -ENOMEM, "out of memory");
	}
	return json_doc_write(doc, ret, err);
}

static void write_config(const struct kconfig *config, struct buf *ret)
{
	for (size_t i = 0; i < config->count; i++)
		buf_fmt(ret, "CONFIG_%s=%s\n", config->options[i].name, config->options[i].value);
}

static int read_config(const char *path, struct kconfig *ret, struct err *err)
{
	BUF_AUTO image = {0};
	int rc = io_read_file(path, KERNEL_BYTES_MAX, &image, err);

	return rc != 0 ? rc : ikconfig_read(image.data, image.len, path, ret, err);
}

static int run(void *options, char **rest, size_t count, struct cli_result *ret, struct err *err)
{
	const struct kernel_args *args = options;
	bool json = strcmp(args->format, "json") == 0;
	CHECK_KERNEL_AUTO findings = {0};
	KCONFIG_AUTO config = {0};
	struct check_kernel_for purpose;
	int rc = check_choice("format", args->format, json || strcmp(args->format, "text") == 0,
		"text, json", err);

	(void)count;
	if (rc == 0)
		rc = read_purpose(args, &purpose, err);
	if (rc == 0)
		rc = read_config(rest[0], &config, err);
	if (rc == 0 && args->print_config) {
		write_config(&config, &ret->text);
		return 0;
	}
	if (rc == 0)
		rc = check_kernel(&config, &purpose, &findings, err);
	if (rc == 0 && json)
		rc = write_json(&purpose, &findings, &ret->text, err);
	if (rc != 0)
		return rc;
	if (!json)
		write_text(&findings, &ret->text);
	return findings.required > 0 ? ERR_EXIT_NO : 0;
}

static int cmd_check_kernel(int argc, char **argv)
{
	struct kernel_args args = {.flow = "verity-dm-init",
		.rootfs = "erofs",
		.initrd_codec = "none",
		.label = "mbr",
		.format = "text"};
	const struct opt opts[] = {
		{"boot-flow", 0, OPT_STR, &args.flow, "FLOW",
			"verity-dm-init (Kata: the kernel sets dm-verity up; the default), "
			"verity-initrd (an initrd does), initrd (it is the whole guest)"},
		{"tee", 0, OPT_LIST, &args.tees, "TEE", "snp, tdx or none (default: snp and tdx)"},
		{"rootfs-type", 0, OPT_STR, &args.rootfs, "TYPE", "erofs (the default), ext4, xfs"},
		{"rootfs-compression", 0, OPT_STR, &args.rootfs_codec, "CODEC",
			"of a compressed EROFS: lz4, lzma, deflate, zstd"},
		{"initrd-compression", 0, OPT_STR, &args.initrd_codec, "CODEC",
			"none (the default), gzip, zstd, xz, lzma, lz4, lzo, bzip2"},
		{"label", 0, OPT_STR, &args.label, "LABEL", "of the disk: mbr (the default), gpt"},
		{"module", 0, OPT_LIST, &args.modules, "NAME",
			"a module that the initrd loads (verity-initrd)"},
		{"print-config", 0, OPT_FLAG, &args.print_config, NULL,
			"print the configuration, sorted, and check nothing"},
		{"format", 0, OPT_STR, &args.format, "FORMAT", "text (the default) or json"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "check kernel FILE [options]",
		.summary = "Checks a kernel's configuration, out of a bzImage, vmlinux, unified "
			   "kernel image or .config, for what its boot and its TEE need.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};
	int status = cli_run(&verb, argc, argv, run, &args);

	opt_list_done(&args.tees);
	opt_list_done(&args.modules);
	return status;
}

int cmd_check(int argc, char **argv)
{
	static const struct cli_verb rows[] = {
		{"kernel", cmd_check_kernel, "a kernel's configuration, by boot flow and TEE"},
	};
	const struct cli_verbs verbs = {
		.name = "check",
		.summary = "Checks the parts of a guest before anything is built with them.",
		.rows = rows,
		.count = sizeof(rows) / sizeof(*rows),
	};

	return cli_choose(&verbs, argc, argv);
}
