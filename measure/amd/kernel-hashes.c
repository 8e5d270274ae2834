/*
 * The SEV kernel hash table (kernel-hashes.h).
 *
 *   0   | 16 | table GUID
 *   16  | 2  | 168: bytes of GUID, this u16 and three entries
 *   18  | 50 | GUID, u16 50, SHA-256 of the command line
 *   68  | 50 | ... of the initrd
 *   118 | 50 | ... of the kernel
 *   168 | 8  | zero: padding to a multiple of 16
 */
#include "measure/amd/kernel-hashes.h"

#include <string.h>

#include "lib/guid.h"
#include "lib/io.h"
#include "lib/rd.h"
#include "lib/wr.h"

#define GUID_TABLE   "9438d606-4f22-4cc9-b479-a793d411fd21"
#define GUID_CMDLINE "97d02dd8-bd20-4c94-aa78-e7714d36ab2a"
#define GUID_INITRD  "44baf731-3a2f-4bd7-9af1-41e29169781d"
#define GUID_KERNEL  "4de79437-abd2-427f-b835-d5b172d2045b"

#define ENTRY_SIZE (GUID_SIZE + 2 + SHA256_SIZE)
#define TABLE_SIZE (GUID_SIZE + 2 + 3 * ENTRY_SIZE)
_Static_assert(TABLE_SIZE == 168, "the hash table has 168 bytes");
_Static_assert((TABLE_SIZE + 15) / 16 * 16 == KERNEL_HASHES_SIZE, "and is padded to 176");

/* What QEMU looks at before it takes a file for a Linux kernel. */
#define HEAD_SIZE	8192 /* as far as a multiboot header may begin */
#define LINUX_MAGIC_AT	0x202
#define LINUX_MAGIC	0x53726448 /* "HdrS" */
#define ELF_MAGIC	0x464c457f
#define MULTIBOOT_MAGIC 0x1badb002

static void put_guid(struct wr *wr, const char *text)
{
	struct guid guid = {{0}};

	wr->bad |= !guid_parse(text, &guid);
	wr_bytes(wr, guid.bytes, GUID_SIZE);
}

static void put_entry(struct wr *wr, const char *guid, const unsigned char *sha256)
{
	put_guid(wr, guid);
	wr_le16(wr, ENTRY_SIZE);
	wr_bytes(wr, sha256, SHA256_SIZE);
}

void kernel_hashes_write(const struct kernel_hashes *hashes, unsigned char ret[KERNEL_HASHES_SIZE])
{
	struct wr wr = wr_init(ret, KERNEL_HASHES_SIZE);

	put_guid(&wr, GUID_TABLE);
	wr_le16(&wr, TABLE_SIZE);
	put_entry(&wr, GUID_CMDLINE, hashes->cmdline);
	put_entry(&wr, GUID_INITRD, hashes->initrd);
	put_entry(&wr, GUID_KERNEL, hashes->kernel);
}

int kernel_hashes_cmdline(
	const char *cmdline, size_t len, unsigned char ret[SHA256_SIZE], struct err *err)
{
	DIGEST_AUTO digest = {0};
	int rc;

	if (memchr(cmdline, '\0', len) != NULL)
		return err_fail(err, -EINVAL, "the command line holds a NUL");
	rc = digest_init(&digest, DIGEST_SHA256, err);
	if (rc == 0)
		rc = digest_update(&digest, cmdline, len, err);
	if (rc == 0)
		rc = digest_update(&digest, "", 1, err);
	return rc != 0 ? rc : digest_end(&digest, ret, err);
}

static bool has_multiboot_header(const unsigned char *head, size_t len)
{
	struct rd rd = rd_init(head, len);

	for (size_t at = 0; at + 12 <= len; at += 4) {
		struct rd header = rd_at(&rd, at, 12);
		uint32_t magic = rd_le32(&header);
		uint32_t flags = rd_le32(&header);
		uint32_t checksum = rd_le32(&header);

		if (magic == MULTIBOOT_MAGIC && magic + flags + checksum == 0)
			return true;
	}
	return false;
}

static int check_kernel(const char *path, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	unsigned char head[HEAD_SIZE];
	struct rd rd, at;
	uint64_t size;
	size_t len;
	int rc = io_open(path, &fd, &size, err);

	if (rc != 0)
		return rc;
	len = size < sizeof(head) ? (size_t)size : sizeof(head);
	rc = io_pread(fd, path, head, len, 0, err);
	if (rc != 0)
		return rc;
	rd = rd_init(head, len);
	at = rd_at(&rd, LINUX_MAGIC_AT, 4);
	if (rd_le32(&at) == LINUX_MAGIC)
		return 0;
	if (rd_le32(&rd) == ELF_MAGIC)
		return err_fail(err, -ENOTSUP,
			"%s: an ELF kernel is booted without being hashed; give a bzImage", path);
	if (has_multiboot_header(head, len))
		return err_fail(err, -ENOTSUP,
			"%s: a multiboot kernel is booted without being hashed; give a bzImage",
			path);
	return 0;
}

int kernel_hashes_kernel(const char *path, unsigned char ret[SHA256_SIZE], struct err *err)
{
	int rc = check_kernel(path, err);

	return rc != 0 ? rc : io_digest_file(path, DIGEST_SHA256, ret, NULL, err);
}

int kernel_hashes_initrd(const char *path, unsigned char ret[SHA256_SIZE], struct err *err)
{
	if (path == NULL)
		return digest_bytes(DIGEST_SHA256, "", 0, ret, err);
	return io_digest_file(path, DIGEST_SHA256, ret, NULL, err);
}
