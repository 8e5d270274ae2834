/*
 * Linux kernel configurations: the text of a .config file or of a fragment of one (Linux
 * Documentation/kbuild/kconfig.rst; scripts/kconfig/confdata.c writes it).
 *
 *   CONFIG_NAME=y | m | n | 123 | 0x1f | "text"
 *   # CONFIG_NAME is not set                      the same as =n
 *   # any other comment
 *
 * Names are held without their CONFIG_.
 */
#ifndef FORMATS_KCONFIG_H
#define FORMATS_KCONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define KCONFIG_BYTES_MAX   (4u << 20)
#define KCONFIG_OPTIONS_MAX 65536
#define KCONFIG_NAME_MAX    128

struct kconfig_option {
	const char *name;  /* borrowed from the text */
	const char *value; /* as written, strings with their quotes; "n" for what is not set */
	uint32_t line;
};

/* A zeroed one is a valid empty one. */
struct kconfig {
	char *text;			/* owned */
	struct kconfig_option *options; /* owned; sorted by name, each name once */
	size_t count;
};

enum kconfig_kind {
	KCONFIG_WHOLE,	   /* a .config: an option that is there twice is refused */
	KCONFIG_FRAGMENTS, /* one after the other: the last line of an option counts */
};

/*
 * Parses @len bytes; @what names them in errors. -EBADMSG for a line that is neither a comment nor an option,
 * for an option that is there twice, and for a text without options; -EFBIG beyond KCONFIG_BYTES_MAX.
 */
int kconfig_parse(const void *text, size_t len, enum kconfig_kind kind, const char *what,
	struct kconfig *ret, struct err *err) MUST_CHECK;
void kconfig_done(struct kconfig *config);
#define KCONFIG_AUTO __attribute__((cleanup(kconfig_done))) struct kconfig

/* The value of @name; "n" when the configuration does not name it. */
const char *kconfig_value(const struct kconfig *config, const char *name);

/* 'y', 'm', or 'n' for anything else. */
char kconfig_tristate(const struct kconfig *config, const char *name);

#endif
