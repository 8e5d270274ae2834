/*
 * Bytes that are almost right: for parsers of one block, a table of single changes and what the parser must say of each.
 * Needs tap.h.
 */
#ifndef TESTS_BAD_BYTES_H
#define TESTS_BAD_BYTES_H

#include <stddef.h>

#include "lib/err.h"

struct bad_byte {
	size_t at;
	unsigned char value;
	int code;
	const char *message;
};

/* Fills @block as it must be; seals it after the change, where it has a checksum (or NULL); parses it. */
struct bad_bytes {
	unsigned char *block;
	void (*good)(unsigned char *block);
	void (*seal)(unsigned char *block);
	int (*parse)(const unsigned char *block, struct err *err);
};

static inline void bad_bytes(const struct bad_bytes *of, const struct bad_byte *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err err = {0};

		of->good(of->block);
		of->block[cases[i].at] = cases[i].value;
		if (of->seal != NULL)
			of->seal(of->block);
		is_int(of->parse(of->block, &err), cases[i].code, "a bad block is refused");
		is_str(err.msg, cases[i].message, "and says why");
	}
}

#endif
