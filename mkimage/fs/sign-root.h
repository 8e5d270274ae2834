/*
 * The signature of a root hash, as the kernel's dm-verity checks it against its keyring (Linux
 * Documentation/admin-guide/device-mapper/verity.rst, root_hash_sig_key_desc): PKCS#7, detached,
 * without certificates or attributes, over the 64 hexadecimal digits of the root hash. And the
 * JSON text in which a GPT's signature partition holds it (UAPI.2, "Verity signature partition").
 *
 * RSA keys only: their signatures (PKCS#1 v1.5) are always the same, so that an image with one can
 * be built again by whoever holds the key.
 */
#ifndef MKIMAGE_FS_SIGN_ROOT_H
#define MKIMAGE_FS_SIGN_ROOT_H

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"

/* A zeroed one may be passed to sign_root_done. */
struct sign_root {
	void *key;  /* EVP_PKEY, owned */
	void *cert; /* X509, owned */
};

/* Reads an RSA key and its certificate, both in PEM, the key without a passphrase. -EBADMSG;
 * -ENOTSUP for another kind of key; -EINVAL when the certificate is not the key's. */
int sign_root_load(struct sign_root *sign, const char *key_path, const char *cert_path,
	struct err *err) MUST_CHECK;
void sign_root_done(struct sign_root *sign);
#define SIGN_ROOT_AUTO __attribute__((cleanup(sign_root_done))) struct sign_root

/* Appends the signature in DER. */
int sign_root_pkcs7(const struct sign_root *sign, const unsigned char root_hash[SHA256_SIZE],
	struct buf *ret, struct err *err) MUST_CHECK;

/* Appends the JSON text: root hash, SHA-256 of the certificate, signature. @arg is a struct
 * sign_root (disk_options.sign). */
int sign_root_json(void *arg, const unsigned char root_hash[SHA256_SIZE], struct buf *ret,
	struct err *err) MUST_CHECK;

#endif
