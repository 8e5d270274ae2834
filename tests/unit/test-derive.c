/* The recorder: lists, JSON and the folded table. */
#include "measure/derive.h"

#include "lib/json.h"
#include "tests/tap.h"

static void add(struct derive *derive, const char *kind, uint64_t gpa, unsigned char content)
{
	struct derive_step step = {
		.kind = kind,
		.gpa = gpa,
		.size_bytes = 0x1000,
		.content_size = content != 0 ? SHA384_SIZE : 0,
		.running_size = SHA384_SIZE,
	};

	memset(step.content, content, sizeof(step.content));
	memset(step.running, 0xaa, sizeof(step.running));
	derive_add(derive, &step, "%s", kind[0] == 'V' ? "other processors" : "firmware");
}

static size_t lines_with(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
		n++;
	return n;
}

int main(void)
{
	DERIVE_AUTO derive = {.name = "launch_digest", .alg = DIGEST_SHA384};
	const unsigned char value[SHA384_SIZE] = {1};
	BUF_AUTO text = {0}, table = {0};
	JSON_AUTO *doc = NULL;
	struct err err = {0};

	derive_add(NULL, &(struct derive_step){.kind = "NORMAL"}, "nothing");
	for (int i = 0; i < 200; i++)
		add(&derive, "NORMAL", 0xfff00000u + (unsigned)i * 0x1000, (unsigned char)(i + 1));
	add(&derive, "NORMAL", 0x1000, 7); /* not the next page: a run of its own */
	add(&derive, "ZERO", 0x2000, 0);
	add(&derive, "VMSA", 0xfffffffff000, 5);
	add(&derive, "VMSA", 0xfffffffff000, 5);
	add(&derive, "VMSA", 0xfffffffff000, 6); /* another content: another row */
	is_int((long long)derive.count, 205, "every step is kept");
	is_int(derive_json(&derive, value, &doc, &err), 0, "the document is made");
	is_int(json_doc_write(doc, &text, &err), 0, "and written");
	is_int((long long)json_array_size(json_object_get(doc, "steps")), 205, "with every step");
	is_str(json_string_value(
		       json_object_get(json_array_get(json_object_get(doc, "steps"), 0), "gpa")),
		"0xfff00000", "addresses are hexadecimal text");
	ok(json_object_get(json_array_get(json_object_get(doc, "steps"), 201), "content") == NULL,
		"a page without content has none");
	is_int(derive_text(&derive, &table, &err), 0, "the table is made");
	is_int((long long)lines_with(buf_cstr(&table), "running"), 5, "in five rows");
	ok(strstr(buf_cstr(&table), "   200  NORMAL        0000fff00000-0000fffc7fff") != NULL,
		"the first folds 200 pages");
	is_int((long long)lines_with(buf_cstr(&table), "each its own"), 1,
		"and does not show one content for them");
	for (int i = 0; i < 3; i++)
		add(&derive, "EV_A", DERIVE_NO_GPA, i < 2 ? 9 : 8); /* alike, alike, another */
	table.len = 0;
	is_int(derive_text(&derive, &table, &err), 0, "events have a table too");
	is_int((long long)lines_with(buf_cstr(&table), "running"), 7, "equal ones in one row");
	derive.bad = true;
	is_int(derive_text(&derive, &table, &err), -ENOMEM, "a recorder out of memory says so");
	is_int(derive_json(&derive, value, &doc, &err), -ENOMEM, "in both views");
	return tap_done();
}
