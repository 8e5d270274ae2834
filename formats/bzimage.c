/*
 * The bzImage setup header (bzimage.h).
 *
 *   offset | size | field
 *   0x1f1  | 1    | setup_sects, 0 means 4
 *   0x1fe  | 2    | boot_flag 0xaa55
 *   0x202  | 4    | "HdrS"
 *   0x206  | 2    | protocol version
 *   0x20e  | 2    | kernel_version: offset of its string, less 0x200
 *   0x210  | 1    | type_of_loader *
 *   0x211  | 1    | loadflags *
 *   0x218  | 4    | ramdisk_image *
 *   0x21c  | 4    | ramdisk_size *
 *   0x224  | 2    | heap_end_ptr *
 *   0x228  | 4    | cmd_line_ptr *
 *   0x22c  | 4    | initrd_addr_max, from 2.03
 *   0x236  | 2    | xloadflags, from 2.12
 *   0x238  | 4    | cmdline_size, from 2.06
 *   0x248  | 4    | payload_offset, from the end of the setup sectors, from 2.08
 *   0x24c  | 4    | payload_length, from 2.08
 * (* written by QEMU)
 */
#include "formats/bzimage.h"

#include <inttypes.h>
#include <string.h>

#include "formats/pe.h"
#include "lib/rd.h"
#include "lib/wr.h"

#define SECTOR		    512
#define SETUP_SECTS	    0x1f1
#define BOOT_FLAG	    0x1fe
#define HEADER_MAGIC	    0x202
#define KERNEL_VERSION	    0x20e
#define TYPE_OF_LOADER	    0x210
#define LOADFLAGS	    0x211
#define RAMDISK_IMAGE	    0x218
#define HEAP_END_PTR	    0x224
#define CMD_LINE_PTR	    0x228
#define INITRD_ADDR_MAX	    0x22c
#define XLOADFLAGS	    0x236
#define CMDLINE_SIZE	    0x238
#define PAYLOAD_OFFSET	    0x248
#define PAYLOAD_LENGTH	    0x24c
#define LOADED_HIGH	    0x01u
#define CAN_USE_HEAP	    0x80u
#define DEFAULT_INITRD_MAX  0x37ffffffu
#define DEFAULT_CMDLINE_MAX 255u

/* Of QEMU's loader. */
#define QEMU_LOADER_ID	  0xb0
#define QEMU_CMDLINE_ADDR 0x20000u
#define QEMU_REAL_ADDR	  0x10000u
#define QEMU_PAGE	  4096u

static uint16_t get_le16(const struct rd *image, size_t at)
{
	struct rd rd = rd_at(image, at, 2);

	return rd_le16(&rd);
}

static uint32_t get_le32(const struct rd *image, size_t at)
{
	struct rd rd = rd_at(image, at, 4);

	return rd_le32(&rd);
}

bool bzimage_probe(const void *image, size_t len)
{
	struct rd rd = rd_init(image, len);
	struct rd magic = rd_at(&rd, HEADER_MAGIC, 4);
	const unsigned char *at = rd_bytes(&magic, 4);

	return get_le16(&rd, BOOT_FLAG) == 0xaa55 && at != NULL && memcmp(at, "HdrS", 4) == 0;
}

/* The printable string at the place that kernel_version names; "" when there is none. */
static void read_version(const struct rd *image, char ret[BZIMAGE_VERSION_MAX])
{
	uint16_t pointer = get_le16(image, KERNEL_VERSION);
	size_t start = (size_t)pointer + 0x200;
	size_t n = 0;

	ret[0] = '\0';
	if (pointer == 0 || start >= image->len)
		return;
	while (n < BZIMAGE_VERSION_MAX - 1 && start + n < image->len) {
		unsigned char c = image->base[start + n];

		if (c == '\0')
			break;
		if (c < 0x20 || c > 0x7e) {
			ret[0] = '\0';
			return;
		}
		ret[n++] = (char)c;
		ret[n] = '\0';
	}
}

/* Where the compressed kernel is; 0 bytes when that leaves the file. */
static void read_payload(const struct rd *image, struct bzimage *bz)
{
	uint64_t start = (uint64_t)SECTOR * (bz->setup_sectors + 1u);
	uint64_t offset = start + get_le32(image, PAYLOAD_OFFSET);
	uint64_t n = get_le32(image, PAYLOAD_LENGTH);
	struct rd payload = rd_at(image, offset, n);

	if (payload.bad || n == 0)
		return;
	bz->payload_offset = (size_t)offset;
	bz->payload_size = (size_t)n;
}

int bzimage_parse(const void *image, size_t len, struct bzimage *ret, struct err *err)
{
	struct rd rd = rd_init(image, len);
	struct bzimage bz = {
		.initrd_addr_max = DEFAULT_INITRD_MAX, .cmdline_size = DEFAULT_CMDLINE_MAX};
	struct rd setup;

	if (!bzimage_probe(image, len))
		return err_fail(err, -EBADMSG,
			"not a bzImage: no boot flag and \"HdrS\" at byte 0x%x", HEADER_MAGIC);
	bz.protocol = get_le16(&rd, HEADER_MAGIC + 4);
	if (bz.protocol < 0x0200)
		return err_fail(err, -EBADMSG, "bzImage: boot protocol 0x%04x", bz.protocol);
	setup = rd_at(&rd, SETUP_SECTS, 1);
	bz.setup_sectors = rd_u8(&setup);
	if (bz.setup_sectors == 0)
		bz.setup_sectors = 4;
	setup = rd_at(&rd, LOADFLAGS, 1);
	bz.loadflags = rd_u8(&setup);
	if (bz.protocol >= 0x0203)
		bz.initrd_addr_max = get_le32(&rd, INITRD_ADDR_MAX);
	if (bz.protocol >= 0x0206)
		bz.cmdline_size = get_le32(&rd, CMDLINE_SIZE);
	if (bz.protocol >= 0x020c)
		bz.xloadflags = get_le16(&rd, XLOADFLAGS);
	if (bz.protocol >= 0x0208)
		read_payload(&rd, &bz);
	if (len < (size_t)SECTOR * (bz.setup_sectors + 1u) || len < CMDLINE_SIZE + 4)
		return err_fail(err, -EBADMSG, "bzImage: %zu bytes do not hold %u setup sectors",
			len, bz.setup_sectors);
	bz.efi_stub = pe_probe(image, len);
	read_version(&rd, bz.version);
	*ret = bz;
	return 0;
}

int bzimage_patch(void *image, size_t len, const struct bzimage *bz,
	const struct bzimage_patch *patch, struct err *err)
{
	struct wr wr = {.base = image, .cap = len};
	uint64_t initrd_max = bz->initrd_addr_max;

	if (bz->protocol < 0x0202 || (bz->loadflags & LOADED_HIGH) == 0)
		return err_fail(
			err, -EBADMSG, "bzImage: boot protocol 0x%04x is too old", bz->protocol);
	if ((bz->xloadflags & BZIMAGE_XLF_ABOVE_4G) != 0)
		initrd_max = UINT32_MAX;
	if (patch->below_4g_bytes <= patch->acpi_bytes)
		return err_fail(err, -EINVAL, "%" PRIu64 " bytes of memory hold no guest",
			patch->below_4g_bytes);
	if (initrd_max >= patch->below_4g_bytes - patch->acpi_bytes)
		initrd_max = patch->below_4g_bytes - patch->acpi_bytes - 1;
	if (patch->initrd_bytes >= initrd_max)
		return err_fail(err, -EINVAL,
			"initrd of %" PRIu64 " bytes does not fit below 0x%" PRIx64,
			patch->initrd_bytes, initrd_max);
	wr_seek(&wr, TYPE_OF_LOADER);
	wr_u8(&wr, QEMU_LOADER_ID);
	wr_u8(&wr, bz->loadflags | CAN_USE_HEAP);
	wr_seek(&wr, HEAP_END_PTR);
	wr_le16(&wr, QEMU_CMDLINE_ADDR - QEMU_REAL_ADDR - 0x200);
	wr_seek(&wr, CMD_LINE_PTR);
	wr_le32(&wr, QEMU_CMDLINE_ADDR);
	if (patch->initrd_bytes > 0) {
		wr_seek(&wr, RAMDISK_IMAGE);
		wr_le32(&wr, (uint32_t)((initrd_max - patch->initrd_bytes) &
					~(uint64_t)(QEMU_PAGE - 1)));
		wr_le32(&wr, (uint32_t)patch->initrd_bytes);
	}
	return wr.bad ? err_fail(err, -EBADMSG, "bzImage: setup header cut short") : 0;
}
