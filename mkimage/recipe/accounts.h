/*
 * Users and groups of a guest: /etc/passwd, group, shadow and gshadow (passwd(5), group(5), shadow(5), gshadow(5)) from what
 * is there and what the recipe adds. No account has a password; nothing depends on the day.
 */
#ifndef MKIMAGE_RECIPE_ACCOUNTS_H
#define MKIMAGE_RECIPE_ACCOUNTS_H

#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/recipe/recipe.h"

#define ACCOUNTS_BYTES_MAX (1u << 20) /* of one file that is read */
#define ACCOUNTS_MAX	   4096

struct accounts {
	struct buf passwd, group, shadow, gshadow;
};

/*
 * Adds @recipe's users and groups to those of @passwd and @group, NUL-terminated texts in the form of passwd(5) and group(5)
 * that @what_passwd and @what_group name in errors. A user whose gid no group has gets a group of its own name. -EBADMSG for a
 * malformed line, a name or number that is taken, a gid or member that does not exist.
 */
int accounts_make(const char *passwd, const char *what_passwd, const char *group,
	const char *what_group, const struct recipe *recipe, struct accounts *ret,
	struct err *err) MUST_CHECK;

void accounts_done(struct accounts *accounts);
#define ACCOUNTS_AUTO __attribute__((cleanup(accounts_done))) struct accounts

#endif
