/* Launch measurements of IGVM files (igvm-launch.h). */
#define _GNU_SOURCE
#include "measure/igvm-launch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/wr.h"
#include "measure/amd/snp.h"
#include "measure/amd/vmsa.h"

#define PAGE	  SNP_PAGE_SIZE
#define PAGES_2MB 512
#define AREAS_MAX 4096
#define KVM_VMSA  0xfffffffff000 /* where KVM puts every VMSA */
#define EXTEND	  256		 /* bytes of one TDH.MR.EXTEND */
#define RECORD	  128		 /* bytes hashed for one TDX operation before its data */

/* VMSA fields that KVM changes when it takes a context over, and that QEMU takes from the first one. */
enum {
	AT_EFER = 0x0d0,
	AT_CR4 = 0x148,
	AT_CR0 = 0x158,
	AT_RFLAGS = 0x170,
	AT_SEV_FEATURES = 0x3b0,
};
#define EFER_SVME  0x1000
#define CR4_MCE	   0x40
#define RFLAGS_ONE 0x2
#define SNP_ACTIVE 0x1

struct state;
typedef int measure_fn(struct state *state, struct err *err);

/* The VMSA of a vCPU, to be measured when QEMU finishes the launch. */
struct context {
	bool given; /* by the file */
	unsigned char content[SHA384_SIZE];
};

struct state {
	const struct igvm_launch *launch;
	const struct profile *profile;
	struct igvm igvm;
	uint32_t mask; /* of the platform that is launched */
	int fd;
	struct snp_chain chain;	   /* SNP */
	struct digest mrtd;	   /* TDX */
	struct derive *derive;	   /* borrowed */
	struct warn *warn;	   /* borrowed */
	struct context *contexts;  /* owned: one for each vCPU of QEMU */
	uint64_t features;	   /* SEV_FEATURES of the first context */
	uint64_t areas[AREAS_MAX]; /* bytes of each parameter area, by index */
	bool has_area[AREAS_MAX];
	/* QEMU's run of contiguous pages that waits to be added. */
	size_t run_first, run_last, run_count;
};

static int measure_qemu(struct state *state, struct err *err);
static int measure_igvmmeasure(struct state *state, struct err *err);
static int measure_crate(struct state *state, struct err *err);

static const struct profile {
	const char *name;
	measure_fn *snp;
	measure_fn *tdx; /* NULL: not modelled */
	bool whole_mask; /* an item applies when its mask has all of the platform's bits, else any */
} profiles[] = {
	{"qemu", measure_qemu, NULL, false},
	{"igvmmeasure", measure_igvmmeasure, NULL, false},
	{"igvm-crate", measure_crate, measure_crate, true},
};

static const struct igvm_profile_name names[] = {
	{"qemu", "QEMU 10.1-10.2 backends/igvm.c and target/i386/sev.c, KVM of Linux 6.11 and "
		 "later"},
	{"igvmmeasure", "COCONUT-SVSM tools/igvmmeasure, 2026-08"},
	{"igvm-crate", "the igvm crate 0.5, module measurement"},
	{NULL, NULL},
};

const struct igvm_profile_name *igvm_launch_profiles(void)
{
	return names;
}

/* --- pages --- */

static bool applies(const struct state *state, const struct igvm_item *item)
{
	uint32_t common = item->mask & state->mask;

	return state->profile->whole_mask ? common == state->mask : common != 0;
}

/* The page's data; zeros when it has none. */
static int read_page(const struct state *state, const struct igvm_item *item, unsigned char *page,
	struct err *err)
{
	memset(page, 0, PAGE);
	if (item->file_offset == 0)
		return 0;
	return io_pread(state->fd, state->launch->path, page, PAGE, item->file_offset, err);
}

static enum snp_page page_type(const struct igvm_item *item)
{
	switch (item->data_type) {
	case IGVM_DATA_SECRETS:
		return SNP_PAGE_SECRETS;
	case IGVM_DATA_CPUID:
	case IGVM_DATA_CPUID_XF:
		return SNP_PAGE_CPUID;
	default:
		return item->flags & IGVM_FLAG_UNMEASURED ? SNP_PAGE_UNMEASURED : SNP_PAGE_NORMAL;
	}
}

/* Adds the page at @gpa; @page is its content for NORMAL ones. */
static int add_page(struct state *state, enum snp_page type, uint64_t gpa,
	const unsigned char *page, const char *what, struct err *err)
{
	unsigned char content[SHA384_SIZE];
	int rc = 0;

	if (type == SNP_PAGE_NORMAL)
		rc = digest_bytes(DIGEST_SHA384, page, PAGE, content, err);
	return rc != 0 ? rc
		       : snp_chain_add(&state->chain, type, gpa,
				 type == SNP_PAGE_NORMAL ? content : NULL, what, err);
}

/* Adds the 4 KiB pages of a PAGE_DATA item: @count of them, of which the first may have data. */
static int add_item(
	struct state *state, const struct igvm_item *item, size_t count, struct err *err)
{
	unsigned char page[PAGE];
	int rc = read_page(state, item, page, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = add_page(state, page_type(item), item->gpa + i * PAGE, page,
			item->file_offset != 0 ? "file data" : "zero page", err);
		if (i == 0)
			memset(page, 0, sizeof(page));
	}
	return rc;
}

static size_t pages_of(const struct igvm_item *item)
{
	return item->flags & IGVM_FLAG_2MB ? PAGES_2MB : 1;
}

static int note_area(struct state *state, const struct igvm_item *item, struct err *err)
{
	if (item->index >= AREAS_MAX)
		return err_fail(err, -EBADMSG, "IGVM: parameter area %u at byte %zu, limit %d",
			item->index, item->offset, AREAS_MAX);
	state->areas[item->index] = item->size_bytes;
	state->has_area[item->index] = true;
	return 0;
}

static int find_area(
	const struct state *state, const struct igvm_item *item, uint64_t *ret, struct err *err)
{
	if (item->index >= AREAS_MAX || !state->has_area[item->index])
		return err_fail(err, -EBADMSG, "IGVM: %s at byte %zu: no parameter area %u",
			igvm_type_name(item->type), item->offset, item->index);
	*ret = state->areas[item->index];
	return 0;
}

/* --- as QEMU does it --- */

/* The directives and initializations that QEMU handles; it refuses files with others. */
static bool qemu_knows(uint32_t type)
{
	static const uint32_t known[] = {IGVM_SUPPORTED_PLATFORM, IGVM_GUEST_POLICY, IGVM_PAGE_DATA,
		IGVM_VP_CONTEXT, IGVM_PARAMETER_AREA, IGVM_PARAMETER_INSERT, IGVM_MEMORY_MAP,
		IGVM_VP_COUNT, IGVM_ENVIRONMENT_INFO, IGVM_REQUIRED_MEMORY, IGVM_SNP_ID_BLOCK,
		IGVM_MADT};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == type)
			return true;
	return false;
}

/* Adds the waiting run. */
static int flush_run(struct state *state, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < state->run_count; i++) {
		const struct igvm_item *item = &state->igvm.items[state->run_first + i];

		rc = add_item(state, item, pages_of(item), err);
	}
	state->run_count = 0;
	return rc;
}

/* Whether QEMU adds @next together with the page before it. */
static bool joins(const struct state *state, size_t next_at)
{
	const struct igvm_item *last = &state->igvm.items[state->run_last];
	const struct igvm_item *next = &state->igvm.items[next_at];

	return state->run_last + 1 == next_at && last->flags == next->flags &&
	       last->data_type == next->data_type && last->mask == next->mask &&
	       (last->file_offset == 0) == (next->file_offset == 0) &&
	       last->gpa + pages_of(last) * PAGE == next->gpa;
}

static int qemu_page(struct state *state, size_t at, struct err *err)
{
	int rc = 0;

	if (state->run_count > 0 && !joins(state, at))
		rc = flush_run(state, err);
	if (state->run_count == 0)
		state->run_first = at;
	state->run_last = at;
	state->run_count++;
	return rc;
}

/* The area is added at once, while pages before it may still wait in their run. */
static int add_area(struct state *state, const struct igvm_item *item, struct err *err)
{
	uint64_t size;
	int rc = find_area(state, item, &size, err);

	return rc != 0 ? rc
		       : snp_chain_range(&state->chain, SNP_PAGE_UNMEASURED, item->gpa, size,
				 "parameter area", err);
}

/* The bytes of a VMSA that QEMU hands to KVM: it refuses a context with others. */
static bool vmsa_is_supported(const unsigned char *page)
{
	static const struct {
		size_t at, size;
	} fields[] = {
		{0x000, 0x0a0},			       /* segments and tables */
		{AT_EFER, 8}, {AT_CR4, 8}, {0x150, 8}, /* CR3 */
		{AT_CR0, 8}, {0x160, 8},	       /* DR7 */
		{0x168, 8},			       /* DR6 */
		{AT_RFLAGS, 8}, {0x178, 8},	       /* RIP */
		{0x1d8, 8},			       /* RSP */
		{0x1f8, 8},			       /* RAX */
		{0x268, 8},			       /* PAT */
		{0x308, 24},			       /* RCX, RDX, RBX */
		{0x328, 24},			       /* RBP, RSI, RDI */
		{0x340, 64},			       /* R8 to R15 */
		{AT_SEV_FEATURES, 8}, {0x3e8, 8},      /* XCR0 */
		{0x408, 4},			       /* MXCSR */
		{0x410, 2},			       /* FCW */
	};
	unsigned char rest[VMSA_SIZE];

	memcpy(rest, page, sizeof(rest));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		memset(rest + fields[i].at, 0, fields[i].size);
	for (size_t i = 0; i < sizeof(rest); i++)
		if (rest[i] != 0)
			return false;
	return true;
}

static uint64_t get64(const unsigned char *at)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

static void put64(unsigned char *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static int qemu_context(struct state *state, const struct igvm_item *item, struct err *err)
{
	unsigned char page[VMSA_SIZE];
	uint64_t cr0;
	int rc = read_page(state, item, page, err);

	if (rc != 0)
		return rc;
	if (item->gpa != KVM_VMSA)
		return err_fail(err, -ENOTSUP,
			"IGVM: VP_CONTEXT at byte %zu is for address 0x%llx: KVM has VMSAs at "
			"0x%llx only",
			item->offset, (unsigned long long)item->gpa, (unsigned long long)KVM_VMSA);
	if (!vmsa_is_supported(page))
		return err_fail(err, -ENOTSUP,
			"IGVM: VP_CONTEXT at byte %zu sets registers that QEMU does not pass to "
			"KVM",
			item->offset);
	if (!(get64(page + AT_SEV_FEATURES) & SNP_ACTIVE))
		return err_fail(err, -ENOTSUP,
			"IGVM: VP_CONTEXT at byte %zu is not that of an SNP guest", item->offset);
	cr0 = get64(page + AT_CR0);
	if ((cr0 & ~UINT64_C(0x21)) != 0x10)
		warn_add(state->warn,
			"CR0 0x%llx of vCPU %u may be changed by KVM before it is measured",
			(unsigned long long)cr0, item->index);
	if (item->index >= state->launch->vcpus) {
		warn_add(state->warn, "the file has a context for vCPU %u, which the guest lacks",
			item->index);
		return 0;
	}
	put64(page + AT_EFER, get64(page + AT_EFER) | EFER_SVME);
	put64(page + AT_CR4, get64(page + AT_CR4) | CR4_MCE);
	put64(page + AT_RFLAGS, get64(page + AT_RFLAGS) | RFLAGS_ONE);
	put64(page + AT_SEV_FEATURES, state->features);
	state->contexts[item->index].given = true;
	return digest_bytes(
		DIGEST_SHA384, page, sizeof(page), state->contexts[item->index].content, err);
}

/* QEMU looks for the feature word of the first vCPU before it does anything else, and takes it for all. */
static int qemu_features(struct state *state, struct err *err)
{
	unsigned char page[VMSA_SIZE];
	int rc = 0;

	state->features = SNP_ACTIVE;
	for (size_t i = 0; rc == 0 && i < state->igvm.count; i++) {
		const struct igvm_item *item = &state->igvm.items[i];

		if (item->type != IGVM_VP_CONTEXT || item->index != 0 || !applies(state, item))
			continue;
		rc = read_page(state, item, page, err);
		state->features = get64(page + AT_SEV_FEATURES);
	}
	return rc;
}

static int qemu_item(struct state *state, size_t at, struct err *err)
{
	const struct igvm_item *item = &state->igvm.items[at];

	if (!qemu_knows(item->type))
		return err_fail(err, -ENOTSUP, "IGVM: QEMU does not know %s, at byte %zu",
			igvm_type_name(item->type), item->offset);
	if (item->type == IGVM_PARAMETER_AREA)
		return note_area(state, item, err);
	if (!applies(state, item))
		return 0;
	if (item->type == IGVM_PAGE_DATA)
		return qemu_page(state, at, err);
	if (item->type == IGVM_PARAMETER_INSERT)
		return add_area(state, item, err);
	return item->type == IGVM_VP_CONTEXT ? qemu_context(state, item, err) : 0;
}

/* A vCPU that the file says nothing about starts as it comes out of reset. */
static int reset_context(
	const struct state *state, unsigned char content[SHA384_SIZE], struct err *err)
{
	const struct snp_profile *qemu;
	struct vmsa_input in = {
		.bsp = true, .eip = VMSA_RESET_EIP, .sev_features = state->features};
	unsigned char page[VMSA_SIZE];
	int rc = snp_profile_find("qemu", &qemu, err);

	if (rc != 0)
		return rc;
	if (state->launch->cpu == NULL)
		return err_fail(err, -EINVAL,
			"--cpu is missing: a vCPU without context in the file starts with its "
			"signature");
	in.model = &qemu->vmsa;
	in.cpu_signature = state->launch->cpu->signature;
	vmsa_write(&in, page);
	return digest_bytes(DIGEST_SHA384, page, sizeof(page), content, err);
}

static int qemu_vmsas(struct state *state, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < state->launch->vcpus; i++) {
		struct context *context = &state->contexts[i];

		if (!context->given)
			rc = reset_context(state, context->content, err);
		if (rc == 0)
			rc = snp_chain_add(&state->chain, SNP_PAGE_VMSA, KVM_VMSA, context->content,
				context->given ? "context in the file" : "reset state", err);
	}
	return rc;
}

static int measure_qemu(struct state *state, struct err *err)
{
	int rc;

	state->contexts = calloc(state->launch->vcpus, sizeof(*state->contexts));
	if (state->contexts == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = qemu_features(state, err);
	for (size_t i = 0; rc == 0 && i < state->igvm.count; i++)
		rc = qemu_item(state, i, err);
	if (rc == 0)
		rc = flush_run(state, err);
	return rc != 0 ? rc : qemu_vmsas(state, err);
}

/* --- as igvmmeasure does it --- */

/* A context where it stands in the file, as it stands there. */
static int add_context(struct state *state, const struct igvm_item *item, struct err *err)
{
	unsigned char page[VMSA_SIZE], content[SHA384_SIZE];
	int rc = read_page(state, item, page, err);

	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA384, page, sizeof(page), content, err);
	return rc != 0 ? rc
		       : snp_chain_add(&state->chain, SNP_PAGE_VMSA, item->gpa, content,
				 "context in the file", err);
}

static int measure_igvmmeasure(struct state *state, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < state->igvm.count; i++) {
		const struct igvm_item *item = &state->igvm.items[i];

		/* A context is measured whatever its mask. */
		if (item->type == IGVM_VP_CONTEXT)
			rc = add_context(state, item, err);
		else if (item->type == IGVM_PAGE_DATA && applies(state, item))
			rc = add_item(state, item, pages_of(item), err);
		else if (item->type == IGVM_PARAMETER_INSERT && applies(state, item))
			rc = snp_chain_add(&state->chain, SNP_PAGE_UNMEASURED, item->gpa, NULL,
				"first page of a parameter area", err);
	}
	return rc;
}

/* --- as the igvm crate does it --- */

static int add_record(struct state *state, const char *operation, uint64_t gpa, struct err *err)
{
	unsigned char record[RECORD];
	struct wr wr = wr_init(record, sizeof(record));

	wr_bytes(&wr, operation, strlen(operation));
	wr_seek(&wr, 16);
	wr_le64(&wr, gpa);
	return digest_update(&state->mrtd, record, sizeof(record), err);
}

static int extend_page(
	struct state *state, uint64_t gpa, const unsigned char *page, struct err *err)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < PAGE; at += EXTEND) {
		rc = add_record(state, "MR.EXTEND", gpa + at, err);
		if (rc == 0)
			rc = digest_update(&state->mrtd, page + at, EXTEND, err);
	}
	return rc;
}

/* Adds a page to a TD; @page is its content when that is measured, else NULL. */
static int add_td_page(struct state *state, uint64_t gpa, const unsigned char *page,
	const char *what, struct err *err)
{
	struct derive_step step = {.kind = page != NULL ? "ADD+EXTEND" : "MEM.PAGE.ADD",
		.gpa = gpa,
		.size_bytes = PAGE};
	int rc = add_record(state, "MEM.PAGE.ADD", gpa, err);

	if (rc == 0 && page != NULL)
		rc = extend_page(state, gpa, page, err);
	if (rc != 0 || state->derive == NULL)
		return rc;
	if (page != NULL) {
		step.content_size = SHA384_SIZE;
		rc = digest_bytes(DIGEST_SHA384, page, PAGE, step.content, err);
	}
	if (rc == 0)
		derive_add(state->derive, &step, "%s", what);
	return rc;
}

static int crate_page(struct state *state, const struct igvm_item *item, struct err *err)
{
	unsigned char page[PAGE];
	int rc;

	if (item->flags & IGVM_FLAG_SHARED)
		return 0;
	if (item->flags & IGVM_FLAG_2MB)
		return err_fail(err, -ENOTSUP,
			"IGVM: PAGE_DATA at byte %zu is a page of 2 MiB, which the crate does not "
			"measure",
			item->offset);
	if (state->launch->tee == IGVM_TEE_SNP)
		return add_item(state, item, 1, err);
	rc = read_page(state, item, page, err);
	return rc != 0 ? rc
		       : add_td_page(state, item->gpa,
				 item->flags & IGVM_FLAG_UNMEASURED ? NULL : page,
				 item->file_offset != 0 ? "file data" : "zero page", err);
}

static int crate_insert(struct state *state, const struct igvm_item *item, struct err *err)
{
	uint64_t size;
	int rc;

	if (state->launch->tee == IGVM_TEE_SNP)
		return add_area(state, item, err);
	rc = find_area(state, item, &size, err);
	for (uint64_t at = 0; rc == 0 && at < size; at += PAGE)
		rc = add_td_page(state, item->gpa + at, NULL, "parameter area", err);
	return rc;
}

static int crate_item(struct state *state, const struct igvm_item *item, struct err *err)
{
	if (item->type == IGVM_PARAMETER_AREA)
		return note_area(state, item, err);
	if (!applies(state, item))
		return 0;
	if (item->type == IGVM_PAGE_DATA)
		return crate_page(state, item, err);
	if (item->type == IGVM_PARAMETER_INSERT)
		return crate_insert(state, item, err);
	if (item->type == IGVM_VP_CONTEXT && state->launch->tee == IGVM_TEE_SNP)
		return add_context(state, item, err);
	return 0;
}

static int measure_crate(struct state *state, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < state->igvm.count; i++)
		rc = crate_item(state, &state->igvm.items[i], err);
	return rc;
}

/* --- all --- */

static int find_profile(
	const struct igvm_launch *launch, const struct profile **ret, struct err *err)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strcmp(profiles[i].name, launch->profile) != 0)
			continue;
		if (launch->tee == IGVM_TEE_TDX && profiles[i].tdx == NULL)
			return err_fail(err, -ENOTSUP,
				"profile %s launches no TD from an IGVM file", launch->profile);
		*ret = &profiles[i];
		return 0;
	}
	return err_fail(err, -ENOTSUP,
		"%s: no such IGVM profile (known: qemu, igvmmeasure, igvm-crate)", launch->profile);
}

/* Reads the headers whole; data is read page by page. */
static int read_headers(
	struct state *state, struct buf *bytes, struct igvm_result *result, struct err *err)
{
	const char *path = state->launch->path;
	size_t end, head;
	void *at;
	int rc = io_open(path, &state->fd, &result->size_bytes, err);

	if (rc != 0)
		return rc;
	head = result->size_bytes < IGVM_FIXED_MAX ? (size_t)result->size_bytes : IGVM_FIXED_MAX;
	at = buf_grow(bytes, IGVM_FIXED_MAX);
	rc = buf_check(bytes, err);
	if (rc == 0)
		rc = io_pread(state->fd, path, at, head, 0, err);
	if (rc == 0)
		rc = igvm_headers_end(at, head, result->size_bytes, &end, err);
	if (rc != 0)
		return rc;
	bytes->len = 0;
	at = buf_grow(bytes, end);
	rc = buf_check(bytes, err);
	if (rc == 0)
		rc = io_pread(state->fd, path, at, end, 0, err);
	return rc != 0 ? rc : igvm_parse(at, end, result->size_bytes, &state->igvm, err);
}

/* Finds the platform's mask. */
static int choose_platform(struct state *state, struct err *err)
{
	uint8_t wanted = state->launch->tee == IGVM_TEE_SNP ? IGVM_SNP : IGVM_TDX;

	for (size_t i = 0; i < state->igvm.count; i++) {
		const struct igvm_item *item = &state->igvm.items[i];

		if (item->type == IGVM_SUPPORTED_PLATFORM && item->platform == wanted) {
			if (state->mask != 0)
				return err_fail(err, -EBADMSG,
					"IGVM: the platform twice, again at byte %zu",
					item->offset);
			if (item->mask == 0)
				return err_fail(err, -EBADMSG,
					"IGVM: no compatibility mask of the platform at byte %zu",
					item->offset);
			state->mask = item->mask;
		}
	}
	if (state->mask == 0)
		return err_fail(err, -ENOTSUP, "the file does not support %s",
			wanted == IGVM_SNP ? "SEV-SNP" : "TDX");
	return 0;
}

/* What the file says besides. */
static void note_rest(const struct state *state, struct igvm_result *result)
{
	for (size_t i = 0; i < state->igvm.count; i++) {
		const struct igvm_item *item = &state->igvm.items[i];

		if (!(item->mask & state->mask))
			continue;
		if (item->type == IGVM_GUEST_POLICY) {
			result->has_policy = true;
			result->policy = item->policy;
		}
		if (item->type == IGVM_SNP_ID_BLOCK) {
			result->has_id_block = true;
			memcpy(result->id_block_digest, igvm_id_block_digest(item), SHA384_SIZE);
		}
	}
}

static int check_rest(const struct state *state, const struct igvm_result *result, struct err *err)
{
	if (state->launch->tee != IGVM_TEE_SNP)
		return 0;
	if (!result->has_policy && strcmp(state->profile->name, "igvm-crate") == 0)
		return err_fail(
			err, -ENOTSUP, "the file has no guest policy, which the crate asks for");
	if (result->has_id_block &&
		memcmp(result->id_block_digest, result->digest, SHA384_SIZE) != 0)
		warn_add(state->warn, "the file's ID block expects another launch digest");
	return 0;
}

static int run(struct state *state, struct igvm_result *result, struct err *err)
{
	bool snp = state->launch->tee == IGVM_TEE_SNP;
	int rc = snp ? snp_chain_init(&state->chain, state->derive, err)
		     : digest_init(&state->mrtd, DIGEST_SHA384, err);

	if (rc == 0)
		rc = snp ? state->profile->snp(state, err) : state->profile->tdx(state, err);
	if (rc == 0 && snp)
		memcpy(result->digest, state->chain.ld, SHA384_SIZE);
	if (rc == 0 && !snp)
		rc = digest_end(&state->mrtd, result->digest, err);
	return rc;
}

static int measure(
	struct state *state, struct buf *bytes, struct igvm_result *result, struct err *err)
{
	int rc = find_profile(state->launch, &state->profile, err);

	if (rc == 0 && (state->launch->vcpus < 1 || state->launch->vcpus > SNP_VCPUS_MAX))
		return err_fail(err, -EINVAL, "%u vCPUs: a guest has 1 to %d", state->launch->vcpus,
			SNP_VCPUS_MAX);
	if (rc != 0)
		return rc;
	rc = read_headers(state, bytes, result, err);
	if (rc == 0)
		rc = choose_platform(state, err);
	if (rc == 0)
		rc = run(state, result, err);
	if (rc != 0)
		return err_wrap(err, "%s", state->launch->path);
	note_rest(state, result);
	rc = check_rest(state, result, err);
	if (rc == 0)
		rc = io_digest_file(state->launch->path, DIGEST_SHA256, result->sha256, NULL, err);
	return rc;
}

static void state_done(struct state *state)
{
	igvm_done(&state->igvm);
	snp_chain_done(&state->chain);
	digest_done(&state->mrtd);
	free(state->contexts);
	io_close(&state->fd);
	free(state);
}

int igvm_launch_measure(const struct igvm_launch *launch, struct derive *derive, struct warn *warn,
	struct igvm_result *ret, struct err *err)
{
	struct igvm_result result = {.has_policy = false};
	struct state *state = calloc(1, sizeof(*state));
	BUF_AUTO bytes = {0};
	int rc;

	if (state == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	state->launch = launch;
	state->derive = derive;
	state->warn = warn;
	state->fd = -1;
	rc = measure(state, &bytes, &result, err);
	state_done(state);
	if (rc == 0)
		*ret = result;
	return rc;
}
