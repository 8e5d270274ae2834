/* assay: the verb table, nothing else. With MEASURE_ONLY (make assay-measure) it has the verbs of
 * measure/ alone. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "measure/cmd.h"
#ifndef MEASURE_ONLY
#include "build.h"
#include "diff.h"
#include "inspect.h"
#include "mkimage/cmd.h"
#include "verify.h"
#endif

static const struct cli_verb verbs[] = {
#ifndef MEASURE_ONLY
	{"build", cmd_build, "build a guest image and its golden values from a recipe"},
	{"lock", cmd_lock, "resolve a recipe's packages into recipe.lock"},
	{"fetch", cmd_fetch, "fill the cache with what a lock names"},
	{"check", cmd_check, "check a kernel's configuration for what its guest needs"},
	{"diff", cmd_diff_any, "what moved between two builds or images, down to the file"},
	{"verify", cmd_verify_any, "check a signed build, or every block of a guest image"},
	{"inspect", cmd_inspect_any, "tell what a file is, and what it says about itself"},
#else
	{"verify", cmd_verify, "check a signed build file by file"},
	{"diff", cmd_diff, "what moved between two builds, down to the file"},
	{"inspect", cmd_inspect, "tell what a file is, and what it says about itself"},
#endif
	{"measure", cmd_measure, "compute launch digests and runtime registers"},
	{"cmdline", cmd_cmdline, "write Kata's kernel command lines, and check any"},
	{"initdata", cmd_initdata, "initdata documents, their digests and carriers"},
	{"policy", cmd_policy, "what an agent policy answers, and whether it is locked"},
	{"idblock", cmd_idblock, "ID blocks of SNP guests: make, sign, show"},
	{"replay", cmd_replay, "replay event logs, and hold evidence against them"},
	{"golden", cmd_golden, "a build's golden values on a deployment target"},
	{"explain", cmd_explain, "why evidence is not what was expected"},
	{"refs", cmd_refs, "write golden values in a verifier's own form"},
	{"sign", cmd_sign, "sign every file of a build"},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void help(FILE *to)
{
	fprintf(to, "usage: assay VERB [options]\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(to, "\nassay VERB --help explains a verb; assay --version prints the version.\n");
}

static int run(int argc, char **argv)
{
	struct err err = {0};

	if (argc < 2)
		return cli_fail(err_fail(&err, -EINVAL, "no verb (see assay --help)"), &err);
	if (strcmp(argv[1], "--version") == 0) {
		printf("assay %s\n", ASSAY_VERSION);
		return ERR_EXIT_OK;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return ERR_EXIT_OK;
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	}
	return cli_fail(
		err_fail(&err, -EINVAL, "%s: no such verb (see assay --help)", argv[1]), &err);
}

int main(int argc, char **argv)
{
	struct err err = {0};
	int status;

	/* A file that the limit of its size stops is an error of the environment, not a death. */
	signal(SIGXFSZ, SIG_IGN);
	status = run(argc, argv);
	/* What a verb has printed counts only when it has arrived. */
	if (status == ERR_EXIT_OK && (fflush(stdout) != 0 || ferror(stdout) != 0))
		return cli_fail(err_sys(&err, "standard output"), &err);
	return status;
}
