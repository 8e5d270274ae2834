/*
 * What differs between two builds, and why: from the inputs (packages, files, settings) over the files of the root, the outputs
 * and the words of the command line to the registers, each with the inputs and the steps of its derivation that moved it.
 *
 * Read from a build directory, one that `assay golden` made, or a golden document alone: manifest.json (assay-build/1), golden.json (assay-golden/1),
 * files.json (assay-files/1) and derivation/ (assay-derivation/1). One of the first two must be there; nothing is said of what
 * the others would tell.
 */
#ifndef MEASURE_EVIDENCE_DIFF_H
#define MEASURE_EVIDENCE_DIFF_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

#define DIFF_SCHEMA "assay-diff/1"

/* Reads what @path, which is no JSON document, says of itself (an object) and of files (as in assay-files/1). */
typedef int diff_read_fn(
	const char *path, json_t **ret_settings, json_t **ret_files, struct err *err);

/*
 * Compares the builds or documents at the paths @before and @after into a document of schema assay-diff/1 (docs/explain.md).
 * Files of another kind go to @read; when that is NULL they are refused like documents that are malformed, with -EBADMSG.
 */
int diff_builds(const char *before, const char *after, diff_read_fn *read, json_t **ret,
	struct err *err) MUST_CHECK;

/* The verb diff, with @read for what measure/ does not know; returns an exit status. */
int diff_run(int argc, char **argv, diff_read_fn *read);

/* Whether the document names no difference. */
bool diff_is_empty(const json_t *doc);

/* Appends the document as text. Of the files that changed with one origin only the first few are named unless @all. */
void diff_text(const json_t *doc, bool all, struct buf *ret);

#endif
