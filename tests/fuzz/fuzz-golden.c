/* Golden documents: what is read can be written in every form, the same each time, and read again from its own text. */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "measure/golden/export.h"
#include "tests/fuzz/fuzz.h"

static void write_all(
	const struct golden_doc *doc, enum golden_tee tee, struct golden_outputs *outputs)
{
	WARN_AUTO gaps = {.count = 0};
	struct export_request request = {
		.doc = doc, .has_tee = true, .tee = tee, .build = NULL, .gaps = &gaps};

	for (const struct export_form *form = export_forms; form->name != NULL; form++) {
		struct err err = {0};
		int rc = export_write(form, &request, outputs, &err);

		if (rc != 0 && err.msg[0] == '\0')
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GOLDEN_OUTPUTS_AUTO first = {.count = 0}, second = {.count = 0};
	GOLDEN_DOC_AUTO doc = {.json = NULL}, again = {.json = NULL};
	BUF_AUTO text = {0};
	struct err err = {0};

	if (golden_doc_read(data, size, "input", &doc, &err) != 0)
		return 0;
	if (json_doc_write(doc.json, &text, &err) != 0 ||
		golden_doc_read(text.data, text.len, "again", &again, &err) != 0 ||
		again.count != doc.count)
		abort();
	for (int tee = GOLDEN_SNP; tee <= GOLDEN_TDX; tee++) {
		write_all(&doc, (enum golden_tee)tee, &first);
		write_all(&again, (enum golden_tee)tee, &second);
	}
	if (first.count != second.count)
		abort();
	for (size_t i = 0; i < first.count; i++)
		if (first.items[i].bytes.len != second.items[i].bytes.len ||
			(first.items[i].bytes.len > 0 &&
				memcmp(first.items[i].bytes.data, second.items[i].bytes.data,
					first.items[i].bytes.len) != 0))
			abort();
	return 0;
}
