/*
 * A strict TOML 1.0.0 reader (toml.h); the grammar is toml.abnf of the specification.
 *
 * One pass over the bytes. UTF-8 and control characters are checked up front, so that the grammar only deals with
 * structure. The parser is sticky like rd.h: the first error is kept and every step afterwards does nothing.
 */
#define _GNU_SOURCE
#include "lib/toml.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

#define ARENA_CHUNK (64u << 10)
#define QUOTE_MAX   60 /* bytes of a key that an error quotes */
#define NUMBER_MAX                                                                                 \
	320 /* characters of a number: the longest exact double has 309 digits before the dot */

struct arena {
	struct arena *next;
	size_t used, cap;
	max_align_t data[];
};

struct parser {
	const unsigned char *at, *end;
	uint32_t line;
	struct toml_doc *doc;
	struct err *err;
	int rc;
	struct buf text; /* scratch for strings and keys */
};

/* Parts of a dotted key. */
struct key {
	struct {
		const char *name;
		size_t len;
	} parts[TOML_DEPTH_MAX];
	size_t count;
	uint32_t line;
};

static void *arena_alloc(struct toml_doc *doc, size_t n)
{
	struct arena *top = doc->arena;
	size_t room = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	void *at;

	if (top == NULL || top->cap - top->used < room) {
		size_t cap = room > ARENA_CHUNK ? room : ARENA_CHUNK;

		top = malloc(sizeof(*top) + cap);
		if (top == NULL)
			return NULL;
		*top = (struct arena){.next = doc->arena, .cap = cap};
		doc->arena = top;
	}
	at = (unsigned char *)top->data + top->used;
	top->used += room;
	return at;
}

void toml_done(struct toml_doc *doc)
{
	struct arena *top = doc->arena;

	while (top != NULL) {
		struct arena *next = top->next;

		free(top);
		top = next;
	}
	free(doc->what);
	*doc = (struct toml_doc){0};
}

#define fail(p, ...) fail_at(p, (p)->line, __VA_ARGS__)

static void fail_at(struct parser *p, uint32_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void fail_at(struct parser *p, uint32_t line, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	if (p->rc != 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->rc = err_fail(p->err, -EBADMSG, "%s:%u: %s", p->doc->what, line, text);
	p->at = p->end;
}

static void out_of_memory(struct parser *p)
{
	if (p->rc == 0)
		p->rc = err_fail(p->err, -ENOMEM, "out of memory");
	p->at = p->end;
}

static int peek(const struct parser *p)
{
	return p->at < p->end ? *p->at : -1;
}

static bool looking_at(const struct parser *p, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

static bool take(struct parser *p, const char *text)
{
	if (!looking_at(p, text))
		return false;
	p->at += strlen(text);
	return true;
}

static void skip_blanks(struct parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t')
		p->at++;
}

/* Passes over one LF or CRLF. */
static bool take_newline(struct parser *p)
{
	if (!take(p, "\n") && !take(p, "\r\n"))
		return false;
	p->line++;
	return true;
}

static void skip_comment(struct parser *p)
{
	if (peek(p) != '#')
		return;
	while (p->at < p->end && *p->at != '\n' && *p->at != '\r')
		p->at++;
}

/* Blanks, comments and newlines, as allowed between the items of an array and between expressions. */
static void skip_space(struct parser *p)
{
	do {
		skip_blanks(p);
		skip_comment(p);
	} while (take_newline(p));
}

static void end_of_line(struct parser *p)
{
	skip_blanks(p);
	skip_comment(p);
	if (p->at < p->end && !take_newline(p))
		fail(p, "expected the end of the line");
}

/* Bytes of the UTF-8 sequence at @at (RFC 3629: shortest form, no surrogates, at most U+10FFFF); 0 when it is not one. */
static size_t utf8_len(const unsigned char *at, const unsigned char *end)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	size_t form = 0;

	if (at[0] < 0x80)
		return 1;
	while (at[0] < forms[form].first_min || at[0] > forms[form].first_max) {
		if (++form == sizeof(forms) / sizeof(forms[0]))
			return 0;
	}
	if ((size_t)(end - at) < forms[form].len || at[1] < forms[form].second_min ||
		at[1] > forms[form].second_max)
		return 0;
	for (size_t i = 2; i < forms[form].len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return forms[form].len;
}

/* Refuses what may stand nowhere in a document: broken UTF-8, control characters, a CR without LF. */
static void check_characters(struct parser *p)
{
	const unsigned char *start = p->at;

	while (p->at < p->end) {
		unsigned char c = *p->at;
		size_t n = utf8_len(p->at, p->end);

		if (n == 0)
			fail(p, "not UTF-8");
		else if (c == '\r' && !looking_at(p, "\r\n"))
			fail(p, "a carriage return without a line feed");
		else if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			fail(p, "control character 0x%02x", c);
		p->line += c == '\n';
		p->at += p->rc == 0 ? n : 0;
	}
	if (p->rc == 0)
		p->at = start;
	p->line = 1;
}

static struct toml *new_value(struct parser *p, enum toml_type type, size_t depth)
{
	struct toml *value = NULL;

	if (p->rc != 0)
		return NULL;
	if (++p->doc->value_count > TOML_VALUES_MAX)
		fail(p, "more than %u values", TOML_VALUES_MAX);
	else if (depth > TOML_DEPTH_MAX)
		fail(p, "nested deeper than %d", TOML_DEPTH_MAX);
	else if ((value = arena_alloc(p->doc, sizeof(*value))) == NULL)
		out_of_memory(p);
	if (value != NULL)
		*value = (struct toml){
			.type = type, .depth = (uint8_t)depth, .line = p->line, .doc = p->doc};
	return value;
}

/* A copy of the scratch text that lives as long as the document. */
static const char *keep_text(struct parser *p, size_t *ret_len)
{
	char *copy = arena_alloc(p->doc, p->text.len + 1);

	if (copy == NULL || p->text.bad) {
		out_of_memory(p);
		return NULL;
	}
	memcpy(copy, buf_cstr(&p->text), p->text.len);
	copy[p->text.len] = '\0';
	*ret_len = p->text.len;
	return copy;
}

static void add_scalar(struct buf *text, uint32_t c)
{
	unsigned char out[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3f));
	out[0] = (unsigned char)(lead[n] | c);
	buf_add(text, out, n);
}

/* The @n hexadecimal digits of \u or \U. */
static void unicode_escape(struct parser *p, size_t n)
{
	uint32_t c = 0;

	for (size_t i = 0; i < n; i++, p->at++) {
		int digit = peek(p);

		if (digit < 0 || !isxdigit(digit)) {
			fail(p, "a \\%c escape needs %zu hexadecimal digits", n == 4 ? 'u' : 'U',
				n);
			return;
		}
		c = c << 4 | (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		fail(p, "U+%X is not a Unicode scalar value", c);
	else
		add_scalar(&p->text, c);
}

/* A backslash at the end of a line: passes over the newline and all white space up to the next character. */
static bool line_continuation(struct parser *p)
{
	const unsigned char *start = p->at;

	skip_blanks(p);
	if (!take_newline(p)) {
		p->at = start;
		return false;
	}
	do
		skip_blanks(p);
	while (take_newline(p));
	return true;
}

static void escape(struct parser *p, bool multiline)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	const char *found;
	int c;

	if (multiline && line_continuation(p))
		return;
	c = peek(p);
	found = c > 0 ? strchr(names, c) : NULL;
	p->at += c >= 0;
	if (found != NULL)
		buf_add(&p->text, &values[found - names], 1);
	else if (c == 'u' || c == 'U')
		unicode_escape(p, c == 'u' ? 4 : 8);
	else
		fail(p, "unknown escape in a string");
}

/* A one-line string after its opening @quote, into the scratch text. */
static void single_line(struct parser *p, char quote)
{
	while (peek(p) != quote) {
		const unsigned char *start = p->at;

		if (peek(p) < 0 || peek(p) == '\n' || peek(p) == '\r') {
			fail(p, "a string does not end on its line");
			return;
		}
		p->at++;
		if (*start == '\\' && quote == '"')
			escape(p, false);
		else
			buf_add(&p->text, start, 1);
	}
	p->at++;
}

/* A multi-line string after its three opening quotes. Up to two quotes may stand before the closing three. */
static void multi_line(struct parser *p, char quote)
{
	const char closing[] = {quote, quote, quote, '\0'};
	uint32_t first = p->line;

	take_newline(p);
	while (!looking_at(p, closing) || (p->end - p->at > 3 && p->at[3] == quote)) {
		const unsigned char *start = p->at;

		if (p->at == p->end) {
			fail_at(p, first, "a multi-line string does not end");
			return;
		}
		if (looking_at(p, closing) && p->end - p->at > 5 && p->at[4] == quote &&
			p->at[5] == quote) {
			fail(p, "more than two quotes at the end of a multi-line string");
			return;
		}
		p->at++;
		p->line += *start == '\n';
		if (*start == '\\' && quote == '"')
			escape(p, true);
		else
			buf_add(&p->text, start, 1);
	}
	p->at += 3;
}

static void parse_string(struct parser *p, struct toml *value)
{
	char quote = (char)*p->at;

	p->text.len = 0;
	if (take(p, "\"\"\"") || take(p, "'''"))
		multi_line(p, quote);
	else
		p->at++, single_line(p, quote);
	value->type = TOML_STRING;
	if (p->rc == 0)
		value->u.string.data = keep_text(p, &value->u.string.len);
}

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static void key_part(struct parser *p, struct key *key)
{
	int c = peek(p);

	p->text.len = 0;
	if (key->count == TOML_DEPTH_MAX) {
		fail(p, "a key of more than %d parts", TOML_DEPTH_MAX);
		return;
	}
	if (c == '"' || c == '\'') {
		p->at++;
		single_line(p, (char)c);
	} else if (!is_bare(c)) {
		fail(p, "expected a key");
	}
	for (; c != '"' && c != '\'' && is_bare(peek(p)); p->at++)
		buf_add(&p->text, p->at, 1);
	if (p->rc == 0) {
		key->parts[key->count].name = keep_text(p, &key->parts[key->count].len);
		key->count++;
	}
}

static void parse_key(struct parser *p, struct key *key)
{
	key->count = 0;
	key->line = p->line;
	do {
		skip_blanks(p);
		key_part(p, key);
		skip_blanks(p);
	} while (take(p, "."));
}

static int compare_key(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Where @name stands in @table, or would. */
static size_t position(const struct toml *table, const char *name, size_t len, bool *ret_found)
{
	size_t low = 0, high = table->u.list.count;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct toml *item = table->u.list.items[middle];
		int order = compare_key(item->key, item->key_len, name, len);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Inserts @item at index @i of an array or table; false without memory. */
static bool insert_item(struct toml_doc *doc, struct toml *list, size_t i, struct toml *item)
{
	size_t count = list->u.list.count, cap = list->u.list.cap;
	struct toml **items = list->u.list.items;

	if (count == cap) {
		cap = cap == 0 ? 4 : 2 * cap;
		items = arena_alloc(doc, cap * sizeof(struct toml *));
		if (items == NULL)
			return false;
		if (count > 0)
			memcpy(items, list->u.list.items, count * sizeof(struct toml *));
	}
	memmove(items + i + 1, items + i, (count - i) * sizeof(struct toml *));
	items[i] = item;
	list->u.list.items = items;
	list->u.list.cap = cap;
	list->u.list.count = count + 1;
	return true;
}

static void insert(struct parser *p, struct toml *list, size_t i, struct toml *item)
{
	if (!insert_item(p->doc, list, i, item))
		out_of_memory(p);
}

/* The value named by part @i of @key in @table; a table of @origin is added when there is none (*@ret_new). */
static struct toml *child(struct parser *p, struct toml *table, const struct key *key, size_t i,
	enum toml_origin origin, bool *ret_new)
{
	bool found;
	size_t at = position(table, key->parts[i].name, key->parts[i].len, &found);
	struct toml *item;

	*ret_new = !found;
	if (found)
		return table->u.list.items[at];
	if (table->u.list.count == TOML_KEYS_MAX)
		fail(p, "more than %d keys in one table", TOML_KEYS_MAX);
	item = new_value(p, TOML_TABLE, table->depth + 1u);
	if (item == NULL)
		return NULL;
	item->origin = (uint8_t)origin;
	item->line = key->line;
	item->key = key->parts[i].name;
	item->key_len = key->parts[i].len;
	insert(p, table, at, item);
	return item;
}

static void fail_key(struct parser *p, const struct key *key, size_t i, const char *why)
{
	fail_at(p, key->line, "%.*s %s", QUOTE_MAX, key->parts[i].name, why);
}

static void parse_value(struct parser *p, struct toml *value);

/* KEY = VALUE, relative to @table. */
static void parse_pair(struct parser *p, struct toml *table)
{
	struct key key;
	bool is_new;

	parse_key(p, &key);
	if (p->rc == 0 && !take(p, "="))
		fail(p, "expected \"=\" after a key");
	skip_blanks(p);
	for (size_t i = 0; p->rc == 0 && i + 1 < key.count; i++) {
		table = child(p, table, &key, i, TOML_FROM_DOTTED, &is_new);
		if (table == NULL)
			return;
		if (table->type != TOML_TABLE || table->origin != TOML_FROM_DOTTED)
			fail_key(p, &key, i,
				"is already defined and cannot be extended by a dotted key");
	}
	if (p->rc != 0)
		return;
	table = child(p, table, &key, key.count - 1, TOML_FROM_VALUE, &is_new);
	if (table == NULL)
		return;
	if (!is_new)
		fail_key(p, &key, key.count - 1, "is already defined");
	parse_value(p, table);
}

static void parse_array(struct parser *p, struct toml *array)
{
	array->type = TOML_ARRAY;
	p->at++;
	for (;;) {
		struct toml *item;

		skip_space(p);
		if (take(p, "]"))
			return;
		item = new_value(p, TOML_STRING, array->depth + 1u);
		if (item == NULL)
			return;
		insert(p, array, array->u.list.count, item);
		parse_value(p, item);
		skip_space(p);
		if (take(p, ",") || looking_at(p, "]"))
			continue;
		fail(p, "expected \",\" or \"]\" in an array");
		return;
	}
}

static void parse_inline_table(struct parser *p, struct toml *table)
{
	table->type = TOML_TABLE;
	p->at++;
	skip_blanks(p);
	if (take(p, "}"))
		return;
	do
		parse_pair(p, table);
	while (skip_blanks(p), p->rc == 0 && take(p, ","));
	if (p->rc == 0 && !take(p, "}"))
		fail(p, "expected \",\" or \"}\" in an inline table");
}

/* The characters of a bool, number or date, up to what may follow a value. */
static size_t token_length(const struct parser *p)
{
	size_t n = 0;

	while (p->at + n < p->end && strchr(" \t\r\n,]}#", p->at[n]) == NULL)
		n++;
	return n;
}

/* Reads @n decimal digits at *@at; false when there are not that many. */
static bool digits(const char **at, size_t n, unsigned *ret)
{
	*ret = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*ret = *ret * 10 + (unsigned)(**at - '0');
	}
	return true;
}

static bool skip_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* YYYY-MM-DD, a day that exists. */
static bool read_date(const char **at, struct toml_time *time)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned year, month, day;
	bool leap;

	if (!digits(at, 4, &year) || !skip_char(at, '-') || !digits(at, 2, &month) ||
		!skip_char(at, '-') || !digits(at, 2, &day))
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month < 1 || month > 12 || day < 1 ||
		day > days[month - 1] + (month == 2 && leap ? 1u : 0u))
		return false;
	time->year = (uint16_t)year;
	time->month = (uint8_t)month;
	time->day = (uint8_t)day;
	return true;
}

/* HH:MM:SS with an optional fraction, cut to nanoseconds; a second of 60 is a leap second. */
static bool read_clock(const char **at, struct toml_time *time)
{
	unsigned hour, minute, second, scale = 100000000;

	if (!digits(at, 2, &hour) || !skip_char(at, ':') || !digits(at, 2, &minute) ||
		!skip_char(at, ':') || !digits(at, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	time->hour = (uint8_t)hour;
	time->minute = (uint8_t)minute;
	time->second = (uint8_t)second;
	if (!skip_char(at, '.'))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
		time->nanosecond += scale * (unsigned)(**at - '0');
	return true;
}

/* Z or +HH:MM. */
static bool read_offset(const char **at, struct toml_time *time)
{
	int sign = **at == '-' ? -1 : 1;
	unsigned hour, minute;

	if (skip_char(at, 'Z') || skip_char(at, 'z'))
		return true;
	if (!skip_char(at, '+') && !skip_char(at, '-'))
		return false;
	if (!digits(at, 2, &hour) || !skip_char(at, ':') || !digits(at, 2, &minute) || hour > 23 ||
		minute > 59)
		return false;
	time->offset_minutes = (int16_t)(sign * (int)(hour * 60 + minute));
	return true;
}

static bool read_time(const char *text, struct toml *value)
{
	struct toml_time *time = &value->u.time;

	*time = (struct toml_time){0};
	value->type = TOML_LOCAL_TIME;
	if (text[2] == ':')
		return read_clock(&text, time) && *text == '\0';
	value->type = TOML_LOCAL_DATE;
	if (!read_date(&text, time))
		return false;
	if (*text == '\0')
		return true;
	value->type = TOML_LOCAL_DATETIME;
	if (!skip_char(&text, 'T') && !skip_char(&text, 't') && !skip_char(&text, ' '))
		return false;
	if (!read_clock(&text, time))
		return false;
	if (*text == '\0')
		return true;
	value->type = TOML_DATETIME;
	return read_offset(&text, time) && *text == '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Copies @text without its underscores; false when one does not stand between two digits of @base. */
static bool strip_underscores(const char *text, int base, char *dst)
{
	for (const char *at = text; *at != '\0'; at++) {
		if (*at != '_')
			*dst++ = *at;
		else if (at == text || digit_value(at[-1]) >= base || digit_value(at[1]) >= base)
			return false;
	}
	*dst = '\0';
	return true;
}

static bool read_integer(const char *text, int64_t *ret)
{
	static const struct {
		char prefix[3];
		int base;
	} bases[] = {{"0x", 16}, {"0o", 8}, {"0b", 2}};
	bool negative = *text == '-';
	uint64_t limit = INT64_MAX, sum = 0;
	int base = 10;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (strncmp(text, bases[i].prefix, 2) == 0)
			base = bases[i].base;
	}
	if (base != 10)
		text += 2;
	else if (*text == '-' || *text == '+')
		text++;
	if (*text == '\0' || (base == 10 && text[0] == '0' && text[1] != '\0'))
		return false;
	for (limit += negative; *text != '\0'; text++) {
		unsigned digit = (unsigned)digit_value(*text);

		if (digit >= (unsigned)base || sum > (limit - digit) / (unsigned)base)
			return false;
		sum = sum * (unsigned)base + digit;
	}
	*ret = negative ? (int64_t)(0 - sum) : (int64_t)sum;
	return true;
}

static size_t skip_digits(const char **at)
{
	const char *start = *at;

	while (**at >= '0' && **at <= '9')
		(*at)++;
	return (size_t)(*at - start);
}

/* [+-] digits [. digits] [e [+-] digits], with a dot or an exponent; no leading zero. */
static bool is_float(const char *at)
{
	const char *start;
	size_t n;
	bool real = false;

	at += *at == '+' || *at == '-';
	start = at;
	n = skip_digits(&at);
	if (n == 0 || (n > 1 && *start == '0'))
		return false;
	if (skip_char(&at, '.')) {
		real = true;
		if (skip_digits(&at) == 0)
			return false;
	}
	if (skip_char(&at, 'e') || skip_char(&at, 'E')) {
		real = true;
		at += *at == '+' || *at == '-';
		if (skip_digits(&at) == 0)
			return false;
	}
	return real && *at == '\0';
}

static bool read_float(const char *text, double *ret)
{
	const char *name = text + (*text == '+' || *text == '-');
	locale_t c_locale;
	double value;

	if (strcmp(name, "inf") == 0 || strcmp(name, "nan") == 0) {
		value = *name == 'i' ? (double)INFINITY : (double)NAN;
		*ret = *text == '-' ? -value : value;
		return true;
	}
	if (!is_float(text))
		return false;
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c_locale == (locale_t)0)
		return false;
	value = strtod_l(text, NULL, c_locale);
	freelocale(c_locale);
	if (isinf(value))
		return false;
	*ret = value;
	return true;
}

static bool read_number(const char *token, struct toml *value)
{
	char text[NUMBER_MAX + 1];
	bool hex = token[0] == '0' && token[1] == 'x';

	if (!strip_underscores(token, hex ? 16 : 10, text))
		return false;
	value->type = TOML_INTEGER;
	if (read_integer(text, &value->u.integer))
		return true;
	value->type = TOML_FLOAT;
	return read_float(text, &value->u.real);
}

static bool looks_like_time(const char *token)
{
	size_t n = strspn(token, "0123456789");

	return (n == 2 && token[n] == ':') || (n == 4 && token[n] == '-');
}

/* A date may be followed by one space and a time. */
static size_t with_clock(const struct parser *p, size_t n)
{
	const unsigned char *at = p->at + n;
	struct parser rest = *p;

	if (n != 10 || p->end - at < 3 || at[0] != ' ' || at[1] < '0' || at[1] > '9')
		return n;
	rest.at = at + 1;
	return n + 1 + token_length(&rest);
}

static void parse_plain(struct parser *p, struct toml *value)
{
	char token[NUMBER_MAX + 1];
	size_t n = token_length(p);
	bool good;

	if (n > 0 && n <= NUMBER_MAX) {
		memcpy(token, p->at, n);
		token[n] = '\0';
		if (looks_like_time(token))
			n = with_clock(p, n);
	}
	if (n == 0 || n > NUMBER_MAX) {
		fail(p, n == 0 ? "expected a value" : "a value of more than %d characters",
			NUMBER_MAX);
		return;
	}
	memcpy(token, p->at, n);
	token[n] = '\0';
	if (strcmp(token, "true") == 0 || strcmp(token, "false") == 0) {
		value->type = TOML_BOOL;
		value->u.boolean = *token == 't';
		good = true;
	} else {
		good = looks_like_time(token) ? read_time(token, value) : read_number(token, value);
	}
	if (!good)
		fail(p, "%.*s is not a value", QUOTE_MAX, token);
	p->at += p->rc == 0 ? n : 0;
}

static void parse_value(struct parser *p, struct toml *value)
{
	if (p->rc != 0)
		return;
	value->line = p->line;
	switch (peek(p)) {
	case '"':
	case '\'':
		parse_string(p, value);
		return;
	case '[':
		parse_array(p, value);
		return;
	case '{':
		parse_inline_table(p, value);
		return;
	default:
		parse_plain(p, value);
	}
}

/* Where a header's inner name leads: a table, or the last table of an array of tables. */
static struct toml *header_step(
	struct parser *p, struct toml *table, const struct key *key, size_t i)
{
	bool is_new;
	struct toml *next = child(p, table, key, i, TOML_FROM_PATH, &is_new);

	if (next == NULL)
		return NULL;
	if (next->type == TOML_ARRAY && next->origin == TOML_FROM_HEADER)
		return next->u.list.items[next->u.list.count - 1];
	if (next->type != TOML_TABLE || next->origin == TOML_FROM_VALUE) {
		fail_key(p, key, i, "is already defined and cannot be extended by a header");
		return NULL;
	}
	return next;
}

static struct toml *define_table(struct parser *p, struct toml *table, const struct key *key)
{
	bool is_new;
	struct toml *item = child(p, table, key, key->count - 1, TOML_FROM_HEADER, &is_new);

	if (item == NULL || is_new)
		return item;
	if (item->type != TOML_TABLE || item->origin != TOML_FROM_PATH) {
		fail_key(p, key, key->count - 1, "is already defined");
		return NULL;
	}
	item->origin = TOML_FROM_HEADER;
	item->line = key->line;
	return item;
}

static struct toml *append_table(struct parser *p, struct toml *table, const struct key *key)
{
	bool is_new;
	struct toml *array = child(p, table, key, key->count - 1, TOML_FROM_HEADER, &is_new);
	struct toml *item;

	if (array == NULL)
		return NULL;
	if (is_new)
		array->type = TOML_ARRAY;
	if (array->type != TOML_ARRAY || array->origin != TOML_FROM_HEADER) {
		fail_key(
			p, key, key->count - 1, "is already defined and is not an array of tables");
		return NULL;
	}
	item = new_value(p, TOML_TABLE, array->depth + 1u);
	if (item == NULL)
		return NULL;
	item->origin = TOML_FROM_HEADER;
	item->line = key->line;
	insert(p, array, array->u.list.count, item);
	return p->rc == 0 ? item : NULL;
}

/* [a.b] or [[a.b]]: the table that the following pairs belong to. */
static struct toml *parse_header(struct parser *p)
{
	struct toml *table = p->doc->root;
	bool many;
	struct key key;

	p->at++;
	many = take(p, "[");
	parse_key(p, &key);
	if (p->rc == 0 && !take(p, many ? "]]" : "]"))
		fail(p, "expected \"%s\" after a header's name", many ? "]]" : "]");
	for (size_t i = 0; p->rc == 0 && table != NULL && i + 1 < key.count; i++)
		table = header_step(p, table, &key, i);
	if (p->rc != 0 || table == NULL)
		return NULL;
	return many ? append_table(p, table, &key) : define_table(p, table, &key);
}

static void parse_document(struct parser *p)
{
	struct toml *table = p->doc->root;

	take(p, "\xef\xbb\xbf");
	for (;;) {
		skip_space(p);
		if (p->at == p->end || table == NULL)
			return;
		if (peek(p) == '[')
			table = parse_header(p);
		else
			parse_pair(p, table);
		if (p->rc == 0)
			end_of_line(p);
	}
}

int toml_parse(
	const void *text, size_t len, const char *what, struct toml_doc *ret, struct err *err)
{
	struct parser p = {.at = text, .line = 1, .err = err};
	struct toml_doc *doc;

	*ret = (struct toml_doc){0};
	if (len > TOML_BYTES_MAX)
		return err_fail(
			err, -EFBIG, "%s: more than %u bytes of TOML", what, TOML_BYTES_MAX);
	/* Values point at their document, so it must not move with the caller's struct. */
	doc = arena_alloc(ret, sizeof(*doc));
	if (doc == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	*doc = (struct toml_doc){.arena = ret->arena, .what = strdup(what)};
	p.doc = doc;
	p.end = p.at + len;
	if (doc->what == NULL)
		out_of_memory(&p);
	check_characters(&p);
	doc->root = new_value(&p, TOML_TABLE, 0);
	if (doc->root != NULL) {
		doc->root->origin = TOML_FROM_HEADER;
		parse_document(&p);
	}
	buf_done(&p.text);
	*ret = *doc;
	if (p.rc != 0)
		toml_done(ret);
	return p.rc;
}

const struct toml *toml_get(const struct toml *table, const char *key)
{
	bool found;
	size_t at;

	if (table->type != TOML_TABLE)
		return NULL;
	at = position(table, key, strlen(key), &found);
	return found ? table->u.list.items[at] : NULL;
}

int toml_put(struct toml_doc *doc, struct toml *table, struct toml *item, struct err *err)
{
	bool found;
	size_t at = position(table, item->key, item->key_len, &found);

	if (found)
		table->u.list.items[at] = item;
	else if (!insert_item(doc, table, at, item))
		return err_fail(err, -ENOMEM, "out of memory");
	return 0;
}

int toml_append(struct toml_doc *doc, struct toml *array, struct toml *item, struct err *err)
{
	if (!insert_item(doc, array, array->u.list.count, item))
		return err_fail(err, -ENOMEM, "out of memory");
	return 0;
}

void toml_remove(struct toml *list, size_t i)
{
	struct toml **items = list->u.list.items;

	memmove(items + i, items + i + 1, (--list->u.list.count - i) * sizeof(struct toml *));
}

void toml_set_dir(struct toml_doc *doc, const char *dir)
{
	((struct toml_doc *)doc->root->doc)->dir = dir;
	doc->dir = dir;
}

const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = {
		[TOML_STRING] = "a string",
		[TOML_INTEGER] = "an integer",
		[TOML_FLOAT] = "a float",
		[TOML_BOOL] = "true or false",
		[TOML_DATETIME] = "a date-time with offset",
		[TOML_LOCAL_DATETIME] = "a local date-time",
		[TOML_LOCAL_DATE] = "a local date",
		[TOML_LOCAL_TIME] = "a local time",
		[TOML_ARRAY] = "an array",
		[TOML_TABLE] = "a table",
	};

	return names[type];
}

int toml_record(const struct toml *value, struct err *err, int code, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_fail(err, code, "%s:%u: %s", value->doc->what, value->line, text);
}

/* The name of a value for messages; the items of an array go by "item". */
static const char *name_of(const struct toml *value)
{
	if (value->key != NULL)
		return value->key;
	return value->depth == 0 ? "the document" : "item";
}

int toml_expect(const struct toml *value, enum toml_type type, struct err *err)
{
	if (value->type == type)
		return 0;
	return toml_fail(value, err, -EBADMSG, "%.*s must be %s, not %s", QUOTE_MAX, name_of(value),
		toml_type_name(type), toml_type_name(value->type));
}

static const struct toml_field *field_of(const struct toml_field *fields, const struct toml *value)
{
	for (; fields->key != NULL; fields++) {
		if (strlen(fields->key) == value->key_len &&
			memcmp(fields->key, value->key, value->key_len) == 0)
			return fields;
	}
	return NULL;
}

int toml_fields(
	const struct toml *value, const struct toml_field *fields, void *base, struct err *err)
{
	int rc = toml_expect(value, TOML_TABLE, err);

	for (size_t i = 0; rc == 0 && i < value->u.list.count; i++) {
		const struct toml *item = value->u.list.items[i];

		if (field_of(fields, item) == NULL)
			return toml_fail(
				item, err, -EBADMSG, "unknown key %.*s", QUOTE_MAX, item->key);
	}
	for (; rc == 0 && fields->key != NULL; fields++) {
		const struct toml *item = toml_get(value, fields->key);

		if (item == NULL && fields->required)
			return toml_fail(value, err, -EBADMSG, "%s is missing", fields->key);
		if (item != NULL)
			rc = fields->read(item, (unsigned char *)base + fields->at, err);
	}
	return rc;
}

int toml_read_string(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_expect(value, TOML_STRING, err);
	char *copy;

	if (rc != 0)
		return rc;
	if (strlen(value->u.string.data) != value->u.string.len)
		return toml_fail(value, err, -EBADMSG, "%.*s holds a NUL character", QUOTE_MAX,
			name_of(value));
	copy = strdup(value->u.string.data);
	if (copy == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	free(*(char **)dst);
	*(char **)dst = copy;
	return 0;
}

int toml_read_bool(const struct toml *value, void *dst, struct err *err)
{
	int rc = toml_expect(value, TOML_BOOL, err);

	if (rc == 0)
		*(bool *)dst = value->u.boolean;
	return rc;
}

static int read_unsigned(const struct toml *value, int64_t max, uint64_t *ret, struct err *err)
{
	int rc = toml_expect(value, TOML_INTEGER, err);

	if (rc != 0)
		return rc;
	if (value->u.integer < 0 || value->u.integer > max)
		return toml_fail(value, err, -EBADMSG, "%.*s must be 0 to %lld", QUOTE_MAX,
			name_of(value), (long long)max);
	*ret = (uint64_t)value->u.integer;
	return 0;
}

int toml_read_u64(const struct toml *value, void *dst, struct err *err)
{
	return read_unsigned(value, INT64_MAX, dst, err);
}

int toml_read_u32(const struct toml *value, void *dst, struct err *err)
{
	uint64_t wide;
	int rc = read_unsigned(value, UINT32_MAX, &wide, err);

	if (rc == 0)
		*(uint32_t *)dst = (uint32_t)wide;
	return rc;
}
