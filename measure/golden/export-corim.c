/*
 * Concise Reference Integrity Manifests (draft-ietf-rats-corim): in the subset that Trustee's extractor reads, and in AMD's
 * profile for SEV-SNP (draft-deeglaze-amd-sev-snp-corim-profile). Unsigned, or in COSE_Sign1 (RFC 9052) with --key.
 *
 *   corim  501({0: ID, 1: [506(<<comid>>)] [, 3: profile] [, 4: {[0: not before,] 1: not after}]})
 *   comid  {1: {0: TAG-ID}, 4: {0: [[environment, [measurement, ...]], ...]}}
 *
 * A measurement is {0: KEY, 1: VALUES}; digests in VALUES are {2: [[ALGORITHM, BYTES], ...]}, algorithms as IANA names them
 * (1 sha-256, 7 sha-384). In AMD's profile each tuple is one reference triple: its measurements hold together or not at
 * all. Trustee stores a value by its name and the last one wins, so that there each TEE is one triple, and each
 * of its names has the digests of all tuples.
 */
#define _GNU_SOURCE
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "formats/cbor.h"
#include "measure/golden/export.h"
#include "measure/golden/sign.h"

#define TAG_CORIM    501
#define TAG_COMID    506
#define TAG_SIGN1    18
#define TAG_BYTES    560
#define TAG_URI	     32
#define TAG_EPOCH    1
#define TAG_OID	     111
#define ALG_SHA256   1
#define ALG_SHA384   7
#define VALUE_SVN    1
#define VALUE_DIGEST 2
#define VALUE_RAW    4
#define VALUE_INT    15
#define AMD_PROFILE  "tag:amd.com,2025:snp-corim-profile"
#define CONTENT_TYPE "application/rim+cbor"
#define HALF_MAX     48 /* bytes of r and of s */

/* Keys of AMD's profile: the report's fields. */
#define AMD_POLICY	 2
#define AMD_VMPL	 5
#define AMD_MEASUREMENT	 641
#define AMD_HOST_DATA	 642
#define AMD_REPORTED_TCB 647

/* 1.3.6.1.4.1.3704.3.1 as the profile writes it: the target environment of one chip. */
static const unsigned char amd_class[] = {
	0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x03, 0x01};

static void put_one_digest(struct buf *to, const unsigned char *bytes, size_t size)
{
	cbor_array(to, 2);
	cbor_uint(to, size == SHA256_SIZE ? ALG_SHA256 : ALG_SHA384);
	cbor_bytes(to, bytes, size);
}

static void put_digest(struct buf *to, const unsigned char *bytes, size_t size)
{
	cbor_map(to, 1);
	cbor_uint(to, VALUE_DIGEST);
	cbor_array(to, 1);
	put_one_digest(to, bytes, size);
}

/* --- Trustee's subset: the name becomes VENDOR/MODEL/KEY/digests --- */

static const struct trustee_name {
	enum golden_tee tee;
	const char *name, *key; /* in golden documents, in the CoRIM */
} trustee_names[] = {
	{GOLDEN_SNP, "launch_digest", "snp_launch_measurement"},
	{GOLDEN_SNP, "host_data", "host_data"},
	{GOLDEN_TDX, "mrtd", "mr_td"},
	{GOLDEN_TDX, "rtmr0", "rtmr_0"},
	{GOLDEN_TDX, "rtmr1", "rtmr_1"},
	{GOLDEN_TDX, "rtmr2", "rtmr_2"},
	{GOLDEN_TDX, "rtmr3", "rtmr_3"},
	{GOLDEN_TDX, "mrconfigid", "mr_config_id"},
};
#define TRUSTEE_NAMES (sizeof(trustee_names) / sizeof(*trustee_names))

/* The different values of one name, in the order of the tuples, and their size; returns how many. */
static size_t list_values(const struct export_request *request, const struct trustee_name *row,
	const unsigned char **values, size_t *ret_size)
{
	struct export_register registers[EXPORT_REGISTERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];
		size_t n = export_wants(request, entry) && entry->tee == row->tee
				   ? export_registers(entry, registers)
				   : 0;

		for (size_t k = 0; k < n; k++) {
			size_t same = 0;

			if (strcmp(registers[k].name, row->name) != 0)
				continue;
			*ret_size = registers[k].size;
			while (same < count &&
				memcmp(values[same], registers[k].bytes, *ret_size) != 0)
				same++;
			values[same] = registers[k].bytes;
			count += same == count;
		}
	}
	return count;
}

static size_t count_names(
	const struct export_request *request, enum golden_tee tee, const unsigned char **values)
{
	size_t size, count = 0;

	for (size_t i = 0; i < TRUSTEE_NAMES; i++)
		count += trustee_names[i].tee == tee &&
			 list_values(request, &trustee_names[i], values, &size) > 0;
	return count;
}

static void put_trustee_triple(struct buf *to, const struct export_request *request,
	enum golden_tee tee, const unsigned char **values)
{
	cbor_array(to, 2);
	cbor_map(to, 1); /* environment: class */
	cbor_uint(to, 0);
	cbor_map(to, 2);
	cbor_uint(to, 1);
	cbor_text(to, tee == GOLDEN_SNP ? "AMD" : "Intel");
	cbor_uint(to, 2);
	cbor_text(to, tee == GOLDEN_SNP ? "snp" : "tdx");
	cbor_array(to, count_names(request, tee, values));
	for (size_t i = 0; i < TRUSTEE_NAMES; i++) {
		size_t size = 0;
		size_t count = trustee_names[i].tee == tee
				       ? list_values(request, &trustee_names[i], values, &size)
				       : 0;

		if (count == 0)
			continue;
		cbor_map(to, 2);
		cbor_uint(to, 0);
		cbor_text(to, trustee_names[i].key);
		cbor_uint(to, 1);
		cbor_map(to, 1);
		cbor_uint(to, VALUE_DIGEST);
		cbor_array(to, count);
		for (size_t k = 0; k < count; k++)
			put_one_digest(to, values[k], size);
	}
}

static int put_trustee_triples(
	struct buf *to, const struct export_request *request, struct err *err)
{
	const unsigned char **values AUTO_FREE = calloc(request->doc->count + 1, sizeof(*values));
	size_t triples = 0;

	if (values == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (int tee = 0; tee < GOLDEN_TEES; tee++)
		triples += count_names(request, (enum golden_tee)tee, values) > 0;
	cbor_array(to, triples);
	for (int tee = 0; tee < GOLDEN_TEES; tee++) {
		if (count_names(request, (enum golden_tee)tee, values) > 0)
			put_trustee_triple(to, request, (enum golden_tee)tee, values);
	}
	return 0;
}

/* --- AMD's profile --- */

static void put_key(struct buf *to, uint64_t key)
{
	cbor_map(to, 2);
	cbor_uint(to, 0);
	cbor_uint(to, key);
	cbor_uint(to, 1);
}

static void put_number(struct buf *to, uint64_t kind, uint64_t value)
{
	cbor_map(to, 1);
	cbor_uint(to, kind);
	cbor_uint(to, value);
}

/* The eight bytes of POLICY as they stand in the report: little-endian. */
static void put_policy(struct buf *to, uint64_t policy)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(policy >> (8 * i));
	cbor_map(to, 1);
	cbor_uint(to, VALUE_RAW);
	cbor_tag(to, TAG_BYTES);
	cbor_bytes(to, bytes, sizeof(bytes));
}

static void put_amd_triple(
	struct buf *to, const struct export_request *request, const struct golden_entry *entry)
{
	const struct golden_platform *platform = &request->doc->platform;

	cbor_array(to, 2);
	cbor_map(to, 1);
	cbor_uint(to, 0);
	cbor_map(to, 1);
	cbor_uint(to, 0);
	cbor_tag(to, TAG_OID);
	cbor_bytes(to, amd_class, sizeof(amd_class));
	cbor_array(to, 3u + entry->anchor.has + platform->has_tcb);
	put_key(to, AMD_POLICY);
	put_policy(to, entry->guest_policy);
	put_key(to, AMD_VMPL);
	put_number(to, VALUE_INT, entry->vmpl);
	put_key(to, AMD_MEASUREMENT);
	put_digest(to, entry->launch_digest, SHA384_SIZE);
	if (entry->anchor.has) {
		put_key(to, AMD_HOST_DATA);
		put_digest(to, entry->anchor.bytes, SHA256_SIZE);
	}
	if (platform->has_tcb) {
		put_key(to, AMD_REPORTED_TCB);
		cbor_map(to, 1);
		cbor_uint(to, VALUE_SVN);
		cbor_tag(to, 553); /* at least */
		cbor_uint(to, (uint64_t)platform->microcode << 56 | (uint64_t)platform->snp << 48 |
				      (uint64_t)platform->tee << 8 | platform->bootloader);
	}
}

/* --- the document --- */

static void put_amd_triples(struct buf *to, const struct export_request *request)
{
	size_t triples = 0;

	for (size_t i = 0; i < request->doc->count; i++)
		triples += export_wants(request, &request->doc->entries[i]);
	cbor_array(to, triples);
	for (size_t i = 0; i < request->doc->count; i++) {
		if (export_wants(request, &request->doc->entries[i]))
			put_amd_triple(to, request, &request->doc->entries[i]);
	}
}

static int put_comid(
	struct buf *to, const struct export_request *request, bool amd, struct err *err)
{
	cbor_map(to, 2);
	cbor_uint(to, 1);
	cbor_map(to, 1);
	cbor_uint(to, 0);
	cbor_text(to, request->doc->name);
	cbor_uint(to, 4);
	cbor_map(to, 1);
	cbor_uint(to, 0);
	if (!amd)
		return put_trustee_triples(to, request, err);
	put_amd_triples(to, request);
	return 0;
}

/* A time of the document (golden-doc.c has checked its form) in seconds since 1970. */
static void put_time(struct buf *to, const char *text)
{
	struct tm tm = {.tm_year = 0};

	tm.tm_year = (int)strtol(text, NULL, 10) - 1900;
	tm.tm_mon = (int)strtol(text + 5, NULL, 10) - 1;
	tm.tm_mday = (int)strtol(text + 8, NULL, 10);
	tm.tm_hour = (int)strtol(text + 11, NULL, 10);
	tm.tm_min = (int)strtol(text + 14, NULL, 10);
	tm.tm_sec = (int)strtol(text + 17, NULL, 10);
	cbor_tag(to, TAG_EPOCH);
	cbor_int(to, timegm(&tm));
}

static void put_validity(struct buf *to, const struct golden_doc *doc)
{
	cbor_uint(to, 4);
	cbor_map(to, doc->not_before != NULL ? 2 : 1);
	if (doc->not_before != NULL) {
		cbor_uint(to, 0);
		put_time(to, doc->not_before);
	}
	cbor_uint(to, 1);
	put_time(to, doc->not_after);
}

static int put_corim(
	struct buf *to, const struct export_request *request, bool amd, struct err *err)
{
	const struct golden_doc *doc = request->doc;
	BUF_AUTO comid = {0};
	int rc = put_comid(&comid, request, amd, err);

	if (rc == 0)
		rc = buf_check(&comid, err);
	if (rc != 0)
		return rc;
	if (doc->not_before != NULL && doc->not_after == NULL)
		warn_add(request->gaps, "validity: no not_after, without which the form has none");
	cbor_tag(to, TAG_CORIM);
	cbor_map(to, 2 + amd + (doc->not_after != NULL));
	cbor_uint(to, 0);
	cbor_text(to, request->doc->name);
	cbor_uint(to, 1);
	cbor_array(to, 1);
	cbor_tag(to, TAG_COMID);
	cbor_bytes(to, comid.data, comid.len);
	if (amd) {
		cbor_uint(to, 3);
		cbor_array(to, 1);
		cbor_tag(to, TAG_URI);
		cbor_text(to, AMD_PROFILE);
	}
	if (doc->not_after != NULL)
		put_validity(to, doc);
	return buf_check(to, err);
}

/* --- COSE_Sign1 --- */

/* The algorithm of a key (RFC 9053) and the bytes of one half of an ECDSA signature; 0 for Ed25519. */
static int64_t cose_algorithm(const struct sign_key *key, size_t *ret_half)
{
	int bits = EVP_PKEY_get_bits(key->pkey);

	*ret_half = 0;
	if (EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_ED25519)
		return -8;
	*ret_half = (size_t)bits / 8;
	return bits == 256 ? -7 : -35;
}

/* COSE has r and s side by side, libcrypto a DER sequence of them. */
static int raw_signature(const struct buf *der, size_t half, struct buf *ret, struct err *err)
{
	const unsigned char *at = der->data;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der->len);
	unsigned char raw[2 * HALF_MAX];
	bool good = signature != NULL && half <= HALF_MAX &&
		    BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, (int)half) == (int)half &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, (int)half) == (int)half;

	ECDSA_SIG_free(signature);
	if (!good)
		return err_fail(err, -EIO, "the signature cannot be made");
	buf_add(ret, raw, 2 * half);
	return buf_check(ret, err);
}

/* {1: algorithm, 3: content type, 4: key id, 8: <<{0: {0: signer}}>>} */
static int put_protected(struct buf *to, const struct export_request *request,
	const struct sign_key *key, struct err *err)
{
	BUF_AUTO meta = {0};
	size_t half;

	cbor_map(&meta, 1);
	cbor_uint(&meta, 0);
	cbor_map(&meta, 1);
	cbor_uint(&meta, 0);
	cbor_text(&meta, request->doc->name);
	cbor_map(to, 4);
	cbor_uint(to, 1);
	cbor_int(to, cose_algorithm(key, &half));
	cbor_uint(to, 3);
	cbor_text(to, CONTENT_TYPE);
	cbor_uint(to, 4);
	cbor_bytes(to, key->hint, strlen(key->hint));
	cbor_uint(to, 8);
	cbor_bytes(to, meta.data, meta.len);
	return meta.bad ? buf_check(&meta, err) : buf_check(to, err);
}

static int sign_corim(struct buf *to, const struct export_request *request, const struct buf *corim,
	struct err *err)
{
	SIGN_KEY_AUTO key = {.pkey = NULL};
	BUF_AUTO head = {0}, input = {0}, der = {0}, raw = {0};
	size_t half;
	int rc = sign_key_private(request->key, &key, err);

	if (rc == 0)
		rc = put_protected(&head, request, &key, err);
	if (rc != 0)
		return rc;
	cbor_array(&input, 4);
	cbor_text(&input, "Signature1");
	cbor_bytes(&input, head.data, head.len);
	cbor_bytes(&input, "", 0);
	cbor_bytes(&input, corim->data, corim->len);
	rc = buf_check(&input, err);
	if (rc == 0)
		rc = sign_bytes(&key, input.data, input.len, &der, err);
	if (rc == 0) {
		(void)cose_algorithm(&key, &half);
		if (half > 0)
			rc = raw_signature(&der, half, &raw, err);
		else
			buf_add(&raw, der.data, der.len);
	}
	if (rc != 0)
		return rc;
	cbor_tag(to, TAG_SIGN1);
	cbor_array(to, 4);
	cbor_bytes(to, head.data, head.len);
	cbor_map(to, 0);
	cbor_bytes(to, corim->data, corim->len);
	cbor_bytes(to, raw.data, raw.len);
	return buf_check(to, err);
}

static int write_corim(
	const struct export_request *request, bool amd, struct golden_outputs *ret, struct err *err)
{
	BUF_AUTO corim = {0};
	struct buf *out = export_file(ret, "corim.cbor", err);
	int rc = out == NULL ? -ENOMEM : put_corim(&corim, request, amd, err);

	if (rc != 0)
		return rc;
	if (request->key != NULL)
		return sign_corim(out, request, &corim, err);
	buf_add(out, corim.data, corim.len);
	return buf_check(out, err);
}

int export_corim(const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	return write_corim(request, false, ret, err);
}

int export_corim_amd(
	const struct export_request *request, struct golden_outputs *ret, struct err *err)
{
	if (!request->doc->platform.has_tcb)
		warn_add(request->gaps, "platform.snp.min_tcb: not given, so REPORTED_TCB is not "
					"among the reference values");
	return write_corim(request, true, ret, err);
}
