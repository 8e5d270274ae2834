/*
 * RTMR3, which only the running guest extends: the events that known agents put there, each written
 * as "KIND:VALUE".
 *
 *   kind   | value                       | digest
 *   dstack | NAME or NAME:HEX of payload | SHA-384 of u32 0x08000001, ":", name, ":", payload
 *   aael   | DOMAIN OPERATION CONTENT    | SHA-384 of u32 0x4141454c, u32 length, text
 *   image  | sha256: and 64 hex digits   | SHA-384 of that text: C8s' measurer, for each distinct image
 *   file   | path of a file              | SHA-384 of its bytes: the operator's public key that C8s' initrd finds
 *   text   | any text                    | SHA-384 of it
 *   digest | 96 hex digits               | itself
 */
#ifndef MEASURE_TDX_RTMR3_H
#define MEASURE_TDX_RTMR3_H

#include "lib/err.h"
#include "measure/tdx/rtmr.h"

/* Extends @rtmr by one event. -EINVAL for an unknown kind or a malformed value; a file that cannot be read fails as it does. */
int rtmr3_event(const char *event, struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
