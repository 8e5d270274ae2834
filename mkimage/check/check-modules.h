/* Kernel modules of a root file system before sealing. */
#ifndef MKIMAGE_CHECK_CHECK_MODULES_H
#define MKIMAGE_CHECK_CHECK_MODULES_H

#include "lib/err.h"
#include "mkimage/tree.h"

/* Checks that every module below /usr/lib/modules/VERSION was built for that version, and that it is @kernel's, the release that
 * boots (NULL: not known). -EKEYREJECTED naming the module and where it came from. */
int check_modules(const struct tree *tree, const char *kernel, struct err *err) MUST_CHECK;

#endif
