/*
 * Locks: the closed list of packages that a recipe resolves to (schema "assay-lock/1", recipe.lock beside recipe.toml).
 * Nothing that is not in it can reach an image. It holds archive-relative paths, never a host.
 */
#ifndef MKIMAGE_RECIPE_LOCK_H
#define MKIMAGE_RECIPE_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/recipe/recipe.h"

#define LOCK_SCHEMA    "assay-lock/1"
#define LOCK_MAX_BYTES (16u << 20)

struct lock_package {
	char *set; /* "rootfs", "kernel", "firmware.snp" */
	char *name;
	char *version;
	char *architecture;
	char *suite;   /* the recipe's suite name */
	char *archive; /* "debian" */
	char *path;    /* relative to the archive's root: "pool/main/s/systemd/..." */
	uint64_t size_bytes;
	unsigned char sha256[SHA256_SIZE];
};

struct lock {
	char *path; /* NULL: there is none, and none is needed */
	unsigned char recipe_packages_sha256
		[SHA256_SIZE]; /* of the recipe's package-relevant fields: a stale lock is told */
	unsigned char sha256[SHA256_SIZE]; /* of the lock's own bytes */
	uint64_t size_bytes;
	struct lock_package *packages; /* sorted by set, name */
	size_t count;
};

int lock_load(const char *path, struct lock *ret, struct err *err) MUST_CHECK;
/* Appends the canonical text of @lock. */
int lock_write(const struct lock *lock, struct buf *ret, struct err *err) MUST_CHECK;
void lock_done(struct lock *lock);
#define LOCK_AUTO __attribute__((cleanup(lock_done))) struct lock
/* Parses @len bytes of a lock as if read from @path. */
int lock_parse(const void *text, size_t len, const char *path, struct lock *ret,
	struct err *err) MUST_CHECK;

/* The lock beside @recipe, malloc'ed; NULL without memory: recipe.lock, or recipe.VARIANT.lock when the variant changes something
 * that packages are resolved by. */
char *lock_path_of(const struct recipe *recipe);

/* Loads the lock at @path, NULL for the one beside @recipe. A recipe that names no package needs none: @ret is then empty, without
 * a path. */
int lock_load_for(const struct recipe *recipe, const char *path, struct lock *ret,
	struct err *err) MUST_CHECK;

/* Refuses a lock that does not answer to @recipe: made for other package fields (the message names the command that
 * re-locks), with packages of sets or suites that the recipe does not have, or without one that it names. */
int lock_check(const struct recipe *recipe, const struct lock *lock, struct err *err) MUST_CHECK;

/* How much of what apt resolves belongs to a set. */
enum lock_closure {
	LOCK_ALL,    /* every dependency */
	LOCK_KERNEL, /* the named packages and the kernel images and modules they depend on */
	LOCK_NAMED,  /* the named packages alone */
};

struct lock_set {
	char name[80];				/* "rootfs", "kernel", "firmware.NAME" */
	const struct recipe_packages *packages; /* borrowed from the recipe */
	enum lock_closure closure;
};

/* The sets of a recipe by index; false for one that takes no packages. */
size_t lock_set_count(const struct recipe *recipe);
bool lock_set_at(const struct recipe *recipe, size_t i, struct lock_set *ret);

/* The digest of what decides which packages a recipe resolves to. */
int lock_recipe_digest(
	const struct recipe *recipe, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Refuses fields that could not stand in a lock; @what says where they were found. */
int lock_check_package(
	const struct lock_package *package, const char *what, struct err *err) MUST_CHECK;

/* qsort(3) order of a lock: by set, then name. */
int lock_compare(const void *a, const void *b);
void lock_package_done(struct lock_package *package);

#endif
