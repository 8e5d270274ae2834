/* dstack's measurement documents and digests (dstack.h). */
#include "measure/golden/dstack.h"

#include <stdlib.h>
#include <string.h>

#include "formats/cbor.h"

#define VERSION	    3
#define GCP_VERSION 1

static void put_bytes(struct buf *to, const char *key, const void *bytes, size_t size)
{
	cbor_text(to, key);
	cbor_bytes(to, bytes, size);
}

static void put_uint(struct buf *to, const char *key, uint64_t value)
{
	cbor_text(to, key);
	cbor_uint(to, value);
}

static void put_map(struct buf *to, const char *key, uint64_t pairs)
{
	cbor_text(to, key);
	cbor_map(to, pairs);
}

void dstack_tdx_write(const struct dstack_tdx *tdx, struct buf *ret)
{
	cbor_map(ret, 3);
	put_uint(ret, "version", VERSION);
	put_map(ret, "image", 3);
	put_bytes(ret, "cmdline_sha384", tdx->cmdline, SHA384_SIZE);
	put_bytes(ret, "kernel_authenticode", tdx->kernel, SHA384_SIZE);
	put_bytes(ret, "initrd_sha384", tdx->initrd, SHA384_SIZE);
	put_map(ret, "tdvf", 3);
	cbor_text(ret, "ovmf");
	cbor_text(ret, "pre202505");
	put_map(ret, "mrtd", 2);
	put_bytes(ret, "single_pass", tdx->mrtd_single, SHA384_SIZE);
	put_bytes(ret, "two_pass", tdx->mrtd_two, SHA384_SIZE);
	put_bytes(ret, "td_hob", tdx->td_hob.data, tdx->td_hob.len);
}

static void put_leb128(struct buf *to, uint64_t value)
{
	while (value > 0x7f) {
		buf_add(to, &(unsigned char){(unsigned char)(0x80 | (value & 0x7f))}, 1);
		value >>= 7;
	}
	buf_add(to, &(unsigned char){(unsigned char)value}, 1);
}

static int by_gpa(const void *a, const void *b)
{
	const struct tdvf_section *one = a, *two = b;

	return (one->gpa > two->gpa) - (one->gpa < two->gpa);
}

int dstack_td_hob(const struct tdvf *tdvf, struct buf *ret, struct err *err)
{
	const struct tdvf_section *hob = tdvf_find(tdvf, TDVF_TD_HOB);
	struct tdvf_section sections[TDVF_SECTIONS_MAX];
	size_t count = 0;
	uint64_t base;

	if (hob == NULL)
		return err_fail(err, -EBADMSG, "the firmware has not one TD_HOB section");
	for (size_t i = 0; i < tdvf->count; i++) {
		const struct tdvf_section *section = &tdvf->sections[i];

		if (section->type != TDVF_TD_HOB && section->type != TDVF_TEMP_MEM)
			continue;
		if (section->mem_size < TDVF_PAGE)
			return err_fail(
				err, -EBADMSG, "section %zu: empty, which dstack does not take", i);
		sections[count++] = *section;
	}
	qsort(sections, count, sizeof(*sections), by_gpa);
	base = sections[0].gpa / TDVF_PAGE;
	put_leb128(ret, base);
	put_leb128(ret, hob->gpa / TDVF_PAGE - base);
	put_leb128(ret, count);
	for (size_t i = 0; i < count; i++) {
		put_leb128(ret, sections[i].gpa / TDVF_PAGE - base);
		put_leb128(ret, sections[i].mem_size / TDVF_PAGE);
	}
	return buf_check(ret, err);
}

void dstack_snp_write(const struct dstack_snp *snp, struct buf *ret)
{
	cbor_map(ret, 8);
	put_uint(ret, "version", VERSION);
	cbor_text(ret, "cmdline");
	cbor_text(ret, snp->cmdline);
	put_bytes(ret, "ovmf_hash", snp->ovmf, SHA384_SIZE);
	put_bytes(ret, "kernel_hash", snp->kernel, SHA256_SIZE);
	put_bytes(ret, "initrd_hash", snp->initrd, SHA256_SIZE);
	put_uint(ret, "hashes_table_gpa", snp->hash_table_gpa);
	put_uint(ret, "reset_eip", snp->reset_eip);
	cbor_text(ret, "ovmf_sections");
	cbor_array(ret, snp->sections->count);
	for (size_t i = 0; i < snp->sections->count; i++) {
		cbor_map(ret, 3);
		put_uint(ret, "gpa", snp->sections->sections[i].gpa);
		put_uint(ret, "size", snp->sections->sections[i].size_bytes);
		put_uint(ret, "type", snp->sections->sections[i].type);
	}
}

void dstack_gcp_write(const unsigned char uki[SHA256_SIZE], struct buf *ret)
{
	cbor_map(ret, 2);
	put_uint(ret, "version", GCP_VERSION);
	put_bytes(ret, "uki_auth", uki, SHA256_SIZE);
}

/* Pieces that are hashed one after the other. */
struct pieces {
	unsigned char bytes[8 * SHA384_SIZE];
	size_t len;
};

static void add(struct pieces *pieces, const void *bytes, size_t size)
{
	memcpy(pieces->bytes + pieces->len, bytes, size);
	pieces->len += size;
}

static bool finish(const struct pieces *pieces, unsigned char ret[SHA256_SIZE])
{
	struct err err = {0};

	return digest_bytes(DIGEST_SHA256, pieces->bytes, pieces->len, ret, &err) == 0;
}

/* MRTD and the first @count RTMRs; false when one is not pinned. */
static bool add_registers(struct pieces *pieces, const struct golden_entry *entry, int count)
{
	add(pieces, entry->mrtd, SHA384_SIZE);
	for (int i = 0; i < count; i++) {
		if (!entry->rtmr[i].has)
			return false;
		add(pieces, entry->rtmr[i].bytes, SHA384_SIZE);
	}
	return true;
}

bool dstack_mr_aggregated(const struct golden_entry *entry, unsigned char ret[SHA256_SIZE])
{
	static const unsigned char zeros[SHA384_SIZE];
	struct pieces pieces = {.len = 0};

	if (entry->tee == GOLDEN_SNP) {
		if (!entry->anchor.has)
			return false;
		add(&pieces, entry->launch_digest, SHA384_SIZE);
		add(&pieces, entry->anchor.bytes, SHA256_SIZE);
		return finish(&pieces, ret);
	}
	if (!add_registers(&pieces, entry, GOLDEN_RTMRS))
		return false;
	if (entry->anchor.has && memcmp(entry->anchor.bytes, zeros, SHA384_SIZE) != 0) {
		add(&pieces, entry->anchor.bytes, SHA384_SIZE);
		add(&pieces, zeros, SHA384_SIZE);
		add(&pieces, zeros, SHA384_SIZE);
	}
	return finish(&pieces, ret);
}

bool dstack_mr_system(const struct golden_entry *entry,
	const unsigned char key_provider[SHA256_SIZE], unsigned char ret[SHA256_SIZE])
{
	struct pieces pieces = {.len = 0};

	if (entry->tee == GOLDEN_SNP) {
		add(&pieces, entry->launch_digest, SHA384_SIZE);
		return finish(&pieces, ret);
	}
	if (key_provider == NULL || !add_registers(&pieces, entry, GOLDEN_RTMRS - 1))
		return false;
	add(&pieces, key_provider, SHA256_SIZE);
	return finish(&pieces, ret);
}
