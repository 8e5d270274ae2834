/* UEFI device paths as text: UEFI Specification 2.10, section 10. */
#ifndef FORMATS_DEVPATH_H
#define FORMATS_DEVPATH_H

#include <stddef.h>

#include "lib/buf.h"

/* Appends the path in the @len bytes at @path, nodes separated by "/"; what is not understood as
 * Path(type,subtype), damage as "(damaged)". Text from the path is printable ASCII, other
 * characters are '?'. */
void devpath_text(const void *path, size_t len, struct buf *ret);

#endif
