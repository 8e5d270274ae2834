/* Reading firmware for AMD launches (snp-image.h). */
#define _GNU_SOURCE
#include "measure/amd/snp-image.h"

#include <stdlib.h>
#include <string.h>

#include "formats/ovmf.h"
#include "lib/io.h"
#include "lib/pool.h"
#include "lib/sha512mb.h"
#include "measure/amd/kernel-hashes.h"
#include "measure/amd/snp.h"

#define CHUNK_PAGES 32 /* what one task reads and hashes at a time */

static int parse_metadata(const void *tail, size_t len, const struct ovmf_table *table,
	struct snp_facts *facts, struct err *err)
{
	const struct ovmf_entry *entry = ovmf_table_find(table, OVMF_GUID_SEV_METADATA);
	size_t at;
	int rc;

	if (entry == NULL)
		return 0;
	facts->has_metadata = true;
	rc = ovmf_entry_target(tail, len, entry, "SEV metadata", &at, err);
	return rc != 0 ? rc : sevmeta_parse(tail, len, at, &facts->meta, err);
}

static int parse_hash_table(const void *tail, size_t len, const struct ovmf_table *table,
	struct snp_facts *facts, struct err *err)
{
	const struct ovmf_entry *entry = ovmf_table_find(table, OVMF_GUID_SEV_HASHES);
	struct ovmf_entry size_field;
	int rc;

	if (entry == NULL)
		return 0;
	rc = ovmf_entry_u32(tail, len, entry, 8, "kernel hash table", &facts->hash_table_gpa, err);
	if (rc != 0)
		return rc;
	size_field = *entry;
	size_field.offset += 4;
	size_field.size_bytes -= 4;
	return ovmf_entry_u32(
		tail, len, &size_field, 4, "kernel hash table", &facts->hash_table_size, err);
}

static int parse_entries(const void *tail, size_t len, const struct ovmf_table *table,
	struct snp_facts *facts, struct err *err)
{
	const struct ovmf_entry *svsm = ovmf_table_find(table, OVMF_GUID_SVSM_INFO);
	struct err none = {0};
	int rc = 0;

	if (svsm != NULL) {
		facts->has_svsm_info = true;
		rc = ovmf_entry_u32(tail, len, svsm, 4, "SVSM info", &facts->svsm_entry, err);
	}
	if (rc != 0)
		return rc;
	/* Only SEV-ES and SNP need it; plain SEV launches firmware without one. */
	if (ovmf_reset_eip(tail, len, table, &facts->reset_eip, &none) != 0 &&
		ovmf_table_find(table, OVMF_GUID_SEV_RESET) != NULL)
		return ovmf_reset_eip(tail, len, table, &facts->reset_eip, err);
	return 0;
}

int snp_facts_parse(const void *tail, size_t len, struct snp_facts *ret, struct err *err)
{
	struct snp_facts facts = {0};
	struct ovmf_table table;
	int rc = ovmf_table_parse(tail, len, &table, err);

	if (rc == 0)
		rc = parse_metadata(tail, len, &table, &facts, err);
	if (rc == 0)
		rc = parse_hash_table(tail, len, &table, &facts, err);
	if (rc == 0)
		rc = parse_entries(tail, len, &table, &facts, err);
	if (rc != 0)
		return rc;
	*ret = facts;
	return 0;
}

int snp_facts_check(const struct snp_facts *facts, uint64_t rom_gpa, struct err *err)
{
	const struct sevmeta_section *page = sevmeta_find(&facts->meta, SEVMETA_KERNEL_HASHES);
	uint64_t end = (uint64_t)facts->hash_table_gpa + facts->hash_table_size;
	int rc = sevmeta_check(&facts->meta, rom_gpa, err);

	if (rc != 0 || facts->hash_table_gpa == 0)
		return rc;
	if (facts->hash_table_size < KERNEL_HASHES_SIZE)
		return err_fail(err, -EBADMSG,
			"firmware: %u bytes for a kernel hash table of %d at GPA 0x%x",
			facts->hash_table_size, KERNEL_HASHES_SIZE, facts->hash_table_gpa);
	if (page != NULL &&
		(facts->hash_table_gpa < page->gpa || end > (uint64_t)page->gpa + page->size_bytes))
		return err_fail(err, -EBADMSG,
			"firmware: kernel hash table at GPA 0x%x, size 0x%x, is not inside the "
			"KERNEL_HASHES section at 0x%x",
			facts->hash_table_gpa, facts->hash_table_size, page->gpa);
	return 0;
}

/* One read of the file: its SHA-256 is task 0, the pages' digests are the other tasks. */
struct reading {
	const char *path;
	int fd;
	struct snp_image *image;
};

static int hash_pages(const struct reading *reading, size_t first, struct err *err)
{
	struct snp_image *image = reading->image;
	unsigned char bytes[CHUNK_PAGES * SNP_PAGE_SIZE];
	size_t count = image->page_count - first;
	int rc;

	if (count > CHUNK_PAGES)
		count = CHUNK_PAGES;
	rc = io_pread(reading->fd, reading->path, bytes, count * SNP_PAGE_SIZE,
		first * SNP_PAGE_SIZE, err);
	return rc != 0 ? rc
		       : sha384mb(SHA384MB_BEST, bytes, SNP_PAGE_SIZE, count, image->pages + first,
				 err);
}

static int read_part(void *arg, size_t i, struct err *err)
{
	const struct reading *reading = arg;

	if (i == 0)
		return io_digest_file(
			reading->path, DIGEST_SHA256, reading->image->sha256, NULL, err);
	return hash_pages(reading, (i - 1) * CHUNK_PAGES, err);
}

static int read_facts(const struct reading *reading, struct err *err)
{
	uint64_t size = reading->image->size_bytes;
	size_t len = size < SNP_IMAGE_METADATA_MAX ? (size_t)size : SNP_IMAGE_METADATA_MAX;
	BUF_AUTO tail = {0};
	void *bytes = buf_grow(&tail, len);
	int rc = buf_check(&tail, err);

	if (rc == 0)
		rc = io_pread(reading->fd, reading->path, bytes, len, size - len, err);
	if (rc == 0)
		rc = snp_facts_parse(tail.data, len, &reading->image->facts, err);
	return rc;
}

static int read_image(const char *path, struct snp_image *image, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct reading reading = {.path = path, .image = image};
	size_t tasks;
	int rc = io_open(path, &fd, &image->size_bytes, err);

	if (rc != 0)
		return rc;
	if (image->size_bytes == 0 || image->size_bytes % SNP_PAGE_SIZE != 0)
		return err_fail(err, -EBADMSG, "%s: %llu bytes, not a whole number of 4 KiB pages",
			path, (unsigned long long)image->size_bytes);
	if (image->size_bytes > SNP_IMAGE_MAX)
		return err_fail(
			err, -EBADMSG, "%s: firmware of more than %u bytes", path, SNP_IMAGE_MAX);
	image->from_file = true;
	image->page_count = (size_t)(image->size_bytes / SNP_PAGE_SIZE);
	image->pages = calloc(image->page_count, sizeof(*image->pages));
	if (image->pages == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	reading.fd = fd;
	rc = read_facts(&reading, err);
	if (rc != 0)
		return err_wrap(err, "%s", path);
	tasks = 1 + (image->page_count + CHUNK_PAGES - 1) / CHUNK_PAGES;
	return pool_run(tasks > 2 ? 2 : 1, tasks, read_part, &reading, err);
}

int snp_image_read(const char *path, struct snp_image *ret, struct err *err)
{
	SNP_IMAGE_AUTO image = {.size_bytes = 0};
	int rc = read_image(path, &image, err);

	if (rc == 0)
		rc = snp_image_seed(&image, NULL, err);
	if (rc != 0)
		return rc;
	*ret = image;
	image.pages = NULL;
	return 0;
}

void snp_image_done(struct snp_image *image)
{
	free(image->pages);
	image->pages = NULL;
}
