/*
 * What a build is made of, for other programs: SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/) and CycloneDX 1.6 (ECMA-424)
 * documents, and the list of the root file system's files (schema "assay-files/1", docs/formats.md). All are bound to the root hash and
 * hold no time but the recipe's: the same build gives the same bytes.
 */
#ifndef MKIMAGE_SBOM_H
#define MKIMAGE_SBOM_H

#include <jansson.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/fs/digests.h"
#include "mkimage/fs/runs.h"
#include "mkimage/recipe/lock.h"
#include "mkimage/recipe/recipe.h"
#include "mkimage/tree.h"

#define SBOM_FILES_SCHEMA "assay-files/1"

/* Names in a build directory. */
#define SBOM_FILES_NAME	    "files.json"
#define SBOM_SPDX_NAME	    "sbom.spdx.json"
#define SBOM_CYCLONEDX_NAME "sbom.cdx.json"

struct sbom {
	const struct recipe *recipe;
	const struct lock *lock;
	const json_t *inputs; /* of the manifest */
	unsigned char root_hash[SHA256_SIZE];
	unsigned char image_sha256[SHA256_SIZE]; /* of the root disk */
	const struct runs *runs;		 /* where the files' contents are in it */
	const struct digests *digests;		 /* of the files */
};

/* Appends the documents. @tree is what was sealed. */
int sbom_spdx(const struct sbom *sbom, struct buf *ret, struct err *err) MUST_CHECK;
int sbom_cyclonedx(const struct sbom *sbom, struct buf *ret, struct err *err) MUST_CHECK;
int sbom_files(const struct sbom *sbom, const struct tree *tree, struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
