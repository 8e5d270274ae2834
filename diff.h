/* assay diff, with guest images. */
#ifndef DIFF_H
#define DIFF_H

/* assay diff BEFORE AFTER: builds and documents (measure/), and images (mkimage/). */
int cmd_diff_any(int argc, char **argv);

#endif
