/* assay build (build.c). */
#ifndef BUILD_H
#define BUILD_H

int cmd_build(int argc, char **argv);

#endif
