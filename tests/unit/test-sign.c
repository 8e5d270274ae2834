/* Signing: the three algorithms, and statements that are signed by the right key and must be refused all the same. */
#define _GNU_SOURCE
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/json.h"
#include "measure/golden/sign.h"
#include "tests/tap.h"

static char dir[] = "/tmp/assay-test-sign.XXXXXX";
static struct sign_key key;

static char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	struct err err = {0};

	if (io_publish(in_dir(name), text, strlen(text), &err) != 0)
		printf("# %s\n", err.msg);
}

static void make_key(EVP_PKEY *pkey, const char *name)
{
	FILE *file = fopen(in_dir(name), "w");

	PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	EVP_PKEY_free(pkey);
}

static void test_algorithms(void)
{
	static const char *const curves[] = {"P-256", "P-384"};

	for (int i = 0; i < 3; i++) {
		SIGN_KEY_AUTO one = {.pkey = NULL};
		BUF_AUTO signature = {0};
		struct err err = {0};
		const char *what = i < 2 ? curves[i] : "Ed25519";

		make_key(i < 2 ? EVP_EC_gen(curves[i]) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
			"key.pem");
		ok(sign_key_private(in_dir("key.pem"), &one, &err) == 0 &&
				sign_bytes(&one, "abc", 3, &signature, &err) == 0 &&
				sign_check_bytes(
					&one, "abc", 3, signature.data, signature.len, &err) == 0,
			"%s signs: %s", what, err.msg);
		is_int(sign_check_bytes(&one, "abd", 3, signature.data, signature.len, &err),
			-EKEYREJECTED, "and not for other bytes");
		signature.data[signature.len / 2] ^= 1;
		is_int(sign_check_bytes(&one, "abc", 3, signature.data, signature.len, &err),
			-EKEYREJECTED, "nor with another signature");
		is_int(sign_check_bytes(&one, "abc", 3, "", 0, &err), -EKEYREJECTED,
			"nor with none");
	}
	make_key(EVP_EC_gen("secp256k1"), "key.pem");
	{
		SIGN_KEY_AUTO one = {.pkey = NULL};
		struct err err = {0};

		is_int(sign_key_private(in_dir("key.pem"), &one, &err), -ENOTSUP, "another curve");
	}
}

/* Signs @statement (taken over) and verifies it against the directory "d". */
static int verify(json_t *statement, struct err *err)
{
	JSON_AUTO *owned = statement;
	BUF_AUTO bundle = {0};
	char path[256];
	int rc = sign_bundle(owned, &key, &bundle, err);

	snprintf(path, sizeof(path), "%s/d", dir);
	return rc == 0 ? sign_verify(bundle.data, bundle.len, "bundle", &key, path, NULL, err) : rc;
}

static json_t *statement(void)
{
	json_t *made = NULL;
	struct err err = {0};
	char path[256];

	snprintf(path, sizeof(path), "%s/d", dir);
	if (sign_statement(path, &made, &err) != 0)
		printf("# %s\n", err.msg);
	return made;
}

struct change {
	const char *what;
	const char *field; /* of the statement, or of subject N: "0.name" */
	const char *value; /* JSON; NULL removes */
	int code;
	const char *error;
};

static const struct change changes[] = {
	{"another statement type", "_type", "\"x\"", -ENOTSUP, "$._type"},
	{"another predicate type", "predicateType", "\"x\"", -ENOTSUP, "$.predicateType"},
	{"an unknown field", "x", "1", -EBADMSG, "unknown field"},
	{"no subjects", "subject", NULL, -EBADMSG, "$.subject"},
	{"no predicate", "predicate", NULL, -EBADMSG, "$.predicate"},
	{"an empty list of subjects", "subject", "[]", -EKEYREJECTED, "not among the signed"},
	{"a predicate without the values", "predicate", "{}", -EKEYREJECTED, "predicate"},
	{"a predicate with other values", "predicate", "{\"golden\": {\"a\": 2}}", -EKEYREJECTED,
		"predicate"},
	{"a subject above the directory", "0.name", "\"../x\"", -EBADMSG, "not inside"},
	{"an absolute subject", "0.name", "\"/etc/passwd\"", -EBADMSG, "not inside"},
	{"a subject with a dot", "0.name", "\"./a\"", -EBADMSG, "not inside"},
	{"an empty subject", "0.name", "\"\"", -EBADMSG, "not inside"},
	{"a subject twice", "1.name", "\"a\"", -EBADMSG, "not in order, or twice"},
	{"an unknown field of a subject", "0.uri", "\"x\"", -EBADMSG, "unknown field"},
	{"no digest", "0.digest", NULL, -EBADMSG, "digest"},
	{"another digest", "0.digest", "{\"sha512\": \"00\"}", -EBADMSG, "unknown field"},
	{"a short digest", "0.digest", "{\"sha256\": \"00\"}", -EBADMSG, "sha256"},
	{"a digest of something else", "0.digest",
		"{\"sha256\": "
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		-EKEYREJECTED, "not what was signed"},
};

static void test_statements(void)
{
	struct err err = {0};

	ok(verify(statement(), &err) == 0, "the statement as it is: %s", err.msg);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		const struct change *change = &changes[i];
		json_t *made = statement(), *at = made;
		const char *field = change->field;
		int rc;

		if (*field == '0' || *field == '1') {
			at = json_array_get(json_object_get(made, "subject"), *field == '1');
			field += 2;
		}
		if (change->value != NULL)
			json_object_set_new(
				at, field, json_loads(change->value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(at, field);
		err = (struct err){0};
		rc = verify(made, &err);
		ok(rc == change->code && strstr(err.msg, change->error) != NULL,
			"bad-statement: %s (%s)", change->what, err.msg);
	}
}

static void test_depth(void)
{
	json_t *made = NULL;
	struct err err = {0};
	char path[1024];
	size_t len = (size_t)snprintf(path, sizeof(path), "%s/deep", dir);

	for (int i = 0; i < SIGN_DEPTH_MAX + 2; i++) {
		mkdir(path, 0700);
		len += (size_t)snprintf(path + len, sizeof(path) - len, "/d");
	}
	snprintf(path, sizeof(path), "%s/deep", dir);
	is_int(sign_statement(path, &made, &err), -EINVAL, "nested too deep");
}

int main(void)
{
	struct err err = {0};

	if (mkdtemp(dir) == NULL)
		return 1;
	test_algorithms();
	make_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "key.pem");
	ok(sign_key_private(in_dir("key.pem"), &key, &err) == 0, "a key: %s", err.msg);
	mkdir(in_dir("d"), 0700);
	write_file("d/a", "a");
	write_file("d/golden.json", "{\"a\": 1}");
	test_statements();
	test_depth();
	sign_key_done(&key);
	if (io_remove_tree(dir, &err) != 0)
		printf("# %s\n", err.msg);
	return tap_done();
}
