/*
 * What a boot measures, event by event, in the terms of a TPM: the PCR, and a SHA-384 digest. On
 * TDX the CC measurement protocol maps PCRs to RTMRs (UEFI Specification 2.10, section 38.4.1); a
 * TPM log has the same digests in the same order.
 */
#ifndef MEASURE_TDX_BOOT_LOG_H
#define MEASURE_TDX_BOOT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "measure/tdx/rtmr.h"

#define BOOT_LOG_MAX 65536 /* events */

/* The protocol that programs find when they want to measure. */
enum boot_protocol {
	BOOT_CC,  /* EFI_CC_MEASUREMENT_PROTOCOL: a TD without a TPM */
	BOOT_TPM, /* EFI_TCG2_PROTOCOL */
};

struct boot_event {
	unsigned pcr;
	const char *kind; /* static */
	char *what;	  /* owned */
	uint64_t size_bytes;
	const char *unknown; /* static: why the digest is not known; NULL: it is */
	unsigned char digest[SHA384_SIZE];
};

struct boot_log {
	enum boot_protocol protocol;
	struct boot_event *events; /* owned */
	size_t count, cap;
};

/* Accepts a log that is zeroed but for its protocol. */
void boot_log_done(struct boot_log *log);
#define BOOT_LOG_AUTO __attribute__((cleanup(boot_log_done))) struct boot_log

/* Adds an event with the digest of @size_bytes of data; @kind is static, @what is copied. */
int boot_log_digest(struct boot_log *log, unsigned pcr, const char *kind, const char *what,
	const unsigned char digest[SHA384_SIZE], uint64_t size_bytes, struct err *err) MUST_CHECK;

/* Adds an event with the digest of @n bytes of data. */
int boot_log_data(struct boot_log *log, unsigned pcr, const char *kind, const char *what,
	const void *data, size_t n, struct err *err) MUST_CHECK;

/* Adds an event whose digest cannot be known, for the reason @why (static): its register cannot be
 * predicted. */
int boot_log_unknown(struct boot_log *log, unsigned pcr, const char *kind, const char *what,
	const char *why, struct err *err) MUST_CHECK;

/* Adds EV_EFI_ACTION. */
int boot_log_action(
	struct boot_log *log, unsigned pcr, const char *text, struct err *err) MUST_CHECK;

/* Adds the Authenticode digest of an image that firmware loads. */
int boot_log_image(struct boot_log *log, const char *what, const void *image, size_t len,
	struct err *err) MUST_CHECK;

/* Whether a program holds the GUID of the protocol: it could not measure otherwise. Compilers
 * put it into immediates of 8 bytes, or in one piece. */
bool boot_log_measures(const struct boot_log *log, const void *program, size_t len);

/* Extends @rtmr by the events that belong to RTMR @index (1 or 2); -ENOTSUP when one is unknown. */
int boot_log_extend(
	const struct boot_log *log, unsigned index, struct rtmr *rtmr, struct err *err) MUST_CHECK;

#endif
