/*
 * Container images as trees: an OCI image layout (OCI Image Format Specification 1.1: image-layout.md, image-index.md, manifest.md,
 * config.md, layer.md), as a directory or in a tar archive of any compression, and what `docker save` writes.
 *
 * Everything is reached from one digest: of a manifest or an index in a layout, of the image's configuration (its ID) in a
 * docker archive. Each blob's size and digest are checked, and of each layer the digest of its uncompressed bytes too.
 */
#ifndef MKIMAGE_SOURCE_SOURCE_OCI_H
#define MKIMAGE_SOURCE_SOURCE_OCI_H

#include <jansson.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "mkimage/source/source-archive.h"
#include "mkimage/source/spool.h"
#include "mkimage/tree.h"

#define SOURCE_OCI_LAYERS_MAX	 128
#define SOURCE_OCI_MANIFESTS_MAX 1024
#define SOURCE_OCI_JSON_MAX	 (4u << 20) /* of a manifest, index or configuration */

struct source_oci_options {
	unsigned char sha256[SHA256_SIZE]; /* what pins the image */
	const char *architecture;	   /* "amd64"; the operating system is always linux */
	unsigned allow;			   /* enum source_allow */
	struct source_limits limits;	   /* of each layer, and of an archive around them */
	json_t **ret_config; /* the image's configuration, for json_decref(); NULL: not wanted */
};

/*
 * Reads the image at @path into @tree, an empty one, as coming from @origin (interned): its layers over each other, whiteouts
 * applied. Contents go to @spool. -EKEYREJECTED for a blob with another digest, -EBADMSG and -ENOTSUP for what is malformed or
 * no image of this platform, naming @path and the part.
 */
int source_oci_read(const char *path, const struct source_oci_options *options, struct spool *spool,
	const char *origin, struct tree *tree, struct err *err) MUST_CHECK;

#endif
