/*
 * Reading a TD HOB list (td-hob.h). Every block begins with type u16, length u16, four zero bytes,
 * and the next one follows at a multiple of 8.
 *
 *   1      | hand-off, 56 bytes: the list's end, exclusive, at 48
 *   3      | resource, 48 bytes
 *   4      | GUIDed data: GUID at 8, data at 24
 *   0xffff | the end
 */
#include "measure/tdx/td-hob.h"

#include <inttypes.h>

#include "lib/guid.h"
#include "lib/rd.h"

#define TYPE_HANDOFF  0x1
#define TYPE_RESOURCE 0x3
#define TYPE_GUIDED   0x4
#define TYPE_END      0xffff
#define HANDOFF_SIZE  56
#define RESOURCE_SIZE 48
#define HEADER_SIZE   8
#define GUIDED_DATA   24
#define AT_LIST_END   48
#define PAYLOAD_GUID  "b96fa412-461f-4be3-8c0d-ad805a497ac0"

struct block {
	uint16_t type, length;
	struct rd rd; /* all of it */
};

static int read_block(const struct rd *list, uint64_t at, struct block *ret, struct err *err)
{
	struct rd header = rd_at(list, at, HEADER_SIZE);
	uint32_t reserved;

	ret->type = rd_le16(&header);
	ret->length = rd_le16(&header);
	reserved = rd_le32(&header);
	ret->rd = rd_at(list, at, ret->length);
	if (header.bad || ret->rd.bad || ret->length < HEADER_SIZE || reserved != 0)
		return err_fail(err, -EBADMSG, "TD HOB at byte %" PRIu64 ": not a block", at);
	if ((ret->type == TYPE_HANDOFF && ret->length != HANDOFF_SIZE) ||
		(ret->type == TYPE_RESOURCE && ret->length != RESOURCE_SIZE) ||
		(ret->type == TYPE_END && ret->length != HEADER_SIZE) ||
		(ret->type == TYPE_GUIDED && ret->length < GUIDED_DATA))
		return err_fail(err, -EBADMSG, "TD HOB at byte %" PRIu64 ": type %u with %u bytes",
			at, ret->type, ret->length);
	return 0;
}

static int read_guided(const struct block *block, struct td_hob *hob, struct err *err)
{
	struct rd rd = block->rd;
	const unsigned char *guid;

	rd_skip(&rd, HEADER_SIZE);
	guid = rd_bytes(&rd, GUID_SIZE);
	if (guid == NULL || !guid_is(guid, PAYLOAD_GUID))
		return 0;
	hob->has_payload = true;
	hob->payload = rd_le32(&rd);
	if (rd.bad || hob->payload > TD_HOB_VMLINUX)
		return err_fail(err, -EBADMSG, "TD HOB: a payload of unknown type");
	return 0;
}

int td_hob_parse(const void *bytes, size_t len, uint64_t gpa, struct td_hob *ret, struct err *err)
{
	struct rd list = rd_init(bytes, len);
	struct td_hob hob = {.size_bytes = 0};
	struct block block = {.type = 0};
	uint64_t at = 0, end = 0;

	while (block.type != TYPE_END) {
		int rc = read_block(&list, at, &block, err);

		if (rc == 0 && (block.type == TYPE_HANDOFF) != (at == 0))
			rc = err_fail(err, -EBADMSG,
				"TD HOB at byte %" PRIu64 ": the hand-off block comes first, once",
				at);
		if (rc == 0 && block.type == TYPE_GUIDED)
			rc = read_guided(&block, &hob, err);
		if (rc != 0)
			return rc;
		if (block.type == TYPE_HANDOFF) {
			rd_seek(&block.rd, AT_LIST_END);
			end = rd_le64(&block.rd);
		}
		at += ((uint64_t)block.length + 7) & ~7ull;
	}
	if (end - gpa != at)
		return err_fail(err, -EBADMSG,
			"TD HOB: ends at 0x%" PRIx64 " by its own account, at 0x%" PRIx64
			" where the firmware wants it",
			end, gpa + at);
	hob.size_bytes = (size_t)at;
	*ret = hob;
	return 0;
}
