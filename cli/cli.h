/*
 * The two ends of every verb: its options at one, and at the other its result on stdout, whole or not at all, or one line on
 * stderr. Only this room, the cmd-*.c files and assay.c print.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/opt.h"
#include "lib/progress.h"

/* A row of a table of verbs: @run gets the verb's own name in argv[0] and returns an exit status. */
struct cli_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

struct cli_verbs {
	const char *name;    /* "measure" */
	const char *summary; /* one sentence */
	const struct cli_verb *rows;
	size_t count;
};

/* Runs the verb of @verbs that argv[1] names, or explains them for --help. Returns an exit status. */
int cli_choose(const struct cli_verbs *verbs, int argc, char **argv);

struct cli_result {
	struct buf text; /* for stdout */
	struct buf
		notes; /* whole lines for stderr, after the result: warnings, and what is missing in it */
};

/* Adds the note "assay: TEXT". */
void cli_note(struct cli_result *result, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * What a verb does once its options stand in @options: fills @ret. Returns 0, ERR_EXIT_NO when the result is a "no" (it is
 * printed too), or a negative errno with one line in @err.
 */
typedef int cli_run_fn(
	void *options, char **args, size_t count, struct cli_result *ret, struct err *err);

/* Parses argv by @verb's table, explains it for --help, or calls @run and prints its result. Returns an exit status. */
int cli_run(const struct opt_verb *verb, int argc, char **argv, cli_run_fn *run, void *options);

/* What --format says: text (also when it was not given) or JSON. */
int cli_format(const char *format, bool *ret_json, struct err *err) MUST_CHECK;

/* Prints the one line of a failure on stderr and returns its exit status. */
int cli_fail(int code, const struct err *err);

/* A progress line on stderr; NULL when that is no terminal. */
const struct progress *cli_progress(void);

/* Clears the line of cli_progress(). */
void cli_progress_end(void);

#endif
