/* C8s image policies: whoever takes one takes it again with another image, and never the same image twice. */
#include <stdlib.h>

#include "lib/json.h"
#include "measure/golden/c8s-policy.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct c8s_policy_facts facts = {.images = 0}, again = {.images = 0};
	JSON_AUTO *json = NULL;
	BUF_AUTO text = {0};
	struct err err = {0};
	json_t *list;

	if (c8s_policy_check(data, size, "input", &facts, &err) != 0)
		return 0;
	if (facts.images == 0 || json_doc_parse(data, size, "input", &json, &err) != 0 ||
		json_doc_write(json, &text, &err) != 0 ||
		c8s_policy_check(text.data, text.len, "again", &again, &err) != 0 ||
		again.images != facts.images || again.loose != facts.loose)
		abort();
	list = json_object_get(json, "measurements");
	json_array_append_new(list, json_deep_copy(json_array_get(list, 0)));
	json_object_set_new(json_array_get(list, facts.images), "name", json_string("a new name"));
	text.len = 0;
	if (json_doc_write(json, &text, &err) != 0 ||
		c8s_policy_check(text.data, text.len, "twice", &again, &err) == 0)
		abort();
	return 0;
}
