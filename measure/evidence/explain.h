/*
 * Why evidence is not what a golden document expects: the nearest tuple, each of its registers beside the evidence's, and the
 * cause as far as it can be proved. An SNP digest is explained by computing those of other vCPU counts, CPU models, SEV_FEATURES
 * words, VMM profiles and of the files that were found on the host until one equals it; TDX registers likewise, and by the
 * guest's event log, event by event against the derivation. A cause that was not proved is not named.
 */
#ifndef MEASURE_EVIDENCE_EXPLAIN_H
#define MEASURE_EVIDENCE_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>

#include "formats/quote.h"
#include "formats/snp-report.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "measure/evidence/replay.h"
#include "measure/golden/golden-doc.h"

#define EXPLAIN_SCHEMA "assay-explanation/1"

/* Files as found on the host, in place of the build's own. NULL: not given. */
struct explain_observed {
	const char *firmware, *kernel, *initrd; /* paths */
	const char *cmdline;			/* the text */
	const char *acpi; /* where ACPI tables come from (golden-tdx.h), to try other TDX shapes */
};

struct explain_request {
	const struct golden_doc *doc;
	const char *
		dir; /* the build, or what `assay golden` made: its files and derivation/; NULL: none */
	const char *tuple; /* only this one; NULL: the nearest */
	bool is_snp;
	struct snp_report snp;
	struct quote tdx;
	const struct replay *log; /* of the TDX guest; NULL: none */
	struct explain_observed observed;
};

/*
 * Compares and explains into a document of schema assay-explanation/1 (docs/explain.md); *@ret_matches says whether a tuple
 * matches whole. -EINVAL when no tuple is of the evidence's kind or has the name.
 */
int explain(const struct explain_request *request, json_t **ret, bool *ret_matches,
	struct err *err) MUST_CHECK;

/* Appends the document as text. */
void explain_text(const json_t *doc, struct buf *ret);

/* --- for its parts --- */

/* One tuple while it is explained. */
struct explanation {
	const struct explain_request *request;
	const struct golden_entry *entry;
	const json_t *tuple; /* its JSON */
	json_t *findings;    /* borrowed: objects {"about", "text"} */
};

/* Adds a finding about a register. */
int explain_find(const struct explanation *explanation, const char *about, struct err *err,
	const char *fmt, ...) PRINTF_LIKE(4, 5) MUST_CHECK;

/*
 * The path of an input of the tuple inside the build ("firmware", "kernel", "initrd", "cmdline"): malloc'ed; NULL in @ret when the
 * tuple has none, or there is no build. -EKEYREJECTED when the file is not the one that the tuple names.
 */
int explain_input(const struct explanation *explanation, const char *name, char **ret,
	struct err *err) MUST_CHECK;

/* The tuple's command line; an empty one when it has none. -ENOENT without a build where the document does not hold the text. */
int explain_cmdline(
	const struct explanation *explanation, struct buf *ret, struct err *err) MUST_CHECK;

/* Names what differs between the tuple's command line and @line, word by word. */
int explain_words(
	const struct explanation *explanation, const char *line, struct err *err) MUST_CHECK;

/* Looks for the launch that gives the report's digest. */
int explain_snp(const struct explanation *explanation, struct err *err) MUST_CHECK;

/* Explains the registers that differ by the log and by other launches. */
int explain_tdx(const struct explanation *explanation, struct err *err) MUST_CHECK;

#endif
