/* GUID partition tables: what is accepted lies where partitions may be, does not overlap, and is
 * the same when written and read again. Checksums are made right, so that mutations get past them.
 * The input is the first table; the second is made from it. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gpt.h"
#include "lib/wr.h"

#define SECTORS (UINT64_C(1) << 20)
#define ENTRIES (GPT_TAIL_SIZE - GPT_SECTOR_SIZE)

static unsigned char head[GPT_HEAD_SIZE], tail[GPT_TAIL_SIZE];
static struct gpt gpt, again;

static uint32_t crc(const unsigned char *at, size_t n)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < n; i++) {
		c ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ ((c & 1) != 0 ? 0xedb88320u : 0);
	}
	return ~c;
}

static void sign(unsigned char *header, uint32_t entries_crc)
{
	struct wr sum = wr_init(header + 16, 4);
	struct wr entries = wr_init(header + 88, 4);

	wr_le32(&entries, entries_crc);
	sum.pos = 0;
	wr_le32(&sum, crc(header, 92));
}

/* The second table as the first one has it, in its own places. */
static void mirror(void)
{
	unsigned char *header = tail + ENTRIES;
	struct wr wr = wr_init(header, GPT_SECTOR_SIZE);

	memcpy(tail, head + 2 * GPT_SECTOR_SIZE, ENTRIES);
	wr_bytes(&wr, head + GPT_SECTOR_SIZE, GPT_SECTOR_SIZE);
	wr_seek(&wr, 24);
	wr_le64(&wr, SECTORS - 1);
	wr_le64(&wr, 1);
	wr_seek(&wr, 72);
	wr_le64(&wr, SECTORS - GPT_TAIL_SECTORS);
	sign(head + GPT_SECTOR_SIZE, crc(tail, ENTRIES));
	sign(header, crc(tail, ENTRIES));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};

	memset(head, 0, sizeof(head));
	memcpy(head, data, size < sizeof(head) ? size : sizeof(head));
	mirror();
	if (gpt_parse(head, tail, SECTORS, "input", &gpt, &err) != 0) {
		if (err.code >= 0 || err.msg[0] == '\0')
			abort();
		return 0;
	}
	for (size_t i = 0; i < gpt.count; i++) {
		const struct gpt_partition *a = &gpt.partitions[i];

		if (a->start_sector < GPT_HEAD_SECTORS || a->sector_count == 0 ||
			a->start_sector + a->sector_count > SECTORS - GPT_TAIL_SECTORS)
			abort();
		for (size_t k = 0; k < i; k++) {
			const struct gpt_partition *b = &gpt.partitions[k];

			if (a->start_sector < b->start_sector + b->sector_count &&
				b->start_sector < a->start_sector + a->sector_count)
				abort();
		}
	}
	gpt_format(&gpt, SECTORS, head, tail);
	if (gpt_parse(head, tail, SECTORS, "output", &again, &err) != 0 ||
		memcmp(&again, &gpt, sizeof(gpt)) != 0)
		abort();
	return 0;
}
