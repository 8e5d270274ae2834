/*
 * The config.json of an OCI bundle (OCI Runtime Specification 1.0.2, config.md) as an image's configuration asks for it: what Kata's
 * agent reads of the pause bundle that is sealed into a guest.
 */
#ifndef MKIMAGE_SOURCE_OCI_BUNDLE_H
#define MKIMAGE_SOURCE_OCI_BUNDLE_H

#include <jansson.h>

#include "lib/buf.h"
#include "lib/err.h"

/* Appends the document for an image of configuration @image: its process, with the root file system in "rootfs". -EBADMSG for an
 * image that starts nothing, -ENOTSUP for a user by name. */
int oci_bundle_config(const json_t *image, struct buf *ret, struct err *err) MUST_CHECK;

#endif
