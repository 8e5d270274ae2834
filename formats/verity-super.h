/*
 * The dm-verity super block that veritysetup and systemd put before a hash tree (cryptsetup's
 * DMVerity page, "Verity superblock format", version 1). It tells how the tree is made, not
 * whether it is right: the root hash comes from elsewhere.
 *
 * It takes the first block of 4096 bytes of a hash device; the tree follows in the next.
 */
#ifndef FORMATS_VERITY_SUPER_H
#define FORMATS_VERITY_SUPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/verity.h"
#include "lib/err.h"

#define VERITY_SUPER_SIZE      512u
#define VERITY_SUPER_UUID_SIZE 16

struct verity_super {
	unsigned char uuid[VERITY_SUPER_UUID_SIZE]; /* in the order of its text form */
	unsigned char salt[VERITY_SALT_MAX];
	size_t salt_bytes; /* 0..VERITY_SALT_MAX */
	uint64_t data_blocks;
};

/* Writes the super block of a tree with SHA-256, hash type 1 and blocks of 4096 bytes. */
void verity_super_format(const struct verity_super *super, unsigned char ret[VERITY_SUPER_SIZE]);

/* Whether there is a super block at @bytes (at least 8), judging by its magic alone. */
bool verity_super_is(const void *bytes, size_t len);

/* Reads it. @what names the file in errors. -EBADMSG; -ENOTSUP for another version, hash, hash
 * type or block size. */
int verity_super_parse(const void *bytes, size_t len, const char *what, struct verity_super *ret,
	struct err *err) MUST_CHECK;

#endif
