/*
 * The build manifest (schema "assay-build/1", docs/formats.md): every input and every output of a build by sha256. It is where
 * the image builder and the measurement meet, and holds nothing that depends on where or when the build ran.
 */
#ifndef MKIMAGE_MANIFEST_H
#define MKIMAGE_MANIFEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/fs/disk.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"

#define MANIFEST_SCHEMA "assay-build/1"

/* Collects the document; sticky, so that manifest_end() reports a lack of memory once. */
struct manifest {
	json_t *doc;	 /* owned */
	json_t *inputs;	 /* borrowed from doc */
	json_t *outputs; /* borrowed from doc */
	int bad;
};

/* Starts with the recipe's and the lock's facts: identity, files, packages, launch shapes. Reads the recipe's sources for their
 * digests. */
int manifest_begin(struct manifest *manifest, const struct recipe *recipe, const struct lock *lock,
	struct err *err) MUST_CHECK;
void manifest_done(struct manifest *manifest);
#define MANIFEST_AUTO __attribute__((cleanup(manifest_done))) struct manifest

/* An input that is part of assay itself: "init", "compressor". @sha256 may be NULL. */
void manifest_tool(struct manifest *manifest, const char *name, const char *version,
	const unsigned char *sha256);

/* A file of the build machine, under the role @as; its place stays out of the document. */
int manifest_file(
	struct manifest *manifest, const char *as, const char *path, struct err *err) MUST_CHECK;

void manifest_output(struct manifest *manifest, const char *name, uint64_t size_bytes,
	const unsigned char sha256[SHA256_SIZE]);

/* @warnings: what its configuration leaves open. */
void manifest_kernel(
	struct manifest *manifest, const char *version, char *const *warnings, size_t count);
void manifest_policy(
	struct manifest *manifest, const char *guest_path, const unsigned char sha256[SHA256_SIZE]);
void manifest_agent(
	struct manifest *manifest, const unsigned char sha256[SHA256_SIZE], bool stand_in);
void manifest_disk(struct manifest *manifest, const struct disk_result *disk);
void manifest_cmdline(struct manifest *manifest, const char *cmdline);

/* Hands the finished document over. */
int manifest_end(struct manifest *manifest, json_t **ret, struct err *err) MUST_CHECK;

#endif
