/*
 * The SEV kernel hash table: SHA-256 of kernel, initrd and command line, which a VMM puts into guest memory so that the
 * launch digest covers a direct boot. Facts: QEMU target/i386/sev.c, edk2 OvmfPkg/AmdSev/BlobVerifierLibSevHashes.
 */
#ifndef MEASURE_AMD_KERNEL_HASHES_H
#define MEASURE_AMD_KERNEL_HASHES_H

#include <stddef.h>

#include "lib/digest.h"
#include "lib/err.h"

#define KERNEL_HASHES_SIZE 176 /* of the padded table */

struct kernel_hashes {
	unsigned char cmdline[SHA256_SIZE]; /* of the command line and its NUL */
	unsigned char initrd[SHA256_SIZE];  /* of nothing when there is none */
	unsigned char kernel[SHA256_SIZE];  /* of the whole file */
};

/* Writes the padded table to @ret. */
void kernel_hashes_write(const struct kernel_hashes *hashes, unsigned char ret[KERNEL_HASHES_SIZE]);

/* Hashes @len bytes of command line (no NUL among them, -EINVAL) and the NUL that ends it. */
int kernel_hashes_cmdline(const char *cmdline, size_t len, unsigned char ret[SHA256_SIZE],
	struct err *err) MUST_CHECK;

/*
 * Hashes a kernel as it is loaded: -ENOTSUP for ELF and multiboot images, which QEMU boots past the hash table.
 */
int kernel_hashes_kernel(
	const char *path, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Hashes an initrd file; a NULL @path is no initrd. */
int kernel_hashes_initrd(
	const char *path, unsigned char ret[SHA256_SIZE], struct err *err) MUST_CHECK;

#endif
