/*
 * Signing PE images for UEFI Secure Boot: Windows Authenticode Portable Executable Signature Format; UEFI Specification 2.10,
 * section 32.5. The signature is a PKCS#7 over the image's digest, with RSA and SHA-256 and without a time, so that the same image
 * and key give the same bytes.
 */
#ifndef MKIMAGE_KERNEL_SIGN_PE_H
#define MKIMAGE_KERNEL_SIGN_PE_H

#include "lib/buf.h"
#include "lib/err.h"
#include "mkimage/fs/sign-root.h"

/* Signs the unsigned image in @image, which grows by the signature; its certificate is in it. -ENOTSUP for an image that is signed
 * or does not end on 8 bytes. */
int sign_pe(const struct sign_root *sign, struct buf *image, struct err *err) MUST_CHECK;

#endif
