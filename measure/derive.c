/* The recorder of register derivations and its two views (derive.h). */
#define _GNU_SOURCE
#include "measure/derive.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"
#include "lib/json.h"

void derive_done(struct derive *derive)
{
	for (size_t i = 0; i < derive->count; i++)
		free((char *)derive->steps[i].what);
	free(derive->steps);
	derive->steps = NULL;
	derive->count = derive->cap = 0;
}

static bool make_room(struct derive *derive)
{
	size_t cap = derive->cap == 0 ? 64 : 2 * derive->cap;
	struct derive_step *steps;

	if (derive->count < derive->cap)
		return true;
	steps = realloc(derive->steps, cap * sizeof(*steps));
	if (steps == NULL)
		return false;
	derive->steps = steps;
	derive->cap = cap;
	return true;
}

void derive_add(struct derive *derive, const struct derive_step *step, const char *fmt, ...)
{
	char text[256];
	va_list args;
	char *copy;

	if (derive == NULL || derive->bad)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	copy = strdup(text);
	if (copy == NULL || !make_room(derive)) {
		free(copy);
		derive->bad = true;
		return;
	}
	derive->steps[derive->count] = *step;
	derive->steps[derive->count++].what = copy;
}

/* Sets a field; false without memory. Takes over @value. */
static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool set_step(json_t *object, const struct derive_step *step)
{
	char gpa[24];
	bool good = set(object, "kind", json_string(step->kind)) &&
		    set(object, "what", json_string(step->what)) &&
		    set(object, "size_bytes", json_integer((json_int_t)step->size_bytes));

	snprintf(gpa, sizeof(gpa), "0x%llx", (unsigned long long)step->gpa);
	if (good && step->gpa != DERIVE_NO_GPA)
		good = set(object, "gpa", json_string(gpa));
	if (good && step->content_size > 0)
		good = set(object, "content", json_doc_hex_new(step->content, step->content_size));
	if (good && step->running_size > 0)
		good = set(object, "running", json_doc_hex_new(step->running, step->running_size));
	return good;
}

int derive_steps_json(const struct derive *derive, json_t **ret, struct err *err)
{
	JSON_AUTO *steps = json_array();

	if (derive->bad || steps == NULL)
		return err_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < derive->count; i++) {
		json_t *object = json_object();

		if (json_array_append_new(steps, object) != 0 ||
			!set_step(object, &derive->steps[i]))
			return err_fail(err, -ENOMEM, "out of memory");
	}
	*ret = json_incref(steps);
	return 0;
}

int derive_json(
	const struct derive *derive, const unsigned char *value, json_t **ret, struct err *err)
{
	JSON_AUTO *doc = json_object();
	json_t *steps;
	int rc = derive_steps_json(derive, &steps, err);

	if (rc != 0)
		return rc;
	if (!set(doc, "steps", steps) || !set(doc, "schema", json_string("assay-derivation/1")) ||
		!set(doc, "register", json_string(derive->name)) ||
		!set(doc, "algorithm", json_string(digest_name(derive->alg))) ||
		!set(doc, "value", json_doc_hex_new(value, digest_size(derive->alg))))
		return err_fail(err, -ENOMEM, "out of memory");
	*ret = json_incref(doc);
	return 0;
}

/* Whether @next continues the run that @step ends: the same thing, one page further, or the same page once more. */
static bool continues(const struct derive_step *step, const struct derive_step *next)
{
	if (strcmp(step->kind, next->kind) != 0 || strcmp(step->what, next->what) != 0 ||
		step->size_bytes != next->size_bytes)
		return false;
	if (next->gpa == step->gpa)
		return step->content_size == next->content_size &&
		       memcmp(step->content, next->content, step->content_size) == 0;
	return step->gpa != DERIVE_NO_GPA && next->gpa == step->gpa + step->size_bytes;
}

/* "-" for none, else all of it; @many: the pages of the run differ, so that no one digest describes it. */
static void add_digest(struct buf *ret, const unsigned char *digest, size_t size, bool many)
{
	char hex[DIGEST_HEX_MAX];

	if (size == 0 || many) {
		buf_str(ret, many && size > 0 ? "(each its own)" : "-");
		return;
	}
	hex_encode(digest, size, hex);
	buf_str(ret, hex);
}

static void add_row(
	struct buf *ret, const struct derive_step *first, const struct derive_step *last)
{
	size_t count = (size_t)(last - first) + 1;
	bool many = count > 1 && last->gpa != first->gpa;

	buf_fmt(ret, "%6zu  %-13s ", count, first->kind);
	if (first->gpa == DERIVE_NO_GPA)
		buf_fmt(ret, "%-27s ", "-");
	else
		buf_fmt(ret, "%012llx-%012llx   ", (unsigned long long)first->gpa,
			(unsigned long long)(last->gpa + last->size_bytes - 1));
	buf_fmt(ret, " %s\n%8scontent ", first->what, "");
	add_digest(ret, first->content, first->content_size, many);
	buf_fmt(ret, "\n%8srunning ", "");
	add_digest(ret, last->running, last->running_size, false);
	buf_str(ret, "\n");
}

int derive_text(const struct derive *derive, struct buf *ret, struct err *err)
{
	if (derive->bad)
		return err_fail(err, -ENOMEM, "out of memory");
	buf_fmt(ret, "%6s  %-13s %-27s  %s\n", "steps", "kind", "guest-physical addresses", "what");
	for (size_t i = 0; i < derive->count; i++) {
		size_t first = i;

		while (i + 1 < derive->count && continues(&derive->steps[i], &derive->steps[i + 1]))
			i++;
		add_row(ret, &derive->steps[first], &derive->steps[i]);
	}
	return buf_check(ret, err);
}
