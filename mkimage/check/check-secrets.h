/*
 * What must not be in an image that anyone may read: private keys (but in programs and libraries, which hold those of
 * their self-tests), access tokens, passwords, the path of the build.
 */
#ifndef MKIMAGE_CHECK_CHECK_SECRETS_H
#define MKIMAGE_CHECK_CHECK_SECRETS_H

#include "lib/err.h"
#include "mkimage/tree.h"

/*
 * Searches the content of every file of @tree. @build_dir is a directory of the build machine whose absolute path must not stand
 * in any; NULL or one shorter than six bytes is not searched for. -EKEYREJECTED naming the file, what was found at which byte, and where the
 * file came from; never the secret itself.
 */
int check_secrets(const struct tree *tree, const char *build_dir, struct err *err) MUST_CHECK;

#endif
