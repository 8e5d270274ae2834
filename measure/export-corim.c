/*
 * Concise Reference Integrity Manifests (draft-ietf-rats-corim): in the subset that Trustee's extractor reads, and in AMD's
 * profile for SEV-SNP (draft-deeglaze-amd-sev-snp-corim-profile). Unsigned, or in COSE_Sign1 (RFC 9052) with --key.
 *
 *   corim  501({0: ID, 1: [506(<<comid>>)] [, 3: profile]})
 *   comid  {1: {0: TAG-ID}, 4: {0: [[environment, [measurement, ...]], ...]}}
 *
 * Each tuple is one reference triple: its measurements hold together or not at all. A measurement is {0: KEY, 1: VALUES}; a
 * digest in VALUES is {2: [[ALGORITHM, BYTES]]}, algorithms as IANA names them (1 sha-256, 7 sha-384).
 */
#define _GNU_SOURCE
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "formats/cbor.h"
#include "measure/export.h"
#include "measure/sign.h"

#define TAG_CORIM    501
#define TAG_COMID    506
#define TAG_SIGN1    18
#define TAG_BYTES    560
#define TAG_URI	     32
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

static void put_digest(struct buf *to, const unsigned char *bytes, size_t size)
{
	cbor_map(to, 1);
	cbor_uint(to, VALUE_DIGEST);
	cbor_array(to, 1);
	cbor_array(to, 2);
	cbor_uint(to, size == SHA256_SIZE ? ALG_SHA256 : ALG_SHA384);
	cbor_bytes(to, bytes, size);
}

/* --- Trustee's subset: the name becomes VENDOR/MODEL/KEY/digests --- */

static const char *trustee_key(const char *name)
{
	static const char *const names[][2] = {{"launch_digest", "snp_launch_measurement"},
		{"mrtd", "mr_td"}, {"rtmr0", "rtmr_0"}, {"rtmr1", "rtmr_1"}, {"rtmr2", "rtmr_2"},
		{"rtmr3", "rtmr_3"}, {"host_data", "host_data"}, {"mrconfigid", "mr_config_id"}};
	size_t i = 0;

	while (strcmp(names[i][0], name) != 0)
		i++;
	return names[i][1];
}

static void put_trustee_triple(struct buf *to, const struct golden_entry *entry)
{
	struct export_register registers[EXPORT_REGISTERS_MAX];
	size_t count = export_registers(entry, registers);

	cbor_array(to, 2);
	cbor_map(to, 1); /* environment: class */
	cbor_uint(to, 0);
	cbor_map(to, 2);
	cbor_uint(to, 1);
	cbor_text(to, entry->tee == GOLDEN_SNP ? "AMD" : "Intel");
	cbor_uint(to, 2);
	cbor_text(to, entry->tee == GOLDEN_SNP ? "snp" : "tdx");
	cbor_array(to, count);
	for (size_t i = 0; i < count; i++) {
		cbor_map(to, 2);
		cbor_uint(to, 0);
		cbor_text(to, trustee_key(registers[i].name));
		cbor_uint(to, 1);
		put_digest(to, registers[i].bytes, registers[i].size);
	}
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

static void put_comid(struct buf *to, const struct export_request *request, bool amd)
{
	size_t triples = 0;

	for (size_t i = 0; i < request->doc->count; i++)
		triples += export_wants(request, &request->doc->entries[i]);
	cbor_map(to, 2);
	cbor_uint(to, 1);
	cbor_map(to, 1);
	cbor_uint(to, 0);
	cbor_text(to, request->doc->name);
	cbor_uint(to, 4);
	cbor_map(to, 1);
	cbor_uint(to, 0);
	cbor_array(to, triples);
	for (size_t i = 0; i < request->doc->count; i++) {
		const struct golden_entry *entry = &request->doc->entries[i];

		if (!export_wants(request, entry))
			continue;
		if (amd)
			put_amd_triple(to, request, entry);
		else
			put_trustee_triple(to, entry);
	}
}

static int put_corim(
	struct buf *to, const struct export_request *request, bool amd, struct err *err)
{
	BUF_AUTO comid = {0};
	int rc;

	put_comid(&comid, request, amd);
	rc = buf_check(&comid, err);
	if (rc != 0)
		return rc;
	cbor_tag(to, TAG_CORIM);
	cbor_map(to, amd ? 3 : 2);
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
