/* UEFI device paths (devpath.h): nodes of u8 type, u8 subtype, u16 length with these four bytes,
 * and data. */
#include "formats/devpath.h"

#include <inttypes.h>
#include <stdbool.h>

#include "lib/guid.h"
#include "lib/rd.h"

#define NODE_HEADER 4
#define NODES_MAX   64
#define TYPE_END    0x7f

static void add_guid(struct rd *rd, struct buf *ret)
{
	struct guid guid;
	char text[GUID_TEXT_MAX];

	rd_copy(rd, guid.bytes, GUID_SIZE);
	guid_format(&guid, text);
	buf_str(ret, text);
}

static void put_pci(struct rd *rd, struct buf *ret)
{
	uint8_t function = rd_u8(rd);
	uint8_t device = rd_u8(rd);

	buf_fmt(ret, "Pci(0x%x,0x%x)", device, function);
}

static void put_vendor_hw(struct rd *rd, struct buf *ret)
{
	buf_str(ret, "VenHw(");
	add_guid(rd, ret);
	buf_str(ret, ")");
}

static void put_acpi(struct rd *rd, struct buf *ret)
{
	uint32_t hid = rd_le32(rd);
	uint32_t uid = rd_le32(rd);

	if (hid == 0x0a0341d0)
		buf_fmt(ret, "PciRoot(0x%" PRIx32 ")", uid);
	else
		buf_fmt(ret, "Acpi(0x%" PRIx32 ",0x%" PRIx32 ")", hid, uid);
}

static void put_scsi(struct rd *rd, struct buf *ret)
{
	uint16_t target = rd_le16(rd);
	uint16_t lun = rd_le16(rd);

	buf_fmt(ret, "Scsi(0x%x,0x%x)", target, lun);
}

static void put_sata(struct rd *rd, struct buf *ret)
{
	uint16_t port = rd_le16(rd);
	uint16_t multiplier = rd_le16(rd);
	uint16_t lun = rd_le16(rd);

	buf_fmt(ret, "Sata(0x%x,0x%x,0x%x)", port, multiplier, lun);
}

static void put_nvme(struct rd *rd, struct buf *ret)
{
	buf_fmt(ret, "NVMe(0x%" PRIx32 ")", rd_le32(rd));
}

static void put_hd(struct rd *rd, struct buf *ret)
{
	uint32_t number = rd_le32(rd);
	uint8_t type;

	rd_skip(rd, 16);
	buf_fmt(ret, "HD(%" PRIu32 ",", number);
	if (rd_left(rd) >= GUID_SIZE + 2)
		type = rd->base[rd->pos + GUID_SIZE + 1];
	else
		type = 0;
	buf_str(ret, type == 2 ? "GPT," : "MBR,");
	add_guid(rd, ret);
	buf_str(ret, ")");
}

static void put_vendor_media(struct rd *rd, struct buf *ret)
{
	buf_str(ret, "VenMedia(");
	add_guid(rd, ret);
	buf_str(ret, ")");
}

static void put_file(struct rd *rd, struct buf *ret)
{
	while (rd_left(rd) >= 2) {
		uint16_t c = rd_le16(rd);

		if (c == 0)
			return;
		buf_fmt(ret, "%c", c >= 0x20 && c < 0x7f ? (char)c : '?');
	}
}

static void put_fv_file(struct rd *rd, struct buf *ret)
{
	buf_str(ret, "FvFile(");
	add_guid(rd, ret);
	buf_str(ret, ")");
}

static void put_fv(struct rd *rd, struct buf *ret)
{
	buf_str(ret, "Fv(");
	add_guid(rd, ret);
	buf_str(ret, ")");
}

static const struct {
	unsigned char type, subtype;
	void (*put)(struct rd *rd, struct buf *ret);
} nodes[] = {
	{1, 1, put_pci},
	{1, 4, put_vendor_hw},
	{2, 1, put_acpi},
	{3, 2, put_scsi},
	{3, 18, put_sata},
	{3, 23, put_nvme},
	{4, 1, put_hd},
	{4, 3, put_vendor_media},
	{4, 4, put_file},
	{4, 6, put_fv_file},
	{4, 7, put_fv},
};

static void put_node(unsigned type, unsigned subtype, struct rd *rd, struct buf *ret)
{
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (nodes[i].type == type && nodes[i].subtype == subtype) {
			nodes[i].put(rd, ret);
			return;
		}
	buf_fmt(ret, "Path(%u,%u)", type, subtype);
}

void devpath_text(const void *path, size_t len, struct buf *ret)
{
	struct rd rd = rd_init(path, len);

	for (size_t i = 0; i < NODES_MAX && rd_left(&rd) > 0; i++) {
		uint8_t type = rd_u8(&rd);
		uint8_t subtype = rd_u8(&rd);
		uint16_t size = rd_le16(&rd);
		struct rd node;

		if (type == TYPE_END && !rd.bad)
			return;
		node = rd_at(&rd, rd.pos,
			size >= NODE_HEADER ? (uint64_t)size - NODE_HEADER : UINT64_MAX);
		if (i > 0)
			buf_str(ret, "/");
		put_node(type, subtype, &node, ret);
		if (node.bad) {
			buf_str(ret, "(damaged)");
			return;
		}
		rd_skip(&rd, size - NODE_HEADER);
	}
}
