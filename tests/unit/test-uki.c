/* mkimage/uki, sign-pe, esp: the parts stand where they belong, .sbat is merged, libcrypto takes the signature; every refusal. Whole
 * images are judged in tests/oracle/uki.sh. */
#define _GNU_SOURCE
#include "mkimage/kernel/uki.h"

#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "formats/fat.h"
#include "formats/pe-write.h"
#include "formats/pe.h"
#include "lib/wr.h"
#include "mkimage/fs/esp.h"
#include "mkimage/kernel/sign-pe.h"
#include "tests/tap.h"

#define PE	 0x80
#define OPTIONAL (PE + 24)
#define TABLE	 (OPTIONAL + 112 + 16 * 8)
#define SIZE	 0x600 /* headers and .sbat */

/* An image with one section, .sbat, which holds @sbat; @kernel: a bzImage too. */
static void make(const char *sbat, bool kernel, struct buf *ret)
{
	struct wr wr = wr_init(buf_grow(ret, SIZE), SIZE);

	wr_bytes(&wr, "MZ", 2);
	wr_seek(&wr, 0x3c);
	wr_le32(&wr, PE);
	wr_seek(&wr, PE);
	wr_bytes(&wr, "PE\0\0", 4);
	wr_le16(&wr, 0x8664);
	wr_le16(&wr, 1);
	wr_seek(&wr, PE + 20);
	wr_le16(&wr, 112 + 16 * 8);
	wr_seek(&wr, OPTIONAL);
	wr_le16(&wr, 0x20b);
	wr_seek(&wr, OPTIONAL + 32);
	wr_le32(&wr, 0x1000);
	wr_le32(&wr, 0x200);
	wr_seek(&wr, OPTIONAL + 56);
	wr_le32(&wr, 0x2000);
	wr_le32(&wr, 0x400);
	wr_seek(&wr, OPTIONAL + 70);
	wr_le16(&wr, kernel ? 0 : 0x100);
	wr_seek(&wr, OPTIONAL + 108);
	wr_le32(&wr, 16);
	wr_seek(&wr, TABLE);
	wr_bytes(&wr, ".sbat\0\0\0", 8);
	wr_le32(&wr, (uint32_t)strlen(sbat));
	wr_le32(&wr, 0x1000);
	wr_le32(&wr, 0x200);
	wr_le32(&wr, 0x400);
	wr_seek(&wr, 0x400);
	wr_bytes(&wr, sbat, strlen(sbat));
	if (!kernel)
		return;
	ret->data[0x1f1] = 1;
	memcpy(ret->data + 0x1fe, "\x55\xaa", 2);
	memcpy(ret->data + 0x202, "HdrS\x0f\x02", 6);
}

/* Writes an image of a stub and a kernel with these lines. */
static int write_uki(const char *stub_sbat, const char *kernel_sbat, const char *own,
	const struct sign_root *sign, struct buf *ret, struct err *err)
{
	static const struct buf none;
	BUF_AUTO stub = {0};
	BUF_AUTO kernel = {0};
	BUF_AUTO initrd = {0};
	struct uki uki = {.stub = &stub,
		.kernel = &kernel,
		.initrd = sign != NULL ? &initrd : &none,
		.osrel = &none,
		.cmdline = "quiet",
		.uname = "6.1",
		.sbat = own,
		.sign = sign};

	memset(err, 0, sizeof(*err));
	buf_str(&initrd, "an initrd");
	make(stub_sbat, false, &stub);
	make(kernel_sbat, true, &kernel);
	return uki_write(&uki, ret, err);
}

static void test_parts(void)
{
	static const char *const names[] = {".sbat", ".cmdline", ".uname", ".linux"};
	static const char want[] = "sbat,1,SBAT Version,sbat,1,"
				   "https://github.com/rhboot/shim/blob/main/SBAT.md\n"
				   "stub,1\nkernel,1\nkernel.more,2\nuki,1,UKI,uki,1,"
				   "https://uapi-group.org/specifications/specs/"
				   "unified_kernel_image/\n";
	BUF_AUTO image = {0};
	struct err err;
	struct pe pe;

	ok(write_uki("sbat,1\nstub,1", "sbat,1\nkernel,1\nkernel.more,2\n", NULL, NULL, &image,
		   &err) == 0,
		"an image: %s", err.msg);
	ok(pe_parse(image.data, image.len, &pe, &err) == 0 && pe.count == 4, "of four sections");
	for (size_t i = 0; i < 4; i++)
		is_str(pe.sections[i].name, names[i], "in their order");
	is_str((const char *)image.data + pe.sections[0].raw_offset, want, ".sbat is merged");
	is_int(pe.sections[0].virtual_size, sizeof(want), "with its NUL");
	is_int(image.data[OPTIONAL + 71], 0, "NX_COMPAT as the kernel has it");
}

static void test_sbat(void)
{
	BUF_AUTO own = {0};
	BUF_AUTO bare = {0};
	BUF_AUTO large = {0};
	struct err err;

	for (unsigned i = 0; i < 100; i++)
		buf_str(&large, "line,1");
	ok(write_uki("sbat,1\n", "", "mine,1", NULL, &own, &err) == 0 &&
			memmem(own.data, own.len, "\nmine,1\n\0", 9) != NULL &&
			memmem(own.data, own.len, "uki,1", 5) == NULL,
		"lines of one's own take the place of the usual one");
	ok(write_uki("sbat,1\n", "kernel,1\n", NULL, NULL, &bare, &err) == -EBADMSG &&
			strstr(err.msg, "the kernel: its .sbat") != NULL,
		"refused: a kernel whose lines lack the first");
	ok(write_uki("sbat,1", "", NULL, NULL, &bare, &err) == -EBADMSG &&
			strstr(err.msg, "the stub: its .sbat") != NULL,
		"refused: a first line without an end");
	ok(write_uki("sbat,1\n", "", buf_cstr(&large), NULL, &bare, &err) == -EFBIG &&
			strstr(err.msg, "room for 512") != NULL,
		"refused: more than there is room for");
	ok(bare.len == 0, "nothing was written");
}

static void refuses(
	const struct buf *stub, const struct buf *kernel, const char *needle, const char *what)
{
	static const struct buf none;
	struct uki uki = {.stub = stub,
		.kernel = kernel,
		.initrd = &none,
		.osrel = &none,
		.cmdline = "quiet",
		.uname = "6.1"};
	BUF_AUTO image = {0};
	struct err err = {0};

	ok(uki_write(&uki, &image, &err) == -EBADMSG && strstr(err.msg, needle) != NULL &&
			image.len == 0,
		"refused: %s (%s)", what, err.msg);
}

static void test_refused(void)
{
	BUF_AUTO stub = {0};
	BUF_AUTO kernel = {0};
	BUF_AUTO text = {0};

	make("sbat,1\n", false, &stub);
	make("sbat,1\n", true, &kernel);
	buf_str(&text, "neither");
	refuses(&text, &kernel, "the stub: not a PE", "a stub that is none");
	refuses(&stub, &text, "not a bzImage", "a kernel that is none");
	refuses(&stub, &stub, "not a bzImage", "a PE image that is no kernel");
	kernel.data[0] = 'X';
	refuses(&stub, &kernel, "no EFI stub", "a kernel that firmware cannot start");
}

/* --- signatures --- */

static void make_key(struct sign_root *sign)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *cert = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"t", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	ok(X509_sign(cert, key, EVP_sha256()) > 0, "a certificate");
	sign->key = key;
	sign->cert = cert;
}

/* What firmware does: the content's octets are what the signature is over, and they end in the image's digest. */
static bool verifies(const struct buf *image, const struct pe *pe, const unsigned char *digest)
{
	const unsigned char *at = image->data + pe->security_address + 8;
	PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)pe->security_size - 8);
	const ASN1_STRING *content = pkcs7 != NULL && PKCS7_type_is_signed(pkcs7)
					     ? pkcs7->d.sign->contents->d.other->value.sequence
					     : NULL;
	BIO *data = content != NULL ? BIO_new_mem_buf(content->data + 2, content->length - 2)
				    : NULL;
	bool good = data != NULL && content->length > SHA256_SIZE &&
		    memcmp(content->data + content->length - SHA256_SIZE, digest, SHA256_SIZE) ==
			    0 &&
		    PKCS7_verify(pkcs7, NULL, NULL, data, NULL, PKCS7_NOVERIFY) == 1;

	BIO_free(data);
	PKCS7_free(pkcs7);
	return good;
}

static void test_signed(void)
{
	SIGN_ROOT_AUTO sign = {0};
	unsigned char digest[SHA256_SIZE];
	BUF_AUTO plain = {0};
	BUF_AUTO one = {0};
	BUF_AUTO two = {0};
	struct err err;
	struct pe pe;

	make_key(&sign);
	ok(write_uki("sbat,1\n", "", NULL, &sign, &one, &err) == 0, "signed: %s", err.msg);
	ok(write_uki("sbat,1\n", "", NULL, &sign, &two, &err) == 0 && one.len == two.len &&
			memcmp(one.data, two.data, one.len) == 0,
		"the same key, the same bytes");
	ok(pe_parse(one.data, one.len, &pe, &err) == 0 && pe.security_size > 0, "it says so");
	ok(pe_section(&pe, ".initrd") != NULL, "there is an initrd");
	buf_add(&plain, one.data, pe.security_address);
	memset(plain.data + pe.security_offset, 0, 8);
	ok(pe_write_digest(&plain, digest, &err) == 0 && verifies(&one, &pe, digest),
		"libcrypto takes the signature, over this image's digest");
	one.data[pe.security_address + pe.security_size - 24] ^= 1;
	ok(!verifies(&one, &pe, digest), "and no other");
	ok(sign_pe(&sign, &two, &err) == -ENOTSUP, "refused: a second signature");
	buf_str(&plain, "odd");
	ok(sign_pe(&sign, &plain, &err) == -ENOTSUP, "refused: bytes behind the sections");
}

static void test_esp(void)
{
	struct esp esp = {.volume_id = 1, .timestamp = 1793491200};
	struct fat_entry entry;
	BUF_AUTO image = {0};
	BUF_AUTO bytes = {0};
	BUF_AUTO got = {0};
	bool found = false;
	struct err err = {0};
	struct fat fat;

	buf_str(&image, "an image");
	ok(esp_size(image.len, &esp.size_bytes, &err) == 0 &&
			esp_write(&esp, &image, &bytes, &err) == 0 && bytes.len == esp.size_bytes,
		"an EFI system partition");
	ok(fat_open(bytes.data, bytes.len, "esp", &fat, &err) == 0 &&
			fat_find(&fat, "EFI/BOOT/BOOTX64.EFI", &found, &entry, &err) == 0 &&
			found && fat_read(&fat, &entry, 100, &got, &err) == 0,
		"it holds what firmware looks for");
	is_str(buf_cstr(&got), "an image", "as it is");
	esp.size_bytes = 1u << 20;
	ok(esp_write(&esp, &image, &bytes, &err) == -EFBIG, "refused: too small");
	ok(esp_size(SIZE_MAX, &esp.size_bytes, &err) == -EFBIG, "refused: too large an image");
}

int main(void)
{
	test_parts();
	test_sbat();
	test_refused();
	test_signed();
	test_esp();
	return tap_done();
}
