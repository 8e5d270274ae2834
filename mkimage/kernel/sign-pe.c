/*
 * Authenticode (sign-pe.h). What is signed, in DER:
 *
 *   SpcIndirectDataContent  SEQUENCE
 *     data                    SEQUENCE
 *       type                    OID 1.3.6.1.4.1.311.2.1.15, a PE image
 *       value                   SEQUENCE: flags, an empty BIT STRING; [0] [2] [0] a file name, empty
 *     messageDigest           SEQUENCE: SEQUENCE { OID sha256, NULL }, OCTET STRING of the image's digest
 *
 * Its content octets, without tag and length, are what the attribute messageDigest is over.
 */
#include "mkimage/kernel/sign-pe.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>

#include "formats/pe-write.h"
#include "lib/digest.h"

#define OID_INDIRECT_DATA "1.3.6.1.4.1.311.2.1.4"
#define CONTENT_HEADER	  2 /* tag and length of the outer SEQUENCE */

/* clang-format off */
static const unsigned char content_head[] = {
	0x30, 0x4c, /* SpcIndirectDataContent */
	0x30, 0x17, /* data: its type, its value */
	0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f,
	0x30, 0x09, 0x03, 0x01, 0x00, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00,
	0x30, 0x31, /* messageDigest: SHA-256, the digest */
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
	0x04, SHA256_SIZE,
};
/* clang-format on */
#define CONTENT_SIZE (sizeof(content_head) + SHA256_SIZE)

static int failed(struct err *err)
{
	return err_fail(err, -EIO, "libcrypto cannot sign the image");
}

static int make_content(const struct buf *image, unsigned char ret[CONTENT_SIZE], struct err *err)
{
	memcpy(ret, content_head, sizeof(content_head));
	return pe_write_digest(image, ret + sizeof(content_head), err);
}

/* The content as the PKCS#7's own, under its OID. */
static bool set_content(PKCS7 *pkcs7, const unsigned char content[CONTENT_SIZE])
{
	PKCS7 *inner = PKCS7_new();
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_STRING *text = ASN1_STRING_new();
	bool good = inner != NULL && value != NULL && text != NULL &&
		    ASN1_STRING_set(text, content, CONTENT_SIZE) == 1;

	if (!good) {
		PKCS7_free(inner);
		ASN1_TYPE_free(value);
		ASN1_STRING_free(text);
		return false;
	}
	ASN1_TYPE_set(value, V_ASN1_SEQUENCE, text);
	inner->type = OBJ_txt2obj(OID_INDIRECT_DATA, 1);
	inner->d.other = value;
	if (inner->type == NULL || PKCS7_set_content(pkcs7, inner) != 1) {
		PKCS7_free(inner);
		return false;
	}
	return true;
}

static bool add_attributes(
	PKCS7_SIGNER_INFO *info, const unsigned char content[CONTENT_SIZE], struct err *err)
{
	unsigned char digest[SHA256_SIZE];
	ASN1_OBJECT *type = OBJ_txt2obj(OID_INDIRECT_DATA, 1);

	if (type == NULL)
		return false;
	if (PKCS7_add_signed_attribute(info, NID_pkcs9_contentType, V_ASN1_OBJECT, type) != 1) {
		ASN1_OBJECT_free(type);
		return false;
	}
	return digest_bytes(DIGEST_SHA256, content + CONTENT_HEADER, CONTENT_SIZE - CONTENT_HEADER,
		       digest, err) == 0 &&
	       PKCS7_add1_attrib_digest(info, digest, sizeof(digest)) == 1;
}

static bool fill(PKCS7 *pkcs7, const struct sign_root *sign,
	const unsigned char content[CONTENT_SIZE], struct err *err)
{
	PKCS7_SIGNER_INFO *info;

	if (PKCS7_set_type(pkcs7, NID_pkcs7_signed) != 1 || !set_content(pkcs7, content) ||
		PKCS7_add_certificate(pkcs7, sign->cert) != 1)
		return false;
	info = PKCS7_add_signature(pkcs7, sign->cert, sign->key, EVP_sha256());
	return info != NULL && add_attributes(info, content, err) &&
	       PKCS7_SIGNER_INFO_sign(info) == 1;
}

static int make_signature(const struct sign_root *sign, const unsigned char content[CONTENT_SIZE],
	struct buf *ret, struct err *err)
{
	PKCS7 *pkcs7 = PKCS7_new();
	int len = pkcs7 != NULL && fill(pkcs7, sign, content, err) ? i2d_PKCS7(pkcs7, NULL) : -1;
	unsigned char *at = len > 0 ? buf_grow(ret, (size_t)len) : NULL;
	int rc = at != NULL ? 0 : failed(err);

	if (at != NULL)
		i2d_PKCS7(pkcs7, &at);
	PKCS7_free(pkcs7);
	return rc;
}

int sign_pe(const struct sign_root *sign, struct buf *image, struct err *err)
{
	unsigned char content[CONTENT_SIZE];
	BUF_AUTO der = {0};
	int rc = make_content(image, content, err);

	if (rc == 0)
		rc = make_signature(sign, content, &der, err);
	return rc != 0 ? rc : pe_write_signature(image, der.data, der.len, err);
}
