/*
 * The guest kernel: out of a distribution's kernel package (boot/vmlinuz-VERSION, boot/config-VERSION and
 * usr/lib/modules/VERSION), or an image from elsewhere (kernel-source.h). Its configuration is checked for what this boot flow
 * and the recipe's TEEs need, before anything is built with it.
 */
#ifndef MKIMAGE_KERNEL_KERNEL_H
#define MKIMAGE_KERNEL_KERNEL_H

#include <stddef.h>

#include "formats/kconfig.h"
#include "initrd/modules.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/kernel/kernel-build.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/tree.h"

#define KERNEL_BYTES_MAX (128u << 20)

struct kernel {
	char *version;	  /* owned: the release, "6.12.1-cloud-amd64" */
	struct buf image; /* vmlinuz */
	struct modules_dir
		modules; /* for modules_resolve(); owned by this, but for the tree's bytes */
	char **warnings; /* owned: one line each */
	size_t warning_count;
	struct kernel_build_result
		built; /* of one that was built: the tools; its image has moved */
};

/*
 * Finds the one kernel in @tree, which must outlive @ret, and checks it for @recipe: its file system, initrd compression,
 * listed modules and launches. -EBADMSG when there is not exactly one whole kernel, when vmlinuz is no bzImage of that version,
 * or when an option that must be there is not (or is a module that nothing loads), naming option and reason.
 */
int kernel_find(const struct tree *tree, const struct recipe *recipe, struct kernel *ret,
	struct err *err) MUST_CHECK;

/*
 * Makes a kernel without modules of @image, whose bytes it takes over; @what names it in errors. The same checks, @config being its
 * configuration.
 */
int kernel_take(const struct recipe *recipe, struct buf *image, const char *what,
	const struct kconfig *config, struct kernel *ret, struct err *err) MUST_CHECK;

/* Checks a configuration alone for @recipe; what is warned of goes to @ret, unless that is NULL. */
int kernel_check(const struct kconfig *config, const struct recipe *recipe, struct kernel *ret,
	struct err *err) MUST_CHECK;

/* Accepts a zeroed one. */
void kernel_done(struct kernel *kernel);
#define KERNEL_AUTO __attribute__((cleanup(kernel_done))) struct kernel

#endif
