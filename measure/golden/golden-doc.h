/*
 * A golden document (schema assay-golden/1, docs/golden.md) read strictly into values: what every exporter starts from.
 * Duplicate keys, unknown fields, wrong lengths and uppercase are refused with their JSON path.
 */
#ifndef MEASURE_GOLDEN_GOLDEN_DOC_H
#define MEASURE_GOLDEN_GOLDEN_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"

enum golden_tee {
	GOLDEN_SNP,
	GOLDEN_TDX,
	GOLDEN_TEES,
};

/* "sev-snp", "tdx" */
const char *golden_tee_name(enum golden_tee tee);

#define GOLDEN_RTMRS 4

struct golden_value {
	bool has;
	unsigned char bytes[SHA384_SIZE];
};

/* One guest that may be seen. Strings are borrowed from the document. */
struct golden_entry {
	const char *name;
	const char *role; /* NULL: none */
	const char *vmm;
	enum golden_tee tee;
	bool acpi_verified;
	/* HOST_DATA, 32 bytes, or MRCONFIGID, 48 */
	struct golden_value anchor;
	/* SNP */
	unsigned char launch_digest[SHA384_SIZE];
	const char *cpu;
	uint64_t vcpus; /* 0: not in the shape */
	uint64_t guest_policy;
	uint64_t vmpl;
	/* TDX */
	unsigned char mrtd[SHA384_SIZE];
	struct golden_value rtmr[GOLDEN_RTMRS];
	struct golden_value kernel, load_options; /* digests of the events in RTMR1 and RTMR2 */
	bool debug, migratable, sept_ve_disable;
};

struct golden_flag {
	bool has, value;
};

/* Facts of the platform that an operator gave; nothing of it can be computed from an image. */
struct golden_platform {
	const char *product; /* "Milan", "Genoa", "Turin"; NULL: not given */
	bool has_tcb;
	uint8_t bootloader, tee, snp, microcode; /* the least TCB that is accepted */
	struct golden_flag smt, tsme;		 /* of PLATFORM_INFO */
	bool has_xfam;
	unsigned char xfam[8]; /* as in the quote: little-endian */
	struct golden_value mrseam;
};

struct golden_doc {
	json_t *json; /* owned */
	const char *name, *architecture;
	const char *not_before, *not_after; /* RFC 3339; NULL: no bound */
	uint64_t timestamp;
	bool agent_stand_in;
	unsigned char manifest_sha256[SHA256_SIZE];
	struct golden_platform platform;
	struct golden_entry *entries; /* owned */
	size_t count;
};

/* A zeroed one may be passed to golden_doc_done. */
void golden_doc_done(struct golden_doc *doc);
#define GOLDEN_DOC_AUTO __attribute__((cleanup(golden_doc_done))) struct golden_doc

/* Reads @len bytes; @what names them in errors. -EBADMSG; -EKEYREJECTED when two roles cannot be told apart. */
int golden_doc_read(const void *text, size_t len, const char *what, struct golden_doc *ret,
	struct err *err) MUST_CHECK;

/* The same from JSON that is there already. */
int golden_doc_from_json(const json_t *json, struct golden_doc *ret, struct err *err) MUST_CHECK;

/* Whether some guest would be let through by both tuples: what one leaves unchecked, the other may pin. */
bool golden_entries_overlap(const struct golden_entry *a, const struct golden_entry *b);

#endif
