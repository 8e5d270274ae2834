/* Event logs, binary and JSON, and their replay. */
#include "tests/fuzz/fuzz.h"

#include "measure/evidence/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	REPLAY_AUTO_FREE replay = {.events = NULL};
	struct err err = {0};

	if (replay_log(data, size, REPLAY_AUTO, NULL, "log", &replay, &err) != 0)
		return 0;
	return 0;
}
