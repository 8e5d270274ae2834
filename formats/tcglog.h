/*
 * Event logs of measured boot: the crypto-agile form of the TCG PC Client Platform Firmware Profile
 * 1.06, section 10, which TPM logs and the CC event log (CCEL) of confidential guests share.
 */
#ifndef FORMATS_TCGLOG_H
#define FORMATS_TCGLOG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/rd.h"

#define TCGLOG_BANKS_MAX 8
#define TCGLOG_DATA_MAX	 (8u << 20) /* bytes of one event's data */

/* Event types. */
#define TCGLOG_EV_POST_CODE	     0x00000001u
#define TCGLOG_EV_NO_ACTION	     0x00000003u
#define TCGLOG_EV_SEPARATOR	     0x00000004u
#define TCGLOG_EV_EVENT_TAG	     0x00000006u
#define TCGLOG_EV_PLATFORM_CONFIG    0x0000000au
#define TCGLOG_EV_IPL		     0x0000000du
#define TCGLOG_EV_VARIABLE_CONFIG    0x80000001u
#define TCGLOG_EV_VARIABLE_BOOT	     0x80000002u
#define TCGLOG_EV_BOOT_APPLICATION   0x80000003u
#define TCGLOG_EV_BOOT_DRIVER	     0x80000004u
#define TCGLOG_EV_RUNTIME_DRIVER     0x80000005u
#define TCGLOG_EV_GPT		     0x80000006u
#define TCGLOG_EV_ACTION	     0x80000007u
#define TCGLOG_EV_FIRMWARE_BLOB	     0x80000008u
#define TCGLOG_EV_FIRMWARE_BLOB2     0x8000000au
#define TCGLOG_EV_HANDOFF_TABLES2    0x8000000bu
#define TCGLOG_EV_VARIABLE_BOOT2     0x8000000cu
#define TCGLOG_EV_VARIABLE_AUTHORITY 0x800000e0u

struct tcglog_bank {
	uint16_t id; /* TPM_ALG_ID */
	uint16_t size_bytes;
};

struct tcglog {
	struct rd rd;
	struct tcglog_bank banks[TCGLOG_BANKS_MAX]; /* that the header announces */
	size_t bank_count;
};

struct tcglog_event {
	size_t offset;	/* of the event in the log */
	uint32_t index; /* PCR, or measurement register of a CCEL (0 MRTD, 1 RTMR0, ...) */
	uint32_t type;
	const unsigned char *digests[TCGLOG_BANKS_MAX]; /* of each bank; NULL: none; borrowed */
	const unsigned char *data;			/* borrowed */
	uint32_t size_bytes;				/* of the data */
};

/* "EV_SEPARATOR"; NULL for a type that is not known. */
const char *tcglog_type_name(uint32_t type);

/* Reads the header of a log; -EBADMSG when it is none. The @len bytes at @log must outlive @ret. */
int tcglog_open(const void *log, size_t len, struct tcglog *ret, struct err *err) MUST_CHECK;

/* The number of the bank of this algorithm, or -1. */
int tcglog_bank(const struct tcglog *log, enum digest_alg alg);

/* Reads the next event: 1, or 0 at the end (where only zero or 0xff fill may follow), or
 * -EBADMSG. */
int tcglog_next(struct tcglog *log, struct tcglog_event *ret, struct err *err) MUST_CHECK;

#endif
