/*
 * The image half of `assay build`: from a recipe, its lock and a filled cache to kernel, initrd, root disk, command line and
 * the build manifest (schema "assay-build/1", docs/formats.md), written into a stage. No network, no privilege, no clock.
 */
#ifndef MKIMAGE_BUILD_H
#define MKIMAGE_BUILD_H

#include <jansson.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/io.h"
#include "lib/progress.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/source/fetch.h"

/* COMMAND_LINE_SIZE of x86 is 2048, its NUL included. */
#define BUILD_CMDLINE_MAX 2047

struct build_options {
	const struct fetch_cache *cache;
	size_t threads;			      /* 0: one per processor */
	const char *verity_key, *verity_cert; /* both or neither: sign the root hash */
	const char *uki_key, *uki_cert;	      /* both or neither: sign the unified kernel image */
	const char *kernel_config; /* a resolved configuration other than the recipe's; or NULL */
	const struct progress *progress;
	struct buf *
		warnings; /* caller-owned: one line each is appended, whether or not the build succeeds */
};

/*
 * Writes vmlinuz, initrd.img, NAME.efi, rootfs.img, kernel_verity_params, root_hash, root_hash.p7s (with a key), cmdline and firmware/NAME.fd into @stage and makes the
 * manifest that names every input and output by sha256 (the caller's to release, and to write as manifest.json).
 */
int build_image(const struct recipe *recipe, const struct lock *lock,
	const struct build_options *options, struct io_stage *stage, json_t **ret_manifest,
	struct err *err) MUST_CHECK;

#endif
