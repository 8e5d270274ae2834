/*
 * An archive over what is already in a tree, as the layers of a container image lie over each other (OCI Image Format
 * Specification 1.1, layer.md, "Applying Changesets"): what comes later wins, whatever it replaces, and a whiteout
 * (".wh.NAME", ".wh..wh..opq") hides what is below, never what its own layer brings.
 */
#ifndef MKIMAGE_SOURCE_LAYER_H
#define MKIMAGE_SOURCE_LAYER_H

#include <stdbool.h>

#include "lib/err.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/tree.h"

/* The origin of directories that stand in no archive but must be there. */
#define LAYER_IMPLIED ""

/*
 * Puts the entries of @archive over @tree as coming from @origin (interned); what they own moves there. Parents that no
 * archive gives are made, with the origin LAYER_IMPLIED. With @whiteouts the names of whiteouts mean what the
 * specification says; malformed ones are -EBADMSG. @what names the archive in errors.
 */
int layer_apply(struct source_archive *archive, const char *what, bool whiteouts,
	const char *origin, struct tree *tree, struct err *err) MUST_CHECK;

#endif
