/* An assembler for ACPI Machine Language (aml.h). */
#include "formats/aml.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/guid.h"

#define WORD_MAX	   64
#define END_TAG		   "\x79\0" /* with a checksum of zero: none */
#define PACKAGE_LENGTH_MAX (1u << 28)

struct aml {
	const char *text, *at;
	struct buf *out;
	struct err *err;
	unsigned depth;
};

enum form {
	PLAIN,	 /* opcode, terms */
	PACKAGE, /* opcode, package length, terms */
	FIELD,	 /* the same with field units */
	BUFFER,	 /* opcode, package length, size, terms */
	RESOURCES,
	UUID,
	EISAID,
	NUMBERS, /* a resource descriptor: tag, numbers of these widths */
	ADDRESS, /* one with a length, three bytes of flags and five numbers of one width */
};

struct op {
	const char *word;
	enum form form;
	unsigned char code[2];
	unsigned char code_bytes;
	const char *widths; /* bytes of each number, as digits; '#': raw bytes */
};

static const struct op ops[] = {
	{"scope", PACKAGE, {0x10}, 1, NULL},
	{"device", PACKAGE, {0x5b, 0x82}, 2, NULL},
	{"method", PACKAGE, {0x14}, 1, NULL},
	{"processor", PACKAGE, {0x5b, 0x83}, 2, NULL},
	{"name", PLAIN, {0x08}, 1, NULL},
	{"mutex", PLAIN, {0x5b, 0x01}, 2, NULL},
	{"region", PLAIN, {0x5b, 0x80}, 2, NULL},
	{"field", FIELD, {0x5b, 0x81}, 2, NULL},
	{"package", PACKAGE, {0x12}, 1, NULL},
	{"buffer", BUFFER, {0x11}, 1, NULL},
	{"uuid", UUID, {0x11}, 1, NULL},
	{"eisaid", EISAID, {0x0c}, 1, NULL},
	{"if", PACKAGE, {0xa0}, 1, NULL},
	{"else", PACKAGE, {0xa1}, 1, NULL},
	{"while", PACKAGE, {0xa2}, 1, NULL},
	{"return", PLAIN, {0xa4}, 1, NULL},
	{"break", PLAIN, {0xa5}, 1, NULL},
	{"store", PLAIN, {0x70}, 1, NULL},
	{"add", PLAIN, {0x72}, 1, NULL},
	{"subtract", PLAIN, {0x74}, 1, NULL},
	{"inc", PLAIN, {0x75}, 1, NULL},
	{"shl", PLAIN, {0x79}, 1, NULL},
	{"shr", PLAIN, {0x7a}, 1, NULL},
	{"and", PLAIN, {0x7b}, 1, NULL},
	{"or", PLAIN, {0x7d}, 1, NULL},
	{"deref", PLAIN, {0x83}, 1, NULL},
	{"notify", PLAIN, {0x86}, 1, NULL},
	{"sizeof", PLAIN, {0x87}, 1, NULL},
	{"index", PLAIN, {0x88}, 1, NULL},
	{"dword_field", PLAIN, {0x8a}, 1, NULL},
	{"land", PLAIN, {0x90}, 1, NULL},
	{"lor", PLAIN, {0x91}, 1, NULL},
	{"not", PLAIN, {0x92}, 1, NULL},
	{"eq", PLAIN, {0x93}, 1, NULL},
	{"gt", PLAIN, {0x94}, 1, NULL},
	{"lt", PLAIN, {0x95}, 1, NULL},
	{"to_buffer", PLAIN, {0x96}, 1, NULL},
	{"to_hex", PLAIN, {0x98}, 1, NULL},
	{"acquire", PLAIN, {0x5b, 0x23}, 2, NULL},
	{"release", PLAIN, {0x5b, 0x27}, 2, NULL},
	{"resources", RESOURCES, {0x11}, 1, NULL},
	{"io", NUMBERS, {0x47, 0x01}, 2, "2211"},
	{"irq", NUMBERS, {0x22}, 1, "2"},
	{"irq_flags", NUMBERS, {0x23}, 1, "2#"},
	{"memory32", ADDRESS, {0x86}, 1, "#44"},
	{"word", ADDRESS, {0x88}, 1, "#22222"},
	{"dword", ADDRESS, {0x87}, 1, "#44444"},
	{"qword", ADDRESS, {0x8a}, 1, "#88888"},
	{"interrupts", ADDRESS, {0x89}, 1, ""},
};

static const struct {
	const char *word;
	unsigned char code[2];
	unsigned char code_bytes;
} constants[] = {
	{"nil", {0x00}, 1},
	{"ones", {0xff}, 1},
	{"debug", {0x5b, 0x31}, 2},
};

static int bad(const struct aml *aml, const char *what)
{
	return err_fail(aml->err, -EINVAL, "AML source, offset %zu: %s",
		(size_t)(aml->at - aml->text), what);
}

static void add_le(struct buf *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add(to, (unsigned char[1]){(unsigned char)(value >> (8 * i))}, 1);
}

/* Makes room for @n bytes at @offset and copies them there. */
static void insert(struct buf *to, size_t offset, const unsigned char *bytes, size_t n)
{
	size_t tail = to->len - offset;

	if (buf_grow(to, n) == NULL)
		return;
	memmove(to->data + offset + n, to->data + offset, tail);
	memcpy(to->data + offset, bytes, n);
}

/* PkgLength (20.2.4) of @length, which counts itself already; returns its bytes. */
static size_t encode_length(uint32_t length, unsigned extra, unsigned char ret[4])
{
	if (extra == 0) {
		ret[0] = (unsigned char)length;
		return 1;
	}
	ret[0] = (unsigned char)(extra << 6 | (length & 15));
	for (unsigned i = 0; i < extra; i++)
		ret[1 + i] = (unsigned char)(length >> (4 + 8 * i));
	return 1 + extra;
}

/* Bytes beyond the first that a PkgLength needs for @length; @self: 1 when it counts its own. */
static unsigned length_extra(uint32_t length, unsigned self)
{
	if (length + self < 1u << 6)
		return 0;
	if (length + 2 * self < 1u << 12)
		return 1;
	return length + 3 * self < 1u << 20 ? 2 : 3;
}

/* Puts the length of all from @start on before it. */
static int close_package(struct aml *aml, size_t start)
{
	unsigned char bytes[4];
	size_t length = aml->out->len - start;
	unsigned extra;

	if (length >= PACKAGE_LENGTH_MAX - 4)
		return bad(aml, "too much AML in one package");
	extra = length_extra((uint32_t)length, 1);
	length += extra + 1;
	insert(aml->out, start, bytes, encode_length((uint32_t)length, extra, bytes));
	return 0;
}

static void add_integer(struct buf *to, uint64_t value)
{
	static const struct {
		unsigned char code;
		unsigned bytes;
	} forms[] = {{0x0a, 1}, {0x0b, 2}, {0x0c, 4}, {0x0e, 8}};
	size_t i = 0;

	if (value <= 1) {
		add_le(to, value, 1);
		return;
	}
	while (forms[i].bytes < 8 && value >> (8 * forms[i].bytes) != 0)
		i++;
	add_le(to, forms[i].code, 1);
	add_le(to, value, forms[i].bytes);
}

static void skip_space(struct aml *aml)
{
	while (*aml->at == ' ' || *aml->at == '\n' || *aml->at == '\t')
		aml->at++;
}

/* Takes the characters up to a space or parenthesis. */
static int take_word(struct aml *aml, char ret[WORD_MAX])
{
	size_t n;

	skip_space(aml);
	n = strcspn(aml->at, " \n\t()'#");
	if (n == 0 || n >= WORD_MAX)
		return bad(aml, "a word is missing or too long");
	memcpy(ret, aml->at, n);
	ret[n] = '\0';
	aml->at += n;
	return 0;
}

static int take_number(struct aml *aml, uint64_t *ret)
{
	char word[WORD_MAX], *end;
	int rc = take_word(aml, word);

	if (rc != 0)
		return rc;
	if (word[0] < '0' || word[0] > '9')
		return bad(aml, "not a number");
	*ret = strtoull(word, &end, 0);
	return *end == '\0' ? 0 : bad(aml, "not a number");
}

static int take_string(struct aml *aml, char ret[WORD_MAX])
{
	size_t n;

	skip_space(aml);
	if (*aml->at != '\'')
		return bad(aml, "a string is missing");
	n = strcspn(aml->at + 1, "'");
	if (n >= WORD_MAX || aml->at[1 + n] == '\0')
		return bad(aml, "a string has no end or is too long");
	memcpy(ret, aml->at + 1, n);
	ret[n] = '\0';
	aml->at += n + 2;
	return 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_raw(struct aml *aml)
{
	skip_space(aml);
	if (*aml->at != '#')
		return bad(aml, "raw bytes are missing");
	aml->at++;
	while (nibble(aml->at[0]) >= 0) {
		if (nibble(aml->at[1]) < 0)
			return bad(aml, "half a byte");
		add_le(aml->out, (uint64_t)(nibble(aml->at[0]) << 4 | nibble(aml->at[1])), 1);
		aml->at += 2;
	}
	return 0;
}

/* Four characters, filled up with '_'. */
static int add_segment(struct aml *aml, const char *segment, size_t n)
{
	char padded[5] = "____";

	if (n == 0 || n > 4)
		return bad(aml, "a name segment has 1 to 4 characters");
	for (size_t i = 0; i < n; i++)
		if ((segment[i] < 'A' || segment[i] > 'Z') && segment[i] != '_' &&
			(i == 0 || segment[i] < '0' || segment[i] > '9'))
			return bad(aml, "a name segment has characters A-Z, 0-9 and _");
	memcpy(padded, segment, n);
	buf_add(aml->out, padded, 4);
	return 0;
}

/* NameString (20.2.2). */
static int add_name(struct aml *aml, const char *name)
{
	size_t count = 1;
	int rc = 0;

	for (; *name == '\\' || *name == '^'; name++)
		buf_add(aml->out, name, 1);
	if (*name == '\0') {
		add_le(aml->out, 0, 1);
		return 0;
	}
	for (const char *at = name; *at != '\0'; at++)
		count += *at == '.';
	if (count == 2)
		add_le(aml->out, 0x2e, 1);
	else if (count > 2)
		add_le(aml->out, 0x2f | (uint64_t)count << 8, 2);
	for (size_t i = 0; i < count && rc == 0; i++) {
		size_t n = strcspn(name, ".");

		rc = add_segment(aml, name, n);
		name += n + 1;
	}
	return rc;
}

static int add_numbered(struct aml *aml, unsigned first, const char *digit, char last)
{
	if (digit[0] < '0' || digit[0] > last || digit[1] != '\0')
		return bad(aml, "no such local or argument");
	add_le(aml->out, first + (unsigned)(digit[0] - '0'), 1);
	return 0;
}

static int add_word(struct aml *aml, const char *word)
{
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (strcmp(word, constants[i].word) == 0) {
			buf_add(aml->out, constants[i].code, constants[i].code_bytes);
			return 0;
		}
	if (strncmp(word, "local", 5) == 0)
		return add_numbered(aml, 0x60, word + 5, '7');
	if (strncmp(word, "arg", 3) == 0)
		return add_numbered(aml, 0x68, word + 3, '6');
	return add_name(aml, word);
}

static int take_list(struct aml *aml);

static int take_term(struct aml *aml)
{
	char word[WORD_MAX];
	uint64_t value;
	int rc;

	skip_space(aml);
	switch (*aml->at) {
	case '(':
		return take_list(aml);
	case '#':
		return take_raw(aml);
	case '\'':
		rc = take_string(aml, word);
		if (rc == 0) {
			add_le(aml->out, 0x0d, 1);
			buf_add(aml->out, word, strlen(word) + 1);
		}
		return rc;
	case '0' ... '9':
		rc = take_number(aml, &value);
		if (rc == 0)
			add_integer(aml->out, value);
		return rc;
	default:
		rc = take_word(aml, word);
		return rc != 0 ? rc : add_word(aml, word);
	}
}

/* Whether the list goes on. */
static bool more(struct aml *aml)
{
	skip_space(aml);
	return *aml->at != ')' && *aml->at != '\0';
}

static int take_terms(struct aml *aml)
{
	int rc = 0;

	while (rc == 0 && more(aml))
		rc = take_term(aml);
	return rc;
}

/* (UNIT bits) or (skip bits). */
static int take_unit(struct aml *aml)
{
	char word[WORD_MAX];
	unsigned char bytes[4];
	uint64_t bits;
	int rc;

	if (*aml->at != '(')
		return bad(aml, "a field unit is missing");
	aml->at++;
	rc = take_word(aml, word);
	if (rc == 0 && strcmp(word, "skip") == 0)
		add_le(aml->out, 0, 1);
	else if (rc == 0)
		rc = add_segment(aml, word, strlen(word));
	if (rc == 0)
		rc = take_number(aml, &bits);
	if (rc != 0)
		return rc;
	if (bits >= PACKAGE_LENGTH_MAX || more(aml) || *aml->at != ')')
		return bad(aml, "a field unit is a name and its bits");
	aml->at++;
	buf_add(aml->out, bytes,
		encode_length((uint32_t)bits, length_extra((uint32_t)bits, 0), bytes));
	return 0;
}

static int take_units(struct aml *aml)
{
	int rc = take_term(aml); /* the region */

	if (rc == 0)
		rc = take_raw(aml);
	while (rc == 0 && more(aml))
		rc = take_unit(aml);
	return rc;
}

static int take_numbers(struct aml *aml, const char *widths)
{
	int rc = 0;

	for (; *widths != '\0' && rc == 0; widths++) {
		unsigned bytes = (unsigned)(*widths - '0');
		uint64_t value = 0;

		if (*widths == '#') {
			rc = take_raw(aml);
			continue;
		}
		rc = take_number(aml, &value);
		if (rc == 0 && bytes < 8 && value >> (8 * bytes) != 0)
			rc = bad(aml, "a number is too large for its field");
		add_le(aml->out, value, bytes);
	}
	return rc;
}

static int take_uuid(struct aml *aml)
{
	char text[WORD_MAX];
	struct guid guid;
	int rc = take_string(aml, text);

	if (rc != 0)
		return rc;
	if (!guid_parse(text, &guid))
		return bad(aml, "not a UUID");
	buf_add(aml->out, guid.bytes, GUID_SIZE);
	return 0;
}

/* EISA ID (19.3.4): three letters of five bits and four hexadecimal digits, most significant byte
 * first. */
static int take_eisaid(struct aml *aml)
{
	char text[WORD_MAX], *end;
	unsigned long value;
	int rc = take_string(aml, text);

	if (rc != 0)
		return rc;
	if (strlen(text) != 7)
		return bad(aml, "not an EISA ID");
	value = strtoul(text + 3, &end, 16);
	for (int i = 0; i < 3; i++) {
		if (text[i] < 'A' || text[i] > 'Z' || *end != '\0')
			return bad(aml, "not an EISA ID");
		value |= (unsigned long)(text[i] - '@') << (26 - 5 * i);
	}
	add_le(aml->out, __builtin_bswap32((uint32_t)value), 4);
	return 0;
}

/* What follows the opcode of a buffer: its length, size and contents. */
static int take_buffer(struct aml *aml, enum form form)
{
	BUF_AUTO size = {0};
	size_t start = aml->out->len;
	int rc = form == UUID ? take_uuid(aml) : take_terms(aml);

	if (rc != 0)
		return rc;
	if (form == RESOURCES)
		buf_add(aml->out, END_TAG, 2);
	add_integer(&size, aml->out->len - start);
	rc = buf_check(&size, aml->err);
	if (rc != 0)
		return rc;
	insert(aml->out, start, size.data, size.len);
	return close_package(aml, start);
}

/* What follows the tag of a large resource descriptor: its length and contents. */
static int take_descriptor(struct aml *aml, const char *widths)
{
	size_t start = aml->out->len;
	unsigned char bytes[2];
	int rc = take_numbers(aml, widths);

	if (rc == 0 && *widths == '\0')
		rc = take_terms(aml);
	if (rc != 0)
		return rc;
	bytes[0] = (unsigned char)(aml->out->len - start);
	bytes[1] = (unsigned char)((aml->out->len - start) >> 8);
	insert(aml->out, start, bytes, 2);
	return 0;
}

static int take_operands(struct aml *aml, const struct op *op)
{
	size_t start;
	int rc;

	buf_add(aml->out, op->code, op->code_bytes);
	start = aml->out->len;
	switch (op->form) {
	case PACKAGE:
		rc = take_terms(aml);
		return rc != 0 ? rc : close_package(aml, start);
	case FIELD:
		rc = take_units(aml);
		return rc != 0 ? rc : close_package(aml, start);
	case BUFFER:
	case RESOURCES:
	case UUID:
		return take_buffer(aml, op->form);
	case EISAID:
		return take_eisaid(aml);
	case NUMBERS:
		return take_numbers(aml, op->widths);
	case ADDRESS:
		return take_descriptor(aml, op->widths);
	default:
		return take_terms(aml);
	}
}

static const struct op *find_op(const char *word)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (word[0] == ops[i].word[0] && strcmp(word, ops[i].word) == 0)
			return &ops[i];
	return NULL;
}

static int take_list(struct aml *aml)
{
	char word[WORD_MAX];
	const struct op *op;
	int rc;

	if (++aml->depth > AML_DEPTH_MAX)
		return bad(aml, "terms are nested too deep");
	aml->at++;
	rc = take_word(aml, word);
	if (rc != 0)
		return rc;
	op = find_op(word);
	if (op != NULL)
		rc = take_operands(aml, op);
	else
		rc = add_name(aml, word);
	if (rc == 0 && op == NULL)
		rc = take_terms(aml);
	if (rc != 0)
		return rc;
	if (more(aml) || *aml->at != ')')
		return bad(aml, "a closing parenthesis is missing");
	aml->at++;
	aml->depth--;
	return 0;
}

int aml_assemble(const char *text, struct buf *ret, struct err *err)
{
	struct aml aml = {.text = text, .at = text, .out = ret, .err = err};
	int rc = take_terms(&aml);

	if (rc == 0 && *aml.at != '\0')
		rc = bad(&aml, "a parenthesis too many");
	return rc != 0 ? rc : buf_check(ret, err);
}
