/* Running programs: status, both outputs, environment, limits. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "lib/run.h"
#include "tests/tap.h"

#define LIMIT (1u << 20)

static int sh(const char *script, const char *const *env, size_t max_bytes, struct run_result *ret,
	struct err *err)
{
	static const char *const none[] = {NULL};

	return run_program((const char *const[]){"sh", "-c", script, NULL},
		env != NULL ? env : none, max_bytes, ret, err);
}

static void check_outputs(void)
{
	struct err err = {0};
	RUN_AUTO both = {0};
	RUN_AUTO none = {0};
	RUN_AUTO much = {0};

	is_int(sh("echo out; echo err >&2; exit 7", NULL, LIMIT, &both, &err), 0, "runs");
	is_int(both.status, 7, "its exit status");
	is_str(buf_cstr(&both.out), "out\n", "its stdout");
	is_str(buf_cstr(&both.err), "err\n", "its stderr");
	ok(sh("cat", NULL, LIMIT, &none, &err) == 0 && none.status == 0 && none.out.len == 0,
		"nothing on stdin");
	/* More than a pipe holds, on both at once. */
	is_int(sh("head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 500000 /dev/zero | tr '\\0' "
		  "o",
		       NULL, LIMIT, &much, &err),
		0, "long outputs");
	ok(much.out.len == 500000 && much.err.len == 300000 && much.out.data[499999] == 'o' &&
			much.err.data[299999] == 'e' && much.out.data[500000] == '\0',
		"arrive whole");
}

static void check_failures(void)
{
	struct err err = {0};
	RUN_AUTO result = {0};

	is_int(run_program((const char *const[]){"no-such-program-of-assay", NULL},
		       (const char *const[]){NULL}, LIMIT, &result, &err),
		-ENOENT, "no such program");
	ok(strstr(err.msg, "no-such-program-of-assay: cannot be run") == err.msg, "is named");
	is_int(sh("kill -TERM $$", NULL, LIMIT, &result, &err), 0, "one that a signal ends");
	is_int(result.status, 128 + SIGTERM, "has the shell's status for it");
	run_done(&result);
	is_int(sh("yes", NULL, 100000, &result, &err), -EFBIG, "an endless output is cut off");
	is_str(err.msg, "sh: writes more than 100000 bytes", "and said so");
	ok(result.out.data == NULL, "a failure yields nothing");
}

static void check_environment(void)
{
	static const char *const env[] = {"ASSAY_TEST_A=new", NULL};
	struct err err = {0};
	RUN_AUTO result = {0};

	setenv("ASSAY_TEST_A", "old", 1);
	setenv("ASSAY_TEST_AB", "kept", 1);
	is_int(sh("echo $ASSAY_TEST_A $ASSAY_TEST_AB; env | grep -c '^ASSAY_TEST_A='", env, LIMIT,
		       &result, &err),
		0, "with an environment");
	is_str(buf_cstr(&result.out), "new kept\n1\n", "ours comes first, the rest stays");
}

int main(void)
{
	check_outputs();
	check_failures();
	check_environment();
	return tap_done();
}
