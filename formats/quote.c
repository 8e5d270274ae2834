/*
 * TDX quotes and TD reports (quote.h).
 *
 *   quote 4                   quote 5                   TD report, 1024 bytes
 *   0  | 2   | version        0  | 2 | version          0   | 1   | type 0x81
 *   4  | 4   | TEE type 0x81  4  | 4 | TEE type 0x81    32  | 48  | SHA-384 of TEE_TCB_INFO
 *   48 | 584 | TD quote body  48 | 2 | body type 2 or 3 80  | 48  | SHA-384 of TDINFO
 *                             50 | 4 | bytes of the body 128 | 64  | report data
 *                             54 | - | TD quote body    256 | 239 | TEE_TCB_INFO
 *                                                       512 | 512 | TDINFO
 *   TD quote body: 16 TEE_TCB_SVN, 48 MRSEAM, 48 MRSIGNERSEAM, 8 SEAMATTRIBUTES, TDINFO up to
 *   RTMR3, 64 report data; body type 3: 16 TEE_TCB_SVN_2, 48 MRSERVICETD
 *   TEE_TCB_INFO: 8 VALID, 16 TEE_TCB_SVN, 48 MRSEAM, 48 MRSIGNERSEAM, 8 ATTRIBUTES, ...
 *   TDINFO: 8 ATTRIBUTES, 8 XFAM, 48 each MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0-3
 */
#include "formats/quote.h"

#include <inttypes.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/rd.h"

#define TEE_TDX		 0x81
#define REPORT_SIZE	 1024
#define REPORT_DATA	 128
#define REPORT_TCB_HASH	 32
#define REPORT_TD_HASH	 80
#define REPORT_TCB	 256
#define REPORT_TCB_SIZE	 239
#define REPORT_TDINFO	 512
#define HEADER_SIZE	 48
#define BODY_10_SIZE	 584
#define BODY_15_SIZE	 648
#define BODY_TYPE_TDX_10 2
#define BODY_TYPE_TDX_15 3

static void read_tdinfo(struct rd *rd, struct quote *quote)
{
	quote->attributes = rd_le64(rd);
	quote->xfam = rd_le64(rd);
	rd_copy(rd, quote->mrtd, QUOTE_MR_SIZE);
	rd_copy(rd, quote->mrconfigid, QUOTE_MR_SIZE);
	rd_copy(rd, quote->mrowner, QUOTE_MR_SIZE);
	rd_copy(rd, quote->mrownerconfig, QUOTE_MR_SIZE);
	for (size_t i = 0; i < QUOTE_RTMRS; i++)
		rd_copy(rd, quote->rtmr[i], QUOTE_MR_SIZE);
}

static void read_module(struct rd *rd, struct quote *quote)
{
	rd_copy(rd, quote->tee_tcb_svn, QUOTE_SVN_SIZE);
	rd_copy(rd, quote->mrseam, QUOTE_MR_SIZE);
	rd_copy(rd, quote->mrsignerseam, QUOTE_MR_SIZE);
	quote->seam_attributes = rd_le64(rd);
	quote->has_mrseam = true;
}

static int read_body(struct rd *rd, struct quote *quote, struct err *err)
{
	read_module(rd, quote);
	read_tdinfo(rd, quote);
	rd_copy(rd, quote->report_data, sizeof(quote->report_data));
	quote->has_report_data = true;
	if (quote->has_mrservicetd) {
		rd_copy(rd, quote->tee_tcb_svn_2, QUOTE_SVN_SIZE);
		rd_copy(rd, quote->mrservicetd, QUOTE_MR_SIZE);
	}
	return rd->bad ? err_fail(err, -EBADMSG, "TDX quote: cut short") : 0;
}

/* Whether the digest at @at of a TD report is that of @n bytes at @of. */
static int is_digest_of(
	const struct rd *whole, size_t at, size_t of, size_t n, bool *ret, struct err *err)
{
	unsigned char digest[SHA384_SIZE];
	int rc = digest_bytes(DIGEST_SHA384, whole->base + of, n, digest, err);

	*ret = rc == 0 && memcmp(digest, whole->base + at, sizeof(digest)) == 0;
	return rc;
}

static int check_digests(const struct rd *whole, struct quote *quote, struct err *err)
{
	bool tcb = false, td = false;
	int rc = is_digest_of(whole, REPORT_TCB_HASH, REPORT_TCB, REPORT_TCB_SIZE, &tcb, err);

	if (rc == 0)
		rc = is_digest_of(whole, REPORT_TD_HASH, REPORT_TDINFO, REPORT_SIZE - REPORT_TDINFO,
			&td, err);
	quote->is_report = true;
	quote->consistent = tcb && td;
	return rc;
}

static int parse_report(const struct rd *whole, struct quote *ret, struct err *err)
{
	struct quote quote = {.kind = "TD report", .has_report_data = true};
	struct rd rd = rd_at(whole, REPORT_DATA, sizeof(quote.report_data));
	int rc;

	rd_copy(&rd, quote.report_data, sizeof(quote.report_data));
	rd = rd_at(whole, REPORT_TCB, REPORT_TCB_SIZE);
	if (rd_le64(&rd) != 0)
		read_module(&rd, &quote);
	rd = rd_at(whole, REPORT_TDINFO, REPORT_SIZE - REPORT_TDINFO);
	read_tdinfo(&rd, &quote);
	if (rd.bad)
		return err_fail(err, -EBADMSG, "TD report: cut short");
	rc = check_digests(whole, &quote, err);
	if (rc == 0)
		*ret = quote;
	return rc;
}

static int parse_quote(const struct rd *whole, uint16_t version, struct quote *ret, struct err *err)
{
	struct quote quote = {.kind = "TDX quote, version 4"};
	struct rd rd = rd_at(whole, HEADER_SIZE, whole->len - HEADER_SIZE);
	uint16_t type;
	uint32_t size;
	int rc;

	if (version == 5) {
		type = rd_le16(&rd);
		size = rd_le32(&rd);
		if ((type != BODY_TYPE_TDX_10 || size != BODY_10_SIZE) &&
			(type != BODY_TYPE_TDX_15 || size != BODY_15_SIZE))
			return err_fail(err, -ENOTSUP,
				"quote version 5: body of type %u with %" PRIu32
				" bytes is no TD's",
				type, size);
		quote.kind = "TDX quote, version 5";
		quote.has_mrservicetd = type == BODY_TYPE_TDX_15;
	}
	rc = read_body(&rd, &quote, err);
	if (rc != 0)
		return rc;
	quote.signed_bytes = HEADER_SIZE + rd.pos;
	*ret = quote;
	return 0;
}

int quote_parse(const void *bytes, size_t len, struct quote *ret, struct err *err)
{
	struct rd whole = rd_init(bytes, len);
	struct rd rd = whole;
	uint16_t version = rd_le16(&rd);
	uint32_t tee;

	if (len == REPORT_SIZE && (version & 0xff) == TEE_TDX)
		return parse_report(&whole, ret, err);
	rd_skip(&rd, 2);
	tee = rd_le32(&rd);
	if (rd.bad || len < HEADER_SIZE || version < 3 || version > 5)
		return err_fail(err, -EBADMSG, "neither a quote nor a TD report");
	if (version == 3 || tee != TEE_TDX)
		return err_fail(err, -ENOTSUP,
			"quote version %u of TEE type 0x%" PRIx32 ": not a TD's", version, tee);
	return parse_quote(&whole, version, ret, err);
}
