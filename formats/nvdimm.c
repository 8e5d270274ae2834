/*
 * The NVDIMM information block (nvdimm.h). Little-endian.
 *
 *   offset size
 *      0    16  "NVDIMM_PFN_INFO", NUL
 *     16    32  two UUIDs
 *     48     4  flags
 *     52     2  version, major      54  2  minor
 *     56     8  data offset
 *     64     8  page frames
 *     72     4  mode: 1 keeps the page structures in RAM
 *     76     4  padding at the start     80  4  at the end
 *     84     4  alignment
 *   4088     8  fletcher64 of the block, this field taken as zero
 */
#include "formats/nvdimm.h"

#include <inttypes.h>
#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define OFF_MAJOR     52
#define OFF_CHECKSUM  4088
#define VERSION_MINOR 2
#define MODE_RAM      1
#define OFFSET_ALIGN  4096

_Static_assert(OFF_CHECKSUM + 8 == NVDIMM_PFN_SIZE, "the checksum ends the block");

static const char signature[16] = "NVDIMM_PFN_INFO";

static uint64_t checksum(const unsigned char *block)
{
	struct rd rd = rd_init(block, OFF_CHECKSUM);
	uint32_t low = 0;
	uint64_t high = 0;

	while (rd_left(&rd) > 0) {
		low += rd_le32(&rd);
		high += low;
	}
	/* The field itself: two words of zero. */
	high += low;
	high += low;
	return high << 32 | low;
}

void nvdimm_pfn_format(const struct nvdimm_pfn *pfn, unsigned char ret[NVDIMM_PFN_SIZE])
{
	struct wr wr = wr_init(ret, NVDIMM_PFN_SIZE);

	wr_bytes(&wr, signature, sizeof(signature));
	wr_seek(&wr, OFF_MAJOR);
	wr_le16(&wr, 0);
	wr_le16(&wr, VERSION_MINOR);
	wr_le64(&wr, pfn->data_offset);
	wr_le64(&wr, 0);
	wr_le32(&wr, MODE_RAM);
	wr_le32(&wr, 0);
	wr_le32(&wr, 0);
	wr_le32(&wr, pfn->align);
	wr_seek(&wr, OFF_CHECKSUM);
	wr_le64(&wr, checksum(ret));
}

bool nvdimm_pfn_is(const void *bytes, size_t len)
{
	return len >= sizeof(signature) && memcmp(bytes, signature, sizeof(signature)) == 0;
}

int nvdimm_pfn_parse(const void *bytes, size_t len, uint64_t device_bytes, const char *what,
	struct nvdimm_pfn *ret, struct err *err)
{
	struct rd rd = rd_init(bytes, len);
	struct rd end = rd_at(&rd, OFF_CHECKSUM, 8);
	struct nvdimm_pfn pfn = {0};
	uint16_t major, minor;
	uint32_t mode, start_pad, end_trunc;

	if (end.bad || !nvdimm_pfn_is(bytes, len))
		return err_fail(err, -EBADMSG, "%s: byte %u: no NVDIMM information block", what,
			NVDIMM_PFN_OFFSET);
	if (rd_le64(&end) != checksum(bytes))
		return err_fail(err, -EBADMSG,
			"%s: byte %u: the checksum of the NVDIMM information block is wrong", what,
			NVDIMM_PFN_OFFSET);
	rd_seek(&rd, OFF_MAJOR);
	major = rd_le16(&rd);
	minor = rd_le16(&rd);
	pfn.data_offset = rd_le64(&rd);
	rd_skip(&rd, 8);
	mode = rd_le32(&rd);
	start_pad = rd_le32(&rd);
	end_trunc = rd_le32(&rd);
	pfn.align = rd_le32(&rd);
	if (major > 1 || mode != MODE_RAM || start_pad != 0 || end_trunc != 0)
		return err_fail(err, -ENOTSUP,
			"%s: NVDIMM information block of version %u.%u, mode %" PRIu32
			", padding %" PRIu32 " and %" PRIu32 ", which is not supported",
			what, major, minor, mode, start_pad, end_trunc);
	if (pfn.data_offset % OFFSET_ALIGN != 0 || pfn.data_offset >= device_bytes ||
		pfn.data_offset < NVDIMM_PFN_OFFSET + NVDIMM_PFN_SIZE)
		return err_fail(err, -EBADMSG,
			"%s: the NVDIMM information block puts the disk at byte %" PRIu64, what,
			pfn.data_offset);
	*ret = pfn;
	return 0;
}
