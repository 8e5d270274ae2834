/*
 * What a Kata runtime must be told of a build, as a drop-in for its configuration (a .toml in config.d, merged over configuration.toml in
 * the order of names): made with the image, so that the two cannot fall out of step.
 */
#ifndef MKIMAGE_KATA_CONFIG_H
#define MKIMAGE_KATA_CONFIG_H

#include <stdbool.h>

#include "formats/verity.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/recipe/recipe.h"

#define KATA_CONFIG_NAME "kata.toml"

/* Appends the drop-in for @recipe's image with @verity. @kernel: the build has a kernel that boots it without an initrd; the runtimes take an
 * initrd or an image, never both. @policy_sha256 is the agent policy's in hexadecimal, NULL for none. */
int kata_config_write(const struct recipe *recipe, const struct verity_params *verity, bool kernel,
	const char *policy_sha256, struct buf *ret, struct err *err) MUST_CHECK;

#endif
