/* The initial VMSA: the saved state page of one vCPU as the launch measures it. AMD APM volume 2, table B-4. */
#ifndef MEASURE_AMD_VMSA_H
#define MEASURE_AMD_VMSA_H

#include <stdint.h>

#include "measure/amd/profile-snp.h"

#define VMSA_SIZE      4096
#define VMSA_RESET_EIP 0xfffffff0u /* where the boot processor starts */

struct vmsa_input {
	const struct vmsa_model *model;
	bool bsp;
	uint64_t eip; /* VMSA_RESET_EIP, the AP reset EIP, or the SVSM's entry */
	uint32_t cpu_signature;
	uint64_t sev_features;
};

/* Fills the page at @ret. */
void vmsa_write(const struct vmsa_input *in, unsigned char ret[VMSA_SIZE]);

#endif
