/*
 * The sources of a recipe as text (mkimage/fs/list-tree.h), for tests:
 *   source-tree RECIPE          what its [[source]] list makes of an empty guest
 *   source-tree --digest DIR    the digest that pins a directory
 *   source-tree --check DIR     what the checks before sealing say of a directory's files; its own path is the build's
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "mkimage/check/check-elf.h"
#include "mkimage/check/check-modules.h"
#include "mkimage/check/check-secrets.h"
#include "mkimage/check/check-units.h"
#include "mkimage/fs/list-tree.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/source-dir.h"
#include "mkimage/source/sources.h"

static const char *temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir != NULL ? dir : "/tmp";
}

static int print_list(const char *path, struct spool *spool, struct err *err)
{
	RECIPE_AUTO recipe = {0};
	TREE_AUTO tree = {0};
	BUF_AUTO text = {0};
	int rc = recipe_load(path, NULL, &recipe, err);

	if (rc == 0)
		rc = tree_init(&tree, err);
	if (rc == 0)
		rc = sources_apply(&recipe, NULL, spool, &tree, err);
	if (rc == 0)
		rc = list_tree(&tree, &text, err);
	if (rc == 0)
		fputs(buf_cstr(&text), stdout);
	return rc;
}

static int print_digest(const char *path, struct spool *spool, struct err *err)
{
	struct source_dir_options options = {.allow = SOURCE_ALLOW_DEVICES};
	unsigned char sha256[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	TREE_AUTO tree = {0};
	int rc = tree_init(&tree, err);

	if (rc == 0)
		rc = source_dir_read(path, &options, spool, "", &tree, err);
	if (rc == 0)
		rc = list_tree_digest(&tree, sha256, err);
	if (rc != 0)
		return rc;
	hex_encode(sha256, sizeof(sha256), hex);
	puts(hex);
	return 0;
}

static int check(const char *path, struct spool *spool, struct err *err)
{
	struct source_dir_options options = {0};
	AUTO_FREE char *real = realpath(path, NULL);
	TREE_AUTO tree = {0};
	BUF_AUTO warnings = {0};
	const char *origin;
	int rc = tree_init(&tree, err);

	if (rc == 0)
		rc = tree_origin(&tree, "dir:src", &origin, err);
	if (rc == 0)
		rc = source_dir_read(path, &options, spool, origin, &tree, err);
	if (rc == 0)
		rc = check_elf(&tree, NULL, err);
	if (rc == 0)
		rc = check_modules(&tree, NULL, err);
	if (rc == 0)
		rc = check_units(&tree, NULL, &warnings, err);
	if (warnings.len > 0)
		fputs(buf_cstr(&warnings), stdout);
	return rc != 0 ? rc : check_secrets(&tree, real, err);
}

int main(int argc, char **argv)
{
	SPOOL_AUTO spool = {.fd = -1};
	struct err err = {0};
	int rc;

	if (argc != 2 && argc != 3)
		return ERR_EXIT_INPUT;
	rc = spool_init(&spool, temp_dir(), &err);
	if (rc == 0)
		rc = argc == 2			       ? print_list(argv[1], &spool, &err)
		     : strcmp(argv[1], "--check") == 0 ? check(argv[2], &spool, &err)
						       : print_digest(argv[2], &spool, &err);
	if (rc != 0)
		fprintf(stderr, "source-tree: %s\n", err.msg);
	return err_status(rc);
}
