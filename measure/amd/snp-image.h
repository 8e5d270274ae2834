/*
 * Firmware (or an SVSM) as an AMD launch sees it: the content digest of every page, and what the image says about itself.
 *
 * The file is read in a stream: memory does not grow with it, but for 48 bytes a page.
 */
#ifndef MEASURE_AMD_SNP_IMAGE_H
#define MEASURE_AMD_SNP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/sevmeta.h"
#include "lib/digest.h"
#include "lib/err.h"

#define SNP_PAGE_SIZE	       4096
#define SNP_IMAGE_MAX	       (64u << 20) /* bytes of firmware */
#define SNP_IMAGE_METADATA_MAX (1u << 20)  /* how far from its end an image's metadata may lie */
#define SNP_FOUR_GIB	       0x100000000

/* What an image says in its GUID table. Absent entries are 0. */
struct snp_facts {
	bool has_metadata;
	struct sevmeta meta;
	uint32_t reset_eip;	  /* of application processors */
	bool has_svsm_info;	  /* the image is an SVSM */
	uint32_t svsm_entry;	  /* its entry point, from its start */
	uint32_t hash_table_gpa;  /* 0: the firmware takes no kernel hashes */
	uint32_t hash_table_size; /* bytes reserved there */
};

/* Parses the facts from the last @len bytes of an image. A table that contradicts itself is -EBADMSG; what is absent
 * is for the caller to miss. */
int snp_facts_parse(
	const void *tail, size_t len, struct snp_facts *ret, struct err *err) MUST_CHECK;

/* The E rules that hold whatever is measured: sevmeta_check() against @rom_gpa, and the hash table inside its page. */
int snp_facts_check(const struct snp_facts *facts, uint64_t rom_gpa, struct err *err) MUST_CHECK;

struct snp_image {
	struct snp_facts facts;
	bool from_file; /* false: from a metadata file, which has @seed in place of pages */
	uint64_t size_bytes;
	unsigned char sha256[SHA256_SIZE];   /* of the file */
	unsigned char (*pages)[SHA384_SIZE]; /* owned: content digest of each page */
	size_t page_count;
	unsigned char
		seed[SHA384_SIZE]; /* the running digest after the pages, loaded to end at 4 GiB */
};

/* Reads an image file: facts, the digests of its pages (on two threads where it pays) and of the file. -EBADMSG when
 * its size is not a multiple of a page. */
int snp_image_read(const char *path, struct snp_image *ret, struct err *err) MUST_CHECK;
void snp_image_done(struct snp_image *image);
#define SNP_IMAGE_AUTO __attribute__((cleanup(snp_image_done))) struct snp_image

#endif
