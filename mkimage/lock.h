/*
 * Locks: the closed list of packages that a recipe resolves to (schema "assay-lock/1", recipe.lock beside recipe.toml).
 * Nothing that is not in it can reach an image. It holds archive-relative paths, never a host.
 */
#ifndef MKIMAGE_LOCK_H
#define MKIMAGE_LOCK_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

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
	char *path;
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

#endif
