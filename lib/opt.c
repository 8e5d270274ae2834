/* Command-line options from one table per verb (opt.h). */
#define _GNU_SOURCE
#include "lib/opt.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define OPTS_MAX       64
#define LONG_ONLY      256 /* getopt values of options without a letter start here */
#define HELP_COLUMN    30
#define HELP_OPTION    (LONG_ONLY + OPTS_MAX)
#define LIST_ITEMS_MAX 65536

struct tables {
	struct option longs[OPTS_MAX + 2];
	char shorts[2 * OPTS_MAX + 4];
};

/* Fills getopt's two tables from ours; false when ours is larger than OPTS_MAX. */
static bool build_tables(const struct opt *opts, struct tables *tables)
{
	size_t n = 0;
	char *at = tables->shorts;

	*at++ = ':';
	for (; opts[n].name != NULL; n++) {
		bool has_value = opts[n].kind != OPT_FLAG;

		if (n == OPTS_MAX)
			return false;
		tables->longs[n] = (struct option){.name = opts[n].name,
			.has_arg = has_value ? required_argument : no_argument,
			.val = LONG_ONLY + (int)n};
		if (opts[n].letter == 0)
			continue;
		*at++ = opts[n].letter;
		if (has_value)
			*at++ = ':';
	}
	tables->longs[n++] = (struct option){.name = "help", .val = HELP_OPTION};
	tables->longs[n] = (struct option){0};
	*at++ = 'h';
	*at = '\0';
	return true;
}

static const struct opt *by_value(const struct opt *opts, int value)
{
	if (value >= LONG_ONLY)
		return &opts[value - LONG_ONLY];
	while (opts->name != NULL && opts->letter != value)
		opts++;
	return opts;
}

static int list_add(struct opt_list *list, const char *item, struct err *err)
{
	const char **items;

	if (list->count == LIST_ITEMS_MAX)
		return err_fail(err, -EINVAL, "more than %d values", LIST_ITEMS_MAX);
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	list->items = items;
	list->items[list->count++] = item;
	return 0;
}

static int store(const struct opt *opt, const char *value, struct err *err)
{
	if (opt->kind != OPT_FLAG && opt->kind != OPT_TEXT && *value == '\0')
		return err_fail(err, -EINVAL, "--%s: needs a value, not nothing", opt->name);
	switch (opt->kind) {
	case OPT_FLAG:
		*(bool *)opt->value = true;
		return 0;
	case OPT_STR:
	case OPT_TEXT:
		*(const char **)opt->value = value;
		return 0;
	case OPT_LIST:
		return list_add(opt->value, value, err);
	case OPT_U64:
		if (!opt_number(value, opt->value))
			return err_fail(err, -EINVAL, "--%s: %s is not a number", opt->name, value);
		return 0;
	}
	return err_fail(err, -EINVAL, "--%s: unusable", opt->name);
}

/* The length of the verb's name in its usage: the words before the first option or argument. */
static int name_length(const char *usage)
{
	size_t n = 0;

	while (islower((unsigned char)usage[n])) {
		n += strcspn(usage + n, " ");
		n += usage[n] == ' ';
	}
	return (int)(n > 0 && usage[n - 1] == ' ' ? n - 1 : n);
}

/* The words of what getopt refused. */
static int refuse(const struct opt_verb *verb, int found, char **argv, struct err *err)
{
	const char *word = optind > 0 ? argv[optind - 1] : "";
	int n = name_length(verb->usage);

	if (found == ':')
		return err_fail(err, -EINVAL, "%s: needs a value (see assay %.*s --help)", word, n,
			verb->usage);
	if (optopt >= LONG_ONLY)
		return err_fail(err, -EINVAL, "%s: takes no value", word);
	if (optopt != 0)
		return err_fail(err, -EINVAL, "-%c: no such option of assay %.*s (see --help)",
			optopt, n, verb->usage);
	return err_fail(err, -EINVAL, "%s: no such option of assay %.*s (see --help)", word, n,
		verb->usage);
}

/* getopt takes the beginning of a name for the name, which a release with one more option would no longer do. */
static int check_in_full(const struct opt *opts, int found, char **argv, struct err *err)
{
	bool apart = optarg != NULL && argv[optind - 1] == optarg;
	const char *word = argv[optind - (apart ? 2 : 1)];
	const char *name = found == HELP_OPTION ? "help" : by_value(opts, found)->name;
	size_t len = strlen(name);

	if (strncmp(word + 2, name, len) == 0 && (word[2 + len] == '\0' || word[2 + len] == '='))
		return 0;
	return err_fail(err, -EINVAL, "%s: --%s is to be written in full", word, name);
}

int opt_parse(const struct opt_verb *verb, int argc, char **argv, char ***ret_args,
	size_t *ret_count, struct err *err)
{
	struct tables tables;
	size_t count;
	int found;

	if (!build_tables(verb->opts, &tables))
		return err_fail(err, -EINVAL, "%s: too many options in its table", verb->usage);
	optind = 0; /* GNU: start afresh */
	opterr = 0;
	while ((found = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		int rc;

		if (found == ':' || found == '?')
			return refuse(verb, found, argv, err);
		rc = found >= LONG_ONLY ? check_in_full(verb->opts, found, argv, err) : 0;
		if (rc == 0 && (found == 'h' || found == HELP_OPTION))
			return OPT_HELP;
		if (rc == 0)
			rc = store(by_value(verb->opts, found), optarg, err);
		if (rc != 0)
			return rc;
	}
	count = (size_t)(argc - optind);
	if (count < verb->args_min || count > verb->args_max)
		return err_fail(err, -EINVAL, "usage: assay %s", verb->usage);
	*ret_args = argv + optind;
	*ret_count = count;
	return 0;
}

void opt_help(const struct opt_verb *verb, struct buf *ret)
{
	buf_fmt(ret, "usage: assay %s\n\n%s\n", verb->usage, verb->summary);
	if (verb->opts[0].name != NULL)
		buf_str(ret, "\n");
	for (const struct opt *opt = verb->opts; opt->name != NULL; opt++) {
		size_t start = ret->len;
		size_t width;

		if (opt->letter != 0)
			buf_fmt(ret, "  -%c, --%s", opt->letter, opt->name);
		else
			buf_fmt(ret, "      --%s", opt->name);
		if (opt->unit != NULL)
			buf_fmt(ret, " %s", opt->unit);
		width = ret->len - start;
		buf_fmt(ret, "%*s%s\n", width + 2 > HELP_COLUMN ? 2 : (int)(HELP_COLUMN - width),
			"", opt->help);
	}
	if (verb->more != NULL)
		verb->more(ret);
}

void opt_list_done(struct opt_list *list)
{
	free(list->items);
	*list = (struct opt_list){0};
}

bool opt_number(const char *text, uint64_t *ret)
{
	static const char suffixes[] = "KMG";
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long value;
	const char *suffix;
	char *end;
	int shift = 0;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	value = strtoull(text, &end, hex ? 16 : 10);
	if (errno != 0 || (hex && end <= text + 2))
		return false;
	suffix = *end != '\0' ? strchr(suffixes, *end) : NULL;
	if (suffix != NULL) {
		shift = 10 * (int)(suffix - suffixes + 1);
		end++;
	}
	if (*end != '\0' || (shift > 0 && value > UINT64_MAX >> shift))
		return false;
	*ret = (uint64_t)value << shift;
	return true;
}

/* Reads one decimal number at *@at and moves past it. */
static bool one_number(const char **at, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, 10);
	*at = end;
	return errno == 0;
}

bool opt_ranges(const char *text, size_t max, uint64_t **ret, size_t *ret_count)
{
	AUTO_FREE uint64_t *values = calloc(max, sizeof(*values));
	size_t count = 0;

	if (values == NULL)
		return false;
	for (;;) {
		uint64_t first, last;

		if (!one_number(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!one_number(&text, &last))
				return false;
		}
		if (last < first || last - first >= max - count)
			return false;
		for (uint64_t v = first; v <= last && v >= first; v++)
			values[count++] = v;
		if (*text == '\0')
			break;
		if (*text++ != ',')
			return false;
	}
	*ret = values;
	*ret_count = count;
	values = NULL;
	return true;
}
