/*
 * Command-line options: one table per verb, which parses and explains itself. The table is the only place where
 * an option's name, unit and help stand.
 */
#ifndef LIB_OPT_H
#define LIB_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

enum opt_kind {
	OPT_FLAG, /* bool: --name sets it */
	OPT_STR,  /* const char *: the last one given; borrowed from argv */
	OPT_LIST, /* struct opt_list: every one given, in order */
	OPT_TEXT, /* like OPT_STR, and may be empty */
	OPT_U64,  /* uint64_t: decimal or 0x hex, K/M/G suffixes are binary */
};

struct opt_list {
	const char **items; /* owned array of borrowed strings */
	size_t count;
};

struct opt {
	const char *name; /* "firmware" for --firmware; an alias of one letter is @letter */
	char letter;	  /* 0: none */
	enum opt_kind kind;
	void *value;	  /* what the kind says; keeps its value when the option is not given */
	const char *unit; /* "FILE", "BYTES", "N[,N...]"; NULL for flags */
	const char *help; /* one line */
};

/* Ends a table. */
#define OPT_END                                                                                    \
	{                                                                                          \
		.name = NULL                                                                       \
	}

struct opt_verb {
	const char *usage;	/* "measure snp --firmware FILE [options]" */
	const char *summary;	/* one sentence */
	const struct opt *opts; /* ends with OPT_END; --help is implied */
	size_t args_min, args_max;
	void (*more)(
		struct buf *ret); /* appends to the help what follows the options; NULL: nothing */
};

#define OPT_HELP 1 /* what opt_parse returns for --help: the caller prints opt_help and exits 0 */

/*
 * Parses argv[1..]. Options may stand anywhere; "--" ends them. Values must not be empty when given as --name=.
 * Non-option arguments are moved to *ret_args (borrowed, inside argv). Returns 0, OPT_HELP or -EINVAL with one line that names the option.
 */
int opt_parse(const struct opt_verb *verb, int argc, char **argv, char ***ret_args,
	size_t *ret_count, struct err *err) MUST_CHECK;

/* Appends the help text: usage, summary, the options in columns. */
void opt_help(const struct opt_verb *verb, struct buf *ret);

void opt_list_done(struct opt_list *list);
#define OPT_LIST_AUTO __attribute__((cleanup(opt_list_done))) struct opt_list

/* Reads a whole decimal or 0x number with an optional K, M or G; false for anything else or an overflow. */
bool opt_number(const char *text, uint64_t *ret);

/* Walks a list of numbers and ranges, "1,2,4-8": false when malformed, empty, descending, or more than @max values. *@ret is malloc'ed. */
bool opt_ranges(const char *text, size_t max, uint64_t **ret, size_t *ret_count);

#endif
