/* C8s image policies: what is refused, and where; two readers compared over many more in tests/oracle/c8s.sh. */
#include "measure/golden/c8s-policy.h"

#include <string.h>

#include "tests/tap.h"

#define A48		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B48		 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ZEROS		 "000000000000000000000000000000000000000000000000"
#define A		 "\"" A48 A48 "\""
#define B		 "\"" B48 B48 "\""
#define SNP(entries)	 "{\"schema_version\":\"1\",\"tee\":\"sev-snp\",\"measurements\":[" entries "]}"
#define TDX(entries)	 "{\"schema_version\":\"1\",\"tee\":\"tdx\",\"measurements\":[" entries "]}"
#define ONE(name, value) "{\"name\":\"" name "\",\"measurement\":" value "}"
#define TD(name, rtmr)	 "{\"name\":\"" name "\",\"mrtd\":" A ",\"rtmr\":" rtmr "}"

static const struct {
	const char *what, *text, *want; /* NULL: taken */
	size_t loose;
} policies[] = {
	{"one image", SNP(ONE("w", A)), NULL, 0},
	{"two images", SNP(ONE("w", A) "," ONE("v", B)), NULL, 0},
	{"all registers", TDX(TD("w", "[null," A "," B ",\"\"]")), NULL, 0},
	{"no registers", TDX(TD("w", "[]")), NULL, 1},
	{"RTMR3 alone", TDX(TD("w", "[null,null,null,\"\"]")), NULL, 1},
	{"registers that differ", TDX(TD("w", "[null," A "]") "," TD("v", "[null,null," A "]")),
		NULL, 2},
	{"another version", "{\"schema_version\":\"2\",\"tee\":\"tdx\",\"measurements\":[]}",
		"$.schema_version: 2", 0},
	{"another family", "{\"schema_version\":\"1\",\"tee\":\"cca\",\"measurements\":[]}",
		"$.tee", 0},
	{"no image", SNP(""), "$.measurements: empty", 0},
	{"an unknown field", "{\"x\":1}", "$.x: unknown", 0},
	{"a field of the other family", SNP(TD("w", "[]")), "$.measurements[0].", 0},
	{"an image that is none", SNP("1"), "$.measurements[0]", 0},
	{"no value", SNP("{\"name\":\"w\"}"), "$.measurements[0].measurement", 0},
	{"a short value", SNP(ONE("w", "\"00\"")), "$.measurements[0].measurement: not 96", 0},
	{"no name", SNP("{\"measurement\":" A "}"), "$.measurements[0].name", 0},
	{"a blank name", SNP(ONE(" \\t", A)), "$.measurements[0].name: blank", 0},
	{"a name of Unicode spaces", SNP(ONE("\xc2\xa0\xe2\x80\x83\xe3\x80\x80", A)), "blank", 0},
	{"a name twice", SNP(ONE("w", A) "," ONE("w", B)), "two images of one name", 0},
	{"values twice", SNP(ONE("w", A) "," ONE("v", A)), "have the same values", 0},
	{"RTMR0", TDX(TD("w", "[" A "]")), "rtmr[0]", 0},
	{"five registers", TDX(TD("w", "[null,null,null,null,null]")), "5 registers", 0},
	{"a register that is a number", TDX(TD("w", "[null,1]")), "rtmr[1]", 0},
	{"registers that are null", TDX(TD("w", "null")), "rtmr", 0},
	{"zeros written twice",
		TDX(TD("w", "[null,\"\"]") "," TD("v", "[null,\"" ZEROS ZEROS "\",null]")),
		"have the same values", 0},
	{"a key twice", "{\"tee\":\"tdx\",\"tee\":\"tdx\"}", "x:1", 0},
	{"data after it", SNP(ONE("w", A)) "}", "x:1", 0},
	{"no JSON", "{", "x:1", 0},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		struct c8s_policy_facts facts = {.images = 0};
		struct err err = {0};
		int rc = c8s_policy_check(
			policies[i].text, strlen(policies[i].text), "x", &facts, &err);

		if (policies[i].want == NULL)
			ok(rc == 0 && facts.loose == policies[i].loose && facts.images > 0,
				"%s is taken: %s", policies[i].what, err.msg);
		else
			ok(rc != 0 && strstr(err.msg, policies[i].want) != NULL &&
					facts.images == 0,
				"%s is refused (%s)", policies[i].what, err.msg);
	}
	return tap_done();
}
