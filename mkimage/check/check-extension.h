/* Extension images before sealing. */
#ifndef MKIMAGE_CHECK_CHECK_EXTENSION_H
#define MKIMAGE_CHECK_CHECK_EXTENSION_H

#include "lib/err.h"
#include "mkimage/tree.h"

/*
 * Checks the manifest /etc/kata-extensions/components.toml (schema_version 1, Kata's docs/design/composable-vm-images.md) as the agent
 * reads it: it is there, and its paths and the programs of its processes are in @tree, without "..", the programs executable.
 * -EKEYREJECTED for what is not there, -EBADMSG for a manifest that the agent refuses.
 */
int check_extension(const struct tree *tree, struct err *err) MUST_CHECK;

#endif
