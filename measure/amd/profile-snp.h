/*
 * What an AMD launch depends on besides its files: how each VMM sets up pages and vCPUs, and the CPUID signatures of
 * CPU models. Everything here is data with its source beside it; an unknown name is an error.
 */
#ifndef MEASURE_AMD_PROFILE_SNP_H
#define MEASURE_AMD_PROFILE_SNP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* SNP page types, SEV-SNP ABI 8.17.2. */
enum snp_page {
	SNP_PAGE_REFUSED = 0, /* not a page type: the profile has no answer */
	SNP_PAGE_NORMAL = 1,
	SNP_PAGE_VMSA = 2,
	SNP_PAGE_ZERO = 3,
	SNP_PAGE_UNMEASURED = 4,
	SNP_PAGE_SECRETS = 5,
	SNP_PAGE_CPUID = 6,
};

/* The reset state of a vCPU where VMMs differ; the rest is in vmsa.c. */
struct vmsa_model {
	bool svsm; /* flat protected mode at the SVSM's entry instead of the reset vector */
	uint16_t cs_attr_bsp, cs_attr_ap, ss_attr, tr_attr;
	uint64_t g_pat;
	bool rdx_is_signature; /* else RDX is @rdx */
	uint64_t rdx;
	uint32_t mxcsr;
	uint16_t fcw;
};

enum snp_tee {
	SNP_TEE_SEV = 1,
	SNP_TEE_ES = 2,
	SNP_TEE_SNP = 4,
};

struct snp_profile {
	const char *name;
	const char *source;
	unsigned tees;		    /* enum snp_tee bits that it models */
	enum snp_page sec_mem;	    /* how SEC_MEM sections are added */
	enum snp_page unknown;	    /* sections of unknown type */
	enum snp_page hashes_page;  /* the KERNEL_HASHES page when there are hashes */
	enum snp_page hashes_empty; /* and when there are none */
	bool cpuid_last;	    /* the CPUID page follows all other sections */
	uint64_t vmsa_gpa;
	struct vmsa_model vmsa;
};

/* -ENOTSUP for an unknown name, with the known ones in the message. */
int snp_profile_find(const char *name, const struct snp_profile **ret, struct err *err) MUST_CHECK;

/* Walks the profiles: NULL starts, NULL ends. */
const struct snp_profile *snp_profile_next(const struct snp_profile *profile);

/* A CPU as the user named it. */
struct snp_cpu {
	char name[32];	    /* "EPYC-v4", "0xb00f00", "25/1/1" */
	uint32_t signature; /* CPUID Fn0000_0001 EAX */
};

/* The signature of family, model and stepping; AMD publication 25481, CPUID Fn0000_0001_EAX. */
uint32_t snp_cpu_signature(uint32_t family, uint32_t model, uint32_t stepping);

/* Reads a QEMU model name, a number ("0xa00f11", "10489617") or family/model/stepping; -EINVAL otherwise. */
int snp_cpu_parse(const char *text, struct snp_cpu *ret, struct err *err) MUST_CHECK;

/* The @i-th CPU model that QEMU names; false at the end. */
bool snp_cpu_at(size_t i, struct snp_cpu *ret);

#endif
