/* assay verify image: check a guest image against its dm-verity parameters. */
#define _GNU_SOURCE
#include <string.h>

#include "cli/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "mkimage/cmd.h"
#include "mkimage/fs/verify-image.h"

#define PARAMS_FILE_MAX 4096u

struct verify_args {
	const char *params, *root_hash;
	uint64_t threads;
	bool list;
};

/* The parameters: the line itself, or the file that holds it. */
static int read_params(const char *text, struct verity_params *ret, struct err *err)
{
	BUF_AUTO file = {0};
	int rc;

	if (strncmp(text, "root_hash=", strlen("root_hash=")) == 0)
		return verity_params_parse(text, strlen(text), "--verity-params", ret, err);
	rc = io_read_file(text, PARAMS_FILE_MAX, &file, err);
	return rc != 0 ? rc : verity_params_parse(buf_cstr(&file), file.len, text, ret, err);
}

static int check_args(const struct verify_args *args, struct err *err)
{
	if ((args->params != NULL) == (args->root_hash != NULL))
		return err_fail(err, -EINVAL,
			"verify image: either --verity-params or --root-hash says what the image "
			"must be");
	if (args->threads > POOL_THREADS_MAX)
		return err_fail(err, -EINVAL, "--threads: at most %d", POOL_THREADS_MAX);
	return 0;
}

static int open_checked(const char *path, const struct verify_args *args, struct image *image,
	struct verity_params *params, struct err *err)
{
	unsigned char root_hash[SHA256_SIZE];
	int rc = args->params != NULL ? read_params(args->params, params, err) : 0;

	if (rc == 0 && args->params == NULL &&
		!hex_decode(args->root_hash, root_hash, sizeof(root_hash)))
		rc = err_fail(err, -EINVAL,
			"--root-hash: 64 lowercase hexadecimal digits, not \"%s\"",
			args->root_hash);
	if (rc == 0)
		rc = image_open(path, params->data_blocks, image, err);
	if (rc == 0 && args->params == NULL)
		rc = verify_image_params(image, root_hash, params, err);
	return rc;
}

static int run(void *options, char **paths, size_t count, struct cli_result *ret, struct err *err)
{
	const struct verify_args *args = options;
	struct verity_params params = {0};
	IMAGE_AUTO image = {0};
	char hex[2 * SHA256_SIZE + 1];
	int rc = check_args(args, err);

	(void)count;
	if (rc == 0)
		rc = open_checked(paths[0], args, &image, &params, err);
	if (rc == 0)
		rc = verify_image(&image, &params, (size_t)args->threads, err);
	if (rc != 0)
		return rc;
	if (args->list)
		return inspect_image_files(&image, &ret->text, err);
	hex_encode(params.root_hash, SHA256_SIZE, hex);
	buf_fmt(&ret->text, "verified root_hash %s\n", hex);
	return inspect_image_parts(&image, &ret->text, err);
}

int cmd_verify_image(int argc, char **argv)
{
	struct verify_args args = {0};
	const struct opt opts[] = {
		{"verity-params", 0, OPT_STR, &args.params, "LINE|FILE",
			"the image's parameters, as in kernel_verity_params"},
		{"root-hash", 0, OPT_STR, &args.root_hash, "HEX",
			"the root hash alone, for an image with a dm-verity super block"},
		{"list", 0, OPT_FLAG, &args.list, NULL,
			"print the files of a verified EROFS or ext4 root"},
		{"threads", 0, OPT_U64, &args.threads, "N", "threads (default: one per processor)"},
		OPT_END,
	};
	const struct opt_verb verb = {
		.usage = "verify image FILE --verity-params LINE|FILE [options]",
		.summary = "Checks every block of a guest image, ours or Kata's own, against its "
			   "dm-verity root hash.",
		.opts = opts,
		.args_min = 1,
		.args_max = 1,
	};

	return cli_run(&verb, argc, argv, run, &args);
}
