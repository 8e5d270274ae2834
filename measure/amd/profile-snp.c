/* VMM profiles and CPU models of AMD launches (profile-snp.h). */
#include "measure/amd/profile-snp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/opt.h"

#define PAT_RESET   0x0007040600070406 /* APM volume 2, section 7.8.2 */
#define PAT_GCE	    0x0000000000070106
#define MXCSR_RESET 0x1f80
#define FCW_KVM	    0x37f
#define RDX_RESET   0x600
#define GPA_VMSA    0xfffffffff000  /* bits 47:12 of (u64)-1: 48-bit parts */
#define GPA_VMSA_52 0xffffffffff000 /* bits 51:12: parts with 52 physical address bits */

/* The reset state that KVM puts into a VMSA: segment attributes of real mode, RDX from CPUID. */
#define VMSA_KVM(mxcsr_value, fcw_value)                                                           \
	{                                                                                          \
		.cs_attr_bsp = 0x9b, .cs_attr_ap = 0x9b, .ss_attr = 0x93, .tr_attr = 0x8b,         \
		.g_pat = PAT_RESET, .rdx_is_signature = true, .mxcsr = (mxcsr_value),              \
		.fcw = (fcw_value)                                                                 \
	}
/* Nitro and libkrun: SVM's reset attributes, FPU state left zero. */
#define VMSA_SVM(cs_ap, rdx_value)                                                                 \
	{                                                                                          \
		.cs_attr_bsp = 0x9a, .cs_attr_ap = (cs_ap), .ss_attr = 0x92, .tr_attr = 0x83,      \
		.g_pat = PAT_RESET, .rdx = (rdx_value)                                             \
	}
#define VMSA_GCE                                                                                   \
	{                                                                                          \
		.cs_attr_bsp = 0x9b, .cs_attr_ap = 0x9b, .ss_attr = 0x93, .tr_attr = 0x8b,         \
		.g_pat = PAT_GCE, .rdx = RDX_RESET                                                 \
	}
#define VMSA_SVSM(mxcsr_value, fcw_value)                                                          \
	{                                                                                          \
		.svsm = true, .cs_attr_bsp = 0xc9b, .cs_attr_ap = 0xc9b, .ss_attr = 0xc93,         \
		.tr_attr = 0x8b, .g_pat = PAT_RESET, .rdx_is_signature = true,                     \
		.mxcsr = (mxcsr_value), .fcw = (fcw_value)                                         \
	}
#define PAGES_QEMU                                                                                 \
	.sec_mem = SNP_PAGE_ZERO, .unknown = SNP_PAGE_ZERO, .hashes_page = SNP_PAGE_NORMAL,        \
	.hashes_empty = SNP_PAGE_ZERO
#define PAGES_GCE                                                                                  \
	.sec_mem = SNP_PAGE_UNMEASURED, .unknown = SNP_PAGE_REFUSED,                               \
	.hashes_page = SNP_PAGE_NORMAL, .hashes_empty = SNP_PAGE_ZERO

static const struct snp_profile profiles[] = {
	{
		.name = "qemu",
		.source = "QEMU 9.1-10.2 target/i386/sev.c; KVM_SEV_INIT2, Linux 6.10 and later",
		.tees = SNP_TEE_SEV | SNP_TEE_ES | SNP_TEE_SNP,
		PAGES_QEMU,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_KVM(MXCSR_RESET, FCW_KVM),
	},
	{
		.name = "qemu-es-legacy",
		.source = "QEMU with legacy-vm-type=auto (its default) or on: KVM_SEV_ES_INIT",
		.tees = SNP_TEE_SEV | SNP_TEE_ES,
		PAGES_QEMU,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_KVM(0, 0),
	},
	{
		.name = "qemu-pre-6.10",
		.source = "QEMU on the SNP host kernels that were out of tree before Linux 6.10",
		.tees = SNP_TEE_SNP,
		PAGES_QEMU,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_KVM(0, 0),
	},
	{
		.name = "ec2",
		.source = "sev-snp-measure 0.0.13 (2026-04), EC2 since then",
		.tees = SNP_TEE_SNP,
		.sec_mem = SNP_PAGE_ZERO,
		.unknown = SNP_PAGE_REFUSED,
		.hashes_page = SNP_PAGE_NORMAL,
		.hashes_empty = SNP_PAGE_ZERO,
		.cpuid_last = true,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_SVM(0x9b, RDX_RESET),
	},
	{
		.name = "ec2-2025",
		.source = "sev-snp-measure 0.0.12 and the sev crate: EC2 before 2026-04, RDX 0",
		.tees = SNP_TEE_SNP,
		.sec_mem = SNP_PAGE_ZERO,
		.unknown = SNP_PAGE_REFUSED,
		.hashes_page = SNP_PAGE_NORMAL,
		.hashes_empty = SNP_PAGE_ZERO,
		.cpuid_last = true,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_SVM(0x9b, 0),
	},
	{
		.name = "gce-milan",
		.source = "gce-tcb-verifier sev/ (launch digest, VMSA), Milan hosts",
		.tees = SNP_TEE_SNP,
		PAGES_GCE,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_GCE,
	},
	{
		.name = "gce-genoa",
		.source = "gce-tcb-verifier sev/ (launch digest, VMSA), Genoa hosts",
		.tees = SNP_TEE_SNP,
		PAGES_GCE,
		.vmsa_gpa = GPA_VMSA_52,
		.vmsa = VMSA_GCE,
	},
	{
		.name = "krun",
		.source = "libkrun's SNP launch as the sev crate models it (VMMType KRUN)",
		.tees = SNP_TEE_SNP,
		PAGES_QEMU,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_SVM(0x9a, 0),
	},
	{
		.name = "svsm",
		.source = "COCONUT-SVSM's QEMU before IGVM, KVM of Linux 6.10 and later",
		.tees = SNP_TEE_SNP,
		PAGES_QEMU,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_SVSM(MXCSR_RESET, FCW_KVM),
	},
	{
		.name = "svsm-pre-6.10",
		.source = "COCONUT-SVSM's QEMU before IGVM, out-of-tree KVM before Linux 6.10",
		.tees = SNP_TEE_SNP,
		PAGES_QEMU,
		.vmsa_gpa = GPA_VMSA,
		.vmsa = VMSA_SVSM(0, 0),
	},
};

#define PROFILE_COUNT (sizeof(profiles) / sizeof(profiles[0]))

const struct snp_profile *snp_profile_next(const struct snp_profile *profile)
{
	size_t next = profile == NULL ? 0 : (size_t)(profile - profiles) + 1;

	return next < PROFILE_COUNT ? &profiles[next] : NULL;
}

int snp_profile_find(const char *name, const struct snp_profile **ret, struct err *err)
{
	BUF_AUTO known = {0};

	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		if (strcmp(profiles[i].name, name) == 0) {
			*ret = &profiles[i];
			return 0;
		}
		buf_fmt(&known, "%s%s", i == 0 ? "" : ", ", profiles[i].name);
	}
	return err_fail(
		err, -ENOTSUP, "%s: no such VMM profile (known: %s)", name, buf_cstr(&known));
}

/* QEMU's builtin_x86_defs and their versions, target/i386/cpu.c up to 10.2. */
static const struct {
	const char *name;
	uint32_t family, model, stepping;
} cpus[] = {
	{"EPYC", 23, 1, 2},
	{"EPYC-v1", 23, 1, 2},
	{"EPYC-v2", 23, 1, 2},
	{"EPYC-v3", 23, 1, 2},
	{"EPYC-v4", 23, 1, 2},
	{"EPYC-v5", 23, 1, 2},
	{"EPYC-IBPB", 23, 1, 2},
	{"EPYC-Rome", 23, 49, 0},
	{"EPYC-Rome-v1", 23, 49, 0},
	{"EPYC-Rome-v2", 23, 49, 0},
	{"EPYC-Rome-v3", 23, 49, 0},
	{"EPYC-Rome-v4", 23, 49, 0},
	{"EPYC-Rome-v5", 23, 49, 0},
	{"EPYC-Milan", 25, 1, 1},
	{"EPYC-Milan-v1", 25, 1, 1},
	{"EPYC-Milan-v2", 25, 1, 1},
	{"EPYC-Milan-v3", 25, 1, 1},
	{"EPYC-Genoa", 25, 17, 0},
	{"EPYC-Genoa-v1", 25, 17, 0},
	{"EPYC-Genoa-v2", 25, 17, 0},
	{"EPYC-Turin", 26, 0, 0},
	{"EPYC-Turin-v1", 26, 0, 0},
	{"Dhyana", 24, 0, 1},
	{"Dhyana-v1", 24, 0, 1},
	{"Dhyana-v2", 24, 0, 1},
};

#define CPU_COUNT (sizeof(cpus) / sizeof(cpus[0]))

uint32_t snp_cpu_signature(uint32_t family, uint32_t model, uint32_t stepping)
{
	uint32_t low = family > 0xf ? 0xf : family;
	uint32_t high = family > 0xf ? family - 0xf : 0;

	return (high & 0xff) << 20 | (model >> 4 & 0xf) << 16 | low << 8 | (model & 0xf) << 4 |
	       (stepping & 0xf);
}

bool snp_cpu_at(size_t i, struct snp_cpu *ret)
{
	if (i >= CPU_COUNT)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s", cpus[i].name);
	ret->signature = snp_cpu_signature(cpus[i].family, cpus[i].model, cpus[i].stepping);
	return true;
}

/* "25/1/1": each part decimal and in the range that a signature holds. */
static bool parse_parts(const char *text, uint32_t *ret)
{
	static const unsigned long max[3] = {0xf + 0xff, 0xff, 0xf};
	unsigned long part[3];
	const char *at = text;

	for (int i = 0; i < 3; i++) {
		char *end;

		if (*at < '0' || *at > '9')
			return false;
		part[i] = strtoul(at, &end, 10);
		if (part[i] > max[i] || *end != (i < 2 ? '/' : '\0'))
			return false;
		at = end + 1;
	}
	*ret = snp_cpu_signature((uint32_t)part[0], (uint32_t)part[1], (uint32_t)part[2]);
	return true;
}

int snp_cpu_parse(const char *text, struct snp_cpu *ret, struct err *err)
{
	struct snp_cpu cpu = {.signature = 0};
	uint64_t number;

	for (size_t i = 0; snp_cpu_at(i, &cpu); i++) {
		if (strcmp(cpu.name, text) == 0) {
			*ret = cpu;
			return 0;
		}
	}
	if (strlen(text) >= sizeof(cpu.name))
		return err_fail(err, -EINVAL, "%s: no such CPU model", text);
	snprintf(cpu.name, sizeof(cpu.name), "%s", text);
	if (parse_parts(text, &cpu.signature)) {
		*ret = cpu;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9' || strpbrk(text, "kKmMgG") != NULL ||
		!opt_number(text, &number) || number == 0 || number > UINT32_MAX)
		return err_fail(err, -EINVAL,
			"%s: no such CPU model (a QEMU EPYC or Dhyana name, a CPUID signature such "
			"as "
			"0xa00f11, or family/model/stepping)",
			text);
	cpu.signature = (uint32_t)number;
	*ret = cpu;
	return 0;
}
