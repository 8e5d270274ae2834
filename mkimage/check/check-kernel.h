/*
 * What a guest kernel's configuration must have, and what it should not have, by the way it boots and the TEE it runs in.
 * The table is in check-kernel.c, each option with its reason; docs/kernels.md tells what to do about them.
 */
#ifndef MKIMAGE_CHECK_CHECK_KERNEL_H
#define MKIMAGE_CHECK_CHECK_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/kconfig.h"
#include "lib/err.h"

enum check_kernel_flow {
	CHECK_KERNEL_VERITY_INITRD,  /* a small initrd loads modules and sets dm-verity up */
	CHECK_KERNEL_VERITY_DM_INIT, /* the kernel does, by dm-mod.create= */
	CHECK_KERNEL_INITRD,	     /* the initrd is the whole guest */
	CHECK_KERNEL_FLOWS
};

/* "verity-initrd" and so on. */
const char *check_kernel_flow_name(enum check_kernel_flow flow);
/* False when no flow has that name. */
bool check_kernel_flow_parse(const char *name, enum check_kernel_flow *ret);

/* What the kernel is for. Strings are borrowed. */
struct check_kernel_for {
	enum check_kernel_flow flow;
	bool snp, tdx;
	bool gpt;		 /* the disk's label; else MBR */
	const char *rootfs_type; /* "erofs", "ext4", "xfs"; NULL: none on a disk */
	const char *
		rootfs_codec; /* of a compressed EROFS: "lz4", "lzma", "deflate", "zstd"; or NULL */
	const char *initrd_codec;   /* "gzip", "zstd", ...; NULL or "none": not compressed */
	const char *const *modules; /* that the initrd loads, beside their dependencies */
	size_t module_count;
};

/* Whether the table knows the name of a file system, of EROFS's compression, of an initrd's. */
bool check_kernel_knows_rootfs(const char *type);
bool check_kernel_knows_rootfs_codec(const char *codec);
bool check_kernel_knows_initrd_codec(const char *codec);

struct check_kernel_finding {
	const char *option; /* without CONFIG_; borrowed from the table, as is why */
	const char *why;
	char value;    /* 'y', 'm' or 'n' */
	bool required; /* the guest does not work without; else a warning */
	char *text;    /* owned: one line, "CONFIG_DM_INIT is not set, needed for ..." */
};

/* A zeroed one is a valid empty one. */
struct check_kernel_findings {
	struct check_kernel_finding *items; /* owned; in the order of the table */
	size_t count;
	size_t required; /* how many of them are */
};

/* Holds @config against the table. Only memory fails: findings are the result. */
int check_kernel(const struct kconfig *config, const struct check_kernel_for *purpose,
	struct check_kernel_findings *ret, struct err *err) MUST_CHECK;
void check_kernel_done(struct check_kernel_findings *findings);
#define CHECK_KERNEL_AUTO __attribute__((cleanup(check_kernel_done))) struct check_kernel_findings

#endif
