/*
 * MRTD (mrtd.h).
 *
 *   record of TDH.MEM.PAGE.ADD, 128 bytes     record of TDH.MR.EXTEND, 384 bytes
 *   0   "MEM.PAGE.ADD", zeros                 0   "MR.EXTEND", zeros
 *   16  GPA of the page, u64                  16  GPA of the chunk, u64
 *   24  zeros                                 24  zeros
 *                                             128 the 256 bytes of the chunk
 */
#include "measure/tdx/mrtd.h"

#include <string.h>

#include "lib/rd.h"
#include "lib/wr.h"

#define HEADER_SIZE	128
#define CHUNK_SIZE	256u
#define CHUNKS_PER_PAGE (TDVF_PAGE / CHUNK_SIZE)
#define EXTEND_SIZE	(HEADER_SIZE + CHUNK_SIZE)

struct mrtd {
	struct digest *sha384;
	struct derive *derive;
	unsigned char add[HEADER_SIZE];
	unsigned char extend[CHUNKS_PER_PAGE * EXTEND_SIZE]; /* all records of one page */
};

/* One section's memory. */
struct region {
	const struct tdvf_section *section;
	const unsigned char *data;
	size_t len;
};

static void put_header(unsigned char *at, const char *name, uint64_t gpa)
{
	struct wr wr = wr_init(at, HEADER_SIZE);

	wr_bytes(&wr, name, strlen(name));
	wr_seek(&wr, 16);
	wr_le64(&wr, gpa);
}

/* Copies the page at @off of the region, zeros past its data. */
static void copy_page(const struct region *region, uint64_t off, unsigned char page[TDVF_PAGE])
{
	size_t n = 0;

	if (off < region->len)
		n = region->len - off < TDVF_PAGE ? region->len - off : TDVF_PAGE;
	if (n > 0)
		memcpy(page, region->data + off, n);
	memset(page + n, 0, TDVF_PAGE - n);
}

static int add_page(struct mrtd *mrtd, const struct region *region, uint64_t off, struct err *err)
{
	put_header(mrtd->add, "MEM.PAGE.ADD", region->section->gpa + off);
	return digest_update(mrtd->sha384, mrtd->add, HEADER_SIZE, err);
}

static int extend_page(
	struct mrtd *mrtd, const struct region *region, uint64_t off, struct err *err)
{
	unsigned char page[TDVF_PAGE];

	copy_page(region, off, page);
	for (size_t i = 0; i < CHUNKS_PER_PAGE; i++) {
		unsigned char *at = mrtd->extend + i * EXTEND_SIZE;

		put_header(at, "MR.EXTEND", region->section->gpa + off + i * CHUNK_SIZE);
		memcpy(at + HEADER_SIZE, page + i * CHUNK_SIZE, CHUNK_SIZE);
	}
	return digest_update(mrtd->sha384, mrtd->extend, sizeof(mrtd->extend), err);
}

/* Records what happened to a page; the digest of an extended one is that of its contents. */
static int record(struct mrtd *mrtd, const struct region *region, uint64_t off, const char *kind,
	bool extended, struct err *err)
{
	struct derive_step step = {
		.kind = kind, .gpa = region->section->gpa + off, .size_bytes = TDVF_PAGE};
	unsigned char page[TDVF_PAGE];
	int rc;

	if (mrtd->derive == NULL)
		return 0;
	if (extended) {
		copy_page(region, off, page);
		step.content_size = SHA384_SIZE;
		rc = digest_bytes(DIGEST_SHA384, page, sizeof(page), step.content, err);
		if (rc != 0)
			return rc;
	}
	derive_add(mrtd->derive, &step, "%s", tdvf_type_name(region->section->type));
	return 0;
}

static int measure_single(struct mrtd *mrtd, const struct region *region, struct err *err)
{
	bool extend = (region->section->attributes & TDVF_MR_EXTEND) != 0;
	const char *kind = extend ? "MEM.PAGE.ADD, MR.EXTEND" : "MEM.PAGE.ADD";

	for (uint64_t off = 0; off < region->section->mem_size; off += TDVF_PAGE) {
		int rc = add_page(mrtd, region, off, err);

		if (rc == 0 && extend)
			rc = extend_page(mrtd, region, off, err);
		if (rc == 0)
			rc = record(mrtd, region, off, kind, extend, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int measure_two(struct mrtd *mrtd, const struct region *region, struct err *err)
{
	bool extend = (region->section->attributes & TDVF_MR_EXTEND) != 0;
	uint64_t size = region->section->mem_size;
	int rc = 0;

	for (uint64_t off = 0; rc == 0 && off < size; off += TDVF_PAGE) {
		rc = add_page(mrtd, region, off, err);
		if (rc == 0)
			rc = record(mrtd, region, off, "MEM.PAGE.ADD", false, err);
	}
	for (uint64_t off = 0; rc == 0 && extend && off < size; off += TDVF_PAGE) {
		rc = extend_page(mrtd, region, off, err);
		if (rc == 0)
			rc = record(mrtd, region, off, "MR.EXTEND", true, err);
	}
	return rc;
}

/* The most pages that are worth hashing one by one: initial memory is some MiB, and a hostile size
 * must not run for hours. */
#define MEMORY_MAX (1ull << 30)

static bool is_added(const struct tdvf_section *section, const struct mrtd_build *build)
{
	return (section->attributes & TDVF_PAGE_AUG) == 0 || build->adds_aug;
}

static int check_size(const struct tdvf *tdvf, const struct mrtd_build *build, struct err *err)
{
	uint64_t total = 0;

	for (size_t i = 0; i < tdvf->count; i++) {
		const struct tdvf_section *section = &tdvf->sections[i];

		if (!is_added(section, build))
			continue;
		if (section->mem_size > MEMORY_MAX - total)
			return err_fail(
				err, -EBADMSG, "TDX metadata: more than 1 GiB of initial memory");
		total += section->mem_size;
	}
	return 0;
}

/* Section @i of @tdvf with what is in it. */
static int make_region(const struct rd *image, const struct tdvf *tdvf, size_t i,
	const struct mrtd_build *build, struct region *ret, struct err *err)
{
	const struct tdvf_section *section = &tdvf->sections[i];
	const struct mrtd_content *content = &build->content[section->type];
	struct rd data = rd_at(image, section->data_offset, section->raw_size);

	if (content->given && content->len > section->mem_size)
		return err_fail(err, -EINVAL,
			"TDX metadata section %zu (%s): %zu bytes do not fit its memory, 0x%llx", i,
			tdvf_type_name(section->type), content->len,
			(unsigned long long)section->mem_size);
	if (!content->given && data.bad)
		return err_fail(
			err, -EBADMSG, "TDX metadata section %zu: data beyond the image", i);
	*ret = (struct region){.section = section,
		.data = content->given ? content->data : data.base,
		.len = content->given ? content->len : data.len};
	return 0;
}

int mrtd_compute(const void *image, size_t len, const struct tdvf *tdvf,
	const struct mrtd_build *build, struct derive *derive, unsigned char ret[SHA384_SIZE],
	struct err *err)
{
	DIGEST_AUTO sha384 = {0};
	struct mrtd mrtd = {.sha384 = &sha384, .derive = derive};
	struct rd whole = rd_init(image, len);
	int rc = check_size(tdvf, build, err);

	if (rc == 0)
		rc = digest_init(&sha384, DIGEST_SHA384, err);
	for (size_t i = 0; rc == 0 && i < tdvf->count; i++) {
		struct region region;

		if (!is_added(&tdvf->sections[i], build))
			continue;
		rc = make_region(&whole, tdvf, i, build, &region, err);
		if (rc == 0)
			rc = build->order == MRTD_SINGLE ? measure_single(&mrtd, &region, err)
							 : measure_two(&mrtd, &region, err);
	}
	return rc != 0 ? rc : digest_end(&sha384, ret, err);
}
