/* Lowercase hexadecimal, the only case that any output of ours uses. */
#ifndef LIB_HEX_H
#define LIB_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* Writes 2*@n lowercase digits and a NUL to @dst. */
void hex_encode(const void *src, size_t n, char *dst);

/* Reads exactly 2*@n digits of lowercase hex; false, with @dst untouched, when @text has another length or
 * another character. */
bool hex_decode(const char *text, void *dst, size_t n);

#endif
