/* assay verify: what is verified, by its first word. */
#ifndef VERIFY_H
#define VERIFY_H

int cmd_verify(int argc, char **argv);

#endif
