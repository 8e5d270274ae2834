/* Lowercase hexadecimal (hex.h). */
#include "lib/hex.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void hex_encode(const void *src, size_t n, char *dst)
{
	const unsigned char *bytes = src;

	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[bytes[i] >> 4];
		dst[2 * i + 1] = digits[bytes[i] & 15];
	}
	dst[2 * n] = '\0';
}

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

bool hex_decode(const char *text, void *dst, size_t n)
{
	unsigned char *bytes = dst;

	if (strlen(text) != 2 * n || strspn(text, digits) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	return true;
}
