/*
 * TDX quotes and TD reports (quote.h).
 *
 *   quote 4                   quote 5                   TD report, 1024 bytes
 *   0  | 2   | version        0  | 2 | version          0   | 1   | type 0x81
 *   4  | 4   | TEE type 0x81  4  | 4 | TEE type 0x81    128 | 64  | report data
 *   48 | 584 | TD quote body  48 | 2 | body type 2 or 3 512 | 512 | TDINFO
 *                             50 | 4 | bytes of the body
 *                             54 | - | TD quote body
 *   TD quote body: 16 TEE_TCB_SVN, 48 MRSEAM, 48 MRSIGNERSEAM, 8 SEAMATTRIBUTES, TDINFO up to
 *   RTMR3, 64 report data, ...
 *   TDINFO: 8 ATTRIBUTES, 8 XFAM, 48 each MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0-3
 */
#include "formats/quote.h"

#include <inttypes.h>

#include "lib/rd.h"

#define TEE_TDX		 0x81
#define REPORT_SIZE	 1024
#define REPORT_DATA	 128
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

static int read_body(struct rd *rd, struct quote *quote, struct err *err)
{
	rd_skip(rd, 16);
	rd_copy(rd, quote->mrseam, QUOTE_MR_SIZE);
	rd_skip(rd, 48 + 8);
	read_tdinfo(rd, quote);
	rd_copy(rd, quote->report_data, sizeof(quote->report_data));
	quote->has_mrseam = quote->has_report_data = true;
	return rd->bad ? err_fail(err, -EBADMSG, "TDX quote: cut short") : 0;
}

static int parse_report(const struct rd *whole, struct quote *ret, struct err *err)
{
	struct quote quote = {.kind = "TD report", .has_report_data = true};
	struct rd rd = rd_at(whole, REPORT_DATA, sizeof(quote.report_data));

	rd_copy(&rd, quote.report_data, sizeof(quote.report_data));
	rd = rd_at(whole, REPORT_TDINFO, REPORT_SIZE - REPORT_TDINFO);
	read_tdinfo(&rd, &quote);
	if (rd.bad)
		return err_fail(err, -EBADMSG, "TD report: cut short");
	*ret = quote;
	return 0;
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
	}
	rc = read_body(&rd, &quote, err);
	if (rc != 0)
		return rc;
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
