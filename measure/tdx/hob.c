/*
 * The TD HOB list (hob.h).
 *
 *   hand-off, 56 bytes                        resource, 48 bytes
 *   0  | 2 | type 1                           0  | 2  | type 3
 *   2  | 2 | 56                               2  | 2  | 48
 *   4  | 4 | 0                                4  | 4  | 0
 *   8  | 4 | version 9                        8  | 16 | owner, zeros
 *   12 | 4 | boot mode 0                      24 | 4  | 0 accepted, 7 unaccepted
 *   16 | 32| memory fields, zeros             28 | 4  | attributes 7: present, initialized, tested
 *   48 | 8 | where the end marker ends        32 | 8  | start
 *                                             40 | 8  | length
 */
#include "measure/tdx/hob.h"

#include <inttypes.h>

#include "lib/wr.h"

#define TYPE_HANDOFF	    1
#define TYPE_RESOURCE	    3
#define HANDOFF_SIZE	    56
#define RESOURCE_SIZE	    48
#define END_SIZE	    8
#define VERSION		    9
#define RESOURCE_ACCEPTED   0
#define RESOURCE_UNACCEPTED 7
#define ATTRIBUTES	    7
#define FOUR_GIB	    0x100000000ull
/* Each accepted section splits a range in at most three. */
#define RANGES_MAX	    (2 + 2 * TDVF_SECTIONS_MAX)

struct range {
	uint64_t start, length;
	uint32_t type;
};

struct memory {
	struct range ranges[RANGES_MAX]; /* sorted, not overlapping */
	size_t count;
};

static void insert(struct memory *memory, size_t at, struct range range)
{
	if (range.length == 0)
		return;
	for (size_t i = memory->count; i > at; i--)
		memory->ranges[i] = memory->ranges[i - 1];
	memory->ranges[at] = range;
	memory->count++;
}

/* Cuts [start, start+length) out of the unaccepted range that holds it. */
static int accept(struct memory *memory, const struct tdvf_section *section, struct err *err)
{
	for (size_t i = 0; i < memory->count; i++) {
		struct range whole = memory->ranges[i];
		uint64_t before = section->gpa - whole.start;
		uint64_t after;

		if (whole.type != RESOURCE_UNACCEPTED || section->gpa < whole.start ||
			before > whole.length || section->mem_size > whole.length - before)
			continue;
		after = whole.length - before - section->mem_size;
		memory->ranges[i] = (struct range){
			section->gpa, section->mem_size, RESOURCE_ACCEPTED};
		insert(memory, i + 1,
			(struct range){
				section->gpa + section->mem_size, after, RESOURCE_UNACCEPTED});
		insert(memory, i, (struct range){whole.start, before, RESOURCE_UNACCEPTED});
		return 0;
	}
	return err_fail(err, -EINVAL,
		"the firmware's %s at 0x%" PRIx64 " lies outside the guest's memory",
		tdvf_type_name(section->type), section->gpa);
}

static void put_handoff(struct wr *wr, uint64_t end)
{
	wr_le16(wr, TYPE_HANDOFF);
	wr_le16(wr, HANDOFF_SIZE);
	wr_le32(wr, 0);
	wr_le32(wr, VERSION);
	wr_fill(wr, 0, 36);
	wr_le64(wr, end);
}

static void put_resource(struct wr *wr, const struct range *range)
{
	wr_le16(wr, TYPE_RESOURCE);
	wr_le16(wr, RESOURCE_SIZE);
	wr_fill(wr, 0, 20);
	wr_le32(wr, range->type);
	wr_le32(wr, ATTRIBUTES);
	wr_le64(wr, range->start);
	wr_le64(wr, range->length);
}

int hob_build(const struct tdvf *tdvf, uint64_t memory_bytes, uint64_t low_bytes, struct buf *ret,
	struct err *err)
{
	const struct tdvf_section *hob = tdvf_find(tdvf, TDVF_TD_HOB);
	struct memory memory = {.count = 0};
	size_t size;
	void *at;
	struct wr wr;

	if (hob == NULL)
		return err_fail(
			err, -ENOTSUP, "the firmware's metadata do not name one TD_HOB section");
	if (memory_bytes == 0 || memory_bytes % TDVF_PAGE != 0 || low_bytes > memory_bytes ||
		memory_bytes - low_bytes > UINT64_MAX - FOUR_GIB)
		return err_fail(err, -EINVAL, "%" PRIu64 " bytes are no memory size", memory_bytes);
	insert(&memory, 0, (struct range){0, low_bytes, RESOURCE_UNACCEPTED});
	insert(&memory, memory.count,
		(struct range){FOUR_GIB, memory_bytes - low_bytes, RESOURCE_UNACCEPTED});
	for (size_t i = 0; i < tdvf->count; i++) {
		uint32_t type = tdvf->sections[i].type;
		int rc = type == TDVF_TD_HOB || type == TDVF_TEMP_MEM
				 ? accept(&memory, &tdvf->sections[i], err)
				 : 0;

		if (rc != 0)
			return rc;
	}
	size = HANDOFF_SIZE + memory.count * RESOURCE_SIZE;
	if (size + END_SIZE > hob->mem_size)
		return err_fail(err, -EINVAL,
			"the firmware's TD_HOB section does not hold %zu ranges", memory.count);
	at = buf_grow(ret, size);
	if (at == NULL)
		return buf_check(ret, err);
	wr = wr_init(at, size);
	put_handoff(&wr, hob->gpa + size + END_SIZE);
	for (size_t i = 0; i < memory.count; i++)
		put_resource(&wr, &memory.ranges[i]);
	return wr.bad ? err_fail(err, -EINVAL, "TD HOB: size mismatch") : 0;
}
