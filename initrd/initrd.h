/*
 * The initrd: a cpio archive with our own PID 1 and the modules that it loads, and nothing else.
 *
 *   /init            the guest's first process (initrd/guest)
 *   /modules.list    file names in load order, one a line
 *   /modules/NAME.ko  as the kernel's package has them, decompressed
 *   /dev /dev/console /newroot /proc /sys
 *
 * Same input, same bytes: on any host, for any user, in any order of the file system.
 */
#ifndef INITRD_INITRD_H
#define INITRD_INITRD_H

#include <stddef.h>
#include <stdint.h>

#include "initrd/modules.h"
#include "lib/buf.h"
#include "lib/err.h"

/* PID 1 for x86-64, built from initrd/guest with the program that embeds it. */
extern const unsigned char initrd_init_elf[], initrd_init_elf_end[];

enum initrd_compression {
	INITRD_NONE,
	INITRD_GZIP, /* any kernel with CONFIG_RD_GZIP */
	INITRD_ZSTD, /* CONFIG_RD_ZSTD */
};

struct initrd_spec {
	uint64_t timestamp; /* of every file; seconds since the epoch, 32 bits */
	enum initrd_compression compression;
	const void *init; /* another static x86-64 ELF; NULL for the embedded one */
	size_t init_size_bytes;
	const struct modules *modules; /* in load order; NULL for none */
};

/* Makes the initrd; @ret is overwritten. -EINVAL for a timestamp or an init that cannot be. */
int initrd_build(const struct initrd_spec *spec, struct buf *ret, struct err *err) MUST_CHECK;

/* "zstd", "gzip" or "none"; -EINVAL for anything else. */
int initrd_compression_parse(
	const char *name, enum initrd_compression *ret, struct err *err) MUST_CHECK;

/* The library that compresses, with its version: "zstd 1.5.4". The bytes depend on it, so a manifest records it. */
const char *initrd_compressor(enum initrd_compression compression);

#endif
