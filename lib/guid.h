/*
 * GUIDs in their mixed-endian binary form: the first three fields are little-endian, the rest is a
 * byte string (UEFI Specification 2.10, appendix A; RFC 4122 section 4.1.2 with Microsoft byte order).
 */
#ifndef LIB_GUID_H
#define LIB_GUID_H

#include <stdbool.h>

#define GUID_SIZE     16
#define GUID_TEXT_MAX 37 /* 36 characters and a NUL */

struct guid {
	unsigned char bytes[GUID_SIZE]; /* as stored */
};

/* Reads "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", lowercase; false for anything else. */
bool guid_parse(const char *text, struct guid *ret);

/* Writes the 36 characters and a NUL. */
void guid_format(const struct guid *guid, char text[GUID_TEXT_MAX]);

/* Whether the 16 bytes at @stored are the GUID written as @text (a literal that guid_parse takes). */
bool guid_is(const unsigned char *stored, const char *text);

#endif
