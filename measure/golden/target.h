/*
 * A deployment target: on which VMM, firmware and shapes a build is launched, by which Kata, in which roles, with which
 * initdata, on what platform. From a target and a build come all tuples that may be seen (docs/targets.md).
 */
#ifndef MEASURE_GOLDEN_TARGET_H
#define MEASURE_GOLDEN_TARGET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "measure/golden/golden.h"
#include "measure/kata/profile-kata.h"
#include "measure/tdx/smbios.h"

#define TARGET_BYTES_MAX    (1u << 20)
#define TARGET_LAUNCHES_MAX 64
#define TARGET_ROLES_MAX    64
#define TARGET_SHAPES_MAX   256 /* vCPU counts, limits or CPUs of one launch */

/* Owned strings in an order. */
struct target_strings {
	char **items;
	size_t count;
};

struct target_launch {
	bool tdx;
	char *firmware;		    /* path inside the build */
	char *vmm;		    /* profile */
	struct target_strings cpus; /* SNP: models */
	uint32_t *vcpus;	    /* owned */
	size_t vcpu_count;
	struct target_strings limits; /* pods' CPU limits instead, "500m" or "none"; need [kata] */
	uint64_t *memory;	      /* owned: TDX, bytes */
	size_t memory_count;
	char *acpi; /* TDX: where ACPI tables come from (golden-tdx.h); NULL: RTMR0 is not pinned */
	char *qemu; /* TDX: program for acpi = "qemu" */
	bool has_processor;
	unsigned char processor_id[SMBIOS_PROCESSOR_ID_SIZE]; /* TDX: of SMBIOS tables */
	char *generation;     /* TDX: the edk2 release that the firmware is declared to be of */
	char *uefi_variables; /* TDX: path, relative to the target, in place of the firmware's own */
	char *sev_features;   /* SNP: "0x1" */
	char *guest_policy;   /* SNP: "0x30000" */
};

struct target_role {
	char *name;
	char *initdata; /* path, relative to the target's file */
	char *pins;	/* another role whose values this one holds; NULL: none */
	char *pins_in;	/* where it holds them: "initdata", "image" or "cmdline" */
};

struct target_kata {
	bool present;
	char *version, *runtime; /* "go", "rust" */
	char *class;		 /* "qemu-snp", ... */
	char *config; /* path of the runtime's TOML, relative to the target's file; NULL: shipped */
	char *rootfs_type;
	char *kernel_params, *annotation; /* NULL: the configuration's, none */
	bool debug_console, fips;
	struct target_strings extensions; /* NAME=LINE */
};

struct target {
	char *name;
	char *not_before, *not_after;
	json_t *platform; /* owned; as it stands in the golden document, NULL: none */
	struct target_kata kata;
	struct target_launch *launches; /* owned */
	size_t launch_count;
	struct target_role *roles; /* owned */
	size_t role_count;
};

/* A zeroed one may be passed to target_done. */
void target_done(struct target *target);
#define TARGET_AUTO __attribute__((cleanup(target_done))) struct target

/* Reads a target strictly. -EBADMSG with the line; -EKEYREJECTED for a role that would have to contain itself. */
int target_read(const void *text, size_t len, const char *what, struct target *ret,
	struct err *err) MUST_CHECK;

/*
 * Measures the build in @dir for every launch, shape and role: golden.json and the derivations. @base is the directory that
 * the target's own paths start from, @sha256 the digest of its text.
 */
int target_golden(const struct target *target, const char *base,
	const unsigned char sha256[SHA256_SIZE], const char *dir, struct golden_outputs *ret,
	struct err *err) MUST_CHECK;

#endif
