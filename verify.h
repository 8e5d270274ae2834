/* assay verify: what is verified, by its first word. */
#ifndef VERIFY_H
#define VERIFY_H

/* assay verify image FILE (mkimage/), else assay verify DIR (measure/). */
int cmd_verify_any(int argc, char **argv);

#endif
