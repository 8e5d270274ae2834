/*
 * The VMSA page (vmsa.h). Offsets from AMD APM volume 2, table B-4; a segment is
 *
 *   0 | 2 | selector
 *   2 | 2 | attributes
 *   4 | 4 | limit
 *   8 | 8 | base
 */
#include "measure/amd/vmsa.h"

#include "lib/wr.h"

enum {
	AT_ES = 0x000,
	AT_CS = 0x010,
	AT_SS = 0x020,
	AT_DS = 0x030,
	AT_FS = 0x040,
	AT_GS = 0x050,
	AT_GDTR = 0x060,
	AT_LDTR = 0x070,
	AT_IDTR = 0x080,
	AT_TR = 0x090,
	AT_EFER = 0x0d0,
	AT_CR4 = 0x148,
	AT_CR0 = 0x158,
	AT_DR7 = 0x160,
	AT_DR6 = 0x168,
	AT_RFLAGS = 0x170,
	AT_RIP = 0x178,
	AT_G_PAT = 0x268,
	AT_RDX = 0x310,
	AT_SEV_FEATURES = 0x3b0,
	AT_XCR0 = 0x3e8,
	AT_MXCSR = 0x408,
	AT_FCW = 0x410,
};

static void put64(struct wr *wr, size_t at, uint64_t value)
{
	wr_seek(wr, at);
	wr_le64(wr, value);
}

static void segment(
	struct wr *wr, size_t at, uint16_t selector, uint16_t attr, uint32_t limit, uint64_t base)
{
	wr_seek(wr, at);
	wr_le16(wr, selector);
	wr_le16(wr, attr);
	wr_le32(wr, limit);
	wr_le64(wr, base);
}

/* Real mode: CS base and RIP make up the EIP. */
static void code_and_data(struct wr *wr, const struct vmsa_input *in)
{
	const struct vmsa_model *model = in->model;
	uint16_t cs_attr = in->bsp ? model->cs_attr_bsp : model->cs_attr_ap;

	segment(wr, AT_ES, 0, 0x93, 0xffff, 0);
	segment(wr, AT_CS, 0xf000, cs_attr, 0xffff, in->eip & 0xffff0000);
	segment(wr, AT_SS, 0, model->ss_attr, 0xffff, 0);
	segment(wr, AT_DS, 0, 0x93, 0xffff, 0);
	segment(wr, AT_FS, 0, 0x93, 0xffff, 0);
	put64(wr, AT_CR0, 0x10);
	put64(wr, AT_RIP, in->eip & 0xffff);
}

/* Flat protected mode at the SVSM's entry point. */
static void code_and_data_svsm(struct wr *wr, const struct vmsa_input *in)
{
	const struct vmsa_model *model = in->model;

	segment(wr, AT_ES, 16, model->ss_attr, UINT32_MAX, 0);
	segment(wr, AT_CS, 8, model->cs_attr_bsp, UINT32_MAX, 0);
	segment(wr, AT_SS, 16, model->ss_attr, UINT32_MAX, 0);
	segment(wr, AT_DS, 16, model->ss_attr, UINT32_MAX, 0);
	segment(wr, AT_FS, 16, model->ss_attr, UINT32_MAX, 0);
	put64(wr, AT_CR0, 0x11);
	put64(wr, AT_RIP, in->eip);
}

void vmsa_write(const struct vmsa_input *in, unsigned char ret[VMSA_SIZE])
{
	const struct vmsa_model *model = in->model;
	struct wr wr = wr_init(ret, VMSA_SIZE);

	if (model->svsm)
		code_and_data_svsm(&wr, in);
	else
		code_and_data(&wr, in);
	segment(&wr, AT_GS, 0, 0x93, 0xffff, 0);
	segment(&wr, AT_GDTR, 0, 0, 0xffff, 0);
	segment(&wr, AT_LDTR, 0, 0x82, 0xffff, 0);
	segment(&wr, AT_IDTR, 0, 0, 0xffff, 0);
	segment(&wr, AT_TR, 0, model->tr_attr, 0xffff, 0);
	put64(&wr, AT_EFER, 0x1000); /* SVME: KVM sets it under the guest */
	put64(&wr, AT_CR4, 0x40);    /* MCE: likewise */
	put64(&wr, AT_DR7, 0x400);
	put64(&wr, AT_DR6, 0xffff0ff0);
	put64(&wr, AT_RFLAGS, 0x2);
	put64(&wr, AT_G_PAT, model->g_pat);
	put64(&wr, AT_RDX, model->rdx_is_signature ? in->cpu_signature : model->rdx);
	put64(&wr, AT_SEV_FEATURES, in->sev_features);
	put64(&wr, AT_XCR0, 0x1);
	wr_seek(&wr, AT_MXCSR);
	wr_le32(&wr, model->mxcsr);
	wr_seek(&wr, AT_FCW);
	wr_le16(&wr, model->fcw);
}
