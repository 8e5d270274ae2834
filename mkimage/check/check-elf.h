/*
 * Whether the programs and libraries of a guest can start there: every ELF64 x86-64 file's interpreter, the closure of the
 * libraries it needs, and the symbol versions it needs of them (which is how a program built against a newer glibc than the
 * guest's fails).
 *
 * Libraries are looked for as the guest's dynamic linker does without a cache: the file's own RPATH or RUNPATH with $ORIGIN,
 * then the multiarch directories, /lib64, /lib and their like below /usr. A plugin may also count on what its program has loaded: a library
 * that is found nowhere there is taken from any directory, when the tree has exactly one of that name.
 */
#ifndef MKIMAGE_CHECK_CHECK_ELF_H
#define MKIMAGE_CHECK_CHECK_ELF_H

#include "lib/err.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/tree.h"

#define CHECK_ELF_BYTES_MAX (1u << 30) /* of one file */

/* Checks every file of @tree; libraries (by name) and interpreters (by path) that are not in it may be @provided by the root that an
 * extension is mounted beside, NULL for none. -EKEYREJECTED naming the file, what it lacks and where it came
 * from; -EBADMSG for a malformed file. */
int check_elf(
	const struct tree *tree, const struct recipe_strings *provided, struct err *err) MUST_CHECK;

#endif
