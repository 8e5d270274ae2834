/* The verbs of measure/. Each takes its own name in argv[0] and returns an exit status (lib/err.h). */
#ifndef MEASURE_CMD_H
#define MEASURE_CMD_H

int cmd_measure(int argc, char **argv);
int cmd_refs(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_idblock(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_cmdline(int argc, char **argv);
int cmd_initdata(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_golden(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_verify(int argc, char **argv);

/* The verbs of `assay measure`: rows of the table in cmd-measure.c. */
int cmd_measure_tdx(int argc, char **argv);
int cmd_measure_td_shim(int argc, char **argv);
int cmd_measure_snp(int argc, char **argv);
int cmd_measure_sev(int argc, char **argv);
int cmd_measure_sev_es(int argc, char **argv);
int cmd_measure_igvm(int argc, char **argv);
int cmd_measure_sev_launch(int argc, char **argv);

#endif
