/*
 * CBOR writing (RFC 8949): definite lengths, shortest forms (section 4.2.1), items in the order of the calls. The caller
 * announces how many items an array or map holds and then writes them; keys of maps are its to sort.
 */
#ifndef FORMATS_CBOR_H
#define FORMATS_CBOR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

void cbor_uint(struct buf *to, uint64_t value);
void cbor_int(struct buf *to, int64_t value);
void cbor_bytes(struct buf *to, const void *src, size_t n);
void cbor_text(struct buf *to, const char *text);
void cbor_array(struct buf *to, uint64_t items);
void cbor_map(struct buf *to, uint64_t pairs);
void cbor_tag(struct buf *to, uint64_t tag);

#endif
