/*
 * A kernel from its source, the same bits in any directory: what is compiled is the pinned archive with one resolved
 * configuration; user, host, time and version number are fixed; the environment is empty, and where user namespaces are
 * there, so is the network. The programs of the build are the machine's own (gcc, binutils, make, flex, bison, bc): their
 * versions are in the configuration, which is a lock, and their digests among the results.
 */
#ifndef MKIMAGE_KERNEL_KERNEL_BUILD_H
#define MKIMAGE_KERNEL_KERNEL_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "lib/progress.h"
#include "mkimage/tree.h"

/* Everything is borrowed. */
struct kernel_build {
	const char *what;			  /* names the source in errors */
	struct tree_content tarball;		  /* tar, compressed or not, of one directory */
	unsigned char source_sha256[SHA256_SIZE]; /* of the pinned file that it is, or is in */
	const struct buf *fragments; /* of the configuration: text, the later line counts */
	const char *config_path;     /* the resolved configuration's file, for errors */
	const struct buf *config;    /* that; not for kernel_build_config */
	uint64_t timestamp;	     /* seconds since the epoch */
	const char *cache_dir;	     /* where the work is done and results are kept */
	size_t threads;		     /* 0: one per processor */
	const struct progress *progress;
};

/* A program whose bytes decide the kernel's. */
struct kernel_build_tool {
	char *name;    /* owned: "gcc", "cc1", "as", "ld", the payload's compressor */
	char *version; /* owned: the first line that it says of itself */
	unsigned char sha256[SHA256_SIZE];
};

#define KERNEL_BUILD_TOOLS_MAX 8

struct kernel_build_result {
	struct buf image; /* bzImage */
	struct kernel_build_tool tools[KERNEL_BUILD_TOOLS_MAX];
	size_t tool_count;
	bool cached;	/* this source, configuration and tools have been built before */
	bool networked; /* not cached, and there were no user namespaces */
};

/*
 * Appends what the fragments resolve to with this source and these tools: `make allnoconfig` over them. -EBADMSG when an
 * option does not come out as a fragment says, -ENOENT for a missing program.
 */
int kernel_build_config(
	const struct kernel_build *build, struct buf *ret, struct err *err) MUST_CHECK;

/*
 * Builds the kernel. -EKEYREJECTED, naming the first option, when the fragments resolve to anything but @build->config; else
 * as above; -EIO when the compiler fails, with the last line of what it said (all of it is in kernel-build.log in the cache).
 */
int kernel_build_run(const struct kernel_build *build, struct kernel_build_result *ret,
	struct err *err) MUST_CHECK;
void kernel_build_done(struct kernel_build_result *result);
#define KERNEL_BUILD_AUTO __attribute__((cleanup(kernel_build_done))) struct kernel_build_result

#endif
