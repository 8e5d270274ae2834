/*
 * The registers of one td-shim launch (td-shim.h). The events, in order:
 *
 *   register | event            | digest of                                  | when
 *   RTMR0    | td_hob           | the TD HOB list with its end marker        | there is a section for it
 *   RTMR0+1  | EV_SEPARATOR     | four zeros                                 | before a kernel
 *   RTMR0    | secure_policy_db | the trust anchor's file                    | signed payload
 *   RTMR0    | secure_authority | the same                                   | signed payload
 *   RTMR1    | td_payload_svn   | the payload's SVN, u64                     | signed payload
 *   RTMR1    | td_payload       | a kernel's section whole, zeros included;  | its section, if any, is
 *            |                  | a payload's program                        | not extended
 *   RTMR1    | td_payload_info  | the parameters' section whole              | kernel
 *   RTMR0+1  | EV_SEPARATOR     | four zeros                                 | after an image's payload
 */
#include "measure/tdx/td-shim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/tdvf.h"
#include "lib/io.h"
#include "lib/wr.h"
#include "measure/tdx/hob.h"
#include "measure/tdx/mrtd.h"
#include "measure/tdx/profile-tdx.h"
#include "measure/tdx/rtmr.h"
#include "measure/tdx/td-hob.h"
#include "measure/tdx/td-shim-image.h"

#define FIRMWARE_MAX (64u << 20)
#define KERNEL_MAX   (512u << 20)
#define SECTION_MAX  (1ull << 30) /* bytes of a payload's section: it is hashed whole */

#define KIND_CONFIG "EV_PLATFORM_CONFIG_FLAGS"
#define KIND_BLOB   "EV_EFI_PLATFORM_FIRMWARE_BLOB2"

static const struct td_shim_release releases[] = {
	{"0.8.0", "td-shim 0.8.0 and before, td-shim/src/bin/td-shim/main.rs", true},
	{"later", "td-shim since commit 8623615 of 2023-11-08", false},
	{NULL, NULL, false},
};

const struct td_shim_release *td_shim_releases(void)
{
	return releases;
}

struct launch {
	const struct td_shim_input *in;
	const struct tdx_vmm *vmm;
	const struct td_shim_release *release; /* NULL: not given */
	struct buf firmware, kernel;
	struct tdvf tdvf;
	struct buf hob; /* the list; empty where td-shim takes none, or when it is not known */
	struct td_hob hob_info;
	const char *no_hob; /* static: why it is not known; NULL: it is, or there is none */
	struct rtmr rtmr0, rtmr1;
	struct tdx_registers regs;
};

static void launch_done(struct launch *launch)
{
	buf_done(&launch->firmware);
	buf_done(&launch->kernel);
	buf_done(&launch->hob);
}

static const struct tdvf_section *section(const struct launch *launch, enum tdvf_type type)
{
	return tdvf_find(&launch->tdvf, type);
}

/* --- inputs --- */

static int find_release(struct launch *launch, struct err *err)
{
	const struct td_shim_release *at = releases;

	if (launch->in->release == NULL)
		return 0;
	while (at->name != NULL && strcmp(at->name, launch->in->release) != 0)
		at++;
	if (at->name == NULL)
		return err_fail(err, -ENOTSUP, "unknown td-shim release \"%s\": 0.8.0 or later",
			launch->in->release);
	launch->release = at;
	return 0;
}

static int check_input(const struct td_shim_input *in, struct err *err)
{
	if (in->firmware == NULL)
		return err_fail(err, -EINVAL, "no firmware given");
	if (in->vmm == NULL)
		return err_fail(err, -EINVAL, "no VMM given: it decides which pages are added");
	if (in->payload == NULL && in->cmdline != NULL)
		return err_fail(err, -EINVAL, "a command line without a payload");
	return 0;
}

static int check_firmware(struct launch *launch, struct err *err)
{
	const struct buf *firmware = &launch->firmware;
	bool is_uefi = false;
	int rc = td_shim_is_uefi(firmware->data, firmware->len, &is_uefi, err);

	if (rc == 0 && is_uefi)
		rc = err_fail(err, -ENOTSUP, "not td-shim but an OVMF image: assay measure tdx");
	return rc;
}

static int load(struct launch *launch, struct err *err)
{
	const struct td_shim_input *in = launch->in;
	struct buf *firmware = &launch->firmware;
	int rc = tdx_vmm_find(in->vmm, &launch->vmm, err);

	if (rc == 0)
		rc = find_release(launch, err);
	if (rc == 0)
		rc = io_read_file(in->firmware, FIRMWARE_MAX, firmware, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA256, firmware->data, firmware->len,
			launch->regs.firmware_sha256, err);
	if (rc != 0)
		return rc;
	rc = tdvf_parse(firmware->data, firmware->len, &launch->tdvf, err);
	if (rc == 0)
		rc = tdx_vmm_check(launch->vmm, &launch->tdvf, firmware->len, err);
	if (rc == 0)
		rc = check_firmware(launch, err);
	if (rc != 0)
		return err_wrap(err, "%s", in->firmware);
	if (in->payload != NULL && !launch->vmm->loads_payload && !launch->vmm->image_only)
		return err_fail(err, -ENOTSUP, "%s hands td-shim no payload", launch->vmm->name);
	if (in->payload != NULL && section(launch, TDVF_PAYLOAD) == NULL)
		return err_fail(err, -ENOTSUP,
			"%s: no section of type Payload into which a kernel could be loaded",
			in->firmware);
	return in->payload != NULL ? io_read_file(in->payload, KERNEL_MAX, &launch->kernel, err)
				   : 0;
}

/* --- the TD HOB --- */

static int read_hob(struct launch *launch, const struct tdvf_section *where, struct err *err)
{
	const char *path = launch->in->td_hob;
	int rc = io_read_file(path, TD_HOB_MAX, &launch->hob, err);

	if (rc == 0)
		rc = td_hob_parse(
			launch->hob.data, launch->hob.len, where->gpa, &launch->hob_info, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	launch->hob.len = launch->hob_info.size_bytes;
	if (launch->hob.len > where->mem_size)
		return err_fail(err, -EBADMSG, "%s: larger than its section", path);
	return 0;
}

/* QEMU's list, with the end marker that OVMF leaves out and td-shim does not. */
static int make_hob(struct launch *launch, struct err *err)
{
	static const unsigned char end[] = {0xff, 0xff, 8, 0, 0, 0, 0, 0};
	uint64_t memory = launch->in->memory_bytes;
	int rc = hob_build(
		&launch->tdvf, memory, tdx_vmm_below_4g(launch->vmm, memory), &launch->hob, err);

	buf_add(&launch->hob, end, sizeof(end));
	return rc != 0 ? rc : buf_check(&launch->hob, err);
}

static int get_hob(struct launch *launch, struct err *err)
{
	const struct tdvf_section *where = section(launch, TDVF_TD_HOB);
	bool kernel = launch->in->payload != NULL;
	int rc = 0;

	if (where == NULL && launch->in->td_hob != NULL)
		return err_fail(
			err, -EINVAL, "a TD HOB is given, but the firmware has no section for one");
	if (where == NULL && kernel)
		return err_fail(err, -ENOTSUP,
			"without a TD HOB td-shim does not learn of a kernel that the VMM loaded");
	if (where == NULL)
		return 0;
	if (launch->in->td_hob != NULL)
		rc = read_hob(launch, where, err);
	else if (!launch->vmm->direct_boot)
		launch->no_hob = "the VMM tells td-shim of its devices in the TD HOB: --td-hob is "
				 "needed";
	else if (launch->in->memory_bytes == 0)
		launch->no_hob = "the memory size is needed";
	else
		rc = make_hob(launch, err);
	if (rc == 0 && launch->in->td_hob != NULL &&
		(launch->hob_info.has_payload && launch->hob_info.payload != TD_HOB_EXECUTABLE) !=
			kernel)
		return err_fail(err, -EINVAL, "the TD HOB names %s kernel, but %s given",
			kernel ? "no" : "a", kernel ? "one is" : "none is");
	return rc;
}

/* --- MRTD --- */

static int measure_mrtd(struct launch *launch, struct err *err)
{
	const struct td_shim_input *in = launch->in;
	const struct tdx_payload payload = {.kernel = launch->kernel.data,
		.kernel_bytes = launch->kernel.len,
		.cmdline = in->cmdline};
	struct tdx_registers *regs = &launch->regs;
	struct mrtd_build build;
	int rc = tdx_vmm_build(launch->vmm, &payload, &build, err);

	if (in->order != TDX_ORDER_VMM)
		build.order = in->order == TDX_ORDER_TWO ? MRTD_TWO : MRTD_SINGLE;
	if (rc == 0)
		rc = mrtd_compute(launch->firmware.data, launch->firmware.len, &launch->tdvf,
			&build, in->derive[TDX_MRTD], regs->value[TDX_MRTD], err);
	if (rc != 0)
		return err_wrap(err, "%s", in->firmware);
	regs->order = build.order == MRTD_TWO ? TDX_ORDER_TWO : TDX_ORDER_SINGLE;
	regs->has[TDX_MRTD] = true;
	return 0;
}

/* --- events --- */

static int separator(struct launch *launch, struct err *err)
{
	int rc = rtmr_separator(&launch->rtmr0, err);

	return rc != 0 ? rc : rtmr_separator(&launch->rtmr1, err);
}

/* Extends RTMR1 by the digest of a section's memory: @n bytes, then zeros. */
static int extend_section(struct launch *launch, enum tdvf_type type, const char *kind,
	const char *what, const void *data, size_t n, struct err *err)
{
	static const unsigned char zeros[65536];
	const struct tdvf_section *where = section(launch, type);
	unsigned char digest[SHA384_SIZE];
	DIGEST_AUTO sha384 = {0};
	uint64_t left;
	int rc;

	if (where->mem_size > SECTION_MAX || n > where->mem_size)
		return err_fail(err, -EINVAL, "%s: %zu bytes in a section of 0x%" PRIx64, what, n,
			where->mem_size);
	rc = digest_init(&sha384, DIGEST_SHA384, err);
	if (rc == 0 && n > 0)
		rc = digest_update(&sha384, data, n, err);
	for (left = where->mem_size - n; rc == 0 && left > 0;) {
		size_t part = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);

		rc = digest_update(&sha384, zeros, part, err);
		left -= part;
	}
	if (rc == 0)
		rc = digest_end(&sha384, digest, err);
	return rc != 0 ? rc : rtmr_digest(&launch->rtmr1, kind, what, digest, where->mem_size, err);
}

/* Whether td-shim measures the payload by itself. */
static int logs_payload(const struct launch *launch, bool *ret, struct err *err)
{
	const struct tdvf_section *where = section(launch, TDVF_PAYLOAD);

	*ret = where != NULL && where->attributes == 0;
	if (*ret)
		return 0;
	if (launch->release == NULL)
		return err_fail(err, -ENOTSUP,
			"whether the payload goes to RTMR1 depends on td-shim's release: --release "
			"0.8.0 or later");
	*ret = launch->release->logs_always;
	return 0;
}

static int boot_kernel(struct launch *launch, bool logs, struct err *err)
{
	const char *cmdline = launch->in->cmdline != NULL ? launch->in->cmdline : "";
	int rc;

	if (section(launch, TDVF_PAYLOAD_PARAM) == NULL)
		return err_fail(err, -ENOTSUP,
			"%s: no section of type PayloadParam, whose memory td-shim measures",
			launch->in->firmware);
	rc = separator(launch, err);
	if (rc == 0 && logs)
		rc = extend_section(launch, TDVF_PAYLOAD, KIND_BLOB, "td_payload: the kernel",
			launch->kernel.data, launch->kernel.len, err);
	if (rc == 0)
		rc = extend_section(launch, TDVF_PAYLOAD_PARAM, KIND_CONFIG,
			"td_payload_info: the command line", cmdline, strlen(cmdline) + 1, err);
	return rc;
}

static int extend_signature(
	struct launch *launch, const struct td_shim_payload *payload, struct err *err)
{
	static const char *const names[] = {"secure_policy_db", "secure_authority"};
	unsigned char svn[8];
	struct wr wr = wr_init(svn, sizeof(svn));
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(*names); i++)
		rc = rtmr_data(&launch->rtmr0, KIND_CONFIG, names[i], payload->trust_anchor.data,
			payload->trust_anchor.len, err);
	wr_le64(&wr, payload->svn);
	if (rc == 0)
		rc = rtmr_data(
			&launch->rtmr1, KIND_CONFIG, "td_payload_svn", svn, sizeof(svn), err);
	return rc;
}

static int boot_own(struct launch *launch, bool logs, struct err *err)
{
	const struct buf *firmware = &launch->firmware;
	struct td_shim_payload payload;
	int rc = td_shim_payload_find(firmware->data, firmware->len, &payload, err);

	if (rc != 0)
		return err_wrap(err, "%s", launch->in->firmware);
	/* A list that names the image's own payload takes the way of kernels first. */
	if (launch->hob_info.has_payload)
		rc = separator(launch, err);
	if (rc == 0 && payload.is_signed)
		rc = extend_signature(launch, &payload, err);
	if (rc == 0 && logs)
		rc = rtmr_data(&launch->rtmr1, KIND_BLOB, "td_payload: the image's own",
			payload.program.data, payload.program.len, err);
	return rc != 0 ? rc : separator(launch, err);
}

/* All events; that of the TD HOB is left out when it is not known. */
static int boot(struct launch *launch, bool logs, struct err *err)
{
	int rc = 0;

	if (launch->hob.len > 0)
		rc = rtmr_data(&launch->rtmr0, KIND_CONFIG, "td_hob", launch->hob.data,
			launch->hob.len, err);
	if (rc != 0)
		return rc;
	return launch->in->payload != NULL ? boot_kernel(launch, logs, err)
					   : boot_own(launch, logs, err);
}

/* --- registers --- */

static void keep(struct launch *launch, enum tdx_register reg, const struct rtmr *rtmr)
{
	memcpy(launch->regs.value[reg], rtmr->value, SHA384_SIZE);
	launch->regs.has[reg] = true;
}

/* Says why there is no such register, which is an error when it is wanted. */
static int miss(struct launch *launch, enum tdx_register reg, const char *why, struct err *err)
{
	if ((launch->in->want & TDX_WANT(reg)) != 0)
		return err_fail(err, -ENOTSUP, "%s: %s", tdx_register_name(reg), why);
	snprintf(launch->regs.why_not[reg], sizeof(launch->regs.why_not[reg]), "%.*s",
		(int)sizeof(launch->regs.why_not[reg]) - 1, why);
	return 0;
}

static int measure_rtmrs(struct launch *launch, struct err *err)
{
	struct err unlogged = {0};
	bool logs = false;
	int why = logs_payload(launch, &logs, &unlogged);
	int rc = get_hob(launch, err);

	if (rc == 0)
		rc = boot(launch, logs, err);
	if (rc != 0)
		return rc;
	if (launch->no_hob == NULL)
		keep(launch, TDX_RTMR0, &launch->rtmr0);
	else
		rc = miss(launch, TDX_RTMR0, launch->no_hob, err);
	if (rc == 0 && why == 0)
		keep(launch, TDX_RTMR1, &launch->rtmr1);
	else if (rc == 0)
		rc = miss(launch, TDX_RTMR1, unlogged.msg, err);
	return rc;
}

int td_shim_measure(const struct td_shim_input *in, struct tdx_registers *ret, struct err *err)
{
	__attribute__((cleanup(launch_done))) struct launch launch = {.in = in,
		.rtmr0 = {.derive = in->derive[TDX_RTMR0]},
		.rtmr1 = {.derive = in->derive[TDX_RTMR1]}};
	int rc = check_input(in, err);

	if (rc == 0)
		rc = load(&launch, err);
	if (rc == 0)
		rc = measure_mrtd(&launch, err);
	if (rc == 0 && (in->want == 0 || (in->want & ~TDX_WANT(TDX_MRTD)) != 0))
		rc = measure_rtmrs(&launch, err);
	if (rc == 0)
		*ret = launch.regs;
	return rc;
}
