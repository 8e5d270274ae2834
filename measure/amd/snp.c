/*
 * The SEV-SNP launch digest (snp.h). What is hashed for one page, PAGE_INFO of the SEV-SNP ABI:
 *
 *   0x00 | 48 | the launch digest so far
 *   0x30 | 48 | SHA-384 of the page, or zeros
 *   0x60 | 2  | 0x70, the size of this structure
 *   0x62 | 1  | page type
 *   0x63 | 5  | IMI, reserved, permissions of VMPL 3, 2 and 1: zero
 *   0x68 | 8  | guest-physical address
 */
#include "measure/amd/snp.h"

#include <string.h>

#include "lib/wr.h"
#include "measure/amd/profile-firmware.h"
#include "measure/amd/vmsa.h"

#define SNP_BIOS_UNIT 65536

static const char *const page_names[] = {
	[SNP_PAGE_REFUSED] = "REFUSED",
	[SNP_PAGE_NORMAL] = "NORMAL",
	[SNP_PAGE_VMSA] = "VMSA",
	[SNP_PAGE_ZERO] = "ZERO",
	[SNP_PAGE_UNMEASURED] = "UNMEASURED",
	[SNP_PAGE_SECRETS] = "SECRETS",
	[SNP_PAGE_CPUID] = "CPUID",
};

static const unsigned char zeros[SHA384_SIZE];

int snp_chain_init(struct snp_chain *chain, struct derive *derive, struct err *err)
{
	memset(chain->ld, 0, sizeof(chain->ld));
	chain->derive = derive;
	return digest_init(&chain->sha384, DIGEST_SHA384, err);
}

void snp_chain_done(struct snp_chain *chain)
{
	digest_done(&chain->sha384);
}

void snp_page_info(const unsigned char ld[SHA384_SIZE], const unsigned char content[SHA384_SIZE],
	enum snp_page type, uint64_t gpa, unsigned char ret[SNP_PAGE_INFO_SIZE])
{
	struct wr wr = wr_init(ret, SNP_PAGE_INFO_SIZE);

	wr_bytes(&wr, ld, SHA384_SIZE);
	wr_bytes(&wr, content, SHA384_SIZE);
	wr_le16(&wr, SNP_PAGE_INFO_SIZE);
	wr_u8(&wr, (uint8_t)type);
	wr_fill(&wr, 0, 5);
	wr_le64(&wr, gpa);
}

static void record(struct snp_chain *chain, enum snp_page type, uint64_t gpa,
	const unsigned char *content, const char *what)
{
	struct derive_step step = {
		.kind = page_names[type],
		.gpa = gpa,
		.size_bytes = SNP_PAGE_SIZE,
		.content_size = content != NULL ? SHA384_SIZE : 0,
		.running_size = SHA384_SIZE,
	};

	if (content != NULL)
		memcpy(step.content, content, SHA384_SIZE);
	memcpy(step.running, chain->ld, SHA384_SIZE);
	derive_add(chain->derive, &step, "%s", what);
}

int snp_chain_add(struct snp_chain *chain, enum snp_page type, uint64_t gpa,
	const unsigned char *content, const char *what, struct err *err)
{
	unsigned char info[SNP_PAGE_INFO_SIZE];
	int rc = digest_begin(&chain->sha384, err);

	snp_page_info(chain->ld, content != NULL ? content : zeros, type, gpa, info);
	if (rc == 0)
		rc = digest_update(&chain->sha384, info, sizeof(info), err);
	if (rc == 0)
		rc = digest_end(&chain->sha384, chain->ld, err);
	if (rc == 0 && chain->derive != NULL)
		record(chain, type, gpa, content, what);
	return rc;
}

int snp_chain_range(struct snp_chain *chain, enum snp_page type, uint64_t gpa, uint64_t size_bytes,
	const char *what, struct err *err)
{
	int rc = 0;

	for (uint64_t at = 0; rc == 0 && at < size_bytes; at += SNP_PAGE_SIZE)
		rc = snp_chain_add(chain, type, gpa + at, NULL, what, err);
	return rc;
}

/* All pages of a file, from @gpa on. */
static int add_image(struct snp_chain *chain, const struct snp_image *image, uint64_t gpa,
	const char *what, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < image->page_count; i++)
		rc = snp_chain_add(chain, SNP_PAGE_NORMAL, gpa + i * SNP_PAGE_SIZE, image->pages[i],
			what, err);
	return rc;
}

int snp_image_seed(struct snp_image *image, struct derive *derive, struct err *err)
{
	SNP_CHAIN_AUTO chain = {.derive = NULL};
	int rc = snp_chain_init(&chain, derive, err);

	if (rc == 0)
		rc = add_image(&chain, image, SNP_FOUR_GIB - image->size_bytes, "firmware", err);
	if (rc == 0)
		memcpy(image->seed, chain.ld, SHA384_SIZE);
	return rc;
}

/* The page that holds the kernel hash table, at the table's offset in the page. */
static int hashes_page(
	const struct snp_launch *launch, unsigned char ret_sha384[SHA384_SIZE], struct err *err)
{
	unsigned char page[SNP_PAGE_SIZE] = {0};

	kernel_hashes_write(
		launch->hashes, page + launch->firmware->facts.hash_table_gpa % SNP_PAGE_SIZE);
	return digest_bytes(DIGEST_SHA384, page, sizeof(page), ret_sha384, err);
}

static enum snp_page section_page(
	const struct snp_launch *launch, const struct sevmeta_section *section)
{
	const struct snp_profile *profile = launch->profile;

	switch (section->type) {
	case SEVMETA_SEC_MEM:
		return profile->sec_mem;
	case SEVMETA_SECRETS:
		return SNP_PAGE_SECRETS;
	case SEVMETA_CPUID:
		return SNP_PAGE_CPUID;
	case SEVMETA_SVSM_CAA:
		return SNP_PAGE_ZERO;
	case SEVMETA_KERNEL_HASHES:
		return launch->hashes != NULL ? profile->hashes_page : profile->hashes_empty;
	default:
		return profile->unknown;
	}
}

static int add_section(struct snp_chain *chain, const struct snp_launch *launch,
	const struct sevmeta_section *section, struct err *err)
{
	enum snp_page type = section_page(launch, section);
	unsigned char content[SHA384_SIZE];
	uint64_t gpa = section->gpa;
	int rc;

	if (type != SNP_PAGE_NORMAL)
		return snp_chain_range(chain, type, gpa, section->size_bytes,
			sevmeta_type_name(section->type), err);
	if (section->size_bytes == 0)
		return 0;
	rc = hashes_page(launch, content, err);
	return rc != 0 ? rc : snp_chain_add(chain, type, gpa, content, "kernel hash table", err);
}

/* The sections in file order, the CPUID page last where the VMM does it so. */
static int add_sections(struct snp_chain *chain, const struct snp_launch *launch,
	const struct snp_facts *facts, struct err *err)
{
	bool cpuid_last = launch->profile->cpuid_last;
	int rc = 0;

	for (int pass = 0; rc == 0 && pass < 2; pass++) {
		for (size_t i = 0; rc == 0 && i < facts->meta.count; i++) {
			const struct sevmeta_section *section = &facts->meta.sections[i];
			bool late = cpuid_last && section->type == SEVMETA_CPUID;

			if (late == (pass == 1))
				rc = add_section(chain, launch, section, err);
		}
	}
	return rc;
}

static uint64_t firmware_gpa(const struct snp_launch *launch)
{
	return SNP_FOUR_GIB - launch->firmware->size_bytes;
}

static uint64_t svsm_gpa(const struct snp_launch *launch)
{
	return firmware_gpa(launch) - launch->vars_size_bytes - launch->svsm->size_bytes;
}

static int check_svsm(const struct snp_launch *launch, struct err *err)
{
	uint64_t below = launch->vars_size_bytes + launch->svsm->size_bytes;

	if (launch->hashes != NULL)
		return err_fail(err, -EINVAL, "an SVSM launch takes no kernel hashes");
	if (!launch->firmware->from_file)
		return err_fail(err, -EINVAL, "an SVSM launch needs the firmware file");
	if (!launch->svsm->facts.has_svsm_info)
		return err_fail(err, -EBADMSG, "the SVSM has no SVSM info entry in its GUID table");
	if (!launch->svsm->facts.has_metadata)
		return err_fail(err, -EBADMSG, "the SVSM has no SEV metadata");
	if (launch->vars_size_bytes % SNP_PAGE_SIZE != 0)
		return err_fail(err, -EINVAL, "the variable store is not a whole number of pages");
	if (launch->vars_size_bytes > firmware_gpa(launch) || below > firmware_gpa(launch))
		return err_fail(err, -EINVAL, "variable store and SVSM do not fit below firmware");
	return snp_facts_check(&launch->svsm->facts, svsm_gpa(launch), err);
}

static int check_hashes(const struct snp_launch *launch, struct err *err)
{
	const struct snp_facts *facts = &launch->firmware->facts;
	const struct sevmeta_section *page = sevmeta_find(&facts->meta, SEVMETA_KERNEL_HASHES);

	if (launch->hashes == NULL)
		return 0;
	if (facts->hash_table_gpa == 0)
		return err_fail(err, -EBADMSG,
			"firmware has no kernel hash table entry: the kernel would run unmeasured");
	if (page == NULL || page->size_bytes == 0)
		return err_fail(err, -EBADMSG,
			"firmware has no KERNEL_HASHES section: the kernel would run unmeasured");
	if (launch->profile->hashes_page == SNP_PAGE_REFUSED)
		return err_fail(err, -ENOTSUP, "VMM profile %s takes no kernel hashes",
			launch->profile->name);
	return 0;
}

static int check_types(
	const struct snp_launch *launch, const struct snp_facts *facts, struct err *err)
{
	for (size_t i = 0; i < facts->meta.count; i++) {
		const struct sevmeta_section *section = &facts->meta.sections[i];

		if (section_page(launch, section) == SNP_PAGE_REFUSED)
			return err_fail(err, -ENOTSUP,
				"VMM profile %s has no rule for SEV metadata section type 0x%x at "
				"GPA "
				"0x%x",
				launch->profile->name, section->type, section->gpa);
	}
	return 0;
}

int snp_launch_check(const struct snp_launch *launch, struct err *err)
{
	const struct snp_facts *facts = &launch->firmware->facts;
	bool svsm = launch->profile->vmsa.svsm;
	uint64_t rom = launch->firmware->from_file ? firmware_gpa(launch) : SNP_FOUR_GIB;
	int rc;

	if (!(launch->profile->tees & SNP_TEE_SNP))
		return err_fail(
			err, -EINVAL, "VMM profile %s is not for SNP", launch->profile->name);
	if (svsm != (launch->svsm != NULL))
		return err_fail(err, -EINVAL,
			svsm ? "VMM profile %s needs an SVSM" : "VMM profile %s takes no SVSM",
			launch->profile->name);
	if (svsm) {
		rc = check_svsm(launch, err);
		return rc != 0 ? rc : check_types(launch, &launch->svsm->facts, err);
	}
	if (!facts->has_metadata)
		return err_fail(err, -EBADMSG,
			"firmware has no SEV metadata: it cannot be launched as an SNP guest");
	if (facts->reset_eip == 0)
		return err_fail(err, -EBADMSG, "firmware has no SEV-ES reset block");
	rc = snp_facts_check(facts, rom, err);
	if (rc == 0)
		rc = check_types(launch, facts, err);
	return rc != 0 ? rc : check_hashes(launch, err);
}

static void warn_sections(const struct snp_launch *launch, struct warn *warn)
{
	const struct snp_image *image = launch->svsm != NULL ? launch->svsm : launch->firmware;

	for (size_t i = 0; i < image->facts.meta.count; i++) {
		const struct sevmeta_section *section = &image->facts.meta.sections[i];

		if (section->size_bytes == 0)
			warn_add(warn,
				"SEV metadata section %s at GPA 0x%x is empty: QEMU will not "
				"launch this "
				"firmware as an SNP guest",
				sevmeta_type_name(section->type), section->gpa);
		if (strcmp(sevmeta_type_name(section->type), "unknown") == 0)
			warn_add(warn,
				"SEV metadata section type 0x%x at GPA 0x%x is unknown: measured "
				"as ZERO, "
				"as QEMU does",
				section->type, section->gpa);
	}
}

void snp_launch_warn(const struct snp_launch *launch, struct warn *warn)
{
	const struct snp_image *firmware = launch->firmware;

	warn_sections(launch, warn);
	if (launch->hashes == NULL &&
		sevmeta_find(&firmware->facts.meta, SEVMETA_KERNEL_HASHES) != NULL)
		warn_add(warn, "firmware for measured direct boot, but no kernel is measured: the "
			       "digest does not bind a payload");
	if (!firmware->from_file)
		return;
	if (firmware_known(firmware->sha256) == NULL)
		warn_add(warn, "firmware is not a known build");
	if (firmware->size_bytes % SNP_BIOS_UNIT != 0)
		warn_add(warn, "firmware is not a multiple of 64 KiB: QEMU refuses it as -bios");
}

int snp_launch_prefix(const struct snp_launch *launch, struct snp_chain *chain, struct err *err)
{
	const struct snp_image *firmware = launch->firmware;
	int rc = 0;

	if (chain->derive == NULL) {
		memcpy(chain->ld, firmware->seed, SHA384_SIZE);
	} else {
		if (!firmware->from_file)
			return err_fail(err, -EINVAL,
				"the pages of the firmware are not known from its metadata file");
		rc = add_image(chain, firmware, firmware_gpa(launch), "firmware", err);
	}
	if (rc != 0 || launch->svsm == NULL)
		return rc != 0 ? rc : add_sections(chain, launch, &firmware->facts, err);
	rc = add_image(chain, launch->svsm, svsm_gpa(launch), "SVSM", err);
	return rc != 0 ? rc : add_sections(chain, launch, &launch->svsm->facts, err);
}

static int vmsa_digest(
	const struct snp_launch *launch, bool bsp, unsigned char ret[SHA384_SIZE], struct err *err)
{
	struct vmsa_input in = {
		.model = &launch->profile->vmsa,
		.bsp = bsp,
		.eip = bsp ? VMSA_RESET_EIP : launch->firmware->facts.reset_eip,
		.cpu_signature = launch->cpu_signature,
		.sev_features = launch->sev_features,
	};
	unsigned char page[VMSA_SIZE];

	if (launch->svsm != NULL)
		in.eip = svsm_gpa(launch) + launch->svsm->facts.svsm_entry;
	vmsa_write(&in, page);
	return digest_bytes(DIGEST_SHA384, page, sizeof(page), ret, err);
}

int snp_launch_vmsas(const struct snp_launch *launch, unsigned char ret_bsp[SHA384_SIZE],
	unsigned char ret_ap[SHA384_SIZE], struct err *err)
{
	int rc = vmsa_digest(launch, true, ret_bsp, err);

	return rc != 0 ? rc : vmsa_digest(launch, false, ret_ap, err);
}

int snp_launch_digest(const struct snp_launch *launch, struct derive *derive,
	unsigned char ret[SHA384_SIZE], struct err *err)
{
	unsigned char bsp[SHA384_SIZE], ap[SHA384_SIZE];
	SNP_CHAIN_AUTO chain = {.derive = NULL};
	int rc = snp_launch_check(launch, err);

	if (rc == 0 && (launch->vcpus < 1 || launch->vcpus > SNP_VCPUS_MAX))
		return err_fail(err, -EINVAL, "%u vCPUs: a guest has 1 to %d", launch->vcpus,
			SNP_VCPUS_MAX);
	if (rc == 0)
		rc = snp_chain_init(&chain, derive, err);
	if (rc == 0)
		rc = snp_launch_prefix(launch, &chain, err);
	if (rc == 0)
		rc = snp_launch_vmsas(launch, bsp, ap, err);
	for (uint32_t i = 0; rc == 0 && i < launch->vcpus; i++)
		rc = snp_chain_add(&chain, SNP_PAGE_VMSA, launch->profile->vmsa_gpa,
			i == 0 ? bsp : ap, i == 0 ? "boot processor" : "other processors", err);
	if (rc == 0)
		memcpy(ret, chain.ld, SHA384_SIZE);
	return rc;
}
