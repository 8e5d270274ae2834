/*
 * The firmware metadata document (schema assay-firmware/1): what an SNP launch digest needs to know of a firmware, so that
 * who checks a digest needs no firmware file.
 */
#ifndef MEASURE_AMD_SNP_META_H
#define MEASURE_AMD_SNP_META_H

#include <jansson.h>

#include "lib/err.h"
#include "measure/amd/snp-image.h"

/* Reads a document; the image has no pages and no file digest. -EBADMSG for anything but the known fields. */
int snp_meta_read(const char *path, struct snp_image *ret, struct err *err) MUST_CHECK;

/* Makes the document of an image; -EBADMSG when it cannot be launched as an SNP guest. */
int snp_meta_json(const struct snp_image *image, json_t **ret, struct err *err) MUST_CHECK;

#endif
