/*
 * What vouches for an image under Secure Boot. The test signs an image as Authenticode has it: a
 * PKCS#7 signature over an SpcIndirectDataContent that ends in the image's digest.
 */
#include "measure/tdx/secureboot.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "lib/guid.h"
#include "measure/tdx/authenticode.h"
#include "tests/tap.h"
#include "tests/unit/pe-image.h"

#define GUID_X509	 "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
#define GUID_SHA256	 "c1c41626-504c-4092-aca9-41f936934328"
#define GUID_X509_SHA256 "3bd2a492-96c0-4079-b420-fcf98ef103ed"

struct identity {
	EVP_PKEY *key;
	X509 *x509;
	unsigned char *der;
	int der_bytes;
};

/* That it may issue certificates. */
static void add_extension(X509 *x509)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(
		NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

	if (extension == NULL || X509_add_ext(x509, extension, -1) != 1)
		abort();
	X509_EXTENSION_free(extension);
}

static struct identity identity_of(const char *name, const struct identity *issuer)
{
	struct identity identity = {.key = EVP_EC_gen("P-256"), .x509 = X509_new()};
	X509_NAME *subject = X509_get_subject_name(identity.x509);

	X509_set_version(identity.x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(identity.x509), name[0]);
	/* Long ago: firmware has no clock that it trusts. */
	ASN1_TIME_set_string(X509_getm_notBefore(identity.x509), "20000101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(identity.x509), "20010101000000Z");
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(
		identity.x509, issuer != NULL ? X509_get_subject_name(issuer->x509) : subject);
	X509_set_pubkey(identity.x509, identity.key);
	if (issuer == NULL)
		add_extension(identity.x509);
	X509_sign(identity.x509, issuer != NULL ? issuer->key : identity.key, EVP_sha256());
	identity.der_bytes = i2d_X509(identity.x509, &identity.der);
	if (identity.der_bytes <= 0)
		abort();
	return identity;
}

static void identity_done(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->x509);
	OPENSSL_free(identity->der);
}

/* SpcIndirectDataContent: a type that nobody looks at, the algorithm, the digest. */
static void make_content(const unsigned char digest[SHA256_SIZE], struct buf *to)
{
	static const unsigned char head[] = {0x30, 0x43, 0x30, 0x0e, 0x06, 0x0a, 0x2b, 0x06, 0x01,
		0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
		0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

	buf_add(to, head, sizeof(head));
	to->data[1] = (unsigned char)(sizeof(head) + SHA256_SIZE - 2);
	buf_add(to, digest, SHA256_SIZE);
}

/* Appends a signature of the content by @signer, and the certificate @with. */
static void add_signature(struct buf *image, const struct buf *content,
	const struct identity *signer, const struct identity *with)
{
	PKCS7 *pkcs7 = PKCS7_new(), *inner = PKCS7_new();
	PKCS7_SIGNER_INFO *info;
	ASN1_TYPE *value = ASN1_TYPE_new();
	unsigned char digest[SHA256_SIZE], *der = NULL;
	struct err err = {0};
	int n;

	PKCS7_set_type(pkcs7, NID_pkcs7_signed);
	info = PKCS7_add_signature(pkcs7, signer->x509, signer->key, EVP_sha256());
	if (info == NULL ||
		digest_bytes(DIGEST_SHA256, content->data + 2, content->len - 2, digest, &err) != 0)
		abort();
	PKCS7_add_certificate(pkcs7, signer->x509);
	if (with != NULL)
		PKCS7_add_certificate(pkcs7, with->x509);
	PKCS7_add_signed_attribute(info, NID_pkcs9_contentType, V_ASN1_OBJECT,
		OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", 1));
	PKCS7_add1_attrib_digest(info, digest, sizeof(digest));
	PKCS7_SIGNER_INFO_sign(info);
	value->type = V_ASN1_SEQUENCE;
	value->value.sequence = ASN1_STRING_new();
	ASN1_STRING_set(value->value.sequence, content->data, (int)content->len);
	inner->type = OBJ_txt2obj("1.3.6.1.4.1.311.2.1.4", 1);
	inner->d.other = value;
	PKCS7_set_content(pkcs7, inner);
	n = i2d_PKCS7(pkcs7, &der);
	if (n <= 0)
		abort();
	buf_add(image,
		(unsigned char[]){
			(unsigned char)(n + 8), (unsigned char)((n + 8) >> 8), 0, 0, 0, 2, 2, 0},
		8);
	buf_add(image, der, (size_t)n);
	buf_align(image, 8);
	OPENSSL_free(der);
	PKCS7_free(pkcs7);
}

/* A list of db or dbx with one entry. */
static void add_list(struct buf *to, const char *type, const void *content, size_t n)
{
	struct guid guid;
	unsigned char sizes[12];
	struct wr wr = wr_init(sizes, sizeof(sizes));

	if (!guid_parse(type, &guid))
		abort();
	wr_le32(&wr, (uint32_t)(28 + GUID_SIZE + n));
	wr_le32(&wr, 0);
	wr_le32(&wr, (uint32_t)(GUID_SIZE + n));
	buf_add(to, guid.bytes, GUID_SIZE);
	buf_add(to, sizes, sizeof(sizes));
	buf_add(to, guid.bytes, GUID_SIZE); /* any owner */
	buf_add(to, content, n);
}

static struct identity root, signer, other;
static unsigned char plain[PE_IMAGE_SIZE], plain_digest[SHA256_SIZE];
static struct buf image, db, dbx;
static struct secureboot state = {.built = true, .enabled = true};

/* The image without signatures, empty databases. */
static void reset(void)
{
	struct err err = {0};

	pe_image_make(plain);
	if (authenticode_digest(DIGEST_SHA256, plain, sizeof(plain), plain_digest, &err) != 0)
		abort();
	image.len = db.len = dbx.len = 0;
	buf_add(&image, plain, sizeof(plain));
}

/* Points the certificate table at what was appended, and the store at the databases. */
static void settle(void)
{
	struct wr wr = wr_init(image.data + PE_IMAGE_CERTS, 8);
	static const char *const names[] = {"db", "dbx"};
	const struct buf *const data[] = {&db, &dbx};

	wr_le32(&wr, image.len > PE_IMAGE_SIZE ? PE_IMAGE_SIZE : 0);
	wr_le32(&wr, (uint32_t)(image.len - PE_IMAGE_SIZE));
	state.store.count = 0;
	for (size_t i = 0; i < 2; i++) {
		struct varstore_variable *variable = &state.store.variables[state.store.count];

		if (data[i]->len == 0)
			continue;
		snprintf(variable->name, sizeof(variable->name), "%s", names[i]);
		if (!guid_parse(SECUREBOOT_GUID_DB, &variable->vendor))
			abort();
		variable->data = data[i]->data;
		variable->size_bytes = data[i]->len;
		state.store.count++;
	}
}

static void sign(const struct identity *by, const struct identity *with)
{
	BUF_AUTO content = {0};

	make_content(plain_digest, &content);
	add_signature(&image, &content, by, with);
}

/* The first voucher is an entry of this content; none when it is NULL, for the reason @why. */
static void vouched(const void *content, size_t n, const char *why, const char *what)
{
	struct secureboot_vouchers vouchers = {.count = 0};
	struct err err = {0};
	int rc;

	settle();
	rc = secureboot_vouch(&state, image.data, image.len, &vouchers, &err);
	if (content != NULL)
		ok(rc == 0 && vouchers.count == 1 &&
				vouchers.entry[0].size_bytes == GUID_SIZE + n &&
				memcmp(vouchers.entry[0].data + GUID_SIZE, content, n) == 0,
			"%s", what);
	else
		ok(rc < 0 && strstr(err.msg, why) != NULL, "%s", what);
	if (rc != 0 ? content != NULL : content == NULL)
		printf("# %d %s\n", rc, err.msg);
}

static void test_signed(void)
{
	bool good = false;
	struct err err = {0};

	reset();
	sign(&signer, &root);
	add_list(&db, GUID_X509, other.der, (size_t)other.der_bytes);
	vouched(NULL, 0, "no signature of it chains", "another certificate in db");
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	vouched(root.der, (size_t)root.der_bytes, NULL, "the issuer's certificate in db");
	db.len = 0;
	add_list(&db, GUID_X509, signer.der, (size_t)signer.der_bytes);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	vouched(signer.der, (size_t)signer.der_bytes, NULL, "the first of two that fit");
	ok(secureboot_signed_by(
		   image.data, image.len, root.der, (size_t)root.der_bytes, &good, &err) == 0 &&
			good,
		"signed by the issuer");
	ok(secureboot_signed_by(
		   image.data, image.len, other.der, (size_t)other.der_bytes, &good, &err) == 0 &&
			!good,
		"not by another");
	reset();
	sign(&other, NULL);
	sign(&signer, &root);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	vouched(root.der, (size_t)root.der_bytes, NULL, "the second of two signatures");
	image.data[PE_IMAGE_HEADERS] ^= 1;
	vouched(NULL, 0, "no signature of it chains", "a changed image");
	reset();
	sign(&signer, NULL);
	add_list(&db, GUID_SHA256, plain_digest, SHA256_SIZE);
	vouched(plain_digest, SHA256_SIZE, NULL, "a signed image by its digest");
}

static void test_unsigned(void)
{
	unsigned char digest[DIGEST_MAX];
	struct secureboot_vouchers vouchers;
	struct err err = {0};

	reset();
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	vouched(NULL, 0, "not signed", "an unsigned image");
	add_list(&db, GUID_SHA256, plain_digest, SHA256_SIZE);
	vouched(plain_digest, SHA256_SIZE, NULL, "its digest in db");
	if (authenticode_digest(DIGEST_SHA384, plain, sizeof(plain), digest, &err) != 0)
		abort();
	add_list(&db, "ff3e5307-9fd0-48c9-85f1-8ad56c701e01", digest, SHA384_SIZE);
	settle();
	ok(secureboot_vouch(&state, image.data, image.len, &vouchers, &err) == 0 &&
			vouchers.count == 2 &&
			vouchers.entry[0].size_bytes == GUID_SIZE + SHA384_SIZE,
		"both digests vouch, the longer first");
	add_list(&dbx, GUID_SHA256, plain_digest, SHA256_SIZE);
	vouched(NULL, 0, "dbx has its digest", "its digest in dbx");
}

static void test_forbidden(void)
{
	unsigned char *tbs = NULL, digest[SHA256_SIZE + 16] = {0};
	int n = i2d_re_X509_tbs(root.x509, &tbs);
	struct err err = {0};

	if (n <= 0 || digest_bytes(DIGEST_SHA256, tbs, (size_t)n, digest, &err) != 0)
		abort();
	OPENSSL_free(tbs);
	reset();
	sign(&signer, &root);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	add_list(&dbx, GUID_SHA256, plain_digest, SHA256_SIZE);
	vouched(NULL, 0, "dbx has its digest", "a signed image whose digest is in dbx");
	dbx.len = 0;
	add_list(&dbx, GUID_X509, signer.der, (size_t)signer.der_bytes);
	vouched(NULL, 0, "dbx has a certificate", "the signer in dbx");
	dbx.len = 0;
	add_list(&dbx, GUID_X509_SHA256, digest, sizeof(digest));
	vouched(NULL, 0, "dbx revokes a certificate of", "a certificate of the signature revoked");
	reset();
	sign(&signer, NULL);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	add_list(&dbx, GUID_X509_SHA256, digest, sizeof(digest));
	vouched(NULL, 0, "dbx revokes the certificate in db", "the certificate in db revoked");
}

static void test_event(void)
{
	struct secureboot_authorities seen = {.count = 0};
	struct rtmr rtmr = {.derive = NULL}, want = {.derive = NULL};
	struct err err = {0};
	BUF_AUTO event = {0};

	reset();
	sign(&signer, &root);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	settle();
	ok(secureboot_variable_event(
		   SECUREBOOT_GUID_DB, "db", db.data + 28, db.len - 28, &event, &err) == 0 &&
			rtmr_data(&want, "", "", event.data, event.len, &err) == 0 &&
			secureboot_start_image(&state, image.data, image.len, &seen, &rtmr, &err) ==
				0 &&
			memcmp(rtmr.value, want.value, SHA384_SIZE) == 0 && seen.count == 1,
		"the event of an image that starts");
	ok(secureboot_start_image(&state, image.data, image.len, &seen, &rtmr, &err) == 0 &&
			memcmp(rtmr.value, want.value, SHA384_SIZE) == 0 && seen.count == 1,
		"is measured once");
	ok(secureboot_measure_authority(
		   &seen, SECUREBOOT_GUID_SHIM, "SbatLevel", "sbat", 4, &rtmr, &err) == 0 &&
			seen.count == 2,
		"another event");
	state.enabled = false;
	want = rtmr;
	image.len = 0;
	ok(secureboot_start_image(&state, image.data, image.len, &seen, &rtmr, &err) == 0 &&
			memcmp(rtmr.value, want.value, SHA384_SIZE) == 0,
		"nothing without Secure Boot");
	state.enabled = true;
	while (seen.count < SECUREBOOT_AUTHORITIES_MAX)
		seen.count++;
	ok(secureboot_measure_authority(
		   &seen, SECUREBOOT_GUID_SHIM, "MokListRT", "mok", 3, &rtmr, &err) == -EINVAL,
		"too many");
}

/* One byte of a certificate table or a database that is wrong. */
static void test_bad(void)
{
	reset();
	sign(&signer, &root);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	image.data[PE_IMAGE_SIZE + 1] = 0x7f;
	vouched(NULL, 0, "damaged certificate table", "a signature larger than the table");
	image.data[PE_IMAGE_SIZE] = 8;
	image.data[PE_IMAGE_SIZE + 1] = 0;
	vouched(NULL, 0, "damaged certificate table", "an empty signature");
	reset();
	buf_add(&image, "\x0c\0\0\0\0\2\2\0none\0\0\0", 16);
	add_list(&db, GUID_X509, root.der, (size_t)root.der_bytes);
	vouched(NULL, 0, "no signature of it chains", "a signature that is none");
	image.data[PE_IMAGE_SIZE + 6] = 1;
	vouched(NULL, 0, "no signature of it chains", "one of another kind");
	reset();
	add_list(&db, GUID_SHA256, plain_digest, SHA256_SIZE);
	db.data[16]++;
	vouched(NULL, 0, "signature database", "a list that is too long");
	db.data[16] -= 2;
	vouched(NULL, 0, "signature database", "a list of broken entries");
	db.data[16]++;
	db.data[24] = 16;
	vouched(NULL, 0, "damaged list", "entries without content");
	db.data[24] = 48;
	db.data[20] = 0xff;
	vouched(NULL, 0, "damaged list", "a header larger than the list");
}

int main(void)
{
	root = identity_of("root", NULL);
	signer = identity_of("signer", &root);
	other = identity_of("other", NULL);
	test_signed();
	test_unsigned();
	test_forbidden();
	test_event();
	test_bad();
	identity_done(&root);
	identity_done(&signer);
	identity_done(&other);
	buf_done(&image);
	buf_done(&db);
	buf_done(&dbx);
	return tap_done();
}
