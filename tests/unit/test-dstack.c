/* dstack's measurement documents, byte for byte, and its digests of registers. */
#include <stdlib.h>

#include "lib/base64.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/json.h"
#include "measure/golden/dstack.h"
#include "tests/tap.h"

static void is_digest(const unsigned char *got, const char *want, const char *what)
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(got, SHA256_SIZE, hex);
	is_str(hex, want, what);
}

static void is_hex(const struct buf *got, const char *want, const char *what)
{
	char hex[1024] = "too long";

	if (got->len < sizeof(hex) / 2)
		hex_encode(got->data, got->len, hex);
	is_str(hex, want, what);
}

/* --- the TD HOB's memory --- */

static struct tdvf sections(size_t count, const struct tdvf_section *list)
{
	struct tdvf tdvf = {.count = count};

	memcpy(tdvf.sections, list, count * sizeof(*list));
	return tdvf;
}

#define TEMP(at, size)                                                                             \
	{                                                                                          \
		.gpa = (at), .mem_size = (size), .type = TDVF_TEMP_MEM                             \
	}
#define HOB(at, size)                                                                              \
	{                                                                                          \
		.gpa = (at), .mem_size = (size), .type = TDVF_TD_HOB                               \
	}

static void test_td_hob(void)
{
	/* The firmware of dstack's own test, in the order of its metadata. */
	const struct tdvf_section known[] = {{.gpa = 0xffc84000, .mem_size = 0x37c000},
		TEMP(0x810000, 0x10000), TEMP(0x80b000, 0x2000), HOB(0x809000, 0x2000),
		TEMP(0x800000, 0x6000)};
	const struct tdvf_section long_ones[] = {TEMP(0x200000, 0x80000), HOB(0x7f000, 0x1000)};
	const struct tdvf_section none[] = {TEMP(0x800000, 0x6000)};
	const struct tdvf_section two[] = {HOB(0x800000, 0x1000), HOB(0x801000, 0x1000)};
	const struct tdvf_section empty[] = {HOB(0x800000, 0x1000), TEMP(0x801000, 0)};
	struct tdvf tdvf = sections(5, known);
	BUF_AUTO out = {0};
	BUF_AUTO longer = {0};
	BUF_AUTO bad = {0};
	struct err err = {0};

	is_int(dstack_td_hob(&tdvf, &out, &err), 0, "sections of one firmware");
	is_hex(&out, "80100904000609020b021010", "sorted, relative to the first page");
	tdvf = sections(2, long_ones);
	is_int(dstack_td_hob(&tdvf, &longer, &err), 0, "numbers of several bytes");
	is_hex(&longer,
		"7f00020001810380"
		"01",
		"LEB128");
	tdvf = sections(1, none);
	is_int(dstack_td_hob(&tdvf, &bad, &err), -EBADMSG, "no TD_HOB section");
	tdvf = sections(2, two);
	is_int(dstack_td_hob(&tdvf, &bad, &err), -EBADMSG, "two of them");
	tdvf = sections(2, empty);
	is_int(dstack_td_hob(&tdvf, &bad, &err), -EBADMSG, "an empty section");
}

/* --- documents --- */

static void test_snp(void)
{
	struct sevmeta meta = {.sections = {{0x800000, 0x9000, SEVMETA_SEC_MEM},
				       {0x80f000, 0x1000, SEVMETA_KERNEL_HASHES}},
		.count = 2};
	struct dstack_snp snp = {.cmdline = "a b",
		.hash_table_gpa = 0x80fc00,
		.reset_eip = 0x80b004,
		.sections = &meta};
	BUF_AUTO out = {0};

	memset(snp.ovmf, 0x11, sizeof(snp.ovmf));
	memset(snp.kernel, 0x22, sizeof(snp.kernel));
	memset(snp.initrd, 0x33, sizeof(snp.initrd));
	dstack_snp_write(&snp, &out);
	is_hex(&out,
		"a8"
		"6776657273696f6e03"
		"67636d646c696e6563612062"
		"696f766d665f686173685830"
		"111111111111111111111111111111111111111111111111"
		"111111111111111111111111111111111111111111111111"
		"6b6b65726e656c5f686173685820"
		"2222222222222222222222222222222222222222222222222222222222222222"
		"6b696e697472645f686173685820"
		"3333333333333333333333333333333333333333333333333333333333333333"
		"706861736865735f7461626c655f677061"
		"1a0080fc00"
		"6972657365745f656970"
		"1a0080b004"
		"6d6f766d665f73656374696f6e7382"
		"a3636770611a008000006473697a65199000647479706501"
		"a3636770611a0080f0006473697a65191000647479706510",
		"measurement.snp.cbor");
}

/* The byte string of 48 bytes after the text @key; NULL when it is not there. */
static const unsigned char *find(const struct buf *cbor, const char *key, size_t head)
{
	size_t n = strlen(key);

	for (size_t i = 0; i + n + head <= cbor->len; i++) {
		if (memcmp(cbor->data + i, key, n) == 0)
			return cbor->data + i + n + head;
	}
	return NULL;
}

static int read_shared(json_t **ret, struct err *err)
{
	const char *shared = getenv("ASSAY_SHARED");
	char path[4096];
	BUF_AUTO text = {0};
	int rc;

	snprintf(path, sizeof(path), "%s/vectors/tdx/dstack/tdx-lite-getquote.json",
		shared != NULL ? shared : "../shared");
	rc = io_read_file(path, 4 << 20, &text, err);
	return rc == 0 ? json_doc_parse(text.data, text.len, path, ret, err) : rc;
}

/* A document that dstack 0.6.0 wrote, taken apart and written again. */
static void check_shared(const json_t *config)
{
	const json_t *material = json_object_get(config, "tdx_measurement");
	const char *sums = json_string_value(json_object_get(material, "checksum_file"));
	const char *cbor = json_string_value(json_object_get(material, "measurement"));
	unsigned char digest[SHA256_SIZE];
	struct dstack_tdx tdx = {.td_hob = {0}};
	const struct {
		const char *key;
		unsigned char *to;
	} fields[] = {{"cmdline_sha384", tdx.cmdline}, {"kernel_authenticode", tdx.kernel},
		{"initrd_sha384", tdx.initrd}, {"single_pass", tdx.mrtd_single},
		{"two_pass", tdx.mrtd_two}};
	BUF_AUTO text = {0};
	BUF_AUTO want = {0};
	BUF_AUTO got = {0};
	struct err err = {0};
	bool found = true;

	is_int(base64_decode(sums, strlen(sums), "sha256sum.txt", &text, &err), 0, "sha256sum.txt");
	is_int(base64_decode(cbor, strlen(cbor), "measurement", &want, &err), 0, "the document");
	if (digest_bytes(DIGEST_SHA256, text.data, text.len, digest, &err) == 0)
		is_digest(digest, json_string_value(json_object_get(config, "os_image_hash")),
			"os_image_hash is the digest of sha256sum.txt");
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const unsigned char *at = find(&want, fields[i].key, 2);

		found = found && at != NULL;
		if (at != NULL)
			memcpy(fields[i].to, at, SHA384_SIZE);
	}
	ok(found, "all fields");
	if (found) {
		buf_add(&tdx.td_hob, find(&want, "td_hob", 1), 12);
		dstack_tdx_write(&tdx, &got);
		ok(got.len == want.len && memcmp(got.data, want.data, got.len) == 0,
			"the same bytes again");
	}
	buf_done(&tdx.td_hob);
}

static void test_shared(void)
{
	JSON_AUTO *doc = NULL;
	JSON_AUTO *config = NULL;
	struct err err = {0};
	const char *text;

	if (read_shared(&doc, &err) != 0) {
		tap_skip("a document of dstack 0.6.0", err.msg);
		return;
	}
	text = json_string_value(json_object_get(doc, "vm_config"));
	if (text != NULL)
		is_int(json_doc_parse(text, strlen(text), "vm_config", &config, &err), 0,
			"vm_config");
	else
		config = json_incref(json_object_get(doc, "vm_config"));
	check_shared(config);
}

/* --- digests; the wanted ones are sha256sum's of the concatenations --- */

static void test_digests(void)
{
	struct golden_entry tdx = {.tee = GOLDEN_TDX}, snp = {.tee = GOLDEN_SNP};
	unsigned char provider[SHA256_SIZE], got[SHA256_SIZE];

	memset(provider, 7, sizeof(provider));
	memset(tdx.mrtd, 1, SHA384_SIZE);
	memset(snp.launch_digest, 1, SHA384_SIZE);
	ok(!dstack_mr_system(&tdx, provider, got), "mr_system needs RTMR0");
	for (int i = 0; i < GOLDEN_RTMRS; i++) {
		ok(!dstack_mr_aggregated(&tdx, got), "mr_aggregated needs RTMR%d", i);
		tdx.rtmr[i].has = true;
		memset(tdx.rtmr[i].bytes, i + 2, SHA384_SIZE);
	}
	ok(dstack_mr_aggregated(&tdx, got), "mr_aggregated");
	is_digest(got, "f19f6a13a1f3a6bf9607fa8435673eb843a03be87c19eb8bb0b8f585921851bd",
		"over five registers");
	tdx.anchor.has = true;
	ok(dstack_mr_aggregated(&tdx, got), "MRCONFIGID of zeros");
	is_digest(got, "f19f6a13a1f3a6bf9607fa8435673eb843a03be87c19eb8bb0b8f585921851bd",
		"is as none");
	memset(tdx.anchor.bytes, 6, SHA384_SIZE);
	ok(dstack_mr_aggregated(&tdx, got), "with MRCONFIGID");
	is_digest(got, "a4b7a0da6dcdea7af50dafb3804913a06e3c1a22166b23cc0faf665a96c73de9",
		"and zeros for MROWNER and MROWNERCONFIG");
	ok(!dstack_mr_system(&tdx, NULL, got), "mr_system needs the key provider");
	ok(dstack_mr_system(&tdx, provider, got), "mr_system");
	is_digest(got, "e84d7816c7506d35757af1b6af5790b968e4ace99589e0cc19cd96013ea5f536",
		"over four registers and the key provider");
	ok(!dstack_mr_aggregated(&snp, got), "SNP: mr_aggregated needs HOST_DATA");
	snp.anchor.has = true;
	memset(snp.anchor.bytes, 6, SHA256_SIZE);
	ok(dstack_mr_aggregated(&snp, got), "SNP: mr_aggregated");
	is_digest(got, "b96f7f634485a26c5dc171d8ac109241e15b04d3593cd13371c503abf29b9203",
		"over launch digest and HOST_DATA");
	ok(dstack_mr_system(&snp, NULL, got), "SNP: mr_system");
	is_digest(got, "5bf90435cd45d0475cbb0ace7e7e3a672ed2a3a4984ad3e8624d8878725a9c2e",
		"over the launch digest");
}

int main(void)
{
	test_td_hob();
	test_snp();
	test_shared();
	test_digests();
	return tap_done();
}
