/* assay measure: the table of its sub-verbs. */
#include <stdio.h>
#include <string.h>

#include "measure/cmd.h"

static const struct sub_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} sub_verbs[] = {
	{"tdx", cmd_measure_tdx, "MRTD and RTMRs of Intel TDX guests"},
	{"snp", cmd_measure_snp, "launch digests of SEV-SNP guests, one shape or a fleet"},
	{"sev-es", cmd_measure_sev_es, "launch digests of SEV-ES guests"},
	{"sev", cmd_measure_sev, "launch digests of SEV guests"},
	{"igvm", cmd_measure_igvm, "launch measurements of IGVM files"},
	{"sev-launch", cmd_measure_sev_launch, "the keyed launch measurement of SEV and SEV-ES"},
};

#define SUB_VERB_COUNT (sizeof(sub_verbs) / sizeof(sub_verbs[0]))

int cmd_refuse(int code, const struct err *err)
{
	fprintf(stderr, "assay: %s\n", err->msg);
	return err_status(code);
}

static int help(void)
{
	printf("usage: assay measure WHAT [options]\n\n");
	for (size_t i = 0; i < SUB_VERB_COUNT; i++)
		printf("  %-11s %s\n", sub_verbs[i].name, sub_verbs[i].summary);
	printf("\nassay measure WHAT --help explains its options.\n");
	return ERR_EXIT_OK;
}

int cmd_measure(int argc, char **argv)
{
	struct err err = {0};

	if (argc < 2)
		return cmd_refuse(
			err_fail(&err, -EINVAL, "measure what? (see assay measure --help)"), &err);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help();
	for (size_t i = 0; i < SUB_VERB_COUNT; i++)
		if (strcmp(sub_verbs[i].name, argv[1]) == 0)
			return sub_verbs[i].run(argc - 1, argv + 1);
	return cmd_refuse(err_fail(&err, -EINVAL,
				  "measure %s: no such thing (see assay measure --help)", argv[1]),
		&err);
}
