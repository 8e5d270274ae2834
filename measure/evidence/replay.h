/*
 * Replays event logs: recomputes every register from the events, names each event, and says how far
 * its data are bound by its digest. The event type is never hashed, the data often are not: nothing
 * may be concluded from an unbound field.
 */
#ifndef MEASURE_EVIDENCE_REPLAY_H
#define MEASURE_EVIDENCE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/quote.h"
#include "lib/digest.h"
#include "lib/err.h"

#define REPLAY_REGISTERS  24 /* PCRs; a CCEL has 5 */
#define REPLAY_EVENTS_MAX 65536

enum replay_kind {
	REPLAY_AUTO, /* a binary log with SHA-384 alone is a CCEL, any other one a TPM's */
	REPLAY_CCEL,
	REPLAY_TPM,
};

/* How much of an event's data its digest covers. */
enum replay_bound {
	REPLAY_UNBOUND, /* nothing that is in the log */
	REPLAY_PART,	/* a part: the text after a prefix, a variable's data without its name */
	REPLAY_BOUND,	/* all of it */
	REPLAY_LOGGED,	/* EV_NO_ACTION: logged, not extended */
};

struct replay_event {
	size_t offset; /* in the log; the event's number in a JSON log */
	unsigned reg;
	uint32_t type;
	const char *type_name; /* static */
	enum replay_bound bound;
	unsigned char digest[DIGEST_MAX];
	char *what; /* owned, printable */
};

struct replay {
	bool tpm;
	enum digest_alg alg; /* the bank that was replayed */
	bool used[REPLAY_REGISTERS];
	unsigned char value[REPLAY_REGISTERS][DIGEST_MAX];
	struct replay_event *events; /* owned */
	size_t count, cap;
	bool has_evidence; /* the JSON log came with a quote */
	struct quote evidence;
};

/* Accepts a zeroed replay. */
void replay_done(struct replay *replay);
#define REPLAY_AUTO_FREE __attribute__((cleanup(replay_done))) struct replay

/*
 * Replays the @len bytes of @log: a binary log (CCEL or TPM), or JSON as dstack writes it (a list
 * of events, or an object with event_log and quote). @bank is the digest algorithm to replay,
 * "sha256"; NULL takes SHA-384 of a CCEL and SHA-256 of a TPM's log, or what there is. @what names
 * the log in errors. -EBADMSG for a malformed log, -EINVAL for a bank it has not.
 */
int replay_log(const void *log, size_t len, enum replay_kind kind, const char *bank,
	const char *what, struct replay *ret, struct err *err) MUST_CHECK;

/* "rtmr0" or "pcr7". Static. */
const char *replay_register_name(const struct replay *replay, unsigned reg);

/* "bound", "part", "unbound", "logged". */
const char *replay_bound_name(enum replay_bound bound);

#endif
