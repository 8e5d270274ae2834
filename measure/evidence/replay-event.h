/* What one event of a log says, and how much of that its digest covers: the reader's half of
 * replay.h. */
#ifndef MEASURE_EVIDENCE_REPLAY_EVENT_H
#define MEASURE_EVIDENCE_REPLAY_EVENT_H

#include "formats/tcglog.h"
#include "lib/buf.h"
#include "lib/digest.h"
#include "measure/evidence/replay.h"

/* Appends a description of @event, whose digest of @alg is @digest, and sets *@ret_bound. */
int replay_describe(const struct tcglog_event *event, enum digest_alg alg,
	const unsigned char *digest, struct buf *what, enum replay_bound *ret_bound,
	struct err *err) MUST_CHECK;

#endif
