/* assay measure: the table of its verbs. */
#include "cli/cli.h"
#include "measure/cmd.h"

int cmd_measure(int argc, char **argv)
{
	static const struct cli_verb rows[] = {
		{"tdx", cmd_measure_tdx, "MRTD and RTMRs of Intel TDX guests"},
		{"td-shim", cmd_measure_td_shim, "registers of Intel TDX guests that boot td-shim"},
		{"snp", cmd_measure_snp, "launch digests of SEV-SNP guests, one shape or a fleet"},
		{"sev-es", cmd_measure_sev_es, "launch digests of SEV-ES guests"},
		{"sev", cmd_measure_sev, "launch digests of SEV guests"},
		{"igvm", cmd_measure_igvm, "launch measurements of IGVM files"},
		{"sev-launch", cmd_measure_sev_launch,
			"the keyed launch measurement of SEV and SEV-ES"},
	};
	static const struct cli_verbs verbs = {"measure",
		"Launch digests and runtime registers, from the files that a guest boots.", rows,
		sizeof(rows) / sizeof(*rows)};

	return cli_choose(&verbs, argc, argv);
}
