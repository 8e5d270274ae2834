/* TD HOB lists that a VMM made: how far they go, what they name, and every list that is refused. */
#include "measure/tdx/td-hob.h"

#include <string.h>

#include "lib/guid.h"
#include "lib/wr.h"
#include "tests/tap.h"

#define GPA	0x800000u
#define PAYLOAD "b96fa412-461f-4be3-8c0d-ad805a497ac0"

/* Hand-off, resource, payload, end; 56 + 48 + 40 + 8 bytes. */
#define AT_RESOURCE 56
#define AT_PAYLOAD  104
#define AT_END	    144
#define LIST_SIZE   152

static unsigned char list[LIST_SIZE + 8];

static void make(void)
{
	struct wr wr = wr_init(list, sizeof(list));
	struct guid guid;

	memset(list, 0, sizeof(list));
	wr_le16(&wr, 1);
	wr_le16(&wr, AT_RESOURCE);
	wr_le32(&wr, 0);
	wr_le32(&wr, 9);
	wr_seek(&wr, 48);
	wr_le64(&wr, GPA + LIST_SIZE);
	wr_le16(&wr, 3);
	wr_le16(&wr, AT_PAYLOAD - AT_RESOURCE);
	wr_seek(&wr, AT_PAYLOAD);
	wr_le16(&wr, 4);
	wr_le16(&wr, AT_END - AT_PAYLOAD);
	wr_le32(&wr, 0);
	ok(guid_parse(PAYLOAD, &guid), "the payload's GUID");
	wr_bytes(&wr, guid.bytes, GUID_SIZE);
	wr_le32(&wr, TD_HOB_BZIMAGE);
	wr_seek(&wr, AT_END);
	wr_le16(&wr, 0xffff);
	wr_le16(&wr, 8);
}

static void refuses(size_t at, unsigned char value, const char *want, const char *what)
{
	unsigned char old = list[at];
	struct err err = {0};
	struct td_hob hob;
	int rc;

	list[at] = value;
	rc = td_hob_parse(list, sizeof(list), GPA, &hob, &err);
	ok(rc == -EBADMSG && strstr(err.msg, want) != NULL, "%s is refused", what);
	if (rc != -EBADMSG || strstr(err.msg, want) == NULL)
		printf("# %d %s\n", rc, err.msg);
	list[at] = old;
}

int main(void)
{
	struct err err = {0};
	struct td_hob hob;

	make();
	is_int(td_hob_parse(list, sizeof(list), GPA, &hob, &err), 0, "a good list");
	is_int((long long)hob.size_bytes, LIST_SIZE, "up to its end marker");
	ok(hob.has_payload && hob.payload == TD_HOB_BZIMAGE, "with a kernel");
	list[AT_PAYLOAD + 8] ^= 1;
	is_int(td_hob_parse(list, sizeof(list), GPA, &hob, &err), 0, "other data");
	ok(!hob.has_payload, "are no kernel");
	list[AT_PAYLOAD + 8] ^= 1;

	refuses(0, 4, "hand-off", "a list without hand-off block");
	refuses(2, 48, "type 1", "a short hand-off block");
	refuses(48, 0, "by its own account", "another end");
	refuses(AT_RESOURCE, 1, "type 1", "a resource as hand-off block");
	refuses(AT_RESOURCE + 2, 4, "not a block", "a block shorter than its header");
	refuses(AT_RESOURCE + 2, 40, "type 3", "a short resource");
	refuses(AT_RESOURCE + 3, 1, "not a block", "a block beyond the bytes");
	refuses(AT_RESOURCE + 4, 1, "not a block", "a block whose reserved bytes are not zero");
	refuses(AT_PAYLOAD + 2, 16, "type 4", "data without a GUID");
	refuses(AT_PAYLOAD + 24, 3, "unknown type", "a payload of an unknown type");
	refuses(AT_END + 2, 16, "type 65535", "a long end marker");
	ok(td_hob_parse(list, LIST_SIZE - 1, GPA, &hob, &err) == -EBADMSG, "a list cut short");
	ok(td_hob_parse(list, 0, GPA, &hob, &err) == -EBADMSG, "no list at all");
	ok(td_hob_parse(list, sizeof(list), GPA + 8, &hob, &err) == -EBADMSG,
		"a list for another address");
	return tap_done();
}
