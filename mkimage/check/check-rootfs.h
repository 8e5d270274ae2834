/*
 * What a root file system must satisfy before it is sealed: what cannot boot, leaks the build host or is open by
 * mistake is refused here, by name.
 */
#ifndef MKIMAGE_CHECK_CHECK_ROOTFS_H
#define MKIMAGE_CHECK_CHECK_ROOTFS_H

#include "lib/err.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/tree.h"

/*
 * Checks @tree, to which @recipe's steps were applied: /sbin/init is an executable file; /etc/machine-id and /etc/resolv.conf are
 * empty regular files (an extension needs none of the three); no setuid or setgid file and no file capability that the recipe does
 * not set itself or allow a source to bring; an agent comes with a policy. -EKEYREJECTED naming the file and where it came from.
 */
int check_rootfs(const struct tree *tree, const struct recipe *recipe, struct err *err) MUST_CHECK;

#endif
