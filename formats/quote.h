/*
 * Evidence of Intel TDX guests: quotes of version 4 and 5, and TD reports. Only what they state is
 * read; signatures are a verifier's business. Intel TDX DCAP Quoting Library API, appendix 3; Intel
 * TDX Module ABI, TDREPORT_STRUCT.
 */
#ifndef FORMATS_QUOTE_H
#define FORMATS_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define QUOTE_MR_SIZE  48
#define QUOTE_RTMRS    4
#define QUOTE_SVN_SIZE 16

struct quote {
	const char *kind; /* static: "TDX quote, version 4", "TD report", ... */
	uint64_t attributes, xfam;
	unsigned char mrtd[QUOTE_MR_SIZE];
	unsigned char mrconfigid[QUOTE_MR_SIZE];
	unsigned char mrowner[QUOTE_MR_SIZE];
	unsigned char mrownerconfig[QUOTE_MR_SIZE];
	unsigned char rtmr[QUOTE_RTMRS][QUOTE_MR_SIZE];
	/* The TDX module; a TD report has it when it was made by one (not under emulation). */
	bool has_mrseam;
	unsigned char mrseam[QUOTE_MR_SIZE];
	unsigned char mrsignerseam[QUOTE_MR_SIZE];
	uint64_t seam_attributes;
	unsigned char tee_tcb_svn[QUOTE_SVN_SIZE];
	bool has_mrservicetd; /* quotes of TDX 1.5 */
	unsigned char tee_tcb_svn_2[QUOTE_SVN_SIZE];
	unsigned char mrservicetd[QUOTE_MR_SIZE];
	bool has_report_data;
	unsigned char report_data[64];
	/* A TD report: whether the digests in its front are those of what follows. */
	bool is_report, consistent;
	size_t signed_bytes; /* of a quote: where its signature begins */
};

/* Parses a quote or a TD report (1024 bytes); -EBADMSG for other bytes, -ENOTSUP for other
 * versions or TEEs. */
int quote_parse(const void *bytes, size_t len, struct quote *ret, struct err *err) MUST_CHECK;

#endif
