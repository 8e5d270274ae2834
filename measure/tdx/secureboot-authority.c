/*
 * What Secure Boot measures when an image starts (secureboot.h): the entry of db that vouches for
 * it. edk2 SecurityPkg/Library/DxeImageVerificationLib, CryptoPkg/Library/BaseCryptLib
 * (AuthenticodeVerify); signature databases: UEFI Specification 2.10, section 32.4.1; signatures:
 * Microsoft, "Windows Authenticode Portable Executable Signature Format".
 *
 *   EFI_SIGNATURE_LIST                 WIN_CERTIFICATE, aligned to 8
 *   0  | 16 | GUID of the type         0 | 4 | bytes, with this
 *   16 | 4  | bytes, with this         4 | 2 | revision
 *   20 | 4  | bytes of the header      6 | 2 | type 2: PKCS#7 follows; 0xef1: GUID, then that
 *   24 | 4  | bytes of an entry
 *   28 | -  | header, then entries: 16 bytes of owner, then the certificate or digest
 */
#include "measure/tdx/secureboot.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "formats/pe.h"
#include "lib/guid.h"
#include "lib/rd.h"
#include "measure/tdx/authenticode.h"

#define GUID_CERT_X509	      "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
#define GUID_CERT_SHA256      "c1c41626-504c-4092-aca9-41f936934328"
#define GUID_CERT_SHA384      "ff3e5307-9fd0-48c9-85f1-8ad56c701e01"
#define GUID_CERT_SHA512      "093e0fae-a6c4-4f50-9f1b-d41e2b89c19a"
#define GUID_CERT_X509_SHA256 "3bd2a492-96c0-4079-b420-fcf98ef103ed"
#define GUID_CERT_X509_SHA384 "7076876e-80c2-4ee6-aad2-28b349a6865b"
#define GUID_CERT_X509_SHA512 "446dbf63-2502-4cda-bcfa-2465d2b0fe9d"
#define GUID_CERT_PKCS7	      "4aafd29d-68df-49ee-8aa9-347d375665a7"

#define LIST_HEADER	    28
#define CERTIFICATE_HEADER  8
#define CERTIFICATE_PKCS    0x0002
#define CERTIFICATE_GUID    0x0ef1
#define SIGNATURES_MAX	    16
#define OID_SPC_INDIRECT    "1.3.6.1.4.1.311.2.1.4"
#define AUTHORITY_EVENT_MAX (1u << 20)

/* The digests that lists of images and of certificates are made of, the longest first. */
static const struct {
	enum digest_alg alg;
	const char *image, *certificate;
} algs[] = {
	{DIGEST_SHA512, GUID_CERT_SHA512, GUID_CERT_X509_SHA512},
	{DIGEST_SHA384, GUID_CERT_SHA384, GUID_CERT_X509_SHA384},
	{DIGEST_SHA256, GUID_CERT_SHA256, GUID_CERT_X509_SHA256},
};

#define ALGS (sizeof(algs) / sizeof(algs[0]))

/* --- signature databases --- */

struct entries {
	struct rd lists, list; /* what is left of the variable, and of the list */
	const unsigned char *type;
	uint32_t entry_bytes;
};

struct entry {
	const unsigned char *type; /* GUID of its list */
	const unsigned char *data; /* owner, then the content */
	size_t size_bytes;	   /* of both */
};

/* Begins to walk a variable, which may be absent. */
static struct entries entries_of(const struct secureboot *state, const char *name)
{
	const struct varstore_variable *variable = varstore_find(
		&state->store, name, SECUREBOOT_GUID_DB);

	return (struct entries){.lists = variable != NULL
						 ? rd_init(variable->data, variable->size_bytes)
						 : rd_init("", 0)};
}

static int next_list(struct entries *entries, struct err *err)
{
	size_t start = entries->lists.pos;
	uint32_t size, header;

	entries->type = rd_bytes(&entries->lists, GUID_SIZE);
	size = rd_le32(&entries->lists);
	header = rd_le32(&entries->lists);
	entries->entry_bytes = rd_le32(&entries->lists);
	if (entries->lists.bad || size < LIST_HEADER || header > size - LIST_HEADER ||
		entries->entry_bytes <= GUID_SIZE)
		return err_fail(
			err, -EBADMSG, "signature database: damaged list at byte %zu", start);
	entries->list = rd_at(
		&entries->lists, start + LIST_HEADER + header, size - LIST_HEADER - header);
	if (entries->list.bad || entries->list.len % entries->entry_bytes != 0)
		return err_fail(err, -EBADMSG,
			"signature database: list at byte %zu of %u bytes in entries of %u", start,
			size, entries->entry_bytes);
	rd_skip(&entries->lists, size - LIST_HEADER);
	return 0;
}

/* 1 with the next entry, 0 at the end. */
static int next_entry(struct entries *entries, struct entry *ret, struct err *err)
{
	while (rd_left(&entries->list) == 0) {
		int rc;

		if (rd_left(&entries->lists) == 0)
			return 0;
		rc = next_list(entries, err);
		if (rc != 0)
			return rc;
	}
	ret->type = entries->type;
	ret->data = rd_bytes(&entries->list, entries->entry_bytes);
	ret->size_bytes = entries->entry_bytes;
	return 1;
}

/* 1 and, when asked for, the entry of this type and content; 0 when there is none. */
static int find_entry(const struct secureboot *state, const char *name, const char *type,
	const void *content, size_t n, struct secureboot_authority *ret, struct err *err)
{
	struct entries entries = entries_of(state, name);
	struct entry entry;
	int rc;

	while ((rc = next_entry(&entries, &entry, err)) > 0)
		if (guid_is(entry.type, type) && entry.size_bytes == GUID_SIZE + n &&
			memcmp(entry.data + GUID_SIZE, content, n) == 0) {
			if (ret != NULL)
				*ret = (struct secureboot_authority){
					.data = entry.data, .size_bytes = entry.size_bytes};
			return 1;
		}
	return rc;
}

/* --- signatures --- */

struct signature {
	PKCS7 *pkcs7;		      /* owned */
	const unsigned char *content; /* of SpcIndirectDataContent, without its header */
	size_t content_bytes;
	enum digest_alg alg;
	unsigned char image[DIGEST_MAX]; /* the image's digest by @alg */
};

static void signature_done(struct signature *signature)
{
	PKCS7_free(signature->pkcs7);
	*signature = (struct signature){.pkcs7 = NULL};
}

#define SIGNATURE_AUTO __attribute__((cleanup(signature_done))) struct signature

/* The bytes inside the DER element that @der of @n bytes starts with; false when it is none. */
static bool der_inside(
	const unsigned char *der, size_t n, const unsigned char **ret, size_t *ret_bytes)
{
	const unsigned char *at = der;
	long length;
	int tag, class;

	if (n > LONG_MAX)
		return false;
	if ((ASN1_get_object(&at, &length, &tag, &class, (long)n) & 0x80) != 0 || length < 0)
		return false;
	*ret = at;
	*ret_bytes = (size_t)length;
	return true;
}

static bool find_content(struct signature *signature)
{
	const PKCS7 *inner = signature->pkcs7->d.sign->contents;
	char oid[64];

	if (inner == NULL || OBJ_obj2txt(oid, sizeof(oid), inner->type, 1) <= 0 ||
		strcmp(oid, OID_SPC_INDIRECT) != 0 || inner->d.other == NULL ||
		inner->d.other->type != V_ASN1_SEQUENCE)
		return false;
	return der_inside(inner->d.other->value.sequence->data,
		(size_t)inner->d.other->value.sequence->length, &signature->content,
		&signature->content_bytes);
}

static bool find_alg(struct signature *signature)
{
	static const struct {
		int nid;
		enum digest_alg alg;
	} known[] = {{NID_sha256, DIGEST_SHA256}, {NID_sha384, DIGEST_SHA384},
		{NID_sha512, DIGEST_SHA512}};
	X509_ALGOR *first = sk_X509_ALGOR_value(signature->pkcs7->d.sign->md_algs, 0);
	int nid = first != NULL ? OBJ_obj2nid(first->algorithm) : NID_undef;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].nid == nid) {
			signature->alg = known[i].alg;
			return true;
		}
	return false;
}

/*
 * Reads one PKCS#7 signature; *@ret_usable is whether firmware would look at it. A signature of
 * another digest than the image's is none of this image.
 */
static int read_signature(const struct rd *der, const void *image, size_t len,
	struct signature *ret, bool *ret_usable, struct err *err)
{
	const unsigned char *at = der->base;
	size_t n;
	int rc;

	*ret_usable = false;
	if (der->len > LONG_MAX)
		return 0;
	ret->pkcs7 = d2i_PKCS7(NULL, &at, (long)der->len);
	ERR_clear_error();
	if (ret->pkcs7 == NULL || !PKCS7_type_is_signed(ret->pkcs7) || ret->pkcs7->d.sign == NULL ||
		!find_alg(ret))
		return 0;
	rc = authenticode_digest(ret->alg, image, len, ret->image, err);
	if (rc != 0)
		return rc;
	*ret_usable = true;
	n = digest_size(ret->alg);
	if (!find_content(ret) || ret->content_bytes < n ||
		memcmp(ret->content + ret->content_bytes - n, ret->image, n) != 0)
		ret->content = NULL;
	return 0;
}

/* The image's signatures, one after the other. */
struct signatures {
	struct rd rd;
	const void *image;
	size_t len;
	size_t count;
};

static int signatures_begin(const void *image, size_t len, struct signatures *ret, struct err *err)
{
	struct pe *pe AUTO_FREE = malloc(sizeof(*pe));
	struct rd whole = rd_init(image, len);
	int rc;

	if (pe == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	rc = pe_parse(image, len, pe, err);
	if (rc != 0)
		return rc;
	*ret = (struct signatures){.image = image, .len = len};
	ret->rd = rd_at(&whole, pe->security_address, pe->security_size);
	if (ret->rd.bad)
		return err_fail(err, -EBADMSG, "PE image: certificates leave the file");
	return 0;
}

/* 1 with the next signature that counts, 0 at the end; -EACCES for a damaged table, which firmware
 * refuses. */
static int next_signature(struct signatures *all, struct signature *ret, struct err *err)
{
	while (rd_left(&all->rd) > 0) {
		size_t start = all->rd.pos;
		uint32_t size = rd_le32(&all->rd);
		struct rd body;
		uint16_t type;
		bool usable;
		int rc;

		rd_skip(&all->rd, 2);
		type = rd_le16(&all->rd);
		if (all->rd.bad || size <= CERTIFICATE_HEADER ||
			size - CERTIFICATE_HEADER > rd_left(&all->rd))
			return err_fail(err, -EACCES,
				"PE image: damaged certificate table: firmware refuses the image");
		if (++all->count > SIGNATURES_MAX)
			return err_fail(
				err, -EBADMSG, "PE image: more than %d signatures", SIGNATURES_MAX);
		body = rd_at(&all->rd, all->rd.pos, size - CERTIFICATE_HEADER);
		rd_seek(&all->rd, start + ((size + 7ull) & ~7ull));
		if (all->rd.bad)
			return err_fail(err, -EACCES,
				"PE image: damaged certificate table: firmware refuses the image");
		if (type == CERTIFICATE_GUID) {
			const unsigned char *guid = rd_bytes(&body, GUID_SIZE);

			if (guid == NULL || !guid_is(guid, GUID_CERT_PKCS7))
				continue;
			body = rd_at(&body, GUID_SIZE, body.len - GUID_SIZE);
		} else if (type != CERTIFICATE_PKCS) {
			continue;
		}
		signature_done(ret);
		rc = read_signature(&body, all->image, all->len, ret, &usable, err);
		if (rc != 0)
			return rc;
		if (usable)
			return 1;
	}
	return 0;
}

/*
 * Whether the signature chains to the certificate: to any depth, at any time, for any purpose, and
 * the certificate need not be self-signed.
 */
static bool chains_to(const struct signature *signature, const void *certificate, size_t n)
{
	const unsigned char *at = certificate;
	X509 *x509 = n <= LONG_MAX ? d2i_X509(NULL, &at, (long)n) : NULL;
	X509_STORE *store = X509_STORE_new();
	BIO *content = NULL;
	bool good = false;

	if (signature->content != NULL && signature->content_bytes <= INT_MAX)
		content = BIO_new_mem_buf(signature->content, (int)signature->content_bytes);
	if (x509 != NULL && store != NULL && content != NULL &&
		X509_STORE_add_cert(store, x509) == 1) {
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
		X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
		good = PKCS7_verify(signature->pkcs7, NULL, store, content, NULL, PKCS7_BINARY) ==
		       1;
	}
	BIO_free(content);
	X509_STORE_free(store);
	X509_free(x509);
	ERR_clear_error();
	return good;
}

int secureboot_signed_by(const void *image, size_t len, const void *certificate, size_t n,
	bool *ret, struct err *err)
{
	SIGNATURE_AUTO signature = {.pkcs7 = NULL};
	struct signatures all;
	bool good = false;
	int rc = signatures_begin(image, len, &all, err);

	while (rc == 0 && !good) {
		rc = next_signature(&all, &signature, err);
		if (rc <= 0)
			break;
		good = chains_to(&signature, certificate, n);
		rc = 0;
	}
	if (rc < 0)
		return rc;
	*ret = good;
	return 0;
}

/* --- what forbids --- */

static int refuse(const char *why, struct err *err)
{
	return err_fail(err, -EACCES, "Secure Boot refuses the image: %s", why);
}

/* Whether dbx names the certificate by the digest of its to-be-signed part. */
static int is_revoked(const struct secureboot *state, X509 *x509, struct err *err)
{
	unsigned char *der = NULL;
	int n = i2d_re_X509_tbs(x509, &der);
	struct entries entries = entries_of(state, "dbx");
	struct entry entry;
	int rc = 0;

	if (n <= 0)
		return err_fail(err, -ENOMEM, "out of memory");
	while (rc == 0 && (rc = next_entry(&entries, &entry, err)) > 0) {
		rc = 0;
		for (size_t i = 0; i < ALGS && rc == 0; i++) {
			unsigned char digest[DIGEST_MAX];
			size_t size = digest_size(algs[i].alg);

			/* The digest is followed by the time of revocation. */
			if (!guid_is(entry.type, algs[i].certificate) ||
				entry.size_bytes < GUID_SIZE + size)
				continue;
			rc = digest_bytes(algs[i].alg, der, (size_t)n, digest, err);
			if (rc == 0)
				rc = memcmp(digest, entry.data + GUID_SIZE, size) == 0;
		}
	}
	OPENSSL_free(der);
	return rc;
}

/* 0, or -EACCES when dbx holds the image, a certificate that its signature chains to, or the digest
 * of one in the signature. */
static int check_dbx(
	const struct secureboot *state, const struct signature *signature, struct err *err)
{
	STACK_OF(X509) *certificates = signature->pkcs7->d.sign->cert;
	struct entries entries = entries_of(state, "dbx");
	struct entry entry;
	int rc;

	while ((rc = next_entry(&entries, &entry, err)) > 0)
		if (guid_is(entry.type, GUID_CERT_X509) &&
			chains_to(signature, entry.data + GUID_SIZE, entry.size_bytes - GUID_SIZE))
			return refuse("dbx has a certificate of its signature", err);
	for (int i = 0; rc == 0 && i < sk_X509_num(certificates); i++) {
		rc = is_revoked(state, sk_X509_value(certificates, i), err);
		if (rc > 0)
			return refuse("dbx revokes a certificate of its signature", err);
	}
	return rc;
}

static int check_revoked_root(
	const struct secureboot *state, const unsigned char *der, size_t n, struct err *err)
{
	const unsigned char *at = der;
	X509 *x509 = d2i_X509(NULL, &at, (long)n);
	int rc = x509 != NULL ? is_revoked(state, x509, err) : 0;

	X509_free(x509);
	ERR_clear_error();
	return rc > 0 ? refuse("dbx revokes the certificate in db that its signature chains to",
				err)
		      : rc;
}

/* --- what allows --- */

/* 1 with the first certificate of db that the signature chains to, 0 when there is none. */
static int find_certificate(const struct secureboot *state, const struct signature *signature,
	struct secureboot_authority *ret, struct err *err)
{
	struct entries entries = entries_of(state, "db");
	struct entry entry;
	int rc;

	while ((rc = next_entry(&entries, &entry, err)) > 0) {
		const unsigned char *der = entry.data + GUID_SIZE;
		size_t n = entry.size_bytes - GUID_SIZE;

		if (!guid_is(entry.type, GUID_CERT_X509) || !chains_to(signature, der, n))
			continue;
		rc = check_revoked_root(state, der, n, err);
		if (rc != 0)
			return rc;
		*ret = (struct secureboot_authority){
			.data = entry.data, .size_bytes = entry.size_bytes};
		return 1;
	}
	return rc;
}

/* 1 with the entry of db for the image's digest; -EACCES when it is in dbx. */
static int find_image(const struct secureboot *state, size_t alg, const unsigned char *digest,
	struct secureboot_authority *ret, struct err *err)
{
	size_t n = digest_size(algs[alg].alg);
	int rc = find_entry(state, "dbx", algs[alg].image, digest, n, NULL, err);

	if (rc > 0)
		return refuse("dbx has its digest", err);
	return rc < 0 ? rc : find_entry(state, "db", algs[alg].image, digest, n, ret, err);
}

static int vouch_unsigned(const struct secureboot *state, const void *image, size_t len,
	struct secureboot_vouchers *vouchers, struct err *err)
{
	for (size_t i = 0; i < ALGS; i++) {
		unsigned char digest[DIGEST_MAX];
		int rc = authenticode_digest(algs[i].alg, image, len, digest, err);

		if (rc == 0)
			rc = find_image(state, i, digest, &vouchers->entry[vouchers->count], err);
		if (rc < 0)
			return rc;
		vouchers->count += (size_t)rc;
	}
	return 0;
}

static size_t index_of(enum digest_alg alg)
{
	size_t i = 0;

	while (i + 1 < ALGS && algs[i].alg != alg)
		i++;
	return i;
}

/* Each signature must not be forbidden, and one has to be allowed. */
static int vouch_signed(const struct secureboot *state, struct signatures *all,
	struct secureboot_vouchers *vouchers, struct err *err)
{
	SIGNATURE_AUTO signature = {.pkcs7 = NULL};
	int rc;

	while ((rc = next_signature(all, &signature, err)) > 0) {
		struct secureboot_authority *slot = &vouchers->entry[0];
		struct secureboot_authority of_image;

		rc = check_dbx(state, &signature, err);
		if (rc == 0 && vouchers->count == 0) {
			rc = find_certificate(state, &signature, slot, err);
			vouchers->count = rc > 0;
		}
		if (rc < 0)
			return rc;
		rc = find_image(state, index_of(signature.alg), signature.image, &of_image, err);
		if (rc < 0)
			return rc;
		if (rc > 0 && vouchers->count == 0) {
			*slot = of_image;
			vouchers->count = 1;
		}
	}
	return rc;
}

int secureboot_vouch(const struct secureboot *state, const void *image, size_t len,
	struct secureboot_vouchers *ret, struct err *err)
{
	struct secureboot_vouchers vouchers = {.count = 0};
	struct signatures all;
	int rc = signatures_begin(image, len, &all, err);

	if (rc != 0)
		return rc;
	rc = all.rd.len == 0 ? vouch_unsigned(state, image, len, &vouchers, err)
			     : vouch_signed(state, &all, &vouchers, err);
	if (rc != 0)
		return rc;
	if (vouchers.count == 0)
		return refuse(all.rd.len == 0 ? "it is not signed, and db has not its digest"
					      : "no signature of it chains to a certificate in db",
			err);
	*ret = vouchers;
	return 0;
}

/* --- the event --- */

int secureboot_measure_authority(struct secureboot_authorities *seen, const char *vendor,
	const char *name, const void *data, size_t n, struct rtmr *rtmr, struct err *err)
{
	BUF_AUTO event = {0};
	BUF_AUTO what = {0};
	unsigned char digest[SHA384_SIZE];
	int rc;

	if (n > AUTHORITY_EVENT_MAX)
		return err_fail(err, -EINVAL, "variable %s: %zu bytes", name, n);
	rc = secureboot_variable_event(vendor, name, data, n, &event, err);
	if (rc == 0)
		rc = digest_bytes(DIGEST_SHA384, event.data, event.len, digest, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; seen != NULL && i < seen->count; i++)
		if (memcmp(seen->digest[i], digest, sizeof(digest)) == 0)
			return 0;
	if (seen != NULL && seen->count == SECUREBOOT_AUTHORITIES_MAX)
		return err_fail(
			err, -EINVAL, "more than %d authorities", SECUREBOOT_AUTHORITIES_MAX);
	buf_fmt(&what, "authority %s, %zu bytes", name, n);
	rc = buf_check(&what, err);
	if (rc == 0)
		rc = rtmr_digest(
			rtmr, "EV_EFI_VARIABLE_AUTHORITY", buf_cstr(&what), digest, event.len, err);
	if (rc == 0 && seen != NULL)
		memcpy(seen->digest[seen->count++], digest, sizeof(digest));
	return rc;
}

int secureboot_start_image(const struct secureboot *state, const void *image, size_t len,
	struct secureboot_authorities *seen, struct rtmr *rtmr, struct err *err)
{
	struct secureboot_vouchers vouchers;
	int rc;

	if (!state->enabled)
		return 0;
	rc = secureboot_vouch(state, image, len, &vouchers, err);
	for (size_t i = 0; rc == 0 && i < vouchers.count; i++)
		rc = secureboot_measure_authority(seen, SECUREBOOT_GUID_DB, "db",
			vouchers.entry[i].data, vouchers.entry[i].size_bytes, rtmr, err);
	return rc;
}
