/* Quotes and TD reports: synthetic ones of each form, refusals, and published ones. */
#include "formats/quote.h"

#include <stdlib.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/wr.h"
#include "tests/tap.h"

#define SIZE 1100

static unsigned char bytes[SIZE];

/* TDINFO: attributes, XFAM, and eight measurements filled with 1 to 8. */
static void put_tdinfo(struct wr *wr)
{
	wr_le64(wr, 0x10000000);
	wr_le64(wr, 0xe702);
	for (unsigned i = 1; i <= 8; i++)
		wr_fill(wr, (unsigned char)i, 48);
}

static size_t make_quote(uint16_t version)
{
	struct wr wr = wr_init(bytes, SIZE);

	wr_le16(&wr, version);
	wr_le16(&wr, 2);
	wr_le32(&wr, 0x81);
	wr_seek(&wr, 48);
	if (version == 5) {
		wr_le16(&wr, 2);
		wr_le32(&wr, 584);
	}
	wr_fill(&wr, 0, 16);
	wr_fill(&wr, 9, 48);
	wr_fill(&wr, 0, 56);
	put_tdinfo(&wr);
	wr_fill(&wr, 10, 64);
	return wr.pos;
}

static void make_report(void)
{
	struct wr wr = wr_init(bytes, SIZE);

	wr_u8(&wr, 0x81);
	wr_seek(&wr, 128);
	wr_fill(&wr, 10, 64);
	wr_seek(&wr, 512);
	put_tdinfo(&wr);
}

static void is_read(size_t len, const char *kind)
{
	struct quote quote = {.kind = ""};
	struct err err = {0};

	is_int(quote_parse(bytes, len, &quote, &err), 0, kind);
	is_str(quote.kind, kind, "its kind");
	ok(quote.attributes == 0x10000000 && quote.xfam == 0xe702, "attributes");
	ok(quote.mrtd[0] == 1 && quote.mrconfigid[47] == 2 && quote.mrowner[0] == 3 &&
			quote.mrownerconfig[0] == 4,
		"MRTD and the configuration fields");
	ok(quote.rtmr[0][0] == 5 && quote.rtmr[3][47] == 8, "RTMRs");
	ok(quote.report_data[0] == 10 && quote.report_data[63] == 10, "report data");
}

static void refuses(size_t len, int code, const char *want)
{
	struct quote quote;
	struct err err = {0};
	int rc = quote_parse(bytes, len, &quote, &err);

	ok(rc == code && strstr(err.msg, want) != NULL, "refused: %s", want);
	if (rc != code)
		printf("# %d %s\n", rc, err.msg);
}

static void test_synthetic(void)
{
	size_t len = make_quote(4);
	struct quote quote = {.kind = ""};
	struct err err = {0};

	is_read(len, "TDX quote, version 4");
	refuses(len - 1, -EBADMSG, "cut short");
	refuses(40, -EBADMSG, "neither");
	refuses(0, -EBADMSG, "neither");
	bytes[4] = 0;
	refuses(len, -ENOTSUP, "TEE type 0x0");
	bytes[0] = 3;
	refuses(len, -ENOTSUP, "version 3");
	bytes[0] = 6;
	refuses(len, -EBADMSG, "neither");
	len = make_quote(5);
	is_read(len, "TDX quote, version 5");
	bytes[48] = 1;
	refuses(len, -ENOTSUP, "body of type 1");
	len = make_quote(5);
	bytes[48] = 3;
	bytes[50] = (unsigned char)648;
	bytes[51] = 648 >> 8;
	memset(bytes + len, 11, 16);
	memset(bytes + len + 16, 12, 48);
	is_int(quote_parse(bytes, len + 64, &quote, &err), 0, "a quote of TDX 1.5");
	ok(quote.has_mrservicetd && quote.tee_tcb_svn_2[15] == 11 && quote.mrservicetd[47] == 12,
		"has the digest of its service TD");
	is_int((long long)quote.signed_bytes, (long long)len + 64, "and its signature after that");
	refuses(len + 63, -EBADMSG, "cut short");
	make_report();
	is_read(1024, "TD report");
	is_int(quote_parse(bytes, 1024, &quote, &err), 0, "a TD report again");
	ok(quote.is_report && !quote.consistent && !quote.has_mrseam,
		"without the module's part, and with digests of nothing");
	refuses(1023, -EBADMSG, "neither");
}

static void test_published(void)
{
	static const struct {
		const char *path, *kind, *mrtd;
	} files[] = {
		{"attestation-rs/tdx_tdreport_live.bin", "TD report",
			"eea8b6a814569a52bd1e12f6b869bb2d9c0c8a7a43e658ffc3b42c199f116157ea7f04d359"
			"c7fdfd8ac483152cc13542"},
		{"trustee-verifier/tdx_quote_4.dat", "TDX quote, version 4",
			"705ee9381b8633a9fbe532b52345e8433343d2868959f57889d84ca377c395b6"},
		{"trustee-verifier/tdx_quote_5.dat", "TDX quote, version 5",
			"dfba221b48a22af8511542ee796603f37382800840dcd978703909bf8e64d4c8"},
	};
	const char *shared = getenv("ASSAY_SHARED");

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		BUF_AUTO file = {0};
		struct quote quote = {.kind = ""};
		struct err err = {0};
		char path[512], hex[2 * QUOTE_MR_SIZE + 1];

		snprintf(path, sizeof(path), "%s/vectors/tdx/%s",
			shared != NULL ? shared : "../shared", files[i].path);
		if (io_read_file(path, 1u << 20, &file, &err) != 0) {
			tap_skip(files[i].path, "no reference data");
			continue;
		}
		ok(quote_parse(file.data, file.len, &quote, &err) == 0, "%s", files[i].path);
		is_str(quote.kind, files[i].kind, "its kind");
		hex_encode(quote.mrtd, QUOTE_MR_SIZE, hex);
		ok(strncmp(hex, files[i].mrtd, strlen(files[i].mrtd)) == 0, "its MRTD");
		ok(quote.has_mrseam, "its module");
		ok(quote.is_report == quote.consistent, "a report's digests are right");
	}
}

int main(void)
{
	test_synthetic();
	test_published();
	return tap_done();
}
